// SPDX-License-Identifier: MIT
//
// raw.js SCENARIO [ARG...]: clients that break the rules, byte by byte, against
// a running dnot-serve (DNOT_URL). Exits 0 when the server reacted as the
// scenario says. DNOT_PID is the server's process, to watch its memory.
'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { CONNECT, Client, KEY, PATIENCE, Raw, api, connect, frame, grewAtMost,
	host, memory, metric, open, page, port, run, token, until, upgrade } =
	require('./client');

// Refused, but the connection may go on, as HTTP has it.
async function denied(bytes, ...statuses) {
	const raw = await Raw.open();
	raw.send(bytes);
	const status = await raw.status();
	assert.ok(statuses.includes(status), `status ${status}`);
	return raw;
}

// Broken HTTP: nobody knows what follows, so that it ends there.
async function refused(bytes, ...statuses) {
	const raw = await denied(bytes, ...statuses);
	await raw.end();
}

async function closes(bytes, ...codes) {
	const raw = await connect();
	raw.send(bytes);
	const code = await raw.closeCode();
	assert.ok(codes.includes(code), `close code ${code}`);
	await raw.end();
}

// Of the publications in a message.
function offsets(payload) {
	return payload.toString().split('\n').map(JSON.parse)
		.flatMap((o) => o.push?.pub ? [o.push.pub.offset] : []);
}

const post = (path, headers, body = '') =>
	`POST ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n` +
	`X-API-Key: ${KEY}\r\nContent-Type: application/json\r\n${headers}\r\n` +
	body;

