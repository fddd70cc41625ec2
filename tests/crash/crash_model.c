/* The crash-state model of the spool.
 *
 * A short random sequence of operations (append, commit, cursors, maintenance, restart, power loss, failing calls) runs on a file
 * system in memory that knows which writes are synced. Before every sync, and at the end, the states that a power loss could
 * leave are made (all subsets of the un-synced pieces where they are few, else the corners and a sample), opened by the real
 * spool_open, and judged:
 *
 *  - nothing counts as corrupt, and the spool opens;
 *  - every acknowledged record is readable exactly once, byte for byte, in order, until every output settled it;
 *  - an input's position names exactly the record behind its last readable one: neither ahead nor behind;
 *  - a cursor is neither beyond what was settled nor behind what was stored durably;
 *  - no (log id, sequence) ever names two different records;
 *  - no nonce ever encrypts two different frames under one segment's key, in whatever copy of the disk;
 *  - opening again changes nothing, and the log goes on from there.
 *
 * Some states lose power again while they recover.
 *
 * Every third sequence encrypts; there keys come into use as one of the operations.
 *
 *     crash_model [STATES [SEED]]     stops after so many states; a failure prints the seed of its sequence
 */
#include "spool_kit.h"

#include "base/hash.h"
#include "base/log.h"
#include "key_files.h"
#include "memfs.h"
#include "spool/keys.h"
#include "spool/state.h"

#define INPUTS 2
#define SPOOL_NAME 64
#define OUTPUTS 2
#define LOSSES 6
#define EXHAUSTIVE_PIECES 4
#define SAMPLES 10

static const char *const input_names[INPUTS] = {"alpha", "beta"};
static const char *const output_names[OUTPUTS] = {"near", "far"};

/* ---- randomness ---- */

static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13; /* xorshift64, Marsaglia 2003 */
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static unsigned below(unsigned n)
{
	return (unsigned)(random_next() % n);
}

/* ---- nonces ---- */

/* Every frame that is written encrypted, on every disk of the model: salt and index, and what was encrypted. */
#define NONCE_SLOTS (1u << 21)

struct nonce_use {
	uint64_t who, what; /* hashes; who 0: a free slot */
};

static struct nonce_use *nonce_uses;
static uint64_t nonces_used;

static void note_nonce(const uint8_t salt[CRYPT_SALT_SIZE], const struct iovec *iov)
{
	const uint8_t *head = iov[0].iov_base;
	uint64_t who = hash_more(hash_more(HASH_START, salt, CRYPT_SALT_SIZE), head + 68, 4) | 1, what;
	struct nonce_use *use = &nonce_uses[who % NONCE_SLOTS];

	/* The header's CRCs are left out: they follow from the rest. */
	what = hash_more(hash_more(HASH_START, head + 16, iov[0].iov_len - 20), iov[1].iov_base, iov[1].iov_len);
	while (use->who && use->who != who)
		use = use + 1 < nonce_uses + NONCE_SLOTS ? use + 1 : nonce_uses;
	if (use->who && use->what != what)
		fail_msg("a nonce serves two frames");
	nonces_used += !use->who;
	*use = (struct nonce_use){who, what};
	assert_true(nonces_used < NONCE_SLOTS / 2);
}

static int watch_pwritev(void *self, int handle, const struct iovec *iov, int count, uint64_t offset)
{
	uint8_t header[160];

	if (count == 3 && iov[0].iov_len > 128 && memcmp(iov[0].iov_base, "\xf5LGF", 4) == 0 && ((uint8_t *)iov[0].iov_base)[7]) {
		assert_int_equal(memfs_pread(self, handle, header, sizeof(header), 0), sizeof(header));
		note_nonce(header + 96, iov);
	}
	return memfs_pwritev(self, handle, iov, count, offset);
}

/* ---- what the oracle knows ---- */

struct seen { /* a record that a reader was, or could have been, shown */
	char log_id[33];
	uint64_t seq, number;
	int input;
};

