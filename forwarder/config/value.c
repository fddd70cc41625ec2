#include "config/value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/tz.h"
#include "config/promised.h"

#define SHOWN(str) (int)((str).size < 80 ? (str).size : 80), (str).data

static enum lg_rc refuse(const struct value_place *place, const struct yaml_node *node, const char *expected)
{
	const char *name = place->row->name;

	if (node->kind != YAML_KIND_SCALAR || yamltree_is_null(node))
		problems_error(
		        place->reader->problems, node->mark, "`%s` is %s, expected %s", name, yamltree_kind_name(node), expected);
	else if (place->row->flags & LG_OPT_SECRET)
		problems_error(place->reader->problems, node->mark, "`%s`: expected %s", name, expected);
	else
		problems_error(place->reader->problems, node->mark, "`%s: %.*s`: expected %s", name, SHOWN(node->text), expected);
	return LG_INVALID;
}

static bool is_scalar(const struct yaml_node *node)
{
	return node->kind == YAML_KIND_SCALAR && !yamltree_is_null(node);
}

/* ---- texts and secrets ---- */

static enum lg_rc read_secret_file(const struct value_place *place, const struct yaml_node *node, const char *path, char **field)
{
	char buf[65536];
	ssize_t n;
	FILE *f = fopen(path, "r");

	if (!f) {
		problems_error(place->reader->problems, node->mark, "`%s`: the file %s cannot be read: %s", place->row->name,
		        path, strerror(errno));
		return LG_INVALID;
	}
	n = (ssize_t)fread(buf, 1, sizeof(buf) - 1, f);
	if (ferror(f))
		n = -1;
	fclose(f);
	while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\r'))
		n--;
	if (n <= 0 || memchr(buf, '\0', (size_t)n)) {
		problems_error(place->reader->problems, node->mark, "`%s`: the file %s %s; expected one line with the secret",
		        place->row->name, path,
		        n < 0    ? "cannot be read"
		        : n == 0 ? "is empty"
		                 : "is binary");
		return LG_INVALID;
	}
	*field = mem_strndup(buf, (size_t)n);
	return LG_OK;
}

/* Replaces each ${NAME} by the environment's value. */
static enum lg_rc expand_environment(const struct value_place *place, const struct yaml_node *node, char **field)
{
	struct lg_buf out = {0};
	const char *at = node->text.data, *open;
	enum lg_rc rc = LG_OK;

	while ((open = strstr(at, "${")) != NULL && rc == LG_OK) {
		const char *close = strchr(open, '}');
		char *name = close ? mem_strndup(open + 2, (size_t)(close - open) - 2) : NULL;
		const char *value = name ? getenv(name) : NULL;

		if (!name) {
			problems_error(place->reader->problems, node->mark, "`%s`: `${` without `}`", place->row->name);
			rc = LG_INVALID;
		} else if (!value || !*value) {
			problems_error(place->reader->problems, node->mark, "`%s`: the environment variable %.80s is %s",
			        place->row->name, name, value ? "empty" : "not set");
			rc = LG_INVALID;
		} else {
			lg_buf_append(&out, at, (size_t)(open - at));
			lg_buf_append_cstr(&out, value);
			at = close + 1;
		}
		free(name);
	}
	lg_buf_append_cstr(&out, at);
	if (rc == LG_OK)
		*field = mem_strndup((const char *)out.data, out.size);
	lg_buf_fini(&out);
	return rc;
}

static char *resolve_path(const struct option_reader *reader, const char *path)
{
	const char *home = getenv("HOME");
	struct lg_buf out = {0};
	char *resolved;

	if (path[0] == '~' && (path[1] == '/' || !path[1]) && home) {
		lg_buf_append_cstr(&out, home);
		lg_buf_append_cstr(&out, path + 1);
	} else if (path[0] != '/' && strcmp(path, "-") != 0 && reader->dir[0]) {
		lg_buf_printf(&out, "%s/", reader->dir);
		lg_buf_append_cstr(&out, path);
	} else {
		lg_buf_append_cstr(&out, path);
	}
	resolved = mem_strndup((const char *)out.data, out.size);
	lg_buf_fini(&out);
	return resolved;
}

static enum lg_rc value_secret(const struct value_place *place, const struct yaml_node *node, char **field)
{
	const struct option_reader *reader = place->reader;
	const char *text = node->text.data;
	enum lg_rc rc;

	/* Without files at hand (schema and sample tests) the reference itself stands for the secret. */
	if (!strncmp(text, "file:", 5) && reader->env->check_files) {
		char *path = resolve_path(reader, text + 5);

		rc = read_secret_file(place, node, path, field);
		free(path);
		return rc;
	}
	if (strstr(text, "${") && reader->env->check_files)
		return expand_environment(place, node, field);
	if (strncmp(text, "file:", 5) != 0 && !strstr(text, "${") && reader->env->check_files && !reader->file_is_private)
		problems_warning(reader->problems, node->mark,
		        "`%s` stands in a file that others can read; write file:PATH or ${NAME}, or chmod 0600 this file",
		        place->row->name);
	*field = mem_strdup(text);
	return LG_OK;
}

