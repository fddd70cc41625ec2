/* The page of `lugger status`: what needs a person first, then the spool, inputs and outputs, a row each. Rows fit 80 columns unless a name is
 * long; sentences are wrapped. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "run/status.h"

#define BAR_CELLS 20
#define NAME_MIN 14
#define NAME_MAX 30 /* longer ones push their own row */

struct paint {
	const char *bold, *good, *bad, *dim, *off;
};

struct page {
	struct lg_buf *out;
	struct paint paint;
	int width; /* columns, 0: no end */
	int names; /* columns of the names */
};

static struct paint paint_for(bool color)
{
	static const struct paint ansi = {"\033[1m", "\033[32m", "\033[31;1m", "\033[2m", "\033[0m"}, plain = {"", "", "", "", ""};

	return color ? ansi : plain;
}

/* Bytes of text that fit `room` columns, broken at a space where there is one. Every character counts as one column. */
static size_t line_size(const char *text, int room)
{
	size_t at = 0, space = 0;

	for (int column = 0; text[at] && column < room; column++) {
		size_t size = text_utf8_length((const uint8_t *)text + at, strlen(text + at));

		if (text[at] == ' ' && at)
			space = at;
		at += size ? size : 1;
	}
	if (!text[at] || text[at] == ' ')
		return at;
	return space ? space : at;
}

/* The text from column `indent` on, where the cursor is already; further lines are indented so. */
static void put_wrapped(const struct page *page, int indent, const char *text)
{
	int room = page->width - indent;

	while (page->width && room > 20 && *text) {
		size_t size = line_size(text, room);

		lg_buf_append(page->out, text, size);
		text += size;
		while (*text == ' ')
			text++;
		if (*text)
			lg_buf_printf(page->out, "\n%*s", indent, "");
	}
	lg_buf_printf(page->out, "%s\n", text);
}

static const char *age_text(double seconds, const char *after, char out[32])
{
	char text[24];

	if (seconds < 0)
		snprintf(out, 32, "-");
	else
		snprintf(out, 32, "%s%s", text_format_duration((int64_t)(seconds * 1e9), text), after);
	return out;
}

/* ---- head ---- */

static void put_sentence(void *arg, const char *sentence)
{
	const struct page *page = arg;

	lg_buf_printf(page->out, "%s!%s ", page->paint.bad, page->paint.off);
	put_wrapped(page, 2, sentence);
}

static void put_title(const struct status *status, const struct page *page)
{
	const struct paint *p = &page->paint;
	char up[24], rss[16];

	if (status->running)
		lg_buf_printf(page->out, "%slugger %s%s  up %s, pid %lld, %s resident", p->bold, LUGGER_VERSION, p->off,
		              text_format_duration((int64_t)(status->uptime_seconds * 1e9), up), (long long)status->pid,
		              text_format_size(status->rss_bytes, rss));
	else
		lg_buf_printf(page->out, "%slugger %s%s  %sNOT RUNNING%s, as its files say", p->bold, LUGGER_VERSION, p->off, p->bad, p->off);
	if (status_needs_person(status))
		lg_buf_append_char(page->out, '\n');
	else
		lg_buf_printf(page->out, "  %sall flows%s\n", p->good, p->off);
}

/* Of what the quota leaves to the log; what only the files tell is measured by their size. */
static void put_bar(const struct status *status, const struct page *page)
{
	const struct spool_stat *spool = &status->spool;
	unsigned percent = spool->fill_percent, cells;
	const char *word = status->dropping ? ", FULL, DROPPING" : spool->full ? ", FULL" : status->losing ? ", LOSING" : "";
	char used[16], quota[16];

	if (!status->running && spool->quota_bytes)
		percent = (unsigned)(spool->bytes * 100 / spool->quota_bytes);
	cells = percent >= 100 ? BAR_CELLS : (percent * BAR_CELLS + 50) / 100;
	lg_buf_printf(page->out, "%sSPOOL%s  [%s", page->paint.bold, page->paint.off, *word ? page->paint.bad : page->paint.good);
	for (unsigned i = 0; i < BAR_CELLS; i++)
		lg_buf_append_char(page->out, i < cells ? '#' : '.');
	lg_buf_printf(page->out, "%s] %u %%%s, %s of %s on disk%s%s%s\n", page->paint.off, percent, status->running ? " undelivered" : "",
	              text_format_size(spool->bytes, used), text_format_size(spool->quota_bytes, quota), page->paint.bad, word, page->paint.off);
}

