/* tables.h - the option tables that the core owns. Plugins, parsers, streams, formats and TLS bring theirs. */
#ifndef TABLES_H
#define TABLES_H

#include "config/option.h"

extern const struct lg_option config_top_options[];    /* struct config; `inputs` and `outputs` are left to config.c */
extern const struct lg_option config_spool_options[];  /* struct config_spool */
extern const struct lg_option config_egress_options[]; /* struct config_egress */
extern const struct lg_option config_allow_options[];  /* struct config_allow */
extern const struct lg_option config_input_options[];  /* struct config_input */
extern const struct lg_option config_output_options[]; /* struct config_output */

/* Where an input keeps its parser and, right behind it, the parser's settings: in the stream's settings, or in its own where its
 * table has a row of type PARSER (an input that does its own framing). */
struct config_parser {
	const struct lg_parser *parser;
	void *conf; /* owned; parser->conf_size bytes */
};
struct config_parser *config_input_parser(const struct config_input *input); /* NULL: it has none */
bool config_takes_parser(const struct lg_input_plugin *plugin);

/* The tables one input's or output's mapping is read by, in their order. Borrowed from item and registry. `input` needs its
 * plugin and, where that has a parser, parser and its settings in place; `format` (two rows) is filled for the output's plugin.
 */
#define CONFIG_SETS_MAX 4
size_t config_input_sets(const struct config_input *input, struct option_set sets[CONFIG_SETS_MAX]);
size_t config_output_sets(struct config_output *output, struct option_set sets[CONFIG_SETS_MAX]);

/* `format` of an output as a choice among what its plugin takes; the field is an int. `first` will hold the default's text. */
void config_format_row(const struct lg_output_plugin *plugin, struct lg_option rows[2], char first[32]);

#endif
