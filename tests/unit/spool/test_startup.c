/* What a start reads does not depend on the backlog: counted through the I/O seam on the real file system, with 20 MiB and with 2 GiB waiting, after a stop in
 * order and after SIGKILL. Payloads are zeros and left as holes, so that 2 GiB cost little; all else is written as it always is, into reserved blocks.
 *
 *     spool_test_startup long      20 GiB, and the time the start takes
 */
#include "spool_kit.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "fault_io.h"

#define LARGE (1u << 20)
#define SMALL (32u << 10)
#define SEGMENT (64u << 20)
#define LIMIT_MS 100

static bool long_form;

static bool all_zero(const uint8_t *p, size_t size)
{
	return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

static int write_piece(int handle, const uint8_t *p, size_t size, uint64_t at)
{
	while (size) {
		size_t n = 4096 - (size_t)(at % 4096);
		struct iovec iov;

		n = n < size ? n : size;
		iov = (struct iovec){(void *)(uintptr_t)p, n};
		if (!all_zero(p, n) && sys_io_posix.pwritev(NULL, handle, &iov, 1, at) < 0)
			return -EIO;
		p += n;
		at += n;
		size -= n;
	}
	return 0;
}

/* Pages of zeros are not written. The file has its size already: segments are reserved. */
static int sparse_pwritev(void *self, int handle, const struct iovec *iov, int count, uint64_t offset)
{
	int rc = 0;

	(void)self;
	for (int i = 0; i < count && rc == 0; i++) {
		rc = write_piece(handle, iov[i].iov_base, iov[i].iov_len, offset);
		offset += iov[i].iov_len;
	}
	return rc;
}

static int no_sync(void *self, int handle)
{
	(void)self;
	(void)handle;
	return 0;
}

static int no_sync_dir(void *self, const char *path)
{
	(void)self;
	(void)path;
	return 0;
}

/* Of the backlog. The newest segment, whose end is searched for, is made by the seam of the product. */
static int sparse_allocate(void *self, int handle, uint64_t size)
{
	(void)self;
	return ftruncate(handle, (off_t)size) < 0 ? -errno : 0;
}

struct box {
	char dir[64];
	struct spool_conf conf;
	struct sys_io building;
};

static void box_open(struct box *b)
{
	snprintf(b->dir, sizeof(b->dir), "/tmp/lugger-startup-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->building = sys_io_posix;
	b->building.pwritev = sparse_pwritev;
	b->building.fdatasync = b->building.fsync = no_sync;
	b->building.sync_dir = no_sync_dir;
	b->building.allocate = sparse_allocate;
	b->conf = (struct spool_conf){.data_dir = b->dir,
	        .max_size = UINT64_C(1) << 40,
	        .segment_size = SEGMENT,
	        .sync = SPOOL_SYNC_ALWAYS,
	        .io = &b->building,
	        .clock = &clock_system};
}

static void box_close(struct box *b)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", b->dir);
	assert_int_equal(system(command), 0);
}

/* One record of zeros, of about this size. */
static struct lg_batch *zeros_batch(size_t size)
{
	struct lg_batch *batch = batch_new(NULL, size + 256, "in");
	char *body = calloc(1, size);
	struct lg_draft draft;

	lg_draft_reset(&draft);
	draft.body = (struct lg_str){body, size};
	batch_add(batch, &draft, NULL, clock_utc(&clock_system));
	batch_put_position(batch, LG_STR("next"), "1", 1);
	free(body);
	batch_pack(batch, NULL);
	return batch;
}

static void append_many(struct spool *spool, size_t size, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		struct lg_batch *batch = zeros_batch(size);

		kit_append(spool, batch);
		if (i % 16 == 15 || i + 1 == count)
			kit_commit(spool);
	}
}

static struct spool *start(const struct spool_conf *conf)
{
	struct spool *spool;
	struct lg_err err;

	if (spool_open(&spool, conf, &err) != LG_OK || spool_output_add(spool, "out", false, &err) != LG_OK)
		fail_msg("open: %s", err.text);
	return spool;
}

