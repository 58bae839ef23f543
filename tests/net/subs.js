// SPDX-License-Identifier: MIT
//
// subs.js SCENARIO: what a subscription brings, on the server DNOT_URL with
// the configuration of subs.bats. Exits 0 when all went as it must.
'use strict';

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { Client, api, frame, now, run, token, until } = require('./client');
const { Emulated } = require('./stream');

const KEY = 'key';
const open = (sub = '42', claims = {}) =>
	Client.open({ token: token({ sub, ...claims }) });
const publish = (channel, data, more = {}) =>
	api('publish', { channel, data, ...more }, KEY);
const log = () => readFileSync('server.err', 'utf8');

async function publishAll(channel, ...datas) {
	for (const data of datas)
		assert.ok((await publish(channel, data)).result);
}

const datas = (publications) => publications.map((p) => p.data);
const offsets = (publications) => publications.map((p) => p.offset);

// The next n publications of a channel.
async function take(c, channel, n) {
	const all = [];
	while (all.length < n)
		all.push(await c.push('pub', channel));
	return all;
}

// What came until now of a kind.
async function pushed(c, kind) {
	return (await c.sofar()).flatMap((m) => m.push?.[kind] ?? []);
}

async function counts(c, channel, clients, users) {
	assert.deepEqual(await c.result('presence_stats', { channel }),
		{ num_clients: clients, num_users: users });
	const { presence } = await c.result('presence', { channel });
	assert.equal(Object.keys(presence).length, clients);
	return presence;
}

async function reload() {
	const reloads = () => log().split('configuration reloaded').length;
	const before = reloads();
	process.kill(Number(process.env.DNOT_PID), 'SIGHUP');
	await until('reload', () => reloads() > before);
}

// Reads until n messages pass; they stay where they are.
async function heard(c, n, test) {
	while (c.messages.filter(test).length < n)
		await c.read();
}

// Each message in the place that the commands, of the ids 1, 2, .., give it.
function inOrder(messages, commands) {
	const positions = {}, last = {};
	assert.ok(messages[0].connect);
	for (const [name, { offset }] of Object.entries(messages[0].connect.subs))
		positions[name] = offset ?? 0;
	for (const { id, push, error, subscribe, unsubscribe } of messages) {
		if (push) {
			assert.equal(push.pub.offset, ++positions[push.channel],
				`${push.channel} ${JSON.stringify(messages)}`);
			continue;
		}
		const { channel } = commands[id - 1][1];
		if (error || subscribe || unsubscribe) {
			assert.equal(error?.code, commands[id - 1][1].flag && 112);
			assert.ok(!(last[channel] > id), `${last[channel]}, ${id}`);
			last[channel] = id;
		}
		if (subscribe)
			positions[channel] = subscribe.offset ?? 0;
		else if (unsubscribe)
			delete positions[channel];
	}
}

// A fossil patch applied to its base, both as the bytes of UTF-8.
function patched(base, patch) {
	const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_' +
		'abcdefghijklmnopqrstuvwxyz~';
	const from = Buffer.from(base), text = Buffer.from(patch), to = [];
	let at = 0;
	const number = () => {
		let n = 0, d;
		while ((d = digits.indexOf(String.fromCharCode(text[at]))) >= 0) {
			n = n * 64 + d;
			at++;
		}
		return n;
	};
	number();
	for (at++; ;) {
		const n = number(), kind = String.fromCharCode(text[at++]);
		if (kind === ';')
			return Buffer.concat(to).toString();
		if (kind === ':') {
			to.push(text.subarray(at, at + n));
			at += n;
		} else {
			const offset = number();
			to.push(from.subarray(offset, offset + n));
			at++;
		}
	}
}

