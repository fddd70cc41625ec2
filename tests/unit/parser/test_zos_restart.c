/* The promise of a position: stopped at any line boundary and started again from what was saved, with the lines skipped that are
 * inside emitted records, the parser emits exactly what it would have emitted without the stop. Tried at every boundary of
 * generated logs with interleaved messages of several systems, in the hour that the autumn change repeats. */
#include "parser_rig.h"

static const struct zos_conf new_york = {.timezone = "America/New_York", .multiline_timeout_ns = 5 * CLOCK_SECOND};

struct corpus {
	char **lines;
	int64_t *begin; /* begin[count] is the end */
	size_t count, cap, begin_cap;
};

enum { CLOCK_SIZE = 60 };

struct maker {
	uint64_t random;
	struct corpus corpus;
	bool year4, asa;
	int minutes; /* of the local time */
	int ids[6];  /* of messages that may still be open */
};

static uint32_t below(struct maker *m, uint32_t limit)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (uint32_t)(m->random >> 11) % limit;
}

static void add(struct maker *m, const char *line)
{
	struct corpus *c = &m->corpus;

	c->lines = mem_grow(c->lines, &c->cap, c->count + 1, sizeof(*c->lines));
	c->begin = mem_grow(c->begin, &c->begin_cap, c->count + 2, sizeof(*c->begin));
	if (!c->count)
		c->begin[0] = 1000;
	c->begin[c->count + 1] = c->begin[c->count] + (int64_t)strlen(line) + 1;
	c->lines[c->count++] = mem_strdup(line);
}

/* From 00:50 to 01:59, twice through the hour, and on to 02:30. */
static void put_clock(struct maker *m, char text[CLOCK_SIZE])
{
	int local = m->minutes;

	if (local >= 120)
		local -= 60;
	snprintf(text, CLOCK_SIZE, "%s305 %02d:%02d:%02d.%02u", m->year4 ? "2026" : "26", local / 60 % 24, local % 60,
	        (int)below(m, 60), below(m, 100));
	if (!below(m, 4))
		m->minutes += (int)below(m, 4);
	if (m->minutes > 210)
		m->minutes = 210;
}

static void add_head(struct maker *m, const char *type, const char *text)
{
	char line[400], clock[CLOCK_SIZE];

	put_clock(m, clock);
	snprintf(line, sizeof(line), "%s%s0080000 SYS%u     %s %-8s 00000090  %s", m->asa ? " " : "", type, below(m, 4), clock,
	        below(m, 2) ? "STC00042" : "", text);
	add(m, line);
}

static void add_minor(struct maker *m, char type, int id, const char *text)
{
	char line[400];

	snprintf(line, sizeof(line), "%s%c%*s%03d 00000090  %s", m->asa ? " " : "", type, m->year4 ? 43 : 41, "", id, text);
	add(m, line);
}

static void add_more(struct maker *m, const char *text)
{
	char line[400];

	snprintf(line, sizeof(line), "%sS%*s%s", m->asa ? " " : "", m->year4 ? 57 : 55, "", text);
	add(m, line);
}

static void add_message(struct maker *m, unsigned serial)
{
	char text[100];
	int *id = &m->ids[below(m, 6)];

	/* Few ids, so that systems use the same ones at the same time. */
	*id = 100 + (int)below(m, 8);
	if (below(m, 3))
		snprintf(text, sizeof(text), "ABC%03uI MESSAGE %u %03d", serial % 1000, serial, *id);
	else
		snprintf(text, sizeof(text), "ICH408I USER(U%u) GROUP(G) NAME(N)", serial);
	add_head(m, below(m, 6) ? "M " : "MR", text);
	if (text[0] == 'I' || !below(m, 8)) {
		snprintf(text, sizeof(text), "%03d", *id);
		add_more(m, text);
	}
}

static void add_random(struct maker *m, unsigned serial, unsigned noise)
{
	char text[100];
	unsigned dice = below(m, 100);

	snprintf(text, sizeof(text), "TEXT %u", serial);
	if (noise && dice < noise) {
		static const char *const junk[] = {"1     SDSF  SYSLOG  PRINT", "", "  ", "junk", "Zz", "D IS NO MINOR LINE"};

		add(m, junk[below(m, 6)]);
	} else if (dice < 45) {
		add_message(m, serial);
	} else if (dice < 80) {
		add_minor(m, "DDDDEL"[below(m, 6)], below(m, 10) ? m->ids[below(m, 6)] : 100 + (int)below(m, 10), text);
	} else if (dice < 84) {
		add_more(m, text);
	} else {
		snprintf(text, sizeof(text), "%sXYZ%03uE TEXT %u", below(m, 5) ? "" : "+", serial % 1000, serial);
		add_head(m, below(m, 3) ? "N " : below(m, 2) ? "NC" : "X ", text);
	}
}