const scenarios = {
	async garbage() {
		await refused(randomBytes(4096), 400);
		await refused('\r\n\r\n\r\n\r\nhello\r\n\r\n', 400);
		await refused('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400);
		await refused(Buffer.alloc(100000, 'A'), 400, 414, 431);
		await refused('SSH-2.0-OpenSSH_9.2p1\r\n\r\n', 400);
	},

	async 'half-handshake'() {
		const text = upgrade();
		for (let n = 1; n < text.length; n += 7) {
			const raw = await Raw.open();
			raw.socket.end(text.slice(0, n));
			await raw.end();
		}
	},

	// One byte at a time is slow but right.
	async 'byte-by-byte'() {
		const raw = await Raw.open();
		for (const byte of upgrade())
			await raw.push(byte);
		assert.equal(await raw.status(), 101);
		await raw.until('the head', () =>
			raw.got.includes('\r\n\r\n'));
		raw.got = raw.got.subarray(raw.got.indexOf('\r\n\r\n') + 4);
		for (const byte of frame(CONNECT))
			await raw.push(Buffer.from([byte]));
		assert.ok((await raw.reply(1)).connect);
		raw.socket.destroy();
	},

	// The whole conversation in one packet.
	async 'all-at-once'() {
		const raw = await Raw.open();
		raw.send(Buffer.concat([Buffer.from(upgrade()), frame(CONNECT),
			frame('{"id":2,"subscribe":{"channel":"once"}}'),
			frame('{"id":3,"publish":{"channel":"once","data":1}}')]));
		assert.equal(await raw.status(), 101);
		await raw.until('the head', () =>
			raw.got.includes('\r\n\r\n'));
		raw.got = raw.got.subarray(raw.got.indexOf('\r\n\r\n') + 4);
		assert.ok((await raw.reply(3)).publish);
		raw.socket.destroy();
	},

	// These need a server with short limits, else they take their time.
	async 'endless-handshake'() {
		const raw = await Raw.open();
		raw.send(upgrade().slice(0, -2));
		const timer = setInterval(() => raw.send('X-More: 1\r\n'), 50);
		await raw.end();
		clearInterval(timer);
		assert.ok(raw.got.length === 0 || await raw.status() >= 400);
	},

	async 'endless-body'() {
		const raw = await Raw.open();
		raw.send(post('/api/publish', 'Content-Length: 60000\r\n', '{"'));
		const timer = setInterval(() => raw.send(' '), 50);
		await raw.end();
		clearInterval(timer);
		assert.ok(raw.got.length === 0 || await raw.status() >= 400);
	},

	async 'no-connect'() {
		const raw = await open();
		assert.equal(await raw.closeCode(), 3502);
		await raw.end();
	},

	async 'no-pong'() {
		const raw = await connect();
		assert.equal(await raw.closeCode(), 3012);
		await raw.end();
	},

	async headers() {
		const big = `X-Big: ${'a'.repeat(70000)}\r\n`;
		await refused(upgrade(big), 431);
		await refused(upgrade('X: 1\r\n'.repeat(5000)), 431);
		await refused(upgrade('', '/' + 'a'.repeat(70000)), 414, 431);
		await refused(upgrade('X : 1\r\n'), 400);
		await refused(upgrade('X: a\0b\r\n'), 400);
		await refused(upgrade('X: 1\r\n folded\r\n'), 400);
		await refused(upgrade('Host: again\r\n'), 400);
		await refused(upgrade().replace(/Host:[^\r]*\r\n/, ''), 400);
		await refused(upgrade().replace('HTTP/1.1', 'HTTP/9.9'), 400, 505);
	},

	async upgrades() {
		const drop = (re) => upgrade().replace(re, '');
		await denied(drop(/Sec-WebSocket-Key:[^\r]*\r\n/), 400, 426);
		await denied(upgrade().replace(/Version: 13/, 'Version: 7'),
			400, 426);
		await denied(upgrade().replace(/Key: [^\r]*/, 'Key: short'), 400);
		await denied(upgrade().replace('GET', 'POST'),
			400, 404, 405, 426);
	},

	// A web page from elsewhere must not reach a --dev server, nor one by
	// a name that was pointed here; a page of this machine may.
	async origins() {
		const evil = ['https://evil.example', 'null', '', 'file://',
			'http://127.0.0.1.evil.example',
			'http://127.0.0.1@evil.example',
			'http://localhost.evil.example:80',
			'http://evil.example/http://127.0.0.1',
			'http://127.0.0.1:1:2', 'http://[::1].evil.example'];
		for (const origin of evil) {
			await denied(upgrade(`Origin: ${origin}\r\n`), 403);
			await denied(post('/api/publish', `Origin: ${origin}\r\n` +
				'Content-Length: 2\r\n', '{}'), 403);
		}
		for (const name of ['evil.example', '127.0.0.1.evil.example',
			'localhost.evil.example', '10.0.0.1', '0.0.0.0']) {
			const rebound = `Host: ${name}:${port}`;
			await denied(upgrade().replace(/Host:[^\r]*/, rebound), 403);
			await denied(`GET /metrics HTTP/1.1\r\n${rebound}\r\n\r\n`,
				403);
		}
		await denied(upgrade('Origin: http://localhost:3000\r\n'), 101);
	},

	async bodies() {
		const huge = 'Content-Length: 9999999999\r\n';
		await refused(post('/api/publish', huge), 413);
		await refused(post('/api/publish', 'Content-Length: 2\r\n' +
			'Content-Length: 3\r\n', '{}'), 400);
		await refused(post('/api/publish', 'Content-Length: 2\r\n' +
			'Transfer-Encoding: chunked\r\n', '{}'), 400);
		await refused(post('/api/publish', 'Content-Length: -2\r\n'), 400);
		await refused(post('/api/publish',
			'Transfer-Encoding: chunked\r\n', 'zz\r\n'), 400);
		await refused(post('/api/publish', 'Transfer-Encoding: chunked' +
			'\r\n', 'ffffffffffffffff\r\n'), 400, 413);
	},

	async 'frames'() {
		await closes(frame('{}', { mask: false }), 1002);
		await closes(frame('{}', { opcode: 3 }), 1002);
		await closes(frame('{}', { opcode: 0 }), 1002);
		await closes(frame('', { opcode: 9, fin: false }), 1002);
		await closes(frame('x'.repeat(126), { opcode: 9 }), 1002);
		await closes(Buffer.from([0xf1, 0x80, 1, 2, 3, 4]), 1002);
		await closes(frame('x', { opcode: 8 }), 1002);
		await closes(frame([3, 0xe7], { opcode: 8 }), 1002);
		// A length that is not the shortest form.
		await closes(Buffer.from([0x81, 0xfe, 0, 1, 0, 0, 0, 0, 32]),
			1002);
		await closes(frame([0x22, 0xff, 0x22]), 1007);
		await closes(frame([0x22, 0xed, 0xa0, 0x80, 0x22]), 1007);
		await closes(frame('{}', { opcode: 2 }), 1003, 3501);
		await closes(frame('', {}), 3501);
		await closes(frame('no json'), 3501);
		await closes(frame('{"id":2}'), 3501);
		await closes(frame('{"id":2,"subscribe":{}}'), 3501);
		await closes(frame(CONNECT), 3501);
		await closes(frame('['.repeat(60000)), 3501);
	},

	async oversize() {
		const before = memory();
		for (const length of [65537, 2 ** 31, 2n ** 62n]) {
			await closes(frame('x', { length }), 1009);
		}
		await closes(frame('x'.repeat(70000)), 1009);
		await closes(frame('x'.repeat(1 << 22)), 1009);
		grewAtMost(before, 8192);
	},

	// Fragments that never end: bounded in bytes and in number.
	async fragments() {
		const before = memory();
		for (const size of [1, 0, 1000]) {
			const raw = await connect();
			const body = 'x'.repeat(size);
			const more = Buffer.concat(Array.from({ length: 1000 }, () =>
				frame(body, { opcode: 0, fin: false })));
			await raw.push(frame(body, { fin: false }));
			for (let i = 0; i < 500 && !raw.ended; i++)
				await raw.push(more);
			await raw.end();
		}
		grewAtMost(before, 16384);
	},

	// Pings without end from one who reads no pong.
	async pings() {
		const before = memory();
		const raw = await connect();
		raw.socket.pause();
		const flood = Buffer.concat(Array.from({ length: 10000 }, () =>
			frame('ping', { opcode: 9 })));
		for (let i = 0; i < 30 && !raw.ended; i++)
			await Promise.race([raw.push(flood),
				new Promise((r) => setTimeout(r, 200))]);
		grewAtMost(before, 16384);
		raw.socket.destroy();
	},

	// Who reads nothing is closed as slow; who reads gets everything, in
	// order, and the server holds no more than its limits.
	async 'stopped-reader'() {
		const channel = 'stopped';
		const subscribe = `{"id":2,"subscribe":{"channel":"${channel}"}}`;
		const slow = await connect(), good = await connect();
		for (const raw of [slow, good]) {
			raw.send(frame(subscribe));
			assert.ok((await raw.reply(2)).subscribe);
		}
		slow.socket.pause();
		const before = memory();
		const publisher = await connect();
		const N = 2000, text = 'y'.repeat(20000);
		let next = 1;
		for (let i = 1; i <= N; i++) {
			await publisher.push(frame(`{"id":${i + 1},"publish":{` +
				`"channel":"${channel}","wait":"logged",` +
				`"data":"${i}:${text}"}}`));
			if (i % 50)
				continue;
			// What waits for the log is memory, too.
			assert.ok((await publisher.reply(i + 1)).publish);
			while (next <= i) {
				const { opcode, payload } = await good.frame();
				assert.equal(opcode, 1);
				for (const offset of offsets(payload))
					assert.equal(offset, next++);
			}
		}
		assert.equal(next, N + 1);
		grewAtMost(before, 32768);
		assert.match(await page('/metrics'), /^dnot_slow_total 1$/m);
		// What it still gets has no hole, and ends with the reason, unless
		// it read so late that the socket is gone.
		slow.socket.resume();
		await slow.end();
		next = 1;
		while (slow.has()) {
			const { opcode, payload } = slow.whole();
			if (opcode === 8) {
				assert.equal(payload.readUInt16BE(0), 3008);
				break;
			}
			for (const offset of offsets(payload))
				assert.equal(offset, next++);
		}
		assert.ok(next < N);
	},

	// Little enough for the queue, but for too long. Needs a short queue_age.
	async 'old-queue'() {
		const slow = await connect(), publisher = await connect();
		slow.send(frame('{"id":2,"subscribe":{"channel":"old"}}'));
		assert.ok((await slow.reply(2)).subscribe);
		slow.socket.pause();
		const data = 'y'.repeat(60000);
		for (let i = 2; i < 202; i++) {
			publisher.send(frame(`{"id":${i},"rpc":{"method":` +
				'"publish","data":{"channel":"old","wait":' +
				`"written","data":"${data}"}}}`));
		}
		// Back in time to read why it was closed.
		while (!/^dnot_slow_total 1$/m.test(await page('/metrics')))
			await new Promise((r) => setTimeout(r, 10));
		slow.socket.resume();
		assert.equal(await slow.closeCode(), 3008);
		await slow.end();
		// An answer comes once nobody has its record in a queue any more,
		// in any order.
		let given = 0;
		for (let i = 2; i < 202; i++)
			given += (await publisher.reply()).rpc.data.slow ?? 0;
		assert.ok(given > 0, 'nothing was given up as slow');
	},

	// Hundreds who only open, and one who works.
	async idlers() {
		const idle = [];
		for (let i = 0; i < 500; i++)
			idle.push(await Raw.open());
		for (let i = 0; i < 500; i += 2)
			idle[i].send('GET / HT');
		await scenarios['all-at-once']();
		for (const raw of idle)
			raw.socket.resetAndDestroy();
	},

	// Opened under one configuration, connected under another one, and gone
	// while its call is on the way. One loop; server.err is here.
	async 'reload-between'() {
		const reloads = () => readFileSync('server.err', 'utf8')
			.split('configuration reloaded').length - 1;
		const reload = async () => {
			const before = reloads();
			process.kill(Number(process.env.DNOT_PID), 'SIGHUP');
			while (reloads() === before)
				await new Promise((r) => setTimeout(r, 10));
		};
		const publisher = await connect();
		for (let i = 2; i < 122; i++)
			publisher.send(frame(`{"id":${i},"publish":` +
				'{"channel":"many","data":1}}'));
		await publisher.reply(121);
		await reload();
		const raw = await open();
		await reload();
		raw.send(frame(CONNECT));
		assert.ok((await raw.reply(1)).connect);
		raw.send(Buffer.concat([
			frame('{"id":2,"history":{"channel":"many","limit":-1}}'),
			frame('{"id":3,"nothing":{}}')]));
		assert.equal(await raw.closeCode(), 3501);
		await raw.end();
	},

	// An expired token is no way in, nor is no token behind it.
	async 'expired-token'(token) {
		const raw = await open();
		raw.send(frame(`{"id":1,"connect":{"token":"${token}"}}`));
		assert.equal((await raw.reply(1)).error.code, 109);
		raw.send(frame('{"id":2,"connect":{}}'));
		assert.equal(await raw.closeCode(), 3501);
		await raw.end();
	},

	// Requests without end from one who never reads.
	async 'piled-requests'() {
		const before = memory();
		const raw = await Raw.open();
		raw.socket.pause();
		const some = ('GET /metrics HTTP/1.1\r\nHost: ' +
			`${host}:${port}\r\n\r\n`).repeat(1000);
		let took = 0;
		for (let i = 0; i < 200; i++) {
			const done = raw.push(some).then(() => true);
			if (!await Promise.race([done, new Promise((r) =>
				setTimeout(() => r(false), 200 * PATIENCE))]))
				break;
			took = i + 1;
		}
		assert.ok(took < 200, 'it goes on reading');
		grewAtMost(before, 16384);
		raw.socket.destroy();
	},

	// One small message whose answers are large, from one who does not read:
	// they are made as he reads them. All come in the end, in order.
	async 'heavy-message'() {
		const c = await Client.open();
		const data = 'h'.repeat(50000);
		for (let i = 0; i < 10; i++)
			await c.result('publish', { channel: 'heavy', data });
		const before = memory();
		const commands = [];
		for (let i = 0; i < 60; i++) {
			commands.push(['history', { channel: 'heavy', limit: -1 }],
				['subscribe', { channel: 'heavy', recover: true }],
				['unsubscribe', { channel: 'heavy' }]);
		}
		c.raw.socket.pause();
		c.send(...commands);
		await metric('dnot_commands_total', (n) => n > 11);
		for (let i = 0; i < 20; i++)
			await page('/health');
		grewAtMost(before, 16384);
		c.raw.socket.resume();
		for (const [i, [method]] of commands.entries()) {
			const { publications } =
				(await c.reply(i + 12))[method];
			assert.equal(publications?.length,
				method === 'unsubscribe' ? undefined : 10);
		}
		grewAtMost(before, 16384);
		c.gone();
	},

	// Commands that end their own connection, with more behind them in the
	// message, and with subscriptions that are just beginning.
	async 'closing-commands'() {
		const behind = [['subscribe', { channel: 'b' }],
			['publish', { channel: 'a', data: 2 }],
			['history', { channel: 'a', limit: -1 }]];
		const endings = [
			[['send', { data: 1 }], 3508],
			[['connect', {}], 3501],
			[['nothing', {}], 3501],
			[['refresh', { token: 'x' }], 3501],
			[['subscribe', { channel: 'd', delta: 'no' }], 3501],
			[['sub_refresh', { channel: 'a' }], 3501],
			[['sub_refresh', { channel: 'a', token: 'x' }], 3500],
			[['subscribe', { channel: 'd',
				token: token({ channel: 'e' }) }], 3500],
			[(id) => ['rpc', { method: 'disconnect',
				data: { user: '', client: id } }], 3503],
			[(id) => ['rpc', { method: 'batch', data: { commands: [
				{ subscribe: { user: '', client: id,
					channel: 'made' } },
				{ disconnect: { user: '', client: id } },
				{ publish: { channel: 'a', data: 3 } }] } }],
			3503],
		];
		for (const [ending, code] of endings) {
			const c = await Client.open({}, 'X-API-Key: dev\r\n');
			const command = typeof ending === 'function' ?
				ending(c.connected.client) : ending;
			c.send(['subscribe', { channel: 'a', recover: true }],
				['publish', { channel: 'a', data: 1 }], command,
				...behind);
			const [got] = await c.closed();
			assert.equal(got, code, JSON.stringify(command));
		}
		await metric('dnot_subscriptions', (n) => n === 0);
	},

	// Numbers at and beyond their ends.
	async numbers() {
		const c = await Client.open();
		const numbers = ['0', '-0', '1', '-1', '9007199254740993',
			'9223372036854775807', '9223372036854775808',
			'18446744073709551615', '18446744073709551616',
			'-9223372036854775808', '1.5', '1e3', '-1e400', 'null',
			'"1"', 'true', '[]', '{}'];
		let id = 10;
		const ask = async (text) => {
			c.text(text.replace('ID', ++id));
			return c.reply(id);
		};
		await ask('{"id":ID,"publish":{"channel":"n","data":1}}');
		for (const n of numbers) {
			const since = `"since":{"offset":${n},"epoch":""}`;
			for (const more of [`"limit":${n}`, `"limit":1,${since}`,
				`"limit":-1,"reverse":true,${since}`]) {
				const { history, error } = await ask('{"id":ID,' +
					`"history":{"channel":"n",${more}}}`);
				assert.ok(history || error.code === 107, more);
			}
			const { subscribe, error } = await ask('{"id":ID,"subscribe":' +
				`{"channel":"n","recover":true,"offset":${n},` +
				`"flag":${n},"epoch":""}}`);
			assert.ok(subscribe || [108, 112].includes(error.code), n);
			if (subscribe)
				await ask('{"id":ID,"unsubscribe":{"channel":"n"}}');
			const version = await ask('{"id":ID,"publish":{"channel":' +
				`"v","data":1,"version":${n}}}`);
			assert.ok(version.publish || version.error.code === 107, n);
		}
		for (const big of [1, 4294967295])
			assert.deepEqual((c.text(`{"id":${big},"ping":{}}`),
			await c.reply(big)), { id: big, ping: {} });
	},

	// Gone, or cut off by the server's end, while their first subscriptions
	// wait for the log, which is locked.
	async 'gone-beginning'(how) {
		for (const data of [1, 2])
			await api('publish', { channel: 'logged:x', data }, 'key');
		const all = [], subs = { 'logged:x': { recover: true } };
		const claims = { sub: '42', channels: ['logged:x'] };
		for (let i = 0; i < 20; i++) {
			const c = await Client.open(null);
			c.send(['connect', { token: token(claims), subs }],
				['subscribe', { channel: 'logged:y' }]);
			const d = await Client.open({ token: token({ sub: '43' }) });
			d.send(['subscribe', { channel: 'logged:x', recover: true }],
				['unsubscribe', { channel: 'logged:x' }],
				['subscribe', { channel: 'logged:x', recover: true }]);
			all.push(c, d);
		}
		if (how === 'stop')
			return process.kill(Number(process.env.DNOT_PID), 'SIGTERM');
		for (const [i, { raw }] of all.entries()) {
			if (i % 3 === 0)
				raw.socket.resetAndDestroy();
			else if (i % 3 === 1)
				raw.send(frame([3, 0xe8], { opcode: 8 }));
			else
				raw.socket.end();
		}
		await metric('dnot_connections', (n) => n === 0);
		await metric('dnot_subscriptions', (n) => n === 0);
		await until('channels', async () => Object.keys(
			(await api('channels', {}, 'key')).result.channels)
			.length === 0);
	},

	// Stopped at once, while nobody knows yet what was delivered.
	async 'stop-twice'() {
		const stuck = await connect();
		stuck.send(frame('{"id":2,"subscribe":{"channel":"session:s"}}'));
		assert.ok((await stuck.reply(2)).subscribe);
		stuck.socket.pause();
		const body = `{"channel":"session:s","data":"${'y'.repeat(60000)}"}`;
		for (let i = 0; i < 12; i++)
			await fetch(process.env.DNOT_URL + '/api/publish',
				{ method: 'POST', body });
		process.kill(Number(process.env.DNOT_PID), 'SIGTERM');
		process.kill(Number(process.env.DNOT_PID), 'SIGINT');
		stuck.socket.resume();
		await stuck.end();
	},

	// Gone in the middle of everything.
	async resets() {
		for (let i = 0; i < 50; i++) {
			const raw = await connect();
			raw.send(frame('{"id":2,"subscribe":{"channel":"r"}}'));
			raw.send(frame('{"id":3,"publish":{"channel":"r","data":' +
				`"${'z'.repeat(1000 * i)}"}}`).subarray(0, -i || 1e9));
			raw.socket.resetAndDestroy();
		}
		await scenarios['all-at-once']();
	},
};

run(scenarios);
