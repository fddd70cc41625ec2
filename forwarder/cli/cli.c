#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

#include "cli/check_hooks.h"

int cli_usage(const char *command, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "lugger %s: ", command);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; see `lugger help %s`\n", command);
	return 2;
}

struct config_env cli_config_env(const struct lg_registry *registry)
{
	struct config_env env = {.registry = registry, .check_files = true};

	check_hooks_set(&env);
	return env;
}

struct config *cli_load(const char *path, const struct lg_registry *registry, bool warnings)
{
	struct config_env env = cli_config_env(registry);
	struct config *config;
	struct lg_buf out = {0};
	enum lg_rc rc;

	env.check_files = warnings; /* who only looks may lack the right to read the service's keys */
	rc = config_load(&config, path, NULL, &env);

	if (rc != LG_OK || warnings) {
		config_print_problems(config, &out);
		if (out.size)
			fwrite(out.data, 1, out.size, stderr);
		lg_buf_fini(&out);
	}
	if (rc == LG_OK)
		return config;
	config_free(config);
	return NULL;
}

bool cli_print(const struct lg_buf *out)
{
	return (!out->size || fwrite(out->data, 1, out->size, stdout) == out->size) && fflush(stdout) == 0;
}
