/* lugger_plugin.h - everything a plugin sees. A plugin includes this header and its own third-party library, nothing else.
 *
 * A plugin is one const struct. It owns no thread and takes no lock: the core calls it, always on the instance's own thread.
 * `step(now)` does a bounded amount of work and says in the waitset when and for which descriptors it wants to be called again.
 *
 * Worked example: an input that turns the passing of time into records.
 *
 *     struct tick_conf { int64_t every_ns; };
 *     struct tick { const struct tick_conf *conf; struct lg_input_host *host; int64_t next_ns; };
 *
 *     static const struct lg_option tick_options[] = {
 *         {.name = "every", .type = LG_OPT_DURATION, .offset = offsetof(struct tick_conf, every_ns), .fallback = "1s",
 *          .min = 1000000, .doc = "Time between two records."},
 *         LG_OPTION_END};
 *
 *     static enum lg_rc tick_open(void *state, const void *conf, struct lg_input_host *host, struct lg_err *err)
 *     {
 *         struct tick *t = state;
 *         (void)err;
 *         t->conf = conf;
 *         t->host = host;
 *         return LG_OK;
 *     }
 *
 *     static void tick_step(void *state, int64_t now_ns, struct lg_waitset *ws)
 *     {
 *         struct tick *t = state;
 *         if (now_ns >= t->next_ns && lg_input_ready(t->host)) {        // FULL: keep what you have, stop reading
 *             struct lg_draft d;
 *             lg_draft_reset(&d);
 *             d.body = LG_STR("tick");
 *             lg_emit(t->host, &d, NULL);                                // always taken
 *             t->next_ns = now_ns + t->conf->every_ns;
 *         }
 *         lg_waitset_wake(ws, t->next_ns);
 *     }
 *
 *     const struct lg_input_plugin tick_input = {.name = "tick", .doc = "A record every so often.", .options = tick_options,
 *         .conf_size = sizeof(struct tick_conf), .state_size = sizeof(struct tick), .open = tick_open, .step = tick_step};
 */
#ifndef LUGGER_PLUGIN_H
#define LUGGER_PLUGIN_H

#include "lg_core.h"
#include "lg_expand.h"
#include "lg_message.h"
#include "lg_net.h"
#include "lg_option.h"
#include "lg_record.h"
#include "lg_stream.h"

/* ---- inputs -------------------------------------------------------------------------------------------------------- */

struct lg_input_host; /* the core's side of one input instance */

/* Collects position entries while a batch closes. An entry is absolute; the newest one of a key wins; size 0 forgets the key.
 * key <= 64 bytes, value <= 1024 bytes. */
struct lg_positions;
void lg_positions_put(struct lg_positions *positions, struct lg_str key, const void *value, size_t size);

#define LG_POSITION_KEY_MAX 64
#define LG_POSITION_VALUE_MAX 1024

/* For `lugger status`; strings are copied. */
struct lg_input_report {
	uint64_t lag_bytes;       /* known to exist at the source, not yet read; 0 where it cannot be known */
	uint64_t sources;         /* files, connections, queues served now */
	uint64_t substitutions;   /* bytes that were not valid in the encoding and were replaced */
	uint64_t oversize;        /* records split or truncated */
	uint64_t broken, torn;    /* spanned records without all of their segments; records that the source's end cut off */
	uint64_t orphans, incomplete;
	uint64_t undecided;       /* lines that a pattern of `multiline` gave up on */
	char note[160];           /* "3 files, 1 held open after deletion"; "" is fine */
};

