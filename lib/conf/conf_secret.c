/* SPDX-License-Identifier: MIT */
/*
 * How it works: each file of a tenant's secrets is read once and becomes a
 * parsed key; its text is wiped. All keys together make the policy that
 * tokens are held against.
 *
 * How it fails: a file that is missing, unreadable, empty, too large or no
 * key is noted with its name and never with its content. A file that is
 * readable by everybody is taken: containers mount them so.
 */
#include "conf/conf_table.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <unistd.h>

/* The file's bytes, -errno where it cannot be read, -EFBIG. */
static int read_file(int fd, size_t max, struct dn_buf *out)
{
	ssize_t n;

	while (out->n <= max) {
		n = read(fd, dn_buf_reserve(out, max + 1), max + 1 - out->n);
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		out->n += (size_t)n;
	}
	return -EFBIG;
}

int dn_conf_slurp(const char *path, size_t max, struct dn_buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = read_file(fd, max, out);
	close(fd);
	return rc;
}

/* An editor's newline at the end is not part of a secret. */
static struct dn_str without_newline(struct dn_str s)
{
	if (s.n > 0 && s.p[s.n - 1] == '\n')
		s.n--;
	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	return s;
}

static void read_key(struct dn_conf_reader *r, const char *key,
    const char *path, bool pem, struct dn_jwt_key **out)
{
	struct dn_err err = {0};
	struct dn_buf text = {0};
	struct dn_str secret;
	size_t mark;
	int rc;

	if (path == NULL)
		return;
	mark = dn_conf_enter(r, key);
	rc = dn_conf_slurp(path, DN_CONF_SECRET_MAX, &text);
	secret = without_newline(dn_buf_view(&text));
	if (rc != 0)
		dn_conf_wrong(r, "%s: %s", path, strerror(-rc));
	else if (secret.n == 0)
		dn_conf_wrong(r, "%s: is empty", path);
	else if ((pem ? dn_jwt_key_pem(out, secret, &err)
		      : dn_jwt_key_hmac(out, secret, &err)) != 0)
		dn_conf_wrong(r, "%s: %s", path, err.text);
	OPENSSL_cleanse(text.p, text.cap);
	dn_buf_release(&text);
	dn_conf_leave(r, mark);
}

static void add_key(struct dn_jwt_policy *policy, const struct dn_jwt_key *key)
{
	if (key != NULL)
		policy->keys[policy->keys_n++] = key;
}

void dn_conf_read_secrets(struct dn_conf_reader *r, struct dn_conf_tenant *t)
{
	read_key(r, "token_hmac_secret_file", t->token_hmac_secret_file, false,
	    &t->token_hmac);
	read_key(r, "token_hmac_previous_secret_file",
	    t->token_hmac_previous_secret_file, false, &t->token_hmac_previous);
	read_key(r, "token_public_key_file", t->token_public_key_file, true,
	    &t->token_public);
	read_key(r, "token_public_previous_key_file",
	    t->token_public_previous_key_file, true, &t->token_public_previous);
	add_key(&t->token, t->token_hmac);
	add_key(&t->token, t->token_hmac_previous);
	add_key(&t->token, t->token_public);
	add_key(&t->token, t->token_public_previous);
	t->token.audience = t->token_audience;
	t->token.issuer = t->token_issuer;
}
