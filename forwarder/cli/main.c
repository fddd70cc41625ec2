/* lugger: finds the subcommand and runs it. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "run/plugins.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv, const struct lg_registry *registry);
	const char *usage; /* after "lugger " */
	const char *doc;   /* one line for the list */
	const char *more;  /* options, for `lugger help NAME` */
};

static const struct command commands[] = {
	{"run", cmd_run, "run [-c FILE] [--once] [--log-level LEVEL]", "the service, in the foreground",
	 "  -c FILE            configuration (default " CLI_DEFAULT_CONFIG ")\n"
	 "  --once             read what is there, ship it, end with 0 when every output has it\n"
	 "  --log-level LEVEL  error, warning, notice, info (default) or debug\n"
	 "SIGTERM finishes what is in flight and ends within 10 s; what is not delivered waits in the spool. SIGHUP reopens output files\n"
	 "and reads the spool's keys again.\n"},
	{"check", cmd_check, "check [-c FILE] [--resolve | --json]", "validate a configuration",
	 "  -c FILE    configuration (default " CLI_DEFAULT_CONFIG ")\n"
	 "  --resolve  print the effective configuration with all defaults, secrets hidden\n"
	 "  --json     problems as JSON lines\n"
	 "Ends with 0 when the configuration is correct, 1 when it is not.\n"},
	{"status", cmd_status, "status [-c FILE] [--follow] [--json]", "is data flowing, is any at risk, when are we caught up",
	 "  -c FILE    configuration (default " CLI_DEFAULT_CONFIG ")\n"
	 "  --follow   again every 2 s: the page on a terminal, else a line an output, or with --json an object a line\n"
	 "  --json     the same facts for machines\n"
	 "Ends with 0 when all flows, 1 when something needs a person. Works with the daemon down, from its files.\n"},
	{"decode", cmd_decode, "decode FILE [--json] [--explain] [--encoding E] [--framing F] ...", "one strange file: what it is, or its records",
	 "  without options    what the file is, and the `inputs:` block for it\n"
	 "  --json             its records as JSON lines\n"
	 "  --explain          which bytes were taken for what\n"
	 "  --encoding, --framing, --lrecl, --newline, --carriage-control, --parser, --timezone   as in the configuration, instead of finding out\n"
	 "FILE may be - for standard input.\n"},
	{"spool", cmd_spool, "spool ls|cat|tail|verify|repair|export|keygen [-c FILE | -d DIR] ...", "look into the spool, daemon up or down",
	 "  ls                 the segments\n"
	 "  cat [--from SEQ] [--to SEQ] [--input NAME]   records as JSON lines\n"
	 "  tail [-f] [-n N]   the newest N (10) records; -f: and those that come\n"
	 "  verify             read everything and check every checksum\n"
	 "  repair [--yes]     says what does not verify and what it would do about it; with --yes does it, and keeps a copy of every file it\n"
	 "                     changes. The daemon must be stopped. Ends with 0: nothing to do, 1: repaired, or problems\n"
	 "  export [--from A] [--to B] [--input NAME] -o FILE   records as JSON lines, around damage, saying what is missing (then it ends\n"
	 "                     with 1). A and B: sequences, or times of receipt like 2026-11-23T00:10:00Z\n"
	 "  keygen [--id N | --key-file FILE]   a new line for the key file, to be appended (umask 077); its id is N, or the one\n"
	 "                     that comes next in FILE, or 1\n"
	 "  -c FILE            configuration that names the data_dir (default " CLI_DEFAULT_CONFIG ")\n"
	 "  -d DIR             the data_dir itself\n"
	 "  --key-file FILE    keys of an encrypted spool, where -d is given\n"
	 "  --json             for ls, verify, repair and export: the same facts for machines\n"},
	{"replay", cmd_replay, "replay --output NAME --from TIME --to TIME [-c FILE] [--json]", "send a part of the log to one output once more",
	 "  --output NAME      to this output, beside what it is sent anyway; its cursor stays where it is\n"
	 "  --from, --to TIME  what was received then, like 2026-11-23T00:10:00Z\n"
	 "  --from-seq, --to-seq N   or these sequences\n"
	 "  -c FILE            configuration (default " CLI_DEFAULT_CONFIG ")\n"
	 "The running daemon does it, and goes on with it after a restart; `lugger status` shows how far it is. Each record is marked\n"
	 "`lugger.replay: true` and keeps its `event.id`. What the spool has let go of is not replayed: see `spool: {keep: ...}`.\n"},
	{"dlq", cmd_dlq, "dlq ls|cat|replay|drop [-c FILE | -d DIR] [--output NAME] [--json] [--yes] [--id ID] [--from|--to TIME] [--keep]", "records that a receiver refused for good",
	 "  ls                 the refusals: when, which records, why\n"
	 "  cat                their records as JSON lines: time, reason, record\n"
	 "  replay --output NAME   sends them once more, marked `lugger.replay: true`; gone once the receiver has them. The daemon has to run\n"
	 "    --id ID          this letter alone, as `ls` names it\n"
	 "    --from, --to TIME, --from-seq, --to-seq N   refused then, or with these sequences\n"
	 "    --keep           they stay dead letters, too\n"
	 "  drop [--yes]       says what would go; with --yes removes it\n"
	 "  --output NAME      of this output alone\n"
	 "  -c FILE            configuration that names the data_dir (default " CLI_DEFAULT_CONFIG ")\n"
	 "  -d DIR             the data_dir itself\n"
	 "  --json             the same facts for machines\n"
	 "Ends with 0; with 1 where a letter does not verify, or something was not done; with 2 at a wrong call. Works with the daemon up or down.\n"},
	{"output", cmd_output, "output forget NAME | resolve NAME --take local|receiver [-c FILE]", "an output's cursor: let go of it, or choose",
	 "  forget NAME        let go of the cursor of an output that is configured no more, with the service stopped: records that only this\n"
	 "                     output had not delivered are then free to go\n"
	 "  resolve NAME       answer an output in state cursor-conflict or fenced (Kafka, exactly_once), with the service running\n"
	 "  --take local       go on from our cursor: may repeat\n"
	 "  --take receiver    go on from the cursor that the receiver holds\n"
	 "  -c FILE            configuration (default " CLI_DEFAULT_CONFIG ")\n"},
	{"plugins", cmd_plugins, "plugins [--json]", "what is compiled in", ""},
	{"version", cmd_version, "version", "the version", ""},
	{"reference", cmd_reference, "reference md|schema|sample|man-options", NULL, "Writes a document that is generated from the option tables.\n"},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void print_list(FILE *to)
{
	fprintf(to, "lugger %s: hauls mainframe logs to the people who watch them\n\n", LUGGER_VERSION);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (commands[i].doc)
			fprintf(to, "  lugger %-9s %s\n", commands[i].name, commands[i].doc);
	fprintf(to, "\n`lugger help COMMAND` tells its options.\n");
}

static int help(const char *name)
{
	const struct command *command = name ? find(name) : NULL;

	if (!command) {
		print_list(stdout);
		return name ? 2 : 0;
	}
	printf("usage: lugger %s\n", command->usage);
	if (command->doc)
		printf("%s\n", command->doc);
	printf("\n%s", command->more);
	return 0;
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_list(stderr);
		return 2;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(argc > 2 ? argv[2] : NULL);
	if (!strcmp(argv[1], "--version"))
		argv[1] += 2;
	command = find(argv[1]);
	if (!command) {
		fprintf(stderr, "lugger: no command %s; `lugger help` lists them\n", argv[1]);
		return 2;
	}
	if (argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h")))
		return help(argv[1]);
	return command->run(argc - 1, argv + 1, &plugins_registry);
}
