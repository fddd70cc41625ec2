/* Which of the client certificates that an authority of ours signed get in. */
#include "net/tls_impl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NAMES_TEXT 400

struct names {
	char subject[300]; /* RFC 2253: "CN=feed1,O=Example Bank" */
	char first[200];   /* the name a person would write down */
	const char *pattern;
	bool fits;
	char all[NAMES_TEXT];
};

enum lg_rc tls_allow_init(struct tls_ctx *ctx, const struct lg_tls_conf *conf, struct lg_err *err)
{
	size_t count = conf->allowed_subjects.count;

	if (!count)
		return LG_OK;
	if (conf->verify_client != 2)
		return lg_err_set(err, LG_INVALID, "tls.allowed_subjects needs tls.verify_client: required: else a client without a certificate gets in");
	ctx->allowed = mem_zalloc((count + 1) * sizeof(*ctx->allowed));
	for (size_t i = 0; i < count; i++) {
		if (!conf->allowed_subjects.items[i][0])
			return lg_err_set(err, LG_INVALID, "tls.allowed_subjects: an empty name fits nobody");
		ctx->allowed[i] = mem_strdup(conf->allowed_subjects.items[i]);
	}
	return LG_OK;
}

void tls_allow_fini(struct tls_ctx *ctx)
{
	for (size_t i = 0; ctx->allowed && ctx->allowed[i]; i++)
		free(ctx->allowed[i]);
	free(ctx->allowed);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* `*` stands for any run of characters. No recursion: after a mismatch only the last star gives way. */
static bool fits(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			resume = text;
		} else if (lower(*pattern) == lower(*text)) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static void try_name(struct names *names, const char *name, int size)
{
	char text[256];
	size_t used = strlen(names->all);

	/* A name with a NUL inside says one thing to us and another one to its authority. */
	if (size <= 0 || (size_t)size >= sizeof(text) || memchr(name, '\0', (size_t)size))
		return;
	memcpy(text, name, (size_t)size);
	text[size] = '\0';
	names->fits |= names->pattern && !strchr(names->pattern, '=') && fits(names->pattern, text);
	for (char *at = text; *at; at++) /* what follows is for a log line and for YAML in quotes */
		if ((unsigned char)*at < ' ' || *at == 0x7f || *at == '"' || *at == '\\')
			*at = '?';
	if (strcmp(names->first, text) == 0)
		return; /* the common name is an alternative name as well, mostly */
	if (!names->first[0])
		snprintf(names->first, sizeof(names->first), "%.199s", text);
	snprintf(names->all + used, sizeof(names->all) - used, "%s%s", used ? ", " : "", text);
}

static void try_alternative_names(struct names *names, X509 *cert)
{
	GENERAL_NAMES *list = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(list); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(list, i);
		char ip[INET6_ADDRSTRLEN];

		if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI) /* all three are IA5 strings */
			try_name(names, (const char *)ASN1_STRING_get0_data(name->d.ia5), ASN1_STRING_length(name->d.ia5));
		else if (name->type == GEN_IPADD && inet_ntop(ASN1_STRING_length(name->d.iPAddress) == 16 ? AF_INET6 : AF_INET,
		                                              ASN1_STRING_get0_data(name->d.iPAddress), ip, sizeof(ip)))
			try_name(names, ip, (int)strlen(ip));
	}
	GENERAL_NAMES_free(list);
}

static void try_common_names(struct names *names, const X509_NAME *subject)
{
	for (int i = -1; (i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0;) {
		unsigned char *utf8;
		int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));

		if (size < 0)
			continue;
		try_name(names, (const char *)utf8, size);
		OPENSSL_free(utf8);
	}
}

static void subject_text(const X509_NAME *name, char *text, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long n;

	text[0] = '\0';
	if (!bio)
		return;
	X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
	n = BIO_get_mem_data(bio, &data);
	snprintf(text, size, "%.*s", (int)n, n > 0 ? data : "");
	BIO_free(bio);
}

static bool is_named(struct names *names, X509 *cert, const char *pattern)
{
	const X509_NAME *subject = X509_get_subject_name(cert);

	*names = (struct names){.pattern = pattern};
	subject_text(subject, names->subject, sizeof(names->subject));
	try_common_names(names, subject);
	try_alternative_names(names, cert);
	return names->fits || (pattern && strchr(pattern, '=') && fits(pattern, names->subject));
}

bool tls_allow(const struct tls_ctx *ctx, X509 *cert, char *text, size_t size)
{
	struct names names;

	if (!ctx->allowed)
		return true;
	for (size_t i = 0; cert && ctx->allowed[i]; i++)
		if (is_named(&names, cert, ctx->allowed[i]))
			return true;
	if (cert)
		is_named(&names, cert, NULL);
	else
		names = (struct names){.subject = "unknown"};
	snprintf(text, size,
	         "client certificate \"%.180s\" (%.120s) is not among tls.allowed_subjects; this would admit it: tls: {allowed_subjects: [\"%.120s\", ...]}",
	         names.subject, names.all, names.first[0] ? names.first : names.subject);
	return false;
}