struct facts {
	uint64_t acked[INPUTS];    /* numbers below are acknowledged to the source */
	uint64_t offered[INPUTS];  /* numbers below were appended at some time */
	uint64_t last_seq[INPUTS]; /* of the last acknowledged record, 0: none */
	bool known[OUTPUTS];
	uint64_t stored[OUTPUTS], moved[OUTPUTS];
	uint64_t lost[LOSSES], lost_stored[LOSSES]; /* counts of the loss intervals */
	struct seen *seen;
	size_t seen_count, seen_cap;
};

struct world {
	struct memfs *fs;
	struct spool *spool;
	struct clock_fake fake;
	struct clock clock;
	struct spool_conf conf;
	struct facts facts;
	uint32_t keys; /* in the key file; 0: this sequence does not encrypt */
	uint64_t pending[INPUTS]; /* the number that comes next */
	struct memfs *backup;     /* a copy of the disk, as an operator makes it, and what was true then */
	struct facts backup_facts;
};

static char keys_path[64];
static uint64_t sequences_encrypted, rotations;
static uint64_t states_checked, states_wanted, sequence_seed, nested_checked, failures_injected;
static char history[1024];

static void say_where(const char *what)
{
	fail_msg("%s\n  sequence seed %llu, after %llu states\n  operations: %s", what, (unsigned long long)sequence_seed,
	        (unsigned long long)states_checked, history);
}

#define REQUIRE(condition, ...)                                                                                                  \
	do {                                                                                                                     \
		if (!(condition)) {                                                                                              \
			char require_text[1200];                                                                                 \
			snprintf(require_text, 1200, __VA_ARGS__);                                                               \
			say_where(require_text);                                                                                 \
		}                                                                                                                \
	} while (0)

static void note_op(const char *op)
{
	size_t used = strlen(history);

	snprintf(history + used, sizeof(history) - used, "%s ", op);
}

static void facts_copy(struct facts *to, const struct facts *from)
{
	*to = *from;
	to->seen_cap = from->seen_count;
	to->seen = malloc((from->seen_count + 1) * sizeof(*to->seen));
	if (from->seen_count)
		memcpy(to->seen, from->seen, from->seen_count * sizeof(*to->seen));
}

static void note_seen(struct facts *facts, const char *log_id, uint64_t seq, int input, uint64_t number)
{
	for (size_t i = 0; i < facts->seen_count; i++) {
		const struct seen *s = &facts->seen[i];

		if (s->seq != seq || strcmp(s->log_id, log_id) != 0)
			continue;
		REQUIRE(s->input == input && s->number == number,
		        "identity %s-%llu names record %llu of %s and record %llu of %s", log_id, (unsigned long long)seq,
		        (unsigned long long)s->number, input_names[s->input], (unsigned long long)number, input_names[input]);
		return;
	}
	if (facts->seen_count == facts->seen_cap) {
		facts->seen_cap = facts->seen_cap ? facts->seen_cap * 2 : 64;
		facts->seen = realloc(facts->seen, facts->seen_cap * sizeof(*facts->seen));
	}
	facts->seen[facts->seen_count] = (struct seen){.seq = seq, .number = number, .input = input};
	memcpy(facts->seen[facts->seen_count++].log_id, log_id, 33);
}

/* ---- reading everything back ---- */

struct content {
	uint64_t first[INPUTS], next[INPUTS]; /* numbers readable: first .. next - 1; next 0: none */
	uint64_t records, hash;
};

static size_t record_size(uint64_t number)
{
	return 40 + (size_t)(number * 37 % 400) + (number % 4 ? 0 : 1500);
}

static void judge_record(struct facts *facts, struct content *content, const struct lg_record *rec)
{
	char name[64], expected[4096];
	uint64_t number = kit_number(rec->body, name);
	int input = strcmp(name, input_names[0]) == 0 ? 0 : 1;
	size_t size = kit_body(expected, input_names[input], number, record_size(number));

	REQUIRE(lg_str_is(rec->input, input_names[input]), "record %llu came back under another input",
	        (unsigned long long)number);
	REQUIRE(rec->body.size == size && memcmp(rec->body.data, expected, size) == 0, "record %llu of %s came back changed",
	        (unsigned long long)number, input_names[input]);
	if (content->next[input])
		REQUIRE(number == content->next[input], "%s: record %llu follows %llu", input_names[input],
		        (unsigned long long)number, (unsigned long long)content->next[input] - 1);
	else
		content->first[input] = number;
	content->next[input] = number + 1;
	content->records++;
	content->hash = content->hash * 1099511628211u + rec->seq * 31 + number * 2 + (uint64_t)input;
	note_seen(facts, rec->log_id, rec->seq, input, number);
}

