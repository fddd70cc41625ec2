/* kill.h - a real process on a real disk, killed with SIGKILL; the next one goes on in the same spool.
 *
 *   points.c  the I/O seam with a name for every step that a crash can part from the next one
 *   worker.c  the process that is killed: appends, settles, writes dead letters and replays for ever
 *   judge.c   what its parent knows, and the comparison after each death
 *   main.c    at random moments, and at every named step
 */
#ifndef KILL_H
#define KILL_H

#include "spool_kit.h"

#include "base/sys.h"
#include "spool/deadletter.h"

/* What the worker tells, each before or after the call it is about. */
enum news { NEWS_ACKED, NEWS_SETTLED, NEWS_LETTER, NEWS_LETTER_DONE, NEWS_DROP, NEWS_DROP_DONE, NEWS_REPLAY_FOUND, NEWS_REPLAY, NEWS_REPLAY_DONE };

struct message {
	uint64_t news, value; /* ACKED: number behind the last; SETTLED: cursor; LETTER: number; REPLAY: next, 0: removed */
};

struct job {
	const char *dir, *key_file; /* NULL: not encrypted */
	uint64_t seed;
	unsigned turns; /* of the worker's loop; 0: for ever */
};

/* Runs in a process of its own; ends by _exit(0) behind its last turn. */
_Noreturn void work(const struct job *job, const struct sys_io *io, int pipe_fd);
void worker_conf(const struct job *job, const struct sys_io *io, struct spool_conf *conf);
size_t worker_body(char *body, uint64_t number); /* at most 1,024 bytes */

/* ---- points.c ---- */

enum moment { BEFORE, HALF, AFTER }; /* HALF: the first half of a write is done */

struct point {
	const char *name;
	const char *step; /* as SPOOL.md's "Order of steps" calls it; "Recovery" beside */
	bool write;
	bool fresh; /* met only where there is no spool yet */
};

extern const struct point points[];
extern const size_t point_count;
#define POINTS_MAX 96

struct points_shared { /* between worker and parent */
	_Atomic uint64_t hits[POINTS_MAX];
	char nameless[300]; /* a call that no name covers */
};

extern struct points_shared *points_shared;

/* The seam. target: a point's index, -1: none; the process ends at its `nth` meeting. */
const struct sys_io *points_io(int target, enum moment moment, unsigned nth);
const struct sys_io *points_io_now(void); /* the one made last */
/* True between the call of spool_open and its return; and calls that fail next, as a disk would. */
void points_opening(bool opening);
void points_fail_syncs(unsigned count, bool letters);

/* ---- judge.c ---- */

struct oracle;

struct oracle *oracle_new(void);
void oracle_free(struct oracle *oracle);
void oracle_note(struct oracle *oracle, const struct message *message);
/* Opens the spool and compares. */
void oracle_judge(struct oracle *oracle, const struct job *job);
uint64_t oracle_acked(const struct oracle *oracle);

#endif
