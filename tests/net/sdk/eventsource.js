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
	const es = new EventSource(url);

	es.onmessage = ({ data }) => {
		const push = JSON.parse(data);
		if (push.connect) {
			const { resumed, subs } = push.connect;
			say({ source, connected: channels.length,
				resumed: resumed ?? null,
				recovered: Object.values(subs).every((s) =>
					s.recovered ?? false) });
		} else if (push.pub) {
			const { offset, data } = push.pub;
			say({ source, channel: push.channel, offset, data });
		} else if (push.disconnect) {
			say({ source, disconnect: push.disconnect.code });
		}
	};
	es.onerror = ({ code, message }) => say({ source, error: code ?? message });
}

for (let i = 0; i < Number(n); i++)
	open(i);
