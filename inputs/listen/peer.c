#include <stdlib.h>
#include <string.h>

#include "listen.h"

static void emit(struct lg_sink *sink, struct lg_draft *draft)
{
	struct peer *p = (struct peer *)sink;

	p->settle_at = ++p->listen->emitted;
	limits_take(&p->listen->limits, p->limit);
	lg_emit(p->listen->host, draft, p->origin);
}

/* Now that it is known who it is. LG_DENIED: the sender has its share of connections. */
static enum lg_rc identify(struct peer *p, int64_t now_ns, struct lg_err *err)
{
	struct listen *l = p->listen;
	const struct lg_parser *parser = l->conf->parser;
	struct limit *limit = limits_hold(&l->limits, lg_conn_peer_ip(p->conn), now_ns);
	struct lg_draft shared;

	if (!limits_connect(&l->limits, limit)) {
		limits_drop(limit);
		l->over_share++;
		return lg_err_set(err, LG_DENIED, "%s: its sender has its %lld connections already (sender_connections)", lg_conn_peer(p->conn),
		        (long long)l->conf->sender_connections);
	}
	p->limit = limit;
	lg_draft_reset(&shared);
	lg_draft_string(&shared, LG_F_SOURCE_IP, lg_conn_peer_ip(p->conn));
	if (lg_conn_peer_port(p->conn))
		lg_draft_number(&shared, LG_F_SOURCE_PORT, lg_conn_peer_port(p->conn));
	if (lg_conn_peer_pid(p->conn) >= 0)
		lg_draft_number(&shared, LG_F_PROCESS_PID, lg_conn_peer_pid(p->conn));
	if (parser->constants)
		parser->constants(l->conf->parser_conf, &shared);
	p->origin = lg_origin_new(&shared);
	return LG_OK;
}

struct peer *peer_new(struct listen *l, struct lg_conn *conn, int64_t now_ns, struct lg_err *err)
{
	const struct lg_parser *parser = l->conf->parser;
	struct peer *p = calloc(1, sizeof(*p));
	enum lg_rc rc = LG_OK;

	if (p)
		p->parser = calloc(1, parser->state_size ? parser->state_size : 1);
	if (!p || !p->parser) {
		lg_err_set(err, LG_NOMEM, "no memory for a connection");
		free(p);
		lg_conn_close(conn);
		return NULL;
	}
	p->sink.emit = emit;
	p->listen = l;
	p->conn = conn;
	p->active_ns = now_ns;
	p->tick_utc_ns = INT64_MAX;
	p->fd = -1;
	p->more = true; /* the first turn does not wait for the descriptor */
	sockframe_init(&p->framer, (enum sockframe_mode)l->conf->framing, (size_t)l->conf->max_record_size);
	p->framer.nul_ends = l->conf->transport == LISTEN_UNIX;
	if (parser->init)
		rc = parser->init(p->parser, l->conf->parser_conf, err);
	if (!rc && !lg_conn_is_proxied(conn))
		rc = identify(p, now_ns, err);
	if (rc) {
		peer_free(p);
		return NULL;
	}
	return p;
}

int64_t peer_free_at(const struct peer *p, int64_t now_ns)
{
	return p->stage == PEER_READING ? limits_free_at(&p->listen->limits, p->limit, now_ns) : now_ns;
}

void peer_free(struct peer *p)
{
	if (!p)
		return;
	if (p->listen->conf->parser->fini)
		p->listen->conf->parser->fini(p->parser);
	free(p->parser);
	lg_origin_free(p->origin);
	limits_disconnect(p->limit);
	limits_drop(p->limit);
	/* A sender that has said its end waits for ours, and takes it for the word that everything is stored. */
	if (!p->said_end || p->listen->durable < p->settle_at)
		lg_conn_abort(p->conn);
	else
		lg_conn_close(p->conn);
	lg_buf_fini(&p->kept);
	free(p);
}

static void take(struct peer *p, const struct sockframe_piece *piece)
{
	struct listen *l = p->listen;
	struct lg_line line = {.received_ns = lg_input_utc(l->host), .part = (int)piece->part, .truncated = piece->torn};

	if (!piece->text.size)
		return;
	if (piece->part == 1)
		l->oversize++;
	l->torn += piece->torn;
	line.begin = line.end = -1;
	line.text = lg_utf8_repair(piece->text, &l->scratch, &l->substitutions);
	l->conf->parser->line(p->parser, &line, &p->sink);
}

/* Hands all complete messages to the parser; returns the bytes used. *rc: LG_CORRUPT ends the connection. */
static size_t parse(struct peer *p, const char *data, size_t size, bool last, enum lg_rc *rc, struct lg_err *err)
{
	struct sockframe_piece piece;
	size_t used = 0;

	while ((*rc = sockframe_next(&p->framer, data + used, size - used, last, &piece, err)) == LG_OK) {
		take(p, &piece);
		used += piece.consumed;
	}
	return used;
}

