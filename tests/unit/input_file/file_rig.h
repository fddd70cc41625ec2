/* file_rig.h - the file input in a directory of its own, under the fake host. */
#ifndef FILE_RIG_H
#define FILE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "fake_input_host.h"
#include "input_file/plugin.h"
#include "input_file/tail.h"

#define SECOND INT64_C(1000000000)

struct rig {
	struct lg_input_host host; /* first: fixtures */
	struct file_conf conf;
	char *globs[4], *excludes[4];
	char dir[256];
	int64_t now_ns;
	struct lg_waitset ws;
};

/* Each line a record, with its offset. */
static inline enum lg_rc line_init(void *state, const void *conf, struct lg_err *err)
{
	(void)state;
	(void)conf;
	(void)err;
	return LG_OK;
}

static inline void line_line(void *state, const struct lg_line *line, struct lg_sink *sink)
{
	struct lg_draft draft;

	(void)state;
	lg_draft_reset(&draft);
	draft.body = line->text;
	lg_draft_number(&draft, LG_F_LOG_OFFSET, line->begin);
	if (line->truncated)
		lg_draft_bool(&draft, LG_F_TRUNCATED, true);
	sink->emit(sink, &draft);
}

static const struct lg_parser line_parser = {.name = "line", .init = line_init, .line = line_line};

static inline char *rig_path(const struct rig *rig, const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", rig->dir, name);
	return path;
}

static int rig_watch = WATCH_POLL; /* what new rigs use */

static inline struct rig *rig_new(const char *glob)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	const char *tmp = getenv("TMPDIR");

	snprintf(rig->dir, sizeof(rig->dir), "%s/lugger-file-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(rig->dir));
	rig->globs[0] = strdup(rig_path(rig, glob));
	rig->conf.path = (struct lg_strings){rig->globs, 1};
	rig->conf.stream.encoding = (char *)(uintptr_t) "UTF-8";
	rig->conf.stream.max_record_size = 65536;
	rig->conf.stream.parser = &line_parser;
	rig->conf.watch = rig_watch;
	rig->conf.poll_interval_ns = SECOND;
	rig->conf.close_inactive_ns = 300 * SECOND;
	rig->conf.rotate_wait_ns = 5 * SECOND;
	rig->conf.done_wait_ns = 60 * SECOND;
	rig->conf.max_open_files = 512;
	rig->host.plugin = &file_input;
	rig->host.ready_left = -1;
	rig->host.utc_ns = INT64_C(1795000000) * SECOND;
	rig->now_ns = 1000 * SECOND;
	return rig;
}

static inline void rig_add_glob(struct rig *rig, const char *glob)
{
	rig->globs[rig->conf.path.count++] = strdup(rig_path(rig, glob));
}