static struct corpus make_corpus(uint64_t seed, unsigned lines, unsigned noise)
{
	struct maker m = {.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1, .minutes = 50, .year4 = seed & 1, .asa = seed & 2};

	for (int i = 0; i < 6; i++)
		m.ids[i] = 100 + i;
	for (unsigned i = 0; m.corpus.count < lines; i++) {
		if (!below(&m, 150))
			m.year4 = !m.year4;
		add_random(&m, i, noise);
	}
	return m.corpus;
}

static void free_corpus(struct corpus *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->lines[i]);
	free(c->lines);
	free(c->begin);
}

static void feed(struct rig *rig, const struct corpus *c, size_t line)
{
	rig->offset = c->begin[line];
	rig_line(rig, c->lines[line], strlen(c->lines[line]));
}

/* What the stream keeps of a parser: its state, and which lines are to be given again. */
struct saved {
	uint8_t state[LG_PARSER_STATE_MAX];
	size_t size;
	struct lg_range held[LG_HELD_MAX];
	size_t held_count;
	int64_t offset;
};

static void save(const struct rig *rig, int64_t offset, struct saved *saved)
{
	saved->size = zos_syslog_parser.save(rig->state, saved->state);
	assert_true(saved->size <= LG_PARSER_STATE_MAX);
	saved->held_count = zos_syslog_parser.held(rig->state, saved->held, LG_HELD_MAX);
	saved->offset = offset;
	for (size_t i = 0; i < saved->held_count; i++) {
		assert_true(saved->held[i].begin < saved->held[i].end && saved->held[i].end <= offset);
		assert_true(!i || saved->held[i - 1].end < saved->held[i].begin);
	}
}

static bool to_feed(const struct saved *saved, int64_t begin)
{
	for (size_t i = 0; i < saved->held_count; i++)
		if (begin >= saved->held[i].begin && begin < saved->held[i].end)
			return true;
	return begin >= saved->offset;
}

static void restart(struct rig *rig, const struct saved *saved)
{
	rig_stop(rig);
	rig_start(rig);
	assert_int_equal(zos_syslog_parser.load(rig->state, saved->state, saved->size), LG_OK);
}

static void assert_same(
        const struct rig *whole, const struct rig *before, size_t before_count, const struct rig *after, size_t line)
{
	if (before_count + after->count != whole->count)
		fail_msg("stopped after line %zu: %zu + %zu records instead of %zu", line, before_count, after->count,
		        whole->count);
	for (size_t i = 0; i < whole->count; i++) {
		const char *record = i < before_count ? before->records[i] : after->records[i - before_count];

		if (strcmp(record, whole->records[i]))
			fail_msg("stopped after line %zu: record %zu is\n%s\ninstead of\n%s", line, i, record, whole->records[i]);
	}
}

static void run_whole(struct rig *whole, const struct corpus *c)
{
	rig_init(whole, &zos_syslog_parser, &new_york);
	for (size_t i = 0; i < c->count; i++)
		feed(whole, c, i);
	rig_flush(whole);
}

/* Restarts behind every line; with `twice` a second time in the middle of giving the held lines again. */
static void try_every_boundary(const struct corpus *c, bool twice)
{
	struct rig whole, running, again;

	run_whole(&whole, c);
	rig_init(&running, &zos_syslog_parser, &new_york);
	rig_init(&again, &zos_syslog_parser, &new_york);
	for (size_t stop = 0; stop < c->count; stop++) {
		struct saved saved, second;
		bool kill_again = twice;
		size_t replayed = 0;

		feed(&running, c, stop);
		save(&running, c->begin[stop + 1], &saved);
		restart(&again, &saved);
		for (size_t i = 0; i < c->count; i++) {
			if (!to_feed(&saved, c->begin[i]))
				continue;
			feed(&again, c, i);
			if (kill_again && c->begin[i + 1] < saved.offset && ++replayed == 1 + stop % 5) {
				/* Killed in the middle: the position saved now must still say what the one before said. */
				assert_int_equal(again.count, 0);
				second.size = zos_syslog_parser.save(again.state, second.state);
				assert_int_equal(second.size, saved.size);
				assert_memory_equal(second.state, saved.state, saved.size);
				restart(&again, &saved);
				kill_again = false;
				i = (size_t)-1; /* from the first line again */
			}
		}
		rig_flush(&again);
		assert_same(&whole, &running, running.count, &again, stop + 1);
		rig_clear(&again);
	}
	rig_fini(&whole);
	rig_fini(&running);
	rig_fini(&again);
}

