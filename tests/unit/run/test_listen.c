/* Input `listen`: messages of connections over TCP. */
#include "listen_rig.h"

static void records_carry_their_origin(void **state)
{
	struct scene s;
	struct sockaddr_in self;
	socklen_t size = sizeof(self);
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_value value;

	(void)state;
	begin(&s, LISTEN_TCP);
	start(&s);
	say(dial(&s, 0), "<34>1 2026-11-23T00:00:00Z web1 app 12 ID - hello\n");
	expect(&s, 1, "hello");
	lg_batch_begin(&it, s.host.batch, 0);
	assert_true(lg_batch_next(&it, &rec));
	assert_true(lg_str_is(lg_record_string(&rec, LG_F_SOURCE_IP), "127.0.0.1"));
	assert_true(lg_str_is(lg_record_string(&rec, LG_F_HOST_NAME), "web1"));
	assert_true(lg_record_find(&rec, LG_F_SOURCE_PORT, &value));
	getsockname(s.client[0], (struct sockaddr *)&self, &size);
	assert_int_equal(value.number, ntohs(self.sin_port));
	assert_false(lg_record_find(&rec, LG_F_LOG_OFFSET, &value));
	assert_int_equal(rec.severity, LG_CRIT);
	end(&s);
}

static void each_connection_has_its_own_framing(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, LISTEN_TCP);
	start(&s);
	say(dial(&s, 0), "3 a\nb");
	expect(&s, 1, "a\nb");
	say(dial(&s, 1), "<1>c\n<1>d\n");
	expect(&s, 3, "a\nb/<1>c/<1>d");
	say(s.client[0], "1 e");
	expect(&s, 4, "a\nb/<1>c/<1>d/e");
	end(&s);
}

static void a_message_may_come_byte_by_byte(void **state)
{
	static const char message[] = "11 hello world4 next";
	struct scene s;

	(void)state;
	begin(&s, LISTEN_TCP);
	start(&s);
	dial(&s, 0);
	for (size_t i = 0; i < sizeof(message) - 1; i++) {
		assert_int_equal(send(s.client[0], message + i, 1, 0), 1);
		step(&s);
	}
	expect(&s, 2, "hello world/next");
	end(&s);
}

static void a_flood_of_messages_loses_none(void **state)
{
	struct scene s;
	struct lg_buf out = {0};
	size_t sent = 0, checked = 0;
	struct lg_batch_iter it;
	struct lg_record rec;

	(void)state;
	begin(&s, LISTEN_TCP);
	start(&s);
	dial(&s, 0);
	fcntl(s.client[0], F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 50000; i++) {
		char text[64];
		int n = snprintf(text, sizeof(text), "<1>message %d with some length", i);

		lg_buf_printf(&out, "%d %s", n, text);
	}
	for (int rounds = 0; s.host.batch->count < 50000 && rounds < 100000; rounds++) {
		ssize_t n = sent < out.size ? send(s.client[0], out.data + sent, out.size - sent, MSG_NOSIGNAL) : 0;

		if (n > 0)
			sent += (size_t)n;
		step(&s);
	}
	lg_batch_begin(&it, s.host.batch, 0);
	for (; lg_batch_next(&it, &rec); checked++) {
		char text[64];

		snprintf(text, sizeof(text), "<1>message %zu with some length", checked);
		assert_true(lg_str_is(rec.body, text));
	}
	assert_int_equal(checked, 50000);
	lg_buf_fini(&out);
	end(&s);
}

static void the_peers_end_is_answered_when_its_records_are_durable(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, LISTEN_TCP);
	start(&s);
	say(dial(&s, 0), "<1>a\n<1>torn");
	shutdown(s.client[0], SHUT_WR);
	expect(&s, 2, "<1>a/<1>torn~");
	for (int i = 0; i < 5; i++)
		step(&s);
	assert_int_equal(saw_end(s.client[0]), -1);
	assert_int_equal(sources(&s), 1);
	durable(&s);
	until(&s, sources(&s) == 0);
	until(&s, saw_end(s.client[0]) == 0);
	/* Nothing sent: nothing to wait for. */
	dial(&s, 1);
	shutdown(s.client[1], SHUT_WR);
	until(&s, saw_end(s.client[1]) == 0);
	end(&s);
}

static void a_full_core_stops_the_reading_and_nothing_is_lost(void **state)
{
	struct scene s;
	char message[512];
	unsigned sent = 0;

	(void)state;
	begin(&s, LISTEN_TCP);
	start(&s);
	dial(&s, 0);
	say(s.client[0], "<1>first\n");
	expect(&s, 1, "<1>first");
	s.host.full = true;
	fcntl(s.client[0], F_SETFL, O_NONBLOCK);
	memset(message, 'x', sizeof(message));
	message[sizeof(message) - 1] = '\n';
	/* The kernel's buffers fill, then the sender is held back. */
	for (int blocked = 0; blocked < 20;) {
		ssize_t n = send(s.client[0], message, sizeof(message), MSG_NOSIGNAL);

		if (n < 0) {
			blocked++;
			step(&s);
			continue;
		}
		sent += (unsigned)n;
		assert_true(sent < 256u << 20);
	}
	assert_int_equal(s.host.batch->count, 1);
	assert_true(s.ws.count == 0 && s.ws.wake_ns < INT64_MAX);
	s.host.full = false;
	until(&s, s.host.batch->count >= 1 + sent / sizeof(message));
	end(&s);
}

