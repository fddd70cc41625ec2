/* Full is a normal state: quota, full disks, deletion, failing calls. */
#include "spool_mem.h"

static uint64_t disk_bytes(struct mem_fixture *f)
{
	return memfs_used(f->fs);
}

static void test_a_spool_is_filled_and_drained_three_times_within_its_quota(void **state)
{
	struct mem_fixture *f = *state;
	uint64_t first;

	mem_open(f);
	for (int round = 0; round < 3; round++) {
		struct spool_stat stat;
		unsigned puts = 0;

		while (mem_put(f, 10, 300)) {
			spool_maintain(f->spool, false);
			assert_true(disk_bytes(f) <= f->conf.max_size);
			assert_true(++puts < 1000);
		}
		assert_true(puts > 150); /* at least half of the quota is of use */
		stat = mem_stat(f);
		assert_true(stat.full);
		assert_true(stat.bytes <= stat.quota_bytes);
		assert_false(mem_put(f, 10, 300)); /* and it stays full until somebody settles */
		assert_int_equal(
		        kit_read_all(f->spool, spool_cursor(f->spool, "out"), &first), f->next - spool_cursor(f->spool, "out"));
		if (round == 1)
			mem_reopen(f); /* a restart while it is full */
		spool_cursor_move(f->spool, "out", stat.next_seq);
		spool_maintain(f->spool, true);
		assert_int_equal(mem_stat(f).segments, 1);
		assert_true(mem_put(f, 10, 300));
		assert_false(mem_stat(f).full);
	}
}

static void test_an_append_makes_room_itself_when_outputs_settled_enough(void **state)
{
	struct mem_fixture *f = *state;

	f->conf.keep_ns = 3600 * CLOCK_SECOND; /* keeping for replay yields to the quota */
	mem_open(f);
	for (int i = 0; i < 2000; i++) {
		assert_true(mem_put(f, 10, 300));
		spool_cursor_move(f->spool, "out", f->next);
		assert_true(disk_bytes(f) <= f->conf.max_size);
	}
}

static void test_delivered_segments_are_kept_for_their_time_and_not_longer(void **state)
{
	struct mem_fixture *f = *state;
	uint64_t first;

	f->conf.keep_ns = 60 * CLOCK_SECOND;
	mem_open(f);
	for (int i = 0; i < 60; i++)
		assert_true(mem_put(f, 10, 300));
	spool_cursor_move(f->spool, "out", f->next);
	f->fake.utc_ns += 59 * CLOCK_SECOND;
	spool_maintain(f->spool, true);
	assert_int_equal(mem_stat(f).first_seq, 1);
	assert_int_equal(kit_read_all(f->spool, 1, &first), 600); /* a replay finds them */
	mem_reopen(f);
	spool_maintain(f->spool, true);
	assert_int_equal(mem_stat(f).first_seq, 1);
	f->fake.utc_ns += 2 * CLOCK_SECOND;
	spool_maintain(f->spool, true);
	assert_int_equal(mem_stat(f).segments, 1);
}

static void test_on_a_full_disk_cursors_move_and_segments_are_deleted(void **state)
{
	struct mem_fixture *f = *state;
	struct lg_batch *batch;
	struct lg_err err;
	uint64_t first;
	enum lg_rc rc;

	f->conf.max_size = 64u << 20;
	f->fs->capacity = 700u << 10; /* the disk is smaller than the quota */
	mem_open(f);
	do {
		batch = kit_batch(&f->budget, "in", f->next, 10, 300, NULL, f->fake.utc_ns);
		rc = spool_append(f->spool, batch, &err);
		lg_batch_release(batch);
		if (rc == LG_OK) {
			f->next += 10;
			kit_commit(f->spool);
		}
	} while (rc == LG_OK);
	assert_int_equal(rc, LG_NOSPACE);
	assert_true(mem_stat(f).error[0] != '\0');
	f->fs->capacity = memfs_used(f->fs); /* somebody took the rest */
	assert_int_equal(kit_read_all(f->spool, 1, &first), f->next - 1);
	spool_cursor_move(f->spool, "out", f->next - 20);
	spool_maintain(f->spool, true);
	assert_true(mem_stat(f).segments < 3);
	mem_reopen(f);
	assert_int_equal(spool_cursor(f->spool, "out"), f->next - 20);
	for (int i = 0; i < 50; i++)
		assert_true(mem_put(f, 10, 300));
	assert_string_equal(mem_stat(f).error, "");
	assert_int_equal(kit_read_all(f->spool, spool_cursor(f->spool, "out"), &first), f->next - spool_cursor(f->spool, "out"));
}

