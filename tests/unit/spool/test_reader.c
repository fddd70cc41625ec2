/* Readers, the memory tail, weaker sync modes, views, start-up. */
#include "spool_mem.h"

#include <pthread.h>
#include <unistd.h>

static void test_a_reader_that_keeps_up_never_touches_the_disk(void **state)
{
	struct mem_fixture *f = *state;
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_err err;
	uint64_t first, last, reads;

	f->conf.tail_bytes = 64u << 10;
	mem_open(f);
	assert_int_equal(spool_reader_open(f->spool, 1, &reader, &err), LG_OK);
	reads = f->fs->calls[MEMFS_PREAD];
	for (int i = 0; i < 100; i++) {
		assert_int_equal(spool_reader_next(reader, &batch, &first, &last, &err), LG_AGAIN);
		assert_true(mem_put(f, 10, 300));
		assert_int_equal(spool_reader_next(reader, &batch, &first, &last, &err), LG_OK);
		assert_int_equal(batch->first_seq, 1 + i * 10);
		assert_int_equal(batch->count, 10);
		lg_batch_release(batch);
	}
	assert_int_equal(f->fs->calls[MEMFS_PREAD], reads);
	assert_true(mem_used(&f->budget) <= f->conf.tail_bytes + 16384);
	spool_reader_seek(reader, 5); /* the beginning has left the tail */
	assert_int_equal(spool_reader_next(reader, &batch, &first, &last, &err), LG_OK);
	assert_int_equal(batch->first_seq, 1);
	assert_true(f->fs->calls[MEMFS_PREAD] > reads);
	lg_batch_release(batch);
	assert_int_equal(spool_reader_at(reader), 11);
	spool_reader_close(reader);
}

static void test_the_tail_gives_its_memory_back_when_asked_and_reading_goes_on_from_disk(void **state)
{
	struct mem_fixture *f = *state;
	uint64_t first;
	size_t used;

	f->conf.tail_bytes = 1u << 20;
	mem_open(f);
	for (int i = 0; i < 20; i++)
		assert_true(mem_put(f, 10, 300));
	used = mem_used(&f->budget);
	assert_true(used > 60000);
	assert_true(spool_tail_evict(f->spool, 30000) >= 30000);
	assert_true(mem_used(&f->budget) <= used - 30000);
	assert_int_equal(kit_read_all(f->spool, 1, &first), 200);
	spool_tail_evict(f->spool, SIZE_MAX);
	assert_int_equal(mem_used(&f->budget), 0);
	assert_int_equal(kit_read_all(f->spool, 1, &first), 200);
}

static void test_readers_see_only_synced_records_in_the_weaker_modes(void **state)
{
	struct mem_fixture *f = *state;
	uint64_t first, syncs;

	f->conf.sync = SPOOL_SYNC_INTERVAL;
	f->conf.sync_interval_ns = 5 * CLOCK_SECOND;
	mem_open(f);
	syncs = f->fs->calls[MEMFS_FDATASYNC];
	assert_true(mem_put(f, 10, 300));
	assert_true(mem_put(f, 10, 300));
	assert_int_equal(f->fs->calls[MEMFS_FDATASYNC], syncs);
	assert_int_equal(spool_durable_next(f->spool), 1);
	assert_int_equal(spool_durable_appends(f->spool), 0);
	assert_int_equal(kit_read_all(f->spool, 1, &first), 0);
	f->fake.mono_ns += 5 * CLOCK_SECOND;
	assert_true(mem_put(f, 10, 300));
	assert_int_equal(f->fs->calls[MEMFS_FDATASYNC], syncs + 1);
	assert_int_equal(spool_durable_next(f->spool), 31);
	assert_int_equal(spool_durable_appends(f->spool), 3);
	assert_int_equal(kit_read_all(f->spool, 1, &first), 30);
	assert_true(mem_put(f, 10, 300));
	f->fake.mono_ns += 5 * CLOCK_SECOND;
	spool_maintain(f->spool, false); /* nobody appends: maintenance syncs */
	assert_int_equal(spool_durable_next(f->spool), 41);
}

static void test_sync_never_syncs_at_a_roll_and_at_the_end(void **state)
{
	struct mem_fixture *f = *state;
	uint64_t first;

	f->conf.sync = SPOOL_SYNC_NEVER;
	mem_open(f);
	for (int i = 0; i < 30; i++)
		assert_true(mem_put(f, 10, 300));
	assert_true(spool_durable_next(f->spool) > 1 && spool_durable_next(f->spool) < 301);
	mem_reopen(f);
	assert_int_equal(kit_read_all(f->spool, 1, &first), 300);
}

