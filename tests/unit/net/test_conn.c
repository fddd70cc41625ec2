/* Real TLS over loopback, both ends in this thread, certificates made on the spot. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "certs.h"
#include "net/net.h"

static struct certs certs;
static struct cert ca, other_ca, good, expired, wrong_name, unknown_ca, soon, client, client_unknown;
static struct lg_net *net;

/* One pair of ends: what either handshake answered, and every application byte that the server saw. */
struct pair {
	struct lg_listener *listener;
	struct lg_conn *client, *server;
	enum lg_rc client_rc, server_rc;
	struct lg_err client_err, server_err;
	uint64_t received;
};

static void wait_for(struct lg_conn *a, struct lg_conn *b, struct lg_listener *listener)
{
	struct lg_waitset ws = {0};
	int64_t now = clock_mono(&clock_system);
	int timeout;

	lg_waitset_clear(&ws);
	if (a)
		lg_conn_wait(a, &ws, true, false);
	if (b)
		lg_conn_wait(b, &ws, true, false);
	if (listener)
		lg_listener_wait(listener, &ws);
	timeout = ws.wake_ns <= now ? 0 : ws.wake_ns - now > CLOCK_SECOND ? 1000 : (int)((ws.wake_ns - now) / CLOCK_MS) + 1;
	poll(ws.fds, (nfds_t)ws.count, timeout);
	free(ws.fds);
}

static void swallow(struct pair *p)
{
	char data[65536];
	size_t n;

	while (p->server_rc == LG_OK && lg_conn_read(p->server, data, sizeof(data), &n, &p->server_err) == LG_OK)
		p->received += n;
}

static void listen_on(struct pair *p, const struct lg_tls_conf *server)
{
	struct lg_err err;

	memset(p, 0, sizeof(*p));
	p->client_rc = p->server_rc = LG_AGAIN;
	assert_int_equal(lg_listener_open("127.0.0.1:0", server, &p->listener, &err), LG_OK);
}

static void dial(struct pair *p, const char *host, const struct lg_tls_conf *conf)
{
	char server[100];

	snprintf(server, sizeof(server), "%s%s", host, strrchr(lg_listener_address(p->listener), ':'));
	p->client_rc = lg_conn_open(net, server, conf, &p->client, &p->client_err);
	if (p->client_rc == LG_OK)
		p->client_rc = LG_AGAIN;
}

/* Runs both handshakes to their ends. The server reads on, so that it would see a byte sent too early. */
static void shake(struct pair *p)
{
	while (p->client_rc == LG_AGAIN || (p->server && p->server_rc == LG_AGAIN)) {
		if (!p->server && lg_listener_accept(p->listener, &p->server, &p->server_err) == LG_OK)
			p->server_rc = LG_AGAIN;
		if (p->server && p->server_rc == LG_AGAIN)
			p->server_rc = lg_conn_handshake(p->server, &p->server_err);
		swallow(p);
		if (p->client_rc == LG_AGAIN)
			p->client_rc = lg_conn_handshake(p->client, &p->client_err);
		if (p->client_rc != LG_AGAIN && p->client_rc != LG_OK) {
			lg_conn_close(p->client);
			p->client = NULL;
		}
		if (p->client_rc == LG_AGAIN || (p->server && p->server_rc == LG_AGAIN))
			wait_for(p->client_rc == LG_AGAIN ? p->client : NULL, p->server, p->server ? NULL : p->listener);
	}
	swallow(p);
}

static void drop(struct pair *p)
{
	lg_conn_close(p->client);
	lg_conn_close(p->server);
	lg_listener_close(p->listener);
}

static struct lg_tls_conf server_conf(const struct cert *cert)
{
	return (struct lg_tls_conf){.cert_file = (char *)cert->cert_file, .key_file = (char *)cert->key_file};
}

static struct lg_tls_conf client_conf(void)
{
	return (struct lg_tls_conf){.ca_file = ca.cert_file};
}

