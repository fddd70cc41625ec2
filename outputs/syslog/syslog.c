/* Output `syslog`: RFC 5424 and friends over TCP or TLS (RFC 6587, RFC 5425).
 *
 * Plain syslog has no acknowledgement. What can be known: how far the peer's TCP acknowledged, and that a peer which answers our orderly close
 * with its own end has read everything. So records settle when the acknowledged position is `resend_window` past them, and the rest at an
 * orderly close; after a break everything unsettled is sent again, from a message boundary, on a new connection. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/lugger_plugin.h"
#include "output_syslog/marks.h"

#define SECOND INT64_C(1000000000)
#define SEND_BUFFER (256u << 10)   /* formatted bytes waiting; one message more at most */
#define TLS_RECORD (16u << 10)     /* written in whole records while more is coming */
#define MARK_GRAIN (16u << 10)
#define PROVEN_NS (1 * SECOND)     /* a connection this old that still stands is called good */
#define ACK_POLL_NS (SECOND / 20)  /* nothing signals an acknowledgement */
#define CLOSE_NS (10 * SECOND)     /* for the peer's end after ours */
#define PREFIX_MAX 21              /* digits of a length, and the space */

enum transport { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS };
enum framing { OCTET_COUNTING, LINES };
enum phase { DOWN, CONNECTING, UP, CLOSING };

struct syslog_conf {
	struct lg_strings servers;
	int transport, framing;
	uint64_t resend_window;
	int64_t idle_close_ns, connect_timeout_ns, write_timeout_ns;
	struct lg_tls_conf tls;
};

/* One connection's life; all of it is forgotten when the connection ends. */
struct link {
	struct lg_conn *conn;
	enum phase phase;
	struct marks marks;
	uint64_t plain_end;     /* plaintext formatted so far */
	uint64_t plain_written; /* of it, given to the connection */
	uint64_t acked;         /* wire position the peer's TCP acknowledged, at the last look */
	int64_t up_ns, look_ns, active_ns, close_by_ns; /* established; last look at acknowledgements; records last; CLOSING ends */
	int64_t still_ns;       /* how long nothing was acknowledged while bytes waited */
	bool was_pending, fed;
};

struct syslog {
	const struct syslog_conf *conf;
	struct lg_output_host *host;
	struct lg_formatter *formatter;
	struct lg_tls_conf tls;
	struct link link;
	struct lg_buf out;  /* framed messages; out_at of it is written */
	size_t out_at;
	unsigned digits;    /* of the last message's length: the best guess for the next */
	size_t server;      /* index of the one in use */
	int64_t idle_ns;    /* idle_close, as the peer taught us; 0: never */
	bool wanted;        /* connect: at the start, after a failure, and when records wait */
	bool failed;        /* lg_output_retry was called in this turn */
	const char *state;  /* last one told with lg_output_ok */
};

/* ---- settings -------------------------------------------------------------------------------------------------------------------- */

#define ROW(field) .offset = offsetof(struct syslog_conf, field)

static const struct lg_option syslog_options[] = {
	{.name = "servers", .type = LG_OPT_STRINGS, ROW(servers), .flags = LG_OPT_REQUIRED | LG_OPT_DESTINATION,
	 .doc = "Receivers as host:port; when one fails the next is tried."},
	{.name = "transport", .type = LG_OPT_ENUM, ROW(transport), .choices = "!udp|tcp|tls", .fallback = "tls",
	 .doc = "`tcp` is plaintext and needs an egress rule with `plaintext: true` unless the receiver is this machine."},
	{.name = "framing", .type = LG_OPT_ENUM, ROW(framing), .choices = "octet-counting|lf", .fallback = "octet-counting",
	 .doc = "How messages are told apart: by their length in front (RFC 5425, RFC 6587), or by a newline behind."},
	{.name = "resend_window", .type = LG_OPT_SIZE, ROW(resend_window), .fallback = "8MiB", .max = INT64_C(1) << 30,
	 .doc = "Records stay unsettled until the receiver's TCP has acknowledged this much behind them: more than its receive buffer holds unread."},
	{.name = "idle_close", .type = LG_OPT_DURATION, ROW(idle_close_ns), .fallback = "60s", .max = 86400 * SECOND,
	 .doc = "A line silent for so long is closed in order, which confirms its last records, and opened again with the next record; 0: never, unless the receiver closes idle lines itself."},
	{.name = "connect_timeout", .type = LG_OPT_DURATION, ROW(connect_timeout_ns), .fallback = "10s", .min = SECOND / 10, .max = 300 * SECOND,
	 .flags = LG_OPT_ADVANCED, .doc = "Longest time for the connect to one address, and again for the TLS handshake."},
	{.name = "write_timeout", .type = LG_OPT_DURATION, ROW(write_timeout_ns), .fallback = "30s", .min = SECOND / 10, .max = 3600 * SECOND,
	 .flags = LG_OPT_ADVANCED, .doc = "A receiver that acknowledges nothing for so long while bytes wait is `stalled`, and connected to anew."},
	{.name = "tls", .type = LG_OPT_TABLE, ROW(tls), .sub = lg_tls_client_options, .doc = "Certificates and trust."},
	LG_OPTION_END};