static void read_content(struct spool *spool, struct facts *facts, struct content *content)
{
	struct spool_reader *reader;
	struct spool_stat stat;
	struct lg_batch *batch;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_err err;
	uint64_t gap_first, gap_last, next;
	enum lg_rc rc;

	memset(content, 0, sizeof(*content));
	spool_stat(spool, &stat);
	next = stat.first_seq;
	REQUIRE(spool_reader_open(spool, next, &reader, &err) == LG_OK, "reader: %s", err.text);
	while ((rc = spool_reader_next(reader, &batch, &gap_first, &gap_last, &err)) == LG_OK) {
		for (lg_batch_begin(&it, batch, next); lg_batch_next(&it, &rec); next++) {
			REQUIRE(rec.seq == next, "sequence %llu where %llu was due", (unsigned long long)rec.seq,
			        (unsigned long long)next);
			judge_record(facts, content, &rec);
		}
		lg_batch_release(batch);
	}
	REQUIRE(rc == LG_AGAIN, "reading at %llu: %s", (unsigned long long)next, err.text);
	REQUIRE(next == stat.next_seq, "records end at %llu, the spool says %llu", (unsigned long long)next,
	        (unsigned long long)stat.next_seq);
	spool_reader_close(reader);
}

static void judge_positions(struct spool *spool, struct facts *facts, const struct content *content)
{
	struct spool_stat stat;
	uint64_t lowest = UINT64_MAX;

	spool_stat(spool, &stat);
	REQUIRE(stat.corrupt_frames == 0, "a power loss looks like corruption (%llu frames)",
	        (unsigned long long)stat.corrupt_frames);
	for (int o = 0; o < OUTPUTS; o++) {
		uint64_t cursor = spool_cursor(spool, output_names[o]);

		REQUIRE(cursor || !facts->known[o], "output %s lost its cursor", output_names[o]);
		REQUIRE(cursor >= facts->stored[o], "output %s: cursor %llu was stored as %llu", output_names[o],
		        (unsigned long long)cursor, (unsigned long long)facts->stored[o]);
		REQUIRE(cursor <= facts->moved[o], "output %s: cursor %llu passes what it settled, %llu", output_names[o],
		        (unsigned long long)cursor, (unsigned long long)facts->moved[o]);
		if (facts->known[o] && cursor < lowest)
			lowest = cursor;
	}
	REQUIRE(stat.first_seq <= lowest, "records %llu to %llu are gone and were not settled", (unsigned long long)lowest,
	        (unsigned long long)stat.first_seq - 1);
	for (int i = 0; i < INPUTS; i++) {
		uint64_t position = kit_position_of(spool, input_names[i]);

		position = position ? position : 1;
		REQUIRE(position >= facts->acked[i], "%s: position %llu, acknowledged up to %llu", input_names[i],
		        (unsigned long long)position, (unsigned long long)facts->acked[i]);
		REQUIRE(position <= facts->offered[i], "%s: position %llu was never offered", input_names[i],
		        (unsigned long long)position);
		if (content->next[i])
			REQUIRE(position == content->next[i], "%s: position %llu, but the last readable record is %llu",
			        input_names[i], (unsigned long long)position, (unsigned long long)content->next[i] - 1);
		else
			REQUIRE(position == 1 || facts->last_seq[i] < stat.first_seq, "%s: acknowledged records cannot be read",
			        input_names[i]);
	}
}

static void loss_name(char name[SPOOL_NAME], int i)
{
	snprintf(name, SPOOL_NAME, "an-output-whose-name-is-long-enough-to-fill-sectors-%d", i & 7);
}

