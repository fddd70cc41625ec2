#include "kill.h"

#include "run/replay.h"

enum fate { NONE, MAY, MUST };

struct oracle {
	uint64_t acked;
	uint64_t settled;    /* the cursor may be here at the most */
	char (*log_ids)[33]; /* by number: under which log it was seen, "" not yet */
	uint64_t *seqs;
	uint8_t *letters; /* by number: enum fate */
	uint8_t *found;
	uint64_t cap;
	uint64_t replay[2]; /* the cursor is one of these */
};

struct oracle *oracle_new(void)
{
	return calloc(1, sizeof(struct oracle));
}

void oracle_free(struct oracle *oracle)
{
	free(oracle->log_ids);
	free(oracle->seqs);
	free(oracle->letters);
	free(oracle->found);
	free(oracle);
}

uint64_t oracle_acked(const struct oracle *oracle)
{
	return oracle->acked;
}

static void *grown(void *old, size_t old_count, size_t count, size_t size)
{
	char *bytes = realloc(old, count * size);

	memset(bytes + old_count * size, 0, (count - old_count) * size);
	return bytes;
}

static void reach(struct oracle *oracle, uint64_t number)
{
	uint64_t cap = number * 2 + 1024;

	if (number < oracle->cap)
		return;
	oracle->log_ids = grown(oracle->log_ids, oracle->cap, cap, sizeof(*oracle->log_ids));
	oracle->seqs = grown(oracle->seqs, oracle->cap, cap, sizeof(*oracle->seqs));
	oracle->letters = grown(oracle->letters, oracle->cap, cap, 1);
	oracle->found = grown(oracle->found, oracle->cap, cap, 1);
	oracle->cap = cap;
}

void oracle_note(struct oracle *oracle, const struct message *message)
{
	switch ((enum news)message->news) {
	case NEWS_ACKED:
		oracle->acked = message->value;
		break;
	case NEWS_SETTLED:
		if (message->value > oracle->settled)
			oracle->settled = message->value;
		break;
	case NEWS_LETTER:
		reach(oracle, message->value);
		if (oracle->letters[message->value] == NONE)
			oracle->letters[message->value] = MAY;
		break;
	case NEWS_LETTER_DONE:
		oracle->letters[message->value] = MUST;
		break;
	case NEWS_DROP:
		for (uint64_t i = 0; i < oracle->cap; i++)
			oracle->letters[i] = oracle->letters[i] == MUST ? MAY : oracle->letters[i];
		break;
	case NEWS_DROP_DONE:
		if (oracle->cap)
			memset(oracle->letters, NONE, oracle->cap);
		break;
	case NEWS_REPLAY_FOUND:
		assert_true(message->value == oracle->replay[0] || message->value == oracle->replay[1]);
		oracle->replay[0] = oracle->replay[1] = message->value;
		break;
	case NEWS_REPLAY:
		oracle->replay[1] = message->value;
		break;
	case NEWS_REPLAY_DONE:
		oracle->replay[0] = oracle->replay[1] = message->value;
		break;
	}
}

static void note_identity(struct oracle *oracle, uint64_t number, const struct lg_record *rec)
{
	reach(oracle, number);
	if (oracle->log_ids[number][0]) {
		assert_string_equal(oracle->log_ids[number], rec->log_id);
		assert_int_equal(oracle->seqs[number], rec->seq);
	}
	memcpy(oracle->log_ids[number], rec->log_id, 33);
	oracle->seqs[number] = rec->seq;
}

static uint64_t check_record(const struct lg_record *rec)
{
	char expected[1024], name[64];
	uint64_t number = kit_number(rec->body, name);

	assert_int_equal(rec->body.size, worker_body(expected, number));
	assert_memory_equal(rec->body.data, expected, rec->body.size);
	return number;
}

