#include "files.h"
#include "packed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "walk.h"

#define WEEK_NS (7 * INT64_C(86400) * 1000000000)
#define DAY_NS (INT64_C(86400) * 1000000000)
#define HOUR_NS (INT64_C(3600) * 1000000000)
#define LOOK_NS 250000 /* between two looks, for each name: a look costs some 2.5 us, so that all of them are 1 % of a core at most */
#define HOT_NS (60 * INT64_C(1000000000)) /* a file that gave something so recently is looked at every poll_interval, however many there are */
#define SAFETY_NS (10 * INT64_C(1000000000)) /* what inotify cannot see: mmap, other names of the same file */

struct scan {
	struct files *files;
	int64_t now_ns;
	bool watch_failed, elsewhere;
};

static uint64_t hash_path(const char *path)
{
	return file_hash(FILE_HASH_START, path, strlen(path));
}

static struct name *find_name(const struct files *files, const char *path)
{
	for (struct table_link *link = table_find(&files->names, hash_path(path)); link; link = table_find_next(link)) {
		struct name *name = TABLE_ITEM(link, struct name, link);

		if (strcmp(name->path, path) == 0)
			return name;
	}
	return NULL;
}

static struct name *get_name(struct files *files, const char *path)
{
	struct name *name = find_name(files, path);

	if (!name) {
		struct stat st;

		name = file_alloc(sizeof(*name));
		name->elsewhere = lstat(path, &st) == 0 && (S_ISLNK(st.st_mode) || st.st_nlink > 1);
		name->path = file_strdup(path);
		table_add(&files->names, &name->link, hash_path(path));
	}
	return name;
}

struct tail *files_tail_by_name(const struct files *files, const char *path)
{
	struct name *name = find_name(files, path);

	return name ? name->tail : NULL;
}

struct tail *files_tail_by_inode(const struct files *files, uint64_t dev, uint64_t ino)
{
	for (struct table_link *link = table_find(&files->by_ino, ino); link; link = table_find_next(link)) {
		struct tail *tail = TABLE_ITEM(link, struct tail, by_ino);

		if (tail->ident.ino == ino && tail->ident.dev == dev)
			return tail;
	}
	return NULL;
}

static bool is_excluded(const struct files *files, const char *path)
{
	const struct lg_strings *excludes = &files->reader.conf->exclude;
	bool excluded = false;

	for (size_t i = 0; i < excludes->count && !excluded; i++)
		excluded = walk_excludes(excludes->items[i], path);
	return excluded;
}

bool files_match(const struct files *files, const char *path)
{
	const struct lg_strings *globs = &files->reader.conf->path;
	bool match = false;

	for (size_t i = 0; i < globs->count && !match; i++)
		match = walk_matches(globs->items[i], path);
	return match && !is_excluded(files, path);
}

static void refuse(struct files *files, struct name *name, const char *why)
{
	if (!name->refused)
		lg_input_log(files->reader.host, LG_WARNING, "%s: not read: %s", name->path, why);
	name->refused = true;
}

static struct tail *add_tail(struct files *files, const char *name, const char *path, const struct stat *st, int64_t now_ns)
{
	struct lg_err err;
	struct tail *tail = tail_new(&files->reader, name, (uint64_t)st->st_dev, (uint64_t)st->st_ino, &err);

	if (!tail) {
		lg_input_log(files->reader.host, LG_ERROR, "%s: not read: %s", path, err.text);
		return NULL;
	}
	tail->pack = pack_of(path);
	tail_note_size(tail, st->st_size);
	tail->active_ns = now_ns;
	/* What the first start finds is passed over record by record: only so does it end at a record's border, in any framing. */
	if (files->first_start && !files->scanned && files->reader.conf->start_at == START_END)
		tail->skip_to = tail->pack ? INT64_MAX : st->st_size;
	table_add(&files->by_ino, &tail->by_ino, tail->ident.ino);
	tail->next = files->tails;
	if (tail->next)
		tail->next->link = &tail->next;
	tail->link = &files->tails;
	files->tails = tail;
	files->tail_count++;
	/* Opened at once: from here on a rotation or deletion cannot take it away before it is read. */
	(void)files_open_tail(files, tail, path, now_ns);
	files->faults_changed |= tail->health != TAIL_SOUND;
	files_enqueue(files, tail);
	return tail;
}

struct tail *files_add_tail(struct files *files, const char *path, const struct stat *st, int64_t now_ns)
{
	return add_tail(files, path, path, st, now_ns);
}

struct tail *files_add_gone(struct files *files, const char *name, const char *path, const struct stat *st, int64_t now_ns)
{
	struct tail *tail = add_tail(files, name, path, st, now_ns);

	if (tail)
		tail->life = TAIL_GONE;
	return tail;
}

static void unlink_name(struct files *files, struct name *name)
{
	struct tail *tail = name->tail;

	name->tail = NULL;
	if (!tail || !--tail->names || strcmp(tail->path, name->path) != 0)
		return;
	/* Another name leads to it still: that is the one to open it by. */
	for (struct table_link *link = table_next(&files->names, NULL); link; link = table_next(&files->names, link)) {
		struct name *other = TABLE_ITEM(link, struct name, link);

		if (other->tail == tail) {
			tail_rename(tail, other->path);
			return;
		}
	}
}

