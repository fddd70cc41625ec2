/* One output's thread against a real spool: the cursor, breaks, filters, and records that the spool cannot give any more. */
#include "run_rig.h"

/* Everything is stored and readable from disk before an output starts. */
static void store(struct rig *rig, uint64_t first, unsigned batches, unsigned each)
{
	for (unsigned i = 0; i < batches; i++) {
		uint64_t end = first + (i + 1) * each;

		rig_put(rig, first + i * each, each);
		AWAIT(spool_durable_next(rig->spool) == end); /* so that it is a frame of its own */
	}
}

static void the_cursor_is_the_lowest_unsettled_record(void **state)
{
	struct rig *rig = *state;
	struct rig_output out = {.conf = {.room = 10}};

	rig_open(rig);
	rig_output_new(rig, &out, "out", NULL);
	rig_start_writer(rig);
	rig_output_start(&out);
	store(rig, 1, 1, 10);
	AWAIT(atomic_load(&out.conf.count) == 10);
	atomic_store(&out.conf.settle_one, 7); /* out of order: moves nothing */
	shipper_wake(out.host);
	AWAIT(rig_output_status(&out).records == 1);
	assert_int_equal(spool_cursor(rig->spool, "out"), 1);
	atomic_store(&out.conf.settle_to, 6);
	AWAIT(spool_cursor(rig->spool, "out") == 6);
	atomic_store(&out.conf.settle_to, 7); /* 6 joins 7, which is settled already */
	AWAIT(spool_cursor(rig->spool, "out") == 8);
	rig_output_stop(&out);
	shipper_free(out.host);
}

static void after_a_break_everything_from_the_cursor_is_offered_again_in_order(void **state)
{
	static const uint64_t expected[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 5, 6, 7, 8, 9, 10};
	struct rig *rig = *state;
	struct rig_output out = {.conf = {.room = 10, .settle_to = 5}};

	rig_open(rig);
	rig_output_new(rig, &out, "out", NULL);
	rig_start_writer(rig);
	rig_output_start(&out);
	store(rig, 1, 2, 5);
	AWAIT(atomic_load(&out.conf.count) == 10);
	AWAIT(spool_cursor(rig->spool, "out") == 5);
	atomic_store(&out.conf.room, 100);
	atomic_store(&out.conf.fail, true);
	AWAIT(atomic_load(&out.conf.count) == 16);
	assert_int_equal(atomic_load(&out.conf.rewinds), 1);
	assert_memory_equal(out.conf.seqs, expected, sizeof(expected));
	atomic_store(&out.conf.settle_to, 11);
	AWAIT(rig_output_status(&out).cursor == 11);
	rig_output_stop(&out);
	assert_int_equal(rig_output_status(&out).repeats, 6);
	assert_int_equal(rig_output_status(&out).records, 10);
	shipper_free(out.host);
}

/* The plugin stops at the last record that the filter left, and settles it before the core asks for the next. */
static void records_the_filter_drops_at_the_end_of_a_batch_hold_nothing_up(void **state)
{
	static const uint64_t expected[] = {1, 3, 5, 7};
	struct rig *rig = *state;
	struct rig_output out = {.conf = {.room = 100, .settle_to = UINT64_MAX}};

	rig_open(rig);
	rig_output_new(rig, &out, "out", "severity == 'error'");
	rig_start_writer(rig);
	rig_output_start(&out);
	store(rig, 1, 2, 4); /* 2, 4, 6 and 8 are not wanted */
	AWAIT(rig_output_status(&out).cursor == 9);
	assert_int_equal(atomic_load(&out.conf.count), 4);
	assert_memory_equal(out.conf.seqs, expected, sizeof(expected));
	store(rig, 9, 1, 2);
	AWAIT(rig_output_status(&out).cursor == 11);
	rig_output_stop(&out);
	assert_int_equal(rig_output_status(&out).filtered, 5);
	shipper_free(out.host);
}

