/* listen_rig.h - input `listen` over real sockets, driven through its plugin table; the test is the core's side. Everything is static: include it in
 * one test program. */
#ifndef LISTEN_RIG_H
#define LISTEN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "certs.h"
#include "data/batch.h"
#include "net/net.h"
#include "parser/parsers.h"

#include "input_listen/listen.h"

extern const struct lg_input_plugin listen_input;

/* ---- the core's side ---- */

struct lg_input_host {
	struct lg_batch *batch;
	bool full;
	uint64_t lost, lost_first, lost_last; /* of lg_input_loss */
	char loss_reason[200];
	char log[8192];
	unsigned log_lines; /* warnings and notices */
};

bool lg_input_ready(struct lg_input_host *host)
{
	return !host->full;
}

void lg_emit(struct lg_input_host *host, struct lg_draft *draft, const struct lg_origin *origin)
{
	batch_add(host->batch, draft, origin, draft->received_ns);
}

void lg_input_loss_range(struct lg_input_host *host, uint64_t first, uint64_t last, uint64_t count, uint64_t bytes, const char *reason)
{
	(void)bytes;
	if (!host->lost)
		host->lost_first = first;
	host->lost_last = last;
	host->lost += count;
	snprintf(host->loss_reason, sizeof(host->loss_reason), "%s", reason);
}

void lg_input_loss(struct lg_input_host *host, uint64_t count, uint64_t bytes, const char *reason)
{
	lg_input_loss_range(host, 0, 0, count, bytes, reason);
}

const char *lg_input_name(const struct lg_input_host *host)
{
	(void)host;
	return "in";
}

int64_t lg_input_utc(const struct lg_input_host *host)
{
	(void)host;
	return INT64_C(1795392600250000000);
}

void lg_input_log(struct lg_input_host *host, enum lg_level level, const char *fmt, ...)
{
	size_t used = strlen(host->log);
	va_list ap;

	if (level == LG_DEBUG)
		return;
	host->log_lines++;
	va_start(ap, fmt);
	vsnprintf(host->log + used, sizeof(host->log) - used, fmt, ap);
	va_end(ap);
	used = strlen(host->log);
	snprintf(host->log + used, sizeof(host->log) - used, "\n");
}

/* ---- a scene: one listener, its clients ---- */

#define CLIENTS 8

struct scene {
	struct lg_input_host host;
	struct listen_conf conf;
	char *zone;
	void *state;
	struct lg_waitset ws;
	int64_t now_ns;
	int client[CLIENTS];
	unsigned port;
};

static struct certs certs;
static struct cert ca, server_cert, client_cert, stranger_cert, other_ca;

static inline void begin(struct scene *s, enum listen_transport transport)
{
	*s = (struct scene){
		.conf = {.address = (char *)"127.0.0.1:0", .transport = (int)transport, .parser = &rfc_syslog_parser, .max_connections = 4,
		         .max_record_size = 1000},
		.now_ns = 1000 * CLOCK_SECOND,
	};
	s->zone = strdup("UTC");
	s->conf.parser_conf = &s->zone;
	s->conf.tls.cert_file = server_cert.cert_file;
	s->conf.tls.key_file = server_cert.key_file;
	s->host.batch = batch_new(NULL, 0, "in");
	memset(s->client, -1, sizeof(s->client));
}

static inline void start(struct scene *s)
{
	struct lg_err err = {0};
	const char *colon;

	s->state = calloc(1, listen_input.state_size);
	assert_int_equal(listen_input.check(&s->conf, &err), LG_OK);
	if (listen_input.open(s->state, &s->conf, &s->host, &err) != LG_OK)
		fail_msg("%s", err.text);
	colon = strrchr(s->host.log, ':');
	s->port = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0; /* a unix socket has none */
	s->host.log[0] = '\0';
	s->host.log_lines = 0;
}

static inline void end(struct scene *s)
{
	listen_input.close(s->state);
	free(s->state);
	for (int i = 0; i < CLIENTS; i++)
		if (s->client[i] >= 0)
			close(s->client[i]);
	free(s->ws.fds);
	free(s->zone);
	lg_batch_release(s->host.batch);
}

