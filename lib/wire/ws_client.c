/* SPDX-License-Identifier: MIT */
/*
 * How it works: the upgrade request carries a random key; the answer's head
 * is collected up to its empty line and judged whole; what follows goes to
 * the reader of ws.h. Frames are written masked, eight bytes at a time, with
 * masks out of a small pool of random bytes, so that not each frame is a
 * system call.
 *
 * It fails in these ways. An answer that is no HTTP is refused at the first
 * wrong byte, with status 0; a head over the limit likewise. Any status but
 * 101 is refused with that status (interim ones are skipped). A 101 whose
 * headers do not prove a WebSocket of this very handshake is refused with
 * status 101.
 */
#include "wire/ws_client.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "wire/http_line.h"

enum {
	CLIENT_MAGIC = 0x5753434c,
	MASK_SIZE = 4,
	POOL_SIZE = 16 * MASK_SIZE,
	CLOSE_REASON_MAX = DN_WS_CONTROL_MAX - 2,
	FRAME_HEAD_MAX = DN_FRAME_HEAD_MAX + MASK_SIZE,
};

struct dn_ws_client {
	uint32_t magic;
	enum { CLIENT_NEW, CLIENT_ASKED, CLIENT_OPEN, CLIENT_OVER } state;
	struct dn_ws_reader *reader;
	struct dn_ws_input *input;
	struct dn_buf head; /* of the answer so far */
	size_t head_total;  /* bytes of all heads, interim ones too */
	char accept[DN_WS_ACCEPT_LEN + 1];
	uint8_t pool[POOL_SIZE];
	size_t pool_left;
};

struct dn_ws_client *dn_ws_client_new(struct dn_ws_reader *reader)
{
	struct dn_ws_client *c = dn_xcalloc(1, sizeof(*c));

	c->magic = CLIENT_MAGIC;
	c->reader = reader;
	return c;
}

void dn_ws_client_free(struct dn_ws_client **slot)
{
	struct dn_ws_client *c = *slot;

	*slot = NULL;
	if (c == NULL)
		return;
	DN_CHECK(c, CLIENT_MAGIC);
	dn_ws_input_free(&c->input);
	dn_buf_release(&c->head);
	c->magic = 0;
	free(c);
}

bool dn_ws_client_value_valid(struct dn_str value)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char ch = (unsigned char)value.p[i];

		if ((ch < 0x20 && ch != '\t') || ch == 0x7f)
			return false;
	}
	return true;
}

void dn_ws_client_upgrade(struct dn_ws_client *c, struct dn_buf *out,
    const char *host, const char *path, const char *headers)
{
	unsigned char nonce[16];
	char key[DN_WS_KEY_LEN + 1];

	DN_CHECK(c, CLIENT_MAGIC);
	DN_ASSERT(c->state == CLIENT_NEW);
	dn_random(nonce, sizeof(nonce));
	EVP_EncodeBlock((unsigned char *)key, nonce, sizeof(nonce));
	DN_ASSERT(dn_ws_accept(dn_str_of(key), c->accept));
	dn_buf_printf(out,
	    "GET %s HTTP/1.1\r\n"
	    "Host: %s\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Key: %s\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "%s\r\n",
	    path, host, key, headers ? headers : "");
	c->state = CLIENT_ASKED;
}

/* ---- the answer ---- */

static struct dn_ws_event refused(
    struct dn_ws_client *c, unsigned status, const char *reason)
{
	c->state = CLIENT_OVER;
	dn_buf_release(&c->head);
	return (struct dn_ws_event){
	    .kind = DN_WS_REFUSED, .code = status, .reason = reason};
}

/* Takes one line off the front, without its CRLF; false when there is none
 * or a line feed stands alone. */
static bool take_line(struct dn_str *text, struct dn_str *line)
{
	const char *lf = text->n ? memchr(text->p, '\n', text->n) : NULL;

	if (lf == NULL || lf == text->p || lf[-1] != '\r')
		return false;
	*line = (struct dn_str){text->p, (size_t)(lf - 1 - text->p)};
	text->n -= line->n + 2;
	text->p = lf + 1;
	return true;
}

