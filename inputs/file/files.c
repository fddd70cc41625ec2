#include "done.h"
#include "files.h"
#include "packed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN_COST 4096
#define STEP_BYTES (4 << 20)   /* of one step: durable batches are given back, and their memory reused, between steps only */
#define FULL_WAIT_NS INT64_C(10000000)
#define KEY_STARTED "started"

static void load_position(void *arg, struct lg_str key, const uint8_t *value, size_t size)
{
	struct files *files = arg;

	files->first_start = false;
	if (!lg_str_is(key, KEY_STARTED) && !saved_add(&files->saved, key, value, size))
		lg_input_log(files->reader.host, LG_ERROR,
			"a saved position (%.*s) is of another version of Lugger: its file is read from its beginning", (int)key.size, key.data);
}

static void start_watch(struct files *files)
{
	struct lg_input_host *host = files->reader.host;
	struct lg_err err;

	if (files->reader.conf->watch == WATCH_POLL || lg_input_once(host))
		return;
	if (watch_open(&files->watch, files->reader.conf->watch == WATCH_INOTIFY, &err) != LG_OK) {
		files->watch = NULL;
		lg_input_log(host, LG_WARNING, "%s; the files are looked at every poll_interval instead", err.text);
	}
}

static void ignore_record(struct lg_sink *sink, struct lg_draft *draft)
{
	(void)sink;
	(void)draft;
}

enum lg_rc files_open(struct files *files, const struct file_conf *conf, struct lg_input_host *host, struct lg_err *err)
{
	struct reader *reader = &files->reader;
	struct lg_sink ignore = {ignore_record};
	struct lg_stream *probe;
	enum lg_rc rc;

	/* What would fail for every file alike fails the start. */
	rc = lg_stream_new(&probe, &conf->stream, &ignore, 0, err);
	if (rc != LG_OK)
		return rc;
	lg_stream_free(probe);
	reader->conf = conf;
	reader->host = host;
	reader->buffer_size = IDENT_SPAN + (size_t)conf->stream.max_record_size + TAIL_CHUNK;
	reader->buffer = file_alloc(reader->buffer_size);
	reader_seed(reader);
	saved_init(&files->saved);
	turns_init(&files->turns);
	files->timer_ns = INT64_MAX;
	files->first_start = files->put_started = true;
	lg_input_positions(host, (struct lg_str){"", 0}, load_position, files);
	files->put_started = files->first_start;
	files->scan_due = true;
	files->opened_ns = files->lost_ns = INT64_MIN;
	start_watch(files);
	return LG_OK;
}

void files_close(struct files *files)
{
	if (!files->reader.host)
		return;
	files_free_names(files);
	while (files->tails) {
		struct tail *tail = files->tails;

		files->tails = tail->next;
		tail_free(tail);
	}
	table_fini(&files->by_ino);
	packed_fini(files);
	saved_fini(&files->saved);
	watch_close(files->watch);
	free(files->reader.buffer);
	*files = (struct files){0};
}

void files_enqueue(struct files *files, struct tail *tail)
{
	if (!(tail->finished && tail->life == TAIL_LIVE && lg_input_once(files->reader.host)))
		turns_push(&files->turns, tail);
}

/* ---- open ones, by last use ---------------------------------------------------------------------------------------- */

static void unlink_open(struct files *files, struct tail *tail)
{
	*(tail->newer ? &tail->newer->older : &files->newest) = tail->older;
	*(tail->older ? &tail->older->newer : &files->oldest) = tail->newer;
	tail->newer = tail->older = NULL;
}

static void link_open(struct files *files, struct tail *tail)
{
	tail->older = files->newest;
	*(files->newest ? &files->newest->newer : &files->oldest) = tail;
	files->newest = tail;
}

void files_note_open(struct files *files, struct tail *tail)
{
	bool open = tail->content.fd >= 0;

	if (tail->listed) {
		unlink_open(files, tail);
		files->open_count--;
	}
	if (open) {
		link_open(files, tail);
		files->open_count++;
	}
	tail->listed = open;
}

void files_close_tail(struct files *files, struct tail *tail)
{
	tail_close(tail);
	files_note_open(files, tail);
}

