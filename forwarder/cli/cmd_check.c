/* lugger check: every problem of a configuration at once, or what it amounts to. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/cli.h"

struct check_call {
	const char *path;
	bool resolve, json;
};

static int parse(int argc, char **argv, struct check_call *call)
{
	*call = (struct check_call){.path = CLI_DEFAULT_CONFIG};
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--resolve"))
			call->resolve = true;
		else if (!strcmp(argv[i], "--json"))
			call->json = true;
		else if (!strcmp(argv[i], "-c") && i + 1 < argc)
			call->path = argv[++i];
		else
			return cli_usage("check", "bad argument %s", argv[i]);
	}
	if (call->resolve && call->json)
		return cli_usage("check", "--resolve prints YAML, --json prints problems: choose one");
	return 0;
}

/* One object a problem. */
static void put_json(const struct config *config, struct lg_buf *out)
{
	for (size_t i = 0; i < config->problem_count; i++) {
		const struct config_problem *problem = &config->problems[i];

		lg_buf_append_char(out, '{');
		json_put_member(out, "severity", problem->warning ? LG_STR("warning") : LG_STR("error"));
		json_put_member(out, "file", lg_str_from(config->path));
		json_put_u64(out, "line", problem->line);
		json_put_u64(out, "column", problem->column);
		json_put_member(out, "text", lg_str_from(problem->text));
		lg_buf_append_cstr(out, "}\n");
	}
}

static void put_summary(const struct config *config, struct lg_buf *out)
{
	size_t warnings = config->problem_count;
	char floor[16], memory[16];

	lg_buf_printf(out, "%s: correct", config->path);
	if (warnings)
		lg_buf_printf(out, ", with %zu %s", warnings, warnings == 1 ? "warning" : "warnings");
	lg_buf_printf(out, ": %zu %s, %zu %s, memory %s (at least %s needed)\n", config->input_count,
	        config->input_count == 1 ? "input" : "inputs", config->output_count,
	        config->output_count == 1 ? "output" : "outputs", text_format_size(config->memory, memory),
	        text_format_size(config_floor_bytes(config), floor));
}

/* What the outputs need that is not in this file. */
static void put_needs(const struct config *config, struct lg_buf *out)
{
	for (size_t i = 0; i < config->output_count; i++) {
		const struct config_output *output = &config->outputs[i];

		if (!output->plugin->explain)
			continue;
		lg_buf_printf(out, "output %s: ", output->name);
		output->plugin->explain(output->conf, out);
	}
}

int cmd_check(int argc, char **argv, const struct lg_registry *registry)
{
	struct config_env env = cli_config_env(registry);
	struct lg_buf out = {0}, problems = {0};
	struct check_call call;
	struct config *config;
	bool printed;
	int usage = parse(argc, argv, &call);
	enum lg_rc rc;

	if (usage)
		return usage;
	rc = config_load(&config, call.path, NULL, &env);
	if (call.json)
		put_json(config, &out);
	else
		config_print_problems(config, &problems);
	if (rc == LG_OK && call.resolve)
		config_resolve(config, &out);
	else if (rc == LG_OK && !call.json) {
		put_summary(config, &out);
		put_needs(config, &out);
	}
	if (problems.size)
		fwrite(problems.data, 1, problems.size, stderr);
	printed = cli_print(&out);
	lg_buf_fini(&problems);
	lg_buf_fini(&out);
	config_free(config);
	return rc == LG_OK && printed ? 0 : 1;
}
