/* problem.h - the errors and warnings found in one configuration file, collected so that the user sees all of them at once. One
 * owner. */
#ifndef PROBLEM_H
#define PROBLEM_H

#include "config/config.h"

/* A place in the file; 1-based, columns count characters. Line 0: the file as a whole. */
struct config_mark {
	unsigned line, column;
};

#define PROBLEMS_MAX 200 /* what is found beyond that is only counted */

struct problems {
	struct config_problem *items;
	size_t count, cap;
	size_t errors;     /* found, stored or not */
	size_t unstored;
};

/* Each text is one or two sentences without a final newline: what was found, what was expected. */
void problems_error(struct problems *problems, struct config_mark mark, const char *fmt, ...) LG_PRINTF(3, 4);
void problems_warning(struct problems *problems, struct config_mark mark, const char *fmt, ...) LG_PRINTF(3, 4);
/* By line and column, in the order found within one place; repeats (an alias used twice) fall out. */
void problems_sort(struct problems *problems);
void problems_fini(struct problems *problems);

/* "path:line:column: error: text", the source line and a caret, for each problem; with stars for the values of keys that sound like
 * secrets. `source` may be empty. */
void problems_print(const struct config_problem *items, size_t count, const char *path, struct lg_str source, struct lg_buf *out);

/* The name among `count` that `given` was most likely meant to be; NULL when none is near. */
const char *problem_nearest(struct lg_str given, const char *const *names, size_t count);

#endif
