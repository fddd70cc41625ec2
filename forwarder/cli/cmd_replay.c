/* lugger replay: asks the running daemon to send a part of the log to one output once more. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/when.h"
#include "run/control.h"

struct replay_args {
	const char *config_path, *output;
	struct when from, to;
	bool has_from, has_to, json;
};

/* --from and --to take times, --from-seq and --to-seq sequences. */
static bool border(const char *option, const char *word, struct replay_args *args)
{
	bool seq = strstr(option, "-seq") != NULL, is_from = !strncmp(option, "--from", 6);
	struct when *when = is_from ? &args->from : &args->to;

	*(is_from ? &args->has_from : &args->has_to) = true;
	return when_parse(word, when) && when->is_time != seq;
}

static bool parse_args(int argc, char **argv, struct replay_args *args)
{
	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;
		bool range = !strcmp(argv[i], "--from") || !strcmp(argv[i], "--to") || !strcmp(argv[i], "--from-seq") || !strcmp(argv[i], "--to-seq");

		if (!strcmp(argv[i], "--json"))
			args->json = true;
		else if (!strcmp(argv[i], "-c") && more)
			args->config_path = argv[++i];
		else if (!strcmp(argv[i], "--output") && more)
			args->output = argv[++i];
		else if (range && more && border(argv[i], argv[i + 1], args))
			i++;
		else {
			cli_usage("replay", "bad argument %s%s%s", argv[i], range && more ? " " : "", range && more ? argv[i + 1] : "");
			return false;
		}
	}
	if (!args->output || !args->has_from || !args->has_to || args->from.is_time != args->to.is_time) {
		cli_usage("replay", "give --output NAME and both --from and --to, or both --from-seq and --to-seq");
		return false;
	}
	return true;
}

/* The answer's first line is the exit code. */
static int print_answer(const struct replay_args *args, struct lg_buf *answer)
{
	int code = answer->data[0] == '0' ? 0 : 1;
	struct lg_buf out = {0};

	lg_buf_consume(answer, 2);
	if (answer->size && answer->data[answer->size - 1] == '\n')
		answer->size--;
	if (args->json) {
		lg_buf_append_char(&out, '{');
		json_put_bool(&out, "started", code == 0);
		json_put_member(&out, code ? "error" : "text", lg_buf_str(answer));
		lg_buf_append_cstr(&out, "}\n");
		cli_print(&out);
	} else {
		fprintf(code ? stderr : stdout, "%s%.*s\n", code ? "lugger replay: " : "", (int)answer->size, (const char *)answer->data);
	}
	lg_buf_fini(&out);
	return code;
}

int cmd_replay(int argc, char **argv, const struct lg_registry *registry)
{
	struct replay_args args = {.config_path = CLI_DEFAULT_CONFIG};
	struct lg_buf answer = {0};
	struct config *config;
	struct lg_err err;
	char request[160];
	enum lg_rc rc;
	int code = 1;

	if (!parse_args(argc, argv, &args))
		return 2;
	config = cli_load(args.config_path, registry, false);
	if (!config)
		return 1;
	snprintf(request, sizeof(request), "replay %.63s %s %" PRId64 " %" PRId64, args.output, args.from.is_time ? "time" : "seq",
	         args.from.is_time ? args.from.ns : (int64_t)args.from.seq, args.to.is_time ? args.to.ns : (int64_t)args.to.seq);
	rc = control_ask(config->data_dir, request, &answer, &err);
	if (rc == LG_OK)
		code = print_answer(&args, &answer);
	else
		fprintf(stderr, "lugger replay: %s%s\n", err.text, rc == LG_NOTFOUND ? "; the daemon has to run" : "");
	lg_buf_fini(&answer);
	config_free(config);
	return code;
}
