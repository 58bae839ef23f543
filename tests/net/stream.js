// SPDX-License-Identifier: MIT
//
// stream.js: HTTP answers that do not end, as the tests of streams read them:
// chunk by chunk, line by line or event by event, each kept until somebody
// asks for it.
'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');

const { Raw, host, port } = require('./client.js');

const connectParam = (o) => 'cf_connect=' +
	encodeURIComponent(typeof o === 'string' ? o : JSON.stringify(o));

// A request as text. Headers are complete lines.
function request(method, path, { headers = '', body, version = '1.1' } = {}) {
	const length = body === undefined ? '' :
		`Content-Length: ${Buffer.byteLength(body)}\r\n`;
	return `${method} ${path} HTTP/${version}\r\nHost: ${host}:${port}\r\n` +
		`${headers}${length}\r\n${body ?? ''}`;
}

class Stream {
	// Of a request; 200 unless said otherwise.
	static async open(method, path, options = {}) {
		const s = new Stream(await Raw.open());
		s.raw.send(request(method, path, options));
		await s.head();
		assert.equal(s.status, options.status ?? 200,
			s.raw.got.toString());
		return s;
	}
	constructor(raw) {
		this.raw = raw;
		this.chunks = [];
		this.text = '';
		this.events = [];
		this.complete = false;
	}
	async head() {
		await this.raw.until('a head', () =>
			this.raw.got.includes('\r\n\r\n'));
		const end = this.raw.got.indexOf('\r\n\r\n');
		const lines = this.raw.got.toString('latin1', 0, end).split('\r\n');
		this.raw.got = this.raw.got.subarray(end + 4);
		this.status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(lines.shift())[1]);
		this.headers = Object.fromEntries(lines.map((line) => {
			const [name, ...value] = line.split(': ');
			return [name.toLowerCase(), value.join(': ')];
		}));
		this.chunked = this.headers['transfer-encoding'] === 'chunked';
		this.sse = /^text\/event-stream/.test(this.headers['content-type']);
	}
	// What has come, as chunks; false where no whole one is there.
	take() {
		const got = this.raw.got;
		if (!this.chunked) {
			this.raw.got = Buffer.alloc(0);
			return got.length > 0 && this.add(got.toString());
		}
		const line = got.indexOf('\r\n');
		if (line < 0)
			return false;
		const n = parseInt(got.toString('latin1', 0, line), 16);
		assert.ok(n >= 0, `no chunk: ${got.toString('latin1', 0, 100)}`);
		const end = line + 2 + n;
		if (got.length < end + 2)
			return false;
		assert.equal(got.toString('latin1', end, end + 2), '\r\n');
		this.raw.got = got.subarray(end + 2);
		if (n === 0)
			this.complete = true;
		return n === 0 || this.add(got.toString('utf8', line + 2, end));
	}
	add(text) {
		this.chunks.push(text);
		this.text += text;
		if (this.sse)
			this.addEvents();
		else
			this.addLines();
		return true;
	}
	addLines() {
		const lines = this.text.split('\n');
		this.text = lines.pop();
		this.events.push(...lines.map((l) => ({ data: JSON.parse(l) })));
	}
	// An empty id is one, too; an event without one has `id` undefined.
	addEvents() {
		const blocks = this.text.replace(/^\r\n/, '').split('\n\n');
		this.text = blocks.pop();
		for (const block of blocks) {
			const event = {};
			for (const line of block.split('\n')) {
				const [, name, value] = /^(id|data): ([^\r\n]*)$/.exec(line);
				assert.ok(!(name in event), block);
				event[name] = value;
			}
			event.data = JSON.parse(event.data);
			this.events.push(event);
		}
	}
	takeAll() {
		while (this.take())
			;
	}
	// The first event that passes; it is taken out with those before it.
	async event(test = () => true) {
		for (;;) {
			this.takeAll();
			const i = this.events.findIndex((e) => test(e.data));
			if (i >= 0)
				return this.events.splice(0, i + 1).at(-1);
			const before = this.raw.got.length;
			await this.raw.until('an event', () =>
				this.raw.got.length > before);
		}
	}
	async message(test) {
		return (await this.event(test)).data;
	}
	// The publication with that data.
	publication(data) {
		const at = (m) => m.pub ?? m.push?.pub;
		return this.event((m) => at(m)?.data === data);
	}
	// Reads to the end; the disconnect is the last message.
	async disconnect() {
		await this.raw.end();
		this.takeAll();
		assert.ok(this.complete || !this.chunked, 'it broke off');
		const { data } = this.events.at(-1);
		const { code, reason } = (data.push ?? data).disconnect;
		assert.ok(reason);
		return code;
	}
	gone() {
		this.raw.socket.destroy();
	}
}

// A request on a connection of its own, unless there is an agent.
function ask(method, path, { headers = {}, body, agent = false } = {}) {
	return new Promise((resolve, reject) => {
		const req = http.request({ host, port, method, path, headers, agent },
			(res) => {
				let text = '';
				res.on('data', (d) => { text += d; });
				res.on('end', () => resolve({
					status: res.statusCode,
					headers: res.headers,
					text,
				}));
			});
		req.on('error', reject);
		req.end(body);
	});
}

// A client with emulation, over http_stream or sse.
class Emulated {
	static async open(transport = 'http_stream', params = {}, headers = '') {
		const connect = JSON.stringify({ id: 1, connect: params });
		const e = new Emulated();
		e.stream = transport === 'sse' ?
			await Stream.open('GET',
				`/connection/sse?${connectParam(connect)}`, { headers }) :
			await Stream.open('POST', '/connection/http_stream',
				{ body: connect, headers });
		const reply = await e.stream.message((m) => m.id === 1);
		assert.ok(reply.connect, JSON.stringify(reply));
		e.connected = reply.connect;
		e.id = 1;
		return e;
	}
	post(data, changes = {}) {
		const { session, node } = this.connected;
		return ask('POST', '/emulation',
			{ body: JSON.stringify({ session, node, data, ...changes }) });
	}
	// Posts commands: [METHOD, PARAMS]...; gives the id of the last.
	async send(...commands) {
		const text = commands.map(([method, params]) =>
			JSON.stringify({ id: ++this.id, [method]: params }));
		const id = this.id;
		assert.equal((await this.post(text.join('\n'))).status, 204);
		return id;
	}
	async call(method, params = {}) {
		const id = await this.send([method, params]);
		return this.stream.message((m) => m.id === id);
	}
	async result(method, params) {
		const reply = await this.call(method, params);
		assert.ok(reply[method], JSON.stringify(reply));
		return reply[method];
	}
}

module.exports = { Emulated, Stream, ask, connectParam, request };
