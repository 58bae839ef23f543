// SPDX-License-Identifier: MIT
//
// crowd.js CHANNEL CLIENTS RECORDS: that many SDK clients on one channel of a
// running dnot-serve (DNOT_URL). Prints {"subscribed":N} when all are there;
// ends with 0 when each had data.n = 1..RECORDS, in order and once, and prints
// how many closes with which code there were.
'use strict';

const { Centrifuge } = require('centrifuge');
const { WebSocket } = require('ws');

const [channel, clients, records] = process.argv.slice(2);
const url = process.env.DNOT_URL.replace(/^http/, 'ws') +
	'/connection/websocket';
const closes = {};
let subscribed = 0, complete = 0, wrong = 0, unrecovered = 0;

function finish(status) {
	console.log(JSON.stringify({ complete, wrong, unrecovered, closes }));
	process.exit(status);
}

function join() {
	const c = new Centrifuge(url, {
		websocket: WebSocket,
		minReconnectDelay: 20,
		maxReconnectDelay: 200,
	});
	const sub = c.newSubscription(channel);
	let last = 0;

	c.on('connecting', (context) => {
		closes[context.code] = (closes[context.code] || 0) + 1;
	});
	sub.once('subscribed', () => {
		if (++subscribed === Number(clients))
			console.log(JSON.stringify({ subscribed }));
	});
	sub.on('subscribed', (context) => {
		if (context.wasRecovering && !context.recovered)
			unrecovered++;
	});
	sub.on('publication', (context) => {
		if (context.data.n !== last + 1)
			wrong++;
		last = context.data.n;
		if (last === Number(records) && ++complete === Number(clients))
			finish(wrong + unrecovered === 0 ? 0 : 1);
	});
	sub.subscribe();
	c.connect();
}

process.on('SIGTERM', () => finish(1));
for (let i = 0; i < Number(clients); i++)
	join();
