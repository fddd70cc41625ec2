#include "parser/zos_assembly.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A body that grew beyond this gives its memory back when its message goes. */
#define KEEP_BODY_BYTES 4096

void zos_set_init(struct zos_set *set)
{
	*set = (struct zos_set){.tail = -1};
	set->slots = mem_zalloc(ZOS_OPEN_MAX * sizeof(*set->slots));
}

void zos_set_fini(struct zos_set *set)
{
	for (size_t i = 0; set->slots && i < ZOS_OPEN_MAX; i++)
		lg_buf_fini(&set->slots[i].body);
	free(set->slots);
	free(set->held);
	*set = (struct zos_set){.tail = -1};
}

static void hold_line(struct zos_set *set, int slot, const struct lg_line *line)
{
	struct zos_held *last = set->held_count ? &set->held[set->held_count - 1] : NULL;

	if (last && last->slot == slot && last->end == line->begin) {
		last->end = line->end;
		return;
	}
	if (set->held_count == set->held_cap)
		set->held = mem_grow(set->held, &set->held_cap, set->held_count + 1, sizeof(*set->held));
	set->held[set->held_count++] = (struct zos_held){.begin = line->begin, .end = line->end, .slot = (uint8_t)slot};
}

static void append_text(struct zos_set *set, struct zos_message *message, struct lg_str text)
{
	lg_buf_append(&message->body, text.data, text.size);
	set->bytes += text.size;
}

static bool reaches_margin(const struct zos_columns *cols)
{
	size_t width = 0;

	if (cols->size < (size_t)ZOS_MARGIN + cols->layout.shift)
		return false;
	/* Columns are characters, the text is UTF-8: continuation bytes take none. */
	for (size_t i = 0; i < cols->size; i++)
		width += (cols->at[i] & 0xc0) != 0x80;
	return width >= (size_t)ZOS_MARGIN + cols->layout.shift;
}

static void note_connector(struct zos_message *message)
{
	size_t before;
	struct lg_str body = lg_buf_str(&message->body);

	message->connector = zos_connector_at_end(body, &before);
	message->strip_at = message->connector < 0 ? body.size : before;
	message->id_alone = false;
}

/* Everything but the head and what the body's memory is. Member by member: this is done for every message, and clearing the whole struct
 * costs more than the rest of it. */
static void reset_message(struct zos_message *message, const struct lg_line *line)
{
	message->begin = line->begin;
	message->received_ns = message->active_ns = line->received_ns;
	message->instant = (struct zos_instant){.utc_ns = LG_TIME_UNKNOWN, .local = INT64_MIN};
	lg_buf_clear(&message->body);
	message->lines = 1;
	message->connector = -1;
	message->strip_at = 0;
	message->id_alone = message->confirmed = message->multi = message->at_margin = false;
	message->done = message->incomplete = false;
	message->truncated = line->truncated;
}

static void copy_head(struct zos_message *message, const struct zos_columns *cols)
{
	size_t size = ZOS_AT_TEXT + cols->layout.shift;

	message->shift = cols->layout.shift;
	message->head_size = size < cols->size ? size : cols->size;
	if (cols->size >= ZOS_HEAD_SIZE)
		memcpy(message->head, cols->at, ZOS_HEAD_SIZE); /* a constant size needs no call */
	else
		memcpy(message->head, cols->at, message->head_size);
}

struct zos_message *zos_set_open(struct zos_set *set, const struct zos_columns *cols, const struct lg_line *line)
{
	struct zos_message *message;
	uint8_t slot = 0;
	char type = *cols->at;

	while (set->used >> slot & 1)
		slot++;
	message = &set->slots[slot];
	reset_message(message, line);
	copy_head(message, cols);
	/* LOG and WTL entries are no messages: their line is kept as it is. */
	append_text(set, message, type == 'O' || type == 'X' ? (struct lg_str){cols->at, cols->size} : cols->text);
	message->at_margin = reaches_margin(cols);
	message->multi = type == 'M';
	if (message->multi)
		note_connector(message);
	set->used |= UINT64_C(1) << slot;
	set->order[set->count++] = slot;
	set->tail = slot;
	hold_line(set, slot, line);
	return message;
}

static void touch(struct zos_set *set, int slot, const struct lg_line *line)
{
	struct zos_message *message = &set->slots[slot];

	message->active_ns = line->received_ns;
	message->truncated = message->truncated || line->truncated;
	hold_line(set, slot, line);
}

void zos_set_continue(struct zos_set *set, const struct zos_columns *cols, const struct lg_line *line)
{
	struct zos_message *message = &set->slots[set->tail];
	size_t before;
	int id = cols->text.size == 3 ? zos_connector_at_end(cols->text, &before) : -1;

	touch(set, set->tail, line);
	if (message->multi && !message->confirmed && id >= 0) {
		message->connector = id;
		message->strip_at = message->body.size;
		message->id_alone = true;
		return;
	}
	if (!message->at_margin && *cols->text.data != ' ')
		append_text(set, message, LG_STR(" "));
	append_text(set, message, cols->text);
	message->at_margin = reaches_margin(cols);
	if (message->multi && !message->confirmed)
		note_connector(message);
}

/* The first L, D or E line with the id proves that the digits at the end of the text were it. */
static void confirm(struct zos_set *set, struct zos_message *message, int connector)
{
	if (message->confirmed)
		return;
	if (!message->multi)
		note_connector(message);
	if (message->connector == connector && connector >= 0) {
		set->bytes -= message->body.size - message->strip_at;
		message->body.size = message->strip_at;
	}
	message->connector = connector;
	message->confirmed = true;
	message->id_alone = false;
	message->multi = true;
}

