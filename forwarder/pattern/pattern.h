/* pattern.h - regular expressions over text from outside: PCRE2 with JIT and limits. The only user of the library.
 *
 * A compiled pattern never changes and serves any thread; a room is what matching needs to write to, for one thread at a time. A match takes
 * milliseconds at worst: what would take longer is given up.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include "api/lg_core.h"

struct pattern;
struct pattern_room;

enum pattern_result { PATTERN_NO, PATTERN_YES, PATTERN_GAVE_UP };

/* The subject is a piece of a longer text: `^` does not match at its beginning, `$` not at its end. */
enum pattern_flags { PATTERN_NOT_BEGIN = 1, PATTERN_NOT_END = 2 };

/* LG_INVALID: *at is the offset in bytes at which PCRE2 saw it, err its reason alone. */
enum lg_rc pattern_compile(struct pattern **pattern, struct lg_str text, size_t *at, struct lg_err *err) LG_WARN_UNUSED;
void pattern_free(struct pattern *pattern); /* NULL is fine */

struct pattern_room *pattern_room_new(void); /* NULL: out of memory */
void pattern_room_free(struct pattern_room *room); /* NULL is fine */

/* Does it match anywhere in `text`? The text need not be UTF-8: nothing matches what is not. */
enum pattern_result pattern_match(const struct pattern *pattern, struct pattern_room *room, struct lg_str text, unsigned flags);

#endif