static void link_name(struct files *files, struct name *name, struct tail *tail)
{
	name->tail = tail;
	if (tail->names++)
		return;
	if (tail->life == TAIL_GONE && strcmp(tail->path, name->path) != 0)
		lg_input_log(files->reader.host, LG_INFO, "%s: is now %s", tail->path, name->path);
	tail->life = TAIL_LIVE;
	tail->by_chance = false;
	if (strcmp(tail->path, name->path) != 0)
		tail_rename(tail, name->path);
}

/* The time of modification tells of a file that was truncated and written anew to the size it had. */
static void note_change(struct files *files, struct tail *tail, const struct stat *st, int64_t now_ns)
{
	int64_t changed_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;

	bool retried = tail->health == TAIL_UNREADABLE && tail->retry_ns != INT64_MAX;

	if ((tail->fresh || tail->pack) && st->st_size > tail_disk_size(tail)) {
		tail_note_size(tail, st->st_size);
		tail->active_ns = now_ns;
	}
	if (!retried && (st->st_size != tail_disk_size(tail) || changed_ns != tail->changed_ns || (tail->fresh && !tail->pack)))
		files_enqueue(files, tail);
	tail->changed_ns = changed_ns;
}

static void examine(struct scan *scan, const char *path)
{
	struct files *files = scan->files;
	const char *why = pack_refused(pack_of(path));
	struct name *name;
	struct tail *tail;
	struct stat st;

	if (stat(path, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return;
		name = get_name(files, path);
		name->generation = files->generation;
		refuse(files, name, strerror(errno));
		return;
	}
	name = get_name(files, path);
	if (name->generation == files->generation)
		return;
	name->generation = files->generation;
	if (!S_ISREG(st.st_mode) || why) {
		unlink_name(files, name);
		refuse(files, name, S_ISREG(st.st_mode) ? why : "not a regular file");
		return;
	}
	tail = files_tail_by_inode(files, (uint64_t)st.st_dev, (uint64_t)st.st_ino);
	if (!tail)
		tail = files_add_tail(files, path, &st, scan->now_ns);
	if (name->tail != tail) {
		unlink_name(files, name);
		if (tail)
			link_name(files, name, tail);
	}
	scan->elsewhere |= name->elsewhere;
	if (tail)
		note_change(files, tail, &st, scan->now_ns);
	if (tail && lg_input_utc(files->reader.host) - tail->sealed_utc > DAY_NS && tail_offset(tail))
		tail_set_dirty(tail);
}

static void scan_entry(void *arg, const char *dir, const char *name, ino_t ino, bool match)
{
	char *path;

	(void)ino;
	if (!match)
		return;
	path = walk_join(dir, name);
	if (!is_excluded(((struct scan *)arg)->files, path))
		examine(arg, path);
	free(path);
}

static void scan_dir(void *arg, const char *dir)
{
	struct scan *scan = arg;
	struct files *files = scan->files;
	struct lg_err err;
	enum lg_rc rc;

	if (!files->watch || scan->watch_failed)
		return;
	rc = watch_dir(files->watch, dir, &err);
	if (rc != LG_FULL && rc != LG_UNSUPPORTED)
		return;
	scan->watch_failed = true;
	lg_input_log(files->reader.host, LG_WARNING, "%s; the files are looked at every poll_interval instead", err.text);
}

/* Names that this scan did not see are no more. */
static void sweep_names(struct files *files)
{
	struct table_link *link = table_next(&files->names, NULL), *next;

	for (; link; link = next) {
		struct name *name = TABLE_ITEM(link, struct name, link);

		next = table_next(&files->names, link);
		if (name->generation == files->generation)
			continue;
		unlink_name(files, name);
		table_remove(&files->names, link);
		free(name->path);
		free(name);
	}
}

static void sweep_tails(struct files *files, int64_t now_ns)
{
	for (struct tail *tail = files->tails; tail; tail = tail->next) {
		if (tail->life == TAIL_GONE && tail->content.fd >= 0)
			files_enqueue(files, tail);
		if (tail->names || tail->life == TAIL_GONE)
			continue;
		tail->life = TAIL_GONE;
		tail->active_ns = now_ns;
		lg_input_log(files->reader.host, LG_INFO, "%s: rotated or deleted, is read to its end", tail->path);
		if (tail->content.fd < 0)
			files->lost_count++;
		else
			files_enqueue(files, tail);
	}
}

/* A saved position whose file had a name that one of today's globs matches; the name in *name, which the caller frees. */
static bool was_ours(const struct files *files, const struct position *position, char **name)
{
	*name = file_alloc(position->path.size + 1);
	memcpy(*name, position->path.data, position->path.size);
	if (files_match(files, *name))
		return true;
	free(*name);
	*name = NULL;
	return false;
}

/* The inode may be another file's by now: what was read of it must be in it. */
static void find_lost_tail(struct scan *scan, struct tail *tail, const char *path)
{
	if (files_open_tail(scan->files, tail, path, scan->now_ns) == TAIL_END)
		files_enqueue(scan->files, tail);
	else
		files_close_tail(scan->files, tail);
}

/* The first scan takes up every such file, for what its assemblies hold; later ones a rotated file that its writer still appends to. */
static void find_lost_saved(struct scan *scan, const char *name, const struct position *position, const char *path)
{
	struct files *files = scan->files;
	struct tail *tail;
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || files_tail_by_inode(files, (uint64_t)st.st_dev, (uint64_t)st.st_ino))
		return;
	if (files->scanned && st.st_size <= position->ident.mark_at)
		return;
	tail = files_add_gone(files, name, path, &st, scan->now_ns);
	if (tail)
		tail->by_chance = true;
}

