/* Every limit of the format is reached, held, and refused one step beyond; what is refused harms nothing. */
#include "spool_mem.h"

#include "key_files.h"
#include "spool/segment.h"
#include "spool/state.h"

#define COUNTER_END (UINT64_MAX - UINT32_MAX) /* SPOOL.md, "Identities" */

/* A spool that has a state and no segment yet, with the counters as a test wants them. */
static void write_state(struct mem_fixture *f, uint64_t generation, uint64_t next_number, uint64_t next_seq)
{
	struct state *state = calloc(1, sizeof(*state));
	struct lg_buf slot = {0};
	uint8_t *zeros = calloc(1, STATE_FILE_SIZE);
	const struct sys_io *io = f->conf.io;
	struct iovec all = {zeros, STATE_FILE_SIZE}, one;
	int handle;

	state->generation = generation;
	state->next_number = next_number;
	state->durable_upto = next_seq;
	memset(state->spool_id, 7, sizeof(state->spool_id));
	state_encode(state, &slot);
	one = (struct iovec){slot.data, slot.size};
	assert_int_equal(io->mkdir(io->self, "/d/spool"), 0);
	handle = io->open(io->self, "/d/spool/state", SYS_WRITE | SYS_CREATE);
	assert_true(handle >= 0);
	assert_int_equal(io->pwritev(io->self, handle, &all, 1, 0), 0);
	assert_int_equal(io->pwritev(io->self, handle, &one, 1, generation % 2 * STATE_SLOT_SIZE), 0);
	io->close(io->self, handle);
	lg_buf_fini(&slot);
	free(zeros);
	free(state);
}

static void append_is_refused(struct mem_fixture *f, struct lg_batch *batch, const char *because)
{
	struct lg_err err;

	assert_int_equal(spool_append(f->spool, batch, &err), LG_INVALID);
	if (!strstr(err.text, because))
		fail_msg("%s", err.text);
	lg_batch_release(batch);
	kit_commit(f->spool);
}

static void test_sequences_end_with_a_clear_refusal_and_what_is_there_stays(void **state)
{
	struct mem_fixture *f = *state;
	uint64_t first = 0;

	write_state(f, 9, 4, COUNTER_END - 10);
	mem_open(f);
	assert_true(mem_put(f, 7, 100));
	append_is_refused(f, kit_batch(&f->budget, "in", f->next, 4, 100, NULL, f->fake.utc_ns), "sequences are used up");
	assert_true(mem_put(f, 3, 100)); /* the last three there are */
	append_is_refused(f, kit_batch(&f->budget, "in", f->next, 1, 100, NULL, f->fake.utc_ns), "sequences are used up");
	assert_int_equal(kit_read_all(f->spool, COUNTER_END - 10, &first), 10);
	mem_reopen(f);
	assert_int_equal(mem_stat(f).next_seq, COUNTER_END);
	assert_int_equal(kit_read_all(f->spool, COUNTER_END - 10, &first), 10);
	append_is_refused(f, kit_batch(&f->budget, "in", f->next, 1, 100, NULL, f->fake.utc_ns), "sequences are used up");
}

static void start_is_refused(struct mem_fixture *f, const char *because)
{
	struct lg_err err;

	assert_int_equal(spool_open(&f->spool, &f->conf, &err), LG_INVALID);
	assert_null(f->spool);
	if (!strstr(err.text, because) || !strstr(err.text, "at its end"))
		fail_msg("%s", err.text);
}

static void test_a_start_on_a_counter_behind_its_end_is_refused(void **state)
{
	struct mem_fixture *f = *state;

	write_state(f, 9, 4, COUNTER_END + 1);
	start_is_refused(f, "sequence 18446744069414584321");
	write_state(f, UINT64_MAX, 4, 1);
	start_is_refused(f, "generation 18446744073709551615");
	write_state(f, 9, COUNTER_END + 1, 1);
	start_is_refused(f, "segment number 18446744069414584321");
}

static void test_a_file_with_the_last_number_there_is_does_not_make_numbers_begin_again(void **state)
{
	struct mem_fixture *f = *state;
	const struct sys_io *io = f->conf.io;
	int handle;

	mem_open(f);
	assert_true(mem_put(f, 3, 100));
	spool_close(f->spool);
	f->spool = NULL;
	handle = io->open(io->self, "/d/spool/ffffffffffffffff-0000000000000004.seg", SYS_WRITE | SYS_CREATE);
	assert_true(handle >= 0);
	io->close(io->self, handle);
	start_is_refused(f, "at its end");
	assert_int_equal(io->unlink(io->self, "/d/spool/ffffffffffffffff-0000000000000004.seg"), 0);
	mem_open(f);
}

static void test_counters_pass_the_half_of_their_range_without_a_turn(void **state)
{
	struct mem_fixture *f = *state;
	uint64_t first = 0, half = UINT64_C(1) << 63;

	write_state(f, half - 3, half - 3, half - 50);
	mem_open(f);
	for (unsigned i = 0; i < 60; i++) {
		assert_true(mem_put(f, 10, 400));
		spool_cursor_move(f->spool, "out", half - 50 + i * 10);
		spool_maintain(f->spool, true);
		if (i % 7 == 0)
			mem_reopen(f);
	}
	assert_int_equal(spool_cursor(f->spool, "out"), half + 540);
	assert_int_equal(kit_read_all(f->spool, half + 540, &first), 10);
	assert_int_equal(first, 591);
}

