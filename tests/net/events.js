// SPDX-License-Identifier: MIT
//
// events.js SCENARIO: what clients do against a running dnot-serve (DNOT_URL),
// and what is told of it in the channel $events, whose history has it all.
'use strict';

const assert = require('node:assert/strict');
const { Client, api, now, run, token, until } = require('./client.js');

const KEY = 'secret-key';
const WHO = ['client', 'user', 'server', 'transport', 'duration_ms'];

// All that was told so far.
async function told(key = KEY) {
	const { result } = await api('history',
		{ channel: '$events', limit: -1 }, key);
	for (const { data, tags } of result.publications)
		assert.equal(tags.event, data.event);
	return result.publications.map((p) => p.data);
}

// The first that is so, once it is there.
const tells = (test, key) => until('event', async () =>
	(await told(key)).find(test));

const gone = (client) => tells((e) =>
	e.event === 'disconnected' && e.client === client);

// As "subscribed c 0 reason", without who.
function short(event) {
	return Object.entries(event).filter(([k]) => !WHO.includes(k))
		.map(([, v]) => v).join(' ');
}

const of = async (client) => (await told())
	.filter((e) => e.client === client).map(short);

const access = (claims) => token(
	{ tenant: 'all', exp: now() + 100, ...claims });

const user = (id, params) => Client.open(
	{ token: access({ sub: id }), ...params });

const backend = () => Client.open({}, `X-API-Key: ${KEY}\r\n`);

