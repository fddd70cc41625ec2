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

/* The tables one input's or output's mapping is read by, in their order. Borrowed from item and registry. `input` needs its plugin and, where
 * that uses a stream, its parser and parser_conf in place; `format` (two rows) is filled for the output's plugin. */
#define CONFIG_SETS_MAX 4
size_t config_input_sets(const struct config_input *input, struct option_set sets[CONFIG_SETS_MAX]);
size_t config_output_sets(struct config_output *output, struct option_set sets[CONFIG_SETS_MAX]);

/* `format` of an output as a choice among what its plugin takes; the field is an int. */
void config_format_row(const struct lg_output_plugin *plugin, struct lg_option rows[2]);

#endif
