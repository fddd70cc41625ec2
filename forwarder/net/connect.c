/* From a name to a TCP connection: options of the socket, and one address after the other. */
#include "net/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sys.h"

/* ---- the socket ----------------------------------------------------------------------------------------------------------------- */

int conn_prepare_fd(int fd)
{
	int flags = fcntl(fd, F_GETFL), one = 1;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	/* Comfort: a system that refuses these still carries the data. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
#ifdef TCP_KEEPIDLE
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){60}, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){10}, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){6}, sizeof(int));
#endif
	return 0;
}

/* A second is the least that TCP counts in. */
static int seconds(int64_t ns)
{
	return ns < CLOCK_SECOND ? 1 : ns / CLOCK_SECOND > INT16_MAX ? INT16_MAX : (int)(ns / CLOCK_SECOND);
}

static void apply_tcp(const struct lg_conn *conn)
{
	int64_t timeout_ms = conn->tcp.user_timeout_ns / CLOCK_MS;
	int on = conn->tcp.keepalive_ns > 0;

	if (!conn->has_tcp || conn->fd < 0)
		return;
	setsockopt(conn->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
#ifdef TCP_KEEPIDLE
	if (on)
		setsockopt(conn->fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){seconds(conn->tcp.keepalive_ns)}, sizeof(int));
#endif
	if (timeout_ms > 0)
		(void)!sys_set_user_timeout(conn->fd, timeout_ms > INT32_MAX ? INT32_MAX : (unsigned)timeout_ms);
}

void lg_conn_set_tcp(struct lg_conn *conn, const struct lg_tcp_conf *tcp)
{
	conn->tcp = *tcp;
	conn->has_tcp = true;
	apply_tcp(conn);
}

/* ---- connecting ----------------------------------------------------------------------------------------------------------------- */

void conn_drop_fd(struct lg_conn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
}

/* Connects to conn->addr or, where that fails at once, to the next ones. On failure err is the last address's, with a denial
 * only where nothing was tried. */
static enum lg_rc connect_next(struct lg_conn *conn, bool tried, struct lg_err *err)
{
	struct lg_err denied;
	enum lg_rc rc = LG_PEER;

	for (; conn->addr; conn->addr = conn->addr->ai_next) {
		const struct sockaddr *sa = conn->addr->ai_addr;

		rc = net_permit(conn->net, conn->host, conn->port, sa, !conn->ctx, &denied);
		if (rc != LG_OK) {
			if (!tried && err)
				*err = denied;
			continue;
		}
		tried = true;
		addr_format(sa, conn->peer);
		conn->peer_port = addr_format_ip(sa, conn->peer_ip);
		conn->fd = socket(sa->sa_family, SOCK_STREAM, 0);
		if (conn->fd < 0 || conn_prepare_fd(conn->fd) < 0) {
			rc = lg_err_sys(err, errno, "socket for %s", conn->peer);
		} else if (connect(conn->fd, sa, conn->addr->ai_addrlen) == 0 || errno == EINPROGRESS || errno == EINTR) {
			conn->stage = CONNECTING;
			conn_set_deadline(conn, conn->timeout_ns);
			apply_tcp(conn);
			return LG_OK;
		} else {
			rc = conn_failed(errno, conn, "connect to", err);
		}
		conn_drop_fd(conn);
	}
	return tried && rc == LG_DENIED ? (err ? err->rc : LG_PEER) : rc;
}

enum lg_rc lg_conn_open(struct lg_net *net, const char *server, const struct lg_tls_conf *tls, struct lg_conn **out, struct lg_err *err)
{
	static const struct lg_tls_conf defaults;
	struct lg_conn *conn = mem_zalloc(sizeof(*conn));
	enum lg_rc rc;

	*out = NULL;
	if (!tls)
		tls = &defaults;
	conn->fd = -1;
	conn->peer_pid = -1;
	conn->net = net;
	conn->timeout_ns = CONN_TIMEOUT_NS;
	rc = net_split(server, conn->host, &conn->port, err);
	if (rc == LG_OK && !tls->off)
		rc = tls_ctx_new(tls, false, &conn->ctx, err);
	if (rc == LG_OK)
		rc = addr_resolve(conn->host, conn->port, false, &conn->list, err);
	if (rc == LG_OK) {
		conn->addr = conn->list;
		rc = connect_next(conn, false, err);
	}
	if (rc == LG_OK)
		*out = conn;
	else
		lg_conn_close(conn);
	return rc;
}

void lg_conn_set_timeout(struct lg_conn *conn, int64_t ns)
{
	conn->timeout_ns = ns;
	conn_set_deadline(conn, ns);
}

enum lg_rc conn_finish_connect(struct lg_conn *conn, struct lg_err *err)
{
	struct pollfd wait = {.fd = conn->fd, .events = POLLOUT};
	socklen_t size = sizeof(int);
	int problem = 0;
	enum lg_rc rc;

	if (poll(&wait, 1, 0) <= 0) {
		if (!conn_overdue(conn))
			return LG_AGAIN;
		problem = ETIMEDOUT;
	} else if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &problem, &size) < 0) {
		problem = errno;
	}
	if (problem == 0)
		return LG_OK;
	rc = conn_failed(problem, conn, "connect to", err);
	conn_drop_fd(conn);
	conn->addr = conn->addr->ai_next;
	if (conn->addr)
		rc = connect_next(conn, true, err);
	return rc == LG_OK ? LG_AGAIN : rc;
}