/* The client dials `host` at a server that shows `cert`; it must refuse with a text that holds all of `expect`, having sent no data. */
static void refuses(const struct cert *cert, const char *host, const char *expect1, const char *expect2)
{
	struct lg_tls_conf server = server_conf(cert), dialler = client_conf();
	struct pair p;

	listen_on(&p, &server);
	dial(&p, host, &dialler);
	shake(&p);
	assert_int_equal(p.client_rc, LG_TLS);
	assert_int_equal(p.client_err.rc, LG_TLS);
	if (!strstr(p.client_err.text, expect1) || !strstr(p.client_err.text, expect2))
		fail_msg("\"%s\" lacks \"%s\" or \"%s\"", p.client_err.text, expect1, expect2);
	assert_int_equal(p.received, 0);
	drop(&p);
}

static void a_good_certificate_is_accepted_by_name_and_by_address(void **state)
{
	struct lg_tls_conf server = server_conf(&good), dialler = client_conf();
	const char *hosts[] = {"localhost", "127.0.0.1"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct pair p;

		listen_on(&p, &server);
		dial(&p, hosts[i], &dialler);
		shake(&p);
		if (p.client_rc != LG_OK)
			fail_msg("%s", p.client_err.text);
		assert_int_equal(p.server_rc, LG_OK);
		assert_memory_equal(lg_conn_tls_text(p.client), "TLSv1.3 TLS_", 12);
		assert_null(lg_conn_warning(p.client));
		drop(&p);
	}
}

static void an_expired_certificate_is_refused(void **state)
{
	(void)state;
	refuses(&expired, "localhost", "certificate has expired: subject CN = expired", "notAfter ");
}

static void a_certificate_for_another_name_is_refused(void **state)
{
	(void)state;
	refuses(&wrong_name, "localhost", "the certificate is for siem.example.com, 10.1.2.3, we dialled localhost", "set tls.server_name");
	refuses(&wrong_name, "127.0.0.1", "the certificate is for siem.example.com, 10.1.2.3, we dialled 127.0.0.1", "set tls.server_name");
}

static void a_certificate_of_an_unknown_authority_is_refused(void **state)
{
	(void)state;
	refuses(&unknown_ca, "localhost", "certificate of an unknown authority", "set tls.ca_file");
}

static void server_name_replaces_the_host_dialled(void **state)
{
	struct lg_tls_conf server = server_conf(&wrong_name), dialler = client_conf();
	struct pair p;

	(void)state;
	dialler.server_name = (char *)"SIEM.example.com";
	listen_on(&p, &server);
	dial(&p, "127.0.0.1", &dialler);
	shake(&p);
	if (p.client_rc != LG_OK)
		fail_msg("%s", p.client_err.text);
	drop(&p);
}

static void the_system_store_does_not_trust_our_test_authority(void **state)
{
	struct lg_tls_conf server = server_conf(&good), dialler = {0};
	struct pair p;

	(void)state;
	listen_on(&p, &server);
	dial(&p, "localhost", &dialler);
	shake(&p);
	assert_int_equal(p.client_rc, LG_TLS);
	assert_non_null(strstr(p.client_err.text, "trusted is the system's trust store"));
	assert_int_equal(p.received, 0);
	drop(&p);
}

static void a_certificate_that_ends_soon_is_accepted_with_a_warning(void **state)
{
	struct lg_tls_conf server = server_conf(&soon), dialler = client_conf();
	struct pair p;

	(void)state;
	listen_on(&p, &server);
	dial(&p, "localhost", &dialler);
	shake(&p);
	assert_int_equal(p.client_rc, LG_OK);
	assert_non_null(lg_conn_warning(p.client));
	assert_memory_equal(lg_conn_warning(p.client), "the peer's certificate expires in 4 days: notAfter ", 51);
	drop(&p);
}

static void with_client(const struct cert *cert, int min_version, struct pair *p)
{
	struct lg_tls_conf server = server_conf(&good), dialler = client_conf();

	server.ca_file = ca.cert_file;
	server.verify_client = 2;
	dialler.min_version = min_version;
	if (cert) {
		dialler.cert_file = (char *)cert->cert_file;
		dialler.key_file = (char *)cert->key_file;
	}
	listen_on(p, &server);
	dial(p, "localhost", &dialler);
	shake(p);
}

static void a_client_certificate_that_is_demanded_and_shown_is_accepted(void **state)
{
	struct pair p;

	(void)state;
	with_client(&client, 1, &p);
	if (p.client_rc != LG_OK)
		fail_msg("%s", p.client_err.text);
	assert_int_equal(p.server_rc, LG_OK);
	drop(&p);
}

