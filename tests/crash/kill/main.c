/* Killed at random moments (crash_kill [ROUNDS [SEED]]) and at every named step of the protocol (crash_kill --points ROUNDS [SEED]; a name
 * instead of ROUNDS: that one alone), without keys and encrypted.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "kill.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "key_files.h"

#define TURNS 150 /* of the worker, to come by its point */

static unsigned rounds;
static uint64_t random_state;
static const char *only_point;

static unsigned below(unsigned n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's MMIX */
	return (unsigned)(random_state >> 33) % n;
}

/* ---- one process ---- */

struct place {
	char dir[64], keys[64];
	struct oracle *oracle;
	struct job job;
};

/* in_memory: a kill leaves the same on every file system, and a memory one answers a sync at once. */
static void place_init(struct place *place, bool encrypted, bool in_memory)
{
	snprintf(place->dir, sizeof(place->dir), "%s/lugger-kill-XXXXXX", in_memory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(place->dir));
	place->job = (struct job){.dir = place->dir};
	if (encrypted) {
		key_path(place->keys);
		key_file(place->keys, 1, 2, 0);
		place->job.key_file = place->keys;
	}
	place->oracle = oracle_new();
}

static void place_fini(struct place *place)
{
	char command[128];

	oracle_free(place->oracle);
	if (place->job.key_file)
		unlink(place->keys);
	snprintf(command, sizeof(command), "rm -rf %s", place->dir);
	assert_int_equal(system(command), 0);
}

static bool hear_one(struct place *place, int fd)
{
	struct message message;

	if (read(fd, &message, sizeof(message)) != (ssize_t)sizeof(message))
		return false;
	oracle_note(place->oracle, &message);
	return true;
}

static void listen_to(struct place *place, int fd)
{
	while (hear_one(place, fd))
		;
	close(fd);
}

/* Runs a worker until it dies at its point, or of wait. True: killed. */
static bool run(struct place *place, int point, enum moment moment, unsigned nth, const struct timespec *wait)
{
	int fds[2], status;
	pid_t child;

	place->job.seed = random_state + 1;
	place->job.turns = wait ? 0 : TURNS;
	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(fds[0]);
		work(&place->job, points_io(point, moment, nth), fds[1]);
	}
	close(fds[1]);
	if (wait) {
		if (below(4)) /* else perhaps before it acknowledged anything */
			hear_one(place, fds[0]);
		nanosleep(wait, NULL); /* a random moment, not a condition */
		kill(child, SIGKILL);
	}
	listen_to(place, fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (points_shared->nameless[0])
		fail_msg("a step without a name: %s", points_shared->nameless);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("the worker ended with status %x", status);
	return false;
}

/* ---- at random moments ---- */

static void kill_at_random(bool encrypted)
{
	struct place place;

	place_init(&place, encrypted, false);
	for (unsigned i = 0; i < rounds; i++) {
		struct timespec wait = {0, (long)(1000 * (1 + below(below(4) ? 8000 : 60000)))};

		assert_true(run(&place, -1, AFTER, 0, &wait));
		if (below(3)) /* else the next process finds two crashes in a row */
			oracle_judge(place.oracle, &place.job);
	}
	oracle_judge(place.oracle, &place.job);
	printf("crash kill: %u processes killed%s, %llu records acknowledged\n", rounds, encrypted ? ", encrypted" : "",
	        (unsigned long long)oracle_acked(place.oracle));
	assert_true(oracle_acked(place.oracle) > rounds);
	place_fini(&place);
}

static void test_a_process_killed_at_any_moment_loses_nothing_it_acknowledged(void **state)
{
	(void)state;
	kill_at_random(false);
}

static void test_nor_does_one_that_encrypts(void **state)
{
	(void)state;
	kill_at_random(true);
}

/* ---- at named steps ---- */

static unsigned kills[POINTS_MAX];

static int index_of(const char *name)
{
	for (size_t i = 0; i < point_count; i++)
		if (strcmp(points[i].name, name) == 0)
			return (int)i;
	fail_msg("no crash point %s", name);
	return -1;
}

/* What a point of recovery needs to be met: a torn frame, frames that no header calls synced, an empty newest segment. */
static void prelude(struct place *place, const char *name)
{
	bool removed = strncmp(name, "recover.removed", 15) == 0, spare = strcmp(name, "recover.spare-removed") == 0;
	int point = index_of(removed ? "segment.publish-synced" : spare ? "spare.header" : "append.frame");

	run(place, point, removed || spare ? AFTER : HALF, 2 + below(30), NULL);
}

