/* One input's thread and the writer against a real spool on a disk that fails when told: what a source hears, and when. */
#include "run_rig.h"

static struct worker_status status_of(struct rig_input *in)
{
	struct worker_status status;

	worker_status_copy(in->host, &status);
	return status;
}

static void a_source_hears_nothing_of_records_that_a_failed_sync_left_behind(void **state)
{
	struct rig *rig = *state;
	struct rig_input in = {.conf = {.goal = 0}};

	rig_open(rig);
	rig_start_writer(rig);
	rig_input_start(rig, &in, &in_plugin);
	atomic_store(&rig_sync_fails, EIO);
	atomic_store(&in.conf.goal, 50);
	AWAIT(atomic_load(&rig->writer.full)); /* the writer has tried */
	assert_int_equal(atomic_load(&in.conf.durable), 0);
	assert_int_equal(spool_durable_next(rig->spool), 1);
	atomic_store(&rig_sync_fails, 0);
	AWAIT(atomic_load(&in.conf.durable) == 50);
	assert_int_equal(spool_durable_next(rig->spool), 51);
	rig_input_stop(&in, CLOCK_SECOND);
	rig_input_free(rig, &in);
}

/* Data and position are one write: after any end, what the spool holds and where the source goes on agree. */
static void the_position_that_is_found_again_is_that_of_the_last_record(void **state)
{
	struct rig *rig = *state;
	struct rig_input in = {.conf = {.goal = 3000}}, again = {.conf = {.goal = 3500}};
	uint64_t next = 0;

	rig_open(rig);
	rig_start_writer(rig);
	rig_input_start(rig, &in, &in_plugin);
	AWAIT(atomic_load(&in.conf.emitted) > 1000);
	rig_input_stop(&in, 10 * CLOCK_SECOND); /* somewhere in the middle, or at the end */
	rig_input_free(rig, &in);
	rig_close(rig);
	rig_open(rig);
	spool_positions(rig->spool, LG_STR("in"), in_saved, &next);
	assert_int_equal(next, atomic_load(&in.conf.emitted));
	assert_int_equal(next + 1, spool_durable_next(rig->spool));
	rig_start_writer(rig);
	rig_input_start(rig, &again, &in_plugin);
	AWAIT(atomic_load(&again.conf.durable) == 3500);
	assert_int_equal(spool_durable_next(rig->spool), 3501); /* none lost, none twice */
	rig_input_stop(&again, CLOCK_SECOND);
	rig_input_free(rig, &again);
}

/* A full spool: the input waits within its memory, does not spin, and goes on when an output settles. */
static void a_full_spool_makes_the_input_wait_and_a_moved_cursor_lets_it_go_on(void **state)
{
	struct rig *rig = *state;
	struct rig_input in = {.conf = {.goal = 20000, .body_size = 200}};
	unsigned long long steps, at;
	struct lg_err err;

	rig->spool_conf.max_size = 1u << 20;
	rig->spool_conf.segment_size = 64u << 10;
	rig_open(rig);
	assert_int_equal(spool_output_add(rig->spool, "out", false, &err), LG_OK);
	rig_start_writer(rig);
	rig_input_start(rig, &in, &in_plugin);
	AWAIT(!strcmp(status_of(&in).state, "full"));
	at = atomic_load(&in.conf.emitted);
	steps = atomic_load(&in.conf.steps);
	AWAIT(atomic_load(&in.conf.steps) >= steps + 5);
	assert_true(atomic_load(&in.conf.emitted) - at < 100); /* one batch at most */
	assert_true(at < 8000);                                /* the quota and the queue hold no more */
	assert_true(mem_used(&rig->budget) <= rig->budget.limit);
	while (atomic_load(&in.conf.durable) < 20000) {
		spool_cursor_move(rig->spool, "out", spool_durable_next(rig->spool));
		writer_nudge(&rig->writer);
		poll(NULL, 0, 1);
	}
	AWAIT(strcmp(status_of(&in).state, "full") != 0);
	assert_int_equal(spool_durable_next(rig->spool), 20001);
	rig_input_stop(&in, CLOCK_SECOND);
	rig_input_free(rig, &in);
}

