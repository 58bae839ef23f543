/* SPDX-License-Identifier: MIT */
/*
 * hub_impl: what the files of the hub share. Nobody else includes it.
 *
 *   hub.c          channels, subscribers, presence, housekeeping
 *   hub_publish.c  a publication's way in: window, offset, log, fan-out
 *   hub_flight.c   what becomes of it: outcome, fallback, waits
 *   hub_history.c  history and recovery, from the ring and the log
 *   hub_load.c     start and stop
 */
#ifndef DN_HUB_IMPL_H
#define DN_HUB_IMPL_H

#include "base/map.h"
#include "hub/hub.h"
#include "hub/idem.h"
#include "hub/lineage.h"
#include "hub/ring.h"

enum { DN_TAKEN_IDS_MAX = 100000 };

/* What all channels of a tenant on this hub share. */
struct dn_hub_tenant {
	struct dn_str name;
	struct dn_idem_list keys;
	char bytes[];
};

/* A subscriber, where the namespace wants to know who is there. */
struct dn_member {
	struct dn_str client, user, info;
	uint32_t subs; /* 2 while one that it gave up is still joining */
	char bytes[];
};

struct dn_member_user {
	uint32_t clients;
	struct dn_str name;
	char bytes[];
};

struct dn_chan {
	uint32_t magic;
	struct dn_chan *next, *prev;                /* housekeeping's round */
	struct dn_chan *unused_next, **unused_prev; /* NULL: it is not there */
	struct dn_hub_tenant *tenant;
	struct dn_str key; /* tenant, NUL, channel */
	struct dn_str name;
	char epoch[DN_EPOCH_MAX];
	struct dn_lineage *lineage; /* epochs that this one continues */
	uint64_t top;               /* newest visible offset */
	uint64_t assigned; /* newest offset given; above top while the log
			      has to confirm first (durable "before") */
	uint64_t saved;    /* the offset of its position in the log */
	bool keeps_epoch;  /* over a crash: logged, durable "before" */
	uint64_t floor;    /* history_remove: at or below is gone */
	uint64_t version;  /* of the newest document, in version_epoch */
	struct dn_buf version_epoch;
	int64_t touched_us;
	uint32_t ring_size; /* of its namespace, at the last publication */
	int64_t ring_ttl_us;
	int64_t meta_ttl_us;
	struct dn_ring ring;
	struct dn_map keys; /* struct dn_idem */
	struct dn_map members;
	struct dn_map users;
	struct dn_flight *held, *held_last; /* wait for the log, in order */
	uint32_t busy; /* holds: flights and asks that point here */
	uint32_t subs_n;
	uint32_t subs[]; /* by loop; the key's bytes follow */
};

/* An undelivered id that was taken. */
struct dn_taken_id {
	struct dn_taken_id *next;
	struct dn_str uid;
	char bytes[];
};

struct dn_hub {
	unsigned loop, loops;
	struct dn_wheel *wheel;
	struct dn_stats *stats;
	const struct dn_hub_io *io;
	void *arg;
	struct dn_map chans;
	char epoch[DN_EPOCH_MAX]; /* of channels to come */
	/* those without offsets that nobody uses, the oldest first */
	struct dn_chan *unused, **unused_last;
	size_t unused_n;
	struct dn_chan *round; /* a ring of all channels */
	struct dn_map tenants;
	struct dn_map taken; /* struct dn_taken_id */
	struct dn_taken_id *taken_first, **taken_last;
	struct dn_map redeliveries; /* in flight, by uid */
	size_t flights;
};

struct dn_waiter;

enum dn_outcome {
	DN_OUTCOME_FREE,      /* nobody asks (no fallback) */
	DN_OUTCOME_OPEN,      /* not judged yet */
	DN_OUTCOME_DELIVERED, /* taken */
	DN_OUTCOME_WRITING,   /* on its way into undelivered */
	DN_OUTCOME_FALLEN,    /* there */
	DN_OUTCOME_MISSED,    /* a redelivery that nobody took */
};

