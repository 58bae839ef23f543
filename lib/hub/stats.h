/* SPDX-License-Identifier: MIT */
/*
 * stats: what one loop counts. Each loop writes its own with relaxed atomics;
 * /metrics and the API add them up. One list makes the struct and the
 * metrics page: name, Prometheus name with labels, type, help.
 */
#ifndef DN_STATS_H
#define DN_STATS_H

#include <stdatomic.h>

#include "base/base.h"

#define DN_STATS(X) \
	X(connections, "dnot_connections", "gauge", "Open client connections") \
	X(subscriptions, "dnot_subscriptions", "gauge", \
	    "Active subscriptions") \
	X(channels, "dnot_channels", "gauge", "Channels in memory") \
	X(accepted, "dnot_connections_total", "counter", \
	    "Connections accepted") \
	X(not_admitted, "dnot_not_admitted_total", "counter", \
	    "Clients turned away by a limit of connections") \
	X(commands, "dnot_commands_total", "counter", \
	    "Client commands and API calls") \
	X(publications, "dnot_publications_total", "counter", \
	    "Publications accepted") \
	X(duplicates, "dnot_duplicates_total", "counter", \
	    "Publications recognised as repeats") \
	X(keys_cut, "dnot_idempotency_cut_total", "counter", \
	    "Keys dropped before their window ended, for want of room") \
	X(refused, "dnot_refused_total", "counter", \
	    "Publications refused for want of room") \
	X(denied, "dnot_denied_total", "counter", \
	    "Connects and commands that a token or a permission forbade") \
	X(queued, "dnot_deliveries_total{stage=\"queued\"}", "counter", \
	    "Deliveries by stage") \
	X(written, "dnot_deliveries_total{stage=\"written\"}", "counter", "") \
	X(slow_drops, "dnot_deliveries_total{stage=\"slow\"}", "counter", "") \
	X(gone_drops, "dnot_deliveries_total{stage=\"gone\"}", "counter", "") \
	X(slow, "dnot_slow_total", "counter", \
	    "Connections closed because they read too slowly") \
	X(no_subscriber, "dnot_undelivered_total{reason=\"no_subscriber\"}", \
	    "counter", "Publications that fell back, by reason") \
	X(un_slow, "dnot_undelivered_total{reason=\"slow\"}", "counter", "") \
	X(un_disconnected, "dnot_undelivered_total{reason=\"disconnected\"}", \
	    "counter", "") \
	X(un_deadline, "dnot_undelivered_total{reason=\"deadline\"}", \
	    "counter", "") \
	X(redelivered, "dnot_redelivered_total", "counter", \
	    "Undelivered ones taken at a redelivery") \
	X(fanout_lost, "dnot_fanout_lost_total", "counter", \
	    "Fan-outs between loops given up; subscribers were told (2500)") \
	X(events, "dnot_events_total", "counter", \
	    "Events for the channels $events") \
	X(events_lost, "dnot_events_lost_total", "counter", \
	    "Events that their channel's owner or its log had no room for") \
	X(log_lost, "dnot_log_lost_total", "counter", \
	    "Writes that the log refused for good") \
	X(bytes_in, "dnot_received_bytes_total", "counter", "Bytes received") \
	X(bytes_out, "dnot_sent_bytes_total", "counter", "Bytes sent")

struct dn_stats {
#define X(field, name, type, help) _Atomic uint64_t field;
	DN_STATS(X)
#undef X
	_Atomic uint64_t loop_lag_us; /* worst of the last second */
};

static inline void dn_stat_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void dn_stat_sub(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_sub_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t dn_stat_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
