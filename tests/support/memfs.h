/* memfs.h - a file system in memory behind the I/O seam, which knows what a power loss may leave of it. Header only, for test
 * programs.
 *
 * It keeps the live view (what a process sees), the durable view (what a disk surely has), and between them the pieces that were
 * written and not synced: sectors of 512 bytes, file sizes, directory entries. Any subset of the pieces, applied in order, is a
 * legal state after a crash: memfs_crash makes a new file system of one. Rules:
 *  - fsync(file) makes the file's data and size durable; fdatasync the same but for a size that shrank. Neither touches the
 * directory.
 *  - sync_dir makes the directory's entries durable; rename is one piece: both names change or none.
 *  - A sync that fails leaves its pieces in limbo: each may or may not reach the disk, and no later sync answers for them (Linux
 * drops the dirty mark). A directory that was made is the exception: names are journalled, a journal that cannot be written stops the
 * file system, and nothing could be done about it. Names of files are held to the harder rule.
 */
#ifndef MEMFS_H
#define MEMFS_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"

#define MEMFS_PAGE 4096u
#define MEMFS_SECTOR 512u
#define MEMFS_PATH 160

enum memfs_op {
	MEMFS_OPEN,
	MEMFS_PREAD,
	MEMFS_PWRITEV,
	MEMFS_FDATASYNC,
	MEMFS_FSYNC,
	MEMFS_TRUNCATE,
	MEMFS_ALLOCATE,
	MEMFS_RENAME,
	MEMFS_UNLINK,
	MEMFS_MKDIR,
	MEMFS_SYNC_DIR,
	MEMFS_OPS
};

struct memfs_page {
	unsigned refs;
	uint8_t bytes[MEMFS_PAGE];
};

struct memfs_file { /* one inode's content in one view; pages are shared until written */
	struct memfs_page **pages;
	size_t page_count;
	uint64_t size;
};

struct memfs_entry {
	char path[MEMFS_PATH];
	int inode; /* -1: a directory */
};

struct memfs_view {
	struct memfs_file *files; /* by inode */
	int file_count;
	struct memfs_entry *entries;
	size_t entry_count;
};

enum memfs_kind { MEMFS_DATA, MEMFS_SIZE, MEMFS_LINK, MEMFS_GONE, MEMFS_MOVE };

struct memfs_piece {
	enum memfs_kind kind;
	int inode;
	uint64_t at; /* DATA: offset; SIZE: the new size */
	bool shrinks;
	bool limbo; /* a sync failed on it */
	uint16_t size;
	uint8_t bytes[MEMFS_SECTOR];
	char path[MEMFS_PATH], to[MEMFS_PATH];
};

struct memfs_handle {
	int inode;
	bool used, locked;
};

struct memfs {
	struct sys_io io;
	struct memfs_view live, durable;
	struct memfs_piece *pieces;
	size_t piece_count, piece_cap;
	struct memfs_handle handles[64];
	uint64_t capacity; /* bytes of all files; 0: no limit */
	/* faults: the next `fail_count` calls of op after `fail_after` answer -fail_errno */
	int fail_errno[MEMFS_OPS], fail_after[MEMFS_OPS], fail_count[MEMFS_OPS];
	uint64_t calls[MEMFS_OPS], bytes_read;
	uint64_t bad_from, bad_to;      /* reads of .seg files that touch these offsets answer -EIO */
	void (*before_sync)(void *arg); /* called before any sync takes effect */
	void *before_sync_arg;
};

/* ---- pages ---- */

static inline void memfs_page_drop(struct memfs_page *page)
{
	if (page && --page->refs == 0)
		free(page);
}