const scenarios = {
	// One client's whole life, in order.
	async life() {
		const c = await user('u"\u00fc', { name: 'js', version: '5.8.0' });
		const { client } = c.connected;
		await c.subscribe('a');
		await c.result('unsubscribe', { channel: 'a' });
		await c.subscribe('b');
		c.gone();
		const end = await gone(client);
		assert.ok(end.duration_ms >= 0 && end.duration_ms < 100000);
		assert.deepEqual(await of(client), [
			'connected js 5.8.0',
			'subscribed a',
			'unsubscribed a 0 client unsubscribed',
			'subscribed b',
			'unsubscribed b 1 client disconnected',
			'disconnected 3000 connection closed',
		]);
		const [first] = (await told()).filter((e) => e.client === client);
		assert.deepEqual(first, { event: 'connected', client,
			user: 'u"\u00fc', transport: 'websocket', name: 'js',
			version: '5.8.0' });
	},

	// First and last subscriber of a channel, whoever they are.
	async occupancy() {
		const [c, d] = [await user('c'), await user('d')];
		await c.subscribe('room');
		await d.subscribe('room');
		await c.result('unsubscribe', { channel: 'room' });
		d.gone();
		await gone(d.connected.client);
		await c.subscribe('room');
		const room = () => told().then((all) => all.filter((e) =>
			e.channel === 'room' && e.client === undefined));
		await until('the third', async () => (await room()).length === 3);
		assert.deepEqual((await room()).map(short), ['occupied room',
			'vacated room', 'occupied room']);
	},

	// Subscriptions that the server makes come behind the connect.
	async connecting() {
		const c = await Client.open({ token: access(
			{ sub: 'c', channels: ['x', 'y'] }) });
		const { client } = c.connected;
		await tells((e) => e.channel === 'y' && e.client === client);
		const [first, ...rest] = await of(client);
		assert.equal(first, 'connected');
		assert.deepEqual(rest.sort(), ['subscribed x', 'subscribed y']);
		// Who was never connected is not told of.
		const d = await Client.open(null);
		assert.equal((await d.error('connect', { token: access(
			{ sub: 'd', channels: ['x', 'none:y'] }) }))[0], 102);
		d.gone();
		c.gone();
		await gone(client);
		assert.ok(!(await told()).some((e) => e.user === 'd'));
	},

	// Each way in which the server ends something has its code.
	async reasons() {
		const bad = await user('bad');
		bad.text('{"id":9,"nothing":{}}');
		assert.equal((await bad.closed())[0], 3501);
		const end = await gone(bad.connected.client);
		assert.equal(end.code, 3501);
		assert.match(end.reason, /^bad request/);

		const short_lived = await Client.open(
			{ token: access({ sub: 'old', expire_at: now() + 3 }) });
		assert.equal((await short_lived.closed())[0], 3005);
		assert.equal((await gone(short_lived.connected.client)).code, 3005);

		const polite = await user('polite');
		polite.raw.send(Buffer.from('88800000' + '0000', 'hex'));
		await polite.closed();
		assert.equal((await gone(polite.connected.client)).code, 3000);

		const sub = await user('sub');
		await sub.subscribe('n:x', { token: token({ sub: 'sub',
			channel: 'n:x', exp: now() + 100,
			expire_at: now() + 3 }) });
		assert.equal((await sub.push('unsubscribe', 'n:x')).code, 2501);
		const e = await tells((e) => e.event === 'unsubscribed' &&
			e.user === 'sub');
		assert.deepEqual([e.channel, e.code, e.reason],
			['n:x', 2501, 'subscription expired']);
	},

	// What the server API does to connections.
	async api() {
		const c = await user('api');
		await api('subscribe', { user: 'api', channel: 'a' }, KEY);
		await api('unsubscribe', { user: 'api', channel: 'a' }, KEY);
		await api('subscribe', { user: 'api', channel: 'b' }, KEY);
		await api('disconnect', { user: 'api', disconnect:
			{ code: 4001, reason: 'en"ough' } }, KEY);
		assert.deepEqual(await c.closed(), [4001, 'en"ough']);
		await gone(c.connected.client);
		assert.deepEqual(await of(c.connected.client), ['connected',
			'subscribed a', 'unsubscribed a 2000 server unsubscribe',
			'subscribed b', 'unsubscribed b 1 client disconnected',
			'disconnected 4001 en"ough']);
	},

	// One who does not read is told to be slow, by whoever it does not read.
	async slow() {
		const c = await user('slow');
		await c.subscribe('big');
		c.raw.socket.pause();
		const data = 'x'.repeat(60000);
		await until('the end', async () => {
			await api('publish', { channel: 'big', data }, KEY);
			return (await told()).some((e) => e.user === 'slow' &&
				e.event === 'disconnected');
		});
		assert.equal((await gone(c.connected.client)).code, 3008);
	},

	// A reader of a stream, which has no socket of its own.
	async stream() {
		const cf_connect = JSON.stringify({ token: access({ sub: 'sse' }) });
		const end = new AbortController();
		const reply = await fetch(`${process.env.DNOT_URL}/connection/uni_sse?${
			new URLSearchParams({ cf_connect })}`, { signal: end.signal });
		assert.equal(reply.status, 200);
		const { client, transport } = await tells((e) => e.user === 'sse');
		assert.equal(transport, 'uni_sse');
		end.abort();
		assert.equal((await gone(client)).code, 3000);
	},

	// A server key's connections are told of as such; nothing about the
	// channel of the events itself is told in it.
	async backends() {
		const b = await backend();
		await b.subscribe('$events');
		await b.subscribe('a');
		await b.result('unsubscribe', { channel: '$events' });
		b.gone();
		await gone(b.connected.client);
		assert.deepEqual(await of(b.connected.client), ['connected',
			'subscribed a', 'unsubscribed a 1 client disconnected',
			'disconnected 3000 connection closed']);
		const all = await told();
		assert.ok(all.filter((e) => e.client === b.connected.client)
			.every((e) => e.server === true));
		assert.ok(!all.some((e) => e.channel === '$events'));
	},

	// Who may read them is the namespace's business, who writes is not.
	async rights() {
		const c = await user('c');
		assert.equal((await c.error('subscribe',
			{ channel: '$events' }))[0], 103);
		assert.equal((await c.error('publish',
			{ channel: '$events', data: 1 }))[0], 103);
		assert.equal((await c.error('history',
			{ channel: '$events', limit: 1 }))[0], 103);
		await c.subscribe('$events', { token: token({ sub: 'c',
			channel: '$events' }), recoverable: true });
		assert.equal((await c.error('publish',
			{ channel: '$events', data: 1 }))[0], 103);
		const d = await user('d');
		for (;;) {
			const { data } = await c.push('pub', '$events');
			if (data.client === d.connected.client)
				break;
		}
	},

	// Only those that its filter lets through.
	async filter() {
		const b = await backend();
		await b.subscribe('$events', { tf: { op: '', key: 'event',
			cmp: 'eq', val: 'occupied' } });
		const c = await user('c');
		await c.subscribe('one');
		await c.subscribe('two');
		for (const channel of ['one', 'two'])
			assert.deepEqual((await b.push('pub')).data,
				{ event: 'occupied', channel });
	},

	// Of the tenant `some`, whose two events are these.
	async some() {
		const c = await Client.open({ token: token({ sub: 'c',
			tenant: 'some', exp: now() + 100 }, { key: 'some-key' }) });
		await c.subscribe('a');
		await c.result('unsubscribe', { channel: 'a' });
		c.gone();
		await tells((e) => e.event === 'disconnected', 'some');
		assert.deepEqual((await told('some')).map((e) => e.event),
			['unsubscribed', 'disconnected']);
		assert.ok(!(await told()).some((e) => e.user === 'c'));
	},

	// It stays until the server ends.
	async stays() {
		const c = await user('stays');
		await c.subscribe('a');
		console.log(c.connected.client);
		await c.closed();
	},

	// Many on every loop, until the server ends.
	async crowd() {
		const all = await Promise.all(Array.from({ length: 40 },
			async (_, i) => {
				const c = await user(`u${i}`);
				for (let n = 0; n < 5; n++)
					await c.subscribe(`c${i}.${n}`);
				return c;
			}));
		console.log('crowd');
		await Promise.all(all.map((c) => c.raw.end()));
	},

	// Whose events find no room is served all the same.
	async storm() {
		const all = await Promise.all(Array.from({ length: 100 },
			async (_, i) => {
				const c = await user(`u${i}`);
				await c.subscribe(`c${i}`);
				return c;
			}));
		for (const c of all)
			await c.result('ping', {});
	},
};

run(scenarios);
