/* The states that a power loss may leave: every subset of the un-synced pieces where they are few, else the corners and a sample.
 * Each is opened, judged, opened again and used. */
#include "model.h"

#define EXHAUSTIVE_PIECES 3
#define SAMPLES 7
#define NESTED_SAMPLES 3

void strike_draw(const struct memfs *fs, uint32_t style, struct rng *rng, bool *keep)
{
	size_t n = fs->piece_count, cut = rng_below(rng, (uint32_t)n + 1);
	uint32_t odds = 1 + rng_below(rng, 3);

	/* 0: none, 1: all, then a beginning, all but one, and random quarters, halves, three quarters */
	for (size_t i = 0; i < n; i++)
		keep[i] = style % 7 == 0   ? false
		          : style % 7 == 1 ? true
		          : style % 7 == 2 ? i < cut
		          : style % 7 == 3 ? i != cut
		                           : rng_below(rng, 4) < odds;
}

static void note_strike(int level, int64_t sync, const struct memfs *fs, const bool *keep)
{
	struct strike *strike = &shared->failure.strike[level];

	strike->sync = sync;
	strike->count = (uint32_t)fs->piece_count;
	for (size_t i = 0; i < fs->piece_count && i < PIECES_MAX; i++)
		strike->keep[i] = keep[i];
}

/* ---- one state ---- */

/* The quota is used up: that ends when the outputs settle what they have. */
static enum lg_rc make_room(struct spool *spool, struct lg_batch *batch, struct lg_err *err)
{
	for (int o = 0; o < OUTPUTS; o++) {
		REQUIRE(spool_output_add(spool, output_names[o], false, err) == LG_OK, "go on", "output: %s", err->text);
		spool_cursor_move(spool, output_names[o], spool_durable_next(spool));
	}
	spool_maintain(spool, true);
	return spool_append(spool, batch, err);
}

/* Every input goes on where its positions say. */
static void go_on(struct world *world, struct spool *spool, struct facts *facts)
{
	struct lg_err err;

	for (int i = 0; i < INPUTS; i++) {
		struct entry entry = entry_next(facts, facts->count, i, 2, (uint32_t)facts->count);
		struct lg_batch *batch = entry_batch(&entry, NULL, world->fake.utc_ns);

		enum lg_rc rc = spool_append(spool, batch, &err);

		if (rc == LG_FULL)
			rc = make_room(spool, batch, &err);
		REQUIRE(rc == LG_OK, "go on", "append after recovery: %s", err.text);
		entry.seq = batch->first_seq;
		memcpy(entry.log_id, batch->log_id, sizeof(entry.log_id));
		facts_push(facts, &entry);
		REQUIRE(spool_commit(spool, &err) == LG_OK, "go on", "commit after recovery: %s", err.text);
		facts->acked = facts->count;
		lg_batch_release(batch);
	}
	for (int o = 0; o < OUTPUTS; o++)
		facts->moved[o] = facts_next_seq(facts, facts->count);
	judge(world, spool, facts);
}

struct nested {
	struct world *world;
	struct memfs *fs;
	const struct facts *facts;
	struct rng rng;
	int64_t syncs;
};

static void nested_before_sync(void *arg);

static void hear(void *said, const char *line)
{
	snprintf(said, 256, "%s", line);
}

/* The offline check misses no record. (It may mention torn bytes that could not be cut off.) */
static void verify(const struct world *world, struct memfs *fs)
{
	struct spool_verify_result result;
	char said[256] = "";
	struct lg_err err;

	REQUIRE(spool_verify("/d", world->conf.key_file, &fs->io, &result, hear, said, &err) == LG_OK, "verify", "verify: %s", err.text);
	REQUIRE(!result.missing, "verify", "verify: %s", said);
}

/* The start after the power loss; where `again`, the power goes once more in the middle of it, at every sync. rng NULL:
 * nothing is left out. */
