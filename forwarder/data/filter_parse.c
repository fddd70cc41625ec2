/* The compiler of `where` expressions: a lexer, a recursive descent, one compact array of nodes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "data/filter_impl.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_STRING,
	TOKEN_NUMBER,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_OP,
	TOKEN_MATCH
};

struct token {
	enum token_kind kind;
	size_t at, end;       /* in the text */
	struct lg_str text;   /* NAME; STRING: unescaped, in the arena */
	int64_t number;
	enum filter_op op;
};

struct parser {
	struct filter *filter;
	const char *text;
	struct token token; /* the next one */
	size_t *at;
	struct lg_err *err;
	unsigned depth;
};

static enum lg_rc fail(struct parser *p, size_t at, const char *fmt, ...) LG_PRINTF(3, 4);

static enum lg_rc fail(struct parser *p, size_t at, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*p->at = at;
	return lg_err_set(p->err, LG_INVALID, "%s", text);
}

/* ---- tokens ---- */

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '@';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_part(char c)
{
	return is_name_start(c) || is_digit(c) || c == '.' || c == '-';
}

static char *arena_take(struct filter *filter, size_t size)
{
	char *p = filter->arena + filter->arena_used;

	filter->arena_used += size;
	return p;
}

static enum lg_rc lex_string(struct parser *p, size_t at)
{
	const char *s = p->text + at + 1;
	char quote = p->text[at], *out = p->filter->arena + p->filter->arena_used;
	size_t n = 0;

	for (; *s != quote; s++) {
		if (!*s)
			return fail(p, at, "the string that begins here has no closing %c", quote);
		if (quote == '"' && *s == '\\' && (s[1] == '"' || s[1] == '\\'))
			s++;
		out[n++] = *s;
	}
	arena_take(p->filter, n);
	p->token = (struct token){.kind = TOKEN_STRING, .at = at, .end = (size_t)(s + 1 - p->text), .text = {out, n}};
	return LG_OK;
}

static enum lg_rc lex_number(struct parser *p, size_t at)
{
	size_t end = at + (p->text[at] == '-');
	struct token *t = &p->token;

	while (is_digit(p->text[end]))
		end++;
	*t = (struct token){.kind = TOKEN_NUMBER, .at = at, .end = end, .text = {p->text + at, end - at}};
	if (is_name_part(p->text[end]))
		return fail(p, at, "expected a whole number, or text in quotes");
	if (!text_parse_i64(t->text, &t->number))
		return fail(p, at, "this number is too large");
	return LG_OK;
}

static enum lg_rc lex_operator(struct parser *p, size_t at)
{
	static const struct {
		const char *text;
		enum token_kind kind;
		enum filter_op op;
	} table[] = {{"==", TOKEN_OP, FILTER_EQ}, {"!=", TOKEN_OP, FILTER_NE}, {"<=", TOKEN_OP, FILTER_LE},
	        {">=", TOKEN_OP, FILTER_GE}, {"=~", TOKEN_MATCH, 0}, {"<", TOKEN_OP, FILTER_LT}, {">", TOKEN_OP, FILTER_GT},
	        {"(", TOKEN_OPEN, 0}, {")", TOKEN_CLOSE, 0}, {",", TOKEN_COMMA, 0}};
	const char *s = p->text + at;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t n = strlen(table[i].text);

		if (!strncmp(s, table[i].text, n)) {
			p->token = (struct token){.kind = table[i].kind, .at = at, .end = at + n, .op = table[i].op};
			return LG_OK;
		}
	}
	if (*s == '=')
		return fail(p, at, "write `==` for equal, `=~` for a pattern");
	if (*s == '&' || *s == '|' || *s == '!')
		return fail(p, at, "write `and`, `or`, `not`");
	if ((unsigned char)*s >= 0x20 && (unsigned char)*s < 0x7f)
		return fail(p, at, "unexpected `%c`", *s);
	return fail(p, at, "unexpected byte 0x%02x", (unsigned char)*s);
}

/* Reads the next token into p->token. */
static enum lg_rc advance(struct parser *p)
{
	size_t at = p->token.end, end;

