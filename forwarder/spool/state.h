/* state.h - the two-slot state file: cursors, low-water mark, open loss intervals. SPOOL.md, "State". */
#ifndef STATE_H
#define STATE_H

#include "spool/segment.h"
#include "spool/spool.h"

#define STATE_SLOT_SIZE 32768u /* bytes of one slot; the file holds two */
#define STATE_FILE_SIZE (2 * STATE_SLOT_SIZE)
#define STATE_LOSSES_MAX 64

struct state_loss {
	struct spool_loss loss;
	bool taken;            /* handed out to become a record; not on disk */
	bool open;             /* still growing: not to be handed out; not on disk */
	uint64_t taken_append; /* leaves the state once this many appends are durable */
};

struct state {
	uint64_t generation;
	uint8_t spool_id[16], log_id[16];
	int64_t written_ns; /* UTC */
	uint64_t segment;   /* the newest segment; durable_offset is in it */
	uint64_t durable_offset;
	uint64_t durable_upto;
	uint64_t next_number;         /* no segment had this number or one above */
	bool rebuilt;         /* cursors may be missing: outputs without one start at the oldest record */
	uint64_t low_number, low_seq; /* segments below low_number are deleted, or will be */
	struct spool_cursor_entry cursors[SPOOL_OUTPUTS_MAX];
	size_t cursor_count;
	struct state_loss losses[STATE_LOSSES_MAX];
	size_t loss_count;
};

/* The slot's bytes, at most STATE_SLOT_SIZE. */
void state_encode(const struct state *state, struct lg_buf *out);
/* LG_OK, LG_CORRUPT, LG_UNSUPPORTED. */
enum lg_rc state_decode(struct state *state, const uint8_t *bytes, size_t size) LG_WARN_UNUSED;
/* The newer slot that verifies. LG_NOTFOUND: no slot was ever written (zeros); LG_CORRUPT: neither verifies; LG_UNSUPPORTED;
 * LG_IO. */
enum lg_rc state_read(struct state *state, const struct sys_io *io, int handle, struct lg_err *err) LG_WARN_UNUSED;
/* Writes the slot that state->generation selects and syncs. On failure the other slot still holds. */
enum lg_rc state_write(
        const struct sys_io *io, int handle, uint64_t generation, const struct lg_buf *bytes, struct lg_err *err) LG_WARN_UNUSED;

#endif
