#include "tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RETRY_NS INT64_C(5000000000)

static bool passed_over(const struct tail *tail, const struct lg_draft *draft)
{
	int64_t offset = tail_offset(tail);

	if (!tail->skip_to)
		return false;
	for (size_t i = 0; i < draft->field_count; i++)
		if (draft->fields[i].field == LG_F_LOG_OFFSET)
			offset = draft->fields[i].number;
	return offset < tail->skip_to;
}

static void tail_emit(struct lg_sink *sink, struct lg_draft *draft)
{
	struct tail *tail = TABLE_ITEM(sink, struct tail, sink);

	tail_set_dirty(tail);
	if (!passed_over(tail, draft))
		lg_emit(tail->reader->host, draft, tail->origin);
}

/* Unique among this input's keys, those of earlier runs included, which is all that a key must be: names repeat, inodes repeat, and
 * so may the clock. */
static void draw_key(struct tail *tail)
{
	struct reader *reader = tail->reader;
	uint64_t hash = file_hash(FILE_HASH_START, &reader->seed, sizeof(reader->seed));

	hash = file_hash(hash, &reader->keys, sizeof(reader->keys));
	reader->keys++;
	snprintf(tail->key, sizeof(tail->key), "%016llx", (unsigned long long)hash);
}

void reader_seed(struct reader *reader)
{
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, &reader->seed, sizeof(reader->seed)) != (ssize_t)sizeof(reader->seed))
		reader->seed = (uint64_t)lg_input_utc(reader->host) ^ (uint64_t)getpid() << 48;
	if (fd >= 0)
		close(fd);
}

static void end_stream(struct tail *tail)
{
	if (!tail->stream)
		return;
	tail_add_report(tail, &tail->reader->totals);
	lg_stream_free(tail->stream);
	tail->stream = NULL;
}

static enum lg_rc start_at_zero(struct tail *tail, struct lg_err *err)
{
	struct lg_stream *stream;
	enum lg_rc rc = lg_stream_new(&stream, &tail->reader->conf->stream, &tail->sink, 0, err);

	if (rc != LG_OK)
		return rc;
	end_stream(tail);
	tail->stream = stream;
	tail->ident.head_size = tail->ident.mark_size = tail->window_size = 0;
	tail->ident.mark_at = 0;
	tail->skip_to = tail->since_ns = 0;
	tail->finished = tail->resumed = tail->unverified = false;
	tail->raw_done = 0;
	tail->health = TAIL_SOUND;
	tail->tick_utc = INT64_MAX;
	draw_key(tail);
	return LG_OK;
}

static struct lg_origin *origin_of(const struct lg_stream_conf *conf, const char *path)
{
	struct lg_draft shared;

	lg_draft_reset(&shared);
	lg_draft_string(&shared, LG_F_LOG_FILE_PATH, lg_str_from(path));
	if (conf->parser->constants)
		conf->parser->constants(conf->parser_conf, &shared);
	return lg_origin_new(&shared);
}

void tail_rename(struct tail *tail, const char *path)
{
	free(tail->path);
	tail->path = file_strdup(path);
	lg_origin_free(tail->origin);
	tail->origin = origin_of(&tail->reader->conf->stream, path);
	if (tail_offset(tail))
		tail_set_dirty(tail);
}

struct tail *tail_new(struct reader *reader, const char *path, uint64_t dev, uint64_t ino, struct lg_err *err)
{
	struct tail *tail = file_alloc(sizeof(*tail));

	tail->reader = reader;
	tail->sink.emit = tail_emit;
	tail->path = file_strdup(path);
	tail->content.fd = -1;
	tail->fresh = true;
	tail->ident.dev = dev;
	tail->ident.ino = ino;
	tail->origin = origin_of(&tail->reader->conf->stream, path);
	if (start_at_zero(tail, err) != LG_OK) {
		tail_free(tail);
		return NULL;
	}
	return tail;
}

void tail_free(struct tail *tail)
{
	if (!tail)
		return;
	end_stream(tail);
	tail_close(tail);
	free(tail->hunt);
	lg_origin_free(tail->origin);
	free(tail->path);
	free(tail->fault);
	free(tail);
}

enum lg_rc tail_resume(struct tail *tail, const char *key, const struct position *position, struct lg_err *err)
{
	struct lg_stream *stream;
	struct ident self = tail->ident;