/* Takes every loss interval out of the spool and compares. */
static void judge_losses(struct spool *spool, const struct facts *facts)
{
	uint64_t found[LOSSES] = {0};
	struct spool_loss loss;
	char name[SPOOL_NAME];

	while (spool_loss_take(spool, &loss)) {
		for (int i = 0; i < LOSSES; i++) {
			loss_name(name, i);
			if (strcmp(name, loss.name) == 0)
				found[i] += loss.count;
		}
	}
	for (int i = 0; i < LOSSES; i++)
		REQUIRE(found[i] >= facts->lost_stored[i] && found[i] <= facts->lost[i],
		        "loss interval %d: %llu records, stored were %llu of %llu", i, (unsigned long long)found[i],
		        (unsigned long long)facts->lost_stored[i], (unsigned long long)facts->lost[i]);
}

/* ---- one state after a power loss ---- */

static struct spool *open_on(struct world *world, struct memfs *fs)
{
	struct spool *spool;
	struct lg_err err;

	fs->io.pwritev = watch_pwritev;
	world->conf.io = &fs->io;
	if (spool_open(&spool, &world->conf, &err) != LG_OK)
		say_where(err.text);
	return spool;
}

static struct lg_batch *make_batch(struct world *world, int input, uint64_t first, unsigned count)
{
	struct lg_batch *batch = batch_new(NULL, 512, input_names[input]);
	struct lg_draft draft;
	char body[4096], value[32];

	for (unsigned i = 0; i < count; i++) {
		lg_draft_reset(&draft);
		draft.body = (struct lg_str){body, kit_body(body, input_names[input], first + i, record_size(first + i))};
		batch_add(batch, &draft, NULL, world->fake.utc_ns);
	}
	snprintf(value, sizeof(value), "%llu", (unsigned long long)(first + count));
	batch_put_position(batch, LG_STR("next"), value, strlen(value));
	batch_pack(batch, NULL);
	return batch;
}

/* The log goes on where the positions say. */
static void go_on(struct world *world, struct spool *spool, struct facts *facts)
{
	struct content content;
	struct lg_err err;

	for (int i = 0; i < INPUTS; i++) {
		uint64_t from = kit_position_of(spool, input_names[i]);
		struct lg_batch *batch = make_batch(world, i, from ? from : 1, 2);

		REQUIRE(spool_append(spool, batch, &err) == LG_OK, "append after recovery: %s", err.text);
		if (facts->offered[i] < (from ? from : 1) + 2)
			facts->offered[i] = (from ? from : 1) + 2;
		REQUIRE(spool_commit(spool, &err) == LG_OK, "commit after recovery: %s", err.text);
		facts->acked[i] = (from ? from : 1) + 2;
		facts->last_seq[i] = batch->first_seq + 1;
		lg_batch_release(batch);
	}
	read_content(spool, facts, &content);
	judge_positions(spool, facts, &content);
}

static void enumerate(struct world *world, struct memfs *fs, struct facts *facts, bool nested);

struct nested {
	struct world *world;
	struct memfs *fs;
	struct facts *facts;
};

static void nested_before_sync(void *arg)
{
	struct nested *nested = arg;

	enumerate(nested->world, nested->fs, nested->facts, true);
}

static void check_state(struct world *world, struct memfs *fs, const struct facts *before, bool nested)
{
	struct facts facts;
	struct content first, second;
	struct nested again = {world, fs, &facts};
	uint64_t cursors[OUTPUTS];
	struct spool *spool;

	facts_copy(&facts, before);
	if (!nested && below(64) == 0) {
		fs->before_sync = nested_before_sync;
		fs->before_sync_arg = &again;
	}
	spool = open_on(world, fs);
	fs->before_sync = NULL;
	read_content(spool, &facts, &first);
	judge_positions(spool, &facts, &first);
	for (int o = 0; o < OUTPUTS; o++)
		cursors[o] = spool_cursor(spool, output_names[o]);
	spool_close(spool);
	spool = open_on(world, fs);
	read_content(spool, &facts, &second);
	judge_positions(spool, &facts, &second);
	REQUIRE(first.records == second.records && first.hash == second.hash, "a second start reads something else");
	for (int o = 0; o < OUTPUTS; o++)
		REQUIRE(cursors[o] == spool_cursor(spool, output_names[o]), "a second start moves a cursor");
	judge_losses(spool, &facts);
	go_on(world, spool, &facts);
	spool_close(spool);
	free(facts.seen);
	states_checked++;
	if (nested)
		nested_checked++;
}

