/* SPDX-License-Identifier: MIT */
/*
 * How it works: the file is read whole and kept as a map; a save writes all
 * of it to PATH.tmp, flushes that to the disk, renames it over PATH and
 * flushes the folder, without which the rename itself may be lost.
 *
 * How it fails: a file that is no cursor is refused and never overwritten: it
 * is probably somebody else's. A save that fails leaves the old file.
 */
#include "tool/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"

struct place {
	struct dn_str channel;
	char *epoch;
	uint64_t offset;
	struct dn_cursor_mark tail[DN_CURSOR_TAIL];
	size_t tail_n;
	char name[];
};

static void place_free(struct place *p)
{
	free(p->epoch);
	free(p);
}

bool dn_cursor_get(const struct dn_cursor *c, struct dn_str channel,
    struct dn_str *epoch, uint64_t *offset)
{
	const struct place *p = dn_map_get(&c->channels, channel);

	if (p == NULL)
		return false;
	*epoch = dn_str_of(p->epoch);
	*offset = p->offset;
	return true;
}

void dn_cursor_set(struct dn_cursor *c, struct dn_str channel,
    struct dn_str epoch, uint64_t offset)
{
	struct place *p = dn_map_get(&c->channels, channel);

	if (p == NULL) {
		p = dn_xcalloc(1, sizeof(*p) + channel.n + 1);
		memcpy(p->name, channel.p, channel.n);
		p->channel = (struct dn_str){p->name, channel.n};
		p->epoch = dn_xstrdup("");
		dn_map_put(&c->channels, p->channel, p);
		c->changed = true;
	}
	if (p->offset == offset && dn_str_is(epoch, p->epoch))
		return;
	if (!dn_str_is(epoch, p->epoch)) {
		free(p->epoch);
		p->epoch = dn_xstrndup(epoch.p, epoch.n);
		p->tail_n = 0;
	}
	p->offset = offset;
	c->changed = true;
}

size_t dn_cursor_tail(const struct dn_cursor *c, struct dn_str channel,
    const struct dn_cursor_mark **marks)
{
	const struct place *p = dn_map_get(&c->channels, channel);

	*marks = p != NULL ? p->tail : NULL;
	return p != NULL ? p->tail_n : 0;
}

void dn_cursor_set_tail(struct dn_cursor *c, struct dn_str channel,
    const struct dn_cursor_mark *marks, size_t n)
{
	struct place *p = dn_map_get(&c->channels, channel);

	DN_ASSERT(p != NULL && n <= DN_CURSOR_TAIL);
	if (n > 0)
		memcpy(p->tail, marks, n * sizeof(*marks));
	p->tail_n = n;
	c->changed = true;
}

/* One [OFFSET,"PROOF","CONTENT"]; hashes are 16 hex digits. */
static bool read_mark(struct dn_json item, struct dn_cursor_mark *mark)
{
	uint64_t *const hashes[] = {&mark->proof, &mark->content};
	struct dn_json_iter it;
	struct dn_json value;
	struct dn_str key;
	char text[17], *end;
	size_t i;

	if (item.type != DN_JSON_ARRAY)
		return false;
	dn_json_iter_init(&it, item);
	if (!dn_json_next(&it, &key, &value) ||
	    !dn_json_u64(value, &mark->offset))
		return false;
	for (i = 0; i < DN_ARRAY_LEN(hashes); i++) {
		if (!dn_json_next(&it, &key, &value) ||
		    value.type != DN_JSON_STRING || value.raw.n != 18)
			return false;
		memcpy(text, value.raw.p + 1, 16);
		text[16] = '\0';
		*hashes[i] = strtoull(text, &end, 16);
		if (*end != '\0')
			return false;
	}
	return !dn_json_next(&it, &key, &value);
}

/* A tail that cannot be read is as good as none. */
static void read_tail(
    struct dn_cursor *c, struct dn_str channel, struct dn_json tail)
{
	struct dn_cursor_mark marks[DN_CURSOR_TAIL];
	struct dn_json_iter it;
	struct dn_json value;
	struct dn_str key;
	size_t n = 0;

	if (tail.type != DN_JSON_ARRAY)
		return;
	dn_json_iter_init(&it, tail);
	while (dn_json_next(&it, &key, &value))
		if (n == DN_CURSOR_TAIL || !read_mark(value, &marks[n++]))
			return;
	dn_cursor_set_tail(c, channel, marks, n);
}

static int read_place(struct dn_cursor *c, struct dn_json key,
    struct dn_json value, struct dn_err *err)
{
	struct dn_buf name_text = {0}, epoch_text = {0};
	struct dn_str name, epoch;
	uint64_t offset;
	int rc = 0;

	if (value.type != DN_JSON_OBJECT ||
	    !dn_json_string(key, &name, &name_text) ||
	    !dn_json_string(
		dn_json_member(value, "epoch"), &epoch, &epoch_text) ||
	    !dn_json_u64(dn_json_member(value, "offset"), &offset))
		rc = dn_err_set(
		    err, -EINVAL, "channel %.*s: no position", DN_FMT(key.raw));
	else {
		dn_cursor_set(c, name, epoch, offset);
		read_tail(c, name, dn_json_member(value, "tail"));
	}
	dn_buf_release(&name_text);
	dn_buf_release(&epoch_text);
	return rc;
}