static void fill_the_index(struct mem_fixture *f)
{
	struct spool_stat stat;
	uint64_t first = 0, before;

	f->conf.max_size = 256u << 20;
	f->conf.segment_size = 48u << 20;
	mem_open(f);
	before = mem_stat(f).segments;
	for (uint64_t i = 0; i < SEGMENT_FRAMES_MAX + 10; i++) {
		kit_append(f->spool, kit_batch(NULL, "in", f->next++, 1, 20, NULL, f->fake.utc_ns));
		if (i % 1024 == 0)
			kit_commit(f->spool);
	}
	kit_commit(f->spool);
	stat = mem_stat(f);
	assert_int_equal(stat.segments, before + 1);
	assert_true(stat.bytes < 96u << 20); /* the first one was not full: frames were what it had too many of */
	assert_int_equal(kit_read_all(f->spool, 1, &first), SEGMENT_FRAMES_MAX + 10);
	mem_reopen(f);
	assert_int_equal(kit_read_all(f->spool, 1, &first), SEGMENT_FRAMES_MAX + 10);
	assert_int_equal(first, 1);
}

static void test_a_segment_rolls_at_65536_frames(void **state)
{
	fill_the_index(*state);
}

static void test_a_segment_rolls_at_65536_frames_that_are_encrypted(void **state)
{
	struct mem_fixture *f = *state;
	char keys[64];

	key_path(keys);
	key_file(keys, 1, 1, 0);
	f->conf.key_file = keys;
	fill_the_index(f);
	unlink(keys);
}

static void test_the_largest_frame_is_taken_and_a_larger_one_refused(void **state)
{
	struct mem_fixture *f = *state;
	const unsigned count = 64;
	const size_t size = BATCH_MAX_RAW / 64 - 64, too_large = BATCH_MAX_RAW / 64;
	uint64_t first = 0;

	f->conf.max_size = 1u << 30;
	mem_open(f);
	assert_true(mem_put(f, 1, 100));
	kit_append(f->spool, kit_batch(NULL, "in", 2, count, size, NULL, f->fake.utc_ns));
	kit_commit(f->spool);
	append_is_refused(f, kit_batch(NULL, "in", 2 + count, count, too_large, NULL, f->fake.utc_ns), "do not fit the format");
	f->next = 2 + count;
	assert_true(mem_put(f, 1, 100));
	mem_reopen(f);
	assert_int_equal(mem_stat(f).corrupt_frames + mem_stat(f).torn_bytes, 0);
	assert_int_equal(kit_read_all(f->spool, 1, &first), 2 + count);
}

static struct lg_batch *many_positions(unsigned count, size_t size)
{
	struct lg_batch *batch = batch_new(NULL, 64, "in");
	uint8_t value[LG_POSITION_VALUE_MAX];
	char key[16];

	for (unsigned i = 0; i < count; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		memset(value, (int)(i % 251), size);
		batch_put_position(batch, lg_str_from(key), value, size);
	}
	batch_pack(batch, NULL);
	return batch;
}

struct positions_check {
	size_t size;
	unsigned count, wrong;
};

static void check_position(void *arg, struct lg_str key, const uint8_t *value, size_t size)
{
	struct positions_check *check = arg;
	char text[16];
	unsigned i = 0;

	snprintf(text, sizeof(text), "%.*s", (int)key.size, key.data);
	check->count++;
	check->wrong += sscanf(text, "k%u", &i) != 1 || size != check->size || value[0] != i % 251 || value[size - 1] != i % 251;
}

static void positions_are(struct mem_fixture *f, unsigned count, size_t size)
{
	struct positions_check check = {.size = size};

	spool_positions(f->spool, LG_STR("in"), check_position, &check);
	assert_int_equal(check.count, count);
	assert_int_equal(check.wrong, 0);
}

static void test_65535_positions_fit_one_frame_and_the_next_header_and_one_more_does_not(void **state)
{
	struct mem_fixture *f = *state;

	f->conf.max_size = 256u << 20;
	mem_open(f);
	append_is_refused(f, many_positions(65536, 4), "65536 positions");
	kit_append(f->spool, many_positions(65535, 20));
	kit_commit(f->spool);
	positions_are(f, 65535, 20);
	mem_reopen(f); /* folded from the frame */
	positions_are(f, 65535, 20);
	mem_reopen(f); /* read from the header, which fills many pages */
	positions_are(f, 65535, 20);
}

