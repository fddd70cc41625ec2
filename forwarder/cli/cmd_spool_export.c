/* lugger spool export: records as JSON lines into a file, around whatever does not verify, and saying what is missing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/when.h"
#include "spool/spool.h"

struct export_args {
	const char *config_path, *path, *input, *key_file;
	char *data_dir;
	struct when from, to; /* both inclusive */
	bool json;
	FILE *file;
	uint64_t records, gaps, missing;
};

static bool wanted(const struct export_args *args, const struct lg_record *rec)
{
	if (args->from.is_time ? rec->received_ns < args->from.ns : rec->seq < args->from.seq)
		return false;
	if (args->to.is_time ? rec->received_ns > args->to.ns : rec->seq > args->to.seq)
		return false;
	return !args->input || lg_str_is(rec->input, args->input);
}

static bool write_out(struct export_args *args, struct lg_buf *out)
{
	bool written = !out->size || fwrite(out->data, 1, out->size, args->file) == out->size;

	lg_buf_clear(out);
	return written;
}

static bool write_batch(struct export_args *args, struct lg_formatter *json, struct lg_batch *batch, struct lg_buf *out)
{
	struct lg_batch_iter it;
	struct lg_record rec;

	lg_batch_begin(&it, batch, 0);
	while (lg_batch_next(&it, &rec)) {
		if (!wanted(args, &rec))
			continue;
		lg_format(json, &rec, 0, 0, out);
		lg_buf_append_char(out, '\n');
		args->records++;
	}
	return write_out(args, out);
}

/* What is missing has no time; of a range by time any gap may be part. */
static bool write_gap(struct export_args *args, uint64_t first, uint64_t last, const char *reason, struct lg_buf *out)
{
	if (!args->from.is_time && first < args->from.seq)
		first = args->from.seq;
	if (!args->to.is_time && last > args->to.seq)
		last = args->to.seq;
	if (first > last)
		return true;
	args->gaps++;
	args->missing += last - first + 1;
	lg_buf_append_cstr(out, "{\"lugger.gap\":{");
	json_put_u64(out, "first", first);
	json_put_u64(out, "last", last);
	json_put_member(out, "reason", lg_str_from(reason));
	lg_buf_append_cstr(out, "}}\n");
	return write_out(args, out);
}

static enum lg_rc export_all(struct export_args *args, struct spool_reader *reader, struct lg_formatter *json, struct lg_err *err)
{
	struct lg_buf out = {0};
	enum lg_rc rc = LG_OK;
	bool written = true;

	while (written && (args->to.is_time || spool_reader_at(reader) <= args->to.seq)) {
		uint64_t at = spool_reader_at(reader), first, last;
		struct lg_batch *batch;

		rc = spool_reader_next(reader, &batch, &first, &last, err);
		if (rc == LG_CORRUPT) {
			written = write_gap(args, first, last, err->text, &out);
			continue;
		}
		if (rc != LG_OK)
			break;
		if (lg_batch_first(batch) > at) /* the daemon deleted these while we read */
			written = write_gap(args, at, lg_batch_first(batch) - 1, "no longer in the spool", &out);
		written = written && write_batch(args, json, batch, &out);
		lg_batch_release(batch);
	}
	lg_buf_fini(&out);
	if (!written)
		return lg_err_sys(err, errno, "writing %s", args->path);
	return rc == LG_AGAIN || rc == LG_CORRUPT ? LG_OK : rc;
}

static enum lg_rc export_spool(struct export_args *args, struct lg_err *err)
{
	struct lg_format_conf format_conf = {0};
	struct spool_reader *reader = NULL;
	struct lg_formatter *json;
	struct spool *spool;
	enum lg_rc rc = spool_peek_open(&spool, args->data_dir, &sys_io_posix, err);

	if (rc != LG_OK)
		return rc;
	json = lg_formatter_new("json", &format_conf, "lugger", false);
	if (args->key_file)
		rc = spool_peek_keys(spool, args->key_file, err);
	if (rc == LG_OK)
		rc = spool_reader_open(spool, args->from.is_time ? 0 : args->from.seq, &reader, err);
	if (rc == LG_OK)
		rc = export_all(args, reader, json, err);
	spool_reader_close(reader);
	lg_formatter_free(json);
	spool_close(spool);
	return rc;
}

