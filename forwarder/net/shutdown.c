/* The orderly end of a connection, and the others. */
#include "net/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/sys.h"

/* Reads and forgets until there is nothing (LG_AGAIN), the end (LG_EOF) or an error. */
static enum lg_rc discard(struct lg_conn *conn, struct lg_err *err)
{
	char scrap[4096];
	size_t n;
	enum lg_rc rc;

	do
		rc = lg_conn_read(conn, scrap, sizeof(scrap), &n, err);
	while (rc == LG_OK);
	return rc;
}

/* To the end of the peer's stream. A peer that answers our close_notify with a bare FIN (GnuTLS receivers do) has read everything as well:
 * had it closed with bytes unread, its TCP would have reset the connection. */
static enum lg_rc drain(struct lg_conn *conn, struct lg_err *err)
{
	struct lg_err scratch;
	char scrap[4096];
	enum lg_rc rc = discard(conn, &scratch);
	ssize_t n;

	if (rc == LG_AGAIN || conn->eof)
		return rc == LG_AGAIN ? LG_AGAIN : LG_EOF;
	if (rc != LG_EOF) {
		if (err)
			*err = scratch;
		return rc;
	}
	do /* close_notify was read; the FIN comes behind it */
		n = conn_recv(conn, scrap, sizeof(scrap));
	while (n > 0);
	if (n == -EAGAIN)
		return LG_AGAIN;
	return n == 0 ? LG_EOF : conn_failed((int)-n, conn, "close of", err);
}

/* EOF alone could be a close of the peer's own that crossed ours; with every byte acknowledged and no reset it has read them all. */
static enum lg_rc last_acknowledged(struct lg_conn *conn, struct lg_err *err)
{
	socklen_t size = sizeof(int);
	int problem = 0;

	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &problem, &size) < 0)
		problem = errno;
	if (problem)
		return conn_failed(problem, conn, "close of", err);
	return sys_unacked(conn->fd) > 0 ? LG_AGAIN : LG_OK;
}

enum lg_rc lg_conn_shutdown(struct lg_conn *conn, struct lg_err *err)
{
	enum lg_rc rc;

	if (conn->stage < OPEN || (conn->tls && tls_write_pending(conn->tls)))
		return lg_err_set(err, LG_PEER, "%s: closed with bytes unsent", conn->peer);
	if (conn->stage == OPEN) {
		rc = discard(conn, err);
		if (rc == LG_EOF)
			return lg_err_set(err, LG_PEER, "%s: the peer closed first", conn->peer);
		if (rc != LG_AGAIN)
			return rc;
		conn->stage = NOTIFY;
	}
	if (conn->stage == NOTIFY) {
		rc = conn->tls ? tls_close_notify(conn->tls, err) : LG_OK;
		if (rc != LG_OK)
			return rc;
		if (shutdown(conn->fd, SHUT_WR) < 0)
			return conn_failed(errno, conn, "close of", err);
		conn->stage = DRAIN;
	}
	if (conn->stage == DRAIN) {
		rc = drain(conn, err);
		if (rc != LG_EOF)
			return rc;
		conn->stage = ENDED;
	}
	if (conn->stage == ENDED) {
		rc = last_acknowledged(conn, err);
		if (rc != LG_OK)
			return rc;
		conn->stage = CLOSED;
	}
	return LG_OK;
}

void lg_conn_close(struct lg_conn *conn)
{
	if (!conn)
		return;
	/* An accepted connection is closed politely. Not a client's: close_notify would say that all was sent, and so only the
	 * orderly end may. */
	if (conn->tls && !conn->ctx && conn->stage == OPEN)
		(void)!tls_close_notify(conn->tls, NULL);
	tls_free(conn->tls);
	tls_ctx_free(conn->ctx);
	conn_drop_fd(conn);
	if (conn->list)
		freeaddrinfo(conn->list);
	free(conn->proxy);
	free(conn);
}

void lg_conn_abort(struct lg_conn *conn)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};

	if (!conn)
		return;
	if (conn->fd >= 0)
		setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (conn->stage == OPEN)
		conn->stage = CLOSED; /* no close_notify */
	lg_conn_close(conn);
}
