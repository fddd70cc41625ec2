/* encode.h - the encoded form of fields and records; SPOOL.md, "Payload", is its specification. */
#ifndef ENCODE_H
#define ENCODE_H

#include "api/lg_record.h"

#define ENCODE_ORIGIN_BIT UINT32_C(0x80000000) /* in an entry's size: the entry defines an origin */
#define ENCODE_RECORD_FIXED 24                 /* bytes of a record entry before the body, size word not counted */

/* Bytes the draft's fields take encoded; and the encoding itself, returns its end. */
size_t encode_fields_size(const struct lg_draft *draft);
uint8_t *encode_fields(const struct lg_draft *draft, uint8_t *at);
/* Decodes one field; false when the bytes are not one (or are used up). Moves *fields behind it. */
bool encode_next_field(struct lg_str *fields, struct lg_value *value);
/* True when the bytes are a whole number of valid fields. */
bool encode_fields_valid(struct lg_str fields);

#endif
