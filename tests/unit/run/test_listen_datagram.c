/* Input `listen`: datagrams, and what the kernel drops of them. */
#include "listen_rig.h"

#include "input_listen/datagram.h"

static void a_datagram_is_a_message_with_its_senders_address(void **state)
{
	struct scene s;
	struct sockaddr_in self;
	socklen_t size = sizeof(self);
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_value value;

	(void)state;
	begin(&s, LISTEN_UDP);
	start(&s);
	for (int i = 0; i < 2; i++)
		say(dial_udp(&s, i), "<34>1 2026-11-23T00:00:00Z web1 app 12 ID - hello\n");
	expect(&s, 2, "hello/hello");
	lg_batch_begin(&it, s.host.batch, 0);
	for (int i = 0; i < 2; i++) {
		assert_true(lg_batch_next(&it, &rec));
		assert_true(lg_str_is(lg_record_string(&rec, LG_F_SOURCE_IP), "127.0.0.1"));
		assert_true(lg_str_is(lg_record_string(&rec, LG_F_HOST_NAME), "web1"));
		assert_true(lg_record_find(&rec, LG_F_SOURCE_PORT, &value));
		getsockname(s.client[i], (struct sockaddr *)&self, &size);
		assert_int_equal(value.number, ntohs(self.sin_port));
		assert_false(lg_record_find(&rec, LG_F_PROCESS_PID, &value));
	}
	assert_int_equal(sources(&s), 2);
	end(&s);
}

static void both_families_reach_one_socket(void **state)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct lg_batch_iter it;
	struct lg_record rec;
	struct scene s;

	(void)state;
	s.client[0] = socket(AF_INET6, SOCK_DGRAM, 0);
	if (s.client[0] < 0 || bind(s.client[0], (struct sockaddr *)&to, sizeof(to)) < 0) {
		print_message("SKIP: this machine has no IPv6\n");
		skip();
	}
	close(s.client[0]);
	begin(&s, LISTEN_UDP);
	s.conf.address = (char *)"*:0";
	start(&s);
	say(dial_udp(&s, 0), "<1>four");
	expect(&s, 1, "<1>four");
	to.sin6_port = htons((uint16_t)s.port);
	s.client[1] = socket(AF_INET6, SOCK_DGRAM, 0);
	assert_int_equal(connect(s.client[1], (struct sockaddr *)&to, sizeof(to)), 0);
	say(s.client[1], "<1>six");
	expect(&s, 2, "<1>four/<1>six");
	lg_batch_begin(&it, s.host.batch, 0);
	assert_true(lg_batch_next(&it, &rec));
	assert_true(lg_str_is(lg_record_string(&rec, LG_F_SOURCE_IP), "127.0.0.1"));
	assert_true(lg_batch_next(&it, &rec));
	assert_true(lg_str_is(lg_record_string(&rec, LG_F_SOURCE_IP), "::1"));
	end(&s);
}

static void newlines_inside_belong_to_the_message_unless_told_otherwise(void **state)
{
	for (int split = 0; split < 2; split++) {
		struct scene s;

		(void)state;
		begin(&s, LISTEN_UDP);
		s.conf.newlines = split;
		start(&s);
		say(dial_udp(&s, 0), "<1>a\n\nb\r\n\n");
		expect(&s, split ? 2 : 1, split ? "<1>a/b" : "<1>a\n\nb");
		assert_int_equal(send(s.client[0], "<1>c\n\0", 6, 0), 6);
		assert_int_equal(send(s.client[0], "", 0, 0), 0); /* an empty datagram is no message */
		assert_int_equal(send(s.client[0], "\n", 1, 0), 1);
		expect(&s, split ? 3 : 2, split ? "<1>a/b/<1>c" : "<1>a\n\nb/<1>c");
		end(&s);
	}
}

static void a_long_datagram_comes_in_parts_and_a_cut_one_is_marked(void **state)
{
	struct datagram_split split;
	struct lg_input_report report = {0};
	struct lg_str text;
	char message[1501];
	bool truncated;
	struct scene s;
	int part;

	(void)state;
	begin(&s, LISTEN_UDP);
	start(&s);
	memset(message, 'x', sizeof(message));
	message[1500] = '\0';
	say(dial_udp(&s, 0), message);
	until(&s, s.host.batch->count == 2);
	assert_memory_equal(bodies(&s), "1:xxx", 5);
	assert_non_null(strstr(bodies(&s), "/2:xxx"));
	assert_int_equal(strlen(bodies(&s)), 1500 + 5);
	listen_input.report(s.state, &report);
	assert_int_equal(report.oversize, 1);
	end(&s);

	datagram_split_init(&split, LG_STR("abcdefg\n"), true, false, 4);
	assert_true(datagram_split_next(&split, &text, &part, &truncated));
	assert_true(lg_str_is(text, "abcd") && part == 1 && !truncated);
	assert_true(datagram_split_next(&split, &text, &part, &truncated));
	assert_true(lg_str_is(text, "efg\n") && part == 2 && truncated);
	assert_false(datagram_split_next(&split, &text, &part, &truncated));
}