/* "HTTP/1.1 101 Switching Protocols": the status, 0 when it is none. */
static unsigned status_of(struct dn_str line)
{
	unsigned status = 0;

	if (line.n < 12 || memcmp(line.p, "HTTP/1.", 7) != 0 ||
	    line.p[8] != ' ' || (line.n > 12 && line.p[12] != ' '))
		return 0;
	for (size_t i = 9; i < 12; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return 0;
		status = status * 10 + (unsigned)(line.p[i] - '0');
	}
	return status >= 100 ? status : 0;
}

/* What the headers of a 101 have shown. */
struct proof {
	unsigned upgrades;
	unsigned accepts;
	bool connection;
	const char *wrong;
};

static void judge_header(struct proof *proof, const struct dn_ws_client *c,
    struct dn_str name, struct dn_str value)
{
	if (dn_http_same(name, DN_STR("upgrade"))) {
		proof->upgrades++;
		if (!dn_http_same(value, DN_STR("websocket")))
			proof->wrong = "the server upgrades to something else";
	} else if (dn_http_same(name, DN_STR("connection"))) {
		if (dn_http_list_has(value, "upgrade"))
			proof->connection = true;
	} else if (dn_http_same(name, DN_STR("sec-websocket-accept"))) {
		proof->accepts++;
		if (!dn_str_is(value, c->accept))
			proof->wrong = "Sec-WebSocket-Accept is wrong";
	} else if (dn_http_same(name, DN_STR("sec-websocket-extensions")) ||
		   dn_http_same(name, DN_STR("sec-websocket-protocol"))) {
		proof->wrong = "the server chose what was not offered";
	}
}

/* The reason why the headers of a 101 do not do, or NULL. */
static const char *judge_headers(
    const struct dn_ws_client *c, struct dn_str headers)
{
	struct proof proof = {0};
	struct dn_str line;

	while (take_line(&headers, &line) && line.n > 0) {
		const char *colon = memchr(line.p, ':', line.n);
		size_t n = colon ? (size_t)(colon - line.p) : 0;

		if (n == 0)
			return "a header without a name";
		judge_header(&proof, c, (struct dn_str){line.p, n},
		    dn_http_trim(
			(struct dn_str){line.p + n + 1, line.n - n - 1}));
	}
	if (headers.n > 0)
		return "a line feed stands alone";
	if (proof.wrong)
		return proof.wrong;
	if (proof.upgrades != 1 || !proof.connection)
		return "the answer upgrades nothing";
	if (proof.accepts != 1)
		return "the answer needs one Sec-WebSocket-Accept";
	return NULL;
}

/* Judges a whole head. MORE: it was an interim one. */
static struct dn_ws_event judge_answer(struct dn_ws_client *c)
{
	struct dn_str text = dn_buf_view(&c->head), line;
	const char *reason;
	unsigned status;

	if (!take_line(&text, &line))
		return refused(c, 0, "the answer is not HTTP");
	status = status_of(line);
	if (status == 0)
		return refused(c, 0, "the answer is not HTTP");
	if (status < 200 && status != 101) {
		dn_buf_reset(&c->head, DN_WS_CLIENT_HEAD_MAX);
		return (struct dn_ws_event){.kind = DN_WS_MORE};
	}
	if (status != 101)
		return refused(c, status, "the server does not upgrade");
	if (line.p[7] != '1')
		return refused(c, status, "the upgrade is not HTTP/1.1");
	reason = judge_headers(c, text);
	if (reason)
		return refused(c, status, reason);
	c->state = CLIENT_OPEN;
	dn_buf_release(&c->head);
	return (struct dn_ws_event){.kind = DN_WS_OPEN, .code = status};
}

static bool may_be_http(struct dn_str head)
{
	size_t n = head.n < 7 ? head.n : 7;

	return memcmp(head.p, "HTTP/1.", n) == 0;
}

static bool head_complete(struct dn_str head)
{
	return head.n >= 4 && memcmp(head.p + head.n - 4, "\r\n\r\n", 4) == 0;
}

static struct dn_ws_event next_of_answer(
    struct dn_ws_client *c, struct dn_str *bytes)
{
	struct dn_ws_event ev = {.kind = DN_WS_MORE};

