/* option.h - one YAML mapping read into settings structs by their option tables, and the same tables walked to free and to print
 * them.
 *
 * Several tables may share one mapping (an input: common options, the plugin's, the stream's, the parser's). Where two name the
 * same option the earlier one has it; the later row still gets its default, so that every struct is in a valid state.
 */
#ifndef OPTION_H
#define OPTION_H

#include "config/problem.h"
#include "config/yamltree.h"

struct option_set {
	const struct lg_option *table; /* ends with LG_OPTION_END; NULL: none */
	void *base;                    /* the struct the offsets are in */
	const char *module;            /* "spool", "input": for promised names; NULL: none */
	const char *plugin;            /* "file": the same within inputs and outputs; NULL: not a plugin's mapping */
};

struct option_reader {
	const struct config_env *env;
	const char *dir;               /* relative paths start here: the configuration file's folder */
	struct problems *problems;
	bool file_is_private;          /* nobody but its owner reads the configuration file */
	bool any_parser;               /* the mapping's parser is not known: options of every parser pass unread */
};

/* Reads `mapping` into the sets: defaults first, then what is given, then what is required. Problems go to the reader's list;
 * settings of options with an error keep their default. A RULES row without `sub` is left to the caller. `what` names the mapping
 * in messages ("input `a`"). */
void option_read(const struct option_reader *reader, const struct yaml_node *mapping, const struct option_set *sets, size_t count,
                 const char *what);
/* Defaults alone. */
void option_defaults(const struct option_reader *reader, const struct lg_option *table, void *base);
/* Frees what the rows point to; base itself is the caller's. A struct of zeros is fine. */
void option_free(const struct lg_option *table, void *base);
/* The settings as YAML lines, each behind `indent` spaces. Secrets print as "***"; what is not set is left out. */
void option_print(const struct option_set *sets, size_t count, unsigned indent, struct lg_buf *out);

/* True when the row is the one that serves its name: no earlier table of the sets has it. */
bool option_is_shadowed(const struct option_set *sets, size_t count, size_t set, const char *name);
/* One value into its place; `set` (whose base is not used) may be NULL. LG_INVALID: the problem is on the list and *field keeps
 * what it had. */
enum lg_rc option_read_value(const struct option_reader *reader, const struct lg_option *row, const struct option_set *set,
                             const struct yaml_node *node, void *field);

/* True when the row has an upper limit: `max` counts where it is not 0. */
static inline bool option_has_max(const struct lg_option *row)
{
	return row->max != 0 && row->max >= row->min && row->max != INT64_MAX;
}

/* Choice `index` of an "a|b|c" list, as it stands there ("!a": not built yet); the empty string behind its end. */
struct lg_str option_choice(const char *choices, size_t index);
/* Exact texts that read back to the same number: "64MiB", "90s". */
void option_put_size(struct lg_buf *out, uint64_t bytes);
void option_put_duration(struct lg_buf *out, int64_t ns);
/* A YAML scalar that reads back as this text, quoted where needed. */
void option_put_scalar(struct lg_buf *out, struct lg_str text);

#endif
