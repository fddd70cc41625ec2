/* Input `listen` behind a load balancer that says who is behind it. */
#include "listen_rig.h"

static char *from_all[] = {(char *)"127.0.0.0/8"}, *from_other[] = {(char *)"10.0.0.1", (char *)"fd00::/8"};

static void begin_proxied(struct scene *s, enum listen_transport transport)
{
	begin(s, transport);
	s->conf.socket.proxy_from = (struct lg_strings){from_all, 1};
}

static void expect_source(struct scene *s, uint64_t record, const char *ip, int64_t port)
{
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_value value;
	uint64_t i = 0;

	until(s, s->host.batch->count > record);
	lg_batch_begin(&it, s->host.batch, 0);
	do
		assert_true(lg_batch_next(&it, &rec));
	while (i++ < record);
	assert_true(lg_str_is(lg_record_string(&rec, LG_F_SOURCE_IP), ip));
	assert_true(lg_record_find(&rec, LG_F_SOURCE_PORT, &value));
	if (port)
		assert_int_equal(value.number, port);
}

static void version_1_names_the_source(void **state)
{
	static const char header[] = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 514\r\n";
	struct scene s;

	(void)state;
	begin_proxied(&s, LISTEN_TCP);
	start(&s);
	dial(&s, 0);
	for (size_t i = 0; i < sizeof(header) - 1; i++) { /* byte by byte */
		assert_int_equal(send(s.client[0], header + i, 1, 0), 1);
		step(&s);
	}
	say(s.client[0], "<1>a\n");
	expect_source(&s, 0, "192.0.2.7", 56324);
	say(dial(&s, 1), "PROXY TCP6 2001:db8::7 2001:db8::1 1 514\r\n<1>b\n"); /* header and message in one segment */
	expect_source(&s, 1, "2001:db8::7", 1);
	say(dial(&s, 2), "PROXY UNKNOWN ffff:f...f:ffff 65535\r\n<1>c\n");
	expect_source(&s, 2, "127.0.0.1", 0);
	say(dial(&s, 3), "PROXY TCP4 192.0.2.7 198.51.100.1 3 514\n<1>d\n"); /* as loggen ends it */
	expect_source(&s, 3, "192.0.2.7", 3);
	assert_string_equal(bodies(&s), "<1>a/<1>b/<1>c/<1>d");
	end(&s);
}

static void send_v2(int fd, uint8_t command, uint8_t family, const void *addresses, size_t size, const char *tail)
{
	uint8_t bytes[300] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
	size_t total = 16 + size;

	bytes[12] = command;
	bytes[13] = family;
	bytes[14] = (uint8_t)(size >> 8);
	bytes[15] = (uint8_t)size;
	memcpy(bytes + 16, addresses, size);
	memcpy(bytes + total, tail, strlen(tail));
	total += strlen(tail);
	assert_int_equal(send(fd, bytes, total, MSG_NOSIGNAL), (ssize_t)total);
}

static void version_2_names_the_source_and_its_extras_are_passed_over(void **state)
{
	static const uint8_t v4[] = {192, 0, 2, 9, 198, 51, 100, 1, 0xdc, 0x04, 0x02, 0x02, /* a TLV */ 0x04, 0, 2, 1, 2};
	static const uint8_t v6[36] = {0x20, 1, 0x0d, 0xb8, [15] = 9, [16] = 0x20, 1, [31] = 1, [32] = 0x12, 0x34, 0, 80};
	struct scene s;

	(void)state;
	begin_proxied(&s, LISTEN_TCP);
	start(&s);
	send_v2(dial(&s, 0), 0x21, 0x11, v4, sizeof(v4), "<1>a\n");
	expect_source(&s, 0, "192.0.2.9", 0xdc04);
	send_v2(dial(&s, 1), 0x21, 0x21, v6, sizeof(v6), "<1>b\n");
	expect_source(&s, 1, "2001:db8::9", 0x1234);
	send_v2(dial(&s, 2), 0x20, 0x00, "", 0, "<1>c\n"); /* LOCAL: the balancer itself */
	expect_source(&s, 2, "127.0.0.1", 0);
	assert_string_equal(bodies(&s), "<1>a/<1>b/<1>c");
	end(&s);
}

static void what_is_no_header_is_refused_and_gives_no_record(void **state)
{
	static const char *const wrong[] = {
		"<1>a message without a header\n", "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n<1>x\n", "PROXY TCP4 192.0.2.7 198.51.100.1 56324 99999\r\n<1>x\n",
		"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n<1>x\n", "PROXY \n<1>x\n", "PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n<1>x\n",
		"PROXY TCP5 192.0.2.7 198.51.100.1 1 2\r\n<1>x\n", "PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n<1>x\n",
		"\r\n\r\n\x01", "GET / HTTP/1.1\r\n\r\n",
		"PROXY TCP4 192.0.2.7 198.51.100.1 1 2 and so on and on and on and on and on and on and on and on and on and on and on and on",
	};
	struct scene s;

	(void)state;
	begin_proxied(&s, LISTEN_TCP);
	start(&s);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		s.now_ns += 11 * CLOCK_SECOND;
		s.host.log[0] = '\0';
		say(dial(&s, 0), wrong[i]);
		until(&s, s.host.log[0]);
		assert_non_null(strstr(s.host.log, "connection refused: 127.0.0.1:"));
		assert_non_null(strstr(s.host.log, "PROXY protocol: "));
		assert_int_equal(sources(&s), 0);
		close(s.client[0]);
		s.client[0] = -1;
	}
	send_v2(dial(&s, 0), 0x21, 0x11, "abcd", 4, "<1>x\n"); /* too short for its addresses */
	until(&s, sources(&s) == 0);
	send_v2(dial(&s, 1), 0x31, 0x11, "abcd", 4, "<1>x\n"); /* another version */
	until(&s, sources(&s) == 0);
	assert_int_equal(s.host.batch->count, 0);
	end(&s);
}

