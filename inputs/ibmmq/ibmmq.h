/* ibmmq.h - input `ibmmq`: queues of IBM MQ by the Message Queue Interface.
 *
 *     ibmmq.c    options, the plugin
 *     library.c  IBM's client library, loaded at run time
 *     connect.c  one connection for each queue: connect, open, inquire, fail, try again
 *     queue.c    one queue: get under syncpoint, commit what is durable, backout
 *     reason.c   what a reason code means for us
 *     headers.c  MQRFH2, MQDLH, MQIIH, MQCIH in front of a body
 *     ccsid.c    coded character sets
 *     mqi.h      the interface
 *
 * One owner: the input's thread. Every queue has a connection of its own, since a unit of work belongs to a connection: one queue's messages are
 * committed without waiting for another's.
 */
#ifndef IBMMQ_H
#define IBMMQ_H

#include "api/lg_message.h"
#include "api/lugger_plugin.h"
#include "input_ibmmq/mqi.h"

struct ibmmq_conf {
	struct lg_stream_conf stream; /* first: lugger_plugin.h */
	struct lg_strings connection, queues;
	char *queue_manager, *channel, *ccdt, *library;
	char *cipher, *key_repository, *key_repository_password, *certificate_label, *peer_name;
	char *username, *password, *token;
	int64_t batch, wait_ns;
	uint64_t max_message_size;
	bool framed, convert;
};

/* ---- library.c ---- */

/* Loads the first of the client libraries that is there; stays loaded. LG_NOTFOUND: none is; err says what to install. */
enum lg_rc ibmmq_library_load(struct mqi *mqi, const char *path, struct lg_err *err);

/* ---- reason.c ---- */

enum ibmmq_class {
	IBMMQ_FINE,
	IBMMQ_IDLE,      /* the queue is empty */
	IBMMQ_RECONNECT, /* the connection is of no more use, or there is none: a new one, after a wait */
	IBMMQ_WAIT,      /* the queue cannot be read for now: a fault, tried again on the same connection */
	IBMMQ_CONFIG,    /* somebody has to change something: a fault, tried seldom */
	IBMMQ_CONVERT,   /* the message is there, not converted */
	IBMMQ_GROW,      /* the buffer is too small, the message is still there */
	IBMMQ_CUT,       /* as asked for: the beginning of a message that is too large */
	IBMMQ_REDUCE,    /* the unit of work was backed out, or is too large: smaller ones from now on */
};

struct ibmmq_reason {
	int32_t code;
	enum ibmmq_class class;
	const char *name;   /* without MQRC_ */
	const char *remedy; /* NULL: none is needed */
};

/* Never NULL: a code the table does not have is one to reconnect at. */
const struct ibmmq_reason *ibmmq_reason(int32_t code);
extern const struct ibmmq_reason ibmmq_reasons[]; /* ends with code 0 */

/* ---- ccsid.c ---- */

/* What `encoding` calls it; NULL: none of ours. `reversed`: little-endian, for UTF-16. */
const char *ibmmq_encoding(int32_t ccsid, bool reversed);

/* ---- headers.c ---- */

#define IBMMQ_FIELDS 16

/* The data of a message, taken apart. Strings borrow from it or from `room`. */
struct ibmmq_body {
	const uint8_t *data;
	size_t size;
	char format[9];        /* of what is left */
	int32_t encoding, ccsid;
	struct lg_value fields[IBMMQ_FIELDS]; /* custom ones, name and text */
	size_t field_count, left_out;
	struct lg_buf room;    /* reserved before use, so that it does not move; the owner's lg_buf_fini */
};

/* Takes the headers off. body's format, encoding and ccsid are those of the MQMD before, and those of the rest behind. LG_CORRUPT: a header is none;
 * what was taken off before it stays off, and the rest is as it came. */
enum lg_rc ibmmq_headers(struct ibmmq_body *body, const uint8_t *data, size_t size, struct lg_err *err);

