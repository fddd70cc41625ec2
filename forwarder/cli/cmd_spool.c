/* lugger spool ls|cat|tail|verify|keygen: read-only, daemon up or down. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/cli.h"
#include "spool/crypt.h"
#include "spool/spool.h"

struct spool_args {
	const char *verb, *config_path, *input, *key_file;
	char *data_dir;
	uint64_t from, to, lines, id;
	uint64_t next; /* behind the last record that was shown or said to be missing; 0: none was */
	bool json, follow;
	bool unreadable; /* something could not be shown: a problem, status 1 */
};

/* ---- ls ---- */

static void time_text(int64_t ns, char out[32])
{
	if (ns > 0 && ns < INT64_MAX)
		clock_format_utc(ns, 0, out);
	else
		snprintf(out, 32, "-");
}

static void ls_one(void *arg, const struct spool_segment_info *info)
{
	const struct spool_args *args = arg;
	struct lg_buf out = {0};
	char first[32], last[32], size[16];

	time_text(info->first_ns, first);
	time_text(info->last_ns, last);
	if (args->json) {
		lg_buf_append_char(&out, '{');
		json_put_u64(&out, "segment", info->number);
		json_put_u64(&out, "first_seq", info->first_seq);
		json_put_u64(&out, "next_seq", info->next_seq);
		json_put_u64(&out, "frames", info->frames);
		json_put_u64(&out, "bytes", info->bytes);
		json_put_u64(&out, "used_bytes", info->used_bytes);
		json_put_member(&out, "first_received", lg_str_from(first));
		json_put_member(&out, "last_received", lg_str_from(last));
		json_put_bool(&out, "sealed", info->sealed);
		json_put_bool(&out, "bad", info->bad);
		lg_buf_append_cstr(&out, "}\n");
	} else {
		lg_buf_printf(&out, "%8llu  %14llu  %10llu  %7llu  %9s  %-20s  %-20s  %s\n", (unsigned long long)info->number,
		              (unsigned long long)info->first_seq, (unsigned long long)(info->next_seq - info->first_seq),
		              (unsigned long long)info->frames, text_format_size(info->used_bytes, size), first, last,
		              info->bad ? "BAD" : info->sealed ? "sealed" : "open");
	}
	cli_print(&out);
	lg_buf_fini(&out);
}

static enum lg_rc do_ls(struct spool_args *args, struct lg_err *err)
{
	if (!args->json)
		printf("%8s  %14s  %10s  %7s  %9s  %-20s  %-20s  %s\n", "SEGMENT", "FIRST", "RECORDS", "FRAMES", "USED", "FIRST RECEIVED",
		       "LAST RECEIVED", "STATE");
	return spool_ls(args->data_dir, &sys_io_posix, ls_one, args, err);
}

/* ---- cat, tail ---- */

static bool print_batch(const struct spool_args *args, struct lg_formatter *json, struct lg_batch *batch)
{
	struct lg_buf out = {0};
	struct lg_batch_iter it;
	struct lg_record rec;
	bool printed;

	lg_batch_begin(&it, batch, args->from);
	while (lg_batch_next(&it, &rec) && rec.seq <= args->to) {
		if (args->input && !lg_str_is(rec.input, args->input))
			continue;
		lg_format(json, &rec, 0, 0, &out);
		lg_buf_append_char(&out, '\n');
	}
	printed = cli_print(&out);
	lg_buf_fini(&out);
	return printed;
}

/* Prints what there is up to args->to. LG_AGAIN: caught up. */
static enum lg_rc print_all(struct spool_args *args, struct spool_reader *reader, struct lg_formatter *json, struct lg_err *err)
{
	uint64_t gap_first, gap_last;
	struct lg_batch *batch;

	while (spool_reader_at(reader) <= args->to) {
		enum lg_rc rc = spool_reader_next(reader, &batch, &gap_first, &gap_last, err);
		bool printed;

		if (rc == LG_CORRUPT || rc == LG_NOTFOUND) {
			fprintf(stderr, "lugger spool: records %llu to %llu cannot be read: %s\n", (unsigned long long)gap_first,
			        (unsigned long long)gap_last, err->text);
			args->next = gap_last + 1;
			args->unreadable = true;
			continue;
		}
		if (rc != LG_OK)
			return rc;
		if (args->next && lg_batch_first(batch) > args->next)
			fprintf(stderr, "lugger spool: records %llu to %llu left the spool before they could be shown\n", (unsigned long long)args->next,
			        (unsigned long long)lg_batch_first(batch) - 1);
		args->next = lg_batch_first(batch) + lg_batch_count(batch);
		printed = print_batch(args, json, batch);
		lg_batch_release(batch);
		if (!printed)
			return lg_err_set(err, LG_EOF, "standard output is closed");
	}
	return LG_OK;
}