static void put_encryption(const struct spool_encryption *encryption, const struct page *page)
{
	if (!encryption->key_id && !encryption->next_key_id)
		lg_buf_append_cstr(page->out, "not encrypted");
	else if (!encryption->key_id)
		lg_buf_printf(page->out, "not encrypted yet, key %u from the next segment on", encryption->next_key_id);
	else
		lg_buf_printf(page->out, "encrypted with key %u", encryption->key_id);
	if (encryption->key_id && encryption->next_key_id && encryption->next_key_id != encryption->key_id)
		lg_buf_printf(page->out, ", key %u from the next segment on", encryption->next_key_id);
	if (encryption->keys_known)
		lg_buf_printf(page->out, " (%u known)", encryption->keys_known);
}

static void put_spool(const struct status *status, const struct page *page)
{
	const struct spool_stat *spool = &status->spool;
	char count[28], age[32];

	put_bar(status, page);
	lg_buf_printf(page->out, "       %s records from %llu on", text_format_count(spool->next_seq - spool->first_seq, count),
	              (unsigned long long)spool->first_seq);
	if (status->oldest_seconds > 0)
		lg_buf_printf(page->out, ", the oldest of %s", age_text(status->oldest_seconds, " ago", age));
	if (status->held_by[0])
		lg_buf_printf(page->out, ", held by %s", status->held_by);
	if (strcmp(status->when_full, "block") != 0)
		lg_buf_printf(page->out, ", when full %s", status->when_full);
	lg_buf_append_cstr(page->out, "\n       ");
	put_encryption(&spool->encryption, page);
	if (spool->quarantine_pieces)
		lg_buf_printf(page->out, ", %llu piece%s in quarantine", (unsigned long long)spool->quarantine_pieces,
		              spool->quarantine_pieces == 1 ? "" : "s");
	lg_buf_append_char(page->out, '\n');
}

/* ---- rows ---- */

static void put_name(const char *name, const char *state, bool ill, const struct page *page)
{
	lg_buf_printf(page->out, "%-*s %s%-11s%s", page->names, name, ill ? page->paint.bad : page->paint.good, state, page->paint.off);
}

/* A detail below a row, dim. */
static void put_detail(const struct page *page, const char *text)
{
	if (!*text)
		return;
	lg_buf_printf(page->out, "  %s", page->paint.dim);
	put_wrapped(page, 2, text);
	page->out->size--; /* the colour ends before the line does */
	lg_buf_printf(page->out, "%s\n", page->paint.off);
}

/* What was not as the settings say: "3 characters are not in the encoding, 1 chain of segments is broken". */
static void put_faults(const struct lg_input_report *report, const struct page *page)
{
	const struct {
		uint64_t count;
		const char *one, *many;
	} faults[] = {
		{report->substitutions, "character is not in the encoding", "characters are not in the encoding"},
		{report->broken, "chain of segments is broken", "chains of segments are broken"},
		{report->torn, "record was cut off by the end of its file", "records were cut off by the end of their files"},
		{report->undecided, "line is too much for a pattern of multiline", "lines are too much for a pattern of multiline"},
	};
	char text[200] = "", count[28];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (faults[i].count && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %s", n ? ", " : "", text_format_count(faults[i].count, count),
			                      faults[i].count == 1 ? faults[i].one : faults[i].many);
	put_detail(page, text);
}

static void put_input(const struct status_input *input, const struct page *page)
{
	char count[28], lag[16], last[32], rate[28], text[160];

	put_name(input->name, input->w.state, status_input_ill(input), page);
	lg_buf_printf(page->out, " %13s %8s/s %9s  %s\n", text_format_count(input->w.records, count),
	              text_format_count((uint64_t)(input->w.rate + 0.5), rate), text_format_size(input->w.report.lag_bytes, lag),
	              age_text(input->last_record_seconds, " ago", last));
	put_detail(page, input->w.report.note);
	put_faults(&input->w.report, page);
	if (input->w.lost) {
		snprintf(text, sizeof(text), "%llu lost since the start: %llu not admitted, %llu dropped by the full spool", (unsigned long long)input->w.lost,
		         (unsigned long long)input->w.shed, (unsigned long long)input->w.dropped);
		put_detail(page, text);
	}
}

/* When it will be caught up, in at most 13 characters. */
static const char *when_text(const struct status *status, const struct status_output *output, char out[32])
{
	char text[24];

	if (!output->s.lag_records)
		snprintf(out, 32, "caught up");
	else if (output->s.retry_in_ns > 0)
		snprintf(out, 32, "try in %lld s", (long long)((output->s.retry_in_ns + 999999999) / 1000000000));
	else if (output->eta_seconds >= 0)
		snprintf(out, 32, "in %s", text_format_duration((int64_t)(output->eta_seconds * 1e9), text));
	else
		snprintf(out, 32, "%s", !status->running || output->orphaned || output->detached ? "-" : "not yet");
	return out;
}