/* Blank-padded characters of the interface without their padding, unprintable ones replaced; into `text`, which has room for size + 1. */
struct lg_str ibmmq_text(const char *chars, size_t size, char *text);

/* ---- queue.c ---- */

struct ibmmq;

/* A body's way to records for one encoding. */
struct ibmmq_way {
	const char *encoding;
	struct lg_stream_conf conf;
	struct lg_body *body;
};

#define IBMMQ_WAYS 8

struct ibmmq_queue {
	struct lg_sink sink; /* first: what the parser emits to */
	struct ibmmq *mq;
	const char *name;
	struct lg_window *window;
	struct lg_origin *origin;
	struct ibmmq_way ways[IBMMQ_WAYS]; /* the first one is `encoding` as configured */
	size_t way_count;

	int32_t hconn, hobj;
	bool connected, open;
	unsigned failures;     /* in a row */
	int64_t retry_ns;      /* monotonic */
	char fault[1200];      /* "" when well */

	int32_t threshold;     /* of backouts; 0: none */
	char requeue[48];      /* blank-padded */
	bool hardened;         /* backout counts survive the queue manager's restart */
	bool context_denied;   /* the requeue queue takes no context from us */

	int64_t batch;         /* messages in a unit of work; less than configured after a REDUCE */
	int64_t uncommitted;   /* messages in the one that is open */
	uint64_t token;        /* that must be durable before it is committed */
	int64_t since_ns;      /* monotonic: of its first message */
	bool full;             /* it takes no more */
	bool empty;            /* the last get found nothing */
	int64_t idle_ns;       /* monotonic: an empty queue is looked at then */
	size_t room;           /* for a message's data; grows */
	bool accept_cut;       /* the next message is longer than max_message_size */

	struct lg_buf bytes;   /* put date and time, then the message's data */
	struct mqmd md;        /* of the message at hand */
	char id[49];           /* its MsgId in hexadecimal digits */
	struct ibmmq_body parts;
	bool undecodable;
	uint64_t cut;          /* bytes of it that are missing */
	uint64_t emitted;      /* records of it */
};

enum lg_rc ibmmq_queue_open(struct ibmmq_queue *queue, struct ibmmq *mq, const char *name, struct lg_err *err);
void ibmmq_queue_close(struct ibmmq_queue *queue);
/* Commits the unit of work if all of it is durable; true: it did. */
bool ibmmq_queue_commit(struct ibmmq_queue *queue);
/* Commits, and gets what the core is ready for; true: something moved. `wait_ms`: the get may wait for so long; 0: not at all. */
bool ibmmq_queue_work(struct ibmmq_queue *queue, int32_t wait_ms);

/* ---- connect.c ---- */

/* Splits "host(port)"; host:port in `server` for the policy. */
enum lg_rc ibmmq_split(const char *connection, char server[300], struct lg_err *err);
/* Connects, opens, inquires; on failure ibmmq_queue_fail was called. */
void ibmmq_queue_connect(struct ibmmq_queue *queue);
/* Backs out what is not committed and ends the connection in order; all of it may fail without harm. */
void ibmmq_queue_disconnect(struct ibmmq_queue *queue);
/* A call failed: does what the reason's class demands. */
void ibmmq_queue_fail(struct ibmmq_queue *queue, const char *call, int32_t reason);

/* ---- ibmmq.c ---- */

struct ibmmq {
	const struct ibmmq_conf *conf;
	struct lg_input_host *host;
	struct mqi mqi;
	bool loaded;
	int64_t load_ns;         /* monotonic: the library is looked for again then */
	struct ibmmq_queue *queues;
	size_t queue_count;
	uint64_t token, durable; /* of the last seal; of the last batch on stable storage */
	int64_t now_ns;          /* monotonic: of this step */
	int64_t news_ns;         /* monotonic: of the last message, or of the last connection */
	uint64_t known;          /* came again and were in the spool */
	uint64_t requeued, undecodable, oversize;
	uint64_t unconverted;    /* the queue manager could not convert them */
	uint64_t jitter;
	bool stopping;
};

#endif
