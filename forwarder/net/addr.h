/* addr.h - internet addresses as text and back. */
#ifndef ADDR_H
#define ADDR_H

#include <netdb.h>
#include <stdint.h>
#include <sys/socket.h>

#include "api/lg_core.h"

#define ADDR_IP_TEXT 64
#define ADDR_TEXT 128 /* a unix socket's path fits */

/* "10.1.2.3" or "2001:db8::1" (without brackets; an IPv4 address mapped into IPv6 as the IPv4 one) into ip; returns the port. */
uint16_t addr_format_ip(const struct sockaddr *addr, char ip[ADDR_IP_TEXT]);
/* "10.1.2.3:6514", "[2001:db8::1]:6514", "/dev/log". Returns text. */
char *addr_format(const struct sockaddr *addr, char text[ADDR_TEXT]);
bool addr_is_loopback(const struct sockaddr *addr);
/* Stream addresses of host:port, in the resolver's order (the datagram ones are the same); freeaddrinfo them. Blocks for the resolver.
 * With `passive` host "*" is every local address. LG_NOTFOUND: the resolver does not know the name; LG_IO: it did not answer. */
enum lg_rc addr_resolve(const char *host, uint16_t port, bool passive, struct addrinfo **list, struct lg_err *err) LG_WARN_UNUSED;

#endif
