/* One connection: connect, TLS, SASL, heartbeats, failover. Proton's connection driver is fed from, and drained into, our own connection, so that
 * the egress policy, TLS and time limits are the same as everywhere. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <proton/condition.h>
#include <proton/event.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/transport.h>

#include "amqp.h"

#define SECOND_NS INT64_C(1000000000)
#define RETRY_FIRST_NS (SECOND_NS / 2)
#define RETRY_MOST_NS (30 * SECOND_NS)
#define ROUNDS_PER_STEP 16
#define INCOMING_BYTES (4u << 20) /* what the broker may send ahead of us, whatever the credit */

void amqp_session_init(struct amqp_session *s, struct amqp *amqp)
{
	s->amqp = amqp;
}

/* ---- failure ---- */

static void drop(struct amqp_session *s)
{
	if (s->stage == AMQP_OPEN) {
		for (size_t i = 0; i < s->link_count; i++)
			amqp_link_lost(s->links[i]);
		pn_connection_driver_destroy(&s->driver);
	}
	lg_conn_close(s->conn);
	s->conn = NULL;
	s->stage = AMQP_IDLE;
	s->well = false;
}

/* Half to all of a doubling wait. */
static int64_t backoff(struct amqp_session *s)
{
	int64_t wait = RETRY_FIRST_NS << (s->failures < 7 ? s->failures : 7);

	return lg_net_jitter(&s->amqp->jitter, wait < RETRY_MOST_NS ? wait : RETRY_MOST_NS);
}

/* The next server is tried; when all of them failed once, it is a fault that status shows. */
static void fail(struct amqp_session *s, int64_t now_ns, const char *what)
{
	struct amqp *a = s->amqp;
	size_t servers = a->conf->servers.count;
	char text[600];

	snprintf(s->trouble, sizeof(s->trouble), "%s: %s", a->conf->servers.items[s->server], what);
	drop(s);
	s->server = (s->server + 1) % servers;
	s->failures++;
	s->retry_ns = s->failures < servers ? now_ns : now_ns + backoff(s);
	snprintf(text, sizeof(text), "%s; trying again", s->trouble);
	if (s->failures >= servers)
		lg_input_fault(a->host, text);
	else
		lg_input_log(a->host, LG_WARNING, "%s; trying %s", s->trouble, a->conf->servers.items[s->server]);
}

static void fail_condition(struct amqp_session *s, int64_t now_ns, const char *where, pn_condition_t *condition)
{
	char text[400];
	const char *name = pn_condition_is_set(condition) ? pn_condition_get_name(condition) : NULL;
	const char *words = name ? pn_condition_get_description(condition) : NULL;

	snprintf(text, sizeof(text), "%s%s%s%s%s", where, name ? ": " : "", name ? name : "", words ? ": " : "", words ? words : "");
	fail(s, now_ns, text);
}

/* ---- opening ---- */

static void connect_next(struct amqp_session *s, int64_t now_ns)
{
	struct amqp *a = s->amqp;
	struct lg_tls_conf tls = a->conf->tls;
	struct lg_err err;
	char server[300];
	bool plain;

	if (amqp_split(a->conf->servers.items[s->server], server, &plain, &err) != LG_OK) {
		fail(s, now_ns, err.text);
		return;
	}
	tls.off |= plain;
	if (lg_conn_open(lg_input_net(a->host), server, &tls, &s->conn, &err) != LG_OK) {
		s->conn = NULL;
		fail(s, now_ns, err.text);
		return;
	}
	s->stage = AMQP_CONNECTING;
}

static const char *mechanism(const struct amqp_conf *conf)
{
	switch ((enum amqp_sasl)conf->sasl) {
	case AMQP_SASL_PLAIN:
		return "PLAIN";
	case AMQP_SASL_EXTERNAL:
		return "EXTERNAL";
	case AMQP_SASL_ANONYMOUS:
		return "ANONYMOUS";
	default:
		return conf->username ? "PLAIN" : conf->tls.cert_file ? "EXTERNAL" : "ANONYMOUS";
	}
}

static void open_links(struct amqp_session *s)
{
	pn_connection_t *connection = s->driver.connection;
	pn_session_t *session;

	pn_connection_open(connection);
	session = pn_session(connection);
	pn_session_set_incoming_capacity(session, INCOMING_BYTES);
	pn_session_open(session);
	for (size_t i = 0; i < s->link_count; i++)
		amqp_link_attach(s->links[i], session);
}

