#include "ident.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "table.h"

#define POSITION_VERSION 2
#define POSITION_FIXED 88 /* bytes before the path */
#define POSITION_FIXED_1 80
#define POSITION_PACKED 1

ssize_t ident_pread(int fd, void *data, size_t size, int64_t offset)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, (char *)data + done, size - done, (off_t)offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t content_pread(const struct content *content, void *data, size_t size, int64_t offset)
{
	if (content->unpack)
		return unpack_pread(content->unpack, content->fd, data, size, offset);
	return ident_pread(content->fd, data, size, offset);
}

static enum ident_verdict compare_span(const struct content *content, int64_t offset, uint32_t size, uint64_t hash)
{
	uint8_t bytes[IDENT_SPAN];
	ssize_t n;

	if (!size)
		return IDENT_SAME;
	if (size > sizeof(bytes) || offset < 0)
		return IDENT_OTHER;
	n = content_pread(content, bytes, size, offset);
	if (n < 0)
		return errno == EAGAIN ? IDENT_LATER : IDENT_UNREADABLE;
	return (size_t)n == size && file_hash(FILE_HASH_START, bytes, size) == hash ? IDENT_SAME : IDENT_OTHER;
}

enum ident_verdict ident_compare(const struct ident *ident, const struct content *content)
{
	enum ident_verdict verdict = compare_span(content, 0, ident->head_size, ident->head_hash);

	if (verdict == IDENT_SAME)
		verdict = compare_span(content, ident->mark_at - ident->mark_size, ident->mark_size, ident->mark_hash);
	return verdict;
}

bool ident_same_birth(uint64_t a, uint64_t b)
{
	return !a || !b || a == b;
}

bool ident_has_content(const struct ident *ident)
{
	return ident->head_size || ident->mark_size;
}

void ident_grow_head(struct ident *ident, int64_t offset, const uint8_t *data, size_t size)
{
	size_t from, count;

	if (ident->head_size >= IDENT_SPAN || offset > ident->head_size || offset + (int64_t)size <= ident->head_size)
		return;
	from = (size_t)(ident->head_size - offset);
	count = size - from;
	if (count > IDENT_SPAN - ident->head_size)
		count = IDENT_SPAN - ident->head_size;
	ident->head_hash = file_hash(ident->head_size ? ident->head_hash : FILE_HASH_START, data + from, count);
	ident->head_size += (uint32_t)count;
}

static uint8_t *put(uint8_t *at, uint64_t value, unsigned bytes)
{
	while (bytes--)
		*at++ = (uint8_t)(value >> 8 * bytes);
	return at;
}

static uint64_t get(const uint8_t **at, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *(*at)++;
	return value;
}

size_t position_encode(const struct position *position, uint8_t *value)
{
	const struct ident *ident = &position->ident;
	size_t path_size = position->path.size;
	uint8_t *at = value;

	if (POSITION_FIXED + path_size + position->stream.size > LG_POSITION_VALUE_MAX)
		path_size = 0;
	at = put(at, POSITION_VERSION, 1);
	at = put(at, position->packed ? POSITION_PACKED : 0, 1);
	at = put(at, ident->dev, 8);
	at = put(at, ident->ino, 8);
	at = put(at, ident->birth, 8);
	at = put(at, ident->head_size, 2);
	at = put(at, ident->head_hash, 8);
	at = put(at, (uint64_t)ident->mark_at, 8);
	at = put(at, ident->mark_size, 2);
	at = put(at, ident->mark_hash, 8);
	at = put(at, (uint64_t)position->seen_utc, 8);
	at = put(at, (uint64_t)position->since_ns, 8);
	at = put(at, (uint64_t)position->skip_to, 8);
	at = put(at, (uint64_t)position->size, 8);
	at = put(at, path_size, 2);
	if (path_size)
		memcpy(at, position->path.data, path_size);
	at += path_size;
	if (position->stream.size)
		memcpy(at, position->stream.data, position->stream.size);
	return (size_t)(at - value) + position->stream.size;
}

enum lg_rc position_decode(struct position *position, const uint8_t *value, size_t size)
{
	struct ident *ident = &position->ident;
	const uint8_t *at = value + 2, *end = value + size;
	size_t path_size;

	if (size < POSITION_FIXED_1 || !value[0] || value[0] > POSITION_VERSION || (value[0] > 1 && size < POSITION_FIXED))
		return LG_INVALID;
	position->packed = value[1] & POSITION_PACKED;
	ident->dev = get(&at, 8);
	ident->ino = get(&at, 8);
	ident->birth = get(&at, 8);
	ident->head_size = (uint32_t)get(&at, 2);
	ident->head_hash = get(&at, 8);
	ident->mark_at = (int64_t)get(&at, 8);
	ident->mark_size = (uint32_t)get(&at, 2);
	ident->mark_hash = get(&at, 8);
	position->seen_utc = (int64_t)get(&at, 8);
	position->since_ns = (int64_t)get(&at, 8);
	position->skip_to = (int64_t)get(&at, 8);
	position->size = value[0] > 1 ? (int64_t)get(&at, 8) : 0;
	path_size = (size_t)get(&at, 2);
	if (path_size > (size_t)(end - at))
		return LG_INVALID;
	position->path = (struct lg_str){(const char *)at, path_size};
	at += path_size;
	position->stream = (struct lg_str){(const char *)at, (size_t)(end - at)};
	return LG_OK;
}
