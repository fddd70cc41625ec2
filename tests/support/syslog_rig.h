/* syslog_rig.h - the syslog output against receivers that behave as told, over real sockets. The core's side (offers, settling, rewinding) is played by
 * struct lg_output_host below; time is the real one plus a skew, so that a test can let a minute pass. Everything is static: include it in one test
 * program. */
#ifndef SYSLOG_RIG_H
#define SYSLOG_RIG_H

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "certs.h"
#include "data/batch.h"
#include "net/net.h"
#include "output_syslog/syslog.h"

#define BATCH 500
#define MAX_RECORDS 60000
#define SERVERS 3
#define LOG_ID "0123456789abcdef0123456789abcdef"

extern const struct lg_output_plugin syslog_output;

static struct certs certs;
static struct cert ca, good, expired;

/* ---- records ---- */

/* Record seq's body: lengths from 0 to about 1500, so that the length's digits change often. */
static inline size_t body_of(uint64_t seq, char out[2048])
{
	size_t size = (size_t)(seq * seq * 31 % 97) * (seq % 16);
	int n = snprintf(out, 2048, "%llu:", (unsigned long long)seq);

	if (seq == 3) /* a record without a body: its message may not have the length 0 */
		return 0;
	for (size_t i = (size_t)n; i < size; i++)
		out[i] = (char)('!' + (i + seq) % 90);
	return size > (size_t)n ? size : (size_t)n;
}

static inline struct lg_batch *make_batch(uint64_t first, uint32_t count)
{
	struct lg_batch *batch = batch_new(NULL, 0, "test");
	char body[2048];

	for (uint64_t seq = first; seq < first + count; seq++) {
		struct lg_draft draft;

		lg_draft_reset(&draft);
		draft.body = (struct lg_str){body, body_of(seq, body)};
		batch_add(batch, &draft, NULL, 1);
	}
	batch->first_seq = first;
	memcpy(batch->log_id, LOG_ID, sizeof(batch->log_id));
	return batch;
}

/* ---- the core ---- */

struct lg_output_host {
	struct syslog_conf conf;
	char *servers[SERVERS + 1];
	struct lg_net *net;
	struct lg_formatter *formatter;
	void *state;
	int64_t skew_ns;
	uint64_t records, position; /* sequences 1 .. records; next to offer */
	bool settled[MAX_RECORDS + 2];
	uint64_t settled_count, settled_upto;
	struct lg_batch *batch;
	struct lg_batch_iter it;
	bool failed, finishing, finished, refused;
	unsigned retries;
	char retry_state[40], ok_state[40];
	struct lg_err retry_err;
	char last_log[400];
};

void lg_settle(struct lg_output_host *host, uint64_t first, uint64_t last, enum lg_settle how, const char *reason)
{
	(void)reason;
	assert_int_equal(how, LG_DONE);
	assert_true(first >= 1 && first <= last);
	assert_true(last < host->position || (host->batch && last < lg_batch_first(host->batch) + lg_batch_count(host->batch)));
	for (uint64_t seq = first; seq <= last; seq++) {
		assert_false(host->settled[seq]);
		host->settled[seq] = true;
		host->settled_count++;
	}
	while (host->settled[host->settled_upto + 1])
		host->settled_upto++;
}

void lg_output_retry(struct lg_output_host *host, const char *state, const struct lg_err *err)
{
	host->failed = true;
	host->retries++;
	host->retry_err = *err;
	snprintf(host->retry_state, sizeof(host->retry_state), "%s", state);
}

void lg_output_ok(struct lg_output_host *host, const char *state)
{
	snprintf(host->ok_state, sizeof(host->ok_state), "%s", state);
}

struct lg_net *lg_output_net(struct lg_output_host *host)
{
	return host->net;
}

const char *lg_output_name(const struct lg_output_host *host)
{
	(void)host;
	return "test";
}

struct lg_formatter *lg_output_formatter(struct lg_output_host *host)
{
	return host->formatter;
}

void lg_output_log(struct lg_output_host *host, enum lg_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(host->last_log, sizeof(host->last_log), fmt, ap);
	va_end(ap);
}

static inline int64_t now_of(const struct lg_output_host *host)
{
	return clock_mono(&clock_system) + host->skew_ns;
}

