/* lg_stream of api/lg_stream.h: framing -> charset -> parser, and the restart position. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "codec/detect.h"
#include "codec/stream.h"

static const struct lg_option multiline_options[] = {
	{.name = "start", .type = LG_OPT_STRING, .offset = offsetof(struct lg_multiline_conf, start),
	 .doc = "PCRE2 pattern; a line that it matches begins a message. Patterns see 4096 bytes of a line."},
	{.name = "continue", .type = LG_OPT_STRING, .offset = offsetof(struct lg_multiline_conf, cont),
	 .doc = "A line that it matches, and start does not, joins the open message; left out: every one that start does not match."},
	{.name = "end", .type = LG_OPT_STRING, .offset = offsetof(struct lg_multiline_conf, end),
	 .doc = "A line that it matches is the last of its message."},
	{.name = "pattern", .type = LG_OPT_ENUM, .offset = offsetof(struct lg_multiline_conf, pattern), .fallback = "none",
	 .choices = "none|java|python|db2|cics",
	 .doc = "Instead of start, continue and end, ready ones: java (stack traces, and messages under dates as in Liberty's messages.log), "
	        "python (tracebacks), db2 and cics (DSN and DFH messages with indented lines)."},
	{.name = "max_lines", .type = LG_OPT_INT, .offset = offsetof(struct lg_multiline_conf, max_lines), .fallback = "1000", .min = 1,
	 .max = 100000, .unit = "lines",
	 .doc = "A message of so many lines is shipped with lugger.incomplete; the rest of it is a message of its own."},
	{.name = "max_bytes", .type = LG_OPT_SIZE, .offset = offsetof(struct lg_multiline_conf, max_bytes), .fallback = "128KiB", .min = 256,
	 .max = 1048576, .doc = "Likewise one that would become longer; each file may hold one message in memory."},
	{.name = "timeout", .type = LG_OPT_DURATION, .offset = offsetof(struct lg_multiline_conf, timeout_ns), .fallback = "5s",
	 .min = 10000000, .max = INT64_C(3600000000000), .doc = "A message that got no line for so long is taken to be whole."},
	{.name = "join", .type = LG_OPT_ENUM, .offset = offsetof(struct lg_multiline_conf, join), .fallback = "newline",
	 .choices = "newline|space|nothing", .flags = LG_OPT_ADVANCED, .doc = "What stands between the lines in the message."},
	LG_OPTION_END,
};

const struct lg_option lg_stream_options[] = {
	{.name = "encoding", .type = LG_OPT_ENCODING, .offset = offsetof(struct lg_stream_conf, encoding), .fallback = "UTF-8",
	 .doc = "Encoding of the source: UTF-8, UTF-16, ISO-8859-1, an EBCDIC page such as IBM-037 (z/OS data sets), IBM-1047 (z/OS UNIX "
	        "files), IBM-273, IBM-500, IBM-1140 to IBM-1149, a double-byte one (IBM-930, 933, 935, 937, 939, 1364, 1371, 1388, 1390, "
	        "1399), or auto; CP037, ibm-37, EBCDIC-CP-US and the like mean the same."},
	{.name = "framing", .type = LG_OPT_ENUM, .offset = offsetof(struct lg_stream_conf, framing), .fallback = "line",
	 .choices = "line|rdw|auto|bdw|fixed|u32|rdw-exclusive|rdw-le|rdw-le-exclusive",
	 .doc = "How records are told apart: line ends; rdw: IBM's record descriptor words (RECFM V, VB, VS, VBS transferred with RDW; "
	        "spanned records are put together); bdw: block and record descriptor words; fixed: RECFM F, FB, see lrecl; u32: 4-byte "
	        "length (z/OSMF); the other movers' RDW: rdw-exclusive (the length does not count itself), rdw-le (little-endian in "
	        "bytes 3 and 4), rdw-le-exclusive (both); or auto."},
	{.name = "lrecl", .type = LG_OPT_INT, .offset = offsetof(struct lg_stream_conf, lrecl), .fallback = "0", .max = 1048576,
	 .unit = "bytes", .flags = LG_OPT_ADVANCED,
	 .doc = "Record length for framing: fixed (the data set's LRECL), as it is in the file; blanks at a record's end are padding "
	        "and left out."},
	{.name = "carriage_control", .type = LG_OPT_ENUM, .offset = offsetof(struct lg_stream_conf, carriage_control),
	 .fallback = "text", .choices = "text|strip|field", .flags = LG_OPT_ADVANCED,
	 .doc = "The first byte of every record when RECFM ends in A (ASA) or M (machine code), FBA or VBM: left in the text "
	        "(zos-syslog finds it there by itself), taken away, or taken away and kept as zos.carriage_control, in hexadecimal "
	        "where it is no printable character."},
	{.name = "newline", .type = LG_OPT_ENUM, .offset = offsetof(struct lg_stream_conf, newline), .fallback = "any",
	 .choices = "any|nel|lf|swapped", .flags = LG_OPT_ADVANCED,
	 .doc = "What ends a line, and is a newline within records: any of LF and NEL; nel alone (EBCDIC 15); lf alone (EBCDIC 25), NEL "
	        "staying U+0085; swapped, for EBCDIC: 15 is LF, as z/OS UNIX means it, and 25 NEL, which stays U+0085."},
	{.name = "max_record_size", .type = LG_OPT_SIZE, .offset = offsetof(struct lg_stream_conf, max_record_size),
	 .fallback = "64KiB", .min = 256, .max = 1048576, .doc = "Longest physical record that is taken whole."},
	{.name = "on_oversize", .type = LG_OPT_ENUM, .offset = offsetof(struct lg_stream_conf, on_oversize), .fallback = "split",
	 .choices = "split|truncate", .doc = "What becomes of a longer one; either way it is counted."},
	{.name = "parser", .type = LG_OPT_PARSER, .offset = offsetof(struct lg_stream_conf, parser), .fallback = "text",
	 .doc = "What understands the records; brings its own options into the same mapping."},
	{.name = "multiline", .type = LG_OPT_TABLE, .offset = offsetof(struct lg_stream_conf, multiline), .sub = multiline_options,
	 .doc = "Joins lines to messages before the parser gets them, such as {start: '^\\d{4}-'}: one record per message, with the offset of "
	        "its first line; for any parser but zos-syslog, which does it itself."},
	LG_OPTION_END,
};

static void count_and_emit(struct lg_sink *sink, struct lg_draft *draft)
{
	struct lg_stream *s = (struct lg_stream *)sink;

	s->stats.records++;
	if (s->incomplete && draft->field_count < LG_DRAFT_FIELDS)
		draft->fields[draft->field_count++] = (struct lg_value){.field = LG_F_INCOMPLETE, .type = LG_T_BOOL, .number = 1};
	for (size_t i = 0; i < draft->field_count; i++) {
		uint8_t field = draft->fields[i].field;

		s->stats.orphans += field == LG_F_ORPHAN && draft->fields[i].number;
		s->stats.incomplete += field == LG_F_INCOMPLETE;
		s->stats.incomplete += field == LG_F_ZOS_MESSAGE_INCOMPLETE && draft->fields[i].number;
	}
	s->out->emit(s->out, draft);
}

static void take_message(struct multiline_sink *messages, const struct lg_line *line, bool incomplete)
{
	struct lg_stream *s = stream_of(messages);

	s->incomplete = incomplete;
	s->conf->parser->line(s->parser, line, &s->sink);
	s->incomplete = false;
}

enum lg_rc stream_start(struct lg_stream *s, enum lg_framing framing, enum charset_id charset, uint64_t lrecl, struct lg_err *err)
{
	struct framing_conf conf = {.framing = framing, .charset = charset, .newline = (enum charset_newline)s->conf->newline,
	                            .limit = s->conf->max_record_size, .lrecl = lrecl ? lrecl : (uint64_t)s->conf->lrecl,
	                            .truncate = s->conf->on_oversize == 1};

	framing_fini(&s->framer);
	framing_init(&s->framer, &conf);
	s->decoder = NULL;
	if (charset == CHARSET_AUTO)
		return LG_OK;
	/* UTF-16 of unknown byte order: its decoder is not used, but the settings are looked at. */
	return charset_decoder_get(&s->decoder, charset, conf.newline, err);
}

