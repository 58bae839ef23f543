/* SPDX-License-Identifier: MIT */
/*
 * How it works: dn_tool_init puts the common section behind the program's
 * own, parses, and then fills what no flag set from the environment. A flag
 * beats the environment, also of the other kind of secret; of the two in the
 * environment the token wins.
 *
 * How it fails: a usage error is 64, a secret that cannot be read 78; both
 * are printed here, since nobody else will. Codes later on are kept by rank.
 */
#include "tool/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/diag.h"
#include "log/log.h"
#include "wire/ws_client.h"

enum { SECTIONS_MAX = 8, SECRET_MAX = 65536 };

#define AT(member) offsetof(struct dn_tool, member)

static const struct dn_opt common_opts[] = {
    {0, "url", "URL", DN_OPT_TEXT, AT(url), "Where dnot-serve listens",
	"env DNOT_URL, default http://127.0.0.1:8000; or unix:PATH", NULL, 0,
	0},
    {0, "key-file", "FILE", DN_OPT_FILE, AT(key_file),
	"File with the server key", "env DNOT_KEY holds the key", NULL, 0, 0},
    {0, "token-file", "FILE", DN_OPT_FILE, AT(token_file),
	"File with a client token", "env DNOT_TOKEN holds the token", NULL, 0,
	0},
    {0, "log", "URL", DN_OPT_TEXT, AT(log), "The durable log",
	"env DNOT_LOG; sqlite:PATH", NULL, 0, 0},
    {0, "tenant", "T", DN_OPT_TEXT, AT(tenant), "Tenant inside the log",
	"env DNOT_TENANT", NULL, 0, 0},
    {0, "ready-fd", "N", DN_OPT_U64, AT(ready_fd),
	"Write one line to this descriptor once ready", NULL, NULL, 0, 65535},
    {'v', "verbose", NULL, DN_OPT_COUNT, AT(verbose),
	"Say what happens on stderr; -vv says more", NULL, NULL, 0, 0},
    {'q', "quiet", NULL, DN_OPT_FLAG, AT(quiet), "Say errors only", NULL, NULL,
	0, 0},
};

/* An unset and an empty variable are the same. */
static const char *environment(const char *name)
{
	const char *text = getenv(name);

	return text != NULL && text[0] != '\0' ? text : NULL;
}

