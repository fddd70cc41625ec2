/* target.h - the file behind output `file`: opened, mended, appended to, made durable, rotated. One owner, the output.
 *
 * Two sizes matter: what was written, and what is durable and settled. Going back to the second after a failure is what keeps a
 * retry from leaving half a line or a record twice. A pipe, a terminal or standard output has neither; it is written as far as it
 * takes bytes without blocking.
 */
#ifndef TARGET_H
#define TARGET_H

#include <sys/types.h>

#include "api/lugger_plugin.h"

struct target_rotate {
	uint64_t size;    /* bytes, 0: not by size */
	int64_t every_ns; /* periods count from 1970 UTC, so 24h is midnight UTC; 0: not by time */
	int64_t keep;     /* old files */
};

struct target {
	const char *path; /* borrowed; "-": standard output */
	struct target_rotate rotate;
	bool json; /* lines are JSON objects: a foreign last line is recognised */
	int fd;    /* -1: closed */
	bool regular;
	bool redirected;  /* standard output is a file of the caller's: synced, but neither mended nor rotated */
	uint64_t written; /* bytes in the file */
	uint64_t durable; /* bytes of it that are synced and settled */
	int64_t period;   /* the period of rotate.every_ns that the file belongs to */
	bool mend;        /* a failed way back to `durable`: to be tried again at the next open, if it is the same file */
	dev_t device;
	ino_t inode;
	uint64_t rotations;
};

/* Partial last lines up to this size are taken for a record that a crash cut off, and removed. */
#define TARGET_MEND_MAX (16u << 20)

void target_init(struct target *t, const char *path, const struct target_rotate *rotate, bool json);
/* Opens or creates the file (0640, synced into its directory). A partial last line is removed: its record was not settled and
 * will come again. Nothing to do when it is open. LG_BUSY: another process has it. */
enum lg_rc target_open(struct target *t, struct lg_err *err) LG_WARN_UNUSED;
void target_close(struct target *t);
/* Appends. A regular file takes all or fails; a stream as much as goes without blocking, LG_AGAIN where that is not all. *done:
 * bytes taken. */
enum lg_rc target_write(struct target *t, const void *data, size_t size, size_t *done, struct lg_err *err) LG_WARN_UNUSED;
/* Makes what was written durable. After a failure the file is closed: a kernel may forget dirty pages once it has reported them.
 */
enum lg_rc target_sync(struct target *t, struct lg_err *err) LG_WARN_UNUSED;
/* Drops what was written since the last sync. */
void target_go_back(struct target *t);
/* Bytes that may still be written before the file is due for rotation; 0: due. utc_s: seconds since 1970. */
uint64_t target_room(const struct target *t, int64_t utc_s);
/* path -> path.1 -> path.2 ...; the oldest beyond `keep` goes. The file is closed. Only after target_sync. */
enum lg_rc target_rotate(struct target *t, struct lg_err *err) LG_WARN_UNUSED;

#endif
