/* The operations of a sequence, on a real spool over a file system in memory. An operation reads its arguments against the state it
 * finds, so that a sequence stays one when others are taken out of it. */
#include "model.h"

#include "key_files.h"
#include "spool/keys.h"

const char *const op_names[OP_KINDS] = {"append", "commit", "read", "settle", "maintain", "fault", "disk", "loss", "tell", "oldest", "restart",
        "kill", "power", "backup", "fill", "die", "rotate", "letter", "drop", "replay", "forget", "detach", "wait"};
const uint8_t op_args[OP_KINDS] = {3, 0, 2, 3, 1, 4, 1, 1, 1, 0, 2, 2, 4, 0, 1, 1, 1, 2, 1, 1, 1, 1, 1};

/* ---- small things ---- */

static bool is_clean(const struct memfs *fs)
{
	for (int op = 0; op < MEMFS_OPS; op++)
		if (fs->fail_count[op])
			return false;
	return !fs->capacity;
}

static void loss_name(char name[64], uint32_t i)
{
	snprintf(name, 64, "an-output-whose-name-is-long-enough-to-fill-sectors-%u", i & 7);
}

static uint64_t durable_next(const struct world *world)
{
	return facts_next_seq(&world->facts, world->facts.acked);
}

/* ---- outputs ---- */

static uint8_t *settled_at(struct world *world, int o, uint64_t seq)
{
	size_t at = (size_t)(seq - world->facts.base_seq);

	if (at >= world->settled_cap[o]) {
		size_t cap = at * 2 + 256;

		world->settled[o] = realloc(world->settled[o], cap);
		memset(world->settled[o] + world->settled_cap[o], 0, cap - world->settled_cap[o]);
		world->settled_cap[o] = cap;
	}
	return &world->settled[o][at];
}

/* The receiver's word for first..last. The cursor follows the lowest unsettled record, which is reckoned here a second time. */
static void settle_range(struct world *world, int o, uint64_t first, uint64_t last)
{
	uint64_t cursor = world->flight[o].cursor, lowest;

	for (uint64_t seq = first; seq <= last; seq++)
		if (seq >= cursor && seq < world->position[o])
			*settled_at(world, o, seq) = 1;
	flight_settle(&world->flight[o], first, last);
	lowest = cursor;
	while (lowest < world->position[o] && *settled_at(world, o, lowest))
		lowest++;
	cursor = flight_cursor(&world->flight[o]);
	REQUIRE(cursor == lowest, "cursor", "%s: the lowest unsettled record is %llu, the cursor says %llu", output_names[o],
	        LLU(lowest), LLU(cursor));
	if (cursor > world->facts.moved[o])
		world->facts.moved[o] = cursor;
	spool_cursor_move(world->spool, output_names[o], cursor);
}

/* Reads up to `batches` from where the output stands; the last one is kept where `last` is not NULL. */
static void read_batches(struct world *world, int o, uint32_t batches, struct lg_batch **last)
{
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_err err;
	uint64_t gap_first, gap_last;

	world_note_acked(world); /* a seal makes durable what waits, also where the append behind it failed */
	REQUIRE(spool_reader_open(world->spool, world->position[o], &reader, &err) == LG_OK, "records", "reader: %s", err.text);
	for (; batches; batches--) {
		uint64_t end, at;
		enum lg_rc rc = spool_reader_next(reader, &batch, &gap_first, &gap_last, &err);

		REQUIRE(rc == LG_OK || rc == LG_AGAIN, "records", "%s reads at %llu: %s", output_names[o], LLU(world->position[o]),
		        err.text);
		if (rc == LG_AGAIN)
			break;
		end = batch->first_seq + batch->count;
		at = batch->first_seq > world->position[o] ? batch->first_seq : world->position[o];
		REQUIRE(end <= durable_next(world), "visible", "%s is shown %llu, durable is %llu", output_names[o], LLU(end) - 1,
		        LLU(durable_next(world)) - 1);
		REQUIRE(at == world->position[o] || world->facts.loose[o], "held", "%s jumps from %llu to %llu", output_names[o],
		        LLU(world->position[o]), LLU(at));
		if (at > world->position[o]) {
			flight_skip(&world->flight[o], world->position[o], at - world->position[o]);
			memset(settled_at(world, o, at) - (at - world->position[o]), 1, (size_t)(at - world->position[o]));
		}
		flight_add(&world->flight[o], at, end - at, NULL);
		world->position[o] = end;
		if (last && *last)
			lg_batch_release(*last);
		if (last)
			*last = batch;
		else
			lg_batch_release(batch);
	}
	spool_reader_close(reader);
}

