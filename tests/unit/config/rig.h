/* rig.h - a registry of invented plugins, parsers and outputs for the tests of config; streams, formats and TLS are the real ones. */
#ifndef CONFIG_RIG_H
#define CONFIG_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/charset.h"
#include "config/config.h"
#include "data/filter.h"

struct reader_conf {
	struct lg_stream_conf stream;
	struct lg_strings path;
	int watch;
	char *timezone;
	int64_t depth;
	bool eager;
};

static const struct lg_option reader_options[] = {
	{.name = "path", .type = LG_OPT_STRINGS, .offset = offsetof(struct reader_conf, path), .flags = LG_OPT_REQUIRED, .doc = "Files to read."},
	{.name = "watch", .type = LG_OPT_ENUM, .offset = offsetof(struct reader_conf, watch), .fallback = "auto", .choices = "auto|inotify|poll",
	 .doc = "How changes are noticed."},
	{.name = "depth", .type = LG_OPT_INT, .offset = offsetof(struct reader_conf, depth), .fallback = "3", .min = 1, .max = 9,
	 .unit = "levels", .doc = "How deep."},
	{.name = "eager", .type = LG_OPT_BOOL, .offset = offsetof(struct reader_conf, eager), .fallback = "false", .doc = "Sooner."},
	/* The stream's own field, with another default. */
	{.name = "max_record_size", .type = LG_OPT_SIZE, .offset = offsetof(struct reader_conf, stream.max_record_size), .fallback = "96KiB", .min = 256,
	 .max = 1 << 20, .doc = "Longest record."},
	{.name = "exclude", .type = LG_OPT_STRINGS, .flags = LG_OPT_LATER, .doc = "Files to leave."},
	LG_OPTION_END,
};

struct door_conf {
	struct lg_stream_conf stream;
	char *address;
	int framing;
	struct lg_tls_conf tls;
	char *password;
	struct lg_strings headers;
	int64_t idle_ns;
};

static const struct lg_option door_options[] = {
	{.name = "address", .type = LG_OPT_STRING, .offset = offsetof(struct door_conf, address), .flags = LG_OPT_REQUIRED, .doc = "Where to listen."},
	/* Takes the name from the stream's table, with a field and choices of its own. */
	{.name = "framing", .type = LG_OPT_ENUM, .offset = offsetof(struct door_conf, framing), .fallback = "auto", .choices = "auto|octet-counting|lf",
	 .doc = "How messages are told apart."},
	{.name = "tls", .type = LG_OPT_TABLE, .offset = offsetof(struct door_conf, tls), .sub = lg_tls_server_options, .doc = "Certificates."},
	{.name = "password", .type = LG_OPT_STRING, .offset = offsetof(struct door_conf, password), .flags = LG_OPT_SECRET, .doc = "A secret."},
	{.name = "headers", .type = LG_OPT_MAP, .offset = offsetof(struct door_conf, headers), .doc = "Names and values."},
	{.name = "idle", .type = LG_OPT_DURATION, .offset = offsetof(struct door_conf, idle_ns), .fallback = "60s", .min = 1000000000,
	 .max = INT64_C(3600000000000), .doc = "Patience."},
	LG_OPTION_END,
};

struct pipe_rule {
	char *from;
	int64_t weight;
};

struct pipe_conf {
	struct lg_strings servers;
	struct lg_tls_conf tls;
	struct lg_rules rules;
	uint64_t window;
	char *cert;
};

static const struct lg_option pipe_rule_options[] = {
	{.name = "from", .type = LG_OPT_STRING, .offset = offsetof(struct pipe_rule, from), .flags = LG_OPT_REQUIRED, .doc = "Whence."},
	{.name = "weight", .type = LG_OPT_INT, .offset = offsetof(struct pipe_rule, weight), .fallback = "1", .doc = "How heavy."},
	LG_OPTION_END,
};

