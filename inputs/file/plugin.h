/* plugin.h - the input `file`, for the one list of what is compiled in. */
#ifndef FILE_PLUGIN_H
#define FILE_PLUGIN_H

#include "api/lugger_plugin.h"

extern const struct lg_input_plugin file_input;

#endif
