/* The spool on a real disk: append, commit, read, restart. */
#include "spool_kit.h"

#include <unistd.h>

struct fixture {
	char dir[64];
	struct mem_budget budget;
	struct clock_fake fake;
	struct clock clock;
	struct spool_conf conf;
	struct codec *codec;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/lugger-spool-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	mem_budget_init(&f->budget, 256u << 20);
	f->fake = (struct clock_fake){CLOCK_SECOND, 1763856000 * CLOCK_SECOND};
	f->clock = clock_fake_on(&f->fake);
	f->conf = (struct spool_conf){.data_dir = f->dir,
	        .max_size = 64u << 20,
	        .segment_size = 1u << 20,
	        .sync = SPOOL_SYNC_ALWAYS,
	        .tail_bytes = 0,
	        .budget = &f->budget,
	        .io = &sys_io_posix,
	        .clock = &f->clock};
	f->codec = codec_new(1);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	assert_int_equal(mem_used(&f->budget), 0);
	codec_free(f->codec);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static struct spool *open_spool(struct fixture *f)
{
	struct spool *spool;
	struct lg_err err;

	if (spool_open(&spool, &f->conf, &err) != LG_OK)
		fail_msg("open: %s", err.text);
	return spool;
}

static struct lg_batch *some(struct fixture *f, uint64_t first, unsigned count, size_t size)
{
	return kit_batch(&f->budget, "in", first, count, size, f->codec, f->fake.utc_ns);
}

static void test_records_come_back_in_order_from_disk_and_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct spool *spool = open_spool(f);
	struct spool_stat before, after;
	struct lg_err err;
	uint64_t first = 0;

	assert_int_equal(spool_output_add(spool, "out", false, &err), LG_OK);
	for (unsigned i = 0; i < 20; i++) {
		kit_append(spool, some(f, 1 + i * 100, 100, 120));
		kit_commit(spool);
	}
	assert_int_equal(kit_read_all(spool, 1, &first), 2000);
	assert_int_equal(first, 1);
	spool_cursor_move(spool, "out", 501);
	spool_stat(spool, &before);
	spool_close(spool);

	spool = open_spool(f);
	spool_stat(spool, &after);
	assert_string_equal(before.spool_id, after.spool_id);
	assert_string_not_equal(before.log_id, after.log_id);
	assert_int_equal(after.first_seq, 1);
	assert_int_equal(after.next_seq, 2001);
	assert_int_equal(after.torn_bytes, 0);
	assert_int_equal(after.corrupt_frames, 0);
	assert_int_equal(spool_output_add(spool, "out", false, &err), LG_OK);
	assert_int_equal(spool_cursor(spool, "out"), 501);
	assert_int_equal(kit_position_of(spool, "in"), 2001);
	assert_int_equal(kit_read_all(spool, 501, &first), 1500);
	assert_int_equal(first, 501);
	kit_append(spool, some(f, 2001, 10, 120));
	kit_commit(spool);
	assert_int_equal(kit_read_all(spool, 1, &first), 2010);
	spool_close(spool);
}

static void test_segments_roll_and_are_deleted_once_every_output_settled_them(void **state)
{
	struct fixture *f = *state;
	struct spool_stat stat;
	struct lg_err err;
	struct spool *spool;
	uint64_t first = 0;

	f->conf.segment_size = 64u << 10;
	spool = open_spool(f);
	assert_int_equal(spool_output_add(spool, "a", false, &err), LG_OK);
	assert_int_equal(spool_output_add(spool, "b", false, &err), LG_OK);
	for (unsigned i = 0; i < 100; i++) {
		struct lg_batch *batch = kit_batch(&f->budget, "in", 1 + i * 20, 20, 300, NULL, f->fake.utc_ns);

		kit_append(spool, batch);
		kit_commit(spool);
	}
	spool_stat(spool, &stat);
	assert_true(stat.segments >= 10);
	spool_cursor_move(spool, "a", 2001);
	spool_maintain(spool, true);
	spool_stat(spool, &stat);
	assert_int_equal(stat.first_seq, 1);
	spool_cursor_move(spool, "b", 1000);
	spool_maintain(spool, true);
	spool_stat(spool, &stat);
	assert_true(stat.first_seq > 800 && stat.first_seq <= 1000);
	assert_int_equal(kit_read_all(spool, 1000, &first), 1001);
	spool_cursor_move(spool, "b", 2001);
	spool_maintain(spool, true);
	spool_stat(spool, &stat);
	assert_int_equal(stat.segments, 1);
	spool_close(spool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_records_come_back_in_order_from_disk_and_after_a_restart, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(
	                test_segments_roll_and_are_deleted_once_every_output_settled_them, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
