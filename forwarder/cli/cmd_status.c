#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "run/app.h"
#include "run/control.h"

#define FOLLOW_SECONDS 2

/* The answer's first line is the exit code; the rest is printed. */
static int print_answer(struct lg_buf *answer)
{
	int code = answer->data[0] == '0' ? 0 : 1;

	lg_buf_consume(answer, 2);
	return cli_print(answer) ? code : 1;
}

static int show_offline(const struct config *config, const char *request)
{
	struct status status;
	struct lg_buf out = {0};
	struct lg_err err;

	if (app_offline_status(config, &sys_io_posix, &status, &err) != LG_OK) {
		fprintf(stderr, "lugger status: not running, and %s\n", err.text);
		return 1;
	}
	if (!strcmp(request, "status json"))
		status_put_json(&status, &out);
	else if (!strcmp(request, "status lines"))
		status_put_lines(&status, clock_utc(&clock_system), &out);
	else
		status_put_text(&status, strcmp(request, "status color") == 0, &out);
	status_fini(&status);
	cli_print(&out);
	lg_buf_fini(&out);
	return 1; /* not running: someone should know */
}

static int show(const struct config *config, const char *request)
{
	struct lg_buf answer = {0};
	struct lg_err err;
	enum lg_rc rc = control_ask(config->data_dir, request, &answer, &err);
	int code = 1;

	if (rc == LG_OK)
		code = print_answer(&answer);
	else if (rc == LG_NOTFOUND)
		code = show_offline(config, request);
	else
		fprintf(stderr, "lugger status: %s\n", err.text);
	lg_buf_fini(&answer);
	return code;
}

/* Until interrupted, or until standard output is closed. */
static int follow(const struct config *config)
{
	const struct timespec pause = {.tv_sec = FOLLOW_SECONDS};
	int code;

	signal(SIGPIPE, SIG_DFL); /* `lugger status --follow | head` ends quietly */
	do
		code = show(config, "status lines");
	while (nanosleep(&pause, NULL) == 0);
	return code;
}

int cmd_status(int argc, char **argv, const struct lg_registry *registry)
{
	const char *path = CLI_DEFAULT_CONFIG, *request = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") ? "status color" : "status text";
	struct config_env env = cli_config_env(registry);
	bool following = false;
	struct config *config;
	int code;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-c") && i + 1 < argc)
			path = argv[++i];
		else if (!strcmp(argv[i], "--json"))
			request = "status json";
		else if (!strcmp(argv[i], "--follow"))
			following = true;
		else
			return cli_usage("status", "bad argument %s", argv[i]);
	}
	env.check_files = false; /* a certificate that expired meanwhile must not hide the status */
	if (config_load(&config, path, NULL, &env) != LG_OK || !config->data_dir) {
		struct lg_buf out = {0};

		config_print_problems(config, &out);
		fwrite(out.data, 1, out.size, stderr);
		lg_buf_fini(&out);
		config_free(config);
		return 1;
	}
	code = following ? follow(config) : show(config, request);
	config_free(config);
	return code;
}
