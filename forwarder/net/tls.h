/* tls.h - TLS over a connection's own send and receive: all of OpenSSL is behind this header (tls.c, tls_ctx.c, tls_text.c).
 *
 * A tls_ctx is immutable once made and may be shared by threads; a struct tls belongs to its connection's thread. */
#ifndef TLS_H
#define TLS_H

#include <sys/types.h>

#include "api/lg_net.h"

struct tls_ctx; /* certificates, keys, trust, versions: what a `tls` mapping says */
struct tls;     /* one session */

/* Bytes to and from the socket: number of bytes, 0 = end of file (recv), or -errno. `more`: the next send follows at once. */
struct tls_io {
	ssize_t (*send)(void *arg, const void *data, size_t size, bool more);
	ssize_t (*recv)(void *arg, void *data, size_t size);
	void *arg;
};

#define TLS_TEXT 160

/* LG_INVALID: a file cannot be used; err says which and why. Files are read here and not again. */
enum lg_rc tls_ctx_new(const struct lg_tls_conf *conf, bool server, struct tls_ctx **ctx, struct lg_err *err) LG_WARN_UNUSED;
void tls_ctx_free(struct tls_ctx *ctx);
/* The first day on which a certificate of our own is out of date: LG_INVALID when that has come; LG_OK with a text in `warning` within 14 days. */
enum lg_rc tls_ctx_check_dates(const struct tls_ctx *ctx, char warning[TLS_TEXT], struct lg_err *err) LG_WARN_UNUSED;

/* host: whom the peer's certificate must name (a DNS name, or an address in text); NULL on the accepting side. Keeps a
 * reference to ctx; io is copied, io.arg borrowed for the session's life. */
struct tls *tls_new(struct tls_ctx *ctx, const struct tls_io *io, const char *host);
void tls_free(struct tls *tls);

/* LG_OK: keys agreed and the peer verified. LG_AGAIN: see tls_wait. LG_TLS: verification or the protocol failed. LG_PEER: reset, closed. */
enum lg_rc tls_handshake(struct tls *tls, struct lg_err *err) LG_WARN_UNUSED;
/* TLS 1.3 tells a client only after its handshake that its certificate was refused (RFC 8446 section 4.4.2.4). LG_AGAIN: the server asked for a
 * certificate and has not yet shown that it took the answer (a ticket, data); LG_OK: it has, or nothing was asked; LG_TLS: it refused. */
enum lg_rc tls_confirm(struct tls *tls, struct lg_err *err) LG_WARN_UNUSED;
enum lg_rc tls_write(struct tls *tls, const void *data, size_t size, size_t *done, struct lg_err *err) LG_WARN_UNUSED;
/* LG_EOF: close_notify. LG_PEER: closed without one, or reset. LG_TLS: a fatal alert or a broken record. */
enum lg_rc tls_read(struct tls *tls, void *data, size_t size, size_t *done, struct lg_err *err) LG_WARN_UNUSED;
/* Sends close_notify (RFC 8446 section 6.1); reading goes on to work. */
enum lg_rc tls_close_notify(struct tls *tls, struct lg_err *err) LG_WARN_UNUSED;

short tls_wait(const struct tls *tls);           /* POLLIN or POLLOUT: what the last LG_AGAIN waits for */
bool tls_write_pending(const struct tls *tls);   /* a record is half written: the same bytes must be offered again */
const char *tls_describe(const struct tls *tls); /* "TLSv1.3 TLS_AES_256_GCM_SHA384" */
/* NULL, or why a person should look soon: a certificate of the peer or our own expires within 14 days. */
const char *tls_warning(const struct tls *tls);

#endif
