/* egress.h - what is wrong with `egress.allow`, and which outputs it would deny. */
#ifndef EGRESS_H
#define EGRESS_H

#include "config/problem.h"
#include "config/yamltree.h"

/* Errors: rules that name neither or both of host and cidr, networks that are none. */
void egress_check_rules(const struct config *config, const struct yaml_node *root, struct problems *problems);
/* Warns at configured destinations that no rule permits, with the rule that would. A network rule may fit a name's address: then
 * nothing is said. */
void egress_check_destinations(const struct config *config, const struct yaml_node *root, struct problems *problems);

#endif
