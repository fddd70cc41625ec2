#include "run/shipper.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "data/filter.h"
#include "net/backoff.h"
#include "run/burial.h"
#include "run/flight.h"

#define REPORT_EVERY_NS (250 * CLOCK_MS)
#define READ_RETRY_NS CLOCK_SECOND
#define REPLAY_STORE_NS CLOCK_SECOND
#define BURST_BATCHES 16 /* offered between two steps of the plugin */

/* The batch being offered. */
struct offer {
	struct lg_batch *batch; /* one reference */
	uint64_t next, end;     /* sequences still to offer: next .. end - 1 */
	uint64_t wanted_end;    /* behind the last one that the filter selected */
	uint64_t *select;       /* NULL: all */
	struct lg_batch_iter it;
};

/* Owned by the output's thread, but for `status` (mutex) and the atomics. */
struct lg_output_host {
	const struct config_output *conf;
	struct shipper_env env;
	struct replay *replay;   /* NULL: this is the live output */
	char name[80];
	int64_t next_store_ns;   /* of the replay's cursor */
	void *state; /* the plugin's */
	pthread_t thread;
	bool started, opened;
	struct sys_wake wake;
	atomic_bool stop, drain, done, reopen;
	_Atomic int64_t stop_deadline_ns;
	struct lg_formatter *formatter;
	struct filter *filter;
	struct spool_reader *reader;
	struct deadletters *letters;
	struct flight flight;
	struct offer offer;
	uint64_t position;       /* next sequence to offer */
	uint64_t gaps_end;       /* gaps below were said: a rewind meets them again */
	struct backoff backoff;
	int64_t retry_at_ns;     /* monotonic; 0: not backing off */
	bool failed;             /* lg_output_retry was called in this turn */
	bool healthy;
	bool spool_trouble;      /* the spool could not be read; meanwhile the plugin's state is kept in: */
	char plugin_state[24];
	bool caught_up;
	bool refused;            /* the plugin took nothing of an offer in the last turn */
	size_t select_cap;
	uint64_t records, repeats, filtered, lost;
	uint32_t rewinds;        /* since the cursor moved */
	int64_t next_report_ns, rate_at_ns;
	uint64_t rate_position;
	pthread_mutex_t mutex;
	struct shipper_status status;
};

/* ---- what the plugin calls ---- */

/* The receiver will never take them: kept as dead letters, and only then settled. What was settled before is passed over. */
static void reject(struct lg_output_host *host, uint64_t first, uint64_t last, const char *reason)
{
	uint64_t from, to;
	struct lg_err err;

	while (flight_run(&host->flight, first, last, &from, &to)) {
		enum lg_rc rc = burial_put(host->letters, host->env.spool, host->offer.batch, from, to, reason, host->rewinds + 1, &err);

		if (rc == LG_CORRUPT) {
			host->lost += to - from + 1;
			writer_post_loss(host->env.writer, 'O', host->conf->name, from, to, to - from + 1, 0, "rejected, and unreadable in the spool");
		} else if (rc != LG_OK) {
			lg_output_retry(host, "dead-letter", &err);
			return;
		}
		flight_settle(&host->flight, from, to);
		if (to == UINT64_MAX)
			return;
		first = to + 1;
	}
}

void lg_settle(struct lg_output_host *host, uint64_t first, uint64_t last, enum lg_settle how, const char *reason)
{
	if (how == LG_REJECT)
		reject(host, first, last, reason);
	else
		host->records += flight_settle(&host->flight, first, last);
}

static void set_state(struct lg_output_host *host, const char *state, const char *error, bool healthy)
{
	bool news, error_news;

	pthread_mutex_lock(&host->mutex);
	news = strcmp(host->status.state, state) != 0;
	error_news = error && strcmp(host->status.last_error, error) != 0;
	snprintf(host->status.state, sizeof(host->status.state), "%s", state);
	if (error)
		snprintf(host->status.last_error, sizeof(host->status.last_error), "%s", error);
	host->status.healthy = healthy;
	pthread_mutex_unlock(&host->mutex);
	if (!healthy && (news || error_news))
		log_warning("output %s: %s: %s", host->conf->name, state, error ? error : "");
	else if (healthy && !host->healthy)
		log_notice("output %s: %s", host->conf->name, state);
	host->healthy = healthy;
}

