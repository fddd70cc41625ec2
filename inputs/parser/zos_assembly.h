/* zos_assembly.h - messages under assembly: which lines are held, which message a line belongs to, and when one may go.
 *
 * The set holds the first lines and what was added to them, in the order of the file. It does not know the sink: the parser emits
 * what zos_set_ready or zos_set_oldest names, then removes it.
 */
#ifndef ZOS_ASSEMBLY_H
#define ZOS_ASSEMBLY_H

#include "parser/zos_columns.h"
#include "parser/zos_time.h"

enum {
	ZOS_OPEN_MAX = 64,         /* messages held */
	ZOS_HELD_LINES_MAX = 8192, /* lines of all of them */
	ZOS_MESSAGE_LINES_MAX = 1000,
	ZOS_MESSAGE_BYTES_MAX = 128 * 1024,
	ZOS_BYTES_MAX = 1024 * 1024, /* bodies of all of them */
	ZOS_HEAD_SIZE = ZOS_AT_TEXT + ZOS_SHIFT,
};

struct zos_message {
	int64_t begin;       /* source offset of the first line */
	int64_t received_ns; /* of the first line */
	int64_t active_ns;   /* receipt of the latest line */
	struct zos_instant instant;
	char head[ZOS_HEAD_SIZE]; /* columns of the first line up to the text */
	size_t head_size;
	size_t shift;
	struct lg_buf body; /* lines joined by newlines */
	size_t lines;       /* of the body */
	int connector;      /* the id its lines carry, -1 unknown */
	size_t strip_at;    /* size of body without the id at its end */
	bool id_alone;      /* the id stood alone on an S line, is not in the body */
	bool confirmed;     /* an L, D or E line with the id came */
	bool multi;         /* M, or an L, D or E line came */
	bool at_margin;     /* the latest text was cut by the width of the record */
	bool done;          /* closed; waits to be emitted */
	bool incomplete;
	bool truncated; /* a line of it was */
};

struct zos_held {
	int64_t begin, end;
	uint8_t slot;
};

struct zos_set {
	struct zos_message *slots;   /* ZOS_OPEN_MAX */
	uint8_t order[ZOS_OPEN_MAX]; /* slots in use, oldest first */
	size_t count;
	uint64_t used;         /* bit per slot */
	struct zos_held *held; /* lines, ascending; neighbours of one message are merged */
	size_t held_count, held_cap;
	size_t bytes;
	int tail; /* slot of the line before, which an S line continues; -1 none */
};

void zos_set_init(struct zos_set *set);
void zos_set_fini(struct zos_set *set);

/* Opens a message for a first line; there must be room (zos_set_full is false). It becomes the tail. */
struct zos_message *zos_set_open(struct zos_set *set, const struct zos_columns *cols, const struct lg_line *line);
/* Adds an S line to the tail. */
void zos_set_continue(struct zos_set *set, const struct zos_columns *cols, const struct lg_line *line);
/* Adds an L, D or E line; the message becomes the tail, or is closed by E. */
void zos_set_add_minor(struct zos_set *set, int slot, const struct zos_columns *cols, const struct lg_line *line);
/* The slot of the message an L, D or E line belongs to: the latest open one with its connector id, else the tail if that is a
 * multi-line message without any id; -1: an orphan. */
int zos_set_find(const struct zos_set *set, int connector);
/* Closes: no line can come any more. */
void zos_set_close(struct zos_set *set, int slot, bool incomplete);
/* Another line follows the tail: a single-line message is closed, and any of a cropped view, which has no E line. No S line
 * continues anything now. */
void zos_set_end_tail(struct zos_set *set);

/* True when another line might not fit: emit the oldest. */
bool zos_set_full(const struct zos_set *set);
/* The next slot to emit, -1 none: a closed one if without it, or without all closed ones, the held lines are at most `ranges`
 * ranges. An incomplete one never waits: it was closed by a line that is not its own, which would not come again after a restart to
 * close it. */
int zos_set_ready(const struct zos_set *set, size_t ranges);
int zos_set_oldest(const struct zos_set *set); /* -1 when empty */
void zos_set_remove(struct zos_set *set, int slot);

/* Ranges of held lines, merged; at most `max`; returns the number there are. */
size_t zos_set_ranges(const struct zos_set *set, struct lg_range *ranges, size_t max);
bool zos_set_ranges_exceed(const struct zos_set *set, size_t max);
int64_t zos_set_held_end(const struct zos_set *set); /* INT64_MIN when empty */

#endif
