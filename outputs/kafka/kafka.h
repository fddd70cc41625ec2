/* kafka.h - inside the output `kafka`. One instance belongs to one output's thread; librdkafka's threads touch only `dialer`.
 *
 *   options.c  the options and what `check` says of them
 *   conf.c     the producer's configuration made from them, and `rdkafka:`
 *   client.c   the producer's life: opened when needed, thrown away after a fatal error, its events
 *   route.c    which topic, key and headers
 *   produce.c  from records to messages: formatted into parcels, handed over without a copy, bounded in bytes
 *   settle.c   from delivery reports to settled records; what a rejected batch costs
 *   txn.c      exactly once
 *   token.c    the token of OAUTHBEARER
 *   stats.c    what status shows
 *   errors.c   what each error means
 *   kafka.c    the plugin
 *
 * librdkafka's word that it has a message means nothing here: a record is settled by its delivery report alone, and what has none when
 * the producer ends is offered again by the core.
 */
#ifndef KAFKA_H
#define KAFKA_H

#include <librdkafka/rdkafka.h>
#include <sys/types.h>

#include "api/lugger_plugin.h"

#define KAFKA_SECOND INT64_C(1000000000)
#define KAFKA_BATCH_MIN 4096u
#define KAFKA_TXN_TIMEOUT_MS 60000     /* beyond its interval; a broker that is away longer ends a transaction */
#define KAFKA_SCRAM_VERSION 0x020601ff /* SCRAM before it fails with Kafka 4.0 and newer */

enum kafka_acks { KAFKA_ACKS_ALL, KAFKA_ACKS_LEADER, KAFKA_ACKS_NONE };

enum kafka_mechanism { KAFKA_SASL_NONE, KAFKA_SASL_PLAIN, KAFKA_SASL_SCRAM_256, KAFKA_SASL_SCRAM_512, KAFKA_SASL_GSSAPI, KAFKA_SASL_OAUTH };

struct kafka_sasl {
	int mechanism;
	char *username, *password;
	char *service, *principal, *keytab;  /* GSSAPI */
	struct lg_strings token_command;     /* OAUTHBEARER: one of */
	char *token_file;
	int64_t token_lifetime_ns;           /* of a token that does not say */
};

struct kafka_conf {
	struct lg_strings brokers;
	char *topic, *topic_fallback, *key, *key_fallback;
	int partitioner;
	struct lg_strings headers;
	bool identity_headers;
	int pack;
	uint64_t pack_size;
	char *crl_file;
	struct kafka_sasl sasl;
	struct lg_strings rdkafka;
	bool exactly_once;
	char *cursor_topic, *id_prefix;
	int64_t transaction_interval_ns;
	uint64_t transaction_bytes;
	int acks, compression;
	int64_t compression_level; /* 0: the codec's own */
	int64_t linger_ns;
	uint64_t batch_size, max_message_bytes, queue_size;
	char *client_id;
	struct lg_tls_conf tls;
};

struct lane; /* a topic in use, route.c */

/* One message: records first..last, its bytes in its slab. */
struct parcel {
	struct slab *slab;
	struct lane *lane;
	rd_kafka_headers_t *headers; /* owned until given; NULL: none */
	uint64_t first, last;
	uint32_t at, size;           /* in the slab's data; a slab is far below 4 GiB */
	uint32_t key_at, key_size;
	uint32_t head;               /* index in the slab of the first message of this record: */
	uint32_t left : 31;          /* there: messages of the record without a report */
	uint32_t keyed : 1;
};

/* How records are addressed; route.c. */
struct route {
	struct lg_template *topic, *key, *key_fallback; /* key: NULL: none */
	struct lg_template **headers;
	struct lane **lanes; /* a hash table by name, of the present producer */
	size_t lane_count, lane_cap;
	struct lane *recent;
	bool full_said;
	struct lg_buf scratch;
};

/* Formatted messages that librdkafka borrows until their reports: freed as one when all have come. */
struct slab {
	struct slab *prev, *next;
	struct lg_buf data;
	struct parcel *parcels;
	size_t count, cap;
	size_t given;    /* of count, handed to librdkafka (or settled without) */
	size_t reported; /* of given */
	size_t charged;  /* bytes it counts against queue_size */
};

/* After a rejected batch: so few messages in flight that the offender is found, until the sequence `until`. */
struct caution {
	size_t limit; /* messages in flight at once; 0: no caution */
	uint64_t until, reached;
	bool sent; /* since all reports had come */
	/* Batches were refused whole: the topic allows less than batch_size. 0: not known. Kept from one producer to the next; an offender found
	 * takes back what it cost. */
	uint64_t batch_size, batch_size_before;
};

/* Messages that failed in a way that only the offender of their batch has earned. */
struct suspects {
	size_t count;
	uint64_t bytes;
	uint64_t first, last;
	struct lg_err err;
};

