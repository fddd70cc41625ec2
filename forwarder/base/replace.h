/* replace.h - a small file that is written whole and takes its name's place at once: after a crash there is the old one or the new one. Any thread. */
#ifndef REPLACE_H
#define REPLACE_H

#include "base/sys.h"

/* Makes `dir` within `above` where it is not there, writes temp (in dir), syncs it, renames it to path (in dir), syncs dir. 0, or -errno: path is then as
 * it was, or new but perhaps not durable. */
int replace_file(const struct sys_io *io, const char *above, const char *dir, const char *temp, const char *path, const void *data, size_t size);

#endif