static const struct lg_option pipe_options[] = {
	{.name = "servers", .type = LG_OPT_STRINGS, .offset = offsetof(struct pipe_conf, servers),
	 .flags = LG_OPT_REQUIRED | LG_OPT_DESTINATION, .doc = "Receivers."},
	{.name = "tls", .type = LG_OPT_TABLE, .offset = offsetof(struct pipe_conf, tls), .sub = lg_tls_client_options, .doc = "Certificates."},
	{.name = "rules", .type = LG_OPT_RULES, .offset = offsetof(struct pipe_conf, rules), .sub = pipe_rule_options, .size = sizeof(struct pipe_rule),
	 .doc = "Routing."},
	{.name = "window", .type = LG_OPT_SIZE, .offset = offsetof(struct pipe_conf, window), .fallback = "8MiB", .min = 65536, .max = 1 << 30,
	 .doc = "Bytes in doubt."},
	{.name = "seal", .type = LG_OPT_FILE, .offset = offsetof(struct pipe_conf, cert), .doc = "A file that must be there."},
	LG_OPTION_END,
};

struct lines_conf {
	char *timezone;
};

static const struct lg_option lines_options[] = {
	{.name = "timezone", .type = LG_OPT_TIMEZONE, .offset = offsetof(struct lines_conf, timezone), .fallback = "UTC", .doc = "Zone of the times."},
	LG_OPTION_END,
};

static const unsigned lines_fields[] = {LG_F_ZOS_SYSNAME, LG_F_ZOS_MESSAGE_ID, 0};
static const unsigned reader_fields[] = {LG_F_LOG_FILE_PATH, 0};

static enum lg_rc door_check(const void *conf, struct lg_err *err)
{
	const struct door_conf *door = conf;

	if (!strcmp(door->address, "nowhere"))
		return lg_err_set(err, LG_INVALID, "`address: nowhere` is no place");
	return LG_OK;
}

static const struct lg_option no_options[] = {LG_OPTION_END};
static const struct lg_parser rig_text = {.name = "text", .doc = "A line is a record.", .options = no_options};
static const struct lg_parser rig_lines = {.name = "zos-lines", .doc = "Invented.", .options = lines_options, .conf_size = sizeof(struct lines_conf),
                                           .fields = lines_fields};
static const struct lg_input_plugin rig_reader = {.name = "reader", .doc = "Reads.", .options = reader_options, .uses_stream = true,
                                                  .conf_size = sizeof(struct reader_conf), .fields = reader_fields};
static const struct lg_input_plugin rig_door = {.name = "door", .doc = "Listens.", .options = door_options, .uses_stream = true, .parser = "zos-lines",
                                                .conf_size = sizeof(struct door_conf), .check = door_check};
static const struct lg_output_plugin rig_pipe = {.name = "pipe", .doc = "Sends.", .options = pipe_options, .conf_size = sizeof(struct pipe_conf),
                                                 .formats = "rfc5424|rfc3164|json|raw"};

static const struct lg_input_plugin *const rig_inputs[] = {&rig_reader, &rig_door, NULL};
static const struct lg_output_plugin *const rig_outputs[] = {&rig_pipe, NULL};
static const struct lg_parser *const rig_parsers[] = {&rig_text, &rig_lines, NULL};
static const char *const rig_missing[] = {"kafka", "output: Kafka comes later", "ibmmq", "input: IBM's client library was missing",
                                          "smf", "parser: SMF records come later", NULL};

static const struct lg_registry rig_registry = {.inputs = rig_inputs, .outputs = rig_outputs, .parsers = rig_parsers,
                                                .encoding = charset_canonical, .missing = rig_missing};

/* Loads a text as "t.yaml". */
static inline struct config *rig_load(const char *text, const struct config_env *env, enum lg_rc *rc)
{
	struct lg_str str = lg_str_from(text);
	struct config *config;

	*rc = config_load(&config, "t.yaml", &str, env);
	return config;
}

/* All problems as text; the caller frees. */
static inline char *rig_problems(const struct config *config)
{
	struct lg_buf out = {0};

	config_print_problems(config, &out);
	lg_buf_append_char(&out, '\0');
	return (char *)out.data;
}

#endif
