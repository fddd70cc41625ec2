#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/cli.h"
#include "run/app.h"

static bool parse_level(const char *word)
{
	static const char *const names[] = {"error", "warning", "notice", "info", "debug"};

	for (int i = 0; i < 5; i++)
		if (!strcmp(word, names[i])) {
			log_set_level((enum lg_level)i);
			return true;
		}
	return false;
}

int cmd_run(int argc, char **argv, const struct lg_registry *registry)
{
	const char *path = CLI_DEFAULT_CONFIG;
	struct app_conf conf = {.io = &sys_io_posix, .clock = &clock_system};
	struct config *config;
	struct lg_err err;
	struct app *app;
	int code = 1;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-c") && i + 1 < argc)
			path = argv[++i];
		else if (!strcmp(argv[i], "--once"))
			conf.once = true;
		else if (!strcmp(argv[i], "--log-level") && i + 1 < argc && parse_level(argv[i + 1]))
			i++;
		else
			return cli_usage("run", "bad argument %s", argv[i]);
	}
	signal(SIGHUP, SIG_IGN); /* until the service catches it: a reload that comes this early must not end it */
	sys_tune_memory();
	config = cli_load(path, registry, true);
	if (!config)
		return 1;
	conf.config = config;
	if (app_new(&app, &conf, &err) == LG_OK) {
		code = app_run(app);
		app_free(app);
	} else {
		log_error("%s", err.text);
	}
	config_free(config);
	return code;
}
