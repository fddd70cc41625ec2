#include "parser/zos_syslog.h"

#include <string.h>

#include "base/clock.h"
#include "base/wire.h"

/* A single-line message waits for an S line; that one is written together with it. */
#define SINGLE_HOLD_NS CLOCK_SECOND
/* By the log's own clock: an open message this much older than the newest line of its system gets no more lines. */
#define OPEN_LOG_SECONDS 60

#define SAVE_VERSION 1
#define SAVE_FIXED 14 /* version, layout, flags, replay end, open count, order count, reserved */

_Static_assert(
        SAVE_FIXED + ZOS_OPEN_MAX / 4 + ZOS_CLOCK_SYSTEMS * ZOS_ORDER_SIZE <= LG_PARSER_STATE_MAX, "the saved state must fit");

enum { MARK_SECOND_PASS = 1, MARK_AMBIGUOUS = 2 };
enum { SAVED_TAIL = 1, SAVED_HELD = 2 };

/* ---- settings ------------------------------------------------------------------------------------------------------- */

static const struct lg_option zos_options[] = {
        {.name = "timezone",
                .type = LG_OPT_TIMEZONE,
                .offset = offsetof(struct zos_conf, timezone),
                .flags = LG_OPT_REQUIRED,
                .doc = "IANA time zone of the systems whose log this is: SYSLOG shows their local time."},
        {.name = "timezones",
                .type = LG_OPT_MAP,
                .offset = offsetof(struct zos_conf, timezones),
                .flags = LG_OPT_ADVANCED,
                .doc = "Time zones of single systems that differ, {SYSB: Europe/Berlin}."},
        {.name = "severity",
                .type = LG_OPT_MAP,
                .offset = offsetof(struct zos_conf, severity),
                .doc = "Severities by message id or pattern, {\"ICH*\": warning, IEF450I: error}; an id goes before a pattern."},
        {.name = "multiline_timeout",
                .type = LG_OPT_DURATION,
                .offset = offsetof(struct zos_conf, multiline_timeout_ns),
                .fallback = "5s",
                .min = 10 * CLOCK_MS,
                .max = 3600 * CLOCK_SECOND,
                .flags = LG_OPT_ADVANCED,
                .doc = "A multi-line message that got no line for so long is shipped incomplete."},
        LG_OPTION_END};

static enum lg_rc zos_check(const void *conf, struct lg_err *err)
{
	const struct zos_conf *c = conf;
	struct zos_severities severities;
	struct zos_clock clock;
	enum lg_rc rc;

	rc = zos_severities_init(&severities, &c->severity, err);
	if (rc != LG_OK)
		return rc;
	zos_severities_fini(&severities);
	rc = zos_clock_init(&clock, c->timezone ? c->timezone : "", &c->timezones, err);
	if (rc == LG_OK)
		zos_clock_fini(&clock);
	return rc;
}

static enum lg_rc zos_init(void *state, const void *conf, struct lg_err *err)
{
	struct zos_state *zos = state;
	enum lg_rc rc;

	zos->conf = conf;
	rc = zos_severities_init(&zos->severities, &zos->conf->severity, err);
	if (rc != LG_OK)
		return rc;
	rc = zos_clock_init(&zos->clock, zos->conf->timezone ? zos->conf->timezone : "", &zos->conf->timezones, err);
	if (rc != LG_OK) {
		zos_severities_fini(&zos->severities);
		return rc;
	}
	zos_set_init(&zos->set);
	return LG_OK;
}

static void zos_fini(void *state)
{
	struct zos_state *zos = state;

	zos_set_fini(&zos->set);
	lg_buf_fini(&zos->line);
	lg_buf_fini(&zos->joined);
	zos_clock_fini(&zos->clock);
	zos_severities_fini(&zos->severities);
}

/* ---- emitting ------------------------------------------------------------------------------------------------------- */