static inline void drop_batch(struct lg_output_host *host)
{
	lg_batch_release(host->batch);
	host->batch = NULL;
}

static inline void rewind_if_failed(struct lg_output_host *host)
{
	if (!host->failed)
		return;
	host->failed = false;
	syslog_output.rewind(host->state);
	drop_batch(host);
	for (uint64_t seq = host->settled_upto + 1; seq <= host->records; seq++) { /* the core keeps nothing above its cursor */
		host->settled_count -= host->settled[seq];
		host->settled[seq] = false;
	}
	host->position = host->settled_upto + 1;
}

/* Offers up to a batch; true when something was taken. */
static inline bool offer(struct lg_output_host *host)
{
	uint64_t taken = host->position;

	if (host->position > host->records)
		return false;
	if (!host->batch) {
		uint64_t left = host->records - host->position + 1;

		host->batch = make_batch(host->position, (uint32_t)(left < BATCH ? left : BATCH));
		lg_batch_begin(&host->it, host->batch, host->position);
	}
	syslog_output.send(host->state, host->batch, &host->it, &taken);
	if (host->failed || taken == host->position)
		return false;
	host->position = taken;
	if (taken == lg_batch_first(host->batch) + lg_batch_count(host->batch))
		drop_batch(host);
	return true;
}

static inline bool host_turn(struct lg_output_host *host, struct lg_waitset *ws)
{
	bool progress = false, refused;

	syslog_output.step(host->state, now_of(host), ws);
	for (int i = 0; i < 4 && !host->failed && offer(host); i++)
		progress = true;
	if (!progress && !host->failed && host->finishing && host->position > host->records)
		host->finished = syslog_output.finish(host->state, now_of(host), ws) && !host->failed;
	refused = !progress && host->batch;
	if (host->failed || refused > host->refused)
		progress = true;
	host->refused = refused;
	rewind_if_failed(host);
	return progress;
}

/* ---- the receiver ---- */

struct receiver {
	struct lg_listener *listener;
	struct lg_receiver *udp;
	struct lg_conn *conn;
	enum lg_rc handshake;
	int framing;
	bool stalled;      /* accepts, reads nothing */
	bool never_closes; /* keeps its side open after the peer's end */
	struct lg_buf in;
	uint64_t bytes, messages;
	unsigned connections;
	unsigned char seen[MAX_RECORDS + 1];
	uint64_t first_of_connection; /* sequence of the first message on this connection */
};

static inline void receiver_hang_up(struct receiver *r)
{
	lg_conn_close(r->conn);
	r->conn = NULL;
	r->first_of_connection = 0;
	lg_buf_clear(&r->in);
}

static inline void take_message(struct receiver *r, const char *data, size_t size)
{
	char expect[2048];
	uint64_t seq = size <= 1 ? 3 : strtoull(data, NULL, 10);
	size_t length;

	assert_true(seq >= 1 && seq <= MAX_RECORDS);
	length = body_of(seq, expect);
	if (seq == 3 && r->framing == 0) {
		assert_int_equal(size, 1);
		assert_int_equal(data[0], ' ');
	} else {
		assert_int_equal(size, length);
		assert_memory_equal(data, expect, length);
	}
	if (r->seen[seq] < 255)
		r->seen[seq]++;
	if (!r->first_of_connection)
		r->first_of_connection = seq;
	r->messages++;
}

/* Every byte of a connection must belong to a message: a stream that begins in the middle of one does not parse. */
static inline void parse(struct receiver *r)
{
	const char *data = (const char *)r->in.data;
	size_t at = 0;

	for (;;) {
		const char *stop = memchr(data + at, r->framing == 0 ? ' ' : '\n', r->in.size - at);
		size_t size;

		if (!stop)
			break;
		if (r->framing == 1) {
			take_message(r, data + at, (size_t)(stop - data) - at);
			at = (size_t)(stop - data) + 1;
			continue;
		}
		assert_true(data[at] >= '1' && data[at] <= '9');
		size = strtoul(data + at, NULL, 10);
		if ((size_t)(stop - data) + 1 + size > r->in.size)
			break;
		take_message(r, stop + 1, size);
		at = (size_t)(stop - data) + 1 + size;
	}
	lg_buf_consume(&r->in, at);
}

