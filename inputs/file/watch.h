/* watch.h - learning that files changed: inotify where the system and the file system have it, else looking every interval.
 *
 * A watch only says where to look; what is true is always read from the files. One thread.
 */
#ifndef FILE_WATCH_H
#define FILE_WATCH_H

#include "api/lugger_plugin.h"

enum watch_event {
	WATCH_DATA,  /* a file in `dir` was written */
	WATCH_NAMES, /* a name in `dir` appeared, vanished or changed; name NULL: the directory itself */
	WATCH_LOST,  /* events were lost: anything may have changed; dir and name NULL */
};

typedef void watch_each(void *arg, enum watch_event event, const char *dir, const char *name, bool is_dir);

struct watch; /* the system's mechanism; NULL means polling */

/* LG_UNSUPPORTED: this system has none. */
enum lg_rc watch_open(struct watch **watch, struct lg_err *err) LG_WARN_UNUSED;
void watch_close(struct watch *watch);
int watch_fd(const struct watch *watch); /* -1 for NULL */
/* Watches a directory, again after it was replaced, too; cheap where nothing changed. LG_FULL: the system's limit of watches.
 * LG_UNSUPPORTED: writes by other machines would not be seen there (network file systems). LG_NOTFOUND: no such directory. */
enum lg_rc watch_dir(struct watch *watch, const char *dir, struct lg_err *err) LG_WARN_UNUSED;
/* Takes all events that wait, without blocking. */
void watch_read(struct watch *watch, watch_each *each, void *arg);

#endif
