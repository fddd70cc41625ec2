/* A file's turn: the first one finds out where to begin, the others read on; cuts, ends and faults on the way. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "copy.h"
#include "done.h"
#include "files.h"
#include "packed.h"

#define TURN_BYTES (4u << 20) /* of one file while no other waits */

static void resume(struct files *files, struct tail *tail, struct saved *saved)
{
	struct lg_input_host *host = files->reader.host;
	struct lg_err err;

	if (tail_resume(tail, saved->key, &saved->position, &err) != LG_OK) {
		lg_input_log(host, LG_ERROR, "%s: its saved position cannot be used, it is read from its beginning: %s", tail->path, err.text);
		saved_put(&files->saved, saved->key, NULL, 0);
	} else {
		lg_input_log(host, LG_INFO, "%s: read on at offset %lld", tail->path, (long long)tail_offset(tail));
	}
	saved_remove(&files->saved, saved);
}

/* The name that a file had when it was read, after which its copy was named; `now` where it did not fit its position. */
static const char *saved_path(const struct saved *saved, char path[LG_POSITION_VALUE_MAX + 1], const char *now)
{
	struct lg_str name = saved->position.path;

	if (!name.size)
		return now;
	memcpy(path, name.data, name.size);
	path[name.size] = '\0';
	return path;
}

static void ignore_record(struct lg_sink *sink, struct lg_draft *draft)
{
	(void)sink;
	(void)draft;
}

/* What is known to have been there, read into no record, and is not there any more: lines of an open assembly, a backlog. */
static void tell_unread(struct files *files, const struct position *position)
{
	int64_t end = position->size > position->ident.mark_at ? position->size : position->ident.mark_at, owed = end;
	struct lg_sink ignore = {ignore_record};
	struct lg_stream *stream;
	struct lg_err err;

	if (position->stream.size) {
		if (lg_stream_load(&stream, &files->reader.conf->stream, &ignore, (const uint8_t *)position->stream.data, position->stream.size,
			    &err) != LG_OK)
			return;
		owed = lg_stream_owed(stream, end);
		lg_stream_free(stream);
	}
	if (owed > 0 && !position->skip_to)
		lg_input_loss(files->reader.host, 0, (uint64_t)owed, "file was truncated while it was not read, with these bytes in no record yet");
}

/* Compares a file just opened for the first time with the saved positions. TAIL_MOVED: it is none of ours. */
static enum tail_result claim(struct files *files, struct tail *tail, int64_t now_ns)
{
	struct lg_input_host *host = files->reader.host;
	char path[LG_POSITION_VALUE_MAX + 1];
	struct saved *saved;

	switch (saved_find(&files->saved, &tail->ident, &tail->content, &saved)) {
	case IDENT_LATER:
	case IDENT_UNREADABLE:
		return tail_fail_read(tail, now_ns);
	case IDENT_SAME:
		resume(files, tail, saved);
		break;
	case IDENT_OTHER:
		if (tail->by_chance)
			return TAIL_MOVED;
		if (!saved) {
			lg_input_log(host, LG_INFO, "%s: found", tail->path);
		} else if (copy_hand_over(files, saved_path(saved, path, tail->path), saved->key, &saved->position, now_ns)) {
			saved_remove(&files->saved, saved);
		} else if (packed_hand_over(files, saved_path(saved, path, tail->path), saved->key, &saved->position, now_ns)) {
			lg_input_log(host, LG_INFO, "%s: what was read of it last may be in a compressed file by now", tail->path);
		} else {
			lg_input_log(host, LG_NOTICE, "%s: truncated or replaced since it was read last: is read from its beginning", tail->path);
			tell_unread(files, &saved->position);
			saved_put(&files->saved, saved->key, NULL, 0);
			saved_remove(&files->saved, saved);
		}
		break;
	}
	tail->fresh = false;
	files->packed_due = true;
	tail_set_dirty(tail); /* known from now on, however it is rotated before its first byte is read */
	return files_open_tail(files, tail, NULL, now_ns);
}

