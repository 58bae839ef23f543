/* SPDX-License-Identifier: MIT */
/*
 * sub: the parts of dnot-sub.
 *
 *	main.c    flags, start and end
 *	chan.c    one channel: its subscription, live publications, held ones
 *	fill.c    what a channel missed, page by page from the server
 *	change.c  a stream that comes back under another epoch
 *	logread.c what a channel missed, from the log
 *	show.c    a record: known or new, kept or filtered out, printed
 *	place.c   positions, and when they go into the state file
 *	output.c  stdout
 *
 * Ownership: struct sub is the program; it owns its channels.
 * Thread: one.
 */
#ifndef SUB_H
#define SUB_H

#include "log/log.h"
#include "output.h"
#include "record/record.h"
#include "record/since.h"
#include "tool/client.h"
#include "tool/cursor.h"
#include "tool/dedup.h"
#include "tool/jqfilter.h"
#include "tool/tool.h"

enum {
	SUB_DEDUP = 100000, /* records known a channel */
	/* Of those, by offset: more than a server's log lags behind what it
	 * gives out. A power of two; untouched memory costs nothing. */
	SUB_RECENT = 65536,
	SUB_PENDING = 64 << 20, /* unwritten output before we stop reading */
	SUB_HELD = 64 << 20,    /* live publications that wait for a fill */
	SUB_SAVE_MS = 200,
};

struct sub_options {
	const char *since, *state, *filter, *format;
	bool raw, presence, end;
	uint64_t count;  /* 0: no end */
	int64_t wait_us; /* 0: no end */
};

struct sub;

/* Why a record comes. */
enum sub_source {
	SUB_LIVE,
	SUB_REPLAY, /* behind our position: history or log */
};

/* What stands at an offset, to recognise it under another epoch: `proof` is
 * of the stored record, the server's stamp included; `content` is what its
 * publisher sent, so that one sent again is known (0: it has no stamp). */
struct sub_recent {
	uint64_t offset, proof, content;
};

/* A fill that is under way. */
struct sub_fill {
	enum {
		FILL_NONE,
		FILL_SEARCH, /* where --since TIME begins */
		FILL_PROBE,  /* is it the same stream? */
		FILL_PAGES,
		FILL_LOG,
	} kind;
	bool asked;   /* a reply is awaited */
	bool lenient; /* what is missing at the start is no gap */
	bool stalled; /* stdout is congested */
	bool moved;   /* the log had something */
	uint64_t lo, hi;
	uint64_t target; /* goes on to this offset */
	char *epoch;     /* of the server's stream; NULL: the position's */
	unsigned waits;  /* without progress */
};

struct chan {
	struct sub *sub;
	const char *name;
	struct dn_client_sub *s; /* NULL once refused */
	bool subscribed;         /* at least once */
	bool caught_up;
	bool positioned; /* the server keeps positions */
	/* Where we are: everything up to here was handled. */
	bool placed;
	uint32_t generation; /* index of the epoch */
	uint64_t offset;
	char **epochs; /* that were seen, oldest first */
	size_t epochs_n;
	/* A record of an older generation above this offset may have been
	 * lost by the server, and so be published again. */
	uint64_t proven;
	struct dn_dedup seen;
	struct sub_recent *recent; /* SUB_RECENT, by offset */
	/* Live publications that wait for a fill: length and text each. */
	struct dn_buf held;
	struct sub_fill fill;
	size_t recovering; /* publications of the reply that are to come */
	uv_timer_t timer;
	/* The state file's position: what is on stdout. */
	bool saved;
	uint32_t saved_generation;
	uint64_t saved_offset;
};

/* A position that holds once stdout has got `end` bytes. */
struct sub_mark {
	uint64_t end;
	struct chan *chan;
	uint32_t generation;
	uint64_t offset;
};

