// SPDX-License-Identifier: MIT
//
// websocket.js: reads a stream with the Centrifuge SDK.

export function read(stream, server, channel) {
	const client = new Centrifuge(
		server.replace(/^http/, 'ws') + '/connection/websocket',
		{ minReconnectDelay: 100, maxReconnectDelay: 1000 });
	const sub = client.newSubscription(channel);
	let missing = false;

	// From the beginning: whoever lost the position knows no other. Should
	// the connection end meanwhile, the next subscription does it again.
	async function readHistory(epoch) {
		let offset = 0;

		stream.count('history');
		for (;;) {
			const { publications } = await sub.history({
				limit: 100,
				since: { offset, epoch },
			});
			if (publications.length === 0)
				break;
			for (const publication of publications)
				stream.add(publication);
			offset = publications.at(-1).offset;
		}
		missing = false;
	}

	client.on('error', ({ error }) =>
		stream.is(stream.state, error.message));
	sub.on('subscribing', ({ reason }) => stream.is('connecting', reason));
	sub.on('unsubscribed', ({ reason }) => stream.is('stopped', reason));
	sub.on('subscribed', ({ wasRecovering, recovered, streamPosition }) => {
		stream.is('live');
		if (wasRecovering)
			stream.count(recovered ? 'recovered' : 'unrecovered');
		missing ||= wasRecovering && !recovered;
		if (missing)
			readHistory(streamPosition.epoch).catch((error) =>
				stream.is(stream.state, error.message));
	});
	sub.on('publication', (publication) => stream.add(publication));
	sub.subscribe();
	client.connect();
}
