/* SPDX-License-Identifier: MIT */
/*
 * Inside it is base64 of one line a channel: "OFFSET EPOCH CHANNEL\n". Neither
 * a channel nor an epoch has a space.
 *
 * Fails: what was not made like that. Nobody gains anything by an id that he
 * made himself: a client may name any position.
 */
#include "session/event_id.h"

#include <errno.h>

#include "base/b64.h"
#include "base/text.h"
#include "record/channel.h"

enum { EPOCH_MAX = 15, OFFSET_DIGITS_MAX = 19 };

void dn_event_id_add(struct dn_buf *positions, struct dn_str channel,
    uint64_t offset, struct dn_str epoch)
{
	dn_buf_u64(positions, offset);
	dn_buf_byte(positions, ' ');
	dn_buf_str(positions, epoch);
	dn_buf_byte(positions, ' ');
	dn_buf_str(positions, channel);
	dn_buf_byte(positions, '\n');
}

bool dn_event_id_write(struct dn_buf *out, struct dn_str positions)
{
	bool fits = positions.n <= DN_EVENT_ID_MAX / 4 * 3;

	dn_buf_lit(out, "id: ");
	if (fits && positions.n > 0)
		dn_b64_encode(DN_B64_URL, positions.p, positions.n, out);
	dn_buf_byte(out, '\n');
	return fits;
}

/* Takes the word up to that byte, which has to be there. */
static bool word(struct dn_str *in, char end, struct dn_str *out)
{
	const char *at = in->n > 0 ? memchr(in->p, end, in->n) : NULL;

	if (at == NULL)
		return false;
	*out = (struct dn_str){in->p, (size_t)(at - in->p)};
	in->n -= out->n + 1;
	in->p = at + 1;
	return true;
}

static bool is_offset(struct dn_str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (!dn_is_digit(s.p[i]))
			return false;
	return s.n == 1 ||
	       (s.n > 1 && s.n <= OFFSET_DIGITS_MAX && s.p[0] != '0');
}

static bool is_epoch(struct dn_str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0 && s.n <= EPOCH_MAX;
}

static bool read_line(struct dn_str *in, struct dn_buf *json)
{
	struct dn_str offset, epoch, channel;
	struct dn_err ignored;

	if (!word(in, ' ', &offset) || !word(in, ' ', &epoch) ||
	    !word(in, '\n', &channel) || !is_offset(offset) ||
	    !is_epoch(epoch) || dn_channel_check(channel, &ignored) != 0)
		return false;
	dn_buf_json_str(json, channel);
	dn_buf_lit(json, ":{\"recover\":true,\"offset\":");
	dn_buf_str(json, offset);
	dn_buf_lit(json, ",\"epoch\":");
	dn_buf_json_str(json, epoch);
	dn_buf_byte(json, '}');
	return true;
}

int dn_event_id_read(struct dn_str id, struct dn_buf *json)
{
	struct dn_buf lines = {0};
	struct dn_str in;
	int rc = -EINVAL;

	json->n = 0;
	if (id.n == 0 || id.n > DN_EVENT_ID_MAX ||
	    dn_b64_decode(DN_B64_URL, id, &lines) != 0)
		goto out;
	dn_buf_byte(json, '{');
	in = dn_buf_view(&lines);
	do {
		if (json->n > 1)
			dn_buf_byte(json, ',');
		if (!read_line(&in, json))
			goto out;
	} while (in.n > 0);
	dn_buf_byte(json, '}');
	rc = 0;
out:
	dn_buf_release(&lines);
	return rc;
}