static int parse(struct dn_cursor *c, struct dn_str text, struct dn_err *err)
{
	struct dn_json whole, channels, value;
	struct dn_json_iter it;
	struct dn_str key;
	uint64_t version;
	int rc = dn_json_parse(text, &whole, err);

	if (rc < 0)
		return rc;
	if (whole.type != DN_JSON_OBJECT ||
	    !dn_json_u64(dn_json_member(whole, "version"), &version))
		return dn_err_set(err, -EINVAL, "it has no version");
	if (version != 1)
		return dn_err_set(err, -EINVAL,
		    "its version is %llu, this program knows 1",
		    (unsigned long long)version);
	channels = dn_json_member(whole, "channels");
	if (channels.type != DN_JSON_OBJECT)
		return dn_err_set(err, -EINVAL, "it has no channels");
	dn_json_iter_init(&it, channels);
	while (rc == 0 && dn_json_next(&it, &key, &value)) {
		/* The raw key with its quotes is a JSON string again. */
		struct dn_json name = {DN_JSON_STRING, {key.p - 1, key.n + 2}};

		rc = read_place(c, name, value, err);
	}
	return rc;
}

/* Reads the file whole; -ENOENT has no text. */
static int read_file(const char *path, struct dn_buf *text, struct dn_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;
	int rc = 0;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	while (fd >= 0 && n > 0 && text->n <= DN_CURSOR_MAX) {
		n = read(fd, dn_buf_reserve(text, 65536), 65536);
		text->n += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0 || n < 0)
		rc = dn_err_set(err, -errno, "%s", strerror(errno));
	else if (text->n > DN_CURSOR_MAX)
		rc = dn_err_set(err, -EINVAL, "it is too large");
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int dn_cursor_load(struct dn_cursor *c, const char *path, struct dn_err *err)
{
	struct dn_buf text = {0};
	int rc;

	memset(c, 0, sizeof(*c));
	c->path = dn_xstrdup(path);
	rc = read_file(path, &text, err);
	if (rc == 0) {
		c->existed = true;
		rc = parse(c, dn_buf_view(&text), err);
	} else if (rc == -ENOENT) {
		rc = 0;
	}
	dn_buf_release(&text);
	c->changed = false;
	if (rc < 0) {
		(void)dn_err_wrap(err, "state file %s", path);
		dn_cursor_release(c);
	}
	return rc;
}

void dn_cursor_release(struct dn_cursor *c)
{
	struct place *p;
	size_t at = 0;

	while ((p = dn_map_next(&c->channels, &at)) != NULL)
		place_free(p);
	dn_map_release(&c->channels);
	free(c->path);
	memset(c, 0, sizeof(*c));
}

static void write_tail(const struct place *p, struct dn_buf *b)
{
	size_t i;

	if (p->tail_n == 0)
		return;
	dn_buf_lit(b, ",\"tail\":");
	for (i = 0; i < p->tail_n; i++)
		dn_buf_printf(b,
		    "%s[%" PRIu64 ",\"%016" PRIx64 "\",\"%016" PRIx64 "\"]",
		    i == 0 ? "[" : ",", p->tail[i].offset, p->tail[i].proof,
		    p->tail[i].content);
	dn_buf_byte(b, ']');
}

static void write_text(const struct dn_cursor *c, struct dn_buf *b)
{
	const struct place *p;
	size_t at = 0;
	bool first = true;

	dn_buf_lit(b, "{\"version\":1,\"channels\":{");
	while ((p = dn_map_next(&c->channels, &at)) != NULL) {
		dn_buf_lit(b, first ? "\n" : ",\n");
		first = false;
		dn_buf_json_str(b, p->channel);
		dn_buf_lit(b, ":{\"epoch\":");
		dn_buf_json_str(b, dn_str_of(p->epoch));
		dn_buf_lit(b, ",\"offset\":");
		dn_buf_u64(b, p->offset);
		write_tail(p, b);
		dn_buf_byte(b, '}');
	}
	dn_buf_lit(b, "\n}}\n");
}

/* Writes and flushes; 0 or -errno. */
static int write_file(const char *path, struct dn_str text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	ssize_t n;
	int rc = 0;

	if (fd < 0)
		return -errno;
	while (text.n > 0 && rc == 0) {
		n = write(fd, text.p, text.n);
		if (n < 0 && errno != EINTR)
			rc = -errno;
		if (n > 0) {
			text.p += n;
			text.n -= (size_t)n;
		}
	}
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

static int sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? dn_xstrdup(".")
		       : slash == path
			   ? dn_xstrdup("/")
			   : dn_xstrndup(path, (size_t)(slash - path));
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		(void)close(fd);
	free(folder);
	return rc;
}

int dn_cursor_save(struct dn_cursor *c, struct dn_err *err)
{
	struct dn_buf text = {0}, tmp = {0};
	int rc;

	if (!c->changed)
		return 0;
	write_text(c, &text);
	dn_buf_printf(&tmp, "%s.tmp", c->path);
	dn_buf_byte(&tmp, '\0');
	rc = write_file(tmp.p, dn_buf_view(&text));
	if (rc == 0 && rename(tmp.p, c->path) < 0)
		rc = -errno;
	if (rc < 0)
		(void)unlink(tmp.p);
	else
		rc = sync_folder(c->path);
	if (rc < 0)
		(void)dn_err_set(
		    err, rc, "state file %s: %s", c->path, strerror(-rc));
	else
		c->changed = false;
	dn_buf_release(&text);
	dn_buf_release(&tmp);
	return rc;
}