/* Likewise for a compressed file. TAIL_END while it stays fresh: it waits. */
static enum tail_result claim_packed(struct files *files, struct tail *tail, int64_t now_ns)
{
	struct saved *saved;
	enum tail_result result = packed_hunt(files, tail, now_ns, &saved);

	if (result != TAIL_END || tail->of_key[0])
		return result == TAIL_MORE ? TAIL_END : result;
	if (saved)
		resume(files, tail, saved);
	else if (tail->by_chance)
		return TAIL_MOVED;
	else
		lg_input_log(files->reader.host, LG_INFO, "%s: found", tail->path);
	tail->fresh = false;
	tail_set_dirty(tail);
	return tail_verify(tail, now_ns);
}

static void cut(struct files *files, struct tail *tail, int64_t now_ns)
{
	uint8_t stream[LG_STREAM_SAVE_MAX];
	struct position position;
	struct lg_err err;
	bool handed_over;

	tail_position(tail, &position, stream);
	handed_over = copy_hand_over(files, tail->path, tail->key, &position, now_ns) ||
		      packed_hand_over(files, tail->path, tail->key, &position, now_ns);
	if (!handed_over) {
		lg_input_log(files->reader.host, LG_NOTICE, "%s: truncated or replaced: is read from its beginning", tail->path);
		saved_put(&files->saved, tail->key, NULL, 0);
	}
	if (tail_restart(tail, handed_over, &err) != LG_OK)
		lg_input_log(files->reader.host, LG_ERROR, "%s: not read: %s", tail->path, err.text);
	else if (tail->content.fd < 0 || tail_refresh(tail, now_ns) == TAIL_END) /* its head, too: a copy of it may be in the making */
		files_enqueue(files, tail);
}

/* Everything in it was read that can be, and no more is waited for. */
static void finish(struct files *files, struct tail *tail)
{
	int64_t unread = tail->size - tail_offset(tail);
	bool deleted = false;
	struct stat st;

	tail->finished = true;
	files->done_due = true;
	if (tail->life == TAIL_GONE)
		deleted = tail->content.fd < 0 || (fstat(tail->content.fd, &st) == 0 && st.st_nlink == 0);
	if (tail->health == TAIL_SOUND || deleted)
		tail_flush(tail);
	if (tail->life == TAIL_LIVE)
		return;
	if (deleted && unread > 0)
		lg_input_loss(files->reader.host, 0, (uint64_t)unread, "file was deleted before these bytes could be read");
	lg_input_log(files->reader.host, LG_INFO, "%s: %s, was read to %s", tail->path, deleted ? "deleted" : "rotated",
		unread > 0 ? "where it broke" : "its end");
	files_retire(files, tail, tail->concluded || (deleted && (tail->pack || !packed_may_exist(files, tail->path))));
}

static bool is_over(const struct files *files, const struct tail *tail, int64_t now_ns)
{
	int64_t done_ns;

	if (done_is_due(files, tail, now_ns, &done_ns))
		return true;
	return lg_input_once(files->reader.host) ||
	       (tail->life == TAIL_GONE && now_ns >= tail->active_ns + files->reader.conf->rotate_wait_ns);
}

/* The first turn of a file: TAIL_END when it is known where to begin, or when that must wait (it stays fresh). */
static enum tail_result first_turn(struct files *files, struct tail *tail, int64_t now_ns)
{
	if (tail_refresh(tail, now_ns) != TAIL_END)
		return TAIL_FAILED;
	/* An empty file can only be told from the others once it holds something. */
	if (!(tail->pack ? tail->ident.head_size : tail->size) && !lg_input_once(files->reader.host) &&
	    !table_find(&files->saved.by_ino, tail->ident.ino))
		return TAIL_END;
	if (tail->pack)
		return claim_packed(files, tail, now_ns);
	switch (copy_must_wait(files, tail, now_ns)) {
	case COPY_WAIT:
		return TAIL_END;
	case COPY_BEHIND:
		return TAIL_MORE;
	case COPY_READ:
		break;
	}
	return claim(files, tail, now_ns);
}

static enum tail_result read_turn(struct files *files, struct tail *tail, int64_t now_ns)
{
	enum tail_result result = TAIL_END;
	size_t limit = turns_empty(&files->turns) ? TURN_BYTES : TURNS_SHARE;

