/* lugger reference: the documents that are generated from the option tables, for conf/ and packaging/man/. */
#include <string.h>

#include "cli/commands.h"

static const struct {
	const char *name;
	void (*write)(const struct lg_registry *registry, struct lg_buf *out);
} documents[] = {
	{"md", config_write_reference},
	{"schema", config_write_schema},
	{"sample", config_write_sample},
	{"lugger.1", command_write_man},
	{"lugger.yaml.5", config_write_man},
};

int cmd_reference(int argc, char **argv, const struct lg_registry *registry)
{
	struct lg_buf out = {0};
	bool printed;

	for (size_t i = 0; argc == 2 && i < sizeof(documents) / sizeof(documents[0]); i++) {
		if (strcmp(argv[1], documents[i].name) != 0)
			continue;
		documents[i].write(registry, &out);
		printed = cli_print(&out);
		lg_buf_fini(&out);
		return printed ? 0 : 1;
	}
	return cli_usage("reference", "expected md, schema, sample, lugger.1 or lugger.yaml.5");
}