static void our_own_expired_certificate_is_a_warning_where_nobody_asks_for_it(void **state)
{
	struct lg_tls_conf server = server_conf(&good), dialler = client_conf();
	struct pair p;

	(void)state;
	dialler.cert_file = expired.cert_file;
	dialler.key_file = expired.key_file;
	listen_on(&p, &server);
	dial(&p, "localhost", &dialler);
	shake(&p);
	assert_int_equal(p.client_rc, LG_OK);
	assert_non_null(lg_conn_warning(p.client));
	assert_memory_equal(lg_conn_warning(p.client), "our certificate has expired: notAfter ", 38);
	drop(&p);
}

static void a_missing_client_certificate_is_noticed_before_anything_is_sent(void **state)
{
	struct pair p;

	(void)state;
	with_client(NULL, 1, &p);
	assert_int_equal(p.server_rc, LG_TLS);
	assert_non_null(strstr(p.server_err.text, "the client shows no certificate"));
	assert_int_equal(p.client_rc, LG_TLS);
	assert_non_null(strstr(p.client_err.text, "the peer demands a client certificate: set tls.cert_file and tls.key_file"));
	drop(&p);
}

static void a_client_certificate_of_an_unknown_authority_is_noticed_before_anything_is_sent(void **state)
{
	struct pair p;

	(void)state;
	with_client(&client_unknown, 1, &p);
	assert_int_equal(p.server_rc, LG_TLS);
	assert_int_equal(p.client_rc, LG_TLS);
	assert_non_null(strstr(p.client_err.text, "does not know the authority that issued our certificate"));
	drop(&p);
}

/* Establishes a connection between localhost ends. */
static void established(struct pair *p, bool plaintext)
{
	struct lg_tls_conf server = server_conf(&good), dialler = client_conf();

	server.off = dialler.off = plaintext;
	listen_on(p, &server);
	dial(p, "localhost", &dialler);
	shake(p);
	if (p->client_rc != LG_OK)
		fail_msg("%s", p->client_err.text);
	if (!p->server) { /* plaintext: connected before accept */
		while (lg_listener_accept(p->listener, &p->server, &p->server_err) == LG_AGAIN)
			wait_for(NULL, NULL, p->listener);
		p->server_rc = lg_conn_handshake(p->server, &p->server_err);
	}
	assert_int_equal(p->server_rc, LG_OK);
}

static void everything_written_before_an_orderly_close_arrives_at_a_slow_reader(void **state)
{
	enum { TOTAL = 6 << 20 };
	static char data[TOTAL];

	(void)state;
	for (size_t i = 0; i < TOTAL; i++)
		data[i] = (char)(i * 7 + i / 251);
	for (int plaintext = 0; plaintext < 2; plaintext++) {
		enum lg_rc rc = LG_AGAIN, ended = LG_AGAIN;
		size_t sent = 0, got = 0, n;
		char chunk[20000];
		struct pair p;

		established(&p, plaintext);
		while (ended == LG_AGAIN || rc == LG_AGAIN) {
			if (sent < TOTAL) {
				enum lg_rc wrote = lg_conn_write(p.client, data + sent, TOTAL - sent, &n, &p.client_err);

				assert_true(wrote == LG_OK || wrote == LG_AGAIN);
				sent += n;
			} else if (rc == LG_AGAIN) {
				rc = lg_conn_shutdown(p.client, &p.client_err);
				assert_true(rc == LG_AGAIN || rc == LG_OK);
				assert_true(rc == LG_AGAIN || ended == LG_EOF); /* the answer comes after the last byte was read */
			}
			if (ended != LG_AGAIN)
				continue;
			ended = lg_conn_read(p.server, chunk, sizeof(chunk), &n, &p.server_err);
			if (ended == LG_OK) {
				assert_memory_equal(chunk, data + got, n);
				got += n;
				ended = LG_AGAIN;
			} else if (ended == LG_EOF) {
				lg_conn_close(p.server);
				p.server = NULL;
			}
		}
		assert_int_equal(rc, LG_OK);
		assert_int_equal(ended, LG_EOF);
		assert_int_equal(got, TOTAL);
		drop(&p);
	}
}

