/* One bad frame costs one frame, wherever the damage is. Flips and holes at every place: test_flips.c. */
#include "spool_mem.h"

#include "base/crc32c.h"

#define FRAMES 3
#define PER_FRAME 4

/* Reads everything from the first kept record; bit n of the answer: record n (from 1) came back. Each at most once, in order,
 * unchanged. */
static uint64_t read_with_gaps(struct mem_fixture *f, uint64_t *gaps)
{
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_err err;
	uint64_t seen = 0, gap_first, gap_last, last = 0, last_number = 0;
	char name[64];
	enum lg_rc rc;

	*gaps = 0;
	assert_int_equal(spool_reader_open(f->spool, 1, &reader, &err), LG_OK);
	for (int steps = 0; steps < 50; steps++) {
		rc = spool_reader_next(reader, &batch, &gap_first, &gap_last, &err);
		if (rc == LG_AGAIN)
			break;
		if (rc == LG_CORRUPT) {
			assert_true(gap_first > last && gap_last >= gap_first);
			for (uint64_t seq = gap_first; seq <= gap_last; seq++)
				*gaps |= UINT64_C(1) << seq;
			last = gap_last;
			continue;
		}
		if (rc != LG_OK)
			fail_msg("read: %s: %s", lg_rc_name(rc), err.text);
		for (lg_batch_begin(&it, batch, 0); lg_batch_next(&it, &rec);) {
			uint64_t number = kit_number(rec.body, name);
			char expected[512];
			size_t size = kit_body(expected, "in", number, 50);

			assert_true(rec.seq > last && number > last_number);
			assert_int_equal(rec.body.size, size);
			assert_memory_equal(rec.body.data, expected, size);
			last = rec.seq;
			last_number = number;
			seen |= UINT64_C(1) << number;
		}
		lg_batch_release(batch);
	}
	assert_int_equal(rc, LG_AGAIN);
	spool_reader_close(reader);
	return seen;
}

static uint64_t bits(unsigned first, unsigned last)
{
	uint64_t set = 0;

	for (; first <= last; first++)
		set |= UINT64_C(1) << first;
	return set;
}

/* A spool of one segment with three frames, closed in order. */
static void three_frames(struct mem_fixture *f)
{
	mem_open(f);
	for (int i = 0; i < FRAMES; i++)
		assert_true(mem_put(f, PER_FRAME, 50));
	spool_close(f->spool);
	f->spool = NULL;
}

static struct memfs *clone(struct mem_fixture *f)
{
	return memfs_crash(f->fs, (bool[4096]){0});
}

/* After a kill the state may be older than the newest frames: the marks in their headers say what was synced, so damage below them is
 * corruption of one frame, not the beginning of a torn tail. */
static void test_the_marks_of_later_frames_tell_damage_from_a_torn_tail(void **state)
{
	struct mem_fixture *f = *state;
	struct memfs *whole = f->fs;
	char path[MEMFS_PATH];
	struct spool *dead;
	uint8_t byte = 0xff;
	uint64_t gaps;

	mem_open(f);
	for (int i = 0; i < FRAMES; i++)
		assert_true(mem_put(f, PER_FRAME, 50)); /* committed, and the state not stored since the start */
	dead = f->spool;
	snprintf(path, sizeof(path), "%s", mem_segment(f, 0));
	f->fs = clone(f);
	f->conf.io = &f->fs->io;
	memfs_poke(f->fs, path, 4096 + 200, &byte, 1);
	mem_open(f);
	assert_int_equal(read_with_gaps(f, &gaps), bits(5, 12));
	assert_int_equal(gaps, bits(1, 4));
	assert_int_equal(mem_stat(f).corrupt_frames, 1);
	spool_close(f->spool);
	memfs_free(f->fs);
	f->fs = whole;
	f->conf.io = &f->fs->io;
	f->spool = dead;
}

static void test_with_both_state_slots_destroyed_cursors_come_from_the_headers(void **state)
{
	struct mem_fixture *f = *state;
	uint8_t zeros[65536];
	uint64_t first;

	memset(zeros, 0x55, sizeof(zeros));
	mem_open(f);
	assert_true(mem_put(f, PER_FRAME, 50));
	spool_cursor_move(f->spool, "out", 3);
	spool_maintain(f->spool, true);
	mem_reopen(f); /* the new segment's header holds the cursor */
	assert_true(mem_put(f, PER_FRAME, 50));
	spool_cursor_move(f->spool, "out", 7);
	spool_close(f->spool);
	f->spool = NULL;
	memfs_poke(f->fs, "/d/spool/state", 0, zeros, sizeof(zeros));
	mem_open(f);
	assert_int_equal(spool_cursor(f->spool, "out"), 3); /* repeats, never loss */
	assert_int_equal(kit_read_all(f->spool, 3, &first), 6);
	assert_int_equal(first, 3);
	assert_int_equal(kit_position_of(f->spool, "in"), 9);
	assert_true(mem_put(f, PER_FRAME, 50));
}

