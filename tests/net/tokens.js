// SPDX-License-Identifier: MIT
//
// tokens.js SCENARIO [ARG...]: connection and subscription tokens, good and
// bad, on the server DNOT_URL with the keys and the configuration of
// tokens.bats, in whose folder it runs. Exits 0 when all went as it must.
'use strict';

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { Client, api, metric, now, page, run, token, until } =
	require('./client');

const KEY = 'key';
const pem = (name) => readFileSync(`${name}.pem`, 'utf8');
const of = (tenant, claims) => ({ sub: '42', tenant, ...claims });
const user = (claims, how) => token(of('t', claims), how);
const open = (claims) => Client.open({ token: user(claims) });
// What the running server has told.
const log = () => readFileSync(`${process.env.SERVER}.err`, 'utf8')
	.split('"message":"listening"').at(-1);
const base64 = (o) => Buffer.from(JSON.stringify(o)).toString('base64');

// The n-th part of a token with one character changed.
function altered(text, n) {
	const parts = text.split('.');
	const at = parts[n].length >> 1;
	parts[n] = parts[n].slice(0, at) +
		(parts[n][at] === 'A' ? 'B' : 'A') + parts[n].slice(at + 1);
	return parts.join('.');
}

// Neither a token nor what is in one, nor what it is held against.
function leaksNothing(...tokens) {
	const keys = readFileSync('rsa.pub', 'utf8').split('\n').slice(1, 3);
	for (const one of ['secret', 'previous', 'foreign', ...keys])
		assert.ok(!log().includes(one), 'a key in the log');
	for (const one of tokens)
		for (const part of one.split('.').filter((p) => p.length > 20))
			assert.ok(!log().includes(part), 'a token in the log');
}

// What is wrong with a token, and what the server's log says about it.
function bad(claims) {
	const good = user(claims), at = now();
	const make = (more, how) => user({ ...claims, ...more }, how);
	return [
		['alg none', make({}, { alg: 'none' }),
			'an algorithm that is not known'],
		['HS256 with the public key as secret',
			make({}, { key: readFileSync('rsa.pub') }),
			'the signature does not match'],
		['a foreign HMAC secret', make({}, { key: 'foreign' }),
			'the signature does not match'],
		['a foreign RSA key', make({},
			{ alg: 'RS256', key: pem('foreign-rsa') }),
			'the signature does not match'],
		['ES256 where there is no such key', make({},
			{ alg: 'ES256', key: pem('p256') }),
			'no key here verifies that algorithm'],
		['an altered payload', altered(good, 1),
			'the signature does not match'],
		['an altered signature', altered(good, 2),
			'the signature does not match'],
		['no signature', good.slice(0, good.lastIndexOf('.') + 1),
			'the signature does not match'],
		['two parts', good.slice(0, good.lastIndexOf('.')),
			'not three parts'],
		['a user id that is a number', make({ sub: 42 }),
			'claim sub is not what it must be'],
		['info that is too deep', make({
			info: JSON.parse('['.repeat(50) + ']'.repeat(50)) }),
			'claim info is not what it must be'],
		['base64 that is none', make({ b64info: 'e30' }),
			'claim info is not what it must be'],
		['such base64 of a channel', make({
			subs: { made: { b64data: 'e30' } } }),
		'claim subs is not what it must be'],
		['a time that is text', make({ exp: String(at + 60) }),
			'claim exp is not what it must be'],
	];
}

