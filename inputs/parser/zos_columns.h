/* zos_columns.h - the fixed columns of a z/OS SYSLOG line.
 *
 * Sources: z/OS MVS System Messages vol. 6, "Messages sent to hardcopy log in JES2 system"; IBM-Z-zOS msglg610 guide,
 * "Field-Alignment Statements". Offsets here are 0-based from column 1, for HCFORMAT(YEAR); with HCFORMAT(CENTURY) everything
 * right of the date is 2 further to the right:
 *
 *   0 record type   1 request type   2-8 routing codes   10-17 system   19-23 date   25-35 time   37-44 ident   46-53 request
 * flags 55 action character   56- text
 *
 * SDSF's OPERLOG browse and screens cut out of it lack the columns left of the time ("cropped"): no type, no system, no date.
 */
#ifndef ZOS_COLUMNS_H
#define ZOS_COLUMNS_H

#include "api/lg_stream.h"

enum {
	ZOS_AT_ROUTING = 2,
	ZOS_AT_SYSTEM = 10,
	ZOS_AT_DATE = 19,
	/* Right of the date: add the layout's shift. */
	ZOS_AT_TIME = 25,
	ZOS_AT_IDENT = 37,
	ZOS_AT_FLAGS = 46,
	ZOS_AT_ACTION = 55,
	ZOS_AT_TEXT = 56,
	ZOS_MARGIN = 126,   /* a text that ends here or beyond was cut by the width of the record */
	ZOS_SHIFT = 2,      /* of a four-digit year */
	ZOS_CROPPED = 25,   /* columns that a cropped view lacks on the left: it begins with the time */
	ZOS_ORIGIN_MAX = 8, /* ASA column, system id put in front by an archive tool */
};

/* Where the columns lie. S, D, E and L lines do not show it, so it is remembered from the last line that does. */
struct zos_layout {
	uint8_t origin; /* bytes before column 1 */
	uint8_t shift;  /* 0 or ZOS_SHIFT */
	bool cropped;   /* then origin and shift are 0 */
	bool known;
};

enum zos_kind {
	ZOS_PLAIN, /* not a SYSLOG line: heading, blank, junk, another format */
	ZOS_HEAD,  /* N W M O X, or of a cropped view: has a header */
	ZOS_MORE,  /* S: continues the line before it */
	ZOS_MINOR, /* L D E: belongs to the message with its connector id */
};

/* One line taken apart; everything points into the line, or into the scratch buffer for a cropped one. */
struct zos_columns {
	enum zos_kind kind;
	struct zos_layout layout; /* by which it was read */
	const char *at;           /* column 1 */
	size_t size;              /* from column 1 on, trailing blanks left out */
	int connector;            /* MINOR: 0..999, -1 when blank */
	struct lg_str text;       /* from the text column, trailing blanks left out */
};

/* Takes a line apart by `layout`; where that does not fit a line with a header is looked for at every other origin and year
 * format, and cols->layout is then another one than `layout`. Without a known layout L, D, E and S lines are recognised too, and
 * cropped lines: these come with blanks in the place of what they lack, type included. */
void zos_columns_read(struct zos_columns *cols, struct lg_str line, const struct zos_layout *layout, struct lg_buf *scratch);
bool zos_layout_equal(struct zos_layout a, struct zos_layout b);

/* A field of a header line: `size` bytes at `at` (shift already added), blanks trimmed on both sides; empty past the end. */
struct lg_str zos_columns_field(const char *line, size_t line_size, size_t at, size_t size);
struct lg_str zos_trim(struct lg_str s);
struct lg_str zos_trim_end(struct lg_str s);

/* The connector id at the end of a first line's text: the last token where that is exactly three digits, else -1. *before is set
 * to the size of the text without it and the blanks before it. */
int zos_connector_at_end(struct lg_str text, size_t *before);

/* Eight hex digits; false on anything else. */
bool zos_hex(struct lg_str s, uint32_t *value);

#endif
