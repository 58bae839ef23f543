// SPDX-License-Identifier: MIT
//
// streams.js SCENARIO [ARG...]: clients of HTTP streaming, of SSE and of the
// one-way transports. Exits 0 when what the scenario expects came true.
'use strict';

const assert = require('node:assert/strict');

const { Client, KEY, PATIENCE, Raw, api, frame, grewAtMost, memory, metric, now,
	page, run, token, until, upgrade } = require('./client.js');
const { Emulated, Stream, ask, connectParam, request } =
	require('./stream.js');

const LIMIT = 65536;
const ORIGIN = 'Origin: http://localhost:3000\r\n';

const uniSse = (params, options) => Stream.open('GET',
	'/connection/uni_sse?' + connectParam(params), options);

async function publish(channel, data, extra = {}) {
	const { result } = await api('publish', { channel, data, ...extra });
	return result;
}

async function clients(channel) {
	const { result } = await api('presence_stats', { channel });
	return result.num_clients;
}

// The state of a one-way client after what it has read.
function subsOf(event) {
	return event.data.connect.subs;
}

// Reads frames up to a close; what else came is given to `seen`.
async function closeOf(raw, seen = () => {}) {
	for (;;) {
		const { opcode, payload } = await raw.frame();
		if (opcode === 8)
			return payload.readUInt16BE(0);
		seen(opcode, payload.toString());
	}
}

async function uniSocket(query = '', headers = '') {
	const raw = await Raw.open();
	raw.send(upgrade(headers, `/connection/uni_websocket${query}`));
	assert.equal(await raw.status(), 101);
	await raw.until('the head', () => raw.got.includes('\r\n\r\n'));
	raw.got = raw.got.subarray(raw.got.indexOf('\r\n\r\n') + 4);
	return raw;
}

async function uniMessage(raw) {
	const { opcode, payload } = await raw.frame();
	assert.equal(opcode, 1, payload.toString());
	return JSON.parse(payload.toString());
}

