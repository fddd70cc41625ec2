/* Torture: one run through all the spool does (open, append, commit, roll, cursors, deletion, dead letters, restart, kill), repeated with its n-th call to
 * the disk failing, for every n until a run passes untouched; and with everything failing from the n-th call on until the fault ends. Each time:
 *
 *  - no call wedges or ends the process; what failed says so and names the spool, and works again once the disk does;
 *  - nothing is acknowledged that a power loss at once would take;
 *  - at the end every record is there, once, in order, unchanged, behind the cursor that was settled; nothing half-made is left behind;
 *  - nothing counts as corrupt where only writes failed.
 */
#include "spool_mem.h"

#include "fault_io.h"
#include "spool/deadletter.h"

#define BATCHES 24
#define PER_BATCH 10
#define BODY 300
#define TRIES 12     /* of one call, with a fault that ends by itself */
#define STUBBORN 30  /* of one call, before a fault that does not is lifted */

struct trial {
	struct mem_fixture *f;
	struct fault_io fault;
	struct deadletters *letters;
	uint64_t acked;   /* numbers below are acknowledged */
	uint64_t settled; /* numbers below the output settled */
	uint64_t checked; /* failures when the power loss was last tried */
	unsigned letters_put;
	bool lasting;     /* the fault ends when it is lifted */
	char what[160];
};

static uint64_t trials, faults, losses_of_power;

static void fail_sync(void *self, enum fault_op op, int error)
{
	memfs_fail(self, op == FAULT_FDATASYNC ? MEMFS_FDATASYNC : op == FAULT_FSYNC ? MEMFS_FSYNC : MEMFS_SYNC_DIR, error, 0, 1);
}

static void use_disk(struct trial *t, struct memfs *fs)
{
	t->f->fs = fs;
	t->fault.under = &fs->io;
	t->f->conf.io = &t->fault.io;
}

/* A call that failed is made again; in the end the fault is lifted. */
static void failed_once(struct trial *t, const char *call, unsigned tries, const struct lg_err *err)
{
	if (!t->fault.failed)
		fail_msg("%s: %s failed and no fault had struck: %s", t->what, call, err->text);
	if (err->text[0] == '\0')
		fail_msg("%s: %s failed without a word", t->what, call);
	if (t->lasting && tries == STUBBORN)
		fault_lift(&t->fault);
	if (tries > STUBBORN + TRIES || (!t->lasting && tries > TRIES))
		fail_msg("%s: %s never works again: %s", t->what, call, err->text);
}

static void open_spool(struct trial *t)
{
	struct lg_err err = {0};

	for (unsigned tries = 0; spool_open(&t->f->spool, &t->f->conf, &err) != LG_OK; tries++) {
		failed_once(t, "open", tries, &err);
		assert_null(t->f->spool);
		if (!strstr(err.text, "/d/spool"))
			fail_msg("%s: the error does not name the spool: %s", t->what, err.text);
	}
	for (unsigned tries = 0; spool_output_add(t->f->spool, "out", false, &err) != LG_OK; tries++)
		failed_once(t, "output", tries, &err);
	for (unsigned tries = 0; deadletters_open(&t->letters, t->f->spool, "out", &err) != LG_OK; tries++)
		failed_once(t, "dead letters", tries, &err);
}

static void close_spool(struct trial *t)
{
	deadletters_close(t->letters);
	t->letters = NULL;
	spool_close(t->f->spool);
	t->f->spool = NULL;
}

