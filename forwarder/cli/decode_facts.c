#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/decode.h"
#include "config/option.h"

static void count_system(struct decode_facts *facts, struct lg_str name)
{
	facts->with_system++;
	for (size_t i = 0; i < facts->system_count; i++) {
		if (lg_str_is(name, facts->systems[i].name)) {
			facts->systems[i].records++;
			return;
		}
	}
	if (facts->system_count == DECODE_SYSTEMS_MAX || name.size >= sizeof(facts->systems[0].name)) {
		facts->more_systems = true;
		return;
	}
	memcpy(facts->systems[facts->system_count].name, name.data, name.size);
	facts->systems[facts->system_count++].records = 1;
}

static void facts_line(struct decode_watch *watch, const struct lg_line *line, const uint8_t *raw, const struct lg_parser *parser,
                       const void *state)
{
	(void)raw, (void)parser, (void)state;
	((struct decode_facts *)watch)->bytes = line->end;
}

static void facts_record(struct decode_watch *watch, struct lg_draft *draft)
{
	struct decode_facts *facts = (struct decode_facts *)watch;

	facts->records++;
	for (size_t i = 0; i < draft->field_count; i++) {
		const struct lg_value *value = &draft->fields[i];

		if (value->field == LG_F_ZOS_SYSNAME)
			count_system(facts, value->text);
		else if (value->field == LG_F_ORPHAN)
			facts->orphans += value->number != 0;
		else if (value->field == LG_F_ZOS_MESSAGE_INCOMPLETE)
			facts->incomplete += value->number != 0;
	}
	if (draft->time_ns == LG_TIME_UNKNOWN) {
		facts->undated++;
		return;
	}
	if (facts->first_ns == LG_TIME_UNKNOWN || draft->time_ns < facts->first_ns)
		facts->first_ns = draft->time_ns;
	if (facts->last_ns == LG_TIME_UNKNOWN || draft->time_ns > facts->last_ns)
		facts->last_ns = draft->time_ns;
}

static void facts_end(struct decode_watch *watch, const struct lg_stream_stats *stats, const struct lg_parser *parser,
                      const void *state)
{
	struct decode_facts *facts = (struct decode_facts *)watch;

	facts->stats = *stats;
	lg_buf_clear(&facts->layout);
	if (parser->layout)
		parser->layout(state, &facts->layout);
}

void decode_facts_init(struct decode_facts *facts)
{
	*facts = (struct decode_facts){
		.watch = {facts_line, facts_record, facts_end}, .first_ns = LG_TIME_UNKNOWN, .last_ns = LG_TIME_UNKNOWN};
}

void decode_facts_fini(struct decode_facts *facts)
{
	lg_buf_fini(&facts->layout);
}

bool decode_facts_syslog(const struct decode_facts *facts)
{
	return facts->with_system > 0 && facts->with_system * 2 >= facts->records;
}

/* "1 orphan line", "1,234 orphan lines" */
static void put_count(struct lg_buf *out, uint64_t count, const char *one, const char *many)
{
	char text[28];

	lg_buf_printf(out, "%s %s", text_format_count(count, text), count == 1 ? one : many);
}

static void put_time(struct lg_buf *out, int64_t ns, bool utc)
{
	char text[32];
	size_t size;

	clock_format_utc(ns, 2, text);
	size = strlen(text);
	if (!utc) {
		text[10] = ' ';
		size--;
	}
	lg_buf_append(out, text, size);
}

static void put_times(const struct decode_facts *facts, const struct decode_options *options, struct lg_buf *out)
{
	lg_buf_append_cstr(out, "  time       ");
	put_time(out, facts->first_ns, options->timezone);
	lg_buf_append_cstr(out, " to ");
	put_time(out, facts->last_ns, options->timezone);
	lg_buf_append_cstr(out, options->timezone ? "\n" : ", local time of the systems\n");
}

static void put_systems(const struct decode_facts *facts, struct lg_buf *out)
{
	lg_buf_append_cstr(out, "  systems    ");
	for (size_t i = 0; i < facts->system_count; i++) {
		lg_buf_printf(out, "%s%s (", i ? ", " : "", facts->systems[i].name);
		put_count(out, facts->systems[i].records, "record)", "records)");
	}
	lg_buf_append_cstr(out, facts->more_systems ? " and more\n" : "\n");
}

