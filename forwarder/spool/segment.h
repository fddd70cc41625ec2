/* segment.h - a segment file: its name, header, footer, and the scan that finds frames. SPOOL.md, "Segment". Pure functions and
 * reads; any thread. */
#ifndef SEGMENT_H
#define SEGMENT_H

#include "base/sys.h"
#include "spool/crypt.h"
#include "spool/frame.h"
#include "spool/posmap.h"

#define SEGMENT_PAGE 4096u /* headers are padded to a multiple; the first frame starts there */
#define SEGMENT_HEADER_MAX (64u << 20)
#define SEGMENT_FRAMES_MAX 65536u /* frames in one segment: bounds the index in memory */
#define SEGMENT_NAME_SIZE 40      /* "%016x-%016x.seg" and NUL */
#define SPOOL_OUTPUTS_MAX 32
#define SPOOL_NAME_SIZE 64 /* names of inputs and outputs, NUL included */

#define CURSOR_DETACHED 1 /* flags of a stored cursor */

struct spool_cursor_entry {
	char name[SPOOL_NAME_SIZE];
	uint64_t seq;
	uint8_t flags;
	bool known; /* spool_output_add named it since open; not on disk */
};

/* The log whose sequences start at first_seq and end where the next range begins. */
struct log_range {
	uint8_t log_id[16];
	uint64_t first_seq;
};

struct segment_header {
	uint8_t spool_id[16];
	uint64_t number, first_seq;
	int64_t created_ns;
	uint64_t allocated;   /* preallocated bytes */
	uint64_t prev_number; /* the segment before, 0: none */
	uint64_t prev_end;    /* frames of that one end here; what lies behind was never acknowledged */
	uint64_t low_seq;     /* first kept sequence when this one was created */
	struct crypt_params crypt;
	uint32_t size; /* on disk, padding included; filled by encode and decode */
	uint32_t room; /* encode pads to this at least, a multiple of SEGMENT_PAGE; 0: as little as it takes */
	struct log_range *ranges;
	size_t range_count;
	struct spool_cursor_entry *cursors;
	size_t cursor_count;
};

/* "0000000000000001-0000000000000001.seg" */
void segment_name(char name[SEGMENT_NAME_SIZE], uint64_t number, uint64_t first_seq);
bool segment_parse_name(const char *name, uint64_t *number, uint64_t *first_seq);

/* Replaces out by the header's bytes, padded. positions: the snapshot. */
enum lg_rc segment_header_encode(
        struct segment_header *header, const struct posmap *positions, struct lg_buf *out, struct lg_err *err) LG_WARN_UNUSED;
/* Reads and verifies the header of the open file. ranges and cursors are allocated: segment_header_fini. positions (may be NULL)
 * is filled. LG_CORRUPT: it does not verify. LG_UNSUPPORTED: a later version's. LG_IO. */
enum lg_rc segment_header_read(struct segment_header *header, struct posmap *positions, const struct sys_io *io, int handle,
        uint64_t number, struct lg_err *err) LG_WARN_UNUSED;
enum lg_rc segment_header_decode(
        struct segment_header *header, struct posmap *positions, const uint8_t *bytes, size_t size, size_t *need) LG_WARN_UNUSED;
void segment_header_fini(struct segment_header *header);
/* How the frames of the open segment are encrypted: from its header, or where that does not verify from the copy at its end.
 * limit: bytes of the file. LG_CORRUPT: neither verifies. LG_UNSUPPORTED, LG_IO: it cannot be read. */
enum lg_rc segment_crypt_read(struct crypt_params *params, const struct sys_io *io, int handle, uint64_t number, uint64_t limit,
        struct lg_err *err) LG_WARN_UNUSED;

/* One frame in the index of a segment (footer, or memory while it is written). */
struct frame_entry {
	uint64_t offset, first_seq;
	int64_t first_ns, last_ns;
};

struct frame_index {
	struct frame_entry *entries;
	size_t count, cap;
	uint64_t next_seq; /* behind the last frame */
	uint64_t end;      /* offset behind the last frame */
};

void frame_index_add(struct frame_index *index, const struct frame_entry *entry);
void frame_index_fini(struct frame_index *index);
/* The entry that holds `seq`, or the first one behind it; index->count when there is none. Frames without records are passed
 * over. */
size_t frame_index_find(const struct frame_index *index, uint64_t seq);

/* Bytes a footer of `count` frames takes. */
uint64_t segment_footer_size(size_t count);
/* True where a footer of this segment begins at the offset, whole or not. */
bool segment_footer_begins(const struct sys_io *io, int handle, uint64_t number, uint64_t offset);
void segment_footer_encode(uint64_t number, const struct frame_index *index, struct lg_buf *out);
/* Reads the footer at the end of the file into *index (empty before). LG_NOTFOUND: the segment was not sealed; LG_CORRUPT; LG_IO.
 */
enum lg_rc segment_footer_read(
        struct frame_index *index, const struct sys_io *io, int handle, uint64_t number, uint64_t file_size) LG_WARN_UNUSED;

/* Walks the frames from `at` on; finds its way behind damage by looking for the next header that verifies. */
struct segment_scan {
	const struct sys_io *io;
	int handle;
	uint64_t spool_tag, number;
	uint64_t at, limit;   /* limit: end of file or of what counts */
	uint64_t written_end; /* headers are not searched for behind: nothing was written there */
	bool stop_at_zero;    /* zeros where a header should be are the end: a live tail is not searched to the end of the file */
	struct lg_buf window; /* bytes of the file from window_at on */
	uint64_t window_at;
	int error;            /* -errno of the read that failed, 0 */
	uint64_t kept;        /* bytes that the disk did not give */
};

enum scan_kind { SCAN_FRAME, SCAN_BAD, SCAN_END, SCAN_ERROR, SCAN_UNSUPPORTED };

struct scan_item {
	uint64_t from, to;         /* FRAME: the frame; BAD: bytes that are none, trailing zeros left out at the end */
	struct frame_header frame; /* borrows from the scan's window until the next call */
};

void segment_scan_begin(struct segment_scan *scan, const struct sys_io *io, int handle, uint64_t number, uint64_t spool_tag,
        uint64_t from, uint64_t limit);
/* A segment that is preallocated ends in reserved space, up to all of it: where the system knows that space it is not read. Right after begin. */
void segment_scan_skip_reserved(struct segment_scan *scan);
/* Headers alone are checked; payloads by segment_payload_check. After SCAN_END, ERROR, UNSUPPORTED it stays there. */
enum scan_kind segment_scan_next(struct segment_scan *scan, struct scan_item *item);
void segment_scan_end(struct segment_scan *scan);
/* LG_OK, LG_CORRUPT or LG_IO (*error: -errno) for the payload of a frame at `offset`. */
enum lg_rc segment_payload_check(
        const struct sys_io *io, int handle, const struct frame_header *frame, uint64_t offset, int *error) LG_WARN_UNUSED;

#endif
