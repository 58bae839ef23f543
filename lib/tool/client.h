/* SPDX-License-Identifier: MIT */
/*
 * client: one connection of a tool to dnot-serve: WebSocket, Centrifuge JSON,
 * calls, subscriptions, reconnect.
 *
 * A client connects, sends `connect`, subscribes everything again after a
 * reconnect (recovering from each subscription's position), answers pings,
 * and gives up a connection on which nothing came for the server's ping
 * interval + 10 s. A lost connection is made again with full jitter between
 * 0.5 and 20 s. Codes 3500-3999 and 4500-4999, refusals and protocol errors
 * are terminal: state DN_CLIENT_ENDED with the reason and the exit code that
 * fits.
 *
 * Ownership: options, names and texts that are handed in are copied; what a
 *   callback gets is valid during the callback.
 * Lifetime: dn_client_close from anywhere, also inside its callbacks; no
 *   callback comes afterwards; memory is freed once libuv gave the handles
 *   back.
 * Limits: one message to the server DN_CLIENT_MESSAGE_MAX bytes; unsent bytes
 *   `queue_max`; one message from the server DN_CLIENT_RECEIVE_MAX.
 * Errors: negative -errno codes: -EAGAIN the queue is full (wait for
 *   `drained`), -EMSGSIZE, -ENOTCONN.
 * Thread: all on the one that runs the loop of the net.
 */
#ifndef DN_CLIENT_H
#define DN_CLIENT_H

#include <uv.h>

#include "base/base.h"
#include "base/err.h"
#include "base/json.h"

enum {
	DN_CLIENT_MESSAGE_MAX = 65536,
	DN_CLIENT_RECEIVE_MAX = 8 << 20,
	DN_CLIENT_QUEUE_MAX = 4 << 20 /* default of queue_max */
};

/* What the clients of one loop share: the read buffer and the flush, which
 * sends what all clients queued, once a loop turn. Does not keep the loop
 * alive. */
struct dn_client_net;
DN_MUST_CHECK struct dn_client_net *dn_client_net_new(uv_loop_t *loop);
/* After the close of every client; let the loop run out afterwards. */
void dn_client_net_close(struct dn_client_net **net);

struct dn_client;

enum dn_client_state {
	DN_CLIENT_CONNECTING, /* from the first try on, and between tries */
	DN_CLIENT_CONNECTED,  /* `connect` was answered */
	DN_CLIENT_ENDED,      /* terminal: no further try */
};

/* Why a state was entered. */
struct dn_client_why {
	enum dn_client_state state;
	int exit_code;      /* DN_EXIT_*: for ENDED what to exit with; for
			       CONNECTING what it would be if nobody tried
			       again (69 unreachable, 75 lost) */
	unsigned code;      /* close or error code of the server, or 0 */
	const char *reason; /* a sentence that names the address */
	int64_t retry_us;   /* CONNECTING: when the next try starts */
	unsigned tries;     /* failed ones since it was last connected */
};

struct dn_client_pub {
	struct dn_json raw; /* the object, for dn_record_from_pub */
	struct dn_json data, tags, info; /* type NONE when absent */
	bool has_offset;
	uint64_t offset;
	bool recovered; /* came with the reply to subscribe */
};

struct dn_client_events {
	/* Every change of state. In CONNECTED calls may be made. */
	void (*state)(void *arg, const struct dn_client_why *why);
	/* The queue is below half of queue_max again after an -EAGAIN. */
	void (*drained)(void *arg);
};

struct dn_client_options {
	const char *url;   /* http://HOST:PORT[/PREFIX] or unix:PATH */
	const char *key;   /* server key, or NULL */
	const char *token; /* client token, or NULL */
	const char *name;  /* "dnot-pub" */
	size_t queue_max;  /* 0: the default, as below */
	int64_t backoff_min_us, backoff_max_us; /* 0: 0.5 s and 20 s */
	int64_t connect_timeout_us; /* one try, connect included; 0: 5 s */
};

/* Whether a URL is usable: -EINVAL otherwise, with a text for exit 78. */
DN_MUST_CHECK int dn_client_check_url(const char *url, struct dn_err *err);

/* Starts the first try; never calls back before it returns. -EINVAL for a
 * bad URL. */
