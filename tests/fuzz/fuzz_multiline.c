/* Any lines under any patterns, with and without a crash: the messages are the same, and their lines are the lines that went in. The first five bytes
 * choose: ready pattern or own ones, limits, chunk size, after which chunk it crashes, framing; patterns of one's own follow, up to a NUL each. */
#include <stdlib.h>
#include <string.h>

#include "codec_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* False: the bytes contradict the settings. */
static bool feed(struct lg_stream *s, const uint8_t *data, size_t size, size_t chunk, size_t chunks)
{
	size_t seen = (size_t)lg_stream_offset(s);

	while (chunks-- && seen < size) {
		size_t offset = (size_t)lg_stream_offset(s), used;

		seen = size - seen < chunk ? size : seen + chunk;
		if (lg_stream_feed(s, data + offset, seen - offset, seen == size, 7, &used, NULL) != LG_OK)
			return false;
		require(lg_stream_restart(s) <= lg_stream_offset(s));
	}
	return true;
}

static bool run(const struct lg_stream_conf *conf, const uint8_t *data, size_t size, size_t chunk, size_t crash_after, struct kept *kept)
{
	uint8_t saved[LG_STREAM_SAVE_MAX];
	struct lg_stream *s;
	size_t saved_size, count;
	bool fits;

	require(lg_stream_new(&s, conf, &kept->sink, 0, NULL) == LG_OK);
	fits = feed(s, data, size, chunk, crash_after);
	saved_size = lg_stream_save(s, saved);
	require(saved_size <= sizeof(saved));
	count = kept->count;
	lg_stream_flush(s);
	require(lg_stream_tick(s, INT64_MAX) == INT64_MAX);
	lg_stream_free(s);
	if (crash_after != SIZE_MAX) {
		while (kept->count > count)
			free(kept->bodies[--kept->count]);
		require(lg_stream_load(&s, conf, &kept->sink, saved, saved_size, NULL) == LG_OK);
		fits = feed(s, data, size, chunk, SIZE_MAX) && fits;
		lg_stream_flush(s);
		lg_stream_free(s);
	}
	return fits;
}

/* The bodies one after the other, without what joined them. */
static struct lg_buf letters(const struct kept *kept)
{
	struct lg_buf all = {0};

	for (size_t i = 0; i < kept->count; i++)
		for (const char *c = kept->bodies[i]; *c; c++)
			if (*c != '\n' && *c != ' ')
				lg_buf_append_char(&all, *c);
	lg_buf_append_char(&all, '\0');
	return all;
}

/* The text up to the next NUL; NULL where it is empty. */
static char *take_text(const uint8_t **data, size_t *size)
{
	const uint8_t *end = memchr(*data, 0, *size);
	size_t n = end ? (size_t)(end - *data) : 0;
	char *text = n ? mem_strndup((const char *)*data, n) : NULL;

	*data += end ? n + 1 : 0;
	*size -= end ? n + 1 : 0;
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t bytes[] = {256, 1000, 131072};
	struct lg_stream_conf conf = {.encoding = (char *)(uintptr_t)"UTF-8", .max_record_size = 256, .parser = plain_parser()}, single;
	struct kept whole = kept_make(), crashed = kept_make(), lines = kept_make();
	struct lg_multiline_conf *m = &conf.multiline;
	const uint8_t *head = data;
	const char *option;
	size_t at;

	if (size < 5)
		return 0;
	data += 5;
	size -= 5;
	m->pattern = head[0] % 5;
	m->max_lines = 1 + (head[1] & 15);
	m->max_bytes = bytes[(head[1] >> 4) % 3];
	m->timeout_ns = 1000;
	m->join = head[0] / 5 % 3;
	conf.framing = head[4] & 1 ? LG_FRAMING_RDW : LG_FRAMING_LINE;
	if (!m->pattern) {
		m->start = take_text(&data, &size);
		m->cont = take_text(&data, &size);
		m->end = take_text(&data, &size);
	}
	if (lg_multiline_check(&conf, &option, &at, NULL) == LG_OK && run(&conf, data, size, 1u + head[2], SIZE_MAX, &whole) &&
	    run(&conf, data, size, 1u + head[2], head[3] % 16u, &crashed)) {
		require(whole.count == crashed.count);
		for (size_t i = 0; i < whole.count; i++)
			require(!strcmp(whole.bodies[i], crashed.bodies[i]));
		single = conf;
		memset(&single.multiline, 0, sizeof(single.multiline));
		(void)run(&single, data, size, 1u + head[2], SIZE_MAX, &lines);
		/* Marks of parts and cuts, which the kit puts in front of bodies, are in the way where there are long lines; and its bodies end at a NUL. */
		if (lines.count && !memchr(data, '[', size) && !memchr(data, '\0', size) && m->max_bytes > 1000 && m->max_lines > 15) {
			struct lg_buf in = letters(&lines), out = letters(&whole);

			if (!strchr((char *)in.data, '[') && !strchr((char *)out.data, '[') && !strchr((char *)out.data, '{'))
				require(!strcmp((char *)in.data, (char *)out.data));
			lg_buf_fini(&in);
			lg_buf_fini(&out);
		}
	}
	free(m->start);
	free(m->cont);
	free(m->end);
	kept_fini(&whole);
	kept_fini(&crashed);
	kept_fini(&lines);
	return 0;
}