static inline bool receiver_turn_udp(struct receiver *r)
{
	const struct lg_datagram *list;
	struct lg_err err;
	size_t count;

	if (r->stalled || lg_receiver_read(r->udp, &list, &count, &err) != LG_OK)
		return false;
	for (size_t i = 0; i < count; i++)
		take_message(r, list[i].data.data, list[i].data.size);
	return true;
}

static inline bool receiver_turn(struct receiver *r)
{
	struct lg_conn *fresh;
	struct lg_err err;
	enum lg_rc rc;
	size_t n;

	if (r->udp)
		return receiver_turn_udp(r);
	if (r->listener && lg_listener_accept(r->listener, &fresh, &err) == LG_OK) {
		receiver_hang_up(r);
		r->conn = fresh;
		r->handshake = LG_AGAIN;
		r->first_of_connection = 0;
		r->connections++;
	}
	if (!r->conn)
		return false;
	if (r->handshake == LG_AGAIN)
		r->handshake = lg_conn_handshake(r->conn, &err);
	if (r->handshake != LG_OK) {
		if (r->handshake != LG_AGAIN)
			receiver_hang_up(r);
		return false;
	}
	if (r->stalled)
		return false;
	lg_buf_reserve(&r->in, 65536);
	rc = lg_conn_read(r->conn, r->in.data + r->in.size, 65536, &n, &err);
	if (rc == LG_OK) {
		r->in.size += n;
		r->bytes += n;
		parse(r);
		return true;
	}
	if (rc != LG_AGAIN && !r->never_closes)
		receiver_hang_up(r);
	return false;
}

/* ---- both ---- */

struct bench {
	struct lg_output_host host;
	struct receiver receivers[SERVERS];
	uint64_t receive_buffer; /* of each receiver's kernel, 0: the system's; a stalled one holds so much unread at most */
	struct lg_waitset ws;
};

static inline void wait_all(struct bench *b, bool busy)
{
	int64_t now = now_of(&b->host), wait;

	for (int i = 0; i < SERVERS; i++) {
		struct receiver *r = &b->receivers[i];

		if (r->udp && !r->stalled)
			lg_receiver_wait(r->udp, &b->ws);
		if (r->listener)
			lg_listener_wait(r->listener, &b->ws);
		if (r->conn && !r->stalled)
			lg_conn_wait(r->conn, &b->ws, !r->never_closes, false);
	}
	wait = b->ws.wake_ns - now;
	poll(b->ws.fds, (nfds_t)b->ws.count, busy || wait <= 0 ? 0 : wait > CLOCK_SECOND ? 1000 : (int)(wait / CLOCK_MS) + 1);
}

static inline void turn(struct bench *b)
{
	bool busy = host_turn(&b->host, &b->ws);

	for (int i = 0; i < SERVERS; i++)
		busy |= receiver_turn(&b->receivers[i]);
	if (!b->host.finished)
		wait_all(b, busy);
}

