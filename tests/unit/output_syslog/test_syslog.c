/* The syslog output against a receiver that behaves as told, over real sockets. The core's side (offers, settling, rewinding) is played by
 * struct lg_output_host below; time is the real one plus a skew, so that a test can let a minute pass. */
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

#include "api/lugger_plugin.h"
#include "base/clock.h"
#include "certs.h"
#include "data/batch.h"
#include "net/net.h"

#define BATCH 500
#define MAX_RECORDS 60000
#define LOG_ID "0123456789abcdef0123456789abcdef"

extern const struct lg_output_plugin syslog_output;

/* As in the plugin: the first fields of its settings, which a test sets without a YAML file. */
struct syslog_conf {
	struct lg_strings servers;
	int transport, framing;
	uint64_t resend_window;
	int64_t idle_close_ns, connect_timeout_ns, write_timeout_ns;
	struct lg_tls_conf tls;
};

static struct certs certs;
static struct cert ca, good, expired;

/* ---- records ---- */

/* Record seq's body: lengths from 0 to about 1500, so that the length's digits change often. */
static size_t body_of(uint64_t seq, char out[2048])
{
	size_t size = (size_t)(seq * seq * 31 % 97) * (seq % 16);
	int n = snprintf(out, 2048, "%llu:", (unsigned long long)seq);

	if (seq == 3) /* a record without a body: its message may not have the length 0 */
		return 0;
	for (size_t i = (size_t)n; i < size; i++)
		out[i] = (char)('!' + (i + seq) % 90);
	return size > (size_t)n ? size : (size_t)n;
}

static struct lg_batch *make_batch(uint64_t first, uint32_t count)
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
	char *servers[3];
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
	assert_true(first >= 1 && first <= last && last < host->position);
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

static int64_t now_of(const struct lg_output_host *host)
{
	return clock_mono(&clock_system) + host->skew_ns;
}

static void drop_batch(struct lg_output_host *host)
{
	lg_batch_release(host->batch);
	host->batch = NULL;
}

static void rewind_if_failed(struct lg_output_host *host)
{
	if (!host->failed)
		return;
	host->failed = false;
	syslog_output.rewind(host->state);
	drop_batch(host);
	host->position = host->settled_upto + 1;
}

/* Offers up to a batch; true when something was taken. */
static bool offer(struct lg_output_host *host)
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

static bool host_turn(struct lg_output_host *host, struct lg_waitset *ws)
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

static void receiver_hang_up(struct receiver *r)
{
	lg_conn_close(r->conn);
	r->conn = NULL;
	r->first_of_connection = 0;
	lg_buf_clear(&r->in);
}

static void take_message(struct receiver *r, const char *data, size_t size)
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
static void parse(struct receiver *r)
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

static bool receiver_turn(struct receiver *r)
{
	struct lg_conn *fresh;
	struct lg_err err;
	enum lg_rc rc;
	size_t n;

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
	struct receiver receiver;
	struct lg_waitset ws;
};

static void wait_both(struct bench *b, bool busy)
{
	int64_t now = now_of(&b->host), wait;

	if (b->receiver.listener)
		lg_listener_wait(b->receiver.listener, &b->ws);
	if (b->receiver.conn && !b->receiver.stalled)
		lg_conn_wait(b->receiver.conn, &b->ws, !b->receiver.never_closes, false);
	wait = b->ws.wake_ns - now;
	poll(b->ws.fds, (nfds_t)b->ws.count, busy || wait <= 0 ? 0 : wait > CLOCK_SECOND ? 1000 : (int)(wait / CLOCK_MS) + 1);
}

