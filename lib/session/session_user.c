/* SPDX-License-Identifier: MIT */
/*
 * The connections that a user may have, over all loops: up to a number
 * (user_connection_limit), where one too many is refused, or one only
 * (single_connection), where the newest ends the others.
 *
 * Two that connect at once on different loops each tell every loop; only who
 * has the lower serial is ended, so that one of them stays.
 */
#include <stdlib.h>

#include "serve/server.h"
#include "session/session_impl.h"

struct newer {
	struct dn_mail mail;
	uint64_t serial;
	size_t key_n;
	char key[]; /* of the user's list in the roster */
};

static bool is_single(const struct dn_session *s)
{
	return s->tenant->personal.single_connection && !s->server &&
	       s->user.n > 0;
}

bool dn_session_user_enter(struct dn_session *s)
{
	uint64_t limit = s->tenant->limits.user_connection_limit;

	if (s->server || s->user.n == 0 || is_single(s))
		limit = 0;
	s->user_counts = dn_usage_user_enter(s->usage, s->user, limit);
	return s->user_counts;
}

void dn_session_user_leave(struct dn_session *s)
{
	if (s->user_counts)
		dn_usage_user_leave(s->usage, s->user);
	s->user_counts = false;
}

static void run_newer(struct dn_loop *loop, struct dn_mail *mail)
{
	struct newer *newer = DN_CONTAINER(mail, struct newer, mail);
	struct dn_str key = {newer->key, newer->key_n};
	struct dn_session *s;

	while ((s = dn_roster_next(&loop->roster, key, 0)) != NULL &&
	       s->serial < newer->serial)
		dn_conn_close(s->conn, 3504, "connection limit");
	free(newer);
}

void dn_session_end_older(struct dn_session *s)
{
	struct dn_loop *loop = s->loop;
	unsigned i, loops = dn_server_loops(loop->server);
	uint64_t serial = s->serial;
	struct dn_buf key = {0};

	if (!is_single(s))
		return;
	dn_roster_user_key(&key, dn_str_of(s->tenant->name), s->user);
	for (i = 0; i < loops; i++) {
		struct newer *newer = dn_xcalloc(1, sizeof(*newer) + key.n);

		newer->mail.run = run_newer;
		newer->serial = serial;
		newer->key_n = key.n;
		memcpy(newer->key, key.p, key.n);
		dn_loop_send(loop, i, &newer->mail);
	}
	dn_buf_release(&key);
}
