/* proxy.h - the header that a load balancer puts in front of a connection it passes on: PROXY protocol, versions 1 and 2
 * (haproxy.org, "The PROXY protocol", sections 2.1 and 2.2). Pure: no socket; one owner. */
#ifndef PROXY_H
#define PROXY_H

#include <sys/socket.h>

#include "api/lg_core.h"

#define PROXY_HEADER_MAX 4096 /* a longer one (version 2 with many TLVs) is refused */

struct proxy {
	bool known; /* done: the original sender is in `source`; else the balancer speaks for itself (LOCAL, UNKNOWN) */
	struct sockaddr_storage source;
	size_t size;
	uint8_t bytes[PROXY_HEADER_MAX];
};

void proxy_init(struct proxy *proxy);
/* Offers the bytes that follow those taken before; *used of them belong to the header, the rest is the sender's. LG_OK: the header is complete.
 * LG_AGAIN: all were taken, more are needed. LG_CORRUPT: this is no such header. */
enum lg_rc proxy_feed(struct proxy *proxy, const uint8_t *data, size_t size, size_t *used, struct lg_err *err) LG_WARN_UNUSED;

#endif
