#include "done.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 10000 /* tried for a file whose name is taken where it shall go */

bool done_is_due(const struct files *files, const struct tail *tail, int64_t now_ns, int64_t *at_ns)
{
	*at_ns = INT64_MAX;
	if (files->reader.conf->when_done == DONE_KEEP || tail->life != TAIL_LIVE || tail->fresh || tail->finished || tail->stays ||
	    tail->concluded || tail->health != TAIL_SOUND || tail->incomplete)
		return false;
	*at_ns = tail->active_ns + files->reader.conf->done_wait_ns;
	return now_ns >= *at_ns;
}

void done_note_settled(struct files *files, uint64_t token)
{
	files->settled = token;
	files->any_settled = true;
	files->done_due = files->reader.conf->when_done != DONE_KEEP;
}

static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = file_strdup(slash == path ? "/" : slash ? path : ".");

	if (slash > path)
		dir[slash - path] = '\0';
	return dir;
}

/* The change of name is durable before the position is forgotten, or a crash would bring the file back as a new one. */
static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc < 0 && errno != EINVAL ? -1 : 0; /* EINVAL: a file system that has no such thing */
}

/* The file as it was when its end was read, and nothing of it unread. */
static bool is_unchanged(const struct tail *tail)
{
	struct stat st, open_st;

	return lstat(tail->path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_ino == tail->ident.ino &&
	       (uint64_t)st.st_dev == tail->ident.dev && fstat(tail->content.fd, &open_st) == 0 && open_st.st_size == tail_disk_size(tail) &&
	       tail_unread(tail) <= 0;
}

/* `to` is not there, or is this very file (a crash between link and unlink). Nothing is overwritten. */
static int link_free_name(const struct tail *tail, char *to, size_t size)
{
	size_t used = strlen(to);

	for (int n = 0; n < NAMES_MAX; n++) {
		struct stat st;

		if (n)
			snprintf(to + used, size - used, ".%d", n);
		if (link(tail->path, to) == 0)
			return 0;
		if (errno != EEXIST)
			return -1;
		if (lstat(to, &st) == 0 && (uint64_t)st.st_ino == tail->ident.ino && (uint64_t)st.st_dev == tail->ident.dev)
			return 0;
	}
	return -1;
}

static int move(const struct tail *tail, const char *dir)
{
	const char *slash = strrchr(tail->path, '/');
	size_t size = strlen(dir) + strlen(tail->path) + 16;
	char *to = file_alloc(size);
	struct stat st;
	int rc;

	snprintf(to, size, "%s/%s", dir, slash ? slash + 1 : tail->path);
	rc = link_free_name(tail, to, size);
	if (rc == 0)
		rc = sync_dir(dir) < 0 ? -1 : unlink(tail->path);
	else if ((errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK) && lstat(to, &st) < 0 && errno == ENOENT)
		rc = rename(tail->path, to); /* a file system without links */
	free(to);
	return rc;
}

static void fail_conclude(struct files *files, struct tail *tail, int64_t now_ns)
{
	bool deletes = files->reader.conf->when_done == DONE_DELETE;
	char what[700];

	if (errno == EXDEV)
		snprintf(what, sizeof(what), "cannot be moved to %s, which is on another file system: choose one on the same", files->reader.conf->move_to);
	else if (deletes)
		snprintf(what, sizeof(what), "is done and cannot be deleted: %s", strerror(errno));
	else
		snprintf(what, sizeof(what), "is done and cannot be moved to %s: %s", files->reader.conf->move_to, strerror(errno));
	tail_fail(tail, what, now_ns);
	tail->finished = false;
	files->faults_changed = true;
	files_arm(files, tail, now_ns);
}

/* It changed, or cannot be opened: its turn tells. */
static void look_again(struct files *files, struct tail *tail)
{
	struct stat st;

	tail->finished = false;
	if (lstat(tail->path, &st) == 0 && S_ISLNK(st.st_mode)) {
		lg_input_log(files->reader.host, LG_NOTICE, "%s: is done and stays: it is a symbolic link", tail->path);
		tail->stays = true;
	}
	files_enqueue(files, tail);
}

static void conclude(struct files *files, struct tail *tail, int64_t now_ns)
{
	const struct file_conf *conf = files->reader.conf;
	bool deletes = conf->when_done == DONE_DELETE;

	/* Held open: what a writer who has it open still appends is read before it goes. */
	if ((tail->content.fd < 0 && files_open_tail(files, tail, NULL, now_ns) != TAIL_END) || !is_unchanged(tail)) {
		look_again(files, tail);
		return;
	}
	if ((deletes ? unlink(tail->path) : move(tail, conf->move_to)) < 0) {
		fail_conclude(files, tail, now_ns);
		return;
	}
	tail->concluded = true;
	files->concluded++;
	files->scan_due = true;
	lg_input_log(files->reader.host, LG_INFO, "%s: every output has it: %s%s", tail->path, deletes ? "deleted" : "moved to ",
		deletes ? "" : conf->move_to);
}

/* With --once nothing was waited for: the file must have rested by itself. */
static bool has_rested(const struct files *files, const struct tail *tail)
{
	struct stat st;

	return !lg_input_once(files->reader.host) ||
	       (stat(tail->path, &st) == 0 && (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec <=
			       lg_input_utc(files->reader.host) - files->reader.conf->done_wait_ns);
}

static bool may_go(const struct files *files, const struct tail *tail)
{
	return tail->finished && !tail->concluded && !tail->stays && tail->life == TAIL_LIVE && !tail->fresh && !tail->dirty && !tail->queued &&
	       tail->health == TAIL_SOUND && files->any_settled && tail->token <= files->settled && has_rested(files, tail);
}

/* Most files of a pass lie in one directory, which is synced once. */
static void sync_source(struct files *files, char **dir, char *next)
{
	if (*dir && (!next || strcmp(*dir, next) != 0) && sync_dir(*dir) < 0)
		lg_input_log(files->reader.host, LG_WARNING, "%s: cannot be synced: %s", *dir, strerror(errno));
	free(*dir);
	*dir = next;
}

void done_conclude(struct files *files, int64_t now_ns)
{
	char *dir = NULL;

	files->done_due = false;
	if (files->reader.conf->when_done == DONE_KEEP)
		return;
	/* Files that are gone stay open for a while, so their number is bounded: files_retire makes the next ones due. */
	for (struct tail *tail = files->tails; tail && files->concluded < (size_t)files->reader.conf->max_open_files; tail = tail->next) {
		if (!may_go(files, tail))
			continue;
		conclude(files, tail, now_ns);
		if (tail->concluded)
			sync_source(files, &dir, dir_of(tail->path));
	}
	sync_source(files, &dir, NULL);
}
