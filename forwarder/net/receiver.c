/* Datagrams in: UDP and unix. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sys_dgram.h"
#include "net/bind.h"
#include "net/conn.h"

#define UDP_ROOM 65536
#define UDP_SLOTS 32
#define UNIX_SLOTS 8 /* of LG_DATAGRAM_MAX each: as many bytes */

/* Owned by the thread that opened it. */
struct lg_receiver {
	struct bound bound;
	bool is_unix;
	unsigned slots;
	uint8_t *room;
	struct sys_datagram raw[UDP_SLOTS];
	struct lg_datagram list[UDP_SLOTS];
};

static bool bound_to_unix(int fd)
{
	struct sockaddr_storage addr = {.ss_family = AF_UNSPEC};
	socklen_t size = sizeof(addr);

	return getsockname(fd, (struct sockaddr *)&addr, &size) == 0 && addr.ss_family == AF_UNIX;
}

enum lg_rc lg_receiver_open(const char *address, const struct lg_socket_conf *conf, struct lg_receiver **out, struct lg_err *err)
{
	struct lg_receiver *r = mem_zalloc(sizeof(*r));
	size_t room;
	enum lg_rc rc;

	*out = NULL;
	rc = bind_open(&r->bound, address, SOCK_DGRAM, conf, err);
	if (rc != LG_OK) {
		free(r);
		return rc;
	}
	r->is_unix = bound_to_unix(r->bound.fd);
	room = r->is_unix ? LG_DATAGRAM_MAX : UDP_ROOM;
	r->slots = r->is_unix ? UNIX_SLOTS : UDP_SLOTS;
	r->room = mem_alloc(room * r->slots);
	for (unsigned i = 0; i < r->slots; i++) {
		r->raw[i].data = r->room + room * i;
		r->raw[i].room = room;
	}
	sys_tell_datagrams(r->bound.fd, r->is_unix);
	*out = r;
	return LG_OK;
}

enum lg_rc lg_receiver_read(struct lg_receiver *r, const struct lg_datagram **list, size_t *count, struct lg_err *err)
{
	int got = sys_recv_datagrams(r->bound.fd, r->raw, r->slots);

	*list = r->list;
	*count = 0;
	/* Errors of datagrams that somebody sent from here (ICMP) are nothing to a receiver. */
	if (got == -EAGAIN || got == -ECONNREFUSED)
		return LG_AGAIN;
	if (got < 0)
		return lg_err_sys(err, -got, "receive on %s", r->bound.text);
	for (int i = 0; i < got; i++) {
		const struct sys_datagram *raw = &r->raw[i];
		socklen_t from = raw->from_size <= sizeof(raw->from) ? raw->from_size : (socklen_t)sizeof(raw->from);

		r->list[i] = (struct lg_datagram){
			.data = {raw->data, raw->size < raw->room ? raw->size : raw->room},
			.size = raw->size,
			.from = {(const char *)&raw->from, r->is_unix ? 0 : from},
			.dropped = raw->dropped,
			.pid = raw->pid,
		};
	}
	*count = (size_t)got;
	return LG_OK;
}

int64_t lg_receiver_dropped(const struct lg_receiver *r)
{
	int64_t count = sys_dropped_datagrams(r->bound.fd);

	return count < 0 ? -1 : count;
}

void lg_receiver_wait(const struct lg_receiver *r, struct lg_waitset *ws)
{
	lg_waitset_add(ws, r->bound.fd, POLLIN);
}

const char *lg_receiver_address(const struct lg_receiver *r)
{
	return r->bound.text;
}

const char *lg_receiver_warning(const struct lg_receiver *r)
{
	return r->bound.warning[0] ? r->bound.warning : NULL;
}

void lg_receiver_close(struct lg_receiver *r)
{
	if (!r)
		return;
	bind_close(&r->bound);
	free(r->room);
	free(r);
}
