// SPDX-License-Identifier: MIT
//
// openapi.js: a client that stays until it is ended, for openapi.py: user u,
// subscribed to the channel `held` with an info of its own, where it has
// published. Prints what its connect reply says.
'use strict';

const { Client, run, token } = require('./client.js');

run({
	async stay() {
		const c = await Client.open({ token: token({ sub: 'u',
			info: { name: 'U' } }), name: 'js', version: '1' });
		await c.subscribe('held', { token: token({ sub: 'u',
			channel: 'held', info: 7 }) });
		await c.result('publish', { channel: 'held', data: 1 });
		console.log(JSON.stringify(c.connected));
		await c.closed();
	},
});
