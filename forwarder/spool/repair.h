/* repair.h - `spool repair`: what `spool verify` finds, put right as far as bytes can be, with the daemon down. No record comes back by it; what it
 * gains is that every byte verifies again, so that the next damage is seen, and that sealed segments have their index.
 *
 * - A region of a segment that was durable and holds no frame that verifies becomes a frame without records of the same size: its sequences stay a
 *   gap, which readers report as before.
 * - A segment that is not the newest and has no footer that verifies gets one, and ends behind it.
 * - A segment's header that does not verify is made anew from its name, its frames, the segments before and the state.
 * - A state file without a good slot, or none, is made anew from the newest header, as the next start would.
 * What it does not touch it says: a header whose parts are known from nowhere. The torn tail of the newest segment is set aside at the next start.
 */
#ifndef REPAIR_H
#define REPAIR_H

#include "spool/spool.h"

struct repair {
	const char *data_dir;
	const struct sys_io *io;
	const char *backup; /* a directory to be made; every file is copied there, durably, before it is changed */
	/* One line a finding and what is, or would be, done about it; `can`: something is. */
	void (*say)(void *arg, const char *line, bool can);
	void *arg;
	/* filled in */
	uint64_t planned, left; /* findings with and without a remedy */
	uint64_t done;          /* remedies applied, files changed */
	uint64_t files;
};

/* Holds the spool's lock: LG_BUSY names the daemon that has it. Says the whole plan, then with `apply` does it. LG_OK also where something is left.
 * On a failure what was done is done; the file at hand may be half changed, and its copy is whole. */
enum lg_rc spool_repair(struct repair *repair, bool apply, struct lg_err *err) LG_WARN_UNUSED;

#endif
