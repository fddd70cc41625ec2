/* The crash-state model of the spool: see model.h, and tests/README.md.
 *
 *     crash_model [STATES [SEED]]      sequences from SEED on until so many states were judged; --jobs N processes at once
 *     crash_model --case FILE          one sequence as text: all its states, or the one it names
 *     crash_model --cases DIR          all of them: the least cases that were found, kept from coming back
 *     crash_model --show SEED          the sequence of a seed as text
 *     crash_model --expect-failure ... status 0 where something broke, and says after how many states and seconds
 *
 * A failure is shrunk and printed as a case.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "model.h"

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define CHUNK 20 /* sequences of one process */
#define JOBS_MAX 16
#define SHRINK_SECONDS 120
#define SEQUENCE_SECONDS 120

struct shared *shared;
char temp_dir[32] = "/tmp/lugger-crash-XXXXXX";

/* ---- a sequence from a seed ---- */

static enum op_kind draw_kind(struct rng *rng, const struct setup *setup)
{
	static const struct {
		enum op_kind kind;
		uint32_t weight;
	} table[] = {{OP_APPEND, 26}, {OP_COMMIT, 13}, {OP_READ, 4}, {OP_SETTLE, 10}, {OP_MAINTAIN, 8}, {OP_FAULT, 7}, {OP_DISK, 2},
	        {OP_LOSS, 5}, {OP_TELL, 4}, {OP_OLDEST, 4}, {OP_RESTART, 3}, {OP_KILL, 4}, {OP_POWER, 4}, {OP_BACKUP, 4}, {OP_FILL, 2}, {OP_DIE, 3},
	        {OP_ROTATE, 5}, {OP_LETTER, 5}, {OP_DROP, 2}, {OP_REPLAY, 5}, {OP_FORGET, 1}, {OP_DETACH, 1}, {OP_WAIT, 2}};
	uint32_t total = 0, at;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		total += table[i].weight;
	for (;;) {
		at = rng_below(rng, total);
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); at -= table[i++].weight)
			if (at < table[i].weight && (table[i].kind != OP_ROTATE || setup->keys))
				return table[i].kind;
			else if (at < table[i].weight)
				break;
	}
}

void sequence_draw(struct sequence *sequence, uint64_t seed)
{
	struct rng rng = rng_of(seed, 1);
	struct setup *setup = &sequence->setup;

	memset(sequence, 0, sizeof(*sequence));
	sequence->seed = seed;
	sequence->strike[0].sync = sequence->strike[1].sync = -1;
	setup->quota = rng_below(&rng, 2) ? 512 : 144;
	setup->interval = rng_below(&rng, 4) ? 0 : 4;
	setup->tail = rng_below(&rng, 2) ? 8192 : 0;
	setup->keep = rng_below(&rng, 4) ? 0 : 10;
	setup->keys = seed % 3 == 0;
	setup->compress = rng_below(&rng, 4) == 0;
	setup->high = rng_below(&rng, 6) == 0;
	sequence->count = 6 + rng_below(&rng, rng_below(&rng, 4) ? 24 : OPS_MAX - 6);
	for (uint32_t i = 0; i < sequence->count; i++) {
		sequence->ops[i].kind = draw_kind(&rng, setup);
		for (unsigned k = 0; k < op_args[sequence->ops[i].kind]; k++)
			sequence->ops[i].arg[k] = rng_below(&rng, 1000);
	}
}

/* ---- processes ---- */

/* One process: takes seeds in runs until enough states were judged. Ends by exit, so that leaks are told. */
static void work(void)
{
	static struct sequence sequence;
	uint64_t seed = atomic_fetch_add(&shared->seed, CHUNK);

	process_begin();
	shared->failure.strike[0].sync = shared->failure.strike[1].sync = -1;
	for (int i = 0; i < CHUNK && shared->states < shared->wanted; i++, seed++) {
		shared->failed_seed = seed;
		sequence_draw(&sequence, seed);
		sequence.sparse = true;
		alarm(SEQUENCE_SECONDS);
		sequence_run(&sequence);
	}
	alarm(0);
	unlink(keys_path);
	exit(0);
}

/* Runs until enough states were judged (true) or one failed. With several jobs the seed that failed is not known: they are
 * gone through again one by one. */
static bool run_jobs(unsigned jobs)
{
	unsigned running = 0;
	bool ok = true;
	int status;
	pid_t child;

	while (running || (ok && shared->states < shared->wanted)) {
		if (ok && running < jobs && shared->states < shared->wanted) {
			fflush(NULL);
			child = fork();
			if (child == 0)
				work();
			running += child > 0;
			continue;
		}
		child = wait(&status);
		if (child < 0)
			break;
		running--;
		if (status) {
			if (ok)
				print_said(child);
			ok = false;
			shared->wanted = 0; /* the others stop */
		}
	}
	return ok;
}

/* ---- the tests ---- */

