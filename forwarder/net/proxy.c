#include "net/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/text.h"

#define V1_MAX 107 /* bytes with the CR LF */
#define V2_FIXED 16

static const uint8_t v2_signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
static const uint8_t v1_signature[6] = {'P', 'R', 'O', 'X', 'Y', ' '};

void proxy_init(struct proxy *proxy)
{
	proxy->known = false;
	proxy->size = 0;
	memset(&proxy->source, 0, sizeof(proxy->source));
}

static enum lg_rc garbage(struct lg_err *err, const char *what)
{
	return lg_err_set(err, LG_CORRUPT, "PROXY protocol: %s", what);
}

/* ---- version 1: one line of text -------------------------------------------------------------------------------------------------- */

/* The next word of the line; empty where there is none, or more than one space. */
static struct lg_str word(struct lg_str *line)
{
	const char *space = memchr(line->data, ' ', line->size);
	struct lg_str found = {line->data, space ? (size_t)(space - line->data) : line->size};
	size_t used = found.size + (space != NULL);

	*line = (struct lg_str){line->data + used, line->size - used};
	return found;
}

static bool parse_port(struct lg_str text, in_port_t *port)
{
	int64_t value;

	if (!text.size || text.size > 5 || (text.size > 1 && text.data[0] == '0') || text.data[0] == '+' || text.data[0] == '-')
		return false;
	if (!text_parse_i64(text, &value) || value > UINT16_MAX)
		return false;
	*port = htons((uint16_t)value);
	return true;
}

static bool parse_ip(struct lg_str text, int family, void *address)
{
	char ip[INET6_ADDRSTRLEN];

	if (!text.size || text.size >= sizeof(ip))
		return false;
	memcpy(ip, text.data, text.size);
	ip[text.size] = '\0';
	return inet_pton(family, ip, address) == 1;
}

static enum lg_rc parse_v1(struct proxy *proxy, struct lg_err *err)
{
	/* Section 2.1 demands CR LF; syslog-ng's loggen sends LF alone, and syslog-ng takes it. */
	size_t ending = proxy->bytes[proxy->size - 2] == '\r' ? 2 : 1;
	struct lg_str line = {(const char *)proxy->bytes + sizeof(v1_signature), proxy->size - sizeof(v1_signature) - ending}, family = word(&line);
	struct sockaddr_in *in4 = (struct sockaddr_in *)&proxy->source;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&proxy->source;
	bool v6 = lg_str_is(family, "TCP6"), good;
	uint8_t destination[16];
	in_port_t port;

	if (lg_str_is(family, "UNKNOWN"))
		return LG_OK;
	if (!v6 && !lg_str_is(family, "TCP4"))
		return garbage(err, "the header names neither TCP4, TCP6 nor UNKNOWN");
	good = v6 ? parse_ip(word(&line), AF_INET6, &in6->sin6_addr) : parse_ip(word(&line), AF_INET, &in4->sin_addr);
	good = good && parse_ip(word(&line), v6 ? AF_INET6 : AF_INET, destination);
	good = good && parse_port(word(&line), v6 ? &in6->sin6_port : &in4->sin_port) && parse_port(word(&line), &port) && !line.size;
	if (!good)
		return garbage(err, "the header's addresses or ports are wrong");
	proxy->source.ss_family = v6 ? AF_INET6 : AF_INET;
	proxy->known = true;
	return LG_OK;
}

/* How many bytes of data belong to the line: through its newline. */
static enum lg_rc feed_v1(struct proxy *proxy, const uint8_t *data, size_t size, size_t *used, struct lg_err *err)
{
	const uint8_t *newline = memchr(data, '\n', size);
	size_t take = newline ? (size_t)(newline - data) + 1 : size;

	if (proxy->size + take > V1_MAX)
		return garbage(err, "the header has no end");
	memcpy(proxy->bytes + proxy->size, data, take);
	proxy->size += take;
	*used += take;
	if (!newline)
		return LG_AGAIN;
	return parse_v1(proxy, err);
}

/* ---- version 2: binary -------------------------------------------------------------------------------------------------------------- */

