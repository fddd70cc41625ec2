/* The accepting side. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/bind.h"
#include "net/cidr.h"
#include "net/conn.h"

/* Owned by the thread that opened it. */
struct lg_listener {
	struct bound bound;
	struct tls_ctx *ctx; /* NULL: plaintext */
	struct cidr *proxies;
	size_t proxy_count;
};

static enum lg_rc parse_proxies(struct lg_listener *listener, const struct lg_strings *from, struct lg_err *err)
{
	listener->proxies = mem_zalloc((from->count + 1) * sizeof(*listener->proxies));
	for (size_t i = 0; i < from->count; i++) {
		struct cidr *cidr = &listener->proxies[listener->proxy_count++];

		if (!cidr_parse_address(from->items[i], cidr) && !cidr_parse_range(from->items[i], cidr))
			return lg_err_set(err, LG_INVALID, "proxy_from: \"%s\" is neither an address nor a range such as 10.0.0.0/24", from->items[i]);
	}
	return LG_OK;
}

static bool is_proxy(const struct lg_listener *listener, const struct sockaddr *peer)
{
	for (size_t i = 0; i < listener->proxy_count; i++)
		if (cidr_has(&listener->proxies[i], peer))
			return true;
	return false;
}

enum lg_rc lg_listener_open(const char *address, const struct lg_tls_conf *tls, struct lg_listener **out, struct lg_err *err)
{
	return lg_listener_open_with(address, tls, NULL, out, err);
}

enum lg_rc lg_listener_open_with(const char *address, const struct lg_tls_conf *tls, const struct lg_socket_conf *conf,
                                 struct lg_listener **out, struct lg_err *err)
{
	struct lg_listener *listener = mem_zalloc(sizeof(*listener));
	enum lg_rc rc = conf ? parse_proxies(listener, &conf->proxy_from, err) : LG_OK;

	*out = NULL;
	listener->bound.fd = -1;
	if (rc == LG_OK && tls && !tls->off)
		rc = tls_ctx_new(tls, true, &listener->ctx, err);
	if (rc == LG_OK)
		rc = bind_open(&listener->bound, address, SOCK_STREAM, conf, err);
	if (rc == LG_OK)
		*out = listener;
	else
		lg_listener_close(listener);
	return rc;
}

enum lg_rc lg_listener_accept(struct lg_listener *listener, struct lg_conn **conn, struct lg_err *err)
{
	struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
	socklen_t size = sizeof(peer);
	int fd, rc;

	*conn = NULL;
	do
		fd = accept(listener->bound.fd, (struct sockaddr *)&peer, &size);
	while (fd < 0 && errno == EINTR);
	/* A connection that is gone before it is accepted is nobody (accept(2), POSIX: ECONNABORTED). */
	if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED))
		return LG_AGAIN;
	if (fd < 0)
		return lg_err_sys(err, errno, "accept on %s", listener->bound.text);
	rc = conn_prepare_fd(fd);
	if (rc < 0) {
		close(fd);
		return lg_err_sys(err, -rc, "accept on %s", listener->bound.text);
	}
	*conn = conn_accepted(fd, (struct sockaddr *)&peer, listener->ctx, is_proxy(listener, (struct sockaddr *)&peer));
	return LG_OK;
}

void lg_listener_wait(const struct lg_listener *listener, struct lg_waitset *ws)
{
	lg_waitset_add(ws, listener->bound.fd, POLLIN);
}

const char *lg_listener_address(const struct lg_listener *listener)
{
	return listener->bound.text;
}

const char *lg_listener_warning(const struct lg_listener *listener)
{
	return listener->bound.warning[0] ? listener->bound.warning : NULL;
}

void lg_listener_close(struct lg_listener *listener)
{
	if (!listener)
		return;
	bind_close(&listener->bound);
	tls_ctx_free(listener->ctx);
	free(listener->proxies);
	free(listener);
}
