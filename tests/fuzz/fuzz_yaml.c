/* Any bytes as a configuration file. What loads must print to a text that loads to the same print. Invented plugins, from the unit tests' rig. */
#include <stdlib.h>
#include <string.h>

#include "../unit/config/rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum lg_rc check_where(const char *expression, size_t *at, struct lg_err *err)
{
	struct filter *filter;
	enum lg_rc rc = filter_compile(&filter, expression, at, err);

	filter_free(filter);
	return rc;
}

static const struct config_env env = {.registry = &rig_registry, .check_where = check_where};

/* Secrets print as stars, everything else must survive. */
static void check_round_trip(const struct config *config)
{
	struct lg_buf first = {0}, second = {0};
	struct lg_str text;
	struct config *again;

	config_resolve(config, &first);
	text = lg_buf_str(&first);
	if (config_load(&again, "fuzz.yaml", &text, &env) != LG_OK)
		abort();
	config_resolve(again, &second);
	if (first.size != second.size || memcmp(first.data, second.data, first.size) != 0)
		abort();
	lg_buf_fini(&first);
	lg_buf_fini(&second);
	config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lg_str text = {(const char *)data, size};
	struct lg_buf out = {0};
	struct config *config;
	enum lg_rc rc = config_load(&config, "fuzz.yaml", &text, &env);

	config_print_problems(config, &out);
	if ((rc == LG_OK) != (config->error_count == 0) || (rc != LG_OK && !out.size))
		abort();
	if (rc == LG_OK)
		check_round_trip(config);
	lg_buf_fini(&out);
	config_free(config);
	return 0;
}