static void judge_records(struct oracle *oracle, struct spool *spool)
{
	struct spool_reader *reader;
	struct spool_stat stat;
	struct lg_batch *batch;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_err err;
	uint64_t first, last, number = 0, before = 0, next, cursor = spool_cursor(spool, "out");
	enum lg_rc rc;

	spool_stat(spool, &stat);
	assert_int_equal(stat.corrupt_frames, 0);
	assert_true(stat.first_seq <= cursor);
	assert_true(cursor <= (oracle->settled ? oracle->settled : 1));
	next = stat.first_seq;
	assert_int_equal(spool_reader_open(spool, 1, &reader, &err), LG_OK);
	while ((rc = spool_reader_next(reader, &batch, &first, &last, &err)) == LG_OK) {
		for (lg_batch_begin(&it, batch, 0); lg_batch_next(&it, &rec); before = number) {
			number = check_record(&rec);
			assert_true(!before || number == before + 1);
			assert_int_equal(rec.seq, next++);
			note_identity(oracle, number, &rec);
		}
		lg_batch_release(batch);
	}
	assert_int_equal(rc, LG_AGAIN);
	assert_int_equal(next, stat.next_seq);
	spool_reader_close(reader);
	if (number)
		assert_int_equal(kit_position_of(spool, "in"), number + 1);
	if (oracle->acked)
		assert_true(kit_position_of(spool, "in") >= oracle->acked);
}

static void found_letter(void *arg, const struct deadletter *letter)
{
	struct oracle *oracle = arg;
	struct lg_batch_iter it;
	struct lg_record rec;

	for (lg_batch_begin(&it, letter->batch, 0); lg_batch_next(&it, &rec);) {
		uint64_t number = check_record(&rec);

		assert_true(number < oracle->cap && oracle->letters[number] != NONE);
		oracle->found[number] = true;
	}
}

static void judge_letters(struct oracle *oracle, const struct job *job)
{
	struct deadletter_walk walk = {.data_dir = job->dir, .io = &sys_io_posix, .key_file = job->key_file, .payloads = true,
	        .each = found_letter, .arg = oracle};
	struct lg_err err;

	if (oracle->cap)
		memset(oracle->found, 0, oracle->cap);
	if (deadletter_walk(&walk, &err) != LG_OK)
		fail_msg("dead letters: %s", err.text);
	assert_int_equal(walk.damaged, 0);
	for (uint64_t i = 0; i < oracle->cap; i++)
		assert_true(oracle->letters[i] != MUST || oracle->found[i]);
}

static void judge_replay(struct oracle *oracle, const struct job *job, struct spool *spool)
{
	struct replay replay = {.data_dir = job->dir, .io = &sys_io_posix};
	struct spool_stat stat;
	struct lg_err err;
	enum lg_rc rc;

	spool_stat(spool, &stat);
	for (size_t i = 0; i < 16; i++) {
		unsigned byte = 0;

		sscanf(stat.spool_id + 2 * i, "%2x", &byte);
		replay.spool_id[i] = (uint8_t)byte;
	}
	rc = replay_load(&replay, "out", &err);
	if (rc != LG_OK && rc != LG_NOTFOUND)
		fail_msg("replay: %s", err.text);
	replay.next = rc == LG_OK ? replay.next : 0;
	assert_true(replay.next == oracle->replay[0] || replay.next == oracle->replay[1]);
	oracle->replay[0] = oracle->replay[1] = replay.next;
}

static void hear(void *arg, const char *line)
{
	snprintf(arg, 256, "%s", line);
}

void oracle_judge(struct oracle *oracle, const struct job *job)
{
	struct spool_verify_result result;
	struct spool_conf conf;
	struct spool *spool;
	struct lg_err err;
	char said[256] = "";

	worker_conf(job, &sys_io_posix, &conf);
	if (spool_open(&spool, &conf, &err) != LG_OK)
		fail_msg("open: %s", err.text);
	assert_int_equal(spool_output_add(spool, "out", false, &err), LG_OK);
	judge_records(oracle, spool);
	judge_replay(oracle, job, spool);
	spool_close(spool);
	judge_letters(oracle, job);
	if (spool_verify(job->dir, job->key_file, &sys_io_posix, &result, hear, said, &err) != LG_OK)
		fail_msg("verify: %s", err.text);
	if (result.bad_frames || result.bad_segments || result.missing)
		fail_msg("verify finds damage: %s", said);
}
