/* The policies of a full spool, each against the full set of records: what is not delivered is said, no more and no less, and said durably before it
 * can be forgotten. */
#include "run_rig.h"

#include "spool/state.h"

static void small_spool(struct rig *rig)
{
	rig->spool_conf.max_size = 1u << 20;
	rig->spool_conf.segment_size = 64u << 10;
	rig->spool_conf.tail_bytes = 0;
}

static struct worker_status status_of(struct rig_input *in)
{
	struct worker_status status;

	worker_status_copy(in->host, &status);
	return status;
}

/* What the state slots on disk say is lost, as a crash now would leave it. */
static uint64_t lost_on_disk(struct rig *rig)
{
	struct state *state = calloc(1, sizeof(*state));
	char path[128];
	uint64_t count = 0;
	struct lg_err err;
	int handle;

	snprintf(path, sizeof(path), "%s/spool/state", rig->dir);
	handle = rig->io.open(rig->io.self, path, SYS_READ);
	assert_true(handle >= 0);
	assert_int_equal(state_read(state, &rig->io, handle, &err), LG_OK);
	rig->io.close(rig->io.self, handle);
	for (size_t i = 0; i < state->loss_count; i++)
		count += state->losses[i].loss.count;
	free(state);
	return count;
}

/* Every record of the spool that `each` likes. */
static void read_all(struct rig *rig, void (*each)(void *arg, const struct lg_record *rec), void *arg)
{
	uint64_t first, last;
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_err err;

	assert_int_equal(spool_reader_open(rig->spool, 1, &reader, &err), LG_OK);
	while (spool_reader_next(reader, &batch, &first, &last, &err) == LG_OK) {
		struct lg_batch_iter it;
		struct lg_record rec;

		for (lg_batch_begin(&it, batch, 0); lg_batch_next(&it, &rec);)
			each(arg, &rec);
		lg_batch_release(batch);
	}
	spool_reader_close(reader);
}

static bool is_loss(const struct lg_record *rec)
{
	return rec->body.size > 8 && memcmp(rec->body.data, "lugger: ", 8) == 0;
}

/* The numbers of loss records, by field. */
static uint64_t number_of(const struct lg_record *rec, unsigned field)
{
	struct lg_value value;

	return lg_record_find(rec, field, &value) ? (uint64_t)value.number : 0;
}

struct tally {
	uint64_t lost, records, errors, infos;
	uint8_t covered[OUT_MAX]; /* by sequence: how often it is delivered or stated as lost */
};

static void count_one(void *arg, const struct lg_record *rec)
{
	struct tally *tally = arg;

	if (is_loss(rec)) {
		tally->lost += number_of(rec, LG_F_LOSS_COUNT);
		return;
	}
	tally->records++;
	tally->errors += rec->severity == LG_ERR;
	tally->infos += rec->severity == LG_INFORM;
}

static void drop_new_tells_the_source_only_what_is_said_durably_and_goes_on_behind_it(void **state)
{
	struct rig *rig = *state;
	struct rig_input in = {.conf = {.goal = 20000, .body_size = 200}}, again = {.conf = {.goal = 20100, .body_size = 200}};
	struct tally *tally = calloc(1, sizeof(*tally));
	uint64_t next = 0, durable = 0;
	struct lg_err err;

	small_spool(rig);
	rig_open(rig);
	rig->writer.when_full.policy = FULL_DROP_NEW;
	assert_int_equal(spool_output_add(rig->spool, "out", false, &err), LG_OK);
	rig_start_writer(rig);
	rig_input_start(rig, &in, &in_plugin);
	while (durable < 20000) {
		durable = atomic_load(&in.conf.durable);
		assert_true(lost_on_disk(rig) + spool_durable_next(rig->spool) - 1 >= durable);
	}
	AWAIT(status_of(&in).dropped == lost_on_disk(rig));
	assert_true(status_of(&in).dropped > 10000);
	assert_true(writer_losing(&rig->writer));
	spool_cursor_move(rig->spool, "out", spool_durable_next(rig->spool));
	writer_nudge(&rig->writer);
	AWAIT(!atomic_load(&rig->writer.when_full.dropping));
	AWAIT(lost_on_disk(rig) == 0); /* it is a record now */
	rig_input_stop(&in, CLOCK_SECOND);
	rig_input_free(rig, &in);
	rig_close(rig);
	rig_open(rig);
	spool_positions(rig->spool, LG_STR("in"), in_saved, &next);
	assert_int_equal(next, 20000); /* the positions of what was dropped are in the spool as well */
	rig_start_writer(rig);
	rig_input_start(rig, &again, &in_plugin); /* and new records are taken again */
	AWAIT(atomic_load(&again.conf.durable) == 20100);
	rig_input_stop(&again, CLOCK_SECOND);
	rig_input_free(rig, &again);
	read_all(rig, count_one, tally);
	assert_int_equal(tally->lost + spool_durable_next(rig->spool) - 2, 20100);
	rig_close(rig);
	rig_open(rig);
	spool_positions(rig->spool, LG_STR("in"), in_saved, &next);
	assert_int_equal(next, 20100);
	free(tally);
}

