#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "run/control.h"
#include "spool/spool.h"

static int forget(const struct config *config, const char *name)
{
	struct spool_conf conf = {.data_dir = config->data_dir, .key_file = config->spool.encryption_key_file,
	                          .max_size = config->spool.max_size, .segment_size = config->spool.segment_size,
	                          .keep_ns = config->spool.keep_ns, .io = &sys_io_posix, .clock = &clock_system};
	struct spool *spool;
	struct lg_err err;
	enum lg_rc rc = spool_open(&spool, &conf, &err);

	if (rc != LG_OK) {
		fprintf(stderr, "lugger output forget: %s%s\n", err.text, rc == LG_BUSY ? "; stop it first" : "");
		return 1;
	}
	rc = spool_output_forget(spool, name, &err);
	if (rc == LG_OK)
		printf("forgot output %s\n", name);
	else
		fprintf(stderr, "lugger output forget: %s\n", err.text);
	spool_close(spool);
	return rc == LG_OK ? 0 : 1;
}

/* The running service holds the question; it answers there. */
static int resolve(const struct config *config, const char *name, const char *take)
{
	struct lg_buf answer = {0};
	char request[128];
	struct lg_err err;
	enum lg_rc rc;

	snprintf(request, sizeof(request), "output resolve %.64s %s", name, take);
	rc = control_ask(config->data_dir, request, &answer, &err);
	if (rc == LG_OK && answer.data[0] != '0')
		rc = lg_err_set(&err, LG_NOTFOUND, "%s: no such output runs", name);
	lg_buf_fini(&answer);
	if (rc == LG_OK)
		printf("%s goes on with the %s cursor\n", name, take);
	else
		fprintf(stderr, "lugger output resolve: %s\n", err.text);
	return rc == LG_OK ? 0 : 1;
}

static bool is_configured(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->output_count; i++)
		if (!strcmp(config->outputs[i].name, name))
			return true;
	return false;
}

int cmd_output(int argc, char **argv, const struct lg_registry *registry)
{
	const char *path = CLI_DEFAULT_CONFIG, *name = NULL, *take = NULL;
	bool forgets = argc >= 3 && !strcmp(argv[1], "forget"), resolves = argc >= 3 && !strcmp(argv[1], "resolve");
	struct config *config;
	int code;

	if (!forgets && !resolves)
		return cli_usage("output", "give: forget NAME, or resolve NAME --take local|receiver");
	name = argv[2];
	for (int i = 3; i < argc; i++) {
		if (!strcmp(argv[i], "-c") && i + 1 < argc)
			path = argv[++i];
		else if (resolves && !strcmp(argv[i], "--take") && i + 1 < argc)
			take = argv[++i];
		else
			return cli_usage("output", "bad argument %s", argv[i]);
	}
	if (resolves && (!take || (strcmp(take, "local") != 0 && strcmp(take, "receiver") != 0)))
		return cli_usage("output", "resolve NAME --take local|receiver");
	config = cli_load(path, registry, false);
	if (!config)
		return 1;
	if (resolves) {
		code = resolve(config, name, take);
	} else if (is_configured(config, name)) {
		fprintf(stderr, "lugger output forget: %s is configured in %s: take it out first\n", name, path);
		code = 1;
	} else {
		code = forget(config, name);
	}
	config_free(config);
	return code;
}
