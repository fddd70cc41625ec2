/* Every mistake is named, where it is, with the way out; all of a file at once. */
#include "rig.h"

#include <sys/stat.h>
#include <unistd.h>

static enum lg_rc check_where(const char *expression, size_t *at, struct lg_err *err)
{
	struct filter *filter;
	enum lg_rc rc = filter_compile(&filter, expression, at, err);

	filter_free(filter);
	return rc;
}

static void where_fields(const char *expression, void (*each)(void *arg, unsigned field, struct lg_str name), void *arg)
{
	struct filter *filter;
	size_t at;

	if (filter_compile(&filter, expression, &at, NULL) == LG_OK)
		filter_fields(filter, each, arg);
	filter_free(filter);
}

static bool where_dollar(const char *expression, size_t *at)
{
	struct filter *filter;
	bool found = filter_compile(&filter, expression, at, NULL) == LG_OK && filter_dollar_trap(filter, at);

	filter_free(filter);
	return found;
}

static const struct config_env env = {.registry = &rig_registry, .check_where = check_where, .where_fields = where_fields,
                                      .where_dollar = where_dollar};

#define HEAD "version: 1\n"
#define IN "inputs: [{name: a, type: reader, path: /x}]\n"
#define OUT "outputs: [{name: b, type: pipe, servers: h:1}]\n"
/* One more option of the input, which stands in line 3, from column 3 on. */
#define INPUT(option) HEAD "inputs:\n- " option "\n  name: a\n  type: reader\n  path: /x\n" OUT
#define DOOR(option) HEAD "inputs:\n- " option "\n  name: a\n  type: door\n  address: x\n" OUT
#define OUTPUT(option) HEAD "outputs:\n- " option "\n  name: b\n  type: pipe\n  servers: h:1\n" IN

