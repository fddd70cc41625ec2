/* One queue: credit, deliveries, and what the broker is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <proton/session.h>
#include <proton/terminus.h>

#include "amqp.h"

/* Four times the credit would do for a broker that takes our word at once. RabbitMQ 3.10 had up to nine credits' worth of dispositions before it when
 * its connection ended, and hands all of those out again. */
#define WINDOW_CREDITS 20
#define WINDOW_LEAST 10000

static void add_message_fields(struct amqp_link *l, struct lg_draft *draft)
{
	const struct amqp_message *m = l->message;

	lg_draft_string(draft, LG_F_MESSAGE_ID, m->id);
	lg_draft_string(draft, LG_F_MESSAGE_CONVERSATION_ID, m->correlation);
	if (l->redelivered)
		lg_draft_bool(draft, LG_F_REDELIVERED, true);
	if (l->undecodable)
		lg_draft_bool(draft, LG_F_UNDECODABLE, true);
	if (l->cut)
		lg_draft_bool(draft, LG_F_TRUNCATED, true);
	for (size_t i = 0; i < m->field_count; i++)
		lg_draft_custom(draft, m->fields[i].name, m->fields[i].text);
	if (draft->time_ns == LG_TIME_UNKNOWN)
		draft->time_ns = m->created_ns;
}

static void emit(struct lg_sink *sink, struct lg_draft *draft)
{
	struct amqp_link *l = (struct amqp_link *)sink;

	add_message_fields(l, draft);
	l->emitted++;
	lg_emit(l->amqp->host, draft, l->origin);
}

enum lg_rc amqp_link_open(struct amqp_link *l, struct amqp *amqp, const char *address, struct lg_err *err)
{
	const struct amqp_conf *conf = amqp->conf;
	struct lg_draft shared;

	l->sink.emit = emit;
	l->amqp = amqp;
	l->address = address;
	l->cap = (size_t)conf->credit;
	l->pending = calloc(l->cap, sizeof(*l->pending));
	if (!l->pending)
		return lg_err_set(err, LG_NOMEM, "no memory for a queue");
	l->window = lg_window_new(amqp->host, lg_str_from(address), WINDOW_CREDITS * l->cap > WINDOW_LEAST ? WINDOW_CREDITS * l->cap : WINDOW_LEAST);
	lg_draft_reset(&shared);
	lg_draft_string(&shared, LG_F_MESSAGING_SYSTEM, LG_STR("amqp"));
	lg_draft_string(&shared, LG_F_MESSAGING_DESTINATION, lg_str_from(address));
	if (conf->stream.parser->constants)
		conf->stream.parser->constants(conf->stream.parser_conf, &shared);
	l->origin = lg_origin_new(&shared);
	return lg_body_new(&l->body, &conf->stream, conf->framed, &l->sink, err);
}

void amqp_link_close(struct amqp_link *l)
{
	lg_window_free(l->window);
	lg_body_free(l->body);
	lg_origin_free(l->origin);
	lg_buf_fini(&l->bytes);
	free(l->pending);
}

/* ---- the link ---- */

void amqp_link_attach(struct amqp_link *l, pn_session_t *session)
{
	const struct amqp_conf *conf = l->amqp->conf;
	pn_terminus_t *source;
	char name[300];

	snprintf(name, sizeof(name), "%s:%s", conf->container ? conf->container : lg_input_name(l->amqp->host), l->address);
	l->link = pn_receiver(session, name);
	pn_link_set_context(l->link, l);
	source = pn_link_source(l->link);
	pn_terminus_set_address(source, l->address);
	for (size_t i = 0; i < conf->capabilities.count; i++) {
		const char *symbol = conf->capabilities.items[i];

		pn_data_put_symbol(pn_terminus_capabilities(source), pn_bytes(strlen(symbol), symbol));
	}
	pn_terminus_set_address(pn_link_target(l->link), name);
	pn_link_set_snd_settle_mode(l->link, PN_SND_UNSETTLED);
	pn_link_set_rcv_settle_mode(l->link, PN_RCV_FIRST);
	pn_link_open(l->link);
}

void amqp_link_lost(struct amqp_link *l)
{
	l->link = NULL;
	l->open = false;
	l->first = l->count = 0;
	lg_buf_clear(&l->bytes);
	l->cut = 0;
}

/* Outstanding credit and unsettled deliveries together never exceed the credit. A step of an eighth saves flow frames. */
static void give_credit(struct amqp_link *l)
{
	int most = (int)l->amqp->conf->credit;
	int room = most - pn_link_credit(l->link) - (int)l->count;

	if (room < 1 || (room < most / 8 && pn_link_credit(l->link) > 0))
		return;
	pn_link_flow(l->link, room);
}

/* ---- deliveries ---- */

static void accept(pn_delivery_t *delivery)
{
	pn_delivery_update(delivery, PN_ACCEPTED);
	pn_delivery_settle(delivery);
}

static void grow(struct amqp_link *l)
{
	struct amqp_pending *more = malloc(2 * l->cap * sizeof(*more));

	if (!more)
		abort();
	for (size_t i = 0; i < l->count; i++)
		more[i] = l->pending[(l->first + i) % l->cap];
	free(l->pending);
	l->pending = more;
	l->cap *= 2;
	l->first = 0;
}

