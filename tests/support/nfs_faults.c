/*
 * What a network file system does to a reader, for LD_PRELOAD: handles that went stale, attributes that are cached and lag behind or, for a moment, go
 * back. Only files below $NFS_DIR. The file $NFS_CONTROL says how, as three numbers:
 *
 *	GENERATION LAG_MS BACK
 *
 * Handles opened in an earlier generation answer ESTALE. A size is at most LAG_MS behind what is true (the attribute cache: NFSv3 keeps attributes of
 * files that change for acregmin, 3 s by default), and BACK bytes less than that.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HANDLES 4096
#define CACHED 512

static long opened_in[HANDLES]; /* generation + 1; 0: not ours */
static struct {
	ino_t ino;
	off_t size;
	int64_t until_ms;
} cache[CACHED];

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static long control(int index)
{
	static int (*real_open)(const char *, int, ...);
	long numbers[3] = {0};
	char text[100] = "";
	int fd;

	if (!real_open)
		real_open = real("open");
	fd = real_open(getenv("NFS_CONTROL"), O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n = read(fd, text, sizeof(text) - 1);

		text[n > 0 ? n : 0] = '\0';
		close(fd);
	}
	sscanf(text, "%ld %ld %ld", &numbers[0], &numbers[1], &numbers[2]);
	return numbers[index];
}

static int ours(const char *path)
{
	return path && strncmp(path, getenv("NFS_DIR"), strlen(getenv("NFS_DIR"))) == 0;
}

static int note(int fd, const char *path)
{
	if (fd >= 0 && fd < HANDLES)
		opened_in[fd] = ours(path) ? control(0) + 1 : 0;
	return fd;
}

static int stale(int fd)
{
	if (fd < 0 || fd >= HANDLES || !opened_in[fd] || opened_in[fd] == control(0) + 1)
		return 0;
	errno = ESTALE;
	return 1;
}

static void age(struct stat *st)
{
	struct timespec now;
	int64_t now_ms;
	size_t at = st->st_ino % CACHED;

	if (!S_ISREG(st->st_mode))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	if (cache[at].ino != st->st_ino || now_ms >= cache[at].until_ms) {
		cache[at].ino = st->st_ino;
		cache[at].size = st->st_size;
		cache[at].until_ms = now_ms + control(1);
	}
	if (cache[at].size < st->st_size)
		st->st_size = cache[at].size;
	st->st_size -= control(2) < st->st_size ? control(2) : st->st_size;
}

int open(const char *path, int flags, ...)
{
	static int (*next)(const char *, int, ...);
	va_list ap;
	int mode;

	if (!next)
		next = real("open");
	va_start(ap, flags);
	mode = va_arg(ap, int);
	va_end(ap);
	return note(next(path, flags, mode), path);
}

int open64(const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	va_start(ap, flags);
	mode = va_arg(ap, int);
	va_end(ap);
	return open(path, flags, mode);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
	static ssize_t (*next)(int, void *, size_t, off_t);

	if (!next)
		next = real("pread");
	return stale(fd) ? -1 : next(fd, data, size, offset);
}

ssize_t pread64(int fd, void *data, size_t size, off_t offset)
{
	return pread(fd, data, size, offset);
}

int fstat(int fd, struct stat *st)
{
	static int (*next)(int, struct stat *);
	int rc;

	if (!next)
		next = real("fstat");
	if (stale(fd))
		return -1;
	rc = next(fd, st);
	if (rc == 0 && fd >= 0 && fd < HANDLES && opened_in[fd])
		age(st);
	return rc;
}

int stat(const char *path, struct stat *st)
{
	static int (*next)(const char *, struct stat *);
	int rc;

	if (!next)
		next = real("stat");
	rc = next(path, st);
	if (rc == 0 && ours(path))
		age(st);
	return rc;
}

int lstat(const char *path, struct stat *st)
{
	static int (*next)(const char *, struct stat *);
	int rc;

	if (!next)
		next = real("lstat");
	rc = next(path, st);
	if (rc == 0 && ours(path))
		age(st);
	return rc;
}

/* On 64-bit systems the two structures are one; programs built with large-file names ask by these. */
int stat64(const char *path, struct stat64 *st)
{
	return stat(path, (struct stat *)st);
}

int fstat64(int fd, struct stat64 *st)
{
	return fstat(fd, (struct stat *)st);
}

int lstat64(const char *path, struct stat64 *st)
{
	return lstat(path, (struct stat *)st);
}