static void test_a_second_daemon_is_refused_and_told_who_holds_the_spool(void **state)
{
	struct mem_fixture *f = *state;
	struct spool *second;
	struct lg_err err;
	char pid[32];

	mem_open(f);
	assert_int_equal(spool_open(&second, &f->conf, &err), LG_BUSY);
	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	assert_non_null(strstr(err.text, pid));
	assert_null(second);
}

static uint64_t bytes_read_at_start(struct mem_fixture *f, unsigned puts)
{
	uint64_t before;

	for (unsigned i = 0; i < puts; i++)
		assert_true(mem_put(f, 10, 300));
	mem_reopen(f); /* the newest segment is the same size in both measurements: one frame */
	assert_true(mem_put(f, 10, 300));
	spool_close(f->spool);
	f->spool = NULL;
	before = f->fs->bytes_read;
	mem_open(f);
	return f->fs->bytes_read - before;
}

static void test_a_start_reads_as_many_bytes_at_any_backlog(void **state)
{
	struct mem_fixture *f = *state;
	uint64_t little, much, first;

	f->conf.max_size = 256u << 20;
	mem_open(f);
	little = bytes_read_at_start(f, 100);
	assert_in_range(mem_stat(f).segments, 5, 12);
	much = bytes_read_at_start(f, 8000);
	assert_in_range(mem_stat(f).segments, 300, 800);
	assert_int_equal(little, much);
	assert_int_equal(kit_read_all(f->spool, 1, &first), f->next - 1);
}

static void test_a_frame_that_cannot_be_read_is_tried_again_then_costs_only_itself(void **state)
{
	struct mem_fixture *f = *state;
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_err err;
	uint64_t first, last;
	int failures = 0;
	enum lg_rc rc;

	mem_open(f);
	for (int i = 0; i < 3; i++)
		assert_true(mem_put(f, 10, 300));
	assert_int_equal(spool_reader_open(f->spool, 1, &reader, &err), LG_OK);
	assert_int_equal(spool_reader_next(reader, &batch, &first, &last, &err), LG_OK);
	lg_batch_release(batch);
	memfs_fail(f->fs, MEMFS_PREAD, EIO, 0, 2); /* a passing trouble costs nothing */
	while ((rc = spool_reader_next(reader, &batch, &first, &last, &err)) == LG_IO)
		failures++;
	assert_int_equal(failures, 2);
	assert_int_equal(rc, LG_OK);
	assert_int_equal(batch->first_seq, 11);
	lg_batch_release(batch);
	memfs_fail(f->fs, MEMFS_PREAD, EIO, 0, 1000); /* a disk that gives nothing at all is waited for */
	for (failures = 0; failures < 100; failures++) {
		assert_int_equal(spool_reader_next(reader, &batch, &first, &last, &err), LG_IO);
		f->fake.mono_ns += CLOCK_SECOND;
	}
	f->fs->fail_count[MEMFS_PREAD] = 0;
	f->fs->bad_from = 4096 + 2 * 3300; /* one bad place that stays costs its frame, not the output */
	f->fs->bad_to = 1u << 20;
	for (failures = 0; (rc = spool_reader_next(reader, &batch, &first, &last, &err)) == LG_IO; failures++) {
		assert_true(failures < 100);
		f->fake.mono_ns += CLOCK_SECOND;
	}
	f->fs->bad_to = 0;
	assert_int_equal(rc, LG_CORRUPT);
	assert_int_equal(first, 21);
	assert_int_equal(last, 30);
	assert_true(mem_put(f, 10, 300));
	assert_int_equal(spool_reader_next(reader, &batch, &first, &last, &err), LG_OK);
	assert_int_equal(batch->first_seq, 31);
	lg_batch_release(batch);
	spool_reader_close(reader);
}