void lg_output_retry(struct lg_output_host *host, const char *state, const struct lg_err *err)
{
	set_state(host, state, err->text, false);
	host->failed = true;
}

void lg_output_ok(struct lg_output_host *host, const char *state)
{
	if (strcmp(state, "connecting") != 0)
		backoff_reset(&host->backoff);
	snprintf(host->plugin_state, sizeof(host->plugin_state), "%s", state);
	if (!host->spool_trouble)
		set_state(host, state, NULL, true);
}

struct lg_net *lg_output_net(struct lg_output_host *host)
{
	return host->env.net;
}

const char *lg_output_name(const struct lg_output_host *host)
{
	return host->name;
}

struct lg_formatter *lg_output_formatter(struct lg_output_host *host)
{
	return host->formatter;
}

void lg_output_log(struct lg_output_host *host, enum lg_level level, const char *fmt, ...)
{
	char prefix[80];
	va_list ap;

	snprintf(prefix, sizeof(prefix), "output %s", host->conf->name);
	va_start(ap, fmt);
	log_vwrite(level, prefix, fmt, ap);
	va_end(ap);
}

/* ---- offering ---- */

static void drop_offer(struct lg_output_host *host)
{
	lg_batch_release(host->offer.batch);
	host->offer.batch = NULL;
}

/* Everything unsettled will be offered again, from the cursor, after a backoff. */
static void rewind_all(struct lg_output_host *host, int64_t now_ns)
{
	const struct lg_output_plugin *plugin = host->conf->plugin;
	uint64_t cursor = flight_cursor(&host->flight);

	host->failed = false;
	host->rewinds++;
	host->retry_at_ns = now_ns + backoff_next(&host->backoff);
	if (plugin->rewind)
		plugin->rewind(host->state);
	host->repeats += flight_unsettled(&host->flight, host->position);
	flight_rewind(&host->flight);
	drop_offer(host);
	host->position = cursor;
	spool_reader_seek(host->reader, cursor);
}

static bool wants_input(const struct lg_output_host *host, const char *input)
{
	const struct lg_strings *names = &host->conf->inputs;

	if (!names->count || !strcmp(input, "lugger"))
		return true;
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->items[i], input))
			return true;
	return false;
}

/* The selection of a batch: NULL when everything from host->position on is wanted. */
static uint64_t *select_records(struct lg_output_host *host, const struct lg_batch *batch)
{
	size_t words = (size_t)((lg_batch_count(batch) + 63) / 64);
	bool wanted = wants_input(host, batch->input);
	struct lg_batch_iter it;
	struct lg_record rec;

	if (wanted && !host->filter && !host->replay && host->position <= lg_batch_first(batch))
		return NULL;
	host->offer.select = mem_grow(host->offer.select, &host->select_cap, words, sizeof(uint64_t));
	memset(host->offer.select, 0, words * sizeof(uint64_t));
	if (!wanted)
		return host->offer.select;
	lg_batch_begin(&it, batch, host->position);
	while (lg_batch_next(&it, &rec)) {
		uint64_t i = rec.seq - lg_batch_first(batch);

		if ((!host->filter || filter_match(host->filter, &rec)) && (!host->replay || replay_wants(host->replay, &rec)))
			host->offer.select[i / 64] |= UINT64_C(1) << (i % 64);
	}
	return host->offer.select;
}

/* The sequence behind the last selected record of the batch; its first one when none is. */
static uint64_t wanted_end(const struct lg_batch *batch, const uint64_t *select)
{
	uint64_t first = lg_batch_first(batch), count = lg_batch_count(batch);

	while (select && count && !(select[(count - 1) / 64] >> ((count - 1) % 64) & 1))
		count--;
	return first + count;
}

