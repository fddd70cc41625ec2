/* batch.h - a batch: the records of one input that become one frame. Encoded form: SPOOL.md, "Payload".
 *
 * Life: an input's thread builds it (batch_new, batch_add, batch_put_position, batch_pack), the queue carries it to the writer,
 * who numbers and writes it; from the commit on it is immutable and counted, and outputs read it through lg_batch_* of the plugin
 * header.
 */
#ifndef BATCH_H
#define BATCH_H

#include <stdatomic.h>

#include "api/lg_record.h"
#include "base/mem.h"
#include "data/codec.h"

struct lg_origin; /* encoded shared fields; lg_origin_new/free are implemented here */

struct batch_origin { /* where an origin's fields lie in raw */
	size_t at, size;
};

#define BATCH_CODEC_NONE 0
#define BATCH_CODEC_ZSTD 1

#define BATCH_MAX_RAW (64u << 20) /* bytes of a payload before compression; a frame above is not believed */

struct lg_batch {
	_Atomic unsigned refs;
	struct mem_budget *budget;
	size_t charged;
	char input[64];         /* NUL-terminated name */
	char log_id[33];        /* hex; set when numbered or read */
	uint64_t first_seq;     /* set when numbered or read */
	uint32_t count;         /* records; 0: positions only */
	int64_t first_ns, last_ns; /* receipt time range, UTC */
	uint64_t serial;        /* unique in this process */
	struct batch_origin *origins;
	size_t origin_count, origin_cap;
	struct lg_buf raw;      /* the payload, not compressed; always present in memory */
	struct lg_buf stored;   /* compressed payload; size 0 when codec is NONE or it was released after the write */
	uint8_t codec;
	struct lg_buf positions; /* encoded entries: u8 key size, key, u16 value size, value */
	uint32_t position_count;
	uint64_t token;         /* the input's, handed back when durable */
	uint64_t shed_count, shed_bytes; /* records that its positions pass and that were not admitted (spool.discard_severity) */
	bool shed_posted;       /* the writer's: their loss is in the spool's state */
	bool dropped;           /* the writer's: its records were dropped (spool.when_full: drop-new) */
	uint64_t behind;        /* the writer's: handed back when so many appends are durable */
	struct lg_batch *next;  /* in a queue */
	void *owner;            /* the input host to tell when durable */
};

/* An empty batch charged with `charge` bytes; NULL when the budget refuses. budget may be NULL (tools, tests). */
struct lg_batch *batch_new(struct mem_budget *budget, size_t charge, const char *input);
/* Appends one record; `draft` is borrowed for the call. Its received_ns 0 means `utc_ns`; receipt times never decrease within a batch.
 * `origin` may be NULL. */
void batch_add(struct lg_batch *batch, struct lg_draft *draft, const struct lg_origin *origin, int64_t utc_ns);
void batch_put_position(struct lg_batch *batch, struct lg_str key, const void *value, size_t size);
/* The batch is complete: compresses raw into stored, or leaves codec NONE when `codec` is NULL or that does not make it smaller;
 * the charge becomes what the batch really holds. */
void batch_pack(struct lg_batch *batch, struct codec *codec);
/* Frees `stored` once the frame is on disk; readers need raw alone. The owner's thread. */
void batch_drop_stored(struct lg_batch *batch);
/* Bytes of memory it holds. */
size_t batch_memory(const struct lg_batch *batch);
/* Wraps a payload read from disk: takes `raw`'s memory. Verifies the encoding whole: LG_CORRUPT when it is not one. */
enum lg_rc batch_from_payload(struct lg_batch **batch, struct lg_buf *raw, const char *input, const char *log_id, uint64_t first_seq,
                              uint32_t count, struct mem_budget *budget, struct lg_err *err) LG_WARN_UNUSED;
/* Walks encoded positions; false at the end. *bad is set when they do not decode. */
struct batch_position {
	struct lg_str key;
	const uint8_t *value;
	size_t size;
};
bool batch_position_next(const uint8_t **at, const uint8_t *end, struct batch_position *position, bool *bad);

#endif