static inline void memfs_file_size(struct memfs_file *file, uint64_t size)
{
	size_t pages = (size_t)((size + MEMFS_PAGE - 1) / MEMFS_PAGE);

	for (size_t i = pages; i < file->page_count; i++)
		memfs_page_drop(file->pages[i]);
	if (pages != file->page_count) {
		file->pages = realloc(file->pages, (pages ? pages : 1) * sizeof(*file->pages));
		for (size_t i = file->page_count; i < pages; i++)
			file->pages[i] = NULL;
		file->page_count = pages;
	}
	if (size < file->size && size % MEMFS_PAGE && file->pages[pages - 1]) {
		struct memfs_page *copy = malloc(sizeof(*copy));

		*copy = *file->pages[pages - 1];
		copy->refs = 1;
		memset(copy->bytes + size % MEMFS_PAGE, 0, MEMFS_PAGE - size % MEMFS_PAGE);
		memfs_page_drop(file->pages[pages - 1]);
		file->pages[pages - 1] = copy;
	}
	file->size = size;
}

static inline void memfs_file_write(struct memfs_file *file, uint64_t at, const uint8_t *bytes, size_t size)
{
	if (at + size > file->size)
		memfs_file_size(file, at + size);
	while (size) {
		size_t i = (size_t)(at / MEMFS_PAGE), in = (size_t)(at % MEMFS_PAGE),
		       n = MEMFS_PAGE - in < size ? MEMFS_PAGE - in : size;
		struct memfs_page *page = file->pages[i];

		if (!page || page->refs > 1) {
			struct memfs_page *copy = calloc(1, sizeof(*copy));

			if (page)
				memcpy(copy->bytes, page->bytes, MEMFS_PAGE);
			copy->refs = 1;
			memfs_page_drop(page);
			page = file->pages[i] = copy;
		}
		memcpy(page->bytes + in, bytes, n);
		at += n;
		bytes += n;
		size -= n;
	}
}

static inline size_t memfs_file_read(const struct memfs_file *file, uint64_t at, uint8_t *bytes, size_t size)
{
	size_t done = 0;

	if (at >= file->size)
		return 0;
	if (size > file->size - at)
		size = (size_t)(file->size - at);
	while (done < size) {
		size_t i = (size_t)((at + done) / MEMFS_PAGE), in = (size_t)((at + done) % MEMFS_PAGE);
		size_t n = MEMFS_PAGE - in < size - done ? MEMFS_PAGE - in : size - done;

		if (file->pages[i])
			memcpy(bytes + done, file->pages[i]->bytes + in, n);
		else
			memset(bytes + done, 0, n);
		done += n;
	}
	return done;
}

/* ---- views ---- */

static inline void memfs_view_copy(struct memfs_view *to, const struct memfs_view *from)
{
	to->file_count = from->file_count;
	to->files = calloc((size_t)from->file_count + 1, sizeof(*to->files));
	for (int i = 0; i < from->file_count; i++) {
		to->files[i] = from->files[i];
		to->files[i].pages = malloc((from->files[i].page_count + 1) * sizeof(*to->files[i].pages));
		for (size_t k = 0; k < from->files[i].page_count; k++) {
			to->files[i].pages[k] = from->files[i].pages[k];
			if (to->files[i].pages[k])
				to->files[i].pages[k]->refs++;
		}
	}
	to->entry_count = from->entry_count;
	to->entries = malloc((from->entry_count + 1) * sizeof(*to->entries));
	if (from->entry_count)
		memcpy(to->entries, from->entries, from->entry_count * sizeof(*to->entries));
}

static inline void memfs_view_free(struct memfs_view *view)
{
	for (int i = 0; i < view->file_count; i++) {
		memfs_file_size(&view->files[i], 0);
		free(view->files[i].pages);
	}
	free(view->files);
	free(view->entries);
	memset(view, 0, sizeof(*view));
}

static inline struct memfs_entry *memfs_find(struct memfs_view *view, const char *path)
{
	for (size_t i = 0; i < view->entry_count; i++)
		if (strcmp(view->entries[i].path, path) == 0)
			return &view->entries[i];
	return NULL;
}