static void put_trouble(const struct lg_stream_stats *stats, struct lg_buf *out)
{
	if (stats->substitutions) {
		lg_buf_append_cstr(out, "  warning    ");
		put_count(out, stats->substitutions, "place is", "places are");
		lg_buf_append_cstr(out, " not valid in the encoding and become U+FFFD\n");
	}
	if (stats->oversize) {
		lg_buf_append_cstr(out, "  warning    ");
		put_count(out, stats->oversize, "record is", "records are");
		lg_buf_append_cstr(out, " longer than max_record_size\n");
	}
	if (stats->broken) {
		lg_buf_append_cstr(out, "  warning    ");
		put_count(out, stats->broken, "chain", "chains");
		lg_buf_append_cstr(out, " of segments without the first or the last one: is the transfer complete?\n");
	}
	if (stats->torn)
		lg_buf_append_cstr(out, "  warning    the file ends within a record: is the transfer complete?\n");
}

void decode_facts_print(const struct decode_facts *facts, const struct decode_options *options, struct lg_buf *out)
{
	bool syslog = decode_facts_syslog(facts);
	char size[16];

	lg_buf_printf(out, "  size       %s in ", text_format_size((uint64_t)facts->bytes, size));
	put_count(out, facts->stats.lines, "physical record\n", "physical records\n");
	if (syslog)
		lg_buf_printf(out, "  content    z/OS SYSLOG: %.*s\n", (int)facts->layout.size,
		              facts->layout.size ? (char *)facts->layout.data : "");
	else
		lg_buf_append_cstr(out, "  content    text; no z/OS SYSLOG recognised in it\n");
	if (facts->system_count)
		put_systems(facts, out);
	if (facts->first_ns != LG_TIME_UNKNOWN)
		put_times(facts, options, out);
	lg_buf_append_cstr(out, "  records    ");
	put_count(out, facts->records, "record", "records");
	if (syslog) {
		lg_buf_append_cstr(out, ", ");
		put_count(out, facts->orphans, "orphan line", "orphan lines");
		if (facts->incomplete) {
			lg_buf_append_cstr(out, ", ");
			put_count(out, facts->incomplete, "incomplete message", "incomplete messages");
		}
	}
	lg_buf_append_char(out, '\n');
	put_trouble(&facts->stats, out);
}

/* The file's name as the name of an input: letters, digits and _ . - */
static void put_name(const char *file, struct lg_buf *out)
{
	const char *slash = strrchr(file, '/');
	size_t n = 0;

	for (const char *p = slash ? slash + 1 : file; *p && n < 40; p++) {
		char c = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (n && (c == '-' || c == '.' || c == '_'))) {
			lg_buf_append_char(out, c);
			n++;
		}
	}
	if (!n)
		lg_buf_append_cstr(out, "syslog");
}

void decode_facts_block(const struct decode_facts *facts, const struct decode_options *options, const struct lg_stream_conf *conf,
                        struct lg_buf *out)
{
	bool pipe = strcmp(options->file, "-") == 0;
	char *path = pipe ? NULL : realpath(options->file, NULL);

	(void)facts;
	lg_buf_append_cstr(out, "inputs:\n  - name: ");
	put_name(pipe ? "" : options->file, out);
	lg_buf_append_cstr(out, "\n    type: file\n    path: ");
	option_put_scalar(out, lg_str_from(path ? path : pipe ? "/path/to/the/file" : options->file));
	lg_buf_printf(out, "\n    encoding: %s\n    framing: %s\n", conf->encoding, lg_framing_name(conf->framing));
	if (conf->framing == LG_FRAMING_FIXED)
		lg_buf_printf(out, "    lrecl: %lld\n", (long long)conf->lrecl);
	if (conf->newline)
		lg_buf_printf(out, "    newline: %s\n", options->newline);
	if (conf->carriage_control)
		lg_buf_printf(out, "    carriage_control: %s\n", options->carriage_control);
	lg_buf_printf(out, "    parser: %s\n", conf->parser->name);
	if (options->multiline && options->multiline[0] == '{')
		lg_buf_printf(out, "    multiline: %s\n", options->multiline);
	else if (options->multiline)
		lg_buf_printf(out, "    multiline: {pattern: %s}\n", options->multiline);
	for (const struct lg_option *row = conf->parser->options; row && row->name; row++) {
		if (strcmp(row->name, "timezone") != 0)
			continue;
		if (options->timezone)
			lg_buf_printf(out, "    timezone: %s\n", options->timezone);
		else
			lg_buf_append_cstr(out, "    timezone:   # fill in the systems' zone, such as America/New_York\n");
	}
	free(path);
}
