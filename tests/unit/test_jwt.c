/* SPDX-License-Identifier: MIT */
/* What tokens say and when they count: shape, header, claims, times, names,
 * issuing. test_jwt_key.c has the signatures. */
#include "jwt_help.h"

#include <errno.h>

#define HS256 "{\"alg\":\"HS256\"}"
#define SECRET DN_STR("secret")
#define NOW ((int64_t)1700000000)

static struct dn_jwt_key *key;
static struct dn_jwt_policy policy;

static enum dn_jwt_result verify_at(
    struct dn_str token, int64_t now_s, struct dn_jwt_claims *claims)
{
	struct dn_err err = {0};
	enum dn_jwt_result result =
	    dn_jwt_verify(&policy, token, now_s * 1000000, claims, &err);

	if (result != DN_JWT_OK) {
		if (strncmp(err.text, "token: ", 7) != 0)
			OK(false, "a failure has its reason");
		printf("# %s\n", err.text);
	}
	return result;
}

/* Claims with ' for ", well signed. */
static enum dn_jwt_result claims_of(
    const char *text, int64_t now_s, struct dn_jwt_claims *claims)
{
	struct dn_buf json = {0}, token;
	enum dn_jwt_result result;
	size_t i;

	dn_buf_lit(&json, text);
	for (i = 0; i < json.n; i++)
		if (json.p[i] == '\'')
			json.p[i] = '"';
	token = token_mac(HS256, dn_buf_view(&json), SECRET);
	result = verify_at(dn_buf_view(&token), now_s, claims);
	dn_buf_release(&token);
	dn_buf_release(&json);
	return result;
}

static void is(const char *text, int64_t now_s, enum dn_jwt_result want)
{
	struct dn_jwt_claims claims;

	IS_NUM(claims_of(text, now_s, &claims), want, text);
	dn_jwt_claims_release(&claims);
}

static void header_is(const char *header, enum dn_jwt_result want)
{
	struct dn_buf token = token_mac(header, DN_STR("{}"), SECRET);
	struct dn_jwt_claims claims;

	IS_NUM(verify_at(dn_buf_view(&token), NOW, &claims), want, header);
	dn_jwt_claims_release(&claims);
	dn_buf_release(&token);
}

static void token_is(
    struct dn_str token, enum dn_jwt_result want, const char *name)
{
	struct dn_jwt_claims claims;

	IS_NUM(verify_at(token, NOW, &claims), want, name);
	dn_jwt_claims_release(&claims);
}

static void shapes(void)
{
	struct dn_buf good = token_mac(HS256, DN_STR("{}"), SECRET);
	struct dn_buf t = {0};
	size_t i, verified = 0;

	token_is(dn_buf_view(&good), DN_JWT_OK, "a token");
	token_is((struct dn_str){0}, DN_JWT_BAD, "no token");
	token_is(DN_STR(""), DN_JWT_BAD, "an empty one");
	token_is(DN_STR("."), DN_JWT_BAD, "one dot");
	token_is(DN_STR(".."), DN_JWT_BAD, "two dots");
	token_is(DN_STR("a.b.c.d"), DN_JWT_BAD, "three dots");
	for (i = 0; i < good.n; i++)
		verified += verify_at((struct dn_str){good.p, i}, NOW,
				&(struct dn_jwt_claims){0}) == DN_JWT_OK;
	IS_NUM(verified, 0, "no part of it verifies");
	dn_buf_str(&t, dn_buf_view(&good));
	dn_buf_byte(&t, '=');
	token_is(dn_buf_view(&t), DN_JWT_BAD, "padding behind it");
	t.p[t.n - 1] = '\n';
	token_is(dn_buf_view(&t), DN_JWT_BAD, "a newline behind it");
	/* 32 bytes leave two bits of the last character over. */
	t.n--;
	t.p[t.n - 1]++;
	token_is(dn_buf_view(&t), DN_JWT_BAD, "bits behind the signature");
	dn_buf_release(&t);
	dn_buf_release(&good);
}