	while (ev.kind == DN_WS_MORE && bytes->n > 0) {
		if (++c->head_total > DN_WS_CLIENT_HEAD_MAX)
			return refused(c, 0, "the answer's head is too long");
		dn_buf_byte(&c->head, *bytes->p++);
		bytes->n--;
		if (!may_be_http(dn_buf_view(&c->head)))
			return refused(c, 0, "the answer is not HTTP");
		if (head_complete(dn_buf_view(&c->head)))
			ev = judge_answer(c);
	}
	return ev;
}

struct dn_ws_event dn_ws_client_next(
    struct dn_ws_client *c, struct dn_str *bytes)
{
	struct dn_ws_event ev = {.kind = DN_WS_MORE};

	DN_CHECK(c, CLIENT_MAGIC);
	DN_ASSERT(c->state != CLIENT_NEW);
	if (c->state == CLIENT_ASKED)
		ev = next_of_answer(c, bytes);
	else if (c->state == CLIENT_OPEN)
		ev = dn_ws_next(c->reader, &c->input, bytes);
	if (ev.kind == DN_WS_BAD || ev.kind == DN_WS_CLOSED)
		c->state = CLIENT_OVER;
	if (c->state == CLIENT_OVER)
		*bytes = (struct dn_str){NULL, 0};
	return ev;
}

void dn_ws_client_keep(struct dn_ws_client *c, struct dn_str *bytes)
{
	DN_CHECK(c, CLIENT_MAGIC);
	if (c->state == CLIENT_OPEN)
		dn_ws_keep(&c->input, bytes);
}

/* ---- frames ---- */

static void take_mask(struct dn_ws_client *c, uint8_t mask[MASK_SIZE])
{
	if (c->pool_left == 0) {
		dn_random(c->pool, sizeof(c->pool));
		c->pool_left = sizeof(c->pool);
	}
	c->pool_left -= MASK_SIZE;
	memcpy(mask, c->pool + c->pool_left, MASK_SIZE);
}

static void mask_copy(
    char *out, const char *in, size_t n, const uint8_t mask[MASK_SIZE])
{
	uint64_t wide, word;
	size_t i = 0;

	memcpy(&wide, mask, MASK_SIZE);
	memcpy((char *)&wide + MASK_SIZE, mask, MASK_SIZE);
	for (; i + sizeof(word) <= n; i += sizeof(word)) {
		memcpy(&word, in + i, sizeof(word));
		word ^= wide;
		memcpy(out + i, &word, sizeof(word));
	}
	for (; i < n; i++)
		out[i] = (char)(in[i] ^ mask[i % MASK_SIZE]);
}

void dn_ws_client_send(struct dn_ws_client *c, struct dn_buf *out,
    enum dn_ws_opcode opcode, struct dn_str payload)
{
	uint8_t mask[MASK_SIZE];
	char *p;
	size_t head;

	DN_CHECK(c, CLIENT_MAGIC);
	take_mask(c, mask);
	p = dn_buf_reserve(out, FRAME_HEAD_MAX + payload.n);
	head = dn_frame_head(p, opcode, payload.n);
	p[1] = (char)(p[1] | 0x80);
	memcpy(p + head, mask, MASK_SIZE);
	head += MASK_SIZE;
	mask_copy(p + head, payload.p, payload.n, mask);
	out->n += head + payload.n;
}

void dn_ws_client_close(struct dn_ws_client *c, struct dn_buf *out,
    unsigned code, const char *reason)
{
	char payload[DN_WS_CONTROL_MAX];
	size_t n = strlen(reason);

	if (code == 0 || code == 1005) {
		dn_ws_client_send(
		    c, out, DN_WS_CLOSE, (struct dn_str){NULL, 0});
		return;
	}
	DN_ASSERT(dn_ws_code_valid(code) && n <= CLOSE_REASON_MAX);
	payload[0] = (char)(code >> 8);
	payload[1] = (char)(code & 0xff);
	memcpy(payload + 2, reason, n);
	dn_ws_client_send(c, out, DN_WS_CLOSE, (struct dn_str){payload, 2 + n});
}
