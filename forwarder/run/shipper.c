#include "run/shipper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "run/shipper_host.h"

#define READ_RETRY_NS CLOCK_SECOND
#define REPLAY_STORE_NS CLOCK_SECOND

/* ---- the cursor ---- */

/* The replay's cursor: often enough that a restart repeats little, seldom enough to cost nothing; the end at once. */
static void store_replay(struct lg_output_host *host, uint64_t cursor)
{
	int64_t now_ns = clock_mono(host->env.clock);
	struct lg_err err;

	host->replay->next = cursor < host->replay->end ? cursor : host->replay->end;
	if (now_ns < host->next_store_ns && cursor < host->replay->end)
		return;
	host->next_store_ns = now_ns + REPLAY_STORE_NS;
	if (replay_store(host->replay, &err) != LG_OK)
		log_warning("output %s: %s; after a restart it repeats more", host->name, err.text);
}

static void move_cursor(struct lg_output_host *host)
{
	uint64_t cursor = flight_cursor(&host->flight);

	if (cursor > host->hold)
		cursor = host->hold;
	if (cursor <= host->cursor)
		return;
	host->rewinds = 0;
	host->cursor = cursor;
	if (host->replay && host->replay->again)
		return; /* its files say how far it is */
	if (host->replay) {
		store_replay(host, cursor);
		return;
	}
	spool_cursor_move(host->env.spool, host->conf->name, cursor);
	if (cursor > atomic_load(&host->give_up_below))
		atomic_store(&host->moved_ns, clock_mono(host->env.clock));
	if (atomic_load(&host->env.writer->full))
		writer_nudge(host->env.writer);
}

/* ---- the thread ---- */

static void wait_for_work(struct lg_output_host *host, struct lg_waitset *ws, int64_t now_ns, int64_t until_ns)
{
	bool news = host->cursor != host->status.cursor || host->position != host->status.offered;

	if (news && until_ns > host->next_report_ns)
		until_ns = host->next_report_ns; /* status is told what happened before a rest */
	thread_wait(&host->thread, ws, now_ns, ws->wake_ns < until_ns ? ws->wake_ns : until_ns);
}

/* What only the receiver's confirmation still holds is asked for: nothing more will come (--once), or nothing more can come because the spool
 * is full of it. */
static bool wants_confirmation(struct lg_output_host *host)
{
	return atomic_load(&host->drain) || ((atomic_load(&host->env.writer->full) || atomic_load(&host->env.writer->pressed)) && host->flight.head);
}

/* --once: the receiver has everything. */
static bool drained(struct lg_output_host *host, int64_t now_ns, struct lg_waitset *ws)
{
	if (!wants_confirmation(host) || !host->caught_up || host->failed)
		return false;
	if (host->conf->plugin->finish && !host->conf->plugin->finish(host->state, now_ns, ws))
		return false;
	move_cursor(host);
	if (!atomic_load(&host->drain) || host->failed || host->flight.head)
		return false;
	return !host->replay || !host->replay->again || !offer_next_pass(host);
}

static void run_until_stopped(struct lg_output_host *host, struct lg_waitset *ws)
{
	const struct lg_output_plugin *plugin = host->conf->plugin;

	while (!thread_stopping(&host->thread) && !atomic_load(&host->done)) {
		int64_t now_ns = clock_mono(host->env.clock);
		bool progress = false, refused;

		if (atomic_load(&host->give_up_below) > host->status.cursor) {
			offer_give_up(host);
			move_cursor(host);
		}
		if (atomic_exchange(&host->reopen, false) && plugin->reopen)
			plugin->reopen(host->state);
		if (now_ns >= host->retry_at_ns) {
			host->retry_at_ns = 0;
			ws->wake_ns = INT64_MAX;
			plugin->step(host->state, now_ns, ws);
			if (!host->failed)
				progress = offer_round(host);
			if (!progress && drained(host, now_ns, ws))
				atomic_store(&host->done, true);
		} else {
			lg_waitset_clear(ws);
		}
		move_cursor(host);
		now_ns = clock_mono(host->env.clock);
		if (host->failed)
			offer_rewind(host, now_ns);
		shipper_publish(host, now_ns, atomic_load(&host->done));
		/* A first refusal may be why the plugin acts now (a closed line is opened again): it gets its step before the wait. */
		refused = !progress && host->offer.batch;
		if (!progress && !atomic_load(&host->done) && refused <= host->refused)
			wait_for_work(host, ws, now_ns, host->retry_at_ns ? host->retry_at_ns : now_ns + READ_RETRY_NS);
		host->refused = refused;
	}
}