static void wait_for(struct amqp_link *l, pn_delivery_t *delivery, uint64_t token)
{
	if (token <= l->amqp->durable) {
		accept(delivery);
		return;
	}
	if (l->count == l->cap)
		grow(l); /* RabbitMQ 3.10 sends more than its credit at times */
	l->pending[(l->first + l->count++) % l->cap] = (struct amqp_pending){delivery, token};
}

void amqp_link_durable(struct amqp_link *l, uint64_t token)
{
	while (l->count && l->pending[l->first].token <= token) {
		accept(l->pending[l->first].delivery);
		l->first = (l->first + 1) % l->cap;
		l->count--;
	}
}

void amqp_link_release(struct amqp_link *l)
{
	pn_delivery_t *delivery;

	if (!l->link)
		return;
	while ((delivery = pn_link_current(l->link))) { /* not taken */
		pn_link_advance(l->link);
		pn_delivery_update(delivery, PN_RELEASED);
		pn_delivery_settle(delivery);
	}
	for (; l->count; l->count--, l->first = (l->first + 1) % l->cap) {
		pn_delivery_update(l->pending[l->first].delivery, PN_RELEASED);
		pn_delivery_settle(l->pending[l->first].delivery);
	}
}

/* Reads what has come of the current delivery. True: it is complete. */
static bool read_delivery(struct amqp_link *l, pn_delivery_t *delivery)
{
	uint64_t limit = l->amqp->conf->max_message_size;
	ssize_t got;

	do {
		size_t room = pn_delivery_pending(delivery);
		uint8_t *at = lg_buf_reserve(&l->bytes, room ? room : 1);

		got = pn_link_recv(l->link, (char *)at, room);
		if (got > 0)
			l->bytes.size += (size_t)got;
		if (l->bytes.size > limit) {
			l->cut += l->bytes.size - limit;
			l->bytes.size = limit;
		}
	} while (got > 0);
	return !pn_delivery_partial(delivery);
}

static void emit_message(struct amqp_link *l, const struct amqp_message *m)
{
	struct amqp *a = l->amqp;
	struct lg_err err;

	l->message = m;
	l->emitted = 0;
	if (lg_body_feed(l->body, m->body, m->body_size, m->text, lg_input_utc(a->host), &err) != LG_OK && !a->undecodable++)
		lg_input_log(a->host, LG_WARNING, "%s: a message's body does not fit the settings and is shipped as it is, marked "
		        "lugger.undecodable: %s (said once; counted)", l->address, err.text);
	if (!l->emitted) { /* empty, or nothing a parser makes a record of: the message is a record all the same */
		struct lg_draft draft;

		lg_draft_reset(&draft);
		emit(&l->sink, &draft);
	}
	if (l->cut) {
		a->oversize++;
		lg_input_loss(a->host, 0, l->cut, "message longer than max_message_size");
	}
	l->message = NULL;
}

/* A message that the window knows is in the spool: the broker is told as soon as it is durable. */
static void take_message(struct amqp_link *l, pn_delivery_t *delivery)
{
	struct amqp *a = l->amqp;
	struct amqp_message m;
	struct lg_err err;
	uint64_t token, hash = 0;

	a->news_ns = a->now_ns;
	l->undecodable = amqp_decode(a->decoder, l->bytes.data, l->bytes.size, l->cut > 0, &m, &err) != LG_OK;
	if (l->undecodable && !a->undecodable++)
		lg_input_log(a->host, LG_WARNING, "%s: %s; it is shipped as it is, marked lugger.undecodable (said once; counted)", l->address, err.text);
	l->redelivered = m.redelivered;
	if (m.id.size) {
		hash = lg_window_hash(l->window, m.id, m.body, m.body_size);
		if (lg_window_known(l->window, m.id, hash, &token)) {
			a->known++;
			wait_for(l, delivery, token == UINT64_MAX ? a->token + 1 : token);
			return;
		}
	}
	emit_message(l, &m);
	if (m.id.size)
		lg_window_add(l->window, m.id, hash);
	wait_for(l, delivery, a->token + 1);
}

bool amqp_link_work(struct amqp_link *l)
{
	pn_delivery_t *delivery;
	bool moved = false;

	if (!l->link || !l->open)
		return false;
	while ((delivery = pn_link_current(l->link))) {
		bool partial = pn_delivery_partial(delivery) && !pn_delivery_pending(delivery);

		if (partial || !lg_input_ready(l->amqp->host))
			break;
		moved = true;
		if (pn_delivery_aborted(delivery)) {
			pn_link_advance(l->link);
			pn_delivery_settle(delivery);
		} else if (!read_delivery(l, delivery)) {
			break;
		} else {
			pn_link_advance(l->link);
			take_message(l, delivery);
		}
		lg_buf_clear(&l->bytes);
		l->cut = 0;
	}
	if (!l->amqp->stopping)
		give_credit(l);
	if (2 * l->count > (size_t)l->amqp->conf->credit)
		lg_input_hurry(l->amqp->host); /* half of the credit waits for the disk */
	return moved;
}
