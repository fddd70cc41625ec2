/* commands.h - the subcommands and what each takes: the one source of `lugger help` and of lugger(1). */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "cli/cli.h"

/* A line of a command's help. */
struct command_row {
	const char *term; /* "-c FILE", or a verb; NULL: `doc` is a paragraph of its own. Begins with a blank: belongs to the row above */
	const char *doc;  /* what it does; `code` in backquotes */
};

struct command {
	const char *name;
	int (*run)(int argc, char **argv, const struct lg_registry *registry);
	const char *usage; /* after "lugger "; further lines: other forms */
	const char *doc;   /* one line for the list; NULL: not listed */
	const struct command_row *rows; /* up to one without doc */
};

/* Up to one without a name. */
extern const struct command commands[];

const struct command *command_find(const char *name); /* NULL: there is none */
void command_write_list(struct lg_buf *out);
void command_write_help(const struct command *command, struct lg_buf *out);
/* The page lugger(1), packaging/man/lugger.1 (troff, man macros). */
void command_write_man(const struct lg_registry *registry, struct lg_buf *out);

#endif
