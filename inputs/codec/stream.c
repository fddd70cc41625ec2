/* lg_stream of api/lg_stream.h: framing -> charset -> parser, and the restart position. */
#include <stdlib.h>
#include <string.h>

#include "api/lg_stream.h"
#include "base/mem.h"
#include "base/wire.h"
#include "codec/charset.h"
#include "codec/detect.h"
#include "codec/framing.h"

#define SAVE_VERSION 1
#define SAVE_SKIPPING 1 /* flag: in the rest of a truncated record */

const struct lg_option lg_stream_options[] = {
	{.name = "encoding", .type = LG_OPT_ENCODING, .offset = offsetof(struct lg_stream_conf, encoding), .fallback = "UTF-8",
	 .doc = "Encoding of the source: UTF-8, ISO-8859-1, IBM-037 (z/OS data sets), IBM-1047 (z/OS UNIX files), or auto."},
	{.name = "framing", .type = LG_OPT_ENUM, .offset = offsetof(struct lg_stream_conf, framing), .fallback = "line",
	 .choices = "line|rdw|auto",
	 .doc = "How records are told apart: by line ends, by record descriptor words (RECFM V or VB, transferred with RDW), or "
	        "auto."},
	{.name = "max_record_size", .type = LG_OPT_SIZE, .offset = offsetof(struct lg_stream_conf, max_record_size),
	 .fallback = "64KiB", .min = 256, .max = 1048576, .doc = "Longest physical record that is taken whole."},
	{.name = "on_oversize", .type = LG_OPT_ENUM, .offset = offsetof(struct lg_stream_conf, on_oversize), .fallback = "split",
	 .choices = "split|truncate", .doc = "What becomes of a longer one; either way it is counted."},
	{.name = "parser", .type = LG_OPT_PARSER, .offset = offsetof(struct lg_stream_conf, parser), .fallback = "text",
	 .doc = "What understands the records; brings its own options into the same mapping."},
	LG_OPTION_END,
};

/* A part of a split record that was given to the parser, and the framing state in front of it: needed when a restart begins
 * there. */
struct stream_mark {
	int64_t begin;
	struct framing_state state;
};

struct lg_stream {
	struct lg_sink sink; /* first: what the parser emits to; counts and hands on */
	struct lg_sink *out;
	const struct lg_stream_conf *conf;
	struct framer framer;
	int64_t offset;
	int64_t first;       /* offset at which reading began */
	bool settled;        /* the settings are known to fit, no need to look at the data any more */
	void *parser;        /* its state */
	struct lg_buf text;  /* of the current line, where it had to be converted */
	struct lg_range *skip; /* emitted before the restart and not passed yet, ascending */
	size_t skip_count, skip_at;
	struct stream_mark *marks;
	size_t mark_count, mark_cap;
	struct lg_stream_stats stats;
};

static void count_and_emit(struct lg_sink *sink, struct lg_draft *draft)
{
	struct lg_stream *s = (struct lg_stream *)sink;

	s->stats.records++;
	for (size_t i = 0; i < draft->field_count; i++) {
		uint8_t field = draft->fields[i].field;

		s->stats.orphans += field == LG_F_ORPHAN && draft->fields[i].number;
		s->stats.incomplete += field == LG_F_ZOS_MESSAGE_INCOMPLETE && draft->fields[i].number;
	}
	s->out->emit(s->out, draft);
}

