/* lg_message.h - what inputs that take messages from a queue share: a body becomes records, and a message that the queue hands out again is
 * recognised. Part of lugger_plugin.h. Implemented by inputs/message.
 *
 * A message leaves its queue only after it is durable; between the two a crash, a broken connection or another instance makes the queue hand it
 * out again. The window holds the last ids of one queue. It travels in the frames with the records it covers, as 8-byte hashes; a hash is a
 * hint, which the record in the spool has to confirm before a message counts as known: a repeat is better than a loss. Where the record may have been
 * delivered and deleted since, the hash stands alone.
 */
#ifndef LG_MESSAGE_H
#define LG_MESSAGE_H

#include "lg_record.h"
#include "lg_stream.h"

struct lg_input_host;
struct lg_positions;

/* ---- the window of one queue ---- */

struct lg_window;

/* Reads what was saved for the queue. `capacity`: how many ids it holds at least; several times what the queue may have
 * handed out unsettled. */
struct lg_window *lg_window_new(struct lg_input_host *host, struct lg_str queue, size_t capacity);
void lg_window_free(struct lg_window *window); /* NULL is fine */
/* What a message is known by: its id, and a keyed hash over id and body, so that a producer who gives two messages one id loses neither. */
uint64_t lg_window_hash(const struct lg_window *window, struct lg_str id, const void *body, size_t size);
/* True: this message is in the spool, or in a batch on its way there; *token is the one of the batch (0: durable in an earlier run; UINT64_MAX:
 * the batch that is open now). id is not empty. */
bool lg_window_known(struct lg_window *window, struct lg_str id, uint64_t hash, uint64_t *token);
/* Remembers a message whose records were just emitted; the oldest one makes room. Its records carry LG_F_MESSAGE_ID = id. */
void lg_window_add(struct lg_window *window, struct lg_str id, uint64_t hash);
/* In the input's seal: what was added since the last one goes into this batch. */
void lg_window_seal(struct lg_window *window, struct lg_positions *positions, uint64_t token);

/* ---- bodies ---- */

struct lg_body; /* one queue's way from bytes to records; one thread */

/* Borrows conf and sink for its life. `framed`: a body holds several records, cut by conf's framing; else each message is one record (in parts
 * where it is longer than max_record_size). */
enum lg_rc lg_body_new(struct lg_body **body, const struct lg_stream_conf *conf, bool framed, struct lg_sink *sink, struct lg_err *err) LG_WARN_UNUSED;
void lg_body_free(struct lg_body *body); /* NULL is fine */
/* Emits the records of one message, all of them: nothing is kept for the next. `text`: the bytes are UTF-8 whatever conf's encoding says (a string
 * of AMQP). What cannot be cut by the framing becomes one record, marked LG_F_UNDECODABLE; LG_INVALID and LG_CORRUPT say why, after the record was
 * emitted. */
enum lg_rc lg_body_feed(struct lg_body *body, const uint8_t *data, size_t size, bool text, int64_t utc_ns, struct lg_err *err);
const struct lg_stream_stats *lg_body_stats(const struct lg_body *body);

#endif
