// SPDX-License-Identifier: MIT
//
// sdk.js SCENARIO CHANNEL: drives a running dnot-serve (DNOT_URL) with the
// unmodified Centrifuge SDK for JavaScript. Exits 0 when what the scenario
// expects came true; `tail` goes on until it is ended and prints what it
// sees, one JSON object a line. DNOT_TRANSPORT is websocket (the default),
// http_stream or sse.
'use strict';

const assert = require('node:assert/strict');
const { Centrifuge } = require('centrifuge');
const { EventSource } = require('eventsource');
const { WebSocket } = require('ws');

const [scenario, channel] = process.argv.slice(2);
const url = process.env.DNOT_URL.replace(/^http/, 'ws') +
	'/connection/websocket';
const DEADLINE_MS = 20000;

// A network that can be cut and held down, under the SDK's feet.
class Network {
	constructor() {
		const network = this;
		this.down = false;
		this.sockets = new Set();
		this.WebSocket = class extends WebSocket {
			constructor(...args) {
				super(...args);
				network.sockets.add(this);
				if (network.down)
					setImmediate(() => this.terminate());
			}
		};
	}
	cut() {
		this.down = true;
		for (const socket of this.sockets)
			socket.terminate();
		this.sockets.clear();
	}
}

function client(network = new Network()) {
	const options = {
		websocket: network.WebSocket,
		minReconnectDelay: 20,
		maxReconnectDelay: 100,
	};
	const server = process.env.DNOT_URL;
	const transport = process.env.DNOT_TRANSPORT || 'websocket';
	if (transport === 'websocket')
		return new Centrifuge(url, options);
	const endpoint = `${server}/connection/${transport}`;
	return new Centrifuge([{ transport, endpoint }], {
		...options,
		emulationEndpoint: `${server}/emulation`,
		eventsource: EventSource,
		fetch,
		readableStream: ReadableStream,
	});
}

function event(emitter, name) {
	return new Promise((resolve) => emitter.once(name, resolve));
}

async function connected(...args) {
	const c = client(...args);
	const done = event(c, 'connected');
	c.connect();
	const context = await done;
	assert.match(context.client, /^[0-9a-f-]{36}$/);
	return c;
}

async function subscribed(c, name = channel, options = {}) {
	const sub = c.newSubscription(name, options);
	const seen = [];
	const waiting = [];
	sub.on('publication', (p) => {
		seen.push(p);
		for (const w of waiting.filter((w) => seen.length >= w.n))
			w.resolve(seen);
	});
	sub.collect = (n) => new Promise((resolve) => {
		if (seen.length >= n)
			resolve(seen);
		else
			waiting.push({ n, resolve });
	});
	const done = event(sub, 'subscribed');
	sub.subscribe();
	sub.first = await done;
	return sub;
}

const datas = (publications) => publications.map((p) => p.data);
const offsets = (publications) => publications.map((p) => p.offset);

