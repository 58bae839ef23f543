/* SPDX-License-Identifier: MIT */
/*
 * How it works: a key has a kind, and an algorithm belongs to one kind (for
 * EC, to one curve); that pins which tokens a key can verify before a byte of
 * the signature is looked at. A public key is parsed once into an EVP_PKEY,
 * which threads share: a verification only reads it.
 *
 * How it fails: a signature of the wrong length, an (r, s) that is none, or
 * any error of OpenSSL is "not verified"; OpenSSL's error queue is left empty.
 * A PEM that is no public key of a fitting kind is refused with what it is.
 */
#include "auth/jwt_impl.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <stdlib.h>

#define KEY_MAGIC 0x4a4b4559u

enum { RSA_BITS_MIN = 2048 };

enum kind { HMAC_KEY, RSA_KEY, P256_KEY, P384_KEY, P521_KEY };

struct dn_jwt_key {
	uint32_t magic;
	enum kind kind;
	char *secret; /* HMAC */
	size_t secret_n;
	EVP_PKEY *public; /* the others */
};

struct dn_jwt_alg {
	const char *name;
	enum kind kind;
	const EVP_MD *(*digest)(void);
	size_t half; /* of an EC signature: r and s have as many bytes */
};

static const struct dn_jwt_alg algs[] = {
    {"HS256", HMAC_KEY, EVP_sha256, 0},
    {"HS384", HMAC_KEY, EVP_sha384, 0},
    {"HS512", HMAC_KEY, EVP_sha512, 0},
    {"RS256", RSA_KEY, EVP_sha256, 0},
    {"RS384", RSA_KEY, EVP_sha384, 0},
    {"RS512", RSA_KEY, EVP_sha512, 0},
    {"ES256", P256_KEY, EVP_sha256, 32},
    {"ES384", P384_KEY, EVP_sha384, 48},
    {"ES512", P521_KEY, EVP_sha512, 66},
};

const struct dn_jwt_alg *dn_jwt_alg_find(struct dn_str name)
{
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(algs); i++)
		if (dn_str_is(name, algs[i].name))
			return &algs[i];
	return NULL;
}

bool dn_jwt_key_takes(
    const struct dn_jwt_key *key, const struct dn_jwt_alg *alg)
{
	DN_CHECK(key, KEY_MAGIC);
	return key->kind == alg->kind;
}

static struct dn_jwt_key *key_new(enum kind kind)
{
	struct dn_jwt_key *key = dn_xcalloc(1, sizeof(*key));

	key->magic = KEY_MAGIC;
	key->kind = kind;
	return key;
}

int dn_jwt_key_hmac(
    struct dn_jwt_key **out, struct dn_str secret, struct dn_err *err)
{
	struct dn_jwt_key *key;

	if (secret.n == 0)
		return dn_err_set(err, -EINVAL, "the secret is empty");
	key = key_new(HMAC_KEY);
	key->secret = dn_xstrndup(secret.p, secret.n);
	key->secret_n = secret.n;
	*out = key;
	return 0;
}

/* Which kind a parsed key is; false, with the reason, when it is of no use. */
static bool kind_of(EVP_PKEY *public, enum kind *kind, const char **why)
{
	char curve[64] = "";

	if (EVP_PKEY_is_a(public, "RSA")) {
		*kind = RSA_KEY;
		*why = "an RSA key must have at least 2048 bits";
		return EVP_PKEY_get_bits(public) >= RSA_BITS_MIN;
	}
	*why = "must be an RSA key, or an EC key on P-256, P-384 or P-521";
	if (!EVP_PKEY_is_a(public, "EC") ||
	    EVP_PKEY_get_group_name(public, curve, sizeof(curve), NULL) != 1)
		return false;
	switch (OBJ_txt2nid(curve)) {
	case NID_X9_62_prime256v1:
		*kind = P256_KEY;
		return true;
	case NID_secp384r1:
		*kind = P384_KEY;
		return true;
	case NID_secp521r1:
		*kind = P521_KEY;
		return true;
	default:
		return false;
	}
}

