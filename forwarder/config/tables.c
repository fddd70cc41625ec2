#include "config/tables.h"

#include <stdio.h>

#include "base/clock.h"

#define KIB (INT64_C(1) << 10)
#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)
#define TIB (INT64_C(1) << 40)

const struct lg_option config_spool_options[] = {
	{.name = "max_size", .type = LG_OPT_SIZE, .offset = offsetof(struct config_spool, max_size), .fallback = "20GiB", .min = 4 * MIB,
	 .max = 1024 * TIB, .doc = "Disk space the spool may take; when it is used up the sources wait. At least four segments."},
	{.name = "segment_size", .type = LG_OPT_SIZE, .offset = offsetof(struct config_spool, segment_size), .fallback = "64MiB", .min = MIB,
	 .max = 4 * GIB, .doc = "Size of one file of the spool; space is freed in such steps."},
	{.name = "sync", .type = LG_OPT_ENUM, .offset = offsetof(struct config_spool, sync), .fallback = "always",
	 .choices = "always|interval|never",
	 .doc = "When records go to stable storage: always before the source is acknowledged; interval or never may lose, at a power failure, what "
	        "the source was told is safe."},
	{.name = "sync_interval", .type = LG_OPT_DURATION, .offset = offsetof(struct config_spool, sync_interval_ns), .fallback = "1s",
	 .min = CLOCK_MS, .max = 3600 * CLOCK_SECOND, .flags = LG_OPT_ADVANCED, .doc = "Time between two syncs with `sync: interval`."},
	{.name = "when_full", .type = LG_OPT_ENUM, .offset = offsetof(struct config_spool, when_full), .fallback = "block",
	 .choices = "block|drop-oldest|drop-new",
	 .doc = "What happens when the spool is full: block makes the sources wait; drop-oldest drops the oldest records that are not delivered, drop-new "
	        "what comes in, each with a loss record that says how many."},
	{.name = "discard_mark", .type = LG_OPT_INT, .offset = offsetof(struct config_spool, discard_mark), .fallback = "80", .min = 1, .max = 99,
	 .doc = "Percent of the spool that may be undelivered before discard_severity applies."},
	{.name = "discard_severity", .type = LG_OPT_ENUM, .offset = offsetof(struct config_spool, discard_severity), .fallback = "none",
	 .choices = "emergency|alert|critical|error|warning|notice|info|debug|none",
	 .doc = "Above discard_mark, records of this severity and less severe ones are not admitted, with a loss record; records without a severity are."},
	{.name = "keep", .type = LG_OPT_DURATION, .offset = offsetof(struct config_spool, keep_ns), .fallback = "24h",
	 .max = 3660 * 86400 * CLOCK_SECOND, .doc = "How long delivered records stay for a replay, as far as max_size allows."},
	{.name = "compression", .type = LG_OPT_ENUM, .offset = offsetof(struct config_spool, compression), .fallback = "zstd",
	 .choices = "zstd|none", .doc = "Compression of the records in the spool."},
	{.name = "compression_level", .type = LG_OPT_INT, .offset = offsetof(struct config_spool, compression_level), .fallback = "1", .min = 1,
	 .max = 19, .flags = LG_OPT_ADVANCED, .doc = "zstd level: higher is smaller and slower."},
	{.name = "linger", .type = LG_OPT_DURATION, .offset = offsetof(struct config_spool, linger_ns), .fallback = "10ms", .max = 60 * CLOCK_SECOND,
	 .flags = LG_OPT_ADVANCED, .doc = "How long a batch waits for more records before it is written."},
	{.name = "batch_size", .type = LG_OPT_SIZE, .offset = offsetof(struct config_spool, batch_size), .fallback = "256KiB", .min = 4 * KIB,
	 .max = 16 * MIB, .flags = LG_OPT_ADVANCED, .doc = "Size at which a batch is written without waiting."},
	{.name = "encryption_key_file", .type = LG_OPT_FILE, .offset = offsetof(struct config_spool, encryption_key_file),
	 .doc = "File with the keys that encrypt the spool, mode 0600: lines of `lugger spool keygen`, the last one is the key in use. Left out: no "
	        "encryption."},
	LG_OPTION_END,
};

