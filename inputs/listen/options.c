/* The settings of `listen`, and which of them go together. */
#include <string.h>

#include "listen.h"

#define ROW(field) .offset = offsetof(struct listen_conf, field)

const struct lg_option listen_options[] = {
	{.name = "address", .type = LG_OPT_STRING, ROW(address), .flags = LG_OPT_REQUIRED,
	 .doc = "Where to listen: host:port (0.0.0.0:6514, \"[::]:6514\", \"*:6514\" for both families), the path of a unix socket (/run/lugger/log), "
	        "or systemd:NAME, the socket of that FileDescriptorName= in a .socket unit."},
	{.name = "transport", .type = LG_OPT_ENUM, ROW(transport), .choices = "udp|tcp|tls|unix|unix-dgram", .fallback = "tls",
	 .doc = "tls needs tls.cert_file and tls.key_file; unix is a stream socket, unix-dgram one of datagrams, as /dev/log is."},
	{.name = "framing", .type = LG_OPT_ENUM, ROW(framing), .choices = "auto|octet-counting|lf", .fallback = "auto",
	 .doc = "How messages are told apart on a connection; auto decides for each by its first bytes. A datagram is one message."},
	{.name = "parser", .type = LG_OPT_PARSER, ROW(parser), .fallback = "rfc-syslog",
	 .doc = "What understands the messages; brings its own options into the same mapping."},
	{.name = "tls", .type = LG_OPT_TABLE, ROW(tls), .sub = lg_tls_server_options,
	 .doc = "Certificate and key of this listener, and whether clients must show theirs."},
	{.name = "max_connections", .type = LG_OPT_INT, ROW(max_connections), .fallback = "1000", .min = 1, .max = 100000, .unit = "connections",
	 .doc = "Further ones are closed at once."},
	{.name = "idle_timeout", .type = LG_OPT_DURATION, ROW(idle_timeout_ns), .fallback = "0", .min = 0,
	 .max = INT64_C(366) * 86400 * LISTEN_SECOND_NS,
	 .doc = "A connection that sends nothing for so long is closed; 0: never, dead peers are found by TCP keepalive. Plain "
	        "syslog senders lose the message that they write into a closed connection."},
	{.name = "max_record_size", .type = LG_OPT_SIZE, ROW(max_record_size), .fallback = "128KiB", .min = 480, .max = 1048576,
	 .doc = "Longest message that is taken whole; a longer one is split into several records and counted."},
	{.name = "newlines", .type = LG_OPT_ENUM, ROW(newlines), .choices = "keep|split", .fallback = "keep", .flags = LG_OPT_ADVANCED,
	 .doc = "Newlines inside a datagram belong to its message, or separate several; those and NULs at its end are dropped."},
	{.name = "receive_buffer", .type = LG_OPT_SIZE, ROW(socket.receive_buffer), .max = INT64_C(1) << 30,
	 .doc = "Bytes that the kernel keeps of what was not read yet: what a burst of datagrams needs. A warning says when it gives less."},
	{.name = "mode", .type = LG_OPT_STRING, ROW(socket.mode), .doc = "Permissions of a unix socket, octal, in quotes; \"0666\" when not given."},
	{.name = "owner", .type = LG_OPT_STRING, ROW(socket.owner), .doc = "Owner of a unix socket: user, user:group or :group."},
	{.name = "proxy_from", .type = LG_OPT_STRINGS, ROW(socket.proxy_from),
	 .doc = "Load balancers, as addresses or ranges (10.0.0.0/24), whose connections must begin with a PROXY protocol header (version 1 or 2): source.ip is "
	        "then the one it names. From other peers no header is believed."},
	{.name = "sender_connections", .type = LG_OPT_INT, ROW(sender_connections), .fallback = "0", .max = 100000, .unit = "connections",
	 .flags = LG_OPT_ADVANCED, .doc = "Further ones of the same address are closed at once; 0: no limit."},
	{.name = "sender_rate", .type = LG_OPT_INT, ROW(sender_rate), .fallback = "0", .max = 1000000000, .unit = "records a second", .flags = LG_OPT_ADVANCED,
	 .doc = "What one address may send (all of a unix socket count as one): a connection over it is read no faster; datagrams over it are dropped and "
	        "become a loss record; 0: no limit."},
	LG_OPTION_END};

const char *listen_transport_name(const struct listen *l)
{
	static const char *const names[] = {"udp", "tcp", "tls", "unix", "unix-dgram"};

	return names[l->conf->transport];
}

static enum lg_rc check_unix(const struct listen_conf *conf, struct lg_err *err)
{
	bool is_unix = conf->transport == LISTEN_UNIX || conf->transport == LISTEN_UNIX_DGRAM;
	bool is_path = conf->address[0] == '/', passed = strncmp(conf->address, "systemd:", 8) == 0;

	if (is_unix && !is_path && !passed)
		return lg_err_set(err, LG_INVALID, "address: \"%s\" is not the path of a unix socket (it begins with /)", conf->address);
	if (!is_unix && is_path)
		return lg_err_set(err, LG_INVALID, "address: %s is a path: write transport: unix, or unix-dgram", conf->address);
	if ((conf->socket.mode || conf->socket.owner) && !is_path)
		return lg_err_set(err, LG_INVALID, "mode and owner are for a unix socket that is made here");
	if (conf->socket.mode && (!conf->socket.mode[0] || strspn(conf->socket.mode, "01234567") != strlen(conf->socket.mode)))
		return lg_err_set(err, LG_INVALID, "mode: \"%s\" is not an octal number such as \"0660\"", conf->socket.mode);
	return LG_OK;
}

enum lg_rc listen_check(const void *settings, struct lg_err *err)
{
	const struct listen_conf *conf = settings;

	if (conf->transport == LISTEN_TLS && conf->tls.off)
		return lg_err_set(err, LG_INVALID, "tls: off contradicts transport: tls; write transport: tcp for plaintext");
	if (conf->transport == LISTEN_TLS && (!conf->tls.cert_file || !conf->tls.key_file))
		return lg_err_set(err, LG_INVALID, "transport: tls needs tls: {cert_file: ..., key_file: ...}");
	for (size_t i = 0; i < conf->socket.proxy_from.count; i++)
		if (!lg_range_is_valid(conf->socket.proxy_from.items[i]))
			return lg_err_set(err, LG_INVALID, "proxy_from: \"%s\" is neither an address nor a range such as 10.0.0.0/24",
			                  conf->socket.proxy_from.items[i]);
	if (conf->socket.proxy_from.count && conf->transport != LISTEN_TCP && conf->transport != LISTEN_TLS)
		return lg_err_set(err, LG_INVALID, "proxy_from is for transport: tcp and tls");
	return check_unix(conf, err);
}
