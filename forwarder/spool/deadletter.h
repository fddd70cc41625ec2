/* deadletter.h - records an output's receiver refused for good, kept in data_dir/spool/deadletter/<output>/ in the spool's own format (SPOOL.md,
 * "Dead letters"). A record is settled only after its letter is durable (DESIGN 1.3).
 *
 * Threads: put belongs to the output's thread; count and drop may be called from any. Walking and dropping files need no daemon: a walk takes no
 * lock and writes nothing.
 */
#ifndef DEADLETTER_H
#define DEADLETTER_H

#include "spool/spool.h"

/* Letters of all outputs together take at most this part of the quota, which the log leaves to them: a full spool must not keep an output from
 * putting a poison record aside. */
#define DEADLETTER_QUOTA_PART 16

struct deadletters;

/* Opens what the output has, or will have: nothing is created before the first letter. Counts the letters that are there by their frames'
 * headers. Borrows spool. */
enum lg_rc deadletters_open(struct deadletters **letters, struct spool *spool, const char *output, struct lg_err *err) LG_WARN_UNUSED;
void deadletters_close(struct deadletters *letters); /* NULL is fine; seals the file */
/* One decision: the records of `batch` (sequences, log id and input are theirs) were refused because of `reason` (cut at 1,024 bytes) at the
 * `attempts`-th try. Durable on LG_OK. LG_FULL: the letters' part of the quota is used up. On any failure nothing counts as written and the
 * call may be repeated. */
enum lg_rc deadletters_put(struct deadletters *letters, const struct lg_batch *batch, const char *reason, uint32_t attempts,
        struct lg_err *err) LG_WARN_UNUSED;
uint64_t deadletters_count(struct deadletters *letters); /* records */
/* Removes all letters of the output; *count: how many records they were. */
enum lg_rc deadletters_drop(struct deadletters *letters, uint64_t *count, struct lg_err *err) LG_WARN_UNUSED;

/* Closes the file that is being written, so that what comes goes to a new one. Returns the number of the next file: those below are whole and change
 * no more. Any thread. */
uint64_t deadletters_seal(struct deadletters *letters);
/* The lowest number of a file in from .. end - 1; 0: there is none. */
uint64_t deadletters_next_file(struct deadletters *letters, uint64_t from, uint64_t end);

/* A letter that stays when its file is written anew. */
struct deadletter_kept {
	const struct lg_batch *batch;
	const char *reason;
	int64_t time_ns;
	uint32_t attempts;
};
/* Replaces the file `number` (below what deadletters_seal said) by one with these letters alone, or removes it where there are none: in one step, a
 * crash leaves the old one or the new one. */
enum lg_rc deadletters_replace(struct deadletters *letters, uint64_t number, const struct deadletter_kept *kept, size_t count,
        struct lg_err *err) LG_WARN_UNUSED;

/* A batch of the records first..last of `batch`, byte for byte, with the origins they name. The caller owns it. */
struct lg_batch *deadletter_slice(const struct lg_batch *batch, uint64_t first, uint64_t last);

/* ---- from the files ---- */

/* One decision as it is read back; everything is borrowed for the call. */
struct deadletter {
	const char *output;
	uint64_t segment, offset;
	uint64_t first_seq;
	uint32_t count; /* records */
	int64_t time_ns; /* of the decision, UTC */
	uint32_t attempts;
	struct lg_str reason;
	const struct lg_batch *batch; /* NULL when the walk does not want payloads */
};

struct deadletter_walk {
	const char *data_dir;
	const struct sys_io *io;
	const char *output; /* NULL: all */
	const char *key_file; /* for payloads of an encrypted spool; NULL: none */
	uint64_t file;      /* this file alone; 0: all */
	bool payloads;      /* read, verify and decode the records too */
	void (*each)(void *arg, const struct deadletter *letter); /* oldest first within an output; may be NULL */
	void (*say)(void *arg, const char *line); /* one line for each damage; may be NULL */
	void *arg;
	/* filled in */
	uint64_t files, decisions, records, bytes;
	uint64_t damaged; /* pieces that do not verify and were durable once */
	uint64_t torn;    /* unfinished last letters: their records were never settled */
};

/* LG_OK also where there is no letter, or no spool. */
enum lg_rc deadletter_walk(struct deadletter_walk *walk, struct lg_err *err) LG_WARN_UNUSED;
/* Removes the files of the outputs that walk names; the caller holds the spool's lock. */
enum lg_rc deadletter_remove(const char *data_dir, const struct sys_io *io, const char *output, struct lg_err *err) LG_WARN_UNUSED;

#endif
