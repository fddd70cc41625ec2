/* copy.h - copytruncate: the copy carries on where the truncated file was left. */
#ifndef FILE_COPY_H
#define FILE_COPY_H

#include "files.h"

enum copy_wait {
	COPY_READ,   /* no copy, or waited for long enough */
	COPY_WAIT,   /* looks like a copy in the making: decided when its source is truncated, or rotate_wait has passed */
	COPY_BEHIND, /* the file it may be a copy of comes first */
};

/* Whether a file not read yet (open, head known) must wait. */
enum copy_wait copy_must_wait(struct files *files, const struct tail *tail, int64_t now_ns);
/* The file at `path` does not hold any more what `position` says was read of it: looks for its copy. True: a tail goes on with it under
 * this key. */
bool copy_hand_over(struct files *files, const char *path, const char *key, const struct position *position, int64_t now_ns);

#endif
