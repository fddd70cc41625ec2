/* The parts of a replay: its cursor's file, the mark, the range of a time. */
#include "spool_mem.h"

#include "run/replay.h"

static struct replay replay_of(struct memfs *fs)
{
	return (struct replay){.output = "siem", .first = 10, .next = 20, .end = 30, .from_ns = -5, .to_ns = 7, .started_ns = 99, .data_dir = "/d",
	                       .io = &fs->io, .spool_id = {1, 2, 3}};
}

static enum lg_rc load(struct memfs *fs, struct replay *replay)
{
	struct lg_err err;

	*replay = (struct replay){.data_dir = "/d", .io = &fs->io, .spool_id = {1, 2, 3}};
	return replay_load(replay, "siem", &err);
}

static void a_cursor_is_read_back_and_any_flipped_bit_of_it_is_seen(void **state)
{
	struct mem_fixture *f = *state;
	struct replay stored = replay_of(f->fs), r;
	struct lg_err err;
	uint8_t byte;

	mem_open(f);
	assert_int_equal(load(f->fs, &r), LG_NOTFOUND);
	assert_int_equal(replay_store(&stored, &err), LG_OK);
	assert_int_equal(load(f->fs, &r), LG_OK);
	assert_string_equal(r.output, "siem");
	assert_int_equal(r.first, 10);
	assert_int_equal(r.next, 20);
	assert_int_equal(r.end, 30);
	assert_int_equal(r.from_ns, -5);
	assert_int_equal(r.to_ns, 7);
	assert_int_equal(r.started_ns, 99);
	for (uint64_t at = 0; at < 84; at++) {
		memfs_file_read(memfs_file(f->fs, "/d/spool/replay/siem"), at, &byte, 1);
		byte ^= 0x10;
		memfs_poke(f->fs, "/d/spool/replay/siem", at, &byte, 1);
		assert_int_equal(load(f->fs, &r), LG_CORRUPT);
		byte ^= 0x10;
		memfs_poke(f->fs, "/d/spool/replay/siem", at, &byte, 1);
	}
	stored.spool_id[0] = 9;
	assert_int_equal(replay_store(&stored, &err), LG_OK);
	assert_int_equal(load(f->fs, &r), LG_CORRUPT); /* of another spool */
	assert_int_equal(replay_remove(&stored, &err), LG_OK);
	assert_int_equal(load(f->fs, &r), LG_NOTFOUND);
}

struct tries {
	struct memfs *fs;
	uint64_t stored; /* the last `next` whose store answered; 0: none yet */
	unsigned states;
};

static void crash_before_sync(void *arg)
{
	struct tries *t = arg;
	bool keep[256];

	assert_true(t->fs->piece_count < 256);
	for (unsigned round = 0; round < 30; round++) {
		uint64_t random = (round + 1) * UINT64_C(0x9e3779b97f4a7c15);
		struct memfs *after;
		struct replay r;
		enum lg_rc rc;

		for (size_t i = 0; i < t->fs->piece_count; i++) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
			keep[i] = round == 0 || (round > 1 && random >> 63);
		}
		after = memfs_crash(t->fs, keep);
		rc = load(after, &r);
		if (t->stored || rc != LG_NOTFOUND) {
			assert_int_equal(rc, LG_OK);
			assert_true(r.next == t->stored || r.next == t->stored + 1);
		}
		memfs_free(after);
		t->states++;
	}
}

static void a_crash_leaves_the_old_cursor_or_the_new_one(void **state)
{
	struct mem_fixture *f = *state;
	struct replay r = replay_of(f->fs);
	struct tries t = {.fs = f->fs};
	struct lg_err err;

	mem_open(f);
	f->fs->before_sync = crash_before_sync;
	f->fs->before_sync_arg = &t;
	for (r.next = 1; r.next < 8; r.next++) {
		assert_int_equal(replay_store(&r, &err), LG_OK);
		t.stored = r.next;
	}
	f->fs->before_sync = NULL;
	assert_true(t.states >= 500);
}

