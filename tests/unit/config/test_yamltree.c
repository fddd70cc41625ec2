/* The tree of a YAML text: anchors, merges, limits. What the errors of a file look like is in test_errors.c. */
#include "rig.h"

#include "config/yamltree.h"

struct loaded {
	struct yaml_tree tree;
	struct problems problems;
	enum lg_rc rc;
};

static struct loaded load(const char *text, size_t size)
{
	struct loaded l = {0};

	l.rc = yamltree_load(&l.tree, (struct lg_str){text, size}, &l.problems);
	return l;
}

static void unload(struct loaded *l)
{
	yamltree_free(&l->tree);
	problems_fini(&l->problems);
}

/* The tree as one line; scalars in <>, so that quotes, folding and escapes are seen through. */
static void put_tree(struct lg_buf *out, const struct yaml_node *node)
{
	if (node->kind == YAML_KIND_SCALAR) {
		lg_buf_printf(out, "<%s>", node->text.data);
		return;
	}
	lg_buf_append_char(out, node->kind == YAML_KIND_LIST ? '[' : '{');
	for (size_t i = 0; i < node->count; i++) {
		if (i)
			lg_buf_append_char(out, node->kind == YAML_KIND_MAPPING && i % 2 ? ':' : ' ');
		put_tree(out, node->items[i]);
	}
	lg_buf_append_char(out, node->kind == YAML_KIND_LIST ? ']' : '}');
}

static void texts_become_trees(void **state)
{
	static const struct {
		const char *text, *tree;
	} cases[] = {
		{"a: 1", "{<a>:<1>}"},
		{"a:\n  - b\n  - {c: d}\n", "{<a>:[<b> {<c>:<d>}]}"},
		{"\xef\xbb\xbf" "a: 1\r\nb: 2\r\n", "{<a>:<1> <b>:<2>}"}, /* a mark and line ends of another world */
		{"a: 'it''s'\nb: \"x\\ty\\u00e4\"\nc: |\n  l1\n  l2\nd: >\n  f1\n  f2\n", "{<a>:<it's> <b>:<x\ty\xc3\xa4> <c>:<l1\nl2\n> <d>:<f1 f2\n>}"},
		{"a: # nothing\nb: ~", "{<a>:<> <b>:<~>}"},
		{"x: &x [1, 2]\ny: *x\n", "{<x>:[<1> <2>] <y>:[<1> <2>]}"},
		{"x: &x 1\ny: &x 2\nz: *x\n", "{<x>:<1> <y>:<2> <z>:<2>}"}, /* the newest anchor of a name */
		{"k: &k key\n*k : v\n", "{<k>:<key> <key>:<v>}"},
		/* Merging: what the mapping says itself wins, then the earlier of the merged ones. */
		{"a: &a {p: 1, q: 2}\nb:\n  q: 3\n  <<: *a\n", "{<a>:{<p>:<1> <q>:<2>} <b>:{<q>:<3> <p>:<1>}}"},
		{"a: &a {p: 1}\nb: &b {p: 2, q: 2}\nc: {<<: [*a, *b], r: 3}\n",
		 "{<a>:{<p>:<1>} <b>:{<p>:<2> <q>:<2>} <c>:{<r>:<3> <p>:<1> <q>:<2>}}"},
		{"a: {\"<<\": 1}\n", "{<a>:{<<<>:<1>}}"}, /* in quotes it is a name */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct loaded l = load(cases[i].text, strlen(cases[i].text));
		struct lg_buf out = {0};

		assert_int_equal(l.rc, LG_OK);
		assert_int_equal(l.problems.count, 0);
		put_tree(&out, l.tree.root);
		lg_buf_append_char(&out, '\0');
		assert_string_equal((const char *)out.data, cases[i].tree);
		lg_buf_fini(&out);
		unload(&l);
	}
}

