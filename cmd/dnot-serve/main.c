/* SPDX-License-Identifier: MIT */
/*
 * dnot-serve: the server: flags and configuration; server.h does the rest.
 *
 * How it fails: every error of the configuration is one line on stderr, exit
 * 78; wrong flags are 64.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "base/diag.h"
#include "base/exit.h"
#include "base/json.h"
#include "conf/conf.h"
#include "serve/server.h"
#include "tool/opt.h"

enum { THREADS_MAX = 64, FD_MAX = 1 << 20 };

struct serve {
	const char *config;
	struct dn_opt_list listen;
	bool dev;
	const char *log;
	uint64_t threads;
	bool check_config, print_config;
	uint64_t ready_fd; /* FD_MAX + 1: none */
	const char *issue_token, *tenant;
	unsigned verbose, quiet;
};

#define AT(member) offsetof(struct serve, member)

static const struct dn_opt opts[] = {
    {0, "config", "FILE", DN_OPT_FILE, AT(config),
	"Read the configuration, one JSON object", NULL, NULL, 0, 0},
    {0, "dev", NULL, DN_OPT_FLAG, AT(dev),
	"Run without a configuration: one open tenant, on loopback", NULL, NULL,
	0, 0},
    {0, "listen", "ADDRESS", DN_OPT_LIST, AT(listen),
	"Listen on HOST:PORT, [V6]:PORT or unix:PATH",
	"repeatable; default 127.0.0.1:8000", NULL, 0, 0},
    {0, "log", "URL", DN_OPT_TEXT, AT(log),
	"The durable log: sqlite:PATH, sqlite: or none",
	"env DNOT_LOG; default sqlite: with --dev, else none", NULL, 0, 0},
    {0, "threads", "N", DN_OPT_U64, AT(threads), "Run N event loops",
	"default one a processor", NULL, 1, THREADS_MAX},
    {0, "check-config", NULL, DN_OPT_FLAG, AT(check_config),
	"Say everything that is wrong with the configuration, and exit", NULL,
	NULL, 0, 0},
    {0, "print-config", NULL, DN_OPT_FLAG, AT(print_config),
	"Print the effective configuration and exit", NULL, NULL, 0, 0},
    {0, "ready-fd", "N", DN_OPT_U64, AT(ready_fd),
	"Once ready, write the first address to descriptor N", NULL, NULL, 0,
	FD_MAX},
    {0, "issue-token", "CLAIMS", DN_OPT_TEXT, AT(issue_token),
	"Print a token with these claims, a JSON object, and exit", NULL, NULL,
	0, 0},
    {0, "tenant", "T", DN_OPT_TEXT, AT(tenant), "The tenant for --issue-token",
	NULL, NULL, 0, 0},
    {'v', "verbose", NULL, DN_OPT_COUNT, AT(verbose),
	"Say more on standard error", NULL, NULL, 0, 0},
    {'q', "quiet", NULL, DN_OPT_COUNT, AT(quiet), "Say only what is wrong",
	NULL, NULL, 0, 0},
};

static const struct dn_opt_program program = {
    .name = "dnot-serve",
    .operands = "",
    .about = "Delivers records to clients now, and keeps the durable record "
	     "beside.",
    .epilog = "Signals: SIGTERM stops, SIGHUP reads the configuration again."
	      "\nExit: 0 stopped, 64 wrong flags, 75 a port or the log is in "
	      "use,\n77 not permitted, 78 configuration.",
};

/* --- configuration ------------------------------------------------------- */

static void tell_errors(const struct dn_conf_errors *errors)
{
	const char *at = errors->text.p;
	const char *end = at + errors->text.n;

	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((nl != NULL ? nl : end) - at);

		if (n > 0)
			dn_diag(DN_ERROR, NULL, "%.*s", (int)n, at);
		at += n + 1;
	}
}

/* Whether the file says which log; one that can't be read is told of when
 * it is loaded. */
