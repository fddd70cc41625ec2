/* multiline.h - physical lines to messages, between a stream's charset and its parser, for any parser.
 *
 * Which line begins a message, joins the open one or ends it depends on the lines of that message alone, from its first on. That is
 * what makes restarts exact without a state of its own: reading on from the first line of the open message finds the same.
 */
#ifndef MULTILINE_H
#define MULTILINE_H

#include "api/lg_stream.h"
#include "pattern/pattern.h"

/* Patterns see so much of a line: `start` and `continue` of its beginning, `end` of its end. Keeps the worst of patterns within
 * milliseconds. */
#define MULTILINE_SEEN_MAX 4096

/* ---- multiline_rules.c: what a line is ------------------------------------------------------------------------------------------ */

/* What a message has come to. */
enum multiline_state { MULTILINE_NONE, MULTILINE_PLAIN, MULTILINE_DATED, MULTILINE_TRACE, MULTILINE_GROUP, MULTILINE_RAISED, MULTILINE_GAP, MULTILINE_CHAIN };

struct multiline_rules;

/* The compiled rules of these settings. Streams of one input share them: by the address of the settings, on one thread (lg_stream.h).
 * LG_INVALID: *option names the option at fault, *at the byte of its value. Any thread may acquire. */
enum lg_rc multiline_rules_acquire(struct multiline_rules **rules, const struct lg_multiline_conf *conf, const char **option, size_t *at,
                                   struct lg_err *err) LG_WARN_UNUSED;
void multiline_rules_release(struct multiline_rules *rules); /* NULL is fine */
/* Whether the line joins a message in this state, which changes with it; else the state of the message that it begins. A pattern that
 * gives up: it does not, and *undecided is counted up. */
bool multiline_joins(const struct multiline_rules *rules, struct lg_str line, uint8_t *state, uint64_t *undecided);
uint8_t multiline_first(const struct multiline_rules *rules, struct lg_str line, uint64_t *undecided);
bool multiline_ends(const struct multiline_rules *rules, struct lg_str line, uint64_t *undecided);

/* ---- multiline.c: the message under assembly ------------------------------------------------------------------------------------ */

/* Where messages go; `incomplete`: cut by a limit. The line is borrowed for the call. */
struct multiline_sink {
	void (*take)(struct multiline_sink *sink, const struct lg_line *line, bool incomplete);
};

struct multiline {
	const struct lg_multiline_conf *conf;
	struct multiline_rules *rules;
	struct multiline_sink *sink;
	struct lg_line open; /* of the message; its text is `text` */
	struct lg_buf text;
	size_t lines;        /* of the message; 0: none is open */
	size_t pieces;       /* lines, or parts of them, it was made of */
	bool partial;        /* the latest piece was not its line's last part */
	uint8_t state;       /* enum multiline_state */
	int64_t active_ns;   /* receipt of the latest piece */
	uint64_t undecided;  /* lines that a pattern gave up on */
};

/* NULL where the settings ask for none. Borrows conf and sink. */
enum lg_rc multiline_new(struct multiline **multiline, const struct lg_multiline_conf *conf, struct multiline_sink *sink,
                         struct lg_err *err) LG_WARN_UNUSED;
void multiline_free(struct multiline *m); /* NULL is fine */
void multiline_line(struct multiline *m, const struct lg_line *line);
/* Hands the open message on where it got no line for `timeout`; when to call next (UTC ns, INT64_MAX: never). */
int64_t multiline_tick(struct multiline *m, int64_t utc_ns);
void multiline_flush(struct multiline *m);
/* The bytes of the open message; false: none is open. */
bool multiline_held(const struct multiline *m, struct lg_range *range);

#endif
