#include "run/worker_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define REPORT_EVERY_NS (250 * CLOCK_MS)
#define POSITIONS_EVERY_NS CLOCK_SECOND /* a move without a record becomes a frame of its own at most this often */
#define STARVED_WAIT_NS (20 * CLOCK_MS)
#define CHUNK_ROOM (256u << 10)         /* records a chunk may still add to a full batch */

struct lg_positions {
	struct lg_batch *batch;
	size_t put;
};

/* ---- what the plugin calls ---- */

void lg_positions_put(struct lg_positions *positions, struct lg_str key, const void *value, size_t size)
{
	batch_put_position(positions->batch, key, value, size);
	positions->put++;
}

size_t worker_batch_room(const struct config_spool *conf)
{
	return (size_t)conf->batch_size + CHUNK_ROOM;
}

/* The current batch, made when there is none; NULL when the budget has no room for one even after the memory tail gave way. */
static struct lg_batch *current_batch(struct lg_input_host *host)
{
	size_t room = worker_batch_room(host->env.conf);

	if (host->batch)
		return host->batch;
	host->batch = batch_new(host->env.budget, room, host->conf->name);
	if (!host->batch && spool_tail_evict(host->env.spool, room) > 0)
		host->batch = batch_new(host->env.budget, room, host->conf->name);
	return host->batch;
}

/* Times of receipt never decrease, whatever the system's clock does (DESIGN section 2). */
static void read_clocks(struct lg_input_host *host)
{
	int64_t utc_ns = clock_utc(host->env.clock);

	if (utc_ns > host->utc_ns)
		host->utc_ns = utc_ns;
	host->mono_ns = clock_mono(host->env.clock);
}

/* Closes the current batch: the plugin adds its positions, it is compressed and queued. False: the queue is full; it stays current. */
static bool close_batch(struct lg_input_host *host, int64_t now_ns)
{
	const struct lg_input_plugin *plugin = host->conf->plugin;
	struct lg_positions positions = {host->batch, 0};

	if (queue_full(&host->env.writer->queue) && !host->last_call)
		return false;
	host->batch->token = plugin->seal ? plugin->seal(host->state, &positions) : 0;
	host->last_seal_ns = now_ns;
	if (!host->batch->count && !positions.put && !host->shed_count)
		return true; /* nothing to say: stays current and empty */
	host->batch->shed_count = host->shed_count;
	host->batch->shed_bytes = host->shed_bytes;
	host->shed_count = host->shed_bytes = 0;
	if (!host->batch->count)
		host->batch->first_ns = host->batch->last_ns = host->utc_ns;
	batch_pack(host->batch, host->codec);
	host->batch->owner = host;
	queue_push(&host->env.writer->queue, host->batch);
	host->batch = NULL;
	host->in_flight++;
	return true;
}

/* The spool is nearly full and this record is of little weight (one without a severity is not), or the input is at its quota and cannot be asked again. */
static bool shed(struct lg_input_host *host, const struct lg_draft *draft)
{
	bool quota = atomic_load(&host->over_quota) && !host->conf->plugin->seal && host->env.writer->when_full.policy != FULL_BLOCK;

	if (!quota && (draft->severity == LG_SEVERITY_NONE || draft->severity < atomic_load(&host->env.writer->when_full.admit_below)))
		return false;
	host->news_ns = host->mono_ns;
	host->last_record_ns = host->utc_ns;
	host->shed_count++;
	host->shed_bytes += draft->body.size;
	host->shed++;
	host->lost++;
	return true;
}

void lg_emit(struct lg_input_host *host, struct lg_draft *draft, const struct lg_origin *origin)
{
	if (shed(host, draft))
		return;
	if (!current_batch(host)) /* a record in hand is never refused: one batch per input is a floor of the budget */
		host->batch = batch_new(NULL, worker_batch_room(host->env.conf), host->conf->name);
	if (!host->batch->count)
		host->batch_since_ns = clock_mono(host->env.clock);
	host->news_ns = host->mono_ns;
	if (draft->received_ns && draft->received_ns < host->newest_ns)
		draft->received_ns = host->newest_ns; /* an assembly that waited */
	batch_add(host->batch, draft, origin, host->utc_ns);
	host->newest_ns = host->batch->last_ns;
	host->records++;
	host->bytes += draft->body.size;
	host->last_record_ns = host->utc_ns;
}

