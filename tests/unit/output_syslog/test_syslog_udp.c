/* The syslog output over UDP. */
#define _GNU_SOURCE /* memmem */
#include "syslog_rig.h"

static struct bench *start_udp(uint64_t records)
{
	struct bench *b = bench_new(records);

	b->host.conf.transport = TRANSPORT_UDP;
	b->host.conf.datagram_rate = 20000; /* a receiver's buffer holds what comes meanwhile */
	listen_at(b, 0, &good);
	return b;
}

static void every_record_is_a_datagram_and_settles_a_moment_later(void **state)
{
	struct lg_output_report report = {0};
	struct bench *b = start_udp(5000);

	(void)state;
	bench_open(b);
	UNTIL(b, b->receivers[0].messages == 5000);
	syslog_output.report(b->host.state, &report);
	assert_string_equal(report.note, "unacknowledged");
	UNTIL(b, b->host.settled_count == 5000);
	finish_all(b, 1, 1);
	assert_int_equal(b->host.retries, 0);
	bench_end(b);
}

static void a_refusal_is_noticed_and_what_it_may_have_lost_is_sent_again(void **state)
{
	struct bench *b = start_udp(3000);

	(void)state;
	bench_open(b);
	UNTIL(b, b->receivers[0].messages >= 1000);
	kill_receiver(b, 0);
	UNTIL(b, b->host.retries >= 2);
	assert_string_equal(b->host.retry_state, "refused");
	assert_true(b->host.settled_count < 3000);
	listen_at(b, 0, &good);
	finish_all(b, 1, 200);
	bench_end(b);
}

static void the_rate_bounds_how_fast_a_backlog_is_sent(void **state)
{
	struct bench *b = start_udp(600);
	int64_t began = clock_mono(&clock_system), took;

	(void)state;
	b->host.conf.datagram_rate = 1000;
	bench_open(b);
	UNTIL(b, b->receivers[0].messages == 600);
	took = clock_mono(&clock_system) - began;
	assert_true(took > CLOCK_SECOND / 2 - CLOCK_SECOND / 10); /* a tenth of a second's worth is saved up */
	bench_end(b);
}

/* Records of one line each, but for one of many. */
static void a_message_longer_than_a_datagram_goes_in_parts(void **state)
{
	struct lg_format_conf format = {0};
	struct bench *b = start_udp(1);
	const struct lg_datagram *list;
	struct lg_batch_iter it;
	struct lg_buf whole = {0};
	struct lg_draft draft;
	struct lg_err err;
	uint64_t taken = 1;
	size_t count, parts = 0;
	char body[6000];

	(void)state;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = i % 80 == 79 ? '\n' : (char)('a' + i / 80 % 26);
	bench_open(b);
	lg_formatter_free(b->host.formatter);
	b->host.formatter = lg_formatter_new("rfc5424", &format, "agent", false);
	((struct syslog *)b->host.state)->formatter = b->host.formatter;
	lg_draft_reset(&draft);
	draft.body = (struct lg_str){body, sizeof(body)};
	b->host.batch = batch_new(NULL, 0, "test");
	batch_add(b->host.batch, &draft, NULL, 1);
	b->host.batch->first_seq = 1;
	memcpy(b->host.batch->log_id, LOG_ID, sizeof(b->host.batch->log_id));
	syslog_output.step(b->host.state, now_of(&b->host), &b->ws);
	lg_batch_begin(&it, b->host.batch, 1);
	syslog_output.send(b->host.state, b->host.batch, &it, &taken);
	assert_int_equal(taken, 2);
	b->host.position = 2;
	while (whole.size + parts < sizeof(body)) {
		b->host.skew_ns += CLOCK_MS;
		syslog_output.step(b->host.state, now_of(&b->host), &b->ws);
		if (lg_receiver_read(b->receivers[0].udp, &list, &count, &err) != LG_OK)
			continue;
		for (size_t i = 0; i < count; i++) {
			char mark[20];
			struct lg_str text = list[i].data;
			const char *end;

			snprintf(mark, sizeof(mark), "part=\"%zu/4\"", ++parts);
			assert_true(text.size <= 2048);
			assert_non_null(memmem(text.data, text.size, mark, strlen(mark)));
			end = memmem(text.data, text.size, "] ", 2);
			assert_non_null(end);
			if (parts > 1)
				lg_buf_append_char(&whole, '\n');
			lg_buf_append(&whole, end + 2, text.size - (size_t)(end + 2 - text.data));
		}
	}
	assert_int_equal(parts, 4);
	assert_memory_equal(whole.data, body, whole.size);
	lg_buf_fini(&whole);
	bench_end(b);
}

static enum lg_rc deny(void *guard, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext, struct lg_err *err)
{
	(void)host;
	(void)port;
	(void)addr;
	*(bool *)guard = plaintext;
	return lg_err_set(err, LG_DENIED, "no: {host: x, port: 1, plaintext: true}");
}

static void the_policy_is_asked_as_for_plaintext(void **state)
{
	struct bench *b = start_udp(10);
	bool plaintext = false;

	(void)state;
	net_free(b->host.net);
	b->host.net = net_new(&(struct net_gate){.permit = deny, .guard = &plaintext});
	bench_open(b);
	UNTIL(b, b->host.retries >= 1);
	assert_true(plaintext);
	assert_string_equal(b->host.retry_state, "denied");
	assert_int_equal(b->receivers[0].messages, 0);
	bench_end(b);
}

static void a_refused_server_is_left_for_the_next(void **state)
{
	struct bench *b = start_udp(3000);

	(void)state;
	listen_at(b, 1, &good);
	bench_open(b);
	UNTIL(b, b->receivers[0].messages >= 1000);
	kill_receiver(b, 0);
	finish_all(b, 1, 3);
	assert_true(b->receivers[1].messages > 0);
	bench_end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_is_a_datagram_and_settles_a_moment_later),
		cmocka_unit_test(a_refusal_is_noticed_and_what_it_may_have_lost_is_sent_again),
		cmocka_unit_test(the_rate_bounds_how_fast_a_backlog_is_sent),
		cmocka_unit_test(a_message_longer_than_a_datagram_goes_in_parts),
		cmocka_unit_test(the_policy_is_asked_as_for_plaintext),
		cmocka_unit_test(a_refused_server_is_left_for_the_next),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