static void a_header_from_anybody_else_is_not_believed(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, LISTEN_TCP);
	s.conf.socket.proxy_from = (struct lg_strings){from_other, 2};
	start(&s);
	say(dial(&s, 0), "PROXY TCP4 192.0.2.7 198.51.100.1 56324 514\r\n<1>a\n");
	expect_source(&s, 1, "127.0.0.1", 0);
	expect_source(&s, 0, "127.0.0.1", 0); /* a message like any other */
	end(&s);
}

static void limits_count_for_the_source_and_not_for_the_balancer(void **state)
{
	struct scene s;

	(void)state;
	begin_proxied(&s, LISTEN_TCP);
	s.conf.sender_connections = 1;
	start(&s);
	say(dial(&s, 0), "PROXY TCP4 192.0.2.7 198.51.100.1 1 514\r\n<1>a\n");
	say(dial(&s, 1), "PROXY TCP4 192.0.2.8 198.51.100.1 1 514\r\n<1>b\n");
	until(&s, s.host.batch->count == 2);
	say(dial(&s, 2), "PROXY TCP4 192.0.2.8 198.51.100.1 2 514\r\n<1>c\n");
	until(&s, s.host.log_lines == 1);
	assert_non_null(strstr(s.host.log, "192.0.2.8:2 through 127.0.0.1:"));
	assert_int_equal(s.host.batch->count, 2);
	assert_int_equal(sources(&s), 2);
	end(&s);
}

static void tls_comes_behind_the_header(void **state)
{
	struct lg_tls_conf tls = {.ca_file = ca.cert_file};
	struct lg_net *net = net_new(NULL);
	struct lg_conn *conn;
	struct lg_err err;
	struct scene s;
	char server[32];
	enum lg_rc rc;
	size_t done;
	int balancer, inner;

	(void)state;
	begin_proxied(&s, LISTEN_TLS);
	start(&s);
	/* A balancer of one connection: header first, then bytes both ways. */
	{
		struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t size = sizeof(any);

		balancer = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(bind(balancer, (struct sockaddr *)&any, sizeof(any)), 0);
		assert_int_equal(listen(balancer, 1), 0);
		getsockname(balancer, (struct sockaddr *)&any, &size);
		snprintf(server, sizeof(server), "127.0.0.1:%u", ntohs(any.sin_port));
	}
	assert_int_equal(lg_conn_open(net, server, &tls, &conn, &err), LG_OK);
	inner = accept(balancer, NULL, NULL);
	say(dial(&s, 0), "PROXY TCP4 192.0.2.7 198.51.100.1 99 514\r\n");
	do {
		char bytes[8192];
		ssize_t n;

		rc = lg_conn_handshake(conn, &err);
		n = recv(inner, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n > 0)
			assert_int_equal(send(s.client[0], bytes, (size_t)n, 0), n);
		step(&s);
		n = recv(s.client[0], bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n > 0)
			assert_int_equal(send(inner, bytes, (size_t)n, 0), n);
	} while (rc == LG_AGAIN);
	assert_int_equal(rc, LG_OK);
	assert_int_equal(lg_conn_write(conn, "5 <1>ab", 7, &done, &err), LG_OK);
	while (s.host.batch->count == 0) {
		char bytes[8192];
		ssize_t n = recv(inner, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n > 0)
			assert_int_equal(send(s.client[0], bytes, (size_t)n, 0), n);
		step(&s);
	}
	expect_source(&s, 0, "192.0.2.7", 99);
	close(balancer);
	close(inner);
	lg_conn_close(conn);
	net_free(net);
	end(&s);
}

static void check_refuses_wrong_ranges(void **state)
{
	static char *wrong[] = {(char *)"10.0.0.0/33", (char *)"10.0.0", (char *)"fd00::/129", (char *)"balancer", (char *)"10.0.0.0/"};
	struct listen_conf conf = {.address = (char *)"127.0.0.1:0", .transport = LISTEN_TCP};
	struct lg_err err;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		conf.socket.proxy_from = (struct lg_strings){&wrong[i], 1};
		assert_int_equal(listen_input.check(&conf, &err), LG_INVALID);
		assert_non_null(strstr(err.text, wrong[i]));
	}
	conf.socket.proxy_from = (struct lg_strings){from_other, 2};
	assert_int_equal(listen_input.check(&conf, &err), LG_OK);
	conf.transport = LISTEN_UDP;
	assert_int_equal(listen_input.check(&conf, &err), LG_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_names_the_source),
		cmocka_unit_test(version_2_names_the_source_and_its_extras_are_passed_over),
		cmocka_unit_test(what_is_no_header_is_refused_and_gives_no_record),
		cmocka_unit_test(a_header_from_anybody_else_is_not_believed),
		cmocka_unit_test(limits_count_for_the_source_and_not_for_the_balancer),
		cmocka_unit_test(tls_comes_behind_the_header),
		cmocka_unit_test(check_refuses_wrong_ranges),
	};

	return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
