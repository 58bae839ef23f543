// SPDX-License-Identifier: MIT
//
// codes.js CODE...: provokes that code, on the server DNOT_URL with the
// configuration of codes.bats. Exits 0 when code and reason came as they must.
'use strict';

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { Client, api, frame, metric, now, open: upgraded, page, run, token,
	until } = require('./client');

const KEY = 'key';
const SERVER = `X-API-Key: ${KEY}\r\n`;
const user = (claims) => token({ sub: '42', ...claims });
const open = (claims = {}) => Client.open({ token: user(claims) });
const unconnected = () => Client.open(null);

const log = () => readFileSync('server.err', 'utf8');
const uni = (channel) =>
	fetch(`${process.env.DNOT_URL}/connection/uni_http_stream`, {
		method: 'POST',
		headers: { authorization: `Bearer ${user()}` },
		body: JSON.stringify({ subs: { [channel]: {} } }),
	});

function reloads() {
	return log().split('configuration reloaded').length - 1;
}

// The server takes another configuration, which codes.bats made.
async function reload() {
	const before = reloads();
	process.kill(Number(process.env.DNOT_PID), 'SIGHUP');
	await until('reload', () => reloads() > before);
}

async function errors(c, ...cases) {
	for (const [code, message, method, params] of cases)
		assert.deepEqual(await c.error(method, params), [code, message],
			`${method} ${JSON.stringify(params)}`);
}

// A one-way client's WebSocket after its request.
async function oneWay(request) {
	const c = new Client(await upgraded('', '/connection/uni_websocket'));
	c.text(JSON.stringify(request));
	return c;
}

// Sent by a client of its own each: text that is no command to be obeyed.
async function refused(code, reason, ...texts) {
	for (const text of texts) {
		const c = await open();
		c.raw.send(Buffer.isBuffer(text) ? text : frame(text));
		assert.deepEqual(await c.closed(), [code, reason], text);
	}
}

