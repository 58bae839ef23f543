/* SPDX-License-Identifier: MIT */
#include "tap.h"
#include "base/b64.h"
#include "session/event_id.h"

#define BIG (((uint64_t)1 << 53) - 1)

/* What stands between "id: " and the line's end. */
static struct dn_str id_in(const struct dn_buf *line)
{
	return (struct dn_str){line->p + 4, line->n - 5};
}

static void there_and_back(void)
{
	struct dn_buf positions = {0}, line = {0}, json = {0};
	size_t i;
	bool safe = true;

	dn_event_id_add(&positions, DN_STR("session:42"), 0, DN_STR("abcd"));
	dn_event_id_add(&positions, DN_STR("d#4,2"), BIG, DN_STR("z9"));
	OK(dn_event_id_write(&line, dn_buf_view(&positions)), "they fit");
	OK(line.n > 5 && memcmp(line.p, "id: ", 4) == 0 &&
		line.p[line.n - 1] == '\n',
	    "it is a line of an event");
	for (i = 4; i < line.n - 1; i++)
		safe = safe && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789-_",
				   line.p[i]) != NULL;
	OK(safe, "of bytes that are safe in headers and URLs");
	IS_NUM(dn_event_id_read(id_in(&line), &json), 0, "it is read again");
	IS_SLICE(dn_buf_view(&json),
	    "{\"session:42\":{\"recover\":true,\"offset\":0,\"epoch\":"
	    "\"abcd\"},\"d#4,2\":{\"recover\":true,\"offset\":"
	    "9007199254740991,\"epoch\":\"z9\"}}",
	    "as `subs` of connect");
	dn_buf_release(&positions);
	dn_buf_release(&line);
	dn_buf_release(&json);
}

/* The longest list that fits, and one byte more. */
static void limit(void)
{
	struct dn_buf positions = {0}, line = {0}, json = {0};
	char name[255];
	size_t room;

	OK(dn_event_id_write(&line, (struct dn_str){0}), "nothing fits");
	IS_SLICE(dn_buf_view(&line), "id: \n", "as an empty id");
	memset(name, 'n', sizeof(name));
	while (positions.n + sizeof(name) + 5 <= 1500)
		dn_event_id_add(&positions, (struct dn_str){name, sizeof(name)},
		    1, DN_STR("e"));
	room = 1536 - positions.n - 5;
	dn_event_id_add(
	    &positions, (struct dn_str){name, room}, 1, DN_STR("e"));
	line.n = 0;
	OK(dn_event_id_write(&line, dn_buf_view(&positions)),
	    "as much as there may be");
	IS_NUM(line.n, DN_EVENT_ID_MAX + 5, "that many bytes");
	IS_NUM(dn_event_id_read(id_in(&line), &json), 0, "which are read");
	dn_buf_byte(&positions, '\n');
	line.n = 0;
	OK(!dn_event_id_write(&line, dn_buf_view(&positions)), "one too many");
	IS_SLICE(dn_buf_view(&line), "id: \n", "is an empty id");
	dn_buf_release(&positions);
	dn_buf_release(&line);
	dn_buf_release(&json);
}

/* Base64 of text that no id is made of. */
static bool refuses(const char *text)
{
	struct dn_buf id = {0}, json = {0};
	int rc;

	dn_b64_encode(DN_B64_URL, text, strlen(text), &id);
	rc = dn_event_id_read(dn_buf_view(&id), &json);
	dn_buf_release(&id);
	dn_buf_release(&json);
	return rc < 0;
}

static bool refuses_id(const char *id, size_t n)
{
	struct dn_buf json = {0};
	int rc = dn_event_id_read((struct dn_str){id, n}, &json);

	dn_buf_release(&json);
	return rc < 0;
}

static void garbage(void)
{
	char big[DN_EVENT_ID_MAX + 1];

	OK(!refuses("1 e c\n"), "the least that is one");
	OK(refuses("1 e c"), "no line end");
	OK(refuses("1 e c\n1 e"), "half a second line");
	OK(refuses("1 e c\n\n"), "an empty line");
	OK(refuses("1 e \n"), "no channel");
	OK(refuses("1  c\n"), "no epoch");
	OK(refuses(" e c\n"), "no offset");
	OK(refuses("-1 e c\n"), "a negative offset");
	OK(refuses("01 e c\n"), "an offset of another form");
	OK(refuses("1x e c\n"), "an offset with letters");
	OK(refuses("18446744073709551616 e c\n"), "an offset too big");
	OK(refuses("1 0123456789abcdef c\n"), "an epoch too long");
	OK(refuses("1 e\x01 c\n"), "a control byte in the epoch");
	OK(refuses("1 e c\"\\\xff\n"), "a channel that is none");
	OK(refuses("1 e a*\n"), "a pattern");
	OK(refuses("1 e a b\n"), "a space in the channel");
	OK(refuses_id("", 0), "an empty id");
	OK(refuses_id("MSBlIGMK!", 9), "no base64");
	OK(refuses_id("17", 2), "somebody else's counter");
	memset(big, 'A', sizeof(big));
	OK(refuses_id(big, sizeof(big)), "an id too long");
}

int main(void)
{
	there_and_back();
	limit();
	garbage();
	return tap_done();
}
