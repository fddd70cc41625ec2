/* turns.h - whose turn it is to be read.
 *
 * Two lines: files with little to read, and those with a backlog (or compressed). The first are served first, so that a huge file does not
 * hold up the news of the others; a step keeps a share for the second, and begins with it where the last step's share was not used. One thread.
 */
#ifndef FILE_TURNS_H
#define FILE_TURNS_H

#include "tail.h"

#define TURNS_SHARE (1u << 20) /* bytes of one file while others wait; more than that unread is a backlog */

struct turns_line {
	struct tail *first, **end;
};

struct turns {
	struct turns_line prompt, bulk;
};

void turns_init(struct turns *turns);
bool turns_empty(const struct turns *turns);
void turns_push(struct turns *turns, struct tail *tail); /* queued ones stay where they are */
/* The next one with little to read, or the next one with a backlog. NULL: none. */
struct tail *turns_pop(struct turns *turns, bool backlog);
void turns_remove(struct turns *turns, struct tail *tail);

#endif