/* Everything from the cursor up to `next` is there, once and unchanged. A read that fails is asked again. */
static void read_back(struct trial *t, struct spool *spool, uint64_t from, uint64_t next)
{
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_err err = {0};
	uint64_t number = from, gap_first, gap_last;
	char name[64], expected[BODY + 96];
	unsigned tries = 0;
	enum lg_rc rc;

	assert_int_equal(spool_reader_open(spool, from, &reader, &err), LG_OK);
	while ((rc = spool_reader_next(reader, &batch, &gap_first, &gap_last, &err)) == LG_OK || rc == LG_IO) {
		if (rc == LG_IO) {
			failed_once(t, "read", tries++, &err);
			t->f->fake.mono_ns += CLOCK_SECOND;
			continue;
		}
		for (lg_batch_begin(&it, batch, number); lg_batch_next(&it, &rec); number++) {
			size_t size = kit_body(expected, "in", number, BODY);

			if (kit_number(rec.body, name) != number || rec.seq != number)
				fail_msg("%s: record %llu where %llu was due", t->what, (unsigned long long)rec.seq, (unsigned long long)number);
			assert_int_equal(rec.body.size, size);
			assert_memory_equal(rec.body.data, expected, size);
		}
		lg_batch_release(batch);
	}
	spool_reader_close(reader);
	if (rc != LG_AGAIN)
		fail_msg("%s: reading: %s: %s", t->what, lg_rc_name(rc), err.text);
	if (number < next)
		fail_msg("%s: records %llu to %llu are not there", t->what, (unsigned long long)number, (unsigned long long)next - 1);
}

/* The disk as a power loss at this moment would leave it, with nothing of what is not synced: what was acknowledged is on it. */
static void check_power_loss(struct trial *t)
{
	bool *none;
	struct memfs *after;
	struct spool_conf conf = t->f->conf;
	struct spool *spool;
	struct lg_err err;

	if (t->checked == t->fault.failed)
		return;
	t->checked = t->fault.failed;
	losses_of_power++;
	none = calloc(t->f->fs->piece_count + 1, sizeof(*none));
	after = memfs_crash(t->f->fs, none);
	free(none);
	conf.io = &after->io;
	if (spool_open(&spool, &conf, &err) != LG_OK)
		fail_msg("%s: after a power loss: %s", t->what, err.text);
	read_back(t, spool, t->settled, t->acked);
	if (t->acked > 1 && kit_position_of(spool, "in") < t->acked)
		fail_msg("%s: after a power loss the position is %llu, acknowledged is %llu", t->what, (unsigned long long)kit_position_of(spool, "in"),
		        (unsigned long long)t->acked);
	spool_close(spool);
	memfs_free(after);
}

static void put(struct trial *t)
{
	struct mem_fixture *f = t->f;
	struct lg_batch *batch = kit_batch(&f->budget, "in", f->next, PER_BATCH, BODY, NULL, f->fake.utc_ns);
	struct lg_err err = {0};
	unsigned tries;

	for (tries = 0; spool_append(f->spool, batch, &err) != LG_OK; tries++) {
		failed_once(t, "append", tries, &err);
		if (spool_commit(f->spool, &err) != LG_OK)
			assert_true(mem_stat(f).error[0] != '\0');
		f->fake.mono_ns += CLOCK_SECOND;
		spool_maintain(f->spool, false);
	}
	lg_batch_release(batch);
	f->next += PER_BATCH;
	for (tries = 0; spool_commit(f->spool, &err) != LG_OK; tries++) {
		failed_once(t, "commit", tries, &err);
		assert_true(mem_stat(f).error[0] != '\0');
		if (t->lasting && tries == STUBBORN / 2)
			check_power_loss(t);
	}
	assert_int_equal(spool_durable_next(f->spool), f->next);
	t->acked = f->next;
	check_power_loss(t);
	if (f->next / PER_BATCH % 3 == 0)
		return; /* a kill then finds frames above the state's mark */
	f->fake.mono_ns += CLOCK_SECOND;
	spool_maintain(f->spool, false);
}

static void put_letter(struct trial *t)
{
	struct lg_batch *batch = NULL;
	struct spool_reader *reader;
	struct lg_err err = {0};
	uint64_t gap_first, gap_last;
	unsigned tries = 0;

	assert_int_equal(spool_reader_open(t->f->spool, t->settled, &reader, &err), LG_OK);
	while (spool_reader_next(reader, &batch, &gap_first, &gap_last, &err) != LG_OK)
		failed_once(t, "read", tries++, &err);
	for (tries = 0; deadletters_put(t->letters, batch, "refused", 1, &err) != LG_OK; tries++)
		failed_once(t, "dead letter", tries, &err);
	lg_batch_release(batch);
	spool_reader_close(reader);
	t->letters_put++;
}

