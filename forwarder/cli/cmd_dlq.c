/* lugger dlq ls|cat|replay|drop: records that a receiver refused for good. Reading needs no daemon and disturbs none; dropping asks a running one,
 * sending them again needs one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/when.h"
#include "run/again.h"
#include "run/control.h"
#include "spool/deadletter.h"
#include "spool/lock.h"

struct dlq_args {
	const char *verb, *config_path, *output, *key_file;
	char *data_dir;
	bool json, yes, keep;
	struct again_choice choice;
	struct lg_formatter *formatter;
};

static const char *id_of(const struct deadletter *letter, char id[48])
{
	snprintf(id, 48, "%" PRIu64 ".%" PRIu64, letter->segment, letter->offset);
	return id;
}

static void put_facts(const struct deadletter *letter, struct lg_buf *out)
{
	char when[32], id[48];

	json_put_member(out, "output", lg_str_from(letter->output));
	json_put_member(out, "time", lg_str_from(clock_format_utc(letter->time_ns, 3, when)));
	json_put_member(out, "reason", letter->reason);
	json_put_member(out, "id", lg_str_from(id_of(letter, id)));
	json_put_u64(out, "attempts", letter->attempts);
}

static void ls_one(void *arg, const struct deadletter *letter)
{
	const struct dlq_args *args = arg;
	struct lg_buf out = {0};
	char when[32], id[48];

	if (args->json) {
		lg_buf_append_char(&out, '{');
		put_facts(letter, &out);
		json_put_u64(&out, "first_seq", letter->first_seq);
		json_put_u64(&out, "records", letter->count);
		lg_buf_append_cstr(&out, "}\n");
	} else {
		lg_buf_printf(&out, "%-20s  %-16s %-12s %14llu  %7u  %5u  %.*s\n", clock_format_utc(letter->time_ns, 0, when), letter->output, id_of(letter, id),
		              (unsigned long long)letter->first_seq, letter->count, letter->attempts, (int)letter->reason.size, letter->reason.data);
	}
	cli_print(&out);
	lg_buf_fini(&out);
}

/* A line a record: the decision's facts, and the record as output `json` would show it. */
static void cat_one(void *arg, const struct deadletter *letter)
{
	const struct dlq_args *args = arg;
	struct lg_buf out = {0};
	struct lg_batch_iter it;
	struct lg_record rec;

	lg_batch_begin(&it, letter->batch, 0);
	while (lg_batch_next(&it, &rec)) {
		lg_buf_append_char(&out, '{');
		put_facts(letter, &out);
		json_put_name(&out, "record");
		lg_format(args->formatter, &rec, 0, 0, &out);
		lg_buf_append_cstr(&out, "}\n");
	}
	cli_print(&out);
	lg_buf_fini(&out);
}

static void say_damage(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "lugger dlq: %s\n", line);
}

static int do_show(struct dlq_args *args)
{
	bool cat = !strcmp(args->verb, "cat");
	struct deadletter_walk walk = {.data_dir = args->data_dir, .io = &sys_io_posix, .output = args->output, .key_file = args->key_file, .payloads = cat,
	                               .each = cat ? cat_one : ls_one, .say = say_damage, .arg = args};
	struct lg_format_conf format_conf = {0};
	struct lg_err err;
	enum lg_rc rc;

	args->formatter = lg_formatter_new("json", &format_conf, "lugger", false);
	if (!cat && !args->json)
		printf("%-20s  %-16s %-12s %14s  %7s  %5s  %s\n", "REFUSED", "OUTPUT", "ID", "FIRST", "RECORDS", "TRIES", "REASON");
	rc = deadletter_walk(&walk, &err);
	lg_formatter_free(args->formatter);
	if (rc != LG_OK) {
		fprintf(stderr, "lugger dlq %s: %s\n", args->verb, err.text);
		return 1;
	}
	return walk.damaged ? 1 : 0;
}

/* ---- drop ---- */

/* The daemon that owns the spool does it, because it may be writing there. LG_NOTFOUND: none runs. */
static enum lg_rc drop_asking(const char *data_dir, const char *output, struct lg_err *err)
{
	struct lg_buf answer = {0};
	char request[128];
	enum lg_rc rc;

