#include "data/codec.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/mem.h"

struct codec {
	ZSTD_CCtx *shrink;
	ZSTD_DCtx *expand;
	int level;
};

struct codec *codec_new(int level)
{
	struct codec *codec = mem_zalloc(sizeof(*codec));

	codec->level = level;
	return codec;
}

void codec_free(struct codec *codec)
{
	if (!codec)
		return;
	ZSTD_freeCCtx(codec->shrink);
	ZSTD_freeDCtx(codec->expand);
	free(codec);
}

size_t codec_bound(size_t size)
{
	return ZSTD_compressBound(size);
}

bool codec_shrink(struct codec *codec, const void *data, size_t size, struct lg_buf *out)
{
	size_t start = out->size, done;

	if (size < 64)
		return false;
	if (!codec->shrink)
		codec->shrink = ZSTD_createCCtx();
	if (!codec->shrink)
		return false;
	lg_buf_reserve(out, ZSTD_compressBound(size));
	done = ZSTD_compressCCtx(codec->shrink, out->data + start, out->cap - start, data, size, codec->level);
	if (ZSTD_isError(done) || done >= size)
		return false;
	out->size = start + done;
	return true;
}

enum lg_rc codec_expand(struct codec *codec, const void *data, size_t size, size_t raw_size, struct lg_buf *out, struct lg_err *err)
{
	size_t done;

	lg_buf_clear(out);
	if (!codec->expand)
		codec->expand = ZSTD_createDCtx();
	if (!codec->expand)
		return lg_err_set(err, LG_NOMEM, "no memory to decompress");
	lg_buf_reserve(out, raw_size);
	done = ZSTD_decompressDCtx(codec->expand, out->data, raw_size, data, size);
	if (ZSTD_isError(done))
		return lg_err_set(err, LG_CORRUPT, "zstd: %s", ZSTD_getErrorName(done));
	if (done != raw_size)
		return lg_err_set(err, LG_CORRUPT, "zstd: expands to %zu bytes, the frame says %zu", done, raw_size);
	out->size = done;
	return LG_OK;
}