static void test_without_its_state_an_unknown_output_starts_at_the_oldest_record_whatever_it_asks(void **state)
{
	struct mem_fixture *f = *state;
	struct lg_err err;

	mem_open(f);
	assert_true(mem_put(f, PER_FRAME, 50));
	assert_int_equal(spool_output_add(f->spool, "late", true, &err), LG_OK);
	assert_true(mem_put(f, PER_FRAME, 50));
	spool_close(f->spool);
	f->spool = NULL;
	assert_int_equal(f->fs->io.unlink(f->fs, "/d/spool/state"), 0);
	mem_open(f);
	assert_int_equal(spool_output_add(f->spool, "late", true, &err), LG_OK);
	assert_int_equal(spool_cursor(f->spool, "late"), 1);
}

static void test_where_the_newest_header_is_bad_positions_are_folded_from_the_one_before(void **state)
{
	struct mem_fixture *f = *state;
	uint8_t junk[64];
	uint64_t gaps;

	memset(junk, 0x99, sizeof(junk));
	mem_open(f);
	assert_true(mem_put(f, PER_FRAME, 50));
	mem_reopen(f);
	assert_true(mem_put(f, PER_FRAME, 50));
	mem_reopen(f);
	assert_true(mem_put(f, PER_FRAME, 50));
	spool_close(f->spool);
	f->spool = NULL;
	memfs_poke(f->fs, mem_segment(f, 2), 8, junk, sizeof(junk));
	memfs_poke(f->fs, mem_segment(f, 1), 8, junk, sizeof(junk));
	mem_open(f);
	assert_int_equal(kit_position_of(f->spool, "in"), 13);
	assert_int_equal(read_with_gaps(f, &gaps), bits(1, 12));
	assert_int_equal(gaps, 0);
	assert_int_equal(mem_stat(f).corrupt_frames, 2);
}

static void test_a_segment_deleted_by_hand_is_a_stated_gap(void **state)
{
	struct mem_fixture *f = *state;
	uint64_t gaps;

	mem_open(f);
	for (int i = 0; i < 3; i++) {
		assert_true(mem_put(f, PER_FRAME, 50));
		mem_reopen(f);
	}
	spool_close(f->spool);
	f->spool = NULL;
	assert_int_equal(f->fs->io.unlink(f->fs, mem_segment(f, 1)), 0);
	mem_open(f);
	assert_int_equal(read_with_gaps(f, &gaps), bits(1, 4) | bits(9, 12));
	assert_int_equal(gaps, bits(5, 8));
}

static void test_the_newest_segment_deleted_by_hand_reuses_no_sequence(void **state)
{
	struct mem_fixture *f = *state;
	uint64_t gaps;

	mem_open(f);
	assert_true(mem_put(f, PER_FRAME, 50));
	mem_reopen(f);
	assert_true(mem_put(f, PER_FRAME, 50));
	spool_close(f->spool);
	f->spool = NULL;
	assert_int_equal(f->fs->io.unlink(f->fs, mem_segment(f, 1)), 0);
	mem_open(f);
	assert_int_equal(mem_stat(f).next_seq, 9);
	assert_int_equal(read_with_gaps(f, &gaps), bits(1, 4));
	assert_int_equal(gaps, bits(5, 8));
	assert_int_equal(kit_position_of(f->spool, "in"), 5); /* a source that can be read again closes the gap */
	f->next = 5;
	assert_true(mem_put(f, PER_FRAME, 50));
	assert_int_equal(mem_stat(f).next_seq, 13);
}

static void test_a_hole_over_durable_frames_is_corruption_and_not_a_torn_tail(void **state)
{
	struct mem_fixture *f = *state;
	uint8_t zeros[2048] = {0};
	uint64_t gaps;

	three_frames(f);
	memfs_poke(f->fs, mem_segment(f, 0), 4096, zeros, sizeof(zeros)); /* all three frames */
	mem_open(f);
	assert_int_equal(read_with_gaps(f, &gaps), 0);
	assert_int_equal(gaps, bits(1, 12));
	assert_int_equal(mem_stat(f).torn_bytes, 0);
	assert_true(mem_stat(f).corrupt_frames > 0);
	assert_int_equal(mem_stat(f).next_seq, 13);
}

