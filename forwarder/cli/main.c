/* lugger: finds the subcommand and runs it. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "run/plugins.h"

static int unknown(const char *name)
{
	fprintf(stderr, "lugger: no command %s; `lugger help` lists them\n", name);
	return 2;
}

static int help(const char *name)
{
	const struct command *command = name ? command_find(name) : NULL;
	struct lg_buf out = {0};
	bool printed;

	if (name && !command)
		return unknown(name);
	if (command)
		command_write_help(command, &out);
	else
		command_write_list(&out);
	printed = cli_print(&out);
	lg_buf_fini(&out);
	return printed ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct command *command;
	struct lg_buf list = {0};

	if (argc < 2) {
		command_write_list(&list);
		fwrite(list.data, 1, list.size, stderr);
		lg_buf_fini(&list);
		return 2;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(argc > 2 ? argv[2] : NULL);
	if (!strcmp(argv[1], "--version"))
		argv[1] += 2;
	command = command_find(argv[1]);
	if (!command)
		return unknown(argv[1]);
	for (int i = 2; i < argc && i < 4; i++) /* behind the verb, too: `lugger spool export --help` */
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return help(argv[1]);
	return command->run(argc - 1, argv + 1, &plugins_registry);
}