const struct lg_option config_allow_options[] = {
	{.name = "host", .type = LG_OPT_STRING, .offset = offsetof(struct config_allow, host),
	 .doc = "Host name as the outputs spell it, upper and lower case alike."},
	{.name = "cidr", .type = LG_OPT_STRING, .offset = offsetof(struct config_allow, cidr),
	 .doc = "Or a network, such as 10.20.0.0/16 or fd00::/8."},
	{.name = "port", .type = LG_OPT_INT, .offset = offsetof(struct config_allow, port), .max = 65535, .doc = "Port; left out: every port."},
	{.name = "plaintext", .type = LG_OPT_BOOL, .offset = offsetof(struct config_allow, plaintext), .fallback = "false",
	 .doc = "Permits connections without TLS."},
	LG_OPTION_END,
};

const struct lg_option config_egress_options[] = {
	{.name = "allow", .type = LG_OPT_RULES, .offset = offsetof(struct config_egress, allow), .sub = config_allow_options,
	 .size = sizeof(struct config_allow),
	 .doc = "Connections that may leave, all others are denied. Without it: the configured destinations, plaintext to loopback alone."},
	{.name = "limits", .type = LG_OPT_MAP, .flags = LG_OPT_LATER, .doc = "Limits on the bytes that leave."},
	LG_OPTION_END,
};

const struct lg_option config_top_options[] = {
	{.name = "version", .type = LG_OPT_INT, .offset = offsetof(struct config, version), .flags = LG_OPT_REQUIRED, .min = 1, .max = 1,
	 .doc = "Version of the configuration's language: 1."},
	{.name = "data_dir", .type = LG_OPT_PATH, .offset = offsetof(struct config, data_dir), .fallback = "/var/lib/lugger",
	 .doc = "Folder of the spool and of all state; one Lugger has it to itself."},
	{.name = "name", .type = LG_OPT_STRING, .offset = offsetof(struct config, name),
	 .doc = "Name of this gateway in the records (`agent.name`); left out: the host's name."},
	{.name = "memory", .type = LG_OPT_SIZE, .offset = offsetof(struct config, memory), .fallback = "256MiB", .min = 4 * MIB, .max = TIB,
	 .doc = "Memory for records on their way, a hard limit."},
	{.name = "spool", .type = LG_OPT_TABLE, .offset = offsetof(struct config, spool), .sub = config_spool_options,
	 .doc = "The durable log between inputs and outputs."},
	{.name = "egress", .type = LG_OPT_TABLE, .offset = offsetof(struct config, egress), .sub = config_egress_options,
	 .doc = "Which connections may leave this machine."},
	{.name = "metrics", .type = LG_OPT_MAP, .flags = LG_OPT_LATER, .doc = "Prometheus metrics and health checks."},
	{.name = "inputs", .type = LG_OPT_RULES, .flags = LG_OPT_REQUIRED, .doc = "Where records come from; at least one."},
	{.name = "outputs", .type = LG_OPT_RULES, .flags = LG_OPT_REQUIRED, .doc = "Where records go; at least one."},
	LG_OPTION_END,
};

const struct lg_option config_input_options[] = {
	{.name = "name", .type = LG_OPT_STRING, .offset = offsetof(struct config_input, name), .flags = LG_OPT_REQUIRED,
	 .doc = "Name of this input, once and for all: positions are kept under it. Letters, digits and _ . - up to 63."},
	{.name = "type", .type = LG_OPT_STRING, .offset = offsetof(struct config_input, type), .flags = LG_OPT_REQUIRED, .doc = "Kind of source."},
	{.name = "spool_quota", .type = LG_OPT_SIZE, .offset = offsetof(struct config_input, spool_quota), .min = 64 * KIB, .max = 1024 * TIB,
	 .doc = "Bytes of this input that may wait in the spool, undelivered. At its quota this input waits, the others go on; one that cannot be asked again "
	        "(a socket) waits with `when_full: block`, else its records are dropped with a loss record."},
	{.name = "expect_every", .type = LG_OPT_DURATION, .offset = offsetof(struct config_input, expect_every_ns), .min = CLOCK_SECOND,
	 .max = 366 * 86400 * CLOCK_SECOND, .doc = "Silent for longer, this input is reported as `silent`."},
	LG_OPTION_END,
};

