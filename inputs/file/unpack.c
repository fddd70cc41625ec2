#include "unpack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef LUGGER_HAVE_ZLIB
#include <zlib.h>
#endif

#include "ident.h"
#include "table.h"

#define RAW_CHUNK (64u << 10)
#define GUARD 64                /* bytes in front of the next compressed ones that must still be there */
#define SLICE (8u << 20)        /* expanded bytes passed over in one call */

struct unpack {
	enum pack pack;
#ifdef LUGGER_HAVE_ZLIB
	z_stream gzip;
#endif
	struct lg_expand *zstd;
	bool open;                   /* the decoder is there */
	bool between;                /* at the start of a member, or at the end of the last */
	bool drained;                /* the last read from the file found nothing more */
	uint8_t *raw;                /* guard and chunk */
	size_t raw_fill, raw_used;   /* of the chunk */
	size_t guard;
	int64_t raw_end;             /* offset behind the chunk */
	uint8_t *bytes;              /* expanded [base, base + fill) */
	size_t cap, fill;
	int64_t base;
	uint8_t head[IDENT_SPAN];    /* the first ones stay at hand */
	size_t head_size;
	struct lg_err err;
};

static const struct {
	const char *suffix;
	enum pack pack;
} suffixes[] = {{".gz", PACK_GZIP}, {".zst", PACK_ZSTD}, {".bz2", PACK_OTHER}, {".xz", PACK_OTHER}, {".lz4", PACK_OTHER},
	{".Z", PACK_OTHER}, {".zip", PACK_OTHER}};

enum pack pack_of(const char *path)
{
	size_t size = strlen(path);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		size_t suffix = strlen(suffixes[i].suffix);

		if (size > suffix && strcmp(path + size - suffix, suffixes[i].suffix) == 0)
			return suffixes[i].pack;
	}
	return PACK_NONE;
}

const char *pack_refused(enum pack pack)
{
	if (pack == PACK_OTHER)
		return "of the compressed files only .gz and .zst are read";
#ifndef LUGGER_HAVE_ZLIB
	if (pack == PACK_GZIP)
		return "this build reads no .gz: install zlib1g-dev and build again";
#endif
	return NULL;
}

static void end_decoder(struct unpack *u)
{
#ifdef LUGGER_HAVE_ZLIB
	if (u->open && u->pack == PACK_GZIP)
		inflateEnd(&u->gzip);
#endif
	lg_expand_free(u->zstd);
	u->zstd = NULL;
	u->open = false;
}

static bool start_decoder(struct unpack *u)
{
	if (u->open)
		return true;
#ifdef LUGGER_HAVE_ZLIB
	if (u->pack == PACK_GZIP) {
		u->gzip = (z_stream){0};
		u->open = inflateInit2(&u->gzip, 16 + MAX_WBITS) == Z_OK; /* 16: gzip and nothing else */
	}
#endif
	if (u->pack == PACK_ZSTD)
		u->open = (u->zstd = lg_expand_new()) != NULL;
	if (!u->open)
		errno = ENOMEM;
	return u->open;
}

static void rewind_all(struct unpack *u)
{
	end_decoder(u);
	u->between = true;
	u->drained = false;
	u->raw_fill = u->raw_used = u->guard = u->fill = u->head_size = 0;
	u->raw_end = u->base = 0;
	u->err.text[0] = '\0';
}

struct unpack *unpack_new(enum pack pack, size_t back)
{
	struct unpack *u = file_alloc(sizeof(*u));

	u->pack = pack;
	u->cap = 2 * back;
	u->bytes = file_alloc(u->cap);
	u->raw = file_alloc(GUARD + RAW_CHUNK);
	rewind_all(u);
	return u;
}

void unpack_free(struct unpack *u)
{
	if (!u)
		return;
	end_decoder(u);
	free(u->bytes);
	free(u->raw);
	free(u);
}

const char *unpack_error(const struct unpack *u)
{
	return u->err.text;
}

bool unpack_complete(const struct unpack *u)
{
	return u->between && u->drained && u->raw_used == u->raw_fill;
}

int64_t unpack_raw(const struct unpack *u)
{
	return u->raw_end - (int64_t)(u->raw_fill - u->raw_used);
}

/* The next compressed bytes. 1: some; 0: no more now; -1: errno, 0 where the file was written anew and reading has begun again. */
static int refill(struct unpack *u, int fd)
{
	uint8_t expected[GUARD];
	size_t keep = u->guard + u->raw_fill < GUARD ? u->guard + u->raw_fill : GUARD;
	ssize_t n;

	memcpy(expected, u->raw + u->guard + u->raw_fill - keep, keep);
	n = ident_pread(fd, u->raw, keep + RAW_CHUNK, u->raw_end - (int64_t)keep);
	if (n < 0)
		return -1;
	if ((size_t)n < keep || memcmp(u->raw, expected, keep) != 0) {
		rewind_all(u);
		errno = 0;
		return -1;
	}
	u->guard = keep;
	u->raw_used = 0;
	u->raw_fill = (size_t)n - keep;
	u->raw_end += (int64_t)u->raw_fill;
	u->drained = u->raw_fill < RAW_CHUNK;
	return u->raw_fill > 0;
}