static void check_state(struct world *world, struct memfs *fs, const struct facts *before, struct nested *again, struct rng *rng)
{
	struct spool_conf conf = world->conf;
	struct facts facts;
	uint64_t cursors[OUTPUTS];
	struct spool *spool;
	size_t has;

	facts_copy(&facts, before);
	world->conf.sync = SPOOL_SYNC_ALWAYS;
	if (again) {
		again->fs = fs;
		fs->before_sync = nested_before_sync;
		fs->before_sync_arg = again;
	}
	spool = world_open(world, fs);
	fs->before_sync = NULL;
	has = judge(world, spool, &facts);
	facts.count = facts.acked = has;
	for (int o = 0; o < OUTPUTS; o++)
		cursors[o] = spool_cursor(spool, output_names[o]);
	spool_close(spool);
	judge_beside(world, fs, &facts, cursors, has);
	if (!rng || rng_below(rng, 8) == 0)
		verify(world, fs);
	if (!rng || rng_below(rng, 3) == 0) {
		spool = world_open(world, fs);
		judge(world, spool, &facts); /* a second start finds the same */
		for (int o = 0; o < OUTPUTS; o++)
			REQUIRE(cursors[o] == spool_cursor(spool, output_names[o]), "again", "a second start moves a cursor");
		fs->capacity = 0;
		go_on(world, spool, &facts);
		spool_close(spool);
	}
	facts_fini(&facts);
	world->conf = conf;
	shared->states++;
}

static void check_subset(struct world *world, struct memfs *fs, const struct facts *facts, const bool *keep, struct nested *again,
        struct rng *rng)
{
	struct memfs *after = memfs_crash(fs, keep);

	check_state(world, after, facts, again, rng);
	memfs_free(after);
}

static void nested_before_sync(void *arg)
{
	struct nested *nested = arg;
	struct memfs *fs = nested->fs;
	const struct strike *only = &nested->world->sequence->strike[1];
	bool *keep;

	nested->syncs++;
	if (only->sync >= 0 && only->sync != nested->syncs)
		return;
	keep = calloc(fs->piece_count + 1, sizeof(*keep));
	for (uint32_t s = 0; s < (only->sync >= 0 ? 1 : NESTED_SAMPLES); s++) {
		strike_draw(fs, s + (s > 1 ? rng_below(&nested->rng, 5) : 0), &nested->rng, keep);
		for (size_t i = 0; only->sync >= 0 && i < fs->piece_count; i++)
			keep[i] = i < only->count ? only->keep[i] : false;
		note_strike(1, nested->syncs, fs, keep);
		check_subset(nested->world, fs, nested->facts, keep, NULL, only->sync >= 0 ? NULL : &nested->rng);
		shared->nested++;
	}
	shared->failure.strike[1].sync = -1;
	free(keep);
}

/* ---- all states before one sync ---- */

static void check_some(struct world *world, const bool *keep, bool again, struct rng *rng)
{
	struct nested nested = {.world = world, .facts = &world->facts, .rng = rng_of(rng ? rng->state : 1, 9)};

	note_strike(0, world->syncs, world->fs, keep);
	check_subset(world, world->fs, &world->facts, keep, again ? &nested : NULL, rng);
	shared->failure.strike[0].sync = shared->failure.strike[1].sync = -1;
}

static void enumerate(struct world *world)
{
	struct rng rng = rng_of(world->sequence->seed, (uint64_t)world->syncs + 100), choice = rng_of(rng.state, 1);
	size_t n = world->fs->piece_count;
	bool *keep = calloc(n + 1, sizeof(*keep));

	if (world->sequence->sparse && rng_below(&choice, 3)) {
		free(keep);
		return;
	}
	if (n <= EXHAUSTIVE_PIECES) {
		for (uint32_t set = 0; set < 1u << n; set++) {
			for (size_t i = 0; i < n; i++)
				keep[i] = set >> i & 1;
			check_some(world, keep, rng_below(&rng, 48) == 0, &rng);
		}
	} else {
		for (uint32_t s = 0; s < SAMPLES; s++) {
			strike_draw(world->fs, s, &rng, keep);
			check_some(world, keep, rng_below(&rng, 48) == 0, &rng);
		}
	}
	free(keep);
}

void strike_before_sync(void *arg)
{
	struct world *world = arg;
	const struct strike *only = &world->sequence->strike[0];
	bool *keep;

	world->syncs++;
	if (only->sync < 0) {
		if (shared->states < shared->wanted && world->op >= world->sequence->from)
			enumerate(world);
		return;
	}
	if (only->sync != world->syncs)
		return;
	keep = calloc(world->fs->piece_count + 1, sizeof(*keep));
	for (size_t i = 0; i < world->fs->piece_count; i++)
		keep[i] = i < only->count ? only->keep[i] : false;
	if (shared->verbose)
		strike_print_pieces(stdout, world->fs, keep);
	check_some(world, keep, world->sequence->strike[1].sync >= 0, NULL);
	free(keep);
}