/* A batch that lingers while the queue is full used to be tried again without a pause. */
static void an_input_with_a_due_batch_and_a_full_queue_does_not_spin(void **state)
{
	struct rig *rig = *state;
	struct rig_input in = {.conf = {.goal = 0}};
	unsigned long long steps;
	int64_t from;

	rig_open(rig);
	rig->writer.queue.limit_bytes = 0; /* refuses everything; no writer runs */
	rig_input_start(rig, &in, &in_plugin);
	atomic_store(&in.conf.goal, 1);
	AWAIT(atomic_load(&in.conf.emitted) == 1);
	from = clock_mono(&clock_system);
	steps = atomic_load(&in.conf.steps);
	AWAIT(clock_mono(&clock_system) - from > 200 * CLOCK_MS);
	assert_true(atomic_load(&in.conf.steps) - steps < 100); /* the plugin itself asks for one each 5 ms */
	rig_input_stop(&in, 0);
	rig_input_free(rig, &in);
}

static void a_stop_with_a_full_spool_is_bounded_and_what_a_socket_said_becomes_a_loss(void **state)
{
	struct rig *rig = *state;
	struct rig_input in = {.conf = {.goal = 20000, .body_size = 200}};
	struct spool_loss loss;
	struct lg_err err;
	int64_t from;

	rig->spool_conf.max_size = 1u << 20;
	rig->spool_conf.segment_size = 64u << 10;
	rig_open(rig);
	assert_int_equal(spool_output_add(rig->spool, "out", false, &err), LG_OK);
	rig_start_writer(rig);
	rig_input_start(rig, &in, &in_plugin_fleeting);
	AWAIT(!strcmp(status_of(&in).state, "full"));
	from = clock_mono(&clock_system);
	rig_input_stop(&in, 50 * CLOCK_MS);
	writer_stop(&rig->writer);
	assert_true(clock_mono(&clock_system) - from < 10 * CLOCK_SECOND);
	rig_input_free(rig, &in);
	rig_close(rig);
	rig_open(rig); /* the interval survives in the state */
	assert_true(spool_loss_take(rig->spool, &loss));
	assert_int_equal(loss.scope, 'I');
	assert_string_equal(loss.name, "in");
	assert_int_equal(loss.count + spool_durable_next(rig->spool) - 1, atomic_load(&in.conf.emitted));
	assert_true(loss.count > 0);
}

static void a_stop_with_a_full_spool_loses_nothing_of_a_source_with_positions(void **state)
{
	struct rig *rig = *state;
	struct rig_input in = {.conf = {.goal = 20000, .body_size = 200}};
	struct spool_loss loss;
	struct lg_err err;
	uint64_t next = 0;

	rig->spool_conf.max_size = 1u << 20;
	rig->spool_conf.segment_size = 64u << 10;
	rig_open(rig);
	assert_int_equal(spool_output_add(rig->spool, "out", false, &err), LG_OK);
	rig_start_writer(rig);
	rig_input_start(rig, &in, &in_plugin);
	AWAIT(!strcmp(status_of(&in).state, "full"));
	rig_input_stop(&in, 50 * CLOCK_MS);
	rig_input_free(rig, &in);
	rig_close(rig);
	rig_open(rig);
	assert_false(spool_loss_take(rig->spool, &loss));
	spool_positions(rig->spool, LG_STR("in"), in_saved, &next);
	assert_int_equal(next + 1, spool_durable_next(rig->spool));
	assert_true(next < atomic_load(&in.conf.emitted));
}

