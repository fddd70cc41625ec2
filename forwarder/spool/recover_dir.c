/* Start-up, the directory: the list of segments, the state file, what lies about. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "spool/impl.h"

static void list_name(void *arg, const char *name)
{
	struct spool *spool = arg;
	struct seg seg = {0};

	if (!segment_parse_name(name, &seg.number, &seg.first_seq))
		return;
	spool->segs = mem_grow(spool->segs, &spool->seg_cap, spool->seg_count + 1, sizeof(*spool->segs));
	spool->segs[spool->seg_count++] = seg;
}

static int by_number(const void *a, const void *b)
{
	const struct seg *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

enum lg_rc recover_refused(const struct seg *seg, int error, struct lg_err *err)
{
	char name[SEGMENT_NAME_SIZE];

	segment_name(name, seg->number, seg->first_seq);
	return lg_err_sys(err, error, "segment %llu: opening %s", (unsigned long long)seg->number, name);
}

enum lg_rc recover_list(struct spool *spool, struct lg_err *err)
{
	const struct sys_io *io = spool->conf.io;
	char path[SPOOL_PATH_MAX];
	size_t kept = 0;
	int rc;

	spool->seg_count = 0;
	rc = io->list(io->self, spool->dir, list_name, spool);
	if (rc < 0)
		return lg_err_sys(err, -rc, "listing");
	if (spool->seg_count)
		qsort(spool->segs, spool->seg_count, sizeof(*spool->segs), by_number);
	for (size_t i = 0; i < spool->seg_count; i++) {
		struct seg *seg = &spool->segs[i];
		int handle = io->open(io->self, spool_segment_path(spool, path, seg->number, seg->first_seq), SYS_READ);
		int64_t size;

		if (handle == -ENOENT && spool->peek)
			continue; /* deleted by the daemon just now */
		if (handle < 0)
			return recover_refused(seg, -handle, err);
		size = io->size(io->self, handle);
		io->close(io->self, handle);
		if (size < 0)
			return recover_refused(seg, (int)-size, err);
		seg->size = (uint64_t)size;
		spool->segs[kept++] = *seg;
	}
	spool->seg_count = kept;
	return LG_OK;
}

static enum lg_rc create_state(struct spool *spool, const char *path, struct lg_err *err)
{
	const struct sys_io *io = spool->conf.io;
	char temp[SPOOL_PATH_MAX];
	uint8_t *zeros = mem_zalloc(STATE_FILE_SIZE);
	struct iovec iov = {zeros, STATE_FILE_SIZE};
	int handle, rc;

	/* Written, not only reserved: a later store must need no block that a full disk could refuse. */
	spool_path(spool, temp, "state.tmp");
	io->unlink(io->self, temp);
	rc = handle = io->open(io->self, temp, SYS_WRITE | SYS_CREATE | SYS_EXCLUSIVE);
	if (rc >= 0)
		rc = io->pwritev(io->self, handle, &iov, 1, 0);
	if (rc >= 0)
		rc = io->fsync(io->self, handle);
	if (rc >= 0)
		rc = io->rename(io->self, temp, path);
	if (rc >= 0) {
		rc = io->sync_dir(io->self, spool->dir);
		if (rc < 0)
			io->unlink(io->self, path); /* whether its name is durable nobody knows now: the next try makes it anew */
	}
	free(zeros);
	spool->state_handle = handle;
	return rc < 0 ? lg_err_sys(err, -rc, "creating the state file") : LG_OK;
}

enum lg_rc recover_state(struct spool *spool, struct lg_err *err)
{
	const struct sys_io *io = spool->conf.io;
	char path[SPOOL_PATH_MAX];
	enum lg_rc rc;

