/* promised.h - names that DESIGN section 5 promises and this version does not have yet: using one is an error that says so. */
#ifndef PROMISED_H
#define PROMISED_H

#include "api/lg_core.h"

/* module: "" (top level), "spool", "egress", "input", "output"; plugin NULL outside inputs and outputs. Asked only for names that
 * the module's own table does not know. */
bool promised_option(const char *module, const char *plugin, struct lg_str option);
bool promised_value(const char *module, const char *plugin, const char *option, struct lg_str value);

#endif