void peer_end(struct peer *p)
{
	const struct lg_parser *parser = p->listen->conf->parser;
	enum lg_rc rc;

	if (p->stage == PEER_ENDING)
		return;
	if (p->stage == PEER_READING) {
		parse(p, (const char *)p->kept.data, p->kept.size, true, &rc, NULL);
		if (parser->flush)
			parser->flush(p->parser, &p->sink);
	}
	lg_buf_fini(&p->kept);
	p->stage = PEER_ENDING;
	p->more = false;
}

/* Only the bytes of an incomplete message are kept; a buffer that one long message made large is given back. */
static enum lg_rc take_bytes(struct peer *p, size_t got, struct lg_err *err)
{
	struct listen *l = p->listen;
	enum lg_rc rc;
	size_t used;

	if (p->kept.size) {
		p->kept.size += got;
		used = parse(p, (const char *)p->kept.data, p->kept.size, false, &rc, err);
		lg_buf_consume(&p->kept, used);
		if (!p->kept.size && p->kept.cap > LISTEN_BLOCK)
			lg_buf_fini(&p->kept);
	} else {
		used = parse(p, (const char *)l->block, got, false, &rc, err);
		lg_buf_append(&p->kept, l->block + used, got - used);
	}
	return rc == LG_CORRUPT ? rc : LG_OK;
}

static void read_block(struct peer *p, int64_t now_ns)
{
	struct listen *l = p->listen;
	uint8_t *room = p->kept.size ? lg_buf_reserve(&p->kept, LISTEN_BLOCK) : l->block;
	struct lg_err err;
	enum lg_rc rc;
	size_t got = 0;

	rc = lg_conn_read(p->conn, room, LISTEN_BLOCK, &got, &err);
	p->more = got > 0;
	if (got) {
		enum lg_rc parsed = take_bytes(p, got, &err);

		p->active_ns = now_ns;
		if (parsed) {
			l->framing_errors++;
			listen_warn(l, &l->framing_warning, now_ns, "%s: %s: connection closed", lg_conn_peer(p->conn), err.text);
			lg_buf_clear(&p->kept);
			peer_end(p);
			return;
		}
	}
	if (rc == LG_OK || rc == LG_AGAIN)
		return;
	p->said_end = rc == LG_EOF;
	if (rc != LG_EOF) {
		l->failed++;
		listen_warn(l, &l->broken_warning, now_ns, "connection broken: %s", err.text);
	}
	peer_end(p);
}

static void check_idle(struct peer *p, int64_t now_ns)
{
	struct listen *l = p->listen;

	if (!l->conf->idle_timeout_ns || now_ns - p->active_ns < l->conf->idle_timeout_ns)
		return;
	l->idle_closed++;
	lg_input_log(l->host, LG_DEBUG, "%s: idle: connection closed", lg_conn_peer(p->conn));
	peer_end(p);
}

static enum lg_rc shake(struct peer *p, int64_t now_ns)
{
	struct listen *l = p->listen;
	struct lg_err err;
	enum lg_rc rc = lg_conn_handshake(p->conn, &err);

	if (rc == LG_AGAIN) {
		p->more = false;
		return LG_OK;
	}
	if (rc) {
		l->failed++;
		listen_warn(l, &l->handshake_warning, now_ns, "connection refused: %s", err.text);
		return LG_EOF;
	}
	if (!p->origin && identify(p, now_ns, &err)) {
		listen_warn(l, &l->share_warning, now_ns, "connection refused: %s", err.text);
		return LG_EOF;
	}
	lg_input_log(l->host, LG_DEBUG, "connection from %s (%s)", lg_conn_peer(p->conn), lg_conn_tls_text(p->conn));
	p->stage = PEER_READING;
	p->active_ns = now_ns;
	p->more = true;
	return LG_OK;
}

enum lg_rc peer_turn(struct peer *p, int64_t now_ns)
{
	struct listen *l = p->listen;
	const struct lg_parser *parser = l->conf->parser;

	if (p->stage == PEER_HANDSHAKE)
		return shake(p, now_ns);
	if (p->stage == PEER_READING) {
		int64_t utc_ns = lg_input_utc(l->host);

		read_block(p, now_ns);
		if (p->stage == PEER_READING && parser->tick)
			p->tick_utc_ns = parser->tick(p->parser, utc_ns, &p->sink);
		if (p->stage == PEER_READING)
			check_idle(p, now_ns);
	}
	return p->stage == PEER_ENDING && l->durable >= p->settle_at ? LG_EOF : LG_OK;
}
