/* filter.h - the `where` expression, compiled once, evaluated per record on an output's thread.
 *
 *     expr   = or ; or = and { "or" and } ; and = not { "and" not } ; not = [ "not" ] primary
 *     primary = "(" expr ")" | "severity" "at_least" NAME | field op value | field "in" "(" value {"," value} ")"
 *             | field "like" STRING | field "=~" STRING
 *     op     = "==" | "!=" | "<" | "<=" | ">" | ">="
 *     value  = STRING ("..." or '...') | NUMBER | true | false
 *
 * A NUMBER is whole. In '...' nothing is special; in "..." \" is a quote and \\ a backslash, any other backslash stays (so
 * patterns read as usual).
 *
 * Fields are the JSON names (api/lg_record.h), also message, severity (0..7, or a name with ==, != and in), facility (likewise),
 * log.level, event.sequence, lugger.input, lugger.log_id; other names are custom fields. A missing field makes a comparison false
 * (`not` of it true), != included. Numbers compare as numbers, strings byte by byte; a text compares with a NUMBER when it is
 * one. A list of numbers (zos.routing_codes) compares true when one of them does; with != when none is equal. `like` matches the
 * whole value, `*` any run of bytes, `\*` a star. `=~` is PCRE2 (UTF), anywhere in the value. A pattern that runs into its match
 * limit on some record cannot judge it: the record then passes the whole filter, because what is in doubt is shipped, not
 * dropped.
 */
#ifndef FILTER_H
#define FILTER_H

#include "api/lg_record.h"

struct filter;

/* *at: byte offset of the trouble in `text` on failure. Depth is limited to 64, length to 8 KiB. */
enum lg_rc filter_compile(struct filter **filter, const char *text, size_t *at, struct lg_err *err) LG_WARN_UNUSED;
/* One thread at a time per filter: the matcher's working memory is inside. */
bool filter_match(const struct filter *filter, const struct lg_record *rec);
/* How many records passed undecided, see above. */
uint64_t filter_undecided(const struct filter *filter);
void filter_free(struct filter *filter);
/* Calls each(arg, field id or 0 for a custom one, name) for every field the expression names, but those that every record has
 * (message, severity, lugger.input ...); for `check`'s warnings. */
void filter_fields(const struct filter *filter, void (*each)(void *arg, unsigned field, struct lg_str name), void *arg);
/* A `$` in a =~ pattern that is not at the end of it or of an alternative (the "$HASP" trap): true, and *at is its offset in
 * `text`. */
bool filter_dollar_trap(const struct filter *filter, size_t *at);

#endif