static const struct {
	const char *text;
	const char *problems[4]; /* the beginning of each line that is not an excerpt, in order, and all of them */
} table[] = {
	/* The file as a whole. */
	{"", {"t.yaml:1:1: error: the file is empty"}},
	{"~\n", {"t.yaml:1:1: error: the file is empty"}},
	{"- a\n", {"t.yaml:1:1: error: expected a mapping at the top level (lines of `key: value`), found a list"}},
	{"just text\n", {"t.yaml:1:1: error: expected a mapping at the top level (lines of `key: value`), found a single value"}},
	{"version: 1\x01\n", {"t.yaml:1:11: error: byte 0x01: this is a binary file"}},
	{"version: 1\n# \xe4\n", {"t.yaml:2:3: error: byte 0xe4 is not valid UTF-8"}},
	{"version: [1\n", {"t.yaml:2:1: error: not valid YAML: did not find expected ',' or ']', while parsing a flow sequence that began in line 1"}},
	{"spool:\n\tsync: always\n", {"t.yaml:2:1: error: a tab in the indentation; YAML takes spaces only"}},
	{HEAD IN OUT "---\nversion: 1\n", {"t.yaml:4:1: error: a second document begins here"}},
	{HEAD IN OUT "memory: !!str 64MiB\n", {"t.yaml:4:9: error: the tag tag:yaml.org,2002:str: tags have no meaning here"}},
	{HEAD IN OUT "? [a]\n: b\n", {"t.yaml:4:3: error: the key of a mapping must be a name, not a list"}},
	{HEAD IN OUT "name: \"a\\0b\"\n", {"t.yaml:4:7: error: a NUL character inside a value"}},
	{HEAD "a: *b\n", {"t.yaml:2:4: error: the alias *b: no anchor &b stands before it"}},
	{HEAD "a: &a [*a]\n", {"t.yaml:2:8: error: the alias *a: no anchor &a stands before it"}},
	{HEAD IN OUT "memory: 64MiB\nmemory: 65MiB\n", {"t.yaml:5:1: error: the key `memory` is given twice, first in line 4"}},

	/* Missing and unknown. */
	{"name: x\n", {"t.yaml:1:1: error: the configuration needs `version`", "t.yaml:1:1: error: the configuration needs `inputs`",
	               "t.yaml:1:1: error: the configuration needs `outputs`"}},
	{"version: 2\n" IN OUT, {"t.yaml:1:10: error: `version: 2`: expected a whole number, 1"}},
	{HEAD "inputs: []\noutputs: {}\n", {"t.yaml:2:9: error: `inputs` is empty; at least one", "t.yaml:3:10: error: `outputs` is a mapping, expected a list"}},
	{HEAD IN OUT "memmory: 64MiB\n", {"t.yaml:4:1: error: the configuration has no option `memmory`; did you mean `memory`?"}},
	{HEAD IN OUT "zzzzzz: 64MiB\n", {"t.yaml:4:1: error: the configuration has no option `zzzzzz`; see lugger.yaml(5)"}},
	{INPUT("wacht: poll"), {"t.yaml:3:3: error: input `a` has no option `wacht`; did you mean `watch`?"}},
	{INPUT("frameing: rdw"), {"t.yaml:3:3: error: input `a` has no option `frameing`; did you mean `framing`?"}}, /* the stream's */
	{DOOR("timezon: UTC"), {"t.yaml:3:3: error: input `a` has no option `timezon`; did you mean `timezone`?"}},    /* the parser's */
	{INPUT("timezone: UTC"), {"t.yaml:3:3: error: input `a` has no option `timezone`"}},                            /* another parser's */
	{INPUT("{timezone: UTC, parser: zos-line}: x"), {"t.yaml:3:3: error: the key of a mapping must be a name"}},
	{HEAD "inputs: [{name: a, type: reader}]\n" OUT, {"t.yaml:2:10: error: input `a` needs `path`: Files to read."}},
	{HEAD "inputs: [{type: reader, path: /x}]\n" OUT, {"t.yaml:2:10: error: this input needs `name`"}},
	{HEAD "inputs: [{name: a, path: /x}, text]\n" OUT, {"t.yaml:2:10: error: input `a` needs `type`", "t.yaml:2:31: error: this input is a single value"}},
	{HEAD "inputs: [{name: a, type: raeder, path: /x}]\n" OUT, {"t.yaml:2:26: error: unknown input type `raeder`, expected reader or door; did you mean reader?"}},
	{HEAD IN "outputs: [{name: a, type: fax}]\n", {"t.yaml:3:27: error: unknown output type `fax`, expected pipe"}},

	/* Not in this version: registered, in the table, or promised. */
	{HEAD "inputs: [{name: a, type: ibmmq}]\n" OUT, {"t.yaml:2:26: error: the input type `ibmmq` is not in this version: IBM's client library was missing"}},
	{HEAD IN "outputs: [{name: a, type: kafka}]\n", {"t.yaml:3:27: error: the output type `kafka` is not in this version: Kafka comes later"}},
	{HEAD IN "outputs: [{name: a, type: relp}]\n", {"t.yaml:3:27: error: the output type `relp` is not in this version\n"}},
	{INPUT("exclude: [a]"), {"t.yaml:3:3: error: `exclude` of input `a` is not in this version"}},
	{INPUT("parser: smf"), {"t.yaml:3:11: error: `parser: smf` is not in this version"}},
	{HEAD IN OUT "metrics: {listen: 'x:1'}\n", {"t.yaml:4:1: error: `metrics` of the configuration is not in this version"}},
	{HEAD IN OUT "egress: {limits: {bytes_per_second: 5MiB}}\n", {"t.yaml:4:10: error: `limits` of `egress` is not in this version"}},
	{HEAD IN OUT "spool: {when_full: drop}\n", {"t.yaml:4:20: error: `when_full: drop`: expected block, drop-oldest or drop-new"}},
	{HEAD IN OUT "spool: {discard_mark: 100}\n", {"t.yaml:4:23: error: `discard_mark: 100`: expected a whole number between 1 and 99"}},
	{OUTPUT("format: cef"), {"t.yaml:3:11: error: `format: cef` is not in this version"}},

	/* Types and ranges. */
	{INPUT("depth: 0"), {"t.yaml:3:10: error: `depth: 0`: expected a whole number between 1 and 9"}},
	{INPUT("depth: '3'"), {"t.yaml:3:10: error: `depth: 3`: expected a whole number between 1 and 9"}},
	{INPUT("depth: 99999999999999999999"), {"t.yaml:3:10: error: `depth: 99999999999999999999`: expected a whole number"}},
	{INPUT("depth: [1]"), {"t.yaml:3:10: error: `depth` is a list, expected a whole number"}},
	{INPUT("depth:"), {"t.yaml:3:9: error: `depth` is nothing, expected a whole number"}},
	{INPUT("eager: yes"), {"t.yaml:3:10: error: `eager: yes`: expected true or false"}},
	{INPUT("eager: {}"), {"t.yaml:3:10: error: `eager` is a mapping, expected true or false"}},
	{INPUT("watch: pol"), {"t.yaml:3:10: error: `watch: pol`: expected auto, inotify or poll; did you mean poll?"}},
	{INPUT("expect_every: 5"), {"t.yaml:3:17: error: `expect_every: 5`: expected a duration with its unit such as"}},
	{INPUT("expect_every: 5ms"), {"t.yaml:3:17: error: `expect_every: 5ms`: expected a duration between 1s and 366d"}},
	{INPUT("expect_every: 99999999999h"), {"t.yaml:3:17: error: `expect_every: 99999999999h`: expected a duration with its unit"}},
	{INPUT("encoding: EBCDIC-99"), {"t.yaml:3:13: error: `encoding: EBCDIC-99`: expected UTF-8, ISO-8859-1, IBM-037, IBM-1047 or auto"}},
	{INPUT("parser: zos-line"), {"t.yaml:3:11: error: `parser: zos-line`: expected text or zos-lines; did you mean zos-lines?"}},
	{HEAD "inputs:\n- {name: a, type: reader, path: /x, parser: zos-line, timezone: UTC}\n" OUT, {"t.yaml:3:45: error: `parser: zos-line`: expected"}},
	{HEAD "inputs: [{name: a, type: reader, path: {b: c}}]\n" OUT, {"t.yaml:2:40: error: `path` is a mapping, expected text or a list"}},
	{HEAD "inputs: [{name: a, type: reader, path: []}]\n" OUT, {"t.yaml:2:40: error: `path` is an empty list"}},
	{HEAD "inputs: [{name: a, type: reader, path: [a, [b], '']}]\n" OUT,
	 {"t.yaml:2:44: error: `path` is a list, expected text", "t.yaml:2:49: error: `path` is empty; leave the line out"}},
	{DOOR("tls: on"), {"t.yaml:3:8: error: `tls` is a single value, expected a mapping, or off"}},
	{DOOR("tls: {verify_client: maybe}"), {"t.yaml:3:24: error: `verify_client: maybe`: expected none, optional or required"}},
	{DOOR("headers: [a]"), {"t.yaml:3:12: error: `headers` is a list, expected a mapping of names"}},
	{DOOR("framing: rdw"), {"t.yaml:3:12: error: `framing: rdw`: expected auto, octet-counting or lf"}},
	{OUTPUT("rules: {from: a}"), {"t.yaml:3:10: error: `rules` is a mapping, expected a list of mappings"}},
	{OUTPUT("rules: [{weight: 1}, x]"), {"t.yaml:3:11: error: an entry of `rules` needs `from`", "t.yaml:3:24: error: an entry of `rules` is a single value"}},
	{OUTPUT("window: 8 MB!"), {"t.yaml:3:11: error: `window: 8 MB!`: expected a size such as 64KiB or 20GiB, between 64KiB and 1GiB"}},
	{OUTPUT("window: 2GiB"), {"t.yaml:3:11: error: `window: 2GiB`: expected a size between 64KiB and 1GiB"}},
	{OUTPUT("format: xml"), {"t.yaml:3:11: error: `format: xml`: expected rfc5424, rfc3164, json or raw"}},
	{OUTPUT("format: [json]"), {"t.yaml:3:11: error: `format` is a list, expected rfc5424"}},

	/* Names. */
	{HEAD "inputs: [{name: 'a b', type: reader, path: /x}]\n" OUT, {"t.yaml:2:17: error: `name: a b`: expected letters, digits"}},
	{HEAD "inputs: [{name: .., type: reader, path: /x}]\n" OUT, {"t.yaml:2:17: error: `name: ..`: expected letters, digits"}},
	{HEAD "inputs: [{name: a123456789012345678901234567890123456789012345678901234567890123, type: reader, path: /x}]\n" OUT,
	 {"t.yaml:2:17: error: `name: a1234567890"}},
	{HEAD "inputs:\n- {name: a, type: reader, path: /x}\n- {name: a, type: door, address: y}\n" OUT,
	 {"t.yaml:4:10: error: a second input named `a`, the first is in line 3"}},
	{HEAD IN "outputs:\n- {name: b, type: pipe, servers: h:1}\n- {name: b, type: pipe, servers: h:1}\n",
	 {"t.yaml:5:10: error: a second output named `b`, the first is in line 4"}},
	{HEAD "inputs: [{name: operlog, type: reader, path: /x}]\noutputs: [{name: b, type: pipe, servers: h:1, inputs: [operlgo, zz]}]\n",
	 {"t.yaml:3:56: error: there is no input named `operlgo`; did you mean `operlog`?", "t.yaml:3:65: error: there is no input named `zz`\n"}},

	{HEAD IN "outputs: [{name: b, type: pipe, servers: h:1, inputs: []}]\n", {"t.yaml:3:55: error: `inputs` is an empty list; leave it out to take all inputs"}},

	/* What only several settings together tell. */
	{HEAD IN OUT "spool: {max_size: 128MiB}\n", {"t.yaml:4:19: error: `max_size` of the spool must hold at least four segments: 256MiB or more"}},
	{HEAD IN OUT "spool:\n  segment_size: 1MiB\n  batch_size: 1MiB\n",
	 {"t.yaml:5:17: error: `segment_size` cannot hold the largest batch of these inputs: at least 1344KiB"}},
	{HEAD IN OUT "memory: 4MiB\nspool: {batch_size: 4MiB}\n", {"t.yaml:4:9: error: `memory` is below what 1 inputs and 1 outputs need to make progress: at least 33MiB"}},
	{HEAD IN OUT "egress: {allow: [{host: h, cidr: 10.0.0.0/8}, {port: 1}, {cidr: 10.0.0.0/33}, {cidr: 'fd00::/8', port: 70000}]}\n",
	 {"t.yaml:4:18: error: an entry of `allow` needs either `host` or `cidr`, not both", "t.yaml:4:47: error: an entry of `allow` needs either `host` or `cidr`\n",
	  "t.yaml:4:65: error: `cidr: 10.0.0.0/33`: expected a network", "t.yaml:4:104: error: `port: 70000`: expected a whole number between 0 and 65535"}},
	{HEAD "inputs: [{name: a, type: door, address: nowhere}]\n" OUT, {"t.yaml:2:10: error: input `a`: `address: nowhere` is no place"}},

	/* where */
	{OUTPUT("where: severity at_least loud"), {"t.yaml:3:28: error: `where`: expected emerg, alert, crit, err, warning, notice, info or debug, found `loud`"}},
	{OUTPUT("where: 'message = 1'"), {"t.yaml:3:19: error: `where`: write `==` for equal"}},
	{OUTPUT("where: \"message == '\xc3\xa4\xc3\xb6' & x == 1\""), {"t.yaml:3:27: error: `where`: write `and`"}},
	{OUTPUT("where: \"message == \\\"\xc3\xa4\\\" & x\""), {"t.yaml:3:10: error: `where`: write `and`"}}, /* an escape hides the column */
	{OUTPUT("where: >\n    message == 'x'\n    & y"), {"t.yaml:3:10: error: `where`: write `and`"}},
	{OUTPUT("where: [a]"), {"t.yaml:3:10: error: `where` is a list, expected text"}},
};

