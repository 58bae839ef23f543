/* SPDX-License-Identifier: MIT */
/* Which key verifies which token: every algorithm, and that no key verifies
 * what is not its own. */
#include "jwt_help.h"

#include <errno.h>
#include <pthread.h>

#define NOW_US ((int64_t)1300819000 * 1000000)
#define CLAIMS DN_STR("{\"sub\":\"u\"}")
/* RFC 7515, appendices A.1 and A.3: the same claims, signed twice. */
#define RFC_CLAIMS \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt" \
	"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static enum dn_jwt_result verify(
    const struct dn_jwt_key *key, struct dn_str token)
{
	struct dn_jwt_policy policy = {.keys = {key}, .keys_n = 1};
	struct dn_jwt_claims claims;
	struct dn_err err = {0};
	enum dn_jwt_result result =
	    dn_jwt_verify(&policy, token, NOW_US, &claims, &err);

	if (result != DN_JWT_OK)
		printf("# %s\n", err.text);
	dn_jwt_claims_release(&claims);
	return result;
}

/* Takes the token. */
static void is(const struct dn_jwt_key *key, struct dn_buf token,
    enum dn_jwt_result want, const char *name)
{
	IS_NUM(verify(key, dn_buf_view(&token)), want, name);
	dn_buf_release(&token);
}