static void test_a_view_follows_a_spool_that_is_written_and_deleted_from(void **state)
{
	struct mem_fixture *f = *state;
	struct spool_reader *reader;
	struct spool_stat stat;
	struct spool *view;
	struct lg_batch *batch;
	struct lg_err err;
	uint64_t first, last, seen = 0, calls[MEMFS_OPS];
	enum lg_rc rc;

	mem_open(f);
	assert_true(mem_put(f, 10, 300));
	assert_int_equal(spool_peek_open(&view, "/d", &f->fs->io, &err), LG_OK);
	assert_int_equal(spool_reader_open(view, 1, &reader, &err), LG_OK);
	for (int i = 0; i < 300; i++) {
		assert_true(mem_put(f, 10, 300));
		if (i % 3 == 0) { /* the daemon's output is ahead of the view: segments vanish under it */
			spool_cursor_move(f->spool, "out", f->next);
			f->fake.mono_ns += CLOCK_SECOND;
			spool_maintain(f->spool, true);
		}
		memcpy(calls, f->fs->calls, sizeof(calls));
		if (i % 10 == 0) {
			assert_int_equal(spool_peek_refresh(view, &err), LG_OK);
			while ((rc = spool_reader_next(reader, &batch, &first, &last, &err)) == LG_OK) {
				assert_true(batch->first_seq >= seen);
				seen = batch->first_seq + batch->count;
				lg_batch_release(batch);
			}
			assert_int_equal(rc, LG_AGAIN);
			assert_int_equal(seen, f->next);
		}
		for (int op = 0; op < MEMFS_OPS; op++) /* nothing written */
			if (op != MEMFS_OPEN && op != MEMFS_PREAD)
				assert_int_equal(calls[op], f->fs->calls[op]);
	}
	spool_reader_seek(reader, 1); /* nearly all of the view's segments are deleted before it reads them: no gap, no error */
	for (int i = 0; i < 100; i++)
		assert_true(mem_put(f, 10, 300));
	assert_int_equal(spool_peek_refresh(view, &err), LG_OK);
	spool_cursor_move(f->spool, "out", f->next);
	spool_maintain(f->spool, true);
	assert_int_equal(mem_stat(f).segments, 1);
	while ((rc = spool_reader_next(reader, &batch, &first, &last, &err)) == LG_OK)
		lg_batch_release(batch);
	assert_int_equal(rc, LG_AGAIN);
	spool_reader_close(reader);
	spool_stat(view, &stat);
	assert_int_equal(stat.corrupt_frames, 0);
	assert_string_equal(stat.spool_id, mem_stat(f).spool_id);
	spool_close(view);
}

static void test_bytes_and_times_behind_a_sequence_are_those_of_its_frame(void **state)
{
	struct mem_fixture *f = *state;
	uint64_t before, after;

	mem_open(f);
	assert_int_equal(spool_bytes_from(f->spool, 1), 0);
	assert_int_equal(spool_time_of(f->spool, 1), 0);
	assert_int_equal(mem_stat(f).oldest_ns, 0);
	for (int i = 0; i < 100; i++) {
		f->fake.utc_ns += CLOCK_SECOND;
		assert_true(mem_put(f, 10, 300));
	}
	for (int restart = 0; restart < 2; restart++) {
		for (int i = 0; i < 100; i += 7) {
			assert_int_equal(spool_time_of(f->spool, 1 + i * 10), f->fake.utc_ns - (99 - i) * CLOCK_SECOND);
			assert_int_equal(spool_time_of(f->spool, 8 + i * 10), f->fake.utc_ns - (99 - i) * CLOCK_SECOND);
		}
		before = spool_bytes_from(f->spool, 491);
		after = spool_bytes_from(f->spool, 501);
		assert_true(before > after && before - after > 3000 && before - after < 4096);
		assert_int_equal(spool_bytes_from(f->spool, 495), before);
		assert_int_equal(spool_bytes_from(f->spool, 1001), 0);
		assert_int_equal(mem_stat(f).oldest_ns, f->fake.utc_ns - 99 * CLOCK_SECOND);
		mem_reopen(f);
	}
}

static void test_positions_without_records_are_kept_and_forgotten_across_segments_and_starts(void **state)
{
	struct mem_fixture *f = *state;
	struct kit_position p = {.key = "b"};

	mem_open(f);
	for (int i = 0; i < 3; i++) {
		struct lg_batch *batch = batch_new(&f->budget, 64, "in");

		batch_put_position(batch, LG_STR("a"), "1", 1);
		batch_put_position(batch, LG_STR("b"), "22", i == 2 ? 0 : 2);
		batch_pack(batch, NULL);
		kit_append(f->spool, batch);
		kit_commit(f->spool);
		assert_int_equal(spool_durable_appends(f->spool), 1);
		mem_reopen(f);
		p.count = 0;
		spool_positions(f->spool, LG_STR("in"), kit_note_position, &p);
		assert_int_equal(p.count, i == 2 ? 1 : 2);
		assert_int_equal(mem_stat(f).next_seq, 1);
	}
}

