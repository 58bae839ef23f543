/* SPDX-License-Identifier: MIT */
/* ws_offer: which offers of permessage-deflate are taken, and how. */
#include "wire/ws_offer.h"

#include "tap.h"

#define PLAIN \
	"permessage-deflate; server_no_context_takeover; " \
	"client_no_context_takeover"
#define WINDOW PLAIN "; server_max_window_bits=12"
#define D "permessage-deflate"

static void check(const char *offers, const char *want)
{
	const char *answer = "?";
	bool good = dn_ws_offer_answer(dn_str_of(offers), &answer);

	OK(good, offers);
	IS_STR(answer != NULL ? answer : "nothing",
	    want != NULL ? want : "nothing", offers);
}

static void broken(const char *offers)
{
	const char *answer;

	OK(!dn_ws_offer_answer(dn_str_of(offers), &answer), offers);
}

/* What browsers and libraries send. */
static void test_known_clients(void)
{
	check(D "; client_max_window_bits", PLAIN);
	check(D, PLAIN);
	check(
	    D "; server_max_window_bits=12; client_max_window_bits=12", WINDOW);
	check(D "; server_no_context_takeover; client_no_context_takeover",
	    PLAIN);
	check("x-webkit-deflate-frame, " D, PLAIN);
}

static void test_parameters(void)
{
	check(D "; server_max_window_bits=15", WINDOW);
	check(D "; server_max_window_bits=12", WINDOW);
	check(D "; server_max_window_bits=11", NULL);
	check(D "; server_max_window_bits=8", NULL);
	check(D "; server_max_window_bits=7", NULL);
	check(D "; server_max_window_bits=16", NULL);
	check(D "; server_max_window_bits=015", NULL);
	check(D "; server_max_window_bits=0", NULL);
	check(D "; server_max_window_bits=1a", NULL);
	check(D "; server_max_window_bits=150", NULL);
	check(D "; server_max_window_bits=4294967308", NULL);
	check(D "; server_max_window_bits", NULL);
	check(D "; client_max_window_bits=8", PLAIN);
	check(D "; client_max_window_bits=15", PLAIN);
	check(D "; client_max_window_bits=7", NULL);
	check(D "; client_max_window_bits=16", NULL);
	check(D "; client_max_window_bits=x", NULL);
	check(D "; server_no_context_takeover=1", NULL);
	check(D "; client_no_context_takeover=true", NULL);
	check(D "; unknown", NULL);
	check(D "; unknown=1", NULL);
	check("permessage-bzip2", NULL);
	check("permessage-deflate2", NULL);
}

static void test_repeated(void)
{
	check(
	    D "; server_no_context_takeover; server_no_context_takeover", NULL);
	check(
	    D "; client_no_context_takeover; client_no_context_takeover", NULL);
	check(D "; client_max_window_bits; client_max_window_bits=15", NULL);
	check(D "; server_max_window_bits=15; server_max_window_bits=15", NULL);
}

static void test_lists(void)
{
	check("", NULL);
	check(" , ,", NULL);
	check(D "; unknown, " D, PLAIN);
	check(D "; server_max_window_bits=10, " D
		"; server_max_window_bits=13, " D,
	    WINDOW);
	check(",\t" D " ;client_max_window_bits , other; a=b", PLAIN);
	check("other; " D ", more", NULL);
	check(D "; other, other; server_max_window_bits=15", NULL);
}

static void test_quotes(void)
{
	check(D "; server_max_window_bits=\"13\"", WINDOW);
	check(D "; server_max_window_bits=\"1\\3\"", WINDOW);
	check("other; a=\"b\", " D, PLAIN);
	check(D "; server_max_window_bits = \"13\"", WINDOW);
	broken("other; a=\"b\\\"\"");
	broken("other; a=\"b,c\", " D);
	broken("other; a=\"b;c\"");
	broken("other; a=\"\"");
	broken("other; a=\"b\"c");
	broken("other; a=\"b");
	broken("other; a=\"");
	broken("other; a=b\"");
	broken("other; a=\"b\\");
	broken("other; a=\"\\\"");
	broken("\"" D "\"");
}

static void test_grammar(void)
{
	broken(D ";");
	broken(D "; ;client_max_window_bits");
	broken("; " D);
	broken(D "=1");
	broken(D " client_max_window_bits");
	broken(D "; server_max_window_bits=");
	broken(D "; =15");
	broken(D "; a=b=c");
	broken(D "; a b");
	broken(D ", (");
	broken("=");
	broken("\xc3\xbc");
}

int main(void)
{
	test_known_clients();
	test_parameters();
	test_repeated();
	test_lists();
	test_quotes();
	test_grammar();
	return tap_done();
}
