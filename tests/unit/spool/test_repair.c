/* Repair: after it every checksum is right, no record that could be read before is gone, the damaged file is kept, and a second repair finds nothing. */
#include "spool_mem.h"

#include "spool/repair.h"

#define FRAMES 3
#define PER_FRAME 4
#define BACKUP "/d/repair-now"

static void ignore(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static void ignore_step(void *arg, const char *line, bool can)
{
	(void)arg;
	(void)line;
	(void)can;
}

static struct repair repair_on(struct memfs *fs, bool apply)
{
	struct repair r = {.data_dir = "/d", .io = &fs->io, .backup = BACKUP, .say = ignore_step};
	struct lg_err err;

	if (spool_repair(&r, apply, &err) != LG_OK)
		fail_msg("repair: %s", err.text);
	return r;
}

static struct spool_verify_result verify_on(struct memfs *fs)
{
	struct spool_verify_result v;
	struct lg_err err;

	if (spool_verify("/d", NULL, &fs->io, &v, ignore, NULL, &err) != LG_OK)
		fail_msg("verify: %s", err.text);
	return v;
}

/* Bit n: record n is read. */
static uint64_t readable(struct memfs *fs)
{
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct spool *spool;
	struct lg_err err;
	uint64_t seen = 0, first, last;
	char input[64];
	enum lg_rc rc;

	assert_int_equal(spool_peek_open(&spool, "/d", &fs->io, &err), LG_OK);
	assert_int_equal(spool_reader_open(spool, 1, &reader, &err), LG_OK);
	while ((rc = spool_reader_next(reader, &batch, &first, &last, &err)) == LG_OK || rc == LG_CORRUPT) {
		if (rc == LG_CORRUPT)
			continue;
		for (lg_batch_begin(&it, batch, 0); lg_batch_next(&it, &rec);) {
			assert_int_equal(kit_number(rec.body, input), rec.seq);
			seen |= UINT64_C(1) << rec.seq;
		}
		lg_batch_release(batch);
	}
	assert_int_equal(rc, LG_AGAIN);
	spool_reader_close(reader);
	spool_close(spool);
	return seen;
}

static void fill_spool(struct mem_fixture *f)
{
	mem_open(f);
	for (int i = 0; i < FRAMES; i++)
		assert_true(mem_put(f, PER_FRAME, 50));
	spool_close(f->spool);
	f->spool = NULL;
}

static void same_file(struct memfs *a, const char *path_a, struct memfs *b, const char *path_b)
{
	struct memfs_file *x = memfs_file(a, path_a), *y = memfs_file(b, path_b);
	uint8_t *p, *q;

	assert_non_null(x);
	assert_non_null(y);
	assert_int_equal(x->size, y->size);
	p = malloc(x->size);
	q = malloc(x->size);
	memfs_file_read(x, 0, p, x->size);
	memfs_file_read(y, 0, q, x->size);
	assert_memory_equal(p, q, x->size);
	free(p);
	free(q);
}

/* The segment's path, and the same name in the backup. */
static void paths_of(struct mem_fixture *f, char path[MEMFS_PATH], char copy[MEMFS_PATH])
{
	snprintf(path, MEMFS_PATH, "%s", mem_segment(f, 0));
	snprintf(copy, MEMFS_PATH, "%s/%.64s", BACKUP, strrchr(path, '/') + 1);
}

static void flip_every_byte(struct mem_fixture *f, uint64_t end)
{
	char path[MEMFS_PATH], copy[MEMFS_PATH];
	unsigned repaired = 0, flips = 0;

	paths_of(f, path, copy);
	for (uint64_t at = 4096; at < end; at++, flips++) {
		struct memfs *damaged = memfs_survive_kill(f->fs), *fs;
		struct spool_verify_result v;
		struct repair plan, r;
		uint64_t before;
		uint8_t byte;

		memfs_file_read(memfs_file(damaged, path), at, &byte, 1);
		byte ^= (uint8_t)(1 << at % 8);
		memfs_poke(damaged, path, at, &byte, 1);
		fs = memfs_survive_kill(damaged);
		before = readable(damaged);
		plan = repair_on(fs, false);
		same_file(fs, path, damaged, path); /* a plan changes nothing */
		assert_null(memfs_file(fs, copy));
		r = repair_on(fs, true);
		assert_int_equal(r.planned, plan.planned);
		assert_int_equal(r.done, plan.planned);
		assert_int_equal(r.left, 0);
		v = verify_on(fs);
		assert_int_equal(v.bad_frames + v.bad_segments, 0);
		assert_int_equal(readable(fs), before);
		if (r.done) {
			same_file(fs, copy, damaged, path);
			repaired++;
		}
		r = repair_on(fs, true);
		assert_int_equal(r.planned + r.left + r.done, 0);
		memfs_free(fs);
		memfs_free(damaged);
	}
	assert_true(repaired > flips * 9 / 10); /* all but padding */
	print_message("%u flips, %u repaired\n", flips, repaired);
}

static void any_flipped_byte_of_a_sealed_segment_is_put_right(void **state)
{
	struct mem_fixture *f = *state;

	fill_spool(f);
	mem_open(f); /* a start seals what was the newest */
	spool_close(f->spool);
	f->spool = NULL;
	assert_non_null(mem_segment(f, 1));
	flip_every_byte(f, memfs_file(f->fs, mem_segment(f, 0))->size);
}

static void any_flipped_byte_of_the_newest_segment_is_put_right(void **state)
{
	struct mem_fixture *f = *state;
	struct memfs_file *file;
	uint64_t end;
	uint8_t byte = 0;

	fill_spool(f);
	assert_null(mem_segment(f, 1));
	file = memfs_file(f->fs, mem_segment(f, 0));
	for (end = file->size; !byte; end--)
		memfs_file_read(file, end - 1, &byte, 1);
	flip_every_byte(f, end + 1);
}

static void a_hole_over_several_frames_becomes_one_gap_and_the_daemon_goes_on(void **state)
{
	struct mem_fixture *f = *state;
	char path[MEMFS_PATH], copy[MEMFS_PATH];
	uint8_t *junk = malloc(1200);
	struct repair r;
	uint64_t before, first;

	for (size_t i = 0; i < 1200; i++)
		junk[i] = (uint8_t)(i * 37);
	fill_spool(f);
	mem_open(f);
	assert_true(mem_put(f, PER_FRAME, 50));
	spool_close(f->spool);
	f->spool = NULL;
	paths_of(f, path, copy);
	memfs_poke(f->fs, path, 4096 + 100, junk, 600);
	before = readable(f->fs);
	assert_int_not_equal(before, 0);
	r = repair_on(f->fs, true);
	assert_int_equal(r.planned, 2); /* the hole, the footer */
	assert_int_equal(r.done, 2);
	assert_int_equal(readable(f->fs), before);
	mem_open(f);
	assert_int_equal(mem_stat(f).corrupt_frames, 0);
	assert_true(mem_put(f, PER_FRAME, 50)); /* sequences went on */
	assert_int_equal(kit_read_all(f->spool, FRAMES * PER_FRAME + 1, &first), 2 * PER_FRAME);
	assert_int_equal(first, FRAMES * PER_FRAME + 1);
	free(junk);
}

static void nothing_is_changed_while_the_daemon_runs_or_where_no_copy_can_be_kept(void **state)
{
	struct mem_fixture *f = *state;
	struct repair r = {.data_dir = "/d", .io = &f->fs->io, .backup = BACKUP, .say = ignore_step};
	char path[MEMFS_PATH], copy[MEMFS_PATH];
	struct memfs *damaged;
	struct lg_err err;
	uint8_t byte = 0x99;

	fill_spool(f);
	mem_open(f);
	assert_int_equal(spool_repair(&r, true, &err), LG_BUSY);
	spool_close(f->spool);
	f->spool = NULL;
	paths_of(f, path, copy);
	memfs_poke(f->fs, path, 4096 + 60, &byte, 1);
	damaged = memfs_survive_kill(f->fs);
	memfs_fail(f->fs, MEMFS_FSYNC, EIO, 0, 1); /* of the copy */
	assert_int_equal(spool_repair(&r, true, &err), LG_IO);
	same_file(f->fs, path, damaged, path);
	memfs_free(damaged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(any_flipped_byte_of_a_sealed_segment_is_put_right, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(any_flipped_byte_of_the_newest_segment_is_put_right, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(a_hole_over_several_frames_becomes_one_gap_and_the_daemon_goes_on, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(nothing_is_changed_while_the_daemon_runs_or_where_no_copy_can_be_kept, mem_set_up, mem_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
