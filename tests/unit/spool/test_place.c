/* data_dir taken away or replaced, and segments deleted, under a spool that is open. */
#include "spool_mem.h"

static void move(struct mem_fixture *f, const char *from, const char *to)
{
	assert_int_equal(f->fs->io.rename(f->fs, from, to), 0);
}

static void try_put(struct mem_fixture *f, unsigned count, enum lg_rc expected, const char *says)
{
	struct lg_batch *batch = kit_batch(&f->budget, "in", f->next, count, 50, NULL, f->fake.utc_ns);
	struct lg_err err = {0};
	enum lg_rc rc = spool_append(f->spool, batch, &err);

	lg_batch_release(batch);
	assert_int_equal(rc, LG_OK);
	f->next += count;
	assert_int_equal(spool_commit(f->spool, &err), expected);
	if (says && !strstr(err.text, says))
		fail_msg("it says: %s", err.text);
}

static void test_nothing_is_acknowledged_while_the_directory_is_not_in_its_place(void **state)
{
	static const char *const names[] = {"/d/spool/lock", "/d/spool/state"};
	struct mem_fixture *f = *state;
	struct lg_err err;
	uint64_t first;

	mem_open(f);
	assert_true(mem_put(f, 4, 50));
	for (int replaced = 0; replaced < 2; replaced++) {
		for (int i = 0; i < 2; i++) {
			uint64_t durable = spool_durable_next(f->spool);

			move(f, names[i], "/d/spool/away");
			if (replaced)
				f->fs->io.close(f->fs, f->fs->io.open(f->fs, names[i], SYS_WRITE | SYS_CREATE));
			try_put(f, 4, LG_IO, "is gone, moved away or replaced");
			assert_int_equal(spool_durable_next(f->spool), durable);
			assert_int_equal(spool_commit(f->spool, &err), LG_IO);
			assert_non_null(strstr(mem_stat(f).error, "is gone"));
			assert_int_equal(spool_output_add(f->spool, "new", false, &err), LG_IO); /* nor does the state count as stored */
			assert_int_equal(spool_output_forget(f->spool, "new", &err), LG_OK);
			move(f, "/d/spool/away", names[i]);
			assert_int_equal(spool_commit(f->spool, &err), LG_OK);
			assert_string_equal(mem_stat(f).error, "");
		}
	}
	assert_int_equal(kit_read_all(f->spool, 1, &first), 20);
	mem_reopen(f);
	assert_int_equal(kit_read_all(f->spool, 1, &first), 20);
	assert_int_equal(kit_position_of(f->spool, "in"), 21);
}

static void test_status_says_it_also_where_nothing_is_written(void **state)
{
	struct mem_fixture *f = *state;

	mem_open(f);
	move(f, "/d/spool/lock", "/d/spool/away");
	f->fake.mono_ns += 2 * CLOCK_SECOND;
	spool_maintain(f->spool, false);
	assert_non_null(strstr(mem_stat(f).error, "is gone"));
	move(f, "/d/spool/away", "/d/spool/lock");
	f->fake.mono_ns += 2 * CLOCK_SECOND;
	spool_maintain(f->spool, false);
	assert_string_equal(mem_stat(f).error, "");
}

/* Another spool in its place keeps its segments, though they have the names of ours. */
static void test_no_file_of_another_spool_in_its_place_is_deleted(void **state)
{
	struct mem_fixture *f = *state;

	mem_open(f);
	for (int i = 0; i < 60; i++)
		assert_true(mem_put(f, 10, 300));
	assert_true(mem_count_files(f, ".seg") > 2);
	move(f, "/d/spool/state", "/d/spool/away");
	spool_cursor_move(f->spool, "out", f->next);
	for (int i = 0; i < 5; i++) {
		f->fake.mono_ns += 2 * CLOCK_SECOND;
		spool_maintain(f->spool, true);
	}
	assert_true(mem_count_files(f, ".seg") > 2);
	move(f, "/d/spool/away", "/d/spool/state");
	for (int i = 0; i < 3; i++) {
		f->fake.mono_ns += 2 * CLOCK_SECOND;
		spool_maintain(f->spool, true);
	}
	assert_int_equal(mem_count_files(f, ".seg"), 1);
}

static void test_the_newest_segment_deleted_while_it_is_written_costs_what_was_in_it_and_no_more(void **state)
{
	struct mem_fixture *f = *state;
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_err err;
	uint64_t first, last;

	mem_open(f);
	assert_true(mem_put(f, 4, 50));
	assert_int_equal(f->fs->io.unlink(f->fs, mem_segment(f, 0)), 0);
	try_put(f, 4, LG_IO, "segment 1 was deleted while it was written");
	assert_int_equal(spool_durable_next(f->spool), 5);
	assert_int_equal(spool_commit(f->spool, &err), LG_OK); /* again, in a new segment */
	assert_int_equal(spool_durable_next(f->spool), 9);
	assert_int_equal(spool_reader_open(f->spool, 1, &reader, &err), LG_OK);
	assert_int_equal(spool_reader_next(reader, &batch, &first, &last, &err), LG_CORRUPT);
	assert_int_equal(first, 1);
	assert_int_equal(last, 4);
	assert_int_equal(spool_reader_next(reader, &batch, &first, &last, &err), LG_OK);
	assert_int_equal(batch->first_seq, 5);
	lg_batch_release(batch);
	spool_reader_close(reader);
	mem_reopen(f);
	assert_int_equal(kit_position_of(f->spool, "in"), 9);
	assert_int_equal(kit_read_all(f->spool, 5, &first), 4);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, mem_set_up, mem_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(test_nothing_is_acknowledged_while_the_directory_is_not_in_its_place),
	        TEST(test_status_says_it_also_where_nothing_is_written),
	        TEST(test_no_file_of_another_spool_in_its_place_is_deleted),
	        TEST(test_the_newest_segment_deleted_while_it_is_written_costs_what_was_in_it_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