const scenarios = {
	// Every algorithm, each with its key.
	async good() {
		const keys = [['t', 'HS256'], ['t', 'HS384'], ['t', 'HS512'],
			['t', 'RS256', 'rsa'], ['t', 'RS384', 'rsa'],
			['t', 'RS512', 'rsa'], ['ec', 'ES256', 'p256'],
			['ec384', 'ES384', 'p384'], ['ec521', 'ES512', 'p521']];
		for (const [tenant, alg, name] of keys) {
			const key = name ? pem(name) : 'secret';
			const one = token(of(tenant, { info: { alg } }),
				{ alg, key });
			const c = await Client.open({ token: one });
			await c.subscribe('x');
			const { presence } = await c.result('presence',
				{ channel: 'x' });
			assert.deepEqual(presence[c.connected.client], {
				user: '42', client: c.connected.client,
				conn_info: { alg },
			});
			c.gone();
		}
	},

	async 'bad-connection'() {
		for (const [what, one, why] of bad({})) {
			const c = await Client.open(null);
			c.send(['connect', { token: one }]);
			assert.deepEqual(await c.closed(), [3500, 'invalid token'],
				what);
			await until(`${what}: ${why}`, () => log().match(why));
		}
		leaksNothing(...bad({}).map(([, one]) => one));
	},

	// Whose it is, and until when.
	async 'wrong-connection'() {
		const ended = [
			['another tenant, whose secret it is not signed with',
				token(of('ec')), 'no key here verifies'],
			['a tenant that is not there', token(of('none')),
				'names none of the tenants'],
			['no tenant, where several take tokens',
				token({ sub: '42' }), 'names none of the tenants'],
			['HS256 with the public key as secret, where that is all',
				token(of('ec'), { key: readFileSync('p256.pub') }),
				'no key here verifies'],
			['RS256 where the key is on a curve', token(of('ec'),
				{ alg: 'RS256', key: pem('rsa') }),
				'no key here verifies'],
			['ES256 with a foreign key', token(of('ec'),
				{ alg: 'ES256', key: pem('foreign-p256') }),
				'the signature does not match'],
			['ES256 on another curve', token(of('ec'),
				{ alg: 'ES256', key: pem('p384') }),
				'the signature does not match'],
			['another audience', token(of('strict',
				{ aud: 'web', iss: 'us' })), 'another audience'],
			['no audience', token(of('strict', { iss: 'us' })),
				'another audience'],
			['another issuer', token(of('strict',
				{ aud: 'app', iss: 'them' })), 'another issuer'],
			['a subscription token', user({ channel: 'x' }),
				'it is a subscription token'],
		];
		for (const [what, one, why] of ended) {
			const c = await Client.open(null);
			c.send(['connect', { token: one }]);
			assert.deepEqual(await c.closed(), [3500, 'invalid token'],
				what);
			await until(`${what}: ${why}`, () => log().match(why));
		}
		for (const times of [{ exp: now() - 1 }, { nbf: now() + 300 }]) {
			const c = await Client.open(null);
			assert.deepEqual(await c.error('connect',
				{ token: user(times) }), [109, 'token expired']);
			await until('expired', () =>
				log().includes('expired, or not valid yet'));
		}
		// Clocks differ; an audience may be one of many.
		for (const one of [user({ nbf: now() + 30, iat: now() + 30 }),
			token(of('strict', { aud: 'app', iss: 'us' })),
			token(of('strict', { aud: ['web', 'app'], iss: 'us' }))])
			(await Client.open({ token: one })).gone();
		leaksNothing(...ended.map(([, one]) => one));
	},

	// A hundred kilobytes are no token: over the message limit they do not
	// even arrive, below it they are refused unread.
	async long() {
		const c = await Client.open(null);
		c.send(['connect', { token: user({ info: 'x'.repeat(100000) }) }]);
		assert.equal((await c.closed())[0], 1009);
		const d = await Client.open(null);
		d.send(['connect', { token: user({ info: 'x'.repeat(20000) }) }]);
		assert.deepEqual(await d.closed(), [3500, 'invalid token']);
		await until('reason', () => log().includes('cannot be read'));
		const e = await open();
		assert.equal((await e.error('subscribe', { channel: '$x',
			token: user({ channel: '$x', info: 'x'.repeat(20000) })
		}))[0], 103);
		await until('reason', () => log().includes('more than 16384 bytes'));
	},

	async 'bad-subscription'() {
		for (const [what, one, why] of bad({ channel: '$x' })) {
			const c = await open();
			assert.deepEqual(await c.error('subscribe',
				{ channel: '$x', token: one }),
			[103, 'permission denied'], what);
			await until(`${what}: ${why}`, () => log().match(why));
			c.gone();
		}
		leaksNothing(...bad({ channel: '$x' }).map(([, one]) => one));
	},

	async 'wrong-subscription'() {
		const c = await open();
		const mine = (claims) => user({ channel: '$x', ...claims });
		for (const times of [{ exp: now() - 1 }, { nbf: now() + 300 }])
			assert.deepEqual(await c.error('subscribe',
				{ channel: '$x', token: mine(times) }),
			[109, 'token expired']);
		const ended = [
			['another channel', mine({ channel: '$y' }),
				'it is for another channel'],
			['no channel', user({}), 'it is for another channel'],
			['another user', mine({ sub: '43' }),
				'it is another user\'s'],
			['nobody\'s', mine({ sub: '' }), 'it is another user\'s'],
			['another client', mine({ client: c.connected.client }),
				'it is another client\'s'],
			// Its secret is the same.
			['another tenant', mine({ tenant: 'twin' }),
				'it is another tenant\'s'],
		];
		for (const [what, one, why] of ended) {
			const d = await open();
			d.send(['subscribe', { channel: '$x', token: one }]);
			assert.deepEqual(await d.closed(), [3500, 'invalid token'],
				what);
			await until(`${what}: ${why}`, () => log().match(why));
		}
		await c.subscribe('$x',
			{ token: mine({ client: c.connected.client }) });
		leaksNothing(...ended.map(([, one]) => one));
	},

	// The old secret and the old key verify as long as they are configured.
	async rotation() {
		const old = [user({}, { key: 'previous' }),
			user({}, { alg: 'RS256', key: pem('previous-rsa') })];
		const clients = [];
		for (const one of old)
			clients.push(await Client.open({ token: one }));
		process.kill(Number(process.env.DNOT_PID), 'SIGHUP');
		await until('reload', () => log().includes('reloaded'));
		for (const one of old) {
			const c = await Client.open(null);
			c.send(['connect', { token: one }]);
			assert.deepEqual(await c.closed(), [3500, 'invalid token']);
		}
		for (const c of clients)
			await c.sofar();
	},

	// Issued by the program itself.
	async issued(one) {
		const c = await Client.open({ token: one });
		const { push } = await c.next((m) => m.push?.join);
		assert.deepEqual(push, { channel: 'made', join: { info: {
			user: '7', client: c.connected.client,
			conn_info: { name: 'Ann' } } } });
	},

	async channels() {
		const c = await open({ channels: ['made', 'other', 'made'] });
		assert.deepEqual(Object.keys(c.connected.subs).sort(),
			['made', 'other']);
		assert.deepEqual(await c.error('subscribe', { channel: 'made' }),
			[105, 'already subscribed']);
		await api('publish', { channel: 'other', data: 1 }, KEY);
		assert.equal((await c.push('pub', 'other')).data, 1);
		// It may leave, and come back by itself.
		await c.result('unsubscribe', { channel: 'other' });
		await c.subscribe('other');
		// One that cannot be had ends the connect with its error.
		for (const [name, code] of [['no:x', 102], ['a b', 107]]) {
			const d = await Client.open(null);
			assert.equal((await d.error('connect',
				{ token: user({ channels: ['made', name] }) }))[0],
			code);
		}
		const { result } = await api('presence_stats',
			{ channel: 'made' }, KEY);
		assert.equal(result.num_clients, 1);
	},

	// What `subs` says of a channel: info and data, raw or in base64, and
	// options in place of the namespace's.
	async subs() {
		const yes = { value: true }, no = { value: false };
		const c = await open({ info: { n: 1 }, subs: {
			'plain:raw': { info: { i: [1] }, data: { d: 'ü' } },
			'plain:b64': { b64info: base64({ i: 2 }),
				info: 'not this', b64data: base64('d') },
			'plain:null': { info: null, data: null },
			'plain:over': { override: { presence: yes,
				join_leave: yes, force_push_join_leave: yes,
				force_recovery: yes } },
			'plain:positioned': { override: { force_positioning: yes } },
			'quiet': { override: { join_leave: no, presence: no } },
			'forced:not': { override: { force_recovery: no,
				force_positioning: no } },
			'forced:half': { override: { force_recovery: no } },
		} });
		const { subs } = c.connected, client = c.connected.client;
		assert.deepEqual(subs['plain:raw'], { data: { d: 'ü' } });
		assert.deepEqual(subs['plain:b64'], { data: 'd' });
		assert.deepEqual(subs['plain:null'], {});
		assert.equal(subs['plain:over'].recoverable, true);
		assert.equal(subs['plain:positioned'].positioned, true);
		assert.equal(subs['plain:positioned'].recoverable, undefined);
		assert.deepEqual(subs['forced:not'], {});
		assert.equal(subs['forced:half'].positioned, true);
		assert.equal(subs['forced:half'].recoverable, undefined);
		const info = { user: '42', client, conn_info: { n: 1 } };
		assert.deepEqual(await c.push('join', 'plain:over'), { info });
		for (const [channel, chan_info] of [['plain:raw', { i: [1] }],
			['plain:b64', { i: 2 }], ['plain:over', undefined],
			['plain:null', undefined]]) {
			await c.result('publish', { channel, data: 1 });
			const pub = await c.push('pub', channel);
			assert.deepEqual(pub.info,
				chan_info ? { ...info, chan_info } : info);
		}
		// One that is quiet is not counted, nor does it tell.
		const d = await open({ channels: ['quiet'] });
		await d.push('join', 'quiet');
		const { result } = await api('presence_stats',
			{ channel: 'quiet' }, KEY);
		assert.equal(result.num_clients, 1);
		d.gone();
		const e = await open({ channels: ['quiet'] });
		await e.push('join', 'quiet');
		assert.ok((await c.sofar()).every((m) => !m.push?.join));
	},

	// info of both kinds in presence, join, leave and publications of a
	// channel that needs a token.
	async info() {
		const name = '$room', at = (claims) => ({ token:
			token(of('t', { channel: name, ...claims })) });
		const a = await open({ b64info: base64({ who: 'a' }) });
		await a.subscribe(name, at({}));
		const b = await Client.open({
			token: user({ sub: 'b', info: { who: 'b' } }) });
		await b.subscribe(name, { ...at({ sub: 'b', b64info:
			base64({ seat: 2 }), data: { hi: 'b' } }) });
		const info = { user: 'b', client: b.connected.client,
			conn_info: { who: 'b' }, chan_info: { seat: 2 } };
		await a.next((m) => m.push?.join?.info.user === 'b' &&
			assert.deepEqual(m.push.join.info, info) === undefined);
		const { presence } = await a.result('presence', { channel: name });
		assert.deepEqual(presence, {
			[a.connected.client]: { user: '42',
				client: a.connected.client, conn_info: { who: 'a' } },
			[b.connected.client]: info,
		});
		await b.result('publish', { channel: name, data: 1 });
		assert.deepEqual((await a.push('pub', name)).info, info);
		// A new token may bring other info for what comes.
		await b.result('sub_refresh', { channel: name, ...at({ sub: 'b',
			exp: now() + 60, info: { seat: 3 } }) });
		await b.result('publish', { channel: name, data: 2 });
		assert.deepEqual((await a.push('pub', name)).info.chan_info,
			{ seat: 3 });
		b.gone();
		assert.deepEqual((await a.push('leave', name)).info, info);
	},

	// `data` of a subscription token is the result's.
	async data() {
		const c = await open();
		const raw = await c.subscribe('$a',
			{ token: user({ channel: '$a', data: { x: 1 } }) });
		assert.deepEqual(raw.data, { x: 1 });
		const b64 = await c.subscribe('$b',
			{ token: user({ channel: '$b', b64data: base64([2]) }) });
		assert.deepEqual(b64.data, [2]);
		// Of a namespace that lets nobody subscribe without one.
		assert.deepEqual(await c.error('subscribe',
			{ channel: 'plain:x' }), [103, 'permission denied']);
		const over = await c.subscribe('plain:x', { token: user({
			channel: 'plain:x', override: {
				force_recovery: { value: true } } }) });
		assert.equal(over.recoverable, true);
	},

	// exp says until when the token is good, expire_at until when one may
	// stay; 0: for ever. The one who may not tells when it is late enough.
	async 'expire-at'() {
		const exp = now() + 3;
		const stays = await open({ exp, expire_at: 0 });
		const later = await open({ exp, expire_at: exp + 3600 });
		const goes = await open({ exp });
		assert.equal(stays.connected.expires, undefined);
		assert.equal(later.connected.expires, true);
		assert.ok(later.connected.ttl > 3590);
		const sub = await stays.subscribe('$x', { token:
			user({ channel: '$x', exp: exp + 1, expire_at: 0 }) });
		assert.equal(sub.expires, undefined);
		assert.deepEqual(await goes.closed(), [3005, 'connection expired']);
		await until('the end of both tokens', () => now() > exp + 1);
		await later.sofar();
		assert.ok((await stays.sofar()).every((m) =>
			!m.push?.unsubscribe));
		// It lets stay who is there; nobody comes in by it any more.
		const late = await Client.open(null);
		assert.deepEqual(await late.error('connect', { token:
			user({ exp, expire_at: 0 }) }), [109, 'token expired']);
		// More seconds than a client can count.
		const far = await open({ exp: 99999999999 });
		assert.equal(far.connected.ttl, 2 ** 32 - 1);
	},

	// With a new token in time one stays, without one one goes.
	async refresh() {
		const exp = now() + 3;
		const stays = await open({ exp });
		const goes = await open({ exp });
		assert.ok(stays.connected.ttl <= 3);
		const result = await stays.result('refresh',
			{ token: user({ exp: exp + 3600, info: { n: 2 } }) });
		assert.equal(result.expires, true);
		assert.ok(result.ttl > 3590);
		assert.deepEqual(await goes.closed(), [3005, 'connection expired']);
		await stays.subscribe('x');
		await stays.result('publish', { channel: 'x', data: 1 });
		assert.deepEqual((await stays.push('pub')).info.conn_info,
			{ n: 2 });
		// One that does not end.
		const forever = await stays.result('refresh', { token: user({}) });
		assert.equal(forever.expires, undefined);
	},

	async 'bad-refresh'() {
		const wrong = [[{ sub: '43' }, 'it is another user\'s'],
			[{ channel: 'x' }, 'it is a subscription token'],
			[{ tenant: 'twin' }, 'it is another tenant\'s']];
		for (const [claims, why] of wrong) {
			const c = await open({ exp: now() + 60 });
			c.send(['refresh', { token: user({ exp: now() + 60,
				...claims }) }]);
			assert.deepEqual(await c.closed(), [3500, 'invalid token']);
			await until(why, () => log().includes(
				`new connection token of tenant t refused: ${why}`));
		}
		const c = await open({ exp: now() + 60 });
		c.send(['refresh', { token: user({}, { key: 'foreign' }) }]);
		assert.deepEqual(await c.closed(), [3500, 'invalid token']);
	},

	// The channels of a new token are those of the old one, or it is over.
	async 'refresh-channels'() {
		const exp = now() + 60;
		const c = await open({ exp, channels: ['a', 'b'],
			subs: { c: {}, a: {} } });
		for (const claims of [{ channels: ['b', 'a', 'b', 'c'] },
			{ subs: { a: {}, b: {}, c: {} } },
			{ channels: ['c'], subs: { b: {}, a: {} } }])
			await c.result('refresh',
				{ token: user({ exp, ...claims }) });
		for (const channels of [['a'], ['a', 'd'], ['a', 'b', 'c'], []]) {
			const d = await open({ exp, channels: ['a', 'b'] });
			d.send(['refresh', { token: user({ exp, channels }) }]);
			assert.deepEqual(await d.closed(),
				[3010, 'insufficient state']);
		}
		// One's own subscriptions do not count.
		await c.subscribe('own');
		await c.result('refresh',
			{ token: user({ exp, channels: ['a', 'b', 'c'] }) });
	},

	async 'sub-refresh'() {
		const exp = now() + 3;
		const at = (claims) => ({ channel: '$x',
			token: user({ channel: '$x', exp, ...claims }) });
		const stays = await open(), goes = await open();
		for (const c of [stays, goes]) {
			const result = await c.result('subscribe', at({}));
			assert.equal(result.expires, true);
			assert.ok(result.ttl <= 3);
		}
		const result = await stays.result('sub_refresh',
			at({ exp: exp + 3600 }));
		assert.equal(result.expires, true);
		assert.ok(result.ttl > 3590);
		assert.deepEqual(await goes.push('unsubscribe', '$x'),
			{ code: 2501, reason: 'subscription expired' });
		await api('publish', { channel: '$x', data: 1 }, KEY);
		assert.equal((await stays.push('pub')).data, 1);
		assert.ok((await goes.sofar()).every((m) => !m.push?.pub));
		const forever = await stays.result('sub_refresh',
			at({ exp: undefined }));
		assert.deepEqual(forever, {});
		for (const [claims, why] of [[{ sub: '43' }, 'another user\'s'],
			[{ channel: '$y' }, 'for another channel'],
			[{ tenant: 'twin' }, 'another tenant\'s']]) {
			const c = await open();
			await c.result('subscribe', at({ exp: exp + 3600 }));
			c.send(['sub_refresh', at({ exp: exp + 60, ...claims })]);
			assert.deepEqual(await c.closed(), [3500, 'invalid token']);
			await until(why, () => log().includes(`refused: it is ${why}`));
		}
	},

	// Time past the end, for those who are slow with their new token.
	async grace() {
		const exp = now() + 3;
		const c = await open({ exp });
		await until('the end of the token', () => now() > exp);
		await c.result('refresh', { token: user({ exp: now() + 60 }) });
	},

	// The SDK brings new tokens by itself, and nobody notices.
	async sdk() {
		const { Centrifuge } = require('centrifuge');
		const { WebSocket } = require('ws');
		const made = { connection: 0, subscription: 0 }, ends = [];
		const make = (kind, claims) => async () => {
			made[kind]++;
			return user({ exp: now() + 2, ...claims });
		};
		const c = new Centrifuge(process.env.DNOT_URL.replace('http', 'ws') +
			'/connection/websocket', { websocket: WebSocket,
			getToken: make('connection', {}) });
		const sub = c.newSubscription('$x',
			{ getToken: make('subscription',
				{ channel: '$x', data: { hi: 1 } }) });
		const seen = [], data = [];
		sub.on('subscribed', (s) => data.push(s.data));
		sub.on('publication', (p) => seen.push(p.data));
		sub.subscribe();
		c.connect();
		await sub.ready();
		for (const name of ['connecting', 'disconnected', 'error'])
			c.on(name, (e) => ends.push([name, e]));
		for (const name of ['subscribing', 'unsubscribed', 'error'])
			sub.on(name, (e) => ends.push([name, e]));
		await until('refreshes', () => made.connection >= 4 &&
			made.subscription >= 4);
		await api('publish', { channel: '$x', data: 'still' }, KEY);
		await until('publication', () => seen.length > 0);
		assert.deepEqual(seen, ['still']);
		assert.deepEqual(ends, []);
		assert.deepEqual(data, [{ hi: 1 }]);
	},

	// Channels for users: of one, of two, and each one's own.
	async limited() {
		const a = await open(), b = await open({ sub: '43' });
		const own = { '#42': a, '#43': b };
		for (const [channel, c] of Object.entries(own)) {
			assert.deepEqual(Object.keys(c.connected.subs), [channel]);
			await api('publish', { channel, data: channel }, KEY);
			assert.equal((await c.push('pub', channel)).data, channel);
		}
		await a.subscribe('news#42');
		await a.subscribe('dialog#42,43');
		await b.subscribe('dialog#42,43');
		const denied = [103, 'permission denied'];
		for (const channel of ['news#42', '#42', 'news#4', 'news#442',
			'news#42,'])
			assert.deepEqual(await b.error('subscribe', { channel }),
				denied, channel);
		const third = await open({ sub: '4' });
		for (const channel of ['dialog#42,43', '#42', '#', 'news#42'])
			assert.deepEqual(await third.error('subscribe',
				{ channel }), denied, channel);
		// Who is called like two users has no channel of his own.
		const both = await Client.open(null);
		assert.equal((await both.error('connect',
			{ token: user({ sub: '42,43' }) }))[0], 107);
		assert.deepEqual(await a.error('subscribe', { channel: '$x' }),
			denied);
		// A token opens them all.
		await b.subscribe('news#42',
			{ token: user({ sub: '43', channel: 'news#42' }) });
		assert.ok((await b.sofar()).every((m) => !m.push?.pub));
		const nobody = await open({ sub: '' });
		assert.equal(nobody.connected.subs, undefined);
		for (const channel of ['#', 'dialog#42,43', 'dialog#42,'])
			assert.deepEqual(await nobody.error('subscribe',
				{ channel }), denied, channel);
	},

	// A few lines a second, the rest as a number.
	async flood() {
		const c = await open();
		const one = ['subscribe', { channel: '$x' }];
		await c.reply(c.send(...Array(300).fill(one)).at(-1));
		const told = () => log().split('may not subscribe').length - 1;
		const left = () => [...log().matchAll(/(\d+) more refusals/g)]
			.reduce((sum, [, n]) => sum + Number(n), 0);
		await until('all told', () => told() + left() === 300);
		assert.ok(told() >= 1 && told() <= 15, `${told()} lines`);
		await metric('dnot_denied_total', (n) => n === 300);
	},
};

run(scenarios);
