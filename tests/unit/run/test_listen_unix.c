/* Input `listen` on unix sockets, and on what systemd passes. */
#include "listen_rig.h"

#include <sys/stat.h>
#include <sys/wait.h>

static char directory[] = "/tmp/lugger-listen.XXXXXX";
static char socket_path[80];

static int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(socket_path, sizeof(socket_path), "%s/log", directory);
	return 0;
}

static int drop_directory(void **state)
{
	(void)state;
	unlink(socket_path);
	return rmdir(directory);
}

static void begin_unix(struct scene *s, enum listen_transport transport)
{
	begin(s, transport);
	s->conf.address = socket_path;
}

static int64_t pid_of_first(const struct scene *s)
{
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_value value;

	lg_batch_begin(&it, s->host.batch, 0);
	assert_true(lg_batch_next(&it, &rec));
	assert_false(lg_record_find(&rec, LG_F_SOURCE_IP, &value));
	assert_false(lg_record_find(&rec, LG_F_SOURCE_PORT, &value));
	return lg_record_find(&rec, LG_F_PROCESS_PID, &value) ? value.number : -1;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	return st.st_mode & 0777;
}

static void a_stream_ends_messages_with_newline_or_nul_or_counts_them(void **state)
{
	struct scene s;

	(void)state;
	begin_unix(&s, LISTEN_UNIX);
	start(&s);
	dial_unix(&s, 0, SOCK_STREAM);
	assert_int_equal(send(s.client[0], "<1>a\0<1>b\n<1>c\0", 15, 0), 15);
	expect(&s, 3, "<1>a/<1>b/<1>c");
	assert_int_equal(pid_of_first(&s), getpid());
	say(dial_unix(&s, 1, SOCK_STREAM), "3 d\ne");
	expect(&s, 4, "<1>a/<1>b/<1>c/d\ne");
	end(&s);
	assert_int_equal(access(socket_path, F_OK), -1); /* ours is removed */
}

static void datagrams_carry_the_senders_process(void **state)
{
	struct scene s;

	(void)state;
	begin_unix(&s, LISTEN_UNIX_DGRAM);
	start(&s);
	dial_unix(&s, 0, SOCK_DGRAM);
	assert_int_equal(send(s.client[0], "<1>a\0", 5, 0), 5);
	say(s.client[0], "<1>b\n");
	expect(&s, 2, "<1>a/<1>b");
	assert_int_equal(pid_of_first(&s), getpid());
	end(&s);
	assert_int_equal(access(socket_path, F_OK), -1);
}

static unsigned open_descriptors(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void descriptors_that_a_sender_passes_are_closed(void **state)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} ancillary = {.bytes = {0}};
	struct iovec data = {(char *)"<1>a", 4};
	struct msghdr msg = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = ancillary.bytes, .msg_controllen = sizeof(ancillary.bytes)};
	struct cmsghdr *at = CMSG_FIRSTHDR(&msg);
	struct scene s;
	unsigned before;

	(void)state;
	begin_unix(&s, LISTEN_UNIX_DGRAM);
	start(&s);
	dial_unix(&s, 0, SOCK_DGRAM);
	at->cmsg_level = SOL_SOCKET;
	at->cmsg_type = SCM_RIGHTS;
	at->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(at), &s.client[0], sizeof(int));
	before = open_descriptors();
	for (int i = 0; i < 3; i++)
		assert_int_equal(sendmsg(s.client[0], &msg, 0), 4);
	expect(&s, 3, "<1>a/<1>a/<1>a");
	assert_int_equal(open_descriptors(), before);
	end(&s);
}

static void the_socket_has_its_permissions_from_the_start(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct scene s;

		(void)state;
		begin_unix(&s, i ? LISTEN_UNIX : LISTEN_UNIX_DGRAM);
		s.conf.socket.mode = i ? (char *)"0600" : NULL;
		start(&s);
		assert_int_equal(mode_of(socket_path), i ? 0600 : 0666);
		end(&s);
	}
}

static void a_socket_left_behind_is_replaced_and_a_served_one_is_not(void **state)
{
	for (int dgram = 0; dgram < 2; dgram++) {
		struct sockaddr_un un = {.sun_family = AF_UNIX};
		struct scene s, second;
		struct lg_err err;
		int fd = socket(AF_UNIX, dgram ? SOCK_DGRAM : SOCK_STREAM, 0);

		(void)state;
		snprintf(un.sun_path, sizeof(un.sun_path), "%s", socket_path);
		assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
		close(fd); /* as a crash leaves it */
		begin_unix(&s, dgram ? LISTEN_UNIX_DGRAM : LISTEN_UNIX);
		start(&s);
		begin_unix(&second, dgram ? LISTEN_UNIX_DGRAM : LISTEN_UNIX);
		second.state = calloc(1, listen_input.state_size);
		assert_int_equal(listen_input.open(second.state, &second.conf, &second.host, &err), LG_BUSY);
		assert_non_null(strstr(err.text, "another process serves this socket"));
		end(&second);
		say(dial_unix(&s, 0, dgram ? SOCK_DGRAM : SOCK_STREAM), "<1>still here\n");
		expect(&s, 1, "<1>still here");
		end(&s);
	}
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	struct lg_err err;
	struct scene s;
	int fd = open(socket_path, O_CREAT | O_WRONLY, 0600);

	(void)state;
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	begin_unix(&s, LISTEN_UNIX);
	s.state = calloc(1, listen_input.state_size);
	assert_int_equal(listen_input.open(s.state, &s.conf, &s.host, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "not a socket"));
	end(&s);
	assert_int_equal(access(socket_path, F_OK), 0);
	unlink(socket_path);
}

