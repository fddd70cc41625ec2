/* lugger.yaml(5): what the option tables say, and the little that stands in no table. */
#include <string.h>

#include "config/describe.h"
#include "config/troff.h"

#define TERM_COLUMNS 72

struct page {
	const struct lg_registry *registry;
	struct lg_buf *out;
};

/* "text, required", "one of: tcp, tls; default tls", "duration, 1s to 1h, default 5s". */
static void put_facts(const struct lg_option *row, const struct lg_registry *registry, struct lg_buf *facts)
{
	const char *separator = row->type == LG_OPT_ENUM || row->type == LG_OPT_PARSER ? "; " : ", ";
	struct lg_buf part = {0};

	describe_type(row, registry, facts);
	describe_range(row, &part);
	if (part.size)
		lg_buf_printf(facts, "%s%.*s", separator, (int)part.size, (const char *)part.data);
	lg_buf_clear(&part);
	describe_default(row, &part);
	if (row->flags & LG_OPT_REQUIRED)
		lg_buf_printf(facts, "%srequired", separator);
	else if (part.size)
		lg_buf_printf(facts, "%sdefault %.*s", separator, (int)part.size, (const char *)part.data);
	lg_buf_fini(&part);
}

static void put_row(struct page *page, const struct lg_option *row, const char *prefix, const char *parser)
{
	const char *shared = describe_shared_table(row);
	struct lg_buf term = {0}, facts = {0}, text = {0};
	struct lg_option shown = *row;
	bool fits;

	if (parser && row->type == LG_OPT_PARSER)
		shown.fallback = parser;
	lg_buf_printf(&term, "%s%s", prefix, row->name);
	lg_buf_append_cstr(&facts, " (");
	put_facts(&shown, page->registry, &facts);
	lg_buf_append_char(&facts, ')');
	fits = term.size + facts.size <= TERM_COLUMNS;
	lg_buf_append_cstr(&text, row->doc);
	if (shared)
		lg_buf_printf(&text, " See `%s`.", shared);
	lg_buf_append_char(&term, '\0');
	lg_buf_append_char(&facts, '\0');
	lg_buf_append_char(&text, '\0');
	/* A long list of choices has no place on the line of the name. */
	if (fits) {
		troff_term(page->out, (const char *)term.data, (const char *)facts.data, (const char *)text.data);
	} else {
		troff_term(page->out, (const char *)term.data, NULL, (const char *)facts.data + 1);
		troff_break(page->out);
		troff_text(page->out, (const char *)text.data);
	}
	lg_buf_fini(&term);
	lg_buf_fini(&facts);
	lg_buf_fini(&text);
}

static void put_rows(struct page *page, const struct lg_option *table, const char *prefix, const char *parser)
{
	for (const struct lg_option *row = table; row && row->name; row++) {
		struct lg_buf nested = {0};

		if (row->flags & LG_OPT_LATER)
			continue;
		put_row(page, row, prefix, parser);
		if ((row->type != LG_OPT_TABLE && row->type != LG_OPT_RULES) || !row->sub || describe_shared_table(row))
			continue;
		lg_buf_printf(&nested, "%s%s%s.", prefix, row->name, row->type == LG_OPT_RULES ? "[]" : "");
		lg_buf_append_char(&nested, '\0');
		put_rows(page, row->sub, (const char *)nested.data, parser);
		lg_buf_fini(&nested);
	}
}

static void put_module(void *arg, const struct describe_module *module)
{
	struct page *page = arg;
	struct lg_option format[2];
	struct lg_buf text = {0};
	char first[32];

	troff_subsection(page->out, module->title);
	if (module->doc)
		lg_buf_printf(&text, "%s ", module->doc);
	if (module->parser)
		lg_buf_printf(&text, "Also the options of `From bytes to records`, with `parser: %s` unless given.", module->parser);
	if ((!module->table || !module->table->name) && !module->output)
		lg_buf_append_cstr(&text, "No options of its own.");
	lg_buf_append_char(&text, '\0');
	if (text.size > 1)
		troff_text(page->out, (const char *)text.data);
	lg_buf_fini(&text);
	put_rows(page, module->table, "", module->parser);
	if (module->output && module->output->formats) {
		config_format_row(module->output, format, first);
		put_row(page, format, "", NULL);
	}
}

