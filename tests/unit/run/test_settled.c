/* When an input hears that every output has settled what it read. */
#include "run_rig.h"
#include "run/settled.h"

struct heard {
	struct rig_input in;
	atomic_ullong settled, calls; /* token told last */
};

static struct heard heard;

static void heard_settled(void *state, uint64_t token)
{
	(void)state;
	assert_true(token >= atomic_load(&heard.settled));
	atomic_store(&heard.settled, token);
	atomic_fetch_add(&heard.calls, 1);
}

static struct lg_input_plugin plugin;

static void start(struct rig *rig, uint64_t goal)
{
	heard = (struct heard){.in = {.conf = {.goal = goal}}};
	plugin = in_plugin;
	plugin.settled = heard_settled;
	rig_input_start(rig, &heard.in, &plugin);
}

static void a_source_hears_of_what_all_outputs_settled_and_of_nothing_more(void **state)
{
	struct rig *rig = *state;
	struct lg_err err;

	rig_open(rig);
	assert_int_equal(spool_output_add(rig->spool, "quick", false, &err), LG_OK);
	assert_int_equal(spool_output_add(rig->spool, "slow", false, &err), LG_OK);
	rig_start_writer(rig);
	start(rig, 100);
	AWAIT(atomic_load(&heard.in.conf.durable) == 100);
	AWAIT(atomic_load(&heard.calls) == 1); /* token 0: what was durable before the start is nothing */
	spool_cursor_move(rig->spool, "quick", 101);
	spool_cursor_move(rig->spool, "slow", 100);
	atomic_store(&heard.in.conf.goal, 200);
	AWAIT(atomic_load(&heard.in.conf.durable) == 200);
	assert_true(atomic_load(&heard.settled) < 100); /* record 100 is unsettled */
	spool_cursor_move(rig->spool, "slow", 101);
	AWAIT(atomic_load(&heard.settled) == 100);
	spool_cursor_move(rig->spool, "slow", 201);
	atomic_store(&heard.in.conf.goal, 300);
	AWAIT(atomic_load(&heard.in.conf.durable) == 300);
	assert_int_equal(atomic_load(&heard.settled), 100);
	spool_output_detach(rig->spool, "quick"); /* whoever let go of the spool has settled nothing by it */
	atomic_store(&heard.in.conf.goal, 400);
	AWAIT(atomic_load(&heard.in.conf.durable) == 400);
	assert_int_equal(atomic_load(&heard.settled), 100);
	rig_input_stop(&heard.in, CLOCK_SECOND);
	spool_cursor_move(rig->spool, "quick", 201);
	worker_tell_settled(heard.in.host); /* as the main thread does when the outputs have ended */
	assert_in_range(atomic_load(&heard.settled), 100, 200);
	rig_input_free(rig, &heard.in);
}

static void what_earlier_runs_made_durable_is_told_as_token_0(void **state)
{
	struct rig *rig = *state;
	struct lg_err err;

	rig_open(rig);
	assert_int_equal(spool_output_add(rig->spool, "out", false, &err), LG_OK);
	rig_start_writer(rig);
	start(rig, 100);
	AWAIT(atomic_load(&heard.in.conf.durable) == 100);
	rig_input_stop(&heard.in, CLOCK_SECOND);
	rig_input_free(rig, &heard.in);
	rig_close(rig);
	rig_open(rig);
	assert_int_equal(spool_output_add(rig->spool, "out", false, &err), LG_OK);
	rig_start_writer(rig);
	start(rig, 110);
	AWAIT(atomic_load(&heard.in.conf.durable) == 110);
	spool_cursor_move(rig->spool, "out", 100);
	atomic_store(&heard.in.conf.goal, 120);
	AWAIT(atomic_load(&heard.in.conf.durable) == 120);
	assert_int_equal(atomic_load(&heard.calls), 0);
	spool_cursor_move(rig->spool, "out", 101);
	AWAIT(atomic_load(&heard.calls) == 1);
	assert_int_equal(atomic_load(&heard.settled), 0);
	spool_cursor_move(rig->spool, "out", 121);
	AWAIT(atomic_load(&heard.settled) == 120);
	rig_input_stop(&heard.in, CLOCK_SECOND);
	rig_input_free(rig, &heard.in);
}

static void however_many_batches_wait_no_token_is_told_too_early(void **unused)
{
	struct settled settled = {.count = 0};
	uint64_t token = 0, told = 0;

	(void)unused;
	for (uint64_t i = 1; i <= 10000; i++)
		settled_push(&settled, i, 10 * i);
	for (uint64_t upto = 0; upto < 100000; upto += 7)
		if (settled_take(&settled, upto, &token)) {
			assert_true(token > told && 10 * token <= upto);
			told = token;
		}
	assert_true(settled_take(&settled, 100000, &token));
	assert_int_equal(token, 10000);
	assert_false(settled_take(&settled, UINT64_MAX, &token));
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		RUN(a_source_hears_of_what_all_outputs_settled_and_of_nothing_more),
		RUN(what_earlier_runs_made_durable_is_told_as_token_0),
		cmocka_unit_test(however_many_batches_wait_no_token_is_told_too_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
