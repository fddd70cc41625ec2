#include "run/app.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "egress/policy.h"
#include "run/control.h"
#include "run/notify.h"
#include "run/replays.h"
#include "spool/deadletter.h"

#define STOP_LIMIT_NS (10 * CLOCK_SECOND) /* a stop ends after this, whatever the receivers do */
#define TAIL_MAX (24u << 20)
#define QUEUE_MAX (4u << 20)

/* In the order of the start list below; freed in the reverse order. */
struct app {
	struct app_conf conf;
	const struct config *config;
	struct mem_budget budget;
	struct policy *policy;
	struct net_gate gate;
	struct lg_net *net;
	struct spool *spool;
	struct writer writer;
	bool has_writer;
	struct writer_output *writer_outputs;
	struct lg_output_host **outputs;
	size_t output_count;
	struct replays *replays;
	struct lg_input_host **inputs;
	size_t input_count;
	struct control *control;
	int64_t started_ns;
};

/* Signals reach the main loop through one pipe. */
static struct sys_wake signal_wake = {-1, -1};
static volatile sig_atomic_t stop_signal, reopen_signal;

static void on_signal(int number)
{
	if (number == SIGHUP)
		reopen_signal = 1;
	else
		stop_signal = number;
	sys_wake_up(&signal_wake);
}

static enum lg_rc start_signals(struct lg_err *err)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal};
	int sys = sys_wake_init(&signal_wake);

	if (sys < 0)
		return lg_err_sys(err, -sys, "signals");
	stop_signal = reopen_signal = 0;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	return LG_OK;
}

/* ---- the start list ---- */

static enum lg_rc permit(void *guard, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext, struct lg_err *err)
{
	return policy_permit(guard, host, port, addr, plaintext, err);
}

/* What an output is configured to connect to is permitted without a rule, unless `egress.allow` makes the policy strict. */
static enum lg_rc add_destinations(struct app *app, const struct config_output *output, struct lg_err *err)
{
	for (const struct lg_option *row = output->plugin->options; row && row->name; row++) {
		const struct lg_strings *servers = (const void *)((const char *)output->conf + row->offset);

		for (size_t i = 0; row->flags & LG_OPT_DESTINATION && i < servers->count; i++) {
			char host[256];
			uint16_t port = 0;
			enum lg_rc rc = net_split(servers->items[i], host, &port, err);

			if (rc != LG_OK)
				return lg_err_prepend(err, "output %s", output->name);
			policy_add_destination(app->policy, host, port);
		}
	}
	return LG_OK;
}

static enum lg_rc start_egress(struct app *app, struct lg_err *err)
{
	const struct lg_rules *allow = &app->config->egress.allow;
	const struct config_allow *items = allow->items;
	struct policy_rule *rules = mem_zalloc((allow->count + 1) * sizeof(*rules));
	enum lg_rc rc;

	for (size_t i = 0; i < allow->count; i++)
		rules[i] = (struct policy_rule){items[i].host, items[i].cidr, (uint16_t)items[i].port, items[i].plaintext};
	rc = policy_new(&app->policy, app->config->egress.strict, rules, allow->count, err);
	free(rules);
	if (rc != LG_OK)
		return lg_err_prepend(err, "egress");
	for (size_t i = 0; i < app->config->output_count && rc == LG_OK; i++)
		rc = add_destinations(app, &app->config->outputs[i], err);
	app->gate = (struct net_gate){permit, app->policy};
	app->net = net_new(&app->gate);
	return rc;
}

static size_t at_most(uint64_t value, size_t limit)
{
	return value < limit ? (size_t)value : limit;
}

static enum lg_rc start_spool(struct app *app, struct lg_err *err)
{
	const struct config *config = app->config;
	struct spool_conf conf = {
		.data_dir = config->data_dir,
		.max_size = config->spool.max_size,
		.segment_size = config->spool.segment_size,
		.sync = (enum spool_sync)config->spool.sync,
		.sync_interval_ns = config->spool.sync_interval_ns,
		.keep_ns = config->spool.keep_ns,
		.key_file = config->spool.encryption_key_file,
		.compress = config->spool.compression == 0,
		.tail_bytes = at_most(config->memory / 8, TAIL_MAX),
		.budget = &app->budget,
		.io = app->conf.io,
		.clock = app->conf.clock,
	};
	enum lg_rc rc;
	int sys = app->conf.io->mkdir(app->conf.io->self, config->data_dir);