static void settle(struct trial *t)
{
	read_back(t, t->f->spool, t->settled, t->acked);
	t->settled = t->acked - 2 * PER_BATCH;
	spool_cursor_move(t->f->spool, "out", t->settled);
	spool_maintain(t->f->spool, true);
}

static void restart(struct trial *t, bool kill)
{
	struct memfs *old = t->f->fs, *after = kill ? memfs_survive_kill(old) : NULL;

	close_spool(t);
	if (after) {
		use_disk(t, after);
		memfs_free(old);
	}
	open_spool(t);
	if (kit_position_of(t->f->spool, "in") != t->acked)
		fail_msg("%s: the position is %llu, acknowledged is %llu", t->what, (unsigned long long)kit_position_of(t->f->spool, "in"),
		        (unsigned long long)t->acked);
	if (spool_cursor(t->f->spool, "out") > t->settled)
		fail_msg("%s: the cursor passes what was settled", t->what);
}

static unsigned count_letters(struct trial *t)
{
	struct deadletter_walk walk = {.data_dir = "/d", .io = &t->f->fs->io, .output = "out"};
	struct lg_err err;

	assert_int_equal(deadletter_walk(&walk, &err), LG_OK);
	assert_int_equal(walk.damaged, 0);
	return (unsigned)walk.decisions;
}

/* With the fault gone: all is there, a start finds it, and what is settled leaves nothing behind. */
static void judge(struct trial *t)
{
	struct mem_fixture *f = t->f;
	uint64_t corrupt;

	fault_lift(&t->fault);
	read_back(t, f->spool, t->settled, t->acked);
	restart(t, false);
	read_back(t, f->spool, t->settled, t->acked);
	put(t);
	assert_string_equal(mem_stat(f).error, "");
	corrupt = mem_stat(f).corrupt_frames;
	if (corrupt)
		fail_msg("%s: %llu frames count as corrupt", t->what, (unsigned long long)corrupt);
	if (count_letters(t) < t->letters_put)
		fail_msg("%s: %u of %u dead letters", t->what, count_letters(t), t->letters_put);
	spool_cursor_move(f->spool, "out", f->next);
	for (int i = 0; i < 3; i++) {
		f->fake.mono_ns += CLOCK_SECOND;
		spool_maintain(f->spool, true);
	}
	assert_int_equal(mem_stat(f).segments, 1);
	assert_int_equal(mem_count_files(f, "/d/spool/0"), 1);
	assert_int_equal(mem_count_files(f, ".tmp"), 0);
}