enum lg_rc lg_stream_new(struct lg_stream **stream, const struct lg_stream_conf *conf, struct lg_sink *sink, int64_t offset,
                         struct lg_err *err)
{
	struct lg_stream *s = mem_zalloc(sizeof(*s));
	enum charset_id charset = charset_id_of(conf->encoding);
	enum lg_rc rc = LG_OK;

	*stream = NULL;
	s->sink.emit = count_and_emit;
	s->out = sink;
	s->conf = conf;
	s->offset = s->first = offset;
	if (charset == CHARSET_COUNT) {
		rc = lg_err_set(err, LG_INVALID, "unknown encoding \"%s\"", conf->encoding);
		goto done;
	}
	if (conf->framing == LG_FRAMING_FIXED && !conf->lrecl) {
		rc = lg_err_set(err, LG_INVALID, "framing: fixed needs lrecl: the record length of the data set");
		goto done;
	}
	rc = stream_start(s, (enum lg_framing)conf->framing, charset, 0, err);
	if (rc != LG_OK)
		goto done;
	s->messages.take = take_message;
	if (conf->framing != LG_FRAMING_WHOLE) /* one line is there, and nothing to join */
		rc = multiline_new(&s->multiline, &conf->multiline, &s->messages, err);
	if (rc != LG_OK)
		goto done;
	s->parser = mem_zalloc(conf->parser->state_size ? conf->parser->state_size : 1);
	rc = conf->parser->init(s->parser, conf->parser_conf, err);
	if (rc != LG_OK) {
		free(s->parser);
		s->parser = NULL;
	}
done:
	if (rc == LG_OK)
		*stream = s;
	else
		lg_stream_free(s);
	return rc;
}