	while (p->text[at] == ' ' || p->text[at] == '\t' || p->text[at] == '\n' || p->text[at] == '\r')
		at++;
	if (!p->text[at]) {
		p->token = (struct token){.kind = TOKEN_END, .at = at, .end = at};
		return LG_OK;
	}
	if (p->text[at] == '"' || p->text[at] == '\'')
		return lex_string(p, at);
	if (is_digit(p->text[at]) || (p->text[at] == '-' && is_digit(p->text[at + 1])))
		return lex_number(p, at);
	if (!is_name_start(p->text[at]))
		return lex_operator(p, at);
	for (end = at; is_name_part(p->text[end]);)
		end++;
	p->token = (struct token){.kind = TOKEN_NAME, .at = at, .end = end, .text = {p->text + at, end - at}};
	return LG_OK;
}

static bool is_word(const struct parser *p, const char *word)
{
	return p->token.kind == TOKEN_NAME && lg_str_is(p->token.text, word);
}

/* What stands at the token, for "expected X, found Y". */
static const char *describe(const struct token *t, char out[80])
{
	switch (t->kind) {
	case TOKEN_NAME:
	case TOKEN_NUMBER:
		snprintf(out, 80, "`%.*s`", (int)(t->text.size < 60 ? t->text.size : 60), t->text.data);
		return out;
	case TOKEN_STRING:
		return "a string";
	case TOKEN_OPEN:
		return "`(`";
	case TOKEN_CLOSE:
		return "`)`";
	case TOKEN_COMMA:
		return "`,`";
	case TOKEN_END:
		return "the end";
	default:
		return "an operator";
	}
}

static enum lg_rc expected(struct parser *p, const char *what)
{
	char found[80];

	return fail(p, p->token.at, "expected %s, found %s", what, describe(&p->token, found));
}

/* ---- nodes ---- */

static uint32_t add_node(struct filter *f, struct filter_node node)
{
	f->nodes = mem_grow(f->nodes, &f->node_cap, f->node_count + 1, sizeof(*f->nodes));
	node.next = FILTER_NONE;
	f->nodes[f->node_count] = node;
	return (uint32_t)f->node_count++;
}

static uint32_t add_literal(struct filter *f, struct filter_literal literal)
{
	f->literals = mem_grow(f->literals, &f->literal_cap, f->literal_count + 1, sizeof(*f->literals));
	f->literals[f->literal_count] = literal;
	return (uint32_t)f->literal_count++;
}

/* ---- names of severities and facilities ---- */

struct named {
	const char *name;
	int64_t number;
};

static const struct named severities[] = {{"emerg", 0}, {"emergency", 0}, {"panic", 0}, {"alert", 1}, {"crit", 2},
        {"critical", 2}, {"err", 3}, {"error", 3}, {"warning", 4}, {"warn", 4}, {"notice", 5}, {"info", 6}, {"informational", 6},
        {"debug", 7}, {NULL, 0}};

static const struct named facilities[] = {{"kern", 0}, {"user", 1}, {"mail", 2}, {"daemon", 3}, {"auth", 4}, {"syslog", 5},
        {"lpr", 6}, {"news", 7}, {"uucp", 8}, {"cron", 9}, {"authpriv", 10}, {"ftp", 11}, {"local0", 16}, {"local1", 17},
        {"local2", 18}, {"local3", 19}, {"local4", 20}, {"local5", 21}, {"local6", 22}, {"local7", 23}, {NULL, 0}};

static bool find_named(const struct named *table, struct lg_str name, int64_t *number)
{
	for (; table->name; table++) {
		if (lg_str_is(name, table->name)) {
			*number = table->number;
			return true;
		}
	}
	return false;
}

/* ---- the left side ---- */

static const struct {
	const char *name;
	enum filter_source source;
	enum lg_type type;
} sources[] = {{"message", FILTER_MESSAGE, LG_T_STRING}, {"severity", FILTER_SEVERITY, LG_T_NUMBER},
        {"facility", FILTER_FACILITY, LG_T_NUMBER}, {"log.level", FILTER_LEVEL, LG_T_STRING},
        {"event.sequence", FILTER_SEQUENCE, LG_T_NUMBER}, {"lugger.input", FILTER_INPUT, LG_T_STRING},
        {"lugger.log_id", FILTER_LOG_ID, LG_T_STRING}};

static bool is_unfilterable(struct lg_str name)
{
	static const char *const names[] = {
	        "@timestamp", "event.id", "event.created", "agent.type", "agent.version", "agent.name", "ecs.version"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (lg_str_is(name, names[i]))
			return true;
	}
	return false;
}

static bool is_keyword(struct lg_str name)
{
	static const char *const words[] = {"and", "or", "not", "in", "like", "true", "false", "at_least", "AND", "OR", "NOT"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (lg_str_is(name, words[i]))
			return true;
	}
	return false;
}

