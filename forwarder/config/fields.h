/* fields.h - `check`'s eye on the names of fields: where they are wrong a filter selects nothing, silently. */
#ifndef FIELDS_H
#define FIELDS_H

#include "config/option.h"

/* Compiles the output's `where`; errors at their place in it. Warns at fields that no input of this output produces, and at a `$`
 * that is meant as a character. */
void fields_check_where(const struct option_reader *reader, const struct yaml_node *node, const struct config *config,
                        const struct config_output *output);
/* Warns at such fields in the header templates of the formats. */
void fields_check_templates(const struct option_reader *reader, const struct yaml_node *node, const struct config *config,
                            const struct config_output *output);

#endif