static void a_marked_batch_differs_from_the_old_one_in_the_mark_alone(void **state)
{
	struct mem_fixture *f = *state;
	struct lg_batch *batch = batch_new(&f->budget, 4096, "in"), *marked;
	struct lg_batch_iter a, b;
	struct lg_record x, y;
	struct lg_value value;
	struct lg_draft d;
	struct lg_origin *origin;

	lg_draft_reset(&d);
	lg_draft_string(&d, LG_F_LOG_FILE_PATH, LG_STR("/a"));
	origin = lg_origin_new(&d);
	for (int i = 0; i < 5; i++) {
		lg_draft_reset(&d);
		d.body = LG_STR("body");
		d.received_ns = 100 + i;
		if (i % 2)
			lg_draft_number(&d, LG_F_LOG_OFFSET, i);
		batch_add(batch, &d, i ? origin : NULL, 0);
	}
	lg_origin_free(origin);
	batch_pack(batch, NULL);
	batch->first_seq = 40;
	memcpy(batch->log_id, "00112233445566778899aabbccddeeff", 33);
	lg_batch_hold(batch);
	marked = replay_mark(batch);
	assert_int_equal(lg_batch_first(marked), 40);
	assert_int_equal(lg_batch_count(marked), 5);
	lg_batch_begin(&a, batch, 0);
	lg_batch_begin(&b, marked, 0);
	while (lg_batch_next(&a, &x)) {
		assert_true(lg_batch_next(&b, &y));
		assert_int_equal(x.seq, y.seq);
		assert_string_equal(x.log_id, y.log_id);
		assert_true(lg_str_equal(x.input, y.input) && lg_str_equal(x.body, y.body) && lg_str_equal(x.origin, y.origin));
		assert_int_equal(x.received_ns, y.received_ns);
		assert_int_equal(y.fields.size, x.fields.size + 4);
		assert_memory_equal(y.fields.data, x.fields.data, x.fields.size);
		assert_false(lg_record_find(&x, LG_F_REPLAY, &value));
		assert_true(lg_record_find(&y, LG_F_REPLAY, &value) && value.number == 1);
	}
	assert_false(lg_batch_next(&b, &y));
	lg_batch_release(batch);
	lg_batch_release(marked);
}

/* Every pair of borders: each record received within is in the range that was found, and the range holds little else. */
static void the_range_of_a_time_holds_every_record_received_then(void **state)
{
	enum { FRAMES = 40, PER_FRAME = 3 };
	struct mem_fixture *f = *state;
	int64_t start = f->fake.utc_ns;

	mem_open(f);
	for (int i = 0; i < FRAMES; i++) {
		assert_true(mem_put(f, PER_FRAME, 3000)); /* frame i is received at start + 10 i; over several segments */
		f->fake.utc_ns += 10 * CLOCK_SECOND;
	}
	for (int from = -2; from < FRAMES + 2; from++)
		for (int to = from; to < FRAMES + 2; to += 3) {
			struct replay r = {.first = 1, .end = FRAMES * PER_FRAME + 1, .from_ns = start + from * 10 * CLOCK_SECOND,
			                   .to_ns = start + to * 10 * CLOCK_SECOND};
			int low = from < 0 ? 0 : from, high = to >= FRAMES ? FRAMES - 1 : to;

			replay_find_range(&r, f->spool);
			assert_int_equal(r.next, r.first);
			if (low > high)
				continue;
			assert_true(r.first <= (uint64_t)low * PER_FRAME + 1);
			assert_true(r.end >= (uint64_t)(high + 1) * PER_FRAME + 1);
			assert_true(r.first + PER_FRAME >= (uint64_t)low * PER_FRAME + 1);
			assert_true(r.end <= (uint64_t)(high + 1) * PER_FRAME + 1);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_cursor_is_read_back_and_any_flipped_bit_of_it_is_seen, mem_set_up, mem_tear_down),
		cmocka_unit_test_setup_teardown(a_crash_leaves_the_old_cursor_or_the_new_one, mem_set_up, mem_tear_down),
		cmocka_unit_test_setup_teardown(a_marked_batch_differs_from_the_old_one_in_the_mark_alone, mem_set_up, mem_tear_down),
		cmocka_unit_test_setup_teardown(the_range_of_a_time_holds_every_record_received_then, mem_set_up, mem_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
