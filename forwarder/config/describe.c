#include "config/describe.h"

#include <stdio.h>
#include <string.h>

const char *describe_shared_table(const struct lg_option *row)
{
	if (row->type != LG_OPT_TABLE)
		return NULL;
	return row->sub == lg_tls_client_options   ? "TLS of an output"
	       : row->sub == lg_tls_server_options ? "TLS of a listener"
	                                           : NULL;
}

static void one(void (*each)(void *, const struct describe_module *), void *arg, const char *title, const char *doc,
                const struct lg_option *table)
{
	struct describe_module module = {.doc = doc, .table = table};

	snprintf(module.title, sizeof(module.title), "%s", title);
	each(arg, &module);
}

void describe_modules(
        const struct lg_registry *registry, void (*each)(void *arg, const struct describe_module *module), void *arg)
{
	struct describe_module module;

	one(each, arg, "Top level", NULL, config_top_options);
	one(each, arg, "Every input", "Entries of `inputs` have these options and those of their type.", config_input_options);
	for (size_t i = 0; registry->inputs[i]; i++) {
		const struct lg_input_plugin *plugin = registry->inputs[i];

		module = (struct describe_module){.doc = plugin->doc, .table = plugin->options};
		if (plugin->uses_stream)
			module.parser = plugin->parser ? plugin->parser : "text";
		snprintf(module.title, sizeof(module.title), "Input %s", plugin->name);
		each(arg, &module);
	}
	one(each, arg, "From bytes to records",
	        "Inputs that read a stream of bytes have these options, too, and those of their parser.", lg_stream_options);
	for (size_t i = 0; registry->parsers[i]; i++) {
		module = (struct describe_module){.doc = registry->parsers[i]->doc, .table = registry->parsers[i]->options};
		snprintf(module.title, sizeof(module.title), "Parser %s", registry->parsers[i]->name);
		each(arg, &module);
	}
	one(each, arg, "Every output", "Entries of `outputs` have these options and those of their type.", config_output_options);
	for (size_t i = 0; registry->outputs[i]; i++) {
		const struct lg_output_plugin *plugin = registry->outputs[i];

		module = (struct describe_module){.doc = plugin->doc, .table = plugin->options, .output = plugin};
		snprintf(module.title, sizeof(module.title), "Output %s", plugin->name);
		each(arg, &module);
	}
	one(each, arg, "Formats", "Every output has these options, too.", lg_format_options);
	one(each, arg, "TLS of an output", "Or `tls: off` for plaintext.", lg_tls_client_options);
	one(each, arg, "TLS of a listener", "Or `tls: off` for plaintext.", lg_tls_server_options);
}

static void put_choices(const char *choices, struct lg_buf *out)
{
	struct lg_str choice;
	bool any = false;

	for (size_t i = 0; (choice = option_choice(choices, i)).size > 0; i++) {
		if (choice.data[0] == '!')
			continue;
		lg_buf_append_cstr(out, any ? ", " : "");
		lg_buf_append_str(out, choice);
		any = true;
	}
}

void describe_type(const struct lg_option *row, const struct lg_registry *registry, struct lg_buf *out)
{
	static const char *const names[] = {[LG_OPT_STRING] = "text",
	        [LG_OPT_BOOL] = "true or false",
	        [LG_OPT_INT] = "number",
	        [LG_OPT_SIZE] = "size",
	        [LG_OPT_DURATION] = "duration",
	        [LG_OPT_STRINGS] = "list of texts",
	        [LG_OPT_FILE] = "file",
	        [LG_OPT_PATH] = "path",
	        [LG_OPT_TIMEZONE] = "time zone",
	        [LG_OPT_ENCODING] = "encoding",
	        [LG_OPT_TABLE] = "mapping",
	        [LG_OPT_MAP] = "names and values",
	        [LG_OPT_RULES] = "list of mappings",
	        [LG_OPT_PARSER] = "one of: ",
	        [LG_OPT_ENUM] = "one of: "};

	if (row->type == LG_OPT_INT && row->unit)
		lg_buf_append_cstr(out, row->unit);
	else
		lg_buf_append_cstr(out, names[row->type]);
	if (row->type == LG_OPT_ENUM)
		put_choices(row->choices, out);
	for (size_t i = 0; row->type == LG_OPT_PARSER && registry->parsers[i]; i++)
		lg_buf_printf(out, "%s%s", i ? ", " : "", registry->parsers[i]->name);
	if (row->flags & LG_OPT_SECRET)
		lg_buf_append_cstr(out, ", secret: ${NAME} or file:PATH");
}

static void put_number(const struct lg_option *row, int64_t value, struct lg_buf *out)
{
	if (row->type == LG_OPT_SIZE)
		option_put_size(out, (uint64_t)value);
	else if (row->type == LG_OPT_DURATION)
		option_put_duration(out, value);
	else
		lg_buf_printf(out, "%lld", (long long)value);
}

void describe_range(const struct lg_option *row, struct lg_buf *out)
{
	if (row->type != LG_OPT_INT && row->type != LG_OPT_SIZE && row->type != LG_OPT_DURATION)
		return;
	if (!option_has_max(row)) {
		if (!row->min)
			return;
		lg_buf_append_cstr(out, "at least ");
		put_number(row, row->min, out);
		return;
	}
	put_number(row, row->min, out);
	if (row->max == row->min)
		return;
	lg_buf_append_cstr(out, " to ");
	put_number(row, row->max, out);
}

void describe_default(const struct lg_option *row, struct lg_buf *out)
{
	if (!row->fallback)
		return;
	if (row->type == LG_OPT_STRINGS)
		lg_buf_printf(out, "[%s]", row->fallback);
	else if (row->type == LG_OPT_STRING)
		option_put_scalar(out, lg_str_from(row->fallback));
	else
		lg_buf_append_cstr(out, row->fallback);
}
