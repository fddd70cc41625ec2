/* lugger decode: one strange file - what it is, or its records. Runs the same stream and parsers as the service. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/decode.h"
#include "config/option.h"

#define HEAD_SIZE 1048576 /* looked at to find the settings */

struct file_reader {
	struct decode_reader reader; /* first */
	FILE *file;
	const char *name;
};

static enum lg_rc file_read(struct decode_reader *reader, struct lg_buf *buf, size_t size, bool *eof, struct lg_err *err)
{
	struct file_reader *f = (struct file_reader *)reader;
	size_t n = fread(lg_buf_reserve(buf, size), 1, size, f->file);

	buf->size += n;
	if (ferror(f->file))
		return lg_err_sys(err, errno, "cannot read %s", f->name);
	*eof = n < size;
	return LG_OK;
}

static enum lg_rc file_open(struct file_reader *f, const char *name, struct lg_err *err)
{
	bool pipe = strcmp(name, "-") == 0;

	*f = (struct file_reader){.reader = {file_read}, .name = pipe ? "standard input" : name};
	f->file = pipe ? stdin : fopen(name, "rb");
	return f->file ? LG_OK : lg_err_sys(err, errno, "cannot open %s", name);
}

static void file_close(struct file_reader *f)
{
	if (f->file && f->file != stdin)
		fclose(f->file);
}

/* What was asked for and found out. */
struct decode {
	const struct decode_options *options;
	const struct lg_registry *registry;
	struct file_reader file;
	struct lg_buf head;
	bool eof;
	struct lg_detect detect;
	const char *encoding, *framing, *lrecl;
	char lrecl_found[16];
	const char *parser;
};

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static bool parser_needs_timezone(const struct lg_registry *registry, const char *name)
{
	for (size_t i = 0; registry->parsers[i]; i++)
		for (const struct lg_option *row = registry->parsers[i]->options; row && row->name; row++)
			if (!strcmp(registry->parsers[i]->name, name) && !strcmp(row->name, "timezone"))
				return true;
	return false;
}

static void put_setting(struct lg_buf *yaml, const char *key, const char *value)
{
	lg_buf_printf(yaml, "    %s: ", key);
	option_put_scalar(yaml, lg_str_from(value));
	lg_buf_append_char(yaml, '\n');
}

/* The settings as a configuration of one input, so that every spelling, default and error is the service's own. NULL: printed why
 * not (unless quiet). */
static struct config *make_config(const struct decode *d, const char *parser, const char *zone, bool quiet)
{
	const struct lg_registry *registry = d->registry;
	struct config_env env = cli_config_env(registry);
	struct lg_buf yaml = {0};
	bool bare = d->options->multiline && d->options->multiline[0] != '{';
	struct lg_str text;
	struct config *config;

	env.check_files = false;
	lg_buf_append_cstr(&yaml, "version: 1\ninputs:\n  - name: decode\n    type: file\n    path: decode\n");
	put_setting(&yaml, "encoding", d->encoding);
	put_setting(&yaml, "framing", d->framing);
	put_setting(&yaml, "parser", parser);
	if (d->lrecl)
		lg_buf_printf(&yaml, "    lrecl: %s\n", d->lrecl);
	if (d->options->newline)
		put_setting(&yaml, "newline", d->options->newline);
	if (d->options->carriage_control)
		put_setting(&yaml, "carriage_control", d->options->carriage_control);
	if (d->options->multiline)
		lg_buf_printf(&yaml, "    multiline: %s%s%s\n", bare ? "{pattern: " : "", d->options->multiline, bare ? "}" : "");
	if (zone || parser_needs_timezone(registry, parser))
		put_setting(&yaml, "timezone", zone ? zone : "UTC");
	lg_buf_append_cstr(&yaml, "outputs:\n  - {name: decode, type: file, path: decode}\n");
	text = lg_buf_str(&yaml);
	if (config_load(&config, "decode", &text, &env) != LG_OK) {
		for (size_t i = 0; i < config->problem_count && !quiet; i++)
			if (!config->problems[i].warning)
				fprintf(stderr, "lugger decode: %s\n", config->problems[i].text);
		config_free(config);
		config = NULL;
	}
	lg_buf_fini(&yaml);
	return config;
}

static const struct lg_stream_conf *stream_conf(const struct config *config)
{
	return config->inputs[0].conf;
}

/* ---- the two ways to look ---------------------------------------------------------------------------------------- */

static int report(const struct decode *d, const struct lg_err *err)
{
	fprintf(stderr, "lugger decode: %s: %s\n", d->file.name, err->text);
	return 1;
}

/* Reads the head alone as SYSLOG: is it? */
static bool looks_like_syslog(const struct decode *d)
{
	struct decode_facts facts;
	struct config *config = make_config(d, "zos-syslog", NULL, true);
	struct lg_buf copy = {0};
	struct lg_err err;
	bool syslog;

	if (!config)
		return false;
	decode_facts_init(&facts);
	lg_buf_append(&copy, d->head.data, d->head.size);
	/* A record cut by the end of the head, or broken framing, is for the real run to tell. */
	syslog = decode_run(stream_conf(config), &copy, true, NULL, &facts.watch, &err) != LG_INVALID &&
	         decode_facts_syslog(&facts);
	lg_buf_fini(&copy);
	decode_facts_fini(&facts);
	config_free(config);
	return syslog;
}