static void wrong_permissions_and_owners_are_refused_and_leave_nothing(void **state)
{
	static const char *const modes[] = {"rw", "0999", "1777", ""};
	struct lg_err err;

	(void)state;
	for (size_t i = 0; i <= 4; i++) {
		struct scene s;

		begin_unix(&s, LISTEN_UNIX);
		if (i < 4)
			s.conf.socket.mode = (char *)(uintptr_t)modes[i];
		else
			s.conf.socket.owner = (char *)"no-such-user-here:adm";
		s.state = calloc(1, listen_input.state_size);
		assert_int_equal(listen_input.open(s.state, &s.conf, &s.host, &err), LG_INVALID);
		assert_non_null(strstr(err.text, i < 4 ? "octal" : "no-such-user-here"));
		end(&s);
		assert_int_equal(access(socket_path, F_OK), -1);
	}
}

/* ---- passed by systemd ---- */

/* A bound socket of this type, with its port. */
static int bound(int type, unsigned *port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(any);
	int fd = socket(AF_INET, type, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || getsockname(fd, (struct sockaddr *)&any, &size) < 0)
		_exit(10);
	if (type == SOCK_STREAM && listen(fd, 5) < 0)
		_exit(11);
	*port = ntohs(any.sin_port);
	return fd;
}

/* In a process of its own, because descriptors 3 and 4 are meant. */
static void serve_passed_sockets(void)
{
	struct lg_err err = {0};
	struct scene s;
	unsigned tcp_port, udp_port;
	int tcp = fcntl(bound(SOCK_STREAM, &tcp_port), F_DUPFD, 20), udp = fcntl(bound(SOCK_DGRAM, &udp_port), F_DUPFD, 20);
	char pid[20];

	dup2(tcp, 3);
	dup2(udp, 4);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_FDNAMES", "stream:packets", 1);
	for (int i = 0; i < 4; i++) {
		begin(&s, i == 1 ? LISTEN_UDP : LISTEN_TCP);
		s.conf.address = (char *)(i == 0 ? "systemd:stream" : i == 1 ? "systemd:packets" : i == 2 ? "systemd:" : "systemd:packets");
		if (i == 3) { /* of that name there is no stream socket */
			s.state = calloc(1, listen_input.state_size);
			assert_int_equal(listen_input.open(s.state, &s.conf, &s.host, &err), LG_INVALID);
			assert_non_null(strstr(err.text, "listening stream socket of that name"));
			end(&s);
			continue;
		}
		start(&s);
		assert_int_equal(s.port, i == 1 ? udp_port : tcp_port);
		say(i == 1 ? dial_udp(&s, 0) : dial(&s, 0), "<1>passed\n");
		expect(&s, 1, "<1>passed");
		end(&s); /* the original stays open: the next one is served, too */
	}
	setenv("LISTEN_PID", "1", 1); /* meant for somebody else */
	begin(&s, LISTEN_TCP);
	s.conf.address = (char *)"systemd:stream";
	s.state = calloc(1, listen_input.state_size);
	assert_int_equal(listen_input.open(s.state, &s.conf, &s.host, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "passed no socket"));
	end(&s);
}

static void sockets_that_systemd_passes_are_found_by_name_and_type(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		serve_passed_sockets();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void check_refuses_what_cannot_work(void **state)
{
	struct listen_conf conf = {.address = (char *)"127.0.0.1:0", .transport = LISTEN_UDP};
	struct lg_err err;

	(void)state;
	assert_int_equal(listen_input.check(&conf, &err), LG_OK);
	conf.transport = LISTEN_UNIX;
	assert_int_equal(listen_input.check(&conf, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "begins with /"));
	conf.address = (char *)"/run/x";
	assert_int_equal(listen_input.check(&conf, &err), LG_OK);
	conf.transport = LISTEN_TCP;
	assert_int_equal(listen_input.check(&conf, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "transport: unix"));
	conf.address = (char *)"127.0.0.1:0";
	assert_int_equal(listen_input.check(&conf, &err), LG_OK);
	conf.socket.mode = (char *)"0600";
	assert_int_equal(listen_input.check(&conf, &err), LG_INVALID);
	conf.socket.mode = NULL;
	conf.transport = LISTEN_TLS;
	assert_int_equal(listen_input.check(&conf, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "cert_file"));
	conf.tls.off = true;
	assert_int_equal(listen_input.check(&conf, &err), LG_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_ends_messages_with_newline_or_nul_or_counts_them),
		cmocka_unit_test(datagrams_carry_the_senders_process),
		cmocka_unit_test(descriptors_that_a_sender_passes_are_closed),
		cmocka_unit_test(the_socket_has_its_permissions_from_the_start),
		cmocka_unit_test(a_socket_left_behind_is_replaced_and_a_served_one_is_not),
		cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
		cmocka_unit_test(wrong_permissions_and_owners_are_refused_and_leave_nothing),
		cmocka_unit_test(sockets_that_systemd_passes_are_found_by_name_and_type),
		cmocka_unit_test(check_refuses_what_cannot_work),
	};

	return cmocka_run_group_tests(tests, make_directory, drop_directory);
}
