/* detect.h - does what a stream reads fit its settings? lg_detect itself is in api/lg_stream.h. Pure functions: any thread. */
#ifndef DETECT_H
#define DETECT_H

#include "api/lg_stream.h"
#include "codec/charset.h"

/* LG_OK: nothing speaks against reading `data` so. LG_AGAIN: too few bytes to say. LG_INVALID: they are something else; err names
 * the settings that fit. `start`: data is the beginning of the source, so that record descriptor words can be told; `whole`:
 * nothing follows. */
enum lg_rc detect_check(enum charset_id charset, enum lg_framing framing, const uint8_t *data, size_t size, bool start,
                        bool whole, struct lg_err *err) LG_WARN_UNUSED;

#endif
