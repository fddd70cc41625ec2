/* TLS sessions. */
#include "net/tls_impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define RECORD_MAX 16384 /* RFC 8446 section 5.1: plaintext of one record */

/* ---- a BIO over the connection: our own, because OpenSSL's socket BIO raises SIGPIPE and cannot count ------------------------- */

static int io_write(BIO *bio, const char *data, int size)
{
	struct tls *tls = BIO_get_data(bio);
	ssize_t n = tls->io.send(tls->io.arg, data, (size_t)size, tls->more);

	BIO_clear_retry_flags(bio);
	if (n >= 0)
		return (int)n;
	if (n == -EAGAIN)
		BIO_set_retry_write(bio);
	else
		tls->sys_errno = (int)-n;
	return -1;
}

static int io_read(BIO *bio, char *data, int size)
{
	struct tls *tls = BIO_get_data(bio);
	ssize_t n = tls->io.recv(tls->io.arg, data, (size_t)size);

	BIO_clear_retry_flags(bio);
	if (n > 0)
		return (int)n;
	if (n == -EAGAIN)
		BIO_set_retry_read(bio);
	else if (n == 0)
		tls->eof = true;
	else
		tls->sys_errno = (int)-n;
	return n == 0 ? 0 : -1;
}

static long io_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *io_method;

static void io_method_make(void)
{
	io_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lugger connection");
	if (!io_method)
		abort();
	BIO_meth_set_write(io_method, io_write);
	BIO_meth_set_read(io_method, io_read);
	BIO_meth_set_ctrl(io_method, io_ctrl);
}

/* ---- making one ----------------------------------------------------------------------------------------------------------------- */

/* Called for each certificate of the chain; keeps the first thing that is wrong, in words. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *tls = SSL_get_app_data(ssl);

	if (!ok && tls->verify_error == X509_V_OK) {
		tls->verify_error = X509_STORE_CTX_get_error(store);
		tls_text_verify(tls, tls->verify_error, X509_STORE_CTX_get_current_cert(store), tls->verify_text, sizeof(tls->verify_text));
	}
	/* The certificate itself comes last, when the chain above it is found good. Refused here, the peer learns it in its handshake. */
	if (ok && tls->server && X509_STORE_CTX_get_error_depth(store) == 0 &&
	    !tls_allow(tls->ctx, X509_STORE_CTX_get_current_cert(store), tls->verify_text, sizeof(tls->verify_text))) {
		tls->verify_error = X509_V_ERR_APPLICATION_VERIFICATION;
		X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
		return 0;
	}
	return ok;
}

/* On the client: the server sent a CertificateRequest. */
static int on_cert_request(SSL *ssl, void *arg)
{
	(void)ssl;
	((struct tls *)arg)->cert_requested = true;
	return 1;
}

int tls_on_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct tls *tls = SSL_get_app_data(ssl);

	(void)session;
	tls->confirmed = true;
	return 0; /* the session is not kept */
}

static bool is_address(const char *host)
{
	unsigned char raw[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1;
}

static bool expect_host(struct tls *tls, const char *host)
{
	size_t length;

	snprintf(tls->host, sizeof(tls->host), "%s", host);
	length = strlen(tls->host);
	if (length > 1 && tls->host[length - 1] == '.') /* the root's dot is never part of a certificate's name */
		tls->host[length - 1] = '\0';
	if (is_address(tls->host))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), tls->host) == 1;
	SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(tls->ssl, tls->host) == 1 && SSL_set_tlsext_host_name(tls->ssl, tls->host) == 1;
}

struct tls *tls_new(struct tls_ctx *ctx, const struct tls_io *io, const char *host)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct tls *tls = mem_zalloc(sizeof(*tls));
	BIO *bio;

	pthread_once(&once, io_method_make);
	tls->io = *io;
	tls->ctx = ctx;
	tls->server = ctx->server;
	tls->has_cert = ctx->has_cert;
	memcpy(tls->trust, ctx->trust, sizeof(tls->trust));
	tls->wait = POLLOUT;
	tls->ssl = SSL_new(ctx->ssl);
	bio = BIO_new(io_method);
	if (!tls->ssl || !bio)
		abort(); /* as mem_alloc: a connection's first kilobytes */
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(tls->ssl, bio, bio);
	SSL_set_app_data(tls->ssl, tls);
	SSL_set_verify(tls->ssl, SSL_get_verify_mode(tls->ssl), on_verify);
	if (tls->server) {
		SSL_set_accept_state(tls->ssl);
		return tls;
	}
	SSL_set_connect_state(tls->ssl);
	SSL_set_cert_cb(tls->ssl, on_cert_request, tls);
	/* A name that cannot be checked must not pass unchecked. */
	if (!expect_host(tls, ctx->server_name[0] ? ctx->server_name : host))
		abort();
	return tls;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	SSL_free(tls->ssl);
	free(tls);
}

/* ---- running one ------------------------------------------------------------------------------------------------------------------ */

/* What an SSL_* call's failure means. Connection trouble is LG_PEER, all else LG_TLS. */
static enum lg_rc failed(struct tls *tls, int result, const char *what, struct lg_err *err)
{
	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		tls->wait = POLLIN;
		return LG_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		tls->wait = POLLOUT;
		return LG_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return LG_EOF;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		if (tls->eof)
			return lg_err_set(err, LG_PEER, "%s: the peer closed the connection without a TLS close", what);
		lg_err_sys(err, tls->sys_errno, "%s", what);
		if (err)
			err->rc = LG_PEER;
		return LG_PEER;
	default:
		return tls_text_failure(tls, what, err);
	}
}

