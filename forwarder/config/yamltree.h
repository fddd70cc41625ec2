/* yamltree.h - a YAML file as a tree with marks; the only user of libyaml. One owner, the tree is immutable once loaded.
 *
 * Built for files that people write and strangers may have touched: UTF-8 text of at most 4 MiB, one document, nesting of at most
 * 64, at most 100,000 nodes with every alias counted as often as it is used. Anchors, aliases and the merge key `<<` work; tags
 * are errors.
 */
#ifndef YAMLTREE_H
#define YAMLTREE_H

#include "config/problem.h"

#define YAMLTREE_SIZE_MAX (4u << 20)
#define YAMLTREE_DEPTH_MAX 64
#define YAMLTREE_NODES_MAX 100000
#define YAMLTREE_ANCHORS_MAX 1000

enum yaml_kind { YAML_KIND_SCALAR, YAML_KIND_LIST, YAML_KIND_MAPPING };

/* An alias shares the node of its anchor, so the tree is a DAG; there are no cycles. */
struct yaml_node {
	enum yaml_kind kind;
	struct config_mark mark;
	struct lg_str text;        /* SCALAR: NUL-terminated, without NULs inside */
	bool quoted;               /* SCALAR in quotes or a block */
	bool exact;                /* SCALAR: on one line and without escapes, so that a byte of text has a column */
	struct yaml_node **items;  /* LIST: the elements; MAPPING: key, value, key, value ... */
	size_t count;              /* of items */
	unsigned weight, height;   /* expanded nodes below and with it; levels below it */
	struct yaml_node *next;    /* in the tree's list of all nodes */
};

struct yaml_tree {
	struct yaml_node *root;    /* a MAPPING; NULL when loading failed */
	struct yaml_node *all;
};

/* Loads `text`. What is wrong goes to problems; LG_INVALID when there is no tree to work with. Errors that leave a tree (a
 * duplicate key: the first one stays) answer LG_OK and count in problems->errors. Free it in any case. */
enum lg_rc yamltree_load(struct yaml_tree *tree, struct lg_str text, struct problems *problems) LG_WARN_UNUSED;
void yamltree_free(struct yaml_tree *tree);

/* The value of a key, NULL where there is none. */
struct yaml_node *yamltree_get(const struct yaml_node *mapping, const char *key);
/* True for a plain `~`, `null` or nothing at all. */
bool yamltree_is_null(const struct yaml_node *node);
/* Where byte `offset` of a scalar's text stands in the file; the scalar's start where that cannot be told. */
struct config_mark yamltree_mark_in(const struct yaml_node *scalar, size_t offset);
/* "a list", "a mapping", "text"; for messages. */
const char *yamltree_kind_name(const struct yaml_node *node);

#endif