	if (position->stream.size) {
		enum lg_rc rc = lg_stream_load(&stream, &tail->reader->conf->stream, &tail->sink,
			(const uint8_t *)position->stream.data, position->stream.size, err);

		if (rc != LG_OK)
			return rc;
		lg_stream_free(tail->stream);
		tail->stream = stream;
	}
	snprintf(tail->key, sizeof(tail->key), "%s", key);
	tail->ident = position->ident;
	tail->ident.dev = self.dev;
	tail->ident.ino = self.ino;
	tail->ident.birth = self.birth;
	tail->window_size = 0;
	tail->resumed = true;
	tail->unverified = tail->pack != PACK_NONE;
	tail->skip_to = position->skip_to;
	tail->since_ns = position->since_ns;
	return LG_OK;
}

static enum tail_result fail(struct tail *tail, enum tail_health health, const char *text, int64_t now_ns)
{
	free(tail->fault);
	tail->fault = file_strdup(text);
	tail->health = health;
	tail->retry_ns = now_ns + RETRY_NS;
	return TAIL_FAILED;
}

enum tail_result tail_fail(struct tail *tail, const char *what, int64_t now_ns)
{
	char text[1400];

	snprintf(text, sizeof(text), "%s: %s; it is tried again", tail->path, what);
	return fail(tail, TAIL_UNREADABLE, text, now_ns);
}

static enum tail_result fail_errno(struct tail *tail, const char *what, int64_t now_ns)
{
	char text[300];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
	return tail_fail(tail, text, now_ns);
}

static enum tail_result broken(struct tail *tail, const char *what, int64_t now_ns)
{
	char text[1400];

	snprintf(text, sizeof(text), "%s: at offset %lld: %s; nothing behind it is read until the settings fit or the file is replaced",
		tail->path, (long long)tail_offset(tail), what);
	return fail(tail, TAIL_BROKEN, text, now_ns);
}

enum tail_result tail_fail_read(struct tail *tail, int64_t now_ns)
{
	switch (errno) {
	case EAGAIN:
		return TAIL_LATER;
	case EBADMSG:
		return broken(tail, unpack_error(tail->content.unpack), now_ns);
	case ESTALE:
		tail_close(tail);
		return TAIL_MOVED;
	default:
		return fail_errno(tail, "cannot read", now_ns);
	}
}

/* The window is what the next read is compared with. A resumed tail takes it from the file, whose identity was just verified. */
static enum tail_result load_window(struct tail *tail, int64_t now_ns)
{
	int64_t offset = tail_offset(tail);
	size_t want = offset < IDENT_SPAN ? (size_t)offset : IDENT_SPAN;
	ssize_t n = content_pread(&tail->content, tail->window, want, offset - (int64_t)want);

	if (n < 0)
		return tail_fail_read(tail, now_ns);
	if ((size_t)n < want)
		return TAIL_CUT;
	tail->window_size = (uint32_t)n;
	return TAIL_END;
}

enum tail_result tail_verify(struct tail *tail, int64_t now_ns)
{
	struct ident ident = tail->ident;

	/* A compressed file is read forward: the window lies before the mark of a resumed one. */
	if (tail->pack && tail->resumed && !tail->window_size && tail_offset(tail)) {
		enum tail_result result = load_window(tail, now_ns);

		if (result != TAIL_END)
			return result;
	}
	if (tail->window_size && !tail->resumed) {
		ident.mark_at = tail_offset(tail);
		ident.mark_size = tail->window_size;
		ident.mark_hash = file_hash(FILE_HASH_START, tail->window, tail->window_size);
	}
	switch (ident_compare(&ident, &tail->content)) {
	case IDENT_LATER:
	case IDENT_UNREADABLE:
		return tail_fail_read(tail, now_ns);
	case IDENT_OTHER:
		return TAIL_CUT;
	case IDENT_SAME:
		break;
	}
	tail->resumed = tail->unverified = false;
	return tail->window_size || !tail_offset(tail) ? TAIL_END : load_window(tail, now_ns);
}

/* A file is known by its head before its first byte is read, so that it can be found again should it be rotated before its turn comes. */
static enum tail_result learn_head(struct tail *tail, int64_t now_ns)
{
	uint8_t bytes[IDENT_SPAN];
	ssize_t n = content_pread(&tail->content, bytes, sizeof(bytes), 0);

	if (n < 0)
		return tail_fail_read(tail, now_ns);
	ident_grow_head(&tail->ident, 0, bytes, (size_t)n);
	return TAIL_END;
}