struct lg_input_plugin {
	const char *name;  /* as in `type:` */
	const char *doc;   /* one sentence */
	const struct lg_option *options;
	size_t conf_size;
	bool uses_stream;  /* settings start with a struct lg_stream_conf at offset 0; lg_stream_options belong to the mapping */
	const char *parser; /* default of `parser` where uses_stream; NULL: "text" */
	const unsigned *fields; /* field ids the transport itself sets, 0-terminated; NULL: none */
	size_t state_size;
	enum lg_rc (*check)(const void *conf, struct lg_err *err);
	/* state is zeroed. Saved positions are there through lg_input_positions. An error here stops the start. */
	enum lg_rc (*open)(void *state, const void *conf, struct lg_input_host *host, struct lg_err *err);
	void (*step)(void *state, int64_t now_ns, struct lg_waitset *ws);
	/* A batch closes: puts one entry for each source that moved since the last seal, and answers a token (any number). */
	uint64_t (*seal)(void *state, struct lg_positions *positions);
	/* All records and positions of the batch sealed with this token, and of those before, are on stable storage. */
	void (*durable)(void *state, uint64_t token);
	/* They are also settled by every output: received, filtered or buried. For sources that must be let go of no sooner; may be NULL. Token 0: all
	 * that earlier runs made durable. Some time after `durable`, and once more after the last step, before close. */
	void (*settled)(void *state, uint64_t token);
	/* --once: true when everything that was there has been emitted. NULL: never done. */
	bool (*done)(void *state);
	/* The service stops reading for good: emit what cannot be read again (sockets). May be NULL. */
	void (*drain)(void *state);
	void (*report)(const void *state, struct lg_input_report *report);
	void (*close)(void *state);
};

/* True: there is room for another chunk of at most 256 KiB of source bytes. Ask before each one, between chunks, at a moment at which
 * seal would tell the truth: the call closes the current batch when it is full. False: stop reading until the next step. */
bool lg_input_ready(struct lg_input_host *host);
/* The source waits until what was emitted is durable: the current batch closes with this step, without lingering. */
void lg_input_hurry(struct lg_input_host *host);
/* Appends a record to the current batch; it is always taken. `origin` names the shared fields (may be NULL), made by
 * lg_origin_new. */
struct lg_origin;
void lg_emit(struct lg_input_host *host, struct lg_draft *draft, const struct lg_origin *origin);
/* Shared fields of all records of one file or connection, encoded once per batch. Owned by the caller. */
struct lg_origin *lg_origin_new(const struct lg_draft *fields_only);
void lg_origin_free(struct lg_origin *origin);

/* Calls `each` for every position entry saved for this input whose key starts with `prefix`; strings are borrowed for the call. */
void lg_input_positions(struct lg_input_host *host, struct lg_str prefix,
                        void (*each)(void *arg, struct lg_str key, const uint8_t *value, size_t size), void *arg);
struct lg_net *lg_input_net(struct lg_input_host *host);
const char *lg_input_name(const struct lg_input_host *host);
bool lg_input_once(const struct lg_input_host *host); /* --once: read what is there */
/* A sequence below that of every record emitted from now on; and whether a record of this input whose text field `field` is `text` is durable in the
 * spool at or behind `from`. Reads what it must: for the rare case. LG_SPOOLED_GONE: not found, but records at or behind `from` were delivered and deleted since, it may have been
 * one of them. A record that does not verify is not there. */
uint64_t lg_input_horizon(struct lg_input_host *host);
enum lg_spooled { LG_SPOOLED_NO, LG_SPOOLED_YES, LG_SPOOLED_GONE };
enum lg_spooled lg_input_spooled(struct lg_input_host *host, uint64_t from, unsigned field, struct lg_str text);
int64_t lg_input_utc(const struct lg_input_host *host); /* UTC, ns: the clock of receipt times */
/* State for status and one log line when it changes: "reading", "waiting", "stopped". An input that cannot go on without a person
 * (wrong encoding, broken framing) calls lg_input_fault; it is shown until lg_input_clear. */
void lg_input_fault(struct lg_input_host *host, const char *text);
void lg_input_clear(struct lg_input_host *host);
/* `count` records (0: unknown) of `bytes` were lost at the source, first/last in the source's own numbering or 0: becomes a durable
 * loss record and a metric. */
void lg_input_loss(struct lg_input_host *host, uint64_t count, uint64_t bytes, const char *reason);
void lg_input_loss_range(struct lg_input_host *host, uint64_t first, uint64_t last, uint64_t count, uint64_t bytes, const char *reason);
void lg_input_log(struct lg_input_host *host, enum lg_level level, const char *fmt, ...) LG_PRINTF(3, 4);

/* ---- outputs ------------------------------------------------------------------------------------------------------- */

struct lg_output_host;

enum lg_settle {
	LG_DONE,   /* the receiver has it */
	LG_REJECT, /* the receiver will never take it; without dead letters in this version it is kept and offered again */
};

#define LG_SERVERS_SHOWN 8

