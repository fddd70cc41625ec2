/* What `config` asks of the layers above it while it checks a file. */
#include "cli/check_hooks.h"

#include "data/filter.h"
#include "net/net.h"
#include "run/control.h"
#include "spool/spool.h"

static enum lg_rc check_where(const char *expression, size_t *at, struct lg_err *err)
{
	struct filter *filter;
	enum lg_rc rc = filter_compile(&filter, expression, at, err);

	filter_free(filter);
	return rc;
}

static void where_fields(const char *expression, void (*each)(void *arg, unsigned field, struct lg_str name), void *arg)
{
	struct filter *filter;
	size_t at;

	if (filter_compile(&filter, expression, &at, NULL) == LG_OK)
		filter_fields(filter, each, arg);
	filter_free(filter);
}

static bool where_dollar(const char *expression, size_t *at)
{
	struct filter *filter;
	bool found = filter_compile(&filter, expression, at, NULL) == LG_OK && filter_dollar_trap(filter, at);

	filter_free(filter);
	return found;
}

void check_hooks_set(struct config_env *env)
{
	env->check_where = check_where;
	env->where_fields = where_fields;
	env->where_dollar = where_dollar;
	env->check_tls = net_check_tls;
	env->check_keys = spool_check_key_file;
	env->check_data_dir = control_check;
}