static enum lg_rc follow_records(struct spool_args *args, struct spool *spool, struct spool_reader *reader,
                                 struct lg_formatter *json, struct lg_err *err)
{
	const struct timespec pause = {.tv_nsec = 250 * 1000000};
	enum lg_rc rc;

	do {
		nanosleep(&pause, NULL);
		rc = spool_peek_refresh(spool, err);
		if (rc == LG_OK)
			rc = print_all(args, reader, json, err);
	} while (rc == LG_AGAIN || rc == LG_OK);
	return rc;
}

static enum lg_rc do_cat(struct spool_args *args, struct lg_err *err)
{
	struct lg_format_conf format_conf = {0};
	struct lg_formatter *json = NULL;
	struct spool_reader *reader = NULL;
	struct spool_stat stat;
	struct spool *spool;
	enum lg_rc rc = spool_peek_open(&spool, args->data_dir, &sys_io_posix, err);

	if (rc != LG_OK)
		return rc;
	spool_stat(spool, &stat);
	if (!strcmp(args->verb, "tail"))
		args->from = stat.next_seq - stat.first_seq > args->lines ? stat.next_seq - args->lines : stat.first_seq;
	json = lg_formatter_new("json", &format_conf, "lugger", false);
	if (args->key_file)
		rc = spool_peek_keys(spool, args->key_file, err);
	if (rc == LG_OK)
		rc = spool_reader_open(spool, args->from, &reader, err);
	if (rc == LG_OK)
		rc = print_all(args, reader, json, err);
	if (rc == LG_AGAIN && args->follow)
		rc = follow_records(args, spool, reader, json, err);
	spool_reader_close(reader);
	lg_formatter_free(json);
	spool_close(spool);
	return rc == LG_AGAIN ? LG_OK : rc;
}

/* ---- verify ---- */

static void say_finding(void *arg, const char *line)
{
	const struct spool_args *args = arg;
	struct lg_buf out = {0};

	if (args->json) {
		lg_buf_append_char(&out, '{');
		json_put_member(&out, "finding", lg_str_from(line));
		lg_buf_append_cstr(&out, "}\n");
	} else {
		lg_buf_printf(&out, "%s\n", line);
	}
	cli_print(&out);
	lg_buf_fini(&out);
}

static enum lg_rc do_verify(struct spool_args *args, struct lg_err *err)
{
	struct spool_verify_result r = {0};
	struct lg_buf out = {0};
	enum lg_rc rc = spool_verify(args->data_dir, args->key_file, &sys_io_posix, &r, say_finding, args, err);
	char records[28], size[16];
	bool damaged;

	if (rc != LG_OK && rc != LG_CORRUPT)
		return rc;
	damaged = r.bad_segments || r.bad_frames || r.missing || r.bad_state;
	if (args->json) {
		lg_buf_append_char(&out, '{');
		json_put_u64(&out, "segments", r.segments);
		json_put_u64(&out, "frames", r.frames);
		json_put_u64(&out, "records", r.records);
		json_put_u64(&out, "bytes", r.bytes);
		json_put_u64(&out, "bad_segments", r.bad_segments);
		json_put_u64(&out, "bad_frames", r.bad_frames);
		json_put_bool(&out, "bad_state", r.bad_state);
		json_put_u64(&out, "missing", r.missing);
		json_put_u64(&out, "torn_bytes", r.torn_bytes);
		json_put_u64(&out, "closed_segments", r.closed_segments);
		lg_buf_append_cstr(&out, "}\n");
	} else {
		lg_buf_printf(&out, "%llu segments, %llu frames, %s records, %s: ", (unsigned long long)r.segments, (unsigned long long)r.frames,
		              text_format_count(r.records, records), text_format_size(r.bytes, size));
		if (damaged)
			lg_buf_printf(&out, "%llu bad segments, %llu bad frames, %llu records missing%s\n", (unsigned long long)r.bad_segments,
			              (unsigned long long)r.bad_frames, (unsigned long long)r.missing, r.bad_state ? ", the state is lost" : "");
		else
			lg_buf_append_cstr(&out, "every checksum is right\n");
		if (r.closed_segments)
			lg_buf_printf(&out, "%llu segments are encrypted and could not be opened\n", (unsigned long long)r.closed_segments);
	}
	cli_print(&out);
	lg_buf_fini(&out);
	if (damaged)
		return lg_err_set(err, LG_CORRUPT, "the spool is damaged");
	return LG_OK;
}

