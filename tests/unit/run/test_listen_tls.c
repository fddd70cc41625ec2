/* Input `listen` over TLS. */
#include "listen_rig.h"

/* Dials with net's own client and runs both ends; the answer of the client's handshake. */
static enum lg_rc shake(struct scene *s, struct lg_net *net, const struct lg_tls_conf *tls, struct lg_conn **conn)
{
	char server[32];
	struct lg_err err;
	enum lg_rc rc;

	snprintf(server, sizeof(server), "127.0.0.1:%u", s->port);
	assert_int_equal(lg_conn_open(net, server, tls, conn, &err), LG_OK);
	do {
		rc = lg_conn_handshake(*conn, &err);
		step(s);
	} while (rc == LG_AGAIN);
	return rc;
}

static void tls_messages_arrive(void **state)
{
	struct lg_tls_conf tls = {.ca_file = ca.cert_file};
	struct lg_net *net = net_new(NULL);
	struct lg_conn *conn;
	struct scene s;
	struct lg_err err;
	enum lg_rc rc;
	size_t done;

	(void)state;
	begin(&s, LISTEN_TLS);
	start(&s);
	assert_int_equal(shake(&s, net, &tls, &conn), LG_OK);
	assert_int_equal(lg_conn_write(conn, "5 <1>a\n5 <1>bc", 14, &done, &err), LG_OK);
	expect(&s, 2, "<1>a/<1>bc");
	for (int i = 0; i < 5; i++) {
		assert_int_equal(lg_conn_shutdown(conn, &err), LG_AGAIN);
		step(&s);
	}
	durable(&s);
	until(&s, sources(&s) == 0);
	until(&s, (rc = lg_conn_shutdown(conn, &err)) != LG_AGAIN);
	assert_int_equal(rc, LG_OK);
	lg_conn_close(conn);
	net_free(net);
	end(&s);
}

static void plaintext_on_a_tls_listener_is_no_record(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, LISTEN_TLS);
	start(&s);
	say(dial(&s, 0), "<1>in the clear\n");
	until(&s, s.host.log_lines == 1);
	assert_int_equal(s.host.batch->count, 0);
	assert_int_equal(sources(&s), 0);
	end(&s);
}

static void a_client_without_the_right_certificate_is_refused(void **state)
{
	struct lg_tls_conf none = {.ca_file = ca.cert_file};
	struct lg_tls_conf stranger = {.ca_file = ca.cert_file, .cert_file = stranger_cert.cert_file, .key_file = stranger_cert.key_file};
	struct lg_tls_conf known = {.ca_file = ca.cert_file, .cert_file = client_cert.cert_file, .key_file = client_cert.key_file};
	const struct lg_tls_conf *bad[] = {&none, &stranger};
	struct lg_net *net = net_new(NULL);
	struct lg_conn *conn;
	struct scene s;
	struct lg_err err;
	size_t done;

	(void)state;
	begin(&s, LISTEN_TLS);
	s.conf.tls.ca_file = ca.cert_file;
	s.conf.tls.verify_client = 2;
	start(&s);
	for (int i = 0; i < 2; i++) {
		/* With TLS 1.3 the client's own handshake may end before the server has judged; what it writes then is read by nobody. */
		if (shake(&s, net, bad[i], &conn) == LG_OK)
			(void)!lg_conn_write(conn, "5 <1>ab", 7, &done, &err);
		until(&s, s.host.log_lines == 1);
		until(&s, sources(&s) == 0);
		lg_conn_close(conn);
	}
	assert_int_equal(s.host.batch->count, 0);
	assert_non_null(strstr(s.host.log, "connection refused: 127.0.0.1:"));
	assert_int_equal(shake(&s, net, &known, &conn), LG_OK);
	assert_int_equal(lg_conn_write(conn, "5 <1>ab", 7, &done, &err), LG_OK);
	expect(&s, 1, "<1>ab");
	lg_conn_close(conn);
	net_free(net);
	end(&s);
}

/* One try of the client certificate against a pattern; what the listener logged. */
static bool admitted(const char *pattern, char log[8192])
{
	struct lg_tls_conf known = {.ca_file = ca.cert_file, .cert_file = client_cert.cert_file, .key_file = client_cert.key_file};
	char *patterns[] = {(char *)"nobody.example.com", (char *)(uintptr_t)pattern};
	struct lg_net *net = net_new(NULL);
	struct lg_conn *conn;
	struct lg_err err;
	struct scene s;
	size_t done;
	bool in;

	begin(&s, LISTEN_TLS);
	s.conf.tls.ca_file = ca.cert_file;
	s.conf.tls.verify_client = 2;
	s.conf.tls.allowed_subjects = (struct lg_strings){patterns, 2};
	start(&s);
	in = shake(&s, net, &known, &conn) == LG_OK;
	if (in)
		(void)!lg_conn_write(conn, "5 <1>ab", 7, &done, &err);
	until(&s, s.host.log_lines == 1 || s.host.batch->count == 1);
	assert_int_equal(in, s.host.batch->count == 1); /* who is refused learns it in its handshake */
	assert_int_equal(s.host.batch->count == 1, s.host.log_lines == 0);
	memcpy(log, s.host.log, 8192);
	lg_conn_close(conn);
	net_free(net);
	end(&s);
	return in;
}

static void only_the_subjects_that_are_allowed_get_in(void **state)
{
	static const char *const good[] = {"client1.example.com", "*.EXAMPLE.com", "CN=client*", "10.9.8.7"};
	static const char *const bad[] = {"client2.example.com", "client", "example.com", "CN=client", "O=Bank", "*.example.co", "10.9.8.*8", "CN=*,O=Bank"};
	char log[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(admitted(good[i], log));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(admitted(bad[i], log));
	assert_non_null(strstr(log, "client certificate \"CN=client1.example.com\" (client1.example.com, 10.9.8.7) is not among tls.allowed_subjects"));
	assert_non_null(strstr(log, "this would admit it: tls: {allowed_subjects: [\"client1.example.com\", ...]}"));
}

static void allowed_subjects_without_required_certificates_are_refused_by_check(void **state)
{
	char *patterns[] = {(char *)"client1.example.com"};
	struct lg_tls_conf tls = {.cert_file = server_cert.cert_file, .key_file = server_cert.key_file, .ca_file = ca.cert_file, .verify_client = 1,
	                          .allowed_subjects = {patterns, 1}};
	struct lg_err err;

	(void)state;
	assert_int_equal(net_check_tls(&tls, true, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "verify_client: required"));
	tls.verify_client = 2;
	assert_int_equal(net_check_tls(&tls, true, &err), LG_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_messages_arrive),
		cmocka_unit_test(plaintext_on_a_tls_listener_is_no_record),
		cmocka_unit_test(a_client_without_the_right_certificate_is_refused),
		cmocka_unit_test(only_the_subjects_that_are_allowed_get_in),
		cmocka_unit_test(allowed_subjects_without_required_certificates_are_refused_by_check),
	};

	return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
