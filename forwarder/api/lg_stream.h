/* lg_stream.h - from bytes to records: framing, charset, parser, and the restart position. Part of lugger_plugin.h.
 *
 * An input owns the bytes; a stream turns them into records. It belongs to one file, connection or queue and is used on
 * the input's thread only. Contract of positions: everything before `restart` and every byte range in `emitted` is inside
 * records already emitted; feeding the bytes from `restart` on into a stream made from the saved position emits exactly
 * the rest, even where multi-line messages of several systems are interleaved.
 */
#ifndef LG_STREAM_H
#define LG_STREAM_H

#include "lg_option.h"
#include "lg_record.h"

struct lg_parser;

/* How lines are joined to messages (inputs/codec/multiline.h). Patterns are PCRE2; NULL: not given. */
struct lg_multiline_conf {
	char *start, *cont, *end;
	int pattern;        /* 0 none, else a ready one */
	int64_t max_lines;
	uint64_t max_bytes;
	int64_t timeout_ns;
	int join;           /* 0 newline, 1 space, 2 nothing */
};

/* Settings every stream-based input offers (table lg_stream_options: encoding, framing, max_record_size, on_oversize, parser ...). */
struct lg_stream_conf {
	char *encoding;         /* canonical: UTF-8, IBM-037 ..., or auto */
	int framing;            /* enum lg_framing */
	uint64_t max_record_size; /* bytes */
	int on_oversize;        /* 0 split, 1 truncate */
	int64_t lrecl;          /* bytes of a record for LG_FRAMING_FIXED; 0: not given */
	int carriage_control;   /* enum lg_carriage_control */
	int newline;            /* enum charset_newline (inputs/codec/charset.h) */
	bool as_given;          /* the settings are taken at their word: no look whether the data fit */
	const struct lg_parser *parser;
	void *parser_conf;      /* the parser's settings struct, filled from the same mapping */
	struct lg_multiline_conf multiline;
};

/* What these are: inputs/codec/framing.h. The numbers are in saved positions: only append. */
enum lg_framing {
	LG_FRAMING_LINE,
	LG_FRAMING_RDW,
	LG_FRAMING_AUTO,
	LG_FRAMING_BDW,
	LG_FRAMING_FIXED,
	LG_FRAMING_U32,
	LG_FRAMING_RDW_EXCLUSIVE,
	LG_FRAMING_RDW_LE,
	LG_FRAMING_RDW_LE_EXCLUSIVE,
	LG_FRAMING_WHOLE, /* all bytes up to the end are one record; no choice of an operator: messages of queues */
	LG_FRAMING_COUNT
};

/* The first character of each record (RECFM FBA, VBM ...): part of the text, removed, or removed and kept as a field. */
enum lg_carriage_control { LG_CARRIAGE_TEXT, LG_CARRIAGE_STRIP, LG_CARRIAGE_FIELD };

extern const struct lg_option lg_stream_options[];

bool lg_multiline_wanted(const struct lg_multiline_conf *conf);
/* For `lugger check`, where `multiline` is given. LG_INVALID: *option is the name in it of what is wrong, "" for all of it, and *at the
 * byte of its value. */
enum lg_rc lg_multiline_check(const struct lg_stream_conf *conf, const char **option, size_t *at, struct lg_err *err) LG_WARN_UNUSED;

/* One physical record, framing removed, converted to UTF-8; or several, joined by `multiline`. */
struct lg_line {
	struct lg_str text;
	int64_t begin, end;  /* byte range in the source, framing included; -1 where the source cannot be read again (sockets) */
	int64_t received_ns; /* UTC */
	bool truncated;      /* something of it is missing: it was cut at max_record_size, or segments of it are not there */
	uint8_t header;      /* descriptor words at `begin`, in bytes */
	char control[3];     /* carriage control that was taken off the text, as text; "" for none */
	int part, parts;     /* split records: part 1 of 3; parts 0 when whole; the last part's number is not known while reading
	                        a live file, so parts may stay 0 with part > 0 */
};

struct lg_range {
	int64_t begin, end;
};

/* Where a parser puts finished records. `emit` borrows the draft for the call. */
struct lg_sink {
	void (*emit)(struct lg_sink *sink, struct lg_draft *draft);
};

