/* Datagrams by one system call for many, and by the portable one for each: both tell the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/sys_dgram.h"

typedef int receive(int fd, struct sys_datagram *list, unsigned count);

static receive *const ways[] = {sys_recv_datagrams, sys_recv_datagrams_each};

static void begin(int fds[2], struct sockaddr_in *self)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(any);

	fds[0] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	fds[1] = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &(int){8192}, sizeof(int));
	assert_int_equal(bind(fds[0], (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(getsockname(fds[0], (struct sockaddr *)&any, &size), 0);
	assert_int_equal(connect(fds[1], (struct sockaddr *)&any, sizeof(any)), 0);
	size = sizeof(*self);
	assert_int_equal(getsockname(fds[1], (struct sockaddr *)self, &size), 0);
	sys_tell_datagrams(fds[0], false);
}

static void both_ways_give_bytes_length_and_sender(void **state)
{
	(void)state;
	for (size_t way = 0; way < 2; way++) {
		struct sys_datagram list[4];
		char room[4][8];
		struct sockaddr_in self;
		int fds[2];

		begin(fds, &self);
		for (int i = 0; i < 4; i++)
			list[i] = (struct sys_datagram){.data = room[i], .room = sizeof(room[i])};
		assert_int_equal(ways[way](fds[0], list, 4), -EAGAIN);
		assert_int_equal(send(fds[1], "one", 3, 0), 3);
		assert_int_equal(send(fds[1], "", 0, 0), 0);
		assert_int_equal(send(fds[1], "longer than room", 16, 0), 16);
		assert_int_equal(ways[way](fds[0], list, 4), 3);
		assert_int_equal(list[0].size, 3);
		assert_memory_equal(room[0], "one", 3);
		assert_int_equal(list[1].size, 0);
		assert_true(list[2].size > 8); /* cut; by how much the portable way does not know */
		assert_memory_equal(room[2], "longer t", 8);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(list[i].from_size, sizeof(self));
			assert_int_equal(((struct sockaddr_in *)&list[i].from)->sin_port, self.sin_port);
			assert_int_equal(list[i].pid, -1);
		}
		close(fds[0]);
		close(fds[1]);
	}
}

static void dropped_ones_are_counted_in_the_next_that_comes_and_at_any_time(void **state)
{
	(void)state;
	for (size_t way = 0; way < 2; way++) {
		static char room[64][64];
		struct sys_datagram list[64];
		struct sockaddr_in self;
		char bytes[200] = "";
		int fds[2], got = 0, n;

		begin(fds, &self);
		for (int i = 0; i < 64; i++)
			list[i] = (struct sys_datagram){.data = room[i], .room = sizeof(room[i])};
		for (int i = 0; i < 200; i++)
			assert_int_equal(send(fds[1], bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
		assert_true(sys_dropped_datagrams(fds[0]) > 0);
		while ((n = ways[way](fds[0], list, 64)) > 0)
			got += n;
		assert_int_equal(got + sys_dropped_datagrams(fds[0]), 200);
		assert_int_equal(send(fds[1], "next", 4, 0), 4);
		assert_int_equal(ways[way](fds[0], list, 64), 1);
		assert_int_equal(list[0].dropped, 200 - got);
		close(fds[0]);
		close(fds[1]);
	}
}

static void many_are_sent_at_once_up_to_the_one_that_cannot_be(void **state)
{
	static char big[70000];
	struct iovec list[] = {{(char *)"a", 1}, {(char *)"bc", 2}, {big, sizeof(big)}};
	struct sys_datagram in[4];
	char room[4][8];
	struct sockaddr_in self;
	int fds[2];

	(void)state;
	begin(fds, &self);
	assert_int_equal(sys_send_datagrams(fds[1], list, 3), 2);
	assert_int_equal(sys_send_datagrams(fds[1], list + 2, 1), -EMSGSIZE);
	for (int i = 0; i < 4; i++)
		in[i] = (struct sys_datagram){.data = room[i], .room = sizeof(room[i])};
	assert_int_equal(sys_recv_datagrams(fds[0], in, 4), 2);
	assert_int_equal(in[1].size, 2);
	close(fds[0]); /* nobody listens now: the refusal shows at the call after the next */
	assert_int_equal(sys_send_datagrams(fds[1], list, 1), 1);
	assert_int_equal(sys_send_datagrams(fds[1], list, 1), -ECONNREFUSED);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_give_bytes_length_and_sender),
		cmocka_unit_test(dropped_ones_are_counted_in_the_next_that_comes_and_at_any_time),
		cmocka_unit_test(many_are_sent_at_once_up_to_the_one_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