/* Never asks a terminal for a passphrase. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static EVP_PKEY *parse_pem(struct dn_str pem)
{
	EVP_PKEY *public = NULL;
	BIO *bio;

	if (pem.n > INT32_MAX)
		return NULL;
	bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (bio != NULL)
	public = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	ERR_clear_error();
	return public;
}

static bool has_text(struct dn_str pem, const char *text)
{
	size_t i, n = strlen(text);

	for (i = 0; i + n <= pem.n; i++)
		if (memcmp(pem.p + i, text, n) == 0)
			return true;
	return false;
}

static const char *why_no_key(struct dn_str pem)
{
	if (has_text(pem, "PRIVATE KEY-----"))
		return "is a private key; only its public key belongs here "
		       "(openssl pkey -pubout)";
	if (has_text(pem, "-----BEGIN CERTIFICATE-----"))
		return "is a certificate; its public key belongs here "
		       "(openssl x509 -pubkey -noout)";
	return "is no public key in PEM form (BEGIN PUBLIC KEY)";
}

int dn_jwt_key_pem(
    struct dn_jwt_key **out, struct dn_str pem, struct dn_err *err)
{
	EVP_PKEY *public = parse_pem(pem);
	const char *why;
	enum kind kind;

	if (public == NULL)
		return dn_err_set(err, -EINVAL, "%s", why_no_key(pem));
	if (!kind_of(public, &kind, &why)) {
		EVP_PKEY_free(public);
		ERR_clear_error();
		return dn_err_set(err, -EINVAL, "%s", why);
	}
	*out = key_new(kind);
	(*out)->public = public;
	return 0;
}

void dn_jwt_key_free(struct dn_jwt_key **key_p)
{
	struct dn_jwt_key *key = *key_p;

	*key_p = NULL;
	if (key == NULL)
		return;
	DN_CHECK(key, KEY_MAGIC);
	if (key->secret != NULL)
		OPENSSL_cleanse(key->secret, key->secret_n);
	free(key->secret);
	EVP_PKEY_free(key->public);
	key->magic = 0;
	free(key);
}

/* The HMAC of text; its length, 0 when OpenSSL has no such digest. */
static size_t mac(const struct dn_jwt_key *key, const EVP_MD *digest,
    struct dn_str text, unsigned char out[EVP_MAX_MD_SIZE])
{
	unsigned n = 0;

	if (HMAC(digest, key->secret, (int)key->secret_n,
		(const unsigned char *)text.p, text.n, out, &n) == NULL)
		return 0;
	return n;
}

static bool verify_mac(const struct dn_jwt_key *key,
    const struct dn_jwt_alg *alg, struct dn_str text, struct dn_str signature)
{
	unsigned char want[EVP_MAX_MD_SIZE];
	size_t n = mac(key, alg->digest(), text, want);

	return n > 0 && signature.n == n &&
	       dn_same_secret(want, signature.p, n);
}

/* A token has r and s side by side, OpenSSL wants them in DER. */
static int ec_to_der(struct dn_str signature, size_t half, unsigned char **der)
{
	const unsigned char *raw = (const unsigned char *)signature.p;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r, *s;
	int n = -1;

	if (signature.n != 2 * half || sig == NULL) {
		ECDSA_SIG_free(sig);
		return -1;
	}
	r = BN_bin2bn(raw, (int)half, NULL);
	s = BN_bin2bn(raw + half, (int)half, NULL);
	if (r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
		n = i2d_ECDSA_SIG(sig, der);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(sig);
	return n;
}

static bool verify_public(const struct dn_jwt_key *key,
    const struct dn_jwt_alg *alg, struct dn_str text, const void *signature,
    size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	good = ctx != NULL &&
	       EVP_DigestVerifyInit(
		   ctx, NULL, alg->digest(), NULL, key->public) == 1 &&
	       EVP_DigestVerify(ctx, signature, n,
		   (const unsigned char *)text.p, text.n) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

bool dn_jwt_key_verify(const struct dn_jwt_key *key,
    const struct dn_jwt_alg *alg, struct dn_str text, struct dn_str signature)
{
	unsigned char *der = NULL;
	bool good;
	int n;

	DN_ASSERT(dn_jwt_key_takes(key, alg));
	if (key->kind == HMAC_KEY)
		return verify_mac(key, alg, text, signature);
	if (alg->half == 0)
		return verify_public(key, alg, text, signature.p, signature.n);
	n = ec_to_der(signature, alg->half, &der);
	good = n > 0 && verify_public(key, alg, text, der, (size_t)n);
	OPENSSL_free(der);
	return good;
}

int dn_jwt_key_sign(const struct dn_jwt_key *key, struct dn_str text,
    struct dn_buf *signature, struct dn_err *err)
{
	unsigned char out[EVP_MAX_MD_SIZE];
	size_t n;

	if (key == NULL || key->kind != HMAC_KEY)
		return dn_err_set(err, -EINVAL,
		    "tokens are issued with an HMAC secret, and there is none");
	n = mac(key, EVP_sha256(), text, out);
	DN_ASSERT(n > 0);
	dn_buf_add(signature, out, n);
	return 0;
}