/* In a process of its own: whole segments until `bytes` are there, then a newest one with `frames` frames; then it stops in order, or is killed. */
static void fill(struct box *b, uint64_t bytes, unsigned frames, bool kill_it)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct spool *spool = start(&b->conf);

		append_many(spool, LARGE, bytes / LARGE);
		spool_close(spool);
		b->conf.io = &sys_io_posix;
		spool = start(&b->conf);
		append_many(spool, SMALL, frames);
		if (kill_it)
			kill(getpid(), SIGKILL);
		spool_close(spool);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(kill_it ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

struct cost {
	uint64_t bytes, reads, segments;
	double ms;
};

static void measure(uint64_t bytes, unsigned frames, bool kill_it, struct cost *cost)
{
	struct box b;
	struct fault_io counted;
	struct spool_stat *stat = calloc(1, sizeof(*stat));
	struct spool *spool;
	struct lg_err err;
	int64_t began;

	box_open(&b);
	fill(&b, bytes, frames, kill_it);
	fault_io_init(&counted, &sys_io_posix);
	b.conf.io = &counted.io;
	began = clock_mono(&clock_system);
	if (spool_open(&spool, &b.conf, &err) != LG_OK)
		fail_msg("open: %s", err.text);
	cost->ms = (double)(clock_mono(&clock_system) - began) / 1e6;
	cost->bytes = counted.bytes_read;
	cost->reads = counted.calls[FAULT_PREAD];
	spool_stat(spool, stat);
	cost->segments = stat->segments;
	assert_int_equal(stat->next_seq, bytes / LARGE + frames + 1);
	assert_int_equal(stat->corrupt_frames + stat->torn_bytes, 0);
	spool_close(spool);
	free(stat);
	box_close(&b);
}

static void compare(unsigned frames, bool kill_it)
{
	static const uint64_t mib = 1u << 20;
	struct cost little, much;

	measure(20 * mib, frames, kill_it, &little);
	measure(2048 * mib, frames, kill_it, &much);
	printf("start-up, %s, %u frames in the newest segment: %llu bytes in %llu reads with 20 MiB waiting (%llu segments), %llu bytes in %llu reads with "
	       "2 GiB (%llu segments)\n",
	        kill_it ? "killed" : "stopped in order", frames, (unsigned long long)little.bytes, (unsigned long long)little.reads,
	        (unsigned long long)little.segments, (unsigned long long)much.bytes, (unsigned long long)much.reads, (unsigned long long)much.segments);
	assert_true(much.segments > little.segments + 25);
	assert_int_equal(little.bytes, much.bytes);
	assert_int_equal(little.reads, much.reads);
	/* State, header, a page for each frame; what is above the state's mark is read again to be written again; and none of the 60 MiB that are reserved
	 * behind, where the file system knows them as such. */
	assert_in_range(much.bytes, frames * 4096, (1u << 20) + frames * 2 * 4096 + 16 * 2 * (SMALL + 4096));
}

static void test_a_start_after_a_stop_in_order_reads_the_same_bytes_with_20_mib_and_2_gib(void **state)
{
	(void)state;
	compare(50, false);
}

static void test_a_start_after_a_kill_reads_the_same_bytes_with_20_mib_and_2_gib(void **state)
{
	(void)state;
	compare(50, true);
}

static void test_20_gib_start_within_100_ms(void **state)
{
	(void)state;
	if (!long_form) {
		printf("SKIP: the start with 20 GiB waiting is measured by tests/run.sh --long alone\n");
		skip();
	}
	for (int kill_it = 0; kill_it < 2; kill_it++) {
		struct cost cost = {.ms = 1e9};

		for (int tries = 0; tries < 3 && cost.ms > LIMIT_MS; tries++) /* a machine that has other work too */
			measure(UINT64_C(20) << 30, 1500, kill_it, &cost);
		printf("start-up, %s, 20 GiB in %llu segments, 1500 frames in the newest: %.1f ms, %llu bytes in %llu reads\n",
		        kill_it ? "killed" : "stopped in order", (unsigned long long)cost.segments, cost.ms, (unsigned long long)cost.bytes,
		        (unsigned long long)cost.reads);
		assert_true(cost.ms <= LIMIT_MS);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_a_start_after_a_stop_in_order_reads_the_same_bytes_with_20_mib_and_2_gib),
	        cmocka_unit_test(test_a_start_after_a_kill_reads_the_same_bytes_with_20_mib_and_2_gib),
	        cmocka_unit_test(test_20_gib_start_within_100_ms),
	};

	(void)argv;
	long_form = argc > 1;
	log_set_level(LG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