static bool syslog_line_framing(const void *conf)
{
	return ((const struct syslog_conf *)conf)->framing == LINES;
}

static enum lg_rc syslog_check(const void *settings, struct lg_err *err)
{
	const struct syslog_conf *conf = settings;

	if (conf->transport == TRANSPORT_UDP)
		return lg_err_set(err, LG_UNSUPPORTED, "transport: udp is not in this version; use tls or tcp");
	for (size_t i = 0; i < conf->servers.count; i++) {
		const char *colon = strrchr(conf->servers.items[i], ':');

		if (!colon || colon == conf->servers.items[i] || !colon[1])
			return lg_err_set(err, LG_INVALID, "servers: \"%s\" is not host:port (IPv6: [address]:port)", conf->servers.items[i]);
	}
	return LG_OK;
}

/* ---- the link -------------------------------------------------------------------------------------------------------------------- */

static size_t waiting(const struct syslog *s)
{
	return s->out.size - s->out_at;
}

static void say(struct syslog *s, const char *state)
{
	if (s->state && strcmp(s->state, state) == 0)
		return;
	s->state = state;
	lg_output_ok(s->host, state);
}

/* Ends the connection and forgets what was on it and in front of it. */
static void drop_link(struct syslog *s)
{
	struct marks marks = s->link.marks;

	lg_conn_close(s->link.conn);
	marks_clear(&marks);
	s->link = (struct link){.marks = marks};
	lg_buf_clear(&s->out);
	s->out_at = 0;
}

static void fail(struct syslog *s, const char *state, const struct lg_err *err)
{
	drop_link(s);
	s->server = (s->server + 1) % s->conf->servers.count;
	s->failed = s->wanted = true;
	s->state = NULL;
	lg_output_retry(s->host, state, err);
}

static const char *state_of(const struct lg_err *err)
{
	switch (err->rc) {
	case LG_DENIED:
		return "denied";
	case LG_TLS:
		return "tls-failed";
	case LG_NOTFOUND:
		return "unresolved";
	case LG_INVALID:
		return "misconfigured";
	default:
		break;
	}
	switch (err->sys_errno) {
	case ECONNREFUSED:
		return "refused";
	case ETIMEDOUT:
		return "timeout";
	case EHOSTUNREACH:
	case ENETUNREACH:
		return "unreachable";
	default:
		return "disconnected";
	}
}

static void start_connect(struct syslog *s)
{
	const char *server = s->conf->servers.items[s->server];
	struct lg_err err;

	if (lg_conn_open(lg_output_net(s->host), server, &s->tls, &s->link.conn, &err) != LG_OK) {
		fail(s, state_of(&err), &err);
		return;
	}
	lg_conn_set_timeout(s->link.conn, s->conf->connect_timeout_ns);
	s->link.phase = CONNECTING;
}

/* True once the connection stands. */
static bool go_on_connecting(struct syslog *s, int64_t now_ns)
{
	struct lg_err err;
	enum lg_rc rc = lg_conn_handshake(s->link.conn, &err);
	const char *warning;

	if (rc == LG_AGAIN)
		return false;
	if (rc != LG_OK) {
		fail(s, state_of(&err), &err);
		return false;
	}
	s->link.phase = UP;
	s->link.up_ns = s->link.look_ns = s->link.active_ns = now_ns;
	s->wanted = false;
	lg_output_log(s->host, LG_INFO, "connected to %s (%s), %s", s->conf->servers.items[s->server], lg_conn_peer(s->link.conn),
	              lg_conn_tls_text(s->link.conn));
	warning = lg_conn_warning(s->link.conn);
	if (warning)
		lg_output_log(s->host, LG_WARNING, "%s: %s", s->conf->servers.items[s->server], warning);
	return true;
}

