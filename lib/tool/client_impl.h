/* SPDX-License-Identifier: MIT */
/*
 * client_impl: the inside of a client, for client.c (life cycle),
 * client_proto.c (what comes in), client_sub.c (subscriptions) and
 * client_clock.c.
 */
#ifndef DN_CLIENT_IMPL_H
#define DN_CLIENT_IMPL_H

#include "base/map.h"
#include "tool/client.h"
#include "tool/client_calls.h"
#include "tool/link.h"

enum dn_client_sub_state {
	DN_SUB_IDLE,  /* to be sent with the next connection */
	DN_SUB_ASKED, /* the reply is awaited */
	DN_SUB_ON,
	DN_SUB_WAITING, /* a temporary error: asked again at retry_ms */
	DN_SUB_REFUSED,
};

struct dn_client_sub {
	uint32_t magic;
	enum dn_client_sub_state state;
	struct dn_client *client;
	const struct dn_client_sub_events *events;
	void *arg;
	struct dn_client_sub *next; /* in client->subs or ->graveyard */
	struct dn_str channel;      /* allocated */
	bool join_leave, manual;
	/* Where the next subscribe recovers from. */
	bool recover;
	uint64_t offset;
	char *epoch; /* never NULL */
	uint32_t asked_id;
	unsigned tries;
	uint64_t retry_ms;
};

/* An estimate of the clock's offset that is under way. */
struct dn_client_clock {
	dn_client_clock_fn *fn; /* NULL: none */
	void *arg;
	unsigned left;
	int64_t sent_us;
	int64_t best_us; /* shortest round trip */
	int64_t offset_us;
};

struct dn_client {
	uint32_t magic;
	enum dn_client_state state;
	bool closing;
	struct dn_client_net *net;
	const struct dn_client_events *events;
	void *arg;
	struct dn_client_options opt;
	struct dn_client_url url;
	char *name, *token, *headers;
	struct dn_link *link; /* NULL between tries */
	/* One timer for the state: the connect's deadline, the next try, the
	 * server's silence. */
	uv_timer_t timer;
	uv_timer_t sub_timer;
	unsigned handles; /* that are open */
	unsigned tries;   /* failed ones since it was last connected */
	bool ever_connected;
	bool connect_sent;
	/* From the connect result. */
	uint64_t silence_ms; /* 0: no pings */
	bool pong;
	bool keyed;
	char *tenant;
	bool dev;
	bool paused;
	bool want_drained;
	uint32_t last_id;
	struct dn_client_calls calls;
	struct dn_map subs;
	struct dn_client_sub *graveyard; /* freed once no callback runs */
	unsigned depth;                  /* of callbacks */
	struct dn_buf scratch;
	struct dn_client_clock clock;
};

enum { DN_CLIENT_MAGIC = 0x434c4e54, DN_SUB_MAGIC = 0x53554243 };

/* client.c */
/* The id for the next command. */
uint32_t dn_client_next_id(struct dn_client *client);
/* The connect command was answered. */
void dn_client_connected(struct dn_client *client, struct dn_json result);
/* Gives the connection up and, unless exit_code says that it is of no use
 * (ended), tries again. */
void dn_client_down(struct dn_client *client, bool ended, int exit_code,
    unsigned code, struct dn_str reason);
/* What an error code of `connect` or a close code means. */
bool dn_client_code_terminal(unsigned code, int *exit_code);

/* client_proto.c */
void dn_client_receive(struct dn_client *client, struct dn_str text);
/* {} */
void dn_client_pong(struct dn_client *client);

/* client_sub.c */
void dn_client_subs_send(struct dn_client *client);
void dn_client_subs_lost(struct dn_client *client);
/* Frees what was unsubscribed, unless a callback runs. */
void dn_client_subs_bury(struct dn_client *client);
void dn_client_subs_release(struct dn_client *client);
void dn_client_subs_on_timer(uv_timer_t *timer);
void dn_client_on_push(struct dn_client *client, struct dn_json push);

/* client_clock.c */
void dn_client_clock_end(struct dn_client *client, bool ok);

#endif
