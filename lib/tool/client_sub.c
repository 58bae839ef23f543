/* SPDX-License-Identifier: MIT */
/*
 * How it works: a subscription is asked for whenever there is a connection
 * and it is IDLE. Once it was ON, its position (epoch, offset) is what the
 * next ask recovers from; it follows the publications handed out, or is set
 * by dn_client_sub_seek where the owner is slower than we are.
 *
 * How it fails: a temporary error, or an unsubscribe push of 2500 and above,
 * makes it WAITING, and one timer asks again with backoff; anything else
 * makes it REFUSED, which the owner is told. A lost connection makes all but
 * those IDLE. A subscription that is ended inside a callback goes to the
 * graveyard and is freed when no callback runs.
 */
#include "tool/client_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "tool/backoff.h"

static void sub_free(struct dn_client_sub *s)
{
	free((char *)(uintptr_t)s->channel.p);
	free(s->epoch);
	s->magic = 0;
	free(s);
}

void dn_client_subs_bury(struct dn_client *c)
{
	struct dn_client_sub *s;

	while (c->depth == 0 && (s = c->graveyard) != NULL) {
		c->graveyard = s->next;
		sub_free(s);
	}
}

void dn_client_subs_release(struct dn_client *c)
{
	struct dn_client_sub *s;
	size_t at = 0;

	while ((s = dn_map_next(&c->subs, &at)) != NULL)
		sub_free(s);
	dn_map_release(&c->subs);
	c->depth = 0;
	dn_client_subs_bury(c);
}

static void on_subscribed(void *arg, const struct dn_client_reply *reply);

static void ask(struct dn_client_sub *s)
{
	struct dn_client *c = s->client;
	struct dn_buf *b =
	    dn_link_begin(c->link, 128 + 6 * (s->channel.n + strlen(s->epoch)));

	s->asked_id = dn_client_next_id(c);
	dn_buf_printf(b, "{\"id\":%u,\"subscribe\":{\"channel\":", s->asked_id);
	dn_buf_json_str(b, s->channel);
	/* Granted to clients where the namespace allows it. */
	dn_buf_lit(b, ",\"positioned\":true,\"recoverable\":true");
	if (s->recover) {
		dn_buf_lit(b, ",\"recover\":true");
		if (s->offset > 0) {
			dn_buf_lit(b, ",\"offset\":");
			dn_buf_u64(b, s->offset);
		}
		if (s->epoch[0] != '\0') {
			dn_buf_lit(b, ",\"epoch\":");
			dn_buf_json_str(b, dn_str_of(s->epoch));
		}
	}
	if (s->join_leave)
		dn_buf_lit(b, ",\"join_leave\":true");
	dn_buf_lit(b, "}}");
	dn_link_end(c->link);
	dn_client_calls_put(&c->calls, s->asked_id, on_subscribed, s);
	s->state = DN_SUB_ASKED;
}

void dn_client_subs_send(struct dn_client *c)
{
	struct dn_client_sub *s;
	size_t at = 0;

	while ((s = dn_map_next(&c->subs, &at)) != NULL)
		if (s->state == DN_SUB_IDLE)
			ask(s);
}

void dn_client_subs_lost(struct dn_client *c)
{
	struct dn_client_wait wait;
	struct dn_client_sub *s;
	size_t at = 0;

	while ((s = dn_map_next(&c->subs, &at)) != NULL) {
		if (s->state == DN_SUB_ASKED &&
		    !dn_client_calls_take(&c->calls, s->asked_id, &wait))
			DN_ASSERT(!"an asked subscription waits");
		if (s->state != DN_SUB_REFUSED)
			s->state = DN_SUB_IDLE;
	}
}

/* Sets the timer to the earliest retry. */
static void arm(struct dn_client *c)
{
	uint64_t now = uv_now(c->net->loop), first = UINT64_MAX;
	struct dn_client_sub *s;
	size_t at = 0;
	int rc;

	while ((s = dn_map_next(&c->subs, &at)) != NULL)
		if (s->state == DN_SUB_WAITING && s->retry_ms < first)
			first = s->retry_ms;
	if (first == UINT64_MAX)
		return;
	rc = uv_timer_start(&c->sub_timer, dn_client_subs_on_timer,
	    first > now ? first - now : 0, 0);
	DN_ASSERT(rc == 0);
}

void dn_client_subs_on_timer(uv_timer_t *timer)
{
	struct dn_client *c = timer->data;
	uint64_t now = uv_now(c->net->loop);
	struct dn_client_sub *s;
	size_t at = 0;

	if (c->state != DN_CLIENT_CONNECTED)
		return;
	while ((s = dn_map_next(&c->subs, &at)) != NULL)
		if (s->state == DN_SUB_WAITING && s->retry_ms <= now)
			ask(s);
	arm(c);
}

