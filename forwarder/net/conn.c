/* Connections: connect with several addresses, bytes in and out, and the orderly end. TLS itself is in tls.c. */
#include "net/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sys.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* there the program ignores SIGPIPE */
#endif
#ifndef MSG_MORE
#define MSG_MORE 0
#endif

#define DEFAULT_TIMEOUT_NS (10 * CLOCK_SECOND)
#define CONFIRM_NS (1 * CLOCK_SECOND)      /* for a TLS 1.3 server to refuse our certificate */
#define ACK_POLL_NS (5 * CLOCK_MS)         /* nothing signals that TCP has an acknowledgement */

enum stage {
	CONNECTING, /* TCP, to conn->addr */
	HANDSHAKE,
	CONFIRM,    /* the server may still refuse our certificate */
	OPEN,
	NOTIFY,     /* shutdown: close_notify on its way */
	DRAIN,      /* shutdown: our side is closed, reading to the peer's end */
	ENDED,      /* shutdown: the peer's end was seen, waiting for the last acknowledgement */
	CLOSED,     /* shutdown is complete */
};

struct lg_net {
	struct net_gate gate;
};

/* Owned by the thread that opened or accepted it. */
struct lg_conn {
	int fd;
	enum stage stage;
	struct tls_ctx *ctx; /* own reference on the client side; NULL: plaintext or accepted */
	struct tls *tls;     /* NULL: plaintext */
	struct lg_net *net;
	struct addrinfo *list, *addr; /* client: all addresses, the one being tried */
	char host[256];
	uint16_t port;
	int64_t timeout_ns, deadline_ns;
	struct lg_tcp_conf tcp;
	bool has_tcp; /* lg_conn_set_tcp was called */
	uint64_t written, received;
	bool eof;  /* recv answered 0 */
	bool more; /* the last read gave bytes, so that more may lie decrypted */
	char peer[ADDR_TEXT], peer_ip[ADDR_IP_TEXT];
	int peer_port;
	int64_t peer_pid; /* -1: not known */
};

/* ---- the door ------------------------------------------------------------------------------------------------------------------- */

static enum lg_rc permit_loopback(void *guard, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext,
                                  struct lg_err *err)
{
	(void)guard;
	(void)plaintext;
	if (addr_is_loopback(addr))
		return LG_OK;
	return lg_err_set(err, LG_DENIED, "no egress policy: %s:%u is not this machine", host, (unsigned)port);
}

struct lg_net *net_new(const struct net_gate *gate)
{
	struct lg_net *net = mem_zalloc(sizeof(*net));

	if (gate)
		net->gate = *gate;
	else
		net->gate.permit = permit_loopback;
	return net;
}

enum lg_rc net_permit_learned(struct lg_net *net, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext,
                              struct lg_err *err)
{
	const struct net_gate *gate = &net->gate;

	return (gate->permit_learned ? gate->permit_learned : gate->permit)(gate->guard, host, port, addr, plaintext, err);
}

uint64_t lg_net_random(struct lg_net *net)
{
	uint64_t seed = (uint64_t)(uintptr_t)net;

	(void)!sys_random(&seed, sizeof(seed));
	return seed;
}

void net_free(struct lg_net *net)
{
	free(net);
}

enum lg_rc net_permit(const struct lg_net *net, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext, struct lg_err *err)
{
	return net->gate.permit(net->gate.guard, host, port, addr, plaintext, err);
}

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

/* With `more` Linux fills whole packets across calls: a packet per TLS record costs more than to encrypt it. */
static ssize_t raw_send(void *arg, const void *data, size_t size, bool more)
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

static ssize_t raw_recv(void *arg, void *data, size_t size)
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

static enum lg_rc peer_failed(int sys_errno, const struct lg_conn *conn, const char *what, struct lg_err *err)
{
	lg_err_sys(err, sys_errno, "%s %s", what, conn->peer);
	if (err)
		err->rc = LG_PEER;
	return LG_PEER;
}

static void set_deadline(struct lg_conn *conn, int64_t ns)
{
	conn->deadline_ns = clock_mono(&clock_system) + ns;
}

static bool overdue(const struct lg_conn *conn)
{
	return clock_mono(&clock_system) >= conn->deadline_ns;
}

/* ---- connecting ----------------------------------------------------------------------------------------------------------------- */

static void drop_fd(struct lg_conn *conn)
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
			set_deadline(conn, conn->timeout_ns);
			apply_tcp(conn);
			return LG_OK;
		} else {
			rc = peer_failed(errno, conn, "connect to", err);
		}
		drop_fd(conn);
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
	conn->timeout_ns = DEFAULT_TIMEOUT_NS;
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
	set_deadline(conn, ns);
}

