#include "run/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

void status_fini(struct status *status)
{
	free(status->inputs);
	free(status->outputs);
	status->inputs = NULL;
	status->outputs = NULL;
}

static double input_rate(const struct status *status)
{
	double rate = 0;

	for (size_t i = 0; i < status->input_count; i++)
		rate += status->inputs[i].w.rate;
	return rate;
}

void status_derive(struct status *status, int64_t utc_ns)
{
	uint64_t lowest = UINT64_MAX;
	double rate = input_rate(status);

	status->oldest_seconds = status->spool.oldest_ns ? (double)(utc_ns - status->spool.oldest_ns) / 1e9 : 0;
	for (size_t i = 0; i < status->input_count; i++) {
		struct status_input *input = &status->inputs[i];

		input->last_record_seconds = input->w.last_record_ns ? (double)(utc_ns - input->w.last_record_ns) / 1e9 : -1;
	}
	for (size_t i = 0; i < status->output_count; i++) {
		struct status_output *output = &status->outputs[i];
		double gain = output->s.rate - rate;

		if (!output->s.lag_records)
			output->eta_seconds = 0;
		else
			output->eta_seconds = status->running && output->s.healthy && gain > 0 ? (double)output->s.lag_records / gain : -1;
		if (output->s.cursor < lowest && output->s.cursor < status->spool.next_seq && !output->detached) {
			lowest = output->s.cursor;
			snprintf(status->held_by, sizeof(status->held_by), "%s", output->name);
		}
	}
}

/* ---- JSON ---- */

static void put_input_json(const struct status_input *input, struct lg_buf *out)
{
	lg_buf_append_cstr(out, out->data[out->size - 1] == '[' ? "{" : ",{");
	json_put_member(out, "name", lg_str_from(input->name));
	json_put_member(out, "type", lg_str_from(input->type));
	json_put_member(out, "state", lg_str_from(input->w.state));
	json_put_u64(out, "records", input->w.records);
	json_put_u64(out, "bytes", input->w.bytes);
	json_put_u64(out, "lag_bytes", input->w.report.lag_bytes);
	json_put_seconds(out, "last_record_seconds", input->last_record_seconds);
	json_put_u64(out, "lost", input->w.lost);
	json_put_u64(out, "shed", input->w.shed);
	json_put_u64(out, "dropped", input->w.dropped);
	json_put_member(out, "last_error", lg_str_from(input->w.last_error));
	json_put_seconds(out, "records_per_second", input->w.rate);
	json_put_u64(out, "sources", input->w.report.sources);
	json_put_u64(out, "substitutions", input->w.report.substitutions);
	json_put_u64(out, "oversize", input->w.report.oversize);
	json_put_u64(out, "broken", input->w.report.broken);
	json_put_u64(out, "torn", input->w.report.torn);
	json_put_u64(out, "orphans", input->w.report.orphans);
	json_put_u64(out, "incomplete", input->w.report.incomplete);
	json_put_member(out, "note", lg_str_from(input->w.report.note));
	lg_buf_append_char(out, '}');
}

/* The receivers of an output that has several. */
static void put_servers(const struct lg_output_report *report, struct lg_buf *out)
{
	if (!report->server_count)
		return;
	json_put_name(out, "servers");
	lg_buf_append_char(out, '[');
	for (size_t i = 0; i < report->server_count; i++) {
		const struct lg_server_report *server = &report->servers[i];

		lg_buf_append_cstr(out, i ? ",{" : "{");
		json_put_member(out, "name", lg_str_from(server->name));
		json_put_member(out, "state", lg_str_from(server->state));
		json_put_member(out, "last_error", lg_str_from(server->last_error));
		json_put_u64(out, "in_flight_bytes", server->in_flight_bytes);
		json_put_seconds(out, "retry_in_seconds", (double)server->retry_in_ns / 1e9);
		lg_buf_append_char(out, '}');
	}
	lg_buf_append_char(out, ']');
}