	if (sys < 0)
		return lg_err_sys(err, -sys, "data_dir %s cannot be made", config->data_dir);
	rc = spool_open(&app->spool, &conf, err);
	if (rc != LG_OK)
		return rc;
	writer_init(&app->writer, app->spool, app->conf.clock, at_most(config->memory / 8, QUEUE_MAX));
	app->writer.ack_early = conf.sync != SPOOL_SYNC_ALWAYS;
	app->has_writer = true;
	return LG_OK;
}

static enum lg_rc start_outputs(struct app *app, struct lg_err *err)
{
	const struct config *config = app->config;
	struct shipper_env env = {&app->writer, app->spool, app->conf.clock, app->net, config->name};

	app->outputs = mem_zalloc((config->output_count + 1) * sizeof(struct lg_output_host *));
	app->writer_outputs = mem_zalloc((config->output_count + 1) * sizeof(*app->writer_outputs));
	for (size_t i = 0; i < config->output_count; i++) {
		const struct config_output *conf = &config->outputs[i];
		enum lg_rc rc = shipper_new(&app->outputs[i], conf, &env, err);

		if (rc != LG_OK)
			return rc;
		app->output_count++;
		app->writer_outputs[i] = (struct writer_output){conf->name, conf->max_lag_ns, conf->on_lag == 1, shipper_wake, app->outputs[i]};
	}
	app->writer.outputs = app->writer_outputs;
	app->writer.output_count = app->output_count;
	app->replays = replays_new(&(struct replays_env){env, config->data_dir, app->conf.io, app->outputs, app->output_count});
	return LG_OK;
}

static enum lg_rc start_inputs(struct app *app, struct lg_err *err)
{
	const struct config *config = app->config;
	struct worker_env env = {&app->writer, app->spool, &app->budget, app->conf.clock, app->net, &config->spool, app->conf.once};

	app->inputs = mem_zalloc((config->input_count + 1) * sizeof(struct lg_input_host *));
	for (size_t i = 0; i < config->input_count; i++) {
		enum lg_rc rc = worker_new(&app->inputs[i], &config->inputs[i], &env, err);

		if (rc != LG_OK)
			return rc;
		app->input_count++;
	}
	return LG_OK;
}

/* ---- status ---- */

static void add_orphans(struct status *status)
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
		}
		output->detached = known->detached;
	}
}

static void gather(struct app *app, struct status *status)
{
	int64_t utc = clock_utc(app->conf.clock);

	*status = (struct status){.running = true, .pid = getpid(), .rss_bytes = sys_rss_bytes(), .memory_used = mem_used(&app->budget),
	                          .memory_limit = app->budget.limit};
	status->uptime_seconds = (double)(utc - app->started_ns) / 1e9;
	snprintf(status->data_dir, sizeof(status->data_dir), "%s", app->config->data_dir);
	spool_stat(app->spool, &status->spool);
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
	add_orphans(status);
	status_derive(status, utc);
}

/* The letters of an output that is configured no more. */
static enum lg_rc drop_orphaned(struct app *app, const char *output, uint64_t *count, struct lg_err *err)
{
	struct deadletters *letters;
	enum lg_rc rc = deadletters_open(&letters, app->spool, output, err);

	if (rc != LG_OK)
		return rc;
	rc = deadletters_drop(letters, count, err);
	deadletters_close(letters);
	return rc;
}

/* "dlq drop OUTPUT": the exit code, then how many records went, or why not. */
static void drop_dead(struct app *app, const char *output, struct lg_buf *out)
{
	struct lg_output_host *host = NULL;
	struct lg_err err;
	uint64_t count = 0;
	enum lg_rc rc;

	for (size_t i = 0; i < app->output_count; i++)
		if (!strcmp(shipper_conf(app->outputs[i])->name, output))
			host = app->outputs[i];
	rc = host ? shipper_drop_dead(host, &count, &err) : drop_orphaned(app, output, &count, &err);
	if (rc == LG_OK) {
		log_notice("output %s: %llu dead letters were dropped by `lugger dlq drop`", output, (unsigned long long)count);
		lg_buf_printf(out, "0\n%llu\n", (unsigned long long)count);
	} else {
		lg_buf_printf(out, "1\n%s\n", err.text);
	}
}