/* ---- the thread ---- */

static void take_durable(struct lg_input_host *host)
{
	const struct lg_input_plugin *plugin = host->conf->plugin;
	struct lg_batch *list, *oldest = NULL;

	pthread_mutex_lock(&host->mutex);
	list = host->inbox;
	host->inbox = NULL;
	pthread_mutex_unlock(&host->mutex);
	while (list) { /* the inbox is newest first */
		struct lg_batch *next = list->next;

		list->next = oldest;
		oldest = list;
		list = next;
	}
	while (oldest) {
		struct lg_batch *next = oldest->next;

		if (plugin->durable)
			plugin->durable(host->state, oldest->token);
		if (oldest->dropped) {
			host->dropped += oldest->count;
			host->lost += oldest->count;
		}
		if (plugin->settled) /* what a policy dropped has no sequence: its loss record settles it */
			settled_push(&host->settled, oldest->token, oldest->first_seq + oldest->count);
		lg_batch_release(oldest);
		host->in_flight--;
		oldest = next;
	}
}

void worker_tell_settled(struct lg_input_host *host)
{
	uint64_t token;

	if (host->settled.count && settled_take(&host->settled, spool_settled(host->env.spool), &token))
		host->conf->plugin->settled(host->state, token);
}

/* By the monotonic clock: a UTC clock that is set makes no input silent. */
static const char *state_word(const struct lg_input_host *host, int64_t now_ns)
{

	if (host->faulted)
		return "fault";
	if (atomic_load(&host->env.writer->full) && (host->refused || host->in_flight))
		return "full"; /* what it has read waits, or it may not read */
	if (atomic_load(&host->over_quota) && host->refused)
		return "quota";
	if (host->conf->expect_every_ns && now_ns - host->news_ns > host->conf->expect_every_ns)
		return "silent";
	return now_ns - host->news_ns < 2 * CLOCK_SECOND && host->last_record_ns ? "reading" : "waiting";
}

static bool calm(const char *state)
{
	return !strcmp(state, "reading") || !strcmp(state, "waiting") || !strcmp(state, "starting");
}

/* reading and waiting alternate all day: only the other changes are news. */
static void say_change(const struct lg_input_host *host, const char *from, const char *to)
{
	if ((calm(from) && calm(to)) || !strcmp(from, to) || !strcmp(to, "fault"))
		return;
	if (!strcmp(to, "silent"))
		log_warning("input %s: silent: no record for longer than expect_every", host->conf->name);
	else if (!strcmp(to, "quota"))
		log_warning("input %s: at its spool_quota, reading waits until an output takes its records", host->conf->name);
	else if (!strcmp(to, "full"))
		log_warning("input %s: the spool is full, reading waits", host->conf->name);
	else
		log_notice("input %s: %s again", host->conf->name, to);
}

static void update_rate(struct lg_input_host *host, int64_t now_ns)
{
	double seconds = (double)(now_ns - host->rate_at_ns) / 1e9;

	if (host->rate_at_ns && seconds < 1)
		return;
	if (host->rate_at_ns)
		host->status.rate = 0.5 * host->status.rate + 0.5 * (double)(host->records - host->rate_records) / seconds;
	host->rate_at_ns = now_ns;
	host->rate_records = host->records;
}

static void publish(struct lg_input_host *host, int64_t now_ns, bool force)
{
	const struct lg_input_plugin *plugin = host->conf->plugin;
	struct lg_input_report report = {0};
	const char *state;

	if (!force && now_ns < host->next_report_ns)
		return;
	host->next_report_ns = now_ns + REPORT_EVERY_NS;
	if (plugin->report)
		plugin->report(host->state, &report);
	state = state_word(host, now_ns);
	pthread_mutex_lock(&host->mutex);
	update_rate(host, now_ns);
	say_change(host, host->status.state, state);
	snprintf(host->status.state, sizeof(host->status.state), "%s", state);
	if (!host->faulted)
		host->status.last_error[0] = '\0';
	host->status.records = host->records;
	host->status.bytes = host->bytes;
	host->status.lost = host->lost;
	host->status.lost_unknown = host->lost_unknown;
	host->status.shed = host->shed;
	host->status.dropped = host->dropped;
	host->status.last_record_ns = host->last_record_ns;
	host->status.report = report;
	pthread_mutex_unlock(&host->mutex);
}

