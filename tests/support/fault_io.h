/* fault_io.h - an I/O seam over another one that fails the n-th call, and counts. Header only, for test programs. One thread.
 *
 * Which calls may fail is a mask of kinds; of those the calls nth .. nth + count - 1 (from 0) answer -error. How much of a failing call takes effect:
 * nothing, its first half (a short write), or all of it (the answer is lost on its way, as after a reset of the bus).
 */
#ifndef FAULT_IO_H
#define FAULT_IO_H

#include <errno.h>
#include <string.h>

#include "base/sys.h"

enum fault_op {
	FAULT_OPEN,
	FAULT_PREAD,
	FAULT_PWRITEV,
	FAULT_FDATASYNC,
	FAULT_FSYNC,
	FAULT_TRUNCATE,
	FAULT_ALLOCATE,
	FAULT_SIZE,
	FAULT_RENAME,
	FAULT_UNLINK,
	FAULT_MKDIR,
	FAULT_SYNC_DIR,
	FAULT_LIST,
	FAULT_LOCK,
	FAULT_OPS
};

#define FAULT_BIT(op) (1u << (op))
/* What needs a block of the disk; what changes it; everything. */
#define FAULT_GROWING (FAULT_BIT(FAULT_PWRITEV) | FAULT_BIT(FAULT_ALLOCATE))
#define FAULT_CHANGING                                                                                                                                \
	(FAULT_GROWING | FAULT_BIT(FAULT_TRUNCATE) | FAULT_BIT(FAULT_RENAME) | FAULT_BIT(FAULT_UNLINK) | FAULT_BIT(FAULT_MKDIR))
#define FAULT_SYNCS (FAULT_BIT(FAULT_FDATASYNC) | FAULT_BIT(FAULT_FSYNC) | FAULT_BIT(FAULT_SYNC_DIR))
#define FAULT_READING (FAULT_BIT(FAULT_OPEN) | FAULT_BIT(FAULT_PREAD) | FAULT_BIT(FAULT_SIZE) | FAULT_BIT(FAULT_LIST))

enum fault_effect { FAULT_NOTHING, FAULT_HALF, FAULT_ALL };

struct fault_io {
	struct sys_io io;
	const struct sys_io *under;
	unsigned mask;
	int error;
	uint64_t nth, count;
	enum fault_effect effect;
	bool read_only;         /* opening a file to write to it counts as changing it, whatever the mask says of FAULT_OPEN */
	/* How a sync fails below, where the file system knows what that means: memfs drops the pages, as Linux does. NULL: the call is not made. */
	void (*fail_sync)(void *self, enum fault_op op, int error);
	uint64_t seen, failed;  /* calls of the mask, and how many of them failed */
	uint64_t calls[FAULT_OPS], bytes_read;
};

static inline bool fault_hits(struct fault_io *f, enum fault_op op)
{
	bool hit;

	f->calls[op]++;
	if (!(f->mask & FAULT_BIT(op)))
		return false;
	hit = f->seen >= f->nth && f->seen - f->nth < f->count;
	f->seen++;
	f->failed += hit;
	return hit;
}

static inline int fault_answer(const struct fault_io *f, bool hit, int rc)
{
	return hit ? -f->error : rc;
}

/* For calls that take effect whole or not at all. */
#define FAULT_CALL(op, call)                                                                                                                          \
	struct fault_io *f = self;                                                                                                                    \
	bool hit = fault_hits(f, op);                                                                                                                 \
	return hit && f->effect != FAULT_ALL ? -f->error : fault_answer(f, hit, (call))

#define FAULT_SYNC(op, call)                                                                                                                          \
	struct fault_io *f = self;                                                                                                                    \
	bool hit = fault_hits(f, op);                                                                                                                 \
	if (hit && f->fail_sync)                                                                                                                      \
		f->fail_sync(f->under->self, op, f->error);                                                                                           \
	return hit && !f->fail_sync ? -f->error : (call)

static inline int fault_open(void *self, const char *path, unsigned flags)
{
	struct fault_io *f = self;

	f->calls[FAULT_OPEN]++;
	if (f->mask & FAULT_BIT(FAULT_OPEN) || (f->read_only && flags)) {
		bool hit = f->seen >= f->nth && f->seen - f->nth < f->count;

		f->seen++;
		f->failed += hit;
		if (hit)
			return -f->error;
	}
	return f->under->open(f->under->self, path, flags);
}

static inline int fault_close(void *self, int handle)
{
	struct fault_io *f = self;

	return f->under->close(f->under->self, handle);
}