static void bad_merges_are_named(void **state)
{
	static const struct {
		const char *text, *says;
		enum lg_rc rc;
	} cases[] = {
		{"a: {<<: 1}\n", "merges a mapping or a list of mappings, not a single value", LG_OK},
		{"a: {<<: [{b: 1}, 2]}\n", "not a single value", LG_OK},
		{"a: {<<: {b: 1}, <<: {c: 1}}\n", "`<<` is given twice", LG_OK},
		{"a: {b: 1, b: 2, <<: {b: 3}}\n", "the key `b` is given twice, first in line 1", LG_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct loaded l = load(cases[i].text, strlen(cases[i].text));

		assert_int_equal(l.rc, cases[i].rc);
		assert_int_equal(l.problems.errors, 1);
		assert_non_null(strstr(l.problems.items[0].text, cases[i].says));
		unload(&l);
	}
}

static char *repeated(const char *head, const char *unit, size_t times, const char *tail)
{
	struct lg_buf out = {0};

	lg_buf_append_cstr(&out, head);
	while (times--)
		lg_buf_append_cstr(&out, unit);
	lg_buf_append_cstr(&out, tail);
	lg_buf_append_char(&out, '\0');
	return (char *)out.data;
}

static void assert_refused(char *text, const char *says)
{
	struct loaded l = load(text, strlen(text));

	assert_int_equal(l.rc, LG_INVALID);
	assert_int_equal(l.problems.errors, 1);
	if (!strstr(l.problems.items[0].text, says))
		fail_msg("%s", l.problems.items[0].text);
	unload(&l);
	free(text);
}

static void assert_taken(char *text)
{
	struct loaded l = load(text, strlen(text));

	assert_int_equal(l.rc, LG_OK);
	assert_int_equal(l.problems.errors, 0);
	unload(&l);
	free(text);
}

static void hostile_texts_end_at_a_limit(void **state)
{
	struct lg_buf bomb = {0};

	(void)state;
	assert_taken(repeated("a: ", "[", 62, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"));
	assert_refused(repeated("a: ", "[", 100000, ""), "nested more than 64 levels");
	assert_refused(repeated("a: ", "{a: ", 100000, ""), "nested more than 64 levels");
	assert_refused(repeated("", "- ", 100000, ""), "nested more than 64 levels");
	assert_refused(repeated("", "? ", 100000, ""), "nested more than 64 levels");
	assert_refused(repeated("a: [", "b,", 100001, "]"), "more than 100000 values");
	assert_refused(repeated("a: [", "b: c,", 50001, "]"), "more than 100000 values");
	assert_refused(repeated("", "#23456789\n", 420000, "a: 1\n"), "a configuration may have 4 MiB");
	assert_refused(repeated("a: [", "&x 1,", 1001, "]"), "more than 1000 anchors");

	/* Ten aliases of ten aliases of ten ...: refused long before it is expanded. */
	lg_buf_append_cstr(&bomb, "a: &a [x,x,x,x,x,x,x,x,x,x]\n");
	for (char c = 'b'; c <= 'z'; c++) {
		char p = (char)(c - 1);

		lg_buf_printf(&bomb, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, p, p, p, p, p, p, p, p, p, p);
	}
	lg_buf_append_char(&bomb, '\0');
	assert_refused((char *)bomb.data, "more than 100000 values with all aliases expanded");

	/* The same with merges, and depth by aliases alone. */
	bomb = (struct lg_buf){0};
	lg_buf_append_cstr(&bomb, "a0: &a0 {k: v}\n");
	for (int i = 1; i < 70; i++)
		lg_buf_printf(&bomb, "a%d: &a%d {k: *a%d}\n", i, i, i - 1);
	lg_buf_append_char(&bomb, '\0');
	assert_refused((char *)bomb.data, "nested more than 64 levels");
}

/* 50,000 keys of which two are equal: found by sorting, not by comparing each with each. */
static void many_keys_cost_no_square(void **state)
{
	struct lg_buf text = {0};
	struct loaded l;

	(void)state;
	for (int i = 0; i < 49000; i++)
		lg_buf_printf(&text, "k%d: v\n", i);
	lg_buf_append_cstr(&text, "k77: again\n");
	l = load((const char *)text.data, text.size);
	assert_int_equal(l.rc, LG_OK);
	assert_int_equal(l.problems.errors, 1);
	assert_int_equal(l.problems.items[0].line, 49001);
	assert_string_equal(l.problems.items[0].text, "the key `k77` is given twice, first in line 78; keep one of them");
	assert_string_equal(yamltree_get(l.tree.root, "k77")->text.data, "v");
	unload(&l);
	lg_buf_fini(&text);
}

static void a_byte_of_a_value_has_a_column(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
		unsigned line, column;
	} cases[] = {
		{"k: abc", 2, 1, 6}, {"k: 'abc'", 2, 1, 7}, {"k: \"abc\"", 0, 1, 5}, {"k: '\xc3\xa4" "bc'", 2, 1, 6},
		{"k: 'it''s'", 5, 1, 4}, {"k: \"\\tb\"", 1, 1, 4}, {"k: |\n  abc\n", 2, 1, 4}, {"k: abc\n  def\n", 5, 1, 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct loaded l = load(cases[i].text, strlen(cases[i].text));
		struct config_mark mark = yamltree_mark_in(yamltree_get(l.tree.root, "k"), cases[i].offset);

		if (mark.line != cases[i].line || mark.column != cases[i].column)
			fail_msg("%s: %u:%u", cases[i].text, mark.line, mark.column);
		unload(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_become_trees),
		cmocka_unit_test(bad_merges_are_named),
		cmocka_unit_test(hostile_texts_end_at_a_limit),
		cmocka_unit_test(many_keys_cost_no_square),
		cmocka_unit_test(a_byte_of_a_value_has_a_column),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
