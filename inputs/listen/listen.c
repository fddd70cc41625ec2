/* Input `listen`: syslog over TCP and TLS (RFC 6587, RFC 5425), UDP (RFC 5426) and unix sockets. */
#include "listen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS LISTEN_SECOND_NS
#define ACCEPTS_PER_STEP 64
#define WARN_EVERY_NS (10 * SECOND_NS)
#define ROUNDS_PER_STEP 8 /* turns of a connection that has more and more */
#define DRAIN_TURNS 1024 /* blocks read at a stop: a sender that never pauses must not hold it up */

void listen_warn(struct listen *l, struct listen_warning *warning, int64_t now_ns, const char *fmt, ...)
{
	char text[1200];
	va_list ap;

	if (now_ns < warning->next_ns) {
		warning->held_back++;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (warning->held_back)
		lg_input_log(l->host, LG_WARNING, "%s (and %llu more like it)", text, (unsigned long long)warning->held_back);
	else
		lg_input_log(l->host, LG_WARNING, "%s", text);
	warning->held_back = 0;
	warning->next_ns = now_ns + WARN_EVERY_NS;
}

static enum lg_rc open_listener(struct listen *l, struct lg_err *err)
{
	const struct lg_tls_conf plain = {.off = true};
	const struct listen_conf *conf = l->conf;
	enum lg_rc rc = lg_listener_open_with(conf->address, conf->transport == LISTEN_TLS ? &conf->tls : &plain, &conf->socket, &l->listener, err);

	if (rc)
		return rc;
	l->block = malloc(LISTEN_BLOCK);
	if (!l->block)
		return lg_err_set(err, LG_NOMEM, "no memory for the read buffer");
	if (lg_listener_warning(l->listener))
		lg_input_log(l->host, LG_WARNING, "%s", lg_listener_warning(l->listener));
	lg_input_log(l->host, LG_NOTICE, "listening on %s (%s)", lg_listener_address(l->listener), listen_transport_name(l));
	return LG_OK;
}

static enum lg_rc listen_open(void *state, const void *conf, struct lg_input_host *host, struct lg_err *err)
{
	struct listen *l = state;

	l->conf = conf;
	l->host = host;
	if (!limits_init(&l->limits, l->conf->sender_rate, l->conf->sender_connections))
		return lg_err_set(err, LG_NOMEM, "no memory for the limits");
	if (l->conf->transport == LISTEN_UDP || l->conf->transport == LISTEN_UNIX_DGRAM)
		return dgrams_open(&l->dgrams, l, err);
	return open_listener(l, err);
}

/* ---- accepting ---- */

static void set_refusing(struct listen *l, bool refusing)
{
	if (refusing == l->refusing)
		return;
	l->refusing = refusing;
	if (refusing)
		lg_input_log(l->host, LG_WARNING, "max_connections (%lld) reached: further connections are closed",
		        (long long)l->conf->max_connections);
	else
		lg_input_log(l->host, LG_NOTICE, "connections are accepted again");
}

/* False: nobody waits any more. */
static bool accept_one(struct listen *l, int64_t now_ns)
{
	struct lg_conn *conn;
	struct peer *p, **end = &l->peers;
	struct lg_err err;
	enum lg_rc rc = lg_listener_accept(l->listener, &conn, &err);

	if (rc == LG_AGAIN)
		return false;
	if (rc) {
		/* Out of descriptors, mostly: the ones that wait will wait a little longer. */
		listen_warn(l, &l->handshake_warning, now_ns, "%s", err.text);
		l->accept_again_ns = now_ns + SECOND_NS;
		return false;
	}
	if (l->peer_count >= (size_t)l->conf->max_connections) {
		set_refusing(l, true);
		l->refused++;
		lg_conn_close(conn);
		return true;
	}
	set_refusing(l, false);
	p = peer_new(l, conn, now_ns, &err);
	if (!p) {
		l->failed += err.rc != LG_DENIED;
		listen_warn(l, err.rc == LG_DENIED ? &l->share_warning : &l->handshake_warning, now_ns, "connection refused: %s", err.text);
		return true;
	}
	while (*end)
		end = &(*end)->next;
	*end = p;
	l->peer_count++;
	l->accepted++;
	return true;
}

static void accept_waiting(struct listen *l, int64_t now_ns)
{
	if (now_ns < l->accept_again_ns)
		return;
	for (int i = 0; i < ACCEPTS_PER_STEP && accept_one(l, now_ns); i++)
		;
}

/* ---- the step ---- */

/* Descriptors stand in the waitset where wait_for_peer put them; to search for each of a thousand would be a million steps. */
static bool is_ready(const struct lg_waitset *ws, size_t slot, int fd)
{
	return fd >= 0 && slot < ws->count && ws->fds[slot].fd == fd && ws->fds[slot].revents;
}

/* In the rounds after the first, without a waitset, it is only those that had more than one block. */
static bool wants_turn(const struct peer *p, const struct lg_waitset *ws, int64_t now_ns, int64_t utc_ns)
{
	const struct listen *l = p->listen;

	if (peer_free_at(p, now_ns) > now_ns)
		return false;
	if (p->more || !ws)
		return p->more;
	if (is_ready(ws, p->slot, p->fd))
		return true;
	if (p->stage == PEER_ENDING)
		return l->durable >= p->settle_at;
	if (p->stage == PEER_HANDSHAKE)
		return true; /* its deadline is inside */
	return p->tick_utc_ns <= utc_ns || (l->conf->idle_timeout_ns && now_ns - p->active_ns >= l->conf->idle_timeout_ns);
}

/* Serves every connection that has something, each once. Where the core is full in the middle, those that were not served come
 * first in the next step. False: full. */
static bool serve_peers(struct listen *l, const struct lg_waitset *ws, int64_t now_ns)
{
	int64_t utc_ns = lg_input_utc(l->host);
	struct peer **at = &l->peers, *served = NULL, **served_end = &served;
	bool full = false;

	while (*at) {
		struct peer *p = *at;

		if (!wants_turn(p, ws, now_ns, utc_ns)) {
			at = &p->next;
			continue;
		}
		if (p->stage != PEER_ENDING && !lg_input_ready(l->host)) {
			full = true;
			break;
		}
		*at = p->next;
		p->next = NULL;
		if (peer_turn(p, now_ns) == LG_EOF) {
			peer_free(p);
			l->peer_count--;
			continue;
		}
		*served_end = p;
		served_end = &p->next;
	}
	while (*at)
		at = &(*at)->next;
	*at = served;
	return !full;
}

static void wait_for_peer(struct peer *p, struct lg_waitset *ws, int64_t now_ns, int64_t utc_ns)
{
	const struct listen *l = p->listen;
	size_t before = ws->count;

	p->fd = -1;
	if (p->stage == PEER_ENDING)
		return; /* the core's word is awaited, not the peer's */
	if (peer_free_at(p, now_ns) > now_ns) { /* not read: TCP holds the sender back */
		lg_waitset_wake(ws, peer_free_at(p, now_ns));
		p->more = true;
		return;
	}
	lg_conn_wait(p->conn, ws, true, false);
	if (ws->count > before) {
		p->slot = before;
		p->fd = ws->fds[before].fd;
	}
	if (p->more || lg_conn_readable_now(p->conn)) {
		p->more = true;
		lg_waitset_wake(ws, now_ns);
	}
	if (p->stage != PEER_READING)
		return;
	if (p->tick_utc_ns < INT64_MAX)
		lg_waitset_wake(ws, now_ns + (p->tick_utc_ns > utc_ns ? p->tick_utc_ns - utc_ns : 0));
	if (l->conf->idle_timeout_ns)
		lg_waitset_wake(ws, p->active_ns + l->conf->idle_timeout_ns);
}

static void listen_step(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	struct listen *l = state;
	int64_t utc_ns = lg_input_utc(l->host);
	bool room;

	if (l->dgrams) {
		dgrams_step(l->dgrams, now_ns, ws);
		return;
	}
	accept_waiting(l, now_ns);
	room = serve_peers(l, ws, now_ns);
	for (int round = 1; room && round < ROUNDS_PER_STEP; round++)
		room = serve_peers(l, NULL, now_ns);
	if (l->peer_count < (size_t)l->conf->max_connections)
		set_refusing(l, false);
	lg_waitset_clear(ws);
	if (!room) {
		/* Nothing is read while the core is full; the core itself wakes us when there is room. */
		for (struct peer *p = l->peers; p; p = p->next)
			p->more = p->stage != PEER_ENDING;
		lg_waitset_wake(ws, now_ns + LISTEN_FULL_WAIT_NS);
		return;
	}
	if (now_ns < l->accept_again_ns)
		lg_waitset_wake(ws, l->accept_again_ns);
	else
		lg_listener_wait(l->listener, ws);
	for (struct peer *p = l->peers; p; p = p->next)
		wait_for_peer(p, ws, now_ns, utc_ns);
}

/* ---- durability, end, report ---- */

static uint64_t listen_seal(void *state, struct lg_positions *positions)
{
	const struct listen *l = state;

	(void)positions; /* a socket cannot be read again: no positions */
	return l->emitted;
}

static void listen_durable(void *state, uint64_t token)
{
	struct listen *l = state;

	if (token > l->durable)
		l->durable = token;
}

/* The stop: what has already been received is taken, as far as the core has room; the connections stay open until close, by when
 * the records are durable. */
static void listen_drain(void *state)
{
	struct listen *l = state;
	bool progress = true;
	int turns = 0;

	if (l->dgrams)
		dgrams_drain(l->dgrams);
	lg_listener_close(l->listener);
	l->listener = NULL;
	while (progress) {
		progress = false;
		for (struct peer *p = l->peers; p; p = p->next) {
			if (p->stage != PEER_READING || turns >= DRAIN_TURNS || !lg_input_ready(l->host))
				continue;
			peer_turn(p, p->active_ns);
			turns++;
			progress |= p->stage == PEER_READING && p->more;
		}
	}
	for (struct peer *p = l->peers; p; p = p->next) {
		bool unread = p->stage == PEER_READING && p->more;

		peer_end(p);
		if (unread)
			p->settle_at = UINT64_MAX; /* no room for the rest of it: it never counts as stored */
	}
}

static void listen_report(const void *state, struct lg_input_report *report)
{
	const struct listen *l = state;
	int n;

	report->sources = l->peer_count;
	report->substitutions = l->substitutions;
	report->oversize = l->oversize;
	report->incomplete = l->torn;
	if (l->dgrams) {
		dgrams_report(l->dgrams, report);
		return;
	}
	n = snprintf(report->note, sizeof(report->note), "%s, %llu connections so far",
	        l->listener ? lg_listener_address(l->listener) : "closed", (unsigned long long)l->accepted);
	if (n > 0 && (size_t)n < sizeof(report->note) && l->refused + l->over_share + l->failed + l->framing_errors)
		snprintf(report->note + n, sizeof(report->note) - (size_t)n, ", %llu refused, %llu failed, %llu framing errors",
		        (unsigned long long)(l->refused + l->over_share), (unsigned long long)l->failed, (unsigned long long)l->framing_errors);
}

static void listen_close(void *state)
{
	struct listen *l = state;

	while (l->peers) {
		struct peer *p = l->peers;

		l->peers = p->next;
		peer_free(p);
	}
	dgrams_close(l->dgrams);
	lg_listener_close(l->listener);
	limits_fini(&l->limits);
	free(l->block);
	lg_buf_fini(&l->scratch);
}

static const unsigned fields[] = {LG_F_SOURCE_IP, LG_F_SOURCE_PORT, LG_F_PROCESS_PID, 0};

const struct lg_input_plugin listen_input = {
	.name = "listen",
	.doc = "Receives syslog messages over TLS, TCP, UDP and unix sockets.",
	.options = listen_options,
	.conf_size = sizeof(struct listen_conf),
	.parser = "rfc-syslog",
	.fields = fields,
	.state_size = sizeof(struct listen),
	.check = listen_check,
	.open = listen_open,
	.step = listen_step,
	.seal = listen_seal,
	.durable = listen_durable,
	.drain = listen_drain,
	.report = listen_report,
	.close = listen_close,
};
