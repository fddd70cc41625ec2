/* lugger spool repair: the plan, and with --yes the deed; the daemon is down. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "spool/repair.h"

struct repair_args {
	const char *config_path;
	char *data_dir;
	bool json, yes;
};

static void say_step(void *arg, const char *text, bool can)
{
	const struct repair_args *args = arg;
	struct lg_buf out = {0};

	if (args->json) {
		lg_buf_append_char(&out, '{');
		json_put_member(&out, "finding", lg_str_from(text));
		json_put_bool(&out, "repairable", can);
		lg_buf_append_cstr(&out, "}\n");
	} else {
		lg_buf_printf(&out, "%s %s\n", can ? "*" : "-", text);
	}
	cli_print(&out);
	lg_buf_fini(&out);
}

static void say_result(const struct repair_args *args, const struct repair *r)
{
	struct lg_buf out = {0};

	if (args->json) {
		lg_buf_append_char(&out, '{');
		json_put_u64(&out, "planned", r->planned);
		json_put_u64(&out, "left", r->left);
		json_put_u64(&out, "done", r->done);
		json_put_u64(&out, "files", r->files);
		json_put_member(&out, "backup", lg_str_from(r->files ? r->backup : ""));
		lg_buf_append_cstr(&out, "}\n");
	} else if (!r->planned && !r->left) {
		lg_buf_append_cstr(&out, "nothing to repair\n");
	} else if (r->files) {
		lg_buf_printf(&out, "%llu repaired in %llu files; as they were they are in %s\n", (unsigned long long)r->done, (unsigned long long)r->files,
		              r->backup);
	} else {
		lg_buf_printf(&out, "%llu can be repaired, %llu cannot%s\n", (unsigned long long)r->planned, (unsigned long long)r->left,
		              r->planned && !args->yes ? "; nothing was changed: add --yes to do what is marked *" : "");
	}
	cli_print(&out);
	lg_buf_fini(&out);
}

static bool parse_args(int argc, char **argv, struct repair_args *args)
{
	for (int i = 2; i < argc; i++) {
		bool more = i + 1 < argc;

		if (!strcmp(argv[i], "--json"))
			args->json = true;
		else if (!strcmp(argv[i], "--yes"))
			args->yes = true;
		else if (!strcmp(argv[i], "-c") && more)
			args->config_path = argv[++i];
		else if (!strcmp(argv[i], "-d") && more)
			args->data_dir = argv[++i];
		else {
			cli_usage("spool", "bad argument %s", argv[i]);
			return false;
		}
	}
	return true;
}

int cmd_spool_repair(int argc, char **argv, const struct lg_registry *registry)
{
	struct repair_args args = {.config_path = CLI_DEFAULT_CONFIG};
	struct config *config = NULL;
	char backup[4200], when[32];
	struct repair repair = {.io = &sys_io_posix, .backup = backup, .say = say_step, .arg = &args};
	struct lg_err err;
	enum lg_rc rc;

	if (!parse_args(argc, argv, &args))
		return 2;
	if (!args.data_dir) {
		config = cli_load(args.config_path, registry, false);
		if (!config)
			return 1;
		args.data_dir = config->data_dir;
	}
	repair.data_dir = args.data_dir;
	snprintf(backup, sizeof(backup), "%.4000s/repair-%s", args.data_dir, clock_format_utc(clock_utc(&clock_system), 3, when));
	rc = spool_repair(&repair, args.yes, &err);
	if (rc == LG_OK)
		say_result(&args, &repair);
	else
		fprintf(stderr, "lugger spool repair: %s%s\n", err.text, rc == LG_BUSY ? "; stop it first" : "");
	config_free(config);
	return rc == LG_OK && !repair.planned && !repair.left ? 0 : 1;
}