/* A parser plugin. It assembles lines into messages and understands them. It owns no thread, opens nothing. */
struct lg_parser {
	const char *name; /* "zos-syslog" */
	const char *doc;  /* one sentence */
	const struct lg_option *options;
	size_t conf_size;
	const unsigned *fields; /* the enum lg_field ids it may set, 0-terminated: `check` warns at filters on others */
	size_t state_size;
	/* Cross-option checks at `lugger check`; may be NULL. */
	enum lg_rc (*check)(const void *conf, struct lg_err *err);
	/* state is zeroed, state_size bytes. conf is borrowed for the state's life. */
	enum lg_rc (*init)(void *state, const void *conf, struct lg_err *err);
	/* The fields that all records of a stream have alike (data set, zone): the input adds them to its origin, which is encoded
	 * once a batch. May be NULL. Strings are borrowed from conf. */
	void (*constants)(const void *conf, struct lg_draft *fields);
	/* Takes one line; emits zero or more records. The line is borrowed for the call. */
	void (*line)(void *state, const struct lg_line *line, struct lg_sink *sink);
	/* Emits, marked incomplete, what has waited for longer than the parser's limit; returns the UTC ns at which it next
	 * wants to be called, INT64_MAX for never. May be NULL (no assembly). */
	int64_t (*tick)(void *state, int64_t utc_ns, struct lg_sink *sink);
	/* Emits everything open (end of a rotated file, stop of a stream that cannot be read again). May be NULL. */
	void (*flush)(void *state, struct lg_sink *sink);
	/* The byte ranges of lines taken but not emitted yet, ascending, merged; at most `max`, returns their number. A parser
	 * keeps itself within LG_HELD_MAX by emitting the oldest assembly incomplete. May be NULL (none). */
	size_t (*held)(const void *state, struct lg_range *ranges, size_t max);
	/* Restart state (year layout, time zone order ...), at most LG_PARSER_STATE_MAX bytes, own version byte first. It is the
	 * state as of the restart offset or one that is right from there on. load of bytes it does not know: LG_INVALID. May be
	 * NULL. */
	size_t (*save)(const void *state, uint8_t *bytes);
	enum lg_rc (*load)(void *state, const uint8_t *bytes, size_t size);
	void (*fini)(void *state);
	/* For `lugger decode --explain`: appends, a text line each, which columns of this line it takes for what; before `line`
	 * gets it. May be NULL. */
	void (*explain)(const void *state, const struct lg_line *line, struct lg_buf *out);
	/* For `lugger decode`: appends what it has found out of the layout so far, "two-digit years, ASA column". May be NULL. */
	void (*layout)(const void *state, struct lg_buf *out);
};

#define LG_HELD_MAX 32
#define LG_PARSER_STATE_MAX 256
#define LG_STREAM_SAVE_MAX 800 /* bytes of a saved stream; a position entry is at most 1 KiB */

/* What happened to the bytes, since the stream was made; for status. */
struct lg_stream_stats {
	uint64_t records;        /* emitted */
	uint64_t lines;          /* physical records taken */
	uint64_t substitutions;  /* code points replaced because the bytes are no character in the encoding */
	uint64_t oversize;       /* physical records split or truncated */
	uint64_t broken;         /* chains of segments (VBS) without their first or last one; what is there is kept, marked truncated */
	uint64_t torn;           /* last records shorter than their descriptor word said; kept, marked truncated */
	uint64_t orphans;
	uint64_t incomplete;
	uint64_t undecided;      /* lines that a pattern of `multiline` gave up on: each began a message */
};

struct lg_stream;

/* Makes a stream whose first byte is at `offset` of its source. Borrows conf and sink for its life. */
enum lg_rc lg_stream_new(struct lg_stream **stream, const struct lg_stream_conf *conf, struct lg_sink *sink, int64_t offset,
                         struct lg_err *err) LG_WARN_UNUSED;
/* The same from a saved position; bytes must then be fed from lg_stream_restart on. LG_INVALID: the bytes are not one. */
enum lg_rc lg_stream_load(struct lg_stream **stream, const struct lg_stream_conf *conf, struct lg_sink *sink,
                          const uint8_t *saved, size_t size, struct lg_err *err) LG_WARN_UNUSED;
