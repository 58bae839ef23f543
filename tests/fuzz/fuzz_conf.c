/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a configuration, alone and with --dev. What is accepted is
 * printed, read and printed again: both texts must be the same. What is not
 * must have said why. The same bytes as an address and as an Origin.
 */
#include <stdint.h>

#include "conf/address.h"
#include "conf/conf.h"
#include "base/diag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct dn_conf *parse(
    struct dn_str text, const struct dn_conf_flags *flags)
{
	struct dn_conf_errors errors = {0};
	struct dn_conf *conf = dn_conf_parse_flags(text, NULL, flags, &errors);

	DN_ASSERT((conf == NULL) == (errors.count > 0));
	DN_ASSERT((errors.text.n > 0) == (errors.count > 0));
	dn_conf_errors_release(&errors);
	return conf;
}

/* What --dev adds is not in the text, so it is read as an ordinary one. */
static void check_print(const struct dn_conf *conf)
{
	struct dn_buf a = {0}, b = {0};
	struct dn_conf *again;

	dn_conf_print(conf, &a);
	again = parse(dn_buf_view(&a), NULL);
	DN_ASSERT(again != NULL);
	dn_conf_print(again, &b);
	DN_ASSERT(dn_str_eq(dn_buf_view(&a), dn_buf_view(&b)));
	dn_conf_unref(&again);
	dn_buf_release(&a);
	dn_buf_release(&b);
}

static void check_look_ups(const struct dn_conf *conf, struct dn_str text)
{
	const struct dn_conf_tenant *tenant = dn_conf_by_key(conf, text);
	struct dn_str channel = text;

	if (channel.n > 255)
		channel.n = 255;
	if (tenant != NULL)
		(void)dn_conf_ns(tenant, channel);
	(void)dn_conf_by_token(conf, text);
	(void)dn_conf_tenant(conf, text);
	(void)dn_conf_origin_allowed(conf, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct dn_conf_flags dev = {.dev = true};
	struct dn_str text = {(const char *)data, n};
	struct dn_address address;
	struct dn_err err;
	struct dn_conf *conf;
	int i;

	dn_diag_init("fuzz_conf", DN_ERROR);
	for (i = 0; i < 2; i++) {
		conf = parse(text, i == 0 ? NULL : &dev);
		if (conf == NULL)
			continue;
		check_print(conf);
		check_look_ups(conf, text);
		dn_conf_unref(&conf);
	}
	if (dn_address_parse(text, &address, &err) == 0)
		(void)dn_address_is_loopback(&address);
	return 0;
}