static void turn(struct bench *b)
{
	bool busy = host_turn(&b->host, &b->ws);

	if (receiver_turn(&b->receiver))
		busy = true;
	if (!b->host.finished)
		wait_both(b, busy);
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

static struct lg_tls_conf receiver_tls(const struct cert *cert, bool plaintext)
{
	return (struct lg_tls_conf){.off = plaintext, .cert_file = (char *)cert->cert_file, .key_file = (char *)cert->key_file};
}

static void listen_again(struct bench *b, const struct cert *cert)
{
	struct lg_tls_conf tls = receiver_tls(cert, b->host.conf.transport == 1);
	struct lg_err err;
	char address[80] = "127.0.0.1:0";

	if (b->host.servers[0])
		snprintf(address, sizeof(address), "%s", b->host.servers[0]);
	assert_int_equal(lg_listener_open(address, &tls, &b->receiver.listener, &err), LG_OK);
	if (!b->host.servers[0])
		b->host.servers[0] = strdup(lg_listener_address(b->receiver.listener));
}

static struct bench *bench_new(uint64_t records)
{
	struct bench *b = calloc(1, sizeof(*b));

	b->host.records = records;
	b->host.position = 1;
	b->host.net = net_new(NULL);
	b->host.conf = (struct syslog_conf){.transport = 2, .resend_window = 1 << 20, .idle_close_ns = 60 * CLOCK_SECOND,
	                                    .connect_timeout_ns = 10 * CLOCK_SECOND, .write_timeout_ns = 30 * CLOCK_SECOND};
	b->host.conf.tls.ca_file = ca.cert_file;
	return b;
}

static void bench_open(struct bench *b)
{
	struct lg_format_conf format = {0};
	struct lg_err err;

	while (b->host.servers[b->host.conf.servers.count])
		b->host.conf.servers.count++;
	b->host.conf.servers.items = b->host.servers;
	b->receiver.framing = b->host.conf.framing;
	b->host.formatter = lg_formatter_new("raw", &format, "agent", syslog_output.line_framing(&b->host.conf));
	b->host.state = calloc(1, syslog_output.state_size);
	assert_int_equal(syslog_output.open(b->host.state, &b->host.conf, &b->host, &err), LG_OK);
}

static struct bench *bench_start(uint64_t records)
{
	struct bench *b = bench_new(records);

	listen_again(b, &good);
	bench_open(b);
	return b;
}

static void bench_end(struct bench *b)
{
	syslog_output.close(b->host.state);
	receiver_hang_up(&b->receiver);
	lg_listener_close(b->receiver.listener);
	lg_buf_fini(&b->receiver.in);
	drop_batch(&b->host);
	lg_formatter_free(b->host.formatter);
	net_free(b->host.net);
	for (int i = 0; b->host.servers[i]; i++)
		free(b->host.servers[i]);
	free(b->host.state);
	free(b->ws.fds);
	free(b);
}

/* Finishes, and checks that every record arrived at least `least` and at most `most` times. */
static void finish_all(struct bench *b, unsigned least, unsigned most)
{
	b->host.finishing = true;
	UNTIL(b, b->host.finished);
	assert_int_equal(b->host.settled_count, b->host.records);
	for (uint64_t seq = 1; seq <= b->host.records; seq++)
		if (b->receiver.seen[seq] < least || b->receiver.seen[seq] > most)
			fail_msg("record %llu came %u times", (unsigned long long)seq, b->receiver.seen[seq]);
}

/* ---- tests ---- */

static void every_record_arrives_once_and_is_settled_by_the_orderly_close(void **state)
{
	(void)state;
	for (int transport = 1; transport <= 2; transport++)
		for (int framing = 0; framing <= 1; framing++) {
			struct bench *b = bench_new(20000);

			b->host.conf.transport = transport;
			b->host.conf.framing = framing;
			listen_again(b, &good);
			bench_open(b);
			finish_all(b, 1, 1);
			assert_int_equal(b->host.retries, 0);
			assert_string_equal(b->host.ok_state, "idle");
			assert_int_equal(b->receiver.connections, 1);
			bench_end(b);
		}
}

/* Bytes of all records behind the settled ones. */
static uint64_t unsettled_bytes(const struct lg_output_host *host)
{
	uint64_t bytes = 0;
	char body[2048];

	for (uint64_t seq = host->settled_upto + 1; seq < host->position; seq++)
		bytes += body_of(seq, body);
	return bytes;
}

static void the_cursor_trails_the_acknowledged_bytes_by_the_resend_window(void **state)
{
	struct bench *b = bench_start(20000);
	uint64_t settled = 0;

	(void)state;
	while (b->receiver.messages < b->host.records) {
		turn(b);
		if (b->host.settled_upto == settled)
			continue;
		settled = b->host.settled_upto;
		assert_true(unsettled_bytes(&b->host) >= (1 << 20) * 97 / 100); /* the rest of the window is lengths and TLS */
	}
	assert_true(settled > 0);
	UNTIL(b, unsettled_bytes(&b->host) <= (1 << 20) + (320 << 10)); /* a write of 256 KiB counts as one */
	assert_true(unsettled_bytes(&b->host) >= (1 << 20) * 97 / 100);
	finish_all(b, 1, 1);
	bench_end(b);
}

static void with_a_window_larger_than_the_stream_nothing_settles_before_the_close(void **state)
{
	struct bench *b = bench_new(2000);

	(void)state;
	b->host.conf.resend_window = 64 << 20;
	listen_again(b, &good);
	bench_open(b);
	UNTIL(b, b->receiver.messages == b->host.records);
	assert_int_equal(b->host.settled_count, 0);
	finish_all(b, 1, 1);
	bench_end(b);
}

static void after_a_break_everything_unsettled_comes_again_from_a_message_boundary(void **state)
{
	struct bench *b = bench_new(60000);
	uint64_t cursor = 0;

	(void)state;
	b->host.conf.resend_window = 8 << 20; /* more than a receiver's kernel holds unread */
	listen_again(b, &good);
	bench_open(b);
	for (unsigned i = 1; i <= 2; i++) {
		UNTIL(b, b->receiver.messages >= 35000 * i);
		receiver_hang_up(&b->receiver); /* with bytes unread: a reset */
		UNTIL(b, b->host.retries == i);
		cursor = b->host.settled_upto;
		UNTIL(b, b->receiver.first_of_connection);
		assert_int_equal(b->receiver.first_of_connection, cursor + 1);
	}
	assert_true(cursor > 0);
	finish_all(b, 1, 3);
	bench_end(b);
}

static void a_receiver_that_was_killed_and_restarted_gets_what_it_missed(void **state)
{
	struct bench *b = bench_new(20000);

	(void)state;
	b->host.conf.resend_window = 8 << 20;
	listen_again(b, &good);
	bench_open(b);
	UNTIL(b, b->receiver.messages >= 5000);
	lg_listener_close(b->receiver.listener);
	b->receiver.listener = NULL;
	receiver_hang_up(&b->receiver);
	UNTIL(b, b->host.retries >= 2);
	assert_string_equal(b->host.retry_state, "refused");
	listen_again(b, &good);
	finish_all(b, 1, 3);
	bench_end(b);
}

static void a_receiver_that_acknowledges_nothing_is_stalled_and_dialled_again(void **state)
{
	struct bench *b = bench_new(60000);
	uint64_t position = 0;

	(void)state;
	b->host.conf.resend_window = 8 << 20;
	listen_again(b, &good);
	bench_open(b);
	UNTIL(b, b->receiver.messages >= 1000);
	b->receiver.stalled = true;
	do { /* until the kernel takes no more */
		position = b->host.position;
		for (int i = 0; i < 20; i++)
			turn(b);
	} while (b->host.position != position);
	assert_int_equal(b->host.retries, 0);
	b->host.skew_ns += 300 * CLOCK_SECOND; /* this process slept: that is not the receiver's stall */
	turn(b);
	assert_int_equal(b->host.retries, 0);
	for (int i = 0; i < 30 && b->host.retries == 0; i++) {
		assert_int_equal(b->host.position, position);
		b->host.skew_ns += CLOCK_SECOND;
		turn(b);
	}
	assert_int_equal(b->host.retries, 1);
	assert_string_equal(b->host.retry_state, "stalled");
	b->receiver.stalled = false;
	receiver_hang_up(&b->receiver);
	finish_all(b, 1, 2);
	bench_end(b);
}

static void an_idle_line_is_closed_in_order_and_opened_again_with_the_next_record(void **state)
{
	struct bench *b = bench_start(1000);

	(void)state;
	UNTIL(b, b->receiver.messages == 1000);
	turn(b);
	assert_int_equal(b->host.settled_count, 0);
	b->host.skew_ns += 61 * CLOCK_SECOND;
	UNTIL(b, b->host.settled_count == 1000);
	assert_int_equal(b->host.retries, 0);
	assert_string_equal(b->host.ok_state, "idle");
	b->host.skew_ns += 100 * CLOCK_SECOND;
	for (int i = 0; i < 3; i++)
		host_turn(&b->host, &b->ws);
	assert_int_equal(b->receiver.connections, 1);
	b->host.records = 1500;
	UNTIL(b, b->receiver.messages == 1500);
	assert_int_equal(b->receiver.connections, 2);
	assert_int_equal(b->receiver.first_of_connection, 1001);
	finish_all(b, 1, 1);
	bench_end(b);
}

static void a_receiver_that_closes_idle_lines_is_closed_first_from_then_on(void **state)
{
	struct bench *b = bench_start(1000);

	(void)state;
	UNTIL(b, b->receiver.messages == 1000);
	turn(b);
	b->host.skew_ns += 20 * CLOCK_SECOND;
	turn(b);
	receiver_hang_up(&b->receiver);
	UNTIL(b, b->host.retries == 1);
	assert_string_equal(b->host.retry_state, "closed by peer");
	UNTIL(b, b->receiver.messages == 2000);
	turn(b);
	b->host.skew_ns += 11 * CLOCK_SECOND;
	UNTIL(b, b->host.settled_count == 1000);
	assert_int_equal(b->host.retries, 1);
	bench_end(b);
}

static void a_close_that_is_never_answered_confirms_nothing(void **state)
{
	struct bench *b = bench_start(1000);

	(void)state;
	b->receiver.never_closes = true;
	UNTIL(b, b->receiver.messages == 1000);
	b->host.skew_ns += 61 * CLOCK_SECOND;
	for (int i = 0; i < 2; i++)
		turn(b);
	assert_int_equal(b->host.retries, 0);
	b->host.skew_ns += 11 * CLOCK_SECOND;
	UNTIL(b, b->host.retries == 1);
	assert_string_equal(b->host.retry_state, "unconfirmed");
	assert_int_equal(b->host.settled_count, 0);
	b->receiver.never_closes = false;
	finish_all(b, 2, 2);
	bench_end(b);
}

static void not_a_byte_goes_to_a_receiver_that_fails_verification(void **state)
{
	struct bench *b = bench_new(1000);

	(void)state;
	listen_again(b, &expired);
	bench_open(b);
	b->host.finishing = true;
	UNTIL(b, b->host.retries >= 3);
	assert_string_equal(b->host.retry_state, "tls-failed");
	assert_non_null(strstr(b->host.retry_err.text, "certificate has expired"));
	assert_int_equal(b->receiver.bytes, 0);
	assert_int_equal(b->host.settled_count, 0);
	lg_listener_close(b->receiver.listener);
	listen_again(b, &good); /* renewed */
	finish_all(b, 1, 1);
	bench_end(b);
}

static enum lg_rc deny(void *guard, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext, struct lg_err *err)
{
	(void)guard;
	(void)host;
	(void)port;
	(void)addr;
	(void)plaintext;
	return lg_err_set(err, LG_DENIED, "no: {host: x, port: 1}");
}

static void a_denial_is_a_state_with_the_policys_words(void **state)
{
	struct bench *b = bench_new(10);

	(void)state;
	net_free(b->host.net);
	b->host.net = net_new(&(struct net_gate){.permit = deny});
	listen_again(b, &good);
	bench_open(b);
	UNTIL(b, b->host.retries >= 1);
	assert_string_equal(b->host.retry_state, "denied");
	assert_string_equal(b->host.retry_err.text, "no: {host: x, port: 1}");
	assert_int_equal(b->receiver.connections, 0);
	bench_end(b);
}

static void when_one_server_fails_the_next_is_tried(void **state)
{
	struct lg_tls_conf off = {.off = true};
	struct bench *b = bench_new(1000);
	struct lg_listener *dead;
	struct lg_err err;

	(void)state;
	assert_int_equal(lg_listener_open("127.0.0.1:0", &off, &dead, &err), LG_OK);
	listen_again(b, &good);
	b->host.servers[1] = b->host.servers[0];
	b->host.servers[0] = strdup(lg_listener_address(dead));
	lg_listener_close(dead); /* nobody listens there now */
	bench_open(b);
	finish_all(b, 1, 1);
	assert_int_equal(b->host.retries, 1);
	assert_string_equal(b->host.retry_state, "refused");
	bench_end(b);
}

static void with_nothing_to_send_a_stop_needs_no_receiver(void **state)
{
	struct bench *b = bench_start(0);

	(void)state;
	assert_true(syslog_output.finish(b->host.state, now_of(&b->host), &b->ws));
	assert_int_equal(b->host.retries, 0);
	bench_end(b);
}

static void udp_and_servers_without_a_port_are_refused(void **state)
{
	char *servers[] = {(char *)"siem.example.com:6514", (char *)"siem.example.com"};
	struct syslog_conf conf = {.servers = {servers, 1}, .transport = 2};
	struct lg_err err;

	(void)state;
	assert_int_equal(syslog_output.check(&conf, &err), LG_OK);
	conf.servers.count = 2;
	assert_int_equal(syslog_output.check(&conf, &err), LG_INVALID);
	conf.servers.count = 1;
	conf.transport = 0;
	assert_int_equal(syslog_output.check(&conf, &err), LG_UNSUPPORTED);
	assert_non_null(strstr(err.text, "not in this version"));
}

static int setup(void **state)
{
	(void)state;
	certs_init(&certs);
	certs_make(&certs, &ca, "test authority", NULL, -DAY, 100 * DAY, NULL);
	certs_make(&certs, &good, "good", "IP:127.0.0.1", -DAY, 100 * DAY, &ca);
	certs_make(&certs, &expired, "expired", "IP:127.0.0.1", -10 * DAY, -DAY, &ca);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	certs_drop(&ca);
	certs_drop(&good);
	certs_drop(&expired);
	certs_fini(&certs);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_arrives_once_and_is_settled_by_the_orderly_close),
		cmocka_unit_test(the_cursor_trails_the_acknowledged_bytes_by_the_resend_window),
		cmocka_unit_test(with_a_window_larger_than_the_stream_nothing_settles_before_the_close),
		cmocka_unit_test(after_a_break_everything_unsettled_comes_again_from_a_message_boundary),
		cmocka_unit_test(a_receiver_that_was_killed_and_restarted_gets_what_it_missed),
		cmocka_unit_test(a_receiver_that_acknowledges_nothing_is_stalled_and_dialled_again),
		cmocka_unit_test(an_idle_line_is_closed_in_order_and_opened_again_with_the_next_record),
		cmocka_unit_test(a_receiver_that_closes_idle_lines_is_closed_first_from_then_on),
		cmocka_unit_test(a_close_that_is_never_answered_confirms_nothing),
		cmocka_unit_test(not_a_byte_goes_to_a_receiver_that_fails_verification),
		cmocka_unit_test(a_denial_is_a_state_with_the_policys_words),
		cmocka_unit_test(when_one_server_fails_the_next_is_tried),
		cmocka_unit_test(with_nothing_to_send_a_stop_needs_no_receiver),
		cmocka_unit_test(udp_and_servers_without_a_port_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