enum lg_rc value_string(const struct value_place *place, const struct yaml_node *node, char **field)
{
	if (!is_scalar(node) || (!node->text.size && !node->quoted))
		return refuse(place, node, "text");
	if (!node->text.size) {
		problems_error(place->reader->problems, node->mark, "`%s` is empty; leave the line out, or give it a value",
		        place->row->name);
		return LG_INVALID;
	}
	if (place->row->flags & LG_OPT_SECRET)
		return value_secret(place, node, field);
	if (!strncmp(node->text.data, "${", 2) && node->text.data[node->text.size - 1] == '}')
		problems_warning(place->reader->problems, node->mark,
		        "`%s`: ${NAME} is replaced in secrets only; here it stays as it is", place->row->name);
	*field = mem_strdup(node->text.data);
	return LG_OK;
}

/* ---- numbers ---- */

enum lg_rc value_bool(const struct value_place *place, const struct yaml_node *node, bool *field)
{
	if (node->kind != YAML_KIND_SCALAR || node->quoted || (!lg_str_is(node->text, "true") && !lg_str_is(node->text, "false")))
		return refuse(place, node, "true or false");
	*field = node->text.data[0] == 't';
	return LG_OK;
}

/* "between 1 and 65535", "at least 0" in the option's own notation. */
static void put_range(struct lg_buf *out, const struct lg_option *row)
{
	int64_t ends[2] = {row->min, row->max};
	bool upper = option_has_max(row);

	if (upper && row->min == row->max) {
		lg_buf_printf(out, ", %lld", (long long)row->min);
		return;
	}
	lg_buf_append_cstr(out, upper ? " between " : " of at least ");
	for (int i = 0; i <= upper; i++) {
		if (i)
			lg_buf_append_cstr(out, " and ");
		if (row->type == LG_OPT_SIZE)
			option_put_size(out, (uint64_t)ends[i]);
		else if (row->type == LG_OPT_DURATION)
			option_put_duration(out, ends[i]);
		else
			lg_buf_printf(out, "%lld", (long long)ends[i]);
	}
}

/* Says what the row takes, for a value that does not fit (`readable` false) or is out of range. */
static enum lg_rc refuse_number(const struct value_place *place, const struct yaml_node *node, bool readable)
{
	static const char *const kinds[] = {
	        [LG_OPT_INT] = "a whole number", [LG_OPT_SIZE] = "a size", [LG_OPT_DURATION] = "a duration"};
	struct lg_buf out = {0};

	lg_buf_append_cstr(&out, kinds[place->row->type]);
	if (!readable && place->row->type == LG_OPT_SIZE)
		lg_buf_append_cstr(&out, " such as 64KiB or 20GiB,");
	if (!readable && place->row->type == LG_OPT_DURATION)
		lg_buf_append_cstr(&out, " with its unit such as 10ms, 5s, 2m, 24h or 7d,");
	put_range(&out, place->row);
	lg_buf_append_char(&out, '\0');
	refuse(place, node, (const char *)out.data);
	lg_buf_fini(&out);
	return LG_INVALID;
}

static bool in_range(const struct lg_option *row, int64_t value)
{
	return value >= row->min && (!option_has_max(row) || value <= row->max);
}

enum lg_rc value_int(const struct value_place *place, const struct yaml_node *node, int64_t *field)
{
	int64_t value;

	if (!is_scalar(node) || node->quoted || !text_parse_i64(node->text, &value))
		return refuse_number(place, node, false);
	if (!in_range(place->row, value))
		return refuse_number(place, node, true);
	*field = value;
	return LG_OK;
}

enum lg_rc value_size(const struct value_place *place, const struct yaml_node *node, uint64_t *field)
{
	uint64_t value;

	if (!is_scalar(node) || !text_parse_size(node->text, &value))
		return refuse_number(place, node, false);
	if (!in_range(place->row, (int64_t)value))
		return refuse_number(place, node, true);
	*field = value;
	return LG_OK;
}

enum lg_rc value_duration(const struct value_place *place, const struct yaml_node *node, int64_t *field)
{
	int64_t value;

	if (!is_scalar(node) || !text_parse_duration(node->text, &value))
		return refuse_number(place, node, false);
	if (!in_range(place->row, value))
		return refuse_number(place, node, true);
	*field = value;
	return LG_OK;
}

/* ---- choices ---- */

