/* From records to messages. A slab is filled first and handed over then, so that its bytes never move while librdkafka reads them. */
#include <stdlib.h>
#include <string.h>

#include "output_kafka/kafka.h"

#define SLAB_BYTES (256u << 10)
#define MESSAGE_BYTES 320 /* about what librdkafka keeps beside a message's bytes */
#define HEADERS_BYTES 400
#define SPARES_MAX 16             /* memory that was touched once is worth keeping */
#define SPARE_BYTES (1u << 20)    /* but not what an unusual record took */
#define CALL_MESSAGES 1024

static bool has_room(const struct kafka *k)
{
	return !k->ending.on && k->held_bytes < k->conf->queue_size && !(k->caution.limit && k->in_flight);
}

/* ---- slabs ------------------------------------------------------------------------------------------------------------------------ */

static struct slab *take_spare(struct kafka *k)
{
	struct slab *slab = k->spares;

	if (!slab)
		return calloc(1, sizeof(*slab));
	k->spares = slab->next;
	k->spare_count--;
	*slab = (struct slab){.data = slab->data, .parcels = slab->parcels, .cap = slab->cap};
	lg_buf_clear(&slab->data);
	return slab;
}

static struct slab *new_slab(struct kafka *k)
{
	struct slab *slab = take_spare(k);

	if (!slab)
		return NULL;
	slab->prev = k->newest;
	if (k->newest)
		k->newest->next = slab;
	else
		k->slabs = slab;
	k->newest = slab;
	return slab;
}

static void destroy_slab(struct slab *slab)
{
	lg_buf_fini(&slab->data);
	free(slab->parcels);
	free(slab);
}

static void free_slab(struct kafka *k, struct slab *slab)
{
	if (slab->prev)
		slab->prev->next = slab->next;
	else
		k->slabs = slab->next;
	if (slab->next)
		slab->next->prev = slab->prev;
	else
		k->newest = slab->prev;
	for (size_t i = 0; i < slab->count; i++)
		if (slab->parcels[i].headers)
			rd_kafka_headers_destroy(slab->parcels[i].headers);
	k->held_bytes -= slab->charged;
	if (k->spare_count >= SPARES_MAX || slab->data.cap < SLAB_BYTES || slab->data.cap > SPARE_BYTES) {
		destroy_slab(slab);
		return;
	}
	slab->next = k->spares;
	k->spares = slab;
	k->spare_count++;
}

static struct parcel *add_parcel(struct slab *slab)
{
	if (slab->count == slab->cap) {
		size_t cap = slab->cap ? slab->cap * 2 : 16;
		struct parcel *parcels = realloc(slab->parcels, cap * sizeof(*parcels));

		if (!parcels)
			return NULL;
		slab->parcels = parcels;
		slab->cap = cap;
	}
	return &slab->parcels[slab->count++];
}

bool produce_last_part(const struct parcel *parcel)
{
	return --parcel->slab->parcels[parcel->head].left == 0;
}

void produce_reported(struct kafka *k, struct parcel *parcel)
{
	struct slab *slab = parcel->slab;

	slab->reported++;
	k->in_flight--;
	if (slab->reported == slab->count && slab != k->pending)
		free_slab(k, slab);
}

void produce_forget(struct kafka *k)
{
	while (k->slabs)
		free_slab(k, k->slabs);
	k->pending = NULL;
	k->in_flight = 0;
}

void produce_fini(struct kafka *k)
{
	produce_forget(k);
	while (k->spares) {
		struct slab *slab = k->spares;

		k->spares = slab->next;
		destroy_slab(slab);
	}
	free(k->messages);
}

/* ---- handing over ----------------------------------------------------------------------------------------------------------------- */

