/* Every call of the seam that changes the disk has a name, told from the call, the file and what is written. A call without one fails
 * the test: a new step has to be named here, and killed at. */
#include "kill.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define HANDLES 1024
#define PATH 256

struct points_shared *points_shared;

const struct point points[] = {
        {"spool.make", "Create the spool", false, false},
        {"spool.make-synced", "Create the spool", false, false},
        {"spool.make-quarantine", "Create the spool", false, false},
        {"spool.make-deadletter", "Create the spool", false, false},
        {"spool.dirs-synced", "Create the spool", false, false},
        {"lock.create", "Create the spool", false, false},
        {"lock.emptied", "Create the spool", false, false},
        {"lock.write", "Create the spool", true, false},
        {"state.clear", "Create the spool", false, false},
        {"state.create", "Create the spool", false, true},
        {"state.zeros", "Create the spool", true, true},
        {"state.zeros-synced", "Create the spool", false, true},
        {"state.publish", "Create the spool", false, true},
        {"state.publish-synced", "Create the spool", false, true},
        {"segment.clear", "Create a segment", false, false},
        {"segment.create", "Create a segment", false, false},
        {"segment.allocate", "Create a segment", false, false},
        {"segment.header", "Create a segment", true, false},
        {"segment.header-synced", "Create a segment", false, false},
        {"segment.publish", "Create a segment", false, false},
        {"spare.header", "Create a segment", true, false},
        {"spare.header-synced", "Create a segment", false, false},
        {"spare.use", "Create a segment", false, false},
        {"segment.publish-synced", "Create a segment", false, false},
        {"append.frame", "Append", true, false},
        {"commit.sync", "Commit", false, false},
        {"seal.footer", "Seal", true, false},
        {"seal.cut", "Seal", false, false},
        {"seal.synced", "Seal", false, false},
        {"fail.cut", "After a failed write or sync", false, false},
        {"fail.remove", "After a failed write or sync", false, false},
        {"cursor.state", "Move a cursor", true, false},
        {"cursor.state-synced", "Move a cursor", false, false},
        {"delete.unlink", "Delete", false, false},
        {"letter.make-dir", "Put a dead letter", false, false},
        {"letter.dir-synced", "Put a dead letter", false, false},
        {"letter.clear", "Put a dead letter", false, false},
        {"letter.create", "Put a dead letter", false, false},
        {"letter.header", "Put a dead letter", true, false},
        {"letter.header-synced", "Put a dead letter", false, false},
        {"letter.publish", "Put a dead letter", false, false},
        {"letter.publish-synced", "Put a dead letter", false, false},
        {"letter.frame", "Put a dead letter", true, false},
        {"letter.synced", "Put a dead letter", false, false},
        {"letter.footer", "Put a dead letter", true, false},
        {"letter.footer-synced", "Put a dead letter", false, false},
        {"letter.cut", "Put a dead letter", false, false},
        {"letter.drop", "Put a dead letter", false, false},
        {"letter.drop-synced", "Put a dead letter", false, false},
        {"spare.clear", "Spare", false, false},
        {"spare.create", "Spare", false, false},
        {"spare.allocate", "Spare", false, false},
        {"spare.synced", "Spare", false, false},
        {"spare.publish", "Spare", false, false},
        {"spare.publish-synced", "Spare", false, false},
        {"replay.make-dir", "Replay", false, false},
        {"replay.dir-synced", "Replay", false, false},
        {"replay.create", "Replay", false, false},
        {"replay.write", "Replay", true, false},
        {"replay.write-synced", "Replay", false, false},
        {"replay.publish", "Replay", false, false},
        {"replay.publish-synced", "Replay", false, false},
        {"replay.remove", "Replay", false, false},
        {"replay.remove-synced", "Replay", false, false},
        {"recover.copy-create", "Recovery", false, false},
        {"recover.copy-emptied", "Recovery", false, false},
        {"recover.copy", "Recovery", true, false},
        {"recover.copy-synced", "Recovery", false, false},
        {"recover.report-create", "Recovery", false, false},
        {"recover.report-emptied", "Recovery", false, false},
        {"recover.report", "Recovery", true, false},
        {"recover.report-synced", "Recovery", false, false},
        {"recover.quarantine-synced", "Recovery", false, false},
        {"recover.rewrite", "Recovery", true, false},
        {"recover.rewrite-synced", "Recovery", false, false},
        {"recover.spare-removed", "Recovery", false, false},
        {"recover.removed", "Recovery", false, false},
        {"recover.removed-synced", "Recovery", false, false},
        {"recover.cut", "Recovery", false, false},
        {"recover.cut-synced", "Recovery", false, false},
        {"recover.footer", "Recovery", true, false},
        {"recover.footer-synced", "Recovery", false, false},
};
const size_t point_count = sizeof(points) / sizeof(points[0]);