void lg_stream_free(struct lg_stream *s)
{
	if (!s)
		return;
	if (s->parser && s->conf->parser->fini)
		s->conf->parser->fini(s->parser);
	free(s->parser);
	multiline_free(s->multiline);
	free(s->skip);
	free(s->marks);
	framing_fini(&s->framer);
	lg_buf_fini(&s->text);
	free(s);
}

/* ---- bytes to lines ---------------------------------------------------------------------------------------------- */

/* Whether [begin, end) was emitted before the restart. */
static bool already_emitted(struct lg_stream *s, int64_t begin, int64_t end)
{
	while (s->skip_at < s->skip_count && s->skip[s->skip_at].end <= begin)
		s->skip_at++;
	return s->skip_at < s->skip_count && s->skip[s->skip_at].begin <= begin && end <= s->skip[s->skip_at].end;
}

/* The first character is carriage control: off the text, and into the line where it is to be kept. */
static void take_control(const struct lg_stream *s, const struct framing_piece *piece, struct lg_line *line)
{
	size_t size = text_utf8_length((const uint8_t *)line->text.data, line->text.size);
	char c = *line->text.data;

	if (s->conf->carriage_control == LG_CARRIAGE_FIELD) {
		if (c >= ' ' && c < 0x7f)
			line->control[0] = c;
		else
			snprintf(line->control, sizeof(line->control), "%02X", piece->data[0]);
	}
	line->text.data += size;
	line->text.size -= size;
}

/* Blanks at the end of a fixed-length record are its padding. */
static void strip_padding(struct lg_str *text)
{
	while (text->size && text->data[text->size - 1] == ' ')
		text->size--;
}

/* A byte order mark at the beginning of the source is not part of its text. */
static void drop_mark(struct lg_str *text)
{
	if (text->size >= 3 && memcmp(text->data, "\xef\xbb\xbf", 3) == 0) {
		text->data += 3;
		text->size -= 3;
	}
}

