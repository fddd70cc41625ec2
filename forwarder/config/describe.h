/* describe.h - what a table row says, in words: shared by the generated documents. */
#ifndef DESCRIBE_H
#define DESCRIBE_H

#include "config/tables.h"

/* A table and where its options are written, in the order of the documents. */
struct describe_module {
	char title[80];     /* "Input file" */
	const char *doc;    /* one sentence, NULL: none */
	const struct lg_option *table;
	const char *parser; /* inputs with a stream: default of `parser` here */
	const struct lg_output_plugin *output; /* outputs: `format` belongs to the mapping */
};

/* Calls `each` for every module of the registry: the core's, inputs, parsers, outputs, formats, TLS. */
void describe_modules(
        const struct lg_registry *registry, void (*each)(void *arg, const struct describe_module *module), void *arg);

/* True for a TABLE that is described once, under a title of its own: that title, else NULL. */
const char *describe_shared_table(const struct lg_option *row);

void describe_type(const struct lg_option *row, const struct lg_registry *registry, struct lg_buf *out);
/* "64KiB to 4GiB", "at least 1s", or nothing. */
void describe_range(const struct lg_option *row, struct lg_buf *out);
/* The default as YAML, or nothing. */
void describe_default(const struct lg_option *row, struct lg_buf *out);

#endif
