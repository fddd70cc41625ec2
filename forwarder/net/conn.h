/* conn.h - inside of a connection, shared by connect.c (client side), listener.c (accepted side), conn.c (handshake, data) and shutdown.c (the end). */
#ifndef CONN_H
#define CONN_H

#include "net/addr.h"
#include "net/net.h"
#include "net/proxy.h"
#include "net/tls.h"

#define CONN_TIMEOUT_NS INT64_C(10000000000)

enum conn_stage {
	CONNECTING, /* TCP, to conn->addr */
	PROXY,      /* accepted: the header of a load balancer comes first */
	HANDSHAKE,
	CONFIRM,    /* the server may still refuse our certificate */
	OPEN,
	NOTIFY,     /* shutdown: close_notify on its way */
	DRAIN,      /* shutdown: our side is closed, reading to the peer's end */
	ENDED,      /* shutdown: the peer's end was seen, waiting for the last acknowledgement */
	CLOSED,     /* shutdown is complete */
};

/* Owned by the thread that opened or accepted it. */
struct lg_conn {
	int fd;
	enum conn_stage stage;
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
	struct proxy *proxy; /* in PROXY */
};

/* A connection accepted on fd (owned from here on): handshake comes next. ctx NULL: plaintext. `proxied`: a PROXY protocol header comes first. */
struct lg_conn *conn_accepted(int fd, const struct sockaddr *peer, struct tls_ctx *ctx, bool proxied);
/* Non-blocking, close-on-exec, no delay, keepalive: what every socket of ours is. 0, or -errno. */
int conn_prepare_fd(int fd);
/* LG_OK: the TCP connection stands. LG_AGAIN: wait, perhaps for another address by now. */
enum lg_rc conn_finish_connect(struct lg_conn *conn, struct lg_err *err) LG_WARN_UNUSED;
/* LG_PEER with "<what> <peer>: <error>". */
enum lg_rc conn_failed(int sys_errno, const struct lg_conn *conn, const char *what, struct lg_err *err);
void conn_set_deadline(struct lg_conn *conn, int64_t ns); /* ns from now */
bool conn_overdue(const struct lg_conn *conn);
void conn_drop_fd(struct lg_conn *conn);
/* struct tls_io's functions; arg is the connection. */
ssize_t conn_send(void *arg, const void *data, size_t size, bool more);
ssize_t conn_recv(void *arg, void *data, size_t size);

#endif