/* "replay ...": the exit code, then what is replayed, or why nothing is. */
static void start_replay(struct app *app, const char *request, struct lg_buf *out)
{
	struct lg_buf text = {0};
	struct lg_err err;

	if (replays_start(app->replays, request, &text, &err) == LG_OK) {
		lg_buf_append_cstr(out, "0\n");
		lg_buf_append_str(out, lg_buf_str(&text));
	} else {
		lg_buf_printf(out, "1\n%s\n", err.text);
	}
	lg_buf_fini(&text);
}

static bool answer(void *arg, const char *request, struct lg_buf *out)
{
	static const char drop[] = "dlq drop ", replay[] = "replay ";
	struct app *app = arg;
	struct status status;
	bool known = true;

	if (!strncmp(request, drop, sizeof(drop) - 1)) {
		drop_dead(app, request + sizeof(drop) - 1, out);
		return true;
	}
	if (!strncmp(request, replay, sizeof(replay) - 1)) {
		start_replay(app, request + sizeof(replay) - 1, out);
		return true;
	}
	gather(app, &status);
	lg_buf_append_cstr(out, status_needs_person(&status) ? "1\n" : "0\n"); /* the exit code of `lugger status`, then the page */
	if (!strcmp(request, "status json"))
		status_put_json(&status, out);
	else if (!strcmp(request, "status text") || !strcmp(request, "status color"))
		status_put_text(&status, strcmp(request, "status color") == 0, out);
	else if (!strcmp(request, "status lines"))
		status_put_lines(&status, clock_utc(app->conf.clock), out);
	else
		known = false;
	status_fini(&status);
	return known;
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
	spool_stat(spool, &status->spool);
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
	add_orphans(status);
	status_derive(status, clock_utc(&clock_system));
	spool_close(spool);
	return LG_OK;
}

/* ---- life ---- */

enum lg_rc app_new(struct app **out, const struct app_conf *conf, struct lg_err *err)
{
	static enum lg_rc (*const start_list[])(struct app *, struct lg_err *) = {start_egress, start_spool, start_outputs, start_inputs};
	struct app *app = mem_zalloc(sizeof(*app));
	const struct control_handler handler = {answer, app};
	enum lg_rc rc = start_signals(err);

	app->conf = *conf;
	app->config = conf->config;
	app->started_ns = clock_utc(conf->clock);
	mem_budget_init(&app->budget, (size_t)app->config->memory);
	mem_keep_blocks(&app->budget, worker_batch_room(&app->config->spool));
	for (size_t i = 0; i < sizeof(start_list) / sizeof(start_list[0]) && rc == LG_OK; i++)
		rc = start_list[i](app, err);
	if (rc == LG_OK)
		rc = control_open(&app->control, app->config->data_dir, &handler, err);
	if (rc != LG_OK) {
		app_free(app);
		return rc;
	}
	*out = app;
	return LG_OK;
}

void app_free(struct app *app)
{
	if (!app)
		return;
	control_close(app->control);
	for (size_t i = 0; i < app->input_count; i++)
		worker_free(app->inputs[i]);
	replays_free(app->replays);
	for (size_t i = 0; i < app->output_count; i++)
		shipper_free(app->outputs[i]);
	if (app->has_writer)
		writer_fini(&app->writer);
	spool_close(app->spool);
	net_free(app->net);
	policy_free(app->policy);
	free(app->inputs);
	free(app->outputs);
	free(app->writer_outputs);
	mem_budget_fini(&app->budget);
	sys_wake_fini(&signal_wake);
	free(app);
}

static enum lg_rc start_threads(struct app *app, struct lg_err *err)
{
	enum lg_rc rc = writer_start(&app->writer, err);