static void check_subset(struct world *world, struct memfs *fs, struct facts *facts, bool *keep, bool nested)
{
	struct memfs *after = memfs_crash(fs, keep);
	const struct sys_io *io = world->conf.io;
	enum spool_sync sync = world->conf.sync;

	world->conf.sync = SPOOL_SYNC_ALWAYS;
	check_state(world, after, facts, nested);
	world->conf.io = io;
	world->conf.sync = sync;
	memfs_free(after);
}

static void enumerate(struct world *world, struct memfs *fs, struct facts *facts, bool nested)
{
	size_t n = fs->piece_count;
	bool *keep = calloc(n + 1, sizeof(*keep));
	int64_t utc = world->fake.utc_ns;

	if (n <= (nested ? 2 : EXHAUSTIVE_PIECES)) {
		for (uint64_t set = 0; set < UINT64_C(1) << n; set++) {
			for (size_t i = 0; i < n; i++)
				keep[i] = set >> i & 1;
			check_subset(world, fs, facts, keep, nested);
		}
	} else {
		for (unsigned s = 0; s < (nested ? 3 : SAMPLES); s++) {
			/* 0: none, 1: all, then prefixes, all but one, and random halves, quarters, three quarters */
			size_t cut = below((unsigned)n + 1);
			unsigned odds = 1 + below(3);

			for (size_t i = 0; i < n; i++)
				keep[i] = s == 0       ? false
				          : s == 1     ? true
				          : s % 4 == 0 ? i < cut
				          : s % 4 == 1 ? i != cut
				                       : below(4) < odds;
			check_subset(world, fs, facts, keep, nested);
		}
	}
	world->fake.utc_ns = utc;
	free(keep);
}

/* ---- the sequence of operations ---- */

static void before_sync(void *arg)
{
	struct world *world = arg;

	if (states_checked < states_wanted)
		enumerate(world, world->fs, &world->facts, false);
	world->conf.io = &world->fs->io;
}

static void note_acked(struct world *world)
{
	struct content content;

	read_content(world->spool, &world->facts, &content); /* notes the identities that became visible */
	for (int i = 0; i < INPUTS; i++) {
		REQUIRE(!content.next[i] || content.next[i] >= world->facts.acked[i],
		        "acknowledged records vanished from the live spool");
		if (content.next[i] > world->facts.acked[i])
			world->facts.acked[i] = content.next[i];
	}
	for (size_t s = 0; s < world->facts.seen_count; s++) {
		const struct seen *seen = &world->facts.seen[s];

		if (seen->seq > world->facts.last_seq[seen->input])
			world->facts.last_seq[seen->input] = seen->seq;
	}
}

static void op_append(struct world *world)
{
	int input = (int)below(INPUTS);
	unsigned count = below(8) ? 1 + below(3) : 0;
	struct lg_batch *batch;
	struct lg_err err;
	uint64_t first = world->pending[input];

	if (below(6) == 0)
		count = 8; /* rolls soon */
	batch = make_batch(world, input, first, count);
	world->facts.offered[input] = first + count > world->facts.offered[input] ? first + count : world->facts.offered[input];
	note_op(count == 8 ? "append8" : count ? "append" : "append0");
	if (spool_append(world->spool, batch, &err) == LG_OK)
		world->pending[input] = first + count;
	lg_batch_release(batch);
}

