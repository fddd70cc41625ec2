/* Input `listen`: what one sender may take up. */
#include "listen_rig.h"

static void one_sender_gets_its_share_of_connections_and_no_more(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, LISTEN_TCP);
	s.conf.sender_connections = 2;
	start(&s);
	for (int i = 0; i < 3; i++)
		dial(&s, i);
	until(&s, sources(&s) == 2 && s.host.log_lines == 1);
	assert_non_null(strstr(s.host.log, "its sender has its 2 connections already (sender_connections)"));
	say(s.client[0], "<1>a\n");
	say(s.client[1], "<1>b\n");
	until(&s, s.host.batch->count == 2);
	close(s.client[0]); /* a place is free again */
	s.client[0] = -1;
	durable(&s);
	until(&s, sources(&s) == 1);
	say(dial(&s, 3), "<1>c\n");
	until(&s, s.host.batch->count == 3);
	end(&s);
}

/* Clients of other addresses of this machine: 127.0.0.x. */
static int dial_from(struct scene *s, int i, int type, unsigned last_byte)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last_byte)};

	s->client[i] = socket(AF_INET, type, 0);
	assert_int_equal(bind(s->client[i], (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(s->client[i], (struct sockaddr *)&to, sizeof(to)), 0);
	return s->client[i];
}

static void a_connection_over_its_rate_is_read_no_faster_and_loses_nothing(void **state)
{
	struct lg_buf burst = {0};
	struct scene s;
	uint64_t first;

	(void)state;
	begin(&s, LISTEN_TCP);
	s.conf.sender_rate = 100;
	start(&s);
	for (int i = 0; i < 250; i++)
		lg_buf_printf(&burst, "<1>%d\n", i);
	dial_from(&s, 0, SOCK_STREAM, 2);
	dial_from(&s, 1, SOCK_STREAM, 3);
	assert_int_equal(send(s.client[0], burst.data, burst.size, 0), (ssize_t)burst.size);
	until(&s, s.host.batch->count == 250); /* what one read brings is taken, and is owed then */
	say(s.client[0], "<1>later\n");
	say(s.client[1], "<1>another sender\n");
	until(&s, s.host.batch->count == 251);
	first = s.host.batch->count;
	for (int i = 0; i < 14; i++) {
		s.now_ns += CLOCK_SECOND / 10;
		step(&s);
		assert_int_equal(s.host.batch->count, first);
		assert_true(s.ws.wake_ns < INT64_MAX && s.ws.wake_ns > s.now_ns);
	}
	s.now_ns += CLOCK_SECOND / 5; /* 250 records at 100 a second, less the second that was saved up: 1.5 s and a record's time */
	until(&s, s.host.batch->count == 252);
	assert_int_equal(s.host.lost, 0);
	lg_buf_fini(&burst);
	end(&s);
}

static void a_sender_that_reconnects_finds_its_debt(void **state)
{
	struct lg_buf burst = {0};
	struct scene s;

	(void)state;
	begin(&s, LISTEN_TCP);
	s.conf.sender_rate = 10;
	start(&s);
	for (int i = 0; i < 100; i++)
		lg_buf_printf(&burst, "<1>%d\n", i);
	assert_int_equal(send(dial_from(&s, 0, SOCK_STREAM, 2), burst.data, burst.size, 0), (ssize_t)burst.size);
	until(&s, s.host.batch->count == 100);
	close(s.client[0]);
	say(dial_from(&s, 0, SOCK_STREAM, 2), "<1>again\n");
	for (int i = 0; i < 20; i++)
		step(&s);
	assert_int_equal(s.host.batch->count, 100);
	s.now_ns += 10 * CLOCK_SECOND;
	until(&s, s.host.batch->count == 101);
	lg_buf_fini(&burst);
	end(&s);
}

static void datagrams_over_their_senders_rate_are_a_counted_loss(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, LISTEN_UDP);
	s.conf.sender_rate = 10;
	start(&s);
	dial_from(&s, 0, SOCK_DGRAM, 2);
	dial_from(&s, 1, SOCK_DGRAM, 3);
	dial_from(&s, 2, SOCK_DGRAM, 2); /* the same sender, another port */
	for (int i = 0; i < 20; i++) {
		say(s.client[0], "<1>a");
		say(s.client[2], "<1>a");
	}
	say(s.client[1], "<1>b");
	until(&s, s.host.batch->count == 11);
	for (int i = 0; i < 3; i++)
		step(&s);
	assert_int_equal(s.host.batch->count, 11);
	s.now_ns += 2 * CLOCK_SECOND;
	until(&s, s.host.lost == 30);
	assert_non_null(strstr(s.host.loss_reason, "sender_rate"));
	assert_non_null(strstr(s.host.log, "127.0.0.2 sends more than 10 records a second"));
	say(s.client[0], "<1>c");
	until(&s, s.host.batch->count == 12);
	end(&s);
}

static void senders_beyond_those_remembered_share_one_allowance(void **state)
{
	struct limits limits;
	struct limit *held[LIMITS_MAX];
	char ip[LG_IP_TEXT];
	int64_t now = CLOCK_SECOND;

	(void)state;
	assert_true(limits_init(&limits, 1000, 0));
	for (unsigned i = 0; i < LIMITS_MAX; i++) {
		snprintf(ip, sizeof(ip), "10.1.%u.%u", i / 256, i % 256);
		held[i] = limits_hold(&limits, lg_str_from(ip), now);
		assert_true(held[i] != &limits.rest);
	}
	assert_ptr_equal(limits_hold(&limits, LG_STR("10.9.0.1"), now), &limits.rest);
	assert_ptr_equal(limits_hold(&limits, LG_STR("10.9.0.2"), now), &limits.rest);
	limits_take(&limits, held[5]);
	for (unsigned i = 0; i < LIMITS_MAX; i++)
		limits_drop(held[i]);
	assert_ptr_not_equal(limits_hold(&limits, LG_STR("10.9.0.3"), now), &limits.rest); /* those that owe nothing make room */
	assert_ptr_equal(limits_hold(&limits, LG_STR("10.1.0.5"), now), held[5]);
	assert_true(limits.count < 10);
	limits_fini(&limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_sender_gets_its_share_of_connections_and_no_more),
		cmocka_unit_test(a_connection_over_its_rate_is_read_no_faster_and_loses_nothing),
		cmocka_unit_test(a_sender_that_reconnects_finds_its_debt),
		cmocka_unit_test(datagrams_over_their_senders_rate_are_a_counted_loss),
		cmocka_unit_test(senders_beyond_those_remembered_share_one_allowance),
	};

	return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
