/* SPDX-License-Identifier: MIT */
/*
 * The methods that ask about channels and about the server itself.
 */
#include "api/api_impl.h"
#include "hub/stats.h"
#include "serve/server.h"

/* --- history ------------------------------------------------------------ */

static const char *read_gather(
    const struct dn_call *call, struct dn_json params, struct dn_gather *gather)
{
	struct dn_json value = dn_json_member(params, "limit");
	uint64_t max = call->server ? UINT64_MAX / 2
				    : call->conf->history_max_publication_limit;
	int64_t limit = 0;

	if (value.type != DN_JSON_NONE && !dn_json_i64(value, &limit))
		return "limit: an integer is needed";
	gather->limit =
	    limit < 0 || (uint64_t)limit > max ? max : (uint64_t)limit;
	gather->bytes_max = DN_API_PAGE_BYTES;
	value = dn_json_member(params, "reverse");
	if (value.type != DN_JSON_NONE &&
	    !dn_json_bool(value, &gather->reverse))
		return "reverse: true or false";
	return NULL;
}

static void ask_history(struct dn_call *call, struct dn_json params,
    const struct dn_api_target *target)
{
	struct dn_api_position since = {0};
	struct dn_gather gather = {0};
	struct dn_buf text = {0};
	const char *wrong = read_gather(call, params, &gather);
	struct dn_ask *ask;

	if (!dn_api_read_position(
		dn_json_member(params, "since"), &since, &text))
		wrong = "since: an object of offset and epoch is needed";
	if (wrong == NULL && gather.reverse && since.has && since.offset == 0)
		wrong = "since.offset: nothing is before 0";
	if (wrong != NULL) {
		dn_api_bad(call, wrong);
		dn_buf_release(&text);
		return;
	}
	gather.takes = !call->server && target->ns->fallback;
	ask = dn_api_ask(
	    call, DN_ASK_HISTORY, target->ns, target->channel, since.epoch.n);
	ask->history.has_since = since.has;
	ask->history.since = since.offset;
	ask->history.epoch = dn_ask_copy(ask, since.epoch);
	ask->history.gather = gather;
	dn_buf_release(&text);
	dn_loop_ask(call->loop, ask);
}

void dn_api_history(struct dn_call *call, struct dn_json params)
{
	struct dn_api_target target;

	if (!dn_api_target(call, params, &target))
		return;
	if (dn_api_may(call, DN_PERMIT_HISTORY, target.ns, target.channel))
		ask_history(call, params, &target);
	dn_api_target_end(&target);
}

/* --- asks that carry nothing but their channel -------------------------- */

static void ask_plain(
    struct dn_call *call, struct dn_json params, enum dn_ask_op op)
{
	struct dn_api_target target;
	bool presence = op == DN_ASK_PRESENCE || op == DN_ASK_PRESENCE_STATS;

	if (!dn_api_target(call, params, &target))
		return;
	if (!presence ||
	    dn_api_may(call, DN_PERMIT_PRESENCE, target.ns, target.channel))
		dn_loop_ask(call->loop,
		    dn_api_ask(call, op, target.ns, target.channel, 0));
	dn_api_target_end(&target);
}

void dn_api_history_remove(struct dn_call *call, struct dn_json params)
{
	ask_plain(call, params, DN_ASK_HISTORY_REMOVE);
}

void dn_api_presence(struct dn_call *call, struct dn_json params)
{
	ask_plain(call, params, DN_ASK_PRESENCE);
}

void dn_api_presence_stats(struct dn_call *call, struct dn_json params)
{
	ask_plain(call, params, DN_ASK_PRESENCE_STATS);
}

/* --- channels ----------------------------------------------------------- */

/* One owner's part of the list; the last one answers. */
static void on_channels(struct dn_loop *loop, struct dn_ask *ask)
{
	struct dn_call *call = ask->ctx;
	struct dn_buf *out = &call->result;

	(void)loop;
	if (ask->code != 0) {
		dn_call_fail(call, ask->code, ask->message);
	} else if (ask->body.n > 0) {
		if (out->p[out->n - 1] != '{')
			dn_buf_byte(out, ',');
		dn_buf_str(out, dn_buf_view(&ask->body));
	}
	dn_ask_free(&ask);
	if (--call->parts_open > 0)
		return;
	dn_buf_byte(out, '}');
	dn_call_answer(call);
}