/* A token of exactly the limit, and one byte more. */
static void sizes(void)
{
	struct dn_buf claims = {0}, token;
	size_t n;

	dn_buf_lit(&claims, "{\"x\":\"");
	while (claims.n < 12200)
		dn_buf_byte(&claims, 'x');
	dn_buf_lit(&claims, "\"}");
	for (;;) {
		token = token_mac(HS256, dn_buf_view(&claims), SECRET);
		n = token.n;
		token_is(dn_buf_view(&token),
		    n <= DN_JWT_MAX ? DN_JWT_OK : DN_JWT_BAD,
		    n <= DN_JWT_MAX ? "under the limit" : "over the limit");
		dn_buf_release(&token);
		if (n > DN_JWT_MAX)
			break;
		claims.n -= 2;
		dn_buf_lit(&claims, "x\"}");
	}
	OK(n <= DN_JWT_MAX + 2, "the limit is met closely");
	dn_buf_release(&claims);
}

static void headers(void)
{
	header_is("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", DN_JWT_OK);
	header_is("{\"typ\":5,\"kid\":\"k\",\"alg\":\"HS256\"}", DN_JWT_OK);
	header_is("{\"alg\":\"HS\\u0032\\u0035\\u0036\"}", DN_JWT_OK);
	header_is("{\"alg\":\"none\"}", DN_JWT_BAD);
	header_is("{\"alg\":\"None\"}", DN_JWT_BAD);
	header_is("{\"alg\":\"hs256\"}", DN_JWT_BAD);
	header_is("{\"alg\":\"\"}", DN_JWT_BAD);
	header_is("{\"alg\":null}", DN_JWT_BAD);
	header_is("{\"alg\":[\"HS256\"]}", DN_JWT_BAD);
	header_is("{\"alg\":\"HS256\",\"alg\":\"none\"}", DN_JWT_BAD);
	header_is("{\"alg\":\"none\",\"a\\u006cg\":\"HS256\"}", DN_JWT_BAD);
	header_is(
	    "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", DN_JWT_BAD);
	header_is("{\"alg\":\"RS256\"}", DN_JWT_BAD);
	header_is("{}", DN_JWT_BAD);
	header_is("[]", DN_JWT_BAD);
	header_is("\"HS256\"", DN_JWT_BAD);
	header_is("", DN_JWT_BAD);
	token_is(DN_STR("eyJhbGciOiJub25lIn0.e30."), DN_JWT_BAD,
	    "alg none without a signature");
}

static void strings(void)
{
	struct dn_jwt_claims c;

	IS_NUM(claims_of("{'sub':'42','iss':'i','jti':'j','tenant':'acme',"
			 "'channel':'ch','client':'cl','exp':1700000001,"
			 "'nbf':1,'iat':2,'expire_at':1700000009,'aud':'a'}",
		   NOW, &c),
	    DN_JWT_OK, "all simple claims");
	IS_SLICE(c.sub, "42", "sub");
	IS_SLICE(c.iss, "i", "iss");
	IS_SLICE(c.jti, "j", "jti");
	IS_SLICE(c.tenant, "acme", "tenant");
	IS_SLICE(c.channel, "ch", "channel");
	IS_SLICE(c.client, "cl", "client");
	IS_SLICE(c.aud, "\"a\"", "aud is raw");
	IS_NUM(c.exp, 1700000001, "exp");
	IS_NUM(c.nbf, 1, "nbf");
	IS_NUM(c.iat, 2, "iat");
	IS_NUM(c.expire_at, 1700000009, "expire_at");
	IS_NUM(dn_jwt_ends_at(&c), 1700000009, "expire_at ends it");
	dn_jwt_claims_release(&c);
	IS_NUM(claims_of("{'sub':'','exp':1700000001.9}", NOW, &c), DN_JWT_OK,
	    "few claims");
	OK(c.sub.p != NULL && c.sub.n == 0, "an empty user is there");
	OK(c.iss.p == NULL && c.info.p == NULL, "what is unset is not");
	IS_NUM(c.exp, 1700000001, "a fraction is cut off");
	IS_NUM(dn_jwt_ends_at(&c), 1700000001, "exp ends it");
	IS_NUM(c.nbf, -1, "an unset time");
	dn_jwt_claims_release(&c);
	IS_NUM(claims_of(
		   "{'sub':'\\u00e9\\n','expire_at':0,'exp':1.8e9}", NOW, &c),
	    DN_JWT_OK, "escapes and exponents");
	IS_SLICE(c.sub, "\xc3\xa9\n", "the user is decoded");
	IS_NUM(c.exp, 1800000000, "the time, too");
	IS_NUM(dn_jwt_ends_at(&c), 0, "expire_at 0: it never ends");
	dn_jwt_claims_release(&c);
}

