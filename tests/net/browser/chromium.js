// SPDX-License-Identifier: MIT
//
// chromium.js: a headless Chromium, spoken to with its DevTools protocol over
// a pair of pipes: it takes no port, and it ends with whoever started it, for
// then the pipe ends.
'use strict';

const { spawn } = require('node:child_process');
const { openSync } = require('node:fs');

const FLAGS = [
	'--headless=new',
	'--remote-debugging-pipe',
	'--disable-dev-shm-usage',
	'--disable-gpu',
	'--disable-background-networking',
	'--disable-component-update',
	'--disable-sync',
	'--no-default-browser-check',
	'--no-first-run',
	'--window-size=900,700',
];

class Chromium {
	// Its files go to folder. onEvent(sessionId, method, params); onExit()
	// comes when it ended, by itself or not.
	constructor(folder, flags, onEvent, onExit) {
		const log = openSync(`${folder}/chromium.log`, 'a');

		this.calls = new Map();
		this.id = 0;
		this.onEvent = onEvent;
		// As root it refuses to run with its sandbox.
		if (process.getuid() === 0)
			flags = [...flags, '--no-sandbox'];
		this.child = spawn('chromium', [...FLAGS, ...flags,
			`--user-data-dir=${folder}/chromium`],
			{ stdio: ['ignore', log, log, 'pipe', 'pipe'] });
		this.child.on('error', onExit);
		this.child.on('exit', onExit);
		this.child.stdio[3].on('error', () => {});
		this.child.stdio[4].setEncoding('utf8');
		let rest = '';
		this.child.stdio[4].on('data', (data) => {
			const messages = (rest + data).split('\0');
			rest = messages.pop();
			messages.map(JSON.parse).forEach((m) => this.take(m));
		});
	}
	take({ id, sessionId, method, params, result, error }) {
		if (id === undefined)
			return this.onEvent(sessionId, method, params);
		const { resolve, reject } = this.calls.get(id);
		this.calls.delete(id);
		if (error)
			reject(new Error(error.message));
		else
			resolve(result);
	}
	call(method, params = {}, sessionId) {
		const id = ++this.id;
		const message = { id, method, params, sessionId };
		this.child.stdio[3].write(JSON.stringify(message) + '\0');
		return new Promise((resolve, reject) =>
			this.calls.set(id, { resolve, reject }));
	}
	// Returns the session of a new tab, which is at about:blank.
	async tab() {
		const { targetId } = await this.call('Target.createTarget',
			{ url: 'about:blank' });
		const { sessionId } = await this.call('Target.attachToTarget',
			{ targetId, flatten: true });
		return sessionId;
	}
}

module.exports = { Chromium };