/* The lines of a report that are no excerpt, each with its newline; returns how many. */
static size_t split_report(char *report, char **lines, size_t max)
{
	size_t count = 0;

	for (char *line = report; *line && count < max;) {
		char *end = strchr(line, '\n') + 1;

		if (*line != ' ')
			lines[count++] = strndup(line, (size_t)(end - line));
		line = end;
	}
	return count;
}

static void each_mistake_is_named_where_it_is(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		enum lg_rc rc;
		struct config *config = rig_load(table[i].text, &env, &rc);
		char *report = rig_problems(config), *lines[20];
		size_t count = split_report(report, lines, 20), wanted = 0;
		bool good = rc == LG_INVALID && config->error_count == count;

		while (wanted < 4 && table[i].problems[wanted])
			wanted++;
		good = good && count == wanted;
		for (size_t j = 0; good && j < count; j++)
			good = !strncmp(lines[j], table[i].problems[j], strlen(table[i].problems[j]));
		if (!good) {
			print_error("---\n%s--- gave %d, %zu lines:\n%s", table[i].text, rc, count, report);
			wrong++;
		}
		while (count-- > 0)
			free(lines[count]);
		free(report);
		config_free(config);
	}
	assert_int_equal(wrong, 0);
}

static void assert_report(const char *text, const struct config_env *with, enum lg_rc wanted_rc, const char *wanted)
{
	enum lg_rc rc;
	struct config *config = rig_load(text, with, &rc);
	char *report = rig_problems(config);

	assert_string_equal(report, wanted);
	assert_int_equal(rc, wanted_rc);
	free(report);
	config_free(config);
}

