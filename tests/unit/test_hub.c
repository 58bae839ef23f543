/* SPDX-License-Identifier: MIT */
/*
 * The hub without sockets and without a database: time, log and subscribers
 * are this file's.
 */
#include <stdlib.h>

#include "hub/hub.h"
#include "hub/idem.h"
#include "record/record.h"
#include "tap.h"

static int64_t now = 1700000000000000;
static struct dn_wheel wheel;
static struct dn_stats stats;
static struct dn_hub *hub;
static struct dn_conf *conf;
static const struct dn_conf_tenant *tenant;
static struct dn_buf answer;
static unsigned answer_code;
static int answers;
static struct dn_flight *followed;
static uint64_t fan_offset;
static int fans;
static bool log_full, loop_full;
static struct dn_logreq *logged, **logged_last = &logged;

static int64_t clock_us(void *arg)
{
	(void)arg;
	return now;
}

static void random_bytes(void *arg, void *p, size_t n)
{
	(void)arg;
	dn_random(p, n);
}

static bool fanout(void *arg, unsigned loop, const struct dn_fan *fan)
{
	(void)arg;
	(void)loop;
	if (fan->presence)
		return true;
	if (loop_full)
		return false;
	fans++;
	followed = fan->flight;
	fan_offset = fan->offset;
	return true;
}

static void answered(void *arg, struct dn_ask *ask)
{
	(void)arg;
	answers++;
	answer_code = ask->code;
	answer.n = 0;
	dn_buf_str(&answer, dn_buf_view(&ask->body));
	dn_buf_byte(&answer, '\0');
	dn_ask_free(&ask);
}

static int occupied;

static void occupancy(void *arg, const struct dn_ask *ask, bool is_occupied)
{
	(void)arg;
	(void)ask;
	occupied += is_occupied ? 1 : -1;
}

static bool reserve(void *arg, size_t n)
{
	(void)arg;
	return n > 0 && !log_full;
}

static void unreserve(void *arg, size_t n)
{
	(void)arg;
	(void)n;
}

static void log_push(void *arg, struct dn_logreq *req)
{
	(void)arg;
	req->next = NULL;
	*logged_last = req;
	logged_last = &req->next;
}

/* The log confirms everything that waits; gives the last operation. */
static int confirm(void)
{
	int op = -1;

	while (logged != NULL) {
		struct dn_logreq *req = logged;

		logged = req->next;
		if (logged == NULL)
			logged_last = &logged;
		op = (int)req->op;
		req->done(NULL, req);
	}
	return op;
}

static const struct dn_hub_io io = {clock_us, clock_us, random_bytes, fanout,
    answered, occupancy, reserve, unreserve, log_push};

static uint64_t version; /* of what is published */

static void publish(const char *line, enum dn_wait wait)
{
	struct dn_record r = {0};
	struct dn_err err;
	struct dn_buf key = {0};
	struct dn_ask *ask;

	dn_record_init(&r);
	DN_ASSERT(dn_record_parse(&r, dn_str_of(line), &err) == 0);
	dn_idem_key(&key, &r);
	ask = dn_ask_new(DN_ASK_PUBLISH, 0, conf, tenant,
	    dn_conf_ns(tenant, r.channel), r.channel, key.n);
	ask->publish.frame =
	    dn_push_begin(&r, (struct dn_str){0}, (struct dn_str){0});
	ask->publish.key = dn_ask_copy(ask, dn_buf_view(&key));
	ask->publish.wait = wait;
	ask->publish.version = version;
	ask->publish.version_epoch = DN_STR("v");
	dn_hub_ask(hub, ask);
	dn_buf_release(&key);
	dn_record_release(&r);
}