void dn_api_channels(struct dn_call *call, struct dn_json params)
{
	struct dn_json value = dn_json_member(params, "pattern");
	const struct dn_conf_tenant *tenant = call->tenant;
	const struct dn_conf_ns *ns =
	    tenant->namespaces_n > 0 ? &tenant->namespaces[0] : NULL;
	struct dn_loop *loop = call->loop;
	unsigned i, loops = dn_server_loops(loop->server);
	struct dn_str pattern = {0};
	struct dn_buf text = {0};
	struct dn_ask *ask;

	if (value.type != DN_JSON_NONE &&
	    !dn_json_string(value, &pattern, &text)) {
		dn_api_bad(call, "pattern: a string is needed");
		dn_buf_release(&text);
		return;
	}
	if (pattern.n == 0)
		pattern = DN_STR("*");
	dn_buf_lit(&call->result, "\"channels\":{");
	call->parts_open = loops;
	/* The call is gone once the last ask was answered. */
	for (i = 0; i < loops; i++) {
		ask = dn_api_ask(call, DN_ASK_CHANNELS, ns, pattern, 0);
		ask->done = on_channels;
		dn_loop_ask_at(loop, i, ask);
	}
	dn_buf_release(&text);
}

/* --- the server --------------------------------------------------------- */

/* What the loops count, since the start. */
static void write_metrics(struct dn_server *server, struct dn_buf *out)
{
	unsigned i, loops = dn_server_loops(server);
	uint64_t sum;
	char before = '{';

	dn_buf_printf(out, ",\"metrics\":{\"interval\":%lld,\"items\":",
	    (long long)dn_server_uptime_s(server));
#define X(field, name, type, help) \
	for (sum = 0, i = 0; i < loops; i++) \
		sum += dn_stat_get(&dn_server_loop(server, i)->stats.field); \
	dn_buf_byte(out, before); \
	dn_buf_json_str(out, DN_STR(name)); \
	dn_buf_byte(out, ':'); \
	dn_buf_u64(out, sum); \
	before = ',';
	DN_STATS(X)
#undef X
	dn_buf_lit(out, "}}");
}

/* Of all tenants, like the other numbers of a node. */
static size_t count_users(const struct dn_conf *conf)
{
	size_t i, n = 0;

	for (i = 0; i < conf->tenants_n; i++)
		n += dn_usage_users(conf->tenants[i].usage);
	return n;
}

void dn_api_info(struct dn_call *call, struct dn_json params)
{
	struct dn_server *server = call->loop->server;
	struct dn_buf *out = &call->result;
	uint64_t clients = 0, subs = 0, channels = 0;
	unsigned i;

	(void)params;
	for (i = 0; i < dn_server_loops(server); i++) {
		const struct dn_stats *stats =
		    &dn_server_loop(server, i)->stats;

		clients += dn_stat_get(&stats->connections);
		subs += dn_stat_get(&stats->subscriptions);
		channels += dn_stat_get(&stats->channels);
	}
	dn_buf_lit(out, "\"nodes\":[{\"uid\":");
	dn_buf_json_str(out, dn_str_of(dn_server_node(server)));
	dn_buf_lit(out, ",\"name\":");
	dn_buf_json_str(out, dn_str_of(dn_server_node(server)));
	dn_buf_printf(out,
	    ",\"version\":\"%s\",\"num_clients\":%llu,\"num_users\":%zu"
	    ",\"num_subs\":%llu,\"num_channels\":%llu,\"uptime\":%lld",
	    DN_VERSION, (unsigned long long)clients, count_users(call->conf),
	    (unsigned long long)subs, (unsigned long long)channels,
	    (long long)dn_server_uptime_s(server));
	write_metrics(server, out);
	dn_buf_lit(out, "}]");
	dn_call_answer(call);
}

void dn_api_ready(struct dn_call *call, struct dn_json params)
{
	bool degraded = false;
	bool ready = dn_server_ready(call->loop->server, &degraded);

	(void)params;
	dn_buf_printf(&call->result,
	    "\"ready\":%s,\"degraded\":%s,\"now_us\":%lld",
	    ready ? "true" : "false", degraded ? "true" : "false",
	    (long long)dn_wall_us());
	dn_call_answer(call);
}