/* One step, after at most 50 ms of waiting for what the step before asked for. */
static inline void step(struct scene *s)
{
	if (s->ws.count)
		poll(s->ws.fds, (nfds_t)s->ws.count, s->ws.wake_ns <= s->now_ns ? 0 : 50);
	s->ws.wake_ns = INT64_MAX;
	listen_input.step(s->state, s->now_ns, &s->ws);
}

static inline void durable(struct scene *s)
{
	listen_input.durable(s->state, listen_input.seal(s->state, NULL));
}

static inline uint64_t sources(struct scene *s)
{
	struct lg_input_report report = {0};

	listen_input.report(s->state, &report);
	return report.sources;
}

#define until(s, condition)                                              \
	do {                                                             \
		for (int rounds_ = 0; !(condition) && rounds_ < 400; rounds_++) \
			step(s);                                         \
		assert_true(condition);                                  \
	} while (0)

static inline int dial(struct scene *s, int i)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	s->client[i] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(s->client[i], (struct sockaddr *)&to, sizeof(to)), 0);
	return s->client[i];
}

/* A client that sends datagrams. */
static inline int dial_udp(struct scene *s, int i)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	s->client[i] = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(connect(s->client[i], (struct sockaddr *)&to, sizeof(to)), 0);
	return s->client[i];
}

static inline int dial_unix(struct scene *s, int i, int type)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", s->conf.address);
	s->client[i] = socket(AF_UNIX, type, 0);
	assert_int_equal(connect(s->client[i], (struct sockaddr *)&to, sizeof(to)), 0);
	return s->client[i];
}

static inline void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* 0: the listener closed in order; -1: it did not yet (or reset). */
static inline int saw_end(int fd)
{
	char scrap[64];

	return recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT) == 0 ? 0 : -1;
}

/* "body/body/..." of all records so far, with ~ behind truncated ones and the part before split ones. */
static inline const char *bodies(struct scene *s)
{
	static struct lg_buf text;
	struct lg_batch_iter it;
	struct lg_record rec;

	lg_buf_clear(&text);
	lg_batch_begin(&it, s->host.batch, 0);
	while (lg_batch_next(&it, &rec)) {
		struct lg_value value;

		if (text.size)
			lg_buf_append_char(&text, '/');
		if (lg_record_find(&rec, LG_F_PART, &value))
			lg_buf_printf(&text, "%.*s:", (int)value.text.size, value.text.data);
		lg_buf_append_str(&text, rec.body);
		if (lg_record_find(&rec, LG_F_TRUNCATED, &value))
			lg_buf_append_char(&text, '~');
	}
	lg_buf_append_char(&text, '\0');
	return (const char *)text.data;
}

static inline void expect(struct scene *s, unsigned count, const char *wanted)
{
	until(s, s->host.batch->count >= count);
	assert_string_equal(bodies(s), wanted);
}

static inline int make_certs(void **state)
{
	(void)state;
	certs_init(&certs);
	certs_make(&certs, &ca, "Test CA", NULL, -DAY, DAY * 100, NULL);
	certs_make(&certs, &other_ca, "Other CA", NULL, -DAY, DAY * 100, NULL);
	certs_make(&certs, &server_cert, "server", "DNS:localhost,IP:127.0.0.1", -DAY, DAY * 100, &ca);
	certs_make(&certs, &client_cert, "client1.example.com", "DNS:client1.example.com,IP:10.9.8.7", -DAY, DAY * 100, &ca);
	certs_make(&certs, &stranger_cert, "stranger", NULL, -DAY, DAY * 100, &other_ca);
	return 0;
}

static inline int drop_certs(void **state)
{
	(void)state;
	certs_drop(&ca);
	certs_drop(&other_ca);
	certs_drop(&server_cert);
	certs_drop(&client_cert);
	certs_drop(&stranger_cert);
	certs_fini(&certs);
	return 0;
}

#endif
