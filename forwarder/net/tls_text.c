/* What OpenSSL says, in words an operator can act on. */
#include "net/tls_impl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* What was printed into bio, which is freed. */
static void take_text(BIO *bio, char *text, size_t size)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);

	snprintf(text, size, "%.*s", (int)n, n > 0 ? data : "");
	BIO_free(bio);
}

void tls_text_subject(const X509_NAME *name, char *text, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());

	text[0] = '\0';
	if (!bio)
		return;
	X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
	take_text(bio, text, size);
}

static void time_text(const ASN1_TIME *time, char *text, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());

	text[0] = '\0';
	if (!bio)
		return;
	ASN1_TIME_print(bio, time);
	take_text(bio, text, size);
}

void tls_text_not_after(const X509 *cert, char *text, size_t size)
{
	time_text(X509_get0_notAfter(cert), text, size);
}

int tls_text_days_left(const X509 *cert)
{
	int days = 0, seconds = 0;

	if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)))
		return 0;
	return days < 0 || seconds < 0 ? days - 1 : days;
}

static void add_name(char *text, size_t size, const char *name, size_t length)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s%.*s", used ? ", " : "", (int)length, name);
}

/* The names a certificate is good for: its DNS and address entries (RFC 6125 section 6.4: the subject's CN only where there is none). */
static void cert_names(X509 *cert, char *text, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	char ip[64];

	text[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS) {
			add_name(text, size, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
			         (size_t)ASN1_STRING_length(name->d.dNSName));
		} else if (name->type == GEN_IPADD) {
			int family = ASN1_STRING_length(name->d.iPAddress) == 16 ? AF_INET6 : AF_INET;

			if (inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), ip, sizeof(ip)))
				add_name(text, size, ip, strlen(ip));
		}
	}
	GENERAL_NAMES_free(names);
	if (!text[0])
		tls_text_subject(X509_get_subject_name(cert), text, size);
}

void tls_text_verify(const struct tls *tls, long error, X509 *cert, char *text, size_t size)
{
	char subject[200] = "unknown", issuer[200] = "unknown", when[64] = "", names[260] = "";

	if (cert) {
		tls_text_subject(X509_get_subject_name(cert), subject, sizeof(subject));
		tls_text_subject(X509_get_issuer_name(cert), issuer, sizeof(issuer));
	}
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		if (cert)
			tls_text_not_after(cert, when, sizeof(when));
		snprintf(text, size, "certificate has expired: subject %s, notAfter %s", subject, when);
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		if (cert)
			time_text(X509_get0_notBefore(cert), when, sizeof(when));
		snprintf(text, size, "certificate is not valid yet: subject %s, notBefore %s (is this machine's clock right?)", subject, when);
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		if (cert)
			cert_names(cert, names, sizeof(names));
		snprintf(text, size,
		         "host name mismatch: the certificate is for %s, we dialled %s: set tls.server_name if that is the right peer", names,
		         tls->host);
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		snprintf(text, size,
		         "certificate of an unknown authority (%s): subject %s, issuer %s; trusted is %s: set tls.ca_file to the authority's certificate",
		         X509_verify_cert_error_string(error), subject, issuer, tls->trust);
		break;
	default:
		snprintf(text, size, "certificate not accepted: %s: subject %s", X509_verify_cert_error_string(error), subject);
	}
}

/* Alerts (RFC 8446 section 6.2) that a peer sends because of the certificate we showed, or did not show. */
static const char *alert_text(const struct tls *tls, int reason)
{
	switch (reason) {
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
		return "the peer demands a client certificate: set tls.cert_file and tls.key_file";
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
		return tls->cert_requested && !tls->has_cert
		               ? "the peer refused the handshake; it asked for a client certificate and none is set: tls.cert_file, tls.key_file"
		               : "the peer refused the handshake: no cipher or version in common, or it wants a client certificate";
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
		return "the peer refused our certificate as bad";
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
		return "the peer refused our certificate: unsupported kind";
	case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
		return "the peer refused our certificate: revoked";
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
		return "the peer refused our certificate: expired";
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
		return "the peer refused our certificate";
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
		return "the peer does not know the authority that issued our certificate";
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
		return "the peer knows our certificate and denies access";
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		return "the peer speaks none of our TLS versions (see tls.min_version)";
	case SSL_R_TLSV1_UNRECOGNIZED_NAME:
		return "the peer does not serve the name we dialled (see tls.server_name)";
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
		return "the peer does not speak TLS on this port";
	case SSL_R_UNSUPPORTED_PROTOCOL:
		return "no TLS version in common (see tls.min_version)";
	case SSL_R_NO_SHARED_CIPHER:
		return "no cipher in common";
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return "the client shows no certificate, and tls.verify_client demands one";
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return "the peer closed the connection in the middle";
	default:
		return NULL;
	}
}

enum lg_rc tls_text_failure(const struct tls *tls, const char *what, struct lg_err *err)
{
	unsigned long code = ERR_peek_error();
	int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
	const char *known = reason ? alert_text(tls, reason) : NULL;
	const char *raw = ERR_reason_error_string(code);

	ERR_clear_error();
	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && tls->verify_text[0])
		return lg_err_set(err, LG_TLS, "%s: %s", what, tls->verify_text);
	if (known && raw)
		return lg_err_set(err, LG_TLS, "%s: %s (%s)", what, known, raw);
	return lg_err_set(err, LG_TLS, "%s: %s", what, raw ? raw : "unknown failure in the TLS library");
}
