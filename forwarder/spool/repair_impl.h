/* repair_impl.h - what the parts of `spool repair` share. Not for others. */
#ifndef REPAIR_IMPL_H
#define REPAIR_IMPL_H

#include "spool/impl.h"
#include "spool/repair.h"

#define REPAIR_CHUNK (256u << 10)
#define REPAIR_PATH_SIZE (SPOOL_PATH_MAX + 192)

/* Bytes that were durable and hold no good frame; what stands before them. */
struct region {
	uint64_t from, to;
	uint64_t first_seq; /* of the records missing there */
	uint8_t log_id[16];
	uint64_t durable_upto, durable_offset;
};

struct work {
	struct repair *repair;
	struct spool *spool; /* a view */
	bool apply;
	/* the segment at hand */
	struct seg *seg;
	int handle;
	bool copied;               /* its copy was kept */
	uint64_t header_size, end; /* where its frames begin and end */
	bool end_known, sealed, newest;
	struct region *regions;
	size_t region_count, region_cap;
};

/* One line of the plan; nothing while it is carried out. */
void repair_say(struct work *w, bool can, const char *what);
/* The segment's file as it is, durable in the backup before anything is changed; once. */
enum lg_rc repair_keep_copy(struct work *w, struct lg_err *err) LG_WARN_UNUSED;
/* A copy of `from` under that name in the backup. */
enum lg_rc repair_keep(struct work *w, int from, const char *name, struct lg_err *err) LG_WARN_UNUSED;
/* Where the frames of this segment end, as recovery and its neighbours say. */
void repair_find_end(struct work *w);

/* repair_header.c: the header of the segment at hand does not verify. Says what can be done, and with w->apply does it; *usable: w->header_size
 * is set and its frames can be gone through. */
enum lg_rc repair_header(struct work *w, bool *usable, struct lg_err *err) LG_WARN_UNUSED;
/* repair_state.c: no slot of the state verifies, or there is no such file. */
enum lg_rc repair_state(struct work *w, struct lg_err *err) LG_WARN_UNUSED;

#endif