/* A multi-line message without its E line is incomplete; a cropped view does not show which line is the last. */
static void close_unfinished(struct zos_set *set, int slot)
{
	zos_set_close(set, slot, set->slots[slot].multi && *set->slots[slot].head != ' ');
}

/* Emits what is closed, as far as the held lines stay within the ranges a position can carry; then, where a bound is passed, the
 * oldest. */
static void drain(struct zos_state *zos, struct lg_sink *sink)
{
	struct zos_set *set = &zos->set;
	int slot;

	if (zos->replaying)
		return;
	while ((slot = zos_set_ready(set, LG_HELD_MAX - 1)) >= 0)
		zos_record_message(zos, slot, sink);
	while (zos_set_full(set) || zos_set_ranges_exceed(set, LG_HELD_MAX)) {
		slot = zos_set_oldest(set);
		close_unfinished(set, slot);
		zos_record_message(zos, slot, sink);
	}
}

static void emit_all(struct zos_state *zos, struct lg_sink *sink)
{
	int slot;

	zos->replaying = false;
	zos_set_end_tail(&zos->set);
	while ((slot = zos_set_oldest(&zos->set)) >= 0) {
		close_unfinished(&zos->set, slot);
		zos_record_message(zos, slot, sink);
	}
}

/* ---- lines ---------------------------------------------------------------------------------------------------------- */

/* A message whose end never came: its connector id is used again, or its system's log has gone on for long. */
static void close_stale(struct zos_state *zos, const struct zos_message *fresh)
{
	struct zos_set *set = &zos->set;

	for (size_t i = 0; i < set->count; i++) {
		struct zos_message *open = &set->slots[set->order[i]];
		bool reused, old;

		if (open == fresh || open->done || !open->multi ||
		        memcmp(open->head + ZOS_AT_SYSTEM, fresh->head + ZOS_AT_SYSTEM, 8))
			continue;
		reused = fresh->connector >= 0 && fresh->connector == open->connector;
		old = open->instant.local != INT64_MIN && open->instant.local + OPEN_LOG_SECONDS < fresh->instant.local;
		if (reused || old)
			zos_set_close(set, set->order[i], true);
	}
}

/* The time of a message just opened, whose time is unknown so far. */
static void resolve_time(struct zos_state *zos, const struct zos_columns *cols, struct zos_instant *instant)
{
	struct lg_str system = zos_columns_field(cols->at, cols->size, ZOS_AT_SYSTEM, 8);
	struct lg_str date = {cols->at + ZOS_AT_DATE, (size_t)5 + cols->layout.shift};
	const char *time = cols->at + ZOS_AT_TIME + cols->layout.shift;

	if (cols->layout.cropped)
		return;
	if (zos->replaying) {
		uint8_t marks = zos->replay_next < zos->replay_count ? zos->replay_marks[zos->replay_next++] : 0;

		zos_clock_repeat(&zos->clock, system, date, time, marks & MARK_SECOND_PASS, marks & MARK_AMBIGUOUS, instant);
		return;
	}
	zos_clock_read(&zos->clock, system, date, time, instant);
}

static void take_head(struct zos_state *zos, const struct zos_columns *cols, const struct lg_line *line)
{
	struct zos_message *message;

	zos_set_end_tail(&zos->set);
	message = zos_set_open(&zos->set, cols, line);
	resolve_time(zos, cols, &message->instant);
	if (zos->set.count > 1)
		close_stale(zos, message);
}

/* Headings and blank lines come between the lines of a message; anything else ends what could be continued. */
static bool is_page_furniture(struct lg_str text)
{
	return !zos_trim(text).size || *text.data == '1';
}

static void take_other(struct zos_state *zos, const struct zos_columns *cols, const struct lg_line *line, struct lg_sink *sink)
{
	if (cols->kind != ZOS_PLAIN || !is_page_furniture(line->text)) {
		zos_set_end_tail(&zos->set);
		drain(zos, sink);
	}
	if (!zos->replaying)
		zos_record_line(zos, cols, line, sink);
}

