/* codec.h - compression of payloads. The only user of zstd. One codec belongs to one thread. */
#ifndef CODEC_H
#define CODEC_H

#include "api/lg_core.h"

struct codec;

struct codec *codec_new(int level); /* zstd level, -7..19; negative ones are --fast */
void codec_free(struct codec *codec);
/* Room that codec_shrink needs in out for `size` bytes of data. */
size_t codec_bound(size_t size);
/* Appends the compressed form of data to out; false (out unchanged) where that is not smaller than the data. */
bool codec_shrink(struct codec *codec, const void *data, size_t size, struct lg_buf *out);
/* Replaces out by the expanded form, which must be exactly raw_size bytes: LG_CORRUPT otherwise. */
enum lg_rc codec_expand(struct codec *codec, const void *data, size_t size, size_t raw_size, struct lg_buf *out,
                        struct lg_err *err) LG_WARN_UNUSED;

#endif
