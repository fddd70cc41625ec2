/* measure - runs a program and says what it cost.
 *
 *     measure FILE PROGRAM [ARGUMENT...]
 *
 * Writes "user_s sys_s wall_s peak_rss_kib" of the program and what it waited for to FILE; exits with the program's status. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	double begin = now();
	int status;

	if (argc < 3) {
		fprintf(stderr, "usage: measure FILE PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[2], argv + 2);
		fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || getrusage(RUSAGE_CHILDREN, &usage) < 0) {
		fprintf(stderr, "measure: %s\n", strerror(errno));
		return 1;
	}
	FILE *out = fopen(argv[1], "w");

	if (out == NULL || fprintf(out, "%.3f %.3f %.3f %ld\n", seconds(usage.ru_utime), seconds(usage.ru_stime), now() - begin, usage.ru_maxrss) < 0 ||
	    fclose(out) != 0) {
		fprintf(stderr, "measure: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