/* The file appears under its name when it is whole and on the disk. */
static enum lg_rc export_file(struct export_args *args, struct lg_err *err)
{
	char temp[4096];
	enum lg_rc rc;

	if (!strcmp(args->path, "-")) {
		args->file = stdout;
		rc = export_spool(args, err);
		return fflush(stdout) != 0 && rc == LG_OK ? lg_err_sys(err, errno, "writing standard output") : rc;
	}
	if (access(args->path, F_OK) == 0)
		return lg_err_set(err, LG_INVALID, "%s is there already: name another file", args->path);
	snprintf(temp, sizeof(temp), "%.4000s.part", args->path);
	args->file = fopen(temp, "w");
	if (!args->file)
		return lg_err_sys(err, errno, "%s", temp);
	rc = export_spool(args, err);
	if (rc == LG_OK && (fflush(args->file) != 0 || fsync(fileno(args->file)) != 0))
		rc = lg_err_sys(err, errno, "writing %s", temp);
	if (fclose(args->file) != 0 && rc == LG_OK)
		rc = lg_err_sys(err, errno, "writing %s", temp);
	if (rc == LG_OK && rename(temp, args->path) != 0)
		rc = lg_err_sys(err, errno, "renaming %s", temp);
	if (rc != LG_OK)
		unlink(temp);
	return rc;
}

static void say_result(const struct export_args *args)
{
	FILE *to = strcmp(args->path, "-") ? stdout : stderr;

	if (args->json)
		fprintf(to, "{\"records\":%llu,\"gaps\":%llu,\"missing\":%llu}\n", (unsigned long long)args->records, (unsigned long long)args->gaps,
		        (unsigned long long)args->missing);
	else
		fprintf(to, "%llu records; %llu gaps, %llu records missing\n", (unsigned long long)args->records, (unsigned long long)args->gaps,
		        (unsigned long long)args->missing);
}

static bool parse_args(int argc, char **argv, struct export_args *args)
{
	for (int i = 2; i < argc; i++) {
		bool more = i + 1 < argc;

		if (!strcmp(argv[i], "--json"))
			args->json = true;
		else if (!strcmp(argv[i], "-c") && more)
			args->config_path = argv[++i];
		else if (!strcmp(argv[i], "-d") && more)
			args->data_dir = argv[++i];
		else if (!strcmp(argv[i], "-o") && more)
			args->path = argv[++i];
		else if (!strcmp(argv[i], "--key-file") && more)
			args->key_file = argv[++i];
		else if (!strcmp(argv[i], "--input") && more)
			args->input = argv[++i];
		else if (!strcmp(argv[i], "--from") && more && when_parse(argv[i + 1], &args->from))
			i++;
		else if (!strcmp(argv[i], "--to") && more && when_parse(argv[i + 1], &args->to))
			i++;
		else {
			cli_usage("spool", "bad argument %s", argv[i]);
			return false;
		}
	}
	if (!args->path)
		cli_usage("spool", "export: name the file to write by -o FILE (- is standard output)");
	return args->path != NULL;
}

int cmd_spool_export(int argc, char **argv, const struct lg_registry *registry)
{
	struct export_args args = {.config_path = CLI_DEFAULT_CONFIG, .to.seq = UINT64_MAX};
	struct config *config = NULL;
	struct lg_err err;
	enum lg_rc rc;

	if (!parse_args(argc, argv, &args))
		return 2;
	if (!args.data_dir) {
		config = cli_load(args.config_path, registry, false);
		if (!config)
			return 1;
		args.data_dir = config->data_dir;
		args.key_file = args.key_file ? args.key_file : config->spool.encryption_key_file;
	}
	rc = export_file(&args, &err);
	config_free(config);
	if (rc == LG_OK)
		say_result(&args);
	else
		fprintf(stderr, "lugger spool export: %s\n", err.text);
	return rc == LG_OK && !args.gaps ? 0 : 1;
}
