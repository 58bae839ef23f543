// SPDX-License-Identifier: MIT
//
// driver.js OVER HOST CHANNEL TABS: opens the page of this folder in that many
// tabs of a Chromium. The page comes from http://HOST:PORT, of a server in
// here, and reads CHANNEL of dnot-serve (DNOT_URL) over OVER, "websocket" or
// "eventsource".
//
// After each change it prints one line of what the tabs have: how many are
// live, without a network, refused by the server; the fewest records of any;
// and why they are not live, as they say.
//
//	SIGUSR2  takes the network from every second tab, beginning with the
//	         first; again gives it back
//	SIGTERM  prints for each tab a line with the page's state, its text and
//	         the HTTP statuses that refused it; a picture of the first goes
//	         to tab.png. Ends with 0, or 1 when a page threw something.
//
// Files go to the working directory.
'use strict';

const { readFileSync, writeFileSync } = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { Chromium } = require('./chromium.js');

const [over, host, channel, count] = process.argv.slice(2);
const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript' };
const HANDSHAKE = /Error during WebSocket handshake: .*code: (\d+)/;
const tabs = new Map();
let browser, status = 0, closing = false, cut = false, last = '';

function fail(...why) {
	console.error(...why);
	status = 1;
}

// The SDK's build for browsers lies beside the one that node gets.
function file(name) {
	return name === 'centrifuge.js' ?
		path.join(require.resolve('centrifuge'), '../../dist', name) :
		path.join(__dirname, name);
}

function serve(request, response) {
	const { pathname } = new URL(request.url, 'http://page');
	const name = path.basename(pathname) || 'index.html';

	try {
		const body = readFileSync(file(name));
		const type = TYPES[name.split('.').pop()];
		response.writeHead(200, { 'Content-Type': type });
		response.end(body);
	} catch {
		response.writeHead(404);
		response.end();
		fail(`no ${name} for the page`);
	}
}

function report() {
	const all = [...tabs.values()];
	const line = JSON.stringify({
		live: all.filter((tab) => tab.state === 'live').length,
		offline: all.filter((tab) => tab.offline).length,
		refused: all.filter((tab) => tab.refused.length > 0).length,
		records: Math.min(...all.map((tab) => tab.records)),
		why: [...new Set(all.map((tab) => tab.why))],
	});

	if (line !== last)
		console.log(last = line);
}

function refused(tab, code) {
	tab.refused.push(code);
	report();
}

const events = {
	'Runtime.bindingCalled': (tab, { payload }) => {
		Object.assign(tab, JSON.parse(payload));
		report();
	},
	'Runtime.exceptionThrown': (tab, { exceptionDetails: details }) =>
		fail(details.exception?.description ?? details.text),
	// The page itself is told no status. That of a WebSocket is in the text
	// of the browser's console only.
	'Log.entryAdded': (tab, { entry }) => {
		const found = HANDSHAKE.exec(entry.text);
		if (found)
			refused(tab, Number(found[1]));
	},
	'Network.responseReceivedExtraInfo': (tab, { statusCode }) => {
		if (statusCode >= 400)
			refused(tab, statusCode);
	},
};

async function open(url) {
	const session = await browser.tab();
	const call = (method, params) => browser.call(method, params, session);

	tabs.set(session, { records: 0, refused: [] });
	for (const domain of ['Runtime', 'Network', 'Log'])
		await call(`${domain}.enable`);
	await call('Runtime.addBinding', { name: 'tell' });
	await call('Page.navigate', { url });
}

async function toggleNetwork() {
	const offline = cut = !cut;
	const chosen = [...tabs].filter((_, i) => i % 2 === 0);

	for (const [session, tab] of chosen) {
		await browser.call('Network.emulateNetworkConditions', {
			offline,
			latency: 0,
			downloadThroughput: -1,
			uploadThroughput: -1,
		}, session);
		tab.offline = offline;
		report();
	}
}

async function finish() {
	const expression = 'document.getElementById("text").textContent';
	for (const [session, tab] of tabs) {
		const { result } = await browser.call('Runtime.evaluate',
			{ expression }, session);
		console.log(JSON.stringify({ ...tab, text: result.value }));
	}
	const [first] = tabs.keys();
	await browser.call('Page.bringToFront', {}, first);
	const picture = await browser.call('Page.captureScreenshot', {}, first);
	writeFileSync('tab.png', picture.data, 'base64');
	closing = true;
	await browser.call('Browser.close');
}

async function main() {
	const pages = http.createServer(serve);
	await new Promise((resolve) => pages.listen(0, '127.0.0.1', resolve));
	const page = new URL(`http://${host}:${pages.address().port}/`);
	page.search = new URLSearchParams({ over, channel,
		server: process.env.DNOT_URL });

	browser = new Chromium(process.cwd(),
		['--host-resolver-rules=MAP *.example 127.0.0.1'],
		(session, method, params) =>
			events[method]?.(tabs.get(session), params),
		(...how) => {
			if (!closing)
				fail('Chromium ended:', ...how);
			process.exit(status);
		});
	process.on('SIGUSR2', () => toggleNetwork().catch(fail));
	process.on('SIGTERM', () => finish().catch(fail));
	for (let i = 0; i < Number(count); i++)
		await open(page.href);
}

main().catch((error) => {
	fail(error);
	process.exit(status);
});