static void op_read(struct world *world, const struct op *op)
{
	read_batches(world, (int)(op->arg[0] % OUTPUTS), 1 + op->arg[1] % 4, NULL);
}

static void op_settle(struct world *world, const struct op *op)
{
	int o = (int)(op->arg[0] % OUTPUTS);
	struct rng rng = rng_of(op->arg[2], 3);
	uint64_t from = world->flight[o].cursor, to;

	if (world->position[o] == from)
		read_batches(world, o, 2, NULL);
	to = world->position[o];
	for (uint32_t runs = 1 + op->arg[1] % 4; runs && to > from; runs--) {
		uint64_t first = from + rng_below(&rng, (uint32_t)(to - from)), last = first + rng_below(&rng, 6);

		if (rng_below(&rng, 3) == 0)
			first = from; /* else the cursor would seldom move */
		settle_range(world, o, first, last < to ? last : to - 1);
	}
}

static void op_forget(struct world *world, const struct op *op)
{
	int o = (int)(op->arg[0] % OUTPUTS);
	struct facts *facts = &world->facts;
	bool clean = is_clean(world->fs);
	struct spool_stat stat;
	struct lg_err err;

	facts->known[o] = false;
	facts->loose[o] = true;
	facts->stored[o] = 0;
	spool_stat(world->spool, &stat); /* the new cursor begins at the oldest record, from the moment on in which it is written */
	if (stat.first_seq > facts->moved[o])
		facts->moved[o] = stat.first_seq;
	REQUIRE(spool_output_forget(world->spool, output_names[o], &err) == LG_OK, "open", "forget: %s", err.text);
	if (spool_output_add(world->spool, output_names[o], false, &err) == LG_OK) {
		facts->known[o] = true;
		facts->loose[o] = false;
		facts->stored[o] = facts->moved[o] = spool_cursor(world->spool, output_names[o]);
	} else { /* it has a cursor, in memory alone; the disk still has the old one */
		REQUIRE(!clean, "open", "output: %s", err.text);
	}
	world_rewind(world, o);
}

static void op_detach(struct world *world, const struct op *op)
{
	int o = (int)(op->arg[0] % OUTPUTS);

	world->facts.loose[o] = true;
	spool_output_detach(world->spool, output_names[o]);
}

/* ---- appending ---- */

/* Takes the caller's reference. True: the log has it. */
static bool append_entry(struct world *world, struct entry *entry, struct lg_batch *batch)
{
	struct lg_err err;
	enum lg_rc rc = spool_append(world->spool, batch, &err);

	if (rc == LG_OK) {
		entry->seq = batch->first_seq;
		memcpy(entry->log_id, batch->log_id, sizeof(entry->log_id));
		REQUIRE(entry->seq == facts_next_seq(&world->facts, world->facts.count), "sequence", "a batch was numbered %llu, due was %llu",
		        LLU(entry->seq), LLU(facts_next_seq(&world->facts, world->facts.count)));
		facts_push(&world->facts, entry);
		world_note_acked(world);
	} else {
		REQUIRE(rc == LG_FULL || rc == LG_IO || rc == LG_NOSPACE, "append", "append: %s", err.text);
	}
	return rc == LG_OK;
}

/* A loss record is the next batch appended, or the loss would leave the state with another one. */
static bool append_held(struct world *world)
{
	if (!world->held)
		return true;
	if (!append_entry(world, &world->held_entry, world->held))
		return false;
	lg_batch_release(world->held);
	world->held = NULL;
	return true;
}

static void append(struct world *world, uint32_t input, uint32_t records, uint32_t flavour)
{
	struct entry entry = entry_next(&world->facts, world->facts.count, (int)(input % INPUTS), records, flavour);
	struct lg_batch *batch;

	if (!append_held(world))
		return;
	batch = entry_batch(&entry, world->codec, world->fake.utc_ns);
	append_entry(world, &entry, batch);
	lg_batch_release(batch);
}

static void op_append(struct world *world, const struct op *op)
{
	append(world, op->arg[0], op->arg[1] % 9, op->arg[2]);
}

