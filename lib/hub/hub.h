/* SPDX-License-Identifier: MIT */
/*
 * hub: the channels that one loop owns, and everything that is decided about
 * them: offsets and epochs, history, who is there, the idempotency window,
 * and whether a publication was delivered.
 *
 * It knows no socket and no database: time, randomness, the way to other
 * loops and the log are handed in (struct dn_hub_io), so the whole of it runs
 * in a unit test.
 *
 * Ownership: takes asks and gives them back through io->answer, at once or
 *   later; keeps references to frames and confs.
 * Limits: history by number and age, keys per tenant, log room reserved
 *   before an offset is given.
 * Errors: answers with the codes of the protocol.
 * Thread: the owner's loop.
 */
#ifndef DN_HUB_H
#define DN_HUB_H

#include "base/wheel.h"
#include "hub/ask.h"
#include "hub/stats.h"
#include "log/log.h"
#include "log/logq.h"
#include "record/channel.h"
#include "wire/push.h"
#include "wire/track.h"

struct dn_hub;
struct dn_flight;

/* One loop's share of a fan-out; borrowed during the call. */
struct dn_fan {
	struct dn_str key; /* tenant, NUL, channel */
	struct dn_frame *frame;
	uint64_t offset;          /* 0: none */
	bool presence;            /* a join or leave */
	bool delta;               /* may go out as a difference */
	struct dn_flight *flight; /* NULL: nobody asks how it ended */
};

struct dn_hub_io {
	int64_t (*wall_us)(void *arg);
	int64_t (*mono_us)(void *arg);
	void (*random)(void *arg, void *p, size_t n);
	/* False when that loop has no room; it then tells its subscribers
	 * that they lost their position. */
	bool (*fanout)(void *arg, unsigned loop, const struct dn_fan *fan);
	void (*answer)(void *arg, struct dn_ask *ask);
	/* The ask brought the channel's first subscriber, or took its last. */
	void (*occupancy)(void *arg, const struct dn_ask *ask, bool occupied);
	/* Without a log these are never called. */
	bool (*log_reserve)(void *arg, size_t bytes);
	void (*log_unreserve)(void *arg, size_t bytes);
	void (*log_push)(void *arg, struct dn_logreq *req);
};

DN_MUST_CHECK struct dn_hub *dn_hub_new(unsigned loop, unsigned loops,
    struct dn_wheel *wheel, struct dn_stats *stats, const struct dn_hub_io *io,
    void *arg);
void dn_hub_free(struct dn_hub **hub);

void dn_hub_ask(struct dn_hub *hub, struct dn_ask *ask);
/* How a tracked fan-out goes on in one loop. `final` comes once a loop. */
void dn_hub_report(struct dn_hub *hub, struct dn_flight *flight,
    const struct dn_tally *tally, bool final);
/* Publications that went out in a recovery or history reply were written. */
void dn_hub_taken(struct dn_hub *hub, struct dn_str key, struct dn_str epoch,
    const uint64_t *offsets, size_t n);
/* A slice of housekeeping: expires history and keys, drops idle channels. */
void dn_hub_tick(struct dn_hub *hub, const struct dn_conf *conf);

/* Start, before the loops run. A record of the log, in log order. */
void dn_hub_load_record(struct dn_hub *hub, const struct dn_conf_tenant *tenant,
    const struct dn_conf_ns *ns, const struct dn_log_row *row);
void dn_hub_load_position(struct dn_hub *hub,
    const struct dn_conf_tenant *tenant, const struct dn_conf_ns *ns,
    const struct dn_log_position *pos);
/* That offset waits in undelivered. */
void dn_hub_load_undelivered(struct dn_hub *hub, struct dn_str tenant,
    struct dn_str channel, struct dn_str epoch, uint64_t offset);
void dn_hub_load_taken(struct dn_hub *hub, struct dn_str uid);
/* After a crash the log may lack offsets that were given out: channels of
 * namespaces with durable "after" get a new epoch. */
void dn_hub_loaded(struct dn_hub *hub, struct dn_conf *conf, bool clean);
/* At a clean stop: the position of every logged channel. */
void dn_hub_save(struct dn_hub *hub, struct dn_conf *conf);
/* Whether nothing waits: no flight without an outcome. */
size_t dn_hub_flights(const struct dn_hub *hub);

/* tenant, NUL, channel into buf (at least their lengths + 1). */
struct dn_str dn_hub_key(
    char *buf, struct dn_str tenant, struct dn_str channel);
/* Which loop owns a channel. */
unsigned dn_hub_owner(
    struct dn_str tenant, struct dn_str channel, unsigned loops);

#endif
