/* Copy-and-truncate rotation without loss and without repeats.
 *
 * `cp app.log app.log.1; : > app.log` leaves a copy behind that holds what was read and what was not. When a file turns out to be
 * truncated, its directory is searched for that copy: a name made from the file's, no older than the content that was being read,
 * the same head, and the same bytes before the offset. The copy takes over the stream's position, so it is read on exactly where
 * the file was left, whether a glob matches it or not; the truncated file begins anew. For this a new file that looks like a copy
 * in the making waits a moment before it is read. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "copy.h"
#include "walk.h"

/* logrotate's ways: app.log.1, app.log-20261123, and with `extension .log` app-20261123.log. */
static bool is_named_after(const char *base, const char *name)
{
	size_t base_size = strlen(base), size = strlen(name), stem;
	const char *extension = strrchr(base, '.');

	if (size <= base_size)
		return false;
	if (strncmp(name, base, base_size) == 0)
		return true;
	if (!extension || extension == base)
		return false;
	stem = (size_t)(extension - base);
	return strncmp(name, base, stem) == 0 && strcmp(name + size - (base_size - stem), extension) == 0;
}

static enum copy_wait wait_for_source(struct files *files, const struct tail *tail, struct tail *source, int64_t now_ns)
{
	uint8_t stream[LG_STREAM_SAVE_MAX];
	struct position position;

	if (!source || source == tail || source->life == TAIL_GONE)
		return COPY_READ;
	/* What is known of the source must be true now, or a copy of its new content is compared with its old. */
	if (source->health == TAIL_SOUND && !source->queued && source->content.fd >= 0 && tail_verify(source, now_ns) == TAIL_CUT)
		files_enqueue(files, source);
	if (source->queued && source->health == TAIL_SOUND)
		return COPY_BEHIND;
	if (source->fresh)
		return COPY_READ;
	tail_position(source, &position, stream);
	if (!ident_has_content(&position.ident) || lg_input_once(files->reader.host))
		return COPY_READ;
	if (tail->size < position.ident.mark_at)
		position.ident.mark_size = 0;
	if (tail->size < position.ident.head_size)
		return COPY_WAIT;
	return ident_compare(&position.ident, &tail->content) == IDENT_SAME ? COPY_WAIT : COPY_READ;
}

/* Its source may have any shorter name that this one could be made from: a.log-10 may be a copy of a.log, or of a.log-1. */
enum copy_wait copy_must_wait(struct files *files, const struct tail *tail, int64_t now_ns)
{
	const char *slash = strrchr(tail->path, '/'), *base = slash ? slash + 1 : tail->path, *extension = strrchr(base, '.');
	size_t dir_size = (size_t)(base - tail->path), size = strlen(base), extension_size = extension ? strlen(extension) : 0;
	enum copy_wait wait = COPY_READ;
	char *name;

	if (tail->life == TAIL_GONE || now_ns >= tail->active_ns + files->reader.conf->rotate_wait_ns)
		return COPY_READ;
	name = file_alloc(dir_size + size + extension_size + 1);
	memcpy(name, tail->path, dir_size);
	for (size_t prefix = size - 1; prefix > 0 && wait == COPY_READ; prefix--) {
		memcpy(name + dir_size, base, prefix);
		name[dir_size + prefix] = '\0';
		wait = wait_for_source(files, tail, files_tail_by_name(files, name), now_ns);
		if (wait == COPY_READ && extension && prefix + extension_size < size) {
			memcpy(name + dir_size + prefix, extension, extension_size + 1);
			wait = wait_for_source(files, tail, files_tail_by_name(files, name), now_ns);
		}
	}
	free(name);
	return wait;
}

/* The entry's tail when the file is one that was not read yet and holds what the position says. */
static struct tail *examine_copy(struct files *files, const char *source, const char *path, const struct position *position,
	int64_t now_ns)
{
	struct stat st;
	struct tail *tail;
	bool added = false;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < position->ident.mark_at ||
	    (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec < position->since_ns)
		return NULL;
	tail = files_tail_by_inode(files, (uint64_t)st.st_dev, (uint64_t)st.st_ino);
	if (!tail) {
		tail = files_add_gone(files, source, path, &st, now_ns);
		if (!tail)
			return NULL;
		added = true;
	}
	if (tail->fresh && files_open_tail(files, tail, path, now_ns) == TAIL_END &&
	    ident_compare(&position->ident, &tail->content) == IDENT_SAME)
		return tail;
	if (added)
		files_retire(files, tail, false);
	return NULL;
}

/* What was written between the copy and the truncation is in no copy, and some of it may have been read from the file itself: then the copy is
 * shorter than what was read, and all of it was. Its records are passed over. */
static void pass_short_copy(struct files *files, const char *path, const struct position *position, int64_t now_ns)
{
	struct ident head = position->ident;
	struct tail *tail;
	struct stat st;

	head.mark_size = 0;
	if (head.head_size < IDENT_SPAN || stat(path, &st) < 0 || st.st_size >= position->ident.mark_at ||
	    (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec < position->since_ns)
		return;
	tail = files_tail_by_inode(files, (uint64_t)st.st_dev, (uint64_t)st.st_ino);
	if (!tail || !tail->fresh || tail->pack || files_open_tail(files, tail, path, now_ns) != TAIL_END ||
	    ident_compare(&head, &tail->content) != IDENT_SAME)
		return;
	lg_input_log(files->reader.host, LG_INFO, "%s: the copy of a file that was read further before it was truncated", path);
	tail->skip_to = st.st_size;
	tail->fresh = false;
	tail_set_dirty(tail);
	files_enqueue(files, tail);
}

bool copy_hand_over(struct files *files, const char *path, const char *key, const struct position *position, int64_t now_ns)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	char *dir = slash == path ? file_strdup("/") : file_strdup(slash ? path : ".");
	struct tail *copy = NULL;
	struct dirent *entry;
	struct lg_err err;
	DIR *stream;

	if (slash > path)
		dir[slash - path] = '\0';
	stream = ident_has_content(&position->ident) ? opendir(dir) : NULL;
	while (stream && !copy && (entry = readdir(stream))) {
		char *other;

		if (!is_named_after(base, entry->d_name) || pack_of(entry->d_name) != PACK_NONE)
			continue;
		other = walk_join(dir, entry->d_name);
		copy = examine_copy(files, path, other, position, now_ns);
		if (!copy)
			pass_short_copy(files, other, position, now_ns);
		free(other);
	}
	if (stream)
		closedir(stream);
	free(dir);
	if (!copy || tail_resume(copy, key, position, &err) != LG_OK)
		return false;
	copy->fresh = false;
	tail_set_dirty(copy);
	files_enqueue(files, copy);
	lg_input_log(files->reader.host, LG_NOTICE, "%s: truncated after it was copied; the copy is read on at offset %lld", path,
		(long long)tail_offset(copy));
	return true;
}