static void put_delivery(const struct lg_delivery_report *delivery, struct lg_buf *out)
{
	if (!delivery->told)
		return;
	json_put_u64(out, "in_flight_messages", delivery->messages);
	json_put_seconds(out, "delivery_p50_seconds", (double)delivery->p50_ns / 1e9);
	json_put_seconds(out, "delivery_p99_seconds", (double)delivery->p99_ns / 1e9);
	if (delivery->transaction[0])
		json_put_member(out, "transaction", lg_str_from(delivery->transaction));
}

static void put_output_json(const struct status_output *output, struct lg_buf *out)
{
	lg_buf_append_cstr(out, out->data[out->size - 1] == '[' ? "{" : ",{");
	json_put_member(out, "name", lg_str_from(output->name));
	json_put_member(out, "type", lg_str_from(output->type));
	json_put_member(out, "state", lg_str_from(output->orphaned ? "orphaned" : output->detached ? "detached" : output->s.state));
	json_put_u64(out, "cursor", output->s.cursor);
	json_put_u64(out, "lag_records", output->s.lag_records);
	json_put_u64(out, "lag_bytes", output->s.lag_bytes);
	json_put_seconds(out, "eta_seconds", output->eta_seconds);
	json_put_u64(out, "records", output->s.records);
	json_put_u64(out, "repeats", output->s.repeats);
	json_put_u64(out, "dead", output->s.dead);
	json_put_member(out, "last_error", lg_str_from(output->s.last_error));
	json_put_bool(out, "healthy", !status_output_ill(output));
	json_put_u64(out, "offered", output->s.offered);
	json_put_u64(out, "filtered", output->s.filtered);
	json_put_u64(out, "lost", output->s.lost);
	json_put_u64(out, "dropped", output->s.dropped);
	json_put_u64(out, "in_flight_bytes", output->s.report.in_flight_bytes);
	json_put_seconds(out, "records_per_second", output->s.rate);
	json_put_seconds(out, "retry_in_seconds", (double)output->s.retry_in_ns / 1e9);
	json_put_member(out, "peer", lg_str_from(output->s.report.peer));
	json_put_member(out, "note", lg_str_from(output->s.report.note));
	put_servers(&output->s.report, out);
	put_delivery(&output->s.report.delivery, out);
	if (output->replaying) {
		json_put_name(out, "replay");
		lg_buf_append_char(out, '{');
		json_put_u64(out, "first", output->replay.first);
		json_put_u64(out, "next", output->replay.next);
		json_put_u64(out, "end", output->replay.end);
		json_put_u64(out, "records", output->replay.records);
		json_put_u64(out, "lost", output->replay.lost);
		json_put_member(out, "state", lg_str_from(output->replay.state));
		json_put_member(out, "last_error", lg_str_from(output->replay.last_error));
		lg_buf_append_char(out, '}');
	}
	lg_buf_append_char(out, '}');
}

static void put_spool_json(const struct status *status, struct lg_buf *out)
{
	const struct spool_stat *spool = &status->spool;

	json_put_name(out, "spool");
	lg_buf_append_char(out, '{');
	json_put_u64(out, "bytes", spool->bytes);
	json_put_u64(out, "quota_bytes", spool->quota_bytes);
	json_put_u64(out, "first_seq", spool->first_seq);
	json_put_u64(out, "next_seq", spool->next_seq);
	json_put_seconds(out, "oldest_seconds", status->oldest_seconds);
	json_put_member(out, "held_by", lg_str_from(status->held_by));
	json_put_bool(out, "full", spool->full);
	json_put_u64(out, "fill_percent", spool->fill_percent);
	json_put_member(out, "when_full", lg_str_from(status->when_full));
	json_put_bool(out, "losing", status->losing);
	json_put_bool(out, "dropping", status->dropping);
	json_put_member(out, "not_admitted", lg_str_from(status->not_admitted));
	json_put_u64(out, "open_losses", spool->open_losses);
	json_put_u64(out, "segments", spool->segments);
	json_put_u64(out, "corrupt_frames", spool->corrupt_frames);
	json_put_u64(out, "torn_bytes", spool->torn_bytes);
	json_put_u64(out, "quarantined", spool->quarantined);
	json_put_u64(out, "commits", spool->commits);
	json_put_seconds(out, "commit_seconds_max", (double)spool->commit_ns_max / 1e9);
	json_put_member(out, "error", lg_str_from(spool->error));
	lg_buf_append_char(out, '}');
}

