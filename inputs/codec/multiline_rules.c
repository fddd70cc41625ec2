/* What a line is to the open message: the operator's patterns, or a ready set of them. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/multiline.h"

#define RULES_MAX 10
#define BIT(state) (1u << (state))
#define OPEN (~BIT(MULTILINE_NONE))

/* The first rule for the message's state whose pattern matches decides; MULTILINE_NONE in `from` stands for a line that begins a message
 * anyway. No rule: it begins one. */
struct rule {
	unsigned from;    /* bits of enum multiline_state */
	const char *text; /* NULL: every line */
	bool begins;
	uint8_t to;
};

/* ---- ready patterns ------------------------------------------------------------------------------------------------------------- */

/* A date in brackets (Liberty and WebSphere on any platform, log4j), or an ISO one. */
#define DATED "^(?:\\[\\d{1,4}[/.-]\\d{1,2}[/.-]\\d{1,4}[ ,T]|\\d{4}-\\d\\d-\\d\\d[ T]\\d\\d:\\d\\d)"
#define THROWABLE "(?:[A-Za-z_$][\\w$]*\\.)+[\\w$]*(?:Exception|Error|Throwable|Failure|Fault)\\b"
#define FRAME "^(?:\\t|[ ]+(?:at|\\.\\.\\.|-)[ ]|[ ]*(?:Caused by|Suppressed|Wrapped by):?[ ]|[ ]+\\[CIRCULAR REFERENCE)"

/* Under a dated line everything belongs to it. Without dates a trace is a throwable's name and what follows it, or follows the line in
 * front of it. */
static const struct rule java[] = {
	{BIT(MULTILINE_NONE), DATED, true, MULTILINE_DATED},
	{BIT(MULTILINE_NONE), "^(?:Exception in thread \"[^\"]*\" )?" THROWABLE, true, MULTILINE_TRACE},
	{BIT(MULTILINE_PLAIN) | BIT(MULTILINE_TRACE) | BIT(MULTILINE_DATED), DATED, true, 0},
	{BIT(MULTILINE_DATED), NULL, false, MULTILINE_DATED},
	{BIT(MULTILINE_PLAIN), "^" THROWABLE, false, MULTILINE_TRACE},
	{OPEN, FRAME, false, MULTILINE_TRACE},
	{0},
};

#define TRACEBACK "^Traceback \\(most recent call last\\):"
#define GROUP "^[ ]*\\+ Exception Group Traceback \\(most recent call last\\):"

/* Header, indented frames, the exception's own line; behind an empty line perhaps the next of a chain. */
static const struct rule python[] = {
	{BIT(MULTILINE_NONE) | BIT(MULTILINE_PLAIN), TRACEBACK, false, MULTILINE_TRACE},
	{BIT(MULTILINE_NONE) | BIT(MULTILINE_PLAIN), GROUP, false, MULTILINE_GROUP},
	{BIT(MULTILINE_GROUP), "^[ ]", false, MULTILINE_GROUP},
	{BIT(MULTILINE_TRACE), "^[ \\t]", false, MULTILINE_TRACE},
	{BIT(MULTILINE_TRACE), "^[A-Za-z_][\\w.]*(?::|$)", false, MULTILINE_RAISED},
	{BIT(MULTILINE_RAISED), "^[ \\t]*$", false, MULTILINE_GAP},
	{BIT(MULTILINE_GAP), "^(?:During handling of the above exception|The above exception was the direct cause)", false, MULTILINE_CHAIN},
	{BIT(MULTILINE_CHAIN), "^[ \\t]*$", false, MULTILINE_CHAIN},
	{BIT(MULTILINE_CHAIN), TRACEBACK, false, MULTILINE_TRACE},
	{0},
};

/* A line of a JES2 job log, with or without its carriage control. */
#define JOB_LOG "^.?\\d\\d\\.\\d\\d\\.\\d\\d (?:(?:JOB|STC|TSU)\\d{5}|[JST]\\d{7})\\b"

static const struct rule db2[] = {
	{OPEN, JOB_LOG, true, 0},
	{OPEN, "^[ +0-]?DSN[A-Z0-9]\\d{3}[A-Z]\\b", true, 0},
	{OPEN, "^[ \\t]+\\S", false, MULTILINE_PLAIN},
	{0},
};