static void test_a_spool_opens_on_a_full_disk_and_works_when_space_returns(void **state)
{
	struct mem_fixture *f = *state;
	struct lg_batch *batch;
	struct lg_err err;
	uint64_t first;

	mem_open(f);
	for (int i = 0; i < 50; i++)
		assert_true(mem_put(f, 10, 300));
	f->fs->capacity = memfs_used(f->fs);
	mem_reopen(f);
	mem_reopen(f);
	assert_int_equal(kit_read_all(f->spool, 1, &first), 500);
	batch = kit_batch(&f->budget, "in", f->next, 10, 300, NULL, f->fake.utc_ns);
	while (spool_append(f->spool, batch, &err) == LG_OK) /* what is preallocated is still of use */
		kit_commit(f->spool);
	assert_int_equal(err.rc, LG_NOSPACE);
	f->fs->capacity = 0;
	assert_int_equal(spool_commit(f->spool, &err), LG_OK);
	assert_int_equal(spool_append(f->spool, batch, &err), LG_OK);
	lg_batch_release(batch);
	kit_commit(f->spool);
}

static void test_a_detached_output_no_longer_holds_the_spool_even_after_a_restart(void **state)
{
	struct mem_fixture *f = *state;
	struct lg_err err;

	mem_open(f);
	assert_int_equal(spool_output_add(f->spool, "dead", false, &err), LG_OK);
	while (mem_put(f, 10, 300))
		spool_cursor_move(f->spool, "out", f->next);
	spool_output_detach(f->spool, "dead");
	assert_true(mem_put(f, 10, 300));
	spool_maintain(f->spool, true);
	assert_int_equal(mem_stat(f).segments, 1);
	mem_reopen(f);
	assert_int_equal(spool_output_add(f->spool, "dead", false, &err), LG_OK);
	assert_true(mem_stat(f).outputs[1].detached);
	assert_int_equal(spool_cursor(f->spool, "dead"), 1);
	spool_cursor_move(f->spool, "dead", mem_stat(f).first_seq); /* it reads again, from the first kept record */
	assert_false(mem_stat(f).outputs[1].detached);
}

static void test_an_orphaned_output_holds_the_spool_until_it_is_forgotten(void **state)
{
	struct mem_fixture *f = *state;
	struct lg_err err;

	mem_open(f);
	assert_int_equal(spool_output_add(f->spool, "old", false, &err), LG_OK);
	mem_reopen(f);
	assert_true(mem_stat(f).outputs[1].orphaned);
	while (mem_put(f, 10, 300))
		;
	spool_cursor_move(f->spool, "out", f->next);
	spool_maintain(f->spool, true);
	assert_false(mem_put(f, 10, 300));
	assert_int_equal(spool_output_forget(f->spool, "nobody", &err), LG_NOTFOUND);
	assert_int_equal(spool_output_forget(f->spool, "old", &err), LG_OK);
	assert_true(mem_put(f, 10, 300));
	mem_reopen(f);
	assert_int_equal(mem_stat(f).output_count, 1);
}

static void test_a_new_output_starts_at_the_oldest_record_or_at_the_end_and_stays_there(void **state)
{
	struct mem_fixture *f = *state;
	struct lg_err err;

	mem_open(f);
	assert_true(mem_put(f, 10, 300));
	assert_int_equal(spool_output_add(f->spool, "late", true, &err), LG_OK);
	assert_true(mem_put(f, 10, 300));
	assert_int_equal(spool_cursor(f->spool, "late"), 11);
	mem_reopen(f);
	assert_int_equal(spool_output_add(f->spool, "late", true, &err), LG_OK); /* no later end at the next start */
	assert_int_equal(spool_cursor(f->spool, "late"), 11);
	assert_int_equal(spool_cursor(f->spool, "out"), 1);
}