static void test_a_record_larger_than_a_segment_gets_a_segment_of_its_own_size(void **state)
{
	struct mem_fixture *f = *state;
	struct lg_batch *batch;
	struct lg_err err;
	uint64_t first;

	mem_open(f);
	assert_true(mem_put(f, 1, 100));
	assert_true(mem_put(f, 1, 200000)); /* segments are 64 KiB, the quota 1 MiB */
	assert_true(mem_put(f, 1, 100));
	assert_int_equal(kit_read_all(f->spool, 1, &first), 3);
	batch = kit_batch(&f->budget, "in", 4, 1, 800000, NULL, 1);
	assert_int_equal(spool_append(f->spool, batch, &err), LG_INVALID);
	lg_batch_release(batch);
	assert_true(mem_put(f, 1, 100));
	mem_reopen(f);
	assert_int_equal(kit_read_all(f->spool, 1, &first), 4);
}

/* ---- threads ---- */

#define THREAD_RECORDS 20000

struct follower {
	struct spool *spool;
	const char *output;
	uint64_t count;
};

static void *follow(void *arg)
{
	struct follower *me = arg;
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_err err;
	uint64_t first, last;

	if (spool_reader_open(me->spool, 1, &reader, &err) != LG_OK)
		return NULL;
	while (me->count < THREAD_RECORDS) {
		enum lg_rc rc = spool_reader_next(reader, &batch, &first, &last, &err);

		if (rc == LG_AGAIN) {
			sched_yield();
			continue;
		}
		if (rc != LG_OK || batch->first_seq != me->count + 1)
			break;
		me->count += batch->count;
		lg_batch_release(batch);
		spool_cursor_move(me->spool, me->output, me->count + 1);
		if (me->count % 500 == 0) {
			struct spool_stat stat;

			spool_stat(me->spool, &stat);
			spool_bytes_from(me->spool, me->count / 2);
			spool_tail_evict(me->spool, 1000);
		}
	}
	spool_reader_close(reader);
	return NULL;
}

static void test_readers_follow_on_their_own_threads_while_segments_come_and_go(void **state)
{
	struct mem_fixture *f = *state;
	struct follower followers[2] = {{.output = "out"}, {.output = "two"}};
	char dir[64] = "/tmp/lugger-spool-XXXXXX", command[128];
	pthread_t threads[2];
	struct lg_err err;

	assert_non_null(mkdtemp(dir));
	f->conf.data_dir = dir;
	f->conf.io = &sys_io_posix;
	f->conf.tail_bytes = 32u << 10;
	mem_open(f);
	assert_int_equal(spool_output_add(f->spool, "two", false, &err), LG_OK);
	for (int i = 0; i < 2; i++) {
		followers[i].spool = f->spool;
		assert_int_equal(pthread_create(&threads[i], NULL, follow, &followers[i]), 0);
	}
	while (f->next <= THREAD_RECORDS) {
		if (!mem_put(f, 10, 120))
			sched_yield();
		f->fake.mono_ns += CLOCK_SECOND;
		spool_maintain(f->spool, false);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(followers[i].count, THREAD_RECORDS);
	}
	spool_close(f->spool);
	f->spool = NULL;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, mem_set_up, mem_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(test_a_reader_that_keeps_up_never_touches_the_disk),
	        TEST(test_the_tail_gives_its_memory_back_when_asked_and_reading_goes_on_from_disk),
	        TEST(test_readers_see_only_synced_records_in_the_weaker_modes),
	        TEST(test_sync_never_syncs_at_a_roll_and_at_the_end),
	        TEST(test_a_second_daemon_is_refused_and_told_who_holds_the_spool),
	        TEST(test_a_start_reads_as_many_bytes_at_any_backlog),
	        TEST(test_a_frame_that_cannot_be_read_is_tried_again_then_costs_only_itself),
	        TEST(test_a_view_follows_a_spool_that_is_written_and_deleted_from),
	        TEST(test_bytes_and_times_behind_a_sequence_are_those_of_its_frame),
	        TEST(test_positions_without_records_are_kept_and_forgotten_across_segments_and_starts),
	        TEST(test_a_record_larger_than_a_segment_gets_a_segment_of_its_own_size),
	        TEST(test_readers_follow_on_their_own_threads_while_segments_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
