/* The input `file`: tails files of any number, however they are rotated, truncated, moved and replaced. */
#include "files.h"
#include "plugin.h"

#include <stdio.h>
#include <string.h>

#include "walk.h"

#define SECOND INT64_C(1000000000)

static const struct lg_option file_options[] = {
	{.name = "path", .type = LG_OPT_STRINGS, .offset = offsetof(struct file_conf, path), .flags = LG_OPT_REQUIRED,
		.doc = "Files to read: paths, or globs with *, ? and [] in any part; the same file by several names is read once. "
			   "Compressed ones (.gz, .zst) are read from their beginning, or on from where the file was left that was compressed."},
	{.name = "exclude", .type = LG_OPT_STRINGS, .offset = offsetof(struct file_conf, exclude),
		.doc = "Globs of files that are not read though `path` matches them; one without a slash is compared with the file's name alone."},
	{.name = "start_at", .type = LG_OPT_ENUM, .offset = offsetof(struct file_conf, start_at), .fallback = "beginning",
		.choices = "beginning|end",
		.doc = "Where the very first start begins in the files that it finds; later ones are always read from their beginning."},
	{.name = "watch", .type = LG_OPT_ENUM, .offset = offsetof(struct file_conf, watch), .fallback = "auto", .choices = "auto|inotify|poll",
		.doc = "How changes are noticed; auto is inotify where the file system has it, else polling."},
	{.name = "poll_interval", .type = LG_OPT_DURATION, .offset = offsetof(struct file_conf, poll_interval_ns), .fallback = "1s",
		.min = 10000000, .max = 3600 * SECOND,
		.doc = "Time between two looks at the files when polling, and at directories that do not exist yet. More than 4000 files are "
		       "looked at less often, but for those written within the last minute: looking costs 1 % of a core at most."},
	{.name = "rotate_wait", .type = LG_OPT_DURATION, .offset = offsetof(struct file_conf, rotate_wait_ns), .fallback = "5s",
		.max = 86400 * SECOND,
		.doc = "How long a file that was rotated or deleted must give nothing new before it is closed."},
	{.name = "close_inactive", .type = LG_OPT_DURATION, .offset = offsetof(struct file_conf, close_inactive_ns), .fallback = "5m",
		.min = SECOND, .max = 7 * 86400 * SECOND, .flags = LG_OPT_ADVANCED,
		.doc = "A file read to its end and unchanged for so long is closed until it changes."},
	{.name = "max_open_files", .type = LG_OPT_INT, .offset = offsetof(struct file_conf, max_open_files), .fallback = "512", .min = 1,
		.max = 1000000, .flags = LG_OPT_ADVANCED, .unit = "files",
		.doc = "Files kept open at a time; the one unused for longest is closed for another, rotated and deleted ones stay open."},
	{.name = "when_done", .type = LG_OPT_ENUM, .offset = offsetof(struct file_conf, when_done), .fallback = "keep",
		.choices = "keep|delete|move",
		.doc = "What becomes of a file that was read to its end, has rested for done_wait, and is settled by every output: received, filtered "
		       "or kept as a dead letter."},
	{.name = "move_to", .type = LG_OPT_PATH, .offset = offsetof(struct file_conf, move_to),
		.doc = "Directory for `when_done: move`, on the same file system; a name that is taken there gets a number."},
	{.name = "done_wait", .type = LG_OPT_DURATION, .offset = offsetof(struct file_conf, done_wait_ns), .fallback = "1m", .min = SECOND,
		.max = 366 * 86400 * SECOND, .doc = "How long a file must not have changed to be done."},
	LG_OPTION_END,
};

static enum lg_rc check_when_done(const struct file_conf *c, struct lg_err *err)
{
	char name[1200];

	if (c->when_done == DONE_MOVE && (!c->move_to || !c->move_to[0]))
		return lg_err_set(err, LG_INVALID, "when_done: move: move_to must name the directory to move to");
	if (c->when_done != DONE_MOVE && c->move_to)
		return lg_err_set(err, LG_INVALID, "move_to is for `when_done: move`");
	if (c->when_done != DONE_KEEP && c->start_at == START_END)
		return lg_err_set(err, LG_INVALID, "when_done: %s with start_at: end: files that were passed over would go unread",
			c->when_done == DONE_DELETE ? "delete" : "move");
	for (size_t i = 0; c->when_done == DONE_MOVE && i < c->path.count; i++) {
		const char *slash = strrchr(c->path.items[i], '/');

		snprintf(name, sizeof(name), "%s%s", c->move_to, slash ? slash : "/");
		/* The pattern's last part, taken as a name, is one that it matches; good enough to tell the directory. */
		if (walk_matches(c->path.items[i], name))
			return lg_err_set(err, LG_INVALID, "move_to: %s is where \"%s\" looks: moved files would be read again", c->move_to,
				c->path.items[i]);
	}
	return LG_OK;
}

static enum lg_rc file_check(const void *conf, struct lg_err *err)
{
	const struct file_conf *c = conf;

	if (!c->path.count)
		return lg_err_set(err, LG_INVALID, "path: at least one file or glob is needed");
	for (size_t i = 0; i < c->path.count; i++) {
		size_t size = strlen(c->path.items[i]);

		if (!size || c->path.items[i][size - 1] == '/')
			return lg_err_set(err, LG_INVALID, "path: \"%s\" names no file; a directory's files are \"%s*\"", c->path.items[i],
				c->path.items[i]);
	}
	return check_when_done(c, err);
}

static enum lg_rc file_open(void *state, const void *conf, struct lg_input_host *host, struct lg_err *err)
{
	return files_open(state, conf, host, err);
}

static void file_step(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	files_step(state, now_ns, ws);
}

static uint64_t file_seal(void *state, struct lg_positions *positions)
{
	return files_seal(state, positions);
}

static void file_durable(void *state, uint64_t token)
{
	/* The positions travelled inside the batch: there is nothing to acknowledge. */
	(void)state;
	(void)token;
}

static void file_settled(void *state, uint64_t token)
{
	files_settled(state, token);
}

static bool file_done(void *state)
{
	return files_done(state);
}

static void file_report(const void *state, struct lg_input_report *report)
{
	files_report(state, report);
}

static void file_close(void *state)
{
	files_close(state);
}

static const unsigned file_fields[] = {LG_F_LOG_FILE_PATH, 0};

const struct lg_input_plugin file_input = {
	.name = "file",
	.doc = "Reads files as they grow, through rotation, truncation and replacement.",
	.options = file_options,
	.conf_size = sizeof(struct file_conf),
	.uses_stream = true,
	.fields = file_fields,
	.state_size = sizeof(struct files),
	.check = file_check,
	.open = file_open,
	.step = file_step,
	.seal = file_seal,
	.durable = file_durable,
	.settled = file_settled,
	.done = file_done,
	.report = file_report,
	.close = file_close,
};
