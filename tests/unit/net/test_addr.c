#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/addr.h"
#include "net/net.h"

static void a_server_is_split_into_host_and_port(void **state)
{
	static const struct {
		const char *server, *host;
		uint16_t port;
	} good[] = {
		{"mq1.example.com(1414)", "mq1.example.com", 1414},
		{"siem.example.com:6514", "siem.example.com", 6514}, {"10.1.2.3:514", "10.1.2.3", 514}, {"[2001:db8::1]:65535", "2001:db8::1", 65535},
		{"*:0", "*", 0},
	};
	static const char *const bad[] = {"siem", ":514", "siem:", "siem:x", "siem:65536", "siem:-1", "::1", "::1:514", "[::1", "[::1]", "[::1]514",
	                                  "[]:514", "", "siem:514 ", "mq1(", "mq1()", "mq1(x)", "(1414)", "mq1)", "mq1(65536)"};
	char host[256];
	uint16_t port;
	struct lg_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(net_split(good[i].server, host, &port, &err), LG_OK);
		assert_string_equal(host, good[i].host);
		assert_int_equal(port, good[i].port);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (net_split(bad[i], host, &port, &err) != LG_INVALID)
			fail_msg("\"%s\" was taken", bad[i]);
}

static void a_host_of_256_characters_is_refused_and_one_of_255_is_taken(void **state)
{
	char server[300], host[256];
	uint16_t port;
	struct lg_err err;

	(void)state;
	memset(server, 'a', sizeof(server));
	strcpy(server + 256, ":1");
	assert_int_equal(net_split(server, host, &port, &err), LG_INVALID);
	assert_int_equal(net_split(server + 1, host, &port, &err), LG_OK);
	assert_int_equal(strlen(host), 255);
}

static void addresses_are_written_as_people_write_them(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(6514)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(514)};
	char text[ADDR_TEXT], ip[ADDR_IP_TEXT];

	(void)state;
	inet_pton(AF_INET, "10.1.2.3", &in.sin_addr);
	assert_string_equal(addr_format((struct sockaddr *)&in, text), "10.1.2.3:6514");
	inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
	assert_string_equal(addr_format((struct sockaddr *)&in6, text), "[2001:db8::1]:514");
	inet_pton(AF_INET6, "::ffff:10.1.2.3", &in6.sin6_addr);
	assert_string_equal(addr_format((struct sockaddr *)&in6, text), "10.1.2.3:514");
	assert_int_equal(addr_format_ip((struct sockaddr *)&in6, ip), 514);
	assert_string_equal(ip, "10.1.2.3");
}

static void an_unknown_name_is_said_to_be_unknown(void **state)
{
	struct addrinfo *list = NULL;
	struct lg_err err;
	enum lg_rc rc;

	(void)state;
	/* .invalid never exists (RFC 2606); a resolver that cannot be asked says so instead */
	rc = addr_resolve("no-such-host.invalid", 1, false, &list, &err);
	assert_true(rc == LG_NOTFOUND || rc == LG_IO);
	assert_memory_equal(err.text, "host no-such-host.invalid cannot be resolved: ", 46);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_is_split_into_host_and_port),
		cmocka_unit_test(a_host_of_256_characters_is_refused_and_one_of_255_is_taken),
		cmocka_unit_test(addresses_are_written_as_people_write_them),
		cmocka_unit_test(an_unknown_name_is_said_to_be_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
