/* What only Linux tells of files: inotify(7) behind watch.h, statx(2)'s time of birth. Other systems: watch.c. */
#ifdef __linux__

#define _GNU_SOURCE /* statx */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ident.h"
#include "table.h"

#define DATA_MASK (IN_MODIFY | IN_CLOSE_WRITE)
#define NAMES_MASK (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB)
#define MASK (DATA_MASK | NAMES_MASK | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct watch {
	int fd;
	bool any_file_system;
	struct table dirs; /* by watch descriptor */
};

struct dir {
	struct table_link link;
	int wd;
	char *path;
};

uint64_t ident_birth(int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &stx) < 0 || !(stx.stx_mask & STATX_BTIME))
		return 0;
	return (uint64_t)stx.stx_btime.tv_sec * 1000000000u + stx.stx_btime.tv_nsec;
}

enum lg_rc watch_open(struct watch **watch, bool any_file_system, struct lg_err *err)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return lg_err_sys(err, errno, "inotify");
	*watch = file_alloc(sizeof(**watch));
	(*watch)->fd = fd;
	(*watch)->any_file_system = any_file_system;
	return LG_OK;
}

static struct dir *find_dir(const struct watch *watch, int wd)
{
	for (struct table_link *link = table_find(&watch->dirs, (uint64_t)wd); link; link = table_find_next(link))
		return TABLE_ITEM(link, struct dir, link);
	return NULL;
}

static void drop_dir(struct watch *watch, struct dir *dir)
{
	table_remove(&watch->dirs, &dir->link);
	free(dir->path);
	free(dir);
}

void watch_close(struct watch *watch)
{
	struct table_link *link, *next;

	if (!watch)
		return;
	for (link = table_next(&watch->dirs, NULL); link; link = next) {
		struct dir *dir = TABLE_ITEM(link, struct dir, link);

		next = table_next(&watch->dirs, link);
		free(dir->path);
		free(dir);
	}
	table_fini(&watch->dirs);
	close(watch->fd);
	free(watch);
}

int watch_fd(const struct watch *watch)
{
	return watch ? watch->fd : -1;
}

/* File systems whose files other machines write without this kernel's knowledge; numbers from statfs(2) and linux/magic.h. */
static bool is_remote(const char *path)
{
	static const unsigned long remote[] = {0x6969 /* NFS */, 0x517b /* SMB */, 0xff534d42 /* CIFS */, 0xfe534d42 /* SMB2 */,
		0x65735546 /* FUSE */, 0x01021997 /* 9P */, 0x00c36400 /* CEPH */, 0x5346414f /* AFS */, 0x47504653 /* GPFS */,
		0x0bd00bd0 /* LUSTRE */, 0x7461636f /* OCFS2 */, 0x01161970 /* GFS2 */};
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return false;
	for (size_t i = 0; i < sizeof(remote) / sizeof(*remote); i++)
		if (((unsigned long)fs.f_type & 0xffffffff) == remote[i])
			return true;
	return false;
}

enum lg_rc watch_dir(struct watch *watch, const char *path, struct lg_err *err)
{
	int wd = inotify_add_watch(watch->fd, path, MASK);
	struct dir *dir;

	if (wd < 0 && errno == ENOSPC)
		return lg_err_set(err, LG_FULL, "the system's limit of inotify watches is reached (fs.inotify.max_user_watches)");
	if (wd < 0)
		return lg_err_sys(err, errno, "inotify watch on %s", path);
	dir = find_dir(watch, wd);
	if (dir && strcmp(dir->path, path) == 0)
		return LG_OK;
	/* The same directory under another name (a symbolic link, a rename): the newest name is the one to report. */
	if (dir)
		drop_dir(watch, dir);
	if (!watch->any_file_system && is_remote(path)) {
		inotify_rm_watch(watch->fd, wd);
		return lg_err_set(err, LG_UNSUPPORTED, "%s is on a network file system, where inotify does not see all writes", path);
	}
	dir = file_alloc(sizeof(*dir));
	dir->wd = wd;
	dir->path = file_strdup(path);
	table_add(&watch->dirs, &dir->link, (uint64_t)wd);
	return LG_OK;
}

static void take_event(struct watch *watch, const struct inotify_event *event, watch_each *each, void *arg)
{
	struct dir *dir = find_dir(watch, event->wd);
	const char *name = event->len ? event->name : NULL;

	struct watch_event what = {.kind = event->mask & DATA_MASK ? WATCH_DATA : WATCH_NAMES,
		.name = name,
		.is_dir = (event->mask & IN_ISDIR) != 0,
		.from = event->mask & IN_MOVED_FROM ? event->cookie : 0,
		.to = event->mask & IN_MOVED_TO ? event->cookie : 0};

	if (event->mask & IN_Q_OVERFLOW) {
		what.kind = WATCH_LOST;
		each(arg, &what);
		return;
	}
	if (!dir)
		return;
	what.dir = dir->path;
	if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) {
		what.is_dir = true;
		what.name = NULL;
		each(arg, &what);
		/* The watch follows a moved directory to where its path is no longer true. */
		if (event->mask & IN_MOVE_SELF)
			inotify_rm_watch(watch->fd, event->wd);
		drop_dir(watch, dir);
		return;
	}
	each(arg, &what);
}

void watch_read(struct watch *watch, watch_each *each, void *arg)
{
	_Alignas(struct inotify_event) char bytes[16384];
	ssize_t n;

	while ((n = read(watch->fd, bytes, sizeof(bytes))) > 0) {
		for (const char *at = bytes; at < bytes + n;) {
			const struct inotify_event *event = (const void *)at;

			take_event(watch, event, each, arg);
			at += sizeof(*event) + event->len;
		}
	}
}

#endif
