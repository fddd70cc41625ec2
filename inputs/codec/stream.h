/* stream.h - what a stream consists of; shared by stream.c (bytes to lines) and position.c (the restart position). */
#ifndef STREAM_H
#define STREAM_H

#include "api/lg_stream.h"
#include "codec/framing.h"
#include "codec/multiline.h"

/* Where a line begins that the parser holds or may hold, and the framing state there: needed when a restart begins there. */
struct stream_mark {
	int64_t begin;
	struct framing_state state;
};

struct lg_stream {
	struct lg_sink sink; /* first: what the parser emits to; counts and hands on */
	struct lg_sink *out;
	const struct lg_stream_conf *conf;
	struct framer framer;
	const struct charset_decoder *decoder; /* NULL while the charset is not known */
	int64_t offset;
	int64_t first;       /* offset at which reading began */
	bool settled;        /* the settings are known to fit, no need to look at the data any more */
	void *parser;        /* its state */
	struct multiline_sink messages; /* where `multiline` hands them: to the parser */
	struct multiline *multiline;    /* NULL: lines go to the parser as they are */
	bool incomplete;     /* the message that the parser has now was cut by a limit */
	struct lg_buf text;  /* of the current line, where it had to be converted */
	struct lg_range *skip; /* emitted before the restart and not passed yet, ascending */
	size_t skip_count, skip_at;
	struct stream_mark *marks; /* of lines that begin with another state than zero, ascending */
	size_t mark_count, mark_cap, mark_limit;
	struct lg_stream_stats stats;
};

/* Prepares for reading with these settings; `lrecl` 0: as configured. */
enum lg_rc stream_start(struct lg_stream *s, enum lg_framing framing, enum charset_id charset, uint64_t lrecl,
                        struct lg_err *err) LG_WARN_UNUSED;
/* Whether records can be read in it: neither auto nor UTF-16 of either byte order. */
static inline bool stream_charset_known(enum charset_id id)
{
	return id != CHARSET_AUTO && id != CHARSET_UTF_16;
}
/* The stream that hands its messages there. */
static inline struct lg_stream *stream_of(struct multiline_sink *messages)
{
	return (struct lg_stream *)((char *)messages - offsetof(struct lg_stream, messages));
}
/* Notes the framing state in front of the line at s->offset. */
void stream_mark(struct lg_stream *s, struct framing_state before);
/* Goes to a saved position. LG_INVALID: the bytes are not one. */
enum lg_rc stream_load(struct lg_stream *s, const uint8_t *saved, size_t size, struct lg_err *err) LG_WARN_UNUSED;

#endif
