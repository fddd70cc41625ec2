/* plugins.h - the registry of everything compiled in. */
#ifndef PLUGINS_H
#define PLUGINS_H

#include "api/lugger_plugin.h"

extern const struct lg_registry plugins_registry;

#endif