static void start_framer(struct lg_stream *s, enum lg_framing framing, enum charset_id charset)
{
	framing_init(&s->framer, framing, charset, s->conf->max_record_size, s->conf->on_oversize == 1);
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
	start_framer(s, (enum lg_framing)conf->framing, charset);
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
	free(s->skip);
	free(s->marks);
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

static void remember_mark(struct lg_stream *s, int64_t begin, struct framing_state before)
{
	int64_t restart;
	size_t kept = 0;

	if (!s->conf->parser->held)
		return;
	restart = lg_stream_restart(s);
	for (size_t i = 0; i < s->mark_count; i++)
		if (s->marks[i].begin >= restart)
			s->marks[kept++] = s->marks[i];
	s->mark_count = kept;
	s->marks = mem_grow(s->marks, &s->mark_cap, kept + 1, sizeof(*s->marks));
	s->marks[s->mark_count++] = (struct stream_mark){begin, before};
}

static void take_piece(struct lg_stream *s, const struct framing_piece *piece, struct framing_state before, int64_t utc_ns)
{
	struct lg_line line = {.begin = s->offset, .end = s->offset + (int64_t)piece->consumed, .received_ns = utc_ns};

	if (before.part)
		remember_mark(s, line.begin, before);
	if (s->skip_at < s->skip_count && already_emitted(s, line.begin, line.end))
		return;
	line.truncated = piece->truncated;
	line.part = (int)piece->part;
	if (piece->part && piece->final)
		line.parts = line.part;
	line.text = charset_decode(s->framer.charset, piece->data, piece->size, &s->text, &s->stats.substitutions);
	s->stats.lines++;
	s->stats.torn += piece->torn;
	s->stats.oversize += piece->part == 1 || (piece->truncated && !piece->torn);
	s->conf->parser->line(s->parser, &line, &s->sink);
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
	/* One of the two may have been given and not fit what was found. */
	if (detect_check(charset, framing, data, size, true, last, err) == LG_INVALID)
		return LG_INVALID;
	start_framer(s, framing, charset);
	return LG_OK;
}

/* Before a byte is taken: do the settings fit the data? Over the first 64 KiB only. */
static enum lg_rc settle(struct lg_stream *s, const uint8_t *data, size_t size, bool last, struct lg_err *err)
{
	int64_t seen = s->offset - s->first;
	enum lg_rc rc;

	if (s->framer.charset == CHARSET_AUTO || s->framer.framing == LG_FRAMING_AUTO) {
		rc = decide(s, data, size, last, err);
		s->settled = rc == LG_OK;
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
	return size ? detect_check(s->framer.charset, s->framer.framing, data, size, seen == 0, last, err) : LG_OK;
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
	return rc == LG_AGAIN ? LG_OK : rc;
}

int64_t lg_stream_tick(struct lg_stream *s, int64_t utc_ns)
{
	return s->conf->parser->tick ? s->conf->parser->tick(s->parser, utc_ns, &s->sink) : INT64_MAX;
}

void lg_stream_flush(struct lg_stream *s)
{
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

int lg_stream_framing(const struct lg_stream *s)
{
	return (int)s->framer.framing;
}

/* ---- the restart position ---------------------------------------------------------------------------------------- */

static size_t held_ranges(const struct lg_stream *s, struct lg_range ranges[LG_HELD_MAX])
{
	return s->conf->parser->held ? s->conf->parser->held(s->parser, ranges, LG_HELD_MAX) : 0;
}

int64_t lg_stream_offset(const struct lg_stream *s)
{
	return s->offset;
}

int64_t lg_stream_restart(const struct lg_stream *s)
{
	struct lg_range held[LG_HELD_MAX];

	return held_ranges(s, held) ? held[0].begin : s->offset;
}

/* Appends [begin, end) to ascending ranges, joined to the one before where they touch. */
static void add_range(struct lg_range *ranges, size_t *count, int64_t begin, int64_t end)
{
	if (begin >= end)
		return;
	if (*count && ranges[*count - 1].end == begin)
		ranges[*count - 1].end = end;
	else
		ranges[(*count)++] = (struct lg_range){begin, end};
}

/* What is emitted behind `restart`: everything up to the offset but the held ranges, and what a replay has not come to yet. */
static size_t emitted_ranges(const struct lg_stream *s, const struct lg_range *held, size_t held_count, struct lg_range *out)
{
	int64_t at = held_count ? held[0].begin : s->offset;
	size_t count = 0;

	for (size_t i = 0; i < held_count; i++) {
		add_range(out, &count, at, held[i].begin);
		at = held[i].end;
	}
	add_range(out, &count, at, s->offset);
	for (size_t i = s->skip_at; i < s->skip_count; i++)
		add_range(out, &count, s->skip[i].begin > s->offset ? s->skip[i].begin : s->offset, s->skip[i].end);
	return count;
}

static struct framing_state state_at(const struct lg_stream *s, int64_t restart)
{
	if (restart == s->offset)
		return s->framer.state;
	for (size_t i = 0; i < s->mark_count; i++)
		if (s->marks[i].begin == restart)
			return s->marks[i].state;
	return (struct framing_state){0};
}

/* The saved position, version 1:
 *   u8 version, u8 charset (enum charset_id), u8 framing (enum lg_framing), u8 flags
 *   varint restart, varint part, varint left
 *   u16 size of the parser's state, its bytes
 *   u8 number of emitted ranges; of each: varint distance of its begin from the end of the one before (first: from restart),
 *      varint length
 *
 * Ranges that found no room would be emitted again after a restart, never lost; the parser's bound (LG_HELD_MAX) keeps it from
 * happening. */
size_t lg_stream_save(const struct lg_stream *s, uint8_t *bytes)
{
	struct lg_range held[LG_HELD_MAX], *emitted;
	size_t held_count = held_ranges(s, held), count, n = 0, counter;
	int64_t restart = held_count ? held[0].begin : s->offset, at = restart;
	struct framing_state state = state_at(s, restart);
	size_t parser_size = 0;

	emitted = mem_alloc((held_count + 1 + s->skip_count - s->skip_at) * sizeof(*emitted));
	count = emitted_ranges(s, held, held_count, emitted);
	bytes[n++] = SAVE_VERSION;
	bytes[n++] = (uint8_t)s->framer.charset;
	bytes[n++] = (uint8_t)s->framer.framing;
	bytes[n++] = state.skipping ? SAVE_SKIPPING : 0;
	n += wire_put_varint(bytes + n, (uint64_t)restart);
	n += wire_put_varint(bytes + n, state.part);
	n += wire_put_varint(bytes + n, state.left);
	if (s->conf->parser->save)
		parser_size = s->conf->parser->save(s->parser, bytes + n + 2);
	wire_put_u16(bytes + n, (uint16_t)parser_size);
	n += 2 + parser_size;
	counter = n++;
	bytes[counter] = 0;
	for (size_t i = 0; i < count && bytes[counter] < 255; i++) {
		uint64_t gap = (uint64_t)(emitted[i].begin - at), length = (uint64_t)(emitted[i].end - emitted[i].begin);

		if (n + wire_varint_size(gap) + wire_varint_size(length) > LG_STREAM_SAVE_MAX)
			break;
		n += wire_put_varint(bytes + n, gap);
		n += wire_put_varint(bytes + n, length);
		at = emitted[i].end;
		bytes[counter]++;
	}
	free(emitted);
	return n;
}

static bool load_ranges(struct lg_stream *s, struct wire_reader *r, int64_t at)
{
	size_t count = wire_read_u8(r);

	s->skip = mem_alloc((count + 1) * sizeof(*s->skip));
	for (size_t i = 0; i < count; i++) {
		uint64_t gap = wire_read_varint(r), length = wire_read_varint(r);

		if (r->bad || gap > (uint64_t)(INT64_MAX - at) || length > (uint64_t)(INT64_MAX - at) - gap || length == 0)
			return false;
		s->skip[i].begin = at + (int64_t)gap;
		s->skip[i].end = at = s->skip[i].begin + (int64_t)length;
		s->skip_count = i + 1;
	}
	return !r->bad && r->at == r->end;
}

static enum lg_rc load(struct lg_stream *s, const uint8_t *saved, size_t size, struct lg_err *err)
{
	struct wire_reader r = wire_reader_on(saved, size);
	uint8_t version = wire_read_u8(&r), charset = wire_read_u8(&r), framing = wire_read_u8(&r), flags = wire_read_u8(&r);
	uint64_t restart = wire_read_varint(&r), part = wire_read_varint(&r), left = wire_read_varint(&r);
	uint16_t parser_size = wire_read_u16(&r);
	const uint8_t *parser = wire_read_bytes(&r, parser_size);

	if (r.bad || version != SAVE_VERSION || charset >= CHARSET_COUNT || framing > LG_FRAMING_AUTO || flags > SAVE_SKIPPING ||
	    restart > INT64_MAX || part > INT32_MAX || left > FRAMING_RDW_MAX || (framing == LG_FRAMING_LINE && left))
		return lg_err_set(err, LG_INVALID, "the saved position is damaged or of another version");
	if (!load_ranges(s, &r, (int64_t)restart))
		return lg_err_set(err, LG_INVALID, "the saved position has damaged ranges");
	s->offset = s->first = (int64_t)restart;
	/* What `auto` once decided stands; settings the operator has changed since win. */
	start_framer(s, s->framer.framing == LG_FRAMING_AUTO ? (enum lg_framing)framing : s->framer.framing,
	             s->framer.charset == CHARSET_AUTO ? (enum charset_id)charset : s->framer.charset);
	s->settled = restart > 0 && s->framer.framing != LG_FRAMING_AUTO && s->framer.charset != CHARSET_AUTO;
	/* What was half done under other settings is not. */
	if (framing == (uint8_t)s->framer.framing)
		s->framer.state = (struct framing_state){(uint32_t)part, (uint32_t)left, (flags & SAVE_SKIPPING) != 0};
	if (parser_size && s->conf->parser->load)
		return s->conf->parser->load(s->parser, parser, parser_size);
	return LG_OK;
}

enum lg_rc lg_stream_load(struct lg_stream **stream, const struct lg_stream_conf *conf, struct lg_sink *sink,
                          const uint8_t *saved, size_t size, struct lg_err *err)
{
	struct lg_stream *s;
	enum lg_rc rc = lg_stream_new(&s, conf, sink, 0, err);

	*stream = NULL;
	if (rc != LG_OK)
		return rc;
	rc = load(s, saved, size, err);
	if (rc == LG_OK)
		*stream = s;
	else
		lg_stream_free(s);
	return rc;
}
