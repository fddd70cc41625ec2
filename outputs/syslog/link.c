/* One connection: connecting, carrying, and the close that confirms. */
#include <stdio.h>
#include <string.h>

#include "output_syslog/syslog.h"

#define TLS_RECORD (16u << 10)     /* written in whole records while more is coming */
#define MARK_GRAIN (16u << 10)
#define ACK_POLL_NS (SECOND / 20)  /* nothing signals an acknowledgement */
#define CLOSE_NS (10 * SECOND)     /* for the peer's end after ours */

void link_init(struct link *link, struct syslog *s, size_t index, uint64_t seed)
{
	*link = (struct link){.syslog = s, .server = s->conf->servers.items[index], .index = index, .out.digits = 3,
	                      .idle_ns = s->conf->idle_close_ns, .last_state = ""};
	breaker_init(&link->breaker, seed);
	marks_init(&link->marks, s->conf->transport == TRANSPORT_UDP ? 1 : MARK_GRAIN);
}

void link_fini(struct link *link)
{
	link_drop(link);
	marks_fini(&link->marks);
	frames_fini(&link->out);
}

void link_drop(struct link *link)
{
	lg_conn_close(link->conn);
	lg_udp_close(link->udp);
	link->conn = NULL;
	link->udp = NULL;
	link->phase = LINK_DOWN;
	marks_clear(&link->marks);
	frames_clear(&link->out);
	link->plain_end = link->plain_written = link->acked = link->last_seq = 0;
	link->still_ns = 0;
	link->was_pending = link->fed = false;
}

void link_settle(struct link *link, uint64_t wire)
{
	uint64_t first, last;

	while (marks_take(&link->marks, wire, link->syslog->offered_end, &first, &last))
		servers_settle(link->syslog, first, last);
}

/* ---- connecting ------------------------------------------------------------------------------------------------------------------ */

void link_connect(struct link *link)
{
	const struct syslog *s = link->syslog;
	const struct lg_tcp_conf tcp = {s->conf->keepalive_ns, s->conf->tcp_user_timeout_ns};
	struct lg_err err;

	if (s->conf->transport == TRANSPORT_UDP) {
		udp_connect(link);
		return;
	}
	if (lg_conn_open(lg_output_net(s->host), link->server, &s->tls, &link->conn, &err) != LG_OK) {
		servers_failed(link, servers_state_of(&err), &err);
		return;
	}
	lg_conn_set_timeout(link->conn, s->conf->connect_timeout_ns);
	lg_conn_set_tcp(link->conn, &tcp);
	link->phase = LINK_CONNECTING;
}

/* True once the connection stands. */
static bool go_on_connecting(struct link *link)
{
	struct syslog *s = link->syslog;
	struct lg_err err;
	enum lg_rc rc = lg_conn_handshake(link->conn, &err);
	const char *warning;

	if (rc == LG_AGAIN)
		return false;
	if (rc != LG_OK) {
		servers_failed(link, servers_state_of(&err), &err);
		return false;
	}
	link->phase = LINK_UP;
	link->up_ns = link->look_ns = link->active_ns = s->now_ns;
	lg_output_log(s->host, LG_INFO, "connected to %s (%s), %s", link->server, lg_conn_peer(link->conn), lg_conn_tls_text(link->conn));
	warning = lg_conn_warning(link->conn);
	if (warning)
		lg_output_log(s->host, LG_WARNING, "%s: %s", link->server, warning);
	return true;
}

/* ---- bytes out and in ------------------------------------------------------------------------------------------------------------ */

/* Gives `limit` bytes of the buffer to the connection, as far as it takes them. */
static void write_out(struct link *link, size_t limit)
{
	struct lg_conn_stats stats;
	struct lg_err err;
	enum lg_rc rc;
	size_t done;

	if (limit == 0)
		return;
	rc = lg_conn_write(link->conn, link->out.bytes.data + link->out.at, limit, &done, &err);
	if (rc != LG_OK && rc != LG_AGAIN) {
		servers_failed(link, servers_state_of(&err), &err);
		return;
	}
	link->plain_written += done;
	lg_conn_stats(link->conn, &stats);
	marks_written(&link->marks, link->plain_written, stats.written);
	frames_consume(&link->out, done);
}