static void drop_new_waits_with_the_source_while_the_loss_cannot_be_stored(void **state)
{
	struct rig *rig = *state;
	struct rig_input in = {.conf = {.goal = 20000, .body_size = 200}};
	uint64_t durable;
	struct lg_err err;

	small_spool(rig);
	rig_open(rig);
	rig->writer.when_full.policy = FULL_DROP_NEW;
	assert_int_equal(spool_output_add(rig->spool, "out", false, &err), LG_OK);
	rig_start_writer(rig);
	rig_input_start(rig, &in, &in_plugin);
	AWAIT(atomic_load(&rig->writer.full)); /* the grace */
	atomic_store(&rig_sync_fails, EIO);
	AWAIT(atomic_load(&rig->writer.when_full.dropping));
	durable = atomic_load(&in.conf.durable);
	for (int i = 0; i < 20; i++) {
		unsigned long long steps = atomic_load(&in.conf.steps);

		AWAIT(atomic_load(&in.conf.steps) > steps);
	}
	assert_int_equal(atomic_load(&in.conf.durable), durable);
	atomic_store(&rig_sync_fails, 0);
	AWAIT(atomic_load(&in.conf.durable) == 20000);
	rig_input_stop(&in, CLOCK_SECOND);
	rig_input_free(rig, &in);
}

/* Delivered or stated as lost to this output: each sequence once. */
static void cover(struct tally *tally, uint64_t first, uint64_t last)
{
	for (uint64_t seq = first; seq <= last; seq++) {
		assert_true(seq < OUT_MAX);
		tally->covered[seq]++;
	}
}

static void cover_losses(void *arg, const struct lg_record *rec)
{
	struct tally *tally = arg;

	if (!is_loss(rec))
		return;
	assert_int_equal(number_of(rec, LG_F_LOSS_COUNT), number_of(rec, LG_F_LOSS_LAST) - number_of(rec, LG_F_LOSS_FIRST) + 1);
	cover(tally, number_of(rec, LG_F_LOSS_FIRST), number_of(rec, LG_F_LOSS_LAST));
	tally->lost += number_of(rec, LG_F_LOSS_COUNT);
}

static void drop_oldest_costs_the_lagging_output_what_is_said_and_the_other_one_nothing(void **state)
{
	struct rig *rig = *state;
	struct rig_output *good = calloc(1, sizeof(*good)), *slow = calloc(1, sizeof(*slow));
	struct rig_input in = {.conf = {.goal = 8000, .body_size = 200}};
	struct tally *tally = calloc(1, sizeof(*tally));
	uint64_t end;

	small_spool(rig);
	atomic_store(&good->conf.room, UINT64_MAX);
	atomic_store(&good->conf.settle_to, UINT64_MAX);
	atomic_store(&slow->conf.room, 10); /* taken, and never settled */
	rig_open(rig);
	rig->writer.when_full.policy = FULL_DROP_OLDEST;
	rig_output_new(rig, good, "good", NULL);
	rig_output_new(rig, slow, "slow", NULL);
	rig_start_writer(rig);
	rig_output_start(good);
	rig_output_start(slow);
	rig_input_start(rig, &in, &in_plugin);
	AWAIT(atomic_load(&in.conf.durable) == 8000);
	AWAIT(rig_output_status(good).cursor >= 8001);
	AWAIT(rig_output_status(slow).dropped > 1000);
	atomic_store(&slow->conf.settle_to, UINT64_MAX);
	atomic_store(&slow->conf.room, UINT64_MAX);
	atomic_store(&slow->conf.fail, true); /* the ten are gone with their connection */
	shipper_wake(slow->host);
	AWAIT(spool_durable_next(rig->spool) > 8001 && lost_on_disk(rig) == 0);
	end = spool_durable_next(rig->spool);
	AWAIT(rig_output_status(slow).cursor == end);
	AWAIT(rig_output_status(good).cursor == end);
	rig_input_stop(&in, CLOCK_SECOND);
	rig_output_stop(good);
	rig_output_stop(slow);
	assert_int_equal(rig_output_status(good).lost, 0);
	assert_int_equal(rig_output_status(good).records, end - 1);
	for (unsigned i = 10; i < atomic_load(&slow->conf.count); i++)
		cover(tally, slow->conf.seqs[i], slow->conf.seqs[i]);
	read_all(rig, cover_losses, tally);
	assert_int_equal(tally->lost, rig_output_status(slow).dropped);
	for (uint64_t seq = 1; seq < end; seq++)
		assert_int_equal(tally->covered[seq], 1);
	rig_input_free(rig, &in);
	shipper_free(good->host);
	shipper_free(slow->host);
	free(good);
	free(slow);
	free(tally);
}

