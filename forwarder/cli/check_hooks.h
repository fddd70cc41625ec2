/* check_hooks.h - fills in what config_env must ask of other layers: the filter's compiler and the loader of certificates. */
#ifndef CHECK_HOOKS_H
#define CHECK_HOOKS_H

#include "config/config.h"

void check_hooks_set(struct config_env *env);

#endif
