/* The scan of a segment: from frame to frame, and behind damage to the next header that verifies. */
#include <errno.h>
#include <string.h>

#include "base/crc32c.h"
#include "spool/segment.h"

#define WINDOW_SIZE (256u << 10)
#define READ_TRIES 3

void segment_scan_begin(struct segment_scan *scan, const struct sys_io *io, int handle, uint64_t number, uint64_t spool_tag,
        uint64_t from, uint64_t limit)
{
	*scan = (struct segment_scan){
	        .io = io, .handle = handle, .number = number, .spool_tag = spool_tag, .at = from, .limit = limit, .written_end = limit};
}

void segment_scan_skip_reserved(struct segment_scan *scan)
{
	int64_t end = scan->io->written_end ? scan->io->written_end(scan->io->self, scan->handle) : (int64_t)scan->limit;

	scan->written_end = end >= 0 ? (uint64_t)end : scan->limit;
}

void segment_scan_end(struct segment_scan *scan)
{
	lg_buf_fini(&scan->window);
}

/* A passing trouble costs nothing. */
static ssize_t read_stubbornly(const struct sys_io *io, int handle, void *out, size_t size, uint64_t at)
{
	ssize_t n = -EIO;

	for (int tries = 0; tries < READ_TRIES && n == -EIO; tries++)
		n = io->pread(io->self, handle, out, size, at);
	return n;
}

/* Reads [at, at + size) page by page; a page that the disk does not give is filled with bytes that verify as nothing. */
static ssize_t read_around_damage(struct segment_scan *scan, uint8_t *out, size_t size, uint64_t at)
{
	size_t done = 0;

	while (done < size) {
		size_t ask = SEGMENT_PAGE - (size_t)((at + done) % SEGMENT_PAGE);
		ssize_t n;

		ask = ask < size - done ? ask : size - done;
		n = read_stubbornly(scan->io, scan->handle, out + done, ask, at + done);
		if (n == -EIO) {
			memset(out + done, 0xdb, ask);
			n = (ssize_t)ask;
			scan->kept += ask;
		}
		if (n < 0)
			return n;
		done += (size_t)n;
		if ((size_t)n < ask)
			break;
	}
	return (ssize_t)done;
}

/* The bytes from `at` on, at least `want` unless the limit comes first; NULL and scan->error when the read fails. */
static const uint8_t *bytes_at(struct segment_scan *scan, uint64_t at, size_t want, size_t fill, size_t *size)
{
	uint64_t left = scan->limit > at ? scan->limit - at : 0;
	ssize_t n;

	if (want > left)
		want = (size_t)left;
	if (at < scan->window_at || at + want > scan->window_at + scan->window.size || !scan->window.data) {
		size_t ask = fill > want ? fill : want;

		if (ask > left)
			ask = (size_t)left;
		lg_buf_clear(&scan->window);
		n = scan->io->pread(scan->io->self, scan->handle, lg_buf_reserve(&scan->window, ask + 1), ask, at);
		if (n == -EIO)
			n = read_around_damage(scan, scan->window.data, ask, at);
		if (n < 0) {
			scan->error = (int)n;
			return NULL;
		}
		scan->window.size = (size_t)n;
		scan->window_at = at;
	}
	*size = scan->window.size - (size_t)(at - scan->window_at);
	return scan->window.data + (at - scan->window_at);
}

/* fill: how much to read at once; small when hopping from header to header, a window when searching. */
static enum lg_rc header_at(struct segment_scan *scan, uint64_t at, size_t fill, struct frame_header *frame)
{
	struct frame_place place = {scan->spool_tag, scan->number, at, scan->limit};
	size_t need = FRAME_FIXED, size;
	enum lg_rc rc;

	do {
		const uint8_t *p = bytes_at(scan, at, need, fill, &size);

		if (!p)
			return LG_IO;
		if (size < need)
			return LG_CORRUPT;
		rc = frame_decode(frame, p, size, &place, &need);
	} while (rc == LG_AGAIN);
	return rc;
}

