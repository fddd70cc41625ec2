/* The spool of a sequence, its disks and its processes: set up, started with whatever is on the disk, ended. */
#include "model.h"

#include <unistd.h>

#include "base/hash.h"
#include "key_files.h"
#include "spool/state.h"

#define HIGH (UINT64_C(1) << 63) /* where a signed number would turn */

char keys_path[64];

/* ---- nonces: salt and index of every frame that is written encrypted, on every disk of the sequence ---- */

#define NONCE_SLOTS (1u << 17)

static struct {
	uint64_t who, what; /* hashes; who 0: free */
} *nonces;
static size_t nonce_count;

static void nonces_init(void)
{
	if (!nonces)
		nonces = malloc(NONCE_SLOTS * sizeof(*nonces));
	memset(nonces, 0, NONCE_SLOTS * sizeof(*nonces));
	nonce_count = 0;
}

static void note_nonce(const uint8_t salt[CRYPT_SALT_SIZE], const struct iovec *iov)
{
	const uint8_t *head = iov[0].iov_base;
	uint64_t who = hash_more(hash_more(HASH_START, salt, CRYPT_SALT_SIZE), head + 68, 4) | 1, what;
	size_t at = who % NONCE_SLOTS;

	/* The header's CRCs are left out: they follow from the rest. */
	what = hash_more(hash_more(HASH_START, head + 16, iov[0].iov_len - 20), iov[1].iov_base, iov[1].iov_len);
	while (nonces[at].who && nonces[at].who != who)
		at = (at + 1) % NONCE_SLOTS;
	REQUIRE(!nonces[at].who || nonces[at].what == what, "nonce", "a nonce serves two frames");
	if (!nonces[at].who) {
		nonce_count++;
		shared->nonces++;
	}
	nonces[at].who = who;
	nonces[at].what = what;
	REQUIRE(nonce_count < NONCE_SLOTS / 2, "model", "too many nonces");
}

static int watch_pwritev(void *self, int handle, const struct iovec *iov, int count, uint64_t offset)
{
	uint8_t header[160];

	if (count == 3 && iov[0].iov_len > 128 && memcmp(iov[0].iov_base, "\xf5LGF", 4) == 0 && ((uint8_t *)iov[0].iov_base)[7]) {
		REQUIRE(memfs_pread(self, handle, header, sizeof(header), 0) == sizeof(header), "model", "no header");
		note_nonce(header + 96, iov);
	}
	return memfs_pwritev(self, handle, iov, count, offset);
}

static void watch_nonces(struct memfs *fs)
{
	if (nonces)
		fs->io.pwritev = watch_pwritev;
}

/* ---- small things ---- */

void world_clear_faults(struct memfs *fs)
{
	for (int op = 0; op < MEMFS_OPS; op++)
		fs->fail_count[op] = 0;
}

void world_fault(struct memfs *fs, uint32_t which, int error, uint32_t after, uint32_t times)
{
	static const enum memfs_op calls[] = {MEMFS_PWRITEV, MEMFS_FDATASYNC, MEMFS_FSYNC, MEMFS_TRUNCATE, MEMFS_ALLOCATE,
	        MEMFS_RENAME, MEMFS_UNLINK, MEMFS_SYNC_DIR, MEMFS_MKDIR};

	shared->faults++;
	memfs_fail(fs, calls[which % (sizeof(calls) / sizeof(calls[0]))], error, (int)after, (int)times);
}

/* What is durable now was acknowledged. */
void world_note_acked(struct world *world)
{
	uint64_t durable = spool_durable_appends(world->spool);

	REQUIRE(world->opened_at + durable <= world->facts.count, "acknowledged", "%llu appends are durable of %zu", LLU(durable),
	        world->facts.count - world->opened_at);
	REQUIRE(world->opened_at + durable >= world->facts.acked, "acknowledged", "fewer appends are durable than before");
	world->facts.acked = world->opened_at + durable;
}

/* After a start, and where an output begins anew: nothing behind the cursor is settled. */
void world_rewind(struct world *world, int o)
{
	uint64_t cursor = spool_cursor(world->spool, output_names[o]);

	flight_fini(&world->flight[o]);
	flight_init(&world->flight[o], cursor);
	world->position[o] = cursor;
	if (world->settled[o])
		memset(world->settled[o], 0, world->settled_cap[o]);
}

static void add_outputs(struct world *world)
{
	struct lg_err err;

	for (int o = 0; o < OUTPUTS; o++) {
		REQUIRE(spool_output_add(world->spool, output_names[o], false, &err) == LG_OK, "open", "output: %s", err.text);
		world->facts.known[o] = true;
		world->facts.stored[o] = world->facts.moved[o] = spool_cursor(world->spool, output_names[o]);
		world_rewind(world, o);
	}
}

/* ---- the end of a process, and the next one ---- */

void world_close(struct world *world)
{
	for (int o = 0; o < OUTPUTS; o++) {
		deadletters_close(world->letters[o]);
		world->letters[o] = NULL;
	}
	lg_batch_release(world->held);
	world->held = NULL;
	spool_close(world->spool);
	world->spool = NULL;
}

struct spool *world_open(struct world *world, struct memfs *fs)
{
	struct spool_conf conf = world->conf;
	struct spool *spool;
	struct lg_err err;

	watch_nonces(fs);
	conf.io = &fs->io;
	if (spool_open(&spool, &conf, &err) != LG_OK)
		broken("open", "the spool does not open: %s", err.text);
	return spool;
}

