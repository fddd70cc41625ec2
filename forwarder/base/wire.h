/* wire.h - big-endian integers in byte arrays. The only way integers get on disk or on the wire. */
#ifndef WIRE_H
#define WIRE_H

#include <stdint.h>
#include <string.h>

static inline void wire_put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void wire_put_u32(uint8_t *p, uint32_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	memcpy(p, &v, sizeof(v));
}

static inline void wire_put_u64(uint8_t *p, uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	memcpy(p, &v, sizeof(v));
}

static inline uint16_t wire_get_u16(const uint8_t *p)
{
	return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static inline uint32_t wire_get_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	return v;
}

static inline uint64_t wire_get_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static inline void wire_put_i64(uint8_t *p, int64_t v)
{
	wire_put_u64(p, (uint64_t)v);
}

static inline int64_t wire_get_i64(const uint8_t *p)
{
	return (int64_t)wire_get_u64(p);
}

/* Unsigned LEB128, as in DWARF 4 section 7.6: 7 bits a byte, low group first. At most 10 bytes. */
static inline size_t wire_put_varint(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	while (v >= 0x80) {
		p[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	p[n++] = (uint8_t)v;
	return n;
}

static inline size_t wire_varint_size(uint64_t v)
{
	size_t n = 1;

	while (v >= 0x80) {
		n++;
		v >>= 7;
	}
	return n;
}

/* Bytes used, or 0 when the number does not end within `size` or does not fit 64 bits. */
static inline size_t wire_get_varint(const uint8_t *p, size_t size, uint64_t *v)
{
	uint64_t result = 0;

	for (size_t n = 0; n < size && n < 10; n++) {
		if (n == 9 && p[n] > 1)
			return 0;
		result |= (uint64_t)(p[n] & 0x7f) << (7 * n);
		if (!(p[n] & 0x80)) {
			*v = result;
			return n + 1;
		}
	}
	return 0;
}

/* A bounds-checked reader over encoded bytes: after the first short read `bad` stays set and all answers are 0. */
struct wire_reader {
	const uint8_t *at, *end;
	_Bool bad;
};

static inline struct wire_reader wire_reader_on(const void *data, size_t size)
{
	return (struct wire_reader){(const uint8_t *)data, (const uint8_t *)data + size, 0};
}

static inline const uint8_t *wire_read_bytes(struct wire_reader *r, uint64_t size)
{
	const uint8_t *p = r->at;

	if (r->bad || (uint64_t)(r->end - r->at) < size) {
		r->bad = 1;
		return NULL;
	}
	r->at += size;
	return p;
}

static inline uint8_t wire_read_u8(struct wire_reader *r)
{
	const uint8_t *p = wire_read_bytes(r, 1);
	return p ? *p : 0;
}

static inline uint16_t wire_read_u16(struct wire_reader *r)
{
	const uint8_t *p = wire_read_bytes(r, 2);
	return p ? wire_get_u16(p) : 0;
}

static inline uint32_t wire_read_u32(struct wire_reader *r)
{
	const uint8_t *p = wire_read_bytes(r, 4);
	return p ? wire_get_u32(p) : 0;
}

static inline uint64_t wire_read_u64(struct wire_reader *r)
{
	const uint8_t *p = wire_read_bytes(r, 8);
	return p ? wire_get_u64(p) : 0;
}

static inline uint64_t wire_read_varint(struct wire_reader *r)
{
	uint64_t v = 0;
	size_t n = r->bad ? 0 : wire_get_varint(r->at, (size_t)(r->end - r->at), &v);

	if (!n) {
		r->bad = 1;
		return 0;
	}
	r->at += n;
	return v;
}

#endif
