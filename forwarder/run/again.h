/* again.h - dead letters that are sent once more (`lugger dlq replay`): the letters of one output, file by file, as a source for a second instance of
 * it (shipper_new_again). A file's letters are in memory while they are under way (a file has about 1 MiB); once all that were selected are settled, the
 * file is replaced by one without them, in one step. So a crash repeats what was under way and loses nothing. A letter refused again is a new letter.
 *
 * What is selected, and how far it is, is data_dir/spool/replay/<output>.dlq (SPOOL.md, "Replay"). One thread at a time: main until the shipper
 * starts, then the shipper's.
 */
#ifndef AGAIN_H
#define AGAIN_H

#include "spool/deadletter.h"

struct again_choice {
	uint64_t segment, offset;     /* one letter; 0: all */
	int64_t from_ns, to_ns;       /* refused within, both inclusive, UTC; INT64_MIN and INT64_MAX: all */
	uint64_t first_seq, last_seq; /* that touch these sequences; 1 and UINT64_MAX: all */
	bool keep;                    /* the letters stay */
};

struct again_env {
	const char *data_dir, *key_file; /* key_file NULL: not encrypted */
	const struct sys_io *io;
	uint8_t spool_id[16];
	struct deadletters *letters; /* the live output's */
	const char *output;
};

struct again;

/* Stores what is asked for durably and counts it. LG_NOTFOUND: no letter is selected. Borrows what env names. */
enum lg_rc again_new(struct again **again, const struct again_env *env, const struct again_choice *choice, struct lg_err *err) LG_WARN_UNUSED;
/* Goes on with what a file says. LG_NOTFOUND: there is none. */
enum lg_rc again_resume(struct again **again, const struct again_env *env, struct lg_err *err) LG_WARN_UNUSED;
void again_free(struct again *again); /* the file stays; NULL is fine */
enum lg_rc again_remove(const struct again *again, struct lg_err *err) LG_WARN_UNUSED; /* the file: it is finished */

uint64_t again_records(const struct again *again); /* selected when it began, or since the restart */
uint64_t again_left(const struct again *again);    /* of these, not settled in a finished pass */

/* The next pass: letters with rising sequences. What the last one offered is settled, files that are through are replaced. *first: where the pass
 * begins. LG_NOTFOUND: there is nothing more. Else the disk refused: ask again later. */
enum lg_rc again_advance(struct again *again, uint64_t *first, struct lg_err *err) LG_WARN_UNUSED;
/* The batch of the pass that holds `seq` or the first one behind it, with a reference; NULL: none. */
struct lg_batch *again_batch(const struct again *again, uint64_t seq);
/* How often the record was refused before; 0: it is none of this pass. */
uint32_t again_attempts(const struct again *again, uint64_t seq);

#endif
