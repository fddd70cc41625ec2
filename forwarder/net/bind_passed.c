/* Sockets that systemd made for us (sd_listen_fds(3)): from descriptor 3 on, LISTEN_FDS of them, named by LISTEN_FDNAMES, meant for the
 * process LISTEN_PID. The originals stay open, so that a reload can take one again. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "net/bind.h"
#include "net/conn.h"

#define FIRST_PASSED 3
#define UNNAMED "unknown" /* what systemd calls a socket without FileDescriptorName= */

static int64_t number(const char *variable)
{
	const char *text = getenv(variable);
	int64_t value;

	return text && text_parse_i64(lg_str_from(text), &value) ? value : 0;
}

/* The i-th name of LISTEN_FDNAMES. */
static struct lg_str passed_name(unsigned i)
{
	const char *at = getenv("LISTEN_FDNAMES");

	while (at && i--) {
		at = strchr(at, ':');
		at = at ? at + 1 : NULL;
	}
	return at ? (struct lg_str){at, strcspn(at, ":")} : LG_STR(UNNAMED);
}

static bool has_type(int fd, int type)
{
	int is = 0, listens = 0;
	socklen_t size = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &is, &size) < 0 || is != type)
		return false;
	if (type != SOCK_STREAM)
		return true;
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens;
}

enum lg_rc bind_passed(struct bound *b, const char *name, int type, struct lg_err *err)
{
	int64_t count = number("LISTEN_PID") == (int64_t)getpid() ? number("LISTEN_FDS") : 0;
	const char *kind = type == SOCK_STREAM ? "listening stream" : "datagram";
	int found = -1, rc;

	if (count <= 0)
		return lg_err_set(err, LG_INVALID, "listen on systemd:%s: systemd passed no socket: is the service started by its .socket unit?", name);
	for (int64_t i = 0; i < count && i < 1000; i++) {
		int fd = FIRST_PASSED + (int)i;

		fcntl(fd, F_SETFD, FD_CLOEXEC);
		if ((name[0] && !lg_str_is(passed_name((unsigned)i), name)) || !has_type(fd, type))
			continue;
		if (found >= 0)
			return lg_err_set(err, LG_INVALID,
			                  "listen on systemd:%s: several %s sockets were passed: tell them apart by FileDescriptorName= in their .socket units",
			                  name, kind);
		found = fd;
	}
	if (found < 0)
		return lg_err_set(err, LG_INVALID, "listen on systemd:%s: none of the %lld sockets that systemd passed is a %s socket of that name", name,
		                  (long long)count, kind);
	b->fd = fcntl(found, F_DUPFD_CLOEXEC, FIRST_PASSED);
	if (b->fd < 0)
		return lg_err_sys(err, errno, "listen on systemd:%s", name);
	rc = conn_prepare_fd(b->fd);
	if (rc < 0) {
		bind_close(b);
		return lg_err_sys(err, -rc, "listen on systemd:%s", name);
	}
	return LG_OK;
}
