/* The files a `tls` mapping names, and the option tables. */
#include "net/tls_impl.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/net.h"

#define ROW(field) .name = #field, .offset = offsetof(struct lg_tls_conf, field)

const struct lg_option lg_tls_client_options[] = {
	{ROW(off), .type = LG_OPT_BOOL, .fallback = "false",
	 .doc = "Plaintext. Needs an egress rule with `plaintext: true` unless the peer is this machine."},
	{ROW(ca_file), .type = LG_OPT_FILE,
	 .doc = "PEM certificates of the authorities that may sign the peer's certificate; the system's trust store when not given."},
	{ROW(cert_file), .type = LG_OPT_FILE,
	 .doc = "PEM certificate chain to show to a peer that asks for one, our own certificate first."},
	{ROW(key_file), .type = LG_OPT_FILE, .doc = "PEM private key of `cert_file`, not encrypted."},
	{ROW(server_name), .type = LG_OPT_STRING, .doc = "Name the peer's certificate must carry, instead of the host dialled."},
	{ROW(min_version), .type = LG_OPT_ENUM, .choices = "1.2|1.3", .fallback = "1.2", .doc = "Lowest TLS version."},
	LG_OPTION_END};

const struct lg_option lg_tls_server_options[] = {
	{ROW(off), .type = LG_OPT_BOOL, .fallback = "false", .doc = "Plaintext."},
	{ROW(cert_file), .type = LG_OPT_FILE, .doc = "PEM certificate chain of this listener, its own certificate first."},
	{ROW(key_file), .type = LG_OPT_FILE, .doc = "PEM private key of `cert_file`, not encrypted."},
	{ROW(ca_file), .type = LG_OPT_FILE,
	 .doc = "PEM certificates of the authorities that may sign client certificates; needed with `verify_client`."},
	{ROW(verify_client), .type = LG_OPT_ENUM, .choices = "none|optional|required", .fallback = "none",
	 .doc = "Whether clients must show a certificate that `ca_file` signed."},
	{ROW(allowed_subjects), .type = LG_OPT_STRINGS,
	 .doc = "Client certificates that get in: names, of which one must be the certificate's common name or one of its alternative names (DNS, "
	        "e-mail, URI, address), or, where it holds a =, its whole subject as in \"CN=feed1,O=Example Bank\"; * stands for any characters. All that "
	        "`ca_file` signed when not given."},
	{ROW(min_version), .type = LG_OPT_ENUM, .choices = "1.2|1.3", .fallback = "1.2", .doc = "Lowest TLS version."},
	LG_OPTION_END};

/* Without this OpenSSL would ask for the passphrase on the terminal, and a service would hang there. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static enum lg_rc file_failed(const char *option, const char *path, struct lg_err *err)
{
	unsigned long code = ERR_peek_error(), last = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(last);

	ERR_clear_error();
	if (ERR_GET_LIB(code) == ERR_LIB_SYS)
		return lg_err_set(err, LG_INVALID, "tls.%s %s: %s", option, path, strerror(ERR_GET_REASON(code)));
	if ((ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE) ||
	    (ERR_GET_LIB(last) == ERR_LIB_X509 && ERR_GET_REASON(last) == X509_R_NO_CERTIFICATE_OR_CRL_FOUND))
		reason = "no PEM block of the right kind in it";
	if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_BAD_PASSWORD_READ)
		reason = "the key is encrypted; store it unencrypted, readable by this service alone";
	return lg_err_set(err, LG_INVALID, "tls.%s %s: %s", option, path, reason ? reason : "cannot be used");
}

static enum lg_rc load_own_cert(struct tls_ctx *ctx, const struct lg_tls_conf *conf, struct lg_err *err)
{
	if (!conf->cert_file && !conf->key_file) {
		if (ctx->server)
			return lg_err_set(err, LG_INVALID, "tls: a listener needs tls.cert_file and tls.key_file");
		return LG_OK;
	}
	if (!conf->cert_file || !conf->key_file)
		return lg_err_set(err, LG_INVALID, "tls.%s is given without tls.%s", conf->cert_file ? "cert_file" : "key_file",
		                  conf->cert_file ? "key_file" : "cert_file");
	if (SSL_CTX_use_certificate_chain_file(ctx->ssl, conf->cert_file) != 1)
		return file_failed("cert_file", conf->cert_file, err);
	if (SSL_CTX_use_PrivateKey_file(ctx->ssl, conf->key_file, SSL_FILETYPE_PEM) != 1) {
		if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
		    ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH) {
			ERR_clear_error();
			return lg_err_set(err, LG_INVALID, "tls.key_file %s is not the key of tls.cert_file %s", conf->key_file, conf->cert_file);
		}
		return file_failed("key_file", conf->key_file, err);
	}
	ctx->has_cert = true;
	return LG_OK;
}

static enum lg_rc load_trust(struct tls_ctx *ctx, const struct lg_tls_conf *conf, struct lg_err *err)
{
	if (conf->ca_file) {
		snprintf(ctx->trust, sizeof(ctx->trust), "%s", conf->ca_file);
		if (SSL_CTX_load_verify_file(ctx->ssl, conf->ca_file) != 1)
			return file_failed("ca_file", conf->ca_file, err);
		/* What the file names is trusted, be it a root, an intermediate, or the peer's certificate itself. */
		X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx->ssl), X509_V_FLAG_PARTIAL_CHAIN);
		if (ctx->server)
			SSL_CTX_set_client_CA_list(ctx->ssl, SSL_load_client_CA_file(conf->ca_file));
		return LG_OK;
	}
	snprintf(ctx->trust, sizeof(ctx->trust), "the system's trust store");
	if (ctx->server)
		return conf->verify_client == 0
		               ? LG_OK
		               : lg_err_set(err, LG_INVALID, "tls.verify_client needs tls.ca_file: whose certificates are good");
	if (SSL_CTX_set_default_verify_paths(ctx->ssl) != 1) {
		ERR_clear_error();
		return lg_err_set(err, LG_INVALID, "tls: the system's trust store cannot be read: set tls.ca_file");
	}
	return LG_OK;
}

