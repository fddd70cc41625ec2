/* lg_expand of api/lg_expand.h, over zstd's streaming decoder. */
#include <zstd.h>

#include "api/lg_expand.h"

#define WINDOW_LOG 23

_Static_assert(1u << WINDOW_LOG == LG_EXPAND_WINDOW_MAX, "the window's limit");

struct lg_expand *lg_expand_new(void)
{
	ZSTD_DCtx *context = ZSTD_createDCtx();

	if (context)
		ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG);
	return (struct lg_expand *)context;
}

void lg_expand_free(struct lg_expand *expand)
{
	ZSTD_freeDCtx((ZSTD_DCtx *)expand);
}

enum lg_rc lg_expand_step(struct lg_expand *expand, const uint8_t **in, size_t *in_size, uint8_t **out, size_t *out_size,
                          struct lg_err *err)
{
	ZSTD_inBuffer from = {*in, *in_size, 0};
	ZSTD_outBuffer to = {*out, *out_size, 0};
	size_t left = ZSTD_decompressStream((ZSTD_DCtx *)expand, &to, &from);

	*in += from.pos;
	*in_size -= from.pos;
	*out += to.pos;
	*out_size -= to.pos;
	if (ZSTD_isError(left))
		return lg_err_set(err, LG_CORRUPT, "zstd: %s", ZSTD_getErrorName(left));
	return left ? LG_OK : LG_EOF;
}