static void op_commit(struct world *world)
{
	struct lg_err err;

	for (int tries = 0; tries < 8; tries++) {
		if (spool_commit(world->spool, &err) != LG_OK)
			continue;
		world_note_acked(world);
		REQUIRE(world->conf.sync != SPOOL_SYNC_ALWAYS || world->facts.acked == world->facts.count, "acknowledged",
		        "commit answered ok, and %zu of %zu batches are durable", world->facts.acked, world->facts.count);
		judge_live(world);
		return;
	}
	REQUIRE(world->fs->capacity, "wedged", "commit never succeeds again: %s", err.text);
}

static void op_maintain(struct world *world, const struct op *op)
{
	struct facts *facts = &world->facts;
	bool clean = is_clean(world->fs);
	uint64_t cursor[OUTPUTS];

	for (int o = 0; o < OUTPUTS; o++)
		cursor[o] = spool_cursor(world->spool, output_names[o]);
	spool_maintain(world->spool, op->arg[0] & 1);
	world_note_acked(world);
	if (!clean || !(op->arg[0] & 1))
		return;
	for (int o = 0; o < OUTPUTS; o++) { /* nothing failed: what was moved is stored */
		facts->stored[o] = cursor[o];
		facts->known[o] = true;
	}
	if (facts->acked == facts->count) {
		memcpy(facts->lost_stored, facts->lost, sizeof(facts->lost));
		facts->store_mark = facts->count;
	}
}

/* ---- losses ---- */

static void op_loss(struct world *world, const struct op *op)
{
	uint32_t i = op->arg[0] % GIVEN_UP;
	char name[64];
	struct lg_err err;

	loss_name(name, i);
	world->facts.lost[i] += 3;
	REQUIRE(spool_loss(world->spool, 'O', name, 1, 3, 3, 300, "when_full", &err) == LG_OK, "losses", "loss: %s", err.text);
}

static void op_oldest(struct world *world)
{
	uint64_t end = spool_oldest_end(world->spool), cursor;
	struct facts *facts = &world->facts;
	struct lg_err err;
	char name[64];

	for (int o = 0; o < OUTPUTS && end; o++) {
		cursor = spool_cursor(world->spool, output_names[o]);
		/* Not one that was forgotten and added in memory alone: the disk may have its old cursor, which had settled these. */
		if (cursor >= end || facts->given_up_count[o] == GIVEN_UP_MAX || !facts->known[o])
			continue;
		loss_name(name, (uint32_t)(GIVEN_UP + o));
		facts->lost[GIVEN_UP + o] += end - cursor;
		facts->given_up[o][facts->given_up_count[o]].end = end;
		facts->given_up[o][facts->given_up_count[o]++].count = end - cursor;
		if (end > facts->moved[o])
			facts->moved[o] = end;
		REQUIRE(spool_loss_open(world->spool, 'O', name, cursor, end - 1, end - cursor, 1, "when_full", &err) == LG_OK, "losses",
		        "loss: %s", err.text);
		spool_cursor_move(world->spool, output_names[o], end);
		world_rewind(world, o);
	}
}

static void op_tell(struct world *world, const struct op *op)
{
	struct spool_loss loss;

	if (op->arg[0] & 1)
		spool_loss_end(world->spool);
	if (!append_held(world) || !spool_loss_take(world->spool, &loss))
		return;
	world->held_entry = entry_next(&world->facts, world->facts.count, LOSS_INPUT, 1, 0);
	world->held_entry.loss = (uint32_t)(loss.name[52] - '0');
	world->held_entry.lost = (uint32_t)loss.count;
	world->held = entry_batch(&world->held_entry, NULL, world->fake.utc_ns);
	append_held(world);
}

/* ---- faults ---- */

static void op_disk(struct world *world, const struct op *op)
{
	world_clear_faults(world->fs);
	world->fs->capacity = op->arg[0] % 6 ? memfs_used(world->fs) + (op->arg[0] % 6 - 1) * 4096 : 0;
}

static void op_restart(struct world *world, const struct op *op, enum op_kind ending)
{
	struct memfs *after = NULL;

	world_clear_faults(world->fs);
	if (ending == OP_POWER) {
		bool *keep = calloc(world->fs->piece_count + 1, sizeof(*keep));
		struct rng rng = rng_of(op->arg[3], 5);

		strike_draw(world->fs, op->arg[2], &rng, keep);
		after = memfs_crash(world->fs, keep);
		free(keep);
	} else if (ending == OP_KILL) {
		after = memfs_survive_kill(world->fs);
	}
	if (after)
		world->fs->before_sync = NULL;
	world_close(world);
	if (after) { /* what the close did went to a machine that is no more */
		memfs_free(world->fs);
		world->fs = after;
	}
	world_start(world, op->arg[0] % 3 ? 0 : op->arg[0] / 3 % 10, op->arg[1]);
}

