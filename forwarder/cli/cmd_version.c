#include <stdio.h>

#include "cli/cli.h"

int cmd_version(int argc, char **argv, const struct lg_registry *registry)
{

	(void)registry;
	if (argc > 1)
		return cli_usage("version", "bad argument %s", argv[1]);
	printf("lugger %s\n", LUGGER_VERSION);
	return 0;
}