/* With a slash: inside the rig's directory. */
static inline void rig_exclude(struct rig *rig, const char *glob)
{
	rig->excludes[rig->conf.exclude.count++] = strdup(strchr(glob, '/') ? rig_path(rig, glob) : glob);
	rig->conf.exclude.items = rig->excludes;
}

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void rig_free(struct rig *rig)
{
	fake_fini(&rig->host);
	free(rig->ws.fds);
	for (size_t i = 0; i < rig->conf.path.count; i++)
		free(rig->globs[i]);
	for (size_t i = 0; i < rig->conf.exclude.count; i++)
		free(rig->excludes[i]);
	nftw(rig->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(rig);
}

static inline void rig_open(struct rig *rig)
{
	struct lg_err err = {0};

	rig->host.state = calloc(1, file_input.state_size);
	assert_int_equal(file_input.open(rig->host.state, &rig->conf, &rig->host, &err), LG_OK);
}

/* Steps until the plugin has nothing to do at this time. */
static inline void rig_run(struct rig *rig)
{
	for (int i = 0; i < 100000; i++) {
		file_input.step(rig->host.state, rig->now_ns, &rig->ws);
		if (rig->ws.count && poll(rig->ws.fds, (nfds_t)rig->ws.count, 0) > 0)
			continue;
		if (rig->ws.wake_ns > rig->now_ns)
			return;
	}
	fail_msg("the input never rests\n%s", rig->host.log);
}

static inline void rig_advance(struct rig *rig, int64_t ns)
{
	rig->now_ns += ns;
	rig->host.utc_ns += ns;
	rig_run(rig);
}

/* A look at the files: a second passes, which is the polling interval. */
static inline void rig_look(struct rig *rig)
{
	rig_advance(rig, SECOND);
}

/* As if the process had died and come back. */
static inline void rig_crash(struct rig *rig)
{
	fake_crash(&rig->host);
	rig_open(rig);
}

static inline void rig_restart(struct rig *rig)
{
	fake_commit(&rig->host);
	rig_crash(rig);
}

static inline void rig_append_bytes(struct rig *rig, const char *name, const void *data, size_t size)
{
	int fd = open(rig_path(rig, name), O_WRONLY | O_CREAT | O_APPEND, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

static inline void rig_append(struct rig *rig, const char *name, const char *text)
{
	rig_append_bytes(rig, name, text, strlen(text));
}

static inline void rig_truncate(struct rig *rig, const char *name, off_t size)
{
	assert_int_equal(truncate(rig_path(rig, name), size), 0);
}

static inline void rig_rename(struct rig *rig, const char *from, const char *to)
{
	assert_int_equal(rename(rig_path(rig, from), rig_path(rig, to)), 0);
}

static inline void rig_remove(struct rig *rig, const char *name)
{
	assert_int_equal(unlink(rig_path(rig, name)), 0);
}

static inline char *rig_read_file(struct rig *rig, const char *name, size_t *size)
{
	int fd = open(rig_path(rig, name), O_RDONLY);
	struct stat st;
	char *bytes;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	*size = (size_t)st.st_size;
	bytes = malloc(*size + 1);
	assert_int_equal(read(fd, bytes, *size), *size);
	close(fd);
	return bytes;
}

static inline size_t rig_pack_bytes(const char *to, const void *bytes, size_t size, uint8_t **packed)
{
	z_stream z = {0};

	if (strstr(to, ".zst")) {
		*packed = malloc(ZSTD_compressBound(size));
		return ZSTD_compress(*packed, ZSTD_compressBound(size), bytes, size, 1);
	}
	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	*packed = malloc(deflateBound(&z, size) + 32);
	z.next_in = (Bytef *)(uintptr_t)bytes;
	z.avail_in = (uInt)size;
	z.next_out = *packed;
	z.avail_out = (uInt)deflateBound(&z, size) + 32;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

/* A member of its own behind what the file holds; gzip or zstd by its name. */
static inline void rig_append_packed(struct rig *rig, const char *to, const void *bytes, size_t size)
{
	uint8_t *packed;

	size = rig_pack_bytes(to, bytes, size, &packed);
	rig_append_bytes(rig, to, packed, size);
	free(packed);
}

/* As gzip(1) and zstd(1) --rm do: the time of modification goes with it, the file goes. `between` (or NULL) is called when half of the compressed
 * file is there, and when all of it is. */
static inline void rig_pack(struct rig *rig, const char *from, const char *to, void (*between)(void *arg), void *arg)
{
	struct timespec times[2];
	struct stat st;
	uint8_t *packed;
	size_t size;
	char *bytes = rig_read_file(rig, from, &size);

	assert_int_equal(stat(rig_path(rig, from), &st), 0);
	size = rig_pack_bytes(to, bytes, size, &packed);
	rig_append_bytes(rig, to, packed, size / 2);
	if (between)
		between(arg);
	rig_append_bytes(rig, to, packed + size / 2, size - size / 2);
	if (between)
		between(arg);
	times[0] = times[1] = st.st_mtim;
	assert_int_equal(utimensat(AT_FDCWD, rig_path(rig, to), times, 0), 0);
	rig_remove(rig, from);
	free(packed);
	free(bytes);
}

static inline int compare_texts(const void *a, const void *b)
{
	return strcmp(((const struct fake_record *)a)->text, ((const struct fake_record *)b)->text);
}

/* All records so far, made durable, sorted, one per line; the caller frees. */
static inline char *rig_records(struct rig *rig)
{
	size_t size = 1, used = 0;
	char *all;

	if (rig->host.state)
		fake_commit(&rig->host);
	if (rig->host.durable.count)
		qsort(rig->host.durable.items, rig->host.durable.count, sizeof(*rig->host.durable.items), compare_texts);
	for (size_t i = 0; i < rig->host.durable.count; i++)
		size += strlen(rig->host.durable.items[i].text) + 1;
	all = calloc(1, size);
	for (size_t i = 0; i < rig->host.durable.count; i++)
		used += (size_t)sprintf(all + used, "%s\n", rig->host.durable.items[i].text);
	return all;
}

/* The bodies alone, sorted: where the same record may come from either of two names. */
static inline void rig_expect_bodies(struct rig *rig, const char *expected)
{
	char *all;

	free(rig_records(rig));
	for (size_t i = 0; i < rig->host.durable.count; i++) {
		char *text = rig->host.durable.items[i].text;
		char *body = strchr(text, ':') + 1;

		memmove(text, body, strlen(body) + 1);
	}
	all = rig_records(rig);
	assert_string_equal(all, expected);
	free(all);
	fake_clear(&rig->host.durable);
}

static inline bool rig_logged(const struct rig *rig, const char *text)
{
	return strstr(rig->host.log, text) != NULL;
}

static inline size_t rig_open_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 4096; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Runs a group of tests twice, polling and with inotify. */
#define RIG_MAIN(tests)                                                                                                                    \
	int main(void)                                                                                                                     \
	{                                                                                                                                  \
		int failed;                                                                                                                \
                                                                                                                                           \
		rig_watch = WATCH_POLL;                                                                                                    \
		failed = cmocka_run_group_tests_name("poll", tests, NULL, NULL);                                                           \
		rig_watch = WATCH_INOTIFY;                                                                                                 \
		return failed + cmocka_run_group_tests_name("inotify", tests, NULL, NULL);                                                 \
	}

/* The full set of records so far is exactly this (sorted, one per line); they are forgotten. */
static inline void rig_expect(struct rig *rig, const char *expected)
{
	char *all = rig_records(rig);

	assert_string_equal(all, expected);
	free(all);
	fake_clear(&rig->host.durable);
}

#endif