/* The producer is done for: nothing more is taken, and when the reports under way have come, or at by_ns, it is thrown away. */
struct ending {
	bool on;
	bool quiet; /* a new producer is all it takes */
	const char *state;
	struct lg_err err;
	int64_t by_ns; /* 0: from the next step on */
};

#define STATS_BUCKETS 128

/* stats.c */
struct stats {
	uint64_t latency[STATS_BUCKETS]; /* of delivery, halved with every statistics event */
	struct lg_server_report servers[LG_SERVERS_SHOWN];
	size_t server_count;
	bool up; /* a broker is connected */
};

/* token.c: the command that fetches a token. */
struct token {
	int fd; /* its output; -1: it does not run */
	pid_t pid;
	int64_t by_ns;
	struct lg_buf text;
	struct lg_buf last; /* the token in use, NUL-terminated */
	int64_t last_expires_s;
	char subject[256];
};

enum txn_phase { TXN_CHECK, TXN_INIT, TXN_FETCH, TXN_READY, TXN_OPEN, TXN_FLUSH, TXN_REJECT, TXN_OFFSET, TXN_COMMIT, TXN_STOPPED };

struct reject {
	uint64_t first, last;
	char *reason; /* owned; NULL: no memory */
};

/* txn.c */
struct txn {
	bool on;           /* exactly_once */
	bool keeps_cursor; /* not a replay: its end is in its own file */
	enum txn_phase phase;
	char id[256];      /* transactional id, and the group that holds the cursor */
	char nonce[17];    /* of this start */
	bool announced;    /* it was committed: whoever commits another one later took over */
	rd_kafka_t *group; /* reads the committed cursor; NULL: not open */
	uint64_t first, next; /* the transaction holds records from first on; behind them next */
	char log_id[33];   /* of the record before next */
	uint64_t bytes;
	int64_t begin_ns;
	uint64_t committed;
	int64_t commit_ns;
	uint64_t commits;
	enum lg_choice choice; /* a person's, until the next commit */
	struct reject *rejects; /* refused alone, until the transaction is about to count */
	size_t reject_count, reject_cap;
};

struct kafka {
	const struct kafka_conf *conf;
	struct lg_output_host *host;
	struct lg_formatter *formatter;
	struct lg_dialer *dialer;
	int wake[2];             /* librdkafka writes a byte when events begin to wait; [0] < 0: not open */
	rd_kafka_t *rk;          /* NULL: no producer */
	rd_kafka_queue_t *queue; /* its events */
	struct route route;
	struct slab *slabs;      /* all that hold messages, the oldest first */
	struct slab *newest;
	struct slab *spares;     /* empty ones, with their memory */
	size_t spare_count;
	rd_kafka_message_t *messages; /* room for one call of rd_kafka_produce_batch */
	struct slab *pending;    /* not wholly handed over: nothing more is taken before */
	size_t held_bytes;       /* what they are charged */
	size_t in_flight;        /* messages */
	struct caution caution;
	struct suspects suspects;
	struct ending ending;
	unsigned restarts;       /* since the last report that was good */
	bool failed;             /* lg_output_retry was called in this turn: nothing is done before the core's rewind */
	struct stats stats;
	struct token token;
	struct txn txn;
	const char *log_id;      /* of the batch being sent */
	bool finishing;          /* nothing more comes for now */
	int64_t now_ns;          /* of the present step */
	char last_fault[512];    /* of a connection */
	int64_t trouble_ns;      /* when the last trouble was told */
	const char *said;        /* the state last told with lg_output_ok; NULL: a failure or a trouble since */
};

/* ---- options.c ---- */
extern const struct lg_option kafka_options[];
enum lg_rc kafka_check(const void *settings, struct lg_err *err);

/* ---- conf.c ---- */
const char *kafka_mechanism_name(const struct kafka_sasl *sasl); /* "PLAIN"; NULL: none */
enum lg_rc kafka_check_rdkafka(const char *name, const char *value, struct lg_err *err);
struct producer {
	const char *transactional_id; /* NULL: none */
	uint64_t batch_size;          /* 0: as configured */
};
/* The producer's configuration, without callbacks; the caller's, to be given to rd_kafka_new or destroyed. */
enum lg_rc kafka_conf_build(const struct kafka_conf *conf, const struct producer *producer, rd_kafka_conf_t **out, struct lg_err *err) LG_WARN_UNUSED;
/* The same for a client that only asks for the offset of a group. */
enum lg_rc kafka_conf_group(const struct kafka_conf *conf, const char *group, rd_kafka_conf_t **out, struct lg_err *err) LG_WARN_UNUSED;
void kafka_explain(const void *conf, struct lg_buf *out);

