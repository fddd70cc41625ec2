/* conn.h - inside of a connection, shared by conn.c (client side, data) and listener.c (accepted side). */
#ifndef CONN_H
#define CONN_H

#include "net/addr.h"
#include "net/net.h"
#include "net/tls.h"

/* A connection accepted on fd (owned from here on): handshake comes next. ctx NULL: plaintext. */
struct lg_conn *conn_accepted(int fd, const struct sockaddr *peer, struct tls_ctx *ctx);
/* Non-blocking, close-on-exec, no delay, keepalive: what every socket of ours is. 0, or -errno. */
int conn_prepare_fd(int fd);

#endif
