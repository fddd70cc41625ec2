/* Is what is written still in its place? Linux lets a process write to files that have no name any more, and says that all is well; what was acknowledged on
 * the strength of that is gone at the next start. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "spool/impl.h"

/* Any other answer than "another file" or "no file" proves nothing. */
static bool gone(const struct sys_io *io, int handle, const char *path)
{
	int rc = io->same ? io->same(io->self, handle, path) : 1;

	return rc == 0 || rc == -ENOENT || rc == -ENOTDIR;
}

enum lg_rc place_check(struct spool *spool, struct lg_err *err)
{
	const struct sys_io *io = spool->conf.io;
	char path[SPOOL_PATH_MAX];

	if (!gone(io, spool->lock_handle, spool_path(spool, path, "lock")) && !gone(io, spool->state_handle, spool_path(spool, path, "state")))
		return LG_OK;
	return lg_err_set(err, LG_IO,
	        "%s is gone, moved away or replaced while Lugger runs: nothing is acknowledged until it is back; or stop Lugger, see to the directory, and start it",
	        path);
}

enum lg_rc place_confirm(struct spool *spool, struct lg_err *err)
{
	enum lg_rc rc = place_check(spool, err);
	const struct seg *seg = &spool->segs[spool->seg_count - 1];
	char path[SPOOL_PATH_MAX];

	if (rc != LG_OK || !gone(spool->conf.io, spool->tip.handle, spool_segment_path(spool, path, seg->number, seg->first_seq)))
		return rc;
	rc = lg_err_set(err, LG_IO, "segment %llu was deleted while it was written", (unsigned long long)seg->number);
	roll_abandon(spool);
	return rc;
}

void place_watch(struct spool *spool, int64_t mono_ns)
{
	struct lg_err err;

	if (mono_ns - spool->last_place_ns < PLACE_INTERVAL_NS)
		return;
	spool->last_place_ns = mono_ns;
	if (place_check(spool, &err) != LG_OK) {
		if (!spool->displaced)
			log_error("spool %s: %s", spool->dir, err.text);
		spool->displaced = true;
		spool_note_error(spool, &err);
	} else if (spool->displaced) {
		log_notice("spool %s: it is back", spool->dir);
		spool->displaced = false;
		spool_note_error(spool, NULL);
	}
}