static void a_report_shows_the_lines_by_number_with_carets(void **state)
{
	(void)state;
	assert_report("version: 1\nmemory: a lot\ninputs:\n  - {name: a, type: reader, path: /x, wacht: poll, depth: 77}\noutputs:\n"
	              "  - name: \"\xc3\xa4\" # umlaut\n    type: pipe\n    servers: h:1\n",
	              &env, LG_INVALID,
	              "t.yaml:2:9: error: `memory: a lot`: expected a size such as 64KiB or 20GiB, between 4MiB and 1TiB\n"
	              "    memory: a lot\n"
	              "            ^\n"
	              "t.yaml:4:39: error: input `a` has no option `wacht`; did you mean `watch`?\n"
	              "      - {name: a, type: reader, path: /x, wacht: poll, depth: 77}\n"
	              "                                          ^\n"
	              "t.yaml:4:59: error: `depth: 77`: expected a whole number between 1 and 9\n"
	              "      - {name: a, type: reader, path: /x, wacht: poll, depth: 77}\n"
	              "                                                              ^\n"
	              "t.yaml:6:11: error: `name: \xc3\xa4`: expected letters, digits, `_`, `.` and `-`, at most 63 of them, the first not `.`\n"
	              "      - name: \"\xc3\xa4\" # umlaut\n"
	              "              ^\n");
}