/* Gives `limit` bytes of the buffer to the connection, as far as it takes them. */
static void write_out(struct syslog *s, size_t limit)
{
	struct link *link = &s->link;
	struct lg_conn_stats stats;
	struct lg_err err;
	enum lg_rc rc;
	size_t done;

	if (limit == 0)
		return;
	rc = lg_conn_write(link->conn, s->out.data + s->out_at, limit, &done, &err);
	if (rc != LG_OK && rc != LG_AGAIN) {
		fail(s, state_of(&err), &err);
		return;
	}
	s->out_at += done;
	link->plain_written += done;
	lg_conn_stats(link->conn, &stats);
	marks_written(&link->marks, link->plain_written, stats.written);
	if (s->out_at == s->out.size) {
		lg_buf_clear(&s->out);
		s->out_at = 0;
	} else if (s->out_at >= SEND_BUFFER / 2) {
		lg_buf_consume(&s->out, s->out_at);
		s->out_at = 0;
	}
}

/* The peer ended the connection: in order (`why` NULL), with a bare FIN (no sys_errno), or by a reset or an alert. A line that is idle for
 * both is no failure, but its last records are unconfirmed: next time we close first. */
static void peer_closed(struct syslog *s, int64_t now_ns, const struct lg_err *why)
{
	bool fin = !why || (why->rc == LG_PEER && why->sys_errno == 0);
	int64_t idle_ns = now_ns - s->link.active_ns;
	struct lg_conn_stats stats;
	struct lg_err err;

	if (fin && marks_empty(&s->link.marks) && !waiting(s)) {
		drop_link(s);
		say(s, "idle");
		return;
	}
	lg_conn_stats(s->link.conn, &stats);
	if (fin && !waiting(s) && !stats.unacked && idle_ns >= 2 * SECOND && (!s->idle_ns || idle_ns / 2 < s->idle_ns)) {
		s->idle_ns = idle_ns / 2;
		lg_output_log(s->host, LG_NOTICE, "the receiver closes lines idle for %lld s: ours are closed after %lld s from now on",
		              (long long)(idle_ns / SECOND), (long long)(s->idle_ns / SECOND));
	}
	if (why)
		err = *why;
	else
		lg_err_set(&err, LG_PEER, "%s closed the connection", lg_conn_peer(s->link.conn));
	fail(s, err.rc == LG_PEER ? "closed by peer" : state_of(&err), &err);
}

/* A receiver says nothing; what comes is thrown away, but an end or an alert must be seen. False when the link is gone. */
static bool read_in(struct syslog *s, int64_t now_ns)
{
	char scrap[4096];
	struct lg_err err;
	enum lg_rc rc;
	size_t n;

	do
		rc = lg_conn_read(s->link.conn, scrap, sizeof(scrap), &n, &err);
	while (rc == LG_OK);
	if (rc == LG_AGAIN)
		return true;
	peer_closed(s, now_ns, rc == LG_EOF ? NULL : &err);
	return false;
}

/* ---- confirming ------------------------------------------------------------------------------------------------------------------ */

static void start_close(struct syslog *s, int64_t now_ns)
{
	s->link.phase = CLOSING;
	s->link.close_by_ns = now_ns + CLOSE_NS;
}

static void go_on_closing(struct syslog *s, int64_t now_ns)
{
	struct lg_err err;
	enum lg_rc rc = lg_conn_shutdown(s->link.conn, &err);
	uint64_t first, last;

	if (rc == LG_AGAIN && now_ns < s->link.close_by_ns)
		return;
	if (rc == LG_OK) {
		if (marks_take_all(&s->link.marks, &first, &last))
			lg_settle(s->host, first, last, LG_DONE, NULL);
		drop_link(s);
		say(s, "idle");
		return;
	}
	if (rc == LG_AGAIN) {
		lg_err_set(&err, LG_PEER, "%s does not answer an orderly close: its last records are sent again", lg_conn_peer(s->link.conn));
		if (s->idle_ns)
			lg_output_log(s->host, LG_WARNING, "the receiver does not answer an orderly close: idle_close is off until the next start");
		s->idle_ns = 0;
	}
	fail(s, rc == LG_AGAIN ? "unconfirmed" : state_of(&err), &err);
}