static void take_piece(struct lg_stream *s, const struct framing_piece *piece, struct framing_state before, int64_t utc_ns)
{
	struct lg_line line = {.begin = s->offset, .end = s->offset + (int64_t)piece->consumed, .received_ns = utc_ns};

	if (before.part || before.block)
		stream_mark(s, before);
	if (s->skip_at < s->skip_count && already_emitted(s, line.begin, line.end)) {
		if (s->multiline) /* a message has no holes; there are none but after a change of settings */
			multiline_flush(s->multiline);
		return;
	}
	if (s->framer.framing == LG_FRAMING_WHOLE)
		line.begin = line.end = -1; /* an offset in a message says nothing */
	line.truncated = piece->truncated;
	line.header = (uint8_t)piece->header;
	line.part = (int)piece->part;
	if (piece->part && piece->final)
		line.parts = line.part;
	line.text = charset_decode(s->decoder, piece->data, piece->size, before.shifted, &s->text, &s->stats.substitutions);
	if (line.begin == 0)
		drop_mark(&line.text);
	if (s->conf->carriage_control && piece->part <= 1 && line.text.size)
		take_control(s, piece, &line);
	if (s->framer.framing == LG_FRAMING_FIXED && piece->final)
		strip_padding(&line.text);
	s->stats.lines++;
	s->stats.torn += piece->torn;
	s->stats.oversize += piece->part == 1 || (piece->truncated && !piece->torn && !piece->broken);
	if (s->multiline)
		multiline_line(s->multiline, &line);
	else
		s->conf->parser->line(s->parser, &line, &s->sink);
}

static enum lg_framing looks_as(enum lg_framing framing)
{
	return framing == LG_FRAMING_WHOLE ? LG_FRAMING_LINE : framing;
}

/* What `auto` stands for. LG_AGAIN: too few bytes yet. */
static enum lg_rc decide(struct lg_stream *s, const uint8_t *data, size_t size, bool last, struct lg_err *err)
{
	enum charset_id charset = s->framer.charset;
	enum lg_framing framing = s->framer.framing;
	struct lg_detect d;

	if (!size)
		return LG_AGAIN;
	lg_detect(&d, data, size, last);
	switch (d.kind) {
	case LG_DETECT_READABLE:
		break;
	case LG_DETECT_MORE:
		return LG_AGAIN;
	case LG_DETECT_LATER:
		return lg_err_set(err, LG_UNSUPPORTED, "%s. %s", d.what, d.remedy);
	default:
		return lg_err_set(err, LG_INVALID, "auto cannot tell: the data look like %s. %s", d.what, d.remedy);
	}
	if (charset == CHARSET_AUTO)
		charset = charset_id_of(d.encoding);
	if (framing == LG_FRAMING_AUTO)
		framing = (enum lg_framing)d.framing;
	if (framing == LG_FRAMING_FIXED && !d.lrecl && !s->conf->lrecl)
		return lg_err_set(err, LG_INVALID, "auto cannot tell the record length: set framing: fixed, lrecl");
	/* One of the two may have been given and not fit what was found. */
	if (detect_check(charset, looks_as(framing), data, size, true, last, err) == LG_INVALID)
		return LG_INVALID;
	return stream_start(s, framing, charset, s->conf->lrecl ? 0 : d.lrecl, err);
}

/* Offset of the first two bytes of content. LG_AGAIN: they have not come. */
static enum lg_rc first_unit(const struct lg_stream *s, const uint8_t *data, size_t size, size_t *at)
{
	struct framing_state state = {0};
	struct framing_word word = {0};

	*at = 0;
	while (s->framer.framing != LG_FRAMING_LINE && word.length < 2) {
		enum lg_rc rc = framing_word_read(&s->framer, &state, data + *at, size - *at, 0, &word, NULL);

		if (rc != LG_OK)
			return rc;
		*at += word.header;
		if (word.length < 2)
			*at += word.length < size - *at ? word.length : size - *at;
	}
	return size - *at < 2 ? LG_AGAIN : LG_OK;
}

/* The byte order of UTF-16: by its mark; without one by the half of the first character that is zero; else big-endian (RFC 2781,
 * section 4.3). */
static enum lg_rc decide_order(struct lg_stream *s, const uint8_t *data, size_t size, bool last, struct lg_err *err)
{
	enum charset_id charset = CHARSET_UTF_16BE;
	size_t at;
	enum lg_rc rc = first_unit(s, data, size, &at);

	/* What breaks the framing is for the framer to tell. */
	if (rc == LG_AGAIN && !last && size < LG_DETECT_SIZE)
		return LG_AGAIN;
	if (rc == LG_OK && ((data[at] == 0xff && data[at + 1] == 0xfe) || (data[at] && !data[at + 1])))
		charset = CHARSET_UTF_16LE;
	return stream_start(s, s->framer.framing, charset, s->framer.lrecl, err);
}

