/* SPDX-License-Identifier: MIT */
/*
 * jwt_help: the tests' own signer of tokens: any header, any key, so that
 * also tokens can be made which dnot would never issue.
 */
#ifndef JWT_HELP_H
#define JWT_HELP_H

#include "base/b64.h"
#include "auth/jwt.h"
#include "tap.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

/* Adds r and s, each as long as the curve needs. */
static inline void add_raw_ec(
    const unsigned char *der, size_t n, size_t half, struct dn_buf *out)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
	unsigned char raw[132];

	BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)half);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + half, (int)half);
	dn_buf_add(out, raw, 2 * half);
	ECDSA_SIG_free(sig);
}

/* The raw signature; half is 0 for RSA. */
static inline struct dn_buf sign_with(
    EVP_PKEY *key, const EVP_MD *digest, size_t half, struct dn_str text)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char raw[1024];
	struct dn_buf out = {0};
	size_t n = sizeof(raw);

	EVP_DigestSignInit(ctx, NULL, digest, NULL, key);
	if (EVP_DigestSign(
		ctx, raw, &n, (const unsigned char *)text.p, text.n) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	if (half > 0)
		add_raw_ec(raw, n, half, &out);
	else
		dn_buf_add(&out, raw, n);
	return out;
}

static inline struct dn_buf mac_with(
    struct dn_str secret, const EVP_MD *digest, struct dn_str text)
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	struct dn_buf out = {0};
	unsigned n;

	HMAC(digest, secret.p, (int)secret.n, (const unsigned char *)text.p,
	    text.n, raw, &n);
	dn_buf_add(&out, raw, n);
	return out;
}

/* "HEADER.PAYLOAD", encoded. */
static inline struct dn_buf head_of(const char *header, struct dn_str payload)
{
	struct dn_buf out = {0};

	dn_b64_encode(DN_B64_URL, header, strlen(header), &out);
	dn_buf_byte(&out, '.');
	dn_b64_encode(DN_B64_URL, payload.p, payload.n, &out);
	return out;
}

static inline void add_signature(struct dn_buf *token, struct dn_buf raw)
{
	dn_buf_byte(token, '.');
	dn_b64_encode(DN_B64_URL, raw.p, raw.n, token);
	dn_buf_release(&raw);
}

/* A whole token; the caller releases it. */
static inline struct dn_buf token_mac(
    const char *header, struct dn_str payload, struct dn_str secret)
{
	struct dn_buf t = head_of(header, payload);

	add_signature(&t, mac_with(secret, EVP_sha256(), dn_buf_view(&t)));
	return t;
}

static inline struct dn_buf token_key(const char *header, struct dn_str payload,
    EVP_PKEY *key, const EVP_MD *digest, size_t half)
{
	struct dn_buf t = head_of(header, payload);

	add_signature(&t, sign_with(key, digest, half, dn_buf_view(&t)));
	return t;
}

/* The public half as PEM; the caller releases it. */
static inline struct dn_buf public_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct dn_buf out = {0};
	char *p;
	long n;

	PEM_write_bio_PUBKEY(bio, key);
	n = BIO_get_mem_data(bio, &p);
	dn_buf_add(&out, p, (size_t)n);
	BIO_free(bio);
	return out;
}

static inline struct dn_jwt_key *public_key(EVP_PKEY *key)
{
	struct dn_buf pem = public_pem(key);
	struct dn_err err = {0};
	struct dn_jwt_key *out = NULL;

	if (!OK(dn_jwt_key_pem(&out, dn_buf_view(&pem), &err) == 0,
		"a public key is read")) {
		printf("# %s\n", err.text);
		exit(1);
	}
	dn_buf_release(&pem);
	return out;
}

static inline struct dn_jwt_key *secret_key(struct dn_str secret)
{
	struct dn_err err = {0};
	struct dn_jwt_key *out = NULL;

	if (dn_jwt_key_hmac(&out, secret, &err) != 0)
		abort();
	return out;
}

#endif
