/* parse - how fast one core turns bytes into records, step by step, beside memcpy and iconv on the same bytes.
 *
 *     parse FILE ENCODING FRAMING PARSER [SECONDS [STEP]]
 *
 * The file is read into memory; each step then runs over all of it, in chunks as the file input reads them, for at least SECONDS of CPU
 * time (default 2); or one step alone, by a word in its name. Rates are of source bytes. */
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/lugger_plugin.h"
#include "codec/charset.h"
#include "codec/framing.h"
#include "data/batch.h"
#include "parser/parsers.h"
#include "parser/zos_syslog.h"

#define CHUNK 262144
#define BATCH 262144 /* bytes of a batch, as the core closes them */

struct bench {
	struct lg_stream_conf conf;
	struct zos_conf zos;
	const uint8_t *data;
	size_t size;
	uint8_t *out; /* 3 * CHUNK bytes */
	uint64_t records;
	const char *only; /* a word in the name of the only step to run; NULL: all */
};

static void die(const char *what)
{
	fprintf(stderr, "parse: %s\n", what);
	exit(1);
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the steps --------------------------------------------------------------------------------------------------- */

static void step_memcpy(struct bench *b)
{
	for (size_t at = 0; at < b->size; at += CHUNK)
		memcpy(b->out, b->data + at, b->size - at < CHUNK ? b->size - at : CHUNK);
	/* so that it is not left out */
	b->records += b->out[b->size % CHUNK] & 1u;
}

static const char *library_name(const char *encoding, char name[32])
{
	if (sscanf(encoding, "IBM-%28s", name + 3) == 1)
		return memcpy(name, "IBM", 3);
	return encoding;
}

static void step_iconv(struct bench *b)
{
	char name[32];
	iconv_t cd = iconv_open("UTF-8", library_name(b->conf.encoding, name));

	if (cd == (iconv_t)-1)
		die("iconv does not know the encoding");
	for (size_t at = 0; at < b->size; at += CHUNK) {
		size_t left = b->size - at < CHUNK ? b->size - at : CHUNK, room = 3 * CHUNK;
		char *in = (char *)(uintptr_t)b->data + at, *out = (char *)b->out;

		if (iconv(cd, &in, &left, &out, &room) == (size_t)-1)
			die("iconv cannot convert it");
	}
	iconv_close(cd);
}

/* Framing alone, and with the conversion of every record. */
static void frame(struct bench *b, const struct charset_decoder *decoder)
{
	struct framing_conf conf = {.framing = (enum lg_framing)b->conf.framing, .charset = charset_id_of(b->conf.encoding),
	                            .limit = b->conf.max_record_size};
	struct framing_piece piece;
	struct lg_buf scratch = {0};
	uint64_t substitutions = 0;
	struct framer framer;
	struct lg_err err;
	size_t at = 0;

	framing_init(&framer, &conf);
	while (at < b->size) {
		size_t end = b->size - at < CHUNK ? b->size : at + CHUNK;

		framing_offer(&framer, b->data + at, end - at);
		while (framing_next(&framer, b->data + at, end - at, end == b->size, 0, &piece, &err) == LG_OK) {
			b->records++;
			if (decoder)
				(void)charset_decode(decoder, piece.data, piece.size, false, &scratch, &substitutions);
			at += piece.consumed;
		}
	}
	framing_fini(&framer);
	lg_buf_fini(&scratch);
}

static void step_framing(struct bench *b)
{
	frame(b, NULL);
}

static void step_decoding(struct bench *b)
{
	const struct charset_decoder *decoder;
	struct lg_err err;

	if (charset_decoder_get(&decoder, charset_id_of(b->conf.encoding), CHARSET_NEWLINE_ANY, &err) != LG_OK)
		die(err.text);
	frame(b, decoder);
}

struct counting_sink {
	struct lg_sink sink;
	struct bench *bench;
	struct lg_batch *batch; /* NULL: records are counted alone */
	struct lg_origin *origin;
};

static void count_record(struct lg_sink *sink, struct lg_draft *draft)
{
	struct counting_sink *s = (struct counting_sink *)sink;

	s->bench->records++;
	if (!s->batch)
		return;
	batch_add(s->batch, draft, s->origin, 1);
	if (s->batch->raw.size >= BATCH) {
		lg_batch_release(s->batch);
		s->batch = batch_new(NULL, 0, "bench");
	}
}

static void stream(struct bench *b, bool batches)
{
	struct counting_sink sink = {.sink = {count_record}, .bench = b};
	struct lg_stream *s;
	struct lg_draft shared;
	struct lg_err err;
	size_t at = 0;

	lg_draft_reset(&shared);
	if (b->conf.parser->constants)
		b->conf.parser->constants(b->conf.parser_conf, &shared);
	sink.origin = lg_origin_new(&shared);
	if (batches)
		sink.batch = batch_new(NULL, 0, "bench");
	if (lg_stream_new(&s, &b->conf, &sink.sink, 0, &err) != LG_OK)
		die(err.text);
	while (at < b->size) {
		size_t end = b->size - at < CHUNK ? b->size : at + CHUNK, used;

		if (lg_stream_feed(s, b->data + at, end - at, end == b->size, 1, &used, &err) != LG_OK)
			die(err.text);
		at += used;
	}
	lg_stream_flush(s);
	lg_stream_free(s);
	if (sink.batch)
		lg_batch_release(sink.batch);
	lg_origin_free(sink.origin);
}

static void step_parsing(struct bench *b)
{
	stream(b, false);
}

static void step_records(struct bench *b)
{
	stream(b, true);
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

static void measure(struct bench *b, const char *name, void (*step)(struct bench *), double seconds)
{
	double start, used;
	unsigned rounds = 0;

	if (b->only && !strstr(name, b->only))
		return;
	step(b); /* caches and tables are warm */
	b->records = 0;
	start = cpu_seconds();
	do {
		step(b);
		rounds++;
		used = cpu_seconds() - start;
	} while (used < seconds);
	printf("%-44s %8.0f MB/s", name, (double)b->size * rounds / used / 1e6);
	if (b->records > rounds)
		printf(" %10.0f records/s", (double)b->records / used);
	printf("\n");
	fflush(stdout);
}

static void load(struct bench *b, const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data;
	long size;

	if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) <= 0 || fseek(file, 0, SEEK_SET) != 0)
		die("cannot read the file");
	data = malloc((size_t)size);
	b->out = malloc(3 * CHUNK);
	if (!data || !b->out || fread(data, 1, (size_t)size, file) != (size_t)size)
		die("cannot read the file");
	fclose(file);
	b->data = data;
	b->size = (size_t)size;
}