static inline void memfs_link(struct memfs_view *view, const char *path, int inode)
{
	struct memfs_entry *e = memfs_find(view, path);

	if (!e) {
		view->entries = realloc(view->entries, (view->entry_count + 1) * sizeof(*view->entries));
		e = &view->entries[view->entry_count++];
		snprintf(e->path, sizeof(e->path), "%s", path);
	}
	e->inode = inode;
}

static inline void memfs_gone(struct memfs_view *view, const char *path)
{
	struct memfs_entry *e = memfs_find(view, path);

	if (e)
		*e = view->entries[--view->entry_count];
}

static inline void memfs_apply(struct memfs_view *view, const struct memfs_piece *piece)
{
	switch (piece->kind) {
	case MEMFS_DATA:
		memfs_file_write(&view->files[piece->inode], piece->at, piece->bytes, piece->size);
		break;
	case MEMFS_SIZE:
		if (piece->shrinks || piece->at > view->files[piece->inode].size)
			memfs_file_size(&view->files[piece->inode], piece->at);
		break;
	case MEMFS_LINK:
		memfs_link(view, piece->path, piece->inode);
		break;
	case MEMFS_GONE:
		memfs_gone(view, piece->path);
		break;
	case MEMFS_MOVE:
		memfs_gone(view, piece->path);
		memfs_link(view, piece->to, piece->inode);
		break;
	}
}

static inline struct memfs_piece *memfs_piece_add(struct memfs *fs, enum memfs_kind kind, int inode)
{
	struct memfs_piece *piece;

	if (fs->piece_count == fs->piece_cap) {
		fs->piece_cap = fs->piece_cap ? fs->piece_cap * 2 : 64;
		fs->pieces = realloc(fs->pieces, fs->piece_cap * sizeof(*fs->pieces));
	}
	piece = &fs->pieces[fs->piece_count++];
	memset(piece, 0, sizeof(*piece));
	piece->kind = kind;
	piece->inode = inode;
	return piece;
}

static inline bool memfs_in_dir(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/' && !strchr(path + n + 1, '/');
}

static inline bool memfs_belongs(const struct memfs_piece *piece, int inode, const char *dir, bool data_only)
{
	if (piece->limbo)
		return false;
	if (piece->kind == MEMFS_DATA || piece->kind == MEMFS_SIZE)
		return inode >= 0 && piece->inode == inode && !(data_only && piece->shrinks);
	return dir && memfs_in_dir(piece->kind == MEMFS_MOVE ? piece->to : piece->path, dir);
}

/* True where a later piece that is synced settles the fate of an earlier one in limbo: the same sector goes out whole, the same
 * name is decided. */
static inline bool memfs_settles(const struct memfs_piece *later, const struct memfs_piece *limbo)
{
	if (later->kind == MEMFS_DATA || later->kind == MEMFS_SIZE)
		return later->kind == limbo->kind && later->inode == limbo->inode &&
		       (later->kind == MEMFS_SIZE || later->at / MEMFS_SECTOR == limbo->at / MEMFS_SECTOR);
	if (limbo->kind == MEMFS_DATA || limbo->kind == MEMFS_SIZE)
		return false;
	return strcmp(later->path, limbo->path) == 0 || (limbo->to[0] && strcmp(later->path, limbo->to) == 0) ||
	       (later->to[0] && (strcmp(later->to, limbo->path) == 0 || strcmp(later->to, limbo->to) == 0));
}

static inline void memfs_settle_limbo(struct memfs *fs, const struct memfs_piece *later, size_t *count)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++) {
		struct memfs_piece *limbo = &fs->pieces[i];

		if (limbo->limbo && memfs_settles(later, limbo)) {
			memfs_apply(&fs->durable, limbo);
			continue;
		}
		/* What was cut off does not come back: its blocks are no longer the file's. */
		if (limbo->limbo && limbo->kind == MEMFS_DATA && later->kind == MEMFS_SIZE && later->shrinks && later->inode == limbo->inode &&
		        limbo->at + limbo->size > later->at) {
			if (limbo->at >= later->at)
				continue;
			limbo->size = (uint16_t)(later->at - limbo->at);
		}
		if (kept != i)
			fs->pieces[kept] = fs->pieces[i];
		kept++;
	}
	*count = kept;
}