static void print_counts(double seconds)
{
	printf("crash model: %llu states checked (%llu of them lost power again while recovering), %llu sequences, %llu operations, "
	       "%llu failing calls, %.0f s\n",
	        LLU(shared->states), LLU(shared->nested), LLU(shared->sequences), LLU(shared->operations), LLU(shared->faults), seconds);
	printf("crash model: %llu sequences encrypted, %llu changes of key, %llu nonces, none twice\ncrash model: operations:",
	        LLU(shared->encrypted), LLU(shared->rotations), LLU(shared->nonces));
	for (int k = 0; k < OP_KINDS; k++)
		printf(" %s %llu", op_names[k], LLU(shared->reached[k]));
	printf("\n");
}

static void tell_failure(struct sequence *sequence, struct failure *failure, bool shrink)
{
	fprintf(stderr, "BROKEN %s: %s\n", failure->rule, failure->text);
	if (shrink)
		sequence_shrink(sequence, failure, SHRINK_SECONDS);
	fprintf(stderr, "---- the least case; judge it again with crash_model --case FILE ----\n");
	case_print(stderr, sequence, failure);
	fprintf(stderr, "----\n");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run_random(uint64_t states, uint64_t seed, unsigned jobs, bool expect_failure)
{
	static struct sequence sequence;
	static struct failure failure;
	double began = now();

	shared->wanted = states;
	shared->seed = seed;
	if (run_jobs(jobs)) {
		print_counts(now() - began);
		for (int k = 0; k < OP_KINDS && states >= 20000; k++)
			if (!shared->reached[k]) {
				printf("the operation %s was never drawn\n", op_names[k]);
				return 1;
			}
		return expect_failure || !shared->states || !shared->nested;
	}
	if (expect_failure) {
		printf("found after %llu states, %.1f s: %s: %s\n", LLU(shared->states), now() - began, shared->failure.rule,
		        shared->failure.text);
		return 0;
	}
	fprintf(stderr, "BROKEN after %llu states: %s: %s\n", LLU(shared->states), shared->failure.rule, shared->failure.text);
	shared->wanted = UINT64_MAX;
	for (seed = shared->failed_seed; seed + CHUNK > shared->failed_seed && seed; seed--) { /* a leak is told at the end of its process */
		sequence_draw(&sequence, seed);
		if (!sequence_try(&sequence, &failure, SEQUENCE_SECONDS))
			continue;
		fprintf(stderr, "seed %llu\n", LLU(seed));
		tell_failure(&sequence, &failure, true);
		return 1;
	}
	fprintf(stderr, "it does not come back by itself: crash_model 1000000 %llu\n", LLU(seed + 1));
	return 1;
}

static int run_case(const char *path)
{
	static struct sequence sequence;
	static struct failure failure;
	FILE *f = fopen(path, "r");
	uint64_t before = shared->states;
	bool ok = f && case_read(f, &sequence);

	if (f)
		fclose(f);
	if (!ok) {
		fprintf(stderr, "%s cannot be read\n", path);
		return 1;
	}
	shared->wanted = UINT64_MAX;
	shared->verbose = true;
	if (sequence_try(&sequence, &failure, SEQUENCE_SECONDS)) {
		fprintf(stderr, "%s\n", path);
		tell_failure(&sequence, &failure, false);
		return 1;
	}
	printf("%s: %llu states\n", path, LLU(shared->states - before));
	return 0;
}

static int run_cases(const char *dir)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, NULL, alphasort), cases = 0, bad = 0;
	char path[600];

	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;

		if (strlen(name) > 5 && strcmp(name + strlen(name) - 5, ".case") == 0) {
			snprintf(path, sizeof(path), "%s/%s", dir, name);
			bad += run_case(path);
			cases++;
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	printf("crash model: %d cases, %llu states checked, %d broken\n", cases, LLU(shared->states), bad);
	return bad || !cases;
}

int main(int argc, char **argv)
{
	static struct sequence sequence;
	bool expect_failure = false;
	unsigned jobs = 1;
	int at = 1, status;
	char command[128];

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || !mkdtemp(temp_dir)) {
		perror("crash_model");
		return 2;
	}
	log_set_level(LG_ERROR);
	snprintf(keys_path, sizeof(keys_path), "%s/keys", temp_dir);
	if (at < argc && strcmp(argv[at], "--expect-failure") == 0)
		expect_failure = at++;
	if (at + 1 < argc && strcmp(argv[at], "--jobs") == 0) {
		jobs = (unsigned)strtoul(argv[at + 1], NULL, 10);
		jobs = jobs < 1 ? 1 : jobs > JOBS_MAX ? JOBS_MAX : jobs;
		at += 2;
	}
	if (at + 1 < argc && strcmp(argv[at], "--case") == 0) {
		status = run_case(argv[at + 1]);
	} else if (at + 1 < argc && strcmp(argv[at], "--cases") == 0) {
		status = run_cases(argv[at + 1]);
	} else if (at + 1 < argc && strcmp(argv[at], "--show") == 0) {
		sequence_draw(&sequence, strtoull(argv[at + 1], NULL, 10));
		case_print(stdout, &sequence, NULL);
		status = 0;
	} else {
		status = run_random(at < argc ? strtoull(argv[at], NULL, 10) : 30000,
		        at + 1 < argc ? strtoull(argv[at + 1], NULL, 10) : 1, jobs, expect_failure);
	}
	snprintf(command, sizeof(command), "rm -rf %s", temp_dir);
	return system(command) == 0 ? status : 2;
}