static void test_a_record_that_quotes_a_frame_is_not_taken_for_one(void **state)
{
	struct mem_fixture *f = *state;
	uint8_t frame[400];
	struct lg_batch *batch;
	struct lg_draft d;
	uint64_t count;
	struct spool_reader *reader;
	struct lg_err err;
	uint64_t first, last;
	struct lg_batch *got;
	enum lg_rc rc;

	mem_open(f);
	assert_true(mem_put(f, PER_FRAME, 50));
	memfs_file_read(memfs_file(f->fs, mem_segment(f, 0)), 4096, frame, sizeof(frame));
	batch = batch_new(&f->budget, 4096, "in");
	for (int pad = 0; pad < 16; pad++) { /* at every alignment */
		uint8_t body[420] = {0};

		memcpy(body + pad, frame, sizeof(frame));
		lg_draft_reset(&d);
		d.body = (struct lg_str){(char *)body, sizeof(body)};
		batch_add(batch, &d, NULL, 1);
	}
	batch_pack(batch, NULL);
	kit_append(f->spool, batch);
	kit_commit(f->spool);
	f->next += 16;
	assert_true(mem_put(f, PER_FRAME, 50));
	{ /* its header is damaged, so that the search goes through its payload */
		uint8_t bad = 0x77;
		uint64_t at = 4096 + 8;
		uint8_t size[4];

		memfs_file_read(memfs_file(f->fs, mem_segment(f, 0)), at, size, 4);
		memfs_file_read(memfs_file(f->fs, mem_segment(f, 0)), 4096 + 76, frame, 4);
		at = 4096 + (((uint64_t)size[2] << 8 | size[3]) + ((uint64_t)frame[2] << 8 | frame[3]) + 7) / 8 * 8;
		memfs_poke(f->fs, mem_segment(f, 0), at + 40, &bad, 1);
	}
	assert_int_equal(spool_reader_open(f->spool, 1, &reader, &err), LG_OK);
	assert_int_equal(spool_reader_next(reader, &got, &first, &last, &err), LG_OK);
	lg_batch_release(got);
	assert_int_equal(spool_reader_next(reader, &got, &first, &last, &err), LG_CORRUPT);
	assert_int_equal(first, 5);
	assert_int_equal(last, 20);
	assert_int_equal(spool_reader_next(reader, &got, &first, &last, &err), LG_OK);
	assert_int_equal(got->first_seq, 21);
	count = got->count;
	lg_batch_release(got);
	assert_int_equal(count, 4);
	rc = spool_reader_next(reader, &got, &first, &last, &err);
	assert_int_equal(rc, LG_AGAIN);
	spool_reader_close(reader);
}

static void count_line(void *arg, const char *line)
{
	assert_non_null(strstr(line, "segment "));
	(*(unsigned *)arg)++;
}

static void test_verify_finds_the_damage_and_nothing_in_a_sound_spool(void **state)
{
	struct mem_fixture *f = *state;
	struct spool_verify_result result;
	struct lg_err err;
	unsigned lines = 0;
	uint8_t bad = 0xee;

	three_frames(f);
	mem_open(f);
	assert_true(mem_put(f, PER_FRAME, 50));
	assert_int_equal(spool_verify("/d", NULL, &f->fs->io, &result, count_line, &lines, &err), LG_OK);
	assert_int_equal(lines, 0);
	assert_int_equal(result.segments, 2);
	assert_int_equal(result.frames, 4);
	assert_int_equal(result.records, 16);
	memfs_poke(f->fs, mem_segment(f, 0), 4096 + 200, &bad, 1);
	memfs_poke(f->fs, mem_segment(f, 1), 20, &bad, 1);
	assert_int_equal(spool_verify("/d", NULL, &f->fs->io, &result, count_line, &lines, &err), LG_OK);
	assert_int_equal(result.bad_frames, 1);
	assert_int_equal(result.bad_segments, 1);
	assert_int_equal(result.records, 12);
	assert_true(lines >= 2);
}