static void long_messages_are_split_and_counted(void **state)
{
	struct scene s;
	struct lg_input_report report = {0};
	char message[1501];

	(void)state;
	begin(&s, LISTEN_TCP);
	start(&s);
	memset(message, 'x', sizeof(message));
	message[1499] = '\n';
	message[1500] = '\0';
	say(dial(&s, 0), message);
	until(&s, s.host.batch->count == 2);
	assert_memory_equal(bodies(&s), "1:xxx", 5);
	assert_non_null(strstr(bodies(&s), "/2:xxx"));
	assert_int_equal(strlen(bodies(&s)), 1499 + 5);
	listen_input.report(s.state, &report);
	assert_int_equal(report.oversize, 1);
	end(&s);
}

static void wrong_bytes_are_replaced_and_counted(void **state)
{
	struct scene s;
	struct lg_input_report report = {0};

	(void)state;
	begin(&s, LISTEN_TCP);
	start(&s);
	say(dial(&s, 0), "<1>caf\xe9\n<1>\xc3\xa9\n");
	expect(&s, 2, "<1>caf\xef\xbf\xbd/<1>\xc3\xa9");
	listen_input.report(s.state, &report);
	assert_int_equal(report.substitutions, 1);
	end(&s);
}

static void broken_counting_closes_the_connection_with_one_line(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, LISTEN_TCP);
	start(&s);
	for (int i = 0; i < 3; i++) {
		say(dial(&s, i), "3 abc<1>no count\n");
		until(&s, s.host.batch->count == (unsigned)i + 1);
		durable(&s);
		until(&s, sources(&s) == 0);
	}
	assert_string_equal(bodies(&s), "abc/abc/abc");
	assert_int_equal(s.host.log_lines, 1);
	assert_non_null(strstr(s.host.log, "no message length where one must stand (byte 0x3c): connection closed"));
	s.now_ns += 11 * CLOCK_SECOND;
	say(dial(&s, 3), "3 abc<1>no count\n");
	until(&s, s.host.log_lines == 2);
	assert_non_null(strstr(s.host.log, "(and 2 more like it)"));
	end(&s);
}

static void connections_over_the_limit_are_closed_at_once(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, LISTEN_TCP);
	start(&s);
	for (int i = 0; i < 7; i++)
		dial(&s, i);
	until(&s, sources(&s) == 4);
	for (int i = 4; i < 7; i++)
		until(&s, saw_end(s.client[i]) == 0);
	assert_string_equal(s.host.log, "max_connections (4) reached: further connections are closed\n");
	say(s.client[3], "<1>served\n");
	expect(&s, 1, "<1>served");
	close(s.client[0]);
	s.client[0] = -1;
	until(&s, sources(&s) == 3);
	until(&s, s.host.log_lines == 2);
	say(dial(&s, 7), "<1>again\n");
	expect(&s, 2, "<1>served/<1>again");
	end(&s);
}

static void idle_connections_are_closed_and_what_they_left_is_kept(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, LISTEN_TCP);
	s.conf.idle_timeout_ns = 60 * CLOCK_SECOND;
	start(&s);
	say(dial(&s, 0), "<1>a\n<1>half");
	expect(&s, 1, "<1>a");
	s.now_ns += 59 * CLOCK_SECOND;
	step(&s);
	assert_int_equal(sources(&s), 1);
	assert_true(s.ws.wake_ns <= s.now_ns + CLOCK_SECOND);
	s.now_ns += CLOCK_SECOND;
	expect(&s, 2, "<1>a/<1>half~");
	durable(&s);
	until(&s, sources(&s) == 0);
	end(&s);
}

static void a_busy_sender_does_not_starve_the_others(void **state)
{
	static char flood[1 << 20];
	struct lg_batch_iter it;
	struct lg_record rec;
	struct scene s;
	unsigned before = 0;

	(void)state;
	begin(&s, LISTEN_TCP);
	start(&s);
	for (size_t i = 0; i + 4 <= sizeof(flood); i += 4)
		memcpy(flood + i, "abc\n", 4);
	dial(&s, 0);
	dial(&s, 1);
	until(&s, sources(&s) == 2);
	fcntl(s.client[0], F_SETFL, O_NONBLOCK);
	assert_true(send(s.client[0], flood, sizeof(flood), MSG_NOSIGNAL) > 2 * LISTEN_BLOCK);
	say(s.client[1], "<1>me too\n");
	until(&s, s.host.batch->count > 3 * LISTEN_BLOCK / 4);
	lg_batch_begin(&it, s.host.batch, 0);
	while (lg_batch_next(&it, &rec) && !lg_str_is(rec.body, "<1>me too"))
		before++;
	assert_true(before <= 2 * LISTEN_BLOCK / 4);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_carry_their_origin),
		cmocka_unit_test(each_connection_has_its_own_framing),
		cmocka_unit_test(a_message_may_come_byte_by_byte),
		cmocka_unit_test(a_flood_of_messages_loses_none),
		cmocka_unit_test(the_peers_end_is_answered_when_its_records_are_durable),
		cmocka_unit_test(a_full_core_stops_the_reading_and_nothing_is_lost),
		cmocka_unit_test(long_messages_are_split_and_counted),
		cmocka_unit_test(wrong_bytes_are_replaced_and_counted),
		cmocka_unit_test(broken_counting_closes_the_connection_with_one_line),
		cmocka_unit_test(connections_over_the_limit_are_closed_at_once),
		cmocka_unit_test(idle_connections_are_closed_and_what_they_left_is_kept),
		cmocka_unit_test(a_busy_sender_does_not_starve_the_others),
	};

	return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
