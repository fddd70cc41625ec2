/* replay.h - a second pass of one output over a part of the log: a cursor of its own, bounded and durable, in data_dir/spool/replay/<output>
 * (SPOOL.md, "Replay"). The live cursor is not touched and no segment is held: what `keep` or the quota has let go of meanwhile is a gap.
 *
 * A replay runs as a second instance of the output on its own thread (shipper_new_replay). `next` belongs to that thread from its start on.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include "run/again.h"
#include "spool/deadletter.h"

struct replay {
	char output[64];
	uint64_t first, next, end; /* records first .. end - 1; those below next are settled */
	int64_t from_ns, to_ns;    /* and of these the ones received within, both inclusive, UTC; INT64_MIN and INT64_MAX: all */
	int64_t started_ns;        /* UTC */
	/* not on disk */
	const char *data_dir;
	const struct sys_io *io;
	uint8_t spool_id[16];
	struct deadletters *letters; /* the live output's, borrowed */
	struct again *again;         /* dead letters are replayed, and the log is not: first to to_ns mean nothing. Owned by replays.c */
};

/* Stores it durably: written aside, synced, renamed. */
enum lg_rc replay_store(const struct replay *replay, struct lg_err *err) LG_WARN_UNUSED;
/* Fills replay from the file of `output`. data_dir, io, spool_id are set by the caller. LG_NOTFOUND: there is none. LG_CORRUPT: it does not verify, or
 * belongs to another spool. */
enum lg_rc replay_load(struct replay *replay, const char *output, struct lg_err *err) LG_WARN_UNUSED;
enum lg_rc replay_remove(const struct replay *replay, struct lg_err *err) LG_WARN_UNUSED;
/* Narrows first..end to the frames that may hold records received within from_ns..to_ns. */
void replay_find_range(struct replay *replay, struct spool *spool);
bool replay_wants(const struct replay *replay, const struct lg_record *rec);
/* A copy of the batch whose records are marked LG_F_REPLAY; takes the caller's reference to `batch`. The copy is charged like a batch read from disk. */
struct lg_batch *replay_mark(struct lg_batch *batch);

#endif