static bool waits_for_quota(const struct lg_input_host *host)
{
	return atomic_load(&host->over_quota) && !host->draining &&
	       (host->conf->plugin->seal || host->env.writer->when_full.policy == FULL_BLOCK);
}

bool lg_input_ready(struct lg_input_host *host)
{
	bool ready = host->draining || !thread_stopping(&host->thread);

	read_clocks(host);
	publish(host, host->mono_ns, false); /* one step may read for long */
	if (ready && host->batch && host->batch->raw.size >= host->env.conf->batch_size)
		ready = close_batch(host, host->mono_ns);
	if (ready)
		ready = !waits_for_quota(host) && current_batch(host) != NULL;
	host->refused = !ready;
	host->starved |= !ready;
	return ready;
}

void lg_input_hurry(struct lg_input_host *host)
{
	host->hurry = true;
}

/* Closes what has lingered, and lets positions that moved without records become durable now and then. */
static void close_due(struct lg_input_host *host, int64_t now_ns, bool force)
{
	if (host->batch && host->batch->count) {
		if (force || host->batch->raw.size >= host->env.conf->batch_size ||
		    now_ns - host->batch_since_ns >= host->env.conf->linger_ns)
			close_batch(host, now_ns);
	} else if ((force || now_ns - host->last_seal_ns >= POSITIONS_EVERY_NS) && (host->conf->plugin->seal || host->shed_count) &&
	           current_batch(host)) {
		close_batch(host, now_ns);
	}
}

static int64_t wake_time(const struct lg_input_host *host, const struct lg_waitset *ws, int64_t now_ns)
{
	int64_t wake = ws->wake_ns;

	if (host->starved && wake > now_ns + STARVED_WAIT_NS)
		wake = now_ns + STARVED_WAIT_NS;
	else if (host->starved && wake <= now_ns)
		wake = now_ns + CLOCK_MS; /* the plugin would spin; the writer's wake comes sooner anyway */
	if (host->batch && host->batch->count) {
		int64_t due = host->batch_since_ns + host->env.conf->linger_ns;

		if (due <= now_ns) /* it is due and was not taken: the queue is full */
			due = now_ns + STARVED_WAIT_NS;
		wake = wake < due ? wake : due;
	}
	if (host->records != host->status.records && wake > host->next_report_ns)
		wake = host->next_report_ns; /* status is told what happened before a rest */
	return wake;
}

static void wait_for_work(struct lg_input_host *host, struct lg_waitset *ws, int64_t now_ns)
{
	thread_wait(&host->thread, ws, now_ns, wake_time(host, ws, now_ns));
}

static void run_until_stopped(struct lg_input_host *host, struct lg_waitset *ws)
{
	const struct lg_input_plugin *plugin = host->conf->plugin;

	while (!thread_stopping(&host->thread) && !atomic_load(&host->done)) {
		int64_t now_ns = clock_mono(host->env.clock);
		bool finished;

		take_durable(host);
		worker_tell_settled(host);
		host->starved = false;
		read_clocks(host);
		ws->wake_ns = INT64_MAX;
		plugin->step(host->state, now_ns, ws);
		now_ns = clock_mono(host->env.clock);
		finished = host->env.once && plugin->done && plugin->done(host->state);
		close_due(host, now_ns, finished || host->hurry);
		host->hurry = false;
		if (finished && !host->in_flight && !host->shed_count && !(host->batch && host->batch->count))
			atomic_store(&host->done, true);
		publish(host, now_ns, atomic_load(&host->done));
		if (!atomic_load(&host->done))
			wait_for_work(host, ws, now_ns);
	}
}

/* The end: what cannot be read again is emitted, the last batch is handed over, and its durability awaited (bounded). */
static void finish(struct lg_input_host *host, struct lg_waitset *ws)
{
	if (host->conf->plugin->drain && !host->env.once) {
		host->draining = true;
		host->conf->plugin->drain(host->state);
		host->draining = false;
	}
	for (;;) {
		int64_t now_ns = clock_mono(host->env.clock);

		take_durable(host);
		host->last_call = thread_past_deadline(&host->thread, now_ns);
		close_due(host, now_ns, true);
		if ((!host->in_flight && !host->shed_count && !(host->batch && host->batch->count)) || host->last_call)
			break; /* what is not durable at the last call is the writer's to account for */
		lg_waitset_clear(ws);
		ws->wake_ns = now_ns + STARVED_WAIT_NS;
		wait_for_work(host, ws, now_ns);
	}
	publish(host, clock_mono(host->env.clock), true);
}

