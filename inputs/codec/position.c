/* The restart position of a stream. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/wire.h"
#include "codec/stream.h"

#define SAVE_VERSION 2
#define SAVE_SKIPPING 1 /* flag: in the rest of a truncated record */
#define SAVE_SEGMENT_SHIFT 1
#define SAVE_SHIFTED 8    /* flag: between SO and SI */
#define SAVE_FLAGS (SAVE_SKIPPING | 3 << SAVE_SEGMENT_SHIFT | SAVE_SHIFTED)

static size_t held_ranges(const struct lg_stream *s, struct lg_range ranges[LG_HELD_MAX])
{
	/* A parser that holds lines itself gets no messages of several (lg_multiline_check). */
	if (s->multiline)
		return multiline_held(s->multiline, ranges);
	return s->conf->parser->held ? s->conf->parser->held(s->parser, ranges, LG_HELD_MAX) : 0;
}

int64_t lg_stream_restart(const struct lg_stream *s)
{
	struct lg_range held[LG_HELD_MAX];

	return held_ranges(s, held) ? held[0].begin : s->offset;
}

int64_t lg_stream_owed(const struct lg_stream *s, int64_t end)
{
	struct lg_range held[LG_HELD_MAX];
	size_t held_count = held_ranges(s, held);
	int64_t owed = end > s->offset ? end - s->offset : 0;

	for (size_t i = 0; i < held_count; i++)
		owed += held[i].end - held[i].begin;
	for (size_t i = s->skip_at; i < s->skip_count; i++) {
		int64_t from = s->skip[i].begin > s->offset ? s->skip[i].begin : s->offset, to = s->skip[i].end < end ? s->skip[i].end : end;

		owed -= to > from ? to - from : 0;
	}
	return owed;
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

void stream_mark(struct lg_stream *s, struct framing_state before)
{
	if (!s->conf->parser->held && !s->multiline)
		return;
	if (s->mark_count >= s->mark_limit) {
		int64_t restart = lg_stream_restart(s);
		size_t kept = 0;

		for (size_t i = 0; i < s->mark_count; i++)
			if (s->marks[i].begin >= restart)
				s->marks[kept++] = s->marks[i];
		s->mark_count = kept;
		s->mark_limit = 2 * kept + 64;
	}
	s->marks = mem_grow(s->marks, &s->mark_cap, s->mark_count + 1, sizeof(*s->marks));
	s->marks[s->mark_count++] = (struct stream_mark){s->offset, before};
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

/* The saved position, version 2:
 *   u8 version, u8 charset (enum charset_id), u8 framing (enum lg_framing), u8 flags: 1 skipping, then two bits of enum
 *      framing_segment, 8 shifted
 *   varint restart, varint part, varint left, varint block, varint lrecl
 *   u16 size of the parser's state, its bytes
 *   u8 number of emitted ranges; of each: varint distance of its begin from the end of the one before (first: from restart),
 *      varint length
 *
 * Version 1 had neither block and lrecl nor segment.
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
	bytes[n++] = (uint8_t)((state.skipping ? SAVE_SKIPPING : 0) | state.segment << SAVE_SEGMENT_SHIFT |
	                       (state.shifted ? SAVE_SHIFTED : 0));
	n += wire_put_varint(bytes + n, (uint64_t)restart);
	n += wire_put_varint(bytes + n, state.part);
	n += wire_put_varint(bytes + n, state.left);
	n += wire_put_varint(bytes + n, state.block);
	n += wire_put_varint(bytes + n, s->framer.lrecl);
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

/* What `auto` or a byte order mark decided stands; settings the operator has changed since win. */
static enum charset_id decided(enum charset_id configured, enum charset_id saved)
{
	if (configured == CHARSET_UTF_16)
		return charset_kind(saved) == CHARSET_KIND_UTF16 ? saved : configured;
	return configured == CHARSET_AUTO ? saved : configured;
}

enum lg_rc stream_load(struct lg_stream *s, const uint8_t *saved, size_t size, struct lg_err *err)
{
	struct wire_reader r = wire_reader_on(saved, size);
	uint8_t version = wire_read_u8(&r), charset = wire_read_u8(&r), framing = wire_read_u8(&r), flags = wire_read_u8(&r);
	uint64_t restart = wire_read_varint(&r), part = wire_read_varint(&r), left = wire_read_varint(&r);
	uint64_t block = version > 1 ? wire_read_varint(&r) : 0, lrecl = version > 1 ? wire_read_varint(&r) : 0;
	uint16_t parser_size = wire_read_u16(&r);
	const uint8_t *parser = wire_read_bytes(&r, parser_size);
	enum lg_rc rc;

	if (r.bad || version < 1 || version > SAVE_VERSION || charset >= CHARSET_COUNT || framing >= LG_FRAMING_COUNT ||
	    flags > (version > 1 ? SAVE_FLAGS : SAVE_SKIPPING) || restart > INT64_MAX || part > INT32_MAX || left > INT32_MAX ||
	    block > INT32_MAX || lrecl > INT32_MAX || (framing == LG_FRAMING_LINE && left))
		return lg_err_set(err, LG_INVALID, "the saved position is damaged or of another version");
	if (!load_ranges(s, &r, (int64_t)restart))
		return lg_err_set(err, LG_INVALID, "the saved position has damaged ranges");
	s->offset = s->first = (int64_t)restart;
	rc = stream_start(s, s->framer.framing == LG_FRAMING_AUTO ? (enum lg_framing)framing : s->framer.framing,
	                  decided(s->framer.charset, (enum charset_id)charset), s->conf->lrecl ? 0 : lrecl, err);
	if (rc != LG_OK)
		return rc;
	s->settled = restart > 0 && s->framer.framing != LG_FRAMING_AUTO && stream_charset_known(s->framer.charset);
	/* What was half done under other settings is not. */
	if (framing == (uint8_t)s->framer.framing && (framing != LG_FRAMING_FIXED || lrecl == s->framer.lrecl))
		s->framer.state = (struct framing_state){.part = (uint32_t)part,
		                                           .left = (uint32_t)left,
		                                           .block = (uint32_t)block,
		                                           .segment = flags >> SAVE_SEGMENT_SHIFT & 3,
		                                           .shifted = (flags & SAVE_SHIFTED) != 0,
		                                           .skipping = (flags & SAVE_SKIPPING) != 0};
	if (parser_size && s->conf->parser->load)
		return s->conf->parser->load(s->parser, parser, parser_size);
	return LG_OK;
}
