#include "base/replace.h"

int replace_file(const struct sys_io *io, const char *above, const char *dir, const char *temp, const char *path, const void *data, size_t size)
{
	struct iovec iov = {(void *)(uintptr_t)data, size};
	int rc = io->mkdir(io->self, dir), handle = -1;

	if (rc == 0)
		rc = io->sync_dir(io->self, above);
	if (rc == 0)
		rc = handle = io->open(io->self, temp, SYS_WRITE | SYS_CREATE);
	if (rc >= 0)
		rc = io->pwritev(io->self, handle, &iov, 1, 0);
	if (rc == 0)
		rc = io->fsync(io->self, handle);
	if (handle >= 0)
		io->close(io->self, handle);
	if (rc == 0)
		rc = io->rename(io->self, temp, path);
	if (rc == 0)
		rc = io->sync_dir(io->self, dir);
	return rc;
}