/* After a restart the open loss intervals are what the state file holds. */
static void reread_losses(struct world *world)
{
	struct state *state = malloc(sizeof(*state));
	int handle = world->fs->io.open(world->fs, "/d/spool/state", SYS_READ);
	struct lg_err err;

	REQUIRE(handle >= 0 && state_read(state, &world->fs->io, handle, &err) == LG_OK, "state: %s", err.text);
	world->fs->io.close(world->fs, handle);
	memset(world->facts.lost, 0, sizeof(world->facts.lost));
	for (size_t k = 0; k < state->loss_count; k++)
		world->facts.lost[state->losses[k].loss.name[52] - '0'] = state->losses[k].loss.count;
	memcpy(world->facts.lost_stored, world->facts.lost, sizeof(world->facts.lost));
	free(state);
}

static void restart_sources(struct world *world)
{
	reread_losses(world);
	for (int i = 0; i < INPUTS; i++) {
		uint64_t position = kit_position_of(world->spool, input_names[i]);

		world->pending[i] = position ? position : 1;
	}
}

static void op_commit(struct world *world)
{
	struct lg_err err;

	note_op("commit");
	for (int tries = 0; tries < 8; tries++) {
		if (spool_commit(world->spool, &err) == LG_OK) {
			note_acked(world);
			for (int i = 0; i < INPUTS && world->conf.sync == SPOOL_SYNC_ALWAYS; i++)
				REQUIRE(world->facts.acked[i] == world->pending[i],
				        "commit answered ok, %s is readable up to %llu of %llu", input_names[i],
				        (unsigned long long)world->facts.acked[i] - 1, (unsigned long long)world->pending[i] - 1);
			return;
		}
	}
	say_where("commit never succeeds again");
}

static void op_cursor(struct world *world)
{
	int o = (int)below(OUTPUTS);
	struct spool_stat stat;
	uint64_t to;

	spool_stat(world->spool, &stat);
	to = world->facts.moved[o] + below((unsigned)(stat.next_seq - world->facts.moved[o]) + 1);
	world->facts.moved[o] = to;
	note_op("cursor");
	spool_cursor_move(world->spool, output_names[o], to);
}

static void op_maintain(struct world *world)
{
	bool clean = true;

	note_op("maintain");
	for (int op = 0; op < MEMFS_OPS; op++)
		clean = clean && !world->fs->fail_count[op];
	spool_maintain(world->spool, true);
	if (!clean)
		return;
	for (int o = 0; o < OUTPUTS; o++) /* nothing failed: what was moved is stored */
		world->facts.stored[o] = world->facts.moved[o];
	memcpy(world->facts.lost_stored, world->facts.lost, sizeof(world->facts.lost));
}

static void op_loss(struct world *world)
{
	int i = (int)below(LOSSES);
	char name[SPOOL_NAME];
	struct lg_err err;

	note_op("loss");
	loss_name(name, i);
	world->facts.lost[i] += 3;
	REQUIRE(spool_loss(world->spool, 'O', name, 1, 3, 3, 300, "when_full", &err) == LG_OK, "loss: %s", err.text);
}

static void op_fault(struct world *world)
{
	static const enum memfs_op ops[] = {MEMFS_PWRITEV, MEMFS_FDATASYNC, MEMFS_FSYNC, MEMFS_TRUNCATE, MEMFS_ALLOCATE,
	        MEMFS_RENAME, MEMFS_UNLINK, MEMFS_SYNC_DIR};
	static const char *const names[] = {"fail-write", "fail-fdatasync", "fail-fsync", "fail-truncate", "fail-allocate",
	        "fail-rename", "fail-unlink", "fail-syncdir"};
	unsigned which = below(8);

	note_op(names[which]);
	failures_injected++;
	memfs_fail(world->fs, ops[which], below(2) ? EIO : ENOSPC, (int)below(2), 1 + (int)below(2));
}

static void clear_faults(struct world *world)
{
	for (int op = 0; op < MEMFS_OPS; op++)
		world->fs->fail_count[op] = 0;
}

static void open_outputs(struct world *world)
{
	struct lg_err err;

	for (int o = 0; o < OUTPUTS; o++) {
		REQUIRE(spool_output_add(world->spool, output_names[o], false, &err) == LG_OK, "output: %s", err.text);
		world->facts.known[o] = true;
		world->facts.stored[o] = world->facts.moved[o] = spool_cursor(world->spool, output_names[o]);
	}
}

