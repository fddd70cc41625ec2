/* `lugger dlq replay`: dead letters are sent again, and gone only once they are settled; a SIGKILL in the middle repeats some and loses none. */
#include "run_rig.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "run/replays.h"

#define LETTERS 300
#define BODY 8000 /* so that they fill three files */

struct stage {
	struct rig *rig;
	struct rig_output *out; /* in shared memory: what a killed child delivered is seen */
	struct replays *replays;
	struct lg_output_host *outputs[1];
};

static void put_letters(struct rig *rig)
{
	static char body[BODY];
	struct deadletters *letters;
	struct spool_stat stat;
	struct lg_err err;

	memset(body, 'x', sizeof(body));
	spool_stat(rig->spool, &stat);
	assert_int_equal(deadletters_open(&letters, rig->spool, "out", &err), LG_OK);
	for (uint64_t seq = 1; seq <= LETTERS; seq++) {
		struct lg_batch *batch = batch_new(NULL, 1024, "in");
		struct lg_draft draft;

		lg_draft_reset(&draft);
		draft.body = (struct lg_str){body, sizeof(body)};
		batch_add(batch, &draft, NULL, clock_utc(&clock_system));
		batch->first_seq = seq;
		memcpy(batch->log_id, stat.log_id, sizeof(batch->log_id));
		assert_int_equal(deadletters_put(letters, batch, "as told", 1, &err), LG_OK);
		lg_batch_release(batch);
	}
	deadletters_close(letters);
}

static void begin(struct stage *stage, uint64_t room, uint64_t settle_to)
{
	struct rig *rig = stage->rig;
	struct shipper_env env = {&rig->writer, rig->spool, &clock_system, NULL, "test"};

	atomic_store(&stage->out->conf.room, room);
	atomic_store(&stage->out->conf.settle_to, settle_to);
	rig_output_new(rig, stage->out, "out", NULL);
	stage->outputs[0] = stage->out->host;
	stage->replays = replays_new(&(struct replays_env){env, rig->dir, NULL, &rig->io, stage->outputs, 1});
}

static void start(struct stage *stage, const char *choice)
{
	struct lg_buf text = {0};
	struct lg_err err;

	if (replays_start_letters(stage->replays, choice, &text, &err) != LG_OK)
		fail_msg("%s", err.text);
	lg_buf_fini(&text);
}

static void await_end(struct stage *stage)
{
	struct replay_status status;

	AWAIT((replays_step(stage->replays), !replays_status(stage->replays, "out", &status)));
}

static void end(struct stage *stage)
{
	replays_free(stage->replays);
	shipper_free(stage->out->host);
}

static uint64_t left(struct rig *rig)
{
	struct deadletter_walk walk = {.data_dir = rig->dir, .io = &rig->io, .output = "out", .payloads = true};
	struct lg_err err;

	assert_int_equal(deadletter_walk(&walk, &err), LG_OK);
	assert_int_equal(walk.damaged, 0);
	return walk.records;
}

static void open_stage(struct stage *stage, struct rig *rig)
{
	char path[128];
	int fd;

	stage->rig = rig;
	snprintf(path, sizeof(path), "%s/shared", rig->dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && ftruncate(fd, sizeof(*stage->out)) == 0);
	stage->out = mmap(NULL, sizeof(*stage->out), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(stage->out, MAP_FAILED);
	close(fd);
	rig_open(rig);
	put_letters(rig);
	assert_int_equal(left(rig), LETTERS);
}

/* How often each was delivered. */
static void count_delivered(struct stage *stage, unsigned times[LETTERS + 1])
{
	memset(times, 0, (LETTERS + 1) * sizeof(*times));
	for (unsigned i = 0; i < atomic_load(&stage->out->conf.count); i++) {
		assert_in_range(stage->out->conf.seqs[i], 1, LETTERS);
		times[stage->out->conf.seqs[i]]++;
	}
}

static void all_letters_are_sent_once_and_gone(void **state)
{
	struct stage stage;
	unsigned times[LETTERS + 1];

	open_stage(&stage, *state);
	begin(&stage, UINT64_MAX, UINT64_MAX);
	start(&stage, "out 0 0 -9223372036854775808 9223372036854775807 1 18446744073709551615 0");
	await_end(&stage);
	count_delivered(&stage, times);
	for (unsigned seq = 1; seq <= LETTERS; seq++)
		assert_int_equal(times[seq], 1);
	assert_int_equal(left(stage.rig), 0);
	assert_int_equal(deadletters_count(shipper_letters(stage.out->host)), 0);
	end(&stage);
	munmap(stage.out, sizeof(*stage.out));
}

static void a_selection_is_sent_and_the_others_stay_and_with_keep_all_stay(void **state)
{
	struct stage stage;
	unsigned times[LETTERS + 1];

	open_stage(&stage, *state);
	begin(&stage, UINT64_MAX, UINT64_MAX);
	start(&stage, "out 0 0 -9223372036854775808 9223372036854775807 100 150 1"); /* kept */
	await_end(&stage);
	assert_int_equal(left(stage.rig), LETTERS);
	start(&stage, "out 0 0 -9223372036854775808 9223372036854775807 100 150 0");
	await_end(&stage);
	count_delivered(&stage, times);
	for (unsigned seq = 1; seq <= LETTERS; seq++)
		assert_int_equal(times[seq], seq >= 100 && seq <= 150 ? 2 : 0);
	assert_int_equal(left(stage.rig), LETTERS - 51);
	assert_int_equal(deadletters_count(shipper_letters(stage.out->host)), LETTERS - 51);
	end(&stage);
	munmap(stage.out, sizeof(*stage.out));
}

static void a_kill_in_the_middle_repeats_and_loses_nothing(void **state)
{
	struct stage stage;
	unsigned times[LETTERS + 1];
	uint64_t rest;
	pid_t child;

	open_stage(&stage, *state);
	rig_close(stage.rig);
	child = fork();
	if (!child) {
		rig_open(stage.rig);
		begin(&stage, 200, 190); /* in the second file */
		start(&stage, "out 0 0 -9223372036854775808 9223372036854775807 1 18446744073709551615 0");
		for (;;)
			poll(NULL, 0, 1000);
	}
	assert_true(child > 0);
	AWAIT(atomic_load(&stage.out->conf.count) == 200);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	rest = left(stage.rig);
	assert_in_range(rest, LETTERS - 189, LETTERS - 1); /* the first file is gone, nothing that is not settled is */
	rig_open(stage.rig);
	begin(&stage, UINT64_MAX, UINT64_MAX);
	replays_resume(stage.replays);
	await_end(&stage);
	count_delivered(&stage, times);
	for (unsigned seq = 1; seq <= LETTERS; seq++)
		assert_in_range(times[seq], 1, seq > LETTERS - rest && seq <= 200 ? 2 : 1);
	assert_int_equal(left(stage.rig), 0);
	end(&stage);
	munmap(stage.out, sizeof(*stage.out));
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)
	const struct CMUnitTest tests[] = {
		RUN(all_letters_are_sent_once_and_gone),
		RUN(a_selection_is_sent_and_the_others_stay_and_with_keep_all_stay),
		RUN(a_kill_in_the_middle_repeats_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
