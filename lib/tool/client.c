/* SPDX-License-Identifier: MIT */
/*
 * How it works: a try makes a link; when that is open, `connect` goes out;
 * its reply makes the client CONNECTED and sends all subscriptions. From then
 * on one timer looks whether the server was heard of; it is set again only
 * when it fires, never per message.
 *
 * How it fails: everything that ends a connection comes to dn_client_down.
 * Calls without a reply get DN_CLIENT_LOST, then the owner gets the new
 * state: CONNECTING with the time of the next try, or ENDED. A refusal of the
 * handshake is final except for 408, 429 and 5xx, which a server or proxy
 * gives while it is starting or busy.
 */
#include "tool/client_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "base/exit.h"
#include "tool/backoff.h"

enum {
	BACKOFF_MIN_US = 500000,
	BACKOFF_MAX_US = 20000000,
	CONNECT_TIMEOUT_US = 5000000,
	PING_GRACE_MS = 10000,
	HEAD_MAX = 256, /* of a command, without what the caller gives */
};

int dn_client_check_url(const char *url, struct dn_err *err)
{
	struct dn_client_url parsed;
	int rc = dn_client_url_parse(&parsed, url, err);

	if (rc == 0)
		dn_client_url_release(&parsed);
	return rc;
}

static void client_free(struct dn_client *c)
{
	dn_client_url_release(&c->url);
	dn_client_subs_release(c);
	dn_client_calls_release(&c->calls);
	dn_buf_release(&c->scratch);
	if (c->token != NULL)
		explicit_bzero(c->token, strlen(c->token));
	if (c->headers != NULL)
		explicit_bzero(c->headers, strlen(c->headers));
	free(c->name);
	free(c->token);
	free(c->headers);
	free(c->tenant);
	c->magic = 0;
	free(c);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct dn_client *c = handle->data;

	DN_CHECK(c, DN_CLIENT_MAGIC);
	if (--c->handles == 0)
		client_free(c);
}

static void on_timer(uv_timer_t *timer);

static void timer_start(struct dn_client *c, uint64_t ms)
{
	int rc = uv_timer_start(&c->timer, on_timer, ms, 0);

	DN_ASSERT(rc == 0);
}

static void on_open(void *arg)
{
	struct dn_client *c = arg;
	struct dn_str token = dn_str_of(c->token);
	struct dn_buf *b = dn_link_begin(c->link, HEAD_MAX + token.n * 6);

	dn_buf_printf(
	    b, "{\"id\":%u,\"connect\":{\"name\":", dn_client_next_id(c));
	dn_buf_json_str(b, dn_str_of(c->name));
	dn_buf_lit(b, ",\"version\":\"" DN_VERSION "\"");
	if (c->token != NULL) {
		dn_buf_lit(b, ",\"token\":");
		dn_buf_json_str(b, token);
	}
	dn_buf_lit(b, "}}");
	dn_link_end(c->link);
	c->connect_sent = true;
}

static void on_message(void *arg, struct dn_str text)
{
	dn_client_receive(arg, text);
}

static void on_written(void *arg)
{
	struct dn_client *c = arg;

	if (!c->want_drained || dn_link_queued(c->link) > c->opt.queue_max / 2)
		return;
	c->want_drained = false;
	if (c->events->drained != NULL)
		c->events->drained(c->arg);
}

/* Whether trying again is of use when the handshake was answered so. */
static bool status_terminal(unsigned status, int *exit_code)
{
	*exit_code =
	    status == 401 || status == 403 ? DN_EXIT_REFUSED : DN_EXIT_PROTOCOL;
	if (status < 500 && status != 408 && status != 429)
		return true;
	*exit_code = DN_EXIT_UNAVAILABLE;
	return false;
}

