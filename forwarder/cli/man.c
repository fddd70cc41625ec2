/* lugger(1): the subcommands from their own help, and the little that belongs to all of them. */
#include <string.h>

#include "cli/commands.h"
#include "config/troff.h"

/* "run [-c FILE]": one line of the synopsis. */
static void put_call(struct lg_buf *out, const char *usage, size_t size)
{
	const char *blank = memchr(usage, ' ', size);
	size_t name = blank ? (size_t)(blank - usage) : size;

	lg_buf_printf(out, "\\fBlugger %.*s\\fR", (int)name, usage);
	for (size_t i = name; i < size; i++)
		lg_buf_printf(out, usage[i] == '-' ? "\\-" : "%c", usage[i]);
	lg_buf_append_char(out, '\n');
}

static void put_calls(struct lg_buf *out, const char *usage)
{
	for (const char *end; (end = strchr(usage, '\n')) != NULL; usage = end + 1) {
		put_call(out, usage, (size_t)(end - usage));
		lg_buf_append_cstr(out, ".br\n");
	}
	put_call(out, usage, strlen(usage));
}

static void put_command(struct lg_buf *out, const struct command *command)
{
	bool inner = false;

	lg_buf_printf(out, ".SS %s\n", command->name);
	put_calls(out, command->usage);
	lg_buf_append_cstr(out, ".PP\n");
	lg_buf_printf(out, "%c%s.\n", command->doc[0] - 'a' + 'A', command->doc + 1);
	for (const struct command_row *row = command->rows; row->doc; row++) {
		bool below = row->term && row->term[0] == ' ';

		if (below && !inner)
			troff_indent(out);
		else if (!below && inner)
			troff_outdent(out);
		inner = below;
		if (row->term)
			troff_term(out, row->term + below, NULL, row->doc);
		else
			troff_paragraph(out, row->doc);
	}
	if (inner)
		troff_outdent(out);
}

static void put_commands(struct lg_buf *out)
{
	troff_section(out, "SYNOPSIS");
	for (const struct command *command = commands; command->doc; command++) {
		if (command != commands)
			lg_buf_append_cstr(out, ".br\n");
		put_calls(out, command->usage);
	}
	troff_section(out, "DESCRIPTION");
	troff_text(out, "`lugger` reads z/OS SYSLOG and other logs from files, sockets and queues, EBCDIC or not, understands them, keeps every record in one "
	                "durable log on disk, the spool, and ships it to syslog receivers, Kafka or files. A source is told that a record is safe when it is on "
	                "stable storage; a record leaves the spool when its receiver has it. What must be dropped is stated by a record of its own.");
	troff_section(out, "COMMANDS");
	for (const struct command *command = commands; command->doc; command++)
		put_command(out, command);
}

static void put_process(struct lg_buf *out)
{
	troff_section(out, "EXIT STATUS");
	troff_term(out, "0", NULL, "Fine.");
	troff_term(out, "1", NULL, "A problem was found, or the work was not done; messages on standard error say which.");
	troff_term(out, "2", NULL, "A wrong call.");
	troff_section(out, "SIGNALS");
	troff_text(out, "Of `lugger run`:");
	troff_term(out, "SIGTERM, SIGINT", NULL,
	        "Ends within 10 s, with status 0: outputs finish what is in flight, cursors are written. What is not delivered waits in the spool for the next "
	        "start.");
	troff_term(out, "SIGHUP", NULL,
	        "Reopens the files of outputs, for a rotation by others, and reads the key file of an encrypted spool again. The configuration is not read "
	        "again: that takes a restart.");
	troff_term(out, "SIGKILL", NULL, "Costs nothing but repeats: what was in flight is sent again.");
}

static void put_surroundings(struct lg_buf *out)
{
	troff_section(out, "ENVIRONMENT");
	troff_term(out, "any NAME", NULL, "In a secret of the configuration, `${NAME}` stands for its value.");
	troff_term(out, "NO_COLOR", NULL, "`lugger status` uses no colour on a terminal.");
	troff_term(out, "TZDIR", NULL, "Directory of the time zones; `/usr/share/zoneinfo` unless set.");
	troff_term(out, "NOTIFY_SOCKET, LISTEN_FDS, LISTEN_FDNAMES, JOURNAL_STREAM, CREDENTIALS_DIRECTORY", NULL,
	        "Set by `systemd`: readiness, passed sockets (addresses `systemd:NAME` of the input `listen`), levels in the journal, the folder of handed over "
	        "key files.");
	troff_section(out, "FILES");
	troff_term(out, CLI_DEFAULT_CONFIG, NULL, "The configuration, see `lugger.yaml`(5).");
	troff_term(out, "/var/lib/lugger", NULL, "The data_dir, unless the configuration names another one. It belongs to one running `lugger` alone.");
	troff_term(out, "data_dir/spool", NULL,
	        "The spool: segments, `state`, `deadletter/` (records that a receiver refused for good) and `quarantine/` (bytes that did not verify).");
	troff_term(out, "data_dir/control.sock", NULL, "Where `status`, `replay`, `dlq` and `output` reach the running service.");
}

static void put_examples(struct lg_buf *out)
{
	troff_section(out, "EXAMPLES");
	troff_text(out, "What is this file, and how is it configured?");
	troff_example(out, "lugger decode SYSLOG.D261123\n");
	troff_paragraph(out, "Is the configuration right, and what does it come to?");
	troff_example(out, "lugger check -c lugger.yaml --resolve\n");
	troff_paragraph(out, "Ship what is there and end, as a batch job:");
	troff_example(out, "lugger run -c lugger.yaml --once\n");
	troff_paragraph(out, "Watch it; be told when something needs a person:");
	troff_example(out, "lugger status --follow\nlugger status >/dev/null || echo 'look at lugger status'\n");
	troff_paragraph(out, "The SIEM lost an hour; send it once more:");
	troff_example(out, "lugger replay --output siem \\\n    --from 2026-11-23T00:00:00Z --to 2026-11-23T01:00:00Z\n");
	troff_paragraph(out, "After the receiver was put right, send what it had refused:");
	troff_example(out, "lugger dlq ls\nlugger dlq replay --output siem\n");
	troff_paragraph(out, "Encrypt the spool, or rotate its key:");
	troff_example(out, "(umask 077; lugger spool keygen --key-file spool.keys >>spool.keys)\n");
	troff_section(out, "SEE ALSO");
	lg_buf_append_cstr(out, ".BR lugger.yaml (5),\n.BR systemd.service (5)\n");
}

void command_write_man(const struct lg_registry *registry, struct lg_buf *out)
{
	(void)registry;
	lg_buf_append_cstr(out, ".\\\" Written by `lugger reference lugger.1` from the help of the subcommands; do not edit.\n");
	troff_title(out, "LUGGER", 1, "Lugger");
	troff_section(out, "NAME");
	lg_buf_append_cstr(out, "lugger \\- mainframe log forwarder\n");
	put_commands(out);
	put_process(out);
	put_surroundings(out);
	put_examples(out);
}