static void a_peer_that_closes_with_bytes_unread_does_not_confirm(void **state)
{
	(void)state;
	for (int plaintext = 0; plaintext < 2; plaintext++) {
		struct lg_conn_stats stats;
		enum lg_rc rc;
		struct pair p;
		size_t n;

		established(&p, plaintext);
		assert_int_equal(lg_conn_write(p.client, "12 unread bytes", 15, &n, &p.client_err), LG_OK);
		do /* until they lie in the peer's kernel */
			lg_conn_stats(p.client, &stats);
		while (stats.unacked);
		lg_conn_close(p.server);
		p.server = NULL;
		while ((rc = lg_conn_shutdown(p.client, &p.client_err)) == LG_AGAIN)
			wait_for(p.client, NULL, NULL);
		assert_int_equal(rc, LG_PEER);
		drop(&p);
	}
}

static void a_peer_that_closed_first_does_not_confirm(void **state)
{
	(void)state;
	for (int plaintext = 0; plaintext < 2; plaintext++) {
		struct pollfd wait = {.events = POLLIN};
		struct lg_waitset ws = {0};
		struct pair p;
		size_t n;

		established(&p, plaintext);
		lg_conn_close(p.server);
		p.server = NULL;
		lg_waitset_clear(&ws);
		lg_conn_wait(p.client, &ws, true, false);
		wait.fd = ws.fds[0].fd;
		assert_int_equal(poll(&wait, 1, 10000), 1); /* its end is here */
		assert_int_equal(lg_conn_write(p.client, "into the void", 13, &n, &p.client_err), LG_OK);
		assert_int_equal(lg_conn_shutdown(p.client, &p.client_err), LG_PEER);
		free(ws.fds);
		drop(&p);
	}
}

static void a_peer_that_never_answers_the_handshake_is_given_up(void **state)
{
	struct lg_tls_conf off = {.off = true}, dialler = client_conf();
	int64_t start = clock_mono(&clock_system);
	struct pair p;

	(void)state;
	listen_on(&p, &off);
	dial(&p, "localhost", &dialler);
	lg_conn_set_timeout(p.client, CLOCK_SECOND / 5);
	while ((p.client_rc = lg_conn_handshake(p.client, &p.client_err)) == LG_AGAIN)
		wait_for(p.client, NULL, NULL);
	assert_int_equal(p.client_rc, LG_PEER);
	assert_int_equal(p.client_err.sys_errno, ETIMEDOUT);
	assert_memory_equal(p.client_err.text, "TLS handshake with 127.0.0.1:", 29);
	assert_in_range(clock_mono(&clock_system) - start, CLOCK_SECOND / 5, 5 * CLOCK_SECOND);
	drop(&p);
}

/* Many senders close without a word (dependencies.md section 4): nothing of ours may lie unread at their end, or its reset would take
 * what we have not read yet. */
static void a_sender_that_just_closes_loses_nothing(void **state)
{
	static char data[200000];
	char chunk[4096];
	uint64_t got = 0;
	enum lg_rc rc;
	struct pair p;
	size_t n, sent = 0;

	(void)state;
	established(&p, false);
	while (sent < sizeof(data)) {
		rc = lg_conn_write(p.client, data + sent, sizeof(data) - sent, &n, &p.client_err);
		assert_true(rc == LG_OK || rc == LG_AGAIN);
		sent += n;
	}
	lg_conn_close(p.client);
	p.client = NULL;
	while ((rc = lg_conn_read(p.server, chunk, sizeof(chunk), &n, &p.server_err)) == LG_OK || rc == LG_AGAIN)
		got += n;
	assert_int_equal(rc, LG_PEER); /* without a TLS close: a break, but behind the last byte */
	assert_int_equal(p.server_err.sys_errno, 0);
	assert_int_equal(got, sizeof(data));
	drop(&p);
}

static void stats_count_what_the_kernel_got(void **state)
{
	static char data[100000];
	struct lg_conn_stats before, after;
	struct pair p;
	size_t n;

	(void)state;
	established(&p, false);
	lg_conn_stats(p.client, &before);
	assert_int_equal(lg_conn_write(p.client, data, sizeof(data), &n, &p.client_err), LG_OK);
	lg_conn_stats(p.client, &after);
	/* six full records and one of 1696 bytes, each 22 bytes dearer (RFC 8446 section 5.2: header 5, type 1, tag 16) */
	assert_int_equal(after.written - before.written, sizeof(data) + 7 * 22);
	drop(&p);
}

