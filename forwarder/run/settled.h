/* settled.h - which of an input's durable batches every output has settled, for plugins that let go of a source only then. One thread. */
#ifndef SETTLED_H
#define SETTLED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTLED_MAX 256

struct settled_mark {
	uint64_t token, end; /* all records of the batch, and of those before, lie below `end` */
};

/* Batches durable and not settled, oldest first. Beyond SETTLED_MAX neighbours merge: a token is then told later, never too early. */
struct settled {
	struct settled_mark marks[SETTLED_MAX];
	size_t count;
};

void settled_push(struct settled *settled, uint64_t token, uint64_t end);
/* The outputs' lowest cursor is `upto`: the newest token it covers, which is forgotten with those before. False: none. */
bool settled_take(struct settled *settled, uint64_t upto, uint64_t *token);

#endif
