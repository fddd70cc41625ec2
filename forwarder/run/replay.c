#include "run/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/replace.h"
#include "base/wire.h"
#include "data/encode.h"

#define PATH_SIZE 4400
#define REPLAY_VERSION 1

static const uint8_t magic[8] = {0xF5, 'L', 'G', 'R', 'E', 'P', 'L', '1'};

enum {
	AT_VERSION = 8,
	AT_SPOOL_ID = 16,
	AT_FIRST = 32,
	AT_NEXT = 40,
	AT_END = 48,
	AT_FROM_NS = 56,
	AT_TO_NS = 64,
	AT_STARTED = 72,
	AT_CRC = 80,
	FILE_SIZE = 84,
};

static char *path_of(const struct replay *replay, char path[PATH_SIZE], const char *output, const char *suffix)
{
	snprintf(path, PATH_SIZE, "%.4000s/spool/replay%s%s%s", replay->data_dir, output[0] ? "/" : "", output, suffix);
	return path;
}

enum lg_rc replay_store(const struct replay *replay, struct lg_err *err)
{
	char dir[PATH_SIZE], spool[PATH_SIZE], temp[PATH_SIZE], path[PATH_SIZE];
	uint8_t p[FILE_SIZE] = {0};
	int rc;

	memcpy(p, magic, sizeof(magic));
	wire_put_u16(p + AT_VERSION, REPLAY_VERSION);
	memcpy(p + AT_SPOOL_ID, replay->spool_id, 16);
	wire_put_u64(p + AT_FIRST, replay->first);
	wire_put_u64(p + AT_NEXT, replay->next);
	wire_put_u64(p + AT_END, replay->end);
	wire_put_i64(p + AT_FROM_NS, replay->from_ns);
	wire_put_i64(p + AT_TO_NS, replay->to_ns);
	wire_put_i64(p + AT_STARTED, replay->started_ns);
	wire_put_u32(p + AT_CRC, crc32c(0, p, AT_CRC));
	snprintf(spool, sizeof(spool), "%.4000s/spool", replay->data_dir);
	path_of(replay, dir, "", "");
	path_of(replay, temp, replay->output, "~"); /* no output's name has a ~ */
	path_of(replay, path, replay->output, "");
	rc = replace_file(replay->io, spool, dir, temp, path, p, sizeof(p));
	return rc < 0 ? lg_err_sys(err, -rc, "storing the replay's cursor in %s", path) : LG_OK;
}

enum lg_rc replay_load(struct replay *replay, const char *output, struct lg_err *err)
{
	const struct sys_io *io = replay->io;
	char path[PATH_SIZE];
	uint8_t p[FILE_SIZE];
	ssize_t n;
	int handle;

	snprintf(replay->output, sizeof(replay->output), "%s", output);
	handle = io->open(io->self, path_of(replay, path, output, ""), SYS_READ);
	if (handle < 0)
		return lg_err_sys(err, -handle, "%s", path);
	n = io->pread(io->self, handle, p, sizeof(p), 0);
	io->close(io->self, handle);
	if (n < 0)
		return lg_err_sys(err, (int)-n, "%s", path);
	if (n != FILE_SIZE || memcmp(p, magic, sizeof(magic)) != 0 || wire_get_u32(p + AT_CRC) != crc32c(0, p, AT_CRC) ||
	    wire_get_u16(p + AT_VERSION) != REPLAY_VERSION)
		return lg_err_set(err, LG_CORRUPT, "%s does not verify", path);
	if (memcmp(p + AT_SPOOL_ID, replay->spool_id, 16) != 0)
		return lg_err_set(err, LG_CORRUPT, "%s belongs to another spool", path);
	replay->first = wire_get_u64(p + AT_FIRST);
	replay->next = wire_get_u64(p + AT_NEXT);
	replay->end = wire_get_u64(p + AT_END);
	replay->from_ns = wire_get_i64(p + AT_FROM_NS);
	replay->to_ns = wire_get_i64(p + AT_TO_NS);
	replay->started_ns = wire_get_i64(p + AT_STARTED);
	return LG_OK;
}

enum lg_rc replay_remove(const struct replay *replay, struct lg_err *err)
{
	char path[PATH_SIZE], dir[PATH_SIZE];
	int rc = replay->io->unlink(replay->io->self, path_of(replay, path, replay->output, ""));

	if (rc == 0)
		rc = replay->io->sync_dir(replay->io->self, path_of(replay, dir, "", ""));
	return rc < 0 && rc != -ENOENT ? lg_err_sys(err, -rc, "removing %s", path) : LG_OK;
}

/* The first sequence in low..high whose frame, or the next one, was received later than `ns`; high where there is none. Receipt times do not decrease
 * from frame to frame but for the few that inputs queued at the same moment: callers take one second more on each side. */
static uint64_t first_after(struct spool *spool, uint64_t low, uint64_t high, int64_t ns)
{
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (spool_time_of(spool, mid) > ns)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

void replay_find_range(struct replay *replay, struct spool *spool)
{
	const int64_t slack = CLOCK_SECOND;

	if (replay->from_ns > INT64_MIN + slack) {
		uint64_t later = first_after(spool, replay->first, replay->end, replay->from_ns - slack);

		/* The frame before may begin earlier and end within. Its last record is later - 1. */
		if (later > replay->first)
			replay->first = later - 1;
	}
	if (replay->to_ns < INT64_MAX - slack)
		replay->end = first_after(spool, replay->first, replay->end, replay->to_ns + slack);
	replay->next = replay->first;
}

bool replay_wants(const struct replay *replay, const struct lg_record *rec)
{
	return rec->seq >= replay->first && rec->seq < replay->end && rec->received_ns >= replay->from_ns && rec->received_ns <= replay->to_ns;
}

struct lg_batch *replay_mark(struct lg_batch *batch)
{
	static const uint8_t mark[] = {LG_F_REPLAY, LG_T_BOOL, 1, 1};
	const uint8_t *at = batch->raw.data, *end = at + batch->raw.size;
	struct lg_buf raw = {0};
	struct lg_batch *out = NULL;

	lg_buf_reserve(&raw, batch->raw.size + batch->count * sizeof(mark));
	while (at < end) {
		uint32_t word = wire_get_u32(at), size = word & ~ENCODE_ORIGIN_BIT;
		size_t start = raw.size;

		lg_buf_append(&raw, at, 4 + (size_t)size);
		if (!(word & ENCODE_ORIGIN_BIT)) {
			lg_buf_append(&raw, mark, sizeof(mark));
			wire_put_u32(raw.data + start, size + (uint32_t)sizeof(mark));
		}
		at += 4 + (size_t)size;
	}
	/* Its payload verified a moment ago and gained a field that is valid: this does not fail. */
	if (batch_from_payload(&out, &raw, batch->input, batch->log_id, batch->first_seq, batch->count, batch->budget, NULL) != LG_OK)
		abort();
	lg_batch_release(batch);
	return out;
}
