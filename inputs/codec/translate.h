/* translate.h - single bytes through a table, as fast as the machine can. Any thread. */
#ifndef TRANSLATE_H
#define TRANSLATE_H

#include <stddef.h>
#include <stdint.h>

/* Writes table[in[i]] to out[i] for size bytes, not a byte more; in and out do not overlap. The answer has the high bit set when one
 * of the results has. On x86-64 with AVX-512 VBMI or AVX2 where the processor has it, looked up at the first call. */
uint8_t translate(const uint8_t table[256], const uint8_t *in, size_t size, uint8_t *out);

/* ---- for tests ---------------------------------------------------------------------------------------------------- */

/* The implementations there are: 0 portable C, 1 AVX2, 2 AVX-512 VBMI. NULL where this build or this processor does not have it. */
typedef uint8_t translate_function(const uint8_t table[256], const uint8_t *in, size_t size, uint8_t *out);
#define TRANSLATE_KINDS 3
translate_function *translate_kind(int kind);

#endif