static void put_counts(const struct status_output *output, const struct page *page)
{
	const struct {
		uint64_t count;
		const char *what;
	} counts[] = {{output->s.records, "settled"}, {output->s.filtered, "not wanted"}, {output->s.repeats, "sent again"},
	              {output->s.dead, "in dead letters"}, {output->s.lost, "lost"}, {output->s.dropped, "of them dropped by the full spool"}};
	char text[1400] = "", count[28];
	size_t size = 0;

	if (output->s.report.peer[0])
		size = (size_t)snprintf(text, sizeof(text), "to %s", output->s.report.peer);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]) && size < sizeof(text) - 64; i++)
		if (counts[i].count)
			size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%s %s", size ? ", " : "",
			                         text_format_count(counts[i].count, count), counts[i].what);
	if (output->s.report.note[0] && size < sizeof(text) - 64)
		snprintf(text + size, sizeof(text) - size, "%s%s", size ? "; " : "", output->s.report.note);
	put_detail(page, text);
}

static void put_servers(const struct lg_output_report *report, const struct page *page)
{
	char text[600];

	for (size_t i = 0; report->server_count > 1 && i < report->server_count; i++) {
		const struct lg_server_report *server = &report->servers[i];

		snprintf(text, sizeof(text), "%s: %s%s%s", server->name, server->state, server->last_error[0] ? ", " : "", server->last_error);
		put_detail(page, text);
	}
}

static void put_replay(const struct status_output *output, const struct page *page)
{
	const struct replay_status *replay = &output->replay;
	char text[1200];

	if (!output->replaying)
		return;
	snprintf(text, sizeof(text), "replay%s: at record %llu of %llu to %llu, %s%s%s", replay->letters ? " of dead letters" : "", (unsigned long long)replay->next,
	         (unsigned long long)replay->first, (unsigned long long)replay->end - 1, replay->state, replay->last_error[0] ? ": " : "",
	         replay->last_error);
	put_detail(page, text);
}

static void put_output(const struct status *status, const struct status_output *output, const struct page *page)
{
	char lag[28], bytes[16], when[32], rate[28];

	put_name(output->name, status_output_state(output), status_output_ill(output) && status->running, page);
	lg_buf_printf(page->out, " %13s %8s/s %9s  %s\n", text_format_count(output->s.lag_records, lag),
	              text_format_count((uint64_t)(output->s.rate + 0.5), rate), text_format_size(output->s.lag_bytes, bytes),
	              when_text(status, output, when));
	put_counts(output, page);
	put_servers(&output->s.report, page);
	put_replay(output, page);
}

static int widest(int so_far, const char *name)
{
	int size = (int)strlen(name);

	return size > so_far && size <= NAME_MAX ? size : so_far;
}

static int name_width(const struct status *status)
{
	int width = NAME_MIN;

	for (size_t i = 0; i < status->input_count; i++)
		width = widest(width, status->inputs[i].name);
	for (size_t i = 0; i < status->output_count; i++)
		width = widest(width, status->outputs[i].name);
	return width;
}

void status_put_text(const struct status *status, bool color, int width, struct lg_buf *out)
{
	struct page page = {out, paint_for(color), width, name_width(status)};

	put_title(status, &page);
	status_attention(status, put_sentence, &page);
	lg_buf_append_char(out, '\n');
	put_spool(status, &page);
	if (status->input_count)
		lg_buf_printf(out, "\n%s%-*s %-11s %13s %10s %9s  %s%s\n", page.paint.bold, page.names, "INPUT", "STATE", "RECORDS", "RATE", "UNREAD",
		              "LAST RECORD", page.paint.off);
	for (size_t i = 0; i < status->input_count; i++)
		put_input(&status->inputs[i], &page);
	if (status->output_count)
		lg_buf_printf(out, "\n%s%-*s %-11s %13s %10s %9s  %s%s\n", page.paint.bold, page.names, "OUTPUT", "STATE", "BEHIND", "RATE", "BYTES",
		              "CAUGHT UP", page.paint.off);
	for (size_t i = 0; i < status->output_count; i++)
		put_output(status, &status->outputs[i], &page);
}

void status_put_lines(const struct status *status, int64_t utc_ns, struct lg_buf *out)
{
	char now[32], lag[28], when[32], rate[28], bytes[16];
	int width = name_width(status);

	clock_format_utc(utc_ns, 0, now);
	for (size_t i = 0; i < status->output_count; i++) {
		const struct status_output *o = &status->outputs[i];

		lg_buf_printf(out, "%s  %-*s %-11s %8s/s  behind %s records, %s, %s\n", now, width, o->name, status_output_state(o),
		              text_format_count((uint64_t)(o->s.rate + 0.5), rate), text_format_count(o->s.lag_records, lag),
		              text_format_size(o->s.lag_bytes, bytes), when_text(status, o, when));
	}
}
