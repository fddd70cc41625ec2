/* json.h - writing JSON text (RFC 8259). */
#ifndef JSON_H
#define JSON_H

#include "api/lg_core.h"

/* Appends "text" with quotes and escapes: always valid UTF-8 (a wrong byte becomes U+FFFD) and without a newline. */
void json_put_string(struct lg_buf *out, struct lg_str text);
/* Appends `"name":` with a comma in front unless the last byte of out opens an object or array. */
void json_put_name(struct lg_buf *out, const char *name);
void json_put_member(struct lg_buf *out, const char *name, struct lg_str text);
void json_put_u64(struct lg_buf *out, const char *name, uint64_t value);
/* A number with millisecond precision; negative values become null (not known). */
void json_put_seconds(struct lg_buf *out, const char *name, double seconds);
void json_put_bool(struct lg_buf *out, const char *name, bool value);

#endif
