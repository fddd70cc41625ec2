/* Datagrams: each is one message. Nothing holds their senders back; what the kernel drops because we read too slowly (a full spool, too
 * small a receive buffer) it counts, and the count becomes loss records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datagram.h"
#include "listen.h"

#define SENDERS 512                   /* remembered; a power of two */
#define CHUNK (256u << 10)            /* bytes between two questions for room */
#define READS_PER_STEP 64
#define LOSS_EVERY_NS LISTEN_SECOND_NS /* dropped ones are said together */
#define DRAIN_READS 4096
#define FROM_MAX 64

/* One that sent datagrams, as far as it is remembered. */
struct sender {
	struct lg_sink sink; /* first: the parser's way back */
	struct dgrams *dgrams;
	struct lg_origin *origin;
	struct limit *limit;
	void *parser; /* NULL: the shared one serves */
	int64_t pid;
	int64_t tick_utc_ns;
	size_t from_size;
	char from[FROM_MAX];
	bool used;
};

struct dgrams {
	struct listen *listen;
	struct lg_receiver *receiver;
	struct sender *senders;
	void *parser; /* shared by all senders where the parser holds nothing between messages */
	const struct lg_datagram *list; /* read, and from list_at on not taken yet */
	size_t list_count, list_at;
	uint64_t taken, dropped;
	uint32_t counter;     /* the kernel's, as last seen */
	struct {
		uint64_t first, last, count;
		int64_t since_ns; /* monotonic */
	} loss;               /* dropped ones that were not said yet; count 0: none */
	uint64_t over_count, over_bytes; /* over their sender's rate, not said yet */
	size_t sender_count;
	struct listen_warning trouble, loss_warning, rate_warning;
};

static bool keeps_state(const struct lg_parser *parser)
{
	return parser->tick || parser->flush;
}

static void emit(struct lg_sink *sink, struct lg_draft *draft)
{
	struct sender *s = (struct sender *)sink;

	if (s->pid >= 0)
		lg_draft_number(draft, LG_F_PROCESS_PID, s->pid);
	s->dgrams->listen->emitted++;
	limits_take(&s->dgrams->listen->limits, s->limit);
	lg_emit(s->dgrams->listen->host, draft, s->origin);
}

/* ---- senders ---- */

static void *new_parser(struct dgrams *d, struct lg_err *err)
{
	const struct lg_parser *parser = d->listen->conf->parser;
	void *state = calloc(1, parser->state_size ? parser->state_size : 1);

	if (!state) {
		lg_err_set(err, LG_NOMEM, "no memory for a parser");
		return NULL;
	}
	if (parser->init && parser->init(state, d->listen->conf->parser_conf, err)) {
		free(state);
		return NULL;
	}
	return state;
}

static void free_parser(struct dgrams *d, void *state)
{
	if (state && d->listen->conf->parser->fini)
		d->listen->conf->parser->fini(state);
	free(state);
}

/* What its parser holds is emitted. */
static void forget(struct sender *s)
{
	const struct lg_parser *parser;

	if (!s->used)
		return;
	parser = s->dgrams->listen->conf->parser;
	if (s->parser && parser->flush)
		parser->flush(s->parser, &s->sink);
	free_parser(s->dgrams, s->parser);
	lg_origin_free(s->origin);
	limits_drop(s->limit);
	s->used = false;
	s->dgrams->sender_count--;
}

static size_t slot_of(struct lg_str from)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < from.size; i++)
		hash = (hash ^ (uint8_t)from.data[i]) * UINT64_C(0x100000001b3);
	return (size_t)(hash ^ hash >> 32) & (SENDERS - 1);
}

/* The sender's entry; another one at its place is forgotten. NULL: its parser cannot start. */
static struct sender *find_sender(struct dgrams *d, struct lg_str from, int64_t now_ns, struct lg_err *err)
{
	const struct lg_parser *parser = d->listen->conf->parser;
	struct sender *s = &d->senders[slot_of(from)];
	struct lg_draft shared;
	char ip[LG_IP_TEXT] = "";

	if (from.size > FROM_MAX)
		from.size = FROM_MAX;
	if (s->used && s->from_size == from.size && memcmp(s->from, from.data, from.size) == 0)
		return s;
	forget(s);
	*s = (struct sender){.sink.emit = emit, .dgrams = d, .from_size = from.size, .tick_utc_ns = INT64_MAX, .pid = -1};
	if (keeps_state(parser)) {
		s->parser = new_parser(d, err);
		if (!s->parser)
			return NULL;
	}
	if (from.size)
		memcpy(s->from, from.data, from.size);
	lg_draft_reset(&shared);
	if (from.size) {
		int port = lg_sender_text(from, ip);

		lg_draft_string(&shared, LG_F_SOURCE_IP, lg_str_from(ip));
		lg_draft_number(&shared, LG_F_SOURCE_PORT, port);
	}
	if (parser->constants)
		parser->constants(d->listen->conf->parser_conf, &shared);
	s->origin = lg_origin_new(&shared);
	s->limit = limits_hold(&d->listen->limits, lg_str_from(ip), now_ns);
	s->used = true;
	d->sender_count++;
	return s;
}

