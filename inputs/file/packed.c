#include "packed.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "walk.h"

#define UNPACK_MAX 4 /* files expanded at a time: each costs its decoder's window, 8 MiB at most */

struct suspect {
	char key[IDENT_KEY_SIZE];
	struct ident ident;
};

struct hunt {
	size_t count, at, cap;
	struct suspect *best;
	struct suspect items[];
};

/* A compressed file that no glob matches and that was looked at, in this state. */
struct looked {
	struct table_link link; /* by inode */
	uint64_t dev, ino;
	int64_t changed_ns;
};

static int64_t changed_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The part of a name that rotations keep: app.log of app.log.2 and of app.log-20261123. */
static size_t stem_size(const char *name)
{
	size_t size = strlen(name), stem = size;

	while (stem > 1 && strchr("0123456789.-_", name[stem - 1]))
		stem--;
	return stem > 1 ? stem : size;
}

/* logrotate's ways, with `extension .log`, too: app-20261123.log.gz of app.log. */
static bool are_related(const char *was, const char *packed)
{
	const char *extension = strrchr(was, '.');
	size_t stem = stem_size(was);

	if (strncmp(was, packed, stem) == 0)
		return true;
	return extension && extension > was && strncmp(was, packed, (size_t)(extension - was)) == 0 && strstr(packed, extension);
}

/* So much is known of it that no other file agrees by chance: its name need not tell. */
static bool is_telling(const struct ident *ident)
{
	return ident->head_size == IDENT_SPAN && ident->mark_size == IDENT_SPAN && ident->mark_at >= 2 * IDENT_SPAN;
}

/* ---- the hunt ------------------------------------------------------------------------------------------------------ */

/* Hashes of all beginnings of the head: each suspect knows another size of it. */
static ssize_t hash_head(const struct tail *tail, uint64_t hashes[IDENT_SPAN + 1])
{
	uint8_t bytes[IDENT_SPAN];
	ssize_t n = content_pread(&tail->content, bytes, sizeof(bytes), 0);

	hashes[0] = FILE_HASH_START;
	for (ssize_t i = 0; i < n; i++)
		hashes[i + 1] = file_hash(hashes[i], bytes + i, 1);
	return n;
}

static bool has_head(const struct ident *ident, const uint64_t *hashes, ssize_t n)
{
	return ident->head_size && ident->head_size <= n && hashes[ident->head_size] == ident->head_hash;
}

static void add_suspect(struct hunt **hunt, const char *key, const struct ident *ident)
{
	struct hunt *h = *hunt;
	size_t at = h->count;

	if (h->count == h->cap) {
		struct hunt *larger = file_alloc(sizeof(*larger) + 2 * h->cap * sizeof(*larger->items));

		memcpy(larger, h, sizeof(*h) + h->cap * sizeof(*h->items));
		larger->cap = 2 * h->cap;
		free(h);
		*hunt = h = larger;
	}
	/* In the order of their marks: the file is expanded once. */
	for (; at > 0 && h->items[at - 1].ident.mark_at > ident->mark_at; at--)
		h->items[at] = h->items[at - 1];
	h->items[at].ident = *ident;
	memcpy(h->items[at].key, key, IDENT_KEY_SIZE);
	h->count++;
}

static void suspect_tails(struct files *files, const struct tail *tail, const uint64_t *hashes, ssize_t n, struct hunt **hunt)
{
	uint8_t stream[LG_STREAM_SAVE_MAX];
	struct position position;

	for (const struct tail *other = files->tails; other; other = other->next) {
		if (other->pack || other->fresh || !has_head(&other->ident, hashes, n))
			continue;
		tail_position(other, &position, stream);
		if (is_telling(&position.ident) || are_related(base_of(other->path), base_of(tail->path)))
			add_suspect(hunt, other->key, &position.ident);
	}
}

static void suspect_saved(struct files *files, const struct tail *tail, const uint64_t *hashes, ssize_t n, struct hunt **hunt)
{
	for (struct table_link *link = table_next(&files->saved.by_ino, NULL); link; link = table_next(&files->saved.by_ino, link)) {
		const struct saved *saved = TABLE_ITEM(link, struct saved, by_ino);
		const struct ident *ident = &saved->position.ident;
		char path[LG_POSITION_VALUE_MAX + 1];
		bool same = ident->ino == tail->ident.ino && ident_same_birth(ident->birth, tail->ident.birth);

		if (!has_head(ident, hashes, n) || (saved->position.packed && !same))
			continue;
		memcpy(path, saved->position.path.data, saved->position.path.size);
		path[saved->position.path.size] = '\0';
		if (same || is_telling(ident) || are_related(base_of(path), base_of(tail->path)))
			add_suspect(hunt, saved->key, ident);
	}
}

/* A file not compared with the saved positions yet may be the one that this was made from: it comes first. */
static bool others_come_first(const struct files *files)
{
	for (const struct tail *tail = files->tails; tail; tail = tail->next)
		if (!tail->pack && tail->fresh && tail->size && tail->health == TAIL_SOUND && tail->content.fd >= 0)
			return true;
	return false;
}

