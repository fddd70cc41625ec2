/* model.h - the crash-state model of the spool, in rooms:
 *
 *   oracle.c     what must be true after a power loss, known without the spool's code
 *   world.c      the spool of a sequence, over memfs.h: set up, started, ended
 *   ops.c        the operations of a sequence
 *   enumerate.c  the states that a power loss may leave, made and judged
 *   shrink.c     a failing sequence cut down to the least that still fails
 *   cases.c      sequences as text: printed, read back
 *   main.c       seeds, processes, the count
 *
 * Everything a sequence does follows from its setup, its operations and its seed; nothing else draws numbers. A sequence runs in a
 * process of its own, so that a crash, a hang or a sanitizer's report is a failure like any other and can be shrunk.
 */
#ifndef MODEL_H
#define MODEL_H

#include "spool_kit.h"

#include "memfs.h"
#include "run/flight.h"
#include "run/replay.h"
#include "spool/crypt.h"

#define INPUTS 3      /* with positions */
#define LOSS_INPUT 3  /* carries loss records, without positions */
#define OUTPUTS 2
#define KEYS 5        /* further positions of an input */
#define LOSSES 6       /* intervals: the last two are what the policy dropped, one for each output */
#define GIVEN_UP (LOSSES - OUTPUTS)
#define GIVEN_UP_MAX 64
#define SEGMENT_SIZE (16u << 10)
#define OPS_MAX 96
#define ARGS 4
#define PIECES_MAX 8192 /* of one crash that can be told bit by bit */

extern const char *const input_names[INPUTS + 1];
extern const char *const output_names[OUTPUTS];

/* ---- randomness: one stream for each purpose ---- */

struct rng {
	uint64_t state;
};

static inline struct rng rng_of(uint64_t a, uint64_t b)
{
	uint64_t z = a * UINT64_C(0x9e3779b97f4a7c15) + b * UINT64_C(0xd1b54a32d192ed03) + 1;

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9); /* splitmix64, Steele et al. 2014 */
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (struct rng){(z ^ z >> 31) | 1};
}

static inline uint32_t rng_next(struct rng *rng)
{
	rng->state ^= rng->state << 13; /* xorshift64, Marsaglia 2003 */
	rng->state ^= rng->state >> 7;
	rng->state ^= rng->state << 17;
	return (uint32_t)(rng->state >> 32);
}

static inline uint32_t rng_below(struct rng *rng, uint32_t n)
{
	return rng_next(rng) % n;
}

/* ---- a sequence ---- */

enum op_kind {
	OP_APPEND,   /* input, records, positions' flavour */
	OP_COMMIT,
	OP_READ,     /* output, batches */
	OP_SETTLE,   /* output, runs, which */
	OP_MAINTAIN, /* 0: when due, 1: now */
	OP_FAULT,    /* which call, errno, after, times */
	OP_DISK,     /* 0: all is well again; else so many blocks of 4 KiB are left */
	OP_LOSS,     /* which interval */
	OP_TELL,     /* a loss interval becomes a record; 1: those that policies hold open end before */
	OP_OLDEST,   /* the policy drops the oldest segment: outputs that lag let go of it, each with a loss */
	OP_RESTART,  /* a fault while it opens: which call, after */
	OP_KILL,     /* likewise */
	OP_POWER,    /* what is kept: style, seed; likewise */
	OP_BACKUP,   /* a copy of the disk, or its restoration */
	OP_FILL,     /* until the quota refuses; then everything is settled; appends behind it */
	OP_DIE,      /* a sync fails and the process dies with it; appends before it */
	OP_ROTATE,   /* 1: told, 0: left to be found */
	OP_LETTER,   /* output, records */
	OP_DROP,     /* the dead letters of an output */
	OP_REPLAY,   /* output: begins, advances or ends */
	OP_FORGET,   /* output, and it is added again */
	OP_DETACH,   /* output */
	OP_WAIT,     /* seconds */
	OP_KINDS
};

struct op {
	enum op_kind kind;
	uint32_t arg[ARGS];
};

