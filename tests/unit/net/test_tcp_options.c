/* TCP's own patience, as a connection is told: keepalive and the user timeout. */
#define _GNU_SOURCE /* TCP_USER_TIMEOUT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/net.h"

static int option(const struct lg_conn *conn, int level, int name)
{
	struct lg_waitset ws = {0};
	socklen_t size = sizeof(int);
	int value = -1;

	lg_waitset_clear(&ws);
	lg_conn_wait(conn, &ws, true, false);
	assert_int_equal(ws.count, 1);
	assert_int_equal(getsockopt(ws.fds[0].fd, level, name, &value, &size), 0);
	free(ws.fds);
	return value;
}

static void a_connection_has_the_patience_it_was_told(void **state)
{
	const struct lg_tls_conf plain = {.off = true};
	const struct lg_tcp_conf some = {.keepalive_ns = 7 * CLOCK_SECOND, .user_timeout_ns = 2500 * CLOCK_MS}, none = {0};
	struct lg_net *net = net_new(NULL);
	struct lg_listener *listener;
	struct lg_conn *conn;
	struct lg_err err;

	(void)state;
	assert_int_equal(lg_listener_open("127.0.0.1:0", &plain, &listener, &err), LG_OK);
	assert_int_equal(lg_conn_open(net, lg_listener_address(listener), &plain, &conn, &err), LG_OK);
	assert_int_equal(option(conn, SOL_SOCKET, SO_KEEPALIVE), 1);
	lg_conn_set_tcp(conn, &some);
	assert_int_equal(option(conn, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option(conn, IPPROTO_TCP, TCP_KEEPIDLE), 7);
	assert_int_equal(option(conn, IPPROTO_TCP, TCP_USER_TIMEOUT), 2500);
	lg_conn_set_tcp(conn, &none);
	assert_int_equal(option(conn, SOL_SOCKET, SO_KEEPALIVE), 0);
	lg_conn_close(conn);
	lg_listener_close(listener);
	net_free(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_has_the_patience_it_was_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