static struct tail *tail_by_key(const struct files *files, const char *key)
{
	for (struct tail *tail = files->tails; tail; tail = tail->next)
		if (memcmp(tail->key, key, IDENT_KEY_SIZE) == 0)
			return tail;
	return NULL;
}

static struct saved *saved_by_key(const struct files *files, const char *key)
{
	for (struct table_link *link = table_next(&files->saved.by_ino, NULL); link; link = table_next(&files->saved.by_ino, link)) {
		struct saved *saved = TABLE_ITEM(link, struct saved, by_ino);

		if (memcmp(saved->key, key, IDENT_KEY_SIZE) == 0)
			return saved;
	}
	return NULL;
}

/* It is being written: what was not found in it may come. */
static bool may_still_come(const struct files *files, const struct tail *tail, int64_t now_ns)
{
	return !unpack_complete(tail->content.unpack) && !lg_input_once(files->reader.host) &&
	       now_ns < tail->active_ns + files->reader.conf->rotate_wait_ns;
}

static enum tail_result start_hunt(struct files *files, struct tail *tail, int64_t now_ns)
{
	uint64_t hashes[IDENT_SPAN + 1];
	ssize_t n = hash_head(tail, hashes);

	if (n < 0)
		return tail_fail_read(tail, now_ns);
	tail->hunt = file_alloc(sizeof(*tail->hunt) + 4 * sizeof(*tail->hunt->items));
	tail->hunt->cap = 4;
	suspect_tails(files, tail, hashes, n, &tail->hunt);
	suspect_saved(files, tail, hashes, n, &tail->hunt);
	return TAIL_END;
}

static void end_hunt(struct tail *tail)
{
	free(tail->hunt);
	tail->hunt = NULL;
}

enum tail_result packed_hunt(struct files *files, struct tail *tail, int64_t now_ns, struct saved **saved)
{
	struct suspect *best;

	*saved = NULL;
	tail->incomplete = false;
	if (tail->of_key[0] && tail_by_key(files, tail->of_key))
		return TAIL_END;
	if (tail->of_key[0])
		end_hunt(tail); /* where it was left in the end is further on */
	if (others_come_first(files))
		return lg_input_once(files->reader.host) ? TAIL_LATER : TAIL_MORE;
	tail->of_key[0] = '\0';
	if (tail->ident.head_size < IDENT_SPAN && may_still_come(files, tail, now_ns)) {
		tail->incomplete = true;
		return TAIL_MORE;
	}
	if (!tail->hunt && start_hunt(files, tail, now_ns) != TAIL_END)
		return TAIL_FAILED;
	for (; tail->hunt->at < tail->hunt->count; tail->hunt->at++) {
		struct suspect *suspect = &tail->hunt->items[tail->hunt->at];
		enum ident_verdict verdict = ident_compare(&suspect->ident, &tail->content);

		if (verdict == IDENT_LATER || verdict == IDENT_UNREADABLE)
			return tail_fail_read(tail, now_ns);
		if (verdict == IDENT_OTHER && may_still_come(files, tail, now_ns)) {
			tail->incomplete = true;
			return TAIL_MORE;
		}
		if (verdict == IDENT_SAME)
			tail->hunt->best = suspect;
	}
	best = tail->hunt->best;
	if (best && tail_by_key(files, best->key)) {
		memcpy(tail->of_key, best->key, IDENT_KEY_SIZE);
		lg_input_log(files->reader.host, LG_INFO, "%s: the compressed form of %s, which is read to its end first", tail->path,
			tail_by_key(files, best->key)->path);
		return TAIL_END;
	}
	*saved = best ? saved_by_key(files, best->key) : NULL;
	end_hunt(tail);
	return best && !*saved ? TAIL_LATER : TAIL_END; /* forgotten in the meantime: once more */
}

/* ---- what it may be the compressed form of ------------------------------------------------------------------------- */

static DIR *open_dir_of(const char *path, char **dir)
{
	const char *slash = strrchr(path, '/');

	*dir = slash == path ? file_strdup("/") : file_strdup(slash ? path : ".");
	if (slash > path)
		(*dir)[slash - path] = '\0';
	return opendir(*dir);
}

static bool is_readable_pack(const char *name)
{
	enum pack pack = pack_of(name);

	return pack != PACK_NONE && !pack_refused(pack);
}

bool packed_may_exist(struct files *files, const char *path)
{
	struct dirent *entry;
	bool found = false;
	char *dir;
	DIR *stream;

	for (const struct tail *tail = files->tails; tail; tail = tail->next)
		if (tail->pack && tail->fresh)
			return true;
	stream = open_dir_of(path, &dir);
	while (stream && !found && (entry = readdir(stream)))
		found = is_readable_pack(entry->d_name) && are_related(base_of(path), entry->d_name);
	if (stream)
		closedir(stream);
	free(dir);
	return found;
}

static bool begins_alike(const char *path, const struct ident *ident)
{
	struct content content = {open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), NULL};
	struct ident head = *ident;
	bool alike;

	if (content.fd < 0)
		return false;
	head.mark_size = 0;
	content.unpack = unpack_new(pack_of(path), IDENT_SPAN);
	alike = ident_compare(&head, &content) == IDENT_SAME;
	unpack_free(content.unpack);
	close(content.fd);
	return alike;
}

