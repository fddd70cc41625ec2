/* filter_impl.h - the compiled form of a filter, shared by its compiler (filter_parse.c) and its evaluator (filter.c). */
#ifndef FILTER_IMPL_H
#define FILTER_IMPL_H

#include "data/filter.h"
#include "pattern/pattern.h"

#define FILTER_DEPTH_MAX 64
#define FILTER_LENGTH_MAX 8192
#define FILTER_NONE UINT32_MAX

enum filter_kind { FILTER_AND, FILTER_OR, FILTER_NOT, FILTER_AT_LEAST, FILTER_COMPARE, FILTER_IN, FILTER_LIKE, FILTER_REGEX };
enum filter_op { FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE };

/* Where the left side comes from. */
enum filter_source {
	FILTER_FIELD,  /* a known field, by id */
	FILTER_CUSTOM, /* by name */
	FILTER_MESSAGE,
	FILTER_SEVERITY,
	FILTER_FACILITY,
	FILTER_LEVEL,
	FILTER_SEQUENCE,
	FILTER_INPUT,
	FILTER_LOG_ID,
};

struct filter_literal {
	enum lg_type type;  /* STRING, NUMBER or BOOL */
	bool has_number;    /* the text is a number */
	struct lg_str text; /* in the filter's arena */
	int64_t number;
};

/* Children come before their parent in the array; siblings are linked. */
struct filter_node {
	uint8_t kind, op, source, field;
	uint32_t child, next;   /* AND, OR, NOT: first child; each child's next one, or FILTER_NONE */
	uint32_t first, count;  /* literals, or LIKE: segments; REGEX: first is the pattern; AT_LEAST: first is the severity */
	bool open_start, open_end; /* LIKE: `*` before the first, behind the last segment */
	struct lg_str name;     /* of the field, in the arena */
};

struct filter_pattern {
	struct pattern *compiled;
	struct lg_str text;
	size_t at; /* of the literal in the expression */
};

struct filter {
	char *arena;
	size_t arena_used;
	struct filter_node *nodes;
	struct filter_literal *literals;
	struct lg_str *segments;
	struct filter_pattern *patterns;
	size_t node_count, node_cap, literal_count, literal_cap, segment_count, segment_cap, pattern_count, pattern_cap;
	uint32_t root;
	struct pattern_room *room; /* NULL without patterns */
	bool has_dollar;
	size_t dollar_at;
	uint64_t *undecided; /* apart, so that matching takes a const filter */
};

/* Fills a zeroed filter from the text. On failure filter_free takes what is there. */
enum lg_rc filter_parse(struct filter *filter, const char *text, size_t *at, struct lg_err *err) LG_WARN_UNUSED;

#endif
