#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/text.h"
#include "net/net.h"

static enum lg_rc parse_port(const char *server, struct lg_str text, uint16_t *port, struct lg_err *err)
{
	int64_t value;

	if (!text_parse_i64(text, &value) || value < 0 || value > UINT16_MAX)
		return lg_err_set(err, LG_INVALID, "\"%s\": the port must be a number from 0 to 65535", server);
	*port = (uint16_t)value;
	return LG_OK;
}

/* As IBM MQ writes it: host(port). */
static enum lg_rc split_mq(const char *server, char host[256], uint16_t *port, struct lg_err *err)
{
	const char *open = strchr(server, '(');
	size_t size = open ? (size_t)(open - server) : 0;

	if (size == 0 || size > 255)
		return lg_err_set(err, LG_INVALID, "\"%.300s\": expected host(port)", server);
	memcpy(host, server, size);
	host[size] = '\0';
	return parse_port(server, (struct lg_str){open + 1, strlen(open) - 2}, port, err);
}

enum lg_rc net_split(const char *server, char host[256], uint16_t *port, struct lg_err *err)
{
	const char *colon, *end;
	const char *scheme = strstr(server, "://");
	struct lg_str name;

	if (scheme)
		server = scheme + 3;
	if (server[0] && server[strlen(server) - 1] == ')')
		return split_mq(server, host, port, err);
	if (server[0] == '[') {
		end = strchr(server, ']');
		if (!end || (end[1] != ':' && end[1] != '\0'))
			return lg_err_set(err, LG_INVALID, "\"%s\": expected [IPv6 address]:port", server);
		name = (struct lg_str){server + 1, (size_t)(end - server - 1)};
		colon = end[1] == ':' ? end + 1 : NULL;
	} else {
		colon = strrchr(server, ':');
		if (colon && strchr(server, ':') != colon)
			return lg_err_set(err, LG_INVALID, "\"%s\": write an IPv6 address in brackets: [2001:db8::1]:6514", server);
		name = (struct lg_str){server, colon ? (size_t)(colon - server) : strlen(server)};
	}
	if (name.size == 0)
		return lg_err_set(err, LG_INVALID, "\"%s\": the host is missing; expected host:port", server);
	if (name.size > 255)
		return lg_err_set(err, LG_INVALID, "\"%.40s...\": a host name has at most 255 characters", server);
	if (!colon)
		return lg_err_set(err, LG_INVALID, "\"%s\": the port is missing; expected host:port", server);
	memcpy(host, name.data, name.size);
	host[name.size] = '\0';
	return parse_port(server, lg_str_from(colon + 1), port, err);
}

uint16_t addr_format_ip(const struct sockaddr *addr, char ip[ADDR_IP_TEXT])
{
	if (addr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

		inet_ntop(AF_INET, &in->sin_addr, ip, ADDR_IP_TEXT);
		return ntohs(in->sin_port);
	}
	if (addr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;

		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			inet_ntop(AF_INET, in6->sin6_addr.s6_addr + 12, ip, ADDR_IP_TEXT);
		else
			inet_ntop(AF_INET6, &in6->sin6_addr, ip, ADDR_IP_TEXT);
		return ntohs(in6->sin6_port);
	}
	ip[0] = '\0';
	if (addr->sa_family != AF_UNIX)
		snprintf(ip, ADDR_IP_TEXT, "address family %d", addr->sa_family);
	return 0;
}

char *addr_format(const struct sockaddr *addr, char text[ADDR_TEXT])
{
	char ip[ADDR_IP_TEXT];
	uint16_t port;

	if (addr->sa_family == AF_UNIX) {
		snprintf(text, ADDR_TEXT, "%s", ((const struct sockaddr_un *)addr)->sun_path);
		return text;
	}
	port = addr_format_ip(addr, ip);
	snprintf(text, ADDR_TEXT, strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip, (unsigned)port);
	return text;
}

bool addr_is_loopback(const struct sockaddr *addr)
{
	if (addr->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)addr)->sin_addr.s_addr) >> 24 == 127;
	if (addr->sa_family == AF_INET6) {
		const struct in6_addr *in6 = &((const struct sockaddr_in6 *)addr)->sin6_addr;

		return IN6_IS_ADDR_LOOPBACK(in6) || (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == 127);
	}
	return false;
}

enum lg_rc addr_resolve(const char *host, uint16_t port, bool passive, struct addrinfo **list, struct lg_err *err)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
	bool every = passive && strcmp(host, "*") == 0;
	char service[8];
	int rc;

	hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
	snprintf(service, sizeof(service), "%u", (unsigned)port);
	rc = getaddrinfo(every ? NULL : host, service, &hints, list);
	if (rc == EAI_SYSTEM)
		return lg_err_sys(err, errno, "host %s cannot be resolved", host);
	if (rc != 0)
		return lg_err_set(err, rc == EAI_NONAME ? LG_NOTFOUND : LG_IO, "host %s cannot be resolved: %s", host, gai_strerror(rc));
	return LG_OK;
}

int lg_sender_text(struct lg_str from, char ip[LG_IP_TEXT])
{
	struct sockaddr_storage addr = {.ss_family = AF_UNSPEC};

	memcpy(&addr, from.data, from.size < sizeof(addr) ? from.size : sizeof(addr));
	return addr_format_ip((struct sockaddr *)&addr, ip);
}
