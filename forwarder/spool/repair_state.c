/* `spool repair`, the state file: made anew from what the newest header that verifies says, as a start would; marked as rebuilt, so that an output which that header
 * does not name yet starts at the oldest record all the same. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spool/repair_impl.h"

static void fill_state(const struct spool *spool, struct state *state)
{
	const struct seg *newest = &spool->segs[spool->seg_count - 1];

	*state = (struct state){.generation = 1,
	        .written_ns = clock_utc(spool->conf.clock),
	        .segment = newest->number,
	        .durable_upto = newest->first_seq, /* all before was synced when it was made; of itself its frames tell */
	        .next_number = newest->number + 1,
	        .low_number = spool->segs[0].number,
	        .low_seq = spool->segs[0].first_seq,
	        .rebuilt = true,
	        .cursor_count = spool->state.cursor_count};
	memcpy(state->spool_id, spool->state.spool_id, 16);
	memcpy(state->cursors, spool->state.cursors, sizeof(state->cursors));
}

static enum lg_rc keep_old(struct work *w, const char *path, struct lg_err *err)
{
	const struct sys_io *io = w->repair->io;
	int handle = io->open(io->self, path, SYS_READ);
	enum lg_rc rc;

	if (handle == -ENOENT)
		return LG_OK;
	if (handle < 0)
		return lg_err_sys(err, -handle, "opening %s", path);
	rc = repair_keep(w, handle, "state", err);
	io->close(io->self, handle);
	return rc;
}

static enum lg_rc write_state(struct work *w, struct lg_err *err)
{
	const struct sys_io *io = w->repair->io;
	struct state *state = mem_alloc(sizeof(*state));
	uint8_t *file = mem_zalloc(STATE_FILE_SIZE);
	struct iovec iov = {file, STATE_FILE_SIZE};
	char path[SPOOL_PATH_MAX], temp[SPOOL_PATH_MAX];
	struct lg_buf slot = {0};
	enum lg_rc rc = keep_old(w, spool_path(w->spool, path, "state"), err);
	int sys, handle;

	if (rc != LG_OK)
		goto done;
	fill_state(w->spool, state);
	state_encode(state, &slot);
	memcpy(file + STATE_SLOT_SIZE, slot.data, slot.size); /* generation 1 is odd */
	io->unlink(io->self, spool_path(w->spool, temp, "state.tmp"));
	sys = handle = io->open(io->self, temp, SYS_WRITE | SYS_CREATE | SYS_EXCLUSIVE);
	if (sys >= 0) {
		sys = io->pwritev(io->self, handle, &iov, 1, 0);
		if (sys == 0)
			sys = io->fsync(io->self, handle);
		io->close(io->self, handle);
	}
	if (sys == 0)
		sys = io->rename(io->self, temp, path);
	if (sys == 0)
		sys = io->sync_dir(io->self, w->spool->dir);
	if (sys < 0)
		rc = lg_err_sys(err, -sys, "writing %s", path);
	w->repair->done++;
	w->repair->files++;
done:
	lg_buf_fini(&slot);
	free(file);
	free(state);
	return rc;
}

enum lg_rc repair_state(struct work *w, struct lg_err *err)
{
	if (!w->spool->state_lost || w->spool->state.rebuilt || !w->spool->seg_count)
		return LG_OK;
	if (!spool_tag(w->spool->state.spool_id)) {
		repair_say(w, false, "state: it is lost, and no header of a segment verifies: the next start rebuilds it, all outputs begin at the oldest record");
		return LG_OK;
	}
	repair_say(w, true, "state: there is none that verifies: write it anew with the cursors of the newest header; outputs repeat what they settled since");
	return w->apply ? write_state(w, err) : LG_OK;
}