static void an_error_in_a_shared_block_is_told_once(void **state)
{
	(void)state;
	assert_report(HEAD "inputs:\n- {name: a, type: door, address: x, tls: &t {verify_client: maybe}}\n- {name: c, type: door, address: y, tls: *t}\n" OUT, &env,
	              LG_INVALID,
	              "t.yaml:3:61: error: `verify_client: maybe`: expected none, optional or required\n"
	              "    - {name: a, type: door, address: x, tls: &t {verify_client: maybe}}\n"
	              "                                                                ^\n");
}

static void slips_that_load_are_warnings(void **state)
{
	(void)state;
	assert_report(OUTPUT("where: zos.sysname == 'A' and event.code == 'X'"), &env, LG_OK,
	              "t.yaml:3:10: warning: no input of this output produces the field `zos.sysname`\n"
	              "    - where: zos.sysname == 'A' and event.code == 'X'\n"
	              "             ^\n"
	              "t.yaml:3:10: warning: no input of this output produces the field `event.code`\n"
	              "    - where: zos.sysname == 'A' and event.code == 'X'\n"
	              "             ^\n");
	assert_report(OUTPUT("where: log.file.paht == 'A'"), &env, LG_OK,
	              "t.yaml:3:10: warning: no input of this output produces the field `log.file.paht`; did you mean `log.file.path`?\n"
	              "    - where: log.file.paht == 'A'\n"
	              "             ^\n");
	assert_report(OUTPUT("hostname: '{log.file.path}-{agent.name}-{zos.sysname}-{}-{x'"), &env, LG_OK,
	              "t.yaml:3:43: warning: no input of this output produces the field `zos.sysname`\n"
	              "    - hostname: '{log.file.path}-{agent.name}-{zos.sysname}-{}-{x'\n"
	              "                                              ^\n"
	              "t.yaml:3:57: warning: `{` without the name of a field and `}`; it stays as it is\n"
	              "    - hostname: '{log.file.path}-{agent.name}-{zos.sysname}-{}-{x'\n"
	              "                                                            ^\n"
	              "t.yaml:3:60: warning: `{` without the name of a field and `}`; it stays as it is\n"
	              "    - hostname: '{log.file.path}-{agent.name}-{zos.sysname}-{}-{x'\n"
	              "                                                               ^\n");
	assert_report(OUTPUT("where: message =~ '$HASP'"), &env, LG_OK,
	              "t.yaml:3:22: warning: `$` in a pattern means the end of the value; for the character write \\$, or use like \"$HASP*\"\n"
	              "    - where: message =~ '$HASP'\n"
	              "                         ^\n");
	assert_report(OUTPUT("where: log.file.path like '/x*' and lugger.loss.count > 0 and severity == 1"), &env, LG_OK, "");
}