static void wait_and_retry(struct dn_client_sub *s)
{
	const struct dn_client_options *o = &s->client->opt;

	s->state = DN_SUB_WAITING;
	s->retry_ms = uv_now(s->client->net->loop) +
		      (uint64_t)dn_backoff_us(s->tries++, o->backoff_min_us,
			  o->backoff_max_us, dn_random_below) /
			  1000;
	arm(s->client);
}

static void refuse(
    struct dn_client_sub *s, unsigned code, struct dn_str message)
{
	s->state = DN_SUB_REFUSED;
	if (s->events->refused != NULL)
		s->events->refused(s->arg, code, message);
}

static void set_epoch(struct dn_client_sub *s, struct dn_str epoch)
{
	if (dn_str_is(epoch, s->epoch))
		return;
	free(s->epoch);
	s->epoch = dn_xstrndup(epoch.p, epoch.n);
}

void dn_client_sub_seek(
    struct dn_client_sub *s, struct dn_str epoch, uint64_t offset)
{
	DN_CHECK(s, DN_SUB_MAGIC);
	set_epoch(s, epoch);
	s->offset = offset;
	s->recover = true;
}

static void hand_out(
    struct dn_client_sub *s, struct dn_json object, bool recovered)
{
	struct dn_client_pub pub = {.raw = object, .recovered = recovered};
	struct dn_json value;
	struct dn_json_iter it;
	struct dn_str key;

	dn_json_iter_init(&it, object);
	while (dn_json_next(&it, &key, &value)) {
		if (dn_json_key_is(key, "data"))
			pub.data = value;
		else if (dn_json_key_is(key, "tags"))
			pub.tags = value;
		else if (dn_json_key_is(key, "offset"))
			pub.has_offset = dn_json_u64(value, &pub.offset);
		else if (dn_json_key_is(key, "info"))
			pub.info = value;
	}
	if (pub.has_offset && !s->manual)
		s->offset = pub.offset;
	if (s->events->publication != NULL)
		s->events->publication(s->arg, &pub);
}

static size_t count_items(struct dn_json array)
{
	struct dn_json value;
	struct dn_json_iter it;
	struct dn_str key;
	size_t n = 0;

	if (array.type != DN_JSON_ARRAY)
		return 0;
	dn_json_iter_init(&it, array);
	while (dn_json_next(&it, &key, &value))
		n++;
	return n;
}

/* The position that an automatic subscription goes on from. */
static void adopt(
    struct dn_client_sub *s, const struct dn_client_subscribed *info)
{
	if (s->manual)
		return;
	s->recover = info->positioned;
	set_epoch(s, info->epoch);
	if (!info->recovered)
		s->offset = info->offset;
}

static void took(struct dn_client_sub *s, struct dn_json result)
{
	struct dn_json pubs = dn_json_member(result, "publications");
	struct dn_client_subscribed info = {0};
	struct dn_client *c = s->client;
	struct dn_buf scratch = {0};
	struct dn_json value;
	struct dn_json_iter it;
	struct dn_str key;

	s->state = DN_SUB_ON;
	s->tries = 0;
	(void)dn_json_bool(
	    dn_json_member(result, "recovered"), &info.recovered);
	(void)dn_json_bool(
	    dn_json_member(result, "was_recovering"), &info.was_recovering);
	(void)dn_json_u64(dn_json_member(result, "offset"), &info.offset);
	info.epoch = DN_STR("");
	if (dn_json_string(
		dn_json_member(result, "epoch"), &info.epoch, &scratch) &&
	    info.epoch.n > 0)
		info.positioned = true;
	info.publications = count_items(pubs);
	adopt(s, &info);
	if (s->events->subscribed != NULL)
		s->events->subscribed(s->arg, &info);
	dn_buf_release(&scratch);
	if (pubs.type != DN_JSON_ARRAY)
		return;
	dn_json_iter_init(&it, pubs);
	while (!c->closing && s->state == DN_SUB_ON &&
	       dn_json_next(&it, &key, &value))
		hand_out(s, value, true);
}

static void on_subscribed(void *arg, const struct dn_client_reply *reply)
{
	struct dn_client_sub *s = arg;

	DN_CHECK(s, DN_SUB_MAGIC);
	DN_ASSERT(reply->code != DN_CLIENT_LOST); /* taken out before */
	if (reply->code == 0)
		took(s, reply->result);
	else if (reply->temporary)
		wait_and_retry(s);
	else
		refuse(s, reply->code, reply->message);
}

