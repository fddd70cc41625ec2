/* ident.h - what makes a file the same file, and the position entry that carries it.
 *
 * A file is (device, inode, time of birth where the file system tells it) and its content: a hash of its first bytes (the head,
 * up to 1 KiB, growing with the file) and a hash of the bytes before the last one read (the mark). Both are taken from the bytes as
 * they are read (the head of a file not read yet: as it is found), so a truncation in between cannot slip into them. A position is
 * resumed only where everything known agrees; the device number alone may differ, because reboots and remounts renumber devices.
 */
#ifndef FILE_IDENT_H
#define FILE_IDENT_H

#include <sys/types.h>

#include "api/lugger_plugin.h"
#include "unpack.h"

#define IDENT_SPAN 1024 /* bytes of the head and of the mark */
#define IDENT_KEY_SIZE 17

/* An open file's bytes: as they are, or expanded. Offsets, heads and marks are always those of the expanded bytes, so that a file and its
 * compressed form are told to be the same. */
struct content {
	int fd; /* -1: closed */
	struct unpack *unpack; /* NULL: not compressed */
};

/* pread until `size` bytes or the end of the file; -1 and errno on failure. EAGAIN: not now (unpack.h). */
ssize_t content_pread(const struct content *content, void *data, size_t size, int64_t offset);
ssize_t ident_pread(int fd, void *data, size_t size, int64_t offset);

struct ident {
	uint64_t dev, ino;
	uint64_t birth;     /* ns since 1970; 0: not known. Differs when the inode was used again */
	uint32_t head_size; /* bytes [0, head_size) have head_hash */
	uint64_t head_hash;
	int64_t mark_at; /* bytes [mark_at - mark_size, mark_at) have mark_hash */
	uint32_t mark_size;
	uint64_t mark_hash;
};

enum ident_verdict {
	IDENT_SAME,
	IDENT_OTHER,      /* shorter than the mark, or other bytes */
	IDENT_UNREADABLE, /* errno says why; nothing is known */
	IDENT_LATER,      /* a compressed file that was not expanded so far yet: ask again */
};

/* Compares an open file with what is known of its content; device, inode and birth are the caller's business. */
enum ident_verdict ident_compare(const struct ident *ident, const struct content *content);
/* The open file's time of birth, 0 where it cannot be known (watch.c, watch_linux.c). */
uint64_t ident_birth(int fd);
/* False: both are known and differ. */
bool ident_same_birth(uint64_t a, uint64_t b);
/* Something is known of the content, so that ident_compare can tell files apart. */
bool ident_has_content(const struct ident *ident);
/* The head grows by what was read: `data` are the bytes at [offset, offset + size). */
void ident_grow_head(struct ident *ident, int64_t offset, const uint8_t *data, size_t size);

/* A position entry's value, version 2, all integers big-endian:
 *   u8 version, u8 flags (1: of a compressed file), u64 device, u64 inode, u64 birth, u16 head size, u64 head hash, u64 mark end,
 *   u16 mark size, u64 mark hash, u64 last seen (UTC ns), u64 since, u64 skip end, u64 size, u16 path size, path,
 *   stream (lg_stream_save).
 * The path is left out (size 0) where it does not fit. Version 1 had no size and flags of 0. */
struct position {
	struct ident ident;
	bool packed;         /* of a compressed file; all offsets are those of the expanded bytes */
	int64_t size;        /* of the file, as last seen; 0: not known */
	int64_t seen_utc;
	int64_t since_ns;    /* the file's time of modification when this content of it was first seen: a copy of it cannot be older */
	int64_t skip_to;     /* start_at: end passes over the bytes before; 0: none */
	struct lg_str path;  /* the name it was found by */
	struct lg_str stream; /* saved stream; empty: nothing read yet */
};

/* Returns the size; value holds LG_POSITION_VALUE_MAX bytes. */
size_t position_encode(const struct position *position, uint8_t *value);
/* Borrows from value. LG_INVALID: not a version that this program knows. */
enum lg_rc position_decode(struct position *position, const uint8_t *value, size_t size) LG_WARN_UNUSED;

#endif
