// SPDX-License-Identifier: MIT
//
// client.js: what the test clients share. Raw is a socket whose bytes are made
// by hand; Client speaks the client protocol on one, and keeps each message
// until somebody asks for it. Both wait for what they are asked for, and fail
// when it does not come in time.
//
// DNOT_URL is the server, DNOT_PID its process, to watch its memory; with
// DNOT_KEY every client is a backend's.
'use strict';

const assert = require('node:assert/strict');
const { createHmac, randomBytes, sign } = require('node:crypto');
const { readFileSync } = require('node:fs');
const net = require('node:net');

const { hostname: host, port } = new URL(process.env.DNOT_URL);
const PATIENCE = Number(process.env.DNOT_PATIENCE || 1);
const KEY = process.env.DNOT_KEY || 'dev';
const CONNECT = '{"id":1,"connect":{"name":"raw"}}';

// A socket that collects what comes and can be asked to wait for it.
class Raw {
	static open() {
		return new Promise((resolve, reject) => {
			const socket = net.connect(Number(port), host, () =>
				resolve(new Raw(socket)));
			socket.once('error', reject);
		});
	}
	constructor(socket) {
		this.socket = socket;
		this.got = Buffer.alloc(0);
		this.ended = false;
		this.replies = [];
		this.wake = () => {};
		socket.removeAllListeners('error');
		socket.on('error', () => {});
		socket.on('data', (d) => {
			this.got = Buffer.concat([this.got, d]);
			this.wake();
		});
		socket.on('close', () => {
			this.ended = true;
			this.wake();
		});
	}
	send(bytes) {
		this.socket.write(bytes);
	}
	// Sends and resolves once the kernel took it (or the peer is gone).
	push(bytes) {
		return new Promise((r) => {
			if (this.ended)
				return r();
			this.socket.once('close', r);
			this.socket.write(bytes, () => {
				this.socket.off('close', r);
				r();
			});
		});
	}
	async until(what, test) {
		const deadline = Date.now() + 15000 * PATIENCE;
		while (!test()) {
			assert.ok(!this.ended, `closed before ${what}; got ` +
				JSON.stringify(this.got.toString('latin1', 0, 200)));
			await this.change(deadline, what);
		}
	}
	async end() {
		const deadline = Date.now() + 15000 * PATIENCE;
		while (!this.ended)
			await this.change(deadline, 'the end');
	}
	change(deadline, what) {
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() =>
				reject(new Error(`no ${what} in time`)),
				Math.max(0, deadline - Date.now()));
			this.wake = () => {
				clearTimeout(timer);
				resolve();
			};
		});
	}
	async status() {
		await this.until('a status line', () =>
			this.got.includes('\r\n'));
		return Number(/^HTTP\/1\.1 (\d{3}) /.exec(
			this.got.toString('latin1'))[1]);
	}
	// The close frame's code; the rest that came before it is skipped.
	async closeCode() {
		let frame;
		do {
			frame = await this.frame();
		} while (frame.opcode !== 8);
		assert.ok(frame.payload.length > 2, 'a close has a reason');
		return frame.payload.readUInt16BE(0);
	}
	// Where the first frame's payload begins and ends, once it is whole.
	bounds() {
		if (this.got.length < 10 && this.got.length < 2 + (this.got[1] ?? 0))
			return null;
		let head = 2, length = this.got[1];
		if (length === 126) {
			head = 4;
			length = this.got.readUInt16BE(2);
		} else if (length === 127) {
			head = 10;
			length = Number(this.got.readBigUInt64BE(2));
		}
		return this.got.length < head + length ? null :
			[head, head + length];
	}
	has() {
		return this.bounds() !== null;
	}
	whole() {
		const opcode = this.got[0] & 15;
		const [from, to] = this.bounds();
		const payload = this.got.subarray(from, to);
		this.got = this.got.subarray(to);
		return { opcode, payload };
	}
	async frame() {
		await this.until('a frame', () => this.has());
		return this.whole();
	}
	// The reply to that command, or (no id) the next one to any.
	async reply(id) {
		for (;;) {
			const i = this.replies.findIndex((o) => o.id === (id ?? o.id));
			if (i >= 0)
				return this.replies.splice(i, 1)[0];
			const { opcode, payload } = await this.frame();
			assert.equal(opcode, 1, `a close instead of ${id}: ` +
				payload.toString('latin1'));
			this.replies.push(...payload.toString().split('\n')
				.map(JSON.parse).filter((o) => o.id));
		}
	}
}