static void raws(void)
{
	struct dn_jwt_claims c;

	IS_NUM(claims_of("{'info': {'n': 1.10, 'big': 12345678901234567890},"
			 "'channels':['a','b'],'subs':{'c':{}},'meta':{'m':1},"
			 "'override':{}, 'data':[1, 2]}",
		   NOW, &c),
	    DN_JWT_OK, "all raw claims");
	IS_SLICE(c.info, "{\"n\": 1.10, \"big\": 12345678901234567890}",
	    "info byte for byte");
	IS_SLICE(c.channels, "[\"a\",\"b\"]", "channels");
	IS_SLICE(c.subs, "{\"c\":{}}", "subs");
	IS_SLICE(c.meta, "{\"m\":1}", "meta");
	IS_SLICE(c.override, "{}", "override");
	IS_SLICE(c.data, "[1, 2]", "data");
	dn_jwt_claims_release(&c);
	IS_NUM(claims_of("{'b64info':'eyJhIjoxfQ==','info':5,'b64data':'',"
			 "'data':6,'meta':null}",
		   NOW, &c),
	    DN_JWT_OK, "base64");
	IS_SLICE(c.info, "{\"a\":1}", "b64info counts");
	IS_SLICE(c.data, "6", "an empty one does not");
	OK(c.meta.p == NULL, "null is unset");
	dn_jwt_claims_release(&c);
	is("{'subs':{'a':{'b64info':'eyJhIjoxfQ==','info':5,'b64data':'',"
	   "'data':null},'b':{'b64info':null}}}",
	    NOW, DN_JWT_OK);
	/* Every text escaped and both base64: as much as can be held. */
	IS_NUM(claims_of("{'sub':'\\u0061','iss':'\\u0061','jti':'\\u0061',"
			 "'tenant':'\\u0061','channel':'\\u0061',"
			 "'client':'\\u0061','b64info':'\\u004eQ==',"
			 "'b64data':'\\u004eg=='}",
		   NOW, &c),
	    DN_JWT_OK, "everything escaped");
	IS_SLICE(c.info, "5", "decoded twice");
	IS_SLICE(c.data, "6", "and the last");
	IS_SLICE(c.sub, "a", "and the first");
	dn_jwt_claims_release(&c);
}

