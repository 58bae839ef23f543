// SPDX-License-Identifier: MIT
//
// clients.js SCENARIO: the methods of the server API that act on connections,
// against a running dnot-serve (DNOT_URL) with the tenants of clients.bats.
'use strict';

const assert = require('node:assert/strict');
const { Client, api, now, run, token, until } = require('./client.js');

const ADDRESS = /^127\.0\.0\.1:\d+$/;
let names = 0;

// Nobody else has that name.
const fresh = (prefix) => `${prefix}${process.pid}-${++names}`;

const access = (claims = {}) =>
	token({ tenant: 'one', exp: now() + 600, ...claims });

const user = (sub, params = {}, claims = {}) =>
	Client.open({ token: access({ sub, ...claims }), ...params });

const backend = (key = 'one') => Client.open({}, `X-API-Key: ${key}\r\n`);

// A call that succeeds; its result.
async function ok(method, params, key = 'one') {
	const { result, error } = await api(method, params, key);
	assert.ok(result, JSON.stringify(error));
	return result;
}

// A call that is refused; "CODE MESSAGE".
async function refused(method, params, key = 'one') {
	const { error } = await api(method, params, key);
	assert.ok(error, `${method} ${JSON.stringify(params)} went through`);
	return `${error.code} ${error.message}`;
}

async function listed(params, key) {
	return Object.values((await ok('connections', params, key)).connections);
}

const ids = (list) => list.map((c) => c.client).sort();

const idOf = (c) => c.connected.client;

// Nothing but that came since it was asked last.
async function nothing(...clients) {
	for (const c of clients)
		assert.deepEqual(await c.sofar(), []);
}

// Several of one user, on whatever loops they land.
async function crowd(n, ...args) {
	return Promise.all(Array.from({ length: n }, () => user(...args)));
}

// A client of an HTTP transport: its messages, one a line.
class Lines {
	static async open(path, body) {
		const c = new Lines();
		c.abort = new AbortController();
		const reply = await fetch(process.env.DNOT_URL + path,
			{ method: 'POST', body: JSON.stringify(body),
				signal: c.abort.signal });
		assert.equal(reply.status, 200);
		c.reader = reply.body.getReader();
		c.text = '';
		return c;
	}
	// The next message but pings; null at the end.
	async next() {
		for (;;) {
			const n = this.text.indexOf('\n');
			if (n < 0) {
				const { done, value } = await this.reader.read();
				if (done)
					return null;
				this.text += Buffer.from(value).toString();
				continue;
			}
			const line = this.text.slice(0, n);
			this.text = this.text.slice(n + 1);
			if (line !== '{}')
				return JSON.parse(line);
		}
	}
	gone() {
		this.abort.abort();
	}
}

