/* Input `listen`: what a stop does with what was received and what was not. */
#include "listen_rig.h"

static void a_stop_takes_what_was_received(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, LISTEN_TCP);
	start(&s);
	say(dial(&s, 0), "<1>a\n");
	expect(&s, 1, "<1>a");
	say(s.client[0], "<1>b\n<1>c\n<1>half");
	assert_int_equal(poll(&(struct pollfd){.fd = s.ws.fds[s.ws.count - 1].fd, .events = POLLIN}, 1, 5000), 1);
	listen_input.drain(s.state);
	assert_string_equal(bodies(&s), "<1>a/<1>b/<1>c/<1>half~");
	assert_int_equal(saw_end(s.client[0]), -1);
	end(&s);
}

/* What the sender in tests/unit/net takes for the word that all was read: an end without a reset. */
static int end_of_close(struct scene *s, bool stored)
{
	char scrap[64];
	int fd;

	say(dial(s, 0), "<1>a\n");
	shutdown(s->client[0], SHUT_WR);
	expect(s, 1, "<1>a");
	for (int i = 0; i < 5; i++) /* the end is read, too */
		step(s);
	if (stored)
		durable(s);
	listen_input.drain(s->state);
	listen_input.close(s->state);
	memset(s->state, 0, listen_input.state_size);
	fd = s->client[0];
	assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 5000), 1);
	return recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT) == 0 ? 0 : errno;
}

static void a_stop_resets_connections_whose_records_are_not_stored(void **state)
{
	(void)state;
	for (int stored = 0; stored < 2; stored++) {
		struct scene s;

		begin(&s, LISTEN_TCP);
		start(&s);
		assert_int_equal(end_of_close(&s, stored), stored ? 0 : ECONNRESET);
		end(&s);
	}
}

static void a_stop_resets_connections_that_a_full_core_could_not_read(void **state)
{
	char scrap[64];
	struct scene s;

	(void)state;
	begin(&s, LISTEN_TCP);
	start(&s);
	say(dial(&s, 0), "<1>a\n");
	expect(&s, 1, "<1>a");
	durable(&s);
	s.host.full = true;
	say(s.client[0], "<1>b\n");
	shutdown(s.client[0], SHUT_WR);
	for (int i = 0; i < 5; i++)
		step(&s);
	listen_input.drain(s.state);
	assert_string_equal(bodies(&s), "<1>a");
	listen_input.close(s.state);
	memset(s.state, 0, listen_input.state_size);
	assert_int_equal(poll(&(struct pollfd){.fd = s.client[0], .events = POLLIN}, 1, 5000), 1);
	assert_int_equal(recv(s.client[0], scrap, sizeof(scrap), MSG_DONTWAIT), -1);
	assert_int_equal(errno, ECONNRESET);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stop_takes_what_was_received),
		cmocka_unit_test(a_stop_resets_connections_whose_records_are_not_stored),
		cmocka_unit_test(a_stop_resets_connections_that_a_full_core_could_not_read),
	};

	return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