/* Before a byte is taken: do the settings fit the data? Over the first 64 KiB only. */
static enum lg_rc settle(struct lg_stream *s, const uint8_t *data, size_t size, bool last, struct lg_err *err)
{
	int64_t seen = s->offset - s->first;
	enum lg_rc rc;

	if (s->conf->as_given) {
		s->settled = true;
		return LG_OK;
	}

	if (s->framer.charset == CHARSET_AUTO || s->framer.framing == LG_FRAMING_AUTO) {
		rc = decide(s, data, size, last, err);
		if (rc == LG_OK && s->framer.charset == CHARSET_UTF_16)
			rc = decide_order(s, data, size, last, err);
		s->settled = rc == LG_OK;
		return rc;
	}
	if (s->framer.charset == CHARSET_UTF_16) {
		rc = decide_order(s, data, size, last, err);
		if (rc != LG_OK)
			return rc;
	}
	if (seen >= LG_DETECT_SIZE) {
		s->settled = true;
		return LG_OK;
	}
	if ((int64_t)size > LG_DETECT_SIZE - seen) {
		size = (size_t)(LG_DETECT_SIZE - seen);
		last = false;
	}
	return size ? detect_check(s->framer.charset, looks_as(s->framer.framing), data, size, seen == 0, last, err) : LG_OK;
}

enum lg_rc lg_stream_feed(struct lg_stream *s, const uint8_t *data, size_t size, bool last, int64_t utc_ns, size_t *consumed,
                          struct lg_err *err)
{
	size_t at = 0;
	enum lg_rc rc;

	*consumed = 0;
	if (!s->settled && (rc = settle(s, data, size, last, err)) != LG_OK)
		return rc == LG_AGAIN ? LG_OK : rc;
	framing_offer(&s->framer, data, size);
	for (;;) {
		struct framing_state before = s->framer.state;
		struct framing_piece piece;

		rc = framing_next(&s->framer, data + at, size - at, last, s->offset, &piece, err);
		if (rc != LG_OK)
			break;
		if (piece.data)
			take_piece(s, &piece, before, utc_ns);
		at += piece.consumed;
		s->offset += (int64_t)piece.consumed;
	}
	*consumed = at;
	s->stats.broken = s->framer.broken;
	s->stats.undecided = s->multiline ? s->multiline->undecided : 0;
	return rc == LG_AGAIN ? LG_OK : rc;
}

int64_t lg_stream_tick(struct lg_stream *s, int64_t utc_ns)
{
	int64_t message = s->multiline ? multiline_tick(s->multiline, utc_ns) : INT64_MAX;
	int64_t parser = s->conf->parser->tick ? s->conf->parser->tick(s->parser, utc_ns, &s->sink) : INT64_MAX;

	return message < parser ? message : parser;
}

void lg_stream_flush(struct lg_stream *s)
{
	if (s->multiline)
		multiline_flush(s->multiline);
	if (s->conf->parser->flush)
		s->conf->parser->flush(s->parser, &s->sink);
}

const struct lg_stream_stats *lg_stream_stats(const struct lg_stream *s)
{
	return &s->stats;
}

const char *lg_stream_encoding(const struct lg_stream *s)
{
	return charset_name(s->framer.charset);
}

const char *lg_framing_name(int framing)
{
	static const char *const names[LG_FRAMING_COUNT] = {
		"line", "rdw", "auto", "bdw", "fixed", "u32", "rdw-exclusive", "rdw-le", "rdw-le-exclusive", "whole"};

	return framing >= 0 && framing < LG_FRAMING_COUNT ? names[framing] : "unknown";
}

int lg_stream_framing(const struct lg_stream *s)
{
	return (int)s->framer.framing;
}

int64_t lg_stream_offset(const struct lg_stream *s)
{
	return s->offset;
}

enum lg_rc lg_stream_load(struct lg_stream **stream, const struct lg_stream_conf *conf, struct lg_sink *sink,
                          const uint8_t *saved, size_t size, struct lg_err *err)
{
	struct lg_stream *s;
	enum lg_rc rc = lg_stream_new(&s, conf, sink, 0, err);

	*stream = NULL;
	if (rc != LG_OK)
		return rc;
	rc = stream_load(s, saved, size, err);
	if (rc == LG_OK)
		*stream = s;
	else
		lg_stream_free(s);
	return rc;
}