/* Takes the token as the name of a field. *type is 0 for a custom one, whose type only the record tells. */
static enum lg_rc take_field(struct parser *p, struct filter_node *node, unsigned *type)
{
	struct lg_str name = p->token.text;
	char *copy;

	if (p->token.kind != TOKEN_NAME || is_keyword(name))
		return expected(p, "a field, `not` or `(`");
	if (is_unfilterable(name))
		return fail(p, p->token.at, "`%.*s` cannot be used in a filter", (int)name.size, name.data);
	if (name.size > 255)
		return fail(p, p->token.at, "the name of a field has at most 255 bytes");
	copy = arena_take(p->filter, name.size);
	memcpy(copy, name.data, name.size);
	node->name = (struct lg_str){copy, name.size};
	node->field = (uint8_t)lg_field_find(name);
	node->source = node->field ? FILTER_FIELD : FILTER_CUSTOM;
	*type = node->field ? lg_field_type(node->field) : 0;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (lg_str_is(name, sources[i].name)) {
			node->source = (uint8_t)sources[i].source;
			*type = sources[i].type;
		}
	}
	return advance(p);
}

/* ---- the right side ---- */

/* A value that can be compared with the node's field; names of severities become numbers. */
static enum lg_rc take_value(struct parser *p, const struct filter_node *node, unsigned type, bool ordered)
{
	struct filter_literal literal = {.text = p->token.text, .number = p->token.number};
	const struct named *names = node->source == FILTER_SEVERITY   ? severities
	                            : node->source == FILTER_FACILITY ? facilities
	                                                              : NULL;
	size_t at = p->token.at;

	if (p->token.kind == TOKEN_STRING)
		literal.type = LG_T_STRING;
	else if (p->token.kind == TOKEN_NUMBER)
		literal.type = LG_T_NUMBER;
	else if (is_word(p, "true") || is_word(p, "false"))
		literal.type = LG_T_BOOL;
	else if (p->token.kind == TOKEN_NAME && !is_keyword(p->token.text))
		return fail(p, at, "text stands in quotes: \"%.*s\"", (int)(p->token.text.size < 60 ? p->token.text.size : 60),
		        p->token.text.data);
	else
		return expected(p, "a value: \"text\", a number, true or false");
	literal.has_number = literal.type == LG_T_NUMBER;
	if (literal.type == LG_T_BOOL)
		literal.number = is_word(p, "true");
	if (literal.type == LG_T_STRING && names && find_named(names, literal.text, &literal.number)) {
		if (ordered)
			return fail(p, at, "write `severity at_least NAME`; < and > compare the number, and 0 is the gravest");
		literal.has_number = true;
	} else if (literal.type == LG_T_STRING && names) {
		return fail(p, at, "there is no %s \"%.*s\"", names == severities ? "severity" : "facility",
		            (int)(literal.text.size < 60 ? literal.text.size : 60), literal.text.data);
	} else if (literal.type == LG_T_STRING) {
		literal.has_number = text_parse_i64(literal.text, &literal.number);
	}
	if ((type == LG_T_NUMBER || type == LG_T_NUMBERS) && !literal.has_number)
		return fail(p, at, "`%.*s` is a number", (int)node->name.size, node->name.data);
	if (type == LG_T_BOOL && literal.type != LG_T_BOOL)
		return fail(p, at, "`%.*s` is true or false", (int)node->name.size, node->name.data);
	if (literal.type == LG_T_BOOL && (ordered || type == LG_T_STRING))
		return fail(p, at,
		        type == LG_T_STRING ? "`%.*s` is text, not true or false" : "`%.*s`: true and false have no order",
		        (int)node->name.size, node->name.data);
	if (literal.type == LG_T_NUMBER)
		literal.text = (struct lg_str){0};
	add_literal(p->filter, literal);
	return advance(p);
}

static enum lg_rc parse_in(struct parser *p, struct filter_node *node, unsigned type)
{
	enum lg_rc rc = advance(p);

	if (rc == LG_OK && p->token.kind != TOKEN_OPEN)
		return expected(p, "`(` and the values");
	node->kind = FILTER_IN;
	node->first = (uint32_t)p->filter->literal_count;
	do {
		if (rc == LG_OK)
			rc = advance(p);
		if (rc == LG_OK)
			rc = take_value(p, node, type, false);
	} while (rc == LG_OK && p->token.kind == TOKEN_COMMA);
	if (rc != LG_OK)
		return rc;
	node->count = (uint32_t)p->filter->literal_count - node->first;
	return p->token.kind == TOKEN_CLOSE ? advance(p) : expected(p, "`,` or `)`");
}