/* Looks at what TCP acknowledged: settles, and notices a peer that takes nothing any more. False when the link is gone. */
static bool look_at_acks(struct syslog *s, int64_t now_ns)
{
	struct link *link = &s->link;
	struct lg_conn_stats stats;
	uint64_t acked, first, last;
	struct lg_err err;
	bool pending;

	lg_conn_stats(link->conn, &stats);
	acked = stats.written - (stats.unacked < stats.written ? stats.unacked : stats.written);
	pending = waiting(s) > 0 || stats.unacked > 0;
	if (acked != link->acked || !link->was_pending)
		link->still_ns = 0;
	else /* a look takes part with a second at most: it may be we who slept, in a stopped process or machine */
		link->still_ns += now_ns - link->look_ns < SECOND ? now_ns - link->look_ns : SECOND;
	link->look_ns = now_ns;
	link->acked = acked;
	link->was_pending = pending;
	if (acked > s->conf->resend_window && marks_take(&link->marks, acked - s->conf->resend_window, &first, &last))
		lg_settle(s->host, first, last, LG_DONE, NULL);
	if (!pending || link->still_ns < s->conf->write_timeout_ns)
		return true;
	lg_err_set(&err, LG_PEER, "%s has acknowledged nothing for %lld s, %llu bytes wait", lg_conn_peer(link->conn),
	           (long long)(s->conf->write_timeout_ns / SECOND), (unsigned long long)(waiting(s) + stats.unacked));
	fail(s, "stalled", &err);
	return false;
}

static void run_up(struct syslog *s, int64_t now_ns)
{
	struct link *link = &s->link;

	if (link->fed) {
		link->fed = false;
		link->active_ns = now_ns;
	}
	if (!read_in(s, now_ns))
		return;
	write_out(s, waiting(s));
	if (s->failed || !look_at_acks(s, now_ns))
		return;
	if (now_ns - link->up_ns >= PROVEN_NS)
		say(s, marks_empty(&link->marks) ? "connected" : "flowing");
	if (s->idle_ns && !waiting(s) && !marks_empty(&link->marks) && now_ns - link->active_ns >= s->idle_ns)
		start_close(s, now_ns);
}

static void fill_waitset(const struct syslog *s, int64_t now_ns, struct lg_waitset *ws)
{
	const struct link *link = &s->link;

	lg_waitset_clear(ws);
	if (link->phase == DOWN)
		return;
	lg_conn_wait(link->conn, ws, true, waiting(s) > 0);
	if (link->phase == CLOSING)
		lg_waitset_wake(ws, link->close_by_ns);
	if (link->phase != UP)
		return;
	if (now_ns - link->up_ns < PROVEN_NS)
		lg_waitset_wake(ws, link->up_ns + PROVEN_NS);
	if (link->was_pending)
		lg_waitset_wake(ws, now_ns + ACK_POLL_NS);
	if (s->idle_ns && !marks_empty(&link->marks))
		lg_waitset_wake(ws, link->active_ns + s->idle_ns);
}

/* Everything a step does but the waitset. */
static void advance(struct syslog *s, int64_t now_ns)
{
	s->failed = false;
	if (s->link.phase == UP)
		run_up(s, now_ns);
	if (s->link.phase == CLOSING)
		go_on_closing(s, now_ns);
	if (s->link.phase == DOWN && s->wanted && !s->failed)
		start_connect(s);
	if (s->link.phase == CONNECTING && go_on_connecting(s, now_ns))
		run_up(s, now_ns);
}

/* ---- the plugin ------------------------------------------------------------------------------------------------------------------ */

static enum lg_rc syslog_open(void *state, const void *conf, struct lg_output_host *host, struct lg_err *err)
{
	struct syslog *s = state;

	s->conf = conf;
	s->host = host;
	s->formatter = lg_output_formatter(host);
	s->tls = s->conf->tls;
	if (s->conf->transport == TRANSPORT_TCP)
		s->tls.off = true;
	s->idle_ns = s->conf->idle_close_ns;
	s->digits = 3;
	s->wanted = true;
	marks_init(&s->link.marks, MARK_GRAIN);
	return syslog_check(conf, err);
}

static void syslog_step(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	struct syslog *s = state;

	advance(s, now_ns);
	fill_waitset(s, now_ns, ws);
}

static unsigned count_digits(size_t n)
{
	unsigned digits = 1;

	while (n >= 10) {
		n /= 10;
		digits++;
	}
	return digits;
}

/* One message behind its length (RFC 6587 section 3.4.1). It is formatted in place, behind a gap as wide as the last length was; only where
 * the width changes is it moved. */