/* A file that is gone cannot be opened again, so it keeps its descriptor whatever the limit; one with unread bytes goes last. */
static void make_room(struct files *files)
{
	struct tail *victim = NULL;

	if (files->open_count < (size_t)files->reader.conf->max_open_files)
		return;
	for (struct tail *tail = files->oldest; tail; tail = tail->newer) {
		if (tail->life == TAIL_GONE)
			continue;
		if (!victim)
			victim = tail;
		if (!tail->queued) {
			victim = tail;
			break;
		}
	}
	if (victim)
		files_close_tail(files, victim);
}

enum tail_result files_open_tail(struct files *files, struct tail *tail, const char *path, int64_t now_ns)
{
	enum tail_result result;

	if (tail->content.fd < 0)
		make_room(files);
	result = tail_open(tail, path, now_ns);
	files_note_open(files, tail);
	return result;
}

/* ---- a file's life ------------------------------------------------------------------------------------------------- */

static void undirty(struct files *files, struct tail *tail)
{
	struct tail **at = &files->reader.dirty;

	while (*at && *at != tail)
		at = &(*at)->dirty_next;
	if (*at)
		*at = tail->dirty_next;
}

void files_retire(struct files *files, struct tail *tail, bool forget)
{
	uint8_t stream[LG_STREAM_SAVE_MAX], value[LG_POSITION_VALUE_MAX];
	struct position position;

	if (forget) {
		saved_put(&files->saved, tail->key, NULL, 0);
	} else if (!tail->fresh) {
		size_t size;

		tail_position(tail, &position, stream);
		size = position_encode(&position, value);
		saved_put(&files->saved, tail->key, value, size);
		(void)saved_add(&files->saved, lg_str_from(tail->key), value, size);
	}
	if (tail->dirty)
		undirty(files, tail);
	turns_remove(&files->turns, tail);
	files->faults_changed |= tail->health != TAIL_SOUND;
	files->concluded -= tail->concluded;
	files->done_due |= tail->concluded;
	files->packed_due = true; /* one may have waited for it */
	files_close_tail(files, tail);
	*tail->link = tail->next;
	if (tail->next)
		tail->next->link = tail->link;
	table_remove(&files->by_ino, &tail->by_ino);
	files->tail_count--;
	tail_free(tail);
}

/* ---- the plugin's calls -------------------------------------------------------------------------------------------- */

static void run_timers(struct files *files, int64_t now_ns)
{
	const struct file_conf *conf = files->reader.conf;
	int64_t utc = lg_input_utc(files->reader.host);

	files->timer_ns = INT64_MAX;
	for (struct tail *tail = files->tails; tail; tail = tail->next) {
		int64_t done_ns;

		if (tail->tick_utc <= utc && lg_input_ready(files->reader.host))
			tail_tick(tail);
		if (tail->health == TAIL_UNREADABLE && now_ns >= tail->retry_ns)
			files_enqueue(files, tail);
		else if ((tail->life == TAIL_GONE || (tail->fresh && tail->size) || (tail->incomplete && tail->health == TAIL_SOUND)) && now_ns >= tail->active_ns + conf->rotate_wait_ns)
			files_enqueue(files, tail);
		else if (done_is_due(files, tail, now_ns, &done_ns))
			files_enqueue(files, tail);
		else if (tail->life == TAIL_LIVE && tail->content.fd >= 0 && !tail->queued && now_ns >= tail->active_ns + conf->close_inactive_ns)
			files_close_tail(files, tail);
		if (!tail->queued)
			files_arm(files, tail, now_ns);
	}
}

static void tell_faults(struct files *files)
{
	const struct tail *first = NULL;
	char text[1600];
	size_t count = 0;

	files->faults_changed = false;
	for (const struct tail *tail = files->tails; tail; tail = tail->next) {
		if (tail->health == TAIL_SOUND || !tail->fault)
			continue;
		first = first ? first : tail;
		count++;
	}
	files->fault_count = count;
	if (!count) {
		lg_input_clear(files->reader.host);
		return;
	}
	if (count > 1)
		snprintf(text, sizeof(text), "%s (and %zu more files)", first->fault, count - 1);
	lg_input_fault(files->reader.host, count > 1 ? text : first->fault);
}

/* What a turn may cost: a file with little to read is charged for that, and for the calls it takes. */
static int64_t charge(const struct tail *tail)
{
	int64_t unread = tail->size - tail_offset(tail);

	return TURN_COST + (tail->pack || unread > TURNS_SHARE ? TURNS_SHARE : unread > 0 ? unread : 0);
}