const scenarios = {
	// What comes before the first message, byte by byte.
	async beginning() {
		const connect = '{"id":7,"connect":{}}';
		const sse = `/connection/sse?${connectParam(connect)}`;
		const headers = {
			'cache-control': 'private, no-cache, no-store, ' +
				'must-revalidate, max-age=0',
			'pragma': 'no-cache',
			'expires': '0',
			'x-accel-buffering': 'no',
			'connection': 'close',
			'vary': 'Origin',
		};
		const streams = {
			sse: await Stream.open('GET', sse),
			post: await Stream.open('POST', '/connection/sse',
				{ body: connect }),
			lines: await Stream.open('POST', '/connection/http_stream',
				{ body: connect }),
		};
		for (const [name, s] of Object.entries(streams)) {
			const { connect: result } = await s.message((m) => m.id === 7);
			assert.ok(result.session && result.node && result.pong, name);
			assert.equal(result.ping, 25);
			const own = { ...s.headers };
			delete own['content-type'];
			delete own['transfer-encoding'];
			assert.deepEqual(own, headers);
			assert.ok(s.chunked);
		}
		assert.equal(streams.sse.headers['content-type'],
			'text/event-stream; charset=utf-8');
		assert.equal(streams.lines.headers['content-type'],
			'application/json');
		// The line in front is a chunk of its own, and each message.
		for (const s of [streams.sse, streams.post]) {
			assert.equal(s.chunks[0], '\r\n');
			assert.match(s.chunks[1], /^data: \{"id":7.*\}\}\n\n$/);
			assert.equal(s.chunks.length, 2);
		}
		assert.match(streams.lines.chunks[0], /^\{"id":7.*\}\}\n$/);
		// For HTTP/1.0 it ends with the connection.
		const old = await Stream.open('GET', sse, { version: '1.0' });
		assert.ok(!old.chunked && !old.headers['content-length']);
		await old.message((m) => m.id === 7);
		assert.match(old.chunks.join(''), /^\r\ndata: \{"id":7.*\n\n$/);
		for (const s of [...Object.values(streams), old])
			s.gone();
	},

	// All commands of the first message are run.
	async 'first-message'() {
		const s = await Stream.open('POST', '/connection/http_stream', {
			body: '{"id":1,"connect":{}}\n' +
				'{"id":2,"subscribe":{"channel":"one"}}\n' +
				'{"id":3,"unsubscribe":{"channel":"one"}}\n' +
				'{"id":4,"subscribe":{"channel":"two"}}' });
		const ids = [];
		while (ids.length < 4)
			ids.push((await s.message((m) => m.id)).id);
		assert.deepEqual(ids.sort(), [1, 2, 3, 4]);
		await publish('two', 'here');
		await s.publication('here');
		assert.equal(await clients('one'), 0);
		s.gone();
	},

	// Methods and statuses of every endpoint.
	async statuses() {
		const get = ['/connection/websocket', '/connection/uni_websocket'];
		const post = ['/connection/http_stream', '/emulation',
			'/connection/uni_http_stream'];
		const both = ['/connection/sse', '/connection/uni_sse'];
		const wrong = async (paths, allow, methods) => {
			for (const path of paths) {
				for (const method of methods) {
					const { status, headers } = await ask(method, path);
					assert.equal(status, 405, `${method} ${path}`);
					assert.equal(headers.allow, allow);
				}
			}
		};
		await wrong(get, 'GET, OPTIONS', ['POST', 'PUT', 'DELETE', 'HEAD']);
		await wrong(post, 'POST, OPTIONS', ['GET', 'PUT', 'PATCH', 'HEAD']);
		await wrong(both, 'GET, POST, OPTIONS', ['PUT', 'DELETE', 'HEAD']);
		for (const path of [...get, ...post, ...both])
			assert.equal((await ask('OPTIONS', path)).status, 204);
		const is = async (status, method, path, options) => {
			const got = await ask(method, path, options);
			assert.equal(got.status, status, `${method} ${path}: ${got.text}`);
		};
		await is(404, 'GET', '/connection/none');
		await is(404, 'POST', '/connection/');
		// Nothing, or nothing that can be read.
		await is(400, 'GET', '/connection/sse');
		await is(400, 'GET', '/connection/sse?cf_connect=');
		await is(400, 'GET', '/connection/sse?cf_connect=%zz');
		await is(400, 'GET', '/connection/sse?cf_connect=%00');
		await is(400, 'POST', '/connection/sse');
		await is(400, 'POST', '/connection/http_stream');
		for (const bad of ['%', '{', '[]', '1', '"x"', '{}x']) {
			const body = { body: bad };
			await is(400, 'GET', '/connection/uni_sse?cf_connect=' +
				(bad === '%' ? bad : encodeURIComponent(bad)));
			await is(400, 'POST', '/connection/uni_sse', body);
			await is(400, 'POST', '/connection/uni_http_stream', body);
		}
		await is(400, 'GET', '/connection/uni_websocket?cf_connect=%zz');
		await is(414, 'GET', `/connection/sse?cf_connect=${'a'.repeat(9000)}`);
		// Bodies over the limit, also of the parser.
		for (const path of [...post, ...both]) {
			for (const n of [LIMIT + 1, 3000000])
				await is(413, 'POST', path, { body: 'x'.repeat(n) });
		}
		await is(400, 'POST', '/emulation', { body: 'x'.repeat(LIMIT) });
	},

	// A server key that is none.
	async keys() {
		const get = ['/connection/websocket', '/connection/uni_websocket'];
		const both = ['/connection/sse', '/connection/uni_sse'];
		const headers = { 'X-API-Key': 'wrong' };
		for (const path of [...get, ...both]) {
			const query = '?' + connectParam({ id: 1, connect: {} });
			const { status } = await ask('GET', path + query, {
				headers: get.includes(path) ? {
					...headers,
					'Connection': 'Upgrade', 'Upgrade': 'websocket',
					'Sec-WebSocket-Version': '13',
					'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
				} : headers });
			assert.equal(status, 401);
		}
		const { status } = await ask('POST', '/connection/http_stream',
			{ headers, body: '{"id":1,"connect":{}}' });
		assert.equal(status, 401);
	},

	// An answer to HEAD has no body, and the connection goes on.
	async head() {
		const raw = await Raw.open();
		raw.send(request('HEAD', '/connection/sse') +
			request('HEAD', '/none') + request('HEAD', '/ready') +
			request('GET', '/health'));
		await raw.until('all', () => raw.got.toString().endsWith('\r\n{}'));
		const text = raw.got.toString();
		assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 405',
			'HTTP/1.1 404', 'HTTP/1.1 200', 'HTTP/1.1 200']);
		assert.deepEqual(text.match(/Content-Length: \d+/g).map((l) =>
			l.slice(16)), ['19', '10', '31', '2']);
		assert.ok(!/method|not found|degraded/.test(
			text.replace(/^HTTP.*$/mg, '')));
		raw.socket.destroy();
	},

	// Commands that are none end the stream with a reason.
	async malformed() {
		for (const body of ['x', '{}', '[]', '{"id":1}', '{"id":1,"connect":1}',
			'{"id":2,"subscribe":{"channel":"c"}}', '\n',
			'{"id":1,"connect":{}}\n\n']) {
			const s = await Stream.open('POST', '/connection/http_stream',
				{ body });
			assert.equal(await s.disconnect(), 3501, body);
			const sse = await Stream.open('POST', '/connection/sse',
				{ body });
			assert.equal(await sse.disconnect(), 3501, body);
		}
		const e = await Emulated.open();
		assert.equal((await e.post('no command')).status, 204);
		assert.equal(await e.stream.disconnect(), 3501);
		const second = await Emulated.open('sse');
		await second.send(['connect', {}]);
		assert.equal(await second.stream.disconnect(), 3501);
		const empty = await Emulated.open('sse');
		await empty.post('');
		assert.equal(await empty.stream.disconnect(), 3501);
	},

	// POST /emulation, answer by answer.
	async emulation() {
		const e = await Emulated.open();
		const { session, node } = e.connected;
		const is = async (status, body, text) => {
			const got = await ask('POST', '/emulation', { body:
				typeof body === 'string' ? body : JSON.stringify(body) });
			assert.equal(got.status, status, JSON.stringify(body));
			assert.equal(status === 204, got.text === '');
			assert.ok(text === undefined || got.text.includes(text));
		};
		const data = '{"id":9,"rpc":{}}';
		for (const body of ['', 'x', '[]', '"x"', `{"session":"${session}"`,
			{ node, data }, { session, node }, { session, node, data: 1 },
			{ session: 1, node, data }, { session, node, data: { id: 9 } }])
			await is(400, body);
		for (const name of ['', 'x', node.slice(1), undefined, 1])
			await is(404, { session, node: name, data });
		// Nobody else's and nobody's are one answer, and nothing is run.
		const other = session.at(-1) === '0' ? '1' : '0';
		for (const bad of ['', 'x', session.slice(1), `${session}0`,
			session.slice(0, -1) + other, `ffff${session.slice(4)}`,
			session.slice(0, 4) + 'f'.repeat(16) + session.slice(20)])
			await is(204, { session: bad, node, data: 'no command' });
		assert.equal((await e.call('rpc', { method: 'm' })).error.code, 108);
		// Over many connections, and each reply comes down.
		await e.result('subscribe', { channel: 'em' });
		await e.result('publish', { channel: 'em', data: 'mine' });
		const id = await e.send(['presence', { channel: 'em' }],
			['history', { channel: 'em', limit: 1 }]);
		const { history } = await e.stream.message((m) => m.id === id);
		assert.equal(history.publications[0].data, 'mine');
		await e.result('unsubscribe', { channel: 'em' });
		assert.equal(await clients('em'), 0);
		e.stream.gone();
		await until('the end', async () =>
			(await e.post('no command')).status === 204 &&
			/^dnot_connections 0$/m.test(await page('/metrics')));
	},

	// Who waits for each answer keeps its order, whatever loop a request
	// lands on.
	async 'emulation-order'() {
		const N = 300;
		const e = await Emulated.open('sse');
		await e.result('subscribe', { channel: 'order' });
		for (let i = 1; i <= N; i++)
			await e.send(['publish', { channel: 'order', data: i }]);
		for (let i = 1; i <= N; i++) {
			const { push } = await e.stream.message((m) => m.push?.pub);
			assert.equal(push.pub.data, i);
		}
		e.stream.gone();
	},

	// While replies pile up, commands wait, and so do the answers to their
	// requests. Then all of them are run.
	async 'emulation-waits'() {
		const before = memory();
		const [e, posts] = await stuck('x');
		grewAtMost(before, 32768);
		e.stream.raw.socket.resume();
		for (const { id } of posts)
			await e.stream.message((m) => m.id === id && m.history);
		for (const { answer } of posts)
			assert.equal((await answer).status, 204);
		assert.ok((await e.result('ping', {})));
		e.stream.gone();
	},

	// Nobody waits without bound: one too many is closed as slow.
	async 'emulation-full'() {
		const before = memory();
		const [e, posts] = await stuck('x'.repeat(50000));
		const more = Array.from({ length: 6 }, (_, i) =>
			e.post(`{"id":${i + 900},"ping":{"pad":"${'x'.repeat(50000)}"}}`));
		await metric('dnot_slow_total', (n) => n === 1);
		for (const { answer } of posts)
			assert.equal((await answer).status, 204);
		for (const answer of more)
			assert.equal((await answer).status, 204);
		grewAtMost(before, 32768);
		e.stream.raw.socket.resume();
		assert.equal(await e.stream.disconnect(), 3008);
	},

	// A stream whose client is gone leaves its channels at once, not at the
	// next ping; also where commands of it wait.
	async gone() {
		const [e] = await stuck('x');
		for (const s of [e, await Emulated.open('http_stream'),
			await Emulated.open('sse')]) {
			if (s !== e)
				await s.result('subscribe', { channel: 'stuck' });
			assert.equal(await clients('stuck'), 1);
			s.stream.raw.socket.resetAndDestroy();
			await until('nobody', async () =>
				await clients('stuck') === 0);
		}
		for (const path of ['uni_sse', 'uni_http_stream']) {
			const s = await Stream.open('POST', `/connection/${path}`,
				{ body: '{"subs":{"stuck":{}}}' });
			await s.event();
			assert.equal(await clients('stuck'), 1);
			s.raw.socket.end();
			await until('nobody', async () =>
				await clients('stuck') === 0);
		}
	},

	// Who reads nothing is closed; who reads gets everything, in order. What
	// the slow one still gets ends with the reason, and the id of its last
	// event tells exactly what it has.
	async slow(transport) {
		const N = 800, text = 'y'.repeat(20000);
		const channel = `slow-${transport}`;
		const open = () => transport === 'uni_sse' ?
			uniSse({ subs: { [channel]: {} } }) :
			Stream.open('POST', `/connection/${transport}`,
				{ body: '{"id":1,"connect":{}}\n' +
					`{"id":2,"subscribe":{"channel":"${channel}"}}` });
		const slow = await open(), good = await open();
		const joined = (m) => m.id === 2 || m.connect?.subs;
		await slow.event(joined);
		await good.event(joined);
		slow.raw.socket.pause();
		const before = memory();
		const at = (m) => m.pub ?? m.push?.pub;
		for (let i = 1; i <= N; i++) {
			await publish(channel, `${i}:${text}`);
			const { offset } = at(await good.message(at));
			assert.equal(offset, i);
		}
		grewAtMost(before, 32768);
		await metric('dnot_slow_total', (n) => n === 1);
		slow.raw.socket.resume();
		await slow.raw.end();
		slow.takeAll();
		let next = 1;
		for (const { data } of slow.events)
			if (at(data))
				assert.equal(at(data).offset, next++);
		assert.ok(next < N);
		const last = slow.events.at(-1).data;
		assert.ok(!slow.complete ||
			(last.push ?? last).disconnect.code === 3008);
	},

	// Wherever its reading ended, the id of the last event that it got whole
	// says what it has: none is of one that was dropped. Needs small queues.
	async 'slow-ids'() {
		const c = await Client.open();
		let offset = 0, within = 0;
		for (let round = 1; round <= 12; round++) {
			const s = await uniSse({ subs: { slow: {} } });
			const { id } = await s.event();
			check(id, { slow: offset });
			s.raw.socket.pause();
			const data = 'y'.repeat(round * 17);
			for (let i = 0; i < 6000; i += 20) {
				c.send(...Array.from({ length: 20 }, () =>
					['publish', { channel: 'slow', data }]));
				await c.result('ping', {});
				c.messages = [];
			}
			await metric('dnot_slow_total', (n) => n === round);
			s.raw.socket.resume();
			assert.equal(await s.disconnect(), 3008);
			let last = id;
			for (const e of s.events) {
				if (e.data.pub)
					assert.equal(e.data.pub.offset, ++offset);
				last = e.id ?? last;
			}
			check(last, { slow: offset });
			within += s.events.length > 1;
			offset = (await c.result('history',
				{ channel: 'slow', limit: 0 })).offset;
		}
		assert.ok(within >= 6, `${within} rounds show something`);
	},

	// The same for too long a time. Needs a short queue_age.
	async 'old-queue'() {
		const s = await uniSse({ subs: { old: {} } });
		await s.event();
		s.raw.socket.pause();
		for (let i = 0; i < 200; i++)
			await publish('old', 'y'.repeat(60000));
		await metric('dnot_slow_total', (n) => n === 1);
		s.raw.socket.resume();
		assert.equal(await s.disconnect(), 3008);
	},

	// Nobody answers pings on a one-way stream: one that takes nothing any
	// more is given up, whatever its queue may hold. Needs short pings.
	async 'no-reader'() {
		const s = await uniSse({ subs: { old: {} } });
		await s.event();
		s.raw.socket.pause();
		for (let i = 0; i < 200; i++)
			await publish('old', 'y'.repeat(60000));
		await metric('dnot_connections', (n) => n === 0);
		await metric('dnot_slow_total', (n) => n === 0);
		s.gone();
	},

	// Pings come down; pongs go by POST, or the stream ends. Needs short ones.
	async pings() {
		const ping = (m) => Object.keys(m).length === 0;
		const good = await Emulated.open('sse');
		const bad = await Emulated.open('http_stream');
		const uni = [await uniSse({}), await Stream.open('POST',
			'/connection/uni_http_stream', { body: '{}' })];
		for (let i = 0; i < 3; i++) {
			await good.stream.message(ping);
			assert.equal((await good.post('{}')).status, 204);
		}
		// A pong that nobody asked for.
		await good.post('{}');
		assert.equal(await good.stream.disconnect(), 3501);
		assert.equal(await bad.stream.disconnect(), 3012);
		for (const s of uni) {
			for (let i = 0; i < 3; i++)
				await s.message(ping);
		}
		// A one-way WebSocket gets both kinds and has to answer its own.
		const raw = await uniSocket('?' + connectParam({}));
		const kinds = [];
		assert.equal(await closeOf(raw, (opcode, text) =>
			kinds.push(opcode === 1 ? Object.keys(JSON.parse(text))[0] ??
				'ping' : opcode)), 3012);
		assert.deepEqual(kinds, ['connect', 'ping', 9]);
		const answers = await uniSocket('?' + connectParam({}));
		for (let i = 0; i < 3;) {
			const { opcode, payload } = await answers.frame();
			assert.ok(opcode === 1 || opcode === 9, payload.toString());
			if (opcode !== 9)
				continue;
			answers.send(frame(payload, { opcode: 10 }));
			i++;
		}
		for (const s of [...uni])
			s.gone();
		answers.socket.destroy();
	},

	// SIGTERM ends every kind in order, completely.
	async drain() {
		const e = await Emulated.open();
		const streams = [e.stream, (await Emulated.open('sse')).stream,
			await uniSse({}), await Stream.open('POST',
				'/connection/uni_http_stream'),
			await Stream.open('GET', '/connection/uni_sse',
				{ version: '1.0' })];
		for (const s of streams.slice(2))
			await s.event();
		const raw = await uniSocket('?' + connectParam({}));
		await raw.frame();
		const [waits, posts] = await stuck('x');
		process.kill(Number(process.env.DNOT_PID), 'SIGTERM');
		for (const s of streams)
			assert.equal(await s.disconnect(), 3001);
		assert.equal(await closeOf(raw), 3001);
		for (const { answer } of posts)
			assert.equal((await answer).status, 204);
		waits.stream.gone();
	},

	// The one-way transports, message by message.
	async uni() {
		const open = {
			sse: (o) => uniSse(o),
			post: (o) => Stream.open('POST', '/connection/uni_sse',
				{ body: JSON.stringify(o) }),
			lines: (o) => Stream.open('POST',
				'/connection/uni_http_stream', { body: JSON.stringify(o) }),
		};
		for (const [name, start] of Object.entries(open)) {
			const channel = `uni-${name}`;
			const s = await start({ subs: { [channel]: {} }, name });
			const { connect } = await s.message();
			assert.match(connect.client, /^[0-9a-f-]{36}$/);
			assert.ok(connect.session && connect.ping === 25);
			assert.ok(!('pong' in connect) && !('node' in connect));
			assert.deepEqual(Object.keys(connect.subs), [channel]);
			await publish(channel, 'here');
			const event = await s.publication('here');
			assert.deepEqual(Object.keys(event.data), ['channel', 'pub']);
			assert.equal(event.data.channel, channel);
			assert.equal(event.data.pub.offset, 1);
			// However it was written, a message is one line.
			await ask('POST', '/api/publish', { headers: {
				'X-API-Key': KEY }, body: `{"channel":"${channel}",` +
				'"data":{\r\n"a":\r[1,\n\n2]},"tags":{\r"x":\n"\u2028"}}' });
			const { pub } = await s.message((m) => m.pub);
			assert.deepEqual(pub.data, { a: [1, 2] });
			assert.equal(pub.tags.x, '\u2028');
			// It hears nothing from its own session but what it reads.
			const node = (await Emulated.open()).connected.node;
			await ask('POST', '/emulation', { body: JSON.stringify(
				{ session: connect.session, node, data: '{}' }) });
			assert.equal(await s.disconnect(), 3501);
		}
		for (const path of ['uni_sse', 'uni_http_stream']) {
			const s = await Stream.open('POST', `/connection/${path}`);
			assert.ok((await s.message()).connect, 'empty is {}');
			s.gone();
		}
		const bare = await Stream.open('GET', '/connection/uni_sse');
		assert.ok((await bare.message()).connect);
		bare.gone();
	},

	async 'uni-websocket'() {
		const params = '{"subs":{"uw":{}}}';
		const asked = await uniSocket('?' + connectParam(params));
		const raw = await uniSocket();
		raw.send(frame(params));
		for (const r of [asked, raw]) {
			const { connect } = await uniMessage(r);
			assert.ok(connect.subs.uw.recoverable && connect.session);
			assert.ok(!('pong' in connect) && !('node' in connect));
		}
		await publish('uw', 'both');
		for (const r of [asked, raw]) {
			const push = await uniMessage(r);
			assert.equal(push.channel, 'uw');
			assert.equal(push.pub.data, 'both');
			r.send(frame('{}'));
			assert.equal(await closeOf(r), 3501);
			await r.end();
		}
		for (const bad of ['x', '[]', '', '{"id":1,"connect":{}}x']) {
			const r = await uniSocket();
			r.send(frame(bad));
			assert.equal(await closeOf(r), 3501, bad);
		}
		const wrong = await uniSocket('?' + connectParam('no json'));
		assert.equal(await closeOf(wrong), 3501);
		const binary = await uniSocket();
		binary.send(frame('{}', { opcode: 2 }));
		assert.equal(await closeOf(binary), 3501);
		// Two at once: the second one is an error behind the first.
		const two = await uniSocket();
		two.send(Buffer.concat([frame('{}'), frame('{}')]));
		const seen = [];
		assert.equal(await closeOf(two, (_, text) => seen.push(text)), 3501);
		assert.match(seen[0], /^\{"connect":/);
	},

	// Who a one-way client is. Needs the configuration of the suite.
	async 'uni-who'() {
		const user = token({ sub: 'ann', exp: now() + 60,
			channels: ['news:all'] });
		const bearer = (t) => ({ headers: `Authorization: Bearer ${t}\r\n` });
		for (const path of ['uni_sse', 'uni_http_stream']) {
			const open = (body, options) => Stream.open('POST',
				`/connection/${path}`,
				{ body: JSON.stringify(body), ...options });
			for (const s of [await open({ token: user }),
				await open({}, bearer(user)),
				await open({ token: user }, bearer('junk')),
				await open({}, { headers:
					`authorization: bEARER   ${user} \r\n` })]) {
				const { connect } = await s.message();
				assert.deepEqual(Object.keys(connect.subs), ['news:all']);
				assert.ok(connect.expires && connect.ttl > 50);
				s.gone();
			}
			const ends = async (code, body, options) => {
				const s = await open(body, options);
				assert.equal(await s.disconnect(), code);
				assert.equal(s.events.length, 1);
			};
			await ends(3501, {});
			await ends(3501, {}, { headers: 'Authorization: Basic YTpi\r\n' });
			await ends(3500, { token: 'junk' });
			await ends(3500, {}, bearer('junk'));
			await ends(3500, {}, bearer('"}{\\x'));
			await ends(3005, { token: token({ exp: now() - 100 }) });
			await ends(3507, { token: user, subs: { 'closed:x': {} } });
			await ends(3004, { token: user, subs: { 'unknown:x': {} } });
			// A server key makes it the tenant's own.
			const s = await open({ subs: { 'closed:x': {} } },
				{ headers: `X-API-Key: ${KEY}\r\n` });
			const { connect } = await s.message();
			assert.equal(connect.data.tenant, 't');
			await publish('closed:x', 1);
			await s.publication(1);
			s.gone();
		}
		const raw = await uniSocket();
		raw.send(frame('{}'));
		assert.equal((await uniMessage(raw)).connect.data.tenant, 't');
		raw.socket.destroy();
	},

	// A page reads answers of its allowed origin, errors included.
	async cors() {
		const origin = 'http://localhost:3000';
		const headers = { Origin: origin };
		const allowed = (h) => {
			assert.equal(h['access-control-allow-origin'], origin);
			assert.equal(h['access-control-allow-credentials'], 'true');
			assert.equal(h.vary, 'Origin');
		};
		const connect = { id: 1, connect: {} };
		const s = await Stream.open('GET', '/connection/sse?' +
			connectParam(connect), { headers: ORIGIN });
		allowed(s.headers);
		s.gone();
		for (const [status, method, path, body] of [
			[400, 'GET', '/connection/sse'], [405, 'GET', '/emulation'],
			[404, 'POST', '/emulation', '{"session":"","data":""}'],
			[400, 'POST', '/emulation', 'x'],
			[413, 'POST', '/emulation', 'x'.repeat(LIMIT + 1)],
			[413, 'POST', '/emulation', 'x'.repeat(3000000)],
			[404, 'GET', '/connection/none'],
			[426, 'GET', '/connection/websocket'],
			[401, 'POST', '/connection/http_stream', '{}']]) {
			const got = await ask(method, path, { body, headers:
				status === 401 ? { ...headers, 'X-API-Key': 'x' } :
					headers });
			if (status !== 401 || process.env.DNOT_KEY)
				assert.equal(got.status, status, `${method} ${path}`);
			allowed(got.headers);
		}
		const e = await Emulated.open();
		const posted = await ask('POST', '/emulation', { headers,
			body: JSON.stringify({ ...e.connected, data: '{"id":2,"ping":{}}'
			}) });
		assert.equal(posted.status, 204);
		allowed(posted.headers);
		e.stream.gone();
		// What a browser asks first.
		const asked = await ask('OPTIONS', '/connection/sse', { headers: {
			...headers, 'Access-Control-Request-Method': 'POST',
			'Access-Control-Request-Headers':
				'content-type,X-Mine , bad name,"q", ,a:b,ü' } });
		assert.equal(asked.status, 204);
		allowed(asked.headers);
		assert.equal(asked.headers['access-control-allow-methods'],
			'GET, POST, OPTIONS');
		assert.equal(asked.headers['access-control-allow-headers'],
			'content-type, X-Mine');
		assert.equal(asked.headers['access-control-max-age'], '300');
		const many = await ask('OPTIONS', '/emulation', { headers: {
			...headers, 'Access-Control-Request-Headers': 'a'.repeat(2000)
		} });
		assert.equal(many.headers['access-control-allow-headers'], undefined);
		assert.equal(many.headers['access-control-allow-methods'],
			'POST, OPTIONS');
		// Nothing of it for others, or elsewhere.
		const none = (h) => assert.deepEqual(Object.keys(h).filter((n) =>
			n.startsWith('access-control')), []);
		const foreign = { Origin: 'https://evil.example' };
		for (const [method, path] of [['GET', '/connection/sse'],
			['OPTIONS', '/emulation'], ['POST', '/emulation']]) {
			const got = await ask(method, path, { headers: foreign });
			assert.equal(got.status, 403);
			none(got.headers);
		}
		for (const [method, path] of [['GET', '/metrics'], ['GET', '/health'],
			['POST', '/api/info'], ['OPTIONS', '/api/info'],
			['OPTIONS', '/metrics'], ['GET', '/none']])
			none((await ask(method, path, { headers })).headers);
		none((await ask('OPTIONS', '/emulation')).headers);
	},

	// connection_limit 3, over all loops and transports.
	async 'connection-limit'() {
		const full = async () => {
			const statuses = [
				(await ask('GET', '/connection/uni_sse')).status,
				(await ask('POST', '/connection/http_stream',
					{ body: '{"id":1,"connect":{}}' })).status];
			const raw = await Raw.open();
			raw.send(upgrade());
			statuses.push(await raw.status());
			assert.deepEqual(statuses, [503, 503, 503]);
		};
		const e = await Emulated.open(), ws = await Client.open();
		const uni = await uniSse({});
		await uni.event();
		await full();
		// What is no connection of a client goes on.
		assert.ok(await e.result('ping', {}));
		assert.equal((await api('info')).result.nodes.length, 1);
		for (const end of [() => e.stream.gone(), () => ws.gone(),
			() => uni.gone()]) {
			end();
			await metric('dnot_connections', (n) => n === 2);
			const next = await uniSse({});
			await next.event();
			await full();
		}
		await metric('dnot_not_admitted_total', (n) => n === 12);
	},

	// connection_rate_limit 5: a second's worth at once, the rest waits.
	async 'connection-rate'() {
		const statuses = await Promise.all(Array.from({ length: 20 },
			async () => {
				const raw = await Raw.open();
				raw.send(request('GET', '/connection/uni_sse'));
				const status = await raw.status();
				if (status === 503)
					await raw.until('a body', () =>
						/Retry-After: 1\r\n/.test(raw.got));
				return status;
			}));
		const good = statuses.filter((s) => s === 200).length;
		assert.ok(good >= 5 && good <= 9, `${good} came in`);
		assert.equal(statuses.length - good,
			statuses.filter((s) => s === 503).length);
		await until('another', async () => {
			const raw = await Raw.open();
			raw.send(request('GET', '/connection/uni_sse'));
			return await raw.status() === 200;
		});
	},

	// A reload that takes the tenant away ends its streams.
	async reload() {
		const s = await uniSse({}, { headers: `X-API-Key: ${KEY}\r\n` });
		await s.event();
		process.kill(Number(process.env.DNOT_PID), 'SIGHUP');
		assert.equal(await s.disconnect(), 3503);
	},

	// What is said behind a request is not looked at, and costs nothing.
	async pipelined() {
		const before = memory();
		const raw = await Raw.open();
		raw.send(request('GET', '/health') + request('GET',
			'/connection/uni_sse') + request('GET', '/health'));
		const s = new Stream(raw);
		await s.head();
		assert.equal(s.headers['content-length'], '2');
		raw.got = raw.got.subarray(2);
		await s.head();
		await s.event();
		const some = request('POST', '/api/publish', { body:
			'{"channel":"piped","data":1}' }).repeat(1000);
		for (let i = 0; i < 100; i++)
			await raw.push(some);
		await publish('piped', 2);
		assert.equal((await api('history', { channel: 'piped', limit: 9 }))
			.result.offset, 1);
		grewAtMost(before, 8192);
		assert.equal(s.events.length, 0);
		s.gone();
	},

	// Half requests, resets, floods.
	async hostile() {
		const connect = '{"id":1,"connect":{}}';
		const whole = request('POST', '/connection/http_stream',
			{ body: connect });
		for (let n = 1; n < whole.length; n += 5) {
			const raw = await Raw.open();
			raw.socket.end(whole.slice(0, n));
			await raw.end();
		}
		for (let i = 0; i < 100; i++) {
			const raw = await Raw.open();
			await raw.push(whole);
			raw.socket.resetAndDestroy();
		}
		const e = await Emulated.open();
		const { session, node } = e.connected;
		const before = memory();
		// Secrets that are guessed, many at once.
		await Promise.all(Array.from({ length: 300 }, (_, i) =>
			e.post('no command', { session: session.slice(0, 20) +
				i.toString(16).padStart(32, '0') })));
		// Requests whose sender does not wait for the answer.
		for (let i = 0; i < 100; i++) {
			const raw = await Raw.open();
			await raw.push(request('POST', '/emulation', { body:
				JSON.stringify({ session, node,
					data: `{"id":${i + 2},"ping":{}}` }) }));
			raw.socket.resetAndDestroy();
		}
		// Commands of a session that ends itself, on many connections.
		const end = await Emulated.open('sse');
		const statuses = await Promise.all(Array.from({ length: 50 },
			() => end.post('no command')));
		assert.ok(statuses.every((s) => s.status === 204));
		assert.equal(await end.stream.disconnect(), 3501);
		for (const bad of [
			'Last-Event-ID: a\0b\r\n', 'Last-Event-ID: a\nb\r\n',
			'Origin: http://localhost\r\n\tx\r\n'])
			await Stream.open('GET', '/connection/uni_sse',
				{ headers: bad, status: 400 });
		await Stream.open('GET', '/connection/uni_sse', { headers:
			`Last-Event-ID: ${'A'.repeat(9000)}\r\n`, status: 431 });
		grewAtMost(before, 16384);
		assert.ok(await e.result('ping', {}));
		e.stream.gone();
	},

	// Ids: which events have one, and what they say.
	async ids() {
		const subs = { 'id-a': {}, 'id-b': {} };
		const s = await uniSse({ subs });
		const ids = [(await s.event()).id];
		assert.match(ids[0], /^[\w-]+$/);
		for (const [channel, data] of [['id-a', 1], ['id-b', 2], ['id-a', 3]]) {
			await publish(channel, data);
			ids.push((await s.publication(data)).id);
		}
		assert.equal(new Set(ids).size, 4);
		s.gone();
		// From each of them exactly the rest, whatever `subs` says.
		const rest = async (id, options = {}) => {
			const own = { 'id-a': { recover: true, offset: 0 }, 'id-b': {} };
			const again = await Stream.open('GET', '/connection/uni_sse?' +
				connectParam({ subs: own }) + (options.query ?? ''),
				{ headers: id ? `Last-Event-ID: ${id}\r\n` : '' });
			const event = await again.event();
			const { resumed, client, subs } = event.data.connect;
			assert.ok(Object.values(subs).every((x) => !x.publications));
			// What was missed is behind it, in front of all else.
			await api('send', { client, data: 'end' });
			const missed = [];
			for (;;) {
				const { data, id } = await again.event();
				if (data.message)
					break;
				missed.push({ id, data: data.pub.data });
			}
			again.gone();
			return { id: event.id, last: missed.at(-1)?.id ?? event.id,
				resumed, subs, missed: missed.map((m) => m.data).sort() };
		};
		const want = [[1, 2, 3], [2, 3], [3], []];
		for (const [i, id] of ids.entries()) {
			const got = await rest(id);
			assert.deepEqual(got.missed, want[i]);
			assert.ok(Object.values(got.subs).every((x) => x.recovered));
			assert.equal(got.resumed, true);
			assert.equal(got.id, id, 'connect stands where the client is');
			assert.equal(got.last, ids[3], 'and the last one at the end');
		}
		// EventSources that are made in a page use a parameter.
		const query = `&lastEventId=${ids[2]}`;
		assert.deepEqual((await rest('', { query })).missed, [3]);
		assert.deepEqual((await rest(ids[3], { query })).missed, []);
		// Without one the positions of `subs` count; an empty one is none.
		assert.deepEqual((await rest('')).missed, [1, 3]);
		assert.equal((await rest('')).resumed, undefined);
		assert.equal((await rest('', { query: '&lastEventId=' })).resumed,
			undefined);
		// What is no id of ours is told: the client may have missed things.
		for (const bad of ['17', 'garbage!', ids[3] + 'A', '"', 'A'.repeat(2049),
			Buffer.from('1 e x').toString('base64url'), '%00',
			{ query: '&lastEventId=%zz' }, { query: '&lastEventId=17' }]) {
			const got = bad.query ? await rest('', bad) : await rest(bad);
			assert.equal(got.resumed, false, bad);
			assert.deepEqual(got.missed, [1, 3]);
			assert.equal(got.last, ids[3]);
		}
		// Positions beyond the end, or of another epoch: not recovered.
		const made = (text) => Buffer.from(text).toString('base64url');
		const beyond = await rest(made('9 nope id-a\n99 nope id-b\n'));
		assert.equal(beyond.resumed, true);
		assert.equal(beyond.id, ids[3]);
		assert.deepEqual(beyond.missed, []);
		assert.ok(Object.values(beyond.subs).every((x) =>
			x.was_recovering && !x.recovered));
		// A channel that is not asked for stays unsubscribed.
		const foreign = await rest(made('0 e id-c\n'));
		assert.deepEqual(Object.keys(foreign.subs).sort(), ['id-a', 'id-b']);
	},

	// On the other one-way transports, where nobody sends ids, what was missed
	// is a part of the connect message.
	async 'uni-recovers'() {
		const { epoch } = await publish('rec', 1);
		await publish('rec', 2);
		const params = JSON.stringify({ subs: {
			rec: { recover: true, offset: 1, epoch } } });
		const s = await Stream.open('POST', '/connection/uni_http_stream',
			{ body: params, headers: 'Last-Event-ID: x\r\n' });
		const raw = await uniSocket('?' + connectParam(params));
		for (const { connect } of [await s.message(), await uniMessage(raw)]) {
			assert.equal(connect.subs.rec.recovered, true);
			assert.equal(connect.resumed, undefined);
			assert.deepEqual(connect.subs.rec.publications.map((p) =>
				p.data), [2]);
		}
		s.gone();
		raw.socket.destroy();
	},

	// What the API subscribes an EventSource to has ids as well, each behind
	// what came so far.
	async 'ids-api'() {
		const { epoch } = await publish('id-api', 1);
		await publish('id-api', 2);
		const s = await uniSse({ subs: { 'id-own': {} } });
		const { client } = (await s.message()).connect;
		await api('subscribe', { user: '', client, channel: 'id-api',
			recover_since: { offset: 0, epoch } });
		const first = await s.event((m) => m.subscribe);
		assert.equal(first.id, undefined);
		check((await s.event()).id, { 'id-own': 0, 'id-api': 1 });
		check((await s.event()).id, { 'id-own': 0, 'id-api': 2 });
		await api('unsubscribe', { user: '', client, channel: 'id-api' });
		await s.event((m) => m.unsubscribe);
		await publish('id-own', 3);
		check((await s.publication(3)).id, { 'id-own': 1 });
		s.gone();
	},

	// Events that move no position have no id, nor have other transports.
	// Needs the configuration of the suite.
	async 'ids-others'() {
		const headers = `X-API-Key: ${KEY}\r\n`;
		const s = await uniSse({ subs: { 'joins:a': {}, 'closed:a': {} } },
			{ headers });
		assert.match((await s.event()).id, /^[\w-]+$/);
		assert.equal((await s.event((m) => m.join)).id, undefined);
		await publish('joins:a', 1);
		assert.ok((await s.publication(1)).id);
		// A channel without a stream has no position.
		await publish('closed:a', 2);
		assert.equal((await s.publication(2)).id, undefined);
		s.gone();
		const bare = await uniSse({ subs: { 'closed:a': {} } }, { headers });
		assert.equal((await bare.event()).id, '');
		bare.gone();
		// Where only the newest counts, connect stands in front of it.
		const subs = { 'newest:a': {} };
		const newest = await uniSse({ subs }, { headers });
		const { id } = await newest.event();
		newest.gone();
		for (const data of [4, 5, 6])
			await publish('newest:a', data);
		const last = await uniSse({ subs },
			{ headers: `${headers}Last-Event-ID: ${id}\r\n` });
		check((await last.event()).id, { 'newest:a': 2 });
		const event = await last.event();
		assert.equal(event.data.pub.data, 6);
		check(event.id, { 'newest:a': 3 });
		last.gone();
		const none = await uniSse({ subs },
			{ headers: `${headers}Last-Event-ID: ${event.id}\r\n` });
		check((await none.event()).id, { 'newest:a': 3 });
		await publish('newest:a', 7);
		assert.equal((await none.event()).data.pub.data, 7);
		none.gone();
		const sse = await Emulated.open('sse', {}, headers);
		await sse.result('subscribe', { channel: 'joins:a' });
		await publish('joins:a', 3);
		assert.equal((await sse.stream.publication(3)).id, undefined);
		sse.stream.gone();
	},

	// More than an id can hold: an empty one, and the connect event says so.
	async 'ids-many'() {
		const names = Array.from({ length: 60 }, (_, i) =>
			`many-${'n'.repeat(20)}-${i}`);
		const open = (n, headers = '') => Stream.open('POST',
			'/connection/uni_sse', { headers, body: JSON.stringify({
				subs: Object.fromEntries(names.slice(0, n).map((name) =>
					[name, {}])) }) });
		const s = await open(60);
		const first = await s.event();
		assert.equal(first.id, '');
		assert.equal(first.data.connect.resumable, false);
		await publish(names[7], 'x');
		assert.equal((await s.publication('x')).id, '');
		s.gone();
		const few = await open(30);
		const event = await few.event();
		assert.ok(event.id.length > 1000 && event.id.length <= 2048);
		assert.equal(event.data.connect.resumable, undefined);
		few.gone();
		await publish(names[7], 'y');
		const again = await open(30, `Last-Event-ID: ${event.id}\r\n`);
		assert.equal((await again.event()).id, event.id);
		assert.equal((await again.event()).data.pub.data, 'y');
		again.gone();
	},

	// One EventSource after another goes on where the one before was cut off,
	// while all channels are published to: pushes that come while connect
	// still waits for one of them, and what was missed, are behind it, each
	// with the id that says what came so far. Needs more than one loop.
	async 'ids-held'() {
		const names = Array.from({ length: 20 }, (_, i) => `held-${i}`);
		const subs = Object.fromEntries(names.map((n) => [n, {}]));
		const c = await Client.open();
		let stop = false, sent = 0;
		const flood = (async () => {
			while (!stop) {
				c.send(...names.map((channel) =>
					['publish', { channel, data: ++sent }]));
				await c.result('ping', {});
				c.messages = [];
			}
		})();
		let at = Object.fromEntries(names.map((n) => [n, 0])), last = '';
		let resumed = 0;
		for (let round = 0; round < 60; round++) {
			const s = await uniSse({ subs },
				{ headers: last && `Last-Event-ID: ${last}\r\n` });
			const first = await s.event();
			assert.ok(first.data.connect, JSON.stringify(first));
			for (const [name, sub] of Object.entries(subsOf(first))) {
				if (sub.recovered)
					assert.equal(sub.offset ?? 0, at[name]);
				resumed += sub.recovered ?? false;
				at[name] = sub.offset ?? 0;
			}
			check(last = first.id, at);
			for (let i = 0; i < 10 + round; i++) {
				const { id, data } = await s.event((m) => m.pub);
				assert.equal(data.pub.offset, at[data.channel] + 1);
				at[data.channel]++;
				check(last = id, at);
			}
			s.gone();
		}
		stop = true;
		await flood;
		c.gone();
		assert.ok(resumed > 300, `${resumed} recovered`);
	},
};

// What an id says must be what the client has.
function check(id, at) {
	const said = Object.fromEntries(Buffer.from(id, 'base64url').toString()
		.trimEnd().split('\n').map((line) => {
			const [offset, , channel] = line.split(' ');
			return [channel, Number(offset)];
		}));
	assert.deepEqual(said, at);
}

// A client that reads nothing, until a command that it posts has to wait:
// [client, posts], each post with the id of its command and its answer.
async function stuck(pad) {
	await Promise.all(Array.from({ length: 20 }, () =>
		publish('stuck', 'y'.repeat(24000))));
	const e = await Emulated.open();
	await e.result('subscribe', { channel: 'stuck' });
	e.stream.raw.socket.pause();
	const posts = [];
	for (let waits = false; !waits;) {
		const id = ++e.id;
		const answer = e.post(JSON.stringify({ id, history:
			{ channel: 'stuck', limit: 20, pad } }));
		posts.push({ id, answer });
		assert.ok(posts.length < 500, 'it goes on');
		waits = await Promise.race([answer.then(() => false),
			new Promise((r) => setTimeout(() => r(true), 300 * PATIENCE))]);
	}
	return [e, posts];
}

run(scenarios);