static void op_backup(struct world *world)
{
	bool *keep;

	if (!world->backup) {
		keep = malloc((world->fs->piece_count + 1) * sizeof(*keep));
		memset(keep, true, world->fs->piece_count);
		world->backup = memfs_crash(world->fs, keep);
		world->backup->capacity = 0;
		facts_copy(&world->backup_facts, &world->facts);
		free(keep);
		return;
	}
	world->fs->before_sync = NULL;
	world_close(world);
	memfs_free(world->fs);
	world->fs = world->backup;
	world->backup = NULL;
	facts_fini(&world->facts);
	world->facts = world->backup_facts;
	world_start(world, 0, 0);
}

/* A sync fails and the process dies before it can repair: the page cache still shows what the disk never got. */
static void op_die(struct world *world, const struct op *op)
{
	static const struct op kill = {.kind = OP_KILL};
	struct lg_err err;

	for (uint32_t i = 0; i <= op->arg[0] % 3; i++)
		append(world, i, 1 + i, 0);
	world_clear_faults(world->fs);
	memfs_fail(world->fs, MEMFS_FDATASYNC, EIO, 0, 1);
	memfs_fail(world->fs, MEMFS_TRUNCATE, EIO, 0, 1); /* as if it died just behind the failed sync */
	if (spool_commit(world->spool, &err) == LG_OK)
		world_note_acked(world);
	op_restart(world, &kill, OP_KILL);
}

/* Fills the spool until it refuses, settles everything, and appends again: the append itself has to make room. */
static void op_fill(struct world *world, const struct op *op)
{
	struct spool_stat stat;
	uint32_t i = 0;

	do {
		append(world, i, 8, i);
		op_commit(world);
		spool_stat(world->spool, &stat);
	} while (!stat.full && !world->fs->capacity && stat.bytes < (144u << 10) && i++ < 64);
	for (int o = 0; o < OUTPUTS; o++) {
		read_batches(world, o, 1000, NULL);
		if (world->position[o] > world->flight[o].cursor)
			settle_range(world, o, world->flight[o].cursor, world->position[o] - 1);
	}
	for (i = 0; i < op->arg[0] % 8; i++)
		append(world, i, 8, i);
}

/* A new key comes into use, sometimes told, sometimes left to be found. */
static void op_rotate(struct world *world, const struct op *op)
{
	if (!world->keys)
		return;
	shared->rotations++;
	key_file(keys_path, 1, ++world->keys, 0);
	if (op->arg[0] & 1)
		spool_reload_keys(world->spool);
}

/* ---- dead letters, replays ---- */

static const struct entry *entry_of(const struct facts *facts, uint64_t seq)
{
	for (size_t i = 0; i < facts->count; i++)
		if (seq >= facts->log[i].seq && seq - facts->log[i].seq < facts->log[i].count)
			return &facts->log[i];
	return NULL;
}

static struct deadletters *letters_of(struct world *world, int o)
{
	struct lg_err err;

	if (!world->letters[o] && deadletters_open(&world->letters[o], world->spool, output_names[o], &err) != LG_OK)
		broken("letters", "dead letters: %s", err.text);
	return world->letters[o];
}

/* The receiver refuses the first records that are not settled: settled by a letter, once it is durable. */
static void op_letter(struct world *world, const struct op *op)
{
	int o = (int)(op->arg[0] % OUTPUTS);
	struct lg_batch *batch = NULL, *slice;
	const struct entry *entry;
	struct letter letter = {.output = o}, *noted;
	uint64_t first, last;
	struct lg_err err;

	world->position[o] = world->flight[o].cursor; /* a rewind, as after a break */
	flight_rewind(&world->flight[o]);
	if (world->settled[o])
		memset(world->settled[o], 0, world->settled_cap[o]);
	read_batches(world, o, 1, &batch);
	if (!batch)
		return;
	first = batch->first_seq > world->flight[o].cursor ? batch->first_seq : world->flight[o].cursor;
	last = first + op->arg[1] % 4;
	last = last < world->position[o] ? last : world->position[o] - 1;
	slice = deadletter_slice(batch, first, last);
	entry = entry_of(&world->facts, first);
	REQUIRE(slice && entry && slice->first_seq == first && slice->count == last - first + 1, "letters", "no slice of %llu", LLU(first));
	letter.seq = first;
	letter.number = entry->number + (first - entry->seq);
	letter.count = slice->count;
	letter.input = entry->input;
	memcpy(letter.log_id, slice->log_id, sizeof(letter.log_id));
	noted = facts_add_letter(&world->facts, &letter);
	if (deadletters_put(letters_of(world, o), slice, "the receiver refused it", 1, &err) == LG_OK) {
		noted->must = true;
		settle_range(world, o, first, last);
	}
	lg_batch_release(slice);
	lg_batch_release(batch);
}

