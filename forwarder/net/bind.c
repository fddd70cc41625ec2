/* Sockets bound to internet addresses, and what all kinds share. */
#include "net/bind.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/conn.h"

#define PASSED "systemd:"

void bind_buffer(struct bound *b, const struct lg_socket_conf *conf)
{
	uint64_t wanted = conf ? conf->receive_buffer : 0;
	int bytes = wanted < INT32_MAX / 2 ? (int)wanted : INT32_MAX / 2, given = 0;
	socklen_t size = sizeof(given);

	if (!wanted)
		return;
#ifdef SO_RCVBUFFORCE
	if (setsockopt(b->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
#endif
		setsockopt(b->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (getsockopt(b->fd, SOL_SOCKET, SO_RCVBUF, &given, &size) < 0)
		return;
#ifdef __linux__
	given /= 2; /* socket(7): the kernel doubles what was asked for, for its own bookkeeping */
#endif
	if (given < bytes)
		snprintf(b->warning, sizeof(b->warning),
		         "receive_buffer: the kernel gave %d KiB instead of %d KiB: raise net.core.rmem_max (sysctl), or give the service CAP_NET_ADMIN",
		         given >> 10, bytes >> 10);
}

static enum lg_rc bind_first(struct bound *b, const struct addrinfo *list, int type, const struct lg_socket_conf *conf, const char *address,
                             struct lg_err *err)
{
	enum lg_rc rc = LG_IO;
	int one = 1, zero = 0;

	for (const struct addrinfo *at = list; at; at = at->ai_next) {
		b->fd = socket(at->ai_family, type, 0);
		if (b->fd >= 0 && conn_prepare_fd(b->fd) == 0) {
			if (type == SOCK_STREAM) /* two that listen for datagrams at one port would share them out */
				setsockopt(b->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
			if (at->ai_family == AF_INET6)
				setsockopt(b->fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
			bind_buffer(b, conf);
			if (bind(b->fd, at->ai_addr, at->ai_addrlen) == 0 && (type != SOCK_STREAM || listen(b->fd, SOMAXCONN) == 0))
				return LG_OK;
		}
		rc = lg_err_sys(err, errno, "listen on %s", address);
		if (b->fd >= 0)
			close(b->fd);
		b->fd = -1;
	}
	return rc;
}

/* "*" resolves to 0.0.0.0 first on most systems; [::] serves both families, so it goes first. */
static enum lg_rc bind_any(struct bound *b, uint16_t port, int type, const struct lg_socket_conf *conf, const char *address, struct lg_err *err)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT};
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct addrinfo second = {.ai_family = AF_INET, .ai_addr = (struct sockaddr *)&in4, .ai_addrlen = sizeof(in4)};
	struct addrinfo first = {.ai_family = AF_INET6, .ai_addr = (struct sockaddr *)&in6, .ai_addrlen = sizeof(in6), .ai_next = &second};

	return bind_first(b, &first, type, conf, address, err);
}

static enum lg_rc bind_internet(struct bound *b, const char *address, int type, const struct lg_socket_conf *conf, struct lg_err *err)
{
	struct addrinfo *list;
	char host[256];
	uint16_t port;
	enum lg_rc rc;

	rc = net_split(address, host, &port, err);
	if (rc != LG_OK)
		return rc;
	if (strcmp(host, "*") == 0)
		return bind_any(b, port, type, conf, address, err);
	rc = addr_resolve(host, port, true, &list, err);
	if (rc != LG_OK)
		return rc;
	rc = bind_first(b, list, type, conf, address, err);
	freeaddrinfo(list);
	return rc;
}

enum lg_rc bind_open(struct bound *b, const char *address, int type, const struct lg_socket_conf *conf, struct lg_err *err)
{
	struct sockaddr_storage bound;
	socklen_t size = sizeof(bound);
	enum lg_rc rc;

	*b = (struct bound){.fd = -1};
	if (address[0] == '/')
		rc = bind_unix(b, address, type, conf, err);
	else if (strncmp(address, PASSED, strlen(PASSED)) == 0)
		rc = bind_passed(b, address + strlen(PASSED), type, err);
	else
		rc = bind_internet(b, address, type, conf, err);
	if (rc != LG_OK)
		return rc;
	if (b->fd >= 0 && strncmp(address, PASSED, strlen(PASSED)) == 0)
		bind_buffer(b, conf);
	if (address[0] == '/') {
		snprintf(b->text, sizeof(b->text), "%s", address);
		return LG_OK;
	}
	if (getsockname(b->fd, (struct sockaddr *)&bound, &size) < 0) {
		rc = lg_err_sys(err, errno, "listen on %s", address);
		bind_close(b);
		return rc;
	}
	addr_format((struct sockaddr *)&bound, b->text);
	return LG_OK;
}

void bind_close(struct bound *b)
{
	struct stat st;

	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
	/* Another process may have put its own there by now. */
	if (b->path[0] && lstat(b->path, &st) == 0 && st.st_dev == b->device && st.st_ino == b->inode)
		unlink(b->path);
	b->path[0] = '\0';
}
