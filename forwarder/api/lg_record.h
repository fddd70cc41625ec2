/* lg_record.h - records, fields and batches as plugins see them. Part of lugger_plugin.h.
 *
 * A parser fills a struct lg_draft with borrowed strings and emits it; the core encodes it into the batch at once.
 * An output reads records back as struct lg_record views, valid while it holds the batch. The encoded form, which is
 * also the spool's payload, is written down in forwarder/spool/SPOOL.md, "Payload".
 */
#ifndef LG_RECORD_H
#define LG_RECORD_H

#include "lg_core.h"

#define LG_TIME_UNKNOWN INT64_MIN
#define LG_SEVERITY_NONE 255
#define LG_FACILITY_NONE 255

/* Syslog severities, RFC 5424 section 6.2.1. */
enum lg_severity { LG_EMERG, LG_ALERT, LG_CRIT, LG_ERR, LG_WARN, LG_NOTE, LG_INFORM, LG_DEBUGGING };

/* Every field Lugger itself fills: X(symbol, disk id, type, JSON name). The ids are on disk: never reuse one, only append.
 * Names are ECS where ECS has one, else OpenTelemetry's, else zos.* (DESIGN section 7). */
#define LG_FIELDS(X)                                                                  \
	X(LOG_FILE_PATH, 1, STRING, "log.file.path")                                  \
	X(LOG_OFFSET, 2, NUMBER, "log.offset")                                        \
	X(HOST_NAME, 3, STRING, "host.name")                                          \
	X(EVENT_CODE, 4, STRING, "event.code")                                        \
	X(EVENT_DATASET, 5, STRING, "event.dataset")                                  \
	X(EVENT_TIMEZONE, 6, STRING, "event.timezone")                                \
	X(EVENT_ORIGINAL, 7, STRING, "event.original")                                \
	X(EVENT_KIND, 8, STRING, "event.kind")                                        \
	X(EVENT_CATEGORY, 9, STRING, "event.category")                                \
	X(EVENT_OUTCOME, 10, STRING, "event.outcome")                                 \
	X(USER_NAME, 11, STRING, "user.name")                                         \
	X(SOURCE_IP, 12, STRING, "source.ip")                                         \
	X(SOURCE_PORT, 13, NUMBER, "source.port")                                     \
	X(SYSLOG_PRIORITY, 14, NUMBER, "log.syslog.priority")                         \
	X(SYSLOG_SEVERITY, 15, NUMBER, "log.syslog.severity.code")                    \
	X(SYSLOG_FACILITY, 16, NUMBER, "log.syslog.facility.code")                    \
	X(SYSLOG_VERSION, 17, NUMBER, "log.syslog.version")                           \
	X(SYSLOG_HOSTNAME, 18, STRING, "log.syslog.hostname")                         \
	X(SYSLOG_APPNAME, 19, STRING, "log.syslog.appname")                           \
	X(SYSLOG_PROCID, 20, STRING, "log.syslog.procid")                             \
	X(SYSLOG_MSGID, 21, STRING, "log.syslog.msgid")                               \
	X(SYSLOG_STRUCTURED_DATA, 22, STRING, "log.syslog.structured_data")           \
	X(TIME_TEXT, 23, STRING, "lugger.time_text")                                  \
	X(TIME_AMBIGUOUS, 24, BOOL, "lugger.time_ambiguous")                          \
	X(TRUNCATED, 25, BOOL, "lugger.truncated")                                    \
	X(PART, 26, STRING, "lugger.part")                                            \
	X(ORPHAN, 27, BOOL, "lugger.orphan")                                          \
	X(REPLAY, 28, BOOL, "lugger.replay")                                          \
	X(REDELIVERED, 29, BOOL, "lugger.redelivered")                                \
	X(TIME_ASSUMED, 30, BOOL, "lugger.time_assumed")                              \
	X(PROCESS_PID, 31, NUMBER, "process.pid")                                     \
	X(LOSS_INPUT, 32, STRING, "lugger.loss.input")                                \
	X(LOSS_OUTPUT, 33, STRING, "lugger.loss.output")                              \
	X(LOSS_FIRST, 34, NUMBER, "lugger.loss.first")                                \
	X(LOSS_LAST, 35, NUMBER, "lugger.loss.last")                                  \
	X(LOSS_COUNT, 36, NUMBER, "lugger.loss.count")                                \
	X(LOSS_BYTES, 37, NUMBER, "lugger.loss.bytes")                                \
	X(LOSS_REASON, 38, STRING, "lugger.loss.reason")                              \
	X(INCOMPLETE, 39, BOOL, "lugger.incomplete")                                  \
	X(ZOS_SYSNAME, 64, STRING, "zos.sysname")                                     \
	X(ZOS_SYSPLEX, 65, STRING, "zos.sysplex.name")                                \
	X(ZOS_SMF_ID, 66, STRING, "zos.smf.id")                                       \
	X(ZOS_RECORD_TYPE, 67, STRING, "zos.record.type")                             \
	X(ZOS_REQUEST_TYPE, 68, STRING, "zos.request.type")                           \
	X(ZOS_MESSAGE_ID, 69, STRING, "zos.message.id")                               \
	X(ZOS_MESSAGE_LINE_COUNT, 70, NUMBER, "zos.message.line_count")               \
	X(ZOS_MESSAGE_INCOMPLETE, 71, BOOL, "zos.message.incomplete")                 \
	X(ZOS_JOB_ID, 72, STRING, "zos.job.id")                                       \
	X(ZOS_JOB_NAME, 73, STRING, "zos.job.name")                                   \
	X(ZOS_CONSOLE, 74, STRING, "zos.console")                                     \
	X(ZOS_ROUTING_CODES, 75, NUMBERS, "zos.routing_codes")                        \
	X(ZOS_REQUEST_FLAGS, 76, STRING, "zos.request_flags")                         \
	X(ZOS_SUPPRESSED, 77, BOOL, "zos.suppressed")                                 \
	X(ZOS_REPLY_ID, 78, STRING, "zos.reply_id")                                   \
	X(ZOS_ACTION, 79, STRING, "zos.action")                                       \
	X(ZOS_SMF_TYPE, 80, NUMBER, "zos.smf.record.type")                            \
	X(ZOS_SMF_SUBTYPE, 81, NUMBER, "zos.smf.record.subtype")                      \
	X(ZOS_RACF_USER, 82, STRING, "zos.racf.user")                                 \
	X(ZOS_RACF_GROUP, 83, STRING, "zos.racf.group")                               \
	X(ZOS_RACF_NAME, 84, STRING, "zos.racf.name")                                 \
	X(ZOS_RACF_RESOURCE, 85, STRING, "zos.racf.resource")                         \
	X(ZOS_RACF_CLASS, 86, STRING, "zos.racf.class")                               \
	X(ZOS_RACF_REASON, 87, STRING, "zos.racf.reason")                             \
	X(ZOS_RACF_PROFILE, 88, STRING, "zos.racf.profile")                           \
	X(ZOS_RACF_INTENT, 89, STRING, "zos.racf.access_intent")                      \
	X(ZOS_RACF_ALLOWED, 90, STRING, "zos.racf.access_allowed")                    \
	X(ZOS_CARRIAGE_CONTROL, 91, STRING, "zos.carriage_control")                   \
	X(MESSAGING_SYSTEM, 100, STRING, "messaging.system")                          \
	X(MESSAGING_DESTINATION, 101, STRING, "messaging.destination.name")           \
	X(MESSAGE_ID, 102, STRING, "messaging.message.id")                            \
	X(MESSAGE_CONVERSATION_ID, 103, STRING, "messaging.message.conversation_id")  \
	X(UNDECODABLE, 104, BOOL, "lugger.undecodable")

