/* SPDX-License-Identifier: MIT */
/*
 * ask: what a loop wants from the owner of a channel, and its answer.
 *
 * One object travels both ways: the asking loop fills it in, the owner's hub
 * acts, writes the answer into it and hands it back, and the asker's `done`
 * runs on the asking loop. With one loop all of that is plain calls.
 *
 * Ownership: dn_hub_ask takes the ask; `done` takes it back and frees it with
 *   dn_ask_free.
 * Limits: sizes were checked by whoever filled it in.
 * Thread: one loop at a time; the mail between loops hands it over.
 */
#ifndef DN_ASK_H
#define DN_ASK_H

#include "base/buf.h"
#include "base/mail.h"
#include "conf/conf.h"
#include "wire/frame.h"

enum dn_ask_op {
	DN_ASK_PUBLISH,
	DN_ASK_SUBSCRIBE,
	DN_ASK_UNSUBSCRIBE,
	DN_ASK_HISTORY,
	DN_ASK_HISTORY_REMOVE,
	DN_ASK_PRESENCE,
	DN_ASK_PRESENCE_STATS,
	DN_ASK_REDELIVER,
	DN_ASK_CHANNELS, /* to every owner */
};

enum dn_wait { DN_WAIT_ACCEPTED, DN_WAIT_LOGGED, DN_WAIT_WRITTEN };

/* Members of a client's info, as JSON text of the ClientInfo object; client
 * and user apart, for presence. */
struct dn_who {
	struct dn_str client; /* "" where the server itself acts */
	struct dn_str user;
	struct dn_str info; /* {"user":..,"client":..} as JSON */
};

struct dn_ask_publish {
	struct dn_frame *frame;  /* open: ends inside tags, dn_push_finish
				    completes it */
	struct dn_str key;       /* of the idempotency window; "" none */
	struct dn_str named_key; /* the publisher's own key, for the log */
	enum dn_wait wait;
	int64_t timeout_us; /* of the wait; 0: the default */
	bool skip_history;
	/* Of the document that is published; not above the last one in the
	 * same version epoch: it is out of date. 0: none. */
	uint64_t version;
	struct dn_str version_epoch;
	bool delta; /* subscribers who asked for it get a difference */
};

/* Publications collected for a reply, from the ring and, below it, the log. */
struct dn_gather {
	uint64_t have; /* forward: got up to here; reverse: down to here */
	uint64_t limit;
	size_t bytes_max;
	bool reverse;
	bool exact; /* a hole fails it (recovery) instead of being skipped */
	bool takes; /* whoever reads it takes it, which ends a fallback */
	/* the answer */
	uint64_t found;
	bool full;       /* ended by limit or bytes_max */
	bool hole;       /* exact only, or: */
	bool unread;     /* the log did not answer */
	uint64_t *taken; /* offsets whose delivery nobody has taken yet */
	size_t taken_n;
	char epoch[16]; /* of the stream, at the end */
};

struct dn_ask_subscribe {
	struct dn_who who;
	bool recover, reject_unrecovered;
	/* Of the namespace, unless a token or a server key says otherwise. */
	bool force_recovery, force_positioning;
	bool ask_recoverable, ask_positioned;
	/* Whether it is counted among those who are there, and whether the
	 * others hear of it; the same at its unsubscribe, which has who.info
	 * where they do and it is not counted. */
	bool present, told;
	uint64_t offset;
	struct dn_str epoch;
	struct dn_gather gather;
	/* the answer; body holds the publications, comma-separated */
	uint64_t offset_now; /* what the reply says */
	uint64_t top;        /* where the subscriber stands after it */
	bool recovered, was_recovering, positioned, recoverable;
};

struct dn_ask_history {
	bool has_since;
	uint64_t since;
	struct dn_str epoch;
	struct dn_gather gather;
};

struct dn_ask_redeliver {
	struct dn_frame *frame; /* open, like publish */
	struct dn_str uid;
	struct dn_str epoch;
	uint64_t offset; /* 0: had none */
};

struct dn_loop;

struct dn_ask {
	struct dn_mail mail;
	enum dn_ask_op op;
	unsigned origin; /* the asking loop */
	void (*done)(struct dn_loop *loop, struct dn_ask *ask);
	void *ctx;            /* the asker's */
	struct dn_conf *conf; /* a reference: keeps tenant and ns alive */
	const struct dn_conf_tenant *tenant;
	const struct dn_conf_ns *ns;
	struct dn_str channel;
	/* the answer: code 0 and a body, or an error of the protocol */
	unsigned code;
	bool temporary;
	const char *message;
	struct dn_buf body; /* JSON: the result's members without braces, or
			       as the op says */
	union {
		struct dn_ask_publish publish;
		struct dn_ask_subscribe subscribe;
		struct dn_ask_history history;
		struct dn_ask_redeliver redeliver;
	};
	size_t used;
	size_t room;
	char bytes[];
};

/* Zeroed, with room for the strings that dn_ask_copy stores. */
DN_MUST_CHECK struct dn_ask *dn_ask_new(enum dn_ask_op op, unsigned origin,
    struct dn_conf *conf, const struct dn_conf_tenant *tenant,
    const struct dn_conf_ns *ns, struct dn_str channel, size_t room);
struct dn_str dn_ask_copy(struct dn_ask *ask, struct dn_str s);
void dn_ask_free(struct dn_ask **ask);
/* Makes it an error answer; message must be a literal. */
void dn_ask_fail(struct dn_ask *ask, unsigned code, const char *message);

#endif