static void drop_oldest_lets_go_for_an_output_that_is_configured_no_more(void **state)
{
	struct rig *rig = *state;
	struct rig_input in = {.conf = {.goal = 0, .body_size = 200}};
	struct tally *tally = calloc(1, sizeof(*tally));
	struct lg_err err;

	small_spool(rig);
	rig_open(rig);
	assert_int_equal(spool_output_add(rig->spool, "gone", false, &err), LG_OK);
	rig_close(rig);
	rig_open(rig);
	rig->writer.when_full.policy = FULL_DROP_OLDEST;
	rig_start_writer(rig);
	rig_input_start(rig, &in, &in_plugin);
	atomic_store(&in.conf.goal, 8000);
	AWAIT(atomic_load(&in.conf.durable) == 8000);
	assert_true(spool_cursor(rig->spool, "gone") > 1);
	AWAIT(lost_on_disk(rig) == 0);
	rig_input_stop(&in, CLOCK_SECOND);
	rig_input_free(rig, &in);
	read_all(rig, cover_losses, tally);
	assert_int_equal(tally->lost, spool_cursor(rig->spool, "gone") - 1);
	free(tally);
}

static void above_the_mark_only_records_of_weight_are_admitted_and_the_others_are_counted(void **state)
{
	struct rig *rig = *state;
	struct rig_input in = {.conf = {.goal = 8000, .body_size = 200, .severities = true}};
	struct tally *tally = calloc(1, sizeof(*tally));
	uint64_t next = 0;
	struct lg_err err;

	small_spool(rig);
	rig->spool_conf.max_size = 4u << 20;
	rig->spool_conf.keep_ns = 3600 * CLOCK_SECOND;
	rig_open(rig);
	rig->writer.when_full.discard_severity = LG_NOTE;
	rig->writer.when_full.discard_mark = 10;
	assert_int_equal(spool_output_add(rig->spool, "out", false, &err), LG_OK);
	rig_start_writer(rig);
	rig_input_start(rig, &in, &in_plugin);
	AWAIT(atomic_load(&in.conf.durable) == 8000);
	AWAIT(status_of(&in).shed > 1000 && lost_on_disk(rig) == status_of(&in).shed);
	spool_cursor_move(rig->spool, "out", spool_durable_next(rig->spool));
	writer_nudge(&rig->writer);
	AWAIT(atomic_load(&rig->writer.when_full.admit_below) == ADMIT_ALL);
	AWAIT(lost_on_disk(rig) == 0);
	rig_input_stop(&in, CLOCK_SECOND);
	rig_input_free(rig, &in);
	read_all(rig, count_one, tally);
	assert_int_equal(tally->errors, 4000);
	assert_int_equal(tally->lost, 4000 - tally->infos);
	assert_true(tally->infos > 100);
	rig_close(rig);
	rig_open(rig);
	spool_positions(rig->spool, LG_STR("in"), in_saved, &next);
	assert_int_equal(next, 8000);
	free(tally);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		RUN(drop_new_tells_the_source_only_what_is_said_durably_and_goes_on_behind_it),
		RUN(drop_new_waits_with_the_source_while_the_loss_cannot_be_stored),
		RUN(drop_oldest_costs_the_lagging_output_what_is_said_and_the_other_one_nothing),
		RUN(drop_oldest_lets_go_for_an_output_that_is_configured_no_more),
		RUN(above_the_mark_only_records_of_weight_are_admitted_and_the_others_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
