/* frame.h - a frame's header: encode and decode. SPOOL.md, "Frame". Pure functions over bytes; any thread. */
#ifndef FRAME_H
#define FRAME_H

#include "api/lg_core.h"

#define FRAME_FIXED 128u            /* bytes before the input's name */
#define FRAME_ALIGN 8u              /* frames start at multiples of it */
#define FRAME_HEADER_MAX (4u << 20) /* a longer header is not believed */
#define FRAME_VERSION 1
#define FRAME_ENCRYPT_NONE 0
#define FRAME_ENCRYPT_AES256GCM 1

struct frame_header {
	uint8_t codec, encryption;
	uint32_t header_size; /* magic to header CRC; filled by frame_encode */
	uint32_t payload_crc;
	uint64_t spool_tag;       /* first 8 bytes of the spool id */
	uint64_t segment, offset; /* where it belongs: residue and payload bytes cannot pose as a frame */
	uint8_t log_id[16];
	uint64_t first_seq;
	uint32_t count;
	uint32_t index; /* in its segment, from 0: the nonce when encrypted */
	uint32_t raw_size, stored_size;
	int64_t first_ns, last_ns;
	uint64_t durable_upto;    /* every sequence below was synced when this header was written */
	uint64_t durable_offset;  /* and every byte of this segment below */
	struct lg_str input;      /* borrowed from the caller (encode) or the bytes (decode) */
	const uint8_t *positions; /* encoded entries, borrowed likewise */
	uint32_t positions_size;
	uint16_t position_count;
};

/* Bytes the frame takes on disk, padding included. */
uint64_t frame_size(const struct frame_header *header);
/* Bytes the header will take. */
uint32_t frame_header_size(size_t input_size, size_t positions_size);
/* Appends the header to `out`; sets header->header_size. LG_INVALID where a length does not fit the format. */
enum lg_rc frame_encode(struct frame_header *header, struct lg_buf *out, struct lg_err *err) LG_WARN_UNUSED;

/* What the bytes must agree with. */
struct frame_place {
	uint64_t spool_tag; /* 0: not known, any */
	uint64_t segment, offset;
	uint64_t limit; /* the frame must end at or below this offset */
};

/* Decodes the header at `bytes`. LG_AGAIN: it is plausible so far and *need bytes have to be present; LG_UNSUPPORTED: a frame of
 * a later version (its CRC holds); LG_CORRUPT: it is none. The payload is not looked at. */
enum lg_rc frame_decode(struct frame_header *header, const uint8_t *bytes, size_t size, const struct frame_place *place,
        size_t *need) LG_WARN_UNUSED;
/* The header's bytes as additional data of the encryption, in four pieces: both CRC fields count as zeros. Borrows `header`, of
 * `size` bytes. */
#define FRAME_AAD_PIECES 4
void frame_aad(const uint8_t *header, uint32_t size, struct lg_str pieces[FRAME_AAD_PIECES]);
/* True where the bytes could start a frame: the magic alone. At least 4 bytes. */
bool frame_magic_at(const uint8_t *bytes);

#endif