// With DNOT_KEY it is a backend's connection, else an ordinary client's.
function upgrade(extra = '', path = '/connection/websocket') {
	const key = process.env.DNOT_KEY ? `X-API-Key: ${KEY}\r\n` : '';
	return `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n` +
		'Connection: Upgrade\r\nUpgrade: websocket\r\n' +
		'Sec-WebSocket-Version: 13\r\n' +
		`Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
		`${key}${extra}\r\n`;
}

// A client frame; length may lie, mask may be missing.
function frame(payload, { opcode = 1, fin = true, mask = true, length } = {}) {
	const body = Buffer.from(payload);
	const n = length ?? body.length;
	const m = mask ? 0x80 : 0;
	let head = Buffer.from([(fin ? 0x80 : 0) | opcode, m | Number(n)]);
	if (n > 65535) {
		head = Buffer.alloc(10);
		head[0] = (fin ? 0x80 : 0) | opcode;
		head[1] = m | 127;
		head.writeBigUInt64BE(BigInt(n), 2);
	} else if (n > 125) {
		head = Buffer.alloc(4);
		head[0] = (fin ? 0x80 : 0) | opcode;
		head[1] = m | 126;
		head.writeUInt16BE(Number(n), 2);
	}
	if (!mask)
		return Buffer.concat([head, body]);
	const key = randomBytes(4);
	return Buffer.concat([head, key, body.map((b, i) => b ^ key[i & 3])]);
}

async function open(extra, path) {
	const raw = await Raw.open();
	raw.send(upgrade(extra, path));
	assert.equal(await raw.status(), 101);
	await raw.until('the head', () => raw.got.includes('\r\n\r\n'));
	raw.got = raw.got.subarray(raw.got.indexOf('\r\n\r\n') + 4);
	return raw;
}

async function connect(extra) {
	const raw = await open(extra);
	raw.send(frame(CONNECT));
	assert.ok((await raw.reply(1)).connect.client);
	return raw;
}

async function page(path) {
	const reply = await fetch(process.env.DNOT_URL + path);
	assert.equal(reply.status, 200);
	return reply.text();
}

// A client of the protocol. Messages stay in the order in which they came.
class Client {
	// Connected, unless `params` is null.
	static async open(params = {}, extra) {
		const c = new Client(await open(extra));
		if (params !== null)
			c.connected = (await c.result('connect', params));
		return c;
	}
	constructor(raw) {
		this.raw = raw;
		this.id = 0;
		this.messages = [];
		this.bytes = 0;
	}
	// Commands of one frame: [METHOD, PARAMS]...; gives their ids.
	send(...commands) {
		const ids = commands.map(() => ++this.id);
		this.raw.send(frame(commands.map(([method, params], i) =>
			JSON.stringify({ id: ids[i], [method]: params }))
			.join('\n')));
		return ids;
	}
	text(text) {
		this.raw.send(frame(text));
	}
	async read() {
		const { opcode, payload } = await this.raw.frame();
		this.bytes += payload.length;
		if (opcode === 8) {
			this.messages.push({ close: {
				code: payload.readUInt16BE(0),
				reason: payload.subarray(2).toString(),
			} });
		} else if (opcode === 1) {
			this.messages.push(...payload.toString().split('\n')
				.map(JSON.parse));
		}
	}
	// The first message that passes the test; it is taken out.
	async next(test) {
		for (;;) {
			const i = this.messages.findIndex(test);
			if (i >= 0)
				return this.messages.splice(i, 1)[0];
			const end = this.messages.find((m) => m.close);
			assert.ok(!end, `closed instead: ${JSON.stringify(end)}`);
			await this.read();
		}
	}
	reply(id) {
		return this.next((m) => m.id === id);
	}
	call(method, params = {}) {
		return this.reply(this.send([method, params])[0]);
	}
	async result(method, params) {
		const reply = await this.call(method, params);
		assert.ok(reply[method], JSON.stringify(reply));
		return reply[method];
	}
	// The error of a call: [CODE, MESSAGE].
	async error(method, params) {
		const reply = await this.call(method, params);
		assert.ok(reply.error, JSON.stringify(reply));
		return [reply.error.code, reply.error.message];
	}
	// A push of that kind (pub, join, leave, unsubscribe, ..).
	async push(kind, channel) {
		const { push } = await this.next((m) => m.push?.[kind] &&
			(channel === undefined || m.push.channel === channel));
		return push[kind];
	}
	subscribe(channel, params = {}) {
		return this.result('subscribe', { channel, ...params });
	}
	// The close as [CODE, REASON].
	async closed() {
		const { close } = await this.next((m) => m.close);
		await this.raw.end();
		return [close.code, close.reason];
	}
	// What has come once the server has answered everything before this.
	async sofar() {
		await this.result('ping', {});
		return this.messages.splice(0);
	}
	gone() {
		this.raw.socket.destroy();
	}
}

// A signed token: HS*, or with a private key RS* and ES*.
function token(claims, { alg = 'HS256', key = 'secret' } = {}) {
	const text = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
	const head = `${text({ alg, typ: 'JWT' })}.${text(claims)}`;
	const digest = `sha${alg.slice(2)}`;
	const signature = alg === 'none' ? Buffer.alloc(0) :
		alg.startsWith('HS') ?
			createHmac(digest, key).update(head).digest() :
			sign(digest, Buffer.from(head),
				{ key, dsaEncoding: 'ieee-p1363' });
	return `${head}.${signature.toString('base64url')}`;
}

const now = () => Math.floor(Date.now() / 1000);

// Polls until the test gives something.
async function until(what, test) {
	const deadline = Date.now() + 15000 * PATIENCE;
	for (;;) {
		const got = await test();
		if (got)
			return got;
		assert.ok(Date.now() < deadline, `no ${what} in time`);
		await new Promise((r) => setTimeout(r, 10));
	}
}

// Waits until a metric passes the test; gives its value.
function metric(name, test) {
	return until(name, async () => {
		const line = (await page('/metrics')).split('\n')
			.find((l) => l.startsWith(`${name} `));
		const value = Number(line.slice(name.length + 1));
		return test(value) ? { value } : null;
	});
}

// The server API; its answer, {result} or {error}.
async function api(method, params = {}, key = KEY) {
	const reply = await fetch(`${process.env.DNOT_URL}/api/${method}`, {
		method: 'POST',
		headers: { 'X-API-Key': key },
		body: JSON.stringify(params),
	});
	assert.equal(reply.status, 200);
	return reply.json();
}

// Anonymous memory of the server in KiB.
function memory() {
	const text = readFileSync(`/proc/${process.env.DNOT_PID}/status`, 'utf8');
	return Number(/RssAnon:\s+(\d+)/.exec(text)[1]);
}

// Sanitizers keep freed memory back, so that only plain builds are measured.
function grewAtMost(before, kib) {
	const grown = memory() - before;
	assert.ok(PATIENCE > 1 || grown <= kib, `grew by ${grown} KiB`);
}

// SCENARIO [ARG...] of the command line.
function run(scenarios) {
	const [scenario, ...args] = process.argv.slice(2);

	scenarios[scenario](...args).then(() => process.exit(0), (error) => {
		console.error(error);
		process.exit(1);
	});
}

module.exports = { CONNECT, Client, KEY, PATIENCE, Raw, api, connect, frame,
	grewAtMost, host, memory, metric, now, open, page, port, run, token,
	until, upgrade };
