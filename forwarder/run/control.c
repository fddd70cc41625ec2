#include "run/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys.h"

#define ASK_TIMEOUT_MS 5000
#define PEER_TIMEOUT_MS 500 /* a local tool sends its line at once; on a busy machine it is asked to come again */
#define ASK_TRIES 3
#define SIZE_DIGITS 8 /* an answer begins with its size in hex and a newline: a cut one is told from a whole one */

struct control {
	int fd;
	struct sockaddr_un address;
	struct control_handler handler;
};

static enum lg_rc socket_address(const char *data_dir, struct sockaddr_un *address, struct lg_err *err)
{
	int n;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	n = snprintf(address->sun_path, sizeof(address->sun_path), "%s/control.sock", data_dir);
	if (n < 0 || (size_t)n >= sizeof(address->sun_path))
		return lg_err_set(err, LG_INVALID, "data_dir %s is too long for the control socket in it: at most %zu characters", data_dir,
		                  sizeof(address->sun_path) - sizeof("/control.sock"));
	return LG_OK;
}

enum lg_rc control_check(const char *data_dir, struct lg_err *err)
{
	struct sockaddr_un address;

	return socket_address(data_dir, &address, err);
}

enum lg_rc control_open(struct control **out, const char *data_dir, const struct control_handler *handler, struct lg_err *err)
{
	struct control *control;
	struct sockaddr_un address;
	enum lg_rc rc = socket_address(data_dir, &address, err);
	mode_t old;
	int fd, failed;

	if (rc != LG_OK)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return lg_err_sys(err, errno, "control socket");
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	unlink(address.sun_path); /* the spool's lock says that no other daemon lives here */
	old = umask(0177);
	failed = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0 ? errno : 0;
	umask(old);
	if (failed) {
		close(fd);
		return lg_err_sys(err, failed, "control socket %s", address.sun_path);
	}
	control = mem_zalloc(sizeof(*control));
	*control = (struct control){.fd = fd, .address = address, .handler = *handler};
	*out = control;
	return LG_OK;
}

void control_wait(const struct control *control, struct lg_waitset *ws)
{
	lg_waitset_add(ws, control->fd, POLLIN);
}

static bool allowed(int fd)
{
	uid_t uid;

	return sys_peer_uid(fd, &uid) == 0 && (uid == 0 || uid == geteuid());
}

/* One line from the peer, without its newline. */
static bool read_request(int fd, char *line, size_t size)
{
	size_t used = 0;

	while (used + 1 < size) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, PEER_TIMEOUT_MS) <= 0)
			return false;
		n = read(fd, line + used, size - 1 - used);
		if (n <= 0)
			return false;
		used += (size_t)n;
		line[used] = '\0';
		if (strchr(line, '\n')) {
			*strchr(line, '\n') = '\0';
			return true;
		}
	}
	return false;
}

static bool write_bytes(int fd, const void *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		ssize_t n;

		if (poll(&p, 1, PEER_TIMEOUT_MS) <= 0)
			return false;
		n = send(fd, (const char *)bytes + done, size - done, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* An empty one where nothing is answered: the peer may not ask, or not this. */
static void write_answer(int fd, const struct lg_buf *out)
{
	char head[SIZE_DIGITS + 2];

	snprintf(head, sizeof(head), "%0*zx\n", SIZE_DIGITS, out->size & 0xffffffff);
	if (write_bytes(fd, head, SIZE_DIGITS + 1))
		(void)!write_bytes(fd, out->data, out->size);
}

void control_step(struct control *control)
{
	for (int i = 0; i < 8; i++) {
		struct lg_buf out = {0};
		char line[256];
		int fd = accept(control->fd, NULL, NULL);

		if (fd < 0)
			return;
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fcntl(fd, F_SETFL, O_NONBLOCK); /* a peer that does not read must not hold the main thread */
		if (read_request(fd, line, sizeof(line))) {
			if (!allowed(fd) || !control->handler.answer(control->handler.arg, line, &out))
				lg_buf_clear(&out);
			write_answer(fd, &out);
		}
		lg_buf_fini(&out);
		close(fd);
	}
}

void control_close(struct control *control)
{
	if (!control)
		return;
	unlink(control->address.sun_path);
	close(control->fd);
	free(control);
}

/* LG_AGAIN: the connection ended before the answer did; LG_BUSY (below): before the request was taken. */
static enum lg_rc read_answer(int fd, struct lg_buf *answer, struct lg_err *err)
{
	char head[SIZE_DIGITS + 1] = "";

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, ASK_TIMEOUT_MS) <= 0)
			return lg_err_set(err, LG_IO, "the daemon does not answer within %d s", ASK_TIMEOUT_MS / 1000);
		n = read(fd, lg_buf_reserve(answer, 16384), 16384);
		if (n < 0 && errno != ECONNRESET)
			return lg_err_sys(err, errno, "control socket");
		if (n <= 0)
			break;
		answer->size += (size_t)n;
	}
	if (answer->size <= SIZE_DIGITS)
		return lg_err_set(err, LG_AGAIN, "the daemon hung up");
	memcpy(head, answer->data, SIZE_DIGITS);
	lg_buf_consume(answer, SIZE_DIGITS + 1);
	if (strtoul(head, NULL, 16) != answer->size)
		return lg_err_set(err, LG_AGAIN, "the daemon's answer was cut off");
	return answer->size ? LG_OK : lg_err_set(err, LG_DENIED, "the daemon gave no answer: it serves root and its own user alone");
}

static enum lg_rc ask_once(const struct sockaddr_un *address, const char *request, struct lg_buf *answer, struct lg_err *err)
{
	char line[256];
	enum lg_rc rc;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), n = snprintf(line, sizeof(line), "%s\n", request);

	if (fd < 0)
		return lg_err_sys(err, errno, "control socket");
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		rc = errno == ENOENT || errno == ECONNREFUSED ? lg_err_set(err, LG_NOTFOUND, "no daemon listens at %s", address->sun_path)
		                                              : lg_err_sys(err, errno, "control socket %s", address->sun_path);
	else if (send(fd, line, (size_t)n, MSG_NOSIGNAL) == n)
		rc = read_answer(fd, answer, err);
	else if (errno == EPIPE || errno == ECONNRESET)
		rc = lg_err_set(err, LG_BUSY, "the daemon hung up");
	else
		rc = lg_err_sys(err, errno, "control socket %s", address->sun_path);
	close(fd);
	return rc;
}

enum lg_rc control_ask(const char *data_dir, const char *request, struct lg_buf *answer, struct lg_err *err)
{
	struct sockaddr_un address;
	enum lg_rc rc = socket_address(data_dir, &address, err);

	if (rc != LG_OK)
		return rc;
	for (int i = 0; i < ASK_TRIES; i++) {
		lg_buf_clear(answer);
		rc = ask_once(&address, request, answer, err);
		if (rc != LG_BUSY && (rc != LG_AGAIN || strncmp(request, "status", 6) != 0))
			break; /* what was taken may have been done: only looking is repeated */
	}
	if (rc == LG_BUSY || rc == LG_AGAIN)
		rc = lg_err_set(err, LG_IO, "the daemon hangs up before it answers: it is busy, or is just ending");
	return rc;
}
