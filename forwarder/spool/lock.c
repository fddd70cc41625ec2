#include "spool/lock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4200

static enum lg_rc name_holder(const struct sys_io *io, int handle, struct lg_err *err)
{
	char text[32] = "";
	ssize_t n = io->pread(io->self, handle, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return lg_err_set(err, LG_BUSY, "in use by process %s", text[0] ? text : "(unknown)");
}

enum lg_rc spool_lock_take(const struct sys_io *io, const char *spool_dir, int *handle, struct lg_err *err)
{
	char path[PATH_SIZE], text[32];
	enum lg_rc result;
	struct iovec iov;
	int rc;

	snprintf(path, sizeof(path), "%.*s/lock", PATH_SIZE - 8, spool_dir);
	rc = *handle = io->open(io->self, path, SYS_WRITE | SYS_CREATE);
	if (rc < 0) {
		*handle = -1;
		return lg_err_sys(err, -rc, "opening the lock file");
	}
	rc = io->lock(io->self, *handle);
	if (rc == 0) {
		iov = (struct iovec){text, (size_t)snprintf(text, sizeof(text), "%ld\n", (long)getpid())};
		rc = io->truncate(io->self, *handle, 0);
		if (rc == 0)
			rc = io->pwritev(io->self, *handle, &iov, 1, 0);
		if (rc == 0 || rc == -ENOSPC) /* the name is a courtesy; the lock holds without it */
			return LG_OK;
		result = lg_err_sys(err, -rc, "writing the lock file");
	} else {
		result = rc == -EWOULDBLOCK ? name_holder(io, *handle, err) : lg_err_sys(err, -rc, "locking");
	}
	io->close(io->self, *handle);
	*handle = -1;
	return result;
}