static bool one_point(struct place *place, int i, unsigned round)
{
	enum moment moment = points[i].write ? (enum moment)(round % 3) : round % 2 ? AFTER : BEFORE;
	bool recovery = strncmp(points[i].name, "recover.", 8) == 0, killed = false;
	bool once = recovery || strcmp(points[i].step, "Create the spool") == 0; /* in the life of a process */

	for (unsigned tries = 0; tries < 6 && !killed; tries++) {
		if (recovery)
			prelude(place, points[i].name);
		killed = run(place, i, moment, once || tries ? 1 : 1 + below(round < 2 ? 2 : 12), NULL);
	}
	kills[i] += killed;
	if (below(4))
		oracle_judge(place->oracle, &place->job);
	return killed;
}

static void kill_at_points(bool encrypted)
{
	struct place place;
	unsigned total = 0;

	memset(kills, 0, sizeof(kills));
	place_init(&place, encrypted, true);
	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < point_count; i++) {
			if (only_point && strcmp(points[i].name, only_point) != 0)
				continue;
			if (points[i].fresh) {
				struct place fresh;

				place_init(&fresh, encrypted, true);
				one_point(&fresh, (int)i, round);
				place_fini(&fresh);
			} else {
				one_point(&place, (int)i, round);
			}
		}
	}
	oracle_judge(place.oracle, &place.job);
	for (size_t i = 0; i < point_count; i++) {
		total += kills[i];
		if (!only_point && !kills[i])
			fail_msg("no process was ever killed at %s", points[i].name);
	}
	printf("crash points: %zu, %u processes killed at them%s, %llu records acknowledged\n", point_count, total,
	        encrypted ? ", encrypted" : "", (unsigned long long)oracle_acked(place.oracle));
	place_fini(&place);
}

static void test_a_process_killed_at_every_named_step_loses_nothing_it_acknowledged(void **state)
{
	(void)state;
	kill_at_points(false);
}

static void test_nor_does_one_that_encrypts_at_any_step(void **state)
{
	(void)state;
	kill_at_points(true);
}

/* Each heading of SPOOL.md's "Order of steps" has points under it. */
static void test_every_step_of_the_format_has_points(void **state)
{
	FILE *f = fopen(LUGGER_SOURCE "/forwarder/spool/SPOOL.md", "r");
	char line[1024], *end;
	bool inside = false;
	unsigned steps = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		bool found = false;

		if (strncmp(line, "## ", 3) == 0)
			inside = strcmp(line, "## Order of steps\n") == 0;
		end = inside && strncmp(line, "**", 2) == 0 ? strstr(line + 2, "**") : NULL;
		if (!end)
			continue;
		*end = '\0';
		for (size_t i = 0; i < point_count; i++)
			found = found || strcmp(points[i].step, line + 2) == 0;
		if (!found)
			fail_msg("no crash point belongs to \"%s\"", line + 2);
		steps++;
	}
	fclose(f);
	assert_true(steps >= 10);
}

int main(int argc, char **argv)
{
	bool at_points = argc > 1 && strcmp(argv[1], "--points") == 0;
	const struct CMUnitTest moments[] = {
	        cmocka_unit_test(test_a_process_killed_at_any_moment_loses_nothing_it_acknowledged),
	        cmocka_unit_test(test_nor_does_one_that_encrypts),
	};
	const struct CMUnitTest steps[] = {
	        cmocka_unit_test(test_every_step_of_the_format_has_points),
	        cmocka_unit_test(test_a_process_killed_at_every_named_step_loses_nothing_it_acknowledged),
	        cmocka_unit_test(test_nor_does_one_that_encrypts_at_any_step),
	};

	points_shared = mmap(NULL, sizeof(*points_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (points_shared == MAP_FAILED)
		return 2;
	if (at_points)
		argc--, argv++;
	rounds = at_points ? 3 : 40;
	if (argc > 1 && argv[1][0] >= '0' && argv[1][0] <= '9')
		rounds = (unsigned)strtoul(argv[1], NULL, 10);
	else if (argc > 1)
		only_point = argv[1];
	random_state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	log_set_level(LG_ERROR);
	return at_points ? cmocka_run_group_tests(steps, NULL, NULL) : cmocka_run_group_tests(moments, NULL, NULL);
}
