/* decode.h - the parts of `lugger decode`: settings, a run over the file, what is shown of it. One owner: the main thread. */
#ifndef DECODE_H
#define DECODE_H

#include "api/lugger_plugin.h"

struct decode_options {
	const char *file; /* "-": standard input */
	const char *encoding, *framing, *lrecl, *carriage_control, *newline, *parser, *timezone, *multiline; /* NULL: not given */
	bool json, explain;
};

/* ---- decode_run.c: bytes through a stream ------------------------------------------------------------------------ */

/* Watches a run. Each may be NULL. */
struct decode_watch {
	/* A line, before the parser gets it; `raw` are its bytes in the file, NULL with multiline. `parser` and its state explain it. */
	void (*line)(struct decode_watch *watch, const struct lg_line *line, const uint8_t *raw, const struct lg_parser *parser,
	             const void *state);
	void (*record)(struct decode_watch *watch, struct lg_draft *draft);
	/* At the end; the stream's statistics and what the parser found out. */
	void (*end)(struct decode_watch *watch, const struct lg_stream_stats *stats, const struct lg_parser *parser,
	            const void *state);
};

/* Fills buf with the next bytes behind its end, at most `size`; *eof is set at the end. */
struct decode_reader {
	enum lg_rc (*read)(struct decode_reader *reader, struct lg_buf *buf, size_t size, bool *eof, struct lg_err *err);
};

/* All of the source with these settings, from the bytes already in `head` on (consumed). An error of the stream ends the run;
 * everything before it was shown. */
enum lg_rc decode_run(const struct lg_stream_conf *conf, struct lg_buf *head, bool eof, struct decode_reader *reader,
                      struct decode_watch *watch, struct lg_err *err) LG_WARN_UNUSED;

/* ---- decode_facts.c: what is in it ------------------------------------------------------------------------------- */

#define DECODE_SYSTEMS_MAX 32

struct decode_facts {
	struct decode_watch watch; /* first */
	uint64_t records, with_system, orphans, incomplete, undated;
	int64_t first_ns, last_ns;
	struct decode_system {
		char name[16];
		uint64_t records;
	} systems[DECODE_SYSTEMS_MAX];
	size_t system_count;
	bool more_systems;
	struct lg_stream_stats stats;
	int64_t bytes;
	struct lg_buf layout;
};

void decode_facts_init(struct decode_facts *facts);
void decode_facts_fini(struct decode_facts *facts);
/* Whether it is z/OS SYSLOG. */
bool decode_facts_syslog(const struct decode_facts *facts);
void decode_facts_print(const struct decode_facts *facts, const struct decode_options *options, struct lg_buf *out);
/* The `inputs:` block. */
void decode_facts_block(const struct decode_facts *facts, const struct decode_options *options, const struct lg_stream_conf *conf,
                        struct lg_buf *out);

/* ---- decode_show.c: its records ---------------------------------------------------------------------------------- */

struct decode_show;

struct decode_show *decode_show_new(const struct decode_options *options, const struct lg_stream_conf *conf);
struct decode_watch *decode_show_watch(struct decode_show *show);
bool decode_show_failed(const struct decode_show *show); /* standard output is gone */
void decode_show_free(struct decode_show *show);

#endif