static void subscribe(const char *channel, bool recover, uint64_t offset)
{
	struct dn_str name = dn_str_of(channel);
	struct dn_ask *ask = dn_ask_new(DN_ASK_SUBSCRIBE, 0, conf, tenant,
	    dn_conf_ns(tenant, name), name, 0);

	ask->subscribe.who.client = DN_STR("c1");
	ask->subscribe.who.info = DN_STR("{\"user\":\"\",\"client\":\"c1\"}");
	ask->subscribe.present = ask->subscribe.told = true;
	ask->subscribe.force_recovery = true;
	ask->subscribe.recover = recover;
	ask->subscribe.offset = offset;
	ask->subscribe.gather.limit = 300;
	ask->subscribe.gather.bytes_max = 100000;
	dn_hub_ask(hub, ask);
}

static void unsubscribe(const char *channel)
{
	struct dn_str name = dn_str_of(channel);
	struct dn_ask *ask = dn_ask_new(DN_ASK_UNSUBSCRIBE, 0, conf, tenant,
	    dn_conf_ns(tenant, name), name, 0);

	ask->subscribe.present = ask->subscribe.told = true;
	ask->subscribe.who.client = DN_STR("c1");
	dn_hub_ask(hub, ask);
}

static void presence(const char *channel)
{
	struct dn_str name = dn_str_of(channel);

	dn_hub_ask(hub, dn_ask_new(DN_ASK_PRESENCE_STATS, 0, conf, tenant,
			    dn_conf_ns(tenant, name), name, 0));
}

static bool says(const char *text)
{
	return answer.p != NULL && strstr(answer.p, text) != NULL;
}

static void plain(void)
{
	publish("{\"channel\":\"a\",\"data\":1}", DN_WAIT_ACCEPTED);
	OK(says("\"offset\":1,") && says("\"matched\":0"), "the first offset");
	publish("{\"channel\":\"a\",\"data\":2}", DN_WAIT_ACCEPTED);
	OK(says("\"offset\":2,"), "and the next");
	confirm();
	subscribe("a", true, 1);
	OK(says("\"offset\":2") && !says("\"offset\":1}"),
	    "a subscriber recovers exactly what it missed");
	publish("{\"channel\":\"a\",\"data\":3}", DN_WAIT_LOGGED);
	IS_NUM(fan_offset, 3, "and then gets what comes");
	answers = 0;
	confirm();
	OK(answers == 1 && says("\"logged\":true"),
	    "wait logged is answered when the log confirmed");
}

static void repeated(void)
{
	const char *line = "{\"channel\":\"a\",\"data\":1,\"request_id\":"
			   "\"r\",\"seq\":0}";

	publish(line, DN_WAIT_ACCEPTED);
	OK(says("\"offset\":4") && !says("duplicate"), "a new identity");
	fans = 0;
	publish(line, DN_WAIT_ACCEPTED);
	OK(says("\"offset\":4") && says("\"duplicate\":true") && fans == 0,
	    "its repeat delivers nothing and tells the first position");
	confirm();
	now += 301000000;
	publish(line, DN_WAIT_ACCEPTED);
	OK(says("\"offset\":5") && !says("duplicate"),
	    "after the window it is new");
	confirm();
}

