/* format.h - the formats' common ground: from a record to the bytes of one message. The public side (lg_formatter_new, lg_format,
 * lg_format_options) is declared in api/lugger_plugin.h.
 *
 * A formatter belongs to one output and is used on its thread. It keeps no record between calls: caches hold constant texts, the
 * second of the last time stamp, and where the last long record was cut.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include "api/lugger_plugin.h"

#define FORMAT_ECS_VERSION "8.11.0"
#define FORMAT_SD_ID "lugger@32473" /* 32473: the documentation number of RFC 5612 */
#define FORMAT_NEWLINE " | "
#define FORMAT_SYSLOG_MAX (64u << 10) /* bytes; max_message_size of rfc5424 and rfc3164 where none is given */
#define FORMAT_PART_MIN 64            /* bytes of body that every part carries, however long its header */
#define FORMAT_TEMPLATE_PARTS 8

/* The body of one message, or one part of a body that was too long: part 1..parts; parts is 1 when it is whole. */
struct format_piece {
	struct lg_str body;
	unsigned part, parts;
};

/* How a body's bytes count against a limit. */
struct format_cost {
	size_t newline; /* bytes a newline or NUL becomes */
	bool json;      /* count as escaped inside a JSON string */
};

/* "{zos.sysname}-{zos.job.name}": literals and fields, in order. */
struct format_template_part {
	struct lg_str literal; /* used when name is empty */
	struct lg_str name;
	unsigned field; /* LG_F_CUSTOM: found by its name */
};

struct format_template {
	char *text; /* owned; NULL: no template */
	struct format_template_part part[FORMAT_TEMPLATE_PARTS];
	size_t count;
};

struct format_ops {
	const char *name;
	size_t default_limit; /* bytes, 0: none */
	size_t part_overhead; /* bytes that marking a part adds at most */
	bool json;
	/* Appends one message. */
	void (*write)(struct lg_formatter *f, const struct lg_record *rec, const struct format_piece *piece, struct lg_buf *out);
};

extern const struct format_ops format_rfc5424, format_rfc3164, format_json, format_raw;

/* What a syslog header may need of one record's fields, by id; of two with one id the record's own wins over its origin's. */
struct format_fields {
	uint64_t wanted[LG_FIELD_WORDS]; /* gathered at all */
	uint64_t seen[LG_FIELD_WORDS];
	struct lg_value value[LG_F_LIMIT];
};

/* Where the cutting of a long record stands, so that its parts, asked for one after the other, take one walk over it. It
 * serves a call only where record and limit are the same as before. */
struct format_mark {
	const char *body;
	size_t size, limit;
	uint64_t seq;
	size_t budget;
	unsigned parts; /* 0: no record */
	unsigned part;  /* the one that starts at `at` */
	size_t at;
};

struct lg_formatter {
	const struct format_ops *ops;
	bool line_framing;
	size_t max_message_size;
	char *agent;
	char *newline;
	size_t newline_size;
	struct format_template hostname, app_name, proc_id, msg_id;
	struct lg_str sd_id;                /* in sd_head */
	struct lg_buf sd_head;              /* `[lugger@32473 log="` */
	struct lg_buf sd_origin;            /* `lugger-origin@32473`: the name that a relayed identity goes on under */
	int64_t second;                     /* of second_text; INT64_MIN: none yet */
	char second_text[20];               /* "2026-11-23T00:10:00", NUL-terminated */
	struct lg_buf json_key[LG_F_LIMIT]; /* `,"zos.sysname":` */
	struct lg_buf json_tail;            /* the constant members, with the closing brace */
	struct format_fields fields;
	struct format_mark mark;
};

void format_gather(struct format_fields *fields, const struct lg_record *rec);

static inline bool format_has(const struct format_fields *fields, unsigned field)
{
	return fields->seen[field / 64] >> (field % 64) & 1;
}

/* A STRING field's text, else the empty string. */
struct lg_str format_text(const struct format_fields *fields, unsigned field);

/* header.c: what the two syslog formats put in their headers. Each answer is borrowed from the record or from `scratch`. */
#define FORMAT_SCRATCH 512
struct lg_str format_hostname(struct lg_formatter *f, const struct lg_record *rec, char scratch[FORMAT_SCRATCH]);
struct lg_str format_app_name(struct lg_formatter *f, const struct lg_record *rec, char scratch[FORMAT_SCRATCH]);
struct lg_str format_proc_id(struct lg_formatter *f, const struct lg_record *rec, char scratch[FORMAT_SCRATCH]);
struct lg_str format_msg_id(struct lg_formatter *f, const struct lg_record *rec, char scratch[FORMAT_SCRATCH]);
/* Notes in f->fields.wanted what these need, once the templates are made. */
void format_want_header(struct lg_formatter *f);
unsigned format_priority(const struct lg_record *rec);
void format_template_init(struct format_template *t, const char *text);
void format_template_fini(struct format_template *t);

/* Writes a header field: at most `max` bytes, each not in `%d33-126` as `_`, an empty one as `-` (RFC 5424 section 6,
 * PRINTUSASCII and NILVALUE). Returns the new end. */
char *format_put_header(char *at, struct lg_str value, size_t max);
char *format_put_u64(char *at, uint64_t value);
/* "2026-11-23T00:10:00.25Z" with 0, 3, 6 or 9 digits of fraction as the time needs, at most max_digits; 31 bytes at most. */
char *format_put_time(struct lg_formatter *f, char *at, int64_t utc_ns, int max_digits);
/* Appends text with each newline and NUL as the formatter's `newline` where the framing cannot carry one. */
void format_append_body(const struct lg_formatter *f, struct lg_buf *out, struct lg_str text);

/* split.c. The bytes that text takes on the wire. */
size_t format_cost(struct lg_str text, struct format_cost how);
/* The part of body that starts at *at: at most `budget` bytes (never less than FORMAT_PART_MIN), cut at a newline, which is left
 * out, or, where one line alone is too long, between two characters. *at moves to the next part, to SIZE_MAX behind the last. */
struct lg_str format_next_part(struct lg_str body, size_t *at, size_t budget, struct format_cost how);
unsigned format_count_parts(struct lg_str body, size_t budget, struct format_cost how);

/* json.c. Encodes, once a formatter, what every record has alike. */
void format_json_init(struct lg_formatter *f);

#endif