const scenarios = {
	// --- errors in replies ---

	// The log is locked and has room for two. Who has published is not read
	// from while it is behind: each is a client of its own.
	async 100() {
		const data = 'x'.repeat(1000);
		for (let i = 0; i < 2; i++)
			await (await open()).result('publish',
				{ channel: 'logged:x', data });
		const c = await open();
		assert.deepEqual((await c.call('publish',
			{ channel: 'logged:x', data })).error, {
			code: 100,
			message: 'internal server error: the log is behind ' +
				'and its queue is full',
			temporary: true,
		});
	},

	async 102() {
		const c = await open();
		await errors(c,
			[102, 'unknown channel', 'subscribe', { channel: 'no:x' }]);
		await until('the log', () => log().match(
			/may not subscribe to .*no:x.*no such namespace/));
		assert.match(await (await uni('no:y')).text(), /"code":3004/);
		await until('the log', () => log().match(
			/connect refused: .*no:y.*no such namespace/));
		for (const method of ['publish', 'history', 'presence',
			'presence_stats'])
			await errors(c, [102, 'unknown channel: no namespace "no"',
				method, { channel: 'no:x', data: 1 }]);
	},

	async 103() {
		const c = await open();
		for (const method of ['subscribe', 'publish', 'history', 'presence',
			'presence_stats'])
			await errors(c, [103, 'permission denied', method,
				{ channel: 'closed:x', data: 1 }]);
		await errors(c,
			[103, 'permission denied', 'subscribe', { channel: '$x' }],
			[103, 'permission denied', 'subscribe', { channel: 'x#43' }],
			[103, 'permission denied', 'subscribe', { channel: '$x',
				token: token({ sub: '42', channel: '$x' },
					{ key: 'forged' }) }],
			[103, 'permission denied', 'sub_refresh', { channel: 'x',
				token: user({ channel: 'x' }) }]);
	},

	async 104() {
		const c = await Client.open({}, SERVER);
		await errors(c, [104, 'method not found', 'rpc',
			{ method: 'nothing', data: {} }]);
	},

	async 105() {
		const c = await open({ channels: ['made'] });
		// The second one, before the first is answered.
		const [first, second] = c.send(['subscribe', { channel: 'x' }],
			['subscribe', { channel: 'x' }]);
		assert.equal((await c.reply(second)).error.code, 105);
		assert.ok((await c.reply(first)).subscribe);
		await errors(c,
			[105, 'already subscribed', 'subscribe', { channel: 'x' }],
			[105, 'already subscribed', 'subscribe', { channel: 'made' }]);
	},

	async 106() {
		const c = await open();
		for (const channel of ['a', 'b', 'c'])
			await c.subscribe(channel);
		await errors(c,
			[106, 'limit exceeded', 'subscribe', { channel: 'd' }]);
		await c.result('unsubscribe', { channel: 'a' });
		await c.subscribe('d');
	},

	async 107() {
		const c = await open();
		const bad = async (part, method, params) => {
			const [code, message] = await c.error(method, params);
			assert.equal(code, 107);
			assert.match(message, new RegExp(`^bad request: .*${part}`));
		};
		await bad('255', 'subscribe', { channel: 'x'.repeat(256) });
		await bad('', 'subscribe', { channel: 'a b' });
		await bad('pattern', 'subscribe', { channel: 'a*' });
		await bad('channel_regex', 'subscribe', { channel: 'digits:x' });
		await bad('allow_tags_filter', 'subscribe', { channel: 'bare:x',
			tf: { key: 'k', cmp: 'eq', val: 'v' } });
		await bad('', 'subscribe', { channel: 'x', tf: { op: 'xor' } });
		await bad('', 'publish', { channel: 'x' });
		await bad('since.offset', 'history', { channel: 'x', limit: 1,
			reverse: true, since: { offset: 0, epoch: '' } });
		await bad('limit', 'history', { channel: 'x', limit: 'many' });

		// A one-way client's channels have to match, too.
		await until('the log', () => log().match(
			/may not subscribe to .*digits:x.*channel_regex/));
		assert.match(await (await uni('digits:y')).text(), /"code":3004/);
		await until('the log', () => log().match(
			/connect refused: .*digits:y.*channel_regex/));
		const long = 'closed:' + 'x'.repeat(255);
		assert.match(await (await uni(long)).text(), /"code":3004/);
		await until('the log', () => log().match(/connect refused.*255/));
		assert.ok(!log().includes(long), 'only names are logged');
		const { value } = await (await uni('digits:5')).body
			.pipeThrough(new TextDecoderStream()).getReader().read();
		assert.ok(JSON.parse(value).connect.subs['digits:5'], value);
	},

	async 108() {
		const c = await open();
		await errors(c,
			[108, 'not available', 'rpc', { method: 'm', data: {} }],
			[108, 'not available', 'history', { channel: 'bare:x' }],
			[108, 'not available', 'presence', { channel: 'bare:x' }],
			[108, 'not available', 'presence_stats',
				{ channel: 'bare:x' }],
			[108, 'not available: there are subscriptions to streams only',
				'subscribe', { channel: 'x', type: 1 }],
			[108, 'not available: nothing waits for acknowledgements',
				'publish', { channel: 'x', data: 1, wait: 'acked' }]);
	},

	// Of tokens: the connection's and a subscription's.
	async 109() {
		const late = { exp: now() - 1 };
		const raw = await unconnected();
		await errors(raw,
			[109, 'token expired', 'connect', { token: user(late) }]);
		const c = await open();
		await errors(c, [109, 'token expired', 'subscribe', { channel: '$x',
			token: user({ channel: '$x', ...late }) }]);
	},

	// The token is good; the time that it gives is over.
	async 110() {
		const late = { exp: now() + 60, expire_at: now() - 1 };
		const raw = await unconnected();
		await errors(raw,
			[110, 'expired', 'connect', { token: user(late) }]);
		const c = await open({ exp: now() + 60 });
		await c.subscribe('x', { token: user({ channel: 'x' }) });
		await errors(c,
			[110, 'expired', 'refresh', { token: user(late) }],
			[110, 'expired', 'subscribe', { channel: '$x',
				token: user({ channel: '$x', ...late }) }],
			[110, 'expired', 'sub_refresh', { channel: 'x',
				token: user({ channel: 'x', ...late }) }]);
	},

	async 112() {
		const c = await open();
		const elsewhere = { offset: 7, epoch: 'another' };
		await errors(c,
			[112, 'unrecoverable position', 'subscribe', { channel: 'x',
				recover: true, flag: 2, ...elsewhere }],
			[112, 'unrecoverable position', 'history', { channel: 'x',
				limit: 1, since: elsewhere }]);
		// The refused subscription is none.
		await c.subscribe('x');
	},

	// --- unsubscribe pushes ---

	async 2000() {
		const c = await open({ channels: ['made'] });
		await c.subscribe('x');
		for (const channel of ['x', 'made']) {
			const { result } =
				await api('unsubscribe', { user: '42', channel }, KEY);
			assert.ok(result);
			assert.deepEqual(await c.push('unsubscribe', channel),
				{ code: 2000, reason: 'server unsubscribe' });
		}
		await c.subscribe('x');
	},

	// Its namespace is gone with a reload.
	async 2500() {
		const c = await open();
		await c.subscribe('bare:x');
		await reload();
		assert.deepEqual(await c.push('unsubscribe', 'bare:x'),
			{ code: 2500, reason: 'insufficient state' });
		await errors(c,
			[102, 'unknown channel', 'subscribe', { channel: 'bare:x' }]);
	},

	async 2501() {
		const c = await open();
		const result = await c.subscribe('$x',
			{ token: user({ channel: '$x', exp: now() + 60,
				expire_at: now() + 3 }) });
		assert.equal(result.expires, true);
		assert.ok(result.ttl >= 1 && result.ttl <= 3);
		assert.deepEqual(await c.push('unsubscribe', '$x'),
			{ code: 2501, reason: 'subscription expired' });
		await c.subscribe('x');
	},

	// --- closes ---

	async 1000() {
		const c = await open();
		c.raw.send(frame([3, 0xe8], { opcode: 8 }));
		assert.deepEqual(await c.closed(), [1000, 'bye']);
	},

	// Each way to break RFC 6455: raw.js frames.
	async 1002() {
		const c = await open();
		c.raw.send(frame('{}', { mask: false }));
		const [code, reason] = await c.closed();
		assert.equal(code, 1002);
		assert.match(reason, /mask/);
	},

	async 1007() {
		const c = await open();
		c.raw.send(frame([0x22, 0xff, 0x22]));
		const [code, reason] = await c.closed();
		assert.equal(code, 1007);
		assert.match(reason, /UTF-8/);
	},

	async 1009() {
		const c = await open();
		c.raw.send(frame('x', { length: 65537 }));
		const [code, reason] = await c.closed();
		assert.equal(code, 1009);
		assert.ok(reason.length > 0);
	},

	async 3001() {
		const c = await open();
		process.kill(Number(process.env.DNOT_PID), 'SIGTERM');
		assert.deepEqual(await c.closed(), [3001, 'shutdown']);
	},

	// connect waits for a recovery from the log, which is locked: its thread
	// sits in a write. The client is to come back.
	async 3004() {
		for (const data of [1, 2])
			await api('publish', { channel: 'logged:x', data }, KEY);
		const c = await unconnected();
		c.send(['connect', { token: user({ channels: ['logged:x'] }),
			subs: { 'logged:x': { recover: true, offset: 0 } } }]);
		assert.deepEqual(await c.closed(), [3004, 'internal server error: ' +
			'the subscriptions of connect took too long']);
	},

	// By time, and by a refresh that comes too late.
	async 3005() {
		const c = await open({ exp: now() + 60,
			expire_at: now() + 3 });
		assert.equal(c.connected.expires, true);
		assert.deepEqual(await c.closed(), [3005, 'connection expired']);
		const late = await open({ exp: now() + 60 });
		late.send(['refresh', { token: user({ exp: now() - 1 }) }]);
		assert.deepEqual(await late.closed(), [3005, 'connection expired']);
		const told = await open();
		await api('refresh', { user: '42', expired: true }, KEY);
		assert.deepEqual(await told.closed(), [3005, 'connection expired']);
	},

	async 3006() {
		const c = await open();
		await c.subscribe('$x',
			{ token: user({ channel: '$x', exp: now() + 60 }) });
		c.send(['sub_refresh', { channel: '$x',
			token: user({ channel: '$x', exp: now() - 1 }) }]);
		assert.deepEqual(await c.closed(), [3006, 'subscription expired']);
		// One that the server made ends the connection.
		const made = await open();
		await api('subscribe', { user: '42', channel: 'x',
			expire_at: now() + 2 }, KEY);
		assert.equal((await made.push('subscribe', 'x')).expires,
			undefined);
		assert.deepEqual(await made.closed(), [3006, 'subscription expired']);
	},

	async 3008() {
		const c = await open();
		await c.subscribe('x');
		c.raw.socket.pause();
		await until('end as slow', async () => {
			await api('publish', { channel: 'x',
				data: 'x'.repeat(60000) }, KEY);
			return /^dnot_slow_total 1$/m.test(await page('/metrics'));
		});
		c.raw.socket.resume();
		assert.deepEqual(await c.closed(), [3008, 'slow']);
	},

	// A server-side subscription that ends, or others in a new token.
	async 3010() {
		const c = await open({ channels: ['x'], exp: now() + 60 });
		c.send(['refresh', { token: user({ channels: ['x', 'y'],
			exp: now() + 60 }) }]);
		assert.deepEqual(await c.closed(), [3010, 'insufficient state']);
		const gone = await open({ channels: ['bare:x'] });
		await reload();
		assert.deepEqual(await gone.closed(), [3010, 'insufficient state']);
	},

	// As the API says: this one, and one of the application's own.
	async 3011() {
		for (const [code, reason] of [[3011, 'force reconnect'],
			[4200, 'moved']]) {
			const c = await open();
			await api('disconnect',
				{ user: '42', disconnect: { code, reason } }, KEY);
			assert.deepEqual(await c.closed(), [code, reason]);
		}
	},

	async 3012() {
		const c = await open();
		assert.deepEqual(await c.next((m) => Object.keys(m).length === 0),
			{});
		assert.deepEqual(await c.closed(), [3012, 'no pong']);
	},

	// tokens.bats has the other ways.
	async 3500() {
		const bad = [token({ sub: '42' }, { key: 'forged' }), 'no token',
			user({ channel: 'x' })];
		for (const one of bad) {
			const c = await unconnected();
			c.send(['connect', { token: one }]);
			assert.deepEqual(await c.closed(), [3500, 'invalid token']);
		}
	},

	async 3501() {
		const bad = 'bad request: ';
		for (const [params, why] of [
			[{ token: 5 }, 'token is no string'],
			[{ token: {} }, 'token is no string'],
			[{ subs: ['x'] }, 'subs is no object']]) {
			const c = await unconnected();
			c.send(['connect', params]);
			assert.deepEqual(await c.closed(), [3501, bad + why]);
		}
		await refused(3501, bad + 'malformed JSON', '', '{', '\n',
			'[1,]', '{"id":1 "ping":{}}',
			'{"id":1,"ping":{}}\n{"id":2,"ping":{}');
		await refused(3501, bad + 'a command is a JSON object', '1', '[]',
			'"text"', 'null');
		await refused(3501, bad + 'text behind a command',
			'{"id":1,"ping":{}}{"id":2,"ping":{}}');
		await refused(3501, bad + 'a pong that nobody asked for', '{}',
			'{"ping":{}}', '{"id":0,"ping":{}}', '{"id":-1,"ping":{}}',
			'{"id":"1","ping":{}}', '{"foo":1}');
		await refused(3501, bad + 'no method that is known', '{"id":1}',
			'{"id":1,"pang":{}}', '{"id":1,"ping":null}',
			'{"id":1,"ping":[]}', '{"id":4294967296,"ping":{}}');
		await refused(3501, bad + 'connect comes once',
			'{"id":1,"connect":{}}');
		await refused(3501, bad + 'the command needs a channel',
			'{"id":1,"subscribe":{}}', '{"id":1,"history":{"channel":""}}',
			'{"id":1,"publish":{"channel":1,"data":1}}',
			'{"id":1,"sub_refresh":{}}');
		await refused(3501, bad + 'unknown delta type',
			'{"id":1,"subscribe":{"channel":"x","delta":"vcdiff"}}');
		await refused(3501, bad + 'nothing to refresh',
			'{"id":1,"refresh":{"token":""}}',
			'{"id":1,"refresh":{"token":"x"}}');
		await refused(3501, bad + 'binary message on a JSON connection',
			frame('{"id":1,"ping":{}}', { opcode: 2 }));
		const c = await open();
		await c.subscribe('x');
		c.send(['sub_refresh', { channel: 'x' }]);
		assert.deepEqual(await c.closed(),
			[3501, bad + 'a token is needed']);
		for (const first of ['{}', '{"id":1,"ping":{}}']) {
			const raw = await unconnected();
			raw.text(first);
			assert.equal((await raw.closed())[0], 3501);
		}
		// With an error it is over.
		const raw = await unconnected();
		await raw.error('connect', { token: user({ exp: now() - 1 }) });
		raw.send(['connect', { token: user() }]);
		assert.deepEqual(await raw.closed(),
			[3501, bad + 'connect was refused']);
	},

	// No token, where one is needed.
	async 'anonymous-3501'() {
		const c = await unconnected();
		c.send(['connect', {}]);
		assert.deepEqual(await c.closed(),
			[3501, 'bad request: a token or a server key is needed']);
		await until('the log', () => log().match(
			/connect refused: .*allow_anonymous_connect_without_token/));
	},

	// What comes before the bad command is obeyed, answered or not.
	async 'behind-3501'() {
		const c = await open();
		const [id] = c.send(['publish', { channel: 'x', data: 1 }]);
		c.text('{"id":90,"publish":{"channel":"x","data":2}}\nbad');
		assert.ok((await c.reply(id)).publish);
		assert.equal((await c.closed())[0], 3501);
		await until('second publication', async () =>
			(await api('history', { channel: 'x' }, KEY))
				.result.offset === 2);
	},

	async 3502() {
		const c = await unconnected();
		assert.deepEqual(await c.closed(), [3502, 'stale']);
		const refused = await unconnected();
		await refused.error('connect', { token: user({ exp: now() - 1 }) });
		assert.deepEqual(await refused.closed(), [3502, 'stale']);
	},

	// By the API, and where its server key is gone with a reload.
	async 3503() {
		const one = await open();
		await api('disconnect', { user: '42' }, KEY);
		assert.deepEqual(await one.closed(), [3503, 'force disconnect']);
		const c = await Client.open({}, SERVER);
		await reload();
		assert.deepEqual(await c.closed(), [3503,
			'force disconnect: the tenant or its key is gone']);
	},

	async 3504() {
		const first = await open(), second = await open();
		const third = await unconnected();
		third.send(['connect', { token: user() }]);
		assert.deepEqual(await third.closed(), [3504, 'connection limit']);
		first.gone();
		await metric('dnot_connections', (n) => n === 1);
		await open();
		second.gone();
	},

	// One connection a user may have, or the newest one only.
	async 'user-3504'() {
		const first = await open();
		const c = await unconnected();
		c.send(['connect', { token: user() }]);
		assert.deepEqual(await c.closed(), [3504, 'connection limit']);
		await Client.open({ token: token({ sub: '43' }) });
		await first.sofar();
	},

	async 'single-3504'() {
		const first = await open(), second = await open();
		assert.deepEqual(await first.closed(), [3504, 'connection limit']);
		await second.sofar();
	},

	async 3505() {
		const c = await unconnected();
		c.send(['connect',
			{ token: user({ channels: ['a', 'b', 'c', 'd'] }) }]);
		assert.deepEqual(await c.closed(), [3505, 'channel limit']);
		await until('the log', () => log().match(
			/connect refused: more channels than client_channel_limit/));
		const three = await open({ channels: ['a', 'b', 'c', 'a'] });
		assert.deepEqual(Object.keys(three.connected.subs).sort(),
			['a', 'b', 'c']);
		await api('subscribe', { user: '42', channel: 'd' }, KEY);
		assert.deepEqual(await three.closed(), [3505, 'channel limit']);
	},

	async 3507() {
		const c = await unconnected();
		c.send(['connect', { token: token({}) }]);
		assert.deepEqual(await c.closed(), [3507, 'permission denied']);
	},

	// Who gets no replies gets errors as closes.
	async 'one-way'() {
		const late = { exp: now() - 1 };
		const over = { exp: now() + 60, expire_at: now() - 1 };
		const cases = [
			[{ token: user(late) }, 3005, 'connection expired'],
			[{ token: user(over) }, 3005, 'connection expired'],
			[{ token: user(), subs: { 'closed:x': {} } },
				3507, 'permission denied'],
			[{ token: user(), subs: { 'no:x': {} } },
				3004, 'internal server error'],
			[{ token: 'bad' }, 3500, 'invalid token'],
			[[], 3501, 'bad request: malformed JSON'],
		];
		for (const [request, ...want] of cases)
			assert.deepEqual(await (await oneWay(request)).closed(),
				want, JSON.stringify(request));
		const c = await oneWay({ token: user() });
		assert.ok((await c.next((m) => m.connect)).connect.client);
		c.text('{}');
		assert.deepEqual(await c.closed(), [3501,
			'bad request: a one-way client has nothing to say']);
	},

	async 3508() {
		const c = await open();
		c.text('{"send":{"data":1}}');
		assert.deepEqual(await c.closed(),
			[3508, 'not available: nobody handles send']);
	},
};

run(scenarios);
