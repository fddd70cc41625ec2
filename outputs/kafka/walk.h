/* walk.h - over the members of a JSON object that somebody trustworthy wrote (librdkafka's statistics, a token): no validation, no copy, and never
 * beyond the text's end. */
#ifndef WALK_H
#define WALK_H

#include "api/lugger_plugin.h"

struct walk {
	const char *at, *end;
};

struct walk walk_enter(struct lg_str object);
/* The next member; false at the object's end. The value as it stands, a string without its quotes and with its escapes. */
bool walk_next(struct walk *w, struct lg_str *name, struct lg_str *value);

#endif