/* False: the core takes no more. */
static bool give_turns(struct files *files, int64_t now_ns)
{
	int64_t budget = STEP_BYTES;
	bool ready = true, backlog = files->bulk_first;
	struct tail *tail;

	files->bulk_first = false;
	while (ready && budget > 0) {
		/* The last share of a step is a backlog's; then what the others leave. */
		backlog |= files->turns.bulk.first && budget <= TURNS_SHARE;
		tail = turns_pop(&files->turns, backlog);
		if (!tail)
			tail = turns_pop(&files->turns, !backlog);
		if (!tail)
			break;
		backlog = false;
		budget -= charge(tail);
		ready = files_turn(files, tail, now_ns);
	}
	files->bulk_first = !ready && files->turns.bulk.first;
	return ready;
}

void files_step(struct files *files, int64_t now_ns, struct lg_waitset *ws)
{
	bool once = lg_input_once(files->reader.host), full;

	files->step_ns = now_ns;
	if (files->opened_ns == INT64_MIN)
		files->opened_ns = now_ns;
	if (files->watch)
		watch_read(files->watch, files_watch_event, files);
	files_take_moves(files, now_ns);
	if (!files->scanned || (!once && (files->scan_due || now_ns >= files->scan_ns)))
		files_scan(files, now_ns);
	if (!files->watch && !once && now_ns >= files->hot_ns)
		files_look_at_hot(files, now_ns);
	if (now_ns >= files->timer_ns)
		run_timers(files, now_ns);
	if (files->packed_due)
		packed_wake(files);
	full = !give_turns(files, now_ns);
	if (files->done_due)
		done_conclude(files, now_ns);
	if (files->faults_changed)
		tell_faults(files);
	lg_waitset_clear(ws);
	lg_waitset_add(ws, watch_fd(files->watch), POLLIN);
	lg_waitset_wake(ws, files->scan_ns < files->timer_ns ? files->scan_ns : files->timer_ns);
	if (!files->watch && !once)
		lg_waitset_wake(ws, files->hot_ns);
	if (!turns_empty(&files->turns) || files->scan_due || files->packed_due)
		lg_waitset_wake(ws, full ? now_ns + FULL_WAIT_NS : now_ns);
}

uint64_t files_seal(struct files *files, struct lg_positions *positions)
{
	uint8_t stream[LG_STREAM_SAVE_MAX], value[LG_POSITION_VALUE_MAX];
	struct position position;

	if (files->put_started)
		lg_positions_put(positions, LG_STR(KEY_STARTED), "1", 1);
	files->put_started = false;
	files->seals++;
	saved_seal(&files->saved, positions);
	while (files->reader.dirty) {
		struct tail *tail = files->reader.dirty;

		files->reader.dirty = tail->dirty_next;
		tail->dirty = false;
		tail->token = files->seals;
		tail_position(tail, &position, stream);
		tail->sealed_utc = position.seen_utc;
		lg_positions_put(positions, lg_str_from(tail->key), value, position_encode(&position, value));
	}
	return files->seals;
}

void files_settled(struct files *files, uint64_t token)
{
	done_note_settled(files, token);
	if (files->done_due && files->scanned)
		done_conclude(files, files->step_ns);
}

bool files_done(const struct files *files)
{
	return files->scanned && turns_empty(&files->turns) && !files->packed_due;
}

void files_report(const struct files *files, struct lg_input_report *report)
{
	const char *plural = files->tail_count == 1 ? "" : "s";
	size_t gone = 0;

	*report = files->reader.totals;
	report->sources = files->tail_count;
	for (const struct tail *tail = files->tails; tail; tail = tail->next) {
		int64_t unread = tail_unread(tail);

		if (unread > 0)
			report->lag_bytes += (uint64_t)unread;
		gone += tail->life == TAIL_GONE;
		tail_add_report(tail, report);
	}
	snprintf(report->note, sizeof(report->note), "%zu file%s", files->tail_count, plural);
	if (gone)
		snprintf(report->note, sizeof(report->note), "%zu file%s, %zu held open after rotation or deletion", files->tail_count, plural, gone);
	if (!files->tail_count && files->scanned)
		snprintf(report->note, sizeof(report->note), "no file matches yet");
}
