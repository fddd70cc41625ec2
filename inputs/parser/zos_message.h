/* zos_message.h - what a z/OS message says: id, severity, job name, RACF violation. Works on text alone. */
#ifndef ZOS_MESSAGE_H
#define ZOS_MESSAGE_H

#include "api/lg_option.h"
#include "api/lg_record.h"

/* What the beginning of a message's text tells; strings point into the text. */
struct zos_text {
	struct lg_str reply_id;   /* digits before the id of a WTOR */
	struct lg_str message_id; /* empty when the first word is none; of a wrapped message (IEF196I) the wrapped one's */
	struct lg_str rest;       /* behind the message id */
	char action;              /* '*', '@', '+' in front of the id, or 0 */
};

/* `text` is a message's body. With `reply` the text may begin with a reply id. */
void zos_text_read(struct zos_text *out, struct lg_str text, bool reply);

/* Is this word a message id? IBM's message formats: z/OS MVS System Messages, "Format of the message body"; general rule of
 * 2 to 8 characters, 2 to 6 digits, at most one type code. */
bool zos_is_message_id(struct lg_str word);

/* The first eight characters of an id as a number that sorts as the text does, zeros behind a shorter one. */
uint64_t zos_id_key(struct lg_str id);

/* The job a message is about where its text names one ($HASP373, IEF403I ...); empty otherwise. */
struct lg_str zos_job_name(const struct zos_text *text);

/* Operators' severities: a table made once from the option. */
struct zos_severity_rule {
	struct lg_str pattern; /* a message id, or a pattern with * and ? */
	bool is_pattern;
	uint8_t severity;
};

struct zos_severities {
	struct zos_severity_rule *rules;
	size_t count;
};

/* `pairs` holds pattern, severity name, ... and is borrowed. LG_INVALID names the wrong one. */
enum lg_rc zos_severities_init(struct zos_severities *table, const struct lg_strings *pairs, struct lg_err *err) LG_WARN_UNUSED;
void zos_severities_fini(struct zos_severities *table);

/* The operator's word (an exact id before a pattern, patterns in their order), else the built-in table, else the id's type code.
 * A message that waits for somebody (`waiting`: a WTOR, or an action character) is at least a warning unless the operator says
 * otherwise. */
uint8_t zos_severity(const struct zos_severities *table, struct lg_str message_id, bool waiting);

/* Fills zos.racf.*, user.name, event.category and event.outcome from the assembled body of an ICH408I. Strings point into body,
 * or into scratch, which is overwritten. */
void zos_racf_fields(struct lg_draft *draft, struct lg_str body, struct lg_buf *scratch);

#endif