static void put_sentence_json(void *arg, const char *sentence)
{
	struct lg_buf *out = arg;

	if (out->data[out->size - 1] != '[')
		lg_buf_append_char(out, ',');
	json_put_string(out, lg_str_from(sentence));
}

void status_put_json(const struct status *status, struct lg_buf *out)
{
	lg_buf_append_char(out, '{');
	json_put_bool(out, "running", status->running);
	json_put_bool(out, "needs_person", status_needs_person(status));
	json_put_name(out, "attention");
	lg_buf_append_char(out, '[');
	status_attention(status, put_sentence_json, out);
	lg_buf_append_char(out, ']');
	json_put_member(out, "version", LG_STR(LUGGER_VERSION));
	json_put_member(out, "spool_id", lg_str_from(status->spool.spool_id));
	json_put_member(out, "log_id", lg_str_from(status->spool.log_id));
	json_put_u64(out, "pid", (uint64_t)status->pid);
	json_put_seconds(out, "uptime_seconds", status->uptime_seconds);
	json_put_u64(out, "rss_bytes", status->rss_bytes);
	json_put_u64(out, "memory_used_bytes", status->memory_used);
	json_put_u64(out, "memory_limit_bytes", status->memory_limit);
	put_spool_json(status, out);
	json_put_name(out, "inputs");
	lg_buf_append_char(out, '[');
	for (size_t i = 0; i < status->input_count; i++)
		put_input_json(&status->inputs[i], out);
	lg_buf_append_char(out, ']');
	json_put_name(out, "outputs");
	lg_buf_append_char(out, '[');
	for (size_t i = 0; i < status->output_count; i++)
		put_output_json(&status->outputs[i], out);
	lg_buf_append_cstr(out, "]}\n");
}

/* ---- the page ---- */

struct paint {
	const char *bold, *good, *bad, *dim, *off;
};

static struct paint paint_for(bool color)
{
	static const struct paint ansi = {"\033[1m", "\033[32m", "\033[31;1m", "\033[2m", "\033[0m"}, plain = {"", "", "", "", ""};

	return color ? ansi : plain;
}

static const char *seconds_text(double seconds, char out[24])
{
	if (seconds < 0)
		return "-";
	return text_format_duration((int64_t)(seconds * 1e9), out);
}

/* What the policies do just now. */
static void put_fullness(const struct status *status, const struct paint *p, struct lg_buf *out)
{
	const char *holder = status->held_by[0] ? status->held_by : "an output";

	if (status->dropping)
		lg_buf_printf(out, "        %sFULL, DROPPING%s: new records are lost until %s frees space\n", p->bad, p->off, holder);
	else if (status->spool.full)
		lg_buf_printf(out, "        %sFULL%s: inputs wait until %s frees space\n", p->bad, p->off, holder);
	else if (status->losing)
		lg_buf_printf(out, "        %sLOSING%s: records were lost within the last minute\n", p->bad, p->off);
	if (status->not_admitted[0])
		lg_buf_printf(out, "        %s%u %% undelivered%s: severity %s and less is not admitted\n", p->bad, status->spool.fill_percent, p->off,
		              status->not_admitted);
}

