#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
#define RECORD_START "{\"@timestamp\":"

void target_init(struct target *t, const char *path, const struct target_rotate *rotate, bool json)
{
	*t = (struct target){.path = path, .rotate = *rotate, .json = json, .fd = -1};
}

static enum lg_rc sync_directory(const char *path, struct lg_err *err)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd, failed;

	if (!slash)
		strcpy(dir, ".");
	else
		snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return lg_err_sys(err, errno, "cannot open directory %s", dir);
	failed = fsync(fd) ? errno : 0;
	close(fd);
	/* Some network file systems have no fsync of directories; they make names durable themselves. */
	if (failed && failed != EINVAL && failed != ENOTSUP)
		return lg_err_sys(err, failed, "cannot sync directory %s", dir);
	return LG_OK;
}

static ssize_t read_at(int fd, char *data, size_t size, off_t offset)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = pread(fd, data + got, size - got, offset + (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* Offset behind the last newline; `from` where TARGET_MEND_MAX bytes hold none. -1: read error. */
static off_t last_line(int fd, off_t size, bool *found)
{
	char block[16384];
	off_t stop = size > (off_t)TARGET_MEND_MAX ? size - (off_t)TARGET_MEND_MAX : 0;

	*found = false;
	while (size > stop) {
		size_t want = size - stop < (off_t)sizeof(block) ? (size_t)(size - stop) : sizeof(block);
		ssize_t n = read_at(fd, block, want, size - (off_t)want);

		if (n < 0)
			return -1;
		for (ssize_t i = n; i > 0; i--) {
			if (block[i - 1] == '\n') {
				*found = true;
				return size - (off_t)want + i;
			}
		}
		size -= (off_t)want;
	}
	return stop;
}

/* A line without its newline at the end of the file. In a JSON file it is ours when it begins as our records do; what is not
 * ours, or is too long to be a record, is ended with a newline instead of removed. */
static enum lg_rc mend_last_line(struct target *t, off_t size, struct lg_err *err)
{
	char head[sizeof(RECORD_START) - 1];
	bool found, ours = true;
	off_t line = last_line(t->fd, size, &found);
	ssize_t n;

	if (line < 0)
		return lg_err_sys(err, errno, "cannot read %s", t->path);
	if (line == size)
		return LG_OK;
	n = read_at(t->fd, head, sizeof(head), line);
	if (n < 0)
		return lg_err_sys(err, errno, "cannot read %s", t->path);
	if (t->json)
		ours = !memcmp(head, RECORD_START, (size_t)n);
	if ((found || line == 0) && ours) {
		if (ftruncate(t->fd, line))
			return lg_err_sys(err, errno, "cannot remove the partial last line of %s", t->path);
		return LG_OK;
	}
	if (write(t->fd, "\n", 1) != 1)
		return lg_err_sys(err, errno, "cannot end the last line of %s", t->path);
	return LG_OK;
}

static int64_t period_of(const struct target *t, int64_t utc_s)
{
	return t->rotate.every_ns >= SECOND_NS ? utc_s / (t->rotate.every_ns / SECOND_NS) : 0;
}

/* Two processes that each truncate the file to what they know would destroy each other's records. A file system without locks is
 * used without. */
static enum lg_rc lock(const struct target *t, struct lg_err *err)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(t->fd, F_SETLK, &whole) && (errno == EACCES || errno == EAGAIN))
		return lg_err_set(err, LG_BUSY, "%s is written by another process", t->path);
	return LG_OK;
}

static enum lg_rc open_regular(struct target *t, struct stat *st, struct lg_err *err)
{
	enum lg_rc rc = lock(t, err);

	if (rc)
		return rc;
	if (t->mend && st->st_dev == t->device && st->st_ino == t->inode && (uint64_t)st->st_size > t->durable &&
	        ftruncate(t->fd, (off_t)t->durable))
		return lg_err_sys(err, errno, "cannot truncate %s", t->path);
	t->mend = false;
	if (fstat(t->fd, st))
		return lg_err_sys(err, errno, "cannot stat %s", t->path);
	if (st->st_size) {
		rc = mend_last_line(t, st->st_size, err);
		if (rc)
			return rc;
	}
	t->period = period_of(t, st->st_size ? (int64_t)st->st_mtime : (int64_t)time(NULL));
	if (fstat(t->fd, st))
		return lg_err_sys(err, errno, "cannot stat %s", t->path);
	t->device = st->st_dev;
	t->inode = st->st_ino;
	t->written = t->durable = (uint64_t)st->st_size;
	return sync_directory(t->path, err);
}

enum lg_rc target_open(struct target *t, struct lg_err *err)
{
	struct stat st;
	enum lg_rc rc;
	int flags;