static void wrong_claims(void)
{
	is("", NOW, DN_JWT_BAD);
	is("5", NOW, DN_JWT_BAD);
	is("[]", NOW, DN_JWT_BAD);
	is("{", NOW, DN_JWT_BAD);
	is("{}}", NOW, DN_JWT_BAD);
	is("{'sub':42}", NOW, DN_JWT_BAD);
	is("{'sub':'a','sub':'b'}", NOW, DN_JWT_BAD);
	is("{'sub':'a','s\\u0075b':'b'}", NOW, DN_JWT_BAD);
	is("{'sub':null,'sub':'b'}", NOW, DN_JWT_BAD);
	is("{'sub':'\xff'}", NOW, DN_JWT_BAD);
	is("{'exp':'1800000000'}", NOW, DN_JWT_BAD);
	is("{'exp':true}", NOW, DN_JWT_BAD);
	is("{'exp':-1}", NOW, DN_JWT_BAD);
	is("{'exp':1e300}", NOW, DN_JWT_BAD);
	is("{'exp':1e}", NOW, DN_JWT_BAD);
	is("{'exp':0.00000000000000000000000000000000000000001}", NOW,
	    DN_JWT_BAD);
	is("{'channels':'a'}", NOW, DN_JWT_BAD);
	is("{'channels':['a',5]}", NOW, DN_JWT_BAD);
	is("{'subs':['a']}", NOW, DN_JWT_BAD);
	is("{'subs':{'a':5}}", NOW, DN_JWT_BAD);
	is("{'subs':{'a':{'b64info':'eyJhIjoxfQ'}}}", NOW, DN_JWT_BAD);
	is("{'subs':{'a':{'b64data':'bm8ganNvbg=='}}}", NOW, DN_JWT_BAD);
	is("{'subs':{'a':{'data':6,'b64data':5}}}", NOW, DN_JWT_BAD);
	is("{'meta':5}", NOW, DN_JWT_BAD);
	is("{'aud':5}", NOW, DN_JWT_BAD);
	is("{'aud':['a',5]}", NOW, DN_JWT_BAD);
	is("{'tenant':['acme']}", NOW, DN_JWT_BAD);
	is("{'b64info':'eyJhIjoxfQ'}", NOW, DN_JWT_BAD);
	is("{'b64info':'bm8ganNvbg=='}", NOW, DN_JWT_BAD);
	is("{'b64info':5}", NOW, DN_JWT_BAD);
	is("{'unknown':5,'unknown':6}", NOW, DN_JWT_OK);
}

static void times(void)
{
	is("{'exp':1700000000}", NOW - 1, DN_JWT_OK);
	is("{'exp':1700000000}", NOW, DN_JWT_EXPIRED);
	is("{'exp':1700000000.5}", NOW, DN_JWT_EXPIRED);
	is("{'exp':0}", NOW, DN_JWT_EXPIRED);
	is("{'exp':1,'expire_at':1900000000}", NOW, DN_JWT_EXPIRED);
	is("{'exp':1900000000,'expire_at':1}", NOW, DN_JWT_OK);
	is("{'nbf':1700000060}", NOW, DN_JWT_OK);
	is("{'nbf':1700000061}", NOW, DN_JWT_EXPIRED);
	is("{'iat':1700000060}", NOW, DN_JWT_OK);
	is("{'iat':1700000061}", NOW, DN_JWT_EXPIRED);
	is("{'exp':1700000000,'sub':5}", NOW, DN_JWT_BAD);
}

static void forged_is_not_expired(void)
{
	struct dn_buf token =
	    token_mac(HS256, DN_STR("{\"exp\":1}"), DN_STR("guess"));

	token_is(
	    dn_buf_view(&token), DN_JWT_BAD, "expired and forged is forged");
	dn_buf_release(&token);
}

static void names(void)
{
	policy.audience = "me";
	is("{'aud':'me'}", NOW, DN_JWT_OK);
	is("{'aud':'m\\u0065'}", NOW, DN_JWT_OK);
	is("{'aud':['you','me']}", NOW, DN_JWT_OK);
	is("{'aud':'you'}", NOW, DN_JWT_BAD);
	is("{'aud':['you']}", NOW, DN_JWT_BAD);
	is("{'aud':[]}", NOW, DN_JWT_BAD);
	is("{'aud':'mee'}", NOW, DN_JWT_BAD);
	is("{}", NOW, DN_JWT_BAD);
	policy.audience = NULL;
	policy.issuer = "us";
	is("{'iss':'us'}", NOW, DN_JWT_OK);
	is("{'iss':'them'}", NOW, DN_JWT_BAD);
	is("{'iss':''}", NOW, DN_JWT_BAD);
	is("{}", NOW, DN_JWT_BAD);
	policy.issuer = NULL;
	is("{'iss':'anyone','aud':'anyone'}", NOW, DN_JWT_OK);
}