static inline ssize_t fault_pread(void *self, int handle, void *data, size_t size, uint64_t offset)
{
	struct fault_io *f = self;
	ssize_t n;

	if (fault_hits(f, FAULT_PREAD))
		return -f->error;
	n = f->under->pread(f->under->self, handle, data, size, offset);
	f->bytes_read += n > 0 ? (uint64_t)n : 0;
	return n;
}

static inline int fault_pwritev(void *self, int handle, const struct iovec *iov, int count, uint64_t offset)
{
	struct fault_io *f = self;
	bool hit = fault_hits(f, FAULT_PWRITEV);
	struct iovec half;

	if (hit && f->effect == FAULT_HALF) {
		half = (struct iovec){iov[0].iov_base, count > 1 ? iov[0].iov_len : iov[0].iov_len / 2};
		f->under->pwritev(f->under->self, handle, &half, 1, offset);
	}
	if (hit && f->effect != FAULT_ALL)
		return -f->error;
	return fault_answer(f, hit, f->under->pwritev(f->under->self, handle, iov, count, offset));
}

static inline int fault_fdatasync(void *self, int handle)
{
	FAULT_SYNC(FAULT_FDATASYNC, f->under->fdatasync(f->under->self, handle));
}

static inline int fault_fsync(void *self, int handle)
{
	FAULT_SYNC(FAULT_FSYNC, f->under->fsync(f->under->self, handle));
}

static inline int fault_truncate(void *self, int handle, uint64_t size)
{
	FAULT_CALL(FAULT_TRUNCATE, f->under->truncate(f->under->self, handle, size));
}

static inline int fault_allocate(void *self, int handle, uint64_t size)
{
	FAULT_CALL(FAULT_ALLOCATE, f->under->allocate(f->under->self, handle, size));
}

static inline int64_t fault_size(void *self, int handle)
{
	struct fault_io *f = self;

	return fault_hits(f, FAULT_SIZE) ? -f->error : f->under->size(f->under->self, handle);
}

static inline int64_t fault_written_end(void *self, int handle)
{
	struct fault_io *f = self;

	return f->under->written_end ? f->under->written_end(f->under->self, handle) : f->under->size(f->under->self, handle);
}

static inline int fault_same(void *self, int handle, const char *path)
{
	struct fault_io *f = self;

	return f->under->same ? f->under->same(f->under->self, handle, path) : 1;
}

static inline int fault_rename(void *self, const char *from, const char *to)
{
	FAULT_CALL(FAULT_RENAME, f->under->rename(f->under->self, from, to));
}

static inline int fault_unlink(void *self, const char *path)
{
	FAULT_CALL(FAULT_UNLINK, f->under->unlink(f->under->self, path));
}

static inline int fault_mkdir(void *self, const char *path)
{
	FAULT_CALL(FAULT_MKDIR, f->under->mkdir(f->under->self, path));
}

static inline int fault_sync_dir(void *self, const char *path)
{
	FAULT_SYNC(FAULT_SYNC_DIR, f->under->sync_dir(f->under->self, path));
}

static inline int fault_list(void *self, const char *path, void (*each)(void *arg, const char *name), void *arg)
{
	struct fault_io *f = self;

	return fault_hits(f, FAULT_LIST) ? -f->error : f->under->list(f->under->self, path, each, arg);
}

static inline int fault_lock(void *self, int handle)
{
	struct fault_io *f = self;

	return fault_hits(f, FAULT_LOCK) ? -f->error : f->under->lock(f->under->self, handle);
}

static inline int fault_free_space(void *self, const char *path, uint64_t *bytes)
{
	struct fault_io *f = self;

	return f->under->free_space(f->under->self, path, bytes);
}

/* Nothing fails until mask and count are set. */
static inline void fault_io_init(struct fault_io *f, const struct sys_io *under)
{
	memset(f, 0, sizeof(*f));
	f->under = under;
	f->error = EIO;
	f->io = (struct sys_io){
	        .self = f,
	        .open = fault_open,
	        .close = fault_close,
	        .pread = fault_pread,
	        .pwritev = fault_pwritev,
	        .fdatasync = fault_fdatasync,
	        .fsync = fault_fsync,
	        .truncate = fault_truncate,
	        .allocate = fault_allocate,
	        .size = fault_size,
	        .written_end = fault_written_end,
	        .same = fault_same,
	        .rename = fault_rename,
	        .unlink = fault_unlink,
	        .mkdir = fault_mkdir,
	        .sync_dir = fault_sync_dir,
	        .list = fault_list,
	        .lock = fault_lock,
	        .free_space = fault_free_space,
	};
}

static inline void fault_lift(struct fault_io *f)
{
	f->count = 0;
}

#endif
