/* troff.h - text as man(7) source that man, groff -ww and mandoc -Tlint take without a word. Any thread; nothing is kept. */
#ifndef TROFF_H
#define TROFF_H

#include "api/lg_core.h"

/* The title line: NAME as in "lugger", section, what the foot and the head of each page show. */
void troff_title(struct lg_buf *out, const char *name, int section, const char *head);
void troff_section(struct lg_buf *out, const char *title);
void troff_subsection(struct lg_buf *out, const char *title);
/* Prose, broken into short source lines; what stands in `backquotes` is bold. No paragraph is begun. */
void troff_text(struct lg_buf *out, const char *text);
void troff_paragraph(struct lg_buf *out, const char *text);
/* A term and, indented below it, its prose. In the term all is bold up to `plain`, which may be NULL and follows as it is. */
void troff_term(struct lg_buf *out, const char *term, const char *plain, const char *text);
/* What follows begins on a new line. */
void troff_break(struct lg_buf *out);
/* Lines as they are, indented. */
void troff_example(struct lg_buf *out, const char *lines);
/* What stands between them is indented once more. */
void troff_indent(struct lg_buf *out);
void troff_outdent(struct lg_buf *out);

#endif