	if (tail->content.fd < 0)
		result = files_open_tail(files, tail, NULL, now_ns);
	if (result == TAIL_END && tail->pack) {
		if (tail->skip_to == INT64_MAX && !tail->fresh)
			return TAIL_END;
		if (!tail->content.unpack && !packed_make_room(files))
			return TAIL_LATER;
		/* It changed, or there would be no turn: the damage may be repaired. */
		if (tail->health == TAIL_BROKEN && tail_is_damaged(tail)) {
			tail_fold(tail);
			tail->health = TAIL_SOUND;
		}
		tail_unpack(tail);
		if (!tail->fresh && tail->unverified)
			result = tail_verify(tail, now_ns);
	}
	if (result == TAIL_END && tail->fresh) {
		result = first_turn(files, tail, now_ns);
		if (tail->fresh)
			return result;
	}
	if (result != TAIL_END)
		return result;
	if (tail->health == TAIL_BROKEN)
		return tail_verify(tail, now_ns);
	/* First as a live file: what came in the meantime may end the last record. */
	result = tail_read(tail, limit, false, now_ns);
	if (result == TAIL_END && is_over(files, tail, now_ns))
		result = tail_read(tail, limit, true, now_ns);
	tail->incomplete = result == TAIL_END && tail->pack && !unpack_complete(tail->content.unpack);
	if (tail->incomplete && tail->life == TAIL_LIVE &&
	    (lg_input_once(files->reader.host) || now_ns >= tail->active_ns + files->reader.conf->rotate_wait_ns))
		result = tail_fail_incomplete(tail);
	return result;
}

void files_arm(struct files *files, const struct tail *tail, int64_t now_ns)
{
	const struct file_conf *conf = files->reader.conf;
	int64_t at = INT64_MAX, done_ns;

	if (tail->health == TAIL_UNREADABLE)
		at = tail->retry_ns;
	else if (tail->life == TAIL_GONE || (tail->fresh && tail->size) || (tail->incomplete && tail->health == TAIL_SOUND))
		at = tail->active_ns + conf->rotate_wait_ns;
	else if (tail->content.fd >= 0)
		at = tail->active_ns + conf->close_inactive_ns;
	(void)done_is_due(files, tail, now_ns, &done_ns);
	at = done_ns < at ? done_ns : at;
	if (tail->tick_utc != INT64_MAX) {
		int64_t tick_ns = now_ns + (tail->tick_utc - lg_input_utc(files->reader.host));

		at = tick_ns < at ? tick_ns : at;
	}
	if (at < files->timer_ns)
		files->timer_ns = at;
}

bool files_turn(struct files *files, struct tail *tail, int64_t now_ns)
{
	enum tail_health before = tail->health;
	enum tail_result result;

	if (tail->health == TAIL_UNREADABLE)
		tail->health = TAIL_SOUND;
	tail->finished &= lg_input_once(files->reader.host);
	result = read_turn(files, tail, now_ns);
	files_note_open(files, tail);
	files->faults_changed |= tail->health != before;
	switch (result) {
	case TAIL_MORE:
	case TAIL_LATER:
	case TAIL_FULL:
		files_enqueue(files, tail);
		break;
	case TAIL_END:
		if (is_over(files, tail, now_ns)) {
			finish(files, tail);
			return true;
		}
		break;
	case TAIL_CUT:
		/* An inode that was found again is another file's by now: not ours to read. */
		if (tail->pack && tail->life == TAIL_GONE && tail->unverified) {
			files_retire(files, tail, false);
			return true;
		}
		cut(files, tail, now_ns);
		files->faults_changed |= tail->health != before;
		break;
	case TAIL_MOVED:
		if (tail->life == TAIL_GONE) {
			files_retire(files, tail, false);
			return true;
		}
		files->scan_due = true;
		break;
	case TAIL_FAILED:
		if (tail->health == TAIL_BROKEN && tail->life == TAIL_GONE && is_over(files, tail, now_ns)) {
			finish(files, tail);
			return true;
		}
		break;
	}
	files_arm(files, tail, now_ns);
	return result != TAIL_FULL;
}