static int open_newest_segment(struct rig *rig)
{
	char path[256], found[512] = "";
	struct dirent *entry;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%s/spool", rig->dir);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (strstr(entry->d_name, ".seg") && strcmp(entry->d_name, found[0] ? strrchr(found, '/') + 1 : "") > 0)
			snprintf(found, sizeof(found), "%s/%s", path, entry->d_name);
	closedir(dir);
	fd = open(found, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Overwrites the record with this body, wherever the newest segment has it. */
static void damage_record(struct rig *rig, const char *body)
{
	static char bytes[1u << 20];
	int fd = open_newest_segment(rig);
	ssize_t size = read(fd, bytes, sizeof(bytes)), at = 0;

	while (at + (ssize_t)strlen(body) <= size && memcmp(bytes + at, body, strlen(body)) != 0)
		at++;
	assert_true(at + (ssize_t)strlen(body) <= size);
	assert_int_equal(pwrite(fd, "damage", 6, at), 6);
	close(fd);
}

static struct spool_loss taken_loss(struct rig *rig)
{
	struct spool_loss loss = {0};

	writer_stop(&rig->writer);
	if (!spool_loss_take(rig->spool, &loss))
		loss.count = 0;
	return loss;
}

static void a_bad_frame_costs_one_frame_and_is_said_once_though_a_break_meets_it_twice(void **state)
{
	static const uint64_t expected[] = {1, 2, 3, 7, 8, 9, 10, 1, 2, 3, 7, 8, 9, 10};
	struct rig *rig = *state;
	struct rig_output out = {.conf = {.room = 100}};

	rig->spool_conf.tail_bytes = 0; /* from the disk */
	rig_open(rig);
	rig_output_new(rig, &out, "out", NULL);
	rig_start_writer(rig);
	store(rig, 1, 3, 3);
	damage_record(rig, "record 5");
	rig_output_start(&out);
	AWAIT(atomic_load(&out.conf.count) == 7); /* 10 is the loss, which became a record of the stream */
	atomic_store(&out.conf.fail, true);
	AWAIT(atomic_load(&out.conf.count) == 14);
	assert_memory_equal(out.conf.seqs, expected, sizeof(expected));
	assert_int_equal(spool_durable_next(rig->spool), 11);
	atomic_store(&out.conf.settle_to, 11);
	AWAIT(rig_output_status(&out).cursor == 11);
	rig_output_stop(&out);
	assert_int_equal(rig_output_status(&out).lost, 3);
	assert_int_equal(rig_output_status(&out).records, 7);
	assert_int_equal(taken_loss(rig).count, 0);
	shipper_free(out.host);
}

static void a_spool_that_cannot_be_read_is_a_state_that_passes(void **state)
{
	struct rig *rig = *state;
	struct rig_output out = {.conf = {.room = 100, .settle_to = UINT64_MAX}};

	rig->spool_conf.tail_bytes = 0;
	rig_open(rig);
	rig_output_new(rig, &out, "out", NULL);
	rig_start_writer(rig);
	store(rig, 1, 1, 3);
	atomic_store(&rig_read_fails, EIO);
	rig_output_start(&out);
	AWAIT(!strcmp(rig_output_status(&out).state, "spool-error"));
	assert_false(rig_output_status(&out).healthy);
	atomic_store(&rig_read_fails, 0);
	shipper_wake(out.host);
	AWAIT(rig_output_status(&out).cursor == 4);
	AWAIT(rig_output_status(&out).healthy);
	assert_string_equal(rig_output_status(&out).state, "connected");
	assert_int_equal(rig_output_status(&out).lost, 0);
	rig_output_stop(&out);
	shipper_free(out.host);
}

/* DESIGN 1.5: what inputs hold must never keep an output from reading the frame whose delivery frees space. */
static void an_output_reads_from_the_disk_though_the_budget_is_used_up(void **state)
{
	struct rig *rig = *state;
	struct rig_output out = {.conf = {.room = 100, .settle_to = UINT64_MAX}};
	size_t rest;

	rig->spool_conf.tail_bytes = 0;
	rig_open(rig);
	rig_output_new(rig, &out, "out", NULL);
	rig_start_writer(rig);
	store(rig, 1, 1, 3);
	rest = rig->budget.limit - mem_used(&rig->budget);
	assert_true(mem_charge(&rig->budget, rest));
	rig_output_start(&out);
	AWAIT(rig_output_status(&out).cursor == 4);
	rig_output_stop(&out);
	mem_release(&rig->budget, rest);
	assert_int_equal(atomic_load(&out.conf.count), 3); /* read, and not given up as a gap */
	shipper_free(out.host);
}

static bool detached(struct rig *rig, const char *name)
{
	struct spool_stat stat;
	bool found = false;

	spool_stat(rig->spool, &stat);
	for (size_t i = 0; i < stat.output_count; i++)
		found |= stat.outputs[i].detached && !strcmp(stat.outputs[i].name, name);
	return found;
}

/* Two outputs, one takes nothing: the other one gets everything, the spool stays within its quota, and the slow one learns exactly
 * what it missed. */
static void an_output_that_detaches_gets_the_rest_and_a_loss_record_for_what_was_dropped(void **state)
{
	struct rig *rig = *state;
	struct rig_output *good = calloc(1, sizeof(*good)), *slow = calloc(1, sizeof(*slow));
	struct rig_input in = {.conf = {.goal = 8000, .body_size = 200}};

	rig->spool_conf.max_size = 1u << 20;
	rig->spool_conf.segment_size = 64u << 10;
	rig->spool_conf.tail_bytes = 0;
	atomic_store(&good->conf.room, UINT64_MAX);
	atomic_store(&good->conf.settle_to, UINT64_MAX);
	slow->config.max_lag_ns = 1;
	slow->config.on_lag = 1;
	rig_open(rig);
	rig_output_new(rig, good, "good", NULL);
	rig_output_new(rig, slow, "slow", NULL);
	rig_start_writer(rig);
	rig_output_start(good);
	rig_output_start(slow);
	rig_input_start(rig, &in, &in_plugin);
	AWAIT(atomic_load(&in.conf.durable) == 8000);
	AWAIT(rig_output_status(good).cursor >= 8001);
	assert_true(detached(rig, "slow"));
	atomic_store(&slow->conf.room, UINT64_MAX);
	atomic_store(&slow->conf.settle_to, UINT64_MAX);
	shipper_wake(slow->host);
	AWAIT(rig_output_status(slow).lost > 0);
	AWAIT(spool_durable_next(rig->spool) == 8002); /* the loss record */
	AWAIT(rig_output_status(slow).cursor == 8002);
	AWAIT(rig_output_status(good).cursor == 8002);
	AWAIT(!detached(rig, "slow"));
	rig_input_stop(&in, CLOCK_SECOND);
	rig_output_stop(good);
	rig_output_stop(slow);
	assert_int_equal(rig_output_status(slow).records + rig_output_status(slow).lost, 8001);
	assert_int_equal(rig_output_status(good).records, 8001);
	assert_int_equal(rig_output_status(good).lost, 0);
	rig_input_free(rig, &in);
	shipper_free(good->host);
	shipper_free(slow->host);
	free(good);
	free(slow);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		RUN(the_cursor_is_the_lowest_unsettled_record),
		RUN(after_a_break_everything_from_the_cursor_is_offered_again_in_order),
		RUN(records_the_filter_drops_at_the_end_of_a_batch_hold_nothing_up),
		RUN(a_bad_frame_costs_one_frame_and_is_said_once_though_a_break_meets_it_twice),
		RUN(a_spool_that_cannot_be_read_is_a_state_that_passes),
		RUN(an_output_reads_from_the_disk_though_the_budget_is_used_up),
		RUN(an_output_that_detaches_gets_the_rest_and_a_loss_record_for_what_was_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