#define UNTIL(bench, condition)                                                                                                \
	do {                                                                                                                   \
		int64_t give_up = clock_mono(&clock_system) + 60 * CLOCK_SECOND;                                               \
		while (!(condition)) {                                                                                         \
			turn(bench);                                                                                           \
			if (clock_mono(&clock_system) > give_up)                                                               \
				fail_msg("not reached: %s; last error: %s", #condition, (bench)->host.retry_err.text);         \
		}                                                                                                              \
	} while (0)

static inline struct lg_tls_conf receiver_tls(const struct cert *cert, bool plaintext)
{
	return (struct lg_tls_conf){.off = plaintext, .cert_file = (char *)cert->cert_file, .key_file = (char *)cert->key_file};
}

/* Server i listens, at the address it had before if it had one. */
static inline void listen_at(struct bench *b, int i, const struct cert *cert)
{
	struct lg_tls_conf tls = receiver_tls(cert, b->host.conf.transport == TRANSPORT_TCP);
	struct receiver *r = &b->receivers[i];
	struct lg_err err;
	char address[80] = "127.0.0.1:0";

	if (b->host.servers[i])
		snprintf(address, sizeof(address), "%s", b->host.servers[i]);
	if (b->host.conf.transport == TRANSPORT_UDP)
		assert_int_equal(lg_receiver_open(address, &(struct lg_socket_conf){.receive_buffer = 64 << 20}, &r->udp, &err), LG_OK);
	else
		assert_int_equal(lg_listener_open_with(address, &tls, &(struct lg_socket_conf){.receive_buffer = b->receive_buffer}, &r->listener, &err), LG_OK);
	if (!b->host.servers[i])
		b->host.servers[i] = strdup(r->udp ? lg_receiver_address(r->udp) : lg_listener_address(r->listener));
}

static inline void listen_again(struct bench *b, const struct cert *cert)
{
	listen_at(b, 0, cert);
}

/* As a receiver that is killed: nobody listens there any more, and its connection breaks. */
static inline void kill_receiver(struct bench *b, int i)
{
	struct receiver *r = &b->receivers[i];

	lg_listener_close(r->listener);
	r->listener = NULL;
	lg_receiver_close(r->udp);
	r->udp = NULL;
	lg_conn_abort(r->conn);
	r->conn = NULL;
	receiver_hang_up(r);
}

static inline struct bench *bench_new(uint64_t records)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->host.records = records;
	b->host.position = 1;
	b->host.net = net_new(NULL);
	b->host.conf = (struct syslog_conf){.transport = 2, .resend_window = 1 << 20, .idle_close_ns = 60 * CLOCK_SECOND,
	                                    .connect_timeout_ns = 10 * CLOCK_SECOND, .write_timeout_ns = 30 * CLOCK_SECOND, .return_after_ns = 10 * CLOCK_SECOND,
	                                    .max_datagram_size = 2048};
	b->host.conf.tls.ca_file = ca.cert_file;
	return b;
}

static inline void bench_open(struct bench *b)
{
	struct lg_format_conf format = {0};
	struct lg_err err;

	while (b->host.servers[b->host.conf.servers.count])
		b->host.conf.servers.count++;
	b->host.conf.servers.items = b->host.servers;
	for (int i = 0; i < SERVERS; i++)
		b->receivers[i].framing = b->host.conf.framing;
	b->host.formatter = lg_formatter_new("raw", &format, "agent", syslog_output.line_framing(&b->host.conf));
	b->host.state = calloc(1, syslog_output.state_size);
	assert_int_equal(syslog_output.open(b->host.state, &b->host.conf, &b->host, &err), LG_OK);
}

static inline struct bench *bench_start(uint64_t records)
{
	struct bench *b = bench_new(records);

	listen_again(b, &good);
	bench_open(b);
	return b;
}

static inline void bench_end(struct bench *b)
{
	syslog_output.close(b->host.state);
	for (int i = 0; i < SERVERS; i++) {
		kill_receiver(b, i);
		lg_buf_fini(&b->receivers[i].in);
	}
	drop_batch(&b->host);
	lg_formatter_free(b->host.formatter);
	net_free(b->host.net);
	for (int i = 0; b->host.servers[i]; i++)
		free(b->host.servers[i]);
	free(b->host.state);
	free(b->ws.fds);
	free(b);
}

/* How often a record came, to all receivers together. */
static inline unsigned times_seen(const struct bench *b, uint64_t seq)
{
	unsigned times = 0;

	for (int i = 0; i < SERVERS; i++)
		times += b->receivers[i].seen[seq];
	return times;
}

/* Finishes, and checks that every record arrived at least `least` and at most `most` times. */
static inline void finish_all(struct bench *b, unsigned least, unsigned most)
{
	b->host.finishing = true;
	UNTIL(b, b->host.finished);
	assert_int_equal(b->host.settled_count, b->host.records);
	for (uint64_t seq = 1; seq <= b->host.records; seq++)
		if (times_seen(b, seq) < least || times_seen(b, seq) > most)
			fail_msg("record %llu came %u times", (unsigned long long)seq, times_seen(b, seq));
}

static inline int setup(void **state)
{
	(void)state;
	certs_init(&certs);
	certs_make(&certs, &ca, "test authority", NULL, -DAY, 100 * DAY, NULL);
	certs_make(&certs, &good, "good", "IP:127.0.0.1", -DAY, 100 * DAY, &ca);
	certs_make(&certs, &expired, "expired", "IP:127.0.0.1", -10 * DAY, -DAY, &ca);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	certs_drop(&ca);
	certs_drop(&good);
	certs_drop(&expired);
	certs_fini(&certs);
	return 0;
}

#endif