/* A stop: what was offered is finished in order; what was not waits in the spool for the next start. */
static void finish(struct lg_output_host *host, struct lg_waitset *ws)
{
	const struct lg_output_plugin *plugin = host->conf->plugin;

	while (!host->failed && !host->retry_at_ns && !atomic_load(&host->done) && plugin->finish) {
		int64_t now_ns = clock_mono(host->env.clock);

		ws->wake_ns = INT64_MAX;
		if (plugin->finish(host->state, now_ns, ws) || thread_past_deadline(&host->thread, now_ns))
			break;
		move_cursor(host);
		wait_for_work(host, ws, now_ns, now_ns + 100 * CLOCK_MS);
	}
	move_cursor(host);
	shipper_publish(host, clock_mono(host->env.clock), true);
}

static void *shipper_main(void *arg)
{
	struct lg_output_host *host = arg;
	struct lg_waitset ws = {0};

	run_until_stopped(host, &ws);
	finish(host, &ws);
	free(ws.fds);
	return NULL;
}

/* ---- life ---- */

/* A new output starts at the oldest record, in a spool with history at the end, unless start_at says otherwise (DESIGN section 2). */
static bool starts_at_end(const struct lg_output_host *host)
{
	enum { NOT_GIVEN, OLDEST, END };

	return host->conf->start_at == END || (host->conf->start_at == NOT_GIVEN && spool_durable_next(host->env.spool) > 1);
}

/* Where it goes on from, and the reader and the dead letters there. */
static enum lg_rc open_cursor(struct lg_output_host *host, struct lg_err *err)
{
	const char *name = host->conf->name;
	struct spool_stat stat;
	enum lg_rc rc;

	spool_stat(host->env.spool, &stat);
	memcpy(host->spool_id, stat.spool_id, sizeof(host->spool_id));
	if (host->replay && host->replay->again) {
		host->letters = host->replay->letters;
		flight_init(&host->flight, 0);
		return LG_OK; /* its first pass begins once the plugin has nothing to finish */
	}
	if (!host->replay) {
		rc = spool_output_add(host->env.spool, name, starts_at_end(host), err);
		if (rc != LG_OK)
			return rc;
	}
	host->position = host->replay ? host->replay->next : spool_cursor(host->env.spool, name);
	flight_init(&host->flight, host->position);
	host->status.cursor = host->cursor = host->position;
	rc = spool_reader_open(host->env.spool, host->position, &host->reader, err);
	if (rc != LG_OK)
		return rc;
	if (!host->replay)
		return deadletters_open(&host->letters, host->env.spool, name, err);
	host->letters = host->replay->letters;
	return LG_OK;
}

static enum lg_rc open_parts(struct lg_output_host *host, struct lg_err *err)
{
	const struct config_output *conf = host->conf;
	bool line_framing = conf->plugin->line_framing && conf->plugin->line_framing(conf->conf);
	uint64_t seed = 0;
	size_t at;
	enum lg_rc rc;

	rc = thread_open(&host->thread, err);
	if (rc != LG_OK)
		return rc;
	sys_random(&seed, sizeof(seed));
	backoff_init(&host->backoff, seed);
	if (conf->where && !(host->replay && host->replay->again)) {
		rc = filter_compile(&host->filter, conf->where, &at, err);
		if (rc != LG_OK)
			return lg_err_prepend(err, "where");
	}
	host->formatter = lg_formatter_new(conf->format, &conf->format_conf, host->env.agent, line_framing);
	if (!host->formatter)
		return lg_err_set(err, LG_INVALID, "no format %s", conf->format);
	rc = open_cursor(host, err);
	if (rc != LG_OK)
		return rc;
	host->status.dead = deadletters_count(host->letters);
	rc = conf->plugin->open(host->state, conf->conf, host, err);
	host->opened = rc == LG_OK;
	return rc;
}

