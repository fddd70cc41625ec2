/* The syslog output over one connection. */
#include "syslog_rig.h"

static void every_record_arrives_once_and_is_settled_by_the_orderly_close(void **state)
{
	(void)state;
	for (int transport = 1; transport <= 2; transport++)
		for (int framing = 0; framing <= 1; framing++) {
			struct bench *b = bench_new(20000);

			b->host.conf.transport = transport;
			b->host.conf.framing = framing;
			listen_again(b, &good);
			bench_open(b);
			finish_all(b, 1, 1);
			assert_int_equal(b->host.retries, 0);
			assert_string_equal(b->host.ok_state, "idle");
			assert_int_equal(b->receivers[0].connections, 1);
			bench_end(b);
		}
}

/* Bytes of all records behind the settled ones. */
static uint64_t unsettled_bytes(const struct lg_output_host *host)
{
	uint64_t bytes = 0;
	char body[2048];

	for (uint64_t seq = host->settled_upto + 1; seq < host->position; seq++)
		bytes += body_of(seq, body);
	return bytes;
}

static void the_cursor_trails_the_acknowledged_bytes_by_the_resend_window(void **state)
{
	struct bench *b = bench_start(20000);
	uint64_t settled = 0;

	(void)state;
	while (b->receivers[0].messages < b->host.records) {
		turn(b);
		if (b->host.settled_upto == settled)
			continue;
		settled = b->host.settled_upto;
		assert_true(unsettled_bytes(&b->host) >= (1 << 20) * 97 / 100); /* the rest of the window is lengths and TLS */
	}
	assert_true(settled > 0);
	UNTIL(b, unsettled_bytes(&b->host) <= (1 << 20) + (320 << 10)); /* a write of 256 KiB counts as one */
	assert_true(unsettled_bytes(&b->host) >= (1 << 20) * 97 / 100);
	finish_all(b, 1, 1);
	bench_end(b);
}

static void with_a_window_larger_than_the_stream_nothing_settles_before_the_close(void **state)
{
	struct bench *b = bench_new(2000);

	(void)state;
	b->host.conf.resend_window = 64 << 20;
	listen_again(b, &good);
	bench_open(b);
	UNTIL(b, b->receivers[0].messages == b->host.records);
	assert_int_equal(b->host.settled_count, 0);
	finish_all(b, 1, 1);
	bench_end(b);
}

static void after_a_break_everything_unsettled_comes_again_from_a_message_boundary(void **state)
{
	struct bench *b = bench_new(60000);
	uint64_t cursor = 0;

	(void)state;
	b->host.conf.resend_window = 8 << 20; /* more than a receiver's kernel holds unread */
	listen_again(b, &good);
	bench_open(b);
	for (unsigned i = 1; i <= 2; i++) {
		UNTIL(b, b->receivers[0].messages >= 35000 * i);
		receiver_hang_up(&b->receivers[0]); /* with bytes unread: a reset */
		UNTIL(b, b->host.retries == i);
		cursor = b->host.settled_upto;
		UNTIL(b, b->receivers[0].first_of_connection);
		assert_int_equal(b->receivers[0].first_of_connection, cursor + 1);
	}
	assert_true(cursor > 0);
	finish_all(b, 1, 3);
	bench_end(b);
}

static void a_receiver_that_was_killed_and_restarted_gets_what_it_missed(void **state)
{
	struct bench *b = bench_new(20000);

	(void)state;
	b->host.conf.resend_window = 8 << 20;
	listen_again(b, &good);
	bench_open(b);
	UNTIL(b, b->receivers[0].messages >= 5000);
	lg_listener_close(b->receivers[0].listener);
	b->receivers[0].listener = NULL;
	receiver_hang_up(&b->receivers[0]);
	UNTIL(b, b->host.retries >= 2);
	assert_string_equal(b->host.retry_state, "refused");
	listen_again(b, &good);
	finish_all(b, 1, 3);
	bench_end(b);
}

static void a_receiver_that_acknowledges_nothing_is_stalled_and_dialled_again(void **state)
{
	struct bench *b = bench_new(60000);
	uint64_t position = 0;

	(void)state;
	b->host.conf.resend_window = 8 << 20;
	listen_again(b, &good);
	bench_open(b);
	UNTIL(b, b->receivers[0].messages >= 1000);
	b->receivers[0].stalled = true;
	do { /* until the kernel takes no more */
		position = b->host.position;
		for (int i = 0; i < 20; i++)
			turn(b);
	} while (b->host.position != position);
	assert_int_equal(b->host.retries, 0);
	b->host.skew_ns += 300 * CLOCK_SECOND; /* this process slept: that is not the receiver's stall */
	turn(b);
	assert_int_equal(b->host.retries, 0);
	for (int i = 0; i < 30 && b->host.retries == 0; i++) {
		assert_int_equal(b->host.position, position);
		b->host.skew_ns += CLOCK_SECOND;
		turn(b);
	}
	assert_int_equal(b->host.retries, 1);
	assert_string_equal(b->host.retry_state, "stalled");
	b->receivers[0].stalled = false;
	receiver_hang_up(&b->receivers[0]);
	finish_all(b, 1, 2);
	bench_end(b);
}

static void an_idle_line_is_closed_in_order_and_opened_again_with_the_next_record(void **state)
{
	struct bench *b = bench_start(1000);

	(void)state;
	UNTIL(b, b->receivers[0].messages == 1000);
	turn(b);
	assert_int_equal(b->host.settled_count, 0);
	b->host.skew_ns += 61 * CLOCK_SECOND;
	UNTIL(b, b->host.settled_count == 1000);
	assert_int_equal(b->host.retries, 0);
	assert_string_equal(b->host.ok_state, "idle");
	b->host.skew_ns += 100 * CLOCK_SECOND;
	for (int i = 0; i < 3; i++)
		host_turn(&b->host, &b->ws);
	assert_int_equal(b->receivers[0].connections, 1);
	b->host.records = 1500;
	UNTIL(b, b->receivers[0].messages == 1500);
	assert_int_equal(b->receivers[0].connections, 2);
	assert_int_equal(b->receivers[0].first_of_connection, 1001);
	finish_all(b, 1, 1);
	bench_end(b);
}