	snprintf(request, sizeof(request), "dlq drop %.64s", output);
	rc = control_ask(data_dir, request, &answer, err);
	if (rc == LG_OK && answer.data[0] != '0')
		rc = lg_err_set(err, LG_IO, "%.*s", (int)answer.size - 3, (const char *)answer.data + 2);
	lg_buf_fini(&answer);
	return rc;
}

static enum lg_rc drop_offline(const char *data_dir, const char *output, struct lg_err *err)
{
	char dir[4096];
	int lock;
	enum lg_rc rc;

	snprintf(dir, sizeof(dir), "%.4000s/spool", data_dir);
	rc = spool_lock_take(&sys_io_posix, dir, &lock, NULL, err);
	if (rc != LG_OK)
		return rc;
	rc = deadletter_remove(data_dir, &sys_io_posix, output, err);
	sys_io_posix.close(sys_io_posix.self, lock);
	return rc;
}

struct totals {
	char names[64][64];
	uint64_t records[64];
	size_t count;
};

static void add_total(void *arg, const struct deadletter *letter)
{
	struct totals *totals = arg;
	size_t i = 0;

	while (i < totals->count && strcmp(totals->names[i], letter->output) != 0)
		i++;
	if (i == sizeof(totals->names) / sizeof(totals->names[0]))
		return;
	if (i == totals->count)
		snprintf(totals->names[totals->count++], sizeof(totals->names[0]), "%.63s", letter->output);
	totals->records[i] += letter->count;
}

static void say_total(const struct dlq_args *args, const char *output, uint64_t records, bool dropped)
{
	struct lg_buf out = {0};

	if (args->json) {
		lg_buf_append_char(&out, '{');
		json_put_member(&out, "output", lg_str_from(output));
		json_put_u64(&out, "records", records);
		json_put_bool(&out, "dropped", dropped);
		lg_buf_append_cstr(&out, "}\n");
	} else {
		lg_buf_printf(&out, "%s: %llu records %s\n", output, (unsigned long long)records, dropped ? "dropped" : "would be dropped");
	}
	cli_print(&out);
	lg_buf_fini(&out);
}

static int do_drop(struct dlq_args *args)
{
	struct totals totals = {.count = 0};
	struct deadletter_walk walk = {.data_dir = args->data_dir, .io = &sys_io_posix, .output = args->output, .each = add_total, .arg = &totals};
	struct lg_err err;
	enum lg_rc rc = deadletter_walk(&walk, &err);

	for (size_t i = 0; i < totals.count && rc == LG_OK; i++) {
		if (args->yes)
			rc = drop_asking(args->data_dir, totals.names[i], &err);
		if (rc == LG_NOTFOUND)
			rc = drop_offline(args->data_dir, totals.names[i], &err);
		if (rc == LG_OK)
			say_total(args, totals.names[i], totals.records[i], args->yes);
	}
	if (rc != LG_OK) {
		fprintf(stderr, "lugger dlq drop: %s\n", err.text);
		return 1;
	}
	if (!args->yes && totals.count) {
		fprintf(stderr, "lugger dlq drop: nothing was dropped; add --yes to drop them for good\n");
		return 1;
	}
	return 0;
}

/* ---- replay ---- */

static int do_replay(struct dlq_args *args)
{
	const struct again_choice *c = &args->choice;
	struct lg_buf answer = {0}, out = {0};
	struct lg_err err;
	char request[256];
	enum lg_rc rc;
	bool ok;

	if (!args->output)
		return cli_usage("dlq", "give --output NAME");
	snprintf(request, sizeof(request), "dlq replay %.63s %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %" PRIu64 " %" PRIu64 " %d", args->output,
	         c->segment, c->offset, c->from_ns, c->to_ns, c->first_seq, c->last_seq, c->keep);
	rc = control_ask(args->data_dir, request, &answer, &err);
	if (rc != LG_OK) {
		fprintf(stderr, "lugger dlq replay: %s%s\n", err.text, rc == LG_NOTFOUND ? "; the daemon has to run" : "");
		lg_buf_fini(&answer);
		return 1;
	}
	ok = answer.data[0] == '0';
	lg_buf_consume(&answer, 2);
	if (answer.size && answer.data[answer.size - 1] == '\n')
		answer.size--;
	if (args->json) {
		lg_buf_append_char(&out, '{');
		json_put_bool(&out, "started", ok);
		json_put_member(&out, ok ? "text" : "error", lg_buf_str(&answer));
		lg_buf_append_cstr(&out, "}\n");
		cli_print(&out);
	} else {
		fprintf(ok ? stdout : stderr, "%s%.*s\n", ok ? "" : "lugger dlq replay: ", (int)answer.size, (const char *)answer.data);
	}
	lg_buf_fini(&out);
	lg_buf_fini(&answer);
	return ok ? 0 : 1;
}

