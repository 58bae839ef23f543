/* SPDX-License-Identifier: MIT */
/*
 * exit: the exit codes of all programs, after sysexits.h.
 */
#ifndef DN_EXIT_H
#define DN_EXIT_H

enum dn_exit {
	DN_EXIT_OK = 0,
	DN_EXIT_NONE = 1,         /* nothing matched, or an objective missed */
	DN_EXIT_USAGE = 64,       /* wrong flags */
	DN_EXIT_DATA = 65,        /* a bad input record */
	DN_EXIT_UNAVAILABLE = 69, /* server unreachable */
	DN_EXIT_BUG = 70,         /* a bug in dnot */
	DN_EXIT_AGAIN = 75,       /* try again later */
	DN_EXIT_PROTOCOL = 76,    /* the peer does not speak the protocol */
	DN_EXIT_REFUSED = 77,     /* not permitted */
	DN_EXIT_CONFIG = 78,      /* configuration */
};

#endif
