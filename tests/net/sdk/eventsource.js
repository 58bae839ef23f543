// SPDX-License-Identifier: MIT
//
// eventsource.js N CHANNEL...: N plain EventSources, each on all channels of a
// running dnot-serve (DNOT_URL). They connect again by themselves, until they
// are ended. Prints what each sees, one JSON object a line.
'use strict';

const { EventSource } = require('eventsource');

const [n, ...channels] = process.argv.slice(2);
const params = { subs: Object.fromEntries(channels.map((c) => [c, {}])) };
const url = `${process.env.DNOT_URL}/connection/uni_sse?cf_connect=` +
	encodeURIComponent(JSON.stringify(params));
const say = (o) => process.stdout.write(JSON.stringify(o) + '\n');

function open(source) {
	const pub = (channel) => ({ offset, data }) =>
		say({ source, channel, offset, data });
	const es = new EventSource(url);

	es.onmessage = ({ data }) => {
		const push = JSON.parse(data);
		if (push.connect) {
			const subs = Object.entries(push.connect.subs);
			say({ source, connected: channels.length,
				resumed: push.connect.resumed ?? null,
				recovered: subs.every(([, s]) => s.recovered ?? false) });
			for (const [channel, sub] of subs)
				(sub.publications ?? []).forEach(pub(channel));
		} else if (push.pub) {
			pub(push.channel)(push.pub);
		} else if (push.disconnect) {
			say({ source, disconnect: push.disconnect.code });
		}
	};
	es.onerror = ({ code, message }) => say({ source, error: code ?? message });
}

for (let i = 0; i < Number(n); i++)
	open(i);
