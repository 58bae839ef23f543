/* SPDX-License-Identifier: MIT */
/*
 * sub: one subscription of one client.
 *
 * It is made when somebody asks for it (the client, its token, the server
 * API), becomes active when the channel's owner has answered, in the very
 * step in which the result is queued, and lives until the owner has confirmed
 * its end. One that is to end while the owner has not answered yet ends as
 * soon as it has.
 *
 * Ownership: a sub belongs to its session while that lives, then to the ask
 *   that ends it.
 * Limits: recovery by number and bytes (hub_history.c).
 * Thread: the loop's.
 */
#ifndef DN_SUB_H
#define DN_SUB_H

#include "hub/lineage.h"
#include "serve/loop.h"

enum { DN_RECOVERY_BYTES_MAX = 512 * 1024 };

struct dn_session;
struct dn_bearer;
struct dn_local;
struct dn_tagfilter;

/* How the client hears of it. */
enum dn_sub_told {
	DN_SUB_REPLY,   /* the reply to its subscribe command */
	DN_SUB_CONNECT, /* a part of the connect reply */
	DN_SUB_PUSH,    /* a subscribe push */
};

/* Somebody who waits until owners have answered joins or leaves. */
struct dn_sub_waiter {
	unsigned open; /* without an answer, and 1 for the maker */
	unsigned code; /* of a join that failed; 0: none */
	const char *message;
	void (*done)(struct dn_sub_waiter *waiter); /* nothing is open */
};

/* What a token says instead of the namespace: -1 nothing, 0 no, 1 yes. */
struct dn_sub_override {
	int8_t presence, join_leave, force_push_join_leave;
	int8_t force_positioning, force_recovery;
};
#define DN_SUB_NO_OVERRIDE ((struct dn_sub_override){-1, -1, -1, -1, -1})

/* What a subscription is made with; borrowed but the filter. */
struct dn_sub_opts {
	enum dn_sub_told told;
	uint32_t id;     /* of the command */
	bool from_token; /* listed in the connection's token */
	const struct dn_jwt_claims *token; /* its own; NULL: none */
	bool recover, reject_unrecovered;
	bool ask_recoverable, ask_positioned, ask_join_leave, ask_delta;
	uint64_t offset;
	struct dn_str epoch;
	size_t bytes_max;        /* of what it may recover; 0: the default */
	struct dn_str chan_info; /* JSON or unset */
	struct dn_str data;      /* JSON or unset: of the result */
	int64_t expires_s;       /* 0: never */
	struct dn_sub_override override;
	struct dn_tagfilter *filter;  /* taken; NULL: none */
	struct dn_sub_waiter *waiter; /* for its join; NULL: nobody */
};

struct dn_sub {
	struct dn_session *session; /* NULL: it leaves */
	uint64_t conn;              /* its connection, for late replies */
	struct dn_conf *conf;       /* a reference, until it leaves */
	const struct dn_conf_tenant *tenant;
	const struct dn_conf_ns *ns;
	char client[37];
	struct dn_local *local;   /* NULL until active */
	uint32_t at;              /* its place in local->subs */
	uint32_t queue_bytes_max; /* of its namespace */
	uint32_t weight;          /* in its connection's calls while joining */
	enum dn_sub_told told;
	uint32_t id;       /* of the command to answer */
	uint32_t leave_id; /* of the unsubscribe to answer */
	bool from_token;
	bool joining;      /* the owner has not answered yet */
	bool leaving;      /* to be left as soon as it is joined */
	bool leave_asked;  /* the client waits for a reply to it */
	bool leave_early;  /* and asked before it had begun */
	unsigned end_code; /* what ended it while it was joining, or 0 */
	const char *end_reason;
	struct dn_sub_waiter *waiter; /* hears of the owner's answer */
	bool positioned, recoverable, join_leave;
	bool present, tells; /* at the owner: counted; the others hear of it */
	bool delta;          /* negotiated: data is text */
	bool has_base;       /* it got local->base last */
	uint64_t offset;     /* position, where positioned */
	uint64_t shown;      /* what an id says it is (session_ids.c) */
	char epoch[DN_EPOCH_MAX];
	struct dn_bearer *bearer; /* its own token; NULL: none, or it left */
	int64_t expires_s;        /* 0: never */
	struct dn_tagfilter *filter;
	struct dn_buf
	    info; /* ClientInfo with chan_info; empty: the session's */
	struct dn_buf data; /* of the result, JSON */
	struct dn_str channel;
	char bytes[];
};

/* Names and limits were checked; it may answer within the call, and the
 * session may have ended by then. */
void dn_sub_join(struct dn_session *s, const struct dn_conf_ns *ns,
    struct dn_str channel, const struct dn_sub_opts *opts);
/* Takes it out of the session and has the owner confirm its end; code and
 * reason are for the events. */
void dn_sub_leave(struct dn_sub *sub, unsigned code, const char *reason);
/* The same for the unsubscribe command `id`, which waits for that. */
void dn_sub_leave_asked(struct dn_sub *sub, uint32_t id);
/* Ends it with an unsubscribe push; reason is a literal. */
void dn_sub_end(struct dn_sub *sub, unsigned code, const char *reason);
/* The waiter hears when the owner has answered its join or, where it is ended
 * by then or before, its leave. One at a time: others hear nothing. */
void dn_sub_wait(struct dn_sub *sub, struct dn_sub_waiter *waiter);
/* One answer less is open. */
void dn_sub_waiter_less(struct dn_sub_waiter *waiter);
/* The owner lost its position: 2500, or 3010 for the whole connection where
 * the server made it. The session may have ended afterwards. */
void dn_sub_lost(struct dn_sub *sub);

/* Made by the server, not by a command of the client. */
static inline bool dn_sub_is_server_side(const struct dn_sub *sub)
{
	return sub->told != DN_SUB_REPLY;
}
/* Who it is in this channel. */
struct dn_who dn_sub_who(const struct dn_sub *sub);

/* sub_result.c: whether what was missed follows as ordinary pushes, instead of
 * being in the result: so for an EventSource, which knows nothing else. */
bool dn_sub_sends_missed(const struct dn_sub *sub);
/* The members of a result, without braces. */
void dn_sub_write_result(
    struct dn_buf *b, const struct dn_sub *sub, const struct dn_ask *ask);
/* Of what a recovery found open, only what passes the filter is taken. */
void dn_sub_keep_taken(const struct dn_sub *sub, struct dn_ask *ask);
/* The publications of a recovery as this subscriber is to get them: filtered,
 * and their data as text where it negotiated deltas; comma-separated. */
void dn_sub_write_missed(
    struct dn_buf *b, const struct dn_sub *sub, const struct dn_ask *ask);

#endif
