/* The accepting side. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/conn.h"

/* Owned by the thread that opened it. */
struct lg_listener {
	int fd;
	struct tls_ctx *ctx; /* NULL: plaintext */
	char address[ADDR_TEXT];
};

static enum lg_rc bind_first(struct lg_listener *listener, const struct addrinfo *list, const char *address, struct lg_err *err)
{
	enum lg_rc rc = LG_IO;
	int one = 1, zero = 0;

	for (const struct addrinfo *at = list; at; at = at->ai_next) {
		int fd = socket(at->ai_family, SOCK_STREAM, 0);

		if (fd < 0 || conn_prepare_fd(fd) < 0) {
			rc = lg_err_sys(err, errno, "listen on %s", address);
			if (fd >= 0)
				close(fd);
			continue;
		}
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (at->ai_family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
		if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0) {
			listener->fd = fd;
			return LG_OK;
		}
		rc = lg_err_sys(err, errno, "listen on %s", address);
		close(fd);
	}
	return rc;
}

/* "*" resolves to 0.0.0.0 first on most systems; [::] serves both families, so it goes first. */
static enum lg_rc bind_any(struct lg_listener *listener, uint16_t port, const char *address, struct lg_err *err)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT};
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct addrinfo second = {.ai_family = AF_INET, .ai_addr = (struct sockaddr *)&in4, .ai_addrlen = sizeof(in4)};
	struct addrinfo first = {.ai_family = AF_INET6, .ai_addr = (struct sockaddr *)&in6, .ai_addrlen = sizeof(in6), .ai_next = &second};

	return bind_first(listener, &first, address, err);
}

enum lg_rc lg_listener_open(const char *address, const struct lg_tls_conf *tls, struct lg_listener **out, struct lg_err *err)
{
	struct lg_listener *listener = mem_zalloc(sizeof(*listener));
	struct addrinfo *list = NULL;
	struct sockaddr_storage bound;
	socklen_t size = sizeof(bound);
	char host[256];
	uint16_t port;
	enum lg_rc rc;

	*out = NULL;
	listener->fd = -1;
	rc = net_split(address, host, &port, err);
	if (rc == LG_OK && tls && !tls->off)
		rc = tls_ctx_new(tls, true, &listener->ctx, err);
	if (rc == LG_OK && strcmp(host, "*") == 0) {
		rc = bind_any(listener, port, address, err);
	} else if (rc == LG_OK) {
		rc = addr_resolve(host, port, true, &list, err);
		if (rc == LG_OK)
			rc = bind_first(listener, list, address, err);
	}
	if (rc == LG_OK && getsockname(listener->fd, (struct sockaddr *)&bound, &size) < 0)
		rc = lg_err_sys(err, errno, "listen on %s", address);
	if (list)
		freeaddrinfo(list);
	if (rc != LG_OK) {
		lg_listener_close(listener);
		return rc;
	}
	addr_format((struct sockaddr *)&bound, listener->address);
	*out = listener;
	return LG_OK;
}

enum lg_rc lg_listener_accept(struct lg_listener *listener, struct lg_conn **conn, struct lg_err *err)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	int fd, rc;

	*conn = NULL;
	do
		fd = accept(listener->fd, (struct sockaddr *)&peer, &size);
	while (fd < 0 && errno == EINTR);
	/* A connection that is gone before it is accepted is nobody (accept(2), POSIX: ECONNABORTED). */
	if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED))
		return LG_AGAIN;
	if (fd < 0)
		return lg_err_sys(err, errno, "accept on %s", listener->address);
	rc = conn_prepare_fd(fd);
	if (rc < 0) {
		close(fd);
		return lg_err_sys(err, -rc, "accept on %s", listener->address);
	}
	*conn = conn_accepted(fd, (struct sockaddr *)&peer, listener->ctx);
	return LG_OK;
}

void lg_listener_wait(const struct lg_listener *listener, struct lg_waitset *ws)
{
	lg_waitset_add(ws, listener->fd, POLLIN);
}

const char *lg_listener_address(const struct lg_listener *listener)
{
	return listener->address;
}

void lg_listener_close(struct lg_listener *listener)
{
	if (!listener)
		return;
	if (listener->fd >= 0)
		close(listener->fd);
	tls_ctx_free(listener->ctx);
	free(listener);
}
