/* SPDX-License-Identifier: MIT */
/*
 * pub: the parts of dnot-pub.
 *
 *	main.c      flags, start and end
 *	input.c     lines from stdin
 *	shape.c     a line, or a payload, becomes the text of a publication
 *	queue.c     items in input order: sent, awaited, sent again, given up
 *	fallback.c  items that go to the log's `undelivered`
 *	report.c    what is printed about an item
 *
 * Ownership: struct pub is the program; items belong to its queue.
 * Thread: one.
 */
#ifndef PUB_H
#define PUB_H

#include "input.h"
#include "log/log.h"
#include "record/record.h"
#include "tool/client.h"
#include "tool/tool.h"

enum {
	PUB_IN_FLIGHT = 1024,
	PUB_LINE_MAX = DN_CLIENT_MESSAGE_MAX,
};

struct pub_options {
	bool raw, text, report;
	const char *request_id, *status, *schema, *key;
	struct dn_opt_list tags;
	const char *wait;
	int64_t timeout_us;
	const char *fallback;
	const char *message, *file;
};

enum item_state {
	ITEM_QUEUED, /* to be sent */
	ITEM_SENT,   /* the reply is awaited */
	ITEM_HELD,   /* a temporary error: sent again at retry_us */
	ITEM_DIVERT, /* to the fallback, in this turn */
	ITEM_DONE,   /* to be printed once it is the first */
};

struct item {
	struct item *next;
	struct item **link; /* what points to it; of an orphan only */
	struct pub *pub;
	enum item_state state;
	bool outstanding; /* a reply will come that names it */
	bool queued;      /* is in the queue */
	unsigned tries;
	uint64_t line;       /* number; 0 for -m and -f */
	int64_t deadline_us; /* monotonic */
	int64_t retry_us;
	/* The outcome: a result as JSON members, or a code and a reason. */
	char *result;
	unsigned code;
	char *reason;
	bool failed; /* neither the server nor the fallback took it */
	/* The record, complete, with its idempotency key; empty for a line
	 * that is none. */
	size_t text_n;
	char text[];
};

struct pub {
	struct dn_tool tool;
	struct pub_options opt;
	const char *channel; /* NULL: each record has its own */
	uv_loop_t *loop;
	uv_timer_t timer;
	uv_check_t check;
	bool wake; /* something was answered in this turn */
	struct dn_client_net *net;
	struct dn_client *client; /* NULL once ended */
	struct input *input;      /* NULL for -m and -f */
	bool input_ended;
	bool connected_once;
	bool away;  /* never connected yet: straight to the fallback */
	bool ended; /* no server any more */
	bool closing;
	char *end_reason; /* why `ended` */
	bool stdout_gone;
	/* The queue. */
	struct item *head, **tail;
	size_t items;
	struct item *orphans; /* given up, but a reply will name them */
	struct item *unsent;  /* where to look for the first to send */
	bool rescan;          /* unsent is not right any more */
	uint64_t failed_n;
	/* shape */
	char *fields; /* the flags' fields as a JSON object */
	size_t fields_n;
	struct dn_str extras; /* "wait" and the like, ",..." */
	char *extras_text;
	char key_prefix[37];
	uint64_t key_count;
	uint64_t seq;
	int64_t last_enqueued;
	struct dn_record record;
	struct dn_buf scratch, shaped, params;
	/* fallback */
	struct dn_log *log; /* NULL: none */
	struct dn_buf out;  /* for stdout */
};

/* main.c */
/* Takes lines, sends, prints, and ends when all is done. */
void pub_pump(struct pub *p);

/* shape.c */
/* Checks the flags' fields and prepares them. -EINVAL is a usage error. */
DN_MUST_CHECK int shape_init(struct pub *p, struct dn_err *err);
void shape_release(struct pub *p);
/* The item for a line (or a whole payload); -EINVAL: it is no record. */
DN_MUST_CHECK int shape_line(
    struct pub *p, struct dn_str line, struct item **out, struct dn_err *err);
struct item *item_new(struct dn_str text);
void item_free(struct item *item);

/* queue.c */
void queue_add(struct pub *p, struct item *item);
/* Sends what may be sent, diverts and prints what is due. */
void queue_run(struct pub *p);
/* The reply to item will not come: its client is gone. */
void queue_release(struct pub *p);
/* Every item that is not done is given up. */
void queue_give_up(struct pub *p);
void queue_on_timer(uv_timer_t *timer);
/* Sets the outcome. */
void item_fail(struct pub *p, struct item *item, const char *reason);
void item_refuse(
    struct pub *p, struct item *item, unsigned code, struct dn_str message);
void item_result(struct item *item, struct dn_str members);

/* fallback.c */
DN_MUST_CHECK int fallback_open(struct pub *p, struct dn_err *err);
void fallback_divert(struct pub *p);

/* report.c */
/* Prints what there is to say about a done item. */
void report_item(struct pub *p, const struct item *item);
void report_flush(struct pub *p);

#endif
