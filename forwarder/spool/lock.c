#include "spool/lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define PATH_SIZE 4200
#define TEXT_SIZE 512

static void host_name(char name[128])
{
	if (sys_host_name(name, 128) < 0 || !name[0])
		strcpy(name, "unknown");
}

/* The word behind `name` at a line's start. */
static void get_line(const char *text, const char *name, char *value, size_t size)
{
	size_t length = strlen(name), end;

	value[0] = '\0';
	for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (strncmp(line, name, length) != 0)
			continue;
		end = strcspn(line + length, "\n");
		snprintf(value, size, "%.*s", (int)(end < size ? end : size - 1), line + length);
		return;
	}
}

static void read_past(const struct sys_io *io, int handle, struct lock_past *past)
{
	char text[TEXT_SIZE], file[24];
	ssize_t n = io->pread(io->self, handle, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	snprintf(past->pid, sizeof(past->pid), "%.*s", (int)strspn(text, "0123456789"), text);
	get_line(text, "host ", past->host, sizeof(past->host));
	get_line(text, "started ", past->started, sizeof(past->started));
	get_line(text, "file ", file, sizeof(file));
	past->file = strtoull(file, NULL, 10);
}

static enum lg_rc name_holder(const struct sys_io *io, int handle, struct lg_err *err)
{
	struct lock_past holder;
	char here[128];

	host_name(here);
	read_past(io, handle, &holder);
	return lg_err_set(err, LG_BUSY, "in use by process %s%s%s%s%s%s: one data_dir is one Lugger's",
	        holder.pid[0] ? holder.pid : "(unknown)", holder.host[0] ? " on " : "", holder.host,
	        holder.host[0] && strcmp(holder.host, here) != 0 ? " (another machine or container)" : "", holder.started[0] ? ", started " : "",
	        holder.started);
}

/* 0, or -errno. The name is a courtesy: the lock holds without it. */
static int write_text(const struct sys_io *io, int handle, uint64_t file)
{
	char text[TEXT_SIZE], host[128], now[32];
	struct iovec iov = {text, 0};
	int rc = io->truncate(io->self, handle, 0);

	host_name(host);
	iov.iov_len = (size_t)snprintf(text, sizeof(text), "%ld\nhost %s\nstarted %s\nfile %llu\n", (long)getpid(), host,
	        clock_format_utc(clock_utc(&clock_system), 0, now), (unsigned long long)file);
	if (rc == 0)
		rc = io->pwritev(io->self, handle, &iov, 1, 0);
	return rc == -ENOSPC ? 0 : rc;
}

enum lg_rc spool_lock_take(const struct sys_io *io, const char *spool_dir, int *handle, struct lock_past *past, struct lg_err *err)
{
	struct lock_past before = {0};
	char path[PATH_SIZE];
	enum lg_rc result;
	int rc;

	snprintf(path, sizeof(path), "%.*s/lock", PATH_SIZE - 8, spool_dir);
	rc = *handle = io->open(io->self, path, SYS_WRITE | SYS_CREATE);
	if (rc < 0) {
		*handle = -1;
		return lg_err_sys(err, -rc, "opening the lock file");
	}
	rc = io->lock(io->self, *handle);
	if (rc == 0) {
		read_past(io, *handle, &before);
		if (past)
			*past = before;
		rc = write_text(io, *handle, before.file);
		if (rc == 0)
			return LG_OK;
		result = lg_err_sys(err, -rc, "writing the lock file");
	} else {
		result = rc == -EWOULDBLOCK ? name_holder(io, *handle, err) : lg_err_sys(err, -rc, "locking");
	}
	io->close(io->self, *handle);
	*handle = -1;
	return result;
}

static uint64_t identity(const struct sys_io *io, int handle)
{
	return io->identity ? io->identity(io->self, handle) : 0;
}

void spool_lock_sign(const struct sys_io *io, int handle)
{
	(void)!write_text(io, handle, identity(io, handle));
}

bool spool_lock_copied(const struct sys_io *io, int handle, const struct lock_past *past)
{
	uint64_t file = identity(io, handle);

	return past->file && file && past->file != file;
}
