/* baseline - framing + TLS alone: what any shipper must spend at least.
 *
 *     baseline PORT CA FILE
 *
 * Reads lines of FILE, puts the octet count of RFC 5425 in front of each, and writes them to 127.0.0.1:PORT in full 16 KiB TLS records.
 * No parsing, no spool, no acknowledgement. Prints "messages M bytes B"; status 1 when anything failed. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

enum { TLS_RECORD = 16384, CHUNK = 262144, LINE_MAX_BYTES = 65536 };

struct writer {
	SSL *ssl;
	size_t used;
	uint64_t messages, bytes;
	uint8_t data[TLS_RECORD];
};

static void die(const char *what)
{
	fprintf(stderr, "baseline: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void writer_flush(struct writer *w)
{
	if (w->used > 0 && SSL_write(w->ssl, w->data, (int)w->used) <= 0)
		die("write");
	w->bytes += w->used;
	w->used = 0;
}

static void writer_put(struct writer *w, const uint8_t *data, size_t size)
{
	while (size > 0) {
		size_t room = sizeof(w->data) - w->used;
		size_t here = size < room ? size : room;

		memcpy(w->data + w->used, data, here);
		w->used += here;
		data += here;
		size -= here;
		if (w->used == sizeof(w->data))
			writer_flush(w);
	}
}

/* Digits by hand: a printf per record would cost more than the rest of the framing. */
static void writer_message(struct writer *w, const uint8_t *line, size_t size)
{
	uint8_t text[24];
	size_t at = sizeof(text);
	size_t rest = size;

	text[--at] = ' ';
	do {
		text[--at] = (uint8_t)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	writer_put(w, text + at, sizeof(text) - at);
	writer_put(w, line, size);
	++w->messages;
}

static void ship(struct writer *w, int fd)
{
	static uint8_t data[CHUNK + LINE_MAX_BYTES];
	size_t have = 0;
	ssize_t got;

	while ((got = read(fd, data + have, CHUNK)) > 0) {
		size_t begin = 0;
		const uint8_t *end;

		have += (size_t)got;
		while ((end = memchr(data + begin, '\n', have - begin)) != NULL) {
			writer_message(w, data + begin, (size_t)(end - data) - begin);
			begin = (size_t)(end - data) + 1;
		}
		if (have - begin > LINE_MAX_BYTES) {
			errno = EMSGSIZE;
			die("line");
		}
		memmove(data, data + begin, have - begin);
		have -= begin;
	}
	if (got < 0)
		die("read");
	if (have > 0)
		writer_message(w, data, have);
	writer_flush(w);
}

static SSL *dial(const char *port, const char *ca)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (ctx == NULL || SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
		die("ca");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("connect");
	SSL *ssl = SSL_new(ctx);

	SSL_CTX_free(ctx);
	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_set1_host(ssl, "localhost") != 1 || SSL_connect(ssl) != 1)
		die("handshake");
	return ssl;
}

int main(int argc, char **argv)
{
	static struct writer w;
	uint8_t byte;

	if (argc != 4) {
		fprintf(stderr, "usage: baseline PORT CA FILE\n");
		return 2;
	}
	int fd = open(argv[3], O_RDONLY);

	if (fd < 0)
		die(argv[3]);
	w.ssl = dial(argv[1], argv[2]);
	ship(&w, fd);
	/* The orderly close: without reading the session tickets first, close() would reset the connection and lose the tail. */
	SSL_shutdown(w.ssl);
	if (SSL_read(w.ssl, &byte, 1) > 0 || SSL_get_error(w.ssl, 0) != SSL_ERROR_ZERO_RETURN)
		die("close");
	printf("messages %llu bytes %llu\n", (unsigned long long)w.messages, (unsigned long long)w.bytes);
	close(SSL_get_fd(w.ssl));
	SSL_free(w.ssl);
	close(fd);
	return 0;
}