enum ending { END_ORDERLY, END_POWER_LOSS, END_KILL };

static void op_restart(struct world *world, enum ending ending)
{
	bool *keep = calloc(world->fs->piece_count + 1, sizeof(*keep));
	struct content content;
	struct memfs *after = NULL;

	note_op(ending == END_POWER_LOSS ? "POWERLOSS" : ending == END_KILL ? "KILL" : "restart");
	clear_faults(world);
	for (size_t i = 0; i < world->fs->piece_count; i++)
		keep[i] = below(2);
	if (ending == END_POWER_LOSS)
		after = memfs_crash(world->fs, keep);
	else if (ending == END_KILL)
		after = memfs_survive_kill(world->fs);
	if (after)
		world->fs->before_sync = NULL;
	spool_close(world->spool);
	if (after) { /* what the close did went to a machine that is no more */
		memfs_free(world->fs);
		world->fs = after;
	}
	free(keep);
	world->fs->before_sync = before_sync;
	world->fs->before_sync_arg = world;
	world->spool = open_on(world, world->fs);
	read_content(world->spool, &world->facts, &content);
	judge_positions(world->spool, &world->facts, &content);
	note_acked(world);
	open_outputs(world);
	restart_sources(world);
}

static void facts_from_backup(struct facts *facts, const struct facts *backup)
{
	struct facts merged = *backup;

	merged.seen = facts->seen; /* what the receivers saw they keep */
	merged.seen_count = facts->seen_count;
	merged.seen_cap = facts->seen_cap;
	for (int i = 0; i < INPUTS; i++)
		merged.offered[i] = facts->offered[i];
	*facts = merged;
}

/* Yesterday's snapshot of data_dir comes back: records since are gone with it, but no identity may be used twice. */
static void op_backup(struct world *world)
{
	bool *keep = malloc((world->fs->piece_count + 1) * sizeof(*keep));
	struct content content;

	if (!world->backup) {
		note_op("backup");
		for (size_t i = 0; i < world->fs->piece_count; i++)
			keep[i] = true;
		world->backup = memfs_crash(world->fs, keep);
		world->backup_facts = world->facts;
	} else {
		note_op("RESTORE");
		clear_faults(world);
		world->fs->before_sync = NULL;
		spool_close(world->spool);
		memfs_free(world->fs);
		world->fs = world->backup;
		world->backup = NULL;
		facts_from_backup(&world->facts, &world->backup_facts);
		world->fs->before_sync = before_sync;
		world->fs->before_sync_arg = world;
		world->spool = open_on(world, world->fs);
		read_content(world->spool, &world->facts, &content);
		judge_positions(world->spool, &world->facts, &content);
		note_acked(world);
		open_outputs(world);
		restart_sources(world);
	}
	free(keep);
}

/* Fills the spool until it refuses, settles everything, and appends again: the append itself has to make room. */
static void op_fill(struct world *world)
{
	struct spool_stat stat;

	note_op("fill:");
	do {
		op_append(world);
		op_commit(world);
		spool_stat(world->spool, &stat);
	} while (!stat.full && stat.bytes < (144u << 10));
	for (int o = 0; o < OUTPUTS; o++) {
		world->facts.moved[o] = stat.next_seq;
		spool_cursor_move(world->spool, output_names[o], stat.next_seq);
	}
	for (int i = 0; i < 6; i++)
		op_append(world);
}

/* A sync fails and the process dies before it can repair: the page cache still shows what the disk never got. */
static void op_fail_and_die(struct world *world)
{
	struct lg_err err;

	op_append(world);
	note_op("fail-and-die:");
	clear_faults(world);
	memfs_fail(world->fs, MEMFS_FDATASYNC, EIO, 0, 1);
	memfs_fail(world->fs, MEMFS_TRUNCATE, EIO, 0, 1); /* as if it died just behind the failed sync */
	if (spool_commit(world->spool, &err) == LG_OK)
		note_acked(world);
	op_restart(world, END_KILL);
}