const scenarios = {
	// Exact at once, whoever leaves and however.
	async presence() {
		const watcher = await open('watcher');
		await watcher.subscribe('room', { join_leave: true });
		const a = await open('a'), b = await open('b'), b2 = await open('b');
		for (const c of [a, b, b2])
			await c.subscribe('room');
		const all = await counts(a, 'room', 4, 3);
		assert.deepEqual(all[b.connected.client],
			{ user: 'b', client: b.connected.client });
		await b2.result('unsubscribe', { channel: 'room' });
		await counts(a, 'room', 3, 3);
		// Again and again, in one frame: it is there once.
		const again = Array(20).fill([
			['unsubscribe', { channel: 'room' }],
			['subscribe', { channel: 'room' }]]).flat();
		await b.reply(b.send(...again).at(-1));
		await counts(b, 'room', 3, 3);
		await watcher.sofar();
		// Who vanishes is not there any more when the others hear of it.
		b.raw.socket.resetAndDestroy();
		const { info } = await watcher.push('leave', 'room');
		assert.equal(info.client, b.connected.client);
		await counts(a, 'room', 2, 2);
		a.raw.socket.end();
		await watcher.push('leave', 'room');
		await counts(watcher, 'room', 1, 1);
		// Nor is who was told that the connection is closed.
		for (let i = 0; i < 20; i++) {
			const c = await open('c');
			await c.subscribe('room');
			c.raw.send(frame([3, 0xe8], { opcode: 8 }));
			await c.closed();
			await counts(watcher, 'room', 1, 1);
		}
	},

	// Counted and told are two things: of each of a hidden one, a silent one,
	// and one that is both, only what it is not.
	async hidden() {
		const watcher = await open('watcher');
		await watcher.subscribe('room', { join_leave: true });
		await watcher.push('join', 'room');
		const no = { value: false };
		const cases = [[{ presence: no }, true, 1],
			[{ join_leave: no }, false, 2],
			[{ presence: no, join_leave: no }, false, 1]];
		for (const [override, told, count] of cases) {
			const c = await open('c');
			const { client } = c.connected, info = { user: 'c', client };
			const heard = async (kind) => assert.deepEqual((await watcher
				.sofar()).map((m) => m.push[kind]), told ? [{ info }] : []);
			await c.subscribe('room', { token: token({ sub: 'c',
				channel: 'room', override }) });
			await counts(watcher, 'room', count, count);
			await heard('join');
			await c.result('unsubscribe', { channel: 'room' });
			await counts(watcher, 'room', 1, 1);
			await heard('leave');
		}
	},

	// To those who asked, or to all where it is forced; once a client.
	async 'join-leave'() {
		const asks = await open('asks'), quiet = await open('quiet');
		await quiet.subscribe('room');
		const [id] = asks.send(['subscribe',
			{ channel: 'room', join_leave: true }]);
		// The reply first, then also one's own.
		const first = await asks.next(() => true);
		assert.equal(first.id, id);
		assert.equal((await asks.push('join', 'room')).info.client,
			asks.connected.client);
		const other = await open('other');
		await other.subscribe('room');
		assert.deepEqual(await asks.push('join', 'room'), { info: {
			user: 'other', client: other.connected.client } });
		await other.result('unsubscribe', { channel: 'room' });
		await asks.push('leave', 'room');
		await other.subscribe('room');
		await asks.push('join', 'room');
		assert.deepEqual((await quiet.sofar()).filter((m) => m.push), []);
		// Forced; and where there is none, asking does not help.
		const a = await open('a'), b = await open('b');
		await a.subscribe('forced:x');
		await a.push('join');
		await b.subscribe('forced:x');
		assert.equal((await a.push('join')).info.user, 'b');
		await a.subscribe('bare:x', { join_leave: true });
		await b.subscribe('bare:x', { join_leave: true });
		assert.deepEqual(await pushed(a, 'join'), []);
	},

	async history() {
		await publishAll('h', 1, 2, 3, 4, 5);
		const c = await open();
		const get = (params) => c.result('history',
			{ channel: 'h', ...params });
		const top = await get({});
		assert.deepEqual(top.publications, []);
		assert.equal(top.offset, 5);
		const { epoch } = top;
		const cases = [
			[{ limit: 0 }, []],
			[{ limit: 2 }, [1, 2]],
			[{ limit: -1 }, [1, 2, 3, 4, 5]],
			[{ limit: 100 }, [1, 2, 3, 4, 5]],
			[{ limit: 2, reverse: true }, [5, 4]],
			[{ limit: -1, since: { offset: 3, epoch } }, [4, 5]],
			[{ limit: 1, since: { offset: 3, epoch } }, [4]],
			[{ limit: -1, since: { offset: 0, epoch } },
				[1, 2, 3, 4, 5]],
			[{ limit: -1, since: { offset: 5, epoch } }, []],
			[{ limit: -1, since: { offset: 99, epoch } }, []],
			[{ limit: -1, since: { offset: 3, epoch: '' } }, [4, 5]],
			[{ limit: -1, since: { offset: 3, epoch },
				reverse: true }, [2, 1]],
			[{ limit: -1, since: { offset: 2 ** 53, epoch },
				reverse: true }, [5, 4, 3, 2, 1]],
		];
		for (const [params, want] of cases) {
			const got = await get(params);
			assert.deepEqual(datas(got.publications), want,
				JSON.stringify(params));
			assert.deepEqual(offsets(got.publications), want);
			assert.equal(got.offset, 5);
			assert.equal(got.epoch, epoch);
		}
		assert.equal((await c.error('history', { channel: 'h', limit: 1,
			since: { offset: 1, epoch: 'other' } }))[0], 112);
		// A client gets so many at a time.
		await publishAll('h', 6, 7, 8);
		assert.deepEqual(datas((await get({ limit: -1 })).publications),
			[1, 2, 3, 4, 5, 6]);
		const since = { offset: 6, epoch };
		assert.deepEqual(datas((await get({ limit: -1, since }))
			.publications), [7, 8]);
	},

	// Everything that was missed, or word that there is a gap.
	async recovery() {
		await publishAll('r', 1, 2, 3);
		const c = await open();
		const first = await c.subscribe('r');
		assert.deepEqual(first, { recoverable: true, positioned: true,
			epoch: first.epoch, offset: 3 });
		const { epoch } = first;
		const recover = async (offset, more = {}) => {
			await c.result('unsubscribe', { channel: 'r' });
			return c.subscribe('r', { recover: true, offset, epoch,
				...more });
		};
		const recovered = { recoverable: true, positioned: true, epoch,
			was_recovering: true, recovered: true };
		const gap = { recoverable: true, positioned: true,
			was_recovering: true, epoch, offset: 3 };
		for (const [offset, want] of [[1, [2, 3]], [2, [3]], [0, [1, 2, 3]]]) {
			const { publications, ...rest } = await recover(offset);
			assert.deepEqual(datas(publications), want);
			assert.deepEqual(rest,
				offset ? { ...recovered, offset } : recovered);
		}
		assert.deepEqual(await recover(3), { ...recovered, offset: 3 });
		// An empty epoch fits any.
		assert.deepEqual(datas((await recover(2, { epoch: '' }))
			.publications), [3]);
		assert.deepEqual(await recover(1, { epoch: 'other' }), gap);
		assert.deepEqual(await recover(99), gap);
		// Live ones follow without a gap and without a repeat.
		await recover(1);
		await publishAll('r', 4);
		assert.deepEqual(await take(c, 'r', 1), [{ ...(await api('history',
			{ channel: 'r', limit: 1, reverse: true }, KEY))
			.result.publications[0] }]);
		// More than a client may recover, and more than is kept.
		await publishAll('r', 5, 6, 7, 8);
		assert.equal((await recover(1)).recovered, undefined);
		assert.equal((await recover(4)).recovered, true);
		await publishAll('r', 9, 10, 11, 12, 13);
		const late = await recover(2);
		assert.equal(late.recovered, undefined);
		assert.equal(late.offset, 13);
		for (const position of [{ offset: 2, epoch },
			{ offset: 13, epoch: 'other' }]) {
			const d = await open();
			const params = { channel: 'r', recover: true, flag: 3,
				...position };
			assert.deepEqual(await d.error('subscribe', params),
				[112, 'unrecoverable position']);
		}
		// Removed: what is behind that can be had.
		await api('history_remove', { channel: 'r' }, KEY);
		assert.equal((await recover(12)).recovered, undefined);
		assert.equal((await recover(13)).recovered, true);
	},

	// Where a client has to ask for positions and recovery.
	async asked() {
		await publishAll('ask:x', 1);
		const c = await open();
		const got = async (params) => {
			const result = await c.subscribe('ask:x', params);
			await c.result('unsubscribe', { channel: 'ask:x' });
			delete result.epoch;
			return result;
		};
		assert.deepEqual(await got({}), {});
		assert.deepEqual(await got({ positioned: true }),
			{ positioned: true, offset: 1 });
		assert.deepEqual(await got({ recoverable: true }),
			{ recoverable: true, positioned: true, offset: 1 });
		assert.equal((await got({ recover: true, offset: 0 })).recovered,
			true);
		// And where there is nothing to ask for.
		assert.deepEqual(await c.subscribe('bare:x', { recover: true,
			recoverable: true, positioned: true, offset: 7 }), {});
	},

	// The newest one, and only where the client has another one.
	async cache() {
		const c = await open();
		const recover = async (channel, params = {}) => {
			await c.result('unsubscribe', { channel });
			return c.subscribe(channel, { recover: true, ...params });
		};
		const empty = await recover('cache:x');
		assert.equal(empty.was_recovering, true);
		assert.equal(empty.recovered, undefined);
		await publishAll('cache:x', 1, 2, 3);
		const { epoch } = empty;
		for (const at of [{}, { offset: 1, epoch }, { offset: 3,
			epoch: 'other' }, { offset: 99, epoch }]) {
			const got = await recover('cache:x', at);
			assert.equal(got.recovered, true, JSON.stringify(at));
			assert.deepEqual(offsets(got.publications), [3]);
			assert.equal(got.offset, 3);
		}
		const same = await recover('cache:x', { offset: 3, epoch });
		assert.equal(same.recovered, true);
		assert.equal(same.publications, undefined);
		await c.sofar();
		await publishAll('cache:x', 4);
		assert.deepEqual(offsets(await take(c, 'cache:x', 1)), [4]);
		// Without being asked to: not here, but there.
		await c.result('unsubscribe', { channel: 'cache:x' });
		assert.equal((await c.subscribe('cache:x')).was_recovering,
			undefined);
		await publishAll('auto:x', 1, 2);
		const auto = await c.subscribe('auto:x');
		assert.equal(auto.was_recovering, true);
		assert.deepEqual(datas(auto.publications), [2]);
		// What is not kept any more cannot be the newest.
		await api('history_remove', { channel: 'cache:x' }, KEY);
		const gone = await recover('cache:x', { offset: 2, epoch });
		assert.equal(gone.recovered, undefined);
		assert.equal(gone.offset, 4);
		const d = await open();
		assert.equal((await d.error('subscribe', { channel: 'cache:x',
			recover: true, flag: 2 }))[0], 112);
	},

	// Subscriptions of the server recover by what connect tells.
	async 'server-side'() {
		const channels = ['a', 'b', 'cache:y', 'bare:x'];
		const before = await open('42', { channels });
		for (const channel of channels)
			await publishAll(channel, 1, 2);
		const at = (channel, offset) => ({ recover: true, offset,
			epoch: before.connected.subs[channel].epoch });
		const c = await Client.open({ token: token({ sub: '42', channels }),
			subs: { a: at('a', 1), b: { ...at('b', 1), epoch: 'no' },
				'cache:y': at('cache:y', 0), 'bare:x': at('bare:x', 1),
				'not:mine': at('a', 1) } });
		const { subs } = c.connected;
		assert.deepEqual(Object.keys(subs).sort(), channels.sort());
		assert.deepEqual(datas(subs.a.publications), [2]);
		assert.equal(subs.a.recovered, true);
		assert.equal(subs.b.was_recovering, true);
		assert.equal(subs.b.recovered, undefined);
		assert.equal(subs.b.offset, 2);
		assert.deepEqual(datas(subs['cache:y'].publications), [2]);
		assert.deepEqual(subs['bare:x'], {});
		await publishAll('a', 3);
		assert.deepEqual(offsets(await take(c, 'a', 1)), [3]);
	},

	// As much as one reply may hold: two megabytes for all channels together,
	// half a one for each.
	async 'large-connect'() {
		const data = 'x'.repeat(50000);
		for (let i = 0; i < 12; i++)
			for (let n = 0; n < 6; n++)
				await publishAll(`big:${i}`, data);
		const connect = async (n) => {
			const channels = Array.from({ length: n }, (_, i) => `big:${i}`);
			const c = await Client.open({
				token: token({ sub: '42', channels }),
				subs: Object.fromEntries(channels.map((channel) =>
					[channel, { recover: true }])) });
			const all = Object.values(c.connected.subs);
			c.gone();
			assert.equal(all.length, n);
			assert.ok(c.bytes < 2.2e6, `${c.bytes} bytes`);
			for (const sub of all) {
				assert.equal(sub.was_recovering, true);
				assert.equal(sub.offset, sub.recovered ? undefined : 6);
				assert.equal(sub.publications?.length,
					sub.recovered ? 6 : undefined);
			}
			return all.filter((sub) => sub.recovered).length;
		};
		assert.equal(await connect(4), 4);
		assert.equal(await connect(6), 6);
		assert.equal(await connect(12), 0);
	},

	// connect with subscriptions of the server on other loops, subscribe,
	// publish and unsubscribe in one frame: answered in that order, and
	// nothing of a channel outside of its subscription, nor a gap or a repeat
	// in it, while somebody else publishes.
	async order() {
		const made = ['s1', 's2', 's3', 's4', 's5', 's6', 's7', 's8'];
		const own = ['o1', 'o2', 'o3'];
		let busy = true;
		const publisher = (async () => {
			for (let n = 0; busy; n++)
				await publish([...made, ...own][n % 11], n);
		})();
		for (let round = 0; round < 30; round++) {
			const c = await Client.open(null);
			const commands = [['connect',
				{ token: token({ sub: '42', channels: made }) }]];
			for (const channel of own) {
				commands.push(['subscribe', { channel }],
					['publish', { channel, data: 'lost' }],
					['unsubscribe', { channel }],
					['subscribe', { channel, flag: 2, recover: true,
						epoch: 'none' }],
					['unsubscribe', { channel }],
					['subscribe', { channel }],
					['publish', { channel, data: `own ${round}` }]);
			}
			c.send(...commands);
			await heard(c, 3, (m) => m.push?.pub?.data === `own ${round}`);
			const ends = own.map((channel) => ['unsubscribe', { channel }]);
			commands.push(...ends);
			c.send(...ends);
			await heard(c, commands.length, (m) => m.id);
			inOrder(c.messages, commands);
			c.gone();
		}
		busy = false;
		await publisher;
	},

	// Only what matches, live and recovered, and no gap where something did
	// not.
	// One that reaches nobody falls back, and goes on being open when it is
	// left out of a recovery.
	async 'filter-fallback'() {
		const tf = { key: 'kind', cmp: 'eq', val: 'goal' };
		const send = (n, kind) =>
			publish('fall:x', n, { tags: { kind }, wait: 'written' });
		const c = await open();
		const { epoch } = await c.subscribe('fall:x', { tf });
		assert.equal((await send(1, 'corner')).result.fallback,
			'undelivered');
		assert.equal((await send(2, 'goal')).result.fallback, undefined);
		await c.result('unsubscribe', { channel: 'fall:x' });
		assert.equal((await send(3, 'goal')).result.fallback,
			'undelivered');
		const back = await open();
		const got = await back.subscribe('fall:x',
			{ tf, recover: true, epoch });
		assert.deepEqual(offsets(got.publications), [2, 3]);
		// What follows a subscribe push is taken as well.
		await back.result('unsubscribe', { channel: 'fall:x' });
		assert.equal((await send(4, 'goal')).result.fallback,
			'undelivered');
		assert.ok((await api('subscribe', { user: '42',
			client: back.connected.client, channel: 'fall:x',
			recover_since: { offset: 3, epoch } }, KEY)).result);
		assert.equal((await back.push('pub', 'fall:x')).offset, 4);
	},

	async filter() {
		const c = await open();
		const tf = { op: 'or', nodes: [
			{ key: 'kind', cmp: 'eq', val: 'goal' },
			{ op: 'and', nodes: [{ key: 'minute', cmp: 'gte', val: '90' },
				{ op: 'not', nodes: [
					{ key: 'kind', cmp: 'sw', val: 'ad' }] }] }] };
		const send = (n, tags) => publish('f', n, { tags });
		const { epoch } = await c.subscribe('f', { tf });
		const all = await open();
		await all.subscribe('f');
		await send(1, { kind: 'goal', minute: '3' });
		await send(2, { kind: 'corner', minute: '4' });
		await send(3, {});
		await send(4, { kind: 'corner', minute: '91' });
		await send(5, { kind: 'advert', minute: '92' });
		await send(6, { kind: 'goal' });
		assert.deepEqual(datas(await take(c, 'f', 3)), [1, 4, 6]);
		assert.deepEqual(datas(await take(all, 'f', 6)),
			[1, 2, 3, 4, 5, 6]);
		assert.deepEqual(await pushed(c, 'pub'), []);
		const back = await open();
		const got = await back.subscribe('f',
			{ tf, recover: true, offset: 1, epoch });
		assert.equal(got.recovered, true);
		assert.deepEqual(offsets(got.publications), [4, 6]);
		// Nothing of it matches: nothing was missed either.
		const none = await open();
		const empty = await none.subscribe('f', { recover: true, offset: 4,
			epoch, tf: { key: 'kind', cmp: 'eq', val: 'foul' } });
		assert.equal(empty.recovered, true);
		assert.deepEqual(empty.publications, []);
		for (const n of [7, 8])
			await send(n, { kind: 'corner' });
		await send(9, { kind: 'goal' });
		for (const one of [c, back])
			assert.deepEqual(offsets(await take(one, 'f', 1)), [9]);
		// A difference needs what the filter may have left out.
		const delta = await open();
		assert.equal((await delta.subscribe('f', { tf, delta: 'fossil' }))
			.delta, undefined);
	},

	// On the wire: whole first, then differences, whole again behind a
	// recovery; who did not ask for it gets JSON as ever.
	async delta() {
		const text = (n) => ({ n, text: 'grüße '.repeat(40), end: n });
		const raw = (n) => JSON.stringify(text(n));
		const c = await open(), plain = await open();
		const { delta, epoch } = await c.subscribe('d', { delta: 'fossil' });
		assert.equal(delta, true);
		assert.equal((await plain.subscribe('d')).delta, undefined);
		await publishAll('d', text(1), text(2), text(3));
		const got = await take(c, 'd', 3);
		assert.deepEqual(got.map((p) => p.delta), [undefined, true, true]);
		assert.equal(got[0].data, raw(1));
		assert.equal(patched(raw(1), got[1].data), raw(2));
		assert.equal(patched(raw(2), got[2].data), raw(3));
		assert.ok(got[2].data.length < raw(3).length / 4);
		assert.deepEqual(datas(await take(plain, 'd', 3)),
			[1, 2, 3].map(text));
		const late = await open();
		const result = await late.subscribe('d', { delta: 'fossil',
			recover: true, offset: 1, epoch });
		assert.deepEqual(datas(result.publications), [raw(2), raw(3)]);
		// What is not smaller goes whole, and is a base like any other.
		await publishAll('d', 4, text(5), text(6));
		for (const one of [c, late]) {
			const more = await take(one, 'd', 3);
			assert.deepEqual(more.map((p) => p.delta),
				[undefined, undefined, true]);
			assert.equal(more[0].data, '4');
			assert.equal(patched(raw(5), more[2].data), raw(6));
		}
		// Recovered without anything missing: whole all the same.
		const none = await open();
		assert.equal((await none.subscribe('d', { delta: 'fossil',
			recover: true, offset: 6, epoch })).recovered, true);
		await publishAll('d', text(7));
		const [whole] = await take(none, 'd', 1);
		assert.equal(whole.delta, undefined);
		assert.equal(whole.data, raw(7));
		assert.equal((await take(c, 'd', 1))[0].delta, true);
		// Where the publisher has to ask, and where it is not allowed.
		assert.equal((await plain.subscribe('ask:d', { delta: 'fossil' }))
			.delta, undefined, 'no deltas without positions');
		await c.subscribe('ask:d', { delta: 'fossil', positioned: true });
		for (const [n, flag] of [[1, true], [2, false], [3, true]])
			await publish('ask:d', text(n), { delta: flag });
		assert.deepEqual((await take(c, 'ask:d', 3)).map((p) => p.delta),
			[undefined, undefined, true]);
		assert.equal((await c.subscribe('forced:d', { delta: 'fossil' }))
			.delta, undefined);
	},

	// Whole again after each subscribe, on whatever transport, beside those
	// who go on with differences.
	async 'delta-again'() {
		const text = (n) => ({ n, text: 'déjà vu '.repeat(40), end: n });
		const whole = (n) => JSON.stringify(text(n));
		const params = { channel: 'da', delta: 'fossil' };
		const ws = await open();
		const lines = await Emulated.open('http_stream',
			{ token: token({ sub: '42' }) });
		const sse = await Emulated.open('sse',
			{ token: token({ sub: '42' }) });
		const steady = await open();
		for (const c of [ws, lines, sse, steady])
			assert.equal((await c.result('subscribe', params)).delta, true);
		const plain = await Emulated.open('http_stream',
			{ token: token({ sub: '42' }) });
		await plain.result('subscribe', { channel: 'da' });
		const next = async (c) => c.stream ?
			(await c.stream.message((m) => m.push?.pub)).push.pub :
			c.push('pub', 'da');
		let n = 0;
		for (let round = 0; round < 3; round++) {
			for (let i = 0; i < 3; i++) {
				await publishAll('da', text(++n));
				assert.deepEqual((await next(plain)).data, text(n));
				for (const c of [ws, lines, sse, steady]) {
					const { delta, data } = await next(c);
					const first = i === 0 && (c !== steady || n === 1);
					assert.equal(delta, first ? undefined : true);
					assert.equal(delta ? patched(whole(n - 1), data) :
						data, whole(n));
				}
			}
			for (const c of [ws, lines, sse]) {
				await c.result('unsubscribe', { channel: 'da' });
				await c.result('subscribe', params);
			}
		}
	},

	// The SDK puts them together, also behind a cut, beside one without.
	async 'sdk-delta'() {
		const { Centrifuge } = require('centrifuge');
		const { WebSocket } = require('ws');
		const sockets = new Set();
		class Cuttable extends WebSocket {
			constructor(...args) {
				super(...args);
				sockets.add(this);
			}
		}
		const url = process.env.DNOT_URL.replace('http', 'ws') +
			'/connection/websocket';
		const follow = async (options, delta) => {
			const c = new Centrifuge(url, { token: token({ sub: '42' }),
				minReconnectDelay: 20, maxReconnectDelay: 50, ...options });
			const sub = c.newSubscription('sd', delta);
			const seen = [];
			sub.on('publication', (p) => seen.push(p.data));
			sub.subscribe();
			c.connect();
			await sub.ready();
			return { sub, seen };
		};
		const cut = await follow({ websocket: Cuttable },
			{ delta: 'fossil' });
		const whole = await follow({ websocket: WebSocket }, {});
		const steady = await follow({ websocket: WebSocket },
			{ delta: 'fossil' });
		const sent = [];
		const body = Array.from('0123456789 abcdefg äöü 🎈 '.repeat(20));
		for (let round = 0; round < 4; round++) {
			for (let i = 0; i < 5; i++) {
				const n = round * 5 + i;
				body.splice(n * 17 % body.length, 2, `${n}`);
				sent.push({ body: body.join('') });
				await publishAll('sd', sent.at(-1));
				if (i === 2)
					for (const socket of sockets)
						socket.terminate();
			}
			for (const { seen } of [cut, whole, steady])
				await until('all publications',
					() => seen.length === sent.length);
			await cut.sub.ready();
		}
		for (const { seen } of [cut, whole, steady])
			assert.deepEqual(seen, sent);
	},

	// What is older than what there was is not published.
	async version() {
		const c = await open();
		await c.subscribe('v');
		const steps = [[1, 'a'], [3, 'a'], [2, 'a', true], [3, 'a', true],
			[4, 'a'], [1, 'b'], [1, 'b', true], [2, 'b'], [0, 'b'],
			[2, 'b', true], [5, '']];
		const want = [];
		for (const [i, [version, version_epoch, old]] of steps.entries()) {
			const { result } = await publish('v', i,
				{ version, version_epoch });
			assert.equal(result.suppressed, old, `step ${i}`);
			if (!old)
				want.push(i);
			assert.equal(result.offset, want.length);
		}
		for (const wrong of [{ version: -1 }, { version: '1' },
			{ version: 9, version_epoch: 1 },
			{ version: 9, version_epoch: 'e'.repeat(65) }]) {
			const { error } = await publish('v', 0, wrong);
			assert.equal(error.code, 107);
			assert.match(error.message, /^bad request: version/);
		}
		want.push(steps.length);
		assert.ok((await publish('v', steps.length,
			{ version: 9, version_epoch: 'e'.repeat(64) })).result);
		assert.deepEqual(datas(await take(c, 'v', want.length)), want);
		assert.deepEqual(await pushed(c, 'pub'), []);
	},

	// What lies in a log that is away is not missing: one is to ask again.
	async 'log-away'() {
		await publishAll('logged:x', 1, 2, 3);
		await until('log away', () => log().includes('the log is away'));
		const c = await open();
		const history = (params) => c.call('history',
			{ channel: 'logged:x', ...params });
		for (const params of [{ limit: -1 }, { limit: 2, reverse: true }])
			assert.deepEqual((await history(params)).error, {
				code: 100, temporary: true, message: 'internal ' +
					'server error: the log cannot be read now' });
		const newest = (await history({ limit: 1, reverse: true })).history;
		assert.deepEqual(datas(newest.publications), [3]);
		const at = { channel: 'logged:x', recover: true, offset: 0 };
		assert.equal((await c.call('subscribe', { ...at, flag: 2 }))
			.error.code, 100);
		// Who takes what there is goes on with what comes.
		const { was_recovering, recovered } =
			await c.subscribe('logged:x', at);
		assert.deepEqual([was_recovering, recovered], [true, undefined]);
		await publishAll('logged:x', 4);
		assert.equal((await c.push('pub')).offset, 4);
	},

	// It ends while it waits for the log, which is locked: the client hears of
	// its beginning, then of its end, or of both replies.
	async 'ended-early'() {
		await publishAll('logged:x', 1, 2);
		const c = await open(), d = await open();
		const params = { channel: 'logged:x', recover: true, offset: 0 };
		const [id] = c.send(['subscribe', params]);
		const ids = d.send(['subscribe', params],
			['unsubscribe', { channel: 'logged:x' }]);
		await reload();
		const heard = [];
		while (heard.length < 2)
			heard.push(await c.next((m) => m.id || m.push));
		assert.ok(heard[0].id === id && heard[0].subscribe,
			JSON.stringify(heard));
		assert.deepEqual(heard[1].push, { channel: 'logged:x', unsubscribe:
			{ code: 2500, reason: 'insufficient state' } });
		assert.ok((await d.reply(ids[0])).subscribe);
		assert.ok((await d.reply(ids[1])).unsubscribe);
		await until('nobody there', async () => (await api('channels', {},
			KEY)).result.channels['logged:x'] === undefined);
	},
};

run(scenarios);
