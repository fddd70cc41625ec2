/* A view of a spool that may belong to a running daemon: no lock taken, nothing written. */
#include <stdlib.h>
#include <string.h>

#include "spool/impl.h"

static enum lg_rc look(struct spool *spool, struct lg_err *err)
{
	const struct sys_io *io = spool->conf.io;

	if (spool->state_handle >= 0)
		io->close(io->self, spool->state_handle);
	spool->state_handle = -1;
	memset(&spool->state, 0, sizeof(spool->state));
	frame_index_fini(&spool->index);
	posmap_fini(&spool->positions);
	spool->range_count = 0;
	spool->doomed_count = 0;
	spool->next_seq = 0;
	spool->state_lost = false;
	spool->stat.corrupt_frames = spool->stat.torn_bytes = 0;
	return recover_spool(spool, err);
}

enum lg_rc spool_peek_open(struct spool **out, const char *data_dir, const struct sys_io *io, struct lg_err *err)
{
	struct spool_conf conf = {
	        .data_dir = data_dir, .io = io, .clock = &clock_system, .max_size = UINT64_MAX, .segment_size = 64u << 20};
	struct spool *spool = spool_new_peek(&conf);
	struct lg_err local;
	enum lg_rc rc;

	err = err ? err : &local;
	rc = look(spool, err);
	if (rc == LG_OK && !spool->seg_count && spool->state_handle < 0)
		rc = lg_err_set(err, LG_NOTFOUND, "there is no spool");
	if (rc != LG_OK) {
		lg_err_prepend(err, "spool %s", spool->dir);
		spool_close(spool);
		return rc;
	}
	spool_hex(spool->stat.spool_id, spool->state.spool_id);
	spool_hex(spool->stat.log_id, spool->state.log_id);
	*out = spool;
	return LG_OK;
}

enum lg_rc spool_peek_refresh(struct spool *spool, struct lg_err *err)
{
	struct lg_err local;
	enum lg_rc rc;

	err = err ? err : &local;
	rc = look(spool, err);
	return rc == LG_OK ? LG_OK : lg_err_prepend(err, "spool %s", spool->dir);
}
