/* The settings of output `syslog`. */
#include <string.h>

#include "output_syslog/syslog.h"

#define ROW(field) .offset = offsetof(struct syslog_conf, field)

const struct lg_option syslog_options[] = {
	{.name = "servers", .type = LG_OPT_STRINGS, ROW(servers), .flags = LG_OPT_REQUIRED | LG_OPT_DESTINATION,
	 .doc = "Receivers as host:port, the preferred one first."},
	{.name = "mode", .type = LG_OPT_ENUM, ROW(mode), .choices = "failover|balance", .fallback = "failover",
	 .doc = "With several servers: the first that works gets everything, and gets it back when it has recovered; or all get a share, the one that "
	        "lags least first, without order between them."},
	{.name = "transport", .type = LG_OPT_ENUM, ROW(transport), .choices = "udp|tcp|tls", .fallback = "tls",
	 .doc = "`tcp` and `udp` are plaintext and need an egress rule with `plaintext: true` unless the receiver is this machine. `udp` knows no "
	        "acknowledgement: what the network or the receiver drops is lost."},
	{.name = "framing", .type = LG_OPT_ENUM, ROW(framing), .choices = "octet-counting|lf", .fallback = "octet-counting",
	 .doc = "How messages are told apart: by their length in front (RFC 5425, RFC 6587), or by a newline behind. A datagram is one message."},
	{.name = "resend_window", .type = LG_OPT_SIZE, ROW(resend_window), .fallback = "8MiB", .max = INT64_C(1) << 30,
	 .doc = "Records stay unsettled until the receiver's TCP has acknowledged this much behind them: more than its receive buffer holds unread."},
	{.name = "idle_close", .type = LG_OPT_DURATION, ROW(idle_close_ns), .fallback = "60s", .max = 86400 * SECOND,
	 .doc = "A line silent for so long is closed in order, which confirms its last records, and opened again with the next record; 0: never, unless "
	        "the receiver closes idle lines itself."},
	{.name = "return_after", .type = LG_OPT_DURATION, ROW(return_after_ns), .fallback = "10s", .min = SECOND, .max = 86400 * SECOND,
	 .flags = LG_OPT_ADVANCED, .doc = "Failover: a preferred server that answers again must stand for so long before the records go back to it."},
	{.name = "max_datagram_size", .type = LG_OPT_SIZE, ROW(max_datagram_size), .fallback = "2048", .min = 480, .max = 65507, .flags = LG_OPT_ADVANCED,
	 .doc = "Longest message sent over UDP; a longer one is split into parts. 2048 is what every receiver should take (RFC 5426)."},
	{.name = "datagram_rate", .type = LG_OPT_INT, ROW(datagram_rate), .fallback = "10000", .max = 100000000, .unit = "datagrams a second",
	 .flags = LG_OPT_ADVANCED, .doc = "A receiver of UDP holds nobody back: a backlog is sent no faster than this; 0: without a limit."},
	{.name = "connect_timeout", .type = LG_OPT_DURATION, ROW(connect_timeout_ns), .fallback = "10s", .min = SECOND / 10, .max = 300 * SECOND,
	 .flags = LG_OPT_ADVANCED, .doc = "Longest time for the connect to one address, and again for the TLS handshake."},
	{.name = "write_timeout", .type = LG_OPT_DURATION, ROW(write_timeout_ns), .fallback = "30s", .min = SECOND / 10, .max = 3600 * SECOND,
	 .flags = LG_OPT_ADVANCED, .doc = "A receiver that acknowledges nothing for so long while bytes wait is `stalled`, and connected to anew."},
	{.name = "keepalive", .type = LG_OPT_DURATION, ROW(keepalive_ns), .fallback = "60s", .max = 86400 * SECOND, .flags = LG_OPT_ADVANCED,
	 .doc = "TCP asks a silent peer whether it is still there after so long; 0: never."},
	{.name = "tcp_user_timeout", .type = LG_OPT_DURATION, ROW(tcp_user_timeout_ns), .fallback = "0", .max = 86400 * SECOND, .flags = LG_OPT_ADVANCED,
	 .doc = "The kernel breaks a connection whose bytes stay unacknowledged for so long (TCP_USER_TIMEOUT); 0: the system's default."},
	{.name = "tls", .type = LG_OPT_TABLE, ROW(tls), .sub = lg_tls_client_options, .doc = "Certificates and trust."},
	LG_OPTION_END};

bool syslog_line_framing(const void *settings)
{
	const struct syslog_conf *conf = settings;

	return conf->framing == LINES && conf->transport != TRANSPORT_UDP;
}

#define RECEIVE_BUFFER_MAX (6u << 20) /* Linux, Documentation/networking/ip-sysctl: the default maximum of tcp_rmem */

enum lg_rc syslog_check(const void *settings, struct lg_err *err)
{
	const struct syslog_conf *conf = settings;

	for (size_t i = 0; i < conf->servers.count; i++) {
		const char *server = conf->servers.items[i], *colon = strrchr(server, ':');

		if (!colon || colon == server || !colon[1])
			return lg_err_set(err, LG_INVALID, "servers: \"%s\" is not host:port (IPv6: [address]:port)", server);
		for (size_t j = 0; j < i; j++)
			if (strcmp(server, conf->servers.items[j]) == 0)
				return lg_err_set(err, LG_INVALID, "servers: %s stands there twice", server);
	}
	if (conf->transport != TRANSPORT_UDP && conf->resend_window < RECEIVE_BUFFER_MAX)
		lg_err_set(err, LG_OK, "resend_window is less than the 6 MiB that the TCP of a receiver on Linux may hold unread (net.ipv4.tcp_rmem): records "
		                       "may be lost when a connection breaks, unless the receiver's buffer is known to be smaller");
	return LG_OK;
}