const scenarios = {
	async publish() {
		const a = await connected(), b = await connected();
		const sub = await subscribed(a);
		const sent = [{ text: 'grüße 🎈 \u2028' }, [1, [2]], 'text', 0.5,
			true, null, {}];
		for (const data of sent)
			await b.publish(channel, data);
		const seen = await sub.collect(sent.length);
		assert.deepEqual(datas(seen), sent);
		assert.deepEqual(offsets(seen), sent.map((_, i) => i + 1));
		assert.equal(typeof seen[0].info.client, 'string');
		assert.ok(Number(seen[0].tags.accepted) > 1e15);
	},

	async echo() {
		const c = await connected();
		const sub = await subscribed(c);
		await sub.publish({ mine: 1 });
		assert.deepEqual(datas(await sub.collect(1)), [{ mine: 1 }]);
	},

	// Commands are sent as fast as the SDK can: order must hold.
	async pipeline() {
		const a = await connected(), b = await connected();
		const sub = await subscribed(a);
		const N = 2000, calls = [];
		for (let i = 0; i < N; i++)
			calls.push(b.publish(channel, { i }));
		await Promise.all(calls);
		const seen = await sub.collect(N);
		assert.deepEqual(datas(seen).map((d) => d.i),
			[...Array(N).keys()]);
	},

	async history() {
		const c = await connected();
		const sub = await subscribed(c);
		for (let i = 1; i <= 5; i++)
			await c.publish(channel, { i });
		const all = await sub.history({ limit: -1 });
		assert.deepEqual(offsets(all.publications), [1, 2, 3, 4, 5]);
		const top = await sub.history({ limit: 0 });
		assert.equal(top.offset, 5);
		assert.deepEqual(top.publications, []);
		const since = { offset: 2, epoch: top.epoch };
		const some = await sub.history({ limit: 2, since });
		assert.deepEqual(offsets(some.publications), [3, 4]);
		const back = await sub.history({ limit: 2, reverse: true });
		assert.deepEqual(offsets(back.publications), [5, 4]);
		await assert.rejects(
			sub.history({ limit: 1, since: { offset: 1, epoch: 'no' } }),
			{ code: 112 });
	},

	async presence() {
		const a = await connected(), b = await connected();
		const subA = await subscribed(a, channel, { joinLeave: true });
		const joined = event(subA, 'join');
		const subB = await subscribed(b);
		assert.equal((await joined).info.client.length, 36);
		const { clients } = await subA.presence();
		assert.equal(Object.keys(clients).length, 2);
		const stats = await subA.presenceStats();
		assert.equal(stats.numClients, 2);
		const left = event(subA, 'leave');
		subB.unsubscribe();
		await left;
		assert.equal((await subA.presenceStats()).numClients, 1);
	},

	async rpc() {
		const c = await connected();
		await assert.rejects(c.rpc('nothing', {}), { code: 108 });
	},

	// Cut, three publications while away: exactly these, once, in order.
	async cut() {
		const network = new Network();
		const a = await connected(network), b = await connected();
		const sub = await subscribed(a);
		await b.publish(channel, 1);
		await sub.collect(1);
		const lost = event(sub, 'subscribing');
		network.cut();
		await lost;
		for (const data of [2, 3, 4])
			await b.publish(channel, data);
		const back = event(sub, 'subscribed');
		network.down = false;
		const context = await back;
		assert.equal(context.wasRecovering, true);
		assert.equal(context.recovered, true);
		await b.publish(channel, 5);
		assert.deepEqual(datas(await sub.collect(5)), [1, 2, 3, 4, 5]);
	},

	// More than the history holds was missed: told, not hidden.
	async 'cut-too-long'() {
		const network = new Network();
		const a = await connected(network), b = await connected();
		const sub = await subscribed(a);
		await b.publish(channel, 0);
		await sub.collect(1);
		const lost = event(sub, 'subscribing');
		network.cut();
		await lost;
		const calls = [];
		for (let i = 1; i <= 150; i++)
			calls.push(b.publish(channel, i));
		await Promise.all(calls);
		const back = event(sub, 'subscribed');
		network.down = false;
		const context = await back;
		assert.equal(context.wasRecovering, true);
		assert.equal(context.recovered,
			process.env.EXPECT_RECOVERED === '1');
	},

	async delta() {
		const a = await connected(), b = await connected();
		const sub = await subscribed(a, channel, { delta: 'fossil' });
		const pad = 'the same long text again and again; '.repeat(20);
		const sent = [];
		for (let i = 0; i < 20; i++) {
			sent.push({ i, pad, tail: `ü${i}` });
			await b.publish(channel, sent[i]);
		}
		assert.deepEqual(datas(await sub.collect(20)), sent);
	},

	async 'too-big'() {
		const c = await connected();
		const gone = event(c, 'disconnected');
		c.publish(channel, 'x'.repeat(70000)).catch(() => {});
		assert.equal((await gone).code, 3);
	},

	async 'many-loops'() {
		for (let i = 0; i < 20; i++) {
			const c = await connected();
			const sub = await subscribed(c);
			sub.unsubscribe();
			const again = event(sub, 'subscribed');
			sub.subscribe();
			await again;
			const gone = event(c, 'disconnected');
			c.disconnect();
			await gone;
		}
		const c = await connected();
		const sub = await subscribed(c);
		assert.equal((await sub.presenceStats()).numClients, 1);
	},

	async tail() {
		const say = (o) => process.stdout.write(JSON.stringify(o) + '\n');
		const c = await connected();
		const sub = c.newSubscription(channel);
		sub.on('subscribing', ({ code }) => say({ away: code }));
		sub.on('subscribed', (x) => say({
			subscribed: channel,
			wasRecovering: x.wasRecovering,
			recovered: x.recovered,
			epoch: x.streamPosition?.epoch,
		}));
		sub.on('publication', ({ data, offset }) => say({ data, offset }));
		sub.on('unsubscribed', ({ code }) => say({ unsubscribed: code }));
		c.on('disconnected', ({ code }) => say({ disconnected: code }));
		sub.subscribe();
		await new Promise(() => {});
	},
};

async function main() {
	if (scenario !== 'tail')
		setTimeout(() => {
			console.error(`${scenario}: not done in ${DEADLINE_MS} ms`);
			process.exit(1);
		}, DEADLINE_MS * Number(process.env.DNOT_PATIENCE || 1)).unref();
	await scenarios[scenario]();
	process.exit(0);
}

main().catch((error) => {
	console.error(error);
	process.exit(1);
});
