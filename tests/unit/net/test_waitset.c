#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/lg_net.h"

static void a_descriptor_added_twice_is_polled_twice_and_ready_for_either(void **state)
{
	struct lg_waitset ws = {0};

	(void)state;
	lg_waitset_clear(&ws);
	lg_waitset_add(&ws, 7, POLLIN);
	lg_waitset_add(&ws, -1, POLLIN);
	lg_waitset_add(&ws, 8, POLLIN);
	lg_waitset_add(&ws, 7, POLLOUT);
	assert_int_equal(ws.count, 3);
	assert_int_equal(ws.fds[0].fd, 7);
	assert_int_equal(ws.fds[0].events, POLLIN);
	assert_int_equal(ws.fds[1].events, POLLIN);
	assert_int_equal(ws.fds[2].fd, 7);
	assert_int_equal(ws.fds[2].events, POLLOUT);
	ws.fds[1].revents = POLLHUP;
	assert_int_equal(lg_waitset_ready(&ws, 8), POLLHUP);
	assert_int_equal(lg_waitset_ready(&ws, 7), 0);
	ws.fds[0].revents = POLLIN;
	ws.fds[2].revents = POLLOUT;
	assert_int_equal(lg_waitset_ready(&ws, 7), POLLIN | POLLOUT);
	assert_int_equal(lg_waitset_ready(&ws, 9), 0);
	lg_waitset_clear(&ws);
	assert_int_equal(ws.count, 0);
	assert_int_equal(lg_waitset_ready(&ws, 8), 0);
	free(ws.fds);
}

static void the_earlier_wake_up_counts(void **state)
{
	struct lg_waitset ws = {0};

	(void)state;
	lg_waitset_clear(&ws);
	assert_int_equal(ws.wake_ns, INT64_MAX);
	lg_waitset_wake(&ws, 500);
	lg_waitset_wake(&ws, 900);
	assert_int_equal(ws.wake_ns, 500);
	lg_waitset_wake(&ws, 100);
	assert_int_equal(ws.wake_ns, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_added_twice_is_polled_twice_and_ready_for_either),
		cmocka_unit_test(the_earlier_wake_up_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