static rd_kafka_resp_err_t hand_over(struct kafka *k, struct parcel *parcel)
{
	uint8_t *data = parcel->slab->data.data, *value = data + parcel->at, *key = parcel->keyed ? data + parcel->key_at : NULL;
	rd_kafka_resp_err_t code;

	code = rd_kafka_producev(k->rk, RD_KAFKA_V_RKT(lane_topic(parcel->lane)), RD_KAFKA_V_OPAQUE(parcel), RD_KAFKA_V_VALUE(value, parcel->size),
	                         RD_KAFKA_V_KEY(key, parcel->key_size), RD_KAFKA_V_HEADERS(parcel->headers), RD_KAFKA_V_END);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		parcel->headers = NULL; /* librdkafka's now */
	return code;
}

/* False: not given, and nothing behind it may be. */
static bool took(struct kafka *k, struct parcel *parcel, rd_kafka_resp_err_t code)
{
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return false; /* the next delivery reports make room, and wake us */
	parcel->slab->given++;
	k->in_flight++;
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		settle_refused(k, parcel, code);
	return true;
}

static bool is_too_large(const struct kafka *k, const struct parcel *parcel)
{
	return parcel->size > k->conf->max_message_bytes;
}

/* Messages without headers, of one topic, in one call: half the price. False: not all were taken. */
static bool give_run(struct kafka *k, struct slab *slab)
{
	struct parcel *first = &slab->parcels[slab->given];
	size_t left = slab->count - slab->given, count = 0, taken = 0;
	bool overtaken = false;

	if (!k->messages)
		k->messages = calloc(CALL_MESSAGES, sizeof(*k->messages));
	if (!k->messages)
		return took(k, first, hand_over(k, first));
	while (count < left && count < CALL_MESSAGES && !first[count].headers && first[count].lane == first->lane && !is_too_large(k, &first[count])) {
		const struct parcel *parcel = &first[count];

		k->messages[count] = (rd_kafka_message_t){.payload = slab->data.data + parcel->at, .len = parcel->size, ._private = first + count,
			.key = parcel->keyed ? slab->data.data + parcel->key_at : NULL, .key_len = parcel->key_size};
		count++;
	}
	rd_kafka_produce_batch(lane_topic(first->lane), RD_KAFKA_PARTITION_UA, 0, k->messages, (int)count);
	while (taken < count && took(k, &first[taken], k->messages[taken].err))
		taken++;
	for (size_t i = taken; i < count; i++) /* one that was taken behind one that was not would pass it; a full queue refuses all, in 2.0.2 */
		overtaken |= k->messages[i].err == RD_KAFKA_RESP_ERR_NO_ERROR;
	if (overtaken) {
		struct lg_err err;

		lg_err_set(&err, LG_FULL, "librdkafka took messages out of order");
		client_end(k, "restarting", &err, true);
	}
	return taken == count;
}