/* ---- this process ---- */

static int target = -1;
static enum moment target_moment;
static unsigned target_nth, met;
static bool opening, fail_letters;
static unsigned fail_syncs;
static bool failed; /* a sync was made to fail; what follows is "After a failed write or sync" */
static char paths[HANDLES][PATH];
static char last_in_spool[40], last_in_letters[40], last_in_replay[40], last_on_segment[40];

void points_opening(bool now)
{
	opening = now;
}

void points_fail_syncs(unsigned count, bool letters)
{
	fail_syncs = count;
	fail_letters = letters;
}

static int find(const char *name)
{
	for (size_t i = 0; i < point_count; i++)
		if (strcmp(points[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* The step begins. Returns its index. */
static int begin(const char *name, const char *call, const char *path)
{
	int i = name ? find(name) : -1;

	if (i < 0) {
		snprintf(points_shared->nameless, sizeof(points_shared->nameless), "%s %s (%s)", call, path, name ? name : "no name");
		_exit(9);
	}
	points_shared->hits[i]++;
	if (i == target && ++met >= target_nth && target_moment == BEFORE)
		die();
	return i;
}

static void end(int i)
{
	if (i == target && met >= target_nth && target_moment == AFTER)
		die();
}

/* ---- which file is it ---- */

enum role { OTHER, DATA_DIR, SPOOL_DIR, QUARANTINE_DIR, LETTERS_DIR, LETTER_DIR, REPLAY_DIR, LOCK, STATE, STATE_TMP, SPARE, SPARE_TMP,
	SEGMENT_TMP, SEGMENT, COPY, REPORT, LETTER_TMP, LETTER, REPLAY_TMP, REPLAY };

static bool ends(const char *path, const char *with)
{
	size_t n = strlen(path), m = strlen(with);

	return n >= m && strcmp(path + n - m, with) == 0;
}

static enum role role_of(const char *path)
{
	const char *in = strstr(path, "/spool");

	if (!in)
		return DATA_DIR;
	in += strlen("/spool");
	if (!*in)
		return SPOOL_DIR;
	in++;
	if (strncmp(in, "quarantine", 10) == 0)
		return !in[10] ? QUARANTINE_DIR : ends(in, ".bin") ? COPY : ends(in, ".txt") ? REPORT : OTHER;
	if (strncmp(in, "deadletter", 10) == 0)
		return !in[10] ? LETTERS_DIR : ends(in, ".tmp") ? LETTER_TMP : ends(in, ".seg") ? LETTER : LETTER_DIR;
	if (strncmp(in, "replay", 6) == 0)
		return !in[6] ? REPLAY_DIR : ends(in, "~") ? REPLAY_TMP : REPLAY;
	return strcmp(in, "lock") == 0          ? LOCK
	       : strcmp(in, "state") == 0       ? STATE
	       : strcmp(in, "state.tmp") == 0   ? STATE_TMP
	       : strcmp(in, "spare") == 0       ? SPARE
	       : strcmp(in, "spare.tmp") == 0   ? SPARE_TMP
	       : strcmp(in, "segment.tmp") == 0 ? SEGMENT_TMP
	       : ends(in, ".seg")               ? SEGMENT
	                                        : OTHER;
}

static void remember(char last[40], int i)
{
	snprintf(last, 40, "%s", points[i].name);
}

/* ---- the seam ---- */

static int p_open(void *self, const char *path, unsigned flags)
{
	static const char *const names[] = {[LOCK] = "lock.create", [STATE_TMP] = "state.create", [SEGMENT_TMP] = "segment.create",
	        [SPARE_TMP] = "spare.create", [COPY] = "recover.copy-create", [REPORT] = "recover.report-create",
	        [LETTER_TMP] = "letter.create", [REPLAY_TMP] = "replay.create", [REPLAY] = NULL};
	int i = flags & SYS_CREATE ? begin(names[role_of(path)], "open", path) : -1, fd;

	fd = sys_io_posix.open(self, path, flags);
	if (fd >= 0 && fd < HANDLES)
		snprintf(paths[fd], PATH, "%s", path);
	if (i >= 0)
		end(i);
	return fd;
}

static const char *write_name(const char *path, const struct iovec *iov)
{
	const char *data = iov->iov_base;
	bool frame = iov->iov_len >= 4 && memcmp(data, "\xf5LGF", 4) == 0, footer = iov->iov_len >= 4 && memcmp(data, "\xf5LGI", 4) == 0;

	switch (role_of(path)) {
	case LOCK:
		return "lock.write";
	case STATE_TMP:
		return "state.zeros";
	case STATE:
		return "cursor.state";
	case SEGMENT_TMP:
		return "segment.header";
	case SPARE:
		return "spare.header";
	case SEGMENT:
		return frame ? opening ? "recover.rewrite" : "append.frame" : footer ? opening ? "recover.footer" : "seal.footer" : NULL;
	case COPY:
		return "recover.copy";
	case REPORT:
		return "recover.report";
	case LETTER_TMP:
		return "letter.header";
	case LETTER:
		return frame ? "letter.frame" : footer ? "letter.footer" : NULL;
	case REPLAY_TMP:
		return "replay.write";
	default:
		return NULL;
	}
}

static void half(void *self, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	struct lg_buf all = {0};
	struct iovec part;

	for (int k = 0; k < count; k++)
		lg_buf_append(&all, iov[k].iov_base, iov[k].iov_len);
	part = (struct iovec){all.data, all.size / 2};
	sys_io_posix.pwritev(self, fd, &part, 1, offset);
}

static int p_pwritev(void *self, int fd, const struct iovec *iov, int count, uint64_t offset)
{
	int i = begin(write_name(paths[fd], iov), "write", paths[fd]), rc;

	if (i == target && target_moment == HALF && met >= target_nth) {
		half(self, fd, iov, count, offset);
		die();
	}
	rc = sys_io_posix.pwritev(self, fd, iov, count, offset);
	if (role_of(paths[fd]) == SEGMENT)
		remember(last_on_segment, i);
	end(i);
	return rc;
}

static const char *sync_name(const char *path, bool data)
{
	switch (role_of(path)) {
	case STATE_TMP:
		return "state.zeros-synced";
	case STATE:
		return data ? "cursor.state-synced" : NULL;
	case SEGMENT_TMP:
		return "segment.header-synced";
	case SPARE:
		return "spare.header-synced";
	case SPARE_TMP:
		return "spare.synced";
	case SEGMENT:
		return data                                            ? "commit.sync"
		       : !opening                                      ? "seal.synced"
		       : strcmp(last_on_segment, "recover.cut") == 0    ? "recover.cut-synced"
		       : strcmp(last_on_segment, "recover.footer") == 0 ? "recover.footer-synced"
		                                                        : "recover.rewrite-synced";
	case COPY:
		return "recover.copy-synced";
	case REPORT:
		return "recover.report-synced";
	case LETTER_TMP:
		return "letter.header-synced";
	case LETTER:
		return data ? "letter.synced" : "letter.footer-synced";
	case REPLAY_TMP:
		return "replay.write-synced";
	default:
		return NULL;
	}
}

static int sync_file(void *self, int fd, bool data)
{
	int i = begin(sync_name(paths[fd], data), "sync", paths[fd]), rc;
	enum role role = role_of(paths[fd]);

	if (data && fail_syncs && role == (fail_letters ? LETTER : SEGMENT)) {
		fail_syncs--;
		failed = true;
		return -EIO;
	}
	rc = data ? sys_io_posix.fdatasync(self, fd) : sys_io_posix.fsync(self, fd);
	end(i);
	return rc;
}

static int p_fdatasync(void *self, int fd)
{
	return sync_file(self, fd, true);
}

static int p_fsync(void *self, int fd)
{
	return sync_file(self, fd, false);
}

static int p_truncate(void *self, int fd, uint64_t size)
{
	static const char *const names[] = {[LOCK] = "lock.emptied", [COPY] = "recover.copy-emptied", [REPORT] = "recover.report-emptied",
	        [LETTER] = "letter.cut", [REPLAY] = NULL};
	enum role role = role_of(paths[fd]);
	const char *name = role != SEGMENT                                ? names[role]
	                   : opening                                      ? "recover.cut"
	                   : strcmp(last_on_segment, "seal.footer") == 0 && !failed ? "seal.cut"
	                                                                  : "fail.cut";
	int i = begin(name, "truncate", paths[fd]), rc = sys_io_posix.truncate(self, fd, size);

	if (role == SEGMENT)
		remember(last_on_segment, i);
	end(i);
	return rc;
}

static int p_allocate(void *self, int fd, uint64_t size)
{
	enum role role = role_of(paths[fd]);
	int i = begin(role == SEGMENT_TMP ? "segment.allocate" : role == SPARE_TMP ? "spare.allocate" : NULL, "allocate", paths[fd]);
	int rc = sys_io_posix.allocate(self, fd, size);

	end(i);
	return rc;
}

static int p_rename(void *self, const char *from, const char *to)
{
	static const char *const names[] = {[STATE_TMP] = "state.publish", [SEGMENT_TMP] = "segment.publish", [SPARE] = "spare.use",
	        [SPARE_TMP] = "spare.publish", [LETTER_TMP] = "letter.publish", [REPLAY_TMP] = "replay.publish", [REPLAY] = NULL};
	enum role role = role_of(from);
	int i = begin(names[role], "rename", from), rc = sys_io_posix.rename(self, from, to);

	for (int fd = 0; fd < HANDLES; fd++)
		if (strcmp(paths[fd], from) == 0)
			snprintf(paths[fd], PATH, "%s", to);
	remember(role == LETTER_TMP ? last_in_letters : role == REPLAY_TMP ? last_in_replay : last_in_spool, i);
	if (role == SEGMENT_TMP || role == SPARE) {
		failed = false;
		last_on_segment[0] = '\0';
	}
	end(i);
	return rc;
}

static int p_unlink(void *self, const char *path)
{
	static const char *const names[] = {[STATE_TMP] = "state.clear", [SEGMENT_TMP] = "segment.clear", [SPARE_TMP] = "spare.clear",
	        [SPARE] = "recover.spare-removed", [LETTER_TMP] = "letter.clear", [LETTER] = "letter.drop", [REPLAY] = "replay.remove"};
	enum role role = role_of(path);
	const char *name = role != SEGMENT ? names[role] : opening ? "recover.removed" : failed ? "fail.remove" : "delete.unlink";
	int i = begin(name, "unlink", path), rc = sys_io_posix.unlink(self, path);

	if (role == LETTER)
		remember(last_in_letters, i);
	if (role == REPLAY)
		remember(last_in_replay, i);
	if (role == SEGMENT && opening)
		remember(last_in_spool, i);
	end(i);
	return rc;
}

static int p_mkdir(void *self, const char *path)
{
	static const char *const names[] = {[SPOOL_DIR] = "spool.make", [QUARANTINE_DIR] = "spool.make-quarantine",
	        [LETTERS_DIR] = "spool.make-deadletter", [LETTER_DIR] = "letter.make-dir", [REPLAY_DIR] = "replay.make-dir", [REPLAY] = NULL};
	enum role role = role_of(path);
	int i = begin(names[role], "mkdir", path), rc = sys_io_posix.mkdir(self, path);

	if (role != LETTER_DIR)
		remember(last_in_spool, i);
	end(i);
	return rc;
}

static const char *dir_name(const char *path)
{
	switch (role_of(path)) {
	case DATA_DIR:
		return "spool.make-synced";
	case SPOOL_DIR:
		return strcmp(last_in_spool, "spool.make-deadletter") == 0 ? "spool.dirs-synced"
		       : strcmp(last_in_spool, "state.publish") == 0       ? "state.publish-synced"
		       : strcmp(last_in_spool, "spare.publish") == 0       ? "spare.publish-synced"
		       : strcmp(last_in_spool, "replay.make-dir") == 0     ? "replay.dir-synced"
		       : strcmp(last_in_spool, "recover.removed") == 0     ? "recover.removed-synced"
		                                                           : "segment.publish-synced";
	case QUARANTINE_DIR:
		return "recover.quarantine-synced";
	case LETTERS_DIR:
		return "letter.dir-synced";
	case LETTER_DIR:
		return strcmp(last_in_letters, "letter.drop") == 0 ? "letter.drop-synced" : "letter.publish-synced";
	case REPLAY_DIR:
		return strcmp(last_in_replay, "replay.remove") == 0 ? "replay.remove-synced" : "replay.publish-synced";
	default:
		return NULL;
	}
}

static int p_sync_dir(void *self, const char *path)
{
	int i = begin(dir_name(path), "sync of the directory", path), rc = sys_io_posix.sync_dir(self, path);

	end(i);
	return rc;
}

static struct sys_io io;

const struct sys_io *points_io_now(void)
{
	return &io;
}

const struct sys_io *points_io(int point, enum moment moment, unsigned nth)
{
	target = point;
	target_moment = moment;
	target_nth = nth;
	io = sys_io_posix;
	io.open = p_open;
	io.pwritev = p_pwritev;
	io.fdatasync = p_fdatasync;
	io.fsync = p_fsync;
	io.truncate = p_truncate;
	io.allocate = p_allocate;
	io.rename = p_rename;
	io.unlink = p_unlink;
	io.mkdir = p_mkdir;
	io.sync_dir = p_sync_dir;
	return &io;
}