static void op_drop(struct world *world, const struct op *op)
{
	int o = (int)(op->arg[0] % OUTPUTS);
	struct facts *facts = &world->facts;
	uint64_t count;
	struct lg_err err;

	for (size_t i = 0; i < facts->letter_count; i++)
		if (facts->letters[i].output == o)
			facts->letters[i].must = false;
	if (deadletters_drop(letters_of(world, o), &count, &err) == LG_OK)
		facts_drop_letters(facts, o);
}

static void op_replay(struct world *world, const struct op *op)
{
	int o = (int)(op->arg[0] % OUTPUTS);
	struct replay replay = {.data_dir = "/d", .io = &world->fs->io, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	struct replay_value value = {.there = true};
	struct spool_stat stat;
	struct lg_err err;
	bool done = false;
	enum lg_rc rc;

	if (world->facts.possible_count[o] > POSSIBLE - 2)
		return;
	spool_id_of(world->spool, replay.spool_id);
	rc = replay_load(&replay, output_names[o], &err);
	REQUIRE(rc == LG_OK || rc == LG_NOTFOUND, "replay", "replay: %s", err.text);
	if (rc == LG_NOTFOUND) {
		spool_stat(world->spool, &stat);
		replay.first = replay.next = stat.first_seq;
		replay.end = stat.next_seq;
	} else if (replay.next < replay.end) {
		replay.next++;
	} else {
		done = true;
	}
	value = (struct replay_value){!done, replay.first, replay.next, replay.end};
	facts_replay_may(&world->facts, o, &value);
	if ((done ? replay_remove(&replay, &err) : replay_store(&replay, &err)) == LG_OK)
		facts_replay_is(&world->facts, o, &value);
}

/* ---- a sequence ---- */

void op_run(struct world *world, const struct op *op)
{
	world->fake.mono_ns += CLOCK_SECOND;
	world->fake.utc_ns += CLOCK_SECOND;
	switch (op->kind) {
	case OP_APPEND:
		op_append(world, op);
		break;
	case OP_COMMIT:
		op_commit(world);
		break;
	case OP_READ:
		op_read(world, op);
		break;
	case OP_SETTLE:
		op_settle(world, op);
		break;
	case OP_MAINTAIN:
		op_maintain(world, op);
		break;
	case OP_FAULT:
		world_fault(world->fs, op->arg[0], op->arg[1] & 1 ? EIO : ENOSPC, op->arg[2] % 3, 1 + op->arg[3] % 2);
		break;
	case OP_DISK:
		op_disk(world, op);
		break;
	case OP_LOSS:
		op_loss(world, op);
		break;
	case OP_TELL:
		op_tell(world, op);
		break;
	case OP_OLDEST:
		op_oldest(world);
		break;
	case OP_RESTART:
	case OP_KILL:
	case OP_POWER:
		op_restart(world, op, op->kind);
		break;
	case OP_BACKUP:
		op_backup(world);
		break;
	case OP_FILL:
		op_fill(world, op);
		break;
	case OP_DIE:
		op_die(world, op);
		break;
	case OP_ROTATE:
		op_rotate(world, op);
		break;
	case OP_LETTER:
		op_letter(world, op);
		break;
	case OP_DROP:
		op_drop(world, op);
		break;
	case OP_REPLAY:
		op_replay(world, op);
		break;
	case OP_FORGET:
		op_forget(world, op);
		break;
	case OP_DETACH:
		op_detach(world, op);
		break;
	case OP_WAIT:
		world->fake.mono_ns += (op->arg[0] % 20) * CLOCK_SECOND;
		world->fake.utc_ns += (op->arg[0] % 20) * CLOCK_SECOND;
		break;
	case OP_KINDS:
		break;
	}
}

