/* item.h - one entry of `inputs` or `outputs`: its plugin found, its tables walked, what they mean together checked. */
#ifndef ITEM_H
#define ITEM_H

#include "config/option.h"

/* Fills the zeroed item; it is valid to free whatever problems were found, and complete when there were none. Names are checked
 * against the items of `config` read so far. */
void item_read_input(const struct option_reader *reader, const struct yaml_node *node, const struct config *config,
                     struct config_input *input);
void item_read_output(const struct option_reader *reader, const struct yaml_node *node, const struct config *config,
                      struct config_output *output);
void item_free_input(struct config_input *input);
void item_free_output(struct config_output *output);

#endif
