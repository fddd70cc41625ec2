#include "codec/multiline.h"

#include <stdlib.h>

#include "base/mem.h"

#define KEPT_BYTES 16384 /* room for text that an idle stream may keep */

enum lg_rc multiline_new(struct multiline **multiline, const struct lg_multiline_conf *conf, struct multiline_sink *sink,
                         struct lg_err *err)
{
	struct multiline_rules *rules;
	const char *option;
	struct lg_err why;
	size_t at;

	*multiline = NULL;
	if (!lg_multiline_wanted(conf))
		return LG_OK;
	if (multiline_rules_acquire(&rules, conf, &option, &at, &why) != LG_OK)
		return lg_err_set(err, why.rc, "multiline: %s: %s", option, why.text);
	*multiline = mem_zalloc(sizeof(**multiline));
	(*multiline)->conf = conf;
	(*multiline)->rules = rules;
	(*multiline)->sink = sink;
	return LG_OK;
}

void multiline_free(struct multiline *m)
{
	if (!m)
		return;
	multiline_rules_release(m->rules);
	lg_buf_fini(&m->text);
	free(m);
}

static void hand_on(struct multiline *m, bool incomplete)
{
	struct lg_line line = m->open;

	if (!m->lines)
		return;
	line.text = lg_buf_str(&m->text);
	/* A line of which all parts are here, or the first, is none in parts any more; the rest of one that a limit cut still is. */
	if (m->pieces > 1 && line.part == 1)
		line.part = 0;
	if (m->pieces > 1)
		line.parts = 0;
	m->lines = m->pieces = 0;
	m->partial = false;
	m->sink->take(m->sink, &line, incomplete);
	if (m->text.cap > KEPT_BYTES)
		lg_buf_fini(&m->text);
	else
		lg_buf_clear(&m->text);
}

static void begin(struct multiline *m, const struct lg_line *line)
{
	m->open = *line;
	m->lines = 1;
	/* The rest of a line says nothing about what the line is. */
	m->state = line->part > 1 ? MULTILINE_PLAIN : multiline_first(m->rules, line->text, &m->undecided);
	lg_buf_append_str(&m->text, line->text);
}

static void join(struct multiline *m, const struct lg_line *line, struct lg_str separator)
{
	lg_buf_append_str(&m->text, separator);
	lg_buf_append_str(&m->text, line->text);
	m->lines += line->part <= 1;
	m->open.end = line->end;
	m->open.truncated |= line->truncated;
}

static struct lg_str separator_of(const struct multiline *m)
{
	static const char *const separators[] = {"\n", " ", ""};

	return lg_str_from(separators[m->conf->join]);
}

void multiline_line(struct multiline *m, const struct lg_line *line)
{
	bool rest = m->lines && m->partial && line->part > 1;
	struct lg_str separator = rest ? (struct lg_str){"", 0} : separator_of(m);
	bool joins = rest || (m->lines && multiline_joins(m->rules, line->text, &m->state, &m->undecided));

	if (!joins) {
		hand_on(m, false);
	} else if (m->lines + !rest > (size_t)m->conf->max_lines ||
	           m->text.size + separator.size + line->text.size > m->conf->max_bytes) {
		hand_on(m, true);
		joins = false;
	}
	if (joins)
		join(m, line, separator);
	else
		begin(m, line);
	m->pieces++;
	m->active_ns = line->received_ns;
	m->partial = line->part > 0 && !line->parts;
	if (!m->partial && multiline_ends(m->rules, line->text, &m->undecided))
		hand_on(m, false);
}

int64_t multiline_tick(struct multiline *m, int64_t utc_ns)
{
	if (m->lines && m->active_ns <= utc_ns - m->conf->timeout_ns)
		hand_on(m, false);
	return m->lines ? m->active_ns + m->conf->timeout_ns : INT64_MAX;
}

void multiline_flush(struct multiline *m)
{
	hand_on(m, false);
}

bool multiline_held(const struct multiline *m, struct lg_range *range)
{
	if (m->lines)
		*range = (struct lg_range){m->open.begin, m->open.end};
	return m->lines > 0;
}
