// SPDX-License-Identifier: MIT
//
// revoke.js SCENARIO: tokens that are revoked on a running dnot-serve
// (DNOT_URL). The tenants a and b have the keys a-key and b-key.
'use strict';

const assert = require('node:assert/strict');
const { Client, api, now, run, token, until } = require('./client.js');

const INVALID = [3500, 'invalid token'];

const access = (claims, tenant = 'a') => token({ tenant, exp: now() + 1000,
	iat: now() - 10, ...claims }, { key: `${tenant}-secret` });

const open = (claims, tenant) =>
	Client.open({ token: access(claims, tenant) });

// How a connect with that token ends.
async function refused(claims, tenant) {
	const c = await Client.open(null);
	c.send(['connect', { token: access(claims, tenant) }]);
	assert.deepEqual(await c.closed(), INVALID);
}

async function call(method, params, key = 'a-key') {
	const answer = await api(method, params, key);
	assert.ok(answer.result, JSON.stringify(answer));
	return answer.result;
}

const error = async (method, params) =>
	(await api(method, params, 'a-key')).error;

const works = (...clients) =>
	Promise.all(clients.map((c) => c.result('ping', {})));

const sub = (channel, claims) =>
	({ token: access({ channel, sub: 'u', ...claims }) });

const scenarios = {
	// Ended on whatever loop they are, refused from then on; nobody else.
	async token() {
		const bad = await Promise.all(Array.from({ length: 8 },
			() => open({ sub: 'u', jti: 'one' })));
		const others = await Promise.all([
			open({ sub: 'u', jti: 'two' }), open({ sub: 'u' }),
			open({ sub: 'one' }), open({ sub: 'u', jti: 'one' }, 'b'),
		]);
		assert.deepEqual(await call('revoke_token',
			{ uid: 'one', expire_at: now() + 100 }),
			{ durable: true, disconnected: 8 });
		for (const c of bad)
			assert.deepEqual(await c.closed(), INVALID);
		await refused({ sub: 'u', jti: 'one' });
		await refused({ sub: 'somebody else', jti: 'one' });
		await works(...others, await open({ sub: 'u', jti: 'two' }),
			await open({ sub: 'u', jti: 'one' }, 'b'));
		assert.equal((await call('revoke_token', { uid: 'one' }))
			.disconnected, 0);
		assert.equal((await call('revoke_token', { uid: 'one' }, 'b-key'))
			.disconnected, 2);
		assert.deepEqual(await others[3].closed(), INVALID);
	},

	// By when they were issued; one without iat is older than any time.
	async user() {
		const at = now() - 100;
		const old = await open({ sub: 'u', iat: at - 1 });
		const none = await open({ sub: 'u', iat: undefined });
		const young = await open({ sub: 'u', iat: at });
		const others = [await open({ sub: 'v', iat: at - 1 }),
			await open({ sub: 'u', iat: at - 1 }, 'b')];
		assert.deepEqual(await call('invalidate_user_tokens',
			{ user: 'u', issued_before: at }),
			{ durable: true, disconnected: 2 });
		assert.deepEqual(await old.closed(), INVALID);
		assert.deepEqual(await none.closed(), INVALID);
		await refused({ sub: 'u', iat: at - 1 });
		await refused({ sub: 'u', iat: undefined });
		await works(young, ...others, await open({ sub: 'u', iat: at }));
		// Without a time it is this one.
		assert.equal((await call('invalidate_user_tokens',
			{ user: 'u', expire_at: now() + 100 })).disconnected, 2);
		assert.deepEqual(await young.closed(), INVALID);
		await refused({ sub: 'u', iat: now() - 1 });
		await works(...others, await open({ sub: 'u', iat: now() }));
	},

	// A new token that is revoked is refused, and so is one for a channel.
	async later() {
		await call('revoke_token', { uid: 'bad' });
		let c = await open({ sub: 'u' });
		c.send(['refresh', { token: access({ sub: 'u', jti: 'bad' }) }]);
		assert.deepEqual(await c.closed(), INVALID);
		c = await open({ sub: 'u' });
		c.send(['subscribe', { channel: 'n:x',
			...sub('n:x', { jti: 'bad' }) }]);
		assert.deepEqual(await c.closed(), INVALID);
		c = await open({ sub: 'u' });
		await c.subscribe('n:x', sub('n:x'));
		c.send(['sub_refresh', { channel: 'n:x',
			...sub('n:x', { jti: 'bad' }) }]);
		assert.deepEqual(await c.closed(), INVALID);
	},

	// A connection has the tokens that it was given last.
	async refreshed() {
		const c = await open({ sub: 'u', jti: 'c1' });
		await c.subscribe('n:x', sub('n:x', { jti: 's1' }));
		await c.result('refresh', { token: access({ sub: 'u', jti: 'c2',
			iat: now() }) });
		await c.result('sub_refresh', { channel: 'n:x',
			...sub('n:x', { jti: 's2', iat: now() }) });
		for (const uid of ['c1', 's1'])
			assert.equal((await call('revoke_token', { uid }))
				.disconnected, 0);
		assert.equal((await call('invalidate_user_tokens',
			{ user: 'u', issued_before: now() - 5 })).disconnected, 0);
		await works(c);
		assert.equal((await call('revoke_token', { uid: 'c2' }))
			.disconnected, 1);
		assert.deepEqual(await c.closed(), INVALID);
	},

	// A subscription's token ends the connection that has it.
	async subscription() {
		const c = await open({ sub: 'u' }), d = await open({ sub: 'u' });
		for (const e of [c, d])
			await e.subscribe('n:x', sub('n:x', { jti: 's' }));
		await c.subscribe('n:y', sub('n:y', { jti: 's' }));
		await d.result('unsubscribe', { channel: 'n:x' });
		assert.equal((await call('revoke_token', { uid: 's' }))
			.disconnected, 1);
		assert.deepEqual(await c.closed(), INVALID);
		// An older one of a user whose connection's is new.
		const e = await open({ sub: 'w', iat: now() });
		await e.subscribe('n:x', { token: access({ channel: 'n:x',
			sub: 'w', iat: now() - 50 }) });
		assert.equal((await call('invalidate_user_tokens', { user: 'w',
			issued_before: now() - 20 })).disconnected, 1);
		assert.deepEqual(await e.closed(), INVALID);
		await works(d);
	},

	// It is over when it is said to be, and revoking it again replaces that.
	async ends() {
		await call('revoke_token', { uid: 'e', expire_at: now() + 1000 });
		await refused({ sub: 'u', jti: 'e' });
		await call('revoke_token', { uid: 'e', expire_at: now() + 2 });
		await refused({ sub: 'u', jti: 'e' });
		await until('the end', async () => {
			const c = await Client.open(null);
			const [id] = c.send(['connect',
				{ token: access({ sub: 'u', jti: 'e' }) }]);
			return (await c.next((m) => m.id === id || m.close)).connect;
		});
	},

	// What is asked wrongly, and what is asked of the limit.
	async wrong() {
		for (const [method, params] of [
			['revoke_token', {}],
			['revoke_token', { uid: '' }],
			['revoke_token', { uid: 5 }],
			['revoke_token', { uid: 'x'.repeat(256) }],
			['revoke_token', { uid: 'x', expire_at: 'soon' }],
			['revoke_token', { uid: 'x', expire_at: -1 }],
			['revoke_token', { uid: 'x', expire_at: now() - 1 }],
			['invalidate_user_tokens', {}],
			['invalidate_user_tokens', { user: '' }],
			['invalidate_user_tokens', { user: 'u', issued_before: -5 }],
			['invalidate_user_tokens', { user: 'u', expire_at: 1.5 }],
		])
			assert.equal((await error(method, params)).code, 107,
				JSON.stringify(params));
		assert.equal((await error('invalidate_user_tokens',
			{ user: 'u', channel: 'c' })).code, 108);
		await open({ sub: 'u', jti: 'x', iat: 1 });
		const longest = 'x'.repeat(255);
		await call('revoke_token', { uid: longest });
		await refused({ sub: 'u', jti: longest });
		await open({ sub: 'u', jti: `${longest}x` });
		// The limit of these tenants is five.
		for (const uid of ['1', '2', '3', '4', '4'])
			await call('revoke_token', { uid, expire_at: now() + 1000 });
		assert.equal((await error('revoke_token', { uid: '5' })).code, 106);
		await open({ sub: 'u', jti: '5' });
		await call('revoke_token', { uid: '5' }, 'b-key');
	},

	// As rpc and in a batch.
	async ways() {
		const c = await open({ sub: 'u', jti: 'rpc' });
		const b = await Client.open({}, 'X-API-Key: a-key\r\n');
		const { data } = await b.result('rpc',
			{ method: 'revoke_token', data: { uid: 'rpc' } });
		assert.equal(data.disconnected, 1);
		assert.deepEqual(await c.closed(), INVALID);
		const d = await open({ sub: 'd' });
		const { replies } = await api('batch', { commands: [
			{ revoke_token: { uid: 'b' } },
			{ invalidate_user_tokens: { user: 'd' } },
		] }, 'a-key');
		assert.deepEqual(replies.map((r) =>
			Object.values(r)[0].disconnected), [0, 1]);
		assert.deepEqual(await d.closed(), INVALID);
	},

	// Readers of streams, whose token is in their request.
	async streams() {
		const url = `${process.env.DNOT_URL}/connection/uni_sse?${
			new URLSearchParams({ cf_connect: JSON.stringify(
				{ token: access({ sub: 'u', jti: 'sse' }) }) })}`;
		const stream = await fetch(url);
		assert.equal((await call('revoke_token', { uid: 'sse' }))
			.disconnected, 1);
		assert.match(await stream.text(), /"connect".*"code":3500/s);
		const again = await fetch(url);
		assert.match(await again.text(), /^\W*data: {"disconnect":{"code":3500/);
	},

	// Connections that are being made while their token is revoked.
	async race(method) {
		const at = now();
		const one = async (_, i) => {
			const c = await Client.open(null);
			c.send(['connect', { token: access({ sub: 'r', jti: 'race',
				iat: at - 1, channels: ['x', 'y', `z${i}`] }) }]);
			if (i === 50)
				await call(method,
					{ uid: 'race', user: 'r', issued_before: at });
			return c;
		};
		const all = await Promise.all(Array.from({ length: 100 }, one));
		for (const c of all) {
			const first = await c.next((m) => m.connect || m.close);
			if (first.connect)
				await c.closed();
		}
	},

	// Before a restart, and after it.
	async before() {
		await open({ sub: 'u', jti: 'gone' });
		await call('revoke_token', { uid: 'gone', expire_at: now() + 900 });
		await call('invalidate_user_tokens',
			{ user: 'w', issued_before: now() });
	},
	async after() {
		await refused({ sub: 'u', jti: 'gone' });
		await refused({ sub: 'w' });
		await works(await open({ sub: 'u', jti: 'stays' }),
			await open({ sub: 'w', iat: now() + 1 }),
			await open({ sub: 'w' }, 'b'),
			await open({ sub: 'u', jti: 'gone' }, 'b'));
	},

	// Without a log it says so.
	async 'not-durable'() {
		assert.deepEqual(await call('revoke_token', { uid: 'x' }),
			{ durable: false, disconnected: 0 });
		await refused({ sub: 'u', jti: 'x' });
	},

	// While the log is away it counts, and is not said to be kept.
	async away() {
		const e = await error('revoke_token', { uid: 'away' });
		assert.deepEqual([e.code, e.temporary], [100, true]);
		await refused({ sub: 'u', jti: 'away' });
	},
	async back() {
		await refused({ sub: 'u', jti: 'away' });
	},
};

run(scenarios);