struct setup {
	uint32_t quota;    /* KiB */
	uint32_t interval; /* seconds between syncs, 0: sync always */
	uint32_t tail;     /* bytes in memory */
	uint32_t keep;     /* seconds */
	uint32_t keys;     /* 1: encrypted */
	uint32_t compress;
	uint32_t high;     /* 1: sequences, numbers and generations begin near 2^63 */
};

/* Where a power loss strikes: before sync number `sync` of the sequence, and what it leaves of the pieces. */
struct strike {
	int64_t sync; /* -1: none */
	uint32_t count;
	uint8_t keep[PIECES_MAX];
};

struct sequence {
	uint64_t seed; /* of the crash states that are drawn */
	struct setup setup;
	struct op ops[OPS_MAX];
	uint32_t count;
	bool sparse;   /* one sync of three is struck: more sequences in the same time */
	uint32_t from; /* no power loss before this operation: a shrinker in a hurry */
	struct strike strike[2]; /* [0].sync >= 0: this state alone is judged; [1]: and the power goes again while it recovers */
};

void sequence_draw(struct sequence *sequence, uint64_t seed);
extern const char *const op_names[OP_KINDS];
extern const uint8_t op_args[OP_KINDS];

/* ---- what all processes of a run share ---- */

struct failure {
	bool found;
	char rule[40];   /* what was broken */
	char text[1200]; /* how */
	uint32_t op;     /* which operation was running */
	struct strike strike[2];
};

struct shared {
	_Atomic uint64_t states, wanted, nested, faults, sequences, encrypted, rotations, nonces, seed, operations;
	_Atomic uint64_t reached[OP_KINDS];
	uint64_t failed_seed;
	bool verbose; /* says which pieces are lost */
	struct failure failure;
};

extern struct shared *shared;

/* Tells the parent and ends the process. */
_Noreturn void broken(const char *rule, const char *fmt, ...) LG_PRINTF(2, 3);
#define REQUIRE(condition, rule, ...)                                                                                            \
	do {                                                                                                                     \
		if (!(condition))                                                                                                \
			broken(rule, __VA_ARGS__);                                                                               \
	} while (0)
#define LLU(x) ((unsigned long long)(x))

/* ---- the oracle ---- */

/* The log is a list of batches; a crash leaves a beginning of it that holds at least what was acknowledged. */
struct entry {
	uint64_t seq, number; /* of its first record: in the log, of its input */
	uint32_t count, serial, flavour;
	uint8_t input;
	uint32_t loss, lost; /* LOSS_INPUT: which interval, how many */
	char log_id[33];
};

struct letter {
	int output;
	uint64_t seq, number;
	uint32_t count;
	uint8_t input;
	bool must; /* durable: the put was answered; else it may be there */
	bool found;
	char log_id[33];
};

struct replay_value {
	bool there;
	uint64_t first, next, end;
};

#define POSSIBLE 16

struct facts {
	struct entry *log;
	size_t count, cap;
	size_t acked;      /* so many were acknowledged, or shown to a reader */
	uint64_t base_seq; /* of the first record of all */
	bool known[OUTPUTS];
	bool loose[OUTPUTS]; /* may be detached: holds no segment */
	uint64_t stored[OUTPUTS], moved[OUTPUTS];
	uint64_t lost[LOSSES], lost_stored[LOSSES];
	struct {
		uint64_t end, count; /* an output let go of so many records below end */
	} given_up[OUTPUTS][GIVEN_UP_MAX];
	size_t given_up_count[OUTPUTS];
	size_t store_mark; /* loss records before this place have left the state */
	struct letter *letters;
	size_t letter_count;
	struct replay_value possible[OUTPUTS][POSSIBLE];
	size_t possible_count[OUTPUTS];
};

struct world {
	struct memfs *fs;
	struct spool *spool;
	struct clock_fake fake;
	struct clock clock;
	struct spool_conf conf;
	struct facts facts;
	const struct sequence *sequence;
	uint32_t op;        /* that is running */
	int64_t syncs;      /* met so far */
	uint32_t keys;      /* in the key file; 0: not encrypted */
	size_t opened_at;   /* facts.count when the spool was opened */
	struct lg_batch *held; /* a loss record that could not be appended yet */
	struct entry held_entry;
	struct flight flight[OUTPUTS];
	uint64_t position[OUTPUTS]; /* read up to here */
	uint8_t *settled[OUTPUTS];  /* by sequence - base_seq */
	size_t settled_cap[OUTPUTS];
	struct deadletters *letters[OUTPUTS];
	struct memfs *backup; /* a copy of the disk, as an operator makes it, and what was true then */
	struct facts backup_facts;
	struct codec *codec;
};

