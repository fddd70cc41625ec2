/* lg_option.h - one table row per configuration option. Part of lugger_plugin.h.
 *
 * A module (plugin, parser, codec, spool ...) has a plain struct for its settings and one table of rows that say where each
 * option lands in it. The row drives the YAML reader, range checks, `lugger check`, conf/reference.md, the JSON schema,
 * the commented sample and the man page; nothing about an option is written anywhere else.
 */
#ifndef LG_OPTION_H
#define LG_OPTION_H

#include "lg_core.h"

enum lg_option_type {
	LG_OPT_STRING,   /* char *; NULL when not given and without a default */
	LG_OPT_BOOL,     /* bool */
	LG_OPT_INT,      /* int64_t */
	LG_OPT_SIZE,     /* uint64_t bytes: 4096, 64KiB, 10MiB, 20GiB, 1TiB, also kB MB GB TB of 1000 */
	LG_OPT_DURATION, /* int64_t ns: 10ms, 5s, 2m, 24h, 7d, 0 */
	LG_OPT_ENUM,     /* int: index into `choices`, an "a|b|c" list */
	LG_OPT_STRINGS,  /* struct lg_strings; a single scalar counts as a list of one */
	LG_OPT_FILE,     /* char *: a file `check` must be able to read; `~` and relative paths: relative to the configuration file */
	LG_OPT_PATH,     /* char *: a path that need not exist */
	LG_OPT_TIMEZONE, /* char *: an IANA name, checked against the system's zoneinfo */
	LG_OPT_ENCODING, /* char *: canonical name of the charset; user spellings (CP037, ibm037, cp-37) are mapped */
	LG_OPT_PARSER,   /* const struct lg_parser *, and right behind it a void * that will point to the parser's settings: brings the parser's own
	                    options into the same mapping */
	LG_OPT_TABLE,    /* a nested struct at `offset`, described by `sub`; the scalar `off` is taken where the sub table has a
	                    row named "off" (BOOL): that row becomes true */
	LG_OPT_MAP,      /* struct lg_strings with key, value, key, value ... */
	LG_OPT_RULES,    /* struct lg_rules: a list of mappings, each described by `sub`, `size` bytes apiece */
};

enum lg_option_flags {
	LG_OPT_REQUIRED = 1,
	LG_OPT_SECRET = 2,    /* never printed; ${ENV} and file:PATH give it */
	LG_OPT_LATER = 4,     /* promised, not built yet: using it is the error "not in this version" */
	LG_OPT_DESTINATION = 16, /* STRINGS of host:port, scheme://host:port or host(port), that this plugin connects to: implied in the egress policy */
	LG_OPT_TEMPLATE = 32, /* STRING, or MAP for its values: a template over fields (lg_template_new): `check` warns at unknown names */
	LG_OPT_ADVANCED = 8,  /* left out of the commented sample, kept in the reference */
};

struct lg_strings {
	char **items;
	size_t count;
};

struct lg_rules {
	void *items; /* count structs of the row's `size` */
	size_t count;
};

struct lg_option {
	const char *name;
	enum lg_option_type type;
	size_t offset;             /* offsetof in the module's settings struct */
	unsigned flags;
	const char *fallback;      /* the default, written as in YAML ("10ms", "a, b"); NULL = none */
	int64_t min, max;          /* for INT, SIZE, DURATION (ns): both 0 = no limit but >= 0 */
	const char *choices;       /* ENUM; a choice written "!udp" is promised and not built yet: using it is the error "not in this version" */
	const struct lg_option *sub;
	size_t size;               /* RULES: bytes of one item's struct */
	/* MAP: refuses one entry, with the reason, at its line; NULL: every name and value is fine. */
	enum lg_rc (*entry)(const char *name, const char *value, struct lg_err *err);
	const char *unit;          /* "records", "lines" for INT; NULL otherwise */
	const char *doc;           /* one sentence */
};

#define LG_OPTION_END {.name = NULL}

/* `tls` anywhere. All strings are NULL when not given. */
struct lg_tls_conf {
	bool off;
	char *ca_file;      /* NULL: the system's trust store */
	char *cert_file;    /* PEM chain */
	char *key_file;
	char *server_name;  /* name to verify instead of the host dialled */
	int min_version;    /* enum: 0 = TLS 1.2, 1 = TLS 1.3 */
	int verify_client;  /* listeners only: 0 none, 1 optional, 2 required */
	struct lg_strings allowed_subjects; /* listeners only: which of the verified client certificates get in; none given: all */
};

extern const struct lg_option lg_tls_client_options[];
extern const struct lg_option lg_tls_server_options[];

#endif