/* ---- messages ---- */

/* A datagram's sender cannot be held back. */
static void note_over_rate(struct dgrams *d, const struct sender *s, size_t bytes, int64_t now_ns)
{
	char ip[LG_IP_TEXT] = "a local sender";

	if (s->from_size)
		lg_sender_text((struct lg_str){s->from, s->from_size}, ip);
	if (!d->over_count && !d->loss.count)
		d->loss.since_ns = now_ns;
	d->over_count++;
	d->over_bytes += bytes;
	listen_warn(d->listen, &d->rate_warning, now_ns, "%s sends more than %lld records a second (sender_rate): datagrams are dropped and counted", ip,
	        (long long)d->listen->conf->sender_rate);
}

static void take(struct dgrams *d, const struct lg_datagram *dgram, int64_t now_ns)
{
	struct listen *l = d->listen;
	struct datagram_split split;
	struct lg_line line = {.received_ns = lg_input_utc(l->host), .begin = -1, .end = -1};
	struct lg_str text;
	struct sender *s;
	struct lg_err err;

	s = find_sender(d, dgram->from, now_ns, &err);
	if (!s) {
		lg_input_loss(l->host, 1, dgram->size, "no parser for a new sender");
		listen_warn(l, &d->trouble, now_ns, "%s", err.text);
		return;
	}
	if (limits_free_at(&l->limits, s->limit, now_ns) > now_ns) {
		note_over_rate(d, s, dgram->size, now_ns);
		return;
	}
	s->pid = dgram->pid;
	datagram_split_init(&split, dgram->data, dgram->size > dgram->data.size, l->conf->newlines == LISTEN_SPLIT, (size_t)l->conf->max_record_size);
	while (datagram_split_next(&split, &text, &line.part, &line.truncated)) {
		l->oversize += line.part == 1 || line.truncated;
		line.text = lg_utf8_repair(text, &l->scratch, &l->substitutions);
		l->conf->parser->line(s->parser ? s->parser : d->parser, &line, &s->sink);
	}
	if (s->parser && l->conf->parser->tick)
		s->tick_utc_ns = l->conf->parser->tick(s->parser, line.received_ns, &s->sink);
}

/* ---- what the kernel dropped ---- */

static void say_loss(struct dgrams *d, int64_t now_ns)
{
	struct listen *l = d->listen;

	if (d->over_count)
		lg_input_loss(l->host, d->over_count, d->over_bytes, "datagrams over their sender's rate (sender_rate)");
	d->over_count = d->over_bytes = 0;
	if (!d->loss.count)
		return;
	lg_input_loss_range(l->host, d->loss.first, d->loss.last, d->loss.count, 0, "datagrams dropped by the kernel: the receive buffer was full");
	listen_warn(l, &d->loss_warning, now_ns,
	            "%llu datagrams were dropped by the kernel, numbers %llu to %llu, because its receive buffer was full: see receive_buffer",
	            (unsigned long long)d->loss.count, (unsigned long long)d->loss.first, (unsigned long long)d->loss.last);
	d->loss.count = 0;
}

/* `counter`: the kernel's, modulo 2^32. Datagrams are numbered as they reached the socket, from 1 on; those dropped come before the next one
 * that is taken. */
static void note_dropped(struct dgrams *d, int64_t counter, int64_t now_ns)
{
	int32_t more = counter < 0 ? 0 : (int32_t)((uint32_t)counter - d->counter);

	if (more <= 0) /* an older one: it was queued before the last look */
		return;
	d->counter = (uint32_t)counter;
	if (!d->loss.count) {
		if (!d->over_count)
			d->loss.since_ns = now_ns;
		d->loss.first = d->taken + d->dropped + 1;
	}
	d->dropped += (uint32_t)more;
	d->loss.count += (uint32_t)more;
	d->loss.last = d->taken + d->dropped;
}

/* ---- reading ---- */

/* Reads when nothing is left of the last reading; false: nothing waits. */
static bool has_datagram(struct dgrams *d, int64_t now_ns)
{
	struct lg_err err;
	enum lg_rc rc;

	if (d->list_at < d->list_count)
		return true;
	d->list_at = 0;
	rc = lg_receiver_read(d->receiver, &d->list, &d->list_count, &err);
	if (rc != LG_OK && rc != LG_AGAIN)
		listen_warn(d->listen, &d->trouble, now_ns, "%s", err.text);
	return rc == LG_OK;
}

/* Takes what waits, `reads` times what one system call brings at most. False: the core is full. */
static bool read_waiting(struct dgrams *d, int64_t now_ns, int reads, bool *more)
{
	size_t bytes = CHUNK;

	for (*more = true; reads > 0; reads--) {
		if (!has_datagram(d, now_ns)) {
			*more = false;
			return true;
		}
		while (d->list_at < d->list_count) {
			const struct lg_datagram *dgram = &d->list[d->list_at];

			if (bytes + dgram->data.size > CHUNK) {
				if (!lg_input_ready(d->listen->host))
					return false;
				bytes = 0;
			}
			note_dropped(d, dgram->dropped, now_ns);
			take(d, dgram, now_ns);
			d->taken++;
			bytes += dgram->data.size;
			d->list_at++;
		}
	}
	return true;
}