static void put_filters(struct lg_buf *out)
{
	troff_section(out, "FILTERS");
	troff_text(out, "`where` is true or false of each record. What an output does not want counts as delivered to it.");
	troff_term(out, "field == value", NULL,
	        "Also `!=`, `<`, `<=`, `>`, `>=`. A value is \"text\", 'text' or a whole number, `true` or `false`. Without the field every comparison is "
	        "false, `!=` included.");
	troff_term(out, "field in (\"A\", \"B\")", NULL, "One of several values.");
	troff_term(out, "field like \"ICH*\"", NULL, "The whole value, `*` any characters, `\\*` a star.");
	troff_term(out, "field =~ \"expression\"", NULL,
	        "A Perl regular expression, anywhere in the value. A record on which it runs into its limit of steps is shipped.");
	troff_term(out, "severity at_least warning", NULL, "This severe or worse; false for records without a severity.");
	troff_paragraph(out, "`not`, `and`, `or` and parentheses join them, in this order of strength.");
}

static void put_fields(struct lg_buf *out)
{
	static const char *const names[] = {
#define X(symbol, id, type, name) name,
		LG_FIELDS(X)
#undef X
	};
	size_t count = sizeof(names) / sizeof(names[0]);

	troff_section(out, "FIELDS");
	troff_text(out, "For `where` and for templates such as \"zos-{zos.sysname}\": `message`, `severity`, `facility`, `log.level`, `event.sequence`, "
	                "`lugger.input`, `lugger.log_id`, names that a source brings itself, and these; which of them a record has, its source and its parser "
	                "decide.");
	lg_buf_append_cstr(out, ".PP\n");
	for (size_t i = 0; i < count; i++)
		lg_buf_printf(out, "%s%s\n", names[i], i + 1 < count ? "," : ".");
}

static void put_end(struct lg_buf *out)
{
	troff_section(out, "FILES");
	troff_term(out, "/etc/lugger/lugger.yaml", NULL, "Where `lugger` looks without `-c`.");
	troff_section(out, "EXAMPLES");
	troff_text(out, "z/OS SYSLOG from a file, warnings and all of RACF to a SIEM over TLS:");
	troff_example(out, "version: 1\n"
	                   "data_dir: /var/lib/lugger\n"
	                   "inputs:\n"
	                   "  - name: operlog\n"
	                   "    type: file\n"
	                   "    path: [/logs/sysa/SYSLOG.*]\n"
	                   "    encoding: IBM-1047\n"
	                   "    framing: rdw\n"
	                   "    parser: zos-syslog\n"
	                   "    timezone: America/New_York\n"
	                   "outputs:\n"
	                   "  - name: siem\n"
	                   "    type: syslog\n"
	                   "    servers: [siem.example.com:6514]\n"
	                   "    tls: {ca_file: /etc/lugger/siem-ca.pem}\n"
	                   "    where: 'severity at_least warning or zos.message.id like \"ICH*\"'\n");
	troff_section(out, "SEE ALSO");
	lg_buf_append_cstr(out, ".BR lugger (1)\n");
}

void config_write_man(const struct lg_registry *registry, struct lg_buf *out)
{
	struct page page = {registry, out};

	lg_buf_append_cstr(out, ".\\\" Written by `lugger reference lugger.yaml.5` from the tables that read the configuration; do not edit.\n");
	troff_title(out, "LUGGER.YAML", 5, "Lugger");
	troff_section(out, "NAME");
	lg_buf_append_cstr(out, "lugger.yaml \\- configuration of the mainframe log forwarder lugger\n");
	troff_section(out, "DESCRIPTION");
	troff_text(out, "YAML: `inputs`, `outputs`, and options of the service itself at its top level. A mistake is an error and nothing is started; "
	                "`lugger check` names all of them with line, column and remedy, `lugger check --resolve` prints all settings with their "
	                "defaults.");
	troff_term(out, "size", NULL, "4096, 64KiB, 10MiB, 20GiB, 1TiB; kB, MB, GB, TB are of 1000.");
	troff_term(out, "duration", NULL, "10ms, 5s, 2m, 24h, 7d; a unit is needed.");
	troff_term(out, "list", NULL, "A single value is a list of one.");
	troff_term(out, "file, path", NULL, "Relative ones begin at the folder of the configuration file, `~/` at the home directory.");
	troff_term(out, "secret", NULL,
	        "`${NAME}` takes an environment variable, `file:PATH` the content of a file; one that is written out brings a warning where others can read "
	        "the configuration. None is ever shown.");
	troff_section(out, "OPTIONS");
	describe_modules(registry, put_module, &page);
	put_filters(out);
	put_fields(out);
	put_end(out);
}
