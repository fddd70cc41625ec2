/* Any bytes through a stream, with and without a crash: the records are the same. And any bytes as a saved position, or under
 * detection. The first four bytes choose: settings, oversize rule and mode, chunk size, after which chunk it crashes. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "codec/charset.h"
#include "codec_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT 256

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* Feeds from the stream's offset on until `chunks` have gone or all is read. */
static enum lg_rc feed(struct lg_stream *s, const uint8_t *data, size_t size, size_t chunk, size_t chunks)
{
	size_t seen = (size_t)lg_stream_offset(s);

	while (chunks-- && seen < size) {
		size_t offset = (size_t)lg_stream_offset(s), used;
		enum lg_rc rc;

		seen = size - seen < chunk ? size : seen + chunk;
		rc = lg_stream_feed(s, data + offset, seen - offset, seen == size, 7, &used, NULL);
		require(used <= seen - offset && lg_stream_offset(s) == (int64_t)(offset + used));
		require(lg_stream_restart(s) <= lg_stream_offset(s));
		if (rc != LG_OK)
			return rc;
		require(seen - offset - used < LIMIT + 8 || lg_stream_framing(s) == LG_FRAMING_AUTO || used == 0);
	}
	return LG_OK;
}

static enum lg_rc run(const struct lg_stream_conf *conf, const uint8_t *data, size_t size, size_t chunk, size_t crash_after,
                      struct kept *kept)
{
	uint8_t saved[LG_STREAM_SAVE_MAX];
	struct lg_stream *s;
	enum lg_rc rc;

	require(lg_stream_new(&s, conf, &kept->sink, 0, NULL) == LG_OK);
	rc = feed(s, data, size, chunk, crash_after);
	if (rc == LG_OK) {
		size_t saved_size = lg_stream_save(s, saved);

		require(saved_size <= sizeof(saved));
		lg_stream_free(s);
		require(lg_stream_load(&s, conf, &kept->sink, saved, saved_size, NULL) == LG_OK);
		rc = feed(s, data, size, chunk, SIZE_MAX);
	}
	lg_stream_flush(s);
	lg_stream_free(s);
	return rc;
}

static void try_saved(const struct lg_stream_conf *conf, const uint8_t *data, size_t size)
{
	struct kept kept = kept_make();
	uint8_t saved[LG_STREAM_SAVE_MAX];
	struct lg_stream *s;

	if (lg_stream_load(&s, conf, &kept.sink, data, size, NULL) == LG_OK) {
		require(lg_stream_save(s, saved) <= sizeof(saved));
		lg_stream_free(s);
	}
	kept_fini(&kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const encodings[] = {"auto", "UTF-8", "ISO-8859-1", "IBM-037", "IBM-939", "UTF-16"};
	struct lg_stream_conf conf = {.max_record_size = LIMIT, .parser = keyed_parser()};
	struct kept crashed = kept_make(), whole = kept_make();
	struct lg_stream *probe;
	struct lg_detect detect;

	if (size < 4)
		return 0;
	conf.encoding = (char *)(uintptr_t)encodings[data[0] % 6];
	conf.framing = data[0] / 6 % LG_FRAMING_COUNT;
	conf.lrecl = 1 + (data[1] >> 4);
	conf.carriage_control = data[1] >> 2 & 1 ? LG_CARRIAGE_FIELD : LG_CARRIAGE_TEXT;
	conf.newline = data[0] % 6 > 2 && data[0] % 6 < 5 ? data[1] >> 3 & 3 : data[1] >> 3 & 1 ? CHARSET_NEWLINE_LF : 0;
	conf.on_oversize = data[1] & 1;
	/* A system whose iconv does not have the page. */
	if (lg_stream_new(&probe, &conf, &whole.sink, 0, NULL) != LG_OK)
		return 0;
	lg_stream_free(probe);
	lg_detect(&detect, data + 4, size - 4, data[1] & 2);
	try_saved(&conf, data + 4, size - 4);
	if (run(&conf, data + 4, size - 4, 1u + data[2], SIZE_MAX, &whole) == LG_OK &&
	    run(&conf, data + 4, size - 4, 1u + data[2], data[3] % 16u, &crashed) == LG_OK) {
		require(whole.count == crashed.count);
		for (size_t i = 0; i < whole.count; i++)
			require(!strcmp(whole.bodies[i], crashed.bodies[i]));
	}
	kept_fini(&whole);
	kept_fini(&crashed);
	return 0;
}