void lg_stream_free(struct lg_stream *stream);

/* Offers the bytes at the stream's current offset. Consumes whole physical records and returns how many bytes that was; the caller
 * offers the rest again with more behind it. `last`: no more bytes will ever follow (a rotated or deleted file, the peer's EOF):
 * a partial last line then counts as a record. A full buffer of at least max_record_size + 8 bytes is always consumed in part
 * (split or truncated). On an error *consumed still counts what was taken before it, and asking again gives the same error.
 * LG_CORRUPT: the framing broke (bad RDW at err's offset), nothing further is consumed until the operator acts.
 * LG_UNSUPPORTED: likewise, for a layout that is known but not in this version (binary records).
 * LG_INVALID: the data contradict the settings (EBCDIC or RDW seen with text settings), or `auto` cannot tell: err says which
 * settings fit. While `auto` has too few bytes to decide, or too few have come to see that the settings fit, nothing is consumed. */
enum lg_rc lg_stream_feed(struct lg_stream *stream, const uint8_t *data, size_t size, bool last, int64_t utc_ns, size_t *consumed,
                          struct lg_err *err) LG_WARN_UNUSED;
/* Ages out open assemblies of `multiline` and the parser; returns when to call next (UTC ns, INT64_MAX never). */
int64_t lg_stream_tick(struct lg_stream *stream, int64_t utc_ns);
/* Emits everything open, marked incomplete by parsers; to `multiline` it is a message's usual end. */
void lg_stream_flush(struct lg_stream *stream);
int64_t lg_stream_offset(const struct lg_stream *stream);  /* next byte to feed */
int64_t lg_stream_restart(const struct lg_stream *stream); /* first byte not wholly inside emitted records */
/* How many of the bytes below `end` are in no record emitted: what is lost if they cannot be read (again). */
int64_t lg_stream_owed(const struct lg_stream *stream, int64_t end);
/* Writes the position (restart offset, emitted ranges, parser state; own version) into at most LG_STREAM_SAVE_MAX bytes; returns
 * the size. */
size_t lg_stream_save(const struct lg_stream *stream, uint8_t *bytes);
const struct lg_stream_stats *lg_stream_stats(const struct lg_stream *stream);

/* For inputs that do their own framing: the text as valid UTF-8, with U+FFFD for each wrong sequence, which is counted. Borrows
 * from `in` where nothing is wrong, else from `scratch`, which is overwritten. */
struct lg_str lg_utf8_repair(struct lg_str in, struct lg_buf *scratch, uint64_t *substitutions);
/* The encoding's canonical name and the framing in use; "auto" and LG_FRAMING_AUTO while `auto` has not decided. */
const char *lg_stream_encoding(const struct lg_stream *stream);
int lg_stream_framing(const struct lg_stream *stream);
/* As the option `framing` spells it; static storage. */
const char *lg_framing_name(int framing);

/* ---- what are these bytes? ----------------------------------------------------------------------------------------------- */

enum lg_detect_kind {
	LG_DETECT_MORE,     /* too few bytes to tell */
	LG_DETECT_READABLE, /* encoding and framing are known and in this version */
	LG_DETECT_LATER,    /* recognised, but no setting of this version reads it: see remedy */
	LG_DETECT_UNKNOWN,
};

struct lg_detect {
	enum lg_detect_kind kind;
	const char *encoding; /* canonical; NULL where the content is no text */
	int framing;          /* enum lg_framing, for READABLE */
	uint32_t lrecl;       /* for LG_FRAMING_FIXED, where it could be told, else 0 */
	bool page_guessed;    /* EBCDIC without a byte that tells IBM-037 from IBM-1047 */
	size_t records;       /* whole records seen */
	char what[300];       /* "EBCDIC text (IBM-037) in records with RDW" */
	char remedy[600];     /* for LATER and UNKNOWN: what to do, without a final period; else "" */
};

/* Looks at the first bytes of a source. `whole`: these are all there are, so it must decide. */
void lg_detect(struct lg_detect *detect, const uint8_t *data, size_t size, bool whole);

#define LG_DETECT_SIZE 65536 /* so many bytes are enough for a decision */

#endif