static void put_head(const struct status *status, const struct paint *p, struct lg_buf *out)
{
	const struct spool_stat *spool = &status->spool;
	char a[28], b[28], c[28];

	if (status->running)
		lg_buf_printf(out, "%slugger%s %s  running for %s, pid %lld, %s resident\n", p->bold, p->off, LUGGER_VERSION,
		              seconds_text(status->uptime_seconds, a), (long long)status->pid, text_format_size(status->rss_bytes, b));
	else
		lg_buf_printf(out, "%slugger%s %s  %snot running%s: this is what the files in %s say\n", p->bold, p->off, LUGGER_VERSION, p->bad,
		              p->off, status->data_dir);
	lg_buf_printf(out, "%sspool%s   %s of %s, %u %% undelivered, records %llu to %llu (%s)", p->bold, p->off, text_format_size(spool->bytes, a),
	              text_format_size(spool->quota_bytes, b), spool->fill_percent, (unsigned long long)spool->first_seq,
	              (unsigned long long)(spool->next_seq ? spool->next_seq - 1 : 0),
	              text_format_count(spool->next_seq - spool->first_seq, c));
	if (strcmp(status->when_full, "block") != 0)
		lg_buf_printf(out, ", when full %s", status->when_full);
	if (status->oldest_seconds > 0)
		lg_buf_printf(out, ", oldest %s ago", seconds_text(status->oldest_seconds, a));
	if (status->held_by[0])
		lg_buf_printf(out, ", held by %s", status->held_by);
	lg_buf_append_char(out, '\n');
	put_fullness(status, p, out);
	if (spool->error[0])
		lg_buf_printf(out, "        %serror%s: %s\n", p->bad, p->off, spool->error);
	if (spool->corrupt_frames || spool->quarantined)
		lg_buf_printf(out, "        %s%llu corrupt frames, %llu files in quarantine%s\n", p->bad, (unsigned long long)spool->corrupt_frames,
		              (unsigned long long)spool->quarantined, p->off);
}

static void put_input_line(const struct status_input *input, int width, const struct paint *p, struct lg_buf *out)
{
	bool ill = status_input_ill(input);
	char count[28], lag[16], last[24], rate[28];

	lg_buf_printf(out, "  %-*s %s%-10s%s %13s %9s/s %9s %10s", width, input->name, ill ? p->bad : p->good, input->w.state, p->off,
	              text_format_count(input->w.records, count), text_format_count((uint64_t)(input->w.rate + 0.5), rate),
	              text_format_size(input->w.report.lag_bytes, lag), seconds_text(input->last_record_seconds, last));
	if (input->w.lost)
		lg_buf_printf(out, "  %s%llu LOST%s", p->bad, (unsigned long long)input->w.lost, p->off);
	if (input->w.shed || input->w.dropped)
		lg_buf_printf(out, " (%llu not admitted, %llu dropped)", (unsigned long long)input->w.shed, (unsigned long long)input->w.dropped);
	if (input->w.report.note[0])
		lg_buf_printf(out, "  %s%s%s", p->dim, input->w.report.note, p->off);
	lg_buf_append_char(out, '\n');
	if (input->w.last_error[0])
		lg_buf_printf(out, "    %s\n", input->w.last_error);
}

