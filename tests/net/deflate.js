// SPDX-License-Identifier: MIT
//
// deflate.js SCENARIO: clients that negotiated permessage-deflate, against a
// running dnot-serve --dev with websocket.compression.
'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { readFileSync } = require('node:fs');
const zlib = require('node:zlib');
const { Centrifuge } = require('centrifuge');
const { WebSocket } = require('ws');
const { CONNECT, PATIENCE, Raw, api, frame, grewAtMost, host, memory, open,
	port, run, until, upgrade } = require('./client');

const RSV1 = 0x40;
const OFFER = 'Sec-WebSocket-Extensions: permessage-deflate\r\n';
const ANSWER = 'permessage-deflate; server_no_context_takeover; ' +
	'client_no_context_takeover';
const LIMIT = 65536;
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

function deflate(data, options) {
	const all = zlib.deflateRawSync(data, { finishFlush:
		zlib.constants.Z_SYNC_FLUSH, ...options });
	return all.subarray(0, -TAIL.length);
}

const inflate = (data) => zlib.inflateRawSync(Buffer.concat([data, TAIL]),
	{ finishFlush: zlib.constants.Z_SYNC_FLUSH });

// A compressed frame, or the first fragment of a message that is.
const packed = (data, options = {}) =>
	frame(data, { ...options, opcode: RSV1 | 1 });

// The next frame with its first byte.
async function next(raw) {
	await raw.until('a frame', () => raw.has());
	const first = raw.got[0];
	return { first, payload: raw.whole().payload };
}

async function message(raw) {
	const { first, payload } = await next(raw);
	assert.ok(first === 0x81 || first === 0xc1, `first byte ${first}`);
	const text = first & RSV1 ? inflate(payload) : payload;
	return { packed: first === 0xc1, size: payload.length,
		...JSON.parse(text.toString()) };
}

async function connect() {
	const raw = await open(OFFER);
	raw.send(packed(deflate(CONNECT)));
	assert.ok((await message(raw)).connect.client);
	return raw;
}

async function closes(code, ...frames) {
	const raw = await connect();
	for (const bytes of frames)
		raw.send(bytes);
	assert.equal(await raw.closeCode(), code);
	await raw.end();
}

// The status and the answer to an offer; null for none.
async function negotiate(offer) {
	const raw = await Raw.open();
	raw.send(upgrade(`Sec-WebSocket-Extensions: ${offer}\r\n`));
	const status = await raw.status();
	await raw.until('the head', () => raw.got.includes('\r\n\r\n'));
	raw.socket.destroy();
	const found = /^sec-websocket-extensions: (.*)\r$/im
		.exec(raw.got.toString('latin1'));
	return [status, found && found[1]];
}

// The SDK's network; `options` is false where nothing is compressed.
function socketClass(options) {
	return class extends WebSocket {
		constructor(url, protocols) {
			super(url, protocols, { perMessageDeflate: options });
		}
	};
}

async function client(options = { threshold: 0 }) {
	const kind = socketClass(options);
	let socket;
	const c = new Centrifuge(`ws://${host}:${port}/connection/websocket`, {
		websocket: class extends kind {
			constructor(...args) {
				super(...args);
				socket = this;
			}
		},
	});
	const done = new Promise((r) => c.once('connected', r));
	c.connect();
	await done;
	assert.equal(socket.extensions,
		options === false ? '' : 'permessage-deflate');
	c.received = () => socket._socket.bytesRead;
	c.sent = () => socket._socket.bytesWritten;
	return c;
}

async function subscribed(c, channel, options) {
	const sub = c.newSubscription(channel, options);
	const seen = [];
	let wake = () => {};
	sub.on('publication', ({ data }) => {
		seen.push(data);
		wake();
	});
	sub.collect = async (n) => {
		const timer = setTimeout(() => {
			console.error(`${seen.length} of ${n} publications`);
			process.exit(1);
		}, 20000 * PATIENCE);
		while (seen.length < n)
			await new Promise((r) => { wake = r; });
		clearTimeout(timer);
		return seen;
	};
	const done = new Promise((r) => sub.once('subscribed', r));
	sub.subscribe();
	await done;
	return sub;
}

// What a page of a dashboard could be: about `n` bytes.
function document(i, n = 3000) {
	const rows = [];
	for (let k = 0; JSON.stringify(rows).length < n; k++)
		rows.push({ id: i * 1000 + k, name: `row ${k}`, state: 'running',
			progress: k * i % 100 });
	return { i, rows, 'grüße': '🎈' };
}