static void a_restart_at_any_line_changes_no_record(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct corpus c = make_corpus(seed, 220, 0);

		try_every_boundary(&c, false);
		free_corpus(&c);
	}
}

static void nor_where_headings_and_junk_lie_between_the_lines(void **state)
{
	(void)state;
	for (uint64_t seed = 11; seed <= 18; seed++) {
		struct corpus c = make_corpus(seed, 220, seed % 2 ? 12 : 30);

		try_every_boundary(&c, false);
		free_corpus(&c);
	}
}

static void nor_a_second_restart_before_all_held_lines_came_again(void **state)
{
	(void)state;
	for (uint64_t seed = 21; seed <= 26; seed++) {
		struct corpus c = make_corpus(seed, 160, 10);

		try_every_boundary(&c, true);
		free_corpus(&c);
	}
}

/* Many restarts in one run, at random lines: the state must not decay. */
static void many_restarts_in_one_run_change_no_record(void **state)
{
	(void)state;
	for (uint64_t seed = 31; seed <= 36; seed++) {
		struct corpus c = make_corpus(seed, 3000, 8);
		struct maker dice = {.random = seed * 7919};
		struct rig whole, rig;

		run_whole(&whole, &c);
		rig_init(&rig, &zos_syslog_parser, &new_york);
		for (size_t i = 0; i < c.count; i++) {
			struct saved saved;

			feed(&rig, &c, i);
			if (below(&dice, 40))
				continue;
			save(&rig, c.begin[i + 1], &saved);
			restart(&rig, &saved);
			for (size_t j = 0; j <= i; j++)
				if (to_feed(&saved, c.begin[j]))
					feed(&rig, &c, j);
		}
		rig_flush(&rig);
		assert_same(&whole, &rig, rig.count, &(struct rig){0}, c.count);
		rig_fini(&whole);
		rig_fini(&rig);
		free_corpus(&c);
	}
}

/* How often `text` stands in the bodies as words of their own. */
static size_t count_in_bodies(const struct rig *rig, const char *text)
{
	size_t size = strlen(text), seen = 0;

	for (size_t r = 0; r < rig->count; r++) {
		const char *body = rig_body(rig, r);

		for (const char *at = strstr(body, text); at; at = strstr(at + 1, text))
			seen += !at[size] || at[size] == '\n' || at[size] == ' ';
	}
	return seen;
}

static void every_line_is_in_exactly_one_record(void **state)
{
	(void)state;
	for (uint64_t seed = 41; seed <= 44; seed++) {
		struct corpus c = make_corpus(seed, 1000, 8);
		struct rig rig;

		run_whole(&rig, &c);
		for (size_t i = 0; i < c.count; i++) {
			const char *serial = strstr(c.lines[i], "TEXT ");

			if (serial && count_in_bodies(&rig, serial) != 1)
				fail_msg("%s is in %zu records", c.lines[i], count_in_bodies(&rig, serial));
		}
		rig_fini(&rig);
		free_corpus(&c);
	}
}

static void damaged_state_is_refused(void **state)
{
	uint8_t bytes[LG_PARSER_STATE_MAX];
	struct rig rig;
	size_t size;

	(void)state;
	rig_init(&rig, &zos_syslog_parser, &new_york);
	rig_lines(&rig, "M 0080000 SYS1     26305 01:00:00.00          00000090  ABC123I OPEN 100\n");
	size = zos_syslog_parser.save(rig.state, bytes);
	for (size_t cut = 0; cut < size; cut++) {
		rig_stop(&rig);
		rig_start(&rig);
		assert_int_equal(zos_syslog_parser.load(rig.state, bytes, cut), LG_INVALID);
	}
	bytes[0]++;
	assert_int_equal(zos_syslog_parser.load(rig.state, bytes, size), LG_INVALID);
	bytes[0]--;
	bytes[1] = 0xf0;
	assert_int_equal(zos_syslog_parser.load(rig.state, bytes, size), LG_INVALID);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_restart_at_any_line_changes_no_record),
	        cmocka_unit_test(nor_where_headings_and_junk_lie_between_the_lines),
	        cmocka_unit_test(nor_a_second_restart_before_all_held_lines_came_again),
	        cmocka_unit_test(many_restarts_in_one_run_change_no_record),
	        cmocka_unit_test(every_line_is_in_exactly_one_record),
	        cmocka_unit_test(damaged_state_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
