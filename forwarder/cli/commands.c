#include "cli/commands.h"

#include <string.h>

#define CONFIG_ROW {"-c FILE", "The configuration; `" CLI_DEFAULT_CONFIG "` unless given."}
#define DATA_DIR_ROWS \
	{"-c FILE", "The configuration that names the data_dir; `" CLI_DEFAULT_CONFIG "` unless given."}, {"-d DIR", "The data_dir itself."}
#define KEY_FILE_ROW {"--key-file FILE", "Keys of an encrypted spool, where `-d` is given."}
#define JSON_ROW {"--json", "The same facts for machines."}
#define END {NULL, NULL}

static const struct command_row run_rows[] = {
	CONFIG_ROW,
	{"--once", "Read what is there, ship it, end with 0 when every output has it."},
	{"--log-level LEVEL", "`error`, `warning`, `notice`, `info` (unless given) or `debug`."},
	{NULL, "SIGTERM finishes what is in flight and ends within 10 s; what is not delivered waits in the spool. SIGHUP reopens output files and reads the "
	       "spool's keys again."},
	END,
};

static const struct command_row check_rows[] = {
	CONFIG_ROW,
	{"--resolve", "Print the effective configuration with all defaults, secrets hidden."},
	{"--json", "The problems as JSON lines."},
	{NULL, "Ends with 0 when the configuration is correct, 1 when it is not."},
	END,
};

static const struct command_row status_rows[] = {
	CONFIG_ROW,
	{"--follow", "Again every 2 s: the page on a terminal, else a line an output, or with `--json` an object a line."},
	JSON_ROW,
	{NULL, "Ends with 0 when all flows, 1 when something needs a person. Works with the daemon down, from its files."},
	END,
};

static const struct command_row decode_rows[] = {
	{NULL, "Without options: what the file is, and an entry of `inputs` for it. FILE may be - for standard input."},
	{"--json", "Its records as JSON lines."},
	{"--explain", "Which bytes were taken for what."},
	{"--encoding E, --framing F, --lrecl N, --newline N, --carriage-control C, --parser P, --timezone Z",
	 "As in the configuration, instead of finding out."},
	{"--multiline P", "How lines are joined: java, python, db2, cics, or \"{start: REGEX}\" and the like, as in the configuration."},
	END,
};

static const struct command_row spool_rows[] = {
	{"ls", "The segments."},
	{"cat [--from SEQ] [--to SEQ] [--input NAME]", "Records as JSON lines."},
	{"tail [-f] [-n N]", "The newest N (10) records; `-f`: and those that come."},
	{"verify", "Read everything and check every checksum."},
	{"repair [--yes]", "Says what does not verify and what it would do about it; with `--yes` does it, and keeps a copy of every file it changes. The "
	                   "daemon must be stopped. Ends with 0: nothing to do, 1: repaired, or problems."},
	{"export [--from A] [--to B] [--input NAME] -o FILE", "Records as JSON lines, around damage, saying what is missing (then it ends with 1). A and B: "
	                                                      "sequences, or times of receipt like 2026-11-23T00:10:00Z. FILE may be - for standard output."},
	{"keygen [--id N | --key-file FILE]", "A new line for the key file, to be appended (umask 077); its id is N, or the one that comes next in FILE, or 1."},
	DATA_DIR_ROWS,
	KEY_FILE_ROW,
	{"--json", "For `ls`, `verify`, `repair` and `export`: the same facts for machines."},
	END,
};

static const struct command_row replay_rows[] = {
	{"--output NAME", "To this output, beside what it is sent anyway; its cursor stays where it is."},
	{"--from, --to TIME", "What was received then, like 2026-11-23T00:10:00Z."},
	{"--from-seq, --to-seq N", "Or these sequences."},
	CONFIG_ROW,
	JSON_ROW,
	{NULL, "The running daemon does it, and goes on with it after a restart; `lugger status` shows how far it is. Each record is marked "
	       "`lugger.replay: true` and keeps its `event.id`. What the spool has let go of is not replayed: see `spool: {keep: ...}`."},
	END,
};

static const struct command_row dlq_rows[] = {
	{"ls", "The refusals: when, which records, why."},
	{"cat", "Their records as JSON lines: time, reason, record."},
	{"replay --output NAME", "Sends them once more, marked `lugger.replay: true`; gone once the receiver has them. The daemon has to run."},
	{" --id ID", "This letter alone, as `ls` names it."},
	{" --from, --to TIME, --from-seq, --to-seq N", "Refused then, or with these sequences."},
	{" --keep", "They stay dead letters, too."},
	{"drop [--yes]", "Says what would go; with `--yes` removes it."},
	{"--output NAME", "Of this output alone."},
	DATA_DIR_ROWS,
	KEY_FILE_ROW,
	JSON_ROW,
	{NULL, "Ends with 0; with 1 where a letter does not verify, or something was not done. Works with the daemon up or down."},
	END,
};

static const struct command_row output_rows[] = {
	{"forget NAME", "Let go of the cursor of an output that is configured no more, with the service stopped: records that only this output had not "
	                "delivered are then free to go."},
	{"resolve NAME", "Answer an output in state cursor-conflict or fenced (Kafka, exactly_once), with the service running."},
	{" --take local", "Go on from our cursor: may repeat."},
	{" --take receiver", "Go on from the cursor that the receiver holds."},
	CONFIG_ROW,
	END,
};

static const struct command_row json_rows[] = {
	JSON_ROW,
	END,
};

static const struct command_row reference_rows[] = {
	{NULL, "Writes a document that is generated from the option tables and from this help."},
	END,
};

const struct command commands[] = {
	{"run", cmd_run, "run [-c FILE] [--once] [--log-level LEVEL]", "the service, in the foreground", run_rows},
	{"check", cmd_check, "check [-c FILE] [--resolve | --json]", "validate a configuration", check_rows},
	{"status", cmd_status, "status [-c FILE] [--follow] [--json]", "is data flowing, is any at risk, when are we caught up", status_rows},
	{"decode", cmd_decode, "decode FILE [--json | --explain] [OPTION ...]", "one strange file: what it is, or its records",
	 decode_rows},
	{"spool", cmd_spool, "spool ls|cat|tail|verify|repair|export|keygen [OPTION ...]", "look into the spool, daemon up or down", spool_rows},
	{"replay", cmd_replay, "replay --output NAME --from TIME --to TIME [-c FILE] [--json]", "send a part of the log to one output once more", replay_rows},
	{"dlq", cmd_dlq, "dlq ls|cat|replay|drop [OPTION ...]", "records that a receiver refused for good", dlq_rows},
	{"output", cmd_output, "output forget NAME [-c FILE]\noutput resolve NAME --take local|receiver [-c FILE]",
	 "an output's cursor: let go of it, or choose", output_rows},
	{"plugins", cmd_plugins, "plugins [--json]", "what is compiled in", json_rows},
	{"version", cmd_version, "version [--json]", "the version", json_rows},
	{"reference", cmd_reference, "reference md|schema|sample|lugger.1|lugger.yaml.5", NULL, reference_rows},
	{NULL, NULL, NULL, NULL, NULL},
};

const struct command *command_find(const char *name)
{
	for (const struct command *command = commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}