static void note_since(struct tail *tail, const struct stat *st)
{
	if (!tail->since_ns)
		tail->since_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

enum tail_result tail_refresh(struct tail *tail, int64_t now_ns)
{
	struct stat st;

	if (fstat(tail->content.fd, &st) < 0)
		return fail_errno(tail, "cannot stat", now_ns);
	if (st.st_size > tail_disk_size(tail)) {
		tail_note_size(tail, st.st_size);
		tail->active_ns = now_ns;
	}
	note_since(tail, &st);
	return learn_head(tail, now_ns);
}

enum tail_result tail_open(struct tail *tail, const char *path, int64_t now_ns)
{
	struct stat st;
	uint64_t birth;

	if (tail->content.fd >= 0)
		return TAIL_END;
	/* Not blocking: should the name have become a FIFO in the meantime, open must not hang. */
	tail->content.fd = open(path ? path : tail->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (tail->content.fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? TAIL_MOVED : fail_errno(tail, "cannot open", now_ns);
	if (fstat(tail->content.fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_ino != tail->ident.ino || st.st_dev != tail->ident.dev) {
		tail_close(tail);
		return TAIL_MOVED;
	}
	(void)posix_fadvise(tail->content.fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (tail->health == TAIL_UNREADABLE)
		tail->health = TAIL_SOUND;
	if (st.st_size > tail_disk_size(tail))
		tail_note_size(tail, st.st_size);
	note_since(tail, &st);
	birth = ident_birth(tail->content.fd);
	if (!ident_same_birth(birth, tail->ident.birth)) {
		tail->ident.birth = birth;
		return TAIL_CUT;
	}
	tail->ident.birth = birth;
	tail->unverified = tail->pack != PACK_NONE;
	if (tail->pack)
		return TAIL_END;
	return tail->ident.head_size || tail_offset(tail) ? tail_verify(tail, now_ns) : learn_head(tail, now_ns);
}

void tail_fold(struct tail *tail)
{
	if (!tail->content.unpack)
		return;
	tail->reader->unpack_count--;
	unpack_free(tail->content.unpack);
	tail->content.unpack = NULL;
	tail->unverified = true;
}

void tail_close(struct tail *tail)
{
	tail_fold(tail);
	if (tail->content.fd >= 0)
		close(tail->content.fd);
	tail->content.fd = -1;
}

void tail_unpack(struct tail *tail)
{
	if (tail->content.unpack)
		return;
	tail->content.unpack = unpack_new(tail->pack, tail->reader->buffer_size);
	tail->reader->unpack_count++;
}

int64_t tail_disk_size(const struct tail *tail)
{
	return tail->pack ? tail->raw_size : tail->size;
}

void tail_note_size(struct tail *tail, int64_t size)
{
	*(tail->pack ? &tail->raw_size : &tail->size) = size;
}

int64_t tail_unread(const struct tail *tail)
{
	return tail->pack ? tail->raw_size - tail->raw_done : tail->size - tail_offset(tail);
}

int64_t tail_offset(const struct tail *tail)
{
	return lg_stream_offset(tail->stream);
}

void tail_set_dirty(struct tail *tail)
{
	if (tail->dirty)
		return;
	tail->dirty = true;
	tail->dirty_next = tail->reader->dirty;
	tail->reader->dirty = tail;
}

/* `data` holds the window and behind it what was fed, of which `consumed` bytes were taken. */
static void advance(struct tail *tail, int64_t offset, const uint8_t *data, size_t consumed)
{
	size_t known = tail->window_size + consumed;
	size_t keep = known < IDENT_SPAN ? known : IDENT_SPAN;

	ident_grow_head(&tail->ident, offset, data + tail->window_size, consumed);
	memmove(tail->window, data + known - keep, keep);
	tail->window_size = (uint32_t)keep;
	if (tail->skip_to && offset + (int64_t)consumed >= tail->skip_to && lg_stream_restart(tail->stream) >= tail->skip_to)
		tail->skip_to = 0;
	tail_set_dirty(tail);
}

bool tail_is_damaged(const struct tail *tail)
{
	return tail->content.unpack && unpack_error(tail->content.unpack)[0];
}

/* One pread and what the stream makes of it. *want is how much to read; it grows when a record is larger. */
static enum tail_result read_chunk(struct tail *tail, size_t *want, bool last, int64_t now_ns, size_t *consumed)
{
	struct reader *reader = tail->reader;
	uint8_t *data = reader->buffer + tail->window_size;
	int64_t offset = tail_offset(tail);
	ssize_t n = content_pread(&tail->content, reader->buffer, tail->window_size + *want, offset - tail->window_size);
	struct lg_err err = {0};
	enum lg_rc rc;
	size_t avail;
	bool at_end;

	*consumed = 0;
	if (tail->pack && unpack_raw(tail->content.unpack) > tail->raw_done) {
		tail->raw_done = unpack_raw(tail->content.unpack);
		tail->active_ns = now_ns;
	}
	if (n < 0)
		return tail_fail_read(tail, now_ns);
	if ((size_t)n < tail->window_size || memcmp(reader->buffer, tail->window, tail->window_size) != 0)
		return TAIL_CUT;
	avail = (size_t)n - tail->window_size;
	at_end = avail < *want;
	if (offset + (int64_t)avail > tail->size)
		tail->active_ns = now_ns;
	if (at_end || offset + (int64_t)avail > tail->size)
		tail->size = offset + (int64_t)avail;
	if (!avail)
		return tail_is_damaged(tail) ? broken(tail, unpack_error(tail->content.unpack), now_ns) : TAIL_END;
	rc = lg_stream_feed(tail->stream, data, avail, last && at_end, lg_input_utc(reader->host), consumed, &err);
	if (*consumed)
		advance(tail, offset, reader->buffer, *consumed);
	if (*consumed && !last)
		tail->active_ns = now_ns;
	if (rc != LG_OK)
		return broken(tail, err.text, now_ns);
	/* What could be expanded was taken: now the place where it is damaged counts. */
	if (at_end && tail_is_damaged(tail))
		return broken(tail, unpack_error(tail->content.unpack), now_ns);
	if (at_end && (!last || !*consumed))
		return TAIL_END;
	if (!*consumed) {
		if (*want == reader->buffer_size - IDENT_SPAN) {
			lg_err_set(&err, LG_CORRUPT, "a record larger than the largest one did not end");
			return broken(tail, err.text, now_ns);
		}
		*want = reader->buffer_size - IDENT_SPAN;
	}
	return TAIL_MORE;
}

enum tail_result tail_fail_incomplete(struct tail *tail)
{
	char text[1400];

	snprintf(text, sizeof(text), "%s: ends in the middle of its compressed data, after byte %lld; it is read on when it grows", tail->path,
		(long long)tail->raw_done);
	fail(tail, TAIL_UNREADABLE, text, 0);
	tail->retry_ns = INT64_MAX;
	return TAIL_FAILED;
}

enum tail_result tail_read(struct tail *tail, size_t limit, bool last, int64_t now_ns)
{
	enum tail_result result = TAIL_MORE;
	size_t want = TAIL_CHUNK, done = 0, consumed;
	struct ident head = tail->ident;

	head.mark_size = 0;
	if (ident_compare(&head, &tail->content) == IDENT_OTHER)
		return TAIL_CUT;
	while (result == TAIL_MORE && done < limit) {
		if (!lg_input_ready(tail->reader->host))
			return TAIL_FULL;
		result = read_chunk(tail, &want, last, now_ns, &consumed);
		done += consumed;
	}
	if (done)
		tail_tick(tail);
	return result;
}

void tail_tick(struct tail *tail)
{
	tail->tick_utc = lg_stream_tick(tail->stream, lg_input_utc(tail->reader->host));
}

void tail_flush(struct tail *tail)
{
	lg_stream_flush(tail->stream);
	tail->tick_utc = INT64_MAX;
	tail_set_dirty(tail);
}

enum lg_rc tail_restart(struct tail *tail, bool handed_over, struct lg_err *err)
{
	int64_t unread = tail->size - tail_offset(tail);

	if (!handed_over) {
		tail_flush(tail);
		if (unread > 0 && tail_offset(tail) >= tail->skip_to)
			lg_input_loss(tail->reader->host, 0, (uint64_t)unread, "file was truncated before these bytes were read");
	}
	tail->size = 0;
	return start_at_zero(tail, err);
}

void tail_position(const struct tail *tail, struct position *position, uint8_t *stream)
{
	position->ident = tail->ident;
	if (tail->window_size && !tail->resumed) {
		position->ident.mark_at = tail_offset(tail);
		position->ident.mark_size = tail->window_size;
		position->ident.mark_hash = file_hash(FILE_HASH_START, tail->window, tail->window_size);
	}
	position->seen_utc = lg_input_utc(tail->reader->host);
	position->packed = tail->pack != PACK_NONE;
	position->size = tail->size;
	position->since_ns = tail->since_ns;
	position->skip_to = tail->skip_to;
	position->path = lg_str_from(tail->path);
	position->stream = (struct lg_str){(const char *)stream, lg_stream_save(tail->stream, stream)};
}

void tail_add_report(const struct tail *tail, struct lg_input_report *report)
{
	const struct lg_stream_stats *stats = lg_stream_stats(tail->stream);

	report->substitutions += stats->substitutions;
	report->oversize += stats->oversize;
	report->broken += stats->broken;
	report->torn += stats->torn;
	report->orphans += stats->orphans;
	report->incomplete += stats->incomplete;
	report->undecided += stats->undecided;
}