static void on_unsubscribe_push(struct dn_client_sub *s, struct dn_json object)
{
	struct dn_json reason = dn_json_member(object, "reason");
	struct dn_str text = {0};
	uint64_t code = 0;

	(void)dn_json_u64(dn_json_member(object, "code"), &code);
	if (s->state != DN_SUB_ON)
		return;
	if (code >= 2500) {
		if (code == 2502)
			s->recover = false;
		wait_and_retry(s);
		return;
	}
	if (reason.type == DN_JSON_STRING)
		text = (struct dn_str){reason.raw.p + 1, reason.raw.n - 2};
	refuse(s, (unsigned)code, text);
}

static void on_disconnect_push(struct dn_client *c, struct dn_json object)
{
	struct dn_json reason = dn_json_member(object, "reason");
	struct dn_str text = DN_STR("disconnected by the server");
	uint64_t code = 0;
	int exit_code;
	bool ended;

	(void)dn_json_u64(dn_json_member(object, "code"), &code);
	if (reason.type == DN_JSON_STRING && reason.raw.n > 2)
		text = (struct dn_str){reason.raw.p + 1, reason.raw.n - 2};
	ended = dn_client_code_terminal((unsigned)code, &exit_code);
	dn_client_down(c, ended, exit_code, (unsigned)code, text);
}

static void dispatch(
    struct dn_client_sub *s, struct dn_str kind, struct dn_json value)
{
	bool join;

	if (dn_json_key_is(kind, "pub")) {
		if (s->state == DN_SUB_ON)
			hand_out(s, value, false);
	} else if (dn_json_key_is(kind, "unsubscribe")) {
		on_unsubscribe_push(s, value);
	} else if (s->events->presence != NULL) {
		join = dn_json_key_is(kind, "join");
		if (join || dn_json_key_is(kind, "leave"))
			s->events->presence(
			    s->arg, join, dn_json_member(value, "info"));
	}
}

void dn_client_on_push(struct dn_client *c, struct dn_json push)
{
	struct dn_json value, what = {0};
	struct dn_str key, kind = {0}, channel = {0};
	struct dn_client_sub *s;
	struct dn_json_iter it;

	dn_json_iter_init(&it, push);
	while (dn_json_next(&it, &key, &value)) {
		if (dn_json_key_is(key, "channel")) {
			dn_buf_reset(&c->scratch, 65536);
			(void)dn_json_string(value, &channel, &c->scratch);
		} else if (value.type == DN_JSON_OBJECT) {
			kind = key;
			what = value;
		}
	}
	if (channel.n == 0) {
		if (dn_json_key_is(kind, "disconnect"))
			on_disconnect_push(c, what);
		return;
	}
	s = dn_map_get(&c->subs, channel);
	if (s != NULL && what.type == DN_JSON_OBJECT)
		dispatch(s, kind, what);
}

struct dn_client_sub *dn_client_subscribe(struct dn_client *c,
    const struct dn_client_sub_options *options,
    const struct dn_client_sub_events *events, void *arg)
{
	struct dn_client_sub *s = dn_xcalloc(1, sizeof(*s));
	const char *epoch = options->epoch != NULL ? options->epoch : "";

	DN_CHECK(c, DN_CLIENT_MAGIC);
	s->magic = DN_SUB_MAGIC;
	s->client = c;
	s->events = events;
	s->arg = arg;
	s->channel = dn_str_of(dn_xstrdup(options->channel));
	s->join_leave = options->join_leave;
	s->manual = options->manual;
	s->recover = options->recover;
	s->offset = options->offset;
	s->epoch = dn_xstrdup(epoch);
	dn_map_put(&c->subs, s->channel, s);
	if (c->state == DN_CLIENT_CONNECTED)
		ask(s);
	return s;
}

static void send_unsubscribe(struct dn_client_sub *s)
{
	struct dn_client *c = s->client;
	struct dn_buf *b = dn_link_begin(c->link, 64 + 6 * s->channel.n);
	uint32_t id = dn_client_next_id(c);

	dn_buf_printf(b, "{\"id\":%u,\"unsubscribe\":{\"channel\":", id);
	dn_buf_json_str(b, s->channel);
	dn_buf_lit(b, "}}");
	dn_link_end(c->link);
}

void dn_client_unsubscribe(struct dn_client_sub **slot)
{
	struct dn_client_sub *s = *slot;
	struct dn_client *c = s->client;
	struct dn_client_wait wait;

	*slot = NULL;
	DN_CHECK(s, DN_SUB_MAGIC);
	if (s->state == DN_SUB_ASKED &&
	    !dn_client_calls_take(&c->calls, s->asked_id, &wait))
		DN_ASSERT(!"an asked subscription waits");
	if (s->state == DN_SUB_ASKED || s->state == DN_SUB_ON)
		send_unsubscribe(s);
	if (dn_map_remove(&c->subs, s->channel) != s)
		DN_ASSERT(!"a subscription is in the client's map");
	s->state = DN_SUB_REFUSED;
	s->next = c->graveyard;
	c->graveyard = s;
	dn_client_subs_bury(c);
}