/* Sends datagrams "<1>0", "<1>1", ...; a UDP send over loopback is dropped at the receiver, never refused. */
static void flood(int fd, unsigned from, unsigned count)
{
	for (unsigned i = from; i < from + count; i++) {
		char text[600];

		memset(text, '.', sizeof(text));
		snprintf(text, sizeof(text), "<1>%u", i);
		assert_int_equal(send(fd, text, sizeof(text), 0), (ssize_t)sizeof(text));
	}
}

static void what_the_kernel_drops_is_counted_to_the_last_datagram(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, LISTEN_UDP);
	s.conf.socket.receive_buffer = 32 << 10;
	start(&s);
	flood(dial_udp(&s, 0), 0, 1000);
	until(&s, s.host.batch->count > 0);
	flood(s.client[0], 1000, 1);
	s.now_ns += 2 * CLOCK_SECOND;
	until(&s, s.host.lost > 0 && s.host.batch->count + s.host.lost == 1001);
	assert_true(s.host.lost > 100);
	assert_int_equal(s.host.lost_first, 1001 - s.host.lost); /* those kept before the gap, and one behind it */
	assert_int_equal(s.host.lost_last, 1000);
	assert_non_null(strstr(s.host.loss_reason, "dropped by the kernel"));
	assert_non_null(strstr(s.host.log, "receive_buffer"));
	end(&s);
}

static void a_full_core_reads_no_datagram_and_what_overflows_is_a_loss(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, LISTEN_UDP);
	s.conf.socket.receive_buffer = 32 << 10;
	start(&s);
	s.host.full = true;
	flood(dial_udp(&s, 0), 0, 500);
	for (int i = 0; i < 3; i++)
		step(&s);
	s.now_ns += 2 * CLOCK_SECOND;
	step(&s);
	assert_int_equal(s.host.batch->count, 0);
	assert_true(s.host.lost > 100 && s.host.lost < 500);
	assert_true(s.ws.count == 0 && s.ws.wake_ns < INT64_MAX);
	s.host.full = false;
	until(&s, s.host.batch->count + s.host.lost == 500);
	end(&s);
}

static void a_receive_buffer_that_the_kernel_does_not_give_is_told(void **state)
{
	struct lg_socket_conf conf = {.receive_buffer = 512 << 20};
	struct lg_receiver *receiver;
	struct lg_waitset ws = {0};
	struct lg_err err;
	socklen_t size = sizeof(int);
	int given = 0;

	(void)state;
	assert_int_equal(lg_receiver_open("127.0.0.1:0", &conf, &receiver, &err), LG_OK);
	lg_receiver_wait(receiver, &ws);
	assert_int_equal(getsockopt(ws.fds[0].fd, SOL_SOCKET, SO_RCVBUF, &given, &size), 0);
	if (given / 2 < 512 << 20) {
		assert_non_null(lg_receiver_warning(receiver));
		assert_non_null(strstr(lg_receiver_warning(receiver), "instead of 524288 KiB: raise net.core.rmem_max"));
	} else {
		assert_null(lg_receiver_warning(receiver));
	}
	lg_receiver_close(receiver);
	free(ws.fds);
}

static void a_stop_takes_the_datagrams_that_wait_or_counts_them(void **state)
{
	for (int full = 0; full < 2; full++) {
		struct scene s;

		(void)state;
		begin(&s, LISTEN_UDP);
		start(&s);
		flood(dial_udp(&s, 0), 0, 40);
		s.host.full = full;
		listen_input.drain(s.state);
		assert_int_equal(s.host.batch->count, full ? 0 : 40);
		assert_int_equal(s.host.lost, full ? 40 : 0);
		end(&s);
	}
}

static void more_senders_than_are_remembered_lose_nothing(void **state)
{
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_value value;
	unsigned ports[1500];
	struct scene s;
	size_t i = 0;

	(void)state;
	begin(&s, LISTEN_UDP);
	start(&s);
	for (unsigned n = 0; n < 1500; n++) {
		struct sockaddr_in self;
		socklen_t size = sizeof(self);

		dial_udp(&s, 0);
		getsockname(s.client[0], (struct sockaddr *)&self, &size);
		ports[n] = ntohs(self.sin_port);
		say(s.client[0], "<1>x");
		until(&s, s.host.batch->count == n + 1);
		close(s.client[0]);
		s.client[0] = -1;
	}
	assert_true(sources(&s) <= 512);
	lg_batch_begin(&it, s.host.batch, 0);
	for (; lg_batch_next(&it, &rec); i++) {
		assert_true(lg_record_find(&rec, LG_F_SOURCE_PORT, &value));
		assert_int_equal(value.number, ports[i]);
	}
	assert_int_equal(i, 1500);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_is_a_message_with_its_senders_address),
		cmocka_unit_test(both_families_reach_one_socket),
		cmocka_unit_test(newlines_inside_belong_to_the_message_unless_told_otherwise),
		cmocka_unit_test(a_long_datagram_comes_in_parts_and_a_cut_one_is_marked),
		cmocka_unit_test(what_the_kernel_drops_is_counted_to_the_last_datagram),
		cmocka_unit_test(a_full_core_reads_no_datagram_and_what_overflows_is_a_loss),
		cmocka_unit_test(a_receive_buffer_that_the_kernel_does_not_give_is_told),
		cmocka_unit_test(a_stop_takes_the_datagrams_that_wait_or_counts_them),
		cmocka_unit_test(more_senders_than_are_remembered_lose_nothing),
	};

	return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
