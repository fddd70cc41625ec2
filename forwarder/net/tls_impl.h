/* tls_impl.h - shared by tls.c, tls_ctx.c and tls_text.c; includes OpenSSL, so nobody else includes it. */
#ifndef TLS_IMPL_H
#define TLS_IMPL_H

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "net/tls.h"

#define TLS_EXPIRY_WARNING_DAYS 14

struct tls_ctx {
	SSL_CTX *ssl;
	bool server;
	bool has_cert;
	char trust[300]; /* "the system's trust store", "/etc/x/ca.pem": for error texts */
	char server_name[256];
	char **allowed; /* patterns of client certificates; NULL-terminated; NULL: all */
};

struct tls {
	SSL *ssl;
	const struct tls_ctx *ctx;
	struct tls_io io;
	bool server;
	bool has_cert;
	bool cert_requested; /* client: the server sent a CertificateRequest */
	bool confirmed;      /* client: a NewSessionTicket or data came after the handshake */
	bool eof;            /* io.recv answered 0 */
	bool write_pending;
	bool more;           /* the record being written is not the last one of this call */
	int sys_errno;       /* of the last failed io call */
	short wait;
	long verify_error;   /* X509_V_*, the first one of the chain */
	char verify_text[600];
	char describe[96];
	char warning[TLS_TEXT];
	char host[256];
	char trust[300];
};

/* The whole text of a failed verification of `cert` (may be NULL), which `error` found: what is wrong, and what to do. */
void tls_text_verify(const struct tls *tls, long error, X509 *cert, char *text, size_t size);
/* LG_TLS with the newest OpenSSL error in words an operator can act on; empties OpenSSL's queue. */
enum lg_rc tls_text_failure(const struct tls *tls, const char *what, struct lg_err *err);
/* "CN = siem.example.com" into text. */
void tls_text_subject(const X509_NAME *name, char *text, size_t size);
/* tls_allow.c: `allowed_subjects`. */
enum lg_rc tls_allow_init(struct tls_ctx *ctx, const struct lg_tls_conf *conf, struct lg_err *err) LG_WARN_UNUSED;
void tls_allow_fini(struct tls_ctx *ctx);
/* False: no pattern fits this client's certificate; text says who it is and what would let it in. */
bool tls_allow(const struct tls_ctx *ctx, X509 *cert, char *text, size_t size);
/* Session callback of client contexts: notes in the struct tls that a ticket came. */
int tls_on_ticket(SSL *ssl, SSL_SESSION *session);
/* Days until notAfter, negative when it has passed. */
int tls_text_days_left(const X509 *cert);
void tls_text_not_after(const X509 *cert, char *text, size_t size);

#endif