/* One of several receivers. */
struct lg_server_report {
	char name[80];       /* as configured */
	char state[16];      /* "connected", "flowing", "idle", "connecting", "closing"; after a failure "open" (waits), "half-open" (may be tried) */
	char last_error[24]; /* "refused"; "" while it works */
	uint64_t in_flight_bytes;
	int64_t retry_in_ns;
};

/* Of an output whose receiver confirms messages. */
struct lg_delivery_report {
	bool told;
	uint64_t messages;      /* in flight */
	int64_t p50_ns, p99_ns; /* from taken to confirmed, of late; 0: nothing was */
	char transaction[24];   /* "" where there are none */
};

struct lg_output_report {
	uint64_t in_flight_bytes; /* handed to the receiver or library, unsettled */
	uint64_t held_before;     /* unsettled records below this sequence are held by a resend window alone, the peer's TCP has
	                           * acknowledged them; 0: none */
	char peer[128];           /* "siem.example.com:6514 TLSv1.3" */
	char note[160];           /* "unacknowledged" and the like */
	struct lg_server_report servers[LG_SERVERS_SHOWN];
	size_t server_count;      /* 0: the plugin does not tell */
	struct lg_delivery_report delivery;
};

struct lg_formatter;

/* Settings of formats, offered by every output beside `format` (table lg_format_options; all strings may be NULL). */
struct lg_format_conf {
	char *hostname, *app_name, *proc_id, *msg_id; /* rfc5424/rfc3164 header templates over field names: "{zos.sysname}" */
	char *sd_id;          /* the identity element, default lugger@32473 */
	char *newline;        /* what a newline in a body becomes where the framing cannot carry it, default " | " */
	uint64_t max_message_size;
};
extern const struct lg_option lg_format_options[];

/* A formatter for one output. `format` is one of rfc5424, rfc3164, json, raw. `agent` is the gateway's name (borrowed). With
 * `line_framing` bodies are kept free of newlines. Caller frees. */
struct lg_formatter *lg_formatter_new(const char *format, const struct lg_format_conf *conf, const char *agent, bool line_framing);
void lg_formatter_free(struct lg_formatter *formatter);
const char *lg_formatter_format(const struct lg_formatter *formatter); /* "rfc5424", as given to lg_formatter_new */

/* "{zos.sysname}-{zos.job.name}": text with names of fields in braces, for what addresses a record (row flag LG_OPT_TEMPLATE). The text is
 * copied; caller frees. */
struct lg_template;
struct lg_template *lg_template_new(const char *text);
void lg_template_free(struct lg_template *t); /* NULL is fine */
bool lg_template_is_constant(const struct lg_template *t);
/* Appends the text for this record; false, with nothing appended, where it lacks one of the fields. */
bool lg_template_expand(const struct lg_template *t, const struct lg_formatter *formatter, const struct lg_record *rec, struct lg_buf *out);

struct lg_output_plugin {
	const char *name;
	const char *doc;
	const struct lg_option *options;
	size_t conf_size;
	bool (*line_framing)(const void *conf); /* true when records end with a newline on the wire; NULL: never */
	const char *formats; /* allowed values of `format`, the default first: "rfc5424|rfc3164|json|raw" */
	size_t state_size;
	/* Across options. LG_OK with a text in err (empty before): a warning. Connects to nothing. */
	enum lg_rc (*check)(const void *conf, struct lg_err *err);
	enum lg_rc (*open)(void *state, const void *conf, struct lg_output_host *host, struct lg_err *err);
	/* Connects, flushes, collects acknowledgements, settles. Called after each round of sends, too. Not called during backoff. */
	void (*step)(void *state, int64_t now_ns, struct lg_waitset *ws);
	/* Takes records from the iterator, in order, as far as it likes; sets *taken to the sequence after the last one taken
	 * (unchanged = none, "not now": the core offers the rest after the next step). A batch kept beyond the call must be held. */
	void (*send)(void *state, struct lg_batch *batch, struct lg_batch_iter *it, uint64_t *taken);
	/* Forget everything unsettled: the core will offer it again from the lowest unsettled sequence. */
	void (*rewind)(void *state);
	/* Nothing more comes for now (stop, --once): finish in order. True when finished: everything that can be settled is. */
	bool (*finish)(void *state, int64_t now_ns, struct lg_waitset *ws);
	void (*report)(const void *state, struct lg_output_report *report);
	void (*close)(void *state);
	void (*reopen)(void *state); /* SIGHUP: close and reopen files by name; may be NULL */
	/* What `check` tells beside its verdict (permissions to grant); appends whole lines. May be NULL. */
	void (*explain)(const void *conf, struct lg_buf *out);
	/* True: a second instance with the same settings must not run beside the first (both would write one file), so the core runs no replay there. A
	 * second instance's name (lg_output_name) ends in ".replay". */
	bool single;
};

