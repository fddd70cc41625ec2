/* filter.h - the `where` expression, compiled once, evaluated per record on an output's thread.
 *
 *     expr   = or ; or = and { "or" and } ; and = not { "and" not } ; not = [ "not" ] primary
 *     primary = "(" expr ")" | "severity" "at_least" NAME | field op value | field "in" "(" value {"," value} ")"
 *             | field "like" STRING | field "=~" STRING
 *     op     = "==" | "!=" | "<" | "<=" | ">" | ">="
 *     value  = STRING ("..." or '...') | NUMBER | true | false
 *
 * Fields are the JSON names (api/lg_record.h), also message, severity, facility, lugger.input; others are custom fields. A missing field makes
 * a comparison false (`not` of it true). `like` matches the whole value, `*` any run. `=~` is PCRE2 (UTF, match limits), anywhere in the value.
 */
#ifndef FILTER_H
#define FILTER_H

#include "api/lg_record.h"

struct filter;

/* *at: byte offset of the trouble in `text` on failure. Depth is limited to 64, length to 8 KiB. */
enum lg_rc filter_compile(struct filter **filter, const char *text, size_t *at, struct lg_err *err) LG_WARN_UNUSED;
bool filter_match(const struct filter *filter, const struct lg_record *rec);
void filter_free(struct filter *filter);
/* Calls each(arg, field id or 0, name) for every field the expression names; for `check`'s warnings. */
void filter_fields(const struct filter *filter, void (*each)(void *arg, unsigned field, struct lg_str name), void *arg);
/* A `$` in a =~ pattern that is not at its end (the "$HASP" trap): true, and *at is its offset in `text`. */
bool filter_dollar_trap(const struct filter *filter, size_t *at);

#endif
