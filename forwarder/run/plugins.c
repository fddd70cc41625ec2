/* The one list of what is compiled in. */
#include "run/plugins.h"

extern const struct lg_input_plugin file_input, ibmmq_input, listen_input;
extern const struct lg_output_plugin file_output, kafka_output, syslog_output;
extern const struct lg_parser text_parser, zos_syslog_parser, rfc_syslog_parser;

/* inputs/codec knows the charsets. */
const char *charset_canonical(struct lg_str spelling);

#ifdef LUGGER_WITH_AMQP
extern const struct lg_input_plugin amqp_input;
#define AMQP_INPUT &amqp_input,
#else
#define AMQP_INPUT
#endif

static const struct lg_input_plugin *const inputs[] = {&file_input, &listen_input, AMQP_INPUT &ibmmq_input, NULL};
static const struct lg_output_plugin *const outputs[] = {&syslog_output, &kafka_output, &file_output, NULL};
static const struct lg_parser *const parsers[] = {&text_parser, &zos_syslog_parser, &rfc_syslog_parser, NULL};

static const char *const missing[] = {
#ifndef LUGGER_WITH_AMQP
	"amqp", "input: left out of this build, which found no Qpid Proton (Debian: libqpid-proton11-dev)",
#endif
	"zosmf", "input: z/OSMF hardcopy logs come in a later version",
	"stdin", "input: standard input comes in a later version",
	"relp", "output: RELP comes in a later version",
	"jes-joblog", "parser: JES job logs come in a later version",
	"smf", "parser: SMF records come in a later version",
	"json", "parser: JSON lines come in a later version",
	NULL,
};

const struct lg_registry plugins_registry = {
	.inputs = inputs, .outputs = outputs, .parsers = parsers, .encoding = charset_canonical, .missing = missing,
};
