#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
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

int cmd_output(int argc, char **argv, const struct lg_registry *registry)
{
	const char *path = CLI_DEFAULT_CONFIG, *name = NULL;
	struct config *config;
	int code;

	if (argc < 3 || strcmp(argv[1], "forget") != 0)
		return cli_usage("output", "give: forget NAME");
	name = argv[2];
	for (int i = 3; i < argc; i++) {
		if (!strcmp(argv[i], "-c") && i + 1 < argc)
			path = argv[++i];
		else
			return cli_usage("output", "bad argument %s", argv[i]);
	}
	config = cli_load(path, registry, false);
	if (!config)
		return 1;
	for (size_t i = 0; i < config->output_count; i++)
		if (!strcmp(config->outputs[i].name, name)) {
			fprintf(stderr, "lugger output forget: %s is configured in %s: take it out first\n", name, path);
			config_free(config);
			return 1;
		}
	code = forget(config, name);
	config_free(config);
	return code;
}