static void rfc_hmac(void)
{
	static const char token[] =
	    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC_CLAIMS
	    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
	struct dn_buf secret = {0};
	struct dn_jwt_key *key;

	OK(dn_b64_decode(DN_B64_URL,
	       DN_STR("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"
		      "aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
	       &secret) == 0,
	    "the RFC's secret");
	key = secret_key(dn_buf_view(&secret));
	IS_NUM(verify(key, dn_str_of(token)), DN_JWT_OK, "its HS256 token");
	dn_jwt_key_free(&key);
	dn_buf_release(&secret);
}

static void rfc_ec(void)
{
	static const char token[] =
	    "eyJhbGciOiJFUzI1NiJ9." RFC_CLAIMS
	    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlS"
	    "ApmWQxfKTUJqPP3-Kg6NU1Q";
	static const char pem[] =
	    "-----BEGIN PUBLIC KEY-----\n"
	    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7"
	    "\n"
	    "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ=="
	    "\n"
	    "-----END PUBLIC KEY-----\n";
	struct dn_jwt_key *key = NULL;
	struct dn_err err = {0};

	if (OK(dn_jwt_key_pem(&key, dn_str_of(pem), &err) == 0,
		"the RFC's EC key"))
		IS_NUM(verify(key, dn_str_of(token)), DN_JWT_OK,
		    "its ES256 token");
	dn_jwt_key_free(&key);
}

static void hmac(void)
{
	struct dn_jwt_key *key = secret_key(DN_STR("secret"));
	struct dn_jwt_key *other = secret_key(DN_STR("secret2"));
	struct dn_buf t;

	is(key, token_mac("{\"alg\":\"HS256\"}", CLAIMS, DN_STR("secret")),
	    DN_JWT_OK, "HS256");
	is(other, token_mac("{\"alg\":\"HS256\"}", CLAIMS, DN_STR("secret")),
	    DN_JWT_BAD, "another secret");
	t = head_of("{\"alg\":\"HS384\"}", CLAIMS);
	add_signature(
	    &t, mac_with(DN_STR("secret"), EVP_sha384(), dn_buf_view(&t)));
	is(key, t, DN_JWT_OK, "HS384");
	t = head_of("{\"alg\":\"HS512\"}", CLAIMS);
	add_signature(
	    &t, mac_with(DN_STR("secret"), EVP_sha512(), dn_buf_view(&t)));
	is(key, t, DN_JWT_OK, "HS512");
	is(key, token_mac("{\"alg\":\"HS384\"}", CLAIMS, DN_STR("secret")),
	    DN_JWT_BAD, "HS384 with an HS256 signature");
	dn_jwt_key_free(&key);
	dn_jwt_key_free(&other);
}

struct pair {
	EVP_PKEY *private;
	struct dn_jwt_key *public;
};

static struct pair pair_of(EVP_PKEY *private)
{
	return (struct pair){private, public_key(private)};
}

static void pair_release(struct pair *pair)
{
	EVP_PKEY_free(pair->private);
	dn_jwt_key_free(&pair->public);
}

static void public_algorithms(const struct pair *rsa, const struct pair *p256,
    const struct pair *p384, const struct pair *p521)
{
	is(rsa->public,
	    token_key(
		"{\"alg\":\"RS256\"}", CLAIMS, rsa->private, EVP_sha256(), 0),
	    DN_JWT_OK, "RS256");
	is(rsa->public,
	    token_key(
		"{\"alg\":\"RS384\"}", CLAIMS, rsa->private, EVP_sha384(), 0),
	    DN_JWT_OK, "RS384");
	is(rsa->public,
	    token_key(
		"{\"alg\":\"RS512\"}", CLAIMS, rsa->private, EVP_sha512(), 0),
	    DN_JWT_OK, "RS512");
	is(p256->public,
	    token_key(
		"{\"alg\":\"ES256\"}", CLAIMS, p256->private, EVP_sha256(), 32),
	    DN_JWT_OK, "ES256");
	is(p384->public,
	    token_key(
		"{\"alg\":\"ES384\"}", CLAIMS, p384->private, EVP_sha384(), 48),
	    DN_JWT_OK, "ES384");
	is(p521->public,
	    token_key(
		"{\"alg\":\"ES512\"}", CLAIMS, p521->private, EVP_sha512(), 66),
	    DN_JWT_OK, "ES512");
}

/* The classic: a public key's text as an HMAC secret. */
static void confusion(const struct pair *rsa, const struct pair *p256)
{
	struct dn_buf pem = public_pem(rsa->private);

	is(rsa->public,
	    token_mac("{\"alg\":\"HS256\"}", CLAIMS, dn_buf_view(&pem)),
	    DN_JWT_BAD, "HS256 with the public key's PEM as the secret");
	dn_buf_release(&pem);
	is(rsa->public,
	    token_key(
		"{\"alg\":\"ES256\"}", CLAIMS, p256->private, EVP_sha256(), 32),
	    DN_JWT_BAD, "ES256 for an RSA key");
	is(p256->public,
	    token_key(
		"{\"alg\":\"RS256\"}", CLAIMS, rsa->private, EVP_sha256(), 0),
	    DN_JWT_BAD, "RS256 for an EC key");
	is(p256->public,
	    token_key(
		"{\"alg\":\"ES384\"}", CLAIMS, p256->private, EVP_sha384(), 48),
	    DN_JWT_BAD, "ES384 for a key on P-256");
	is(rsa->public,
	    token_key(
		"{\"alg\":\"PS256\"}", CLAIMS, rsa->private, EVP_sha256(), 0),
	    DN_JWT_BAD, "an algorithm that is not ours");
}

/* An EC signature has one length, and r and s are not 0. */
static void ec_signatures(const struct pair *p256)
{
	struct dn_buf head = head_of("{\"alg\":\"ES256\"}", CLAIMS);
	struct dn_buf good =
	    sign_with(p256->private, EVP_sha256(), 32, dn_buf_view(&head));
	struct dn_buf t = {0}, raw = {0};

	dn_buf_str(&t, dn_buf_view(&head));
	dn_buf_add(&raw, good.p, 63);
	add_signature(&t, raw);
	is(p256->public, t, DN_JWT_BAD, "a byte short");
	t = raw = (struct dn_buf){0};
	dn_buf_str(&t, dn_buf_view(&head));
	dn_buf_add(&raw, good.p, 64);
	dn_buf_byte(&raw, 0);
	add_signature(&t, raw);
	is(p256->public, t, DN_JWT_BAD, "a byte long");
	t = raw = (struct dn_buf){0};
	dn_buf_str(&t, dn_buf_view(&head));
	memset(dn_buf_reserve(&raw, 64), 0, 64);
	raw.n = 64;
	add_signature(&t, raw);
	is(p256->public, t, DN_JWT_BAD, "all zero (CVE-2022-21449)");
	t = (struct dn_buf){0};
	dn_buf_str(&t, dn_buf_view(&head));
	dn_buf_byte(&t, '.');
	is(p256->public, t, DN_JWT_BAD, "none at all");
	dn_buf_release(&good);
	dn_buf_release(&head);
}

/* Each bit of a signature counts. */
static void bits(const struct pair *pair, const char *header,
    const EVP_MD *digest, size_t half)
{
	struct dn_buf head = head_of(header, CLAIMS);
	struct dn_buf good =
	    sign_with(pair->private, digest, half, dn_buf_view(&head));
	unsigned i, verified = 0;

	for (i = 0; i < good.n * 8; i += 7) {
		struct dn_buf t = {0}, raw = {0};

		dn_buf_str(&t, dn_buf_view(&head));
		dn_buf_str(&raw, dn_buf_view(&good));
		raw.p[i / 8] = (char)(raw.p[i / 8] ^ 1 << i % 8);
		add_signature(&t, raw);
		verified += verify(pair->public, dn_buf_view(&t)) == DN_JWT_OK;
		dn_buf_release(&t);
	}
	IS_NUM(verified, 0, "no changed signature verifies");
	dn_buf_release(&good);
	dn_buf_release(&head);
}

static void rotation(const struct pair *rsa, const struct pair *p256)
{
	struct dn_jwt_key *old = secret_key(DN_STR("old"));
	struct dn_jwt_key *new = secret_key(DN_STR("new"));
	struct dn_jwt_policy policy = {
	    .keys = {new, old, p256->public, rsa->public}, .keys_n = 4};
	struct dn_buf tokens[] = {
	    token_mac("{\"alg\":\"HS256\"}", CLAIMS, DN_STR("old")),
	    token_mac("{\"alg\":\"HS256\"}", CLAIMS, DN_STR("new")),
	    token_key(
		"{\"alg\":\"RS256\"}", CLAIMS, rsa->private, EVP_sha256(), 0),
	    token_mac("{\"alg\":\"HS256\"}", CLAIMS, DN_STR("older"))};
	struct dn_jwt_claims claims;
	struct dn_err err = {0};
	size_t i;

	for (i = 0; i < DN_ARRAY_LEN(tokens); i++) {
		IS_NUM(dn_jwt_verify(&policy, dn_buf_view(&tokens[i]), NOW_US,
			   &claims, &err),
		    i < 3 ? DN_JWT_OK : DN_JWT_BAD,
		    i < 3 ? "any of several keys" : "but no other");
		dn_jwt_claims_release(&claims);
		dn_buf_release(&tokens[i]);
	}
	dn_jwt_key_free(&old);
	dn_jwt_key_free(&new);
}

struct job {
	const struct dn_jwt_key *key;
	struct dn_str token;
	int good;
};

static void *verify_many(void *arg)
{
	struct job *job = arg;
	struct dn_jwt_policy policy = {.keys = {job->key}, .keys_n = 1};
	struct dn_jwt_claims claims;
	struct dn_err err;
	int i;

	for (i = 0; i < 200; i++) {
		job->good += dn_jwt_verify(&policy, job->token, NOW_US, &claims,
				 &err) == DN_JWT_OK;
		dn_jwt_claims_release(&claims);
	}
	return NULL;
}

static void threads(const struct pair *p256)
{
	struct dn_buf t = token_key(
	    "{\"alg\":\"ES256\"}", CLAIMS, p256->private, EVP_sha256(), 32);
	struct job jobs[3];
	pthread_t ids[3];
	size_t i;

	for (i = 0; i < 3; i++) {
		jobs[i] = (struct job){p256->public, dn_buf_view(&t), 0};
		pthread_create(&ids[i], NULL, verify_many, &jobs[i]);
	}
	for (i = 0; i < 3; i++) {
		pthread_join(ids[i], NULL);
		IS_NUM(jobs[i].good, 200, "threads share a key");
	}
	dn_buf_release(&t);
}

static void refuses_pem(struct dn_str pem, const char *why)
{
	struct dn_jwt_key *key = NULL;
	struct dn_err err = {0};

	OK(dn_jwt_key_pem(&key, pem, &err) == -EINVAL && key == NULL, why);
	if (!OK(strstr(err.text, why) != NULL, "the reason"))
		printf("# %s\n", err.text);
}

/* Takes the key. */
static void refuses_key(EVP_PKEY *key, const char *why)
{
	struct dn_buf pem = public_pem(key);

	refuses_pem(dn_buf_view(&pem), why);
	dn_buf_release(&pem);
	EVP_PKEY_free(key);
}

static void no_keys(const struct pair *p256)
{
	struct dn_jwt_key *key = NULL;
	struct dn_err err = {0};
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;

	PEM_write_bio_PrivateKey(bio, p256->private, NULL, NULL, 0, NULL, NULL);
	n = BIO_get_mem_data(bio, &p);
	refuses_pem((struct dn_str){p, (size_t)n}, "is a private key");
	BIO_free(bio);
	refuses_key(EVP_RSA_gen(1024), "at least 2048 bits");
	refuses_key(EVP_EC_gen("secp256k1"), "P-256, P-384 or P-521");
	refuses_key(
	    EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "P-256, P-384 or P-521");
	refuses_pem(DN_STR(""), "no public key in PEM form");
	refuses_pem((struct dn_str){0}, "no public key in PEM form");
	refuses_pem(DN_STR("-----BEGIN PUBLIC KEY-----\nAAAA\n"
			   "-----END PUBLIC KEY-----\n"),
	    "no public key in PEM form");
	refuses_pem(DN_STR("-----BEGIN CERTIFICATE-----\nAAAA\n"
			   "-----END CERTIFICATE-----\n"),
	    "is a certificate");
	OK(dn_jwt_key_hmac(&key, DN_STR(""), &err) == -EINVAL,
	    "an empty secret is none");
	dn_jwt_key_free(&key);
}

int main(void)
{
	struct pair rsa = pair_of(EVP_RSA_gen(2048));
	struct pair p256 = pair_of(EVP_EC_gen("P-256"));
	struct pair p384 = pair_of(EVP_EC_gen("P-384"));
	struct pair p521 = pair_of(EVP_EC_gen("P-521"));

	rfc_hmac();
	rfc_ec();
	hmac();
	public_algorithms(&rsa, &p256, &p384, &p521);
	confusion(&rsa, &p256);
	ec_signatures(&p256);
	bits(&p256, "{\"alg\":\"ES256\"}", EVP_sha256(), 32);
	bits(&rsa, "{\"alg\":\"RS256\"}", EVP_sha256(), 0);
	rotation(&rsa, &p256);
	threads(&p256);
	no_keys(&p256);
	pair_release(&rsa);
	pair_release(&p256);
	pair_release(&p384);
	pair_release(&p521);
	return tap_done();
}