enum lg_rc shipper_new(struct lg_output_host **out, const struct config_output *conf, const struct shipper_env *env, struct lg_err *err)
{
	return shipper_new_replay(out, conf, env, NULL, err);
}

enum lg_rc shipper_new_replay(struct lg_output_host **out, const struct config_output *conf, const struct shipper_env *env, struct replay *replay,
                              struct lg_err *err)
{
	struct lg_output_host *host = mem_zalloc(sizeof(*host));
	enum lg_rc rc;

	host->conf = conf;
	host->env = *env;
	host->replay = replay;
	snprintf(host->name, sizeof(host->name), "%s%s", conf->name, replay ? ".replay" : "");
	thread_init(&host->thread);
	atomic_init(&host->give_up_below, 0);
	atomic_init(&host->moved_ns, clock_mono(env->clock));
	atomic_init(&host->drain, replay != NULL); /* a replay ends when everything of it is settled */
	atomic_init(&host->choice, LG_CHOICE_NONE);
	host->hold = UINT64_MAX;
	host->healthy = true;
	pthread_mutex_init(&host->mutex, NULL);
	snprintf(host->status.state, sizeof(host->status.state), "starting");
	snprintf(host->plugin_state, sizeof(host->plugin_state), "starting");
	host->status.healthy = true;
	host->state = mem_zalloc(conf->plugin->state_size);
	rc = open_parts(host, err);
	if (rc != LG_OK) {
		lg_err_prepend(err, "output %s", conf->name);
		shipper_free(host);
		return rc;
	}
	*out = host;
	return LG_OK;
}

enum lg_rc shipper_start(struct lg_output_host *host, struct lg_err *err)
{
	enum lg_rc rc = thread_start(&host->thread, shipper_main, host, err);

	return rc == LG_OK ? LG_OK : lg_err_prepend(err, "output %s", host->conf->name);
}

void shipper_choose(struct lg_output_host *host, enum lg_choice choice)
{
	atomic_store(&host->choice, (int)choice);
	shipper_wake(host);
}

void shipper_drain(struct lg_output_host *host)
{
	atomic_store(&host->drain, true);
	thread_wake(&host->thread);
}

void shipper_stop(struct lg_output_host *host, int64_t deadline_ns)
{
	thread_stop(&host->thread, deadline_ns);
}

void shipper_reopen(struct lg_output_host *host)
{
	atomic_store(&host->reopen, true);
	thread_wake(&host->thread);
}

void shipper_join(struct lg_output_host *host)
{
	thread_join(&host->thread);
}

void shipper_free(struct lg_output_host *host)
{
	if (!host)
		return;
	if (host->opened && host->conf->plugin->close)
		host->conf->plugin->close(host->state);
	offer_drop(host);
	spool_reader_close(host->reader);
	if (!host->replay)
		deadletters_close(host->letters);
	flight_fini(&host->flight);
	lg_formatter_free(host->formatter);
	filter_free(host->filter);
	thread_fini(&host->thread);
	pthread_mutex_destroy(&host->mutex);
	free(host->offer.select);
	free(host->state);
	free(host);
}

struct deadletters *shipper_letters(struct lg_output_host *host)
{
	return host->letters;
}

bool shipper_done(struct lg_output_host *host)
{
	return atomic_load(&host->done);
}

void shipper_wake(void *host)
{
	thread_wake(&((struct lg_output_host *)host)->thread);
}

void shipper_give_up(void *arg, uint64_t below)
{
	struct lg_output_host *host = arg;

	atomic_store(&host->give_up_below, below);
	thread_wake(&host->thread);
}

int64_t shipper_moved_ns(void *arg)
{
	struct lg_output_host *host = arg;

	return atomic_load(&host->moved_ns);
}

const struct config_output *shipper_conf(const struct lg_output_host *host)
{
	return host->conf;
}
