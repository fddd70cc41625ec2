#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "run/app_parts.h"
#include "run/notify.h"

#define STOP_LIMIT_NS (10 * CLOCK_SECOND) /* a stop ends after this, whatever the receivers do */
#define STOP_HOPELESS_NS (500 * CLOCK_MS)
#define TAIL_MAX (24u << 20)
#define QUEUE_MAX (4u << 20)

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

static enum lg_rc permit_learned(void *guard, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext, struct lg_err *err)
{
	return policy_permit_learned(guard, host, port, addr, plaintext, err);
}

/* What an input or output is configured to connect to is permitted without a rule, unless `egress.allow` makes the policy strict. */
static enum lg_rc add_destinations(struct app *app, const char *name, const struct lg_option *row, const void *conf, struct lg_err *err)
{
	for (; row && row->name; row++) {
		const struct lg_strings *servers = (const void *)((const char *)conf + row->offset);

		for (size_t i = 0; row->flags & LG_OPT_DESTINATION && i < servers->count; i++) {
			char host[256];
			uint16_t port = 0;
			enum lg_rc rc = net_split(servers->items[i], host, &port, err);

			if (rc != LG_OK)
				return lg_err_prepend(err, "%s", name);
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
	for (size_t i = 0; i < app->config->input_count && rc == LG_OK; i++) {
		const struct config_input *input = &app->config->inputs[i];

		rc = add_destinations(app, input->name, input->plugin->options, input->conf, err);
	}
	for (size_t i = 0; i < app->config->output_count && rc == LG_OK; i++) {
		const struct config_output *output = &app->config->outputs[i];

		rc = add_destinations(app, output->name, output->plugin->options, output->conf, err);
	}
	app->gate = (struct net_gate){permit, app->policy, permit_learned};
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
	app->writer.when_full.policy = (enum full_policy)config->spool.when_full;
	app->writer.when_full.discard_severity = (unsigned)config->spool.discard_severity;
	app->writer.when_full.discard_mark = (unsigned)config->spool.discard_mark;
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
		app->writer_outputs[i] = (struct writer_output){conf->name, conf->max_lag_ns, conf->on_lag == 1, shipper_wake, shipper_give_up, shipper_moved_ns,
		                                                  app->outputs[i]};
	}
	app->writer.outputs = app->writer_outputs;
	app->writer.output_count = app->output_count;
	app->replays = replays_new(&(struct replays_env){env, config->data_dir, config->spool.encryption_key_file, app->conf.io, app->outputs, app->output_count});
	return LG_OK;
}

static enum lg_rc start_inputs(struct app *app, struct lg_err *err)
{
	const struct config *config = app->config;
	struct worker_env env = {&app->writer, app->spool, &app->budget, app->conf.clock, app->net, &config->spool, app->conf.once};

	app->inputs = mem_zalloc((config->input_count + 1) * sizeof(struct lg_input_host *));
	app->writer_inputs = mem_zalloc((config->input_count + 1) * sizeof(*app->writer_inputs));
	for (size_t i = 0; i < config->input_count; i++) {
		enum lg_rc rc = worker_new(&app->inputs[i], &config->inputs[i], &env, err);

		if (rc != LG_OK)
			return rc;
		app->input_count++;
		if (config->inputs[i].spool_quota)
			app->writer_inputs[app->writer.input_count++] =
			        (struct writer_input){config->inputs[i].name, config->inputs[i].spool_quota, worker_set_usage, app->inputs[i]};
	}
	app->writer.inputs = app->writer_inputs;
	return LG_OK;
}

/* ---- life ---- */

enum lg_rc app_new(struct app **out, const struct app_conf *conf, struct lg_err *err)
{
	static enum lg_rc (*const start_list[])(struct app *, struct lg_err *) = {start_egress, start_spool, start_outputs, start_inputs};
	struct app *app = mem_zalloc(sizeof(*app));
	const struct control_handler handler = {app_answer, app};
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
	free(app->writer_inputs);
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
	if (rc == LG_OK)
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
		done = draining && outputs_done(app) && !replays_running(app->replays); /* what was asked for is finished, too */
	}
	free(ws.fds);
	return done;
}

/* The spool is full and every output that holds it is down: waiting would change nothing. */
static bool hopeless(struct app *app)
{
	bool any = false;

	if (!atomic_load(&app->writer.full))
		return false;
	for (size_t i = 0; i < app->output_count; i++) {
		struct shipper_status status;

		shipper_status_copy(app->outputs[i], &status);
		if (status.lag_records && status.healthy)
			return false;
		any |= status.lag_records > 0;
	}
	return any;
}

/* What they hold becomes durable, as long as there is hope for it. */
static void stop_inputs(struct app *app, int64_t deadline_ns)
{
	int64_t patience_ns = clock_mono(app->conf.clock) + STOP_HOPELESS_NS;
	bool running = true, given_up = false;

	for (size_t i = 0; i < app->input_count; i++)
		worker_stop(app->inputs[i], deadline_ns);
	while (running && !given_up) {
		running = false;
		for (size_t i = 0; i < app->input_count; i++)
			running |= !worker_ended(app->inputs[i]);
		if (running)
			poll(NULL, 0, 10);
		given_up = running && clock_mono(app->conf.clock) >= patience_ns && hopeless(app);
	}
	for (size_t i = 0; i < app->input_count; i++) {
		if (given_up)
			worker_stop(app->inputs[i], 0);
		worker_join(app->inputs[i]);
	}
}

/* The start of the threads, reversed: inputs first, so that what they hold becomes durable; then outputs; the writer last. */
static void stop_threads(struct app *app)
{
	int64_t deadline_ns = clock_mono(app->conf.clock) + STOP_LIMIT_NS;

	stop_inputs(app, deadline_ns);
	for (size_t i = 0; i < app->output_count; i++)
		shipper_stop(app->outputs[i], deadline_ns);
	replays_stop(app->replays, deadline_ns);
	replays_join(app->replays);
	for (size_t i = 0; i < app->output_count; i++)
		shipper_join(app->outputs[i]);
	writer_stop(&app->writer);
	for (size_t i = 0; i < app->input_count; i++)
		worker_tell_settled(app->inputs[i]);
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
