/* zos_syslog.h - the parser's state, shared by its two halves: reading lines (zos_syslog.c) and making records (zos_record.c). */
#ifndef ZOS_SYSLOG_H
#define ZOS_SYSLOG_H

#include "parser/parsers.h"
#include "parser/zos_assembly.h"
#include "parser/zos_columns.h"
#include "parser/zos_message.h"
#include "parser/zos_time.h"

struct zos_conf {
	char *timezone;
	struct lg_strings timezones; /* system, zone, ... */
	struct lg_strings severity;  /* pattern, name, ... */
	int64_t multiline_timeout_ns;
};

struct zos_state {
	const struct zos_conf *conf;
	struct zos_layout layout;
	struct zos_clock clock;
	struct zos_severities severities;
	struct zos_set set;
	struct lg_buf line;   /* a line whose columns had to be put right, until the next one */
	struct lg_buf joined; /* of a record that is being made */
	/* After a restart the held lines come again and only they, up to replay_end: the messages are rebuilt, nothing is emitted
	 * and the state, which is already the one behind them, does not change. */
	bool replaying;
	bool replay_tail; /* whether the last of them may still be continued by an S line */
	int64_t replay_end;
	uint8_t replay_marks[ZOS_OPEN_MAX]; /* per first line: how its time was resolved */
	size_t replay_count, replay_next;
	uint8_t saved[LG_PARSER_STATE_MAX]; /* what was loaded: still the truth until the replay ends */
	size_t saved_size;
};

/* Data set, and the zone where it is one for all systems. */
void zos_record_constants(const void *settings, struct lg_draft *fields);

/* Emits the message in this slot and takes it out of the set. */
void zos_record_message(struct zos_state *zos, int slot, struct lg_sink *sink);
/* Emits a line that belongs to no message: an orphan (its type is known) or anything else, whole. */
void zos_record_line(struct zos_state *zos, const struct zos_columns *cols, const struct lg_line *line, struct lg_sink *sink);

extern const unsigned zos_record_fields[];

/* For `lugger decode`: see explain and layout of struct lg_parser. */
void zos_explain_line(const void *state, const struct lg_line *line, struct lg_buf *out);
void zos_explain_layout(const void *state, struct lg_buf *out);

#endif
