/* spool - two figures of the spool alone, on the disk that holds DIR.
 *
 *     bench_spool DIR
 *
 * Recovery: how long spool_open takes behind a kill with the newest segment full (64 MiB, frames of 256 KiB that do not compress), once with all of it synced,
 * so that headers alone are read, and once with none of it synced (`sync: never`), so that all is checked, written again and synced. Group commit: the time of
 * append and commit (one fdatasync) of one batch, the median and the 99th of 100. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/lugger_plugin.h"
#include "base/log.h"
#include "spool/spool.h"

enum { FRAME = 256 << 10, SEGMENT = 64 << 20, FRAMES = SEGMENT / FRAME - 3, COMMITS = 1000, WARM_UP = 50 };

static char data_dir[4096];

static void die(const char *what, const struct lg_err *err)
{
	fprintf(stderr, "bench_spool: %s: %s\n", what, err->text);
	exit(1);
}

static struct spool *start(void)
{
	const struct spool_conf conf = {.data_dir = data_dir,
	        .max_size = UINT64_C(8) << 30,
	        .segment_size = SEGMENT,
	        .sync = SPOOL_SYNC_ALWAYS,
	        .io = &sys_io_posix,
	        .clock = &clock_system};
	struct spool *spool;
	struct lg_err err;

	if (spool_open(&spool, &conf, &err) != LG_OK || spool_output_add(spool, "out", false, &err) != LG_OK)
		die("open", &err);
	return spool;
}

static struct lg_batch *make_batch(size_t size)
{
	static uint32_t state = 1;
	struct lg_batch *batch = batch_new(NULL, size + 256, "in");
	char *body = malloc(size);
	struct lg_draft draft;

	for (size_t i = 0; body && i < size; i++) {
		state = state * 1664525 + 1013904223; /* what compresses would be smaller than it says */
		body[i] = (char)(32 + (state >> 24) % 95);
	}
	lg_draft_reset(&draft);
	draft.body = (struct lg_str){body, size};
	batch_add(batch, &draft, NULL, clock_utc(&clock_system));
	batch_put_position(batch, LG_STR("next"), "1", 1);
	free(body);
	batch_pack(batch, NULL);
	return batch;
}

static void append(struct spool *spool, size_t size, bool commit)
{
	struct lg_batch *batch = make_batch(size);
	struct lg_err err;

	if (spool_append(spool, batch, &err) != LG_OK || (commit && spool_commit(spool, &err) != LG_OK))
		die("append", &err);
	lg_batch_release(batch);
}

static void clear(void)
{
	char command[4200];

	snprintf(command, sizeof(command), "rm -rf '%s/spool'", data_dir);
	if (system(command) != 0)
		exit(1);
}

static void recovery(bool synced)
{
	pid_t child = fork();
	int64_t began, took;
	struct spool *spool;

	if (child == 0) {
		spool = start();
		for (int i = 0; i < FRAMES; i++)
			append(spool, FRAME - 512, synced);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	began = clock_mono(&clock_system);
	spool = start();
	took = clock_mono(&clock_system) - began;
	printf("spool, recovery of a full segment, %-10s %9.1f ms %9.0f MB/s\n", synced ? "synced" : "not synced", (double)took / 1e6,
	       (double)FRAMES * FRAME / 1e6 / ((double)took / 1e9));
	spool_close(spool);
	clear();
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void group_commit(size_t size, const char *what)
{
	struct spool *spool = start();
	static int64_t took[COMMITS];

	for (int i = 0; i < WARM_UP + COMMITS; i++) {
		struct lg_batch *batch = make_batch(size);
		int64_t began = clock_mono(&clock_system);
		struct lg_err err;

		if (spool_append(spool, batch, &err) != LG_OK || spool_commit(spool, &err) != LG_OK)
			die("append", &err);
		if (i >= WARM_UP)
			took[i - WARM_UP] = clock_mono(&clock_system) - began;
		lg_batch_release(batch);
		if (i % 16 == 0)
			spool_maintain(spool, false);
	}
	qsort(took, COMMITS, sizeof(took[0]), by_size);
	printf("spool, group commit of %-8s               p50 %7.2f ms   p99 %7.2f ms\n", what, (double)took[COMMITS / 2] / 1e6,
	       (double)took[COMMITS * 99 / 100] / 1e6);
	spool_close(spool);
	clear();
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: bench_spool DIR\n");
		return 2;
	}
	snprintf(data_dir, sizeof(data_dir), "%s", argv[1]);
	log_set_level(LG_ERROR);
	recovery(true);
	recovery(false);
	group_commit(4096, "4 KiB");
	group_commit(FRAME - 512, "256 KiB");
	return 0;
}