void link_flush(struct link *link, bool all)
{
	size_t waiting = frames_waiting(&link->out);

	if (link->udp)
		udp_flush(link);
	else
		write_out(link, all ? waiting : waiting / TLS_RECORD * TLS_RECORD);
}

void link_add(struct link *link, const struct lg_record *rec)
{
	struct syslog *s = link->syslog;
	bool joined = link->last_seq && link->last_seq == s->last_given;

	link->plain_end += frames_add(&link->out, s, rec);
	if (!marks_add(&link->marks, rec->seq, link->plain_end, joined)) {
		struct lg_err err;

		lg_err_set(&err, LG_NOMEM, "no memory for the resend window");
		servers_failed(link, "no memory", &err);
		return;
	}
	link->last_seq = s->last_given = rec->seq;
	link->fed = true;
}

/* The peer ended the connection: in order (`why` NULL), with a bare FIN (no sys_errno), or by a reset or an alert. A line that is idle for
 * both is no failure, but its last records are unconfirmed: next time we close first. */
static void peer_closed(struct link *link, const struct lg_err *why)
{
	struct syslog *s = link->syslog;
	bool fin = !why || (why->rc == LG_PEER && why->sys_errno == 0);
	int64_t idle_ns = s->now_ns - link->active_ns;
	struct lg_conn_stats stats;
	struct lg_err err;

	if (fin && marks_empty(&link->marks)) {
		/* One that accepts and closes at once must not be dialled again and again while another one carries. */
		if (s->link_count > 1 && s->now_ns - link->up_ns < PROVEN_NS) {
			breaker_fail(&link->breaker, s->now_ns);
			link->last_state = "closed by peer";
		}
		link_drop(link);
		return;
	}
	lg_conn_stats(link->conn, &stats);
	if (fin && !frames_waiting(&link->out) && !stats.unacked && idle_ns >= 2 * SECOND && (!link->idle_ns || idle_ns / 2 < link->idle_ns)) {
		link->idle_ns = idle_ns / 2;
		lg_output_log(s->host, LG_NOTICE, "the receiver closes lines idle for %lld s: ours are closed after %lld s from now on",
		              (long long)(idle_ns / SECOND), (long long)(link->idle_ns / SECOND));
	}
	if (why)
		err = *why;
	else
		lg_err_set(&err, LG_PEER, "%s closed the connection", lg_conn_peer(link->conn));
	servers_failed(link, err.rc == LG_PEER ? "closed by peer" : servers_state_of(&err), &err);
}

/* A receiver says nothing; what comes is thrown away, but an end or an alert must be seen. False when the link is gone. */
static bool read_in(struct link *link)
{
	char scrap[4096];
	struct lg_err err;
	enum lg_rc rc;
	size_t n;

	do
		rc = lg_conn_read(link->conn, scrap, sizeof(scrap), &n, &err);
	while (rc == LG_OK);
	if (rc == LG_AGAIN)
		return true;
	peer_closed(link, rc == LG_EOF ? NULL : &err);
	return false;
}

/* ---- confirming ------------------------------------------------------------------------------------------------------------------ */

void link_close(struct link *link)
{
	if (link->phase != LINK_UP || link->udp)
		return;
	link->phase = LINK_CLOSING;
	link->close_by_ns = link->syslog->now_ns + CLOSE_NS;
}

static void go_on_closing(struct link *link)
{
	struct syslog *s = link->syslog;
	struct lg_err err;
	enum lg_rc rc = lg_conn_shutdown(link->conn, &err);

	if (rc == LG_AGAIN && s->now_ns < link->close_by_ns)
		return;
	if (rc == LG_OK) {
		link_settle(link, UINT64_MAX);
		if (marks_empty(&link->marks)) /* else the core has to offer the rest again before it can be settled */
			link_drop(link);
		return;
	}
	if (rc == LG_AGAIN) {
		lg_err_set(&err, LG_PEER, "%s does not answer an orderly close: its last records are sent again", lg_conn_peer(link->conn));
		if (link->idle_ns)
			lg_output_log(s->host, LG_WARNING, "the receiver does not answer an orderly close: idle_close is off until the next start");
		link->idle_ns = 0;
	}
	servers_failed(link, rc == LG_AGAIN ? "unconfirmed" : servers_state_of(&err), &err);
}