static enum lg_rc parse_v2(struct proxy *proxy, struct lg_err *err)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)&proxy->source;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&proxy->source;
	const uint8_t *addresses = proxy->bytes + V2_FIXED;
	size_t size = proxy->size - V2_FIXED;
	uint8_t command = proxy->bytes[12] & 0x0f, family = proxy->bytes[13];

	if (command == 0) /* LOCAL: a health check */
		return LG_OK;
	if (family == 0x11 && size >= 12) { /* TCP over IPv4: source, destination, ports */
		memcpy(&in4->sin_addr, addresses, 4);
		memcpy(&in4->sin_port, addresses + 8, 2);
		proxy->source.ss_family = AF_INET;
	} else if (family == 0x21 && size >= 36) { /* TCP over IPv6 */
		memcpy(&in6->sin6_addr, addresses, 16);
		memcpy(&in6->sin6_port, addresses + 32, 2);
		proxy->source.ss_family = AF_INET6;
	} else if (family == 0x11 || family == 0x21) {
		return garbage(err, "the header is too short for its addresses");
	} else {
		return LG_OK; /* UNSPEC, datagrams, unix: to be taken as unknown (section 2.2) */
	}
	proxy->known = true;
	return LG_OK;
}

static enum lg_rc feed_v2(struct proxy *proxy, const uint8_t *data, size_t size, size_t *used, struct lg_err *err)
{
	while (*used < size) {
		size_t want = V2_FIXED, take;

		if (proxy->size >= V2_FIXED)
			want = V2_FIXED + ((size_t)proxy->bytes[14] << 8 | proxy->bytes[15]);
		if (want > PROXY_HEADER_MAX)
			return garbage(err, "the header is longer than 4096 bytes");
		take = want - proxy->size < size - *used ? want - proxy->size : size - *used;
		memcpy(proxy->bytes + proxy->size, data + *used, take);
		proxy->size += take;
		*used += take;
		if (proxy->size == V2_FIXED && (proxy->bytes[12] >> 4 != 2 || (proxy->bytes[12] & 0x0f) > 1))
			return garbage(err, "the header's version or command is not known");
		if (proxy->size >= V2_FIXED && proxy->size == V2_FIXED + ((size_t)proxy->bytes[14] << 8 | proxy->bytes[15]))
			return parse_v2(proxy, err);
	}
	return LG_AGAIN;
}

/* ---- which ---------------------------------------------------------------------------------------------------------------------------- */

/* Takes the bytes of the signature that are there. *is_v2 is valid when it is whole. */
static enum lg_rc feed_signature(struct proxy *proxy, const uint8_t *data, size_t size, size_t *used, bool *is_v2, struct lg_err *err)
{
	for (;;) {
		const uint8_t *signature = proxy->size && proxy->bytes[0] == v2_signature[0] ? v2_signature : v1_signature;
		size_t whole = signature == v2_signature ? sizeof(v2_signature) : sizeof(v1_signature);

		*is_v2 = signature == v2_signature;
		if (proxy->size >= whole)
			return LG_OK;
		if (*used == size)
			return LG_AGAIN;
		if (proxy->size ? data[*used] != signature[proxy->size] : data[*used] != v1_signature[0] && data[*used] != v2_signature[0])
			return garbage(err, "the connection does not begin with a header");
		proxy->bytes[proxy->size++] = data[(*used)++];
	}
}

enum lg_rc proxy_feed(struct proxy *proxy, const uint8_t *data, size_t size, size_t *used, struct lg_err *err)
{
	bool is_v2;
	enum lg_rc rc;

	*used = 0;
	rc = feed_signature(proxy, data, size, used, &is_v2, err);
	if (rc == LG_OK && *used == size)
		rc = LG_AGAIN;
	if (rc == LG_OK && is_v2)
		return feed_v2(proxy, data, size, used, err);
	if (rc == LG_OK) {
		size_t taken = *used, more = 0;

		rc = feed_v1(proxy, data + taken, size - taken, &more, err);
		*used = taken + more;
	}
	return rc;
}
