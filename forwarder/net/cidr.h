/* cidr.h - ranges of internet addresses. */
#ifndef CIDR_H
#define CIDR_H

#include <stdint.h>
#include <sys/socket.h>

#include "api/lg_core.h"

/* An address as 16 bytes, IPv4 mapped (RFC 4291 section 2.5.5.2), and how many leading bits of it count. */
struct cidr {
	uint8_t bytes[16];
	unsigned bits;
};

bool cidr_parse_address(const char *text, struct cidr *cidr); /* "10.1.2.3", "fd00::1": all bits count */
bool cidr_parse_range(const char *text, struct cidr *cidr);   /* "10.20.0.0/16", "fd00::/8" */
/* An address of another family is in no range. */
bool cidr_has(const struct cidr *cidr, const struct sockaddr *addr);

#endif