static int damaged(struct unpack *u, const char *what)
{
	char text[200];

	snprintf(text, sizeof(text), "%s", what);
	lg_err_set(&u->err, LG_CORRUPT, "damaged at byte %lld of the compressed ones (%s)", (long long)unpack_raw(u), text);
	errno = EBADMSG;
	return -1;
}

#ifdef LUGGER_HAVE_ZLIB
static int step_gzip(struct unpack *u, uint8_t *out, size_t room, size_t *made)
{
	int rc;

	/* Tapes and some tools pad with zeros behind the last member. */
	while (u->between && u->raw_end - (int64_t)u->raw_fill + (int64_t)u->raw_used > 0 && u->raw_used < u->raw_fill &&
	       !u->raw[u->guard + u->raw_used])
		u->raw_used++;
	if (u->between && u->raw_used == u->raw_fill)
		return 0;
	u->between = false;
	u->gzip.next_in = u->raw + u->guard + u->raw_used;
	u->gzip.avail_in = (uInt)(u->raw_fill - u->raw_used);
	u->gzip.next_out = out;
	u->gzip.avail_out = (uInt)room;
	rc = inflate(&u->gzip, Z_NO_FLUSH);
	u->raw_used = u->raw_fill - u->gzip.avail_in;
	*made = room - u->gzip.avail_out;
	if (rc == Z_STREAM_END) {
		u->between = true;
		inflateReset(&u->gzip);
	} else if (rc != Z_OK && rc != Z_BUF_ERROR) {
		return damaged(u, u->gzip.msg ? u->gzip.msg : "not gzip");
	}
	return 0;
}
#endif

/* From the chunk at hand: 0, or -1 and errno. */
static int step(struct unpack *u, uint8_t *out, size_t room, size_t *made)
{
	const uint8_t *in = u->raw + u->guard + u->raw_used;
	size_t in_size = u->raw_fill - u->raw_used, left = room;
	struct lg_err err;
	enum lg_rc rc;

	*made = 0;
#ifdef LUGGER_HAVE_ZLIB
	if (u->pack == PACK_GZIP)
		return step_gzip(u, out, room, made);
#endif
	if (in_size)
		u->between = false;
	rc = lg_expand_step(u->zstd, &in, &in_size, &out, &left, &err);
	u->raw_used = u->raw_fill - in_size;
	*made = room - left;
	if (rc == LG_EOF)
		u->between = true;
	return rc == LG_CORRUPT ? damaged(u, err.text) : 0;
}

/* Expands something, behind what is there. 1: it did; 0: no more now; -1: errno, 0 for a new beginning. */
static int expand(struct unpack *u, int fd)
{
	size_t made;

	if (u->err.text[0]) {
		errno = EBADMSG;
		return -1;
	}
	if (!start_decoder(u))
		return -1;
	if (u->fill == u->cap) { /* the older half makes room */
		size_t drop = u->cap / 2;

		memmove(u->bytes, u->bytes + drop, u->fill - drop);
		u->base += (int64_t)drop;
		u->fill -= drop;
	}
	for (;;) {
		int rc;

		if (step(u, u->bytes + u->fill, u->cap - u->fill, &made) < 0 && !made)
			return -1;
		if (made)
			break;
		if (u->raw_used < u->raw_fill)
			continue;
		rc = refill(u, fd);
		if (rc <= 0)
			return rc;
	}
	if (u->head_size < sizeof(u->head) && u->base == 0) {
		u->head_size = u->fill + made < sizeof(u->head) ? u->fill + made : sizeof(u->head);
		memcpy(u->head, u->bytes, u->head_size);
	}
	u->fill += made;
	return 1;
}

ssize_t unpack_pread(struct unpack *u, int fd, void *data, size_t size, int64_t offset)
{
	size_t passed = 0, count;

	if (offset + (int64_t)size <= (int64_t)u->head_size) {
		memcpy(data, u->head + offset, size);
		return (ssize_t)size;
	}
	if (offset < u->base)
		rewind_all(u);
	while (offset + (int64_t)size > u->base + (int64_t)u->fill) {
		int64_t before = u->base + (int64_t)u->fill;
		int rc;

		if (offset > before && passed >= SLICE) {
			errno = EAGAIN;
			return -1;
		}
		rc = expand(u, fd);
		if (rc < 0 && !errno)
			continue;
		if (rc < 0 && (errno != EBADMSG || offset >= before))
			return -1;
		if (rc <= 0)
			break;
		passed += (size_t)(u->base + (int64_t)u->fill - before);
	}
	if (offset >= u->base + (int64_t)u->fill)
		return 0;
	count = (size_t)(u->base + (int64_t)u->fill - offset);
	count = count < size ? count : size;
	memcpy(data, u->bytes + (offset - u->base), count);
	return (ssize_t)count;
}