static unsigned add_counted(struct syslog *s, const struct lg_record *rec, unsigned part)
{
	size_t start = s->out.size, body, size;
	unsigned parts, digits;

	lg_buf_reserve(&s->out, PREFIX_MAX + 1);
	s->out.size += s->digits + 1;
	body = s->out.size;
	parts = lg_format(s->formatter, rec, part, 0, &s->out);
	if (s->out.size == body) /* a length of 0 is not allowed there */
		lg_buf_append_char(&s->out, ' ');
	size = s->out.size - body;
	digits = count_digits(size);
	if (digits != s->digits) {
		lg_buf_reserve(&s->out, PREFIX_MAX);
		memmove(s->out.data + start + digits + 1, s->out.data + body, size);
		s->out.size = start + digits + 1 + size;
		s->digits = digits;
	}
	s->out.data[start + digits] = ' ';
	for (unsigned i = digits; i-- > 0; size /= 10)
		s->out.data[start + i] = (uint8_t)('0' + size % 10);
	return parts;
}

static void add_record(struct syslog *s, const struct lg_record *rec)
{
	size_t before = s->out.size;
	unsigned parts = 1;

	for (unsigned part = 0; part < parts; part++) {
		if (s->conf->framing == OCTET_COUNTING) {
			parts = add_counted(s, rec, part);
		} else {
			parts = lg_format(s->formatter, rec, part, 0, &s->out);
			lg_buf_append_char(&s->out, '\n');
		}
	}
	s->link.plain_end += s->out.size - before;
}

static void syslog_send(void *state, struct lg_batch *batch, struct lg_batch_iter *it, uint64_t *taken)
{
	struct syslog *s = state;
	struct lg_record rec;
	bool more = true;

	s->failed = false;
	if (s->link.phase != UP) { /* what nobody can send yet is better off in the spool */
		s->wanted = true;
		return;
	}
	while (more) {
		while (waiting(s) < SEND_BUFFER && (more = lg_batch_next(it, &rec))) {
			add_record(s, &rec);
			*taken = rec.seq + 1;
			if (!marks_add(&s->link.marks, rec.seq, s->link.plain_end)) {
				struct lg_err err;

				lg_err_set(&err, LG_NOMEM, "no memory for the resend window");
				fail(s, "no memory", &err);
				return;
			}
		}
		if (!more)
			*taken = lg_batch_first(batch) + lg_batch_count(batch);
		s->link.fed = true;
		write_out(s, waiting(s) / TLS_RECORD * TLS_RECORD);
		if (s->failed || waiting(s) >= SEND_BUFFER)
			return;
	}
}

static void syslog_rewind(void *state)
{
	drop_link(state);
}

static bool syslog_finish(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	struct syslog *s = state;
	bool nothing;

	s->wanted = false; /* with nothing to send there is no need of a connection */
	advance(s, now_ns);
	if (s->failed) {
		lg_waitset_clear(ws);
		return false;
	}
	if (s->link.phase == UP && !waiting(s) && !marks_empty(&s->link.marks)) {
		start_close(s, now_ns);
		go_on_closing(s, now_ns);
	}
	nothing = !s->failed && !waiting(s) && marks_empty(&s->link.marks);
	fill_waitset(s, now_ns, ws);
	return nothing;
}

static void syslog_report(const void *state, struct lg_output_report *report)
{
	const struct syslog *s = state;
	const struct link *link = &s->link;

	report->in_flight_bytes = link->plain_written - link->marks.settled;
	report->held_before = marks_reached(&link->marks, link->acked);
	if (link->phase == UP || link->phase == CLOSING)
		snprintf(report->peer, sizeof(report->peer), "%s %s", lg_conn_peer(link->conn), lg_conn_tls_text(link->conn));
	else
		snprintf(report->peer, sizeof(report->peer), "%s", s->conf->servers.items[s->server]);
}

static void syslog_close(void *state)
{
	struct syslog *s = state;

	if (!s->conf)
		return;
	drop_link(s);
	marks_fini(&s->link.marks);
	lg_buf_fini(&s->out);
}

const struct lg_output_plugin syslog_output = {
	.name = "syslog", .doc = "Syslog over TLS or TCP to a SIEM, rsyslog or syslog-ng.", .options = syslog_options,
	.conf_size = sizeof(struct syslog_conf), .line_framing = syslog_line_framing, .formats = "rfc5424|rfc3164|json|raw",
	 .state_size = sizeof(struct syslog), .check = syslog_check, .open = syslog_open, .step = syslog_step,
	.send = syslog_send, .rewind = syslog_rewind, .finish = syslog_finish, .report = syslog_report, .close = syslog_close};