const struct lg_option config_output_options[] = {
	{.name = "name", .type = LG_OPT_STRING, .offset = offsetof(struct config_output, name), .flags = LG_OPT_REQUIRED,
	 .doc = "Name of this output, once and for all: its place in the spool is kept under it. Letters, digits and _ . - up to 63."},
	{.name = "type", .type = LG_OPT_STRING, .offset = offsetof(struct config_output, type), .flags = LG_OPT_REQUIRED, .doc = "Kind of receiver."},
	{.name = "inputs", .type = LG_OPT_STRINGS, .offset = offsetof(struct config_output, inputs),
	 .doc = "Names of the inputs whose records go here; left out: all."},
	{.name = "where", .type = LG_OPT_STRING, .offset = offsetof(struct config_output, where),
	 .doc = "Only records for which this expression is true, such as `severity at_least warning or zos.message.id like \"ICH*\"`."},
	{.name = "start_at", .type = LG_OPT_ENUM, .offset = offsetof(struct config_output, start_at), .fallback = "auto",
	 .choices = "auto|oldest|end",
	 .doc = "Where a new output begins in the spool; auto: at the oldest record, and at the end of a spool that had other outputs before."},
	{.name = "max_lag", .type = LG_OPT_DURATION, .offset = offsetof(struct config_output, max_lag_ns), .min = CLOCK_SECOND,
	 .max = 3660 * 86400 * CLOCK_SECOND, .doc = "How old the oldest record not delivered may become before on_lag applies; left out: no limit."},
	{.name = "on_lag", .type = LG_OPT_ENUM, .offset = offsetof(struct config_output, on_lag), .fallback = "block", .choices = "block|detach",
	 .doc = "block: the spool keeps all records for this output and may fill up; detach: it lets go, with a loss record."},
	LG_OPTION_END,
};

static const struct lg_option *parser_row(const struct lg_input_plugin *plugin)
{
	for (const struct lg_option *row = plugin->options; row && row->name; row++) {
		if (row->type == LG_OPT_PARSER)
			return row;
	}
	return NULL;
}

struct config_parser *config_input_parser(const struct config_input *input)
{
	const struct lg_option *row;
	char *conf = input->conf;

	if (!input->plugin || !conf)
		return NULL;
	if (input->plugin->uses_stream)
		return (void *)(conf + offsetof(struct lg_stream_conf, parser));
	row = parser_row(input->plugin);
	return row ? (void *)(conf + row->offset) : NULL;
}

bool config_takes_parser(const struct lg_input_plugin *plugin)
{
	return plugin->uses_stream || parser_row(plugin);
}

size_t config_input_sets(const struct config_input *input, struct option_set sets[CONFIG_SETS_MAX])
{
	const struct lg_input_plugin *plugin = input->plugin;
	const struct config_parser *parser = config_input_parser(input);
	size_t count = 0;

	sets[count++] = (struct option_set){config_input_options, (void *)input, "input", plugin->name};
	sets[count++] = (struct option_set){plugin->options, input->conf, "input", plugin->name};
	if (plugin->uses_stream)
		sets[count++] = (struct option_set){lg_stream_options, input->conf, "input", plugin->name};
	if (parser && parser->parser)
		sets[count++] = (struct option_set){parser->parser->options, parser->conf, NULL, NULL};
	return count;
}

static const struct lg_option format_text[] = {
	{.name = "format", .type = LG_OPT_STRING, .offset = offsetof(struct config_output, format), .doc = "Form of a record on its way."},
	LG_OPTION_END,
};

size_t config_output_sets(struct config_output *output, struct option_set sets[CONFIG_SETS_MAX])
{
	const struct lg_output_plugin *plugin = output->plugin;

	sets[0] = (struct option_set){config_output_options, output, "output", plugin->name};
	sets[1] = (struct option_set){plugin->options, output->conf, "output", plugin->name};
	sets[2] = (struct option_set){format_text, output, "output", plugin->name};
	sets[3] = (struct option_set){lg_format_options, &output->format_conf, "output", plugin->name};
	return 4;
}

void config_format_row(const struct lg_output_plugin *plugin, struct lg_option rows[2], char first[32])
{
	struct lg_str choice = option_choice(plugin->formats, 0);

	snprintf(first, 32, "%.*s", (int)choice.size, choice.data ? choice.data : "");
	rows[0] = (struct lg_option){.name = "format", .type = LG_OPT_ENUM, .choices = plugin->formats, .fallback = first, .doc = format_text[0].doc};
	rows[1] = (struct lg_option)LG_OPTION_END;
}
