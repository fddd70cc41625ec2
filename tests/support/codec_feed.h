/* codec_feed.h - bytes through a stream in chunks of every size, for unit tests. Include cmocka before. */
#ifndef CODEC_FEED_H
#define CODEC_FEED_H

#include "codec_kit.h"

/* Feeds everything in chunks of `chunk` bytes, the rest offered again as an input does, then `last`; returns the last rc. */
static inline enum lg_rc feed_all(struct lg_stream *s, const void *data, size_t size, size_t chunk, bool last, struct lg_err *err)
{
	struct lg_buf buf = {0};
	const uint8_t *p = data;
	enum lg_rc rc = LG_OK;

	while (rc == LG_OK && (size || last)) {
		size_t n = size < chunk ? size : chunk, used;
		bool end = last && n == size;
		uint8_t *exact;

		lg_buf_append(&buf, p, n);
		p += n;
		size -= n;
		exact = mem_alloc(buf.size ? buf.size : 1); /* of exactly this size: ASan sees a read behind it */
		if (buf.size)
			memcpy(exact, buf.data, buf.size);
		rc = lg_stream_feed(s, exact, buf.size, end, 7, &used, err);
		free(exact);
		lg_buf_consume(&buf, used);
		if (end) {
			if (rc == LG_OK)
				assert_int_equal(buf.size, 0);
			break;
		}
	}
	lg_buf_fini(&buf);
	return rc;
}

/* All of `data` through a stream, in chunks of every small size; the bodies, each followed by '|', must be `want`. */
static inline void expect(struct lg_stream_conf conf, const void *data, size_t size, const char *want)
{
	static const size_t chunks[] = {1, 2, 3, 5, 7, 16, 100, 1000000};

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		struct kept kept = kept_make();
		struct lg_buf got = {0};
		struct lg_stream *s;
		struct lg_err err;

		assert_int_equal(lg_stream_new(&s, &conf, &kept.sink, 0, &err), LG_OK);
		if (feed_all(s, data, size, chunks[i], true, &err) != LG_OK)
			fail_msg("%s", err.text);
		for (size_t k = 0; k < kept.count; k++)
			lg_buf_printf(&got, "%s|", kept.bodies[k]);
		lg_buf_append_char(&got, '\0');
		assert_string_equal((char *)got.data, want);
		assert_int_equal(lg_stream_offset(s), size);
		assert_int_equal(lg_stream_restart(s), size);
		assert_int_equal(lg_stream_stats(s)->records, kept.count);
		lg_stream_free(s);
		lg_buf_fini(&got);
		kept_fini(&kept);
	}
}

#define EXPECT(conf, bytes, want) expect((conf), (bytes), sizeof(bytes) - 1, (want))

#endif