/* A call fails while it opens; where that is an error, the next start finds everything. */
static void open_with_fault(struct world *world, uint32_t which, uint32_t after)
{
	struct spool_conf conf = world->conf;
	struct lg_err err;

	watch_nonces(world->fs);
	conf.io = &world->fs->io;
	if (which) {
		world_fault(world->fs, which, which & 1 ? EIO : ENOSPC, after % 4, 1);
		if (spool_open(&world->spool, &conf, &err) != LG_OK)
			world->spool = NULL;
		world_clear_faults(world->fs);
	}
	if (!world->spool)
		world->spool = world_open(world, world->fs);
}

void world_start(struct world *world, uint32_t which, uint32_t after)
{
	struct facts *facts = &world->facts;
	uint64_t told[LOSSES] = {0}, cursors[OUTPUTS];
	size_t has;

	world->fs->before_sync = strike_before_sync;
	world->fs->before_sync_arg = world;
	open_with_fault(world, which, after);
	has = judge(world, world->spool, facts);
	for (int o = 0; o < OUTPUTS; o++)
		cursors[o] = spool_cursor(world->spool, output_names[o]);
	judge_beside(world, world->fs, facts, cursors, has);
	facts->count = facts->acked = world->opened_at = has;
	read_open_losses(world->fs, facts->lost);
	for (size_t i = 0; i < has; i++)
		if (facts->log[i].input == LOSS_INPUT)
			told[facts->log[i].loss] += facts->log[i].lost;
	for (int k = 0; k < LOSSES; k++)
		facts->lost_stored[k] = facts->lost[k] += told[k];
	facts->store_mark = has;
	for (int o = 0; o < OUTPUTS; o++)
		while (facts->given_up_count[o] && facts->given_up[o][facts->given_up_count[o] - 1].end > cursors[o])
			facts->given_up_count[o]--;
	add_outputs(world);
}

/* A state file as a spool has it that has written 2^63 records: what comes next crosses the number. */
static void begin_high(struct world *world)
{
	struct state *state = calloc(1, sizeof(*state));
	struct lg_buf bytes = {0};
	struct iovec iov;
	uint8_t *zeros = calloc(1, STATE_FILE_SIZE);
	const struct sys_io *io = &world->fs->io;
	int handle;

	state->generation = HIGH - 3;
	state->next_number = HIGH - 3;
	state->low_number = HIGH - 3;
	state->durable_upto = world->facts.base_seq = HIGH - 12;
	memset(state->spool_id, 7, 16);
	state_encode(state, &bytes);
	io->mkdir(io->self, "/d/spool");
	io->sync_dir(io->self, "/d");
	handle = io->open(io->self, "/d/spool/state", SYS_WRITE | SYS_CREATE);
	iov = (struct iovec){zeros, STATE_FILE_SIZE};
	io->pwritev(io->self, handle, &iov, 1, 0);
	iov = (struct iovec){bytes.data, bytes.size};
	io->pwritev(io->self, handle, &iov, 1, state->generation % 2 * STATE_SLOT_SIZE);
	io->fsync(io->self, handle);
	io->close(io->self, handle);
	io->sync_dir(io->self, "/d/spool");
	lg_buf_fini(&bytes);
	free(zeros);
	free(state);
}

static void set_up(struct world *world, const struct sequence *sequence)
{
	const struct setup *setup = &sequence->setup;

	world->sequence = sequence;
	world->fs = memfs_new("/d");
	world->fake = (struct clock_fake){CLOCK_SECOND, 1763856000 * CLOCK_SECOND};
	world->clock = clock_fake_on(&world->fake);
	world->conf = (struct spool_conf){.data_dir = "/d",
	        .max_size = (uint64_t)setup->quota << 10,
	        .segment_size = SEGMENT_SIZE,
	        .sync = setup->interval ? SPOOL_SYNC_INTERVAL : SPOOL_SYNC_ALWAYS,
	        .sync_interval_ns = setup->interval * CLOCK_SECOND,
	        .keep_ns = setup->keep * CLOCK_SECOND,
	        .tail_bytes = setup->tail,
	        .clock = &world->clock};
	world->codec = setup->compress ? codec_new(1) : NULL;
	if (setup->keys) {
		world->keys = 1;
		shared->encrypted++;
		nonces_init();
		key_file(keys_path, 1, world->keys, 0);
		world->conf.key_file = keys_path;
	}
	world->facts.base_seq = 1;
	for (int o = 0; o < OUTPUTS; o++) {
		static const struct replay_value none;

		facts_replay_is(&world->facts, o, &none);
	}
	if (setup->high)
		begin_high(world);
	for (int o = 0; o < OUTPUTS; o++)
		world->facts.moved[o] = world->facts.base_seq;
}

void sequence_run(const struct sequence *sequence)
{
	struct world *world = calloc(1, sizeof(*world));

	identities_clear();
	set_up(world, sequence);
	world_start(world, 0, 0);
	for (world->op = 0; world->op < sequence->count; world->op++) {
		shared->failure.op = world->op;
		shared->reached[sequence->ops[world->op].kind]++;
		shared->operations++;
		op_run(world, &sequence->ops[world->op]);
	}
	strike_before_sync(world);
	world->fs->before_sync = NULL;
	world_clear_faults(world->fs);
	world->fs->capacity = 0;
	world_close(world);
	memfs_free(world->fs);
	if (world->backup) {
		memfs_free(world->backup);
		facts_fini(&world->backup_facts);
	}
	facts_fini(&world->facts);
	for (int o = 0; o < OUTPUTS; o++) {
		flight_fini(&world->flight[o]);
		free(world->settled[o]);
	}
	codec_free(world->codec);
	free(world);
	shared->sequences++;
}
