/* The other direction: settings structs to YAML by the same tables. */
#include <string.h>

#include "base/clock.h"
#include "config/option.h"

void option_put_size(struct lg_buf *out, uint64_t bytes)
{
	static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;

	while (bytes && bytes % 1024 == 0 && unit < 4) {
		bytes /= 1024;
		unit++;
	}
	lg_buf_append_u64(out, bytes);
	lg_buf_append_cstr(out, units[unit]);
}

void option_put_duration(struct lg_buf *out, int64_t ns)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {{"d", 86400 * CLOCK_SECOND}, {"h", 3600 * CLOCK_SECOND}, {"m", 60 * CLOCK_SECOND}, {"s", CLOCK_SECOND},
	             {"ms", CLOCK_MS}, {"us", 1000}, {"ns", 1}};
	size_t unit = 0;

	if (!ns) {
		lg_buf_append_cstr(out, "0");
		return;
	}
	while (ns % units[unit].ns != 0)
		unit++;
	if (unit == 0 && ns == units[0].ns) /* 24h reads better than 1d */
		unit = 1;
	lg_buf_printf(out, "%lld%s", (long long)(ns / units[unit].ns), units[unit].name);
}

static bool is_plain(struct lg_str text)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "True", "False", "Null"};

	if (!text.size || !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/_", text.data[0]))
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.-@", text.data[i]))
			return false;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (lg_str_is(text, words[i]))
			return false;
	}
	return true;
}

void option_put_scalar(struct lg_buf *out, struct lg_str text)
{
	if (is_plain(text)) {
		lg_buf_append_str(out, text);
		return;
	}
	lg_buf_append_char(out, '"');
	for (size_t i = 0; i < text.size; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c == '"' || c == '\\')
			lg_buf_printf(out, "\\%c", c);
		else if (c == '\n')
			lg_buf_append_cstr(out, "\\n");
		else if (c < 0x20 || c == 0x7f)
			lg_buf_printf(out, "\\x%02x", c);
		else
			lg_buf_append_char(out, (char)c);
	}
	lg_buf_append_char(out, '"');
}

static void put_cstr(struct lg_buf *out, const char *text)
{
	option_put_scalar(out, lg_str_from(text));
}

static void put_key(struct lg_buf *out, unsigned indent, const char *name)
{
	lg_buf_printf(out, "%*s%s:", (int)indent, "", name);
}

static void put_strings(struct lg_buf *out, const struct lg_strings *strings, bool secret)
{
	lg_buf_append_char(out, '[');
	for (size_t i = 0; i < strings->count; i++) {
		lg_buf_append_cstr(out, i ? ", " : "");
		put_cstr(out, secret ? "***" : strings->items[i]);
	}
	lg_buf_append_char(out, ']');
}

static void put_map(struct lg_buf *out, const struct lg_strings *strings, bool secret)
{
	lg_buf_append_char(out, '{');
	for (size_t i = 0; i + 1 < strings->count; i += 2) {
		lg_buf_append_cstr(out, i ? ", " : "");
		put_cstr(out, strings->items[i]);
		lg_buf_append_cstr(out, ": ");
		put_cstr(out, secret ? "***" : strings->items[i + 1]);
	}
	lg_buf_append_char(out, '}');
}

/* What has no value and no default is left out: reading it back gives the same. */
static bool is_unset(const struct lg_option *row, const void *field)
{
	switch (row->type) {
	case LG_OPT_STRING:
	case LG_OPT_FILE:
	case LG_OPT_PATH:
	case LG_OPT_TIMEZONE:
	case LG_OPT_ENCODING:
		return !*(char *const *)field;
	case LG_OPT_STRINGS:
	case LG_OPT_MAP:
		return !((const struct lg_strings *)field)->count && !row->fallback;
	case LG_OPT_INT:
	case LG_OPT_SIZE:
	case LG_OPT_DURATION:
		return !*(const int64_t *)field && !row->fallback;
	case LG_OPT_PARSER:
		return !*(const struct lg_parser *const *)field;
	case LG_OPT_RULES:
		return !row->sub || !((const struct lg_rules *)field)->items; /* an empty list that was given is a statement */
	default:
		return false;
	}
}

static void print_rules(const struct lg_option *row, const struct lg_rules *rules, unsigned indent, struct lg_buf *out)
{
	lg_buf_append_cstr(out, rules->count ? "\n" : " []\n");
	for (size_t i = 0; i < rules->count; i++) {
		const struct option_set set = {row->sub, (char *)rules->items + i * row->size, NULL, NULL};
		size_t start = out->size;

		option_print(&set, 1, indent + 4, out);
		if (out->size > start)
			out->data[start + indent + 2] = '-';
		else
			lg_buf_printf(out, "%*s- {}\n", (int)indent + 2, "");
	}
}

static void print_table(const struct lg_option *row, void *field, unsigned indent, struct lg_buf *out)
{
	const struct option_set set = {row->sub, field, NULL, NULL};
	size_t start;

	for (const struct lg_option *sub = row->sub; sub && sub->name; sub++) {
		if (!strcmp(sub->name, "off") && sub->type == LG_OPT_BOOL && *(bool *)((char *)field + sub->offset)) {
			lg_buf_append_cstr(out, " off\n");
			return;
		}
	}
	lg_buf_append_char(out, '\n');
	start = out->size;
	option_print(&set, 1, indent + 2, out);
	if (out->size == start) {
		out->size--;
		lg_buf_append_cstr(out, " {}\n");
	}
}

static void print_value(const struct lg_option *row, const void *field, struct lg_buf *out)
{
	switch (row->type) {
	case LG_OPT_BOOL:
		lg_buf_append_cstr(out, *(const bool *)field ? "true" : "false");
		break;
	case LG_OPT_INT:
		lg_buf_printf(out, "%lld", (long long)*(const int64_t *)field);
		break;
	case LG_OPT_SIZE:
		option_put_size(out, *(const uint64_t *)field);
		break;
	case LG_OPT_DURATION:
		option_put_duration(out, *(const int64_t *)field);
		break;
	case LG_OPT_ENUM:
		lg_buf_append_str(out, option_choice(row->choices, (size_t)*(const int *)field));
		break;
	case LG_OPT_PARSER:
		lg_buf_append_cstr(out, (*(const struct lg_parser *const *)field)->name);
		break;
	case LG_OPT_STRINGS:
		put_strings(out, field, row->flags & LG_OPT_SECRET);
		break;
	case LG_OPT_MAP:
		put_map(out, field, row->flags & LG_OPT_SECRET);
		break;
	default:
		put_cstr(out, row->flags & LG_OPT_SECRET ? "***" : *(char *const *)field);
		break;
	}
}

void option_print(const struct option_set *sets, size_t count, unsigned indent, struct lg_buf *out)
{
	for (size_t i = 0; i < count; i++) {
		for (const struct lg_option *row = sets[i].table; row && row->name; row++) {
			void *field = (char *)sets[i].base + row->offset;

			if (row->flags & LG_OPT_LATER || option_is_shadowed(sets, count, i, row->name) || is_unset(row, field))
				continue;
			put_key(out, indent, row->name);
			if (row->type == LG_OPT_TABLE) {
				print_table(row, field, indent, out);
			} else if (row->type == LG_OPT_RULES) {
				print_rules(row, field, indent, out);
			} else {
				lg_buf_append_char(out, ' ');
				print_value(row, field, out);
				lg_buf_append_char(out, '\n');
			}
		}
	}
}