static void *worker_main(void *arg)
{
	struct lg_input_host *host = arg;
	struct lg_waitset ws = {0};

	run_until_stopped(host, &ws);
	finish(host, &ws);
	free(ws.fds);
	atomic_store(&host->ended, true);
	return NULL;
}

/* ---- life ---- */

enum lg_rc worker_new(struct lg_input_host **out, const struct config_input *conf, const struct worker_env *env, struct lg_err *err)
{
	struct lg_input_host *host = mem_zalloc(sizeof(*host));
	enum lg_rc rc;

	host->conf = conf;
	host->env = *env;
	host->utc_ns = host->newest_ns = spool_newest_time(env->spool);
	read_clocks(host);
	host->news_ns = host->mono_ns;
	thread_init(&host->thread);
	atomic_init(&host->over_quota, conf->spool_quota > 0); /* until what waits is counted */
	pthread_mutex_init(&host->mutex, NULL);
	snprintf(host->status.state, sizeof(host->status.state), "starting");
	host->state = mem_zalloc(conf->plugin->state_size);
	if (env->conf->compression == 0)
		host->codec = codec_new((int)env->conf->compression_level);
	rc = thread_open(&host->thread, err);
	if (rc == LG_OK)
		rc = conf->plugin->open(host->state, conf->conf, host, err);
	host->opened = rc == LG_OK;
	if (rc != LG_OK) {
		lg_err_prepend(err, "input %s", conf->name);
		worker_free(host);
		return rc;
	}
	if (conf->plugin->settled) /* what earlier runs made durable */
		settled_push(&host->settled, 0, spool_durable_next(env->spool));
	*out = host;
	return LG_OK;
}

enum lg_rc worker_start(struct lg_input_host *host, struct lg_err *err)
{
	enum lg_rc rc = thread_start(&host->thread, worker_main, host, err);

	return rc == LG_OK ? LG_OK : lg_err_prepend(err, "input %s", host->conf->name);
}

void worker_stop(struct lg_input_host *host, int64_t deadline_ns)
{
	thread_stop(&host->thread, deadline_ns);
}

bool worker_ended(struct lg_input_host *host)
{
	return !host->thread.started || atomic_load(&host->ended);
}

void worker_join(struct lg_input_host *host)
{
	thread_join(&host->thread);
}

void worker_free(struct lg_input_host *host)
{
	if (!host)
		return;
	if (host->opened && host->conf->plugin->close)
		host->conf->plugin->close(host->state);
	lg_batch_release(host->batch);
	while (host->inbox) {
		struct lg_batch *next = host->inbox->next;

		lg_batch_release(host->inbox);
		host->inbox = next;
	}
	codec_free(host->codec);
	thread_fini(&host->thread);
	pthread_mutex_destroy(&host->mutex);
	free(host->state);
	free(host);
}

bool worker_done(struct lg_input_host *host)
{
	return atomic_load(&host->done);
}

void worker_set_usage(void *arg, uint64_t used, bool over)
{
	struct lg_input_host *host = arg;

	atomic_store(&host->over_quota, over);
	pthread_mutex_lock(&host->mutex);
	host->status.quota = host->conf->spool_quota;
	host->status.quota_used = used;
	pthread_mutex_unlock(&host->mutex);
}

bool worker_faulted(struct lg_input_host *host)
{
	bool faulted;

	pthread_mutex_lock(&host->mutex);
	faulted = strcmp(host->status.state, "fault") == 0;
	pthread_mutex_unlock(&host->mutex);
	return faulted;
}

void worker_status_copy(struct lg_input_host *host, struct worker_status *status)
{
	pthread_mutex_lock(&host->mutex);
	*status = host->status;
	pthread_mutex_unlock(&host->mutex);
}

const struct config_input *worker_conf(const struct lg_input_host *host)
{
	return host->conf;
}

void worker_durable(struct lg_input_host *host, struct lg_batch *batch)
{
	pthread_mutex_lock(&host->mutex);
	batch->next = host->inbox;
	host->inbox = batch;
	pthread_mutex_unlock(&host->mutex);
	thread_wake(&host->thread);
}