static void fallback(void)
{
	const struct dn_tally gone = {.queued = 1, .gone = 1};
	const struct dn_tally written = {.queued = 1, .written = 1};

	answers = 0;
	publish("{\"channel\":\"session:x\",\"data\":1}", DN_WAIT_ACCEPTED);
	IS_NUM(answers, 0, "nobody there: the answer waits for undelivered");
	IS_NUM(confirm(), DN_LOGREQ_UNDELIVERED, "which the log gets");
	OK(says("\"fallback\":\"undelivered\"") &&
		says("\"reason\":\"no_subscriber\""),
	    "and then it says so");
	subscribe("session:x", false, 0);
	publish("{\"channel\":\"session:x\",\"data\":2}", DN_WAIT_WRITTEN);
	dn_hub_report(hub, followed, &written, true);
	IS_NUM(confirm(), DN_LOGREQ_DELIVERED, "a written one is delivered");
	OK(says("\"written\":1") && !says("fallback"), "and counted");
	publish("{\"channel\":\"session:x\",\"data\":3}", DN_WAIT_WRITTEN);
	dn_hub_report(hub, followed, &gone, true);
	IS_NUM(confirm(), DN_LOGREQ_UNDELIVERED, "a lost one falls back");
	OK(says("\"reason\":\"disconnected\""), "with its reason");
	publish("{\"channel\":\"session:x\",\"data\":4}", DN_WAIT_ACCEPTED);
	confirm();
	now += 6000000;
	dn_wheel_run(&wheel, now);
	IS_NUM(confirm(), DN_LOGREQ_UNDELIVERED, "a stuck one at its deadline");
	dn_hub_report(hub, followed, &written, true);
	IS_NUM(confirm(), DN_LOGREQ_TAKEN, "and is noted when taken later");
	unsubscribe("session:x");
}

/* Subscribed, given up before the owner answered, and subscribed again: the
 * end of the first one comes last. */
static void rejoined(void)
{
	int before = occupied;

	subscribe("p", false, 0);
	subscribe("p", false, 0);
	unsubscribe("p");
	presence("p");
	IS_NUM(occupied - before, 1, "the channel is occupied once");
	OK(says("\"num_clients\":1,\"num_users\":1"),
	    "who came back meanwhile is present");
	unsubscribe("p");
	presence("p");
	OK(says("\"num_clients\":0,\"num_users\":0"), "until it leaves");
	IS_NUM(occupied - before, 0, "and vacated with the last one");
}

/* Versions of a document: an older one is not published. */
static void versions(void)
{
	version = 5;
	publish("{\"channel\":\"doc\",\"data\":5}", DN_WAIT_ACCEPTED);
	OK(says("\"offset\":1"), "a version is published");
	publish("{\"channel\":\"doc\",\"data\":5}", DN_WAIT_ACCEPTED);
	OK(says("\"suppressed\":true") && says("\"offset\":1"),
	    "the same one is not, and the position told");
	version = 4;
	publish("{\"channel\":\"doc\",\"data\":4}", DN_WAIT_ACCEPTED);
	OK(says("\"suppressed\":true"), "nor an older one");
	version = 6;
	publish("{\"channel\":\"doc\",\"data\":6}", DN_WAIT_ACCEPTED);
	OK(says("\"offset\":2") && !says("suppressed"), "a newer one is");
	version = 0;
	publish("{\"channel\":\"doc\",\"data\":0}", DN_WAIT_ACCEPTED);
	OK(says("\"offset\":3"), "and one without a version");
	confirm();
}

static void load_record(const char *epoch, uint64_t offset)
{
	struct dn_str name = DN_STR("l");
	const struct dn_log_row row = {.tenant = dn_str_of(tenant->name),
	    .channel = name,
	    .epoch = dn_str_of(epoch),
	    .offset = offset,
	    .ts_us = now,
	    .value = DN_STR("{\"channel\":\"l\",\"data\":1}")};

	dn_hub_load_record(hub, tenant, dn_conf_ns(tenant, name), &row);
}

static void history(const char *channel)
{
	struct dn_str name = dn_str_of(channel);
	struct dn_ask *ask = dn_ask_new(
	    DN_ASK_HISTORY, 0, conf, tenant, dn_conf_ns(tenant, name), name, 0);

	dn_hub_ask(hub, ask);
}

