/* inotify(7) behind watch.h; on other systems watch_open says so and the input polls. */
#include "watch.h"

#ifdef __linux__

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "table.h"

#define MASK (IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define DATA_MASK (IN_MODIFY | IN_CLOSE_WRITE)

struct watch {
	int fd;
	struct table dirs; /* by watch descriptor */
};

struct dir {
	struct table_link link;
	int wd;
	char *path;
};

enum lg_rc watch_open(struct watch **watch, struct lg_err *err)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return lg_err_sys(err, errno, "inotify");
	*watch = file_alloc(sizeof(**watch));
	(*watch)->fd = fd;
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
	if (is_remote(path)) {
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

	if (event->mask & IN_Q_OVERFLOW) {
		each(arg, WATCH_LOST, NULL, NULL, false);
		return;
	}
	if (!dir)
		return;
	if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) {
		each(arg, WATCH_NAMES, dir->path, NULL, true);
		/* The watch follows a moved directory to where its path is no longer true. */
		if (event->mask & IN_MOVE_SELF)
			inotify_rm_watch(watch->fd, event->wd);
		drop_dir(watch, dir);
		return;
	}
	each(arg, event->mask & DATA_MASK ? WATCH_DATA : WATCH_NAMES, dir->path, name, (event->mask & IN_ISDIR) != 0);
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
