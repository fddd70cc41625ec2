/* From records to messages. A slab is filled first and handed over then, so that its bytes never move while librdkafka reads them. */
#include <stdlib.h>
#include <string.h>

#include "output_kafka/kafka.h"

#define SLAB_BYTES (256u << 10)
#define MESSAGE_BYTES 320 /* about what librdkafka keeps beside a message's bytes */

static bool has_room(const struct kafka *k)
{
	return !k->ending.on && k->held_bytes < k->conf->queue_size && !(k->caution.limit && k->in_flight);
}

/* ---- slabs ------------------------------------------------------------------------------------------------------------------------ */

static struct slab *new_slab(struct kafka *k)
{
	struct slab *slab = calloc(1, sizeof(*slab));

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
	k->held_bytes -= slab->charged;
	lg_buf_fini(&slab->data);
	free(slab->parcels);
	free(slab);
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

/* ---- handing over ----------------------------------------------------------------------------------------------------------------- */

static rd_kafka_resp_err_t hand_over(struct kafka *k, struct parcel *parcel)
{
	uint8_t *value = parcel->slab->data.data + parcel->at;

	return rd_kafka_producev(k->rk, RD_KAFKA_V_RKT(k->topic), RD_KAFKA_V_OPAQUE(parcel), RD_KAFKA_V_VALUE(value, parcel->size),
	                         RD_KAFKA_V_END);
}

void produce_pending(struct kafka *k)
{
	struct slab *slab = k->pending;

	while (slab && slab->given < slab->count && !k->failed && !k->ending.on) {
		struct parcel *parcel = &slab->parcels[slab->given];
		rd_kafka_resp_err_t code = parcel->size > k->conf->max_message_bytes ? RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE : hand_over(k, parcel);

		if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return; /* the next delivery reports make room, and wake us */
		slab->given++;
		k->in_flight++;
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
			settle_refused(k, parcel, code);
	}
	if (slab && slab->given < slab->count)
		return; /* the producer ends */
	k->pending = NULL;
	if (slab && slab->reported == slab->count)
		free_slab(k, slab);
}

/* ---- filling ---------------------------------------------------------------------------------------------------------------------- */

static bool add_record(struct kafka *k, struct slab *slab, const struct lg_record *rec)
{
	unsigned parts = 1;

	for (unsigned part = 0; part < parts; part++) {
		struct parcel *parcel = add_parcel(slab);

		if (!parcel)
			return false;
		*parcel = (struct parcel){.slab = slab, .first = rec->seq, .last = rec->seq, .at = slab->data.size};
		parts = lg_format(k->formatter, rec, part, 0, &slab->data);
		parcel->size = slab->data.size - parcel->at;
	}
	return true;
}

void produce_send(struct kafka *k, struct lg_batch *batch, struct lg_batch_iter *it, uint64_t *taken)
{
	size_t most = k->caution.limit ? k->caution.limit : SIZE_MAX;
	struct lg_record rec;
	bool more = true;

	while (more && !k->failed && !k->pending && has_room(k)) {
		struct slab *slab = new_slab(k);

		while (slab && slab->data.size < SLAB_BYTES && slab->count < most && (more = lg_batch_next(it, &rec))) {
			if (!add_record(k, slab, &rec)) {
				slab = NULL;
				break;
			}
			*taken = rec.seq + 1;
			k->caution.reached = rec.seq;
			k->caution.sent = true;
		}
		if (!slab) {
			struct lg_err err;

			lg_err_set(&err, LG_NOMEM, "no memory for messages");
			client_fail(k, "no memory", &err);
			return;
		}
		if (!more)
			*taken = lg_batch_first(batch) + lg_batch_count(batch);
		slab->charged = slab->data.cap + slab->cap * sizeof(struct parcel) + slab->count * MESSAGE_BYTES;
		k->held_bytes += slab->charged;
		k->pending = slab;
		produce_pending(k);
	}
}