static void test_positions_of_1_kib_fill_a_frames_header_and_beyond_it_are_refused(void **state)
{
	struct mem_fixture *f = *state;
	const unsigned fit = 2040; /* of 1,024 bytes: 2 MiB with their keys */

	f->conf.max_size = 256u << 20;
	mem_open(f);
	kit_append(f->spool, many_positions(fit - 10, LG_POSITION_VALUE_MAX));
	kit_commit(f->spool);
	append_is_refused(f, many_positions(fit + 10, LG_POSITION_VALUE_MAX), "bytes of positions do not fit");
	mem_reopen(f);
	positions_are(f, fit - 10, LG_POSITION_VALUE_MAX);
	mem_reopen(f);
	positions_are(f, fit - 10, LG_POSITION_VALUE_MAX);
}

static void test_a_header_holds_the_ids_of_every_log_that_still_has_a_record(void **state)
{
	struct mem_fixture *f = *state;
	const unsigned starts = 600; /* 24 bytes each: the header takes four pages */
	char (*ids)[33] = calloc(starts, sizeof(*ids));
	struct spool_reader *reader;
	struct segment_header header;
	struct lg_batch *batch;
	struct lg_err err;
	uint64_t first, last, number, first_seq;
	char name[64];
	int handle;

	f->conf.max_size = 64u << 20;
	f->conf.segment_size = 64u << 10;
	mem_open(f);
	for (unsigned i = 0; i < starts; i++) {
		assert_true(mem_put(f, 1, 50));
		memcpy(ids[i], mem_stat(f).log_id, 33);
		mem_reopen(f);
	}
	assert_int_equal(spool_reader_open(f->spool, 1, &reader, &err), LG_OK);
	for (unsigned i = 0; i < starts; i++) {
		assert_int_equal(spool_reader_next(reader, &batch, &first, &last, &err), LG_OK);
		assert_int_equal(batch->first_seq, i + 1);
		assert_string_equal(batch->log_id, ids[i]);
		lg_batch_release(batch);
	}
	spool_reader_close(reader);
	snprintf(name, sizeof(name), "%s", strrchr(mem_segment(f, starts), '/') + 1);
	assert_true(segment_parse_name(name, &number, &first_seq));
	handle = f->conf.io->open(f->fs, mem_segment(f, starts), SYS_READ);
	assert_int_equal(segment_header_read(&header, NULL, f->conf.io, handle, number, &err), LG_OK);
	assert_int_equal(header.range_count, starts + 1);
	assert_true(header.size > 3 * SEGMENT_PAGE);
	segment_header_fini(&header);
	f->conf.io->close(f->fs, handle);
	free(ids);
}

static void longest(char name[64], char first, unsigned i)
{
	memset(name, first, 63);
	name[61] = (char)('a' + i / 26);
	name[62] = (char)('a' + i % 26);
	name[63] = '\0';
}

static void test_32_cursors_and_64_losses_with_the_longest_names_fit_a_slot_and_the_next_is_told(void **state)
{
	struct mem_fixture *f = *state;
	struct spool_stat stat;
	struct spool_loss loss;
	struct lg_err err;
	char name[64];
	unsigned count = 0;
	uint64_t lost = 0;

	if (spool_open(&f->spool, &f->conf, &err) != LG_OK)
		fail_msg("open: %s", err.text);
	for (unsigned i = 0; i < 32; i++) {
		longest(name, 'o', i);
		assert_int_equal(spool_output_add(f->spool, name, false, &err), LG_OK);
	}
	assert_int_equal(spool_output_add(f->spool, "one-more", false, &err), LG_INVALID);
	assert_true(strstr(err.text, "32 cursors at most") != NULL);
	for (unsigned i = 0; i < 70; i++) { /* the last six share the intervals of others */
		longest(name, 'l', i);
		assert_int_equal(spool_loss(f->spool, 'O', name, i, i, 1, 10, name, &err), LG_OK);
	}
	spool_maintain(f->spool, true);
	spool_close(f->spool);
	if (spool_open(&f->spool, &f->conf, &err) != LG_OK)
		fail_msg("open: %s", err.text);
	spool_stat(f->spool, &stat);
	assert_int_equal(stat.output_count, 32);
	while (spool_loss_take(f->spool, &loss)) {
		count++;
		lost += loss.count;
	}
	assert_int_equal(count, 64);
	assert_int_equal(lost, 70);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, mem_set_up, mem_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(test_sequences_end_with_a_clear_refusal_and_what_is_there_stays),
	        TEST(test_a_start_on_a_counter_behind_its_end_is_refused),
	        TEST(test_a_file_with_the_last_number_there_is_does_not_make_numbers_begin_again),
	        TEST(test_counters_pass_the_half_of_their_range_without_a_turn),
	        TEST(test_a_segment_rolls_at_65536_frames),
	        TEST(test_a_segment_rolls_at_65536_frames_that_are_encrypted),
	        TEST(test_the_largest_frame_is_taken_and_a_larger_one_refused),
	        TEST(test_65535_positions_fit_one_frame_and_the_next_header_and_one_more_does_not),
	        TEST(test_positions_of_1_kib_fill_a_frames_header_and_beyond_it_are_refused),
	        TEST(test_a_header_holds_the_ids_of_every_log_that_still_has_a_record),
	        TEST(test_32_cursors_and_64_losses_with_the_longest_names_fit_a_slot_and_the_next_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