static void insecure(void)
{
	struct dn_buf token = token_mac(
	    HS256, DN_STR("{\"sub\":\"u\",\"exp\":1}"), DN_STR("anything"));
	struct dn_jwt_claims c;

	policy = (struct dn_jwt_policy){.insecure = true};
	IS_NUM(verify_at(dn_buf_view(&token), NOW, &c), DN_JWT_OK,
	    "--dev believes a token unsigned");
	IS_SLICE(c.sub, "u", "what it says");
	IS_NUM(dn_jwt_ends_at(&c), 0, "and it never ends");
	dn_jwt_claims_release(&c);
	token_is(DN_STR("garbage"), DN_JWT_BAD, "but garbage is none");
	token_is(DN_STR("e30.W10.x"), DN_JWT_BAD, "nor are claims in an array");
	policy = (struct dn_jwt_policy){0};
	token_is(dn_buf_view(&token), DN_JWT_BAD,
	    "without any key nothing verifies");
	policy = (struct dn_jwt_policy){.keys = {key}, .keys_n = 1};
	dn_buf_release(&token);
}

static void hints(void)
{
	struct dn_buf token = token_mac(
	    HS256, DN_STR("{\"tenant\":\"ac\\u006de\"}"), DN_STR("x"));
	struct dn_buf text = {0};

	IS_SLICE(dn_jwt_tenant_hint(dn_buf_view(&token), &text), "acme",
	    "the tenant a token names");
	dn_buf_release(&text);
	dn_buf_release(&token);
	OK(dn_jwt_tenant_hint(DN_STR("e30.e30."), &text).p == NULL,
	    "none where there is none");
	OK(dn_jwt_tenant_hint(DN_STR("x"), &text).p == NULL, "nor in garbage");
	dn_buf_release(&text);
}

static void issue_fails(
    const struct dn_jwt_key *with, const char *claims, const char *why)
{
	struct dn_buf out = {0};
	struct dn_err err = {0};

	dn_buf_lit(&out, "kept");
	OK(dn_jwt_issue(with, dn_str_of(claims), &out, &err) == -EINVAL, why);
	OK(strstr(err.text, why) != NULL, "the reason");
	IS_SLICE(dn_buf_view(&out), "kept", "nothing is added");
	dn_buf_release(&out);
}

static void issuing(void)
{
	struct dn_buf out = {0}, big = {0};
	struct dn_jwt_claims c;
	struct dn_err err = {0};

	IS_NUM(dn_jwt_issue(key, DN_STR("{\"sub\":\"u\"}"), &out, &err), 0,
	    "a token is issued");
	IS_SLICE(dn_buf_view(&out),
	    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1In0."
	    "D9OYCASOic8f2se0l70pQbnYe4k4FisxamL3OAU6LCc",
	    "as any other library would");
	IS_NUM(verify_at(dn_buf_view(&out), NOW, &c), DN_JWT_OK,
	    "and it verifies");
	IS_SLICE(c.sub, "u", "with its claims");
	dn_jwt_claims_release(&c);
	issue_fails(key, "[]", "no object");
	issue_fails(key, "{", "no JSON");
	issue_fails(key, "{\"sub\":5}", "claim sub");
	issue_fails(NULL, "{}", "there is none");
	dn_buf_lit(&big, "{\"x\":\"");
	while (big.n < 12500)
		dn_buf_byte(&big, 'x');
	dn_buf_add(&big, "\"}", 3);
	issue_fails(key, big.p, "would have more than 16384 bytes");
	while (big.n < 17000)
		dn_buf_byte(&big, ' ');
	dn_buf_byte(&big, '\0');
	memset(big.p + 12502, ' ', 4000);
	issue_fails(key, big.p, "claims of more than 16384 bytes");
	dn_buf_release(&big);
	dn_buf_release(&out);
}

int main(void)
{
	key = secret_key(SECRET);
	policy = (struct dn_jwt_policy){.keys = {key}, .keys_n = 1};
	shapes();
	sizes();
	headers();
	strings();
	raws();
	wrong_claims();
	times();
	forged_is_not_expired();
	names();
	insecure();
	hints();
	issuing();
	dn_jwt_key_free(&key);
	OK(key == NULL, "free takes the pointer");
	return tap_done();
}