/* A new key comes into use, sometimes told, sometimes left to be found. */
static void op_rotate(struct world *world)
{
	note_op("rotate");
	rotations++;
	key_file(keys_path, 1, ++world->keys, 0);
	if (below(2))
		spool_reload_keys(world->spool);
}

static void one_operation(struct world *world)
{
	unsigned what = below(world->keys ? 32 : 30);

	world->fake.mono_ns += CLOCK_SECOND;
	world->fake.utc_ns += CLOCK_SECOND;
	if (what < 9)
		op_append(world);
	else if (what < 13)
		op_commit(world);
	else if (what < 15)
		op_cursor(world);
	else if (what < 17)
		op_maintain(world);
	else if (what < 20)
		op_fault(world);
	else if (what < 22)
		op_loss(world);
	else if (what < 24)
		op_restart(world, what == 23 ? END_POWER_LOSS : END_ORDERLY);
	else if (what < 26)
		op_backup(world);
	else if (what < 27)
		op_fill(world);
	else if (what < 29)
		op_restart(world, END_KILL);
	else if (what < 30)
		op_fail_and_die(world);
	else
		op_rotate(world);
}

static void run_sequence(uint64_t seed)
{
	struct world world = {0};
	unsigned length;

	sequence_seed = seed;
	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	history[0] = '\0';
	length = 6 + below(18);
	world.fs = memfs_new("/d");
	world.fake = (struct clock_fake){CLOCK_SECOND, 1763856000 * CLOCK_SECOND};
	world.clock = clock_fake_on(&world.fake);
	world.conf = (struct spool_conf){.data_dir = "/d",
	        .max_size = below(2) ? 512u << 10 : 144u << 10,
	        .segment_size = 16u << 10,
	        .sync = below(4) ? SPOOL_SYNC_ALWAYS : SPOOL_SYNC_INTERVAL,
	        .sync_interval_ns = 4 * CLOCK_SECOND,
	        .tail_bytes = below(2) ? 8192 : 0,
	        .clock = &world.clock};
	if (seed % 3 == 0) {
		world.keys = 1;
		sequences_encrypted++;
		key_file(keys_path, 1, world.keys, 0);
		world.conf.key_file = keys_path;
	}
	for (int i = 0; i < INPUTS; i++)
		world.facts.acked[i] = world.facts.offered[i] = world.pending[i] = 1;
	for (int o = 0; o < OUTPUTS; o++)
		world.facts.moved[o] = 1;
	world.fs->before_sync = before_sync;
	world.fs->before_sync_arg = &world;
	world.spool = open_on(&world, world.fs);
	open_outputs(&world);
	while (length--)
		one_operation(&world);
	before_sync(&world);
	world.fs->before_sync = NULL;
	clear_faults(&world);
	spool_close(world.spool);
	memfs_free(world.fs);
	memfs_free(world.backup);
	free(world.facts.seen);
}

static void test_every_state_a_power_loss_may_leave_is_recovered(void **state)
{
	uint64_t seed = *(uint64_t *)*state;

	for (; states_checked < states_wanted; seed++)
		run_sequence(seed);
	printf("crash model: %llu states checked (%llu of them lost power again while recovering), %llu failing calls, up to "
	       "seed %llu\n",
	        (unsigned long long)states_checked, (unsigned long long)nested_checked, (unsigned long long)failures_injected,
	        (unsigned long long)seed - 1);
	printf("crash model: %llu sequences encrypted, %llu changes of key, %llu nonces, none twice\n",
	        (unsigned long long)sequences_encrypted, (unsigned long long)rotations, (unsigned long long)nonces_used);
	assert_true(nested_checked > 0);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	int failed;
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_prestate(test_every_state_a_power_loss_may_leave_is_recovered, &seed),
	};

	states_wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : 30000;
	log_set_level(LG_ERROR);
	key_path(keys_path);
	nonce_uses = calloc(NONCE_SLOTS, sizeof(*nonce_uses));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(keys_path);
	free(nonce_uses);
	return failed;
}