/* A sync of a file (inode) or a directory took effect, or failed. */
static inline void memfs_settle(struct memfs *fs, int inode, const char *dir, bool data_only, bool failed)
{
	size_t kept = 0;

	for (size_t i = 0; i < fs->piece_count; i++) {
		struct memfs_piece *piece = &fs->pieces[i];
		bool ours = memfs_belongs(piece, inode, dir, data_only);

		if (ours && failed)
			piece->limbo = !(piece->kind == MEMFS_LINK && piece->inode < 0);
		else if (ours) {
			memfs_settle_limbo(fs, piece, &kept);
			memfs_apply(&fs->durable, piece);
			continue;
		}
		if (kept != i)
			fs->pieces[kept] = *piece;
		kept++;
	}
	fs->piece_count = kept;
}

/* ---- the seam ---- */

static inline int memfs_fault(struct memfs *fs, enum memfs_op op)
{
	fs->calls[op]++;
	if (!fs->fail_count[op])
		return 0;
	if (fs->fail_after[op]) {
		fs->fail_after[op]--;
		return 0;
	}
	fs->fail_count[op]--;
	return -fs->fail_errno[op];
}

static inline void memfs_fail(struct memfs *fs, enum memfs_op op, int error, int after, int count)
{
	fs->fail_errno[op] = error;
	fs->fail_after[op] = after;
	fs->fail_count[op] = count;
}

static inline uint64_t memfs_used(const struct memfs *fs)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < fs->live.entry_count; i++)
		if (fs->live.entries[i].inode >= 0)
			bytes += fs->live.files[fs->live.entries[i].inode].size;
	return bytes;
}

static inline bool memfs_parent_exists(struct memfs *fs, const char *path)
{
	char parent[MEMFS_PATH];
	char *slash;
	struct memfs_entry *e;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return true;
	*slash = '\0';
	e = memfs_find(&fs->live, parent);
	return e && e->inode == -1;
}

static inline int memfs_open(void *self, const char *path, unsigned flags)
{
	struct memfs *fs = self;
	struct memfs_entry *e = memfs_find(&fs->live, path);
	int rc = memfs_fault(fs, MEMFS_OPEN), inode;

	if (rc < 0)
		return rc;
	if (e && (flags & SYS_EXCLUSIVE))
		return -EEXIST;
	if (!e && !(flags & SYS_CREATE))
		return -ENOENT;
	if (!e && !memfs_parent_exists(fs, path))
		return -ENOENT;
	if (e) {
		inode = e->inode;
	} else {
		inode = fs->live.file_count;
		fs->live.files = realloc(fs->live.files, (size_t)(inode + 1) * sizeof(*fs->live.files));
		fs->durable.files = realloc(fs->durable.files, (size_t)(inode + 1) * sizeof(*fs->durable.files));
		memset(&fs->live.files[inode], 0, sizeof(*fs->live.files));
		memset(&fs->durable.files[inode], 0, sizeof(*fs->durable.files));
		fs->live.file_count = fs->durable.file_count = inode + 1;
		memfs_link(&fs->live, path, inode);
		snprintf(memfs_piece_add(fs, MEMFS_LINK, inode)->path, MEMFS_PATH, "%s", path);
	}
	for (int i = 0; i < 64; i++) {
		if (!fs->handles[i].used) {
			fs->handles[i] = (struct memfs_handle){inode, true, false};
			return i;
		}
	}
	return -EMFILE;
}

static inline int memfs_close(void *self, int handle)
{
	((struct memfs *)self)->handles[handle].used = false;
	return 0;
}

static inline bool memfs_is_segment(struct memfs *fs, int inode)
{
	for (size_t i = 0; i < fs->live.entry_count; i++)
		if (fs->live.entries[i].inode == inode)
			return strstr(fs->live.entries[i].path, ".seg") != NULL;
	return false;
}