/* --id SEGMENT.OFFSET as `ls` shows it; --from, --to: times of the refusal; --from-seq, --to-seq: sequences. */
static bool choose(const char *option, const char *word, struct again_choice *choice)
{
	struct when when;
	int used = 0;

	if (!strcmp(option, "--id"))
		return sscanf(word, "%" SCNu64 ".%" SCNu64 "%n", &choice->segment, &choice->offset, &used) == 2 && !word[used] && choice->segment;
	if (!when_parse(word, &when))
		return false;
	if (!strcmp(option, "--from") && when.is_time)
		choice->from_ns = when.ns;
	else if (!strcmp(option, "--to") && when.is_time)
		choice->to_ns = when.ns;
	else if (!strcmp(option, "--from-seq") && !when.is_time)
		choice->first_seq = when.seq;
	else if (!strcmp(option, "--to-seq") && !when.is_time)
		choice->last_seq = when.seq;
	else
		return false;
	return true;
}

/* ---- the call ---- */

static bool parse_args(int argc, char **argv, struct dlq_args *args)
{
	for (int i = 2; i < argc; i++) {
		bool more = i + 1 < argc;

		if (!strcmp(argv[i], "--json"))
			args->json = true;
		else if (!strcmp(argv[i], "--yes"))
			args->yes = true;
		else if (!strcmp(argv[i], "--keep"))
			args->choice.keep = true;
		else if (more && choose(argv[i], argv[i + 1], &args->choice))
			i++;
		else if (!strcmp(argv[i], "-c") && more)
			args->config_path = argv[++i];
		else if (!strcmp(argv[i], "-d") && more)
			args->data_dir = argv[++i];
		else if (!strcmp(argv[i], "--key-file") && more)
			args->key_file = argv[++i];
		else if (!strcmp(argv[i], "--output") && more)
			args->output = argv[++i];
		else {
			cli_usage("dlq", "bad argument %s", argv[i]);
			return false;
		}
	}
	return true;
}

int cmd_dlq(int argc, char **argv, const struct lg_registry *registry)
{
	static const struct {
		const char *name;
		int (*run)(struct dlq_args *args);
	} verbs[] = {{"ls", do_show}, {"cat", do_show}, {"replay", do_replay}, {"drop", do_drop}};
	struct dlq_args args = {.config_path = CLI_DEFAULT_CONFIG,
	                        .choice = {.from_ns = INT64_MIN, .to_ns = INT64_MAX, .first_seq = 1, .last_seq = UINT64_MAX}};
	struct config *config = NULL;
	int code = -1;

	if (argc < 2)
		return cli_usage("dlq", "give one of ls, cat, replay, drop");
	args.verb = argv[1];
	if (!parse_args(argc, argv, &args))
		return 2;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]) && code < 0; i++) {
		if (strcmp(verbs[i].name, args.verb) != 0)
			continue;
		if (!args.data_dir) {
			config = cli_load(args.config_path, registry, false);
			if (!config)
				return 1;
			args.data_dir = config->data_dir;
			args.key_file = args.key_file ? args.key_file : config->spool.encryption_key_file;
		}
		code = verbs[i].run(&args);
		config_free(config);
	}
	return code < 0 ? cli_usage("dlq", "no verb %s: give one of ls, cat, replay, drop", args.verb) : code;
}