const scenarios = {
	// Every connection of the user, at once; a publication behind the answer
	// reaches all of them.
	async subscribe() {
		const me = fresh('me'), channel = fresh('c');
		const mine = await crowd(20, me);
		const [other] = await crowd(1, fresh('other'));
		assert.deepEqual(await ok('subscribe', { user: me, channel,
			data: { a: [1] }, info: { i: 1 } }), {});
		assert.equal((await ok('publish', { channel, data: 1 })).matched, 20);
		for (const c of mine) {
			const sub = await c.push('subscribe', channel);
			assert.deepEqual(sub.data, { a: [1] });
			assert.equal(sub.positioned, true);
			assert.equal((await c.push('pub', channel)).data, 1);
		}
		const { presence } = await ok('presence', { channel });
		assert.deepEqual(Object.keys(presence).sort(),
			mine.map(idOf).sort());
		assert.deepEqual(presence[idOf(mine[0])].chan_info, { i: 1 });
		// Again: no error and no push; who is new gets it.
		const late = await user(me);
		assert.deepEqual(await ok('subscribe', { user: me, channel }), {});
		await late.push('subscribe', channel);
		await nothing(...mine, other, late);
		// The client cannot have it twice either.
		assert.equal((await late.error('subscribe', { channel }))[0], 105);
		await late.result('unsubscribe', { channel });
		await late.subscribe(channel);
	},

	// One of them alone, by its client id, with or without the user.
	async one() {
		const me = fresh('me');
		const [a, b] = await crowd(2, me);
		const channels = [fresh('c'), fresh('c')];
		await ok('subscribe', { user: me, client: idOf(a),
			channel: channels[0] });
		await ok('subscribe', { client: idOf(a), channel: channels[1] });
		for (const channel of channels)
			await a.push('subscribe', channel);
		// A client that is another user's, or nobody's.
		await ok('subscribe', { user: fresh('x'), client: idOf(a),
			channel: fresh('c') });
		await ok('subscribe', { client: fresh('x'), channel: fresh('c') });
		await nothing(a, b);
	},

	// One of them alone, by the secret of its session.
	async session() {
		const me = fresh('me'), channel = fresh('c');
		const open = () => Lines.open('/connection/http_stream',
			{ id: 1, connect: { token: access({ sub: me }) } });
		const mine = [await open(), await open(), await open()];
		const replies = [];
		for (const c of mine)
			replies.push((await c.next()).connect);
		const [{ session, client }, other] = replies;
		await ok('subscribe', { user: me, session, channel });
		assert.equal((await mine[0].next()).push.channel, channel);
		assert.deepEqual(await ok('send', { session, data: 1 }),
			{ matched: 1 });
		assert.deepEqual((await mine[0].next()).push.message, { data: 1 });
		const [shown] = await listed({ channel });
		assert.equal(shown.client, client);
		assert.equal(shown.transport, 'http_stream');
		// A secret that is wrong in its last digit, none, another one's.
		const digit = session.at(-1) === '0' ? '1' : '0';
		for (const whom of [{ session: session.slice(0, -1) + digit },
			{ session: 'x' }, { session, client: other.client },
			{ session, user: fresh('x') }])
			assert.deepEqual(await ok('send', { ...whom, data: 1 }),
				{ matched: 0 });
		await ok('disconnect', { session });
		assert.deepEqual((await mine[0].next()).push.disconnect,
			{ code: 3503, reason: 'force disconnect' });
		assert.equal(await mine[0].next(), null);
		assert.deepEqual(ids(await listed({ user: me })),
			[other.client, replies[2].client].sort());
		for (const c of mine)
			c.gone();
	},

	// One-way: each message without its wrapper, and told of its new end.
	async uni() {
		const me = fresh('me'), channel = fresh('c');
		const c = await Lines.open('/connection/uni_http_stream',
			{ token: access({ sub: me }) });
		const { connect } = await c.next();
		assert.equal((await listed({ user: me }))[0].transport,
			'uni_http_stream');
		await ok('refresh', { session: connect.session,
			expire_at: now() + 1000 });
		const { refresh } = await c.next();
		assert.equal(refresh.expires, true);
		assert.ok(refresh.ttl > 900 && refresh.ttl <= 1000);
		await ok('refresh', { user: me, expire_at: 0 });
		assert.deepEqual(await c.next(), { refresh: {} });
		await ok('subscribe', { user: me, channel, data: 1 });
		const told = await c.next();
		assert.equal(told.channel, channel);
		assert.equal(told.subscribe.data, 1);
		await ok('publish', { channel, data: 2 });
		assert.equal((await c.next()).pub.data, 2);
		await ok('send', { user: me, data: 3 });
		assert.deepEqual(await c.next(), { message: { data: 3 } });
		await ok('unsubscribe', { user: me });
		assert.equal((await c.next()).unsubscribe.code, 2000);
		await ok('disconnect', { user: me });
		assert.deepEqual((await c.next()).disconnect,
			{ code: 3503, reason: 'force disconnect' });
		assert.equal(await c.next(), null);
	},

	async 'recover-since'() {
		const channel = fresh('c'), me = fresh('me');
		for (const data of [1, 2, 3])
			await ok('publish', { channel, data });
		const { epoch } = await ok('history', { channel });
		const c = await user(me);
		await ok('subscribe', { user: me, channel,
			recover_since: { offset: 1, epoch } });
		const sub = await c.push('subscribe', channel);
		assert.equal(sub.recovered, true);
		assert.equal((await c.push('pub', channel)).data, 2);
		assert.equal((await c.push('pub', channel)).data, 3);
		await ok('publish', { channel, data: 4 });
		assert.equal((await c.push('pub', channel)).data, 4);
		await nothing(c);
	},

	// info and data in base64, presence off, and an end.
	async options() {
		const channel = fresh('c'), me = fresh('me');
		const c = await user(me);
		const b64 = (o) =>
			Buffer.from(JSON.stringify(o)).toString('base64');
		await ok('subscribe', { user: me, channel, expire_at: now() + 4,
			b64data: b64({ d: 1 }), b64info: b64({ i: 2 }),
			override: { presence: { value: false },
				join_leave: { value: false } } });
		assert.deepEqual((await c.push('subscribe', channel)).data,
			{ d: 1 });
		assert.deepEqual((await ok('presence', { channel })).presence, {});
		await c.result('publish', { channel, data: 1 });
		const { info } = await c.push('pub', channel);
		assert.equal(info.client, idOf(c));
		assert.deepEqual(await c.closed(), [3006, 'subscription expired']);
	},

	async 'channel-limit'() {
		const me = fresh('me');
		const c = await user(me);
		for (let i = 0; i < 5; i++)
			await ok('subscribe', { user: me, channel: fresh('c') });
		await c.push('subscribe');
		await ok('subscribe', { user: me, channel: fresh('c') });
		assert.deepEqual(await c.closed(), [3505, 'channel limit']);
	},

	// Of the server's and of the client's making; nobody is left behind the
	// answer.
	async unsubscribe() {
		const me = fresh('me'), channel = fresh('c');
		const mine = await crowd(10, me);
		await Promise.all(mine.map((c) => c.subscribe(channel)));
		const more = fresh('c');
		await ok('subscribe', { user: me, channel: more });
		for (const c of mine)
			await c.push('subscribe', more);
		assert.deepEqual(await ok('unsubscribe', { user: me, channel,
			client: idOf(mine[0]) }), {});
		const end = { code: 2000, reason: 'server unsubscribe' };
		assert.deepEqual(await mine[0].push('unsubscribe', channel), end);
		assert.equal((await ok('presence_stats', { channel })).num_clients,
			9);
		await ok('unsubscribe', { user: me, channel });
		assert.equal((await ok('publish', { channel, data: 1 })).matched, 0);
		for (const c of mine.slice(1))
			assert.deepEqual(await c.push('unsubscribe', channel), end);
		await nothing(...mine);
		// All that is left.
		await ok('unsubscribe', { user: me });
		for (const c of mine)
			assert.deepEqual(await c.push('unsubscribe', more), end);
		await ok('unsubscribe', { user: me });
		await nothing(...mine);
		await mine[0].subscribe(channel);
	},

	async disconnect() {
		const me = fresh('me'), channel = fresh('c');
		const mine = await crowd(10, me);
		await Promise.all(mine.map((c) => c.subscribe(channel)));
		const kept = mine.splice(0, 2), [one, other] = mine.splice(0, 2);
		await ok('disconnect', { user: me, client: idOf(one) });
		assert.deepEqual(await one.closed(), [3503, 'force disconnect']);
		await ok('disconnect', { client: idOf(other),
			disconnect: { code: 4999, reason: 'x'.repeat(123) } });
		assert.deepEqual(await other.closed(), [4999, 'x'.repeat(123)]);
		await ok('disconnect', { user: me, whitelist: kept.map(idOf),
			disconnect: { code: 3000, reason: 'come back' } });
		assert.deepEqual(ids(await listed({ user: me })),
			kept.map(idOf).sort());
		assert.equal((await ok('presence_stats', { channel })).num_clients,
			2);
		for (const c of mine)
			assert.deepEqual(await c.closed(), [3000, 'come back']);
		await nothing(...kept);
	},

	// A connection with a server key ends itself: there is nobody to answer.
	async self() {
		const b = await backend();
		b.send(['rpc', { method: 'disconnect',
			data: { client: idOf(b) } }]);
		assert.deepEqual(await b.closed(), [3503, 'force disconnect']);
		const c = await backend();
		const me = await user(fresh('me'));
		const { data } = await c.result('rpc', { method: 'send',
			data: { client: idOf(me), data: 1 } });
		assert.deepEqual(data, { matched: 1 });
	},

	// Nobody in particular is every anonymous client, but no backend.
	async anonymous() {
		const a = await user(''), b = await backend();
		await ok('disconnect', { user: '' });
		assert.deepEqual(await a.closed(), [3503, 'force disconnect']);
		const shown = await listed({ user: '' });
		assert.ok(shown.find((c) => c.client === idOf(b)).server);
		await ok('disconnect', { user: '', client: idOf(b) });
		assert.deepEqual(await b.closed(), [3503, 'force disconnect']);
	},

	async refresh() {
		const me = fresh('me'), exp = now() + 600, far = now() + 1000;
		const [late, c] = await crowd(2, me, {}, { exp });
		assert.equal((await listed({ client: idOf(c) }))[0].expire_at, exp);
		// Both are to end soon, then one of them later after all.
		await ok('refresh', { user: me, expire_at: now() + 3 });
		await ok('refresh', { user: me, client: idOf(c), expire_at: far,
			info: { n: 1 } });
		assert.deepEqual(await late.closed(), [3005, 'connection expired']);
		assert.equal((await listed({ client: idOf(c) }))[0].expire_at, far);
		const channel = fresh('c');
		await c.subscribe(channel);
		await c.result('publish', { channel, data: 1 });
		assert.deepEqual((await c.push('pub', channel)).info.conn_info,
			{ n: 1 });
		// What is not said stays as it is; 0 is never.
		await ok('refresh', { user: me });
		assert.equal((await listed({ client: idOf(c) }))[0].expire_at, far);
		await ok('refresh', { user: me, expire_at: 0 });
		assert.equal((await listed({ client: idOf(c) }))[0].expire_at,
			undefined);
		// Its SDK may still bring the token that was due.
		const token2 = access({ sub: me, exp: now() + 900 });
		assert.ok((await c.result('refresh', { token: token2 })).ttl > 800);
		await ok('refresh', { user: me, expire_at: 1 });
		assert.deepEqual(await c.closed(), [3005, 'connection expired']);
		const d = await user(me);
		await ok('refresh', { user: me, expired: true });
		assert.deepEqual(await d.closed(), [3005, 'connection expired']);
	},

	async send() {
		const me = fresh('me');
		const mine = await crowd(10, me);
		const data = { text: 'grüße\n', list: [1, null] };
		assert.deepEqual(await ok('send', { user: me, data }),
			{ matched: 10 });
		for (const c of mine)
			assert.deepEqual((await c.push('message')).data, data);
		assert.deepEqual(await ok('send', { client: idOf(mine[3]),
			data: null }), { matched: 1 });
		assert.equal((await mine[3].push('message')).data, null);
		assert.deepEqual(await ok('send', { client: idOf(mine[3]),
			b64data: Buffer.from('[1]').toString('base64') }),
		{ matched: 1 });
		assert.deepEqual((await mine[3].push('message')).data, [1]);
		assert.deepEqual(await ok('send', { user: fresh('x'), data }),
			{ matched: 0 });
		await nothing(...mine);
	},

	// What is missing or wrong is told, and nothing is done.
	async bad() {
		const me = fresh('me'), c = await user(me);
		for (const method of ['unsubscribe', 'disconnect', 'refresh'])
			assert.match(await refused(method, {}),
				/^107 .*user, client or session is needed/);
		for (const [method, params, why] of [
			['subscribe', { channel: 'c' }, /^107 .*user, client/],
			['subscribe', { user: me }, /^107 .*channel/],
			['subscribe', { user: me, channel: '' }, /^107 .*channel/],
			['subscribe', { user: me, channel: 'a b' }, /^107 /],
			['subscribe', { user: me, channel: 'no:c' }, /^102 /],
			['subscribe', { user: 1, channel: 'c' }, /^107 .*user/],
			['subscribe', { user: me, channel: 'c', client: 1 },
				/^107 .*client/],
			['subscribe', { user: me, channel: 'c', b64info: '%' },
				/^107 .*b64info/],
			['subscribe', { user: me, channel: 'c', b64data: 'eA==' },
				/^107 .*b64data/],
			['subscribe', { user: me, channel: 'c',
				info: JSON.parse('['.repeat(50) + ']'.repeat(50)) },
			/^107 .*info/],
			['subscribe', { user: me, channel: 'c', expire_at: 1 },
				/^107 .*expire_at/],
			['subscribe', { user: me, channel: 'c', expire_at: 'x' },
				/^107 .*expire_at/],
			['subscribe', { user: me, channel: 'c', recover_since: 1 },
				/^107 .*recover_since/],
			['subscribe', { user: me, channel: 'c', override: true },
				/^107 .*override/],
			['subscribe', { user: me, channel: 'c',
				override: { presence: true } }, /^107 .*override/],
			['subscribe', { user: me, channel: 'c',
				override: { force_recovery: { value: 1 } } },
			/^107 .*override/],
			['unsubscribe', { user: me, channel: 'no:c' }, /^102 /],
			['unsubscribe', { user: me, channel: 5 }, /^107 .*channel/],
			['disconnect', { user: me, whitelist: 'x' },
				/^107 .*whitelist/],
			['disconnect', { user: me, whitelist: [1] },
				/^107 .*whitelist/],
			['disconnect', { user: me, disconnect: 3000 },
				/^107 .*disconnect/],
			['disconnect', { user: me, disconnect: { code: 2999 } },
				/^107 .*code/],
			['disconnect', { user: me, disconnect: { code: 5000 } },
				/^107 .*code/],
			['disconnect', { user: me, disconnect: { code: 3000,
				reason: 'x'.repeat(124) } }, /^107 .*reason/],
			['disconnect', { user: me, disconnect: { code: 3000,
				reason: 'a\0b' } }, /^107 .*reason/],
			['refresh', { user: me, expire_at: -1 }, /^107 .*expire_at/],
			['refresh', { user: me, expired: 1 }, /^107 .*expired/],
			['send', { user: me }, /^107 .*data/],
			['send', { data: 1 }, /^107 .*user, client/],
			['send', { user: me, data: 'x'.repeat(70000) },
				/^107 .*message_size_limit/],
			['connections', { limit: 0 }, /^107 .*limit/],
			['connections', { limit: 1001 }, /^107 .*limit/],
			['connections', { cursor: 'x' }, /^107 .*cursor/],
			['connections', { cursor: '9999.0' }, /^107 .*cursor/],
			['connections', { channel: 'no:c' }, /^102 /],
		])
			assert.match(await refused(method, params), why,
				JSON.stringify(params));
		await nothing(c);
	},

	// A foreign key sees and touches nobody, also under the same names.
	async tenants() {
		const me = fresh('me'), channel = fresh('c');
		const c = await user(me);
		const theirs = await Client.open(
			{ token: token({ tenant: 'two', sub: me }) });
		await c.subscribe(channel);
		for (const whom of [{ user: me }, { client: idOf(c) }]) {
			for (const [method, params] of [
				['subscribe', { channel: fresh('c') }],
				['unsubscribe', { channel }],
				['unsubscribe', {}],
				['refresh', { expire_at: 0 }],
				['send', { data: 1 }],
				['disconnect', {}]])
				await ok(method, { ...whom, ...params,
					whitelist: [idOf(theirs)] }, 'two-key');
			assert.deepEqual((await listed(whom, 'two-key'))
				.filter((x) => x.client !== idOf(theirs)), []);
		}
		assert.deepEqual(ids(await listed({}, 'two-key')),
			[idOf(theirs)]);
		assert.deepEqual(await listed({ channel }, 'two-key'), []);
		await nothing(c);
		assert.deepEqual(ids(await listed({ user: me })), [idOf(c)]);
		const { num_subs: subs } = (await listed({ user: me }))[0];
		assert.equal(subs, 1);
	},

	async connections() {
		const me = fresh('me'), channel = fresh('c');
		const before = Date.now();
		const [a, b] = await crowd(2, me, { name: 'js', version: '5.8.0' });
		const labelled = await user(me, { name: 'ü'.repeat(20),
			version: 'v'.repeat(100) });
		await a.subscribe(channel);
		await ok('publish', { channel, data: 1 });
		await ok('subscribe', { client: idOf(b), channel });
		const [shown] = await listed({ client: idOf(a) });
		assert.equal(shown.user, me);
		assert.equal(shown.transport, 'websocket');
		assert.equal(shown.protocol, 'json');
		assert.equal(shown.app_name, 'js');
		assert.equal(shown.app_version, '5.8.0');
		assert.equal(shown.server, undefined);
		assert.match(shown.remote_address, ADDRESS);
		assert.ok(shown.connected_at_ms >= before - 1000);
		assert.ok(shown.age_ms >= 0 && shown.age_ms < 60000);
		assert.equal(shown.num_subs, 1);
		const sub = shown.subscriptions[channel];
		assert.equal(sub.offset, 1);
		assert.equal(typeof sub.epoch, 'string');
		assert.equal(sub.server_side, undefined);
		const other = (await listed({ client: idOf(b) }))[0];
		assert.equal(other.subscriptions[channel].server_side, true);
		// Cut to whole characters.
		const cut = (await listed({ client: idOf(labelled) }))[0];
		assert.equal(cut.app_name, 'ü'.repeat(8));
		assert.equal(cut.app_version, 'v'.repeat(64));
		// Filters, alone and together.
		assert.deepEqual(ids(await listed({ channel })),
			[a, b].map(idOf).sort());
		assert.deepEqual(ids(await listed({ user: me })),
			[a, b, labelled].map(idOf).sort());
		assert.deepEqual(ids(await listed({ user: me, channel,
			client: idOf(b) })), [idOf(b)]);
		assert.deepEqual(await listed({ user: fresh('x'),
			client: idOf(b) }), []);
		assert.deepEqual(await listed({ channel: fresh('c') }), []);
		a.gone();
		await until('end', async () =>
			(await listed({ client: idOf(a) })).length === 0);
	},

	// More subscriptions than are shown are still counted.
	async 'many-subscriptions'() {
		const b = await backend();
		for (let i = 0; i < 150; i++)
			await b.subscribe(fresh('c'));
		const [shown] = await listed({ client: idOf(b) });
		assert.equal(Object.keys(shown.subscriptions).length, 100);
		assert.equal(shown.num_subs, 150);
	},

	// Who does not read is seen by what waits for it, and how long.
	async slow() {
		const me = fresh('me'), channel = fresh('c');
		const c = await user(me), reader = await user(fresh('r'));
		await c.subscribe(channel);
		await reader.subscribe(channel);
		c.raw.socket.pause();
		const data = 'y'.repeat(50000);
		// More than the kernel still takes once it is known.
		let shown = { queued_bytes: 0 };
		while (shown.queued_bytes < 400000) {
			await ok('publish', { channel, data });
			await reader.push('pub', channel);
			[shown] = await listed({ client: idOf(c) });
		}
		assert.equal(shown.queued_reply_bytes, 0);
		await until('lag', async () => (await listed(
			{ client: idOf(c) }))[0].lag_ms > 300);
		const [fast] = await listed({ client: idOf(reader) });
		assert.equal(fast.queued_bytes, 0);
		assert.equal(fast.lag_ms, 0);
		c.raw.socket.resume();
		await until('drained queue', async () => (await listed(
			{ client: idOf(c) }))[0].queued_bytes === 0);
	},

	// Bytes a second, of the second before.
	async rate() {
		const me = fresh('me'), c = await user(me);
		const timer = setInterval(() => ok('send',
			{ user: me, data: 'x'.repeat(1000) }), 20);
		await until('rate', async () => {
			const [shown] = await listed({ user: me });
			return shown.sent_bytes_per_second > 10000;
		});
		clearInterval(timer);
		await until('silence', async () => {
			const [shown] = await listed({ user: me });
			return shown.sent_bytes_per_second === 0;
		});
		c.gone();
	},

	// A queue of `send` has a limit, too.
	async 'slow-send'() {
		const me = fresh('me'), c = await user(me);
		c.raw.socket.pause();
		const data = 'y'.repeat(60000);
		await until('end', async () =>
			(await ok('send', { user: me, data })).matched === 0);
		c.raw.socket.resume();
		let last;
		do {
			await c.read();
			last = c.messages.pop();
		} while (!last.close);
		assert.deepEqual(last.close, { code: 3008, reason: 'slow' });
	},

	// Listed by pages: each once, whoever comes and goes meanwhile.
	async pages(count = 5000) {
		const all = new Set();
		for (let left = Number(count); left > 0; left -= 250)
			for (const c of await crowd(Math.min(left, 250),
				fresh('page')))
				all.add(idOf(c));
		let cursor, pages = 0;
		const seen = new Map();
		do {
			const page = await ok('connections', { limit: 300, cursor });
			const clients = Object.keys(page.connections);
			assert.ok(clients.length <= 300);
			for (const client of clients)
				seen.set(client, (seen.get(client) ?? 0) + 1);
			cursor = page.cursor;
			pages++;
			const [gone] = await crowd(1, fresh('come'));
			gone.gone();
		} while (cursor !== undefined);
		for (const client of all)
			assert.equal(seen.get(client), 1);
		assert.ok(pages >= Number(count) / 300);
	},

	// Many at once take several turns, and all are reached.
	async many(count = 2000) {
		const me = fresh('me'), channel = fresh('c'), mine = [];
		for (let left = Number(count); left > 0; left -= 250)
			mine.push(...await crowd(Math.min(left, 250), me));
		await ok('subscribe', { user: me, channel });
		assert.equal((await ok('presence_stats', { channel })).num_clients,
			Number(count));
		assert.equal((await ok('send', { user: me, data: 1 })).matched,
			Number(count));
		await ok('unsubscribe', { user: me });
		assert.equal((await ok('publish', { channel, data: 1 })).matched, 0);
		await ok('disconnect', { user: me });
		assert.deepEqual(await listed({ user: me }), []);
		for (const c of mine)
			assert.equal((await c.closed())[0], 3503);
	},

	// The client and the server at the same channel at once: each command has
	// its reply, and what was subscribed last is told.
	async race() {
		const me = fresh('me'), c = await user(me);
		for (let i = 0; i < 200; i++) {
			const channel = fresh('c');
			const [sub] = c.send(['subscribe', { channel }]);
			const calls = [
				ok('subscribe', { user: me, channel }),
				ok('unsubscribe', { user: me, channel })];
			const reply = await c.reply(sub);
			assert.ok(reply.subscribe || reply.error.code === 105,
				JSON.stringify(reply));
			await Promise.all(calls);
			await c.result('unsubscribe', { channel });
			await ok('unsubscribe', { user: me, channel });
			assert.equal((await ok('publish', { channel, data: 1 }))
				.matched, 0);
			const told = await c.sofar();
			assert.deepEqual(told.filter((m) => m.push?.pub), []);
			assert.deepEqual(told.filter((m) => m.id), []);
		}
	},

	// Gone in the middle of it.
	async vanish() {
		for (let i = 0; i < 50; i++) {
			const me = fresh('me'), channel = fresh('c');
			const mine = await crowd(3, me);
			const calls = [ok('subscribe', { user: me, channel }),
				ok('send', { user: me, data: 1 }),
				ok('unsubscribe', { user: me })];
			for (const c of mine)
				c.raw.socket.resetAndDestroy();
			await Promise.all(calls);
			await until('nobody', async () => (await ok('presence_stats',
				{ channel })).num_clients === 0);
		}
	},

	// Tenant "two": two connections of a user at a time.
	async 'user-limit'() {
		const access2 = (sub) => token({ tenant: 'two', sub });
		const me = fresh('me');
		const open = () => Client.open({ token: access2(me) });
		const a = await open(), b = await open();
		const c = await Client.open(null);
		c.send(['connect', { token: access2(me) }]);
		assert.deepEqual(await c.closed(), [3504, 'connection limit']);
		const other = await Client.open({ token: access2(fresh('other')) });
		a.gone();
		await until('room', async () =>
			(await listed({ user: me }, 'two-key')).length === 1);
		await open();
		await nothing(b, other);
	},

	// Tenant "three": the newest connection of a user ends the others.
	async single() {
		const access3 = (sub) => token({ tenant: 'three', sub });
		const me = fresh('me');
		const open = () => Client.open({ token: access3(me) });
		const bystander = await Client.open(
			{ token: access3(fresh('other')) });
		let before = await open();
		for (let i = 0; i < 20; i++) {
			const next = await open();
			assert.deepEqual(await before.closed(),
				[3504, 'connection limit']);
			before = next;
		}
		// Several at once: one of them stays.
		const crowd3 = await Promise.all(Array.from({ length: 20 }, open));
		const [stays] = await until('one', async () => {
			const list = await listed({ user: me }, 'three-key');
			return list.length === 1 && list;
		});
		let ended = 0;
		for (const c of crowd3) {
			if (idOf(c) === stays.client)
				continue;
			assert.deepEqual(await c.closed(), [3504, 'connection limit']);
			ended++;
		}
		assert.equal(ended, 19);
		await nothing(bystander);
	},

	async info() {
		const node = async () => (await ok('info', {})).nodes[0];
		const before = await node();
		const [a, b] = await crowd(2, fresh('me'));
		await crowd(1, fresh('me'));
		const after = await node();
		assert.equal(after.num_clients - before.num_clients, 3);
		assert.equal(after.num_users - before.num_users, 2);
		assert.equal(typeof after.metrics.items.dnot_commands_total,
			'number');
		a.gone();
		b.gone();
		await until('end', async () =>
			(await node()).num_users - before.num_users === 1);
	},
};

run(scenarios);
