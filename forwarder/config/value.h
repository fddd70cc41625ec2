/* value.h - one scalar of the YAML tree as a number, a file name, a secret ... Used by option.c alone. */
#ifndef VALUE_H
#define VALUE_H

#include "config/option.h"

/* Where a value is being read: for messages and for promised names. */
struct value_place {
	const struct option_reader *reader;
	const struct lg_option *row;
	const struct option_set *set; /* NULL: a default */
};

/* Each writes *field on LG_OK only; else the problem is on the reader's list. Owned strings. */
enum lg_rc value_string(const struct value_place *place, const struct yaml_node *node, char **field);
enum lg_rc value_bool(const struct value_place *place, const struct yaml_node *node, bool *field);
enum lg_rc value_int(const struct value_place *place, const struct yaml_node *node, int64_t *field);
enum lg_rc value_size(const struct value_place *place, const struct yaml_node *node, uint64_t *field);
enum lg_rc value_duration(const struct value_place *place, const struct yaml_node *node, int64_t *field);
enum lg_rc value_enum(const struct value_place *place, const struct yaml_node *node, int *field);
enum lg_rc value_path(const struct value_place *place, const struct yaml_node *node, char **field); /* FILE and PATH */
enum lg_rc value_timezone(const struct value_place *place, const struct yaml_node *node, char **field);
enum lg_rc value_encoding(const struct value_place *place, const struct yaml_node *node, char **field);
enum lg_rc value_parser(const struct value_place *place, const struct yaml_node *node, const struct lg_parser **field);

/* What registry->missing says about a name that is no plugin of this build, without the "input: " in front; NULL: the name is not
 * there, or is of another kind ("input", "output", "parser"). */
const char *value_missing(const struct lg_registry *registry, const char *kind, struct lg_str name);

#endif