/* A clean stop in epoch A, a crash, more records under B. */
static void reloaded(void)
{
	struct dn_log_position pos = {
	    dn_str_of(tenant->name), DN_STR("l"), DN_STR("epochA"), 2, 0};

	load_record("epochA", 1);
	load_record("epochA", 2);
	load_record("epochB", 3);
	dn_hub_load_position(
	    hub, tenant, dn_conf_ns(tenant, pos.channel), &pos);
	history("l");
	OK(says("\"epoch\":\"epochB\",\"offset\":3"),
	    "an older position does not bring back its epoch");
	pos.epoch = DN_STR("epochC");
	pos.offset = 3;
	dn_hub_load_position(
	    hub, tenant, dn_conf_ns(tenant, pos.channel), &pos);
	history("l");
	OK(says("\"epoch\":\"epochC\",\"offset\":3"),
	    "a newer one, after a crash and nothing more, does");
}

/* The epoch that the last answer tells. */
static void epoch_of(const char *channel, char out[9])
{
	const char *at;

	history(channel);
	at = strstr(answer.p, "\"epoch\":\"");
	DN_ASSERT(at != NULL);
	memcpy(out, at + 9, 8);
	out[8] = '\0';
}

/* Channels that nobody published to, more than are kept. */
static void unused(void)
{
	char name[16], first[9], second[9], again[9];
	const uint64_t before = stats.channels;
	int i;

	epoch_of("u0", first);
	for (i = 0; i < 10050; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		subscribe(name, false, 0);
		unsubscribe(name);
	}
	OK(stats.channels > before + 9990 && stats.channels <= before + 10000,
	    "so many are kept");
	subscribe("u0", false, 0);
	epoch_of("u0", second);
	IS_STR(second, first, "one that comes back has its epoch");
	publish("{\"channel\":\"u0\",\"data\":1}", DN_WAIT_ACCEPTED);
	confirm();
	unsubscribe("u0");
	epoch_of("u0", second);
	IS_STR(second, first, "also with publications");
	now += 25 * INT64_C(3600000000);
	for (i = 0; i < 10; i++)
		dn_hub_tick(hub, conf);
	OK(stats.channels < before + 10, "in the end all are forgotten");
	epoch_of("u0", again);
	OK(strcmp(again, first) != 0,
	    "and what had offsets begins another epoch");
}

static void without_room(void)
{
	const uint64_t refused = stats.refused, lost = stats.fanout_lost;

	log_full = true;
	publish("{\"channel\":\"full\",\"data\":1}", DN_WAIT_ACCEPTED);
	IS_NUM(answer_code, 100, "no room in the log: refused");
	IS_NUM(stats.refused - refused, 1, "and counted");
	log_full = false;
	publish("{\"channel\":\"full\",\"data\":1}", DN_WAIT_ACCEPTED);
	OK(answer_code == 0 && says("\"offset\":1,"),
	    "before it had an offset");
	confirm();

	subscribe("session:full", false, 0);
	loop_full = true;
	publish("{\"channel\":\"session:full\",\"data\":1}", DN_WAIT_WRITTEN);
	loop_full = false;
	IS_NUM(confirm(), DN_LOGREQ_UNDELIVERED,
	    "a loop without room took nothing: it falls back");
	OK(says("\"written\":0") && says("\"fallback\":\"undelivered\""),
	    "and the publisher hears so");
	IS_NUM(stats.fanout_lost - lost, 1, "the fan-out is counted as lost");
	unsubscribe("session:full");
}

int main(void)
{
	struct dn_err err;

	conf = dn_conf_dev();
	DN_ASSERT(dn_conf_override(
		      conf, NULL, 0, "sqlite:/nonexistent.db", &err) == 0);
	tenant = dn_conf_tenant(conf, DN_STR("dev"));
	dn_wheel_init(&wheel, now);
	hub = dn_hub_new(0, 1, &wheel, &stats, &io, NULL);
	plain();
	repeated();
	fallback();
	without_room();
	rejoined();
	versions();
	reloaded();
	unused();
	IS_NUM(dn_hub_flights(hub), 0, "no flight is left");
	unsubscribe("a");
	dn_hub_free(&hub);
	dn_conf_unref(&conf);
	dn_buf_release(&answer);
	return tap_done();
}
