/* lock.h - who may write a spool: one process, by fcntl's lock on the file `lock`, which names it. */
#ifndef LOCK_H
#define LOCK_H

#include "base/sys.h"
#include "api/lg_core.h"

/* Locks spool_dir until *handle is closed (-1 on failure). LG_BUSY: another process holds it, the text names it. */
enum lg_rc spool_lock_take(const struct sys_io *io, const char *spool_dir, int *handle, struct lg_err *err) LG_WARN_UNUSED;

#endif