/* A publication, or a redelivery, whose story is not over. */
struct dn_flight {
	uint32_t magic;
	uint32_t refs; /* its makers, loops that track it, log writes, waits */
	struct dn_hub *hub;
	struct dn_chan *chan;
	struct dn_conf *conf;
	const struct dn_conf_tenant *tenant;
	const struct dn_conf_ns *ns;
	struct dn_frame *frame;
	struct dn_idem *idem; /* NULL: none, or forgotten */
	struct dn_flight *held_next;
	struct dn_timer deadline;
	struct dn_waiter *waiters;
	uint64_t offset;
	int64_t accepted_us;
	bool held, failed;
	bool launching;   /* inside dn_flight_launch: matched is not known */
	bool wants_tally; /* somebody waits for `written` */
	bool logged;
	bool redelivery;
	bool delta; /* may go out as a difference */
	bool taken;
	enum dn_outcome outcome;
	const char *reason;
	uint32_t matched;
	size_t reserved;     /* log room it still holds */
	uint32_t loops_open; /* loops that have not given their final tally */
	struct dn_tally tally;
	char epoch[DN_EPOCH_MAX];
	char uid[40]; /* of the undelivered row */
};

#define DN_CHAN_MAGIC 0x6368616eu
#define DN_FLIGHT_MAGIC 0x666c6774u

/* hub.c */
struct dn_chan *dn_chan_get(struct dn_hub *hub, struct dn_str tenant,
    struct dn_str name, const struct dn_conf_ns *ns);
struct dn_chan *dn_chan_find(
    struct dn_hub *hub, struct dn_str tenant, struct dn_str name);
/* It stays as long as it is held. */
void dn_chan_hold(struct dn_hub *hub, struct dn_chan *chan);
/* It may be gone afterwards. */
void dn_chan_release(struct dn_hub *hub, struct dn_chan *chan);
void dn_chan_new_epoch(struct dn_hub *hub, struct dn_chan *chan);
/* Writes its position to the log (hub_load.c). */
void dn_chan_save(struct dn_hub *hub, struct dn_chan *chan);
/* The epoch that an offset of this stream was given in. */
struct dn_str dn_chan_epoch_of(const struct dn_chan *chan, uint64_t offset);
void dn_hub_answer(struct dn_hub *hub, struct dn_ask *ask);
/* Sends to every loop with subscribers; returns the number of subscribers
 * there, and counts the loops that will report in fan.flight->loops_open. */
uint32_t dn_hub_fanout(
    struct dn_hub *hub, struct dn_chan *chan, struct dn_fan fan);
bool dn_hub_is_taken(struct dn_hub *hub, struct dn_str uid);
void dn_hub_note_taken(struct dn_hub *hub, struct dn_str uid);

/* What an ask is about is held (dn_chan_hold) during the call; it is answered
 * then or later. */
typedef void dn_hub_act(
    struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask);

/* hub_publish.c */
dn_hub_act dn_hub_publish;
dn_hub_act dn_hub_redeliver;

/* hub_flight.c */
struct dn_flight *dn_flight_new(struct dn_hub *hub, struct dn_chan *chan,
    const struct dn_ask *ask, struct dn_frame *frame);
void dn_flight_drop(struct dn_flight *flight);
/* Fans it out and starts to follow it. */
void dn_flight_launch(struct dn_flight *flight);
/* Somebody took it, by whichever way. */
void dn_flight_taken(struct dn_flight *flight);
/* Answers each waiter whose wait is over. */
void dn_flight_settle(struct dn_flight *flight);
/* Answers the ask now or when its wait is over. */
void dn_flight_wait(
    struct dn_flight *flight, struct dn_ask *ask, bool duplicate);
/* key: the publisher's own idempotency key, or unset. */
void dn_flight_log(struct dn_flight *flight, struct dn_str key);

/* hub_history.c */
dn_hub_act dn_hub_subscribe;
dn_hub_act dn_hub_history;
/* hub.c: the end of a subscribe. */
void dn_hub_join(struct dn_hub *hub, struct dn_chan *chan, struct dn_ask *ask);

#endif