static inline ssize_t memfs_pread(void *self, int handle, void *data, size_t size, uint64_t offset)
{
	struct memfs *fs = self;
	int rc = memfs_fault(fs, MEMFS_PREAD);
	size_t n;

	if (rc < 0)
		return rc;
	if (offset < fs->bad_to && offset + size > fs->bad_from && memfs_is_segment(fs, fs->handles[handle].inode))
		return -EIO;
	n = memfs_file_read(&fs->live.files[fs->handles[handle].inode], offset, data, size);
	fs->bytes_read += n;
	return (ssize_t)n;
}

static inline void memfs_write_pieces(struct memfs *fs, int inode, const uint8_t *bytes, size_t size, uint64_t at)
{
	memfs_file_write(&fs->live.files[inode], at, bytes, size);
	while (size) {
		size_t n = MEMFS_SECTOR - (size_t)(at % MEMFS_SECTOR);
		struct memfs_piece *piece = memfs_piece_add(fs, MEMFS_DATA, inode);

		if (n > size)
			n = size;
		piece->at = at;
		piece->size = (uint16_t)n;
		memcpy(piece->bytes, bytes, n);
		bytes += n;
		at += n;
		size -= n;
	}
}

static inline int memfs_pwritev(void *self, int handle, const struct iovec *iov, int count, uint64_t offset)
{
	struct memfs *fs = self;
	int rc = memfs_fault(fs, MEMFS_PWRITEV), inode = fs->handles[handle].inode;
	size_t total = 0;
	uint8_t *all;
	uint64_t grows;

	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	grows = offset + total > fs->live.files[inode].size ? offset + total - fs->live.files[inode].size : 0;
	if (rc == 0 && fs->capacity && grows && memfs_used(fs) + grows > fs->capacity)
		rc = -ENOSPC;
	all = malloc(total + 1);
	for (size_t i = 0, at = 0; i < (size_t)count; at += iov[i++].iov_len)
		if (iov[i].iov_len)
			memcpy(all + at, iov[i].iov_base, iov[i].iov_len);
	/* A write that fails may have done its first half. */
	if (rc == 0 || rc == -EIO)
		memfs_write_pieces(fs, inode, all, rc ? total / 2 : total, offset);
	free(all);
	return rc;
}

static inline int memfs_sync(struct memfs *fs, enum memfs_op op, int inode, const char *dir)
{
	int rc;

	if (fs->before_sync)
		fs->before_sync(fs->before_sync_arg);
	rc = memfs_fault(fs, op);
	memfs_settle(fs, inode, dir, op == MEMFS_FDATASYNC, rc < 0);
	return rc;
}

static inline int memfs_fdatasync(void *self, int handle)
{
	struct memfs *fs = self;

	return memfs_sync(fs, MEMFS_FDATASYNC, fs->handles[handle].inode, NULL);
}

static inline int memfs_fsync(void *self, int handle)
{
	struct memfs *fs = self;

	return memfs_sync(fs, MEMFS_FSYNC, fs->handles[handle].inode, NULL);
}

static inline int memfs_sync_dir(void *self, const char *path)
{
	return memfs_sync(self, MEMFS_SYNC_DIR, -1, path);
}

static inline int memfs_truncate(void *self, int handle, uint64_t size)
{
	struct memfs *fs = self;
	int inode = fs->handles[handle].inode, rc = memfs_fault(fs, MEMFS_TRUNCATE);
	struct memfs_piece *piece;

	if (rc < 0 || size == fs->live.files[inode].size)
		return rc;
	piece = memfs_piece_add(fs, MEMFS_SIZE, inode);
	piece->at = size;
	piece->shrinks = size < fs->live.files[inode].size;
	memfs_file_size(&fs->live.files[inode], size);
	return 0;
}

