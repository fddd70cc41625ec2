/* crc32c.h - CRC-32C (Castagnoli), RFC 3720 section 12.1 and appendix B.4. */
#ifndef CRC32C_H
#define CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of `size` bytes behind a prefix whose checksum is `crc` (0 for none). crc32c(0, "123456789", 9) == 0xe3069283.
 * SSE4.2 by run-time dispatch, slicing-by-8 elsewhere. Any thread. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

#endif
