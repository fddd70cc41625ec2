/* Records with a length in front, and those of a fixed length. */
#include "codec/framing.h"

#include "base/wire.h"

/* ---- descriptor words -------------------------------------------------------------------------------------------- */

static enum lg_rc no_word(const uint8_t *data, int64_t offset, const char *name, const char *should, struct lg_err *err)
{
	return lg_err_set(err, LG_CORRUPT, "no %s at offset %lld: %02x %02x %02x %02x is not %s", name, (long long)offset, data[0],
	                  data[1], data[2], data[3], should);
}

/* The length of a record, its descriptor word included, where that is IBM's; 0 where it is none. */
static uint32_t rdw_length(const uint8_t *data, enum framing_segment *segment)
{
	uint32_t length = wire_get_u16(data);

	*segment = (enum framing_segment)(data[2] & 3);
	return length >= FRAMING_RDW_SIZE && length <= FRAMING_RDW_MAX && data[2] <= FRAMING_MIDDLE && !data[3] ? length : 0;
}

/* The length of a block without its descriptor word; 0 where there is none. */
static uint32_t bdw_rest(const uint8_t *data)
{
	uint32_t length = wire_get_u32(data);

	if (length & 0x80000000)
		length &= 0x7fffffff;
	else
		length = length & 0xffff ? 0 : length >> 16;
	return length >= 2 * FRAMING_RDW_SIZE ? length - FRAMING_RDW_SIZE : 0;
}

/* RDW, in a block where there are blocks. */
static enum lg_rc ibm_word(const struct framer *f, struct framing_state *state, const uint8_t *data, size_t size, int64_t offset,
                           struct framing_word *word, struct lg_err *err)
{
	uint32_t length;

	word->header = FRAMING_RDW_SIZE;
	if (f->framing == LG_FRAMING_BDW && !state->block) {
		if (size < FRAMING_WORDS_MAX)
			return LG_AGAIN;
		state->block = bdw_rest(data);
		if (!state->block)
			return no_word(data, offset, "block descriptor word", "a length of 8 to 32760 followed by two zero bytes", err);
		word->header = FRAMING_WORDS_MAX;
		data += FRAMING_RDW_SIZE;
		size -= FRAMING_RDW_SIZE;
		offset += FRAMING_RDW_SIZE;
	}
	if (size < FRAMING_RDW_SIZE)
		return LG_AGAIN;
	length = rdw_length(data, &word->segment);
	if (!length)
		return no_word(data, offset, "record descriptor word",
		               "a length of 4 to 32760, a segment code of 0 to 3 and a zero byte", err);
	word->length = length - FRAMING_RDW_SIZE;
	if (f->framing != LG_FRAMING_BDW)
		return LG_OK;
	if (length > state->block)
		return lg_err_set(err, LG_CORRUPT,
		                  "the record at offset %lld has %u bytes, but its block only %u: blocks and records do not fit together",
		                  (long long)offset, length, state->block);
	state->block -= length;
	return LG_OK;
}

enum lg_rc framing_word_read(const struct framer *f, struct framing_state *state, const uint8_t *data, size_t size, int64_t offset,
                             struct framing_word *word, struct lg_err *err)
{
	size_t be, le;

	*word = (struct framing_word){.header = FRAMING_RDW_SIZE};
	if (f->framing == LG_FRAMING_FIXED) {
		*word = (struct framing_word){.length = (uint32_t)f->lrecl};
		return size ? LG_OK : LG_AGAIN;
	}
	if (f->framing == LG_FRAMING_RDW || f->framing == LG_FRAMING_BDW)
		return ibm_word(f, state, data, size, offset, word, err);
	if (size < FRAMING_RDW_SIZE)
		return LG_AGAIN;
	be = wire_get_u16(data);
	le = (size_t)data[2] | (size_t)data[3] << 8;
	switch (f->framing) {
	case LG_FRAMING_RDW_EXCLUSIVE:
		if (be > FRAMING_RDW_MAX || le)
			return no_word(data, offset, "length word", "a big-endian length of 0 to 32760 followed by two zero bytes", err);
		word->length = (uint32_t)be;
		return LG_OK;
	case LG_FRAMING_RDW_LE:
		if (be || le < FRAMING_RDW_SIZE || le > FRAMING_RDW_MAX)
			return no_word(data, offset, "length word", "two zero bytes and a little-endian length of 4 to 32760", err);
		word->length = (uint32_t)le - FRAMING_RDW_SIZE;
		return LG_OK;
	case LG_FRAMING_RDW_LE_EXCLUSIVE:
		if (be || le > FRAMING_RDW_MAX)
			return no_word(data, offset, "length word", "two zero bytes and a little-endian length of 0 to 32760", err);
		word->length = (uint32_t)le;
		return LG_OK;
	default:
		word->length = wire_get_u32(data);
		if (word->length > FRAMING_U32_MAX)
			return no_word(data, offset, "length", "a big-endian length of at most 16 MiB", err);
		return LG_OK;
	}
}

