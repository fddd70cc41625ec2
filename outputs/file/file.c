/* Output `file`: one record a line, durable before it is settled. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "target.h"

#define GROUP_BYTES (4u << 20) /* one sync covers at most about so much */

struct file_conf {
	char *path;
	struct target_rotate rotate;
};

struct file_out {
	const struct file_conf *conf;
	struct lg_output_host *host;
	struct lg_formatter *formatter;
	struct target target;
	struct lg_buf pending; /* formatted, not written */
	uint64_t group_bytes;  /* written since the last settlement */
	uint64_t first, last;  /* sequences taken and not settled; none when first is 0 */
	bool up;               /* the core was told that it works */
	bool failed;           /* nothing is written nor settled before the core's rewind */
	bool unproven;         /* a write failed, and none has gone through since */
};

static const struct lg_option rotate_options[] = {
	{.name = "size", .type = LG_OPT_SIZE, .offset = offsetof(struct target_rotate, size), .min = 4096, .max = INT64_MAX,
	 .doc = "A new file is begun when this size is reached; the record that reaches it is still in the old one."},
	{.name = "every", .type = LG_OPT_DURATION, .offset = offsetof(struct target_rotate, every_ns),
	 .min = INT64_C(60000000000), .max = INT64_C(366) * 86400 * 1000000000,
	 .doc = "A new file is begun with the first record of each such period, counted in UTC (24h: midnight)."},
	{.name = "keep", .type = LG_OPT_INT, .offset = offsetof(struct target_rotate, keep), .fallback = "10",
	 .min = 1, .max = 10000, .unit = "files", .doc = "So many old files stay, as PATH.1 (the newest), PATH.2 and so on."},
	LG_OPTION_END};

static const struct lg_option options[] = {
	{.name = "path", .type = LG_OPT_PATH, .offset = offsetof(struct file_conf, path), .flags = LG_OPT_REQUIRED,
	 .doc = "The file, created with mode 0640 in a directory that exists; \"-\" is standard output. A partial last line, "
	        "left by a crash, is removed at the start: its record comes again."},
	{.name = "rotate", .type = LG_OPT_TABLE, .offset = offsetof(struct file_conf, rotate), .sub = rotate_options,
	 .doc = "When to begin a new file; without it the file grows, and SIGHUP reopens it for an outside tool."},
	LG_OPTION_END};

static bool to_stdout(const struct file_conf *conf)
{
	return !strcmp(conf->path, "-");
}

static enum lg_rc check(const void *settings, struct lg_err *err)
{
	const struct file_conf *conf = settings;
	const char *slash = strrchr(conf->path, '/');
	struct stat st;
	char dir[4096];

	if (to_stdout(conf)) {
		if (conf->rotate.size || conf->rotate.every_ns)
			return lg_err_set(err, LG_INVALID, "standard output (path: \"-\") cannot be rotated");
		return LG_OK;
	}
	if (strlen(conf->path) + sizeof(".10000") > sizeof(dir))
		return lg_err_set(err, LG_INVALID, "the path is too long");
	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", slash == conf->path ? 1 : (int)(slash - conf->path), conf->path);
	else
		strcpy(dir, ".");
	if (stat(dir, &st))
		return lg_err_set(err, LG_INVALID, "the directory %s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return lg_err_set(err, LG_INVALID, "%s is not a directory", dir);
	if (!stat(conf->path, &st) && S_ISDIR(st.st_mode))
		return lg_err_set(err, LG_INVALID, "%s is a directory", conf->path);
	return LG_OK;
}

static bool line_framing(const void *conf)
{
	(void)conf;
	return true;
}

static enum lg_rc file_open(void *state, const void *conf, struct lg_output_host *host, struct lg_err *err)
{
	struct file_out *o = state;