bool dn_client_code_terminal(unsigned code, int *exit_code)
{
	switch (code) {
	case 3501: /* bad request */
	case 3502: /* stale */
	case 3506: /* inappropriate protocol */
	case 3508: /* not available */
	case 3509: /* too many errors */
	case 1009: /* message too big */
		*exit_code = DN_EXIT_PROTOCOL;
		return true;
	default:
		*exit_code = DN_EXIT_REFUSED;
		if ((code >= 3500 && code < 4000) ||
		    (code >= 4500 && code < 5000))
			return true;
		*exit_code = DN_EXIT_AGAIN;
		return false;
	}
}

static void on_closed(
    void *arg, enum dn_link_end end, unsigned code, struct dn_str reason)
{
	struct dn_client *c = arg;
	int exit_code = DN_EXIT_AGAIN;
	bool ended = false;
	char text[256];

	c->link = NULL; /* it ended by itself */
	(void)snprintf(text, sizeof(text), "%.*s", DN_FMT(reason));
	switch (end) {
	case DN_LINK_UNREACHABLE:
		exit_code = DN_EXIT_UNAVAILABLE;
		break;
	case DN_LINK_REFUSED:
		ended = status_terminal(code, &exit_code);
		(void)snprintf(text, sizeof(text), "%s (HTTP status %u)",
		    code == 401   ? "the key was refused"
		    : code == 403 ? "the request was refused"
		    : code == 0   ? "the answer was no HTTP"
				  : "the handshake was refused",
		    code);
		break;
	case DN_LINK_CLOSED:
		ended = dn_client_code_terminal(code, &exit_code);
		(void)snprintf(text, sizeof(text),
		    "closed by the server: %u %.*s", code, DN_FMT(reason));
		break;
	case DN_LINK_LOST:
		break;
	case DN_LINK_BAD:
		ended = true;
		exit_code = DN_EXIT_PROTOCOL;
		break;
	}
	dn_client_down(c, ended, exit_code, code, dn_str_of(text));
}

static const struct dn_link_events link_events = {
    .open = on_open,
    .message = on_message,
    .written = on_written,
    .closed = on_closed,
};

static void try_connect(struct dn_client *c)
{
	c->connect_sent = false;
	c->link = dn_link_open(c->net, &c->url, c->headers, &link_events, c);
	timer_start(c, (uint64_t)c->opt.connect_timeout_us / 1000);
}

/* Fires for what the state waits for. */
static void on_timer(uv_timer_t *timer)
{
	struct dn_client *c = timer->data;
	uint64_t silent;

	DN_CHECK(c, DN_CLIENT_MAGIC);
	if (c->link == NULL) {
		try_connect(c);
		return;
	}
	if (c->state == DN_CLIENT_CONNECTING) {
		dn_client_down(c, false, DN_EXIT_UNAVAILABLE, 0,
		    c->connect_sent ? DN_STR("no answer to connect in time")
				    : DN_STR("no connection in time"));
		return;
	}
	silent = uv_now(c->net->loop) - dn_link_heard_ms(c->link);
	if (c->paused)
		timer_start(c, c->silence_ms);
	else if (silent < c->silence_ms)
		timer_start(c, c->silence_ms - silent);
	else
		dn_client_down(c, false, DN_EXIT_AGAIN, 0,
		    DN_STR("nothing was heard of the server"));
}

static void lose_calls(struct dn_client *c)
{
	const struct dn_client_reply lost = {.code = DN_CLIENT_LOST};
	struct dn_client_wait *all;
	size_t i, n;

	all = dn_client_calls_take_all(&c->calls, &n);
	for (i = 0; i < n && !c->closing; i++)
		if (all[i].fn != NULL)
			all[i].fn(all[i].arg, &lost);
	free(all);
}

static void tell_state(struct dn_client *c, struct dn_client_why *why)
{
	why->state = c->state;
	why->tries = c->tries;
	if (c->events->state != NULL)
		c->events->state(c->arg, why);
}