/* ---- records in one piece ---------------------------------------------------------------------------------------- */

static bool more_follow(const struct framing_state *state)
{
	return state->segment == FRAMING_FIRST || state->segment == FRAMING_MIDDLE;
}

/* The record ends here; what is known of the block stays. */
static void end_record(struct framer *f, const struct framing_state *state)
{
	f->state = (struct framing_state){.block = state->block};
}

/* The last piece of a record. */
static void give_last(struct framer *f, const struct framing_state *state, struct framing_piece *piece)
{
	piece->final = true;
	piece->part = state->part ? state->part + 1 : 0;
	piece->truncated = piece->torn || piece->broken;
	f->broken += piece->broken;
	end_record(f, state);
}

/* A piece that ends at the limit; state->left bytes are still to come. */
static void give_part(struct framer *f, struct framing_state *state, struct framing_piece *piece)
{
	if (f->truncate) {
		state->skipping = true;
		piece->truncated = piece->final = true;
	} else {
		piece->part = ++state->part;
	}
	piece->truncated = piece->truncated || piece->broken;
	f->broken += piece->broken;
	f->state = *state;
}

/* state->left bytes of a record that is not spanned, or of a segment on its own, lie behind piece->header bytes. */
static enum lg_rc take_whole(struct framer *f, struct framing_state *state, const uint8_t *data, size_t size, bool last,
                             struct framing_piece *piece)
{
	size_t want = state->left > f->limit ? f->limit : state->left;

	piece->data = data + piece->header;
	if (size - piece->header < want) {
		if (!last || !size)
			return LG_AGAIN;
		piece->torn = true;
		piece->size = size - piece->header;
		piece->consumed = size;
		/* The block ends, too. */
		state->block = 0;
		give_last(f, state, piece);
		return LG_OK;
	}
	if (want < state->left) {
		want = charset_cut(f->charset, piece->data, want, state->shifted);
		if (!want)
			want = f->limit;
	}
	piece->size = want;
	piece->consumed = piece->header + want;
	state->left -= (uint32_t)want;
	if (!state->left) {
		give_last(f, state, piece);
		return LG_OK;
	}
	state->shifted = charset_shifted(f->charset, piece->data, want, state->shifted);
	give_part(f, state, piece);
	return LG_OK;
}

/* ---- spanned records --------------------------------------------------------------------------------------------- */

/* The record is longer than the limit, counted as it stands in the source: `want` bytes of the current segment are the last of this
 * part. At least one byte of content is left for the next part, if there is one, so that the next part can tell a broken chain. */
static enum lg_rc cut_chain(struct framer *f, struct framing_state *state, const uint8_t *data, size_t size, size_t at, bool last,
                            struct framing_piece *piece)
{
	size_t room = piece->header + f->limit - at, want = room, kept;

	if (state->left <= room)
		want = state->left ? state->left - 1 : 0;
	if (size - at < want) {
		if (!last || !size)
			return LG_AGAIN;
		lg_buf_append(&f->joined, data + at, size - at);
		piece->torn = true;
		piece->consumed = size;
		state->block = 0;
		give_last(f, state, piece);
		return LG_OK;
	}
	lg_buf_append(&f->joined, data + at, want);
	/* Not within a character, as long as all of it is in this segment. */
	kept = charset_cut(f->charset, f->joined.data, f->joined.size, state->shifted);
	if (kept && f->joined.size - kept < want) {
		want -= f->joined.size - kept;
		f->joined.size = kept;
	}
	state->left -= (uint32_t)want;
	state->shifted = charset_shifted(f->charset, f->joined.data, f->joined.size, state->shifted);
	piece->consumed = at + want;
	give_part(f, state, piece);
	return LG_OK;
}

/* Goes on to the next segment of the record, at data + *at. False: there is none, or it cannot be told yet; *rc says. */
static bool next_segment(const struct framer *f, struct framing_state *state, const uint8_t *data, size_t size, size_t *at, bool last,
                         struct framing_piece *piece, enum lg_rc *rc)
{
	struct framing_state next = *state;
	struct framing_word word;

	*rc = framing_word_read(f, &next, data + *at, size - *at, 0, &word, NULL);
	if (*rc == LG_AGAIN && !last)
		return false;
	if (*rc == LG_AGAIN) {
		piece->torn = true;
		*at = size;
		state->block = 0;
	} else if (*rc != LG_OK || word.segment == FRAMING_WHOLE || word.segment == FRAMING_FIRST) {
		piece->broken = true;
	} else {
		*state = next;
		state->left = word.length;
		state->segment = (uint8_t)word.segment;
		*at += word.header;
		return true;
	}
	*rc = LG_OK;
	return false;
}