static bool names_log(const char *path)
{
	json_t *root = json_load_file(path, 0, NULL);
	bool named = json_object_get(root, "log") != NULL;

	json_decref(root);
	return named;
}

static struct dn_conf *load(const struct serve *s)
{
	struct dn_conf_flags flags = {.dev = s->dev,
	    .listen = s->listen.v,
	    .listen_n = s->listen.n,
	    .log = s->log};
	struct dn_conf_errors errors = {0};
	const char *log = getenv("DNOT_LOG");
	struct dn_conf *conf;

	if (flags.log == NULL && log != NULL && log[0] != '\0' &&
	    (s->config == NULL || !names_log(s->config)))
		flags.log = log;
	conf = s->config != NULL
		   ? dn_conf_load(s->config, &flags, &errors)
		   : dn_conf_parse_flags(DN_STR("{}"), NULL, &flags, &errors);
	tell_errors(&errors);
	dn_conf_errors_release(&errors);
	return conf;
}

static struct dn_conf *reload(void *arg)
{
	return load(arg);
}

static void warn_not_effective(const struct dn_conf *conf)
{
	struct dn_buf b = {0};
	size_t i;

	if (conf->not_effective_n == 0)
		return;
	for (i = 0; i < conf->not_effective_n; i++)
		dn_buf_printf(
		    &b, "%s%s", i > 0 ? ", " : "", conf->not_effective[i]);
	dn_diag(DN_WARN, NULL, "set, but without effect: %.*s",
	    DN_FMT(dn_buf_view(&b)));
	dn_buf_release(&b);
}

/* --- what only prints ---------------------------------------------------- */

/* 0, or 70 where stdout takes nothing. */
static int print(struct dn_str text)
{
	bool ok = fwrite(text.p, 1, text.n, stdout) == text.n;

	if (ok && text.n > 0 && text.p[text.n - 1] != '\n')
		ok = putchar('\n') != EOF;
	if (fflush(stdout) != 0 || !ok) {
		dn_diag(DN_ERROR, NULL, "cannot write to stdout");
		return DN_EXIT_BUG;
	}
	return 0;
}

static int print_config(const struct dn_conf *conf)
{
	struct dn_buf out = {0};
	int code;

	dn_conf_print(conf, &out);
	code = print(dn_buf_view(&out));
	dn_buf_release(&out);
	return code;
}

/* The claims with the tenant in them, so that the server that is shown the
 * token knows whose keys to try. */
static int claims_of(
    const struct serve *s, struct dn_buf *claims, struct dn_err *err)
{
	struct dn_str text = dn_str_of(s->issue_token), name = {0};
	struct dn_buf scratch = {0};
	struct dn_json json, tenant;
	int rc = dn_json_parse(text, &json, err);

	if (rc != 0 || json.type != DN_JSON_OBJECT)
		return rc != 0 ? rc
			       : dn_err_set(err, -EINVAL,
				     "the claims are no JSON object");
	tenant = dn_json_member(json, "tenant");
	if (tenant.type != DN_JSON_NONE &&
	    (!dn_json_string(tenant, &name, &scratch) ||
		!dn_str_is(name, s->tenant)))
		rc = dn_err_set(err, -EINVAL,
		    "the claim `tenant` is not --tenant %s", s->tenant);
	dn_buf_release(&scratch);
	dn_buf_str(claims, json.raw);
	if (rc != 0 || tenant.type != DN_JSON_NONE)
		return rc;
	claims->n--;
	dn_buf_lit(claims,
	    claims->p[claims->n - 1] == '{' ? "\"tenant\":" : ",\"tenant\":");
	dn_buf_json_str(claims, dn_str_of(s->tenant));
	dn_buf_byte(claims, '}');
	return 0;
}