static void open_amqp(struct amqp_session *s, int64_t now_ns)
{
	const struct amqp_conf *conf = s->amqp->conf;
	char host[300];
	pn_sasl_t *sasl;
	char *end;

	if (pn_connection_driver_init(&s->driver, NULL, NULL) != 0) {
		lg_conn_close(s->conn);
		s->conn = NULL;
		s->stage = AMQP_IDLE;
		fail(s, now_ns, "no memory for the connection");
		return;
	}
	s->stage = AMQP_OPEN;
	snprintf(host, sizeof(host), "%s", lg_conn_peer(s->conn));
	end = strrchr(host, ':');
	if (end)
		*end = '\0';
	pn_connection_set_container(s->driver.connection, conf->container ? conf->container : lg_input_name(s->amqp->host));
	pn_connection_set_hostname(s->driver.connection, host);
	if (conf->username)
		pn_connection_set_user(s->driver.connection, conf->username);
	if (conf->password)
		pn_connection_set_password(s->driver.connection, conf->password);
	sasl = pn_sasl(s->driver.transport);
	pn_sasl_set_allow_insecure_mechs(sasl, true); /* Proton cannot see our TLS; `check` warns where there is none */
	pn_sasl_allowed_mechs(sasl, mechanism(conf));
	if (conf->heartbeat_ns)
		pn_transport_set_idle_timeout(s->driver.transport, (pn_millis_t)(2 * conf->heartbeat_ns / 1000000));
	snprintf(s->peer, sizeof(s->peer), "%s %s", lg_conn_peer(s->conn), lg_conn_tls_text(s->conn));
	open_links(s);
}

/* ---- events ---- */

static void link_opened(struct amqp_session *s, struct amqp_link *l)
{
	const char *address = pn_terminus_get_address(pn_link_remote_source(l->link));

	if (!address && pn_terminus_get_type(pn_link_remote_source(l->link)) == PN_UNSPECIFIED)
		return; /* refused: the broker's close says why (part 2, section 2.6.3) */
	l->open = true;
	for (size_t i = 0; i < s->link_count; i++)
		if (!s->links[i]->open)
			return;
	s->well = true;
	s->failures = 0;
	s->trouble[0] = '\0';
	lg_input_log(s->amqp->host, LG_NOTICE, "connected to %s", s->peer);
}

/* True: the connection failed and is gone. */
static bool take_event(struct amqp_session *s, pn_event_t *event, int64_t now_ns)
{
	char where[400];
	pn_link_t *link;

	switch (pn_event_type(event)) {
	case PN_LINK_REMOTE_OPEN:
		link_opened(s, pn_link_get_context(pn_event_link(event)));
		return false;
	case PN_LINK_REMOTE_CLOSE:
	case PN_LINK_REMOTE_DETACH:
		link = pn_event_link(event);
		snprintf(where, sizeof(where), "the broker closed the link to %s", ((struct amqp_link *)pn_link_get_context(link))->address);
		fail_condition(s, now_ns, where, pn_link_remote_condition(link));
		return true;
	case PN_SESSION_REMOTE_CLOSE:
		fail_condition(s, now_ns, "the broker ended the session", pn_session_remote_condition(pn_event_session(event)));
		return true;
	case PN_CONNECTION_REMOTE_CLOSE:
		fail_condition(s, now_ns, "the broker closed the connection", pn_connection_remote_condition(s->driver.connection));
		return true;
	case PN_TRANSPORT_ERROR:
		fail_condition(s, now_ns, "the connection failed", pn_transport_condition(s->driver.transport));
		return true;
	case PN_TRANSPORT_CLOSED:
		fail(s, now_ns, "the connection ended");
		return true;
	default:
		return false;
	}
}

/* ---- bytes ---- */

static bool read_bytes(struct amqp_session *s)
{
	pn_rwbytes_t room = pn_connection_driver_read_buffer(&s->driver);
	struct lg_err err;
	size_t got = 0;
	enum lg_rc rc;

	if (!room.size)
		return false;
	rc = lg_conn_read(s->conn, room.start, room.size, &got, &err);
	if (got)
		pn_connection_driver_read_done(&s->driver, got);
	if (rc != LG_OK && rc != LG_AGAIN) {
		if (rc != LG_EOF)
			pn_connection_driver_errorf(&s->driver, "amqp:connection:framing-error", "%s", err.text);
		pn_connection_driver_close(&s->driver);
		return true;
	}
	return got > 0;
}