/* Puts together the segments from the current one on, whose state->left bytes lie behind piece->header bytes. */
static enum lg_rc take_chain(struct framer *f, struct framing_state *state, const uint8_t *data, size_t size, bool last,
                             struct framing_piece *piece)
{
	size_t at = piece->header;

	lg_buf_clear(&f->joined);
	lg_buf_reserve(&f->joined, 1);
	for (;;) {
		size_t room = piece->header + f->limit - at;
		enum lg_rc rc = LG_OK;

		/* The next descriptor words must be in reach, too. */
		if (state->left > room || (more_follow(state) && state->left + FRAMING_WORDS_MAX > room)) {
			rc = cut_chain(f, state, data, size, at, last, piece);
			if (rc != LG_OK)
				return rc;
			break;
		}
		if (size - at < state->left) {
			if (!last)
				return LG_AGAIN;
			lg_buf_append(&f->joined, data + at, size - at);
			at = size;
			state->block = 0;
			piece->torn = true;
		} else {
			lg_buf_append(&f->joined, data + at, state->left);
			at += state->left;
			state->left = 0;
			if (more_follow(state) && next_segment(f, state, data, size, &at, last, piece, &rc))
				continue;
			if (rc != LG_OK)
				return rc;
		}
		piece->consumed = at;
		if (!at)
			return LG_AGAIN; /* the bytes, or the chain, end behind a part already given out */
		give_last(f, state, piece);
		break;
	}
	piece->data = f->joined.data;
	piece->size = f->joined.size;
	return LG_OK;
}

/* ---- the next piece ---------------------------------------------------------------------------------------------- */

/* The rest of a truncated record is passed over as it comes. *ended: there was no rest. */
static enum lg_rc pass_over(struct framer *f, const uint8_t *data, size_t size, bool last, int64_t offset,
                            struct framing_piece *piece, bool *ended, struct lg_err *err)
{
	struct framing_state *state = &f->state, next = *state;
	struct framing_word word;
	enum lg_rc rc;

	*ended = false;
	if (!size)
		return LG_AGAIN;
	if (state->left) {
		piece->size = piece->consumed = state->left < size ? state->left : size;
		state->left -= (uint32_t)piece->size;
	} else {
		rc = framing_word_read(f, &next, data, size, offset, &word, err);
		if (rc == LG_AGAIN && last) {
			piece->consumed = size;
			*state = (struct framing_state){0};
			return LG_OK;
		}
		if (rc != LG_OK)
			return rc;
		if (word.segment == FRAMING_WHOLE || word.segment == FRAMING_FIRST) {
			f->broken++;
			end_record(f, state);
			*ended = true;
			return LG_OK;
		}
		*state = next;
		state->left = word.length;
		state->segment = (uint8_t)word.segment;
		piece->consumed = word.header;
	}
	if (!state->left && !more_follow(state))
		end_record(f, state);
	return LG_OK;
}

enum lg_rc framing_words_next(struct framer *f, const uint8_t *data, size_t size, bool last, int64_t offset,
                              struct framing_piece *piece, struct lg_err *err)
{
	struct framing_state state;
	struct framing_word word;
	enum lg_rc rc;

	*piece = (struct framing_piece){0};
	if (f->state.skipping) {
		bool ended;

		rc = pass_over(f, data, size, last, offset, piece, &ended, err);
		if (rc != LG_OK || !ended)
			return rc;
	}
	state = f->state;
	if (state.left || more_follow(&state)) {
		rc = state.segment ? take_chain(f, &state, data, size, last, piece) : take_whole(f, &state, data, size, last, piece);
		if (rc != LG_AGAIN || !piece->broken)
			return rc;
		/* The chain broke behind the part given out last. */
		f->broken++;
		end_record(f, &state);
		state = f->state;
		*piece = (struct framing_piece){0};
	}
	rc = framing_word_read(f, &state, data, size, offset, &word, err);
	if (rc == LG_AGAIN && last && size) {
		*piece = (struct framing_piece){.data = data, .size = size, .consumed = size, .torn = true};
		give_last(f, &(struct framing_state){0}, piece);
		return LG_OK;
	}
	if (rc != LG_OK)
		return rc;
	piece->header = word.header;
	state.left = word.length;
	if (word.segment == FRAMING_FIRST) {
		state.segment = FRAMING_FIRST;
		return take_chain(f, &state, data, size, last, piece);
	}
	piece->broken = word.segment != FRAMING_WHOLE;
	return take_whole(f, &state, data, size, last, piece);
}