struct sub {
	struct dn_tool tool;
	struct sub_options opt;
	struct dn_since since;
	uv_loop_t *loop;
	uv_prepare_t prepare;
	uv_timer_t save_timer, wait_timer;
	bool save_due;
	struct dn_client_net *net;
	struct dn_client *client; /* NULL once finishing */
	struct output *out;       /* NULL once closed */
	struct chan *chans;
	size_t chans_n;
	struct dn_jqfilter *filter, *format;
	bool jq_failed; /* told once */
	struct dn_record record;
	struct dn_buf text; /* of the record, for jq */
	uint64_t printed;
	bool connected_once;
	bool paused;
	bool finishing; /* nothing more is handled; stdout is written out */
	bool ended;
	struct dn_cursor cursor; /* path NULL: no --state */
	struct sub_mark *marks;  /* marks[marks_at..marks_n) wait */
	size_t marks_at, marks_n, marks_cap;
	struct dn_log *log;
	bool log_failed;
	const char *log_tenant;
};

/* main.c */
/* No more records: writes out what there is, and ends. */
void sub_finish(struct sub *p);
/* A gap that nobody fills: one record on stderr, exit 1. to 0: unknown. */
void sub_gap(struct chan *c, uint64_t from, uint64_t to, const char *reason);
/* stdout has room again, or all is written. */
bool sub_congested(const struct sub *p);

/* chan.c */
void chan_init(struct chan *c, struct sub *p, const char *name);
void chan_release(struct chan *c);
void chan_subscribe(struct chan *c);
/* The fill reached its target: what was held comes, then live ones. */
void chan_live(struct chan *c);
/* Reads a publication into p->record; false when it is no record, which is
 * told. */
DN_MUST_CHECK bool chan_read(struct chan *c, struct dn_json pub);

/* fill.c */
/* Everything behind the position up to target, then chan_live. */
void fill_pages(struct chan *c, uint64_t target, bool lenient);
/* The first record at or after since.time_us, then fill_pages. */
void fill_search(struct chan *c, struct dn_str epoch, uint64_t top);
void fill_stop(struct chan *c);
/* Does the next thing, at once or in ms. */
void fill_step(struct chan *c);
void fill_later(struct chan *c, unsigned ms);
/* Asks for at most `limit` (0: as much as fits) publications behind `since`;
 * false when it could not be asked now: fill_step comes again. */
void fill_ask(
    struct chan *c, uint64_t since, unsigned limit, dn_client_reply_fn *fn);
/* What every reply to fill_ask is looked at with: true when its publications
 * are to be read, false when it was dealt with. */
DN_MUST_CHECK bool fill_answered(
    struct chan *c, const struct dn_client_reply *reply);
/* The offset of the first publication in a reply, which is read into
 * p->record; 0 when there is none. */
DN_MUST_CHECK uint64_t fill_first(
    struct chan *c, const struct dn_client_reply *reply);
/* What the top record is, to recognise it later. */
void fill_anchor(struct chan *c);

/* change.c */
/* The stream has another epoch and stands at top. */
void change_epoch(struct chan *c, struct dn_str epoch, uint64_t top);
/* The same, when the log could not tell. */
void change_from_history(struct chan *c);
void change_step(struct chan *c);

/* logread.c */
/* Starts to read what is missing; false where there is no log. */
/* Whether --log, where it is given, is a log that can be read. */
DN_MUST_CHECK bool logread_check(struct sub *p);
DN_MUST_CHECK bool logread_start(struct chan *c);
void logread_step(struct chan *c);

/* show.c */
/* The record in p->record, at offset (0: it has none) of the channel's current
 * generation. */
void show_record(struct chan *c, enum sub_source source, uint64_t offset);
void show_presence(struct chan *c, bool join, struct dn_json info);
bool show_known_at(const struct chan *c, uint64_t offset, uint64_t proof);
void show_remember(struct chan *c, uint64_t offset, const struct dn_record *r);

/* place.c */
/* From the state file, if the channel is in it. */
void place_load(struct chan *c);
/* The channel is at this position now; what was printed before belongs to
 * it. */
void place_set(struct chan *c, struct dn_str epoch, uint64_t offset);
void place_advance(struct chan *c, uint64_t offset);
const char *place_epoch(const struct chan *c);
/* stdout got more. */
void place_written(struct sub *p);
void place_save(struct sub *p);

#endif