static int issue_token(const struct serve *s, const struct dn_conf *conf)
{
	const struct dn_conf_tenant *tenant =
	    dn_conf_tenant(conf, dn_str_of(s->tenant));
	struct dn_buf out = {0}, claims = {0};
	struct dn_err err = {0};
	int code;

	if (tenant == NULL) {
		dn_diag(
		    DN_ERROR, NULL, "--tenant %s: no such tenant", s->tenant);
		return DN_EXIT_CONFIG;
	}
	if (tenant->token_hmac == NULL) {
		dn_diag(DN_ERROR, NULL,
		    "tenants.%s has no token_hmac_secret_file to sign with",
		    s->tenant);
		return DN_EXIT_CONFIG;
	}
	if (claims_of(s, &claims, &err) < 0 ||
	    dn_jwt_issue(tenant->token_hmac, dn_buf_view(&claims), &out, &err) <
		0) {
		dn_diag(DN_ERROR, NULL, "--issue-token: %s", err.text);
		code = DN_EXIT_USAGE;
	} else {
		code = print(dn_buf_view(&out));
	}
	dn_buf_release(&claims);
	dn_buf_release(&out);
	return code;
}

/* --- the program --------------------------------------------------------- */

/* What is wrong with the flags together, or NULL. */
static const char *wrong_usage(const struct serve *s, size_t operands)
{
	if (operands > 0)
		return "no operands are taken; see --help";
	if (s->config == NULL && !s->dev)
		return "give --config FILE, or --dev to try things out";
	if (s->check_config && s->print_config)
		return "--check-config and --print-config exclude each other";
	if ((s->issue_token != NULL) != (s->tenant != NULL))
		return "--issue-token and --tenant go together";
	if (s->verbose > 0 && s->quiet > 0)
		return "-v and -q exclude each other";
	return NULL;
}

/* Takes conf. */
static int serve(struct serve *s, struct dn_conf *conf)
{
	const struct dn_server_options options = {
	    .conf = conf,
	    .threads = (unsigned)s->threads,
	    .ready_fd = s->ready_fd <= FD_MAX ? (int)s->ready_fd : -1,
	    .reload = reload,
	    .reload_arg = s,
	};

	warn_not_effective(conf);
	return dn_server_run(&options);
}

static int run(struct serve *s)
{
	struct dn_conf *conf = load(s);
	int code = 0;

	if (conf == NULL)
		return DN_EXIT_CONFIG;
	if (s->print_config)
		code = print_config(conf);
	else if (s->issue_token != NULL)
		code = issue_token(s, conf);
	else if (!s->check_config)
		return serve(s, conf);
	else
		warn_not_effective(conf);
	dn_conf_unref(&conf);
	return code;
}

static enum dn_level level_of(const struct serve *s)
{
	if (s->quiet > 0)
		return DN_ERROR;
	return s->verbose > 0 ? DN_DEBUG : DN_INFO;
}

int main(int argc, char **argv)
{
	struct serve s = {.ready_fd = (uint64_t)FD_MAX + 1};
	const struct dn_opt_section sections[] = {
	    {"Options", opts, DN_ARRAY_LEN(opts), &s},
	};
	unsigned cores = uv_available_parallelism();
	struct dn_err err = {0};
	const char *wrong;
	size_t operands = 0;
	int code;

	s.threads = cores < THREADS_MAX ? cores : THREADS_MAX;
	dn_diag_init("dnot-serve", DN_INFO);
	code = dn_opt_parse(&program, sections, DN_ARRAY_LEN(sections), argc,
	    argv, &operands, stdout, &err);
	if (code != DN_OPT_GO) {
		if (code < 0)
			dn_diag(DN_ERROR, NULL, "%s", err.text);
		code = code < 0 ? DN_EXIT_USAGE : DN_EXIT_OK;
	} else if ((wrong = wrong_usage(&s, operands)) != NULL) {
		dn_diag(DN_ERROR, NULL, "%s", wrong);
		code = DN_EXIT_USAGE;
	} else {
		dn_diag_init("dnot-serve", level_of(&s));
		code = run(&s);
	}
	dn_opt_list_release(&s.listen);
	return code;
}
