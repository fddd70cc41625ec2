/* The seam on a real disk. */
#include "base/sys.h"
#include "base/sys_dgram.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int io_open(void *self, const char *path, unsigned flags)
{
	int how = O_CLOEXEC | (flags & SYS_WRITE ? O_RDWR : O_RDONLY);
	int fd;

	(void)self;
	if (flags & SYS_CREATE)
		how |= O_CREAT;
	if (flags & SYS_EXCLUSIVE)
		how |= O_EXCL;
	fd = open(path, how, 0600);
	return fd < 0 ? -errno : fd;
}

static int io_close(void *self, int handle)
{
	(void)self;
	return close(handle) < 0 ? -errno : 0;
}

static ssize_t io_pread(void *self, int handle, void *data, size_t size, uint64_t offset)
{
	size_t done = 0;

	(void)self;
	while (done < size) {
		ssize_t n = pread(handle, (char *)data + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int write_all(int handle, const char *data, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t n = pwrite(handle, data, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		data += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int io_pwritev(void *self, int handle, const struct iovec *iov, int count, uint64_t offset)
{
	(void)self;
	for (int i = 0; i < count; i++) {
		int rc = write_all(handle, iov[i].iov_base, iov[i].iov_len, offset);

		if (rc < 0)
			return rc;
		offset += iov[i].iov_len;
	}
	return 0;
}

static int io_fdatasync(void *self, int handle)
{
	(void)self;
	return fdatasync(handle) < 0 ? -errno : 0;
}

static int io_fsync(void *self, int handle)
{
	(void)self;
	return fsync(handle) < 0 ? -errno : 0;
}

static int io_truncate(void *self, int handle, uint64_t size)
{
	(void)self;
	return ftruncate(handle, (off_t)size) < 0 ? -errno : 0;
}

static int io_allocate(void *self, int handle, uint64_t size)
{
	int rc;

	(void)self;
	do
		rc = posix_fallocate(handle, 0, (off_t)size);
	while (rc == EINTR);
	return -rc;
}

static int64_t io_size(void *self, int handle)
{
	struct stat st;

	(void)self;
	return fstat(handle, &st) < 0 ? -errno : (int64_t)st.st_size;
}

static int64_t io_written_end(void *self, int handle)
{
	(void)self;
	return sys_written_end(handle);
}

static int io_same(void *self, int handle, const char *path)
{
	struct stat open_file, named;

	(void)self;
	if (fstat(handle, &open_file) < 0 || stat(path, &named) < 0)
		return -errno;
	return open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

static uint64_t io_identity(void *self, int handle)
{
	struct stat st;

	(void)self;
	return fstat(handle, &st) < 0 ? 0 : (uint64_t)st.st_ino;
}

static int io_rename(void *self, const char *from, const char *to)
{
	(void)self;
	return rename(from, to) < 0 ? -errno : 0;
}

static int io_unlink(void *self, const char *path)
{
	(void)self;
	return unlink(path) < 0 ? -errno : 0;
}

static int io_mkdir(void *self, const char *path)
{
	(void)self;
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int io_sync_dir(void *self, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	(void)self;
	if (fd < 0)
		return -errno;
	rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int io_list(void *self, const char *path, void (*each)(void *arg, const char *name), void *arg)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	(void)self;
	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			each(arg, entry->d_name);
	closedir(dir);
	return 0;
}

static int io_lock(void *self, int handle)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	(void)self;
	if (fcntl(handle, F_SETLK, &lock) < 0)
		return errno == EACCES || errno == EAGAIN ? -EWOULDBLOCK : -errno;
	return 0;
}

static int io_free_space(void *self, const char *path, uint64_t *bytes)
{
	struct statvfs st;

	(void)self;
	if (statvfs(path, &st) < 0)
		return -errno;
	*bytes = (uint64_t)st.f_bavail * st.f_frsize;
	return 0;
}

const struct sys_io sys_io_posix = {
	.open = io_open, .close = io_close, .pread = io_pread, .pwritev = io_pwritev, .fdatasync = io_fdatasync, .fsync = io_fsync,
	.truncate = io_truncate, .allocate = io_allocate, .size = io_size, .written_end = io_written_end, .same = io_same, .rename = io_rename,
	.unlink = io_unlink, .mkdir = io_mkdir, .sync_dir = io_sync_dir, .list = io_list, .lock = io_lock, .free_space = io_free_space,
	.identity = io_identity,
};

int sys_host_name(char *name, size_t size)
{
	if (gethostname(name, size) < 0)
		return -errno;
	name[size - 1] = '\0';
	return 0;
}

int sys_wake_init(struct sys_wake *wake)
{
	int fds[2];

	wake->read_fd = wake->write_fd = -1;
	if (pipe(fds) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		fcntl(fds[i], F_SETFL, O_NONBLOCK);
		fcntl(fds[i], F_SETFD, FD_CLOEXEC);
	}
	wake->read_fd = fds[0];
	wake->write_fd = fds[1];
	return 0;
}

void sys_wake_fini(struct sys_wake *wake)
{
	if (!wake || wake->read_fd < 0)
		return;
	close(wake->read_fd);
	close(wake->write_fd);
	wake->read_fd = wake->write_fd = -1;
}

void sys_wake_up(const struct sys_wake *wake)
{
	int saved = errno;
	ssize_t n = write(wake->write_fd, "", 1); /* a full pipe wakes as well */

	(void)n;
	errno = saved;
}

void sys_wake_drain(const struct sys_wake *wake)
{
	char bytes[64];

	while (read(wake->read_fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
		;
}

/* ---- datagrams, one call each ---- */

int sys_recv_datagrams_each(int fd, struct sys_datagram *list, unsigned count)
{
	unsigned got = 0;

	while (got < count) {
		struct sys_datagram *d = &list[got];
		struct iovec data = {d->data, d->room};
		union {
			struct cmsghdr align;
			char bytes[256];
		} ancillary;
		struct msghdr msg = {.msg_name = &d->from, .msg_namelen = sizeof(d->from), .msg_iov = &data, .msg_iovlen = 1,
		                     .msg_control = ancillary.bytes, .msg_controllen = sizeof(ancillary.bytes)};
		ssize_t n = recvmsg(fd, &msg, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return got ? (int)got : errno == EWOULDBLOCK ? -EAGAIN : -errno;
		d->size = (size_t)n + ((msg.msg_flags & MSG_TRUNC) != 0); /* by how much it was cut POSIX does not say */
		d->from_size = msg.msg_namelen;
		sys_read_ancillary(&msg, d);
		got++;
	}
	return (int)got;
}