const scenarios = {
	async negotiation() {
		const table = [
			['permessage-deflate', ANSWER],
			['permessage-deflate; client_max_window_bits', ANSWER],
			['permessage-deflate; server_max_window_bits=12',
				`${ANSWER}; server_max_window_bits=12`],
			['permessage-deflate; server_max_window_bits=9, ' +
				'permessage-deflate', ANSWER],
			['permessage-deflate; server_max_window_bits=9', null],
			['permessage-deflate; what=1', null],
			['x-webkit-deflate-frame', null],
		];
		for (const [offer, want] of table)
			assert.deepEqual(await negotiate(offer), [101, want], offer);
		for (const broken of ['permessage-deflate;', '"', 'a b', 'a;b="c'])
			assert.equal((await negotiate(broken))[0], 400, broken);
	},

	// Switched off by a reload: who has it keeps it, but gets no more of it.
	async reload() {
		const reloads = () => readFileSync('server.err', 'utf8')
			.split('configuration reloaded').length - 1;
		const history = '{"id":2,"history":{"channel":"h","limit":-1}}';
		for (let i = 0; i < 5; i++)
			await api('publish', { channel: 'h', data: document(i) });
		const raw = await connect();
		raw.send(frame(history));
		const before = await message(raw);
		assert.ok(before.packed);
		process.kill(Number(process.env.DNOT_PID), 'SIGHUP');
		await until('a reload', () => reloads() === 1);
		assert.deepEqual(await negotiate('permessage-deflate'),
			[101, null]);
		raw.send(packed(deflate(history)));
		const after = await message(raw);
		assert.ok(!after.packed && after.size > before.size);
		assert.deepEqual(after.history, before.history);
		raw.socket.destroy();
	},

	// Replies and publications are what they were, in far fewer bytes.
	async smaller() {
		const N = 50, channel = 'docs';
		const small = await client(), plain = await client(false);
		const sent = [], subs = [];
		for (const c of [small, plain])
			subs.push(await subscribed(c, channel));
		const base = [small.received(), plain.received()];
		for (let i = 0; i < N; i++) {
			sent.push(document(i));
			await (i % 2 ? small : plain).publish(channel, sent[i]);
		}
		for (const sub of subs)
			assert.deepEqual(await sub.collect(N), sent);
		assert.ok(small.received() - base[0] <
			(plain.received() - base[1]) * 0.3);
		assert.ok(small.sent() < plain.sent() * 0.3);
		const [a, b] = [small.received(), plain.received()];
		for (const sub of subs) {
			const { publications } = await sub.history({ limit: -1 });
			assert.deepEqual(publications.map((p) => p.data), sent);
		}
		assert.ok(small.received() - a < (plain.received() - b) * 0.3);
	},

	// Whole payloads and deltas, compressed or not, with a large window or a
	// small one, on one channel.
	async mixed() {
		const N = 30, channel = 'mixed', sent = [], subs = [];
		const page = document(1, 40000);
		const publisher = await client(false);
		for (let i = 0; i < 12; i++) {
			const c = await client([false, { threshold: 0 }, false,
				{ threshold: 0, serverMaxWindowBits: 12 }][i % 4]);
			const delta = i % 3 ? undefined : 'fossil';
			subs.push(await subscribed(c, channel, { delta }));
		}
		for (let i = 0; i < N; i++) {
			sent.push({ ...page, step: i });
			await publisher.publish(channel, sent[i]);
		}
		for (const sub of subs)
			assert.deepEqual(await sub.collect(N), sent);
	},

	// One-way clients share frames of their own.
	async 'one-way'() {
		const got = [[], []];
		const request = JSON.stringify({ subs: { one: {} } });
		const open = (deflate, into) => new Promise((resolve) => {
			const ws = new WebSocket(`ws://${host}:${port}/connection/` +
				`uni_websocket?cf_connect=${request}`,
				{ perMessageDeflate: deflate });
			ws.on('message', (m) => {
				const message = JSON.parse(m.toString());
				if (message.pub)
					into.push(message.pub.data);
				else if (message.connect)
					resolve(ws);
			});
		});
		const small = await open(true, got[0]);
		const plain = await open(false, got[1]);
		const sent = [...Array(10).keys()].map((i) => document(i));
		for (const data of sent)
			await api('publish', { channel: 'one', data });
		await until('publications', () =>
			got.every((seen) => seen.length === sent.length));
		assert.deepEqual(got, [sent, sent]);
		assert.ok(small._socket.bytesRead <
			plain._socket.bytesRead * 0.4);
	},

	async fragments() {
		const raw = await connect();
		const text = JSON.stringify({ id: 2, publish: { channel: 'f',
			data: document(1, 20000) } });
		const body = deflate(text), third = Math.floor(body.length / 3);
		raw.send(Buffer.concat([
			packed(body.subarray(0, third), { fin: false }),
			frame('', { opcode: 9 }),
			frame(body.subarray(third, -1), { opcode: 0, fin: false }),
			frame('', { opcode: 0, fin: false }),
			frame(body.subarray(-1), { opcode: 0 }),
		]));
		assert.equal((await next(raw)).first, 0x8a);
		const { id, publish } = await message(raw);
		assert.equal(id, 2);
		assert.ok(publish);
		raw.send(frame('{"id":3,"history":{"channel":"f","limit":1}}'));
		assert.deepEqual((await message(raw)).history.publications[0].data,
			document(1, 20000));
		raw.socket.destroy();
	},

	// Small ones go as they are.
	async 'min-size'() {
		const raw = await connect();
		raw.send(frame('{"id":2,"subscribe":{"channel":"m"}}'));
		assert.equal((await message(raw)).packed, false);
		for (const [size, want] of [[300, false], [700, true]]) {
			await api('publish', { channel: 'm', data: 'm'.repeat(size) });
			const got = await message(raw);
			assert.equal(got.packed, want, `${size} bytes`);
			assert.equal(got.push.pub.data.length, size);
		}
		raw.socket.destroy();
	},

	async reserved() {
		const hello = deflate('{"id":2,"ping":{}}');
		const bits = [0x41, 0x42, 0x49, 0x21, 0x11];
		for (const opcode of bits) {
			const raw = await open();
			raw.send(frame(CONNECT));
			assert.ok((await raw.reply(1)).connect);
			raw.send(frame(opcode === 0x49 ? '' : hello, { opcode }));
			assert.equal(await raw.closeCode(), 1002);
		}
		await closes(1002, packed(hello, { fin: false }),
			frame('x', { opcode: RSV1 }));
		await closes(1002, frame('', { opcode: RSV1 | 9 }));
		await closes(1002, frame('', { opcode: RSV1 | 8 }));
		await closes(1002, frame(hello, { opcode: 0x20 | 1 }));
	},

	async garbage() {
		const good = deflate('{"id":2,"ping":{}}');
		await closes(1007, packed(''));
		await closes(1007, packed([7]));
		await closes(1007, packed(good.subarray(0, -2)));
		await closes(1007, packed(Buffer.concat([good, good.subarray(1)])));
		await closes(1007, packed(deflate(Buffer.from('"\xff"', 'latin1'))));
		await closes(1007, packed('{"id":2,"ping":{}}'));
		await closes(3501, packed(deflate('no json')));
		for (let i = 0; i < 50; i++) {
			const raw = await connect();
			raw.send(packed(randomBytes(1 + i * 100)));
			const code = await raw.closeCode();
			assert.ok([1007, 1009, 3501].includes(code), `code ${code}`);
		}
	},

	// A message is as long as it is when inflated, and costs no more.
	async bomb() {
		const fits = JSON.stringify({ id: 2, ping: {} }).padEnd(LIMIT);
		const raw = await connect();
		raw.send(packed(deflate(fits)));
		assert.equal((await message(raw)).id, 2);
		raw.socket.destroy();
		await closes(1009, packed(deflate(`${fits} `)));
		const before = memory();
		const bomb = deflate(Buffer.alloc(64000000), { level: 9 });
		assert.ok(bomb.length < LIMIT);
		for (let i = 0; i < 10; i++)
			await closes(1009, packed(bomb));
		await closes(1009, packed(bomb.subarray(0, 30000), { fin: false }),
			frame(bomb.subarray(30000), { opcode: 0 }));
		await closes(1009, packed(Buffer.alloc(LIMIT + 1)));
		grewAtMost(before, 2048);
	},

	// zlib's state is the loop's: four hundred clients own none of it.
	async idle() {
		const first = await connect(), before = memory(), all = [];
		for (let i = 0; i < 400; i++)
			all.push(await connect());
		grewAtMost(before, 400 * 8);
		for (const raw of [first, ...all])
			raw.socket.destroy();
	},
};

run(scenarios);