static void begin_offer(struct lg_output_host *host, struct lg_batch *batch)
{
	uint64_t *select = select_records(host, batch);
	uint64_t first = lg_batch_first(batch), count = lg_batch_count(batch);

	host->offer.batch = batch;
	host->offer.next = host->position > first ? host->position : first;
	host->offer.end = first + count;
	host->offer.wanted_end = wanted_end(batch, select);
	lg_batch_begin(&host->offer.it, batch, host->offer.next);
	host->offer.it.select = select;
	flight_add(&host->flight, first, count, select);
	if (select)
		host->filtered += host->offer.end - host->offer.next - host->flight.tail->unsettled;
}

/* Records the spool cannot give any more: lost to this output, said as a durable loss record. */
static void note_gap(struct lg_output_host *host, uint64_t first, uint64_t last, const char *reason)
{
	uint64_t unsaid = first > host->gaps_end ? first : host->gaps_end;

	if (host->replay && first >= host->replay->end)
		return; /* what lies behind its end is not asked for */
	if (host->replay && last >= host->replay->end)
		last = host->replay->end - 1;
	if (unsaid <= last) {
		host->gaps_end = last + 1;
		host->lost += last - unsaid + 1;
		log_error("output %s: records %llu to %llu are lost to it: %s", host->conf->name, (unsigned long long)unsaid,
		          (unsigned long long)last, reason);
		if (!host->replay) /* else it is the log's loss, said already */
			writer_post_loss(host->env.writer, 'O', host->conf->name, unsaid, last, last - unsaid + 1, 0, reason);
	}
	flight_skip(&host->flight, first, last - first + 1);
	host->position = last + 1;
}

/* The reader jumps over segments that are gone (`on_lag: detach`, files that a person removed). */
static void note_jump(struct lg_output_host *host, uint64_t to)
{
	if (to > host->position)
		note_gap(host, host->position, to - 1, "dropped from the spool");
}

static void note_spool_trouble(struct lg_output_host *host, const struct lg_err *err)
{
	if (err)
		set_state(host, "spool-error", err->text, false);
	else if (host->spool_trouble)
		set_state(host, host->plugin_state, NULL, true);
	host->spool_trouble = err != NULL;
}

/* LG_OK: there is an offer. LG_AGAIN: caught up. Else the spool could not be read just now. */
static enum lg_rc next_offer(struct lg_output_host *host)
{
	uint64_t gap_first = 0, gap_last = 0;
	struct lg_batch *batch;
	struct lg_err err;
	enum lg_rc rc;

	while (!host->offer.batch) {
		if (host->replay && host->position >= host->replay->end)
			return LG_AGAIN;
		rc = spool_reader_next(host->reader, &batch, &gap_first, &gap_last, &err);
		if (rc != LG_OK && rc != LG_AGAIN && rc != LG_CORRUPT) {
			note_spool_trouble(host, &err);
			return rc;
		}
		note_spool_trouble(host, NULL);
		note_jump(host, rc == LG_OK ? lg_batch_first(batch) : rc == LG_CORRUPT ? gap_first : spool_reader_at(host->reader));
		if (rc == LG_AGAIN)
			return rc;
		if (rc == LG_CORRUPT)
			note_gap(host, gap_first, gap_last, "corrupt in the spool");
		else
			begin_offer(host, host->replay ? replay_mark(batch) : batch);
	}
	return LG_OK;
}

/* Offers what is left of the current batch. True when the plugin took some. */
static bool send_offer(struct lg_output_host *host)
{
	struct offer *offer = &host->offer;
	uint64_t taken = offer->next;

	if (offer->next < offer->wanted_end)
		host->conf->plugin->send(host->state, offer->batch, &offer->it, &taken);
	if (taken >= offer->wanted_end)
		taken = offer->end; /* nothing behind it is for this output */
	if (host->failed || taken == offer->next)
		return false;
	offer->next = host->position = taken;
	if (taken >= offer->end)
		drop_offer(host);
	return true;
}