void zos_set_add_minor(struct zos_set *set, int slot, const struct zos_columns *cols, const struct lg_line *line)
{
	struct zos_message *message = &set->slots[slot];

	touch(set, slot, line);
	confirm(set, message, cols->connector);
	append_text(set, message, LG_STR("\n"));
	append_text(set, message, cols->text);
	message->lines++;
	message->at_margin = reaches_margin(cols);
	set->tail = slot;
	if (*cols->at == 'E')
		zos_set_close(set, slot, false);
	else if (message->lines >= ZOS_MESSAGE_LINES_MAX || message->body.size >= ZOS_MESSAGE_BYTES_MAX)
		zos_set_close(set, slot, true);
}

int zos_set_find(const struct zos_set *set, int connector)
{
	const struct zos_message *tail = set->tail >= 0 ? &set->slots[set->tail] : NULL;
	size_t before;

	for (size_t i = set->count; connector >= 0 && i-- > 0;) {
		const struct zos_message *message = &set->slots[set->order[i]];

		if (!message->done && message->multi && message->connector == connector)
			return set->order[i];
	}
	if (!tail || tail->done)
		return -1;
	if (tail->multi)
		return tail->connector < 0 || connector < 0 ? set->tail : -1;
	/* A WTOR, say, that goes on over several lines: its text ends in the id. */
	return connector >= 0 && zos_connector_at_end(lg_buf_str(&tail->body), &before) == connector ? set->tail : -1;
}

void zos_set_close(struct zos_set *set, int slot, bool incomplete)
{
	struct zos_message *message = &set->slots[slot];

	if (message->done)
		return;
	message->done = true;
	message->incomplete = incomplete;
	if (set->tail == slot)
		set->tail = -1;
	if (message->id_alone) {
		/* Nothing proved it to be an id: it stays in the text. */
		char digits[5] = {' ', (char)('0' + message->connector / 100), (char)('0' + message->connector / 10 % 10),
		        (char)('0' + message->connector % 10), 0};

		append_text(set, message, lg_str_from(digits));
	}
}

void zos_set_end_tail(struct zos_set *set)
{
	const struct zos_message *tail = set->tail >= 0 ? &set->slots[set->tail] : NULL;

	if (tail && (!tail->multi || *tail->head == ' '))
		zos_set_close(set, set->tail, false);
	set->tail = -1;
}

bool zos_set_full(const struct zos_set *set)
{
	return set->count >= ZOS_OPEN_MAX || set->bytes >= ZOS_BYTES_MAX || set->held_count >= ZOS_HELD_LINES_MAX;
}

/* Ranges of the held lines of the slots in the bit set. */
static size_t count_ranges(const struct zos_set *set, uint64_t slots)
{
	int64_t end = INT64_MIN;
	size_t count = 0;

	for (size_t i = 0; i < set->held_count; i++) {
		if (!(slots >> set->held[i].slot & 1))
			continue;
		count += set->held[i].begin != end;
		end = set->held[i].end;
	}
	return count;
}

int zos_set_ready(const struct zos_set *set, size_t ranges)
{
	uint64_t done = 0;
	bool all;

	for (size_t i = 0; i < set->count; i++)
		done |= (uint64_t)set->slots[set->order[i]].done << set->order[i];
	if (!done)
		return -1;
	all = set->held_count <= ranges || count_ranges(set, set->used & ~done) <= ranges;
	for (size_t i = 0; i < set->count; i++) {
		int slot = set->order[i];

		if (!(done >> slot & 1))
			continue;
		if (all || set->slots[slot].incomplete || count_ranges(set, set->used & ~(UINT64_C(1) << slot)) <= ranges)
			return slot;
	}
	return -1;
}

int zos_set_oldest(const struct zos_set *set)
{
	return set->count ? set->order[0] : -1;
}

void zos_set_remove(struct zos_set *set, int slot)
{
	struct zos_message *message = &set->slots[slot];
	size_t kept = 0;

	for (size_t i = 0; i < set->held_count; i++)
		if (set->held[i].slot != slot)
			set->held[kept++] = set->held[i];
	set->held_count = kept;
	kept = 0;
	for (size_t i = 0; i < set->count; i++)
		if (set->order[i] != slot)
			set->order[kept++] = set->order[i];
	set->count = kept;
	set->used &= ~(UINT64_C(1) << slot);
	set->bytes -= message->body.size;
	if (message->body.cap > KEEP_BODY_BYTES)
		lg_buf_fini(&message->body);
	lg_buf_clear(&message->body);
	if (set->tail == slot)
		set->tail = -1;
}

size_t zos_set_ranges(const struct zos_set *set, struct lg_range *ranges, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < set->held_count; i++) {
		const struct zos_held *held = &set->held[i];

		if (count && count <= max && ranges[count - 1].end == held->begin) {
			ranges[count - 1].end = held->end;
			continue;
		}
		if (count < max)
			ranges[count] = (struct lg_range){held->begin, held->end};
		count++;
	}
	return count < max ? count : max;
}

bool zos_set_ranges_exceed(const struct zos_set *set, size_t max)
{
	return set->held_count > max && count_ranges(set, set->used) > max;
}

int64_t zos_set_held_end(const struct zos_set *set)
{
	return set->held_count ? set->held[set->held_count - 1].end : INT64_MIN;
}