void facts_copy(struct facts *to, const struct facts *from);
void facts_fini(struct facts *facts);
struct entry *facts_push(struct facts *facts, const struct entry *entry);
void facts_drop_letters(struct facts *facts, int output);
struct letter *facts_add_letter(struct facts *facts, const struct letter *letter);
void facts_replay_may(struct facts *facts, int output, const struct replay_value *value);
void facts_replay_is(struct facts *facts, int output, const struct replay_value *value);
uint64_t facts_next_seq(const struct facts *facts, size_t count); /* behind the first `count` entries */

/* The batch an entry stands for. */
struct lg_batch *entry_batch(const struct entry *entry, struct codec *codec, int64_t utc_ns);
/* The entry that `input` appends next, behind the first `count` of facts. */
struct entry entry_next(const struct facts *facts, size_t count, int input, uint32_t records, uint32_t flavour);
/* No (log id, sequence) ever names two records, in whatever copy of the disk. */
void identities_clear(void);
void identity_note(const char *log_id, uint64_t seq, unsigned input, uint64_t number);

/* Everything that a recovered spool shows is what the facts allow. Returns how much of the log it has. */
size_t judge(struct world *world, struct spool *spool, struct facts *facts);
/* The live spool shows exactly the first facts.acked entries from its first kept record on. */
void judge_live(struct world *world);
/* What the disk holds beside the log: open losses, dead letters, replay cursors. cursors, has: as
 * the start found them. */
void judge_beside(struct world *world, struct memfs *fs, struct facts *facts, const uint64_t cursors[OUTPUTS], size_t has);
/* Sums of the loss intervals in the state file. */
void read_open_losses(struct memfs *fs, uint64_t open[LOSSES]);
void spool_id_of(struct spool *spool, uint8_t id[16]);

/* ---- operations ---- */

extern char keys_path[64];

/* Runs it; ends the process where something is broken. */
void sequence_run(const struct sequence *sequence);
void op_run(struct world *world, const struct op *op);

struct spool *world_open(struct world *world, struct memfs *fs); /* must succeed */
/* Opens what is on world->fs, judges it, and makes it what is known from now on. which, after: a call that fails meanwhile. */
void world_start(struct world *world, uint32_t which, uint32_t after);
void world_close(struct world *world);
void world_clear_faults(struct memfs *fs);
void world_fault(struct memfs *fs, uint32_t which, int error, uint32_t after, uint32_t times);
void world_note_acked(struct world *world); /* what is durable now was acknowledged */
void world_rewind(struct world *world, int output); /* nothing behind its cursor is settled */

/* ---- crash states ---- */

/* The hook before each sync of the sequence's own disk. */
void strike_before_sync(void *world);
/* What the drawn power loss of OP_POWER leaves. */
void strike_draw(const struct memfs *fs, uint32_t style, struct rng *rng, bool *keep);

/* ---- cases ---- */

void case_print(FILE *f, const struct sequence *sequence, const struct failure *failure);
bool case_read(FILE *f, struct sequence *sequence); /* says what is wrong on stderr */
void strike_print_pieces(FILE *f, const struct memfs *fs, const bool *keep);

/* ---- processes ---- */

extern char temp_dir[32];
/* In a new process: its key file, and a file for what the spool and the sanitizers say. */
void process_begin(void);
/* The end of what a process that failed said; nothing where it said nothing but the spool's own errors. */
void print_said(pid_t child);

/* Runs the sequence in a process of its own; true where it failed, *failure says how. seconds: it hangs if it takes longer. */
bool sequence_try(const struct sequence *sequence, struct failure *failure, unsigned seconds);
/* The least that fails by the same rule. */
void sequence_shrink(struct sequence *sequence, struct failure *failure, unsigned seconds);

#endif