static bool take_up(struct files *files, const char *name, const char *path, const struct position *position, int64_t now_ns)
{
	struct tail *tail;
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || changed_ns(&st) < position->since_ns || !begins_alike(path, &position->ident))
		return false;
	tail = files_tail_by_inode(files, (uint64_t)st.st_dev, (uint64_t)st.st_ino);
	if (tail)
		return tail->fresh;
	tail = files_add_gone(files, name, path, &st, now_ns);
	if (tail)
		tail->by_chance = true;
	return tail != NULL;
}

bool packed_hand_over(struct files *files, const char *path, const char *key, const struct position *position, int64_t now_ns)
{
	uint8_t value[LG_POSITION_VALUE_MAX];
	struct dirent *entry;
	bool found = false;
	size_t size;
	char *dir;
	DIR *stream;

	if (!ident_has_content(&position->ident))
		return false;
	stream = open_dir_of(path, &dir);
	while (stream && !found && (entry = readdir(stream))) {
		char *other;

		if (!is_readable_pack(entry->d_name) || !are_related(base_of(path), entry->d_name))
			continue;
		other = walk_join(dir, entry->d_name);
		found = take_up(files, path, other, position, now_ns);
		free(other);
	}
	if (stream)
		closedir(stream);
	free(dir);
	if (!found || saved_by_key(files, key))
		return found;
	size = position_encode(position, value);
	saved_put(&files->saved, key, value, size);
	return saved_add(&files->saved, lg_str_from(key), value, size);
}

static bool was_looked_at(struct files *files, const struct stat *st)
{
	struct looked *looked = NULL;

	for (struct table_link *link = table_find(&files->looked, (uint64_t)st->st_ino); link && !looked; link = table_find_next(link)) {
		looked = TABLE_ITEM(link, struct looked, link);
		if (looked->dev != (uint64_t)st->st_dev || looked->ino != (uint64_t)st->st_ino)
			looked = NULL;
	}
	if (looked && looked->changed_ns == changed_ns(st))
		return true;
	if (!looked) {
		looked = file_alloc(sizeof(*looked));
		looked->dev = (uint64_t)st->st_dev;
		looked->ino = (uint64_t)st->st_ino;
		table_add(&files->looked, &looked->link, looked->ino);
	}
	looked->changed_ns = changed_ns(st);
	return false;
}

/* gzip ends with the size of what it holds (RFC 1952, 2.3.1: modulo 2^32): all of it was read, no need to expand it. */
static bool holds_no_more(const char *path, const struct stat *st, const struct ident *ident)
{
	int fd = pack_of(path) == PACK_GZIP ? open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
	uint8_t end[4];
	bool read = false;

	if (fd >= 0) {
		read = st->st_size > 18 && ident_pread(fd, end, 4, st->st_size - 4) == 4;
		close(fd);
	}
	return read && ((uint32_t)end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 | (uint32_t)end[3] << 24) == (uint32_t)ident->mark_at;
}

void packed_look_at(struct files *files, const char *dir, const char *entry, uint64_t ino, int64_t now_ns)
{
	char *path = NULL, was[LG_POSITION_VALUE_MAX + 1];
	struct stat st;

	if (!is_readable_pack(entry) || table_find(&files->saved.by_ino, ino) || table_find(&files->by_ino, ino))
		return;
	path = walk_join(dir, entry);
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || was_looked_at(files, &st))
		goto done;
	for (struct table_link *link = table_next(&files->saved.by_ino, NULL); link; link = table_next(&files->saved.by_ino, link)) {
		const struct position *position = &TABLE_ITEM(link, struct saved, by_ino)->position;

		memcpy(was, position->path.data, position->path.size);
		was[position->path.size] = '\0';
		if (position->packed || !was[0] || !are_related(base_of(was), entry) || !files_match(files, was) ||
		    changed_ns(&st) < position->since_ns || holds_no_more(path, &st, &position->ident))
			continue;
		if (take_up(files, was, path, position, now_ns))
			break;
	}
done:
	free(path);
}

/* ---- turns --------------------------------------------------------------------------------------------------------- */

bool packed_make_room(struct files *files)
{
	for (struct tail *tail = files->oldest; tail && files->reader.unpack_count >= UNPACK_MAX; tail = tail->newer)
		if (tail->content.unpack && !tail->queued)
			tail_fold(tail);
	return files->reader.unpack_count < UNPACK_MAX;
}

void packed_wake(struct files *files)
{
	files->packed_due = false;
	for (struct tail *tail = files->tails; tail; tail = tail->next)
		if (tail->pack && tail->fresh)
			files_enqueue(files, tail);
}

void packed_fini(struct files *files)
{
	struct table_link *link = table_next(&files->looked, NULL), *next;

	for (; link; link = next) {
		next = table_next(&files->looked, link);
		free(TABLE_ITEM(link, struct looked, link));
	}
	table_fini(&files->looked);
}