static void destinations_that_no_rule_permits_are_warned_of(void **state)
{
	static const char text[] = HEAD IN "outputs: [{name: b, type: pipe, servers: [H:1, 'h:2', '[::1]:1', nonsense]}]\n%s";
	char one[400];

	(void)state;
	snprintf(one, sizeof(one), text, "egress: {allow: [{host: h, port: 1}]}\n");
	assert_report(one, &env, LG_OK,
	              "t.yaml:3:48: warning: `egress.allow` does not permit this connection; to permit it add: - {host: h, port: 2}\n"
	              "    outputs: [{name: b, type: pipe, servers: [H:1, 'h:2', '[::1]:1', nonsense]}]\n"
	              "                                                   ^\n"
	              "t.yaml:3:55: warning: `egress.allow` does not permit this connection; to permit it add: - {host: \"::1\", port: 1}\n"
	              "    outputs: [{name: b, type: pipe, servers: [H:1, 'h:2', '[::1]:1', nonsense]}]\n"
	              "                                                          ^\n");
	snprintf(one, sizeof(one), text, "egress: {allow: [{host: h}, {host: '::1'}]}\n");
	assert_report(one, &env, LG_OK, "");
	snprintf(one, sizeof(one), text, "egress: {allow: [{cidr: 10.0.0.0/8}]}\n"); /* only a resolver could tell */
	assert_report(one, &env, LG_OK, "");
	snprintf(one, sizeof(one), text, ""); /* implied */
	assert_report(one, &env, LG_OK, "");
}

/* A field is only missed in the inputs that an output takes. */
static void fields_are_sought_in_the_selected_inputs(void **state)
{
	static const char text[] = HEAD "inputs:\n- {name: a, type: reader, path: /x}\n- {name: z, type: reader, path: /x, parser: zos-lines}\n"
	                                "outputs:\n- {name: b, type: pipe, servers: h:1, inputs: [%s], where: \"zos.sysname == 'A'\"}\n";
	char one[400];
	enum lg_rc rc;
	struct config *config;

	(void)state;
	snprintf(one, sizeof(one), text, "a");
	config = rig_load(one, &env, &rc);
	assert_int_equal(config->problem_count, 1);
	assert_true(config->problems[0].warning);
	config_free(config);
	snprintf(one, sizeof(one), text, "a, z");
	config = rig_load(one, &env, &rc);
	assert_int_equal(config->problem_count, 0);
	config_free(config);
}

/* ---- files, zones, secrets ---- */

static const struct config_env files_env = {.registry = &rig_registry, .check_files = true};

static void make_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void files_and_zones_must_be_there(void **state)
{
	(void)state;
	assert_report(OUTPUT("seal: /nonexistent/seal"), &files_env, LG_INVALID,
	              "t.yaml:3:9: error: `seal`: the file /nonexistent/seal cannot be used: No such file or directory\n"
	              "    - seal: /nonexistent/seal\n"
	              "            ^\n");
	assert_report(OUTPUT("tls: {ca_file: /}"), &files_env, LG_INVALID,
	              "t.yaml:3:18: error: `ca_file`: the file / cannot be used: it is a directory\n"
	              "    - tls: {ca_file: /}\n"
	              "                     ^\n");
	assert_report(OUTPUT("seal: /nonexistent/seal"), &env, LG_OK, ""); /* nobody looks */
	assert_report(DOOR("timezone: America/New_Yorck"), &files_env, LG_INVALID,
	              "t.yaml:3:13: error: `timezone: America/New_Yorck`: expected an IANA time zone that this system knows, such as America/New_York, "
	              "Europe/Berlin or UTC\n"
	              "    - timezone: America/New_Yorck\n"
	              "                ^\n");
	assert_report(DOOR("timezone: ../../etc/passwd"), &files_env, LG_INVALID,
	              "t.yaml:3:13: error: `timezone: ../../etc/passwd`: expected an IANA time zone that this system knows, such as America/New_York, "
	              "Europe/Berlin or UTC\n"
	              "    - timezone: ../../etc/passwd\n"
	              "                ^\n");
	assert_report(DOOR("timezone: Europe/Berlin"), &files_env, LG_OK, "");
}

