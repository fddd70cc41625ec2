/* The syslog output over several servers: failover and return, balance, breakers. */
#include "syslog_rig.h"

static struct bench *start_servers(uint64_t records, int mode, int count)
{
	struct bench *b = bench_new(records);

	b->host.conf.mode = mode;
	for (int i = 0; i < count; i++)
		listen_at(b, i, &good);
	return b;
}

static uint64_t most_seen(const struct receiver *r, uint64_t records)
{
	uint64_t most = 0;

	for (uint64_t seq = 1; seq <= records; seq++)
		most = r->seen[seq] > most ? r->seen[seq] : most;
	return most;
}

static const struct lg_server_report *report_of(struct bench *b, size_t i)
{
	static struct lg_output_report report;

	memset(&report, 0, sizeof(report));
	syslog_output.report(b->host.state, &report);
	assert_true(i < report.server_count);
	return &report.servers[i];
}

/* ---- failover ---- */

static void a_server_that_refuses_is_passed_over_without_a_pause(void **state)
{
	struct bench *b = start_servers(1000, MODE_FAILOVER, 2);

	(void)state;
	kill_receiver(b, 0);
	bench_open(b);
	finish_all(b, 1, 1);
	assert_int_equal(b->host.retries, 0);
	assert_int_equal(b->receivers[1].messages, 1000);
	assert_string_equal(report_of(b, 0)->state, "open");
	assert_string_equal(report_of(b, 0)->last_error, "refused");
	bench_end(b);
}

static void the_resend_window_of_a_broken_connection_goes_to_the_next_server(void **state)
{
	struct bench *b = start_servers(30000, MODE_FAILOVER, 2);
	uint64_t cursor;

	(void)state;
	b->host.conf.resend_window = 8 << 20;
	bench_open(b);
	UNTIL(b, b->receivers[0].messages >= 10000);
	kill_receiver(b, 0);
	UNTIL(b, b->host.retries == 1);
	cursor = b->host.settled_upto;
	UNTIL(b, b->receivers[1].first_of_connection);
	assert_int_equal(b->receivers[1].first_of_connection, cursor + 1);
	finish_all(b, 1, 2);
	assert_int_equal(b->host.retries, 1);
	bench_end(b);
}

static void the_preferred_server_gets_the_records_back_and_nothing_is_repeated(void **state)
{
	struct bench *b = start_servers(60000, MODE_FAILOVER, 2);

	(void)state;
	kill_receiver(b, 0);
	bench_open(b);
	UNTIL(b, b->receivers[1].messages >= 2000);
	listen_at(b, 0, &good);
	b->host.skew_ns += 40 * CLOCK_SECOND; /* the breaker's time is over */
	UNTIL(b, b->receivers[0].connections == 1);
	assert_int_equal(b->receivers[0].messages, 0);
	for (int i = 0; i < 5; i++)
		turn(b);
	assert_int_equal(b->receivers[0].messages, 0); /* it has to prove itself */
	b->host.skew_ns += 11 * CLOCK_SECOND;
	UNTIL(b, b->receivers[0].messages >= 1000);
	assert_int_equal(b->host.retries, 0);
	finish_all(b, 1, 1);
	assert_int_equal(b->host.retries, 0);
	bench_end(b);
}

static void with_all_servers_down_the_core_waits_and_the_first_that_is_back_gets_all(void **state)
{
	struct bench *b = start_servers(1000, MODE_FAILOVER, 3);

	(void)state;
	for (int i = 0; i < 3; i++)
		kill_receiver(b, i);
	bench_open(b);
	UNTIL(b, b->host.retries >= 3);
	assert_string_equal(b->host.retry_state, "refused");
	listen_at(b, 2, &good);
	finish_all(b, 1, 1);
	assert_int_equal(b->receivers[2].messages, 1000);
	bench_end(b);
}

static void one_that_accepts_and_closes_at_once_is_not_dialled_again_and_again(void **state)
{
	struct bench *b = start_servers(60000, MODE_FAILOVER, 2);

	(void)state;
	kill_receiver(b, 0);
	bench_open(b);
	UNTIL(b, b->receivers[1].messages >= 1000);
	listen_at(b, 0, &good);
	b->host.skew_ns += 40 * CLOCK_SECOND;
	while (b->receivers[1].messages < 50000) {
		turn(b);
		if (b->receivers[0].conn && b->receivers[0].handshake == LG_OK)
			receiver_hang_up(&b->receivers[0]);
	}
	assert_true(b->receivers[0].connections >= 1 && b->receivers[0].connections < 50);
	assert_int_equal(b->host.retries, 0);
	finish_all(b, 1, 1);
	bench_end(b);
}

/* ---- balance ---- */

static void balanced_servers_share_the_records_and_each_comes_once(void **state)
{
	struct bench *b = start_servers(60000, MODE_BALANCE, 3);

	(void)state;
	bench_open(b);
	finish_all(b, 1, 1);
	assert_int_equal(b->host.retries, 0);
	for (int i = 0; i < 3; i++)
		assert_true(b->receivers[i].messages > 60000 / 20);
	bench_end(b);
}

