/* watch.h - learning that files changed: inotify where the system and the file system have it, else looking every interval.
 *
 * A watch only says where to look; what is true is always read from the files. One thread.
 */
#ifndef FILE_WATCH_H
#define FILE_WATCH_H

#include "api/lugger_plugin.h"

enum watch_kind {
	WATCH_DATA,  /* a file in `dir` was written */
	WATCH_NAMES, /* a name in `dir` appeared, vanished or changed; name NULL: the directory itself */
	WATCH_LOST,  /* events were lost: anything may have changed; dir and name NULL */
};

struct watch_event {
	enum watch_kind kind;
	const char *dir, *name; /* borrowed for the call */
	bool is_dir;            /* the name is a directory's */
	uint32_t from, to;      /* a rename is two events, old name and new one, with the same number here; else 0 */
};

typedef void watch_each(void *arg, const struct watch_event *event);

struct watch; /* the system's mechanism; NULL means polling */

/* LG_UNSUPPORTED: this system has none. With any_file_system, network file systems are watched, too. */
enum lg_rc watch_open(struct watch **watch, bool any_file_system, struct lg_err *err) LG_WARN_UNUSED;
void watch_close(struct watch *watch);
int watch_fd(const struct watch *watch); /* -1 for NULL */
/* Watches a directory, again after it was replaced, too; cheap where nothing changed. LG_FULL: the system's limit of watches.
 * LG_UNSUPPORTED: writes by other machines would not be seen there (network file systems). LG_NOTFOUND: no such directory. */
enum lg_rc watch_dir(struct watch *watch, const char *dir, struct lg_err *err) LG_WARN_UNUSED;
/* Takes all events that wait, without blocking. */
void watch_read(struct watch *watch, watch_each *each, void *arg);

#endif