static bool write_bytes(struct amqp_session *s)
{
	pn_bytes_t bytes = pn_connection_driver_write_buffer(&s->driver);
	struct lg_err err;
	size_t done = 0;
	enum lg_rc rc;

	if (!bytes.size)
		return false;
	rc = lg_conn_write(s->conn, bytes.start, bytes.size, &done, &err);
	if (done)
		pn_connection_driver_write_done(&s->driver, done);
	if (rc != LG_OK && rc != LG_AGAIN) {
		pn_connection_driver_errorf(&s->driver, "amqp:connection:framing-error", "%s", err.text);
		pn_connection_driver_close(&s->driver);
		return true;
	}
	return done > 0;
}

/* False: the connection is gone. */
static bool run(struct amqp_session *s, int64_t now_ns)
{
	bool moved = true;

	for (int round = 0; moved && round < ROUNDS_PER_STEP; round++) {
		pn_event_t *event;

		moved = read_bytes(s);
		while ((event = pn_connection_driver_next_event(&s->driver)))
			if (take_event(s, event, now_ns))
				return false;
		for (size_t i = 0; i < s->link_count; i++)
			moved |= amqp_link_work(s->links[i]);
		moved |= write_bytes(s);
	}
	return true;
}

static void wait(struct amqp_session *s, int64_t now_ns, struct lg_waitset *ws)
{
	pn_rwbytes_t room = pn_connection_driver_read_buffer(&s->driver);
	pn_timestamp_t due = (pn_timestamp_t)pn_transport_tick(s->driver.transport, now_ns / 1000000);
	pn_bytes_t bytes;

	if (due > 0)
		lg_waitset_wake(ws, due * INT64_C(1000000));
	bytes = pn_connection_driver_write_buffer(&s->driver); /* the tick may have made a heartbeat */
	if (pn_connection_driver_has_event(&s->driver) || lg_conn_readable_now(s->conn))
		lg_waitset_wake(ws, now_ns);
	lg_conn_wait(s->conn, ws, room.size > 0, bytes.size > 0);
}

void amqp_session_step(struct amqp_session *s, int64_t now_ns, struct lg_waitset *ws)
{
	struct lg_err err;
	enum lg_rc rc;

	if (s->stage == AMQP_IDLE && now_ns >= s->retry_ns && !s->amqp->stopping)
		connect_next(s, now_ns);
	if (s->stage == AMQP_CONNECTING) {
		rc = lg_conn_handshake(s->conn, &err);
		if (rc == LG_AGAIN) {
			lg_conn_wait(s->conn, ws, true, true);
			return;
		}
		if (rc == LG_OK)
			open_amqp(s, now_ns);
		else
			fail(s, now_ns, err.text);
	}
	if (s->stage == AMQP_OPEN && run(s, now_ns))
		wait(s, now_ns, ws);
	if (s->stage == AMQP_IDLE)
		lg_waitset_wake(ws, s->retry_ns);
}

/* ---- the end ---- */

static int64_t mono_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND_NS + t.tv_nsec;
}

/* The broker's answers: to the end of the session, then to that of the connection. Everything said before was taken. */
static bool close_further(struct amqp_session *s, int64_t *deadline_ns)
{
	pn_event_t *event;
	bool moved = false;

	while ((event = pn_connection_driver_next_event(&s->driver))) {
		moved = true;
		if (pn_event_type(event) == PN_SESSION_REMOTE_CLOSE)
			pn_connection_close(s->driver.connection);
		else if (pn_event_type(event) == PN_CONNECTION_REMOTE_CLOSE || pn_event_type(event) == PN_TRANSPORT_CLOSED)
			*deadline_ns = 0;
	}
	return moved;
}

void amqp_session_close(struct amqp_session *s, int64_t limit_ns)
{
	int64_t deadline_ns = mono_ns() + limit_ns;
	struct lg_waitset ws = {0};

	if (s->stage == AMQP_OPEN) {
		for (size_t i = 0; i < s->link_count; i++)
			amqp_link_release(s->links[i]);
		/* The session first: RabbitMQ forgets dispositions that it has not come to when the connection closes. */
		pn_session_close(pn_session_head(s->driver.connection, 0));
	}
	while (s->stage == AMQP_OPEN && !pn_connection_driver_finished(&s->driver) && mono_ns() < deadline_ns) {
		bool moved = read_bytes(s);

		moved |= close_further(s, &deadline_ns);
		moved |= write_bytes(s);
		if (moved || deadline_ns == 0)
			continue;
		lg_waitset_clear(&ws);
		lg_conn_wait(s->conn, &ws, true, pn_connection_driver_write_buffer(&s->driver).size > 0);
		poll(ws.fds, (nfds_t)ws.count, 50);
	}
	free(ws.fds);
	drop(s);
}
