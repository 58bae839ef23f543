// SPDX-License-Identifier: MIT
//
// page.js: shows the records of one request as text, in the order of their seq
// and each once, with the state of the connection and counts of what happened.
// The page's address says where it comes from:
//
//	?over=websocket|eventsource   the transport, a module beside this one
//	&server=http://HOST:PORT      dnot-serve
//	&channel=NAME                 where the records are
//
// After each change it calls tell(JSON), where somebody gave the window one.

const byId = (id) => document.getElementById(id);

class Stream {
	constructor() {
		this.state = 'connecting';
		this.counts = {
			records: 0,	// in the text: seq 0 and on, no gap
			repeats: 0,	// that were there already
			early: 0,	// that came before one they follow
			recovered: 0,	// cuts after which nothing was missing
			unrecovered: 0,	// and after which something may be
			history: 0,	// times that it was asked for that
		};
		this.ahead = new Map();
		for (const name of Object.keys(this.counts)) {
			const [div, dt, dd] = ['div', 'dt', 'dd'].map((tag) =>
				document.createElement(tag));
			dt.textContent = name;
			dd.id = name;
			div.append(dt, dd);
			byId('counts').append(div);
		}
		this.tell();
	}
	is(state, why = '') {
		this.state = state;
		byId('why').textContent = why;
		this.tell();
	}
	count(name) {
		this.counts[name]++;
		this.tell();
	}
	// A publication; tags are strings.
	add({ data, tags }) {
		const seq = Number(tags.seq);
		if (seq < this.counts.records || this.ahead.has(seq))
			return this.count('repeats');
		this.ahead.set(seq, data);
		if (seq > this.counts.records)
			return this.count('early');
		for (let next; this.ahead.has(next = this.counts.records);) {
			byId('text').append(this.ahead.get(next));
			this.ahead.delete(next);
			this.count('records');
		}
		byId('text').scrollTop = byId('text').scrollHeight;
	}
	tell() {
		byId('state').textContent = this.state;
		byId('state').className = this.state;
		for (const [name, n] of Object.entries(this.counts))
			byId(name).textContent = n;
		globalThis.tell?.(JSON.stringify({
			state: this.state,
			why: byId('why').textContent,
			...this.counts,
		}));
	}
}

const asked = new URLSearchParams(location.search);
const over = asked.get('over') ?? 'websocket';
const server = asked.get('server') ?? 'http://127.0.0.1:8000';
const channel = asked.get('channel') ?? 'session:42';
byId('source').textContent = `${channel} of ${server}, over ${over}`;

const { read } = await import(`./${over}.js`);
read(new Stream(), server, channel);
