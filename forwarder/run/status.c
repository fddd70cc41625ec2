#include "run/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

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
	json_put_u64(out, "quota_bytes", input->w.quota);
	json_put_u64(out, "quota_used_bytes", input->w.quota_used);
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
	json_put_u64(out, "undecided", input->w.report.undecided);
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
	json_put_member(out, "state", lg_str_from(status_output_state(output)));
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
		json_put_bool(out, "dead_letters", output->replay.letters);
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

static void put_encryption_json(const struct spool_encryption *encryption, struct lg_buf *out)
{
	json_put_name(out, "encryption");
	lg_buf_append_char(out, '{');
	json_put_bool(out, "on", encryption->key_id != 0);
	json_put_u64(out, "key_id", encryption->key_id);
	json_put_u64(out, "next_key_id", encryption->next_key_id);
	json_put_u64(out, "keys_known", encryption->keys_known);
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
	json_put_u64(out, "quarantine", spool->quarantine_pieces);
	json_put_u64(out, "commits", spool->commits);
	json_put_seconds(out, "commit_seconds_max", (double)spool->commit_ns_max / 1e9);
	json_put_member(out, "error", lg_str_from(spool->error));
	put_encryption_json(&spool->encryption, out);
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