/* A directory whose own sync failed is made once and not again: the model keeps it in doubt for ever, while Linux turns such a file system read-only. */
static void make_dirs(struct mem_fixture *f)
{
	static const char *const names[] = {"/d/spool", "/d/spool/quarantine", "/d/spool/deadletter", "/d/spool/deadletter/out"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(f->fs->io.mkdir(f->fs, names[i]), 0);
	memfs_view_free(&f->fs->durable);
	memfs_view_copy(&f->fs->durable, &f->fs->live);
	f->fs->piece_count = 0;
}

/* True where the fault struck. */
static bool run(unsigned mask, int error, enum fault_effect effect, bool read_only, uint64_t nth, uint64_t count, const char *name)
{
	struct trial t = {.acked = 1, .settled = 1, .lasting = count > TRIES};
	void *fixture = NULL;
	bool struck;

	mem_set_up(&fixture);
	t.f = fixture;
	t.f->conf.segment_size = 16u << 10;
	snprintf(t.what, sizeof(t.what), "%s, %llu calls from the %lluth on (%s)", name, (unsigned long long)count, (unsigned long long)nth, strerror(error));
	fault_io_init(&t.fault, &t.f->fs->io);
	t.fault.fail_sync = fail_sync;
	use_disk(&t, t.f->fs);
	t.fault.mask = mask;
	t.fault.error = error;
	t.fault.effect = effect;
	t.fault.read_only = read_only;
	if (mask & FAULT_SYNCS)
		make_dirs(t.f);
	t.fault.nth = nth;
	t.fault.count = count;
	open_spool(&t);
	for (int i = 0; i < BATCHES; i++) {
		put(&t);
		if (i % 6 == 3)
			put_letter(&t);
		if (i % 6 == 5)
			settle(&t);
		if (i == 11 || i == 14)
			restart(&t, i == 14);
	}
	struck = t.fault.failed > 0;
	judge(&t);
	trials++;
	faults += t.fault.failed;
	deadletters_close(t.letters);
	mem_tear_down(&fixture);
	return struck;
}

static void every_nth(unsigned mask, int error, enum fault_effect effect, bool read_only, uint64_t count, const char *name)
{
	uint64_t nth = 0, before = trials;

	while (run(mask, error, effect, read_only, nth, count, name))
		nth++;
	assert_true(nth > 0);
	printf("torture: %s (%s): each of %llu calls failed %s: %llu runs\n", name, strerror(error), (unsigned long long)nth,
	        count == 1 ? "once" : count == 2 ? "and the one after it" : "and all after it until the fault ended", (unsigned long long)(trials - before));
}

static void test_every_write_may_find_the_disk_full(void **state)
{
	(void)state;
	every_nth(FAULT_GROWING, ENOSPC, FAULT_NOTHING, false, 1, "a full disk");
	every_nth(FAULT_GROWING, ENOSPC, FAULT_NOTHING, false, UINT64_MAX, "a full disk");
}

static void test_every_write_may_be_cut_short(void **state)
{
	(void)state;
	every_nth(FAULT_BIT(FAULT_PWRITEV), ENOSPC, FAULT_HALF, false, 1, "a short write");
	every_nth(FAULT_BIT(FAULT_PWRITEV), EIO, FAULT_HALF, false, 2, "a short write");
}

static void test_every_change_may_fail(void **state)
{
	(void)state;
	every_nth(FAULT_CHANGING, EIO, FAULT_NOTHING, false, 1, "a change");
	every_nth(FAULT_CHANGING, EIO, FAULT_NOTHING, false, 2, "a change");
}

static void test_every_change_may_be_done_and_reported_as_failed(void **state)
{
	(void)state;
	every_nth(FAULT_CHANGING, EIO, FAULT_ALL, false, 1, "a change whose answer is lost");
}

static void test_every_sync_may_fail(void **state)
{
	(void)state;
	every_nth(FAULT_SYNCS, EIO, FAULT_NOTHING, false, 1, "a sync");
	every_nth(FAULT_SYNCS, EIO, FAULT_NOTHING, false, UINT64_MAX, "a sync");
}

static void test_the_disk_may_turn_read_only_at_every_call(void **state)
{
	(void)state;
	every_nth(FAULT_CHANGING, EROFS, FAULT_NOTHING, true, UINT64_MAX, "a read-only remount");
}

static void test_every_open_and_read_may_fail(void **state)
{
	(void)state;
	every_nth(FAULT_READING, EIO, FAULT_NOTHING, false, 1, "a read");
	every_nth(FAULT_BIT(FAULT_OPEN), EMFILE, FAULT_NOTHING, false, UINT64_MAX, "an open");
}

static void test_a_disk_that_goes_away_altogether_is_waited_for(void **state)
{
	(void)state;
	every_nth(FAULT_CHANGING | FAULT_SYNCS | FAULT_READING, EIO, FAULT_NOTHING, false, UINT64_MAX, "a disk that is gone");
}

/* ---- a start that is refused ---- */

static void assert_unchanged(struct memfs *before, struct memfs *after)
{
	for (size_t k = 0; k < before->live.entry_count; k++) {
		struct memfs_entry *e = &before->live.entries[k];
		struct memfs_file *was, *is;
		uint8_t *a, *b;

		if (e->inode < 0 || strstr(e->path, "/lock"))
			continue;
		was = memfs_file(before, e->path);
		is = memfs_file(after, e->path);
		assert_non_null(is);
		assert_int_equal(was->size, is->size);
		a = malloc(was->size + 1);
		b = malloc(was->size + 1);
		memfs_file_read(was, 0, a, was->size);
		memfs_file_read(is, 0, b, is->size);
		assert_memory_equal(a, b, was->size);
		free(a);
		free(b);
	}
}

/* Every call of a start that opens or reads fails from the n-th on: either the start does without, or it says which file and what to do, and has
 * changed nothing. */
static void refuse_from(unsigned mask, int error, const char *remedy)
{
	unsigned refused = 0, went = 0;

	for (uint64_t nth = 0;; nth++) {
		void *fixture = NULL;
		struct mem_fixture *f;
		struct fault_io fault;
		struct memfs *before;
		struct lg_err err = {0};
		enum lg_rc rc;

		mem_set_up(&fixture);
		f = fixture;
		mem_open(f);
		for (int i = 0; i < 3; i++) {
			assert_true(mem_put(f, PER_BATCH, BODY));
			if (i == 0)
				mem_reopen(f);
		}
		spool_close(f->spool);
		f->spool = NULL;
		before = memfs_survive_kill(f->fs);
		fault_io_init(&fault, &f->fs->io);
		fault.mask = mask;
		fault.error = error;
		fault.nth = nth;
		fault.count = UINT64_MAX;
		f->conf.io = &fault.io;
		rc = spool_open(&f->spool, &f->conf, &err);
		if (rc != LG_OK) {
			refused++;
			if (!strstr(err.text, "spool /d/spool: ") || !strstr(err.text, remedy))
				fail_msg("no file or no remedy: %s", err.text);
			if (!strstr(err.text, ".seg") && !strstr(err.text, "state") && !strstr(err.text, "lock") && !strstr(err.text, "listing") &&
			        !strstr(err.text, "segment "))
				fail_msg("it does not say what: %s", err.text);
			assert_unchanged(before, f->fs);
			f->conf.io = &f->fs->io;
			mem_open(f);
			assert_int_equal(mem_stat(f).next_seq, 3 * PER_BATCH + 1);
		} else {
			uint64_t first;

			went++;
			fault_lift(&fault);
			assert_int_equal(kit_read_all(f->spool, 1, &first), 3 * PER_BATCH);
			assert_int_equal(kit_position_of(f->spool, "in"), 3 * PER_BATCH + 1);
			mem_reopen(f);
			assert_int_equal(kit_read_all(f->spool, 1, &first), 3 * PER_BATCH);
		}
		memfs_free(before);
		mem_tear_down(&fixture);
		if (!fault.failed)
			break;
	}
	assert_true(refused > 2 && went > 0);
	printf("torture: a start that cannot %s (%s): refused %u times with the file's name, went on %u times\n",
	        mask & FAULT_BIT(FAULT_PREAD) ? "read" : "open", strerror(error), refused, went);
}

static void test_a_start_that_is_refused_names_the_file_and_the_remedy_and_overwrites_nothing(void **state)
{
	(void)state;
	refuse_from(FAULT_BIT(FAULT_OPEN), EACCES, "has to belong to the user Lugger runs as");
	refuse_from(FAULT_BIT(FAULT_OPEN), EMFILE, "limit of open files");
	refuse_from(FAULT_BIT(FAULT_PREAD), EIO, "nothing was overwritten");
}

static int say_sums(void **state)
{
	(void)state;
	printf("torture: %llu runs, %llu failed calls, %llu power losses behind a failure\n", (unsigned long long)trials, (unsigned long long)faults,
	        (unsigned long long)losses_of_power);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_every_write_may_find_the_disk_full),
	        cmocka_unit_test(test_every_write_may_be_cut_short),
	        cmocka_unit_test(test_every_change_may_fail),
	        cmocka_unit_test(test_every_change_may_be_done_and_reported_as_failed),
	        cmocka_unit_test(test_every_sync_may_fail),
	        cmocka_unit_test(test_the_disk_may_turn_read_only_at_every_call),
	        cmocka_unit_test(test_every_open_and_read_may_fail),
	        cmocka_unit_test(test_a_disk_that_goes_away_altogether_is_waited_for),
	        cmocka_unit_test(test_a_start_that_is_refused_names_the_file_and_the_remedy_and_overwrites_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, say_sums);
}