static void weaker_sync_acknowledges_what_is_written_shows_only_what_is_synced_and_a_flush_syncs_all(void **state)
{
	struct rig *rig = *state;
	struct rig_input in = {.conf = {.goal = 100}};

	rig->spool_conf.sync = SPOOL_SYNC_NEVER;
	rig_open(rig);
	rig_start_writer(rig);
	rig_input_start(rig, &in, &in_plugin);
	AWAIT(atomic_load(&in.conf.durable) == 100);
	assert_int_equal(spool_durable_next(rig->spool), 1); /* no output sees them yet */
	writer_flush(&rig->writer);
	AWAIT(writer_flushed(&rig->writer));
	assert_int_equal(spool_durable_next(rig->spool), 101);
	rig_input_stop(&in, CLOCK_SECOND);
	rig_input_free(rig, &in);
}

static void an_input_that_is_silent_for_too_long_says_so_and_a_record_ends_it(void **state)
{
	struct rig *rig = *state;
	struct rig_input in = {.config = {.expect_every_ns = 300 * CLOCK_MS}};

	rig_open(rig);
	rig_start_writer(rig);
	rig_input_start(rig, &in, &in_plugin);
	AWAIT(!strcmp(status_of(&in).state, "silent"));
	atomic_store(&in.conf.goal, 1);
	AWAIT(!strcmp(status_of(&in).state, "reading"));
	rig_input_stop(&in, CLOCK_SECOND);
	rig_input_free(rig, &in);
}

static int64_t mono_now(void *self)
{
	(void)self;
	return clock_mono(&clock_system);
}

static int64_t two_days_ago(void *self)
{
	(void)self;
	return clock_utc(&clock_system) - 48 * 3600 * CLOCK_SECOND;
}

static void times_of_receipt_never_decrease_though_the_clock_is_set_back(void **state)
{
	static const struct clock late = {mono_now, two_days_ago, NULL};
	struct rig *rig = *state;
	struct rig_input in = {.conf = {.goal = 500}}, again = {.conf = {.goal = 1000}, .clock = &late};
	int64_t newest = 0;
	struct spool_reader *reader;
	uint64_t first, last, seen = 0;
	struct lg_batch *batch;
	struct lg_err err;

	rig_open(rig);
	rig_start_writer(rig);
	rig_input_start(rig, &in, &in_plugin);
	AWAIT(atomic_load(&in.conf.durable) == 500);
	rig_input_stop(&in, CLOCK_SECOND);
	rig_input_free(rig, &in);
	rig_close(rig);
	rig_open(rig);
	rig_start_writer(rig);
	rig_input_start(rig, &again, &in_plugin);
	AWAIT(atomic_load(&again.conf.durable) == 1000);
	assert_int_equal(spool_reader_open(rig->spool, 1, &reader, &err), LG_OK);
	while (spool_reader_next(reader, &batch, &first, &last, &err) == LG_OK) {
		struct lg_batch_iter it;
		struct lg_record rec;

		for (lg_batch_begin(&it, batch, 0); lg_batch_next(&it, &rec); seen++) {
			assert_true(rec.received_ns >= newest);
			newest = rec.received_ns;
		}
		lg_batch_release(batch);
	}
	assert_int_equal(seen, 1000);
	spool_reader_close(reader);
	rig_input_stop(&again, CLOCK_SECOND);
	rig_input_free(rig, &again);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		RUN(a_source_hears_nothing_of_records_that_a_failed_sync_left_behind),
		RUN(the_position_that_is_found_again_is_that_of_the_last_record),
		RUN(a_full_spool_makes_the_input_wait_and_a_moved_cursor_lets_it_go_on),
		RUN(an_input_with_a_due_batch_and_a_full_queue_does_not_spin),
		RUN(a_stop_with_a_full_spool_is_bounded_and_what_a_socket_said_becomes_a_loss),
		RUN(a_stop_with_a_full_spool_loses_nothing_of_a_source_with_positions),
		RUN(weaker_sync_acknowledges_what_is_written_shows_only_what_is_synced_and_a_flush_syncs_all),
		RUN(an_input_that_is_silent_for_too_long_says_so_and_a_record_ends_it),
		RUN(times_of_receipt_never_decrease_though_the_clock_is_set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
