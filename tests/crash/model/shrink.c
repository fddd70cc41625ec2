/* A failing sequence is cut down: operations away in ever smaller runs (Zeller's delta debugging), arguments and setup towards
 * zero, then the one crash state towards losing as little as possible. What counts is that the same rule breaks. */
#include "model.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

_Noreturn void broken(const char *rule, const char *fmt, ...)
{
	va_list ap;

	snprintf(shared->failure.rule, sizeof(shared->failure.rule), "%s", rule);
	va_start(ap, fmt);
	vsnprintf(shared->failure.text, sizeof(shared->failure.text), fmt, ap);
	va_end(ap);
	shared->failure.found = true;
	_exit(3);
}

void process_begin(void)
{
	char path[128];

	snprintf(keys_path, sizeof(keys_path), "%s/keys.%d", temp_dir, (int)getpid());
	snprintf(path, sizeof(path), "%s/said.%d", temp_dir, (int)getpid());
	log_set_fd(-1); /* what the spool says of thousands of crashes helps nobody */
	if (!freopen(path, "w", stderr))
		_exit(2);
}

void print_said(pid_t child)
{
	char path[128], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/said.%d", temp_dir, (int)child);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strstr(line, "spool /d"))
			fputs(line, stderr);
	if (f)
		fclose(f);
}

bool sequence_try(const struct sequence *sequence, struct failure *failure, unsigned seconds)
{
	char path[128];
	int status;
	pid_t child;

	memset(&shared->failure, 0, sizeof(shared->failure));
	shared->failure.strike[0].sync = shared->failure.strike[1].sync = -1;
	fflush(NULL);
	child = fork();
	if (child == 0) {
		process_begin();
		alarm(seconds);
		sequence_run(sequence);
		exit(0); /* so that leaks are told */
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("crash_model");
		exit(2);
	}
	if (!shared->failure.found && status) {
		shared->failure.found = true;
		snprintf(shared->failure.rule, sizeof(shared->failure.rule), "process");
		if (WIFSIGNALED(status))
			snprintf(shared->failure.text, sizeof(shared->failure.text), "%s",
			        WTERMSIG(status) == SIGALRM ? "it hangs" : strsignal(WTERMSIG(status)));
		else
			snprintf(shared->failure.text, sizeof(shared->failure.text), "it ended with status %d", WEXITSTATUS(status));
	}
	if (shared->verbose && status)
		print_said(child);
	snprintf(path, sizeof(path), "%s/said.%d", temp_dir, (int)child);
	unlink(path);
	snprintf(path, sizeof(path), "%s/keys.%d", temp_dir, (int)child);
	unlink(path);
	*failure = shared->failure;
	return failure->found;
}

/* ---- shrinking ---- */

static struct failure best; /* of the sequence as it is now */
static time_t deadline;
static unsigned tries;

static bool still_fails(const struct sequence *candidate)
{
	static struct failure failure;

	if (time(NULL) >= deadline)
		return false;
	tries++;
	if (!sequence_try(candidate, &failure, 20) || strcmp(failure.rule, best.rule) != 0)
		return false;
	best = failure;
	return true;
}

static bool try_instead(struct sequence *sequence, struct sequence *candidate)
{
	candidate->from = candidate->count ? candidate->count - 1 : 0; /* the last operation is where it fails */
	if (!still_fails(candidate))
		return false;
	*sequence = *candidate;
	if (best.op + 1 < sequence->count)
		sequence->count = best.op + 1; /* what comes behind does not matter */
	return true;
}

static void shrink_ops(struct sequence *sequence)
{
	static struct sequence candidate;

	for (uint32_t chunk = sequence->count / 2; chunk; chunk = chunk > 1 ? chunk / 2 : 0) {
		for (uint32_t at = sequence->count; at > 0;) {
			uint32_t from = at > chunk ? at - chunk : 0;

			candidate = *sequence;
			memmove(&candidate.ops[from], &candidate.ops[at], (candidate.count - at) * sizeof(candidate.ops[0]));
			candidate.count -= at - from;
			if (!try_instead(sequence, &candidate))
				at = from;
			else
				at = from < sequence->count ? from : sequence->count;
		}
	}
}

static void shrink_args(struct sequence *sequence)
{
	static struct sequence candidate;
	static const uint32_t towards[] = {0, 1, 2, 3};

	for (uint32_t i = 0; i < sequence->count; i++) {
		for (unsigned k = 0; k < op_args[sequence->ops[i].kind]; k++) {
			for (size_t t = 0; t < 4 && i < sequence->count && sequence->ops[i].arg[k] > towards[t]; t++) {
				candidate = *sequence;
				candidate.ops[i].arg[k] = towards[t];
				try_instead(sequence, &candidate);
			}
		}
	}
}

static void shrink_setup(struct sequence *sequence)
{
	static struct sequence candidate;

	for (int i = 0; i < 6; i++) {
		candidate = *sequence;
		uint32_t *const fields[] = {&candidate.setup.keys, &candidate.setup.compress, &candidate.setup.high,
		        &candidate.setup.keep, &candidate.setup.tail, &candidate.setup.interval};

		if (!*fields[i])
			continue;
		*fields[i] = 0;
		try_instead(sequence, &candidate);
	}
}

/* Runs of lost pieces are kept after all, in ever smaller runs. */
static void shrink_keep(struct sequence *sequence, int level)
{
	static struct sequence candidate;
	uint32_t n = sequence->strike[level].count;

	for (uint32_t chunk = n ? n : 0; chunk; chunk /= 2) {
		for (uint32_t at = 0; at < n; at += chunk) {
			uint32_t lost = 0;

			candidate = *sequence;
			for (uint32_t i = at; i < at + chunk && i < n; i++) {
				lost += !candidate.strike[level].keep[i];
				candidate.strike[level].keep[i] = 1;
			}
			if (lost && still_fails(&candidate))
				*sequence = candidate;
		}
	}
}

void sequence_shrink(struct sequence *sequence, struct failure *failure, unsigned seconds)
{
	static struct sequence candidate;
	uint32_t before;

	best = *failure;
	deadline = time(NULL) + seconds;
	tries = 0;
	if (best.op + 1 < sequence->count)
		sequence->count = best.op + 1;
	do {
		before = sequence->count;
		shrink_ops(sequence);
	} while (sequence->count < before);
	shrink_setup(sequence);
	shrink_args(sequence);
	shrink_ops(sequence);
	sequence->from = 0;
	if (best.strike[0].sync >= 0 && best.strike[0].count <= PIECES_MAX) {
		candidate = *sequence;
		memcpy(candidate.strike, best.strike, sizeof(candidate.strike));
		if (still_fails(&candidate)) {
			*sequence = candidate;
			candidate.strike[1].sync = -1;
			if (sequence->strike[1].sync >= 0 && still_fails(&candidate))
				*sequence = candidate;
			shrink_keep(sequence, 0);
			if (sequence->strike[1].sync >= 0)
				shrink_keep(sequence, 1);
		}
	}
	still_fails(sequence);
	*failure = best;
	fprintf(stderr, "shrunk to %u operations in %u tries\n", sequence->count, tries);
}
