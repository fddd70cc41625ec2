#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int cmd_version(int argc, char **argv, const struct lg_registry *registry)
{
	bool as_json = argc == 2 && !strcmp(argv[1], "--json");

	(void)registry;
	if (argc > 1 && !as_json)
		return cli_usage("version", "bad argument %s", argv[1]);
	printf(as_json ? "{\"version\":\"%s\"}\n" : "lugger %s\n", LUGGER_VERSION);
	return 0;
}