struct lg_conn *conn_accepted(int fd, const struct sockaddr *peer, struct tls_ctx *ctx)
{
	struct lg_conn *conn = mem_zalloc(sizeof(*conn));

	conn->fd = fd;
	conn->timeout_ns = DEFAULT_TIMEOUT_NS;
	addr_format(peer, conn->peer);
	conn->peer_port = addr_format_ip(peer, conn->peer_ip);
	conn->peer_pid = -1;
	if (peer->sa_family == AF_UNIX && sys_peer_pid(fd, &conn->peer_pid) == 0)
		snprintf(conn->peer, sizeof(conn->peer), "process %lld", (long long)conn->peer_pid);
	conn->stage = HANDSHAKE;
	set_deadline(conn, conn->timeout_ns);
	if (ctx)
		conn->tls = tls_new(ctx, &(struct tls_io){raw_send, raw_recv, conn}, NULL);
	return conn;
}

/* LG_OK: the TCP connection stands. LG_AGAIN: wait, perhaps for another address by now. */
static enum lg_rc finish_connect(struct lg_conn *conn, struct lg_err *err)
{
	struct pollfd wait = {.fd = conn->fd, .events = POLLOUT};
	socklen_t size = sizeof(int);
	int problem = 0;
	enum lg_rc rc;

	if (poll(&wait, 1, 0) <= 0) {
		if (!overdue(conn))
			return LG_AGAIN;
		problem = ETIMEDOUT;
	} else if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &problem, &size) < 0) {
		problem = errno;
	}
	if (problem == 0)
		return LG_OK;
	rc = peer_failed(problem, conn, "connect to", err);
	drop_fd(conn);
	conn->addr = conn->addr->ai_next;
	if (conn->addr)
		rc = connect_next(conn, true, err);
	return rc == LG_OK ? LG_AGAIN : rc;
}

static enum lg_rc step_handshake(struct lg_conn *conn, struct lg_err *err)
{
	enum lg_rc rc = tls_handshake(conn->tls, err);

	if (rc == LG_AGAIN && overdue(conn))
		return peer_failed(ETIMEDOUT, conn, "TLS handshake with", err);
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
		rc = finish_connect(conn, err);
		if (rc != LG_OK)
			return rc;
		if (conn->ctx)
			conn->tls = tls_new(conn->ctx, &(struct tls_io){raw_send, raw_recv, conn}, conn->host);
		conn->stage = HANDSHAKE;
		set_deadline(conn, conn->timeout_ns);
	}
	if (conn->stage == HANDSHAKE) {
		rc = conn->tls ? step_handshake(conn, err) : LG_OK;
		if (rc != LG_OK)
			return rc;
		conn->stage = CONFIRM;
		set_deadline(conn, CONFIRM_NS);
	}
	if (conn->stage == CONFIRM) {
		rc = conn->tls ? tls_confirm(conn->tls, err) : LG_OK;
		if (rc == LG_AGAIN && overdue(conn))
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
		ssize_t n = raw_send(conn, data + *done, size - *done, false);

		if (n == -EAGAIN)
			return LG_AGAIN;
		if (n < 0)
			return peer_failed((int)-n, conn, "write to", err);
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
	ssize_t n = raw_recv(conn, data, size);

	if (n == -EAGAIN)
		return LG_AGAIN;
	if (n < 0)
		return peer_failed((int)-n, conn, "read from", err);
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

/* ---- the orderly end ---------------------------------------------------------------------------------------------------------------- */

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
		n = raw_recv(conn, scrap, sizeof(scrap));
	while (n > 0);
	if (n == -EAGAIN)
		return LG_AGAIN;
	return n == 0 ? LG_EOF : peer_failed((int)-n, conn, "close of", err);
}

/* EOF alone could be a close of the peer's own that crossed ours; with every byte acknowledged and no reset it has read them all. */
static enum lg_rc last_acknowledged(struct lg_conn *conn, struct lg_err *err)
{
	socklen_t size = sizeof(int);
	int problem = 0;

	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &problem, &size) < 0)
		problem = errno;
	if (problem)
		return peer_failed(problem, conn, "close of", err);
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
			return peer_failed(errno, conn, "close of", err);
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
	drop_fd(conn);
	if (conn->list)
		freeaddrinfo(conn->list);
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

/* ---- waiting and telling ---------------------------------------------------------------------------------------------------------- */

void lg_conn_wait(const struct lg_conn *conn, struct lg_waitset *ws, bool want_read, bool want_write)
{
	short events = (short)((want_read ? POLLIN : 0) | (want_write ? POLLOUT : 0));

	switch (conn->stage) {
	case CONNECTING:
		events = POLLOUT;
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