static int show_facts(struct decode *d, const struct config *config)
{
	struct decode_facts facts;
	struct lg_buf out = {0};
	struct lg_err err;
	enum lg_rc rc;
	int code;

	decode_facts_init(&facts);
	rc = decode_run(stream_conf(config), &d->head, d->eof, &d->file.reader, &facts.watch, &err);
	if (rc == LG_INVALID) { /* the settings given do not fit */
		code = report(d, &err);
		goto done;
	}
	lg_buf_printf(&out, "%s: %s\n", d->file.name, d->detect.what);
	if (d->detect.page_guessed && !d->options->encoding)
		lg_buf_printf(&out, "  encoding   no byte tells IBM-037 from IBM-1047 here; %s is usual for %s\n", d->encoding,
		              stream_conf(config)->framing == LG_FRAMING_LINE ? "z/OS UNIX files" : "data sets");
	decode_facts_print(&facts, d->options, &out);
	if (rc == LG_OK) {
		lg_buf_append_char(&out, '\n');
		decode_facts_block(&facts, d->options, stream_conf(config), &out);
	}
	code = cli_print(&out) && rc == LG_OK ? 0 : 1;
	if (rc != LG_OK)
		code = report(d, &err);
done:
	lg_buf_fini(&out);
	decode_facts_fini(&facts);
	return code;
}

static int show_records(struct decode *d, const struct config *config)
{
	struct decode_show *show = decode_show_new(d->options, stream_conf(config));
	struct lg_err err;
	int code = 0;

	if (!d->options->timezone && parser_needs_timezone(d->registry, stream_conf(config)->parser->name))
		fprintf(stderr, "lugger decode: no --timezone: local times are shown as if they were UTC\n");
	if (decode_run(stream_conf(config), &d->head, d->eof, &d->file.reader, decode_show_watch(show), &err) != LG_OK)
		code = report(d, &err);
	if (decode_show_failed(show))
		code = 1;
	decode_show_free(show);
	return code;
}

/* What is not readable: what it is, and the way out. */
static int show_trouble(const struct decode *d)
{
	FILE *to = d->options->json || d->options->explain ? stderr : stdout;

	fprintf(to, "%s: %s\n", d->file.name, d->detect.what);
	if (*d->detect.remedy)
		fprintf(to, "  remedy     %s\n", d->detect.remedy);
	return 1;
}

static int decode(struct decode *d)
{
	const struct decode_options *o = d->options;
	struct config *config;
	struct lg_err err;
	int code;

	if (file_open(&d->file, o->file, &err) != LG_OK ||
	    file_read(&d->file.reader, &d->head, HEAD_SIZE, &d->eof, &err) != LG_OK) {
		fprintf(stderr, "lugger decode: %s\n", err.text);
		return 1;
	}
	lg_detect(&d->detect, d->head.data, d->head.size, d->eof);
	if (d->detect.kind != LG_DETECT_READABLE && !(o->encoding && o->framing))
		return show_trouble(d);
	d->encoding = o->encoding ? o->encoding : d->detect.encoding;
	d->framing = o->framing ? o->framing : lg_framing_name(d->detect.framing);
	d->lrecl = o->lrecl;
	if (!d->lrecl && d->detect.lrecl) {
		snprintf(d->lrecl_found, sizeof(d->lrecl_found), "%u", d->detect.lrecl);
		d->lrecl = d->lrecl_found;
	}
	d->parser = o->parser ? o->parser : o->multiline ? "text" : looks_like_syslog(d) ? "zos-syslog" : "text";
	config = make_config(d, d->parser, o->timezone, false);
	if (!config)
		return 1;
	code = o->json || o->explain ? show_records(d, config) : show_facts(d, config);
	config_free(config);
	return code;
}

/* "--name VALUE" or "--name=VALUE" at argv[*i]; NULL where it is another argument. A missing value is "". */
static const char *option_value(const char *name, int argc, char **argv, int *i)
{
	size_t size = strlen(name);

	if (strncmp(argv[*i], name, size) != 0)
		return NULL;
	if (argv[*i][size] == '=')
		return argv[*i] + size + 1;
	if (argv[*i][size] != '\0')
		return NULL;
	return *i + 1 < argc ? argv[++*i] : "";
}

/* 0, or 2 with the reason printed. */
static int parse_arguments(int argc, char **argv, struct decode_options *o)
{
	struct {
		const char *name, **value;
	} valued[] = {{"--encoding", &o->encoding},
	              {"--framing", &o->framing},
	              {"--lrecl", &o->lrecl},
	              {"--newline", &o->newline},
	              {"--carriage-control", &o->carriage_control},
	              {"--parser", &o->parser},
	              {"--multiline", &o->multiline},
	              {"--timezone", &o->timezone}};

	for (int i = 1; i < argc; i++) {
		const char *argument = argv[i], *value = NULL;

		for (size_t k = 0; k < sizeof(valued) / sizeof(valued[0]) && !value; k++) {
			value = option_value(valued[k].name, argc, argv, &i);
			if (value)
				*valued[k].value = value;
		}
		if (value && !*value)
			return cli_usage("decode", "%s needs a value", argument);
		if (value)
			continue;
		if (!strcmp(argument, "--json"))
			o->json = true;
		else if (!strcmp(argument, "--explain"))
			o->explain = true;
		else if (argument[0] == '-' && argument[1])
			return cli_usage("decode", "unknown option %s", argument);
		else if (o->file)
			return cli_usage("decode", "one file at a time, not also %s", argument);
		else
			o->file = argument;
	}
	if (o->explain && o->multiline)
		return cli_usage("decode", "--explain shows lines, --multiline joins them: one or the other");
	return o->file ? 0 : cli_usage("decode", "which file?");
}

int cmd_decode(int argc, char **argv, const struct lg_registry *registry)
{
	struct decode_options options = {0};
	struct decode d = {.options = &options, .registry = registry};
	int code = parse_arguments(argc, argv, &options);

	if (code)
		return code;
	code = decode(&d);
	file_close(&d.file);
	lg_buf_fini(&d.head);
	return code;
}
