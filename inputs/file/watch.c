/* Systems without a mechanism of their own: the input polls. */
#include "ident.h"
#include "watch.h"

#ifndef __linux__

uint64_t ident_birth(int fd)
{
	(void)fd;
	return 0;
}

enum lg_rc watch_open(struct watch **watch, bool any_file_system, struct lg_err *err)
{
	(void)any_file_system;
	*watch = NULL;
	return lg_err_set(err, LG_UNSUPPORTED, "this system has no inotify");
}

void watch_close(struct watch *watch)
{
	(void)watch;
}

int watch_fd(const struct watch *watch)
{
	(void)watch;
	return -1;
}

enum lg_rc watch_dir(struct watch *watch, const char *dir, struct lg_err *err)
{
	(void)watch;
	return lg_err_set(err, LG_UNSUPPORTED, "%s: this system has no inotify", dir);
}

void watch_read(struct watch *watch, watch_each *each, void *arg)
{
	(void)watch;
	(void)each;
	(void)arg;
}

#endif
