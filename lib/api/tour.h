/* SPDX-License-Identifier: MIT */
/*
 * tour: a call that is about connections visits each loop in turn, does there
 * what it does to those that match, and is answered at home.
 *
 * Whom it is about is named by `user`, `client` or `session`, all of which
 * must be right where they are given; `whitelist` excepts client ids. An empty
 * user is every anonymous client. Connections with a server key are reached by
 * client or session only, unless the method says otherwise.
 *
 * A method has a struct of its own that begins with the tour. While the tour
 * is on another loop, that loop's thread has all of it, the call included.
 *
 * Ownership: takes the call; owns a copy of its params.
 * Limits: some milliseconds a turn (tour.c); the rest of a loop comes later.
 * Errors: params that are missing or wrong are told as literals, for 107.
 * Thread: the loop's that it is on.
 */
#ifndef DN_TOUR_H
#define DN_TOUR_H

#include "api/api_impl.h"
#include "session/session.h"

struct dn_tour {
	struct dn_mail mail;
	struct dn_timer timer; /* goes on in a later turn */
	struct dn_loop *loop;  /* where it is */
	struct dn_call *call;
	struct dn_json params; /* its copy */
	struct dn_buf text;    /* of the params */
	struct dn_buf strings; /* decoded; there is room for all of them */
	bool servers;          /* of a user, too */
	bool has_user;
	struct dn_str user, client, session;
	struct dn_map whitelist; /* client ids */
	struct dn_buf key;       /* of the list to go through (roster.h) */
	uint64_t after;          /* serial of the last one, in this loop */
	uint64_t matched;
	struct dn_sub_waiter waiter; /* it stays until nothing is open */
	/* What is done to each; the session may have ended afterwards. */
	void (*act)(struct dn_tour *tour, struct dn_session *s);
	/* At home: writes the result's members and frees what is the method's
	 * own; NULL: nothing to do. */
	void (*end)(struct dn_tour *tour);
};

/* size is that of the struct that begins with it; zeroed. */
DN_MUST_CHECK void *dn_tour_new(
    struct dn_call *call, struct dn_json params, size_t size);
/* Reads whom it is about; NULL, or what is wrong. With `anybody` it may be
 * about all of the tenant's. */
DN_MUST_CHECK const char *dn_tour_read_whom(struct dn_tour *tour, bool anybody);
/* A string member, unset when absent or null. False when it is no string. */
DN_MUST_CHECK bool dn_tour_string(
    struct dn_tour *tour, const char *name, struct dn_str *out);
/* A member as raw JSON, or its twin in base64; unset when both are absent.
 * False when that is no base64 of JSON, or nests too deep for a part of
 * messages. */
DN_MUST_CHECK bool dn_tour_raw(struct dn_tour *tour, const char *name,
    const char *twin, struct dn_str *out);

/* Off it goes; the call is answered in the end. */
void dn_tour_start(struct dn_tour *tour);
/* Answers 107 with that reason instead. */
void dn_tour_bad(struct dn_tour *tour, const char *why);
/* Frees it without a look at its call, which has been answered. */
void dn_tour_free(struct dn_tour *tour);

/* For a method that visits loops in its own way: `run` gets the tour in that
 * loop and sets tour->loop. */
void dn_tour_go(struct dn_tour *tour, unsigned loop,
    void (*run)(struct dn_loop *loop, struct dn_mail *mail));
void dn_tour_home(struct dn_tour *tour);
/* The next session of this loop to look at, behind tour->after, which the
 * caller moves; NULL: that was all. */
DN_MUST_CHECK struct dn_session *dn_tour_next(const struct dn_tour *tour);
/* Whether a session is one of those that it is about. */
DN_MUST_CHECK bool dn_tour_matches(
    const struct dn_tour *tour, const struct dn_session *s);

#endif