static void add_segment(struct filter *f, struct filter_node *node, const char *data, size_t size)
{
	if (!size)
		return;
	f->segments = mem_grow(f->segments, &f->segment_cap, f->segment_count + 1, sizeof(*f->segments));
	f->segments[f->segment_count++] = (struct lg_str){data, size};
	node->count++;
}

/* Cuts the pattern at its stars, in place. */
static void split_like(struct filter *f, struct filter_node *node, struct lg_str pattern)
{
	char *s = (char *)pattern.data; /* in our arena */
	size_t begin = 0, out = 0;

	node->first = (uint32_t)f->segment_count;
	for (size_t i = 0; i < pattern.size; i++) {
		node->open_end = s[i] == '*';
		if (s[i] == '\\' && i + 1 < pattern.size && s[i + 1] == '*') {
			s[out++] = s[++i];
		} else if (s[i] == '*') {
			node->open_start |= out == 0;
			add_segment(f, node, s + begin, out - begin);
			begin = out;
		} else {
			s[out++] = s[i];
		}
	}
	add_segment(f, node, s + begin, out - begin);
}

/* An unescaped `$` that does not end the pattern or an alternative. */
static void look_for_dollar(struct filter *f, struct lg_str pattern, size_t at)
{
	bool in_class = false;

	for (size_t i = 0; i < pattern.size && !f->has_dollar; i++) {
		char c = pattern.data[i], next = i + 1 < pattern.size ? pattern.data[i + 1] : ')';

		if (c == '\\') {
			i++;
		} else if (c == '[' || c == ']') {
			in_class = c == '[';
		} else if (c == '$' && !in_class && next != ')' && next != '|') {
			f->has_dollar = true;
			f->dollar_at = at + 1 + i; /* exact where the string has no escapes before it */
		}
	}
}

static enum lg_rc compile_pattern(struct parser *p, struct filter_node *node)
{
	struct filter *f = p->filter;
	struct token *t = &p->token;
	struct pattern *compiled;
	struct lg_err why;
	size_t offset;

	if (pattern_compile(&compiled, t->text, &offset, &why) != LG_OK)
		return fail(p, t->at + 1 + offset, "the pattern is not valid: %s", why.text);
	f->patterns = mem_grow(f->patterns, &f->pattern_cap, f->pattern_count + 1, sizeof(*f->patterns));
	node->first = (uint32_t)f->pattern_count;
	f->patterns[f->pattern_count++] = (struct filter_pattern){compiled, t->text, t->at};
	look_for_dollar(f, t->text, t->at);
	return LG_OK;
}

static enum lg_rc parse_pattern(struct parser *p, struct filter_node *node, unsigned type, enum filter_kind kind)
{
	enum lg_rc rc;

	if (type && type != LG_T_STRING)
		return fail(p, p->token.at, "`%.*s` is not text; compare it with ==", (int)node->name.size, node->name.data);
	rc = advance(p);
	if (rc != LG_OK)
		return rc;
	if (p->token.kind != TOKEN_STRING)
		return expected(p, "a pattern in quotes");
	node->kind = (uint8_t)kind;
	if (kind == FILTER_LIKE)
		split_like(p->filter, node, p->token.text);
	else
		rc = compile_pattern(p, node);
	return rc == LG_OK ? advance(p) : rc;
}

/* ---- expressions ---- */

static enum lg_rc parse_at_least(struct parser *p, uint32_t *result)
{
	enum lg_rc rc = advance(p);
	int64_t severity = 0;

	if (rc != LG_OK)
		return rc;
	if ((p->token.kind != TOKEN_NAME && p->token.kind != TOKEN_STRING) || !find_named(severities, p->token.text, &severity))
		return expected(p, "emerg, alert, crit, err, warning, notice, info or debug");
	*result = add_node(
	        p->filter, (struct filter_node){.kind = FILTER_AT_LEAST, .source = FILTER_SEVERITY, .first = (uint32_t)severity});
	return advance(p);
}

static enum lg_rc parse_comparison(struct parser *p, uint32_t *result)
{
	struct filter_node node = {.kind = FILTER_COMPARE};
	unsigned type = 0;
	enum lg_rc rc = take_field(p, &node, &type);

