/* certs.h - certificates made on the spot, for tests of TLS. Header only; link OpenSSL and cmocka. */
#ifndef CERTS_H
#define CERTS_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DAY 86400L

struct cert {
	X509 *x509;
	EVP_PKEY *key;
	char cert_file[200], key_file[200];
};

/* An own temporary directory for the files. */
struct certs {
	char dir[100];
	unsigned count;
};

static inline void certs_init(struct certs *certs)
{
	const char *base = getenv("TMPDIR");

	snprintf(certs->dir, sizeof(certs->dir), "%.80s/certs.XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(certs->dir));
	certs->count = 0;
}

static inline void certs_add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x509, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* cn; names: "DNS:localhost,IP:127.0.0.1" or NULL; valid from now + from to now + to seconds; issuer NULL: a self-signed authority. */
static inline void certs_make(struct certs *certs, struct cert *cert, const char *cn, const char *names, long from, long to,
                              const struct cert *issuer)
{
	X509 *x509 = X509_new();
	X509_NAME *subject = X509_get_subject_name(x509);
	FILE *file;

	cert->key = EVP_EC_gen("P-256");
	cert->x509 = x509;
	assert_non_null(cert->key);
	certs->count++;
	X509_set_version(x509, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x509), (long)certs->count);
	X509_gmtime_adj(X509_getm_notBefore(x509), from);
	X509_gmtime_adj(X509_getm_notAfter(x509), to);
	X509_set_pubkey(x509, cert->key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(x509, issuer ? X509_get_subject_name(issuer->x509) : subject);
	certs_add_extension(x509, issuer ? issuer->x509 : x509, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
	if (names)
		certs_add_extension(x509, issuer ? issuer->x509 : x509, NID_subject_alt_name, names);
	assert_true(X509_sign(x509, issuer ? issuer->key : cert->key, EVP_sha256()) > 0);
	snprintf(cert->cert_file, sizeof(cert->cert_file), "%s/%u.pem", certs->dir, certs->count);
	snprintf(cert->key_file, sizeof(cert->key_file), "%s/%u.key", certs->dir, certs->count);
	file = fopen(cert->cert_file, "w");
	assert_non_null(file);
	PEM_write_X509(file, x509);
	fclose(file);
	file = fopen(cert->key_file, "w");
	assert_non_null(file);
	PEM_write_PrivateKey(file, cert->key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
}

static inline void certs_drop(struct cert *cert)
{
	X509_free(cert->x509);
	EVP_PKEY_free(cert->key);
	unlink(cert->cert_file);
	unlink(cert->key_file);
}

static inline void certs_fini(struct certs *certs)
{
	rmdir(certs->dir);
}

#endif
