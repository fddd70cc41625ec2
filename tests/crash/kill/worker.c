#include "kill.h"

#include <unistd.h>

#include "run/replay.h"

static struct {
	const struct job *job;
	struct spool *spool;
	struct deadletters *letters;
	uint64_t random, next;
	int pipe_fd;
} w;

static unsigned below(unsigned n)
{
	w.random = w.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's MMIX */
	return (unsigned)(w.random >> 33) % n;
}

static void tell(enum news news, uint64_t value)
{
	struct message message = {news, value};

	if (write(w.pipe_fd, &message, sizeof(message)) != (ssize_t)sizeof(message))
		_exit(1);
}

size_t worker_body(char *body, uint64_t number)
{
	return kit_body(body, "in", number, 40 + (size_t)(number * 13 % 600));
}

static struct lg_batch *make_batch(uint64_t first, unsigned count)
{
	struct lg_batch *batch = batch_new(NULL, 4096, "in");
	struct lg_draft draft;
	char body[1024], value[32];

	for (unsigned i = 0; i < count; i++) {
		lg_draft_reset(&draft);
		draft.body = (struct lg_str){body, worker_body(body, first + i)};
		batch_add(batch, &draft, NULL, clock_utc(&clock_system));
	}
	snprintf(value, sizeof(value), "%llu", (unsigned long long)(first + count));
	batch_put_position(batch, LG_STR("next"), value, strlen(value));
	batch_pack(batch, NULL);
	return batch;
}

void worker_conf(const struct job *job, const struct sys_io *io, struct spool_conf *conf)
{
	*conf = (struct spool_conf){.data_dir = job->dir,
	        .max_size = 1u << 20,
	        .segment_size = 16u << 10,
	        .tail_bytes = 16384,
	        .key_file = job->key_file,
	        .io = io,
	        .clock = &clock_system};
}

static void append_some(void)
{
	struct lg_err err;

	for (unsigned group = 1 + below(3); group; group--) {
		unsigned count = 1 + below(12);
		struct lg_batch *batch = make_batch(w.next, count);

		if (spool_append(w.spool, batch, &err) == LG_OK)
			w.next += count;
		lg_batch_release(batch);
	}
}

/* A disk that refuses a sync or two: the second time the segment that was begun again goes away. */
static void commit(bool sick)
{
	struct lg_err err;

	points_fail_syncs(sick ? 1 + below(2) : 0, false);
	for (int tries = 0; tries < 4; tries++) {
		if (spool_commit(w.spool, &err) == LG_OK) {
			tell(NEWS_ACKED, w.next);
			return;
		}
	}
	_exit(1);
}

static void settle(uint64_t seq)
{
	tell(NEWS_SETTLED, seq);
	spool_cursor_move(w.spool, "out", seq);
}

static void put_letter(void)
{
	uint64_t cursor = spool_cursor(w.spool, "out"), first, last;
	struct spool_reader *reader;
	struct lg_batch *batch, *slice;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_err err;
	char name[64];

	if (spool_reader_open(w.spool, cursor, &reader, &err) != LG_OK || spool_reader_next(reader, &batch, &first, &last, &err) != LG_OK) {
		spool_reader_close(reader);
		return;
	}
	lg_batch_begin(&it, batch, cursor);
	if (lg_batch_next(&it, &rec)) {
		uint64_t number = kit_number(rec.body, name);

		slice = deadletter_slice(batch, rec.seq, rec.seq);
		tell(NEWS_LETTER, number);
		points_fail_syncs(below(8) == 0, true);
		if (deadletters_put(w.letters, slice, "refused", 1, &err) == LG_OK) {
			tell(NEWS_LETTER_DONE, number);
			settle(rec.seq + 1);
		}
		points_fail_syncs(0, false);
		lg_batch_release(slice);
	}
	lg_batch_release(batch);
	spool_reader_close(reader);
}

static void drop_letters(void)
{
	uint64_t count;
	struct lg_err err;

	tell(NEWS_DROP, 0);
	if (deadletters_drop(w.letters, &count, &err) == LG_OK)
		tell(NEWS_DROP_DONE, 0);
}

static void reopen_letters(void)
{
	struct lg_err err;

	deadletters_close(w.letters); /* seals */
	w.letters = NULL;
	if (deadletters_open(&w.letters, w.spool, "out", &err) != LG_OK)
		_exit(7);
}

static void advance_replay(void)
{
	struct replay replay = {.data_dir = w.job->dir, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	struct spool_conf conf;
	struct spool_stat stat;
	struct lg_err err;
	enum lg_rc rc;

	spool_stat(w.spool, &stat);
	for (size_t i = 0; i < 16; i++) {
		unsigned byte = 0;

		sscanf(stat.spool_id + 2 * i, "%2x", &byte);
		replay.spool_id[i] = (uint8_t)byte;
	}
	worker_conf(w.job, points_io_now(), &conf);
	replay.io = conf.io;
	rc = replay_load(&replay, "out", &err);
	tell(NEWS_REPLAY_FOUND, rc == LG_OK ? replay.next : 0);
	if (rc != LG_OK) {
		replay.first = stat.first_seq;
		replay.end = stat.first_seq + 3;
		replay.next = stat.first_seq;
	}
	replay.next++;
	if (replay.next <= replay.end) {
		tell(NEWS_REPLAY, replay.next);
		if (replay_store(&replay, &err) == LG_OK)
			tell(NEWS_REPLAY_DONE, replay.next);
	} else {
		tell(NEWS_REPLAY, 0);
		if (replay_remove(&replay, &err) == LG_OK)
			tell(NEWS_REPLAY_DONE, 0);
	}
}

void work(const struct job *job, const struct sys_io *io, int pipe_fd)
{
	struct spool_conf conf;
	struct lg_err err;

	w.job = job;
	w.pipe_fd = pipe_fd;
	w.random = job->seed;
	worker_conf(job, io, &conf);
	points_opening(true);
	if (spool_open(&w.spool, &conf, &err) != LG_OK) {
		fprintf(stderr, "open: %s\n", err.text);
		_exit(8);
	}
	points_opening(false);
	if (spool_output_add(w.spool, "out", false, &err) != LG_OK || deadletters_open(&w.letters, w.spool, "out", &err) != LG_OK) {
		fprintf(stderr, "open: %s\n", err.text);
		_exit(8);
	}
	w.next = kit_position_of(w.spool, "in");
	w.next = w.next ? w.next : 1;
	for (unsigned turn = 0; !job->turns || turn < job->turns; turn++) {
		append_some();
		commit(below(10) == 0);
		if (below(3) == 0) {
			uint64_t cursor = spool_cursor(w.spool, "out"), end = spool_durable_next(w.spool);

			settle(end - below((unsigned)(end - cursor) / 2 + 1));
		}
		if (below(4) == 0)
			put_letter();
		if (below(16) == 0)
			drop_letters();
		if (below(16) == 0)
			reopen_letters();
		if (below(4) == 0)
			advance_replay();
		spool_maintain(w.spool, below(3) == 0);
	}
	deadletters_close(w.letters);
	_exit(0);
}