static char *secret_of(const char *dir, const char *value, char **report)
{
	char path[256], text[600], *secret = NULL;
	struct config *config;
	enum lg_rc rc;

	snprintf(path, sizeof(path), "%s/lugger.yaml", dir);
	snprintf(text, sizeof(text), DOOR("password: %s"), value);
	make_file(path, text, 0600);
	rc = config_load(&config, path, NULL, &files_env);
	*report = rig_problems(config);
	if (rc == LG_OK)
		secret = strdup(((struct door_conf *)config->inputs[0].conf)->password);
	config_free(config);
	return secret;
}

static void secrets_come_from_files_and_the_environment(void **state)
{
	static const struct {
		const char *value, *secret, *says;
	} cases[] = {
		{"plain", "plain", NULL},
		{"file:secret", "s3cret", NULL}, /* beside the configuration */
		{"${LUGGER_TEST_SECRET}", "from env", NULL},
		{"a-${LUGGER_TEST_SECRET}-${LUGGER_TEST_SECRET}", "a-from env-from env", NULL},
		{"file:absent", NULL, "absent cannot be read: No such file or directory"},
		{"file:empty", NULL, "empty is empty; expected one line"},
		{"${LUGGER_TEST_NO_SUCH}", NULL, "the environment variable LUGGER_TEST_NO_SUCH is not set"},
		{"'${LUGGER'", NULL, "`${` without `}`"},
		{"[topsecret]", NULL, "`password` is a list, expected text"},
	};
	char dir[] = "/tmp/lugger-test-XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/secret", dir);
	make_file(path, "s3cret\r\n", 0600);
	snprintf(path, sizeof(path), "%s/empty", dir);
	make_file(path, "\n", 0600);
	setenv("LUGGER_TEST_SECRET", "from env", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *report, *secret = secret_of(dir, cases[i].value, &report);

		if (cases[i].secret)
			assert_string_equal(report, "");
		else if (!strstr(report, cases[i].says))
			fail_msg("%s: %s", cases[i].value, report);
		assert_int_equal(!secret, !cases[i].secret);
		if (secret)
			assert_string_equal(secret, cases[i].secret);
		free(secret);
		free(report);
	}
	snprintf(path, sizeof(path), "rm -r %s", dir);
	assert_int_equal(system(path), 0);
}

static void a_secret_in_a_public_file_is_warned_of(void **state)
{
	char path[] = "/tmp/lugger-test-XXXXXX";
	struct config *config;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	make_file(path, DOOR("password: hunter2"), 0644);
	assert_int_equal(config_load(&config, path, NULL, &files_env), LG_OK);
	assert_int_equal(config->problem_count, 1);
	assert_true(config->problems[0].warning);
	assert_null(strstr(config->problems[0].text, "hunter2"));
	config_free(config);
	unlink(path);
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
	struct config *config;
	char *report;

	(void)state;
	assert_int_equal(config_load(&config, "/nonexistent/lugger.yaml", NULL, &env), LG_INVALID);
	report = rig_problems(config);
	assert_string_equal(report, "/nonexistent/lugger.yaml: error: cannot be read: No such file or directory\n");
	free(report);
	config_free(config);
	assert_int_equal(config_load(&config, "/tmp", NULL, &env), LG_INVALID);
	report = rig_problems(config);
	assert_string_equal(report, "/tmp: error: cannot be read: it is a directory\n");
	free(report);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake_is_named_where_it_is),
		cmocka_unit_test(a_report_shows_the_lines_by_number_with_carets),
		cmocka_unit_test(an_error_in_a_shared_block_is_told_once),
		cmocka_unit_test(slips_that_load_are_warnings),
		cmocka_unit_test(destinations_that_no_rule_permits_are_warned_of),
		cmocka_unit_test(fields_are_sought_in_the_selected_inputs),
		cmocka_unit_test(files_and_zones_must_be_there),
		cmocka_unit_test(secrets_come_from_files_and_the_environment),
		cmocka_unit_test(a_secret_in_a_public_file_is_warned_of),
		cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
