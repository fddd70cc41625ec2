#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/ioctl.h>
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

/* Columns of the terminal; 0: it is none. */
static int terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col ? size.ws_col : 80;
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
		status_put_text(&status, strncmp(request, "status color", 12) == 0, terminal_width(), &out);
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

/* The page, or JSON, or a line an output where nobody looks; into `request`. */
static void choose_form(char request[32], bool json, bool following)
{
	bool terminal = isatty(STDOUT_FILENO);

	if (json)
		snprintf(request, 32, "status json");
	else if (following && !terminal)
		snprintf(request, 32, "status lines");
	else
		snprintf(request, 32, "status %s %d", terminal && !getenv("NO_COLOR") ? "color" : "text", terminal_width());
}

/* Until interrupted, or until standard output is closed. On a terminal the page stays in its place. */
static int follow(const struct config *config, bool json)
{
	const struct timespec pause = {.tv_sec = FOLLOW_SECONDS};
	bool page = !json && isatty(STDOUT_FILENO);
	char request[32];
	int code;

	signal(SIGPIPE, SIG_DFL); /* `lugger status --follow | head` ends quietly */
	do {
		choose_form(request, json, true); /* the terminal's width may change */
		if (page)
			fputs("\033[H\033[2J", stdout);
		code = show(config, request);
	} while (nanosleep(&pause, NULL) == 0 || errno == EINTR);
	return code;
}

int cmd_status(int argc, char **argv, const struct lg_registry *registry)
{
	const char *path = CLI_DEFAULT_CONFIG;
	struct config_env env = cli_config_env(registry);
	bool following = false, json = false;
	char request[32];
	struct config *config;
	int code;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-c") && i + 1 < argc)
			path = argv[++i];
		else if (!strcmp(argv[i], "--json"))
			json = true;
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
	choose_form(request, json, following);
	code = following ? follow(config, json) : show(config, request);
	config_free(config);
	return code;
}
