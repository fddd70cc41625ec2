#include "config/yamltree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/mem.h"
#include "base/text.h"

/* A collection under construction. */
struct frame {
	struct yaml_node *node;
	size_t cap;
	char *anchor; /* known only when the collection ends: an alias cannot point to what encloses it */
};

struct anchor {
	char *name;
	struct yaml_node *node;
};

struct builder {
	yaml_parser_t parser;
	struct yaml_tree *tree;
	struct problems *problems;
	struct lg_str text;
	struct frame stack[YAMLTREE_DEPTH_MAX];
	size_t depth;
	struct anchor *anchors;
	size_t anchor_count, anchor_cap;
	unsigned nodes;
};

static struct config_mark mark_of(yaml_mark_t mark)
{
	return (struct config_mark){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static struct config_mark mark_at_byte(struct lg_str text, size_t offset)
{
	struct config_mark mark = {1, 1};

	for (size_t i = 0; i < offset && i < text.size; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c == '\n') {
			mark.line++;
			mark.column = 1;
		} else if ((c & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

/* ---- before libyaml sees it ---- */

static enum lg_rc check_bytes(struct lg_str text, struct problems *problems)
{
	static const struct config_mark whole = {0, 0};
	size_t valid;

	if (text.size > YAMLTREE_SIZE_MAX) {
		problems_error(problems, whole, "the file has %zu bytes; a configuration may have 4 MiB", text.size);
		return LG_INVALID;
	}
	for (size_t i = 0; i < text.size; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c >= 0x20 ? c != 0x7f : c == '\t' || c == '\n' || c == '\r')
			continue;
		problems_error(problems, mark_at_byte(text, i),
		        "byte 0x%02x: this is a binary file, or not in UTF-8; expected YAML text", c);
		return LG_INVALID;
	}
	valid = text_utf8_valid((const uint8_t *)text.data, text.size);
	if (valid != text.size) {
		problems_error(problems, mark_at_byte(text, valid), "byte 0x%02x is not valid UTF-8; save the file as UTF-8",
		               (unsigned char)text.data[valid]);
		return LG_INVALID;
	}
	return LG_OK;
}

/* ---- building ---- */

static struct yaml_node *new_node(struct builder *b, enum yaml_kind kind, yaml_mark_t mark)
{
	struct yaml_node *node = mem_zalloc(sizeof(*node));

	node->kind = kind;
	node->mark = mark_of(mark);
	node->weight = 1;
	node->next = b->tree->all;
	b->tree->all = node;
	return node;
}

/* Puts a finished (or, for collections, just opened) node where it belongs. */
static enum lg_rc place(struct builder *b, struct yaml_node *node)
{
	struct frame *top;

	if (!b->depth) {
		b->tree->root = node;
		return LG_OK;
	}
	top = &b->stack[b->depth - 1];
	top->node->items = mem_grow(top->node->items, &top->cap, top->node->count + 1, sizeof(*top->node->items));
	top->node->items[top->node->count++] = node;
	return LG_OK;
}

static enum lg_rc count_nodes(struct builder *b, unsigned weight, yaml_mark_t mark)
{
	b->nodes += weight;
	if (b->nodes <= YAMLTREE_NODES_MAX)
		return LG_OK;
	problems_error(b->problems, mark_of(mark),
	        "more than %d values with all aliases expanded; a configuration is not that large", YAMLTREE_NODES_MAX);
	return LG_INVALID;
}

static void refuse_tag(struct builder *b, const yaml_char_t *tag, yaml_mark_t mark)
{
	if (tag && strcmp((const char *)tag, "!") != 0)
		problems_error(
		        b->problems, mark_of(mark), "the tag %.80s: tags have no meaning here; leave it out", (const char *)tag);
}

static enum lg_rc remember_anchor(struct builder *b, const char *name, struct yaml_node *node)
{
	if (b->anchor_count >= YAMLTREE_ANCHORS_MAX) {
		problems_error(b->problems, node->mark, "more than %d anchors", YAMLTREE_ANCHORS_MAX);
		return LG_INVALID;
	}
	b->anchors = mem_grow(b->anchors, &b->anchor_cap, b->anchor_count + 1, sizeof(*b->anchors));
	b->anchors[b->anchor_count++] = (struct anchor){mem_strdup(name), node};
	return LG_OK;
}

static size_t characters(struct lg_str text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.size; i++)
		count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
	return count;
}

static enum lg_rc add_scalar(struct builder *b, const yaml_event_t *event)
{
	struct yaml_node *node = new_node(b, YAML_KIND_SCALAR, event->start_mark);
	enum lg_rc rc;

	refuse_tag(b, event->data.scalar.tag, event->start_mark);
	node->text.data = mem_strndup((const char *)event->data.scalar.value, event->data.scalar.length);
	node->text.size = event->data.scalar.length;
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node->exact = event->start_mark.line == event->end_mark.line &&
	              event->end_mark.column - event->start_mark.column == characters(node->text) + (node->quoted ? 2 : 0);
	if (memchr(node->text.data, '\0', node->text.size)) { /* from an escape, "\0" */
		problems_error(b->problems, node->mark, "a NUL character inside a value");
		node->text.size = strlen(node->text.data);
	}
	rc = count_nodes(b, 1, event->start_mark);
	if (rc == LG_OK && event->data.scalar.anchor)
		rc = remember_anchor(b, (const char *)event->data.scalar.anchor, node);
	return rc == LG_OK ? place(b, node) : rc;
}

static enum lg_rc too_deep(struct builder *b, yaml_mark_t mark)
{
	problems_error(b->problems, mark_of(mark), "nested more than %d levels deep", YAMLTREE_DEPTH_MAX);
	return LG_INVALID;
}

static enum lg_rc add_alias(struct builder *b, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct yaml_node *node = NULL;
	enum lg_rc rc;

	for (size_t i = b->anchor_count; i-- > 0 && !node;) {
		if (!strcmp(b->anchors[i].name, name))
			node = b->anchors[i].node; /* the newest of this name, as YAML has it */
	}
	if (!node) {
		problems_error(b->problems, mark_of(event->start_mark), "the alias *%.80s: no anchor &%.80s stands before it",
		        name, name);
		return LG_INVALID;
	}
	if (b->depth + node->height > YAMLTREE_DEPTH_MAX)
		return too_deep(b, event->start_mark);
	rc = count_nodes(b, node->weight, event->start_mark);
	return rc == LG_OK ? place(b, node) : rc;
}

static enum lg_rc open_collection(struct builder *b, enum yaml_kind kind, const yaml_event_t *event, const yaml_char_t *anchor,
                                  const yaml_char_t *tag)
{
	struct yaml_node *node;
	enum lg_rc rc;

	if (b->depth >= YAMLTREE_DEPTH_MAX)
		return too_deep(b, event->start_mark);
	refuse_tag(b, tag, event->start_mark);
	node = new_node(b, kind, event->start_mark);
	rc = count_nodes(b, 1, event->start_mark);
	if (rc == LG_OK)
		rc = place(b, node);
	b->stack[b->depth++] = (struct frame){.node = node, .anchor = anchor ? mem_strdup((const char *)anchor) : NULL};
	return rc;
}

/* ---- closing a mapping: bad keys, merges, duplicates ---- */

static bool is_merge_key(const struct yaml_node *key)
{
	return key->kind == YAML_KIND_SCALAR && !key->quoted && lg_str_is(key->text, "<<");
}

static void drop_bad_keys(struct builder *b, struct yaml_node *map)
{
	size_t kept = 0;

	for (size_t i = 0; i + 1 < map->count; i += 2) {
		if (map->items[i]->kind != YAML_KIND_SCALAR) {
			problems_error(b->problems, map->items[i]->mark, "the key of a mapping must be a name, not %s",
			               yamltree_kind_name(map->items[i]));
			continue;
		}
		map->items[kept++] = map->items[i];
		map->items[kept++] = map->items[i + 1];
	}
	map->count = kept;
}

struct key_order {
	struct yaml_node *key;
	size_t at;
};

static int compare_keys(const void *a, const void *b)
{
	const struct key_order *x = a, *y = b;
	int order = strcmp(x->key->text.data, y->key->text.data);

	return order ? order : x->at < y->at ? -1 : 1;
}

/* Reports keys given twice and keeps the first. Sorted, not compared pairwise: a hostile mapping may have 50,000 keys. With
 * `quiet` (merged keys) the later ones just yield. */
static void drop_duplicates(struct builder *b, struct yaml_node *map, size_t quiet_from)
{
	size_t keys = map->count / 2, kept = 0;
	struct key_order *order;

	if (keys < 2)
		return;
	order = mem_alloc(keys * sizeof(*order));
	for (size_t i = 0; i < keys; i++)
		order[i] = (struct key_order){map->items[2 * i], i};
	qsort(order, keys, sizeof(*order), compare_keys);
	for (size_t i = 1, first = 0; i < keys; i++) {
		if (strcmp(order[first].key->text.data, order[i].key->text.data) != 0) {
			first = i;
			continue;
		}
		if (2 * order[i].at < quiet_from)
			problems_error(b->problems, order[i].key->mark,
			        "the key `%.80s` is given twice, first in line %u; keep one of them", order[i].key->text.data,
			        order[first].key->mark.line);
		map->items[2 * order[i].at] = NULL;
	}
	free(order);
	for (size_t i = 0; i < keys; i++) {
		if (!map->items[2 * i])
			continue;
		map->items[kept] = map->items[2 * i];
		map->items[kept + 1] = map->items[2 * i + 1];
		kept += 2;
	}
	map->count = kept;
}

/* Appends the pairs of a merged mapping; what the mapping says itself stands before them and wins. */
static enum lg_rc merge_one(struct builder *b, struct frame *frame, const struct yaml_node *from, yaml_mark_t mark)
{
	struct yaml_node *map = frame->node;

	if (from->kind != YAML_KIND_MAPPING) {
		problems_error(
		        b->problems, from->mark, "`<<` merges a mapping or a list of mappings, not %s", yamltree_kind_name(from));
		return LG_OK;
	}
	for (size_t i = 0; i < from->count; i += 2) {
		enum lg_rc rc = count_nodes(b, from->items[i + 1]->weight + 1, mark);

		if (rc != LG_OK)
			return rc;
		map->items = mem_grow(map->items, &frame->cap, map->count + 2, sizeof(*map->items));
		map->items[map->count++] = from->items[i];
		map->items[map->count++] = from->items[i + 1];
	}
	return LG_OK;
}

static enum lg_rc merge_mappings(struct builder *b, struct frame *frame, yaml_mark_t mark)
{
	struct yaml_node *map = frame->node, *merged = NULL;
	size_t kept = 0, own;
	enum lg_rc rc = LG_OK;

	for (size_t i = 0; i < map->count; i += 2) {
		if (is_merge_key(map->items[i])) {
			if (merged)
				problems_error(b->problems, map->items[i]->mark, "`<<` is given twice; write `<<: [*a, *b]`");
			merged = map->items[i + 1];
			continue;
		}
		map->items[kept++] = map->items[i];
		map->items[kept++] = map->items[i + 1];
	}
	map->count = own = kept;
	if (merged && merged->kind == YAML_KIND_LIST) {
		for (size_t i = 0; i < merged->count && rc == LG_OK; i++)
			rc = merge_one(b, frame, merged->items[i], mark);
	} else if (merged) {
		rc = merge_one(b, frame, merged, mark);
	}
	drop_duplicates(b, map, own);
	return rc;
}

static enum lg_rc close_collection(struct builder *b, const yaml_event_t *event)
{
	struct frame *frame = &b->stack[--b->depth];
	struct yaml_node *node = frame->node;
	enum lg_rc rc = LG_OK;

	if (node->kind == YAML_KIND_MAPPING) {
		drop_bad_keys(b, node);
		rc = merge_mappings(b, frame, event->end_mark);
	}
	for (size_t i = 0; i < node->count; i++) {
		node->weight += node->items[i]->weight;
		if (node->height < node->items[i]->height)
			node->height = node->items[i]->height;
	}
	node->height++;
	if (rc == LG_OK && frame->anchor)
		rc = remember_anchor(b, frame->anchor, node);
	free(frame->anchor);
	frame->anchor = NULL;
	return rc;
}

/* ---- the event loop ---- */

static bool line_starts_with_tab(struct lg_str text, size_t line)
{
	const char *at = text.data, *end = at + text.size;

	for (; at && line > 0; line--) {
		at = memchr(at, '\n', (size_t)(end - at));
		if (at)
			at++;
	}
	while (at && at < end && *at == ' ')
		at++;
	return at && at < end && *at == '\t';
}

static void report_syntax(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem ? p->problem : "cannot be read";

	if (p->error == YAML_READER_ERROR) {
		problems_error(b->problems, mark_at_byte(b->text, p->problem_offset), "%s; expected YAML text in UTF-8", problem);
		return;
	}
	if (line_starts_with_tab(b->text, p->problem_mark.line)) {
		problems_error(b->problems, mark_of(p->problem_mark), "a tab in the indentation; YAML takes spaces only");
		return;
	}
	if (p->context && p->context_mark.line != p->problem_mark.line)
		problems_error(b->problems, mark_of(p->problem_mark), "not valid YAML: %s, %s that began in line %zu", problem,
		        p->context, p->context_mark.line + 1);
	else
		problems_error(b->problems, mark_of(p->problem_mark), "not valid YAML: %s%s%s", problem, p->context ? ", " : "",
		               p->context ? p->context : "");
}

static enum lg_rc take_event(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (!b->tree->root)
			return LG_OK;
		problems_error(b->problems, mark_of(event->start_mark),
		        "a second document begins here; a configuration is one document");
		return LG_INVALID;
	case YAML_SCALAR_EVENT:
		return add_scalar(b, event);
	case YAML_ALIAS_EVENT:
		return add_alias(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(
		        b, YAML_KIND_LIST, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_collection(
		        b, YAML_KIND_MAPPING, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_collection(b, event);
	default:
		return LG_OK;
	}
}

static enum lg_rc run_parser(struct builder *b)
{
	enum lg_rc rc = LG_OK;
	bool end = false;

	yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b->parser, (const unsigned char *)b->text.data, b->text.size);
	while (!end && rc == LG_OK) {
		yaml_event_t event;

		if (!yaml_parser_parse(&b->parser, &event)) {
			report_syntax(b);
			return LG_INVALID;
		}
		end = event.type == YAML_STREAM_END_EVENT;
		rc = take_event(b, &event);
		yaml_event_delete(&event);
	}
	return rc;
}

static enum lg_rc check_root(const struct yaml_tree *tree, struct problems *problems)
{
	static const struct config_mark top = {1, 1};

	if (!tree->root || yamltree_is_null(tree->root)) {
		problems_error(problems, top, "the file is empty; it needs at least version, inputs and outputs");
		return LG_INVALID;
	}
	if (tree->root->kind != YAML_KIND_MAPPING) {
		problems_error(problems, tree->root->mark,
		        "expected a mapping at the top level (lines of `key: value`), found %s", yamltree_kind_name(tree->root));
		return LG_INVALID;
	}
	return LG_OK;
}

enum lg_rc yamltree_load(struct yaml_tree *tree, struct lg_str text, struct problems *problems)
{
	struct builder *b;
	enum lg_rc rc;

	*tree = (struct yaml_tree){0};
	rc = check_bytes(text, problems);
	if (rc != LG_OK)
		return rc;
	if (text.size >= 3 && !memcmp(text.data, "\xef\xbb\xbf", 3)) { /* a byte order mark, which libyaml takes for content */
		text.data += 3;
		text.size -= 3;
	}
	if (!text.size)
		text.data = ""; /* libyaml wants a pointer */
	b = mem_zalloc(sizeof(*b));
	b->tree = tree;
	b->problems = problems;
	b->text = text;
	if (yaml_parser_initialize(&b->parser)) {
		rc = run_parser(b);
		yaml_parser_delete(&b->parser);
	} else {
		problems_error(problems, (struct config_mark){0, 0}, "out of memory");
		rc = LG_NOMEM;
	}
	while (b->depth > 0)
		free(b->stack[--b->depth].anchor);
	for (size_t i = 0; i < b->anchor_count; i++)
		free(b->anchors[i].name);
	free(b->anchors);
	free(b);
	return rc == LG_OK ? check_root(tree, problems) : rc;
}

void yamltree_free(struct yaml_tree *tree)
{
	while (tree->all) {
		struct yaml_node *node = tree->all;

		tree->all = node->next;
		free((char *)node->text.data);
		free(node->items);
		free(node);
	}
	tree->root = NULL;
}

/* ---- asking ---- */

struct yaml_node *yamltree_get(const struct yaml_node *mapping, const char *key)
{
	if (!mapping || mapping->kind != YAML_KIND_MAPPING)
		return NULL;
	for (size_t i = 0; i < mapping->count; i += 2) {
		if (lg_str_is(mapping->items[i]->text, key))
			return mapping->items[i + 1];
	}
	return NULL;
}

bool yamltree_is_null(const struct yaml_node *node)
{
	if (node->kind != YAML_KIND_SCALAR || node->quoted)
		return false;
	return !node->text.size || lg_str_is(node->text, "~") || lg_str_is(node->text, "null") || lg_str_is(node->text, "Null") ||
	       lg_str_is(node->text, "NULL");
}

struct config_mark yamltree_mark_in(const struct yaml_node *scalar, size_t offset)
{
	struct config_mark mark = scalar->mark;

	if (!scalar->exact)
		return mark;
	mark.column += scalar->quoted;
	mark.column +=
	        (unsigned)characters((struct lg_str){scalar->text.data, offset < scalar->text.size ? offset : scalar->text.size});
	return mark;
}

const char *yamltree_kind_name(const struct yaml_node *node)
{
	switch (node->kind) {
	case YAML_KIND_LIST:
		return "a list";
	case YAML_KIND_MAPPING:
		return "a mapping";
	default:
		return yamltree_is_null(node) ? "nothing" : "a single value";
	}
}