/* One round of offers; true when something was taken. */
static bool offer_round(struct lg_output_host *host)
{
	bool progress = false;

	host->caught_up = false;
	for (int i = 0; i < BURST_BATCHES && !host->failed; i++) {
		enum lg_rc rc = next_offer(host);

		if (rc != LG_OK) {
			host->caught_up = rc == LG_AGAIN;
			break;
		}
		if (!send_offer(host))
			break;
		progress = true;
	}
	return progress;
}

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

	if (cursor <= host->status.cursor)
		return;
	host->rewinds = 0;
	pthread_mutex_lock(&host->mutex);
	host->status.cursor = cursor;
	pthread_mutex_unlock(&host->mutex);
	if (host->replay) {
		store_replay(host, cursor);
		return;
	}
	spool_cursor_move(host->env.spool, host->conf->name, cursor);
	if (atomic_load(&host->env.writer->full))
		writer_nudge(host->env.writer);
}

/* ---- status ---- */

static void update_rate(struct lg_output_host *host, int64_t now_ns)
{
	double seconds = (double)(now_ns - host->rate_at_ns) / 1e9;

	if (host->rate_at_ns && seconds < 1)
		return;
	if (host->rate_at_ns && host->position >= host->rate_position)
		host->status.rate = 0.5 * host->status.rate + 0.5 * (double)(host->position - host->rate_position) / seconds;
	host->rate_at_ns = now_ns;
	host->rate_position = host->position;
}

static void publish(struct lg_output_host *host, int64_t now_ns, bool force)
{
	const struct lg_output_plugin *plugin = host->conf->plugin;
	struct lg_output_report report = {0};
	uint64_t from, behind, lag_bytes, dead;

	if (!force && now_ns < host->next_report_ns)
		return;
	host->next_report_ns = now_ns + REPORT_EVERY_NS;
	if (plugin->report)
		plugin->report(host->state, &report);
	/* Not settled and not merely held by the resend window: not offered yet, or offered and not acknowledged by the peer's TCP. */
	from = report.held_before > host->flight.cursor ? report.held_before : host->flight.cursor;
	behind = host->replay ? host->replay->end : spool_durable_next(host->env.spool);
	behind = behind > host->position ? behind - host->position : 0;
	behind += flight_unsettled(&host->flight, host->position) - flight_unsettled(&host->flight, from);
	lag_bytes = behind ? spool_bytes_from(host->env.spool, from) : 0;
	dead = deadletters_count(host->letters);
	pthread_mutex_lock(&host->mutex);
	update_rate(host, now_ns);
	host->status.offered = host->position;
	host->status.lag_records = behind;
	host->status.lag_bytes = lag_bytes;
	host->status.records = host->records;
	host->status.repeats = host->repeats;
	host->status.filtered = host->filtered;
	host->status.lost = host->lost;
	host->status.dead = dead;
	host->status.retry_in_ns = host->retry_at_ns > now_ns ? host->retry_at_ns - now_ns : 0;
	host->status.report = report;
	pthread_mutex_unlock(&host->mutex);
}

/* ---- the thread ---- */

static void wait_for_work(struct lg_output_host *host, struct lg_waitset *ws, int64_t now_ns, int64_t until_ns)
{
	int64_t wait_ns = (ws->wake_ns < until_ns ? ws->wake_ns : until_ns) - now_ns;
	int timeout_ms;

	if (wait_ns > CLOCK_SECOND)
		wait_ns = CLOCK_SECOND;
	timeout_ms = wait_ns <= 0 ? 0 : (int)((wait_ns + CLOCK_MS - 1) / CLOCK_MS);
	lg_waitset_add(ws, host->wake.read_fd, POLLIN);
	if (poll(ws->fds, (nfds_t)ws->count, timeout_ms) < 0 && errno != EINTR)
		log_error("output %s: poll failed (error %d)", host->conf->name, errno);
	if (lg_waitset_ready(ws, host->wake.read_fd))
		sys_wake_drain(&host->wake);
}

/* What only the receiver's confirmation still holds is asked for: nothing more will come (--once), or nothing more can come because the spool
 * is full of it. */
static bool wants_confirmation(struct lg_output_host *host)
{
	return atomic_load(&host->drain) || (atomic_load(&host->env.writer->full) && host->flight.head);
}

