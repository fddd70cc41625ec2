#include "net/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "api/lg_net.h"
#include "net/addr.h"

static void map_v4(const void *in4, uint8_t bytes[16])
{
	memset(bytes, 0, 10);
	memset(bytes + 10, 0xff, 2);
	memcpy(bytes + 12, in4, 4);
}

bool cidr_parse_address(const char *text, struct cidr *cidr)
{
	struct in_addr in4;

	cidr->bits = 128;
	if (inet_pton(AF_INET, text, &in4) != 1)
		return inet_pton(AF_INET6, text, cidr->bytes) == 1;
	map_v4(&in4, cidr->bytes);
	return true;
}

bool cidr_parse_range(const char *text, struct cidr *cidr)
{
	const char *slash = strchr(text, '/');
	char address[ADDR_IP_TEXT], *end;
	unsigned long bits;
	bool v4;

	if (!slash || (size_t)(slash - text) >= sizeof(address) || slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (!cidr_parse_address(address, cidr))
		return false;
	v4 = !strchr(address, ':');
	bits = strtoul(slash + 1, &end, 10);
	if (*end || bits > (v4 ? 32 : 128))
		return false;
	cidr->bits = (unsigned)bits + (v4 ? 96 : 0);
	return true;
}

static bool address_bytes(const struct sockaddr *addr, uint8_t bytes[16])
{
	if (addr->sa_family == AF_INET6)
		memcpy(bytes, &((const struct sockaddr_in6 *)addr)->sin6_addr, 16);
	else if (addr->sa_family == AF_INET)
		map_v4(&((const struct sockaddr_in *)addr)->sin_addr, bytes);
	return addr->sa_family == AF_INET6 || addr->sa_family == AF_INET;
}

bool cidr_has(const struct cidr *cidr, const struct sockaddr *addr)
{
	unsigned whole = cidr->bits / 8, rest = cidr->bits % 8;
	uint8_t bytes[16];

	if (!address_bytes(addr, bytes) || memcmp(cidr->bytes, bytes, whole) != 0)
		return false;
	return rest == 0 || ((cidr->bytes[whole] ^ bytes[whole]) & (0xff00u >> rest) & 0xff) == 0;
}

bool lg_range_is_valid(const char *text)
{
	struct cidr cidr;

	return cidr_parse_address(text, &cidr) || cidr_parse_range(text, &cidr);
}
