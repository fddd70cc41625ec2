/* text.h - small text tools: UTF-8, numbers, units, nearest word, glob. */
#ifndef TEXT_H
#define TEXT_H

#include "api/lg_core.h"

/* Length in bytes of the valid UTF-8 sequence at p (1..4), or 0 (RFC 3629: no surrogates, no overlong forms, <= U+10FFFF). */
size_t text_utf8_length(const uint8_t *p, size_t size);
/* Bytes of the longest valid prefix. */
size_t text_utf8_valid(const uint8_t *p, size_t size);
/* Writes U+`point` as UTF-8, returns 1..4. */
size_t text_utf8_put(uint32_t point, uint8_t out[4]);

/* Whole-string decimal; false on anything else or overflow. */
bool text_parse_i64(struct lg_str s, int64_t *value);
/* 4096, 64KiB, 10MiB, 20GiB, 1TiB, 5kB, 5MB, 5GB, 5TB. */
bool text_parse_size(struct lg_str s, uint64_t *bytes);
/* 0, 10ms, 5s, 2m, 24h, 7d, 100us, 5ns. */
bool text_parse_duration(struct lg_str s, int64_t *ns);
/* "1.5 GiB", "312 B", three digits at most, into out[16]; returns out. */
char *text_format_size(uint64_t bytes, char out[16]);
/* "4.2 s", "12 min", "3 h 20 min", into out[24]. */
char *text_format_duration(int64_t ns, char out[24]);
/* 1234567 -> "1,234,567" into out[28]. */
char *text_format_count(uint64_t count, char out[28]);

/* Damerau-Levenshtein distance, up to 64 bytes each (longer: 64). */
unsigned text_distance(struct lg_str a, struct lg_str b);
/* Shell-like `*` and `?` over the whole string, byte-wise. */
bool text_glob(struct lg_str pattern, struct lg_str s);

#endif
