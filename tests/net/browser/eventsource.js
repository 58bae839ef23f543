// SPDX-License-Identifier: MIT
//
// eventsource.js: reads a stream with nothing but the browser's EventSource,
// which by itself connects again and says which event was its last.

export function read(stream, server, channel) {
	const connect = { name: 'browser', subs: { [channel]: {} } };
	const source = new EventSource(`${server}/connection/uni_sse?` +
		new URLSearchParams({ cf_connect: JSON.stringify(connect) }));
	let before = false;

	// An answer that is not 200 ends it for good.
	source.onerror = () => {
		if (source.readyState === EventSource.CLOSED)
			stream.is('stopped', 'refused');
		else
			stream.is('connecting');
	};
	source.onmessage = ({ data }) => {
		const push = JSON.parse(data);

		if (push.connect) {
			const sub = push.connect.subs[channel];

			stream.is('live');
			if (before)
				stream.count(sub.recovered ?
					'recovered' : 'unrecovered');
			before = true;
			for (const publication of sub.publications ?? [])
				stream.add(publication);
		} else if (push.pub) {
			stream.add(push.pub);
		} else if (push.disconnect) {
			stream.is('connecting', push.disconnect.reason);
		}
	};
}