/* --once: the receiver has everything. */
static bool drained(struct lg_output_host *host, int64_t now_ns, struct lg_waitset *ws)
{
	if (!wants_confirmation(host) || !host->caught_up || host->failed)
		return false;
	if (host->conf->plugin->finish && !host->conf->plugin->finish(host->state, now_ns, ws))
		return false;
	move_cursor(host);
	return atomic_load(&host->drain) && !host->failed && !host->flight.head;
}

static void run_until_stopped(struct lg_output_host *host, struct lg_waitset *ws)
{
	const struct lg_output_plugin *plugin = host->conf->plugin;

	while (!atomic_load(&host->stop) && !atomic_load(&host->done)) {
		int64_t now_ns = clock_mono(host->env.clock);
		bool progress = false, refused;

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
			rewind_all(host, now_ns);
		publish(host, now_ns, atomic_load(&host->done));
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
		if (plugin->finish(host->state, now_ns, ws) || now_ns >= atomic_load(&host->stop_deadline_ns))
			break;
		move_cursor(host);
		wait_for_work(host, ws, now_ns, now_ns + 100 * CLOCK_MS);
	}
	move_cursor(host);
	publish(host, clock_mono(host->env.clock), true);
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
	enum lg_rc rc;

	if (!host->replay) {
		rc = spool_output_add(host->env.spool, name, starts_at_end(host), err);
		if (rc != LG_OK)
			return rc;
	}
	host->position = host->replay ? host->replay->next : spool_cursor(host->env.spool, name);
	flight_init(&host->flight, host->position);
	host->status.cursor = host->position;
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
	int sys = sys_wake_init(&host->wake);

	if (sys < 0)
		return lg_err_sys(err, -sys, "no pipe");
	sys_random(&seed, sizeof(seed));
	backoff_init(&host->backoff, seed);
	if (conf->where) {
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
	atomic_init(&host->drain, replay != NULL); /* a replay ends when everything of it is settled */
	host->wake.read_fd = host->wake.write_fd = -1;
	host->healthy = true;
	atomic_init(&host->stop_deadline_ns, INT64_MAX);
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
	int sys = pthread_create(&host->thread, NULL, shipper_main, host);

	if (sys)
		return lg_err_sys(err, sys, "output %s: no thread", host->conf->name);
	host->started = true;
	return LG_OK;
}

void shipper_drain(struct lg_output_host *host)
{
	atomic_store(&host->drain, true);
	sys_wake_up(&host->wake);
}

void shipper_stop(struct lg_output_host *host, int64_t deadline_ns)
{
	atomic_store(&host->stop_deadline_ns, deadline_ns);
	atomic_store(&host->stop, true);
	sys_wake_up(&host->wake);
}

void shipper_reopen(struct lg_output_host *host)
{
	atomic_store(&host->reopen, true);
	sys_wake_up(&host->wake);
}

void shipper_join(struct lg_output_host *host)
{
	if (!host->started)
		return;
	pthread_join(host->thread, NULL);
	host->started = false;
}

void shipper_free(struct lg_output_host *host)
{
	if (!host)
		return;
	if (host->opened && host->conf->plugin->close)
		host->conf->plugin->close(host->state);
	drop_offer(host);
	spool_reader_close(host->reader);
	if (!host->replay)
		deadletters_close(host->letters);
	flight_fini(&host->flight);
	lg_formatter_free(host->formatter);
	filter_free(host->filter);
	sys_wake_fini(&host->wake);
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
	sys_wake_up(&((struct lg_output_host *)host)->wake);
}

enum lg_rc shipper_drop_dead(struct lg_output_host *host, uint64_t *count, struct lg_err *err)
{
	enum lg_rc rc = deadletters_drop(host->letters, count, err);
	uint64_t left = deadletters_count(host->letters);

	pthread_mutex_lock(&host->mutex);
	host->status.dead = left;
	pthread_mutex_unlock(&host->mutex);
	return rc;
}

void shipper_status_copy(struct lg_output_host *host, struct shipper_status *status)
{
	pthread_mutex_lock(&host->mutex);
	*status = host->status;
	pthread_mutex_unlock(&host->mutex);
}

const struct config_output *shipper_conf(const struct lg_output_host *host)
{
	return host->conf;
}
