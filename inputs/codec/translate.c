#include "codec/translate.h"

#include <stdatomic.h>

static uint8_t translate_portable(const uint8_t table[restrict 256], const uint8_t *restrict in, size_t size, uint8_t *restrict out)
{
	uint8_t high = 0;

	for (size_t i = 0; i < size; i++) {
		uint8_t c = table[in[i]];

		out[i] = c;
		high |= c;
	}
	return high;
}

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

/* Sixteen shuffles of 16 entries each. The bytes of row i become 70..7f, which a shuffle takes as 0..15; all others get the high bit,
 * for which it gives zero. Twice as fast as one load a byte. */
__attribute__((target("avx2"))) static uint8_t translate_avx2(const uint8_t table[256], const uint8_t *in, size_t size, uint8_t *out)
{
	__m256i rows[16], high = _mm256_setzero_si256();
	size_t at = 0;
	uint8_t rest;

	for (int i = 0; i < 16; i++)
		rows[i] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)(table + 16 * i)));
	for (; at + 32 <= size; at += 32) {
		__m256i bytes = _mm256_loadu_si256((const void *)(in + at)), result = _mm256_setzero_si256();

		for (int i = 0; i < 16; i++) {
			__m256i index = _mm256_adds_epu8(_mm256_xor_si256(bytes, _mm256_set1_epi8((char)(i << 4))), _mm256_set1_epi8(0x70));

			result = _mm256_or_si256(result, _mm256_shuffle_epi8(rows[i], index));
		}
		_mm256_storeu_si256((void *)(out + at), result);
		high = _mm256_or_si256(high, result);
	}
	rest = translate_portable(table, in + at, size - at, out + at);
	return _mm256_movemask_epi8(high) ? 0x80 : rest;
}

/* Two permutations of 128 entries, the byte's own high bit choosing between them: 64 bytes in a few cycles. */
__attribute__((target("avx512f,avx512bw,avx512vbmi"))) static uint8_t translate_vbmi(const uint8_t table[256], const uint8_t *in, size_t size,
                                                                                    uint8_t *out)
{
	__m512i a = _mm512_loadu_si512(table), b = _mm512_loadu_si512(table + 64), c = _mm512_loadu_si512(table + 128),
	        d = _mm512_loadu_si512(table + 192);
	__mmask64 high = 0;

	for (size_t at = 0; at < size; at += 64) {
		__mmask64 there = size - at >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (size - at)) - 1;
		__m512i bytes = _mm512_maskz_loadu_epi8(there, in + at);
		__m512i low = _mm512_permutex2var_epi8(a, bytes, b), up = _mm512_permutex2var_epi8(c, bytes, d);
		__m512i result = _mm512_mask_blend_epi8(_mm512_movepi8_mask(bytes), low, up);

		_mm512_mask_storeu_epi8(out + at, there, result);
		high |= _mm512_movepi8_mask(result) & there;
	}
	return high ? 0x80 : 0;
}

translate_function *translate_kind(int kind)
{
	__builtin_cpu_init();
	switch (kind) {
	case 0:
		return translate_portable;
	case 1:
		return __builtin_cpu_supports("avx2") ? translate_avx2 : NULL;
	case 2:
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi")
		               ? translate_vbmi
		               : NULL;
	default:
		return NULL;
	}
}

#else

translate_function *translate_kind(int kind)
{
	return kind == 0 ? translate_portable : NULL;
}

#endif

uint8_t translate(const uint8_t table[256], const uint8_t *in, size_t size, uint8_t *out)
{
	static translate_function *_Atomic chosen;
	translate_function *function = atomic_load_explicit(&chosen, memory_order_relaxed);

	if (!function) {
		for (int kind = TRANSLATE_KINDS; !function; kind--)
			function = translate_kind(kind);
		atomic_store_explicit(&chosen, function, memory_order_relaxed);
	}
	return function(table, in, size, out);
}