static void warn_about(struct tls *tls, const X509 *cert, const char *whose)
{
	int days = cert ? tls_text_days_left(cert) : TLS_EXPIRY_WARNING_DAYS;
	char when[64];

	if (days >= TLS_EXPIRY_WARNING_DAYS)
		return;
	tls_text_not_after(cert, when, sizeof(when));
	if (days < 0) /* only our own can be: an expired one of the peer's was refused */
		snprintf(tls->warning, sizeof(tls->warning), "%s certificate has expired: notAfter %s", whose, when);
	else
		snprintf(tls->warning, sizeof(tls->warning), "%s certificate expires in %d days: notAfter %s", whose, days, when);
}

static void established(struct tls *tls)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(tls->ssl);

	snprintf(tls->describe, sizeof(tls->describe), "%s %s", SSL_get_version(tls->ssl), SSL_get_cipher_name(tls->ssl));
	if (!tls->server || tls->has_cert)
		warn_about(tls, SSL_get_certificate(tls->ssl), "our");
	if (!tls->server)
		for (int i = 0; i < sk_X509_num(chain); i++)
			warn_about(tls, sk_X509_value(chain, i), i == 0 ? "the peer's" : "an authority's");
}

enum lg_rc tls_handshake(struct tls *tls, struct lg_err *err)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(tls->ssl);
	if (result == 1) {
		/* Verification is on in the library; this says so where it matters. */
		if (!tls->server && SSL_get_verify_result(tls->ssl) != X509_V_OK)
			return lg_err_set(err, LG_TLS, "TLS handshake: the peer is not verified");
		established(tls);
		return LG_OK;
	}
	return failed(tls, result, "TLS handshake", err);
}

enum lg_rc tls_confirm(struct tls *tls, struct lg_err *err)
{
	enum lg_rc rc;
	char byte;
	int result;

	if (tls->confirmed || tls->server || !tls->cert_requested || SSL_version(tls->ssl) < TLS1_3_VERSION)
		return LG_OK;
	ERR_clear_error();
	result = SSL_peek(tls->ssl, &byte, 1);
	if (result > 0)
		return LG_OK;
	rc = failed(tls, result, "TLS client certificate", err);
	if (rc == LG_EOF)
		return lg_err_set(err, LG_TLS, "TLS client certificate: the peer asked for it and closed the connection: it does not accept it");
	return rc == LG_AGAIN && tls->confirmed ? LG_OK : rc;
}

/* The peer's last word, when a write failed because it had hung up: an alert that explains why may lie unread. */
static enum lg_rc explain_broken_write(struct tls *tls, enum lg_rc rc, struct lg_err *err)
{
	struct lg_err why;
	char scrap[256];
	int result;

	do {
		ERR_clear_error();
		result = SSL_read(tls->ssl, scrap, sizeof(scrap));
	} while (result > 0);
	if (failed(tls, result, "TLS", &why) != LG_TLS)
		return rc;
	if (err)
		*err = why;
	return LG_TLS;
}

enum lg_rc tls_write(struct tls *tls, const void *data, size_t size, size_t *done, struct lg_err *err)
{
	const char *at = data;
	enum lg_rc rc;

	*done = 0;
	while (*done < size) {
		size_t chunk = size - *done < RECORD_MAX ? size - *done : RECORD_MAX, written;
		int result;

		ERR_clear_error();
		tls->more = chunk < size - *done;
		result = SSL_write_ex(tls->ssl, at + *done, chunk, &written);
		tls->more = false;
		if (result == 1) {
			tls->write_pending = false;
			*done += written;
			continue;
		}
		rc = failed(tls, result, "TLS write", err);
		if (rc == LG_AGAIN)
			tls->write_pending = tls->wait == POLLOUT;
		else if (rc == LG_PEER)
			rc = explain_broken_write(tls, rc, err);
		else if (rc == LG_EOF)
			rc = lg_err_set(err, LG_PEER, "TLS write: the connection is closed");
		return rc;
	}
	return LG_OK;
}

enum lg_rc tls_read(struct tls *tls, void *data, size_t size, size_t *done, struct lg_err *err)
{
	int result;

	ERR_clear_error();
	*done = 0;
	result = SSL_read_ex(tls->ssl, data, size, done);
	return result == 1 ? LG_OK : failed(tls, result, "TLS read", err);
}

enum lg_rc tls_close_notify(struct tls *tls, struct lg_err *err)
{
	enum lg_rc rc;
	int result;

	if (SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN)
		return LG_OK;
	ERR_clear_error();
	result = SSL_shutdown(tls->ssl);
	if (result >= 0)
		return LG_OK;
	rc = failed(tls, result, "TLS close", err);
	return rc == LG_EOF ? LG_OK : rc;
}

short tls_wait(const struct tls *tls)
{
	return tls->wait;
}

bool tls_write_pending(const struct tls *tls)
{
	return tls->write_pending;
}

const char *tls_describe(const struct tls *tls)
{
	return tls->describe;
}

const char *tls_warning(const struct tls *tls)
{
	return tls->warning[0] ? tls->warning : NULL;
}