void dn_client_down(struct dn_client *c, bool ended, int exit_code,
    unsigned code, struct dn_str reason)
{
	struct dn_client_why why = {.exit_code = exit_code, .code = code};
	char text[DN_ERR_TEXT_MAX];

	if (c->link != NULL)
		dn_link_close(&c->link, 0, NULL);
	c->state = ended ? DN_CLIENT_ENDED : DN_CLIENT_CONNECTING;
	(void)uv_timer_stop(&c->timer);
	(void)uv_timer_stop(&c->sub_timer);
	c->depth++;
	dn_client_subs_lost(c);
	lose_calls(c);
	if (!c->closing)
		dn_client_clock_end(c, false);
	c->depth--;
	if (c->closing)
		return;
	if (!ended) {
		why.retry_us = dn_backoff_us(c->tries, c->opt.backoff_min_us,
		    c->opt.backoff_max_us, dn_random_below);
		timer_start(c, (uint64_t)why.retry_us / 1000);
		c->tries++;
	}
	(void)snprintf(
	    text, sizeof(text), "%s: %.*s", c->url.text, DN_FMT(reason));
	why.reason = text;
	tell_state(c, &why);
}

static void read_hello(struct dn_client *c, struct dn_json result)
{
	struct dn_json data = dn_json_member(result, "data");
	struct dn_str tenant;
	uint64_t ping = 0;

	free(c->tenant);
	c->tenant = NULL;
	c->dev = false;
	c->pong = false;
	(void)dn_json_u64(dn_json_member(result, "ping"), &ping);
	(void)dn_json_bool(dn_json_member(result, "pong"), &c->pong);
	c->silence_ms =
	    ping > 0 && ping < 86400 ? ping * 1000 + PING_GRACE_MS : 0;
	if (data.type != DN_JSON_OBJECT)
		return;
	(void)dn_json_bool(dn_json_member(data, "dev"), &c->dev);
	if (dn_json_string(
		dn_json_member(data, "tenant"), &tenant, &c->scratch))
		c->tenant = dn_xstrndup(tenant.p, tenant.n);
	dn_buf_reset(&c->scratch, 65536);
}

void dn_client_connected(struct dn_client *c, struct dn_json result)
{
	struct dn_client_why why = {.reason = c->url.text};

	read_hello(c, result);
	c->state = DN_CLIENT_CONNECTED;
	c->tries = 0;
	c->ever_connected = true;
	(void)uv_timer_stop(&c->timer);
	if (c->silence_ms > 0)
		timer_start(c, c->silence_ms);
	if (c->paused)
		dn_link_pause(c->link);
	dn_client_subs_send(c);
	tell_state(c, &why);
}

static int check_options(const struct dn_client_options *o, struct dn_err *err)
{
	struct dn_str secret = dn_str_of(o->key != NULL ? o->key : o->token);

	if (!dn_ws_client_value_valid(secret) || !dn_utf8_valid(secret))
		return dn_err_set(err, -EINVAL,
		    "the key or token has bytes that no header may hold");
	return 0;
}

static void default_options(struct dn_client_options *o)
{
	if (o->queue_max == 0)
		o->queue_max = DN_CLIENT_QUEUE_MAX;
	if (o->backoff_min_us == 0)
		o->backoff_min_us = BACKOFF_MIN_US;
	if (o->backoff_max_us == 0)
		o->backoff_max_us = BACKOFF_MAX_US;
	if (o->connect_timeout_us == 0)
		o->connect_timeout_us = CONNECT_TIMEOUT_US;
}

static void timer_init(struct dn_client *c, uv_timer_t *timer)
{
	int rc = uv_timer_init(c->net->loop, timer);

	DN_ASSERT(rc == 0);
	timer->data = c;
	c->handles++;
}