enum lg_field {
	LG_F_CUSTOM = 0, /* a field of the plugin's own: its name travels with it */
#define X(symbol, id, type, name) LG_F_##symbol = id,
	LG_FIELDS(X)
#undef X
	LG_F_LIMIT = 128
};

enum lg_type {
	LG_T_STRING = 1,
	LG_T_NUMBER = 2,  /* signed 64-bit */
	LG_T_BOOL = 3,
	LG_T_NUMBERS = 4, /* a list of numbers 0..255, one byte each (routing codes) */
};

/* One field of a draft (borrowed until emit returns) or of a record (borrowed from the batch). */
struct lg_value {
	uint8_t field;      /* enum lg_field */
	uint8_t type;       /* enum lg_type */
	struct lg_str name; /* JSON name; filled by readers, needed from writers for LG_F_CUSTOM only (<= 255 bytes) */
	struct lg_str text; /* STRING, NUMBERS */
	int64_t number;     /* NUMBER, BOOL */
};

/* The JSON name of a known field id, NULL for an unknown id; and back (0 where none has this name). */
const char *lg_field_name(unsigned field);
enum lg_type lg_field_type(unsigned field);
unsigned lg_field_find(struct lg_str name);

#define LG_DRAFT_FIELDS 48

/* A record being made. Reset with lg_draft_reset; more than LG_DRAFT_FIELDS fields: the further ones are dropped and
 * LG_F_TRUNCATED is set. Strings are borrowed until lg_emit returns. */