static void set_modes(struct tls_ctx *ctx, const struct lg_tls_conf *conf)
{
	SSL_CTX_set_min_proto_version(ctx->ssl, conf->min_version == 1 ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_options(ctx->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
	SSL_CTX_set_mode(ctx->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_default_passwd_cb(ctx->ssl, no_passphrase);
	SSL_CTX_set_read_ahead(ctx->ssl, 1); /* one system call per record, not two */
	if (ctx->server) {
		/* A sender that never reads and just closes would answer an unread session ticket with a reset, and the reset would throw
		 * away what we have not read yet. So: no tickets. Many senders may be connected and silent: idle ones keep no buffers. */
		SSL_CTX_set_num_tickets(ctx->ssl, 0);
		SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_mode(ctx->ssl, SSL_MODE_RELEASE_BUFFERS);
	} else {
		/* Sessions are not resumed; the callback only wants to see that a ticket came. */
		SSL_CTX_sess_set_new_cb(ctx->ssl, tls_on_ticket);
		SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	}
}

enum lg_rc tls_ctx_new(const struct lg_tls_conf *conf, bool server, struct tls_ctx **out, struct lg_err *err)
{
	struct tls_ctx *ctx = mem_zalloc(sizeof(*ctx));
	enum lg_rc rc;

	ERR_clear_error();
	ctx->server = server;
	ctx->ssl = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	if (!ctx->ssl) {
		ERR_clear_error();
		rc = lg_err_set(err, LG_NOMEM, "tls: the TLS library cannot start");
		goto done;
	}
	set_modes(ctx, conf);
	if (conf->server_name)
		snprintf(ctx->server_name, sizeof(ctx->server_name), "%s", conf->server_name);
	rc = load_own_cert(ctx, conf, err);
	if (rc == LG_OK)
		rc = load_trust(ctx, conf, err);
	if (rc == LG_OK) {
		int verify = SSL_VERIFY_PEER;

		if (server && conf->verify_client == 0)
			verify = SSL_VERIFY_NONE;
		else if (server && conf->verify_client == 2)
			verify |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
		SSL_CTX_set_verify(ctx->ssl, verify, NULL);
	}
	if (rc == LG_OK && server)
		rc = tls_allow_init(ctx, conf, err);
done:
	if (rc == LG_OK) {
		*out = ctx;
	} else {
		tls_ctx_free(ctx);
		*out = NULL;
	}
	return rc;
}

void tls_ctx_free(struct tls_ctx *ctx)
{
	if (!ctx)
		return;
	SSL_CTX_free(ctx->ssl);
	tls_allow_fini(ctx);
	free(ctx);
}

enum lg_rc tls_ctx_check_dates(const struct tls_ctx *ctx, char warning[TLS_TEXT], struct lg_err *err)
{
	const X509 *cert = ctx->has_cert ? SSL_CTX_get0_certificate(ctx->ssl) : NULL;
	char when[64];
	int days;

	warning[0] = '\0';
	if (!cert)
		return LG_OK;
	days = tls_text_days_left(cert);
	tls_text_not_after(cert, when, sizeof(when));
	if (days < 0)
		return lg_err_set(err, LG_INVALID, "our certificate has expired: notAfter %s", when);
	if (days < TLS_EXPIRY_WARNING_DAYS)
		snprintf(warning, TLS_TEXT, "our certificate expires in %d days: notAfter %s", days, when);
	return LG_OK;
}

enum lg_rc net_check_tls(const struct lg_tls_conf *conf, bool server, struct lg_err *err)
{
	char warning[TLS_TEXT] = "";
	struct tls_ctx *ctx;
	enum lg_rc rc;

	if (err)
		err->text[0] = '\0';
	if (conf->off)
		return LG_OK;
	rc = tls_ctx_new(conf, server, &ctx, err);
	if (rc != LG_OK)
		return rc;
	rc = tls_ctx_check_dates(ctx, warning, err);
	tls_ctx_free(ctx);
	if (rc != LG_OK)
		return lg_err_prepend(err, "tls.cert_file %s", conf->cert_file);
	if (warning[0])
		lg_err_set(err, LG_OK, "tls.cert_file %s: %s", conf->cert_file, warning);
	return LG_OK;
}
