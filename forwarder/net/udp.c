/* Datagrams out: a connected UDP socket, so that the kernel tells us when the peer's host refuses what we send. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys_dgram.h"
#include "net/conn.h"

#define BURST 64

/* Owned by the thread that opened it. */
struct lg_udp {
	int fd;
	char peer[ADDR_TEXT];
};

static enum lg_rc refused(const struct lg_udp *udp, int sys_errno, struct lg_err *err)
{
	lg_err_sys(err, sys_errno, "datagrams to %s", udp->peer);
	if (err)
		err->rc = LG_PEER;
	return LG_PEER;
}

static enum lg_rc try_address(struct lg_udp *udp, const struct lg_net *net, const struct addrinfo *at, const char *host, uint16_t port,
                              struct lg_err *err)
{
	enum lg_rc rc = net_permit(net, host, port, at->ai_addr, true, err);

	if (rc != LG_OK)
		return rc;
	addr_format(at->ai_addr, udp->peer);
	udp->fd = socket(at->ai_family, SOCK_DGRAM, 0);
	if (udp->fd < 0 || conn_prepare_fd(udp->fd) < 0)
		rc = lg_err_sys(err, errno, "socket for %s", udp->peer);
	else if (connect(udp->fd, at->ai_addr, at->ai_addrlen) < 0)
		rc = refused(udp, errno, err);
	if (rc != LG_OK && udp->fd >= 0) {
		close(udp->fd);
		udp->fd = -1;
	}
	return rc;
}

enum lg_rc lg_udp_open(struct lg_net *net, const char *server, struct lg_udp **out, struct lg_err *err)
{
	struct lg_udp *udp = mem_zalloc(sizeof(*udp));
	struct addrinfo *list = NULL;
	char host[256];
	uint16_t port;
	enum lg_rc rc;

	*out = NULL;
	udp->fd = -1;
	rc = net_split(server, host, &port, err);
	if (rc == LG_OK)
		rc = addr_resolve(host, port, false, &list, err);
	if (rc == LG_OK) {
		rc = LG_NOTFOUND;
		for (const struct addrinfo *at = list; at && rc != LG_OK; at = at->ai_next)
			rc = try_address(udp, net, at, host, port, err);
	}
	if (list)
		freeaddrinfo(list);
	if (rc == LG_OK)
		*out = udp;
	else
		lg_udp_close(udp);
	return rc;
}

enum lg_rc lg_udp_send(struct lg_udp *udp, const struct lg_str *messages, size_t count, size_t *done, struct lg_err *err)
{
	*done = 0;
	while (*done < count) {
		struct iovec list[BURST];
		unsigned n = 0;
		int sent;

		for (; n < BURST && *done + n < count; n++)
			list[n] = (struct iovec){(char *)(uintptr_t)messages[*done + n].data, messages[*done + n].size};
		sent = sys_send_datagrams(udp->fd, list, n);
		/* ENOBUFS: the interface's queue is full, which poll does not show; the caller comes again. */
		if (sent == -EAGAIN || sent == -ENOBUFS)
			return LG_AGAIN;
		if (sent == -EMSGSIZE)
			return lg_err_set(err, LG_INVALID, "datagrams to %s: %zu bytes are more than one can hold here", udp->peer, messages[*done].size);
		if (sent < 0)
			return refused(udp, -sent, err);
		*done += (size_t)sent;
	}
	return LG_OK;
}

enum lg_rc lg_udp_check(struct lg_udp *udp, struct lg_err *err)
{
	socklen_t size = sizeof(int);
	int problem = 0;

	if (getsockopt(udp->fd, SOL_SOCKET, SO_ERROR, &problem, &size) < 0)
		problem = errno;
	return problem ? refused(udp, problem, err) : LG_OK;
}

void lg_udp_wait(const struct lg_udp *udp, struct lg_waitset *ws, bool want_write)
{
	/* POLLERR, a refusal, is told without being asked for. */
	lg_waitset_add(ws, udp->fd, want_write ? POLLOUT : 0);
}

const char *lg_udp_peer(const struct lg_udp *udp)
{
	return udp->peer;
}

void lg_udp_close(struct lg_udp *udp)
{
	if (!udp)
		return;
	if (udp->fd >= 0)
		close(udp->fd);
	free(udp);
}
