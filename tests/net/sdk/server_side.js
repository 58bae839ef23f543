// SPDX-License-Identifier: MIT
//
// server_side.js: what the unmodified Centrifuge SDK for JavaScript makes of
// that which the server API does to its connection. The server (DNOT_URL) is
// that of clients.bats.
'use strict';

const assert = require('node:assert/strict');
const { Centrifuge } = require('centrifuge');
const { WebSocket } = require('ws');
const { api, now, run, token } = require('../client.js');

const url = process.env.DNOT_URL.replace(/^http/, 'ws') +
	'/connection/websocket';
const KEY = 'one';
const EVENTS = ['connected', 'connecting', 'disconnected', 'subscribed',
	'subscribing', 'unsubscribed', 'publication', 'message'];

async function ok(method, params) {
	const { result, error } = await api(method, params, KEY);
	assert.ok(result, JSON.stringify(error));
	return result;
}

// Its events in order; next() waits for one, which must be of that kind.
class Tape {
	constructor(c) {
		this.events = [];
		this.wake = () => {};
		for (const name of EVENTS)
			c.on(name, (context) => {
				this.events.push([name, context]);
				this.wake();
			});
	}
	async next(name) {
		while (this.events.length === 0)
			await new Promise((resolve) => this.wake = resolve);
		const [got, context] = this.events.shift();
		assert.equal(got, name, JSON.stringify(context));
		return context;
	}
}

async function all() {
	const user = `sdk${process.pid}`, channel = `c${process.pid}`;
	const c = new Centrifuge(url, {
		websocket: WebSocket,
		token: token({ tenant: 'one', sub: user, exp: now() + 600 }),
		minReconnectDelay: 20,
		maxReconnectDelay: 100,
	});
	const tape = new Tape(c);
	c.connect();
	await tape.next('connecting');
	const { client } = await tape.next('connected');

	await ok('subscribe', { user, channel, data: { a: 1 } });
	const subscribed = await tape.next('subscribed');
	assert.equal(subscribed.channel, channel);
	assert.deepEqual(subscribed.data, { a: 1 });
	assert.equal(subscribed.positioned, true);
	await ok('publish', { channel, data: 1 });
	assert.equal((await tape.next('publication')).data, 1);
	await ok('send', { client, data: 'hello' });
	assert.equal((await tape.next('message')).data, 'hello');
	await ok('unsubscribe', { client, channel });
	assert.equal((await tape.next('unsubscribed')).channel, channel);
	assert.equal((await ok('publish', { channel, data: 2 })).matched, 0);

	// A subscription of its own is ended for good.
	const sub = c.newSubscription(`own${process.pid}`);
	const begun = new Promise((resolve) => sub.once('subscribed', resolve));
	sub.subscribe();
	await begun;
	const over = new Promise((resolve) => sub.once('unsubscribed', resolve));
	await ok('unsubscribe', { user });
	assert.equal((await over).code, 2000);

	// Comes back, then stays away.
	await ok('disconnect', { user,
		disconnect: { code: 3000, reason: 'come back' } });
	assert.equal((await tape.next('connecting')).code, 3000);
	assert.notEqual((await tape.next('connected')).client, client);
	await ok('disconnect', { user });
	const { code, reason } = await tape.next('disconnected');
	assert.deepEqual([code, reason], [3503, 'force disconnect']);
}

run({ undefined: all });