/* A file whose matching name went while we had it closed (or were not running) may lie beside it under a name that no glob
 * matches, as after a rename rotation: its inode finds it. */
static void find_lost(void *arg, const char *dir, const char *entry, ino_t ino, bool match)
{
	struct scan *scan = arg;
	struct files *files = scan->files;
	struct position *position = NULL;
	struct tail *tail = NULL;
	struct table_link *link;
	char *path = NULL, *name = NULL;

	for (link = table_find(&files->by_ino, ino); link && !tail; link = table_find_next(link)) {
		struct tail *lost = TABLE_ITEM(link, struct tail, by_ino);

		if (lost->life == TAIL_GONE && lost->content.fd < 0 && ident_has_content(&lost->ident))
			tail = lost;
	}
	for (link = match ? NULL : table_find(&files->saved.by_ino, ino); link && !name; link = table_find_next(link)) {
		position = &TABLE_ITEM(link, struct saved, by_ino)->position;
		(void)was_ours(files, position, &name);
	}
	if (tail || name)
		path = walk_join(dir, entry);
	if (tail)
		find_lost_tail(scan, tail, path);
	else if (name)
		find_lost_saved(scan, name, position, path);
	else if (!match)
		packed_look_at(files, dir, entry, (uint64_t)ino, scan->now_ns);
	free(name);
	free(path);
}

static void ignore_dir(void *arg, const char *dir)
{
	(void)arg;
	(void)dir;
}

static void look_for_lost(struct scan *scan)
{
	struct files *files = scan->files;
	const struct lg_strings *globs = &files->reader.conf->path;
	struct walk walk = {.dir = ignore_dir, .entry = find_lost, .arg = scan, .all = true};

	if (!files->lost_count && (!files->saved.by_ino.count || scan->now_ns < files->lost_ns))
		return;
	files->lost_ns = scan->now_ns + SAFETY_NS;
	for (size_t i = 0; i < globs->count; i++)
		walk_pattern(&walk, globs->items[i]);
	for (struct tail *tail = files->tails, *next; tail; tail = next) {
		next = tail->next;
		if (tail->life == TAIL_GONE && tail->content.fd < 0 && !tail->queued)
			files_retire(files, tail, false);
	}
	files->lost_count = 0;
}

void files_scan(struct files *files, int64_t now_ns)
{
	const struct lg_strings *globs = &files->reader.conf->path;
	struct scan scan = {.files = files, .now_ns = now_ns};
	struct walk walk = {.dir = scan_dir, .entry = scan_entry, .arg = &scan};
	int64_t interval = files->reader.conf->poll_interval_ns;

	files->generation++;
	files->scan_due = false;
	for (size_t i = 0; i < globs->count; i++)
		walk_pattern(&walk, globs->items[i]);
	if (scan.watch_failed) {
		watch_close(files->watch);
		files->watch = NULL;
	}
	sweep_names(files);
	sweep_tails(files, now_ns);
	look_for_lost(&scan);
	if (now_ns - files->opened_ns > HOUR_NS)
		saved_expire(&files->saved, lg_input_utc(files->reader.host) - WEEK_NS);
	if (files->watch && !walk.missing && !scan.elsewhere && interval < SAFETY_NS)
		interval = SAFETY_NS;
	if (interval < (int64_t)files->names.count * LOOK_NS)
		interval = (int64_t)files->names.count * LOOK_NS;
	files->scan_ns = now_ns + interval;
	files->scanned = true;
}

void files_look_at_hot(struct files *files, int64_t now_ns)
{
	files->hot_ns = now_ns + files->reader.conf->poll_interval_ns;
	if ((int64_t)files->names.count * LOOK_NS <= files->reader.conf->poll_interval_ns)
		return;
	for (struct tail *tail = files->tails; tail; tail = tail->next) {
		struct stat st;

		if (tail->content.fd >= 0 && now_ns - tail->active_ns < HOT_NS && fstat(tail->content.fd, &st) == 0 &&
		    st.st_size != tail_disk_size(tail))
			files_enqueue(files, tail);
	}
}

void files_free_names(struct files *files)
{
	files->generation++;
	sweep_names(files);
	table_fini(&files->names);
}