static const struct rule cics[] = {
	{OPEN, JOB_LOG, true, 0},
	{OPEN, "^[ +0-]?DFH(?:[A-Z]{2})?\\d{4}", true, 0},
	{OPEN, "^[ \\t]+\\S", false, MULTILINE_PLAIN},
	{0},
};

/* As the option's choices. */
static const struct rule *const ready[] = {NULL, java, python, db2, cics};

/* ---- compiled ------------------------------------------------------------------------------------------------------------------- */

struct compiled {
	unsigned from;
	struct pattern *pattern; /* NULL: every line */
	bool begins;
	uint8_t to;
};

struct multiline_rules {
	const struct lg_multiline_conf *conf;
	struct compiled rules[RULES_MAX];
	size_t count;
	struct pattern *end;
	struct pattern_room *room;
	size_t users;
	struct multiline_rules *next;
};

/* Thousands of files of one input have the same patterns. */
static struct multiline_rules *shared;
static pthread_mutex_t shared_mutex = PTHREAD_MUTEX_INITIALIZER;

static void rules_free(struct multiline_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		pattern_free(rules->rules[i].pattern);
	pattern_free(rules->end);
	pattern_room_free(rules->room);
	free(rules);
}

static enum lg_rc add_rule(struct multiline_rules *rules, const struct rule *rule, size_t *at, struct lg_err *err)
{
	struct compiled *compiled = &rules->rules[rules->count++];

	*compiled = (struct compiled){.from = rule->from, .begins = rule->begins, .to = rule->to};
	return rule->text ? pattern_compile(&compiled->pattern, lg_str_from(rule->text), at, err) : LG_OK;
}

static enum lg_rc add_ready(struct multiline_rules *rules, const struct rule *rule, size_t *at, struct lg_err *err)
{
	enum lg_rc rc = LG_OK;

	for (; rule->from && rc == LG_OK; rule++)
		rc = add_rule(rules, rule, at, err);
	return rc;
}

static enum lg_rc compile(struct multiline_rules *rules, const struct lg_multiline_conf *conf, const char **option, size_t *at,
                          struct lg_err *err)
{
	const struct rule begin = {OPEN, conf->start, true, 0}, joins = {OPEN, conf->cont, false, MULTILINE_PLAIN};
	enum lg_rc rc = LG_OK;

	*option = "pattern";
	*at = 0;
	if (conf->pattern)
		return add_ready(rules, ready[conf->pattern], at, err);
	*option = "start";
	if (conf->start)
		rc = add_rule(rules, &begin, at, err);
	if (rc != LG_OK)
		return rc;
	*option = "continue"; /* without it every line does that is no start */
	rc = add_rule(rules, &joins, at, err);
	if (rc != LG_OK || !conf->end)
		return rc;
	*option = "end";
	return pattern_compile(&rules->end, lg_str_from(conf->end), at, err);
}

static enum lg_rc rules_new(struct multiline_rules **out, const struct lg_multiline_conf *conf, const char **option, size_t *at,
                            struct lg_err *err)
{
	struct multiline_rules *rules = mem_zalloc(sizeof(*rules));
	enum lg_rc rc = compile(rules, conf, option, at, err);

	rules->conf = conf;
	if (rc == LG_OK && !(rules->room = pattern_room_new()))
		rc = lg_err_set(err, LG_NOMEM, "out of memory");
	if (rc != LG_OK)
		rules_free(rules);
	*out = rc == LG_OK ? rules : NULL;
	return rc;
}

enum lg_rc multiline_rules_acquire(struct multiline_rules **rules, const struct lg_multiline_conf *conf, const char **option, size_t *at,
                                   struct lg_err *err)
{
	enum lg_rc rc = LG_OK;

	pthread_mutex_lock(&shared_mutex);
	for (*rules = shared; *rules && (*rules)->conf != conf;)
		*rules = (*rules)->next;
	if (!*rules) {
		rc = rules_new(rules, conf, option, at, err);
		if (rc == LG_OK) {
			(*rules)->next = shared;
			shared = *rules;
		}
	}
	if (rc == LG_OK)
		(*rules)->users++;
	pthread_mutex_unlock(&shared_mutex);
	return rc;
}

