/* A connection: the handshake, bytes in and out, waiting. TLS itself is in tls.c, connecting in connect.c, the end in shutdown.c. */
#include "net/conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sys.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* there the program ignores SIGPIPE */
#endif
#ifndef MSG_MORE
#define MSG_MORE 0
#endif

#define CONFIRM_NS (1 * CLOCK_SECOND)      /* for a TLS 1.3 server to refuse our certificate */
#define ACK_POLL_NS (5 * CLOCK_MS)         /* nothing signals that TCP has an acknowledgement */

/* With `more` Linux fills whole packets across calls: a packet per TLS record costs more than to encrypt it. */
ssize_t conn_send(void *arg, const void *data, size_t size, bool more)
{
	struct lg_conn *conn = arg;
	ssize_t n;

	do
		n = send(conn->fd, data, size, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	conn->written += (uint64_t)n;
	return n;
}

ssize_t conn_recv(void *arg, void *data, size_t size)
{
	struct lg_conn *conn = arg;
	ssize_t n;

	do
		n = recv(conn->fd, data, size, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	conn->received += (uint64_t)n;
	conn->eof = n == 0;
	return n;
}

enum lg_rc conn_failed(int sys_errno, const struct lg_conn *conn, const char *what, struct lg_err *err)
{
	lg_err_sys(err, sys_errno, "%s %s", what, conn->peer);
	if (err)
		err->rc = LG_PEER;
	return LG_PEER;
}

void conn_set_deadline(struct lg_conn *conn, int64_t ns)
{
	conn->deadline_ns = clock_mono(&clock_system) + ns;
}

bool conn_overdue(const struct lg_conn *conn)
{
	return clock_mono(&clock_system) >= conn->deadline_ns;
}

struct lg_conn *conn_accepted(int fd, const struct sockaddr *peer, struct tls_ctx *ctx, bool proxied)
{
	struct lg_conn *conn = mem_zalloc(sizeof(*conn));

	conn->fd = fd;
	conn->timeout_ns = CONN_TIMEOUT_NS;
	addr_format(peer, conn->peer);
	conn->peer_port = addr_format_ip(peer, conn->peer_ip);
	conn->peer_pid = -1;
	if (peer->sa_family == AF_UNIX && sys_peer_pid(fd, &conn->peer_pid) == 0)
		snprintf(conn->peer, sizeof(conn->peer), "process %lld", (long long)conn->peer_pid);
	conn->stage = HANDSHAKE;
	if (proxied) {
		conn->stage = PROXY;
		conn->proxy = mem_alloc(sizeof(*conn->proxy));
		proxy_init(conn->proxy);
	}
	conn_set_deadline(conn, conn->timeout_ns);
	if (ctx)
		conn->tls = tls_new(ctx, &(struct tls_io){conn_send, conn_recv, conn}, NULL);
	return conn;
}

/* The header says who is behind the load balancer. */
static void take_source(struct lg_conn *conn)
{
	char through[ADDR_TEXT];

	if (conn->proxy->known) {
		const struct sockaddr *source = (const struct sockaddr *)&conn->proxy->source;
		size_t used;

		memcpy(through, conn->peer, sizeof(through));
		addr_format(source, conn->peer);
		conn->peer_port = addr_format_ip(source, conn->peer_ip);
		used = strlen(conn->peer);
		snprintf(conn->peer + used, sizeof(conn->peer) - used, " through %.60s", through);
	}
	free(conn->proxy);
	conn->proxy = NULL;
}

/* Reads the header and not a byte more: what follows is TLS's, or the first message. */
static enum lg_rc read_proxy(struct lg_conn *conn, struct lg_err *err)
{
	uint8_t bytes[512];
	size_t used;
	enum lg_rc rc;

	do {
		ssize_t n;

		do
			n = recv(conn->fd, bytes, sizeof(bytes), MSG_PEEK);
		while (n < 0 && errno == EINTR);
		if (n == 0)
			return lg_err_set(err, LG_PEER, "%s: closed before a PROXY protocol header came", conn->peer);
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			return conn_failed(errno, conn, "read from", err);
		if (n < 0)
			return conn_overdue(conn) ? conn_failed(ETIMEDOUT, conn, "PROXY protocol header of", err) : LG_AGAIN;
		rc = proxy_feed(conn->proxy, bytes, (size_t)n, &used, err);
		if (used && recv(conn->fd, bytes, used, 0) != (ssize_t)used)
			return conn_failed(errno, conn, "read from", err);
	} while (rc == LG_AGAIN);
	if (rc != LG_OK)
		return lg_err_prepend(err, "%s", conn->peer);
	take_source(conn);
	return LG_OK;
}

static enum lg_rc step_handshake(struct lg_conn *conn, struct lg_err *err)
{
	enum lg_rc rc = tls_handshake(conn->tls, err);

	if (rc == LG_AGAIN && conn_overdue(conn))
		return conn_failed(ETIMEDOUT, conn, "TLS handshake with", err);
	if (rc == LG_EOF)
		return lg_err_set(err, LG_PEER, "%s: closed during the TLS handshake", conn->peer);
	if (rc != LG_OK && rc != LG_AGAIN)
		lg_err_prepend(err, "%s", conn->peer);
	return rc;
}

enum lg_rc lg_conn_handshake(struct lg_conn *conn, struct lg_err *err)
{
	enum lg_rc rc;

	if (conn->stage == CONNECTING) {
		rc = conn_finish_connect(conn, err);
		if (rc != LG_OK)
			return rc;
		if (conn->ctx)
			conn->tls = tls_new(conn->ctx, &(struct tls_io){conn_send, conn_recv, conn}, conn->host);
		conn->stage = HANDSHAKE;
		conn_set_deadline(conn, conn->timeout_ns);
	}
	if (conn->stage == PROXY) {
		rc = read_proxy(conn, err);
		if (rc != LG_OK)
			return rc;
		conn->stage = HANDSHAKE;
		conn_set_deadline(conn, conn->timeout_ns);
	}
	if (conn->stage == HANDSHAKE) {
		rc = conn->tls ? step_handshake(conn, err) : LG_OK;
		if (rc != LG_OK)
			return rc;
		conn->stage = CONFIRM;
		conn_set_deadline(conn, CONFIRM_NS);
	}
	if (conn->stage == CONFIRM) {
		rc = conn->tls ? tls_confirm(conn->tls, err) : LG_OK;
		if (rc == LG_AGAIN && conn_overdue(conn))
			rc = LG_OK;
		if (rc == LG_AGAIN)
			return rc;
		if (rc != LG_OK) {
			lg_err_prepend(err, "%s", conn->peer);
			return rc;
		}
		conn->stage = OPEN;
		conn->more = conn->tls != NULL;
	}
	return LG_OK;
}

/* ---- data ------------------------------------------------------------------------------------------------------------------------- */

static enum lg_rc plain_write(struct lg_conn *conn, const char *data, size_t size, size_t *done, struct lg_err *err)
{
	while (*done < size) {
		ssize_t n = conn_send(conn, data + *done, size - *done, false);

		if (n == -EAGAIN)
			return LG_AGAIN;
		if (n < 0)
			return conn_failed((int)-n, conn, "write to", err);
		*done += (size_t)n;
	}
	return LG_OK;
}

enum lg_rc lg_conn_write(struct lg_conn *conn, const void *data, size_t size, size_t *done, struct lg_err *err)
{
	enum lg_rc rc;

	*done = 0;
	if (conn->stage != OPEN)
		return lg_err_set(err, LG_PEER, "%s: not established", conn->peer);
	if (!conn->tls)
		return plain_write(conn, data, size, done, err);
	rc = tls_write(conn->tls, data, size, done, err);
	if (rc != LG_OK && rc != LG_AGAIN)
		lg_err_prepend(err, "%s", conn->peer);
	return rc;
}

static enum lg_rc plain_read(struct lg_conn *conn, void *data, size_t size, size_t *done, struct lg_err *err)
{
	ssize_t n = conn_recv(conn, data, size);

	if (n == -EAGAIN)
		return LG_AGAIN;
	if (n < 0)
		return conn_failed((int)-n, conn, "read from", err);
	*done = (size_t)n;
	return n ? LG_OK : LG_EOF;
}

enum lg_rc lg_conn_read(struct lg_conn *conn, void *data, size_t size, size_t *done, struct lg_err *err)
{
	enum lg_rc rc;

	*done = 0;
	if (!conn->tls)
		return plain_read(conn, data, size, done, err);
	rc = tls_read(conn->tls, data, size, done, err);
	conn->more = rc == LG_OK;
	if (rc == LG_PEER || rc == LG_TLS)
		lg_err_prepend(err, "%s", conn->peer);
	return rc;
}

bool lg_conn_readable_now(const struct lg_conn *conn)
{
	return conn->more;
}

/* ---- waiting and telling ---------------------------------------------------------------------------------------------------------- */

void lg_conn_wait(const struct lg_conn *conn, struct lg_waitset *ws, bool want_read, bool want_write)
{
	short events = (short)((want_read ? POLLIN : 0) | (want_write ? POLLOUT : 0));

	switch (conn->stage) {
	case CONNECTING:
		events = POLLOUT;
		break;
	case PROXY:
		events = POLLIN;
		break;
	case HANDSHAKE:
	case CONFIRM:
		events = conn->tls ? tls_wait(conn->tls) : POLLOUT;
		break;
	case OPEN:
		if (want_read && conn->more)
			lg_waitset_wake(ws, 0);
		break;
	case NOTIFY:
		events = conn->tls ? tls_wait(conn->tls) : POLLOUT;
		break;
	case DRAIN:
		events = POLLIN;
		break;
	case ENDED:
	case CLOSED: /* at its end the descriptor is always ready: not to be polled */
		lg_waitset_wake(ws, clock_mono(&clock_system) + ACK_POLL_NS);
		return;
	}
	if (conn->stage <= CONFIRM)
		lg_waitset_wake(ws, conn->deadline_ns);
	lg_waitset_add(ws, conn->fd, events);
}

void lg_conn_stats(const struct lg_conn *conn, struct lg_conn_stats *stats)
{
	int64_t unacked = conn->fd >= 0 ? sys_unacked(conn->fd) : 0;

	stats->written = conn->written;
	stats->unacked = unacked > 0 ? (uint64_t)unacked : 0;
	stats->received = conn->received;
}

const char *lg_conn_peer(const struct lg_conn *conn)
{
	return conn->peer;
}

struct lg_str lg_conn_peer_ip(const struct lg_conn *conn)
{
	return lg_str_from(conn->peer_ip);
}

int lg_conn_peer_port(const struct lg_conn *conn)
{
	return conn->peer_port;
}

bool lg_conn_is_proxied(const struct lg_conn *conn)
{
	return conn->stage == PROXY;
}

int64_t lg_conn_peer_pid(const struct lg_conn *conn)
{
	return conn->peer_pid;
}

const char *lg_conn_tls_text(const struct lg_conn *conn)
{
	return conn->tls ? tls_describe(conn->tls) : "plaintext";
}

const char *lg_conn_warning(const struct lg_conn *conn)
{
	return conn->tls ? tls_warning(conn->tls) : NULL;
}