/* ---- client.c ---- */
/* Opens the producer where there is none. False: it failed, and the core was told. */
bool client_ready(struct kafka *k);
/* A client that reads the group's offset; the caller's. NULL: err says why. */
rd_kafka_t *client_group(struct kafka *k, const char *group, struct lg_err *err);
/* Throws the producer away with all that has no report. */
void client_close(struct kafka *k);
/* Handles all events that wait. */
void client_serve(struct kafka *k, int64_t now_ns);
void client_wait(const struct kafka *k, struct lg_waitset *ws);
/* Fails this turn: everything unsettled will be offered again to a new producer. */
void client_fail(struct kafka *k, const char *state, const struct lg_err *err);
/* The same when the reports under way have come. `quiet`: a fault of the producer alone. */
void client_end(struct kafka *k, const char *state, const struct lg_err *err, bool quiet);
/* It works; a trouble is taken back only when some seconds went by without another. */
void client_well(struct kafka *k, const char *state);
/* It goes on by itself, but a person should know. */
void client_trouble(struct kafka *k, const char *state, const struct lg_err *err);

/* ---- route.c ---- */
bool route_legal_topic(struct lg_str name);
void route_init(struct route *route, const struct kafka_conf *conf);
void route_fini(struct route *route);
void route_forget_lanes(struct route *route); /* before the producer goes */
/* Asks for the topic's leaders before the first record comes, where the topic is always the same. */
bool route_warm(struct kafka *k);
/* The topic of this record; NULL: no memory. */
struct lane *route_lane(struct kafka *k, const struct lg_record *rec);
const char *lane_name(const struct lane *lane);
rd_kafka_topic_t *lane_topic(const struct lane *lane);
/* Appends the key; false: none. */
bool route_key(const struct kafka *k, const struct lg_record *rec, struct lg_buf *out);
rd_kafka_headers_t *route_headers(struct kafka *k, const struct lg_record *rec); /* NULL: none */
/* event.sequence, when the message is complete: "17", or "17-36" of a pack. headers may be NULL. */
void route_header_sequence(const struct kafka *k, rd_kafka_headers_t *headers, uint64_t first, uint64_t last);

/* ---- produce.c ---- */
void produce_send(struct kafka *k, struct lg_batch *batch, struct lg_batch_iter *it, uint64_t *taken);
/* Hands over what librdkafka had no room for. */
void produce_pending(struct kafka *k);
/* The report of one message came, or it was refused. True: it was the last one of its record. */
bool produce_last_part(const struct parcel *parcel);
void produce_reported(struct kafka *k, struct parcel *parcel);
/* Forgets all slabs: the producer is gone. */
void produce_forget(struct kafka *k);
void produce_fini(struct kafka *k);

/* ---- settle.c ---- */
void settle_reports(struct kafka *k, rd_kafka_event_t *event);
/* librdkafka refused one message at once. */
void settle_refused(struct kafka *k, struct parcel *parcel, rd_kafka_resp_err_t code);
/* Every message has its report: messages that failed as suspects lead to caution, and the one that failed alone to the dead letters. */
void settle_suspects(struct kafka *k);

/* ---- stats.c ---- */
void stats_latency(struct stats *stats, int64_t us);
void stats_take(struct stats *stats, const char *json); /* librdkafka's statistics */
void stats_report(const struct stats *stats, struct lg_output_report *report);

/* ---- txn.c ---- */
void txn_init(struct kafka *k);
void txn_reset(struct kafka *k); /* with the producer */
void txn_fini(struct kafka *k);
void txn_step(struct kafka *k);
void txn_wait(const struct kafka *k, struct lg_waitset *ws);
bool txn_idle(const struct kafka *k);            /* nothing is open, and Kafka has our cursor; true without transactions */
const char *txn_state(const struct txn *txn);    /* for status; "" without transactions */
bool txn_may_send(struct kafka *k);              /* begins a transaction where none is open */
void txn_took(struct kafka *k, const struct slab *slab, const char *log_id, uint64_t next);
bool txn_reject(struct kafka *k, uint64_t first, uint64_t last, const char *reason); /* false: no memory */
void txn_abort(struct kafka *k); /* at the end: readers of committed records need not wait for a timeout */

/* ---- token.c ---- */
void token_wanted(struct kafka *k); /* librdkafka asks */
void token_step(struct kafka *k);
void token_wait(const struct kafka *k, struct lg_waitset *ws);
void token_share(struct kafka *k, rd_kafka_t *rk); /* gives our token to another client of ours */
void token_stop(struct kafka *k);

/* ---- errors.c ---- */
enum fault {
	FAULT_NONE,
	FAULT_RECORD,  /* the record's own: dead letter */
	FAULT_STOP,    /* a person or the cluster must change something: state, backoff, again from the cursor */
	FAULT_PASSING, /* librdkafka goes on by itself */
	FAULT_REBUILD, /* this producer is of no more use */
};

struct verdict {
	enum fault fault;
	const char *state;  /* for status */
	const char *remedy; /* NULL: none to name */
};

struct verdict errors_judge(rd_kafka_resp_err_t code);
/* "<what>: <code's text>: <detail>; <remedy>" */
void errors_explain(struct lg_err *err, const struct verdict *verdict, const char *what, rd_kafka_resp_err_t code, const char *detail);

#endif
