/* saved.h - positions of files that are not being read: saved ones whose file was not seen yet, and files read to their end after a
 * rotation. They are kept for a week after the file was last seen, because a file may come back (a mount that is late, a rename
 * back, a changed glob). Here, too, wait the entries that the next seal must put beside those of the tails. One thread.
 */
#ifndef FILE_SAVED_H
#define FILE_SAVED_H

#include "ident.h"
#include "table.h"

struct saved {
	struct table_link by_ino;
	char key[IDENT_KEY_SIZE];
	uint8_t *value; /* owned; position borrows from it */
	size_t size;
	struct position position;
};

struct saved_put {
	struct saved_put *next;
	char key[IDENT_KEY_SIZE];
	size_t size; /* 0: forget */
	uint8_t value[];
};

struct saved_set {
	struct table by_ino;
	struct saved_put *puts, **puts_end;
};

void saved_init(struct saved_set *set);
void saved_fini(struct saved_set *set);
/* Takes in an encoded position; false: it does not decode or its key is not one of ours. */
bool saved_add(struct saved_set *set, struct lg_str key, const uint8_t *value, size_t size);
/* Looks for the position of the open file, one with its device number first. IDENT_SAME: *saved, still in the set.
 * IDENT_OTHER: none fits; *saved is one with the same device and inode but another birth or content, or NULL. IDENT_UNREADABLE: not known. */
enum ident_verdict saved_find(const struct saved_set *set, const struct ident *ident, const struct content *content, struct saved **saved);
void saved_remove(struct saved_set *set, struct saved *saved); /* frees; nothing is put */
/* The next seal forgets the key, or puts this value. */
void saved_put(struct saved_set *set, const char *key, const uint8_t *value, size_t size);
/* Forgets what was last seen before `utc`. */
void saved_expire(struct saved_set *set, int64_t utc);
/* Puts what waits, for a seal. */
void saved_seal(struct saved_set *set, struct lg_positions *positions);

#endif