/* Ages out what the parsers of quiet senders hold; when to come again in *wake. */
static void tick_senders(struct dgrams *d, int64_t *wake_utc_ns)
{
	const struct lg_parser *parser = d->listen->conf->parser;
	int64_t utc_ns = lg_input_utc(d->listen->host);

	*wake_utc_ns = INT64_MAX;
	if (!parser->tick)
		return;
	for (size_t i = 0; i < SENDERS; i++) {
		struct sender *s = &d->senders[i];

		if (!s->used || s->tick_utc_ns == INT64_MAX)
			continue;
		if (s->tick_utc_ns <= utc_ns)
			s->tick_utc_ns = parser->tick(s->parser, utc_ns, &s->sink);
		if (s->tick_utc_ns < *wake_utc_ns)
			*wake_utc_ns = s->tick_utc_ns;
	}
}

void dgrams_step(struct dgrams *d, int64_t now_ns, struct lg_waitset *ws)
{
	int64_t wake_utc_ns, utc_ns = lg_input_utc(d->listen->host);
	bool more, room;

	room = read_waiting(d, now_ns, READS_PER_STEP, &more);
	if (!room || !more)
		note_dropped(d, lg_receiver_dropped(d->receiver), now_ns);
	if ((d->loss.count || d->over_count) && now_ns - d->loss.since_ns >= LOSS_EVERY_NS)
		say_loss(d, now_ns);
	lg_waitset_clear(ws);
	if (d->loss.count || d->over_count)
		lg_waitset_wake(ws, d->loss.since_ns + LOSS_EVERY_NS);
	if (!room) {
		lg_waitset_wake(ws, now_ns + LISTEN_FULL_WAIT_NS);
		return;
	}
	tick_senders(d, &wake_utc_ns);
	if (wake_utc_ns < INT64_MAX)
		lg_waitset_wake(ws, now_ns + (wake_utc_ns > utc_ns ? wake_utc_ns - utc_ns : 0));
	if (more)
		lg_waitset_wake(ws, now_ns);
	lg_receiver_wait(d->receiver, ws);
}

void dgrams_drain(struct dgrams *d)
{
	uint64_t count = 0, bytes = 0;
	bool more;

	if (!read_waiting(d, 0, DRAIN_READS, &more)) {
		for (int reads = 0; reads < DRAIN_READS && has_datagram(d, 0); reads++) {
			for (; d->list_at < d->list_count; d->list_at++) {
				count++;
				bytes += d->list[d->list_at].size;
			}
		}
		if (count)
			lg_input_loss(d->listen->host, count, bytes, "the service stopped while the spool was full");
	}
	note_dropped(d, lg_receiver_dropped(d->receiver), 0);
	say_loss(d, 0);
	for (size_t i = 0; i < SENDERS; i++)
		forget(&d->senders[i]);
	lg_receiver_close(d->receiver);
	d->receiver = NULL;
}

void dgrams_report(const struct dgrams *d, struct lg_input_report *report)
{
	report->sources = d->sender_count;
	snprintf(report->note, sizeof(report->note), "%s, %llu datagrams so far, %llu dropped by the kernel",
	         d->receiver ? lg_receiver_address(d->receiver) : "closed", (unsigned long long)d->taken, (unsigned long long)d->dropped);
}

enum lg_rc dgrams_open(struct dgrams **out, struct listen *l, struct lg_err *err)
{
	struct dgrams *d = calloc(1, sizeof(*d));
	enum lg_rc rc;

	if (d)
		d->senders = calloc(SENDERS, sizeof(*d->senders));
	if (!d || !d->senders) {
		free(d);
		return lg_err_set(err, LG_NOMEM, "no memory for a listener");
	}
	*out = d;
	d->listen = l;
	rc = lg_receiver_open(l->conf->address, &l->conf->socket, &d->receiver, err);
	if (rc != LG_OK)
		return rc;
	if (!keeps_state(l->conf->parser)) {
		d->parser = new_parser(d, err);
		if (!d->parser)
			return err->rc;
	}
	if (lg_receiver_warning(d->receiver))
		lg_input_log(l->host, LG_WARNING, "%s", lg_receiver_warning(d->receiver));
	lg_input_log(l->host, LG_NOTICE, "listening on %s (%s)", lg_receiver_address(d->receiver), listen_transport_name(l));
	return LG_OK;
}

void dgrams_close(struct dgrams *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < SENDERS; i++) {
		struct sender *s = &d->senders[i];

		if (s->used) {
			free_parser(d, s->parser);
			lg_origin_free(s->origin);
		}
	}
	free_parser(d, d->parser);
	lg_receiver_close(d->receiver);
	free(d->senders);
	free(d);
}