int main(int argc, char **argv)
{
	struct bench b = {.conf = {.max_record_size = 65536}};
	double seconds = argc > 5 ? atof(argv[5]) : 2;

	if (argc < 5)
		die("usage: parse FILE ENCODING FRAMING PARSER [SECONDS]");
	load(&b, argv[1]);
	b.only = argc > 6 ? argv[6] : NULL;
	b.conf.encoding = argv[2];
	while (strcmp(lg_framing_name(b.conf.framing), argv[3]) != 0)
		if (++b.conf.framing == LG_FRAMING_COUNT)
			die("unknown framing");
	b.zos = (struct zos_conf){.timezone = (char *)(uintptr_t)"America/New_York", .multiline_timeout_ns = INT64_C(5000000000)};
	b.conf.parser = strcmp(argv[4], "text") == 0 ? &text_parser : &zos_syslog_parser;
	b.conf.parser_conf = &b.zos;
	measure(&b, "memcpy", step_memcpy, seconds);
	measure(&b, "iconv to UTF-8", step_iconv, seconds);
	measure(&b, "framing", step_framing, seconds);
	measure(&b, "framing, conversion", step_decoding, seconds);
	measure(&b, "framing, conversion, parser", step_parsing, seconds);
	measure(&b, "framing, conversion, parser, batches", step_records, seconds);
	return 0;
}