struct lg_draft {
	int64_t time_ns;     /* event time, UTC, ns since 1970, or LG_TIME_UNKNOWN: then the time of receipt serves */
	int64_t received_ns; /* time of receipt, UTC, ns since 1970; 0: the core fills it */
	uint8_t severity;    /* 0..7 or LG_SEVERITY_NONE */
	uint8_t facility;    /* 0..23 or LG_FACILITY_NONE */
	struct lg_str body;  /* valid UTF-8; lines joined by \n */
	struct lg_value fields[LG_DRAFT_FIELDS];
	size_t field_count;
};

void lg_draft_reset(struct lg_draft *draft);
void lg_draft_string(struct lg_draft *draft, unsigned field, struct lg_str text); /* an empty text is left out */
void lg_draft_number(struct lg_draft *draft, unsigned field, int64_t number);
void lg_draft_bool(struct lg_draft *draft, unsigned field, bool value);
void lg_draft_numbers(struct lg_draft *draft, unsigned field, const uint8_t *numbers, size_t count);
void lg_draft_custom(struct lg_draft *draft, struct lg_str name, struct lg_str text);

struct lg_batch;

/* A record as outputs, filters and tools read it. All strings are borrowed from the batch. */
struct lg_record {
	uint64_t seq;             /* sequence in the log */
	const char *log_id;       /* the log's id as 32 hex digits, NUL-terminated */
	struct lg_str input;      /* name of the input it came through */
	int64_t time_ns;          /* LG_TIME_UNKNOWN never appears here: readers get received_ns instead */
	int64_t received_ns;
	uint8_t severity;         /* LG_SEVERITY_NONE possible */
	uint8_t facility;
	struct lg_str body;
	struct lg_str fields;     /* encoded own fields: walk with lg_fields_next */
	struct lg_str origin;     /* encoded fields shared by records of one origin (path, peer): walked after the own ones */
};

struct lg_fields_iter {
	struct lg_str part[2];
	int which;
};

void lg_fields_begin(struct lg_fields_iter *it, const struct lg_record *rec);
bool lg_fields_next(struct lg_fields_iter *it, struct lg_value *value);
/* The first field with this id; false where the record has none. */
bool lg_record_find(const struct lg_record *rec, unsigned field, struct lg_value *value);
/* Gathers fields by id in one walk: each whose bit is set in `wanted` goes to values[id], without its name, and sets its bit in
 * `found`. Of two with one id the first is taken, as in lg_record_find. Bit id % 64 of word id / 64; `values` has room for
 * LG_F_LIMIT. */
#define LG_FIELD_WORDS (LG_F_LIMIT / 64)
void lg_record_gather(const struct lg_record *rec, const uint64_t wanted[LG_FIELD_WORDS], uint64_t found[LG_FIELD_WORDS],
                      struct lg_value *values);
/* As lg_record_find for STRING fields; the empty string where there is none. */
struct lg_str lg_record_string(const struct lg_record *rec, unsigned field);

/* Batches are immutable once durable, and counted: hold before keeping a pointer beyond the call, release when done. Any thread. */
void lg_batch_hold(struct lg_batch *batch);
void lg_batch_release(struct lg_batch *batch); /* NULL is fine */
uint64_t lg_batch_first(const struct lg_batch *batch);
uint64_t lg_batch_count(const struct lg_batch *batch); /* sequences first .. first + count - 1 */

/* Walks the records of a batch in order of sequence. */
struct lg_batch_iter {
	const struct lg_batch *batch;
	const uint8_t *at, *end;
	uint64_t seq;            /* of the record that comes next */
	const uint64_t *select;  /* bit i set = record first + i is wanted; NULL = all */
};

void lg_batch_begin(struct lg_batch_iter *it, const struct lg_batch *batch, uint64_t from_seq);
/* false at the end. Never fails: a batch's payload was verified before it became a batch. */
bool lg_batch_next(struct lg_batch_iter *it, struct lg_record *rec);

#endif