/* ---- keygen ---- */

static enum lg_rc do_keygen(struct spool_args *args, struct lg_err *err)
{
	struct lg_buf line = {0};
	enum lg_rc rc = spool_keygen((uint32_t)args->id, args->key_file, &line, err);

	if (rc == LG_OK && (fwrite(line.data, 1, line.size, stdout) != line.size || fflush(stdout) != 0))
		rc = lg_err_set(err, LG_IO, "standard output is closed");
	if (line.data)
		crypt_wipe(line.data, line.cap);
	lg_buf_fini(&line);
	return rc;
}

/* ---- the call ---- */

static bool number_arg(const char *word, uint64_t *value)
{
	int64_t n;

	if (!text_parse_i64(lg_str_from(word), &n) || n < 0)
		return false;
	*value = (uint64_t)n;
	return true;
}

static bool parse_args(int argc, char **argv, struct spool_args *args)
{
	for (int i = 2; i < argc; i++) {
		bool more = i + 1 < argc;

		if (!strcmp(argv[i], "--json"))
			args->json = true;
		else if (!strcmp(argv[i], "-f"))
			args->follow = true;
		else if (!strcmp(argv[i], "-c") && more)
			args->config_path = argv[++i];
		else if (!strcmp(argv[i], "-d") && more)
			args->data_dir = argv[++i];
		else if (!strcmp(argv[i], "--key-file") && more)
			args->key_file = argv[++i];
		else if (!strcmp(argv[i], "--id") && more && number_arg(argv[i + 1], &args->id) && args->id && args->id <= UINT32_MAX)
			i++;
		else if (!strcmp(argv[i], "--input") && more)
			args->input = argv[++i];
		else if (!strcmp(argv[i], "--from") && more && number_arg(argv[i + 1], &args->from))
			i++;
		else if (!strcmp(argv[i], "--to") && more && number_arg(argv[i + 1], &args->to))
			i++;
		else if (!strcmp(argv[i], "-n") && more && number_arg(argv[i + 1], &args->lines))
			i++;
		else {
			cli_usage("spool", "bad argument %s", argv[i]);
			return false;
		}
	}
	return true;
}

int cmd_spool(int argc, char **argv, const struct lg_registry *registry)
{
	static const struct {
		const char *name;
		enum lg_rc (*run)(struct spool_args *args, struct lg_err *err);
	} verbs[] = {{"ls", do_ls}, {"cat", do_cat}, {"tail", do_cat}, {"verify", do_verify}, {"keygen", do_keygen}};
	struct spool_args args = {.config_path = CLI_DEFAULT_CONFIG, .to = UINT64_MAX, .lines = 10};
	struct config *config = NULL;
	struct lg_err err = {0};
	enum lg_rc rc = LG_NOTFOUND;

	if (argc < 2)
		return cli_usage("spool", "give one of ls, cat, tail, verify, repair, export, keygen");
	if (!strcmp(argv[1], "export"))
		return cmd_spool_export(argc, argv, registry);
	if (!strcmp(argv[1], "repair"))
		return cmd_spool_repair(argc, argv, registry);
	args.verb = argv[1];
	if (!parse_args(argc, argv, &args))
		return 2;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, args.verb) != 0)
			continue;
		if (!args.data_dir && verbs[i].run != do_keygen) {
			config = cli_load(args.config_path, registry, false);
			if (!config)
				return 1;
			args.data_dir = config->data_dir;
			args.key_file = args.key_file ? args.key_file : config->spool.encryption_key_file;
		}
		rc = verbs[i].run(&args, &err);
		config_free(config);
		if (rc != LG_OK)
			fprintf(stderr, "lugger spool %s: %s\n", args.verb, err.text);
		return rc == LG_OK && !args.unreadable ? 0 : 1;
	}
	return cli_usage("spool", "no verb %s: give one of ls, cat, tail, verify, repair, export, keygen", args.verb);
}