	spool_path(spool, path, "state");
	spool->state_handle = io->open(io->self, path, spool->peek ? SYS_READ : SYS_WRITE);
	if (spool->state_handle == -ENOENT && !spool->peek) {
		rc = create_state(spool, path, err);
		spool->state_lost = spool->seg_count > 0;
		return rc;
	}
	if (spool->state_handle == -ENOENT) {
		spool->state_lost = true;
		return LG_OK;
	}
	if (spool->state_handle < 0)
		return lg_err_sys(err, -spool->state_handle, "opening the state file");
	rc = state_read(&spool->state, io, spool->state_handle, err);
	if (rc == LG_IO)
		lg_err_prepend(err, "file `state` (without it the spool starts too, and repeats records)");
	if (rc == LG_CORRUPT || rc == LG_NOTFOUND) {
		spool->state_lost = spool->seg_count > 0;
		if (rc == LG_CORRUPT)
			log_error(
			        "spool %s: %s; rebuilding it from the segments: records may be repeated", spool->dir, err->text);
		memset(&spool->state, 0, sizeof(spool->state));
		rc = LG_OK;
	} else if (rc == LG_OK) {
		spool->state_lost = spool->state.rebuilt; /* its cursors are the newest header's already */
	}
	return rc;
}

struct quarantine_sum {
	struct spool *spool;
	const char *dir; /* below the spool */
	uint64_t bytes;
};

static void add_size(void *arg, const char *name)
{
	struct quarantine_sum *sum = arg;
	const struct sys_io *io = sum->spool->conf.io;
	char path[SPOOL_PATH_MAX], file[600];
	int64_t size;
	int handle;

	snprintf(file, sizeof(file), "%s/%s", sum->dir, name);
	handle = io->open(io->self, spool_path(sum->spool, path, file), SYS_READ);
	if (handle < 0)
		return;
	size = io->size(io->self, handle);
	io->close(io->self, handle);
	sum->bytes += size > 0 ? (uint64_t)size : 0;
}

static void add_letters(void *arg, const char *output)
{
	struct quarantine_sum *sum = arg, below = {sum->spool, NULL, 0};
	const struct sys_io *io = sum->spool->conf.io;
	char path[SPOOL_PATH_MAX], dir[300];

	snprintf(dir, sizeof(dir), "deadletter/%s", output);
	below.dir = dir;
	io->list(io->self, spool_path(sum->spool, path, dir), add_size, &below);
	sum->bytes += below.bytes;
}

void recover_tidy(struct spool *spool)
{
	static const char *const temps[] = {"segment.tmp", "spare.tmp", "state.tmp"};
	const struct sys_io *io = spool->conf.io;
	struct quarantine_sum sum = {spool, "quarantine", 0}, letters = {spool, "deadletter", 0};
	char path[SPOOL_PATH_MAX];

	for (size_t i = 0; i < sizeof(temps) / sizeof(temps[0]); i++)
		io->unlink(io->self, spool_path(spool, path, temps[i]));
	io->list(io->self, spool_path(spool, path, "quarantine"), add_size, &sum);
	spool->quarantine_bytes = sum.bytes;
	io->list(io->self, spool_path(spool, path, "deadletter"), add_letters, &letters);
	spool->deadletter_bytes = letters.bytes;
}

void recover_spare(struct spool *spool)
{
	const struct sys_io *io = spool->conf.io;
	char path[SPOOL_PATH_MAX];
	uint8_t head[FRAME_FIXED];
	int handle = io->open(io->self, spool_path(spool, path, "spare"), SYS_READ);
	int64_t size;

	if (handle < 0)
		return;
	size = io->size(io->self, handle);
	/* A crash in the middle of its publication left a header in it: then it is no longer a file of zeros. */
	if (size >= (int64_t)spool->conf.segment_size &&
	        io->pread(io->self, handle, head, sizeof(head), 0) == (ssize_t)sizeof(head) && !head[0])
		spool->spare_size = (uint64_t)size;
	io->close(io->self, handle);
	if (!spool->spare_size)
		io->unlink(io->self, path);
}