static uint64_t first_seq_from(struct mem_fixture *f, uint64_t seq, enum lg_rc *rc, uint64_t *gap_first, uint64_t *gap_last)
{
	struct spool_reader *reader;
	struct lg_batch *batch = NULL;
	struct lg_err err;
	uint64_t first = 0;

	assert_int_equal(spool_reader_open(f->spool, seq, &reader, &err), LG_OK);
	while ((*rc = spool_reader_next(reader, &batch, gap_first, gap_last, &err)) == LG_IO)
		f->fake.mono_ns += CLOCK_SECOND;
	if (*rc == LG_OK) {
		first = batch->first_seq;
		lg_batch_release(batch);
	}
	spool_reader_close(reader);
	return first;
}

static void test_a_spool_starts_on_a_disk_with_unreadable_pages_and_loses_only_their_frames(void **state)
{
	struct mem_fixture *f = *state;
	uint64_t first = 0, last = 0;
	enum lg_rc rc;

	mem_open(f);
	for (int i = 0; i < 3; i++)
		assert_true(mem_put(f, i == 1 ? 80 : PER_FRAME, 50)); /* the second frame covers a whole page */
	spool_close(f->spool);
	f->spool = NULL;
	f->fs->bad_from = 8192;
	f->fs->bad_to = 8193;
	mem_open(f);
	assert_int_equal(mem_stat(f).next_seq, 89);
	assert_int_equal(kit_position_of(f->spool, "in"), 89);
	assert_int_equal(first_seq_from(f, 1, &rc, &first, &last), 1);
	first_seq_from(f, 5, &rc, &first, &last);
	assert_int_equal(rc, LG_CORRUPT);
	assert_int_equal(first, 5);
	assert_int_equal(last, 84);
	assert_int_equal(first_seq_from(f, 85, &rc, &first, &last), 85);
	f->next = 89;
	f->fs->bad_to = 0; /* the disk recovers */
	assert_int_equal(first_seq_from(f, 5, &rc, &first, &last), 5);
	assert_true(mem_put(f, PER_FRAME, 50));
	spool_close(f->spool);
	f->spool = NULL;
	f->fs->bad_from = 0;
	f->fs->bad_to = 4096; /* now no header of any segment can be read */
	mem_open(f);
	assert_int_equal(mem_stat(f).next_seq, 93);
	assert_int_equal(kit_position_of(f->spool, "in"), 93);
	f->fs->bad_to = 0;
	for (uint64_t seq = 1; seq < 93; seq += seq == 5 ? 80 : 4)
		assert_int_equal(first_seq_from(f, seq, &rc, &first, &last), seq);
}

static void test_a_frame_of_a_later_version_stops_with_a_clear_error_and_is_left_alone(void **state)
{
	struct mem_fixture *f = *state;
	uint8_t head[4096];
	uint32_t crc;
	struct lg_err err;

	three_frames(f);
	memfs_file_read(memfs_file(f->fs, mem_segment(f, 0)), 0, head, sizeof(head));
	head[9] = 2;
	crc = crc32c(0, head, 160 + (size_t)head[143]);
	for (int i = 0; i < 4; i++)
		head[160 + head[143] + i] = (uint8_t)(crc >> (24 - 8 * i));
	memfs_poke(f->fs, mem_segment(f, 0), 0, head, sizeof(head));
	assert_int_equal(spool_open(&f->spool, &f->conf, &err), LG_UNSUPPORTED);
	assert_non_null(strstr(err.text, "later version"));
	assert_int_equal(mem_count_files(f, ".seg"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, mem_set_up, mem_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(test_the_marks_of_later_frames_tell_damage_from_a_torn_tail),
	        TEST(test_with_both_state_slots_destroyed_cursors_come_from_the_headers),
	        TEST(test_without_its_state_an_unknown_output_starts_at_the_oldest_record_whatever_it_asks),
	        TEST(test_where_the_newest_header_is_bad_positions_are_folded_from_the_one_before),
	        TEST(test_a_segment_deleted_by_hand_is_a_stated_gap),
	        TEST(test_the_newest_segment_deleted_by_hand_reuses_no_sequence),
	        TEST(test_a_hole_over_durable_frames_is_corruption_and_not_a_torn_tail),
	        TEST(test_a_record_that_quotes_a_frame_is_not_taken_for_one),
	        TEST(test_verify_finds_the_damage_and_nothing_in_a_sound_spool),
	        TEST(test_a_spool_starts_on_a_disk_with_unreadable_pages_and_loses_only_their_frames),
	        TEST(test_a_frame_of_a_later_version_stops_with_a_clear_error_and_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