static inline int memfs_allocate(void *self, int handle, uint64_t size)
{
	struct memfs *fs = self;
	int inode = fs->handles[handle].inode, rc = memfs_fault(fs, MEMFS_ALLOCATE);
	uint64_t now = fs->live.files[inode].size;

	if (rc < 0 || size <= now)
		return rc;
	if (fs->capacity && memfs_used(fs) + size - now > fs->capacity)
		return -ENOSPC;
	memfs_piece_add(fs, MEMFS_SIZE, inode)->at = size;
	memfs_file_size(&fs->live.files[inode], size);
	return 0;
}

static inline int64_t memfs_size(void *self, int handle)
{
	struct memfs *fs = self;

	return (int64_t)fs->live.files[fs->handles[handle].inode].size;
}

static inline int64_t memfs_written_end(void *self, int handle)
{
	struct memfs *fs = self;
	const struct memfs_file *file = &fs->live.files[fs->handles[handle].inode];
	size_t pages = file->page_count;

	while (pages && !file->pages[pages - 1])
		pages--;
	return (int64_t)(pages * MEMFS_PAGE < file->size ? pages * MEMFS_PAGE : file->size);
}

static inline int memfs_same(void *self, int handle, const char *path)
{
	struct memfs *fs = self;
	const struct memfs_entry *e = memfs_find(&fs->live, path);

	return e ? e->inode == fs->handles[handle].inode : -ENOENT;
}

static inline int memfs_rename(void *self, const char *from, const char *to)
{
	struct memfs *fs = self;
	struct memfs_entry *e = memfs_find(&fs->live, from);
	struct memfs_piece *piece;
	int rc = memfs_fault(fs, MEMFS_RENAME);

	if (rc < 0 || !e)
		return rc < 0 ? rc : -ENOENT;
	piece = memfs_piece_add(fs, MEMFS_MOVE, e->inode);
	snprintf(piece->path, MEMFS_PATH, "%s", from);
	snprintf(piece->to, MEMFS_PATH, "%s", to);
	memfs_apply(&fs->live, piece);
	return 0;
}

static inline int memfs_unlink(void *self, const char *path)
{
	struct memfs *fs = self;
	int rc = memfs_fault(fs, MEMFS_UNLINK);

	if (rc < 0 || !memfs_find(&fs->live, path))
		return rc < 0 ? rc : -ENOENT;
	snprintf(memfs_piece_add(fs, MEMFS_GONE, -1)->path, MEMFS_PATH, "%s", path);
	memfs_gone(&fs->live, path);
	return 0;
}

static inline int memfs_mkdir(void *self, const char *path)
{
	struct memfs *fs = self;
	int rc = memfs_fault(fs, MEMFS_MKDIR);

	if (rc < 0 || memfs_find(&fs->live, path))
		return rc;
	snprintf(memfs_piece_add(fs, MEMFS_LINK, -1)->path, MEMFS_PATH, "%s", path);
	memfs_link(&fs->live, path, -1);
	return 0;
}

static inline int memfs_list(void *self, const char *path, void (*each)(void *arg, const char *name), void *arg)
{
	struct memfs *fs = self;

	if (!memfs_find(&fs->live, path))
		return -ENOENT;
	for (size_t i = 0; i < fs->live.entry_count; i++)
		if (memfs_in_dir(fs->live.entries[i].path, path))
			each(arg, fs->live.entries[i].path + strlen(path) + 1);
	return 0;
}

static inline int memfs_lock(void *self, int handle)
{
	struct memfs *fs = self;

	for (int i = 0; i < 64; i++)
		if (fs->handles[i].used && fs->handles[i].locked && fs->handles[i].inode == fs->handles[handle].inode)
			return -EWOULDBLOCK;
	fs->handles[handle].locked = true;
	return 0;
}

static inline int memfs_free_space(void *self, const char *path, uint64_t *bytes)
{
	struct memfs *fs = self;

	(void)path;
	*bytes = fs->capacity ? fs->capacity - memfs_used(fs) : UINT64_MAX;
	return 0;
}

