#include "config/promised.h"

#include <string.h>

struct promise {
	const char *module;
	const char *plugin; /* NULL: all */
	const char *option;
	const char *value; /* NULL: the option as a whole */
};

/* A row is dead, and harmless, once the module's table has the name. */
static const struct promise promises[] = {
	{"", NULL, "metrics", NULL},
	{"", NULL, "control", NULL},
	{"", NULL, "dead_letter", NULL},
	{"egress", NULL, "limits", NULL},
	{"egress", NULL, "audit", NULL},
	{"input", NULL, "parser", "jes-joblog"},
	{"input", NULL, "parser", "smf"},
	{"input", NULL, "parser", "json"},
	{"output", NULL, "format", "cef"},
	{"output", NULL, "format", "leef"},
};

static bool is_for(const struct promise *promise, const char *module, const char *plugin)
{
	return !strcmp(promise->module, module) && (!promise->plugin || (plugin && !strcmp(promise->plugin, plugin)));
}

bool promised_option(const char *module, const char *plugin, struct lg_str option)
{
	for (size_t i = 0; module && i < sizeof(promises) / sizeof(promises[0]); i++) {
		if (!promises[i].value && is_for(&promises[i], module, plugin) && lg_str_is(option, promises[i].option))
			return true;
	}
	return false;
}

bool promised_value(const char *module, const char *plugin, const char *option, struct lg_str value)
{
	for (size_t i = 0; module && i < sizeof(promises) / sizeof(promises[0]); i++) {
		if (promises[i].value && is_for(&promises[i], module, plugin) && !strcmp(option, promises[i].option) &&
		    lg_str_is(value, promises[i].value))
			return true;
	}
	return false;
}