static void test_starts_that_follow_each_other_in_a_full_spool_stay_within_the_quota(void **state)
{
	struct mem_fixture *f = *state;
	unsigned puts = 0;

	mem_open(f);
	while (mem_put(f, 10, 300))
		spool_maintain(f->spool, false);
	for (int start = 0; start < 40; start++) {
		mem_reopen(f);
		for (; mem_put(f, 1, 100); puts++)
			spool_maintain(f->spool, false); /* what finds room: each start brings a segment of its own */
		assert_true(disk_bytes(f) <= f->conf.max_size);
		assert_true(mem_stat(f).bytes <= f->conf.max_size);
	}
	assert_true(puts < 1000);
	spool_cursor_move(f->spool, "out", f->next);
	spool_maintain(f->spool, true);
	assert_true(mem_put(f, 10, 300)); /* and it goes on when somebody settles */
}

static void test_a_restart_on_a_full_quota_does_not_grow_the_spool(void **state)
{
	struct mem_fixture *f = *state;
	uint64_t first, most = 0;

	mem_open(f);
	while (mem_put(f, 10, 300))
		spool_maintain(f->spool, false);
	for (int i = 0; i < 20; i++) {
		mem_reopen(f);
		spool_maintain(f->spool, true);
		most = disk_bytes(f) > most ? disk_bytes(f) : most;
	}
	assert_true(most <= f->conf.max_size);
	assert_int_equal(kit_read_all(f->spool, 1, &first), f->next - 1);
}

/* One run of appends, commits, cursors and maintenance, in which the n-th call of `op` fails. */
static void run_with_failure(struct mem_fixture *f, enum memfs_op op, int nth, int error)
{
	struct lg_err err;
	uint64_t first;

	memfs_fail(f->fs, op, error, nth, 2);
	for (int i = 0; i < 40; i++) {
		struct lg_batch *batch = kit_batch(&f->budget, "in", f->next, 10, 300, NULL, f->fake.utc_ns);
		enum lg_rc rc;
		int tries = 0;

		while ((rc = spool_append(f->spool, batch, &err)) != LG_OK) {
			assert_true(rc == LG_IO || rc == LG_NOSPACE);
			assert_true(++tries < 10);
			if (spool_commit(f->spool, &err) != LG_OK)
				assert_true(mem_stat(f).error[0] != '\0');
		}
		lg_batch_release(batch);
		f->next += 10;
		for (tries = 0; spool_commit(f->spool, &err) != LG_OK; tries++)
			assert_true(tries < 10);
		assert_int_equal(spool_durable_next(f->spool), f->next);
		if (i % 10 == 9)
			spool_cursor_move(f->spool, "out", f->next - 50);
		f->fake.mono_ns += CLOCK_SECOND;
		spool_maintain(f->spool, false);
	}
	f->fs->fail_count[op] = 0;
	assert_int_equal(kit_read_all(f->spool, spool_cursor(f->spool, "out"), &first), 50);
	mem_reopen(f);
	assert_int_equal(kit_position_of(f->spool, "in"), f->next);
	assert_int_equal(kit_read_all(f->spool, spool_cursor(f->spool, "out"), &first), 50);
	assert_int_equal(first, f->next - 50);
	assert_int_equal(mem_stat(f).corrupt_frames, 0);
	spool_cursor_move(f->spool, "out", f->next);
	spool_maintain(f->spool, true);
	spool_maintain(f->spool, true);
	assert_int_equal(mem_stat(f).segments, 1);
	assert_int_equal(mem_count_files(f, ".seg"), 1);
}