static void take_minor(struct zos_state *zos, const struct zos_columns *cols, const struct lg_line *line, struct lg_sink *sink)
{
	int slot = zos_set_find(&zos->set, cols->connector);

	if (slot < 0) {
		take_other(zos, cols, line, sink);
		return;
	}
	if (slot != zos->set.tail)
		zos_set_end_tail(&zos->set);
	zos_set_add_minor(&zos->set, slot, cols, line);
}

static void end_replay(struct zos_state *zos)
{
	zos->replaying = false;
	/* A line that is not held ended what the last held one might have gone on with. */
	if (!zos->replay_tail)
		zos_set_end_tail(&zos->set);
}

static void zos_line(void *state, const struct lg_line *line, struct lg_sink *sink)
{
	struct zos_state *zos = state;
	struct zos_columns cols;

	if (zos->replaying && line->begin >= zos->replay_end)
		end_replay(zos);
	zos_columns_read(&cols, line->text, &zos->layout, &zos->line);
	if (line->part > 1)
		cols.kind = ZOS_PLAIN; /* a piece of an overlong line */
	if (cols.kind == ZOS_HEAD && !zos_layout_equal(cols.layout, zos->layout)) {
		/* Another file begins here: what is open belongs to the old one, and a restart must not read its lines by the new
		 * layout. */
		if (zos->set.count)
			emit_all(zos, sink);
		zos->layout = cols.layout;
	}
	switch (cols.kind) {
	case ZOS_HEAD:
		take_head(zos, &cols, line);
		break;
	case ZOS_MORE:
		if (zos->set.tail >= 0)
			zos_set_continue(&zos->set, &cols, line);
		else
			take_other(zos, &cols, line, sink);
		break;
	case ZOS_MINOR:
		take_minor(zos, &cols, line, sink);
		break;
	case ZOS_PLAIN:
		take_other(zos, &cols, line, sink);
		break;
	}
	drain(zos, sink);
	if (zos->replaying && line->end >= zos->replay_end)
		end_replay(zos);
}

/* ---- time and ends -------------------------------------------------------------------------------------------------- */

static int64_t patience(const struct zos_state *zos, const struct zos_message *message)
{
	int64_t limit = zos->conf->multiline_timeout_ns;

	return message->multi || limit < SINGLE_HOLD_NS ? limit : SINGLE_HOLD_NS;
}

static int64_t zos_tick(void *state, int64_t utc_ns, struct lg_sink *sink)
{
	struct zos_state *zos = state;
	int64_t next = INT64_MAX;

	if (zos->replaying)
		return INT64_MAX;
	for (size_t i = 0; i < zos->set.count; i++) {
		int slot = zos->set.order[i];
		struct zos_message *message = &zos->set.slots[slot];

		if (!message->done && utc_ns - message->active_ns >= patience(zos, message))
			close_unfinished(&zos->set, slot);
	}
	drain(zos, sink);
	for (size_t i = 0; i < zos->set.count; i++) {
		const struct zos_message *message = &zos->set.slots[zos->set.order[i]];

		if (!message->done && message->active_ns + patience(zos, message) < next)
			next = message->active_ns + patience(zos, message);
	}
	return next;
}

static void zos_flush(void *state, struct lg_sink *sink)
{
	emit_all(state, sink);
}

/* ---- restart -------------------------------------------------------------------------------------------------------- */

static size_t zos_held(const void *state, struct lg_range *ranges, size_t max)
{
	const struct zos_state *zos = state;

	return zos_set_ranges(&zos->set, ranges, max);
}

static uint8_t layout_byte(struct zos_layout layout)
{
	return (uint8_t)(layout.origin << 4 | layout.cropped << 3 | layout.shift << 1 | layout.known);
}

/* version 1; layout: origin << 4 | cropped << 3 | shift << 1 | known; flags; end of the held lines 8; messages held 1; systems 1;
 * reserved 1; then two bits per message held, oldest first: how its time was resolved; then the order of the systems. */