DN_MUST_CHECK int dn_client_open(struct dn_client **out,
    struct dn_client_net *net, const struct dn_client_options *options,
    const struct dn_client_events *events, void *arg, struct dn_err *err);
/* Sends what is queued and a close frame if that works at once, then closes.
 * Calls without a reply are forgotten. */
void dn_client_close(struct dn_client **client);

enum dn_client_state dn_client_state(const struct dn_client *client);
/* From the last connect result; NULL on a connection with a token. */
const char *dn_client_tenant(const struct dn_client *client);
bool dn_client_dev(const struct dn_client *client);
/* Bytes that are not yet in the kernel. */
size_t dn_client_queued(const struct dn_client *client);

/* Codes of dn_client_reply that never come over the wire. */
enum { DN_CLIENT_OK = 0, DN_CLIENT_LOST = 2 };

struct dn_client_reply {
	unsigned code; /* DN_CLIENT_OK, _LOST (the connection went before the
			  reply), or the server's error code */
	bool temporary;
	struct dn_str message; /* raw text of the error */
	struct dn_json result; /* an object; NONE unless OK */
};

typedef void dn_client_reply_fn(void *arg, const struct dn_client_reply *reply);

/* Calls a server method (publish, history, redeliver, ready, ...) with a JSON
 * object as its parameters; on a token's connection it is the client command
 * of that name. fn (may be NULL) gets exactly one reply unless the client is
 * closed first; replies may come in any order. Not while CONNECTING:
 * -ENOTCONN. */
DN_MUST_CHECK int dn_client_call(struct dn_client *client, const char *method,
    struct dn_str params, dn_client_reply_fn *fn, void *arg);

struct dn_client_sub;

struct dn_client_subscribed {
	bool recovered, was_recovering;
	bool positioned; /* the channel has positions */
	uint64_t
	    offset; /* of the stream; when recovered, where we asked from */
	struct dn_str epoch;
	size_t publications; /* how many follow, each through `publication` */
};

struct dn_client_sub_events {
	/* Each time the server took the subscription; before its
	 * publications. */
	void (*subscribed)(void *arg, const struct dn_client_subscribed *info);
	void (*publication)(void *arg, const struct dn_client_pub *pub);
	/* join or leave, info is the client's; may be NULL. */
	void (*presence)(void *arg, bool join, struct dn_json info);
	/* The server refused or ended it for good; the sub is still there and
	 * does nothing until it is unsubscribed. */
	void (*refused)(void *arg, unsigned code, struct dn_str message);
};

struct dn_client_sub_options {
	const char *channel;
	bool recover; /* the first time, too: from offset and epoch ("" is any
			 epoch); later ones always do */
	uint64_t offset;
	const char *epoch; /* may be NULL */
	bool join_leave;
	bool manual; /* the position moves only by dn_client_sub_seek; else it
			follows the publications handed out */
};

/* At any time; it goes out as soon as there is a connection. Temporary errors
 * are tried again inside. */
DN_MUST_CHECK struct dn_client_sub *dn_client_subscribe(
    struct dn_client *client, const struct dn_client_sub_options *options,
    const struct dn_client_sub_events *events, void *arg);
/* Ends it; no callback comes afterwards. */
void dn_client_unsubscribe(struct dn_client_sub **sub);
/* Where the next (re)subscribe recovers from. */
void dn_client_sub_seek(
    struct dn_client_sub *sub, struct dn_str epoch, uint64_t offset);

/* Stops and starts reading from the socket: backpressure that reaches the
 * server. Pings are not expected meanwhile. */
void dn_client_pause(struct dn_client *client);
void dn_client_resume(struct dn_client *client);

/* The server's wall clock minus ours, estimated from `samples` round trips of
 * `ready`, one after the other (NTP's way: the shortest round trip counts,
 * half of it is the error). fn gets ok false when the connection went or
 * the server refused. -ENOTSUP with a token (which may not call `ready`). One
 * at a time a client. */
typedef void dn_client_clock_fn(
    void *arg, bool ok, int64_t offset_us, int64_t error_us);
DN_MUST_CHECK int dn_client_clock(struct dn_client *client, unsigned samples,
    dn_client_clock_fn *fn, void *arg);

#endif