static bool all_zero(const uint8_t *p, size_t size)
{
	return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

/* Offset behind the last byte in p that is not zero. */
static size_t last_set(const uint8_t *p, size_t size)
{
	while (size && !p[size - 1])
		size--;
	return size;
}

/* Looks from scan->at for the next header that verifies. *data_end: behind the last non-zero byte that was passed. */
static enum lg_rc search(struct segment_scan *scan, struct frame_header *frame, uint64_t *found, uint64_t *data_end)
{
	uint64_t at = scan->at;

	*data_end = scan->at;
	while (at + 4 <= scan->limit && at < scan->written_end) {
		/* Up to the end of the page first: behind the last frame nothing was written from there on. */
		size_t want = at % SEGMENT_PAGE ? SEGMENT_PAGE - (size_t)(at % SEGMENT_PAGE) : WINDOW_SIZE, size, whole;
		const uint8_t *p = bytes_at(scan, at, want, want, &size);

		if (!p)
			return LG_IO;
		size = size < want ? size : want;
		if (size < 4)
			break;
		whole = size < FRAME_ALIGN ? size : size - size % FRAME_ALIGN;
		if (all_zero(p, size)) {
			at += whole;
			continue;
		}
		for (size_t i = 0; i < whole && i + 4 <= size; i += FRAME_ALIGN) {
			enum lg_rc rc;

			if (!frame_magic_at(p + i))
				continue;
			rc = header_at(scan, at + i, WINDOW_SIZE, frame);
			if (rc == LG_IO)
				return rc;
			if (rc == LG_OK && at + i > scan->at) {
				*found = at + i;
				return LG_OK;
			}
			p = bytes_at(scan, at, want, want, &size); /* the decode may have moved the window */
			if (!p)
				return LG_IO;
			size = size < want ? size : want;
		}
		*data_end = at + last_set(p, size);
		at += whole;
	}
	return LG_NOTFOUND;
}

static enum scan_kind skip_damage(struct segment_scan *scan, struct scan_item *item)
{
	uint64_t found = 0, data_end;

	switch (search(scan, &item->frame, &found, &data_end)) {
	case LG_OK:
		item->from = scan->at;
		item->to = scan->at = found;
		return SCAN_BAD;
	case LG_NOTFOUND:
		item->from = scan->at;
		item->to = data_end;
		scan->at = scan->limit;
		return data_end > item->from ? SCAN_BAD : SCAN_END;
	default:
		return SCAN_ERROR;
	}
}

enum scan_kind segment_scan_next(struct segment_scan *scan, struct scan_item *item)
{
	size_t size;
	const uint8_t *p;

	if (scan->at + FRAME_FIXED > scan->limit) {
		item->from = item->to = scan->at;
		return scan->at + 8 <= scan->limit ? skip_damage(scan, item) : SCAN_END;
	}
	switch (header_at(scan, scan->at, 4096, &item->frame)) {
	case LG_OK:
		item->from = scan->at;
		item->to = scan->at += frame_size(&item->frame);
		return SCAN_FRAME;
	case LG_UNSUPPORTED:
		return SCAN_UNSUPPORTED;
	case LG_IO:
		return SCAN_ERROR;
	default:
		break;
	}
	if (scan->stop_at_zero) {
		p = bytes_at(scan, scan->at, FRAME_FIXED, FRAME_FIXED, &size);
		if (!p)
			return SCAN_ERROR;
		if (all_zero(p, size < FRAME_FIXED ? size : FRAME_FIXED))
			return SCAN_END;
	}
	return skip_damage(scan, item);
}

enum lg_rc segment_payload_check(
        const struct sys_io *io, int handle, const struct frame_header *frame, uint64_t offset, int *error)
{
	uint64_t at = offset + frame->header_size, end = at + frame->stored_size;
	struct lg_buf bytes = {0};
	uint32_t crc = 0;
	enum lg_rc rc = LG_OK;

	*error = 0;
	while (at < end) {
		size_t ask = end - at < WINDOW_SIZE ? (size_t)(end - at) : WINDOW_SIZE;
		ssize_t n = read_stubbornly(io, handle, lg_buf_reserve(&bytes, ask), ask, at);

		if (n != (ssize_t)ask) {
			*error = n < 0 ? (int)n : 0;
			rc = n < 0 ? LG_IO : LG_CORRUPT;
			goto done;
		}
		crc = crc32c(crc, bytes.data, ask);
		at += ask;
	}
	if (crc != frame->payload_crc)
		rc = LG_CORRUPT;
done:
	lg_buf_fini(&bytes);
	return rc;
}