	(void)err;
	o->conf = conf;
	o->host = host;
	o->formatter = lg_output_formatter(host);
	target_init(&o->target, o->conf->path, &o->conf->rotate, !strcmp(lg_formatter_format(o->formatter), "json"));
	return LG_OK;
}

static const char *state_word(const struct lg_err *err)
{
	if (err->rc == LG_BUSY)
		return "busy";
	switch (err->sys_errno) {
	case ENOSPC:
	case EDQUOT:
		return "disk-full";
	case EPIPE:
		return "closed";
	case EACCES:
	case EPERM:
	case EROFS:
		return "no-permission";
	default:
		return "io-error";
	}
}

static void fail(struct file_out *o, const struct lg_err *err)
{
	o->up = false;
	o->failed = true;
	if (!o->target.regular)
		target_close(&o->target); /* a pipe's reader is gone: the next one opens it anew */
	lg_output_retry(o->host, state_word(err), err);
}

static bool ready(struct file_out *o)
{
	struct lg_err err;

	if (o->failed)
		return false;
	if (target_open(&o->target, &err)) {
		fail(o, &err);
		return false;
	}
	if (!o->up && !o->unproven) /* a full disk can be opened, again and again */
		lg_output_ok(o->host, "connected");
	o->up = true;
	return true;
}

/* False: the way failed, and the core was told. */
static bool write_pending(struct file_out *o)
{
	struct lg_err err;
	enum lg_rc rc;
	size_t done;

	if (!o->pending.size)
		return true;
	rc = target_write(&o->target, o->pending.data, o->pending.size, &done, &err);
	o->group_bytes += done;
	if (rc && rc != LG_AGAIN) {
		o->unproven = true;
		fail(o, &err);
		return false;
	}
	lg_buf_consume(&o->pending, done);
	return true;
}

/* One sync for all that was written in this round, then their settlement, then the new file if one is due. */
static bool settle_group(struct file_out *o)
{
	uint64_t first = o->first;
	struct lg_err err;

	if (!first || o->pending.size)
		return true;
	if (target_sync(&o->target, &err)) {
		o->unproven = true;
		fail(o, &err);
		return false;
	}
	o->first = 0;
	o->group_bytes = 0;
	o->unproven = false;
	lg_settle(o->host, first, o->last, LG_DONE, NULL);
	lg_output_ok(o->host, "flowing");
	return true;
}

static void take(struct file_out *o, const struct lg_record *rec, uint64_t *taken)
{
	unsigned parts = 1;

	for (unsigned i = 0; i < parts; i++) {
		parts = lg_format(o->formatter, rec, i, 0, &o->pending);
		lg_buf_append_char(&o->pending, '\n');
	}
	if (!o->first)
		o->first = rec->seq;
	o->last = rec->seq;
	*taken = rec->seq + 1;
}

/* Between two groups only: what is in the old file is durable and settled then. */
static bool rotate_if_due(struct file_out *o)
{
	struct lg_err err;

	if (o->first || target_room(&o->target, (int64_t)time(NULL)))
		return true;
	if (target_rotate(&o->target, &err)) {
		fail(o, &err);
		return false;
	}
	return ready(o);
}

static void file_send(void *state, struct lg_batch *batch, struct lg_batch_iter *it, uint64_t *taken)
{
	struct file_out *o = state;
	struct lg_record rec;
	uint64_t room;

	(void)batch;
	if (!ready(o) || !rotate_if_due(o))
		return;
	room = target_room(&o->target, (int64_t)time(NULL));
	while (o->pending.size < room && o->group_bytes + o->pending.size < GROUP_BYTES && lg_batch_next(it, &rec))
		take(o, &rec, taken);
	write_pending(o);
}

static void file_step(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	struct file_out *o = state;

	(void)now_ns;
	lg_waitset_clear(ws);
	if (!ready(o) || !write_pending(o) || !settle_group(o))
		return;
	if (o->pending.size)
		lg_waitset_add(ws, o->target.fd, POLLOUT);
}

static void file_rewind(void *state)
{
	struct file_out *o = state;

	target_go_back(&o->target);
	lg_buf_clear(&o->pending);
	o->group_bytes = 0;
	o->first = 0;
	o->failed = false;
}

static bool file_finish(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	struct file_out *o = state;

	file_step(state, now_ns, ws);
	return !o->first;
}

static void file_report(const void *state, struct lg_output_report *report)
{
	const struct file_out *o = state;

	report->in_flight_bytes = o->group_bytes + o->pending.size;
	snprintf(report->peer, sizeof(report->peer), "%s", to_stdout(o->conf) ? "standard output" : o->conf->path);
	if (o->target.rotations)
		snprintf(report->note, sizeof(report->note), "rotated %llu times", (unsigned long long)o->target.rotations);
}

static void file_close(void *state)
{
	struct file_out *o = state;

	if (!o->conf)
		return;
	file_rewind(o);
	target_close(&o->target);
	lg_buf_fini(&o->pending);
}

/* An outside tool moved the file away: what is in it already is settled there, the rest goes to a new one. */
static void file_reopen(void *state)
{
	struct file_out *o = state;

	if (o->failed || o->target.fd < 0 || !write_pending(o) || !settle_group(o) || o->pending.size)
		return;
	target_close(&o->target);
}

const struct lg_output_plugin file_output = {
	.name = "file",
	.doc = "Appends records to a file or standard output, one a line, synced before they count as delivered.",
	.options = options,
	.conf_size = sizeof(struct file_conf),
	.line_framing = line_framing,
	.formats = "json|raw",
	.state_size = sizeof(struct file_out),
	.check = check,
	.open = file_open,
	.step = file_step,
	.send = file_send,
	.rewind = file_rewind,
	.finish = file_finish,
	.report = file_report,
	.close = file_close,
	.reopen = file_reopen,
	.single = true,
};