static void test_any_call_may_fail_at_any_time_and_nothing_is_lost_or_left_behind(void **state)
{
	static const enum memfs_op ops[] = {MEMFS_PWRITEV, MEMFS_FDATASYNC, MEMFS_FSYNC, MEMFS_TRUNCATE, MEMFS_ALLOCATE,
	        MEMFS_RENAME, MEMFS_UNLINK, MEMFS_SYNC_DIR};
	unsigned runs = 0;

	for (size_t k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
		for (int nth = 0; nth < 60; nth++) {
			for (int error = 0; error < 2; error++) {
				void *inner = NULL;
				struct mem_fixture *f;
				uint64_t calls;

				mem_set_up(&inner);
				f = inner;
				f->conf.segment_size = 16u << 10;
				mem_open(f);
				calls = f->fs->calls[ops[k]];
				run_with_failure(f, ops[k], nth, error ? ENOSPC : EIO);
				calls = f->fs->calls[ops[k]] - calls;
				mem_tear_down(&inner);
				runs++;
				if (calls <= (uint64_t)nth)
					nth = 60; /* past the last call of a run */
			}
		}
	}
	(void)state;
	assert_true(runs > 200);
}

static void test_a_loss_interval_survives_until_its_record_is_durable(void **state)
{
	struct mem_fixture *f = *state;
	struct spool_loss loss;
	struct lg_err err;

	mem_open(f);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(spool_loss(f->spool, 'I', "udp", 10 + i, 10 + i, 1, 100, "overload", &err), LG_OK);
	assert_int_equal(spool_loss(f->spool, 'X', "udp", 1, 1, 1, 1, "overload", &err), LG_INVALID);
	spool_maintain(f->spool, true);
	mem_reopen(f);
	assert_true(spool_loss_take(f->spool, &loss));
	assert_string_equal(loss.name, "udp");
	assert_int_equal(loss.first, 10);
	assert_int_equal(loss.last, 12);
	assert_int_equal(loss.count, 3);
	assert_int_equal(loss.bytes, 300);
	assert_false(spool_loss_take(f->spool, &loss));
	spool_maintain(f->spool, true);
	mem_reopen(f); /* taken, but no record was made of it */
	assert_true(spool_loss_take(f->spool, &loss));
	assert_true(mem_put(f, 1, 100));
	f->fake.mono_ns += CLOCK_SECOND;
	spool_maintain(f->spool, true);
	mem_reopen(f);
	assert_false(spool_loss_take(f->spool, &loss));
}

static void test_more_kinds_of_loss_than_the_state_holds_are_counted_together(void **state)
{
	struct mem_fixture *f = *state;
	struct spool_loss loss;
	struct lg_err err;
	uint64_t count = 0;
	char name[32];

	mem_open(f);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "input-%d", i);
		assert_int_equal(spool_loss(f->spool, 'I', name, 1, 2, 2, 10, "overload", &err), LG_OK);
	}
	mem_reopen(f);
	while (spool_loss_take(f->spool, &loss))
		count += loss.count;
	assert_int_equal(count, 200);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, mem_set_up, mem_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(test_a_spool_is_filled_and_drained_three_times_within_its_quota),
	        TEST(test_an_append_makes_room_itself_when_outputs_settled_enough),
	        TEST(test_delivered_segments_are_kept_for_their_time_and_not_longer),
	        TEST(test_on_a_full_disk_cursors_move_and_segments_are_deleted),
	        TEST(test_a_spool_opens_on_a_full_disk_and_works_when_space_returns),
	        TEST(test_a_detached_output_no_longer_holds_the_spool_even_after_a_restart),
	        TEST(test_an_orphaned_output_holds_the_spool_until_it_is_forgotten),
	        TEST(test_a_new_output_starts_at_the_oldest_record_or_at_the_end_and_stays_there),
	        TEST(test_a_restart_on_a_full_quota_does_not_grow_the_spool),
	        TEST(test_starts_that_follow_each_other_in_a_full_spool_stay_within_the_quota),
	        cmocka_unit_test(test_any_call_may_fail_at_any_time_and_nothing_is_lost_or_left_behind),
	        TEST(test_a_loss_interval_survives_until_its_record_is_durable),
	        TEST(test_more_kinds_of_loss_than_the_state_holds_are_counted_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
