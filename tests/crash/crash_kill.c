/* A real process on a real disk, killed with SIGKILL at random moments; the next one goes on in the same spool.
 *
 * The child appends batches, tells its parent through a pipe what is acknowledged, moves a cursor and maintains; segments are small, so that most
 * kills hit a roll, a deletion or a state store sooner or later. The parent opens the spool itself after each kill and compares every record.
 *
 *     crash_kill [ROUNDS [SEED]]
 */
#include "spool_kit.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define SIZE_OF(number) (40 + (size_t)((number) * 13 % 600))

static uint64_t random_state;

static unsigned below(unsigned n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's MMIX */
	return (unsigned)(random_state >> 33) % n;
}

static struct lg_batch *make_batch(uint64_t first, unsigned count)
{
	struct lg_batch *batch = batch_new(NULL, 4096, "in");
	struct lg_draft draft;
	char body[1024], value[32];

	for (unsigned i = 0; i < count; i++) {
		lg_draft_reset(&draft);
		draft.body = (struct lg_str){body, kit_body(body, "in", first + i, SIZE_OF(first + i))};
		batch_add(batch, &draft, NULL, clock_utc(&clock_system));
	}
	snprintf(value, sizeof(value), "%llu", (unsigned long long)(first + count));
	batch_put_position(batch, LG_STR("next"), value, strlen(value));
	batch_pack(batch, NULL);
	return batch;
}

static struct spool *open_spool(const char *dir)
{
	struct spool_conf conf = {.data_dir = dir,
	        .max_size = 2u << 20,
	        .segment_size = 32u << 10,
	        .tail_bytes = 16384,
	        .io = &sys_io_posix,
	        .clock = &clock_system};
	struct spool *spool;
	struct lg_err err;

	if (spool_open(&spool, &conf, &err) != LG_OK)
		fail_msg("open: %s", err.text);
	assert_int_equal(spool_output_add(spool, "out", false, &err), LG_OK);
	return spool;
}

/* The child: appends for ever. Writes the number behind the last acknowledged record into the pipe. */
static void write_for_ever(const char *dir, int pipe_fd)
{
	struct spool *spool = open_spool(dir);
	uint64_t next = kit_position_of(spool, "in");
	struct lg_err err;

	next = next ? next : 1;
	for (;;) {
		for (unsigned group = 1 + below(3); group; group--) {
			unsigned count = 1 + below(12);
			struct lg_batch *batch = make_batch(next, count);

			if (spool_append(spool, batch, &err) == LG_OK)
				next += count;
			lg_batch_release(batch);
		}
		if (spool_commit(spool, &err) != LG_OK || write(pipe_fd, &next, sizeof(next)) != (ssize_t)sizeof(next))
			_exit(1);
		if (below(4) == 0)
			spool_cursor_move(spool, "out", spool_durable_next(spool) - below(60) % spool_durable_next(spool));
		spool_maintain(spool, below(6) == 0);
	}
}

struct oracle {
	uint64_t acked;
	char (*log_ids)[33]; /* by number: under which log it was seen, "" not yet */
	uint64_t *seqs;
	uint64_t cap;
};

static void note_identity(struct oracle *oracle, uint64_t number, const struct lg_record *rec)
{
	if (number >= oracle->cap) {
		uint64_t cap = number * 2 + 1024;

		oracle->log_ids = realloc(oracle->log_ids, cap * sizeof(*oracle->log_ids));
		oracle->seqs = realloc(oracle->seqs, cap * sizeof(*oracle->seqs));
		memset(oracle->log_ids + oracle->cap, 0, (cap - oracle->cap) * sizeof(*oracle->log_ids));
		oracle->cap = cap;
	}
	if (oracle->log_ids[number][0]) {
		assert_string_equal(oracle->log_ids[number], rec->log_id);
		assert_int_equal(oracle->seqs[number], rec->seq);
	}
	memcpy(oracle->log_ids[number], rec->log_id, 33);
	oracle->seqs[number] = rec->seq;
}

static void judge(struct oracle *oracle, const char *dir)
{
	struct spool *spool = open_spool(dir);
	struct spool_reader *reader;
	struct spool_stat stat;
	struct lg_batch *batch;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_err err;
	uint64_t first, last, number = 0, before = 0, cursor = spool_cursor(spool, "out");
	char expected[1024], name[64];
	enum lg_rc rc;

	spool_stat(spool, &stat);
	assert_int_equal(stat.corrupt_frames, 0);
	assert_true(stat.first_seq <= cursor);
	assert_int_equal(spool_reader_open(spool, 1, &reader, &err), LG_OK);
	while ((rc = spool_reader_next(reader, &batch, &first, &last, &err)) == LG_OK) {
		for (lg_batch_begin(&it, batch, 0); lg_batch_next(&it, &rec); before = number) {
			number = kit_number(rec.body, name);
			assert_true(!before || number == before + 1);
			assert_int_equal(rec.body.size, kit_body(expected, "in", number, SIZE_OF(number)));
			assert_memory_equal(rec.body.data, expected, rec.body.size);
			note_identity(oracle, number, &rec);
		}
		lg_batch_release(batch);
	}
	assert_int_equal(rc, LG_AGAIN);
	spool_reader_close(reader);
	if (number)
		assert_int_equal(kit_position_of(spool, "in"), number + 1);
	if (oracle->acked)
		assert_true(kit_position_of(spool, "in") >= oracle->acked);
	spool_close(spool);
}

static void run_and_kill(struct oracle *oracle, const char *dir)
{
	int fds[2], status;
	uint64_t number;
	pid_t child;
	struct timespec wait = {0, (long)(1000 * (1 + below(below(4) ? 8000 : 60000)))};

	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(fds[0]);
		write_for_ever(dir, fds[1]);
	}
	close(fds[1]);
	nanosleep(&wait, NULL); /* a random moment, not a condition */
	kill(child, SIGKILL);
	while (read(fds[0], &number, sizeof(number)) == (ssize_t)sizeof(number))
		oracle->acked = number;
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static unsigned rounds = 60;

static void test_a_process_killed_at_any_moment_loses_nothing_it_acknowledged(void **state)
{
	char dir[64] = "/tmp/lugger-spool-XXXXXX", command[128];
	struct oracle oracle = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (unsigned i = 0; i < rounds; i++) {
		run_and_kill(&oracle, dir);
		judge(&oracle, dir);
	}
	printf("crash kill: %u processes killed, %llu records acknowledged\n", rounds, (unsigned long long)oracle.acked);
	assert_true(oracle.acked > rounds);
	free(oracle.log_ids);
	free(oracle.seqs);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_a_process_killed_at_any_moment_loses_nothing_it_acknowledged),
	};

	if (argc > 1)
		rounds = (unsigned)strtoul(argv[1], NULL, 10);
	random_state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	log_set_level(LG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
