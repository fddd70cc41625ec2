/* lock.h - who may write a spool: one process, by fcntl's lock on the file `lock`, which names it, and knows itself: a copy is told from
 * the file that was written here. */
#ifndef LOCK_H
#define LOCK_H

#include "base/sys.h"
#include "api/lg_core.h"

/* What the file said before: "" and 0 where it did not. */
struct lock_past {
	char pid[24], host[128], started[32]; /* the last holder */
	uint64_t file;                        /* the inode of the file as of the last spool_lock_sign */
};

/* Locks spool_dir until *handle is closed (-1 on failure). LG_BUSY: another process holds it, the text names it. past may be NULL. */
enum lg_rc spool_lock_take(
        const struct sys_io *io, const char *spool_dir, int *handle, struct lock_past *past, struct lg_err *err) LG_WARN_UNUSED;
/* Notes in the locked file which file it is. */
void spool_lock_sign(const struct sys_io *io, int handle);
/* The file is another one than was signed: the spool was restored from a backup, or copied. A file system or machine that was set back as a
 * whole keeps its inodes, and is not seen. */
bool spool_lock_copied(const struct sys_io *io, int handle, const struct lock_past *past);

#endif