static void a_refused_connection_says_so(void **state)
{
	struct lg_tls_conf server = server_conf(&good), dialler = client_conf();
	struct pair p;

	(void)state;
	listen_on(&p, &server);
	dial(&p, "127.0.0.1", &dialler); /* the port is free again once the listener is closed, and nobody listens */
	lg_conn_close(p.client);
	p.client = NULL;
	{
		char address[80];

		snprintf(address, sizeof(address), "%s", lg_listener_address(p.listener));
		lg_listener_close(p.listener);
		p.listener = NULL;
		p.client_rc = lg_conn_open(net, address, &dialler, &p.client, &p.client_err);
		while (p.client_rc == LG_OK || p.client_rc == LG_AGAIN) {
			p.client_rc = lg_conn_handshake(p.client, &p.client_err);
			assert_int_not_equal(p.client_rc, LG_OK);
		}
		assert_int_equal(p.client_rc, LG_PEER);
		assert_int_equal(p.client_err.sys_errno, ECONNREFUSED);
	}
	drop(&p);
}

static enum lg_rc deny(void *guard, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext, struct lg_err *err)
{
	int *asked = guard;

	assert_string_equal(host, "localhost");
	assert_int_equal(ntohs(((const struct sockaddr_in *)addr)->sin_port), port);
	assert_true(plaintext);
	++*asked;
	return lg_err_set(err, LG_DENIED, "no: because");
}

static void a_denied_connection_is_never_made(void **state)
{
	struct lg_tls_conf off = {.off = true};
	int asked = 0;
	struct lg_net *strict = net_new(&(struct net_gate){.permit = deny, .guard = &asked});
	struct lg_net *keep = net;
	struct pair p;

	(void)state;
	listen_on(&p, &off);
	net = strict;
	dial(&p, "localhost", &off);
	net = keep;
	assert_int_equal(p.client_rc, LG_DENIED);
	assert_string_equal(p.client_err.text, "no: because");
	assert_true(asked >= 1);
	assert_null(p.client);
	assert_int_equal(lg_listener_accept(p.listener, &p.server, &p.server_err), LG_AGAIN);
	drop(&p);
	net_free(strict);
}

static void a_server_without_tls_is_named(void **state)
{
	struct lg_tls_conf off = {.off = true}, dialler = client_conf();
	struct pair p;
	size_t n;

	(void)state;
	listen_on(&p, &off);
	dial(&p, "localhost", &dialler);
	while (!p.server)
		if (lg_listener_accept(p.listener, &p.server, &p.server_err) != LG_OK)
			wait_for(NULL, NULL, p.listener);
	assert_int_equal(lg_conn_handshake(p.server, &p.server_err), LG_OK);
	assert_int_equal(lg_conn_write(p.server, "220 smtp.example.com\r\n", 22, &n, &p.server_err), LG_OK);
	while (p.client_rc == LG_AGAIN) {
		p.client_rc = lg_conn_handshake(p.client, &p.client_err);
		if (p.client_rc == LG_AGAIN)
			wait_for(p.client, NULL, NULL);
	}
	assert_int_equal(p.client_rc, LG_TLS);
	assert_non_null(strstr(p.client_err.text, "the peer does not speak TLS on this port"));
	drop(&p);
}