/* Looks at what TCP acknowledged: settles, and notices a peer that takes nothing any more. False when the link is gone. */
static bool look_at_acks(struct link *link)
{
	struct syslog *s = link->syslog;
	struct lg_conn_stats stats;
	uint64_t acked;
	struct lg_err err;
	bool pending;

	lg_conn_stats(link->conn, &stats);
	acked = stats.written - (stats.unacked < stats.written ? stats.unacked : stats.written);
	pending = frames_waiting(&link->out) > 0 || stats.unacked > 0;
	if (acked != link->acked || !link->was_pending)
		link->still_ns = 0;
	else /* a look takes part with a second at most: it may be we who slept, in a stopped process or machine */
		link->still_ns += s->now_ns - link->look_ns < SECOND ? s->now_ns - link->look_ns : SECOND;
	link->look_ns = s->now_ns;
	link->acked = acked;
	link->was_pending = pending;
	if (acked > s->conf->resend_window)
		link_settle(link, acked - s->conf->resend_window);
	if (!pending || link->still_ns < s->conf->write_timeout_ns)
		return true;
	lg_err_set(&err, LG_PEER, "%s has acknowledged nothing for %lld s, %llu bytes wait", lg_conn_peer(link->conn),
	           (long long)(s->conf->write_timeout_ns / SECOND), (unsigned long long)(frames_waiting(&link->out) + stats.unacked));
	servers_failed(link, "stalled", &err);
	return false;
}

/* ---- one step -------------------------------------------------------------------------------------------------------------------- */

static void run_up(struct link *link)
{
	const struct syslog *s = link->syslog;

	if (link->fed) {
		link->fed = false;
		link->active_ns = s->now_ns;
	}
	if (!read_in(link))
		return;
	write_out(link, frames_waiting(&link->out));
	if (link->phase != LINK_UP || !look_at_acks(link))
		return;
	if (s->now_ns - link->up_ns >= PROVEN_NS) {
		breaker_ok(&link->breaker);
		link->last_state = "";
	}
	if (link->idle_ns && !frames_waiting(&link->out) && !marks_empty(&link->marks) && s->now_ns - link->active_ns >= link->idle_ns)
		link_close(link);
}

void link_step(struct link *link)
{
	if (link->udp) {
		udp_step(link);
		return;
	}
	if (link->phase == LINK_CONNECTING && !go_on_connecting(link))
		return;
	if (link->phase == LINK_UP)
		run_up(link);
	if (link->phase == LINK_CLOSING)
		go_on_closing(link);
}

void link_wait(const struct link *link, struct lg_waitset *ws)
{
	int64_t now_ns = link->syslog->now_ns;

	if (link->phase == LINK_DOWN)
		return;
	if (link->udp) {
		udp_wait(link, ws);
		return;
	}
	lg_conn_wait(link->conn, ws, true, frames_waiting(&link->out) > 0);
	if (link->phase == LINK_CLOSING)
		lg_waitset_wake(ws, link->close_by_ns);
	if (link->phase != LINK_UP)
		return;
	if (now_ns - link->up_ns < PROVEN_NS)
		lg_waitset_wake(ws, link->up_ns + PROVEN_NS);
	if (link->was_pending)
		lg_waitset_wake(ws, now_ns + ACK_POLL_NS);
	if (link->idle_ns && !marks_empty(&link->marks))
		lg_waitset_wake(ws, link->active_ns + link->idle_ns);
}

uint64_t link_lag(const struct link *link)
{
	struct lg_conn_stats stats = {0};

	if (link->conn)
		lg_conn_stats(link->conn, &stats);
	return frames_waiting(&link->out) + stats.unacked;
}

const char *link_peer(const struct link *link)
{
	if (link->udp)
		return lg_udp_peer(link->udp);
	return link->phase == LINK_UP || link->phase == LINK_CLOSING ? lg_conn_peer(link->conn) : link->server;
}
