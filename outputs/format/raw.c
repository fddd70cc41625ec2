#include "format/format.h"

static void write_raw(struct lg_formatter *f, const struct lg_record *rec, const struct format_piece *piece, struct lg_buf *out)
{
	(void)rec;
	format_append_body(f, out, piece->body);
}

const struct format_ops format_raw = {.name = "raw", .write = write_raw};