static void bad_certificate_files_are_named(void **state)
{
	struct lg_tls_conf conf = {.cert_file = good.cert_file, .key_file = client.key_file};
	struct lg_err err;

	(void)state;
	assert_int_equal(net_check_tls(&conf, false, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "is not the key of tls.cert_file"));
	conf.key_file = NULL;
	assert_int_equal(net_check_tls(&conf, false, &err), LG_INVALID);
	assert_string_equal(err.text, "tls.cert_file is given without tls.key_file");
	conf = (struct lg_tls_conf){.ca_file = (char *)"/nonexistent/ca.pem"};
	assert_int_equal(net_check_tls(&conf, false, &err), LG_INVALID);
	assert_string_equal(err.text, "tls.ca_file /nonexistent/ca.pem: No such file or directory");
	conf = (struct lg_tls_conf){.ca_file = good.key_file};
	assert_int_equal(net_check_tls(&conf, false, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "no PEM block of the right kind"));
	conf = server_conf(&expired);
	assert_int_equal(net_check_tls(&conf, true, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "our certificate has expired"));
	conf = server_conf(&soon);
	assert_int_equal(net_check_tls(&conf, true, &err), LG_OK);
	assert_non_null(strstr(err.text, "our certificate expires in 4 days"));
	conf = server_conf(&good);
	assert_int_equal(net_check_tls(&conf, true, &err), LG_OK);
	assert_string_equal(err.text, "");
	conf.verify_client = 2;
	assert_int_equal(net_check_tls(&conf, true, &err), LG_INVALID);
	conf = (struct lg_tls_conf){0};
	assert_int_equal(net_check_tls(&conf, true, &err), LG_INVALID);
	assert_int_equal(net_check_tls(&conf, false, &err), LG_OK);
}

static int setup(void **state)
{
	(void)state;
	certs_init(&certs);
	certs_make(&certs, &ca, "test authority", NULL, -DAY, 100 * DAY, NULL);
	certs_make(&certs, &other_ca, "other authority", NULL, -DAY, 100 * DAY, NULL);
	certs_make(&certs, &good, "good", "DNS:localhost,IP:127.0.0.1", -DAY, 100 * DAY, &ca);
	certs_make(&certs, &expired, "expired", "DNS:localhost,IP:127.0.0.1", -10 * DAY, -DAY, &ca);
	certs_make(&certs, &wrong_name, "wrong", "DNS:siem.example.com,IP:10.1.2.3", -DAY, 100 * DAY, &ca);
	certs_make(&certs, &unknown_ca, "unknown", "DNS:localhost", -DAY, 100 * DAY, &other_ca);
	certs_make(&certs, &soon, "soon", "DNS:localhost", -DAY, 5 * DAY - 3600, &ca);
	certs_make(&certs, &client, "client1", NULL, -DAY, 100 * DAY, &ca);
	certs_make(&certs, &client_unknown, "client2", NULL, -DAY, 100 * DAY, &other_ca);
	net = net_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	struct cert *all[] = {&ca, &other_ca, &good, &expired, &wrong_name, &unknown_ca, &soon, &client, &client_unknown};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		certs_drop(all[i]);
	certs_fini(&certs);
	net_free(net);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_certificate_is_accepted_by_name_and_by_address),
		cmocka_unit_test(an_expired_certificate_is_refused),
		cmocka_unit_test(a_certificate_for_another_name_is_refused),
		cmocka_unit_test(a_certificate_of_an_unknown_authority_is_refused),
		cmocka_unit_test(server_name_replaces_the_host_dialled),
		cmocka_unit_test(the_system_store_does_not_trust_our_test_authority),
		cmocka_unit_test(a_certificate_that_ends_soon_is_accepted_with_a_warning),
		cmocka_unit_test(a_client_certificate_that_is_demanded_and_shown_is_accepted),
		cmocka_unit_test(our_own_expired_certificate_is_a_warning_where_nobody_asks_for_it),
		cmocka_unit_test(a_missing_client_certificate_is_noticed_before_anything_is_sent),
		cmocka_unit_test(a_client_certificate_of_an_unknown_authority_is_noticed_before_anything_is_sent),
		cmocka_unit_test(everything_written_before_an_orderly_close_arrives_at_a_slow_reader),
		cmocka_unit_test(a_peer_that_closes_with_bytes_unread_does_not_confirm),
		cmocka_unit_test(a_peer_that_closed_first_does_not_confirm),
		cmocka_unit_test(a_peer_that_never_answers_the_handshake_is_given_up),
		cmocka_unit_test(a_sender_that_just_closes_loses_nothing),
		cmocka_unit_test(stats_count_what_the_kernel_got),
		cmocka_unit_test(a_refused_connection_says_so),
		cmocka_unit_test(a_denied_connection_is_never_made),
		cmocka_unit_test(a_server_without_tls_is_named),
		cmocka_unit_test(bad_certificate_files_are_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