	if (rc != LG_OK)
		return rc;
	if (is_word(p, "at_least"))
		return node.source == FILTER_SEVERITY ? parse_at_least(p, result)
		                                      : fail(p, p->token.at, "`at_least` belongs to `severity`");
	if (is_word(p, "in")) {
		rc = parse_in(p, &node, type);
	} else if (is_word(p, "like")) {
		rc = parse_pattern(p, &node, type, FILTER_LIKE);
	} else if (p->token.kind == TOKEN_MATCH) {
		rc = parse_pattern(p, &node, type, FILTER_REGEX);
	} else if (p->token.kind == TOKEN_OP) {
		node.op = (uint8_t)p->token.op;
		node.first = (uint32_t)p->filter->literal_count;
		rc = advance(p);
		if (rc == LG_OK)
			rc = take_value(p, &node, type, node.op >= FILTER_LT);
	} else {
		return expected(p, node.source == FILTER_SEVERITY ? "at_least, ==, !=, <, <=, >, >= or in"
		                                                  : "==, !=, <, <=, >, >=, in, like or =~");
	}
	if (rc == LG_OK)
		*result = add_node(p->filter, node);
	return rc;
}

static enum lg_rc parse_or(struct parser *p, uint32_t *result);

static enum lg_rc parse_not(struct parser *p, uint32_t *result)
{
	bool negated = is_word(p, "not"), nested = negated || p->token.kind == TOKEN_OPEN;
	size_t at = p->token.at;
	enum lg_rc rc;

	if (!nested)
		return parse_comparison(p, result);
	if (++p->depth > FILTER_DEPTH_MAX)
		return fail(p, at, "nested more than %d levels deep", FILTER_DEPTH_MAX);
	rc = advance(p);
	if (rc == LG_OK && negated) {
		rc = parse_not(p, result);
		if (rc == LG_OK)
			*result = add_node(p->filter, (struct filter_node){.kind = FILTER_NOT, .child = *result});
	} else if (rc == LG_OK) {
		rc = parse_or(p, result);
		if (rc == LG_OK)
			rc = p->token.kind == TOKEN_CLOSE ? advance(p) : expected(p, "`)`, `and` or `or`");
	}
	p->depth--;
	return rc;
}

/* One or more operands joined by `word`: a single one stands for itself. */
static enum lg_rc parse_chain(struct parser *p, const char *word, enum filter_kind kind,
                              enum lg_rc (*operand)(struct parser *p, uint32_t *result), uint32_t *result)
{
	uint32_t first, last, next;
	enum lg_rc rc = operand(p, &first);

	last = first;
	while (rc == LG_OK && is_word(p, word)) {
		rc = advance(p);
		if (rc == LG_OK)
			rc = operand(p, &next);
		if (rc != LG_OK)
			break;
		p->filter->nodes[last].next = next;
		last = next;
	}
	if (rc != LG_OK)
		return rc;
	*result = last == first ? first : add_node(p->filter, (struct filter_node){.kind = (uint8_t)kind, .child = first});
	return LG_OK;
}

static enum lg_rc parse_and(struct parser *p, uint32_t *result)
{
	return parse_chain(p, "and", FILTER_AND, parse_not, result);
}

static enum lg_rc parse_or(struct parser *p, uint32_t *result)
{
	return parse_chain(p, "or", FILTER_OR, parse_and, result);
}

enum lg_rc filter_parse(struct filter *filter, const char *text, size_t *at, struct lg_err *err)
{
	struct parser p = {.filter = filter, .text = text, .at = at, .err = err};
	size_t size = strlen(text);
	enum lg_rc rc;

	if (size > FILTER_LENGTH_MAX)
		return fail(&p, FILTER_LENGTH_MAX, "the expression is longer than %d bytes", FILTER_LENGTH_MAX);
	filter->arena = mem_alloc(size + 1); /* every token is copied at most once, and no copy is longer than its source */
	rc = advance(&p);
	if (rc == LG_OK && p.token.kind == TOKEN_END)
		return fail(&p, 0, "the expression is empty");
	if (rc == LG_OK)
		rc = parse_or(&p, &filter->root);
	if (rc == LG_OK && p.token.kind != TOKEN_END)
		rc = expected(&p, "`and`, `or` or the end");
	if (rc == LG_OK && filter->pattern_count && !(filter->room = pattern_room_new()))
		return lg_err_set(err, LG_NOMEM, "out of memory");
	return rc;
}
