/* packed.h - compressed files: which of them hold what was read already.
 *
 * `gzip app.log.1` makes a file of another name, inode and size with the bytes of one that is being read, was read, or was read in part before it
 * went. So a compressed file is hunted for among all that is known, by its expanded content, before its first byte is shipped: the head of
 * at most 1 KiB, then the mark before the place where each suspect was left. While the file that it was made from is still there, that
 * one is read and the compressed one waits; then it is read on where the other was left. Else it is a file of its own.
 */
#ifndef FILE_PACKED_H
#define FILE_PACKED_H

#include "files.h"

struct hunt;

/* A turn of a fresh compressed tail that is open and knows its head. TAIL_END: it is decided: tail->of_key names the one to wait for, or *saved is
 * the position to go on from, or neither. TAIL_LATER: not yet. TAIL_MORE: other files come first
 * (packed_wake follows), or it grows still. TAIL_FAILED: said in its health. */
enum tail_result packed_hunt(struct files *files, struct tail *tail, int64_t now_ns, struct saved **saved);
/* There may be a compressed form of the file at `path` that is not decided yet, so its position must outlive it. */
bool packed_may_exist(struct files *files, const char *path);
/* Beside `path` lies a compressed file, made since, that begins as `position` does: it joins the set, where it does not belong already, and
 * the position is kept for it. */
bool packed_hand_over(struct files *files, const char *path, const char *key, const struct position *position, int64_t now_ns);
/* For find_lost of scan.c: a name that no glob matches. A compressed file made from one that was read is taken up, once. */
void packed_look_at(struct files *files, const char *dir, const char *entry, uint64_t ino, int64_t now_ns);
/* Room for one more file being expanded: one at rest gives its decoder up. False: none is. */
bool packed_make_room(struct files *files);
/* The fresh ones among the compressed get a turn. */
void packed_wake(struct files *files);
void packed_fini(struct files *files);

#endif