	for (size_t i = 0; i < app->output_count && rc == LG_OK; i++)
		rc = shipper_start(app->outputs[i], err);
	for (size_t i = 0; i < app->input_count && rc == LG_OK; i++)
		rc = worker_start(app->inputs[i], err);
	if (rc == LG_OK && !app->conf.once) /* a batch job is for what is new */
		replays_resume(app->replays);
	return rc;
}

static bool inputs_done(struct app *app)
{
	for (size_t i = 0; i < app->input_count; i++)
		if (!worker_done(app->inputs[i]))
			return false;
	return true;
}

static bool inputs_faulted(struct app *app)
{
	bool faulted = false;

	for (size_t i = 0; i < app->input_count; i++)
		faulted |= worker_faulted(app->inputs[i]);
	return faulted;
}

static bool outputs_done(struct app *app)
{
	for (size_t i = 0; i < app->output_count; i++)
		if (!shipper_done(app->outputs[i]))
			return false;
	return true;
}

static void reopen_outputs(struct app *app)
{
	reopen_signal = 0;
	log_notice("SIGHUP: files are reopened%s", app->config->spool.encryption_key_file ? ", the keys of the spool read again" : "");
	spool_reload_keys(app->spool);
	for (size_t i = 0; i < app->output_count; i++)
		shipper_reopen(app->outputs[i]);
}

/* Until a signal, or with --once until everything is delivered. True: done. */
static bool main_loop(struct app *app)
{
	struct lg_waitset ws = {0};
	bool draining = false, done = false;

	while (!stop_signal && !done) {
		lg_waitset_clear(&ws);
		lg_waitset_add(&ws, signal_wake.read_fd, POLLIN);
		control_wait(app->control, &ws);
		if (poll(ws.fds, (nfds_t)ws.count, app->conf.once ? 10 : 1000) < 0 && errno != EINTR)
			log_error("poll failed (error %d)", errno);
		sys_wake_drain(&signal_wake);
		control_step(app->control);
		replays_step(app->replays);
		if (reopen_signal)
			reopen_outputs(app);
		if (app->conf.once && !draining && inputs_done(app))
			writer_flush(&app->writer);
		if (!draining && writer_flushed(&app->writer)) {
			draining = true;
			for (size_t i = 0; i < app->output_count; i++)
				shipper_drain(app->outputs[i]);
		}
		done = draining && outputs_done(app);
	}
	free(ws.fds);
	return done;
}

/* The start of the threads, reversed: inputs first, so that what they hold becomes durable; then outputs; the writer last. */
static void stop_threads(struct app *app)
{
	int64_t deadline_ns = clock_mono(app->conf.clock) + STOP_LIMIT_NS;

	for (size_t i = 0; i < app->input_count; i++)
		worker_stop(app->inputs[i], deadline_ns);
	for (size_t i = 0; i < app->input_count; i++)
		worker_join(app->inputs[i]);
	for (size_t i = 0; i < app->output_count; i++)
		shipper_stop(app->outputs[i], deadline_ns);
	replays_stop(app->replays, deadline_ns);
	replays_join(app->replays);
	for (size_t i = 0; i < app->output_count; i++)
		shipper_join(app->outputs[i]);
	writer_stop(&app->writer);
}

int app_run(struct app *app)
{
	struct lg_err err;
	bool done = false;

	if (start_threads(app, &err) != LG_OK) {
		log_error("%s", err.text);
		stop_threads(app);
		return 1;
	}
	log_notice("lugger %s started: %zu inputs, %zu outputs, data in %s", LUGGER_VERSION, app->input_count, app->output_count,
	           app->config->data_dir);
	notify_send("READY=1");
	done = main_loop(app);
	notify_send("STOPPING=1");
	if (stop_signal)
		log_notice("signal %d: finishing, at most %d s", (int)stop_signal, (int)(STOP_LIMIT_NS / CLOCK_SECOND));
	stop_threads(app);
	if (done && inputs_faulted(app)) {
		log_error("what was read is delivered, but an input could not read everything");
		return 1;
	}
	log_notice(done ? "everything is delivered" : "stopped; what is not delivered waits in the spool");
	return app->conf.once && !done ? 1 : 0;
}