/* Gives the file's text without the newline at its end, or NULL. */
static char *read_secret(const char *path, struct dn_err *err)
{
	char *text = dn_xmalloc(SECRET_MAX + 1);
	size_t n = 0;
	ssize_t got = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && got > 0 && n < SECRET_MAX) {
		got = read(fd, text + n, SECRET_MAX - n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (fd < 0 || got < 0) {
		(void)dn_err_set(err, -errno, "%s: %s", path, strerror(errno));
		n = 0;
	} else {
		while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
			n--;
		if (n == 0)
			(void)dn_err_set(err, -EINVAL, "%s: is empty", path);
		else if (n == SECRET_MAX)
			(void)dn_err_set(err, -EINVAL,
			    "%s: is longer than a secret may be (%d bytes)",
			    path, SECRET_MAX);
	}
	if (fd >= 0)
		(void)close(fd);
	text[n] = '\0';
	if (err->code == 0)
		return text;
	free(text);
	return NULL;
}

/* Sets exactly one of key and token. */
static int find_secret(struct dn_tool *tool, struct dn_err *err)
{
	const char *key = environment("DNOT_KEY");
	const char *token = environment("DNOT_TOKEN");
	struct dn_str secret;

	if (tool->token_file != NULL)
		tool->token = read_secret(tool->token_file, err);
	else if (tool->key_file != NULL)
		tool->key = read_secret(tool->key_file, err);
	else if (token != NULL)
		tool->token = dn_xstrdup(token);
	else
		tool->key = dn_xstrdup(key != NULL ? key : "dev");
	if (err->code != 0)
		return err->code;
	secret = dn_str_of(tool->key != NULL ? tool->key : tool->token);
	if (!dn_ws_client_value_valid(secret))
		return dn_err_set(err, -EINVAL,
		    "the %s has a control byte or a line break inside",
		    tool->key != NULL ? "server key" : "token");
	return 0;
}

static bool usage(struct dn_tool *tool, const char *text)
{
	dn_tool_fail(tool, DN_EXIT_USAGE, NULL, "%s", text);
	return false;
}

/* What no flag said comes from the environment, else from here. */
static void fill_in(struct dn_tool *tool)
{
	const char *url = environment("DNOT_URL");

	if (tool->url == NULL)
		tool->url = url != NULL ? url : "http://127.0.0.1:8000";
	if (tool->log == NULL)
		tool->log = environment("DNOT_LOG");
	if (tool->log != NULL && strcmp(tool->log, "none") == 0)
		tool->log = NULL;
	if (tool->tenant == NULL)
		tool->tenant = environment("DNOT_TENANT");
}

static bool parse(struct dn_tool *tool, const struct dn_opt_program *program,
    const struct dn_opt_section *sections, size_t sections_n, int argc)
{
	struct dn_opt_section all[SECTIONS_MAX];
	struct dn_err err = {0};
	int rc;

	DN_ASSERT(sections_n < SECTIONS_MAX);
	if (sections_n > 0)
		memcpy(all, sections, sections_n * sizeof(*all));
	all[sections_n] = (struct dn_opt_section){
	    "Common to all tools",
	    common_opts,
	    DN_ARRAY_LEN(common_opts),
	    tool,
	};
	rc = dn_opt_parse(program, all, sections_n + 1, argc, tool->argv,
	    &tool->operands, stdout, &err);
	if (rc < 0)
		return usage(tool, err.text);
	if (rc == DN_OPT_DONE) {
		if (fflush(stdout) != 0)
			dn_tool_stdout_failed(tool, errno);
		return false;
	}
	return true;
}

bool dn_tool_init(struct dn_tool *tool, const struct dn_opt_program *program,
    const struct dn_opt_section *sections, size_t sections_n, int argc,
    char **argv)
{
	struct dn_err err = {0};

	memset(tool, 0, sizeof(*tool));
	tool->program = program->name;
	tool->argv = argv;
	tool->ready_fd = UINT64_MAX;
	dn_diag_init(program->name, DN_WARN);
	(void)signal(SIGPIPE, SIG_IGN);
	if (!parse(tool, program, sections, sections_n, argc))
		return false;
	if (tool->key_file != NULL && tool->token_file != NULL)
		return usage(tool, "--key-file and --token-file exclude each "
				   "other");
	dn_diag_init(program->name, tool->quiet          ? DN_ERROR
				    : tool->verbose == 0 ? DN_WARN
				    : tool->verbose == 1 ? DN_INFO
							 : DN_DEBUG);
	fill_in(tool);
	if (find_secret(tool, &err) < 0 ||
	    dn_client_check_url(tool->url, &err) < 0) {
		dn_tool_fail(tool, DN_EXIT_CONFIG, NULL, "%s", err.text);
		return false;
	}
	return true;
}

static void wipe(char **secret)
{
	if (*secret == NULL)
		return;
	explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

int dn_tool_release(struct dn_tool *tool)
{
	DN_ASSERT(tool->signals_open == 0);
	wipe(&tool->key);
	wipe(&tool->token);
	return tool->exit_code;
}

/* A program has one tool; the handler has no other way to it. */
static struct dn_tool *signalled;

/* The first one is left to the loop. The second ends the program here and
 * now, whatever the loop is busy with. */
static void on_signal(int signo)
{
	if (signalled->signo != 0) {
		(void)signal(signo, SIG_DFL);
		(void)raise(signo);
		return;
	}
	signalled->signo = signo;
	(void)uv_async_send(&signalled->on_signal);
}

static void on_stop(uv_async_t *handle)
{
	struct dn_tool *tool = handle->data;

	tool->stopping = true;
	tool->stop(tool->stop_arg, tool->signo);
}

void dn_tool_signals(
    struct dn_tool *tool, uv_loop_t *loop, dn_tool_stop_fn *stop, void *arg)
{
	struct sigaction action = {.sa_handler = on_signal};
	int rc = uv_async_init(loop, &tool->on_signal, on_stop);

	DN_ASSERT(rc == 0);
	tool->stop = stop;
	tool->stop_arg = arg;
	tool->on_signal.data = tool;
	uv_unref((uv_handle_t *)&tool->on_signal);
	tool->signals_open++;
	signalled = tool;
	/* Not blocked inside its own handler: raise() there is the end. */
	action.sa_flags = SA_RESTART | SA_NODEFER;
	rc = sigaction(SIGTERM, &action, NULL) |
	     sigaction(SIGINT, &action, NULL);
	DN_ASSERT(rc == 0);
}

static void on_signal_closed(uv_handle_t *handle)
{
	struct dn_tool *tool = handle->data;

	tool->signals_open--;
}

void dn_tool_signals_close(struct dn_tool *tool)
{
	if (uv_is_closing((uv_handle_t *)&tool->on_signal))
		return;
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	uv_close((uv_handle_t *)&tool->on_signal, on_signal_closed);
}

/* The higher, the worse. */
static int rank(int code)
{
	static const int worse[] = {
	    DN_EXIT_OK,
	    DN_EXIT_NONE,
	    DN_EXIT_DATA,
	    DN_EXIT_AGAIN,
	    DN_EXIT_UNAVAILABLE,
	    DN_EXIT_REFUSED,
	    DN_EXIT_PROTOCOL,
	    DN_EXIT_USAGE,
	    DN_EXIT_CONFIG,
	    DN_EXIT_BUG,
	};
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(worse); i++)
		if (worse[i] == code)
			return (int)i;
	return (int)DN_ARRAY_LEN(worse) - 1;
}

void dn_tool_exit(struct dn_tool *tool, enum dn_exit code)
{
	if (rank((int)code) > rank(tool->exit_code))
		tool->exit_code = (int)code;
}

void dn_tool_fail(struct dn_tool *tool, enum dn_exit code, const char *fields,
    const char *fmt, ...)
{
	char text[DN_ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	dn_diag(DN_ERROR, fields, "%s", text);
	dn_tool_exit(tool, code);
}

void dn_tool_ready(struct dn_tool *tool)
{
	int fd = (int)tool->ready_fd;

	if (tool->ready_fd == UINT64_MAX)
		return;
	tool->ready_fd = UINT64_MAX;
	if (write(fd, "ready\n", 6) != 6)
		dn_diag(
		    DN_WARN, NULL, "--ready-fd %d: %s", fd, strerror(errno));
	(void)close(fd);
}

void dn_tool_stdout_failed(struct dn_tool *tool, int error)
{
	if (error == EPIPE) {
		(void)signal(SIGPIPE, SIG_DFL);
		(void)raise(SIGPIPE);
	}
	if (!tool->stdout_failed)
		dn_tool_fail(
		    tool, DN_EXIT_AGAIN, NULL, "stdout: %s", strerror(error));
	tool->stdout_failed = true;
}

bool dn_tool_print(struct dn_tool *tool, struct dn_str bytes)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
	ssize_t wrote;

	while (bytes.n > 0 && !tool->stdout_failed) {
		wrote = write(STDOUT_FILENO, bytes.p, bytes.n);
		if (wrote >= 0) {
			bytes.p += wrote;
			bytes.n -= (size_t)wrote;
		} else if (errno == EAGAIN) {
			(void)poll(&out, 1, -1);
		} else if (errno != EINTR) {
			dn_tool_stdout_failed(tool, errno);
		}
	}
	return !tool->stdout_failed;
}

void dn_tool_client_options(
    const struct dn_tool *tool, struct dn_client_options *options)
{
	*options = (struct dn_client_options){
	    .url = tool->url,
	    .key = tool->key,
	    .token = tool->token,
	    .name = tool->program,
	};
}

const char *dn_tool_tenant(
    struct dn_tool *tool, const char *connected, struct dn_log *log)
{
	if (tool->tenant != NULL)
		return tool->tenant;
	if (connected != NULL)
		return connected;
	if (dn_log_dev(log))
		return "dev";
	dn_tool_fail(tool, DN_EXIT_CONFIG, NULL,
	    "the log does not tell whose rows these are; give --tenant");
	return NULL;
}