void multiline_rules_release(struct multiline_rules *rules)
{
	if (!rules)
		return;
	pthread_mutex_lock(&shared_mutex);
	if (--rules->users == 0) {
		struct multiline_rules **link = &shared;

		while (*link != rules)
			link = &(*link)->next;
		*link = rules->next;
		rules_free(rules);
	}
	pthread_mutex_unlock(&shared_mutex);
}

/* ---- a line --------------------------------------------------------------------------------------------------------------------- */

/* The rule for a line in this state; NULL: none, or a pattern gave up. */
static const struct compiled *find_rule(const struct multiline_rules *rules, struct lg_str line, uint8_t state, uint64_t *undecided)
{
	unsigned cut = line.size > MULTILINE_SEEN_MAX ? PATTERN_NOT_END : 0;

	if (cut)
		line.size = MULTILINE_SEEN_MAX;
	for (size_t i = 0; i < rules->count; i++) {
		const struct compiled *rule = &rules->rules[i];
		enum pattern_result result = PATTERN_YES;

		if (!(rule->from & BIT(state)))
			continue;
		if (rule->pattern)
			result = pattern_match(rule->pattern, rules->room, line, cut);
		if (result == PATTERN_YES)
			return rule;
		if (result == PATTERN_GAVE_UP) {
			(*undecided)++;
			return NULL;
		}
	}
	return NULL;
}

bool multiline_joins(const struct multiline_rules *rules, struct lg_str line, uint8_t *state, uint64_t *undecided)
{
	const struct compiled *rule = find_rule(rules, line, *state, undecided);

	if (!rule || rule->begins)
		return false;
	*state = rule->to;
	return true;
}

uint8_t multiline_first(const struct multiline_rules *rules, struct lg_str line, uint64_t *undecided)
{
	const struct compiled *rule = find_rule(rules, line, MULTILINE_NONE, undecided);

	return rule ? rule->to : MULTILINE_PLAIN;
}

bool multiline_ends(const struct multiline_rules *rules, struct lg_str line, uint64_t *undecided)
{
	enum pattern_result result;
	unsigned cut = line.size > MULTILINE_SEEN_MAX ? PATTERN_NOT_BEGIN : 0;

	if (!rules->end)
		return false;
	if (cut) {
		line.data += line.size - MULTILINE_SEEN_MAX;
		line.size = MULTILINE_SEEN_MAX;
	}
	result = pattern_match(rules->end, rules->room, line, cut);
	*undecided += result == PATTERN_GAVE_UP;
	return result == PATTERN_YES;
}

/* ---- settings ------------------------------------------------------------------------------------------------------------------- */

bool lg_multiline_wanted(const struct lg_multiline_conf *conf)
{
	return conf->pattern || conf->start || conf->cont || conf->end;
}

enum lg_rc lg_multiline_check(const struct lg_stream_conf *stream, const char **option, size_t *at, struct lg_err *err)
{
	const struct lg_multiline_conf *conf = &stream->multiline;
	struct multiline_rules *rules;
	enum lg_rc rc;

	*option = "";
	*at = 0;
	if (!lg_multiline_wanted(conf))
		return lg_err_set(err, LG_INVALID, "needs a pattern: one of start, continue, end; or pattern: java, python, db2, cics");
	if (stream->parser->held)
		return lg_err_set(err, LG_INVALID, "the parser %s puts its messages together itself: leave multiline out", stream->parser->name);
	if (conf->pattern && (conf->start || conf->cont || conf->end)) {
		*option = conf->start ? "start" : conf->cont ? "continue" : "end";
		return lg_err_set(err, LG_INVALID, "is not for a ready pattern: leave it out, or leave out pattern");
	}
	rc = rules_new(&rules, conf, option, at, err);
	if (rc == LG_OK)
		rules_free(rules);
	else
		lg_err_prepend(err, "the pattern is not valid at offset %zu", *at);
	return rc;
}