static inline void memfs_set_io(struct memfs *fs)
{
	fs->io = (struct sys_io){
	        .self = fs,
	        .open = memfs_open,
	        .close = memfs_close,
	        .pread = memfs_pread,
	        .pwritev = memfs_pwritev,
	        .fdatasync = memfs_fdatasync,
	        .fsync = memfs_fsync,
	        .truncate = memfs_truncate,
	        .allocate = memfs_allocate,
	        .size = memfs_size,
	        .written_end = memfs_written_end,
	        .same = memfs_same,
	        .rename = memfs_rename,
	        .unlink = memfs_unlink,
	        .mkdir = memfs_mkdir,
	        .sync_dir = memfs_sync_dir,
	        .list = memfs_list,
	        .lock = memfs_lock,
	        .free_space = memfs_free_space,
	};
}

/* An empty file system with the directory `root` in it. */
static inline struct memfs *memfs_new(const char *root)
{
	struct memfs *fs = calloc(1, sizeof(*fs));

	memfs_link(&fs->live, root, -1);
	memfs_link(&fs->durable, root, -1);
	memfs_set_io(fs);
	return fs;
}

static inline void memfs_free(struct memfs *fs)
{
	if (!fs)
		return;
	memfs_view_free(&fs->live);
	memfs_view_free(&fs->durable);
	free(fs->pieces);
	free(fs);
}

/* Entries whose directory did not survive are gone with it. */
static inline void memfs_drop_orphans(struct memfs *fs)
{
	for (size_t i = 0; i < fs->live.entry_count;) {
		if (memfs_parent_exists(fs, fs->live.entries[i].path) || !strchr(fs->live.entries[i].path + 1, '/')) {
			i++;
			continue;
		}
		fs->live.entries[i] = fs->live.entries[--fs->live.entry_count];
		i = 0;
	}
}

/* What a power loss left: the durable view and those pieces whose keep[i] is set. */
static inline struct memfs *memfs_crash(const struct memfs *fs, const bool *keep)
{
	struct memfs *after = calloc(1, sizeof(*after));

	memfs_view_copy(&after->live, &fs->durable);
	for (size_t i = 0; i < fs->piece_count; i++)
		if (keep[i])
			memfs_apply(&after->live, &fs->pieces[i]);
	memfs_drop_orphans(after);
	memfs_view_copy(&after->durable, &after->live);
	after->capacity = fs->capacity;
	memfs_set_io(after);
	return after;
}

/* The same machine without the process: what it wrote is still there, what it did not sync still is not on the disk. Its locks
 * are gone. */
static inline struct memfs *memfs_survive_kill(const struct memfs *fs)
{
	struct memfs *after = calloc(1, sizeof(*after));

	memfs_view_copy(&after->live, &fs->live);
	memfs_view_copy(&after->durable, &fs->durable);
	after->piece_count = after->piece_cap = fs->piece_count;
	after->pieces = malloc((fs->piece_count + 1) * sizeof(*after->pieces));
	if (fs->piece_count)
		memcpy(after->pieces, fs->pieces, fs->piece_count * sizeof(*after->pieces));
	after->capacity = fs->capacity;
	memfs_set_io(after);
	return after;
}

/* The live bytes of a file, for tests that damage or inspect it; NULL where there is none. */
static inline struct memfs_file *memfs_file(struct memfs *fs, const char *path)
{
	struct memfs_entry *e = memfs_find(&fs->live, path);

	return e && e->inode >= 0 ? &fs->live.files[e->inode] : NULL;
}

/* Changes bytes on the disk itself. */
static inline void memfs_poke(struct memfs *fs, const char *path, uint64_t at, const uint8_t *bytes, size_t size)
{
	struct memfs_entry *e = memfs_find(&fs->live, path);

	memfs_file_write(&fs->live.files[e->inode], at, bytes, size);
	if ((size_t)e->inode < (size_t)fs->durable.file_count)
		memfs_file_write(&fs->durable.files[e->inode], at, bytes, size);
}

#endif