/* Sequences first..last (of records given to send) are settled. In any order, each once. */
void lg_settle(struct lg_output_host *host, uint64_t first, uint64_t last, enum lg_settle how, const char *reason);
/* The way to the receiver failed: everything unsettled will be offered again after a jittered backoff. Inside step, send or finish;
 * the core calls rewind right after. `state` is a short word for status ("refused", "tls-failed", "denied", "stalled"). */
void lg_output_retry(struct lg_output_host *host, const char *state, const struct lg_err *err);
/* The same without an alarm, and soon: the plugin starts over by itself (a producer that can only be replaced). `why` goes to the log. A
 * plugin that starts over again and again without settling anything calls lg_output_retry instead. */
void lg_output_restart(struct lg_output_host *host, const char *why);
/* Something a person should know, while the plugin goes on by itself: nothing is offered again. Until lg_output_ok. */
void lg_output_trouble(struct lg_output_host *host, const char *state, const struct lg_err *err);
/* It works again / now: resets the backoff. state: "connected", "flowing", "idle". */
void lg_output_ok(struct lg_output_host *host, const char *state);

/* For an output that keeps its cursor with the receiver (exactly once). All on the output's thread. */
const char *lg_output_spool_id(const struct lg_output_host *host); /* 32 hex digits, the same for ever */
uint64_t lg_output_cursor(struct lg_output_host *host);             /* the lowest unsettled sequence */
uint64_t lg_output_log_next(const struct lg_output_host *host);     /* records below it are durable */
/* The log a record in the spool belongs to (struct lg_record.log_id); false: the spool does not have it. */
bool lg_output_log_of(const struct lg_output_host *host, uint64_t seq, char log_id[33]);
/* Inside step, with nothing unsettled: the receiver's cursor is the true one. Forward: what lies between is settled; back: it is offered
 * again. Offers go on from seq. */
void lg_output_seek(struct lg_output_host *host, uint64_t seq);
/* The durable copy of the cursor stays at or below seq until the next call. */
void lg_output_hold(struct lg_output_host *host, uint64_t seq);
void lg_output_repeats(struct lg_output_host *host, uint64_t count); /* so many may have been delivered before */
/* What a person answered to a state that asked (`lugger output resolve`); each answer is given once. */
enum lg_choice { LG_CHOICE_NONE, LG_CHOICE_LOCAL, LG_CHOICE_RECEIVER };
enum lg_choice lg_output_choice(struct lg_output_host *host);

struct lg_net *lg_output_net(struct lg_output_host *host);
const char *lg_output_name(const struct lg_output_host *host);
/* The formatter chosen by `format` and its options. */
struct lg_formatter *lg_output_formatter(struct lg_output_host *host);
void lg_output_log(struct lg_output_host *host, enum lg_level level, const char *fmt, ...) LG_PRINTF(3, 4);

/* Appends the formatted record to out, without any framing or final newline. limit (0 = none): at most so many bytes; a longer record
 * is split at line borders: the call returns the number of parts and appends part `part` (0-based); most records have 1. */
unsigned lg_format(struct lg_formatter *formatter, const struct lg_record *rec, unsigned part, size_t limit, struct lg_buf *out);

/* ---- the lists of what is compiled in -------------------------------------------------------------------------------- */

struct lg_registry {
	const struct lg_input_plugin *const *inputs;   /* NULL-terminated */
	const struct lg_output_plugin *const *outputs;
	const struct lg_parser *const *parsers;
	const char *(*encoding)(struct lg_str spelling); /* canonical name of a charset spelled any way, NULL when unknown */
	/* Named in DESIGN but not in this build: "amqp" -> "not in this version". name, reason pairs, NULL-terminated. */
	const char *const *missing;
};

#endif