static void what_was_in_flight_to_a_broken_one_goes_to_the_others_and_nothing_else_is_repeated(void **state)
{
	struct bench *b = start_servers(60000, MODE_BALANCE, 3);

	(void)state;
	b->host.conf.resend_window = 8 << 20; /* more than a receiver's kernel holds unread */
	bench_open(b);
	UNTIL(b, b->receivers[1].messages >= 4000);
	kill_receiver(b, 1);
	UNTIL(b, b->host.retries == 1);
	finish_all(b, 1, 2);
	assert_int_equal(most_seen(&b->receivers[0], 60000), 1);
	assert_int_equal(most_seen(&b->receivers[2], 60000), 1);
	for (uint64_t seq = 1; seq <= 60000; seq++)
		assert_true(b->receivers[0].seen[seq] + b->receivers[2].seen[seq] <= 1);
	assert_int_equal(b->host.retries, 1);
	bench_end(b);
}

static void a_stalled_one_holds_up_nobody_and_loses_nothing(void **state)
{
	struct bench *b = bench_new(60000);

	(void)state;
	b->host.conf.mode = MODE_BALANCE;
	b->receive_buffer = 32 << 10; /* less than the window, as it must be */
	for (int i = 0; i < 3; i++)
		listen_at(b, i, &good);
	b->host.conf.resend_window = 256 << 10; /* the others settle far beyond what the stalled one holds */
	bench_open(b);
	UNTIL(b, b->receivers[0].messages >= 1000 && b->receivers[1].messages >= 1000 && b->receivers[2].messages >= 1000);
	b->receivers[0].stalled = true;
	UNTIL(b, b->host.position > b->host.records && b->receivers[1].messages + b->receivers[2].messages > 40000);
	assert_int_equal(b->host.retries, 0);
	for (int i = 0; i < 40 && b->host.retries == 0; i++) {
		b->host.skew_ns += CLOCK_SECOND;
		turn(b);
	}
	assert_int_equal(b->host.retries, 1);
	assert_string_equal(b->host.retry_state, "stalled");
	b->receivers[0].stalled = false;
	receiver_hang_up(&b->receivers[0]);
	finish_all(b, 1, 2);
	for (uint64_t seq = 1; seq <= 60000; seq++)
		assert_true(b->receivers[1].seen[seq] + b->receivers[2].seen[seq] <= 1);
	bench_end(b);
}

static void one_after_the_other_may_break_and_all_arrives(void **state)
{
	struct bench *b = start_servers(60000, MODE_BALANCE, 3);
	uint64_t goal = 0;

	(void)state;
	b->host.conf.resend_window = 8 << 20;
	bench_open(b);
	for (int i = 0; i < 9; i++) {
		goal += 5000;
		UNTIL(b, b->receivers[0].messages + b->receivers[1].messages + b->receivers[2].messages >= goal);
		kill_receiver(b, i % 3);
		listen_at(b, i % 3, &good);
		b->host.skew_ns += CLOCK_SECOND;
	}
	finish_all(b, 1, 10);
	bench_end(b);
}

/* ---- the breaker ---- */

static void a_breaker_opens_longer_each_time_and_closes_when_it_works(void **state)
{
	int64_t now = 1000 * CLOCK_SECOND, longest = 0;
	struct breaker breaker;

	(void)state;
	breaker_init(&breaker, 7);
	assert_string_equal(breaker_state(&breaker, now), "closed");
	for (int i = 0; i < 1000; i++) {
		int64_t cap = i < 6 ? BREAKER_BASE_NS << i : BREAKER_MAX_NS, wait;

		breaker_fail(&breaker, now);
		wait = breaker.retry_at_ns - now;
		assert_true(wait >= BREAKER_FLOOR_NS && wait <= cap);
		longest = wait > longest ? wait : longest;
		assert_false(breaker_allows(&breaker, now + wait - 1));
		assert_string_equal(breaker_state(&breaker, now), "open");
		assert_true(breaker_allows(&breaker, now + wait));
		assert_string_equal(breaker_state(&breaker, now + wait), "half-open");
	}
	assert_true(longest > BREAKER_MAX_NS * 9 / 10); /* jitter over the whole width */
	breaker_ok(&breaker);
	assert_true(breaker_allows(&breaker, now));
	breaker_fail(&breaker, now);
	assert_true(breaker.retry_at_ns - now <= BREAKER_BASE_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_that_refuses_is_passed_over_without_a_pause),
		cmocka_unit_test(the_resend_window_of_a_broken_connection_goes_to_the_next_server),
		cmocka_unit_test(the_preferred_server_gets_the_records_back_and_nothing_is_repeated),
		cmocka_unit_test(with_all_servers_down_the_core_waits_and_the_first_that_is_back_gets_all),
		cmocka_unit_test(one_that_accepts_and_closes_at_once_is_not_dialled_again_and_again),
		cmocka_unit_test(balanced_servers_share_the_records_and_each_comes_once),
		cmocka_unit_test(what_was_in_flight_to_a_broken_one_goes_to_the_others_and_nothing_else_is_repeated),
		cmocka_unit_test(a_stalled_one_holds_up_nobody_and_loses_nothing),
		cmocka_unit_test(one_after_the_other_may_break_and_all_arrives),
		cmocka_unit_test(a_breaker_opens_longer_each_time_and_closes_when_it_works),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