	if (t->fd >= 0)
		return LG_OK;
	if (!strcmp(t->path, "-")) {
		t->regular = false;
		t->fd = STDOUT_FILENO;
		t->redirected = !fstat(t->fd, &st) && S_ISREG(st.st_mode);
		return LG_OK;
	}
	/* Opening a pipe that nobody reads must fail, not wait, and never make this process its reader. */
	flags = !stat(t->path, &st) && !S_ISREG(st.st_mode) ? O_WRONLY | O_NONBLOCK | O_NOCTTY : O_RDWR | O_CREAT | O_APPEND;
	t->fd = open(t->path, flags | O_CLOEXEC, 0640);
	if (t->fd < 0)
		return lg_err_sys(err, errno, "cannot open %s", t->path);
	if (fstat(t->fd, &st)) {
		rc = lg_err_sys(err, errno, "cannot stat %s", t->path);
		goto done;
	}
	t->regular = S_ISREG(st.st_mode);
	rc = t->regular ? open_regular(t, &st, err) : LG_OK;
done:
	if (rc)
		target_close(t);
	return rc;
}

void target_close(struct target *t)
{
	if (t->fd > STDERR_FILENO)
		close(t->fd);
	t->fd = -1;
}

static enum lg_rc write_regular(struct target *t, const char *data, size_t size, size_t *done, struct lg_err *err)
{
	if (!t->written)
		t->period = period_of(t, (int64_t)time(NULL)); /* that of its first record, however long it lay empty */
	while (*done < size) {
		ssize_t n = write(t->fd, data + *done, size - *done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return lg_err_sys(err, n < 0 ? errno : EIO, "cannot write %s", t->path);
		*done += (size_t)n;
		t->written += (uint64_t)n;
	}
	return LG_OK;
}

/* POLLOUT promises room for PIPE_BUF bytes (POSIX, write), also where the descriptor is shared and cannot be set to
 * non-blocking. */
static enum lg_rc write_stream(struct target *t, const char *data, size_t size, size_t *done, struct lg_err *err)
{
	while (*done < size) {
		struct pollfd pfd = {.fd = t->fd, .events = POLLOUT};
		size_t chunk = size - *done < PIPE_BUF || t->redirected ? size - *done : PIPE_BUF;
		ssize_t n;

		if (poll(&pfd, 1, 0) <= 0)
			return LG_AGAIN;
		n = write(t->fd, data + *done, chunk);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			return LG_AGAIN;
		if (n < 0)
			return lg_err_sys(err, errno, "cannot write %s", t->path);
		*done += (size_t)n;
	}
	return LG_OK;
}

enum lg_rc target_write(struct target *t, const void *data, size_t size, size_t *done, struct lg_err *err)
{
	*done = 0;
	return t->regular ? write_regular(t, data, size, done, err) : write_stream(t, data, size, done, err);
}

enum lg_rc target_sync(struct target *t, struct lg_err *err)
{
	struct stat st;
	enum lg_rc rc;

	if (t->redirected && fdatasync(t->fd))
		return lg_err_sys(err, errno, "cannot sync %s", t->path);
	if (!t->regular)
		return LG_OK;
	/* The size is asked for, not counted: an operator may have truncated the file (copytruncate). */
	if (fdatasync(t->fd) || fstat(t->fd, &st)) {
		rc = lg_err_sys(err, errno, "cannot sync %s", t->path);
		target_go_back(t);
		target_close(t);
		return rc;
	}
	t->written = t->durable = (uint64_t)st.st_size;
	return LG_OK;
}

void target_go_back(struct target *t)
{
	struct stat st;

	if (t->fd < 0 || !t->regular || t->written == t->durable)
		return;
	if (fstat(t->fd, &st) || ((uint64_t)st.st_size > t->durable && ftruncate(t->fd, (off_t)t->durable))) {
		t->mend = true;
		target_close(t);
	}
	t->written = t->durable;
}

uint64_t target_room(const struct target *t, int64_t utc_s)
{
	if (!t->regular)
		return UINT64_MAX;
	if (t->rotate.every_ns && t->written && period_of(t, utc_s) != t->period)
		return 0;
	if (!t->rotate.size)
		return UINT64_MAX;
	return t->written < t->rotate.size ? t->rotate.size - t->written : 0;
}

/* Names move from the old end, so that a crash in between leaves a gap in the numbers and no file less; the next rotation fills
 * the gap. */
enum lg_rc target_rotate(struct target *t, struct lg_err *err)
{
	char from[PATH_MAX], to[PATH_MAX];
	int64_t free_number = 1;
	struct stat st;

	target_close(t);
	for (; free_number < t->rotate.keep; free_number++) {
		snprintf(to, sizeof(to), "%s.%lld", t->path, (long long)free_number);
		if (lstat(to, &st))
			break;
	}
	for (int64_t n = free_number; n >= 1; n--) {
		snprintf(to, sizeof(to), "%s.%lld", t->path, (long long)n);
		if (n > 1)
			snprintf(from, sizeof(from), "%s.%lld", t->path, (long long)(n - 1));
		else
			snprintf(from, sizeof(from), "%s", t->path);
		if (rename(from, to) && errno != ENOENT)
			return lg_err_sys(err, errno, "cannot rename %s to %s", from, to);
	}
	t->rotations++;
	return sync_directory(t->path, err);
}