int dn_client_open(struct dn_client **out, struct dn_client_net *net,
    const struct dn_client_options *options,
    const struct dn_client_events *events, void *arg, struct dn_err *err)
{
	struct dn_client_url url;
	struct dn_client *c;
	int rc;

	rc = check_options(options, err);
	if (rc == 0)
		rc = dn_client_url_parse(&url, options->url, err);
	if (rc < 0)
		return rc;
	c = dn_xcalloc(1, sizeof(*c));
	c->magic = DN_CLIENT_MAGIC;
	c->net = net;
	c->events = events;
	c->arg = arg;
	c->opt = *options;
	c->opt.url = c->opt.key = c->opt.token = c->opt.name = NULL;
	default_options(&c->opt);
	c->url = url;
	c->name = dn_xstrdup(options->name != NULL ? options->name : "dnot");
	c->keyed = options->token == NULL;
	if (options->token != NULL) {
		c->token = dn_xstrdup(options->token);
	} else if (options->key != NULL) {
		struct dn_buf b = {0};

		dn_buf_printf(&b, "X-API-Key: %s\r\n", options->key);
		c->headers = dn_xstrndup(b.p, b.n);
		explicit_bzero(b.p, b.n);
		dn_buf_release(&b);
	}
	timer_init(c, &c->timer);
	timer_init(c, &c->sub_timer);
	try_connect(c);
	*out = c;
	return 0;
}

void dn_client_close(struct dn_client **slot)
{
	struct dn_client *c = *slot;

	*slot = NULL;
	DN_CHECK(c, DN_CLIENT_MAGIC);
	DN_ASSERT(!c->closing);
	c->closing = true;
	if (c->link != NULL)
		dn_link_close(&c->link, 1000, "done");
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
	uv_close((uv_handle_t *)&c->sub_timer, on_timer_closed);
}

enum dn_client_state dn_client_state(const struct dn_client *c)
{
	return c->state;
}

const char *dn_client_tenant(const struct dn_client *c)
{
	return c->tenant;
}

bool dn_client_dev(const struct dn_client *c)
{
	return c->dev;
}

size_t dn_client_queued(const struct dn_client *c)
{
	return c->link != NULL ? dn_link_queued(c->link) : 0;
}

uint32_t dn_client_next_id(struct dn_client *c)
{
	if (++c->last_id == 0)
		++c->last_id; /* 0 is no id */
	return c->last_id;
}

int dn_client_call(struct dn_client *c, const char *method,
    struct dn_str params, dn_client_reply_fn *fn, void *arg)
{
	size_t need = params.n + strlen(method) + 64;
	struct dn_buf *b;
	uint32_t id;

	DN_CHECK(c, DN_CLIENT_MAGIC);
	if (c->state != DN_CLIENT_CONNECTED)
		return -ENOTCONN;
	if (need > DN_CLIENT_MESSAGE_MAX)
		return -EMSGSIZE;
	if (dn_link_queued(c->link) + need > c->opt.queue_max) {
		c->want_drained = true;
		return -EAGAIN;
	}
	id = dn_client_next_id(c);
	b = dn_link_begin(c->link, need);
	dn_buf_lit(b, "{\"id\":");
	dn_buf_u64(b, id);
	dn_buf_lit(b, c->keyed ? ",\"rpc\":{\"method\":\"" : ",\"");
	dn_buf_lit(b, method);
	dn_buf_lit(b, c->keyed ? "\",\"data\":" : "\":");
	dn_buf_add(b, params.p, params.n);
	dn_buf_lit(b, c->keyed ? "}}" : "}");
	dn_link_end(c->link);
	dn_client_calls_put(&c->calls, id, fn, arg);
	return 0;
}

void dn_client_pause(struct dn_client *c)
{
	c->paused = true;
	if (c->state == DN_CLIENT_CONNECTED)
		dn_link_pause(c->link);
}

void dn_client_resume(struct dn_client *c)
{
	c->paused = false;
	if (c->state == DN_CLIENT_CONNECTED)
		dn_link_resume(c->link);
}