void produce_pending(struct kafka *k)
{
	struct slab *slab = k->pending;
	bool more = true;

	while (slab && more && slab->given < slab->count && !k->failed && !k->ending.on) {
		struct parcel *parcel = &slab->parcels[slab->given];

		if (is_too_large(k, parcel))
			more = took(k, parcel, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
		else if (parcel->headers)
			more = took(k, parcel, hand_over(k, parcel));
		else
			more = give_run(k, slab);
	}
	if (slab && slab->given < slab->count)
		return; /* no room, or the producer ends */
	k->pending = NULL;
	if (slab && slab->reported == slab->count)
		free_slab(k, slab);
}

/* ---- filling ---------------------------------------------------------------------------------------------------------------------- */

/* A message of its own. NULL: no memory. */
static struct parcel *begin_parcel(struct kafka *k, struct slab *slab, struct lane *lane, const struct lg_record *rec)
{
	struct parcel *parcel = add_parcel(slab);

	if (!parcel)
		return NULL;
	*parcel = (struct parcel){.slab = slab, .lane = lane, .first = rec->seq, .last = rec->seq, .key_at = (uint32_t)slab->data.size};
	parcel->headers = route_headers(k, rec);
	parcel->keyed = route_key(k, rec, &slab->data) ? 1 : 0;
	parcel->key_size = (uint32_t)(slab->data.size - parcel->key_at);
	parcel->at = (uint32_t)slab->data.size;
	return parcel;
}

static bool same_key(const struct slab *slab, const struct parcel *parcel, size_t key_at, bool keyed)
{
	return parcel->keyed == keyed && parcel->key_size == slab->data.size - key_at &&
	       memcmp(slab->data.data + parcel->key_at, slab->data.data + key_at, parcel->key_size) == 0;
}

/* Puts a record behind the last one of the slab, into its message. False: it needs its own. */
static bool join(struct kafka *k, struct slab *slab, const struct lane *lane, const struct lg_record *rec)
{
	struct parcel *last = slab->count ? &slab->parcels[slab->count - 1] : NULL;
	size_t end = slab->data.size;
	bool same, keyed;

	if (!last || k->caution.limit || last->lane != lane || last->left != 1)
		return false;
	keyed = route_key(k, rec, &slab->data);
	same = same_key(slab, last, end, keyed);
	slab->data.size = end;
	if (!same)
		return false;
	lg_buf_append_char(&slab->data, '\n');
	if (lg_format(k->formatter, rec, 0, 0, &slab->data) != 1 || slab->data.size - last->at > k->conf->pack_size) {
		slab->data.size = end;
		return false;
	}
	last->size = (uint32_t)(slab->data.size - last->at);
	last->last = rec->seq;
	return true;
}

static bool add_record(struct kafka *k, struct slab *slab, const struct lg_record *rec)
{
	struct lane *lane = route_lane(k, rec);
	unsigned parts = 1, head = (unsigned)slab->count;

	if (!lane)
		return false;
	if (k->conf->pack && join(k, slab, lane, rec))
		return true;
	for (unsigned part = 0; part < parts; part++) {
		struct parcel *parcel = begin_parcel(k, slab, lane, rec);

		if (!parcel)
			return false;
		parts = lg_format(k->formatter, rec, part, 0, &slab->data);
		parcel->size = (uint32_t)(slab->data.size - parcel->at);
		parcel->head = head;
	}
	slab->parcels[head].left = parts & 0x7fffffff;
	return true;
}

/* Fills a new slab; NULL: no memory. *more: the batch has further records. */
static struct slab *fill_slab(struct kafka *k, struct lg_batch_iter *it, uint64_t *taken, bool *more)
{
	size_t most = k->caution.limit ? k->caution.limit : SIZE_MAX;
	struct slab *slab = new_slab(k);
	struct lg_record rec;

	while (slab && slab->data.size < SLAB_BYTES && slab->count < most && (*more = lg_batch_next(it, &rec))) {
		if (!add_record(k, slab, &rec))
			return NULL;
		*taken = rec.seq + 1;
		k->caution.reached = rec.seq;
		k->caution.sent = true;
		k->log_id = rec.log_id;
	}
	return slab;
}

static void charge(struct kafka *k, struct slab *slab)
{
	size_t each = sizeof(struct parcel) + MESSAGE_BYTES;

	for (size_t i = 0; i < slab->count; i++)
		route_header_sequence(k, slab->parcels[i].headers, slab->parcels[i].first, slab->parcels[i].last);
	if (k->conf->identity_headers || k->conf->headers.count)
		each += HEADERS_BYTES;
	slab->charged = slab->data.cap + slab->count * each;
	k->held_bytes += slab->charged;
}

void produce_send(struct kafka *k, struct lg_batch *batch, struct lg_batch_iter *it, uint64_t *taken)
{
	bool more = true;

	while (more && !k->failed && !k->pending && has_room(k) && txn_may_send(k)) {
		struct slab *slab = fill_slab(k, it, taken, &more);

		if (!slab) {
			struct lg_err err;

			lg_err_set(&err, LG_NOMEM, "no memory for messages");
			client_fail(k, "no memory", &err);
			return;
		}
		if (!more)
			*taken = lg_batch_first(batch) + lg_batch_count(batch);
		charge(k, slab);
		if (k->txn.on)
			txn_took(k, slab, k->log_id, *taken);
		k->pending = slab;
		produce_pending(k);
	}
}