static size_t zos_save(const void *state, uint8_t *bytes)
{
	const struct zos_state *zos = state;
	const struct zos_set *set = &zos->set;
	size_t marks = (set->count + 3) / 4;
	uint8_t *at = bytes + SAVE_FIXED;
	size_t order;

	if (zos->replaying) {
		memcpy(bytes, zos->saved, zos->saved_size);
		return zos->saved_size;
	}
	memset(bytes, 0, SAVE_FIXED + marks);
	bytes[0] = SAVE_VERSION;
	bytes[1] = layout_byte(zos->layout);
	bytes[2] = (uint8_t)((set->tail >= 0 ? SAVED_TAIL : 0) | (set->count ? SAVED_HELD : 0));
	wire_put_i64(bytes + 3, set->count ? zos_set_held_end(set) : 0);
	bytes[11] = (uint8_t)set->count;
	for (size_t i = 0; i < set->count; i++) {
		const struct zos_instant *instant = &set->slots[set->order[i]].instant;
		unsigned mark = (instant->pass ? MARK_SECOND_PASS : 0u) | (instant->ambiguous ? MARK_AMBIGUOUS : 0u);

		at[i / 4] = (uint8_t)(at[i / 4] | mark << i % 4 * 2);
	}
	order = zos_clock_save(&zos->clock, at + marks);
	bytes[12] = (uint8_t)(order / ZOS_ORDER_SIZE);
	return SAVE_FIXED + marks + order;
}

static enum lg_rc zos_load(void *state, const uint8_t *bytes, size_t size)
{
	struct zos_state *zos = state;
	struct zos_layout layout;
	size_t marks;

	if (size < SAVE_FIXED || size > LG_PARSER_STATE_MAX || bytes[0] != SAVE_VERSION || bytes[11] > ZOS_OPEN_MAX)
		return LG_INVALID;
	marks = ((size_t)bytes[11] + 3) / 4;
	layout = (struct zos_layout){
	        .origin = bytes[1] >> 4, .cropped = bytes[1] >> 3 & 1, .shift = bytes[1] >> 1 & ZOS_SHIFT, .known = bytes[1] & 1};
	if (layout.origin > ZOS_ORIGIN_MAX || layout_byte(layout) != bytes[1] || bytes[2] > (SAVED_TAIL | SAVED_HELD) ||
	        size != SAVE_FIXED + marks + (size_t)bytes[12] * ZOS_ORDER_SIZE)
		return LG_INVALID;
	if (!zos_clock_load(&zos->clock, bytes + SAVE_FIXED + marks, (size_t)bytes[12] * ZOS_ORDER_SIZE))
		return LG_INVALID;
	zos->layout = layout;
	zos->replaying = bytes[2] & SAVED_HELD;
	zos->replay_tail = bytes[2] & SAVED_TAIL;
	zos->replay_end = wire_get_i64(bytes + 3);
	zos->replay_count = bytes[11];
	for (size_t i = 0; i < zos->replay_count; i++)
		zos->replay_marks[i] = bytes[SAVE_FIXED + i / 4] >> i % 4 * 2 & 3;
	memcpy(zos->saved, bytes, size);
	zos->saved_size = size;
	return LG_OK;
}

const struct lg_parser zos_syslog_parser = {
        .name = "zos-syslog",
        .doc = "z/OS SYSLOG (hardcopy log): columns, multi-line messages, message ids, local time of the issuing system.",
        .options = zos_options,
        .conf_size = sizeof(struct zos_conf),
        .fields = zos_record_fields,
        .state_size = sizeof(struct zos_state),
        .check = zos_check,
        .init = zos_init,
        .constants = zos_record_constants,
        .line = zos_line,
        .tick = zos_tick,
        .flush = zos_flush,
        .held = zos_held,
        .save = zos_save,
        .load = zos_load,
        .fini = zos_fini,
        .explain = zos_explain_line,
        .layout = zos_explain_layout,
};