static void a_receiver_that_closes_idle_lines_is_closed_first_from_then_on(void **state)
{
	struct bench *b = bench_start(1000);

	(void)state;
	UNTIL(b, b->receivers[0].messages == 1000);
	turn(b);
	b->host.skew_ns += 20 * CLOCK_SECOND;
	turn(b);
	receiver_hang_up(&b->receivers[0]);
	UNTIL(b, b->host.retries == 1);
	assert_string_equal(b->host.retry_state, "closed by peer");
	UNTIL(b, b->receivers[0].messages == 2000);
	turn(b);
	b->host.skew_ns += 11 * CLOCK_SECOND;
	UNTIL(b, b->host.settled_count == 1000);
	assert_int_equal(b->host.retries, 1);
	bench_end(b);
}

static void a_close_that_is_never_answered_confirms_nothing(void **state)
{
	struct bench *b = bench_start(1000);

	(void)state;
	b->receivers[0].never_closes = true;
	UNTIL(b, b->receivers[0].messages == 1000);
	b->host.skew_ns += 61 * CLOCK_SECOND;
	for (int i = 0; i < 2; i++)
		turn(b);
	assert_int_equal(b->host.retries, 0);
	b->host.skew_ns += 11 * CLOCK_SECOND;
	UNTIL(b, b->host.retries == 1);
	assert_string_equal(b->host.retry_state, "unconfirmed");
	assert_int_equal(b->host.settled_count, 0);
	b->receivers[0].never_closes = false;
	finish_all(b, 2, 2);
	bench_end(b);
}

static void not_a_byte_goes_to_a_receiver_that_fails_verification(void **state)
{
	struct bench *b = bench_new(1000);

	(void)state;
	listen_again(b, &expired);
	bench_open(b);
	b->host.finishing = true;
	UNTIL(b, b->host.retries >= 3);
	assert_string_equal(b->host.retry_state, "tls-failed");
	assert_non_null(strstr(b->host.retry_err.text, "certificate has expired"));
	assert_int_equal(b->receivers[0].bytes, 0);
	assert_int_equal(b->host.settled_count, 0);
	lg_listener_close(b->receivers[0].listener);
	listen_again(b, &good); /* renewed */
	finish_all(b, 1, 1);
	bench_end(b);
}

static enum lg_rc deny(void *guard, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext, struct lg_err *err)
{
	(void)guard;
	(void)host;
	(void)port;
	(void)addr;
	(void)plaintext;
	return lg_err_set(err, LG_DENIED, "no: {host: x, port: 1}");
}

static void a_denial_is_a_state_with_the_policys_words(void **state)
{
	struct bench *b = bench_new(10);

	(void)state;
	net_free(b->host.net);
	b->host.net = net_new(&(struct net_gate){.permit = deny});
	listen_again(b, &good);
	bench_open(b);
	UNTIL(b, b->host.retries >= 1);
	assert_string_equal(b->host.retry_state, "denied");
	assert_string_equal(b->host.retry_err.text, "no: {host: x, port: 1}");
	assert_int_equal(b->receivers[0].connections, 0);
	bench_end(b);
}

static void with_nothing_to_send_a_stop_needs_no_receiver(void **state)
{
	struct bench *b = bench_start(0);

	(void)state;
	assert_true(syslog_output.finish(b->host.state, now_of(&b->host), &b->ws));
	assert_int_equal(b->host.retries, 0);
	bench_end(b);
}

static void servers_without_a_port_or_named_twice_are_refused(void **state)
{
	char *servers[] = {(char *)"siem.example.com:6514", (char *)"siem.example.com", (char *)"siem.example.com:6514"};
	struct syslog_conf conf = {.servers = {servers, 1}, .transport = TRANSPORT_TLS};
	struct lg_err err;

	(void)state;
	assert_int_equal(syslog_output.check(&conf, &err), LG_OK);
	conf.servers.count = 2;
	assert_int_equal(syslog_output.check(&conf, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "host:port"));
	servers[1] = (char *)"other.example.com:6514";
	conf.servers.count = 3;
	assert_int_equal(syslog_output.check(&conf, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "twice"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_arrives_once_and_is_settled_by_the_orderly_close),
		cmocka_unit_test(the_cursor_trails_the_acknowledged_bytes_by_the_resend_window),
		cmocka_unit_test(with_a_window_larger_than_the_stream_nothing_settles_before_the_close),
		cmocka_unit_test(after_a_break_everything_unsettled_comes_again_from_a_message_boundary),
		cmocka_unit_test(a_receiver_that_was_killed_and_restarted_gets_what_it_missed),
		cmocka_unit_test(a_receiver_that_acknowledges_nothing_is_stalled_and_dialled_again),
		cmocka_unit_test(an_idle_line_is_closed_in_order_and_opened_again_with_the_next_record),
		cmocka_unit_test(a_receiver_that_closes_idle_lines_is_closed_first_from_then_on),
		cmocka_unit_test(a_close_that_is_never_answered_confirms_nothing),
		cmocka_unit_test(not_a_byte_goes_to_a_receiver_that_fails_verification),
		cmocka_unit_test(a_denial_is_a_state_with_the_policys_words),
		cmocka_unit_test(with_nothing_to_send_a_stop_needs_no_receiver),
		cmocka_unit_test(servers_without_a_port_or_named_twice_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
