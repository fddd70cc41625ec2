/* done.h - when_done: what becomes of a file that was read to its end, has rested, and is settled by every output.
 *
 *   rests for done_wait -> read once more, as if no more came -> its last batch is settled -> looked at once more -> deleted or moved
 *
 * A file that changed meanwhile begins again. After a crash anywhere in between the file is there still, or in its new place: what is left to do
 * is done, or there is nothing left. One thread.
 */
#ifndef FILE_DONE_H
#define FILE_DONE_H

#include "files.h"

/* The tail has rested, so it is read once more as if no more came. *at: when it will have. */
bool done_is_due(const struct files *files, const struct tail *tail, int64_t now_ns, int64_t *at_ns);
/* Everything sealed up to `token` is settled. */
void done_note_settled(struct files *files, uint64_t token);
/* Deletes or moves what may go by now: when a file came to its end, and when something was settled. */
void done_conclude(struct files *files, int64_t now_ns);

#endif