static enum lg_rc refuse_choice(
        const struct value_place *place, const struct yaml_node *node, const char *const *names, size_t count)
{
	const char *nearest = problem_nearest(node->text, names, count);
	struct lg_buf list = {0};

	for (size_t i = 0; i < count; i++)
		lg_buf_printf(&list, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", names[i]);
	if (nearest)
		lg_buf_printf(&list, "; did you mean %s?", nearest);
	lg_buf_append_char(&list, '\0');
	refuse(place, node, (const char *)list.data);
	lg_buf_fini(&list);
	return LG_INVALID;
}

static enum lg_rc refuse_promised(const struct value_place *place, const struct yaml_node *node)
{
	problems_error(
	        place->reader->problems, node->mark, "`%s: %.*s` is not in this version", place->row->name, SHOWN(node->text));
	return LG_INVALID;
}

static bool is_promised(const struct value_place *place, const struct yaml_node *node)
{
	return place->set && promised_value(place->set->module, place->set->plugin, place->row->name, node->text);
}

enum lg_rc value_enum(const struct value_place *place, const struct yaml_node *node, int *field)
{
	const char *names[32];
	size_t count = 0;
	struct lg_str choice;
	enum lg_rc rc = LG_INVALID;
	bool found = false, promised = false;

	for (size_t i = 0; count < 32 && (choice = option_choice(place->row->choices, i)).size > 0; i++) {
		if (choice.data[0] == '!') {
			promised |=
			        is_scalar(node) && lg_str_equal((struct lg_str){choice.data + 1, choice.size - 1}, node->text);
			continue;
		}
		names[count++] = mem_strndup(choice.data, choice.size);
		if (is_scalar(node) && lg_str_equal(choice, node->text)) {
			*field = (int)i;
			found = true;
		}
	}
	if (found)
		rc = LG_OK;
	else if (promised || (is_scalar(node) && is_promised(place, node)))
		rc = refuse_promised(place, node);
	else
		rc = refuse_choice(place, node, names, count);
	while (count-- > 0)
		free((char *)names[count]);
	return rc;
}

const char *value_missing(const struct lg_registry *registry, const char *kind, struct lg_str name)
{
	for (size_t i = 0; registry->missing && registry->missing[i]; i += 2) {
		const char *reason = registry->missing[i + 1];
		size_t n = strlen(kind);

		if (lg_str_is(name, registry->missing[i]) && !strncmp(reason, kind, n) && reason[n] == ':')
			return reason + n + 1 + (reason[n + 1] == ' ');
	}
	return NULL;
}

enum lg_rc value_parser(const struct value_place *place, const struct yaml_node *node, const struct lg_parser **field)
{
	const struct lg_registry *registry = place->reader->env->registry;
	const char *names[64];
	size_t count = 0;

	for (; registry->parsers[count] && count < 64; count++) {
		names[count] = registry->parsers[count]->name;
		if (is_scalar(node) && lg_str_is(node->text, names[count])) {
			*field = registry->parsers[count];
			return LG_OK;
		}
	}
	if (is_scalar(node) && (is_promised(place, node) || value_missing(registry, "parser", node->text)))
		return refuse_promised(place, node);
	return refuse_choice(place, node, names, count);
}

enum lg_rc value_encoding(const struct value_place *place, const struct yaml_node *node, char **field)
{
	static const char *const common[] = {"UTF-8", "ISO-8859-1", "IBM-037", "IBM-1047", "auto"};
	const char *(*canonical)(struct lg_str) = place->reader->env->registry->encoding;
	const char *name = is_scalar(node) && canonical ? canonical(node->text) : NULL;
	const char *known[8];
	size_t count = 0;

	if (is_scalar(node) && lg_str_is(node->text, "auto"))
		name = "auto";
	if (name) {
		*field = mem_strdup(name);
		return LG_OK;
	}
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		if (!strcmp(common[i], "auto") || (canonical && canonical(lg_str_from(common[i]))))
			known[count++] = common[i];
	}
	return refuse_choice(place, node, known, count);
}

/* ---- what the system must have ---- */

enum lg_rc value_timezone(const struct value_place *place, const struct yaml_node *node, char **field)
{
	struct tz *tz = NULL;
	struct lg_err err;

	if (!is_scalar(node) || !node->text.size)
		return refuse(place, node, "an IANA time zone such as America/New_York");
	if (place->reader->env->check_files && tz_open(&tz, node->text.data, &err) != LG_OK)
		return refuse(
		        place, node, "an IANA time zone that this system knows, such as America/New_York, Europe/Berlin or UTC");
	tz_free(tz);
	*field = mem_strdup(node->text.data);
	return LG_OK;
}

static enum lg_rc check_readable(const struct value_place *place, const struct yaml_node *node, const char *path)
{
	struct stat st;
	const char *why = NULL;

	if (stat(path, &st) < 0 || access(path, R_OK) < 0)
		why = strerror(errno);
	else if (S_ISDIR(st.st_mode))
		why = "it is a directory";
	else if (S_ISREG(st.st_mode) && !st.st_size)
		why = "it is empty";
	if (!why)
		return LG_OK;
	problems_error(place->reader->problems, node->mark, "`%s`: the file %s cannot be used: %s", place->row->name, path, why);
	return LG_INVALID;
}

enum lg_rc value_path(const struct value_place *place, const struct yaml_node *node, char **field)
{
	char *path;

	if (!is_scalar(node) || !node->text.size)
		return refuse(place, node, "the path of a file");
	path = resolve_path(place->reader, node->text.data);
	if (place->row->type == LG_OPT_FILE && place->reader->env->check_files && check_readable(place, node, path) != LG_OK) {
		free(path);
		return LG_INVALID;
	}
	*field = path;
	return LG_OK;
}
