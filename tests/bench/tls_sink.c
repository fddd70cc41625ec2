/* tls_sink - a TLS receiver that reads octet-counted syslog and throws it away: the far end of the benchmark.
 *
 *     tls_sink CERT KEY
 *
 * Listens on a free port of 127.0.0.1 and prints it. Serves one connection after the other, answers each orderly close, and prints
 * "connections N messages M bytes B" at SIGTERM. A message is counted when its last byte was read; a frame that does not parse ends the
 * process with status 1. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

struct totals {
	uint64_t connections, messages, bytes;
};

/* Where in the octet-counted stream we are: digits of a length, or `left` bytes of a message. */
struct frame {
	uint64_t left;
	uint64_t length;
	bool in_body;
};

static volatile sig_atomic_t stop;

static void on_term(int signo)
{
	(void)signo;
	stop = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "tls_sink: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(1);
}

/* RFC 6587 section 3.4.1: MSG-LEN SP SYSLOG-MSG. */
static bool frame_eat(struct frame *f, const uint8_t *data, size_t size, uint64_t *messages)
{
	size_t at = 0;

	while (at < size) {
		if (f->in_body) {
			uint64_t here = size - at < f->left ? size - at : f->left;

			at += here;
			f->left -= here;
			if (f->left == 0) {
				f->in_body = false;
				f->length = 0;
				++*messages;
			}
			continue;
		}
		uint8_t c = data[at++];

		if (c >= '0' && c <= '9' && f->length < 100000000) {
			f->length = f->length * 10 + (c - '0');
		} else if (c == ' ' && f->length > 0) {
			f->in_body = true;
			f->left = f->length;
		} else {
			return false;
		}
	}
	return true;
}

static void serve(SSL *ssl, struct totals *totals)
{
	static uint8_t data[16384];
	struct frame frame = {0};
	int got = 0;

	while (!stop && (got = SSL_read(ssl, data, sizeof(data))) > 0) {
		totals->bytes += (uint64_t)got;
		if (!frame_eat(&frame, data, (size_t)got, &totals->messages)) {
			fprintf(stderr, "tls_sink: not an octet-counted frame after %llu messages\n", (unsigned long long)totals->messages);
			exit(1);
		}
	}
	if (SSL_get_error(ssl, got) == SSL_ERROR_ZERO_RETURN)
		SSL_shutdown(ssl);
}

static SSL_CTX *context_new(const char *cert, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 || SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		die("certificate");
	return ctx;
}

static int listen_anywhere(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, size) < 0 || listen(fd, 16) < 0 || getsockname(fd, (struct sockaddr *)&addr, &size) < 0)
		die("listen");
	printf("%u\n", (unsigned)ntohs(addr.sin_port));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	struct sigaction act = {.sa_handler = on_term}; /* no SA_RESTART: accept and read end */
	struct totals totals = {0};

	if (argc != 3) {
		fprintf(stderr, "usage: tls_sink CERT KEY\n");
		return 2;
	}
	sigaction(SIGTERM, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	SSL_CTX *ctx = context_new(argv[1], argv[2]);
	int listener = listen_anywhere();

	while (!stop) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		SSL *ssl = SSL_new(ctx);

		if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1) {
			++totals.connections;
			serve(ssl, &totals);
		}
		SSL_free(ssl);
		close(fd);
	}
	printf("connections %llu messages %llu bytes %llu\n", (unsigned long long)totals.connections, (unsigned long long)totals.messages,
	       (unsigned long long)totals.bytes);
	close(listener);
	SSL_CTX_free(ctx);
	return 0;
}
