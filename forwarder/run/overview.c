/* Gathers what `lugger status` says: of the running service, or of the files that a stopped one left. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run/app_parts.h"
#include "spool/deadletter.h"

static void add_orphans(struct spool *spool, struct status *status)
{
	for (size_t i = 0; i < status->spool.output_count; i++) {
		const struct spool_output_stat *known = &status->spool.outputs[i];
		struct status_output *output = NULL;

		for (size_t k = 0; k < status->output_count && !output; k++)
			if (!strcmp(status->outputs[k].name, known->name))
				output = &status->outputs[k];
		if (!output) {
			status->outputs = mem_resize(status->outputs, (status->output_count + 1) * sizeof(*status->outputs));
			output = &status->outputs[status->output_count++];
			*output = (struct status_output){.orphaned = true};
			snprintf(output->name, sizeof(output->name), "%s", known->name);
			output->s.cursor = known->cursor;
			output->s.lag_records = status->spool.next_seq > known->cursor ? status->spool.next_seq - known->cursor : 0;
			output->s.lag_bytes = output->s.lag_records ? spool_bytes_from(spool, known->cursor) : 0;
		}
		output->detached = known->detached;
	}
}

static const char *const policy_names[] = {"block", "drop-oldest", "drop-new"};

static void gather_policy(struct app *app, struct status *status)
{
	static const char *const severities[] = {"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"};
	struct when_full *full = &app->writer.when_full;
	unsigned from = atomic_load(&full->admit_below);

	status->when_full = policy_names[full->policy];
	status->losing = writer_losing(&app->writer);
	status->dropping = atomic_load(&full->dropping);
	snprintf(status->not_admitted, sizeof(status->not_admitted), "%s", from < ADMIT_ALL ? severities[from] : "");
}

void app_gather(struct app *app, struct status *status)
{
	int64_t utc = clock_utc(app->conf.clock);

	*status = (struct status){.running = true, .pid = getpid(), .rss_bytes = sys_rss_bytes(), .memory_used = mem_used(&app->budget),
	                          .memory_limit = app->budget.limit};
	status->uptime_seconds = (double)(utc - app->started_ns) / 1e9;
	snprintf(status->data_dir, sizeof(status->data_dir), "%s", app->config->data_dir);
	spool_stat(app->spool, &status->spool);
	gather_policy(app, status);
	spool_stat_disk(app->spool, &status->spool);
	status->inputs = mem_zalloc((app->input_count + 1) * sizeof(*status->inputs));
	status->outputs = mem_zalloc((app->output_count + 1) * sizeof(*status->outputs));
	for (size_t i = 0; i < app->input_count; i++) {
		struct status_input *input = &status->inputs[status->input_count++];

		snprintf(input->name, sizeof(input->name), "%s", worker_conf(app->inputs[i])->name);
		snprintf(input->type, sizeof(input->type), "%s", worker_conf(app->inputs[i])->plugin->name);
		worker_status_copy(app->inputs[i], &input->w);
	}
	for (size_t i = 0; i < app->output_count; i++) {
		struct status_output *output = &status->outputs[status->output_count++];
		int64_t oldest;

		snprintf(output->name, sizeof(output->name), "%s", shipper_conf(app->outputs[i])->name);
		snprintf(output->type, sizeof(output->type), "%s", shipper_conf(app->outputs[i])->plugin->name);
		shipper_status_copy(app->outputs[i], &output->s);
		output->replaying = replays_status(app->replays, output->name, &output->replay);
		oldest = output->s.lag_records ? spool_time_of(app->spool, output->s.cursor) : 0;
		output->oldest_seconds = oldest ? (double)(utc - oldest) / 1e9 : 0;
	}
	add_orphans(app->spool, status);
	status_derive(status, utc);
}

static uint64_t count_dead(const char *data_dir, const struct sys_io *io, const char *output)
{
	struct deadletter_walk walk = {.data_dir = data_dir, .io = io, .output = output};

	return deadletter_walk(&walk, NULL) == LG_OK ? walk.records : 0;
}

enum lg_rc app_offline_status(const struct config *config, const struct sys_io *io, struct status *status, struct lg_err *err)
{
	struct spool *spool;
	enum lg_rc rc = spool_peek_open(&spool, config->data_dir, io, err);

	*status = (struct status){0};
	if (rc != LG_OK)
		return rc;
	snprintf(status->data_dir, sizeof(status->data_dir), "%s", config->data_dir);
	if (config->spool.encryption_key_file)
		(void)!spool_peek_keys(spool, config->spool.encryption_key_file, err); /* who may not read it sees the rest */
	spool_stat(spool, &status->spool);
	status->when_full = policy_names[config->spool.when_full];
	spool_stat_disk(spool, &status->spool);
	status->spool.quota_bytes = config->spool.max_size;
	status->inputs = mem_zalloc((config->input_count + 1) * sizeof(*status->inputs));
	for (size_t i = 0; i < config->input_count; i++) {
		struct status_input *input = &status->inputs[status->input_count++];

		snprintf(input->name, sizeof(input->name), "%s", config->inputs[i].name);
		snprintf(input->type, sizeof(input->type), "%s", config->inputs[i].plugin->name);
		snprintf(input->w.state, sizeof(input->w.state), "stopped");
	}
	status->outputs = mem_zalloc((config->output_count + 1) * sizeof(*status->outputs));
	for (size_t i = 0; i < config->output_count; i++) {
		struct status_output *output = &status->outputs[status->output_count++];

		snprintf(output->name, sizeof(output->name), "%s", config->outputs[i].name);
		snprintf(output->type, sizeof(output->type), "%s", config->outputs[i].plugin->name);
		snprintf(output->s.state, sizeof(output->s.state), "stopped");
		output->s.cursor = output->s.offered = spool_cursor(spool, output->name);
		output->s.lag_records = status->spool.next_seq > output->s.cursor ? status->spool.next_seq - output->s.cursor : 0;
		output->s.lag_bytes = output->s.lag_records ? spool_bytes_from(spool, output->s.cursor) : 0;
		output->s.dead = count_dead(config->data_dir, io, output->name);
	}
	add_orphans(spool, status);
	status_derive(status, clock_utc(&clock_system));
	spool_close(spool);
	return LG_OK;
}
