/* unpack.h - a compressed file read as if it were not: gzip (RFC 1952, by zlib) and zstd (RFC 8878, by the core).
 *
 * Offsets are those of the expanded bytes. Reading goes forward; a stretch behind is kept, so that small steps back cost nothing, and a
 * larger one begins anew. What lies between is passed over a slice at a time. The file may still grow, and may hold several members. A
 * file written anew behind our back is noticed at the next read from it, and is then read from its beginning. One thread.
 */
#ifndef FILE_UNPACK_H
#define FILE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum pack {
	PACK_NONE,
	PACK_GZIP,
	PACK_ZSTD,
	PACK_OTHER, /* compressed in a way that is not read */
};

/* By the end of its name: .gz, .zst; others known are PACK_OTHER. */
enum pack pack_of(const char *path);
/* Why files of this kind are not read, NULL where they are. */
const char *pack_refused(enum pack pack);

struct unpack;

/* `back`: the largest read there will be. */
struct unpack *unpack_new(enum pack pack, size_t back);
void unpack_free(struct unpack *unpack);
/* As pread of the expanded bytes: less than size at the end of what is there. -1 and errno: EAGAIN, the place was not reached yet, ask again;
 * EBADMSG, damaged at this place (unpack_error says how); others as read. */
ssize_t unpack_pread(struct unpack *unpack, int fd, void *data, size_t size, int64_t offset);
const char *unpack_error(const struct unpack *unpack);
/* The compressed bytes end at a member's end, and all are expanded: nothing is missing. */
bool unpack_complete(const struct unpack *unpack);
/* Compressed bytes taken so far. */
int64_t unpack_raw(const struct unpack *unpack);

#endif
