/* SPDX-License-Identifier: MIT */
/*
 * How it works: the accept value is the base64 of the SHA-1 of the key and a
 * fixed text (RFC 6455, 4.2.2). It proves that the answer is meant for this
 * handshake, no more; so SHA-1 does.
 *
 * It fails for a key that cannot be the base64 of 16 bytes.
 */
#include "wire/ws.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

static bool is_key(struct dn_str key)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789+/";

	if (key.n != DN_WS_KEY_LEN || key.p[22] != '=' || key.p[23] != '=')
		return false;
	for (size_t i = 0; i < 22; i++)
		if (key.p[i] == '\0' || strchr(alphabet, key.p[i]) == NULL)
			return false;
	return true;
}

bool dn_ws_accept(struct dn_str key, char out[DN_WS_ACCEPT_LEN + 1])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char text[DN_WS_KEY_LEN + sizeof(guid) - 1];
	unsigned char digest[SHA_DIGEST_LENGTH];

	if (!is_key(key))
		return false;
	memcpy(text, key.p, DN_WS_KEY_LEN);
	memcpy(text + DN_WS_KEY_LEN, guid, sizeof(guid) - 1);
	DN_ASSERT(SHA1(text, sizeof(text), digest) != NULL);
	EVP_EncodeBlock((unsigned char *)out, digest, sizeof(digest));
	return true;
}