static void put_output_line(const struct status_output *output, int width, const struct paint *p, struct lg_buf *out)
{
	bool ill = status_output_ill(output);
	const char *state = output->orphaned ? "orphaned" : output->detached ? "detached" : output->s.state;
	char lag[28], bytes[16], eta[24], count[28], rate[28];

	lg_buf_printf(out, "  %-*s %s%-10s%s %13s %9s/s %9s %10s %9s", width, output->name, ill ? p->bad : p->good, state, p->off,
	              text_format_count(output->s.records, count), text_format_count((uint64_t)(output->s.rate + 0.5), rate),
	              text_format_size(output->s.lag_bytes, bytes), text_format_count(output->s.lag_records, lag),
	              output->s.lag_records ? seconds_text(output->eta_seconds, eta) : "caught up");
	if (output->s.repeats)
		lg_buf_printf(out, "  %llu repeats", (unsigned long long)output->s.repeats);
	if (output->s.lost)
		lg_buf_printf(out, "  %s%llu LOST%s", p->bad, (unsigned long long)output->s.lost, p->off);
	if (output->s.dropped)
		lg_buf_printf(out, " (%llu dropped by the full spool)", (unsigned long long)output->s.dropped);
	if (output->s.dead)
		lg_buf_printf(out, "  %s%llu DEAD%s (see `lugger dlq`)", p->bad, (unsigned long long)output->s.dead, p->off);
	if (output->s.report.peer[0])
		lg_buf_printf(out, "  %s%s%s", p->dim, output->s.report.peer, p->off);
	if (output->s.report.note[0])
		lg_buf_printf(out, "  %s%s%s", p->dim, output->s.report.note, p->off);
	lg_buf_append_char(out, '\n');
	if (ill && output->s.last_error[0])
		lg_buf_printf(out, "    %s\n", output->s.last_error);
	for (size_t i = 0; output->s.report.server_count > 1 && i < output->s.report.server_count; i++) {
		const struct lg_server_report *server = &output->s.report.servers[i];

		lg_buf_printf(out, "    %s: %s%s%s\n", server->name, server->state, server->last_error[0] ? ", " : "", server->last_error);
	}
	if (output->s.retry_in_ns > 0)
		lg_buf_printf(out, "    next try in %s\n", text_format_duration(output->s.retry_in_ns, eta));
	if (output->replaying)
		lg_buf_printf(out, "    replay: at record %llu of %llu to %llu, %s%s%s\n", (unsigned long long)output->replay.next,
		              (unsigned long long)output->replay.first, (unsigned long long)output->replay.end - 1, output->replay.state,
		              output->replay.last_error[0] ? ": " : "", output->replay.last_error);
	if (output->orphaned)
		lg_buf_printf(out, "    not configured any more, still holds the spool: configure it again, or `lugger output forget %s`\n", output->name);
}

/* Columns for the longest name. */
static int name_width(const struct status *status)
{
	size_t width = 16;

	for (size_t i = 0; i < status->input_count; i++)
		width = strlen(status->inputs[i].name) > width ? strlen(status->inputs[i].name) : width;
	for (size_t i = 0; i < status->output_count; i++)
		width = strlen(status->outputs[i].name) > width ? strlen(status->outputs[i].name) : width;
	return (int)width;
}

void status_put_text(const struct status *status, bool color, struct lg_buf *out)
{
	struct paint p = paint_for(color);
	int width = name_width(status);

	put_head(status, &p, out);
	if (status->input_count)
		lg_buf_printf(out, "%s  %-*s %-10s %13s %11s %9s %10s%s\n", p.bold, width, "INPUT", "STATE", "RECORDS", "RATE", "UNREAD", "LAST", p.off);
	for (size_t i = 0; i < status->input_count; i++)
		put_input_line(&status->inputs[i], width, &p, out);
	if (status->output_count)
		lg_buf_printf(out, "%s  %-*s %-10s %13s %11s %9s %10s %9s%s\n", p.bold, width, "OUTPUT", "STATE", "SETTLED", "RATE", "LAG", "RECORDS", "CAUGHT UP", p.off);
	for (size_t i = 0; i < status->output_count; i++)
		put_output_line(&status->outputs[i], width, &p, out);
}

void status_put_lines(const struct status *status, int64_t utc_ns, struct lg_buf *out)
{
	char now[32], lag[28], eta[24], rate[28], bytes[16];
	int width;

	clock_format_utc(utc_ns, 0, now);
	width = name_width(status);
	for (size_t i = 0; i < status->output_count; i++) {
		const struct status_output *o = &status->outputs[i];

		lg_buf_printf(out, "%s  %-*s %-10s %9s/s  lag %s records, %s", now, width, o->name,
		              o->orphaned ? "orphaned" : o->detached ? "detached" : o->s.state,
		              text_format_count((uint64_t)(o->s.rate + 0.5), rate), text_format_count(o->s.lag_records, lag),
		              text_format_size(o->s.lag_bytes, bytes));
		if (o->s.lag_records)
			lg_buf_printf(out, ", caught up in %s\n", seconds_text(o->eta_seconds, eta));
		else
			lg_buf_append_cstr(out, ", caught up\n");
	}
}
