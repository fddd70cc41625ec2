/* Many files: names, links, identity, what is refused, limits. */
#include "file_rig.h"
#include "input_file/ident.h"

static void one_file_by_several_names_is_read_once(void **unused)
{
	struct rig *rig = rig_new("*.log");

	(void)unused;
	rig_add_glob(rig, "a*");
	rig_append(rig, "a.log", "one\n");
	assert_int_equal(link(rig_path(rig, "a.log"), rig_path(rig, "b.log")), 0);
	assert_int_equal(symlink("a.log", rig_path(rig, "c.log")), 0);
	rig_open(rig);
	rig_run(rig);
	rig_append(rig, "c.log", "two\n");
	rig_look(rig);
	rig_expect_bodies(rig, "one\ntwo\n");
	rig_remove(rig, "a.log");
	rig_append(rig, "b.log", "three\n");
	rig_look(rig);
	rig_restart(rig);
	rig_append(rig, "b.log", "four\n");
	rig_run(rig);
	rig_expect_bodies(rig, "four\nthree\n");
	rig_free(rig);
}

static void a_link_to_a_file_elsewhere_is_read_within_the_polling_interval(void **unused)
{
	struct rig *rig = rig_new("*.log");

	(void)unused;
	assert_int_equal(mkdir(rig_path(rig, "elsewhere"), 0755), 0);
	rig_append(rig, "elsewhere/x", "one\n");
	assert_int_equal(symlink("elsewhere/x", rig_path(rig, "a.log")), 0);
	rig_open(rig);
	rig_run(rig);
	rig_append(rig, "elsewhere/x", "two\n");
	rig_look(rig);
	rig_expect(rig, "a.log@0:one\na.log@4:two\n");
	rig_free(rig);
}

static void equal_heads_are_different_files(void **unused)
{
	struct rig *rig = rig_new("*.log");
	char banner[3001];

	(void)unused;
	memset(banner, '=', sizeof(banner) - 1);
	banner[2999] = '\n';
	banner[3000] = '\0';
	rig_append(rig, "a.log", banner);
	rig_append(rig, "a.log.b.log", banner); /* could be a copy by its name */
	rig_append(rig, "z.log", banner);
	rig_append(rig, "a.log", "a\n");
	rig_append(rig, "z.log", "z\n");
	rig_append(rig, "a.log.b.log", "b\n");
	rig_open(rig);
	rig_run(rig);
	rig_advance(rig, 10 * SECOND);
	rig_restart(rig);
	rig_append(rig, "a.log", "more a\n");
	rig_append(rig, "z.log", "more z\n");
	rig_run(rig);
	banner[2999] = '\0';
	{
		char *expected = malloc(10000);

		sprintf(expected, "%s\n%s\n%s\na\nb\nmore a\nmore z\nz\n", banner, banner, banner);
		rig_expect_bodies(rig, expected);
		free(expected);
	}
	rig_free(rig);
}

/* Rewrites the one saved file position. */
static void edit_position(struct rig *rig, void (*edit)(struct ident *ident, const struct stat *st), const struct stat *st)
{
	for (size_t i = 0; i < rig->host.positions.count; i++) {
		struct fake_position *entry = &rig->host.positions.items[i];
		uint8_t value[LG_POSITION_VALUE_MAX];
		struct position position;

		if (strlen(entry->key) != 16)
			continue;
		memcpy(value, entry->value, entry->size);
		assert_int_equal(position_decode(&position, value, entry->size), LG_OK);
		edit(&position.ident, st);
		entry->size = position_encode(&position, entry->value);
		return;
	}
	fail_msg("no position was saved");
}

static void other_device(struct ident *ident, const struct stat *st)
{
	(void)st;
	ident->dev += 77;
}

static void this_inode(struct ident *ident, const struct stat *st)
{
	ident->ino = (uint64_t)st->st_ino;
	ident->birth = 0; /* as where the file system does not tell it */
}

static void older_birth(struct ident *ident, const struct stat *st)
{
	(void)st;
	if (ident->birth)
		ident->birth -= 1;
}

static void no_birth(struct ident *ident, const struct stat *st)
{
	(void)st;
	ident->birth = 0;
}

static void a_changed_device_number_is_the_same_file(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	fake_commit(&rig->host);
	edit_position(rig, other_device, NULL);
	rig_append(rig, "a.log", "two\n");
	rig_crash(rig);
	rig_run(rig);
	rig_expect(rig, "a.log@0:one\na.log@4:two\n");
	rig_free(rig);
}

static void a_reused_inode_with_an_equal_head_is_another_file(void **unused)
{
	struct rig *rig = rig_new("*.log");
	char banner[2001], *expected = malloc(10000);
	struct stat st;

	(void)unused;
	memset(banner, '=', sizeof(banner) - 1);
	banner[2000] = '\0';
	rig_append(rig, "a.log", banner);
	rig_append(rig, "a.log", "\nold\n");
	rig_open(rig);
	rig_run(rig);
	fake_commit(&rig->host);
	fake_crash(&rig->host);
	rig_remove(rig, "a.log");
	rig_append(rig, "b.log", banner);
	rig_append(rig, "b.log", "\nnew and longer\nsecond\n");
	assert_int_equal(stat(rig_path(rig, "b.log"), &st), 0);
	edit_position(rig, this_inode, &st);
	rig_open(rig);
	rig_run(rig);
	sprintf(expected, "a.log@0:%s\na.log@2001:old\nb.log@0:%s\nb.log@2001:new and longer\nb.log@2016:second\n", banner, banner);
	rig_expect(rig, expected);
	free(expected);
	rig_free(rig);
}

static void a_reused_inode_whose_file_begins_with_all_that_was_read_is_known_by_its_birth(void **unused)
{
	struct rig *rig = rig_new("a.log");
	bool known;
	int fd;

	(void)unused;
	rig_append(rig, "a.log", "header\n");
	fd = open(rig_path(rig, "a.log"), O_RDONLY);
	known = ident_birth(fd) != 0;
	close(fd);
	rig_open(rig);
	rig_run(rig);
	fake_commit(&rig->host);
	edit_position(rig, older_birth, NULL);
	rig_append(rig, "a.log", "new\n");
	rig_crash(rig);
	rig_run(rig);
	rig_expect(rig, known ? "a.log@0:header\na.log@0:header\na.log@7:new\n" : "a.log@0:header\na.log@7:new\n");
	rig_free(rig);
}

static void an_unknown_birth_does_not_matter(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	fake_commit(&rig->host);
	edit_position(rig, no_birth, NULL);
	rig_append(rig, "a.log", "two\n");
	rig_crash(rig);
	rig_run(rig);
	rig_expect(rig, "a.log@0:one\na.log@4:two\n");
	rig_free(rig);
}

static void a_position_of_another_version_is_said_and_the_file_read_anew(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	lg_positions_put(&rig->host.positions, LG_STR("0123456789abcdef"), "\x09?", 2);
	rig_open(rig);
	rig_run(rig);
	assert_true(rig_logged(rig, "another version"));
	rig_expect(rig, "a.log@0:one\n");
	rig_free(rig);
}

static void an_excluded_file_is_not_read_under_any_of_its_names(void **unused)
{
	struct rig *rig = rig_new("*.log");

	(void)unused;
	rig_add_glob(rig, "d/*");
	rig_exclude(rig, "debug*");
	rig_exclude(rig, "d/*.tmp");
	assert_int_equal(mkdir(rig_path(rig, "d"), 0755), 0);
	rig_append(rig, "a.log", "one\n");
	rig_append(rig, "debug.log", "excluded by its name\n");
	rig_append(rig, "d/a.tmp", "excluded by its path\n");
	rig_append(rig, "a.tmp.log", "two\n");
	rig_append(rig, "d/a", "three\n");
	rig_open(rig);
	rig_run(rig);
	rig_append(rig, "debug2.log", "excluded later\n");
	rig_append(rig, "debug.log", "excluded still\n");
	rig_look(rig);
	rig_expect(rig, "a.log@0:one\na.tmp.log@0:two\na@0:three\n");
	rig_rename(rig, "a.log", "debug3.log"); /* rotated to where nothing is read: to its end, then no more */
	rig_append(rig, "debug3.log", "four\n");
	rig_look(rig);
	rig_advance(rig, 60 * SECOND);
	rig_rename(rig, "debug2.log", "b.log");
	rig_look(rig);
	rig_expect(rig, "a.log@4:four\nb.log@0:excluded later\n");
	rig_free(rig);
}

static void what_is_no_regular_file_is_refused_once(void **unused)
{
	struct rig *rig = rig_new("*");
	unsigned lines;

	(void)unused;
	assert_int_equal(mkdir(rig_path(rig, "dir"), 0755), 0);
	assert_int_equal(mkfifo(rig_path(rig, "fifo"), 0644), 0);
	assert_int_equal(symlink("nowhere", rig_path(rig, "dangling")), 0);
	assert_int_equal(symlink("loop", rig_path(rig, "loop")), 0);
	rig_append(rig, "old.log.xz", "compressed\n");
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	lines = rig->host.log_lines;
	rig_advance(rig, 60 * SECOND);
	rig_expect(rig, "a.log@0:one\n");
	assert_true(rig_logged(rig, "dir: not read: not a regular file"));
	assert_true(rig_logged(rig, "fifo: not read: not a regular file"));
	assert_true(rig_logged(rig, "loop: not read: "));
	assert_true(rig_logged(rig, "old.log.xz: not read: of the compressed files only .gz and .zst"));
	assert_int_equal(rig->host.log_lines, lines);
	rig_free(rig);
}

static void an_unreadable_file_is_said_and_tried_again_while_others_go_on(void **unused)
{
	struct rig *rig = rig_new("*.log");
	bool root = geteuid() == 0;

	(void)unused;
	assert_int_equal(chmod(rig->dir, 0777), 0);
	rig_append(rig, "a.log", "one\n");
	rig_append(rig, "b.log", "two\n");
	assert_int_equal(chmod(rig_path(rig, "b.log"), 0), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	rig_open(rig);
	rig_run(rig);
	rig_expect(rig, "a.log@0:one\n");
	assert_non_null(strstr(rig->host.fault, "b.log: cannot open: Permission denied"));
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(rig_path(rig, "b.log"), 0644), 0);
	rig_advance(rig, 10 * SECOND);
	rig_expect(rig, "b.log@0:two\n");
	assert_string_equal(rig->host.fault, "");
	rig_free(rig);
}

static void a_read_error_of_one_file_is_said_and_others_go_on(void **unused)
{
	struct rig *rig = rig_new("*.log");

	(void)unused;
	rig->host.once = true; /* reads files that look empty, too */
	rig_append(rig, "a.log", "one\n");
	assert_int_equal(symlink("/proc/self/mem", rig_path(rig, "b.log")), 0); /* regular, and reading offset 0 is EIO */
	rig_open(rig);
	rig_run(rig);
	assert_true(file_input.done(rig->host.state));
	rig_expect(rig, "a.log@0:one\n");
	assert_non_null(strstr(rig->host.fault, "b.log: cannot read: Input/output error"));
	rig_free(rig);
}

static void five_hundred_files_are_read_through_sixteen_descriptors(void **unused)
{
	struct rig *rig = rig_new("*.log");
	size_t before = rig_open_descriptors(), peak;
	char name[32], text[64], *expected = calloc(1, 100000);
	size_t used = 0;

	(void)unused;
	rig->conf.max_open_files = 16;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 500; i++) {
			snprintf(name, sizeof(name), "%03d.log", i);
			snprintf(text, sizeof(text), "%d of %03d\n", round, i);
			rig_append(rig, name, text);
		}
		if (round == 0)
			rig_open(rig);
		if (round == 2)
			rig_restart(rig);
		rig_look(rig);
		peak = rig_open_descriptors();
		assert_in_range(peak - before, 1, 18); /* the watch is one */
	}
	for (int i = 0; i < 500; i++)
		for (int round = 0; round < 3; round++)
			used += (size_t)sprintf(expected + used, "%03d.log@%d:%d of %03d\n", i, round * 9, round, i);
	{
		char *all = rig_records(rig);

		/* sorted as texts: offsets have one or two digits, so compare as sets of lines by length and by each line's presence */
		assert_int_equal(strlen(all), strlen(expected));
		for (char *line = strtok(expected, "\n"); line; line = strtok(NULL, "\n"))
			assert_non_null(strstr(all, line));
		free(all);
	}
	free(expected);
	rig_free(rig);
}

static unsigned count_records(const struct rig *rig, const char *name)
{
	unsigned count = 0;

	for (size_t i = 0; i < rig->host.pending.count; i++)
		count += strncmp(rig->host.pending.items[i].text, name, strlen(name)) == 0;
	return count;
}

static void the_news_of_small_files_do_not_wait_for_the_backlog_of_huge_ones(void **unused)
{
	struct rig *rig = rig_new("*.log");
	char name[32], *line = malloc(1001);
	unsigned huge;

	(void)unused;
	memset(line, 'x', 999);
	memcpy(line + 999, "\n", 2);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "small%02d.log", i);
		rig_append(rig, name, "one\n");
	}
	rig_open(rig);
	rig_run(rig);
	for (int i = 0; i < 10; i++) {
		int fd;

		snprintf(name, sizeof(name), "huge%d.log", i);
		fd = open(rig_path(rig, name), O_WRONLY | O_CREAT, 0644);
		for (int j = 0; j < 8000; j++)
			assert_int_equal(write(fd, line, 1000), 1000);
		close(fd);
	}
	rig->now_ns += SECOND;
	for (int i = 0; i < 3; i++)
		file_input.step(rig->host.state, rig->now_ns, &rig->ws); /* the backlog is being read */
	for (int round = 0; round < 3; round++) {
		unsigned news = count_records(rig, "small");

		huge = count_records(rig, "huge");
		for (int i = 0; i < 100; i++) {
			snprintf(name, sizeof(name), "small%02d.log", i);
			rig_append(rig, name, "news\n");
		}
		rig->now_ns += SECOND;
		file_input.step(rig->host.state, rig->now_ns, &rig->ws);
		assert_int_equal(count_records(rig, "small") - news, 100); /* all of them in the very next step */
		assert_in_range(count_records(rig, "huge") - huge, 1000, 5300); /* and the backlog went on */
	}
	/* The core is full nearly always: neither side starves. */
	huge = count_records(rig, "huge");
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "small%02d.log", i);
		rig_append(rig, name, "more\n");
		rig->now_ns += SECOND;
		rig->host.ready_left = 1;
		file_input.step(rig->host.state, rig->now_ns, &rig->ws);
	}
	assert_true(count_records(rig, "huge") - huge > 40 * 60);
	rig->host.ready_left = -1;
	rig_run(rig);
	assert_int_equal(count_records(rig, "huge"), 80000);
	free(line);
	rig_free(rig);
}

static void of_very_many_files_the_quiet_are_looked_at_less_often(void **unused)
{
	struct rig *rig = rig_new("*.log");
	const int64_t tenth = SECOND / 10;
	char name[32];
	int fd;

	(void)unused;
	rig->conf.poll_interval_ns = tenth;
	for (int i = 0; i < 1200; i++) { /* all of them every 0.3 s */
		snprintf(name, sizeof(name), "%05d.log", i);
		fd = open(rig_path(rig, name), O_WRONLY | O_CREAT, 0644);
		close(fd);
	}
	rig_open(rig);
	rig_run(rig);
	rig_advance(rig, 70 * SECOND); /* they are quiet by now */
	rig_append(rig, "00000.log", "one\n");
	rig_append(rig, "00001.log", "one\n");
	if (rig_watch == WATCH_POLL) {
		rig_advance(rig, tenth);
		rig_expect(rig, "");
	}
	rig_advance(rig, 2 * tenth);
	rig_expect(rig, "00000.log@0:one\n00001.log@0:one\n");
	for (int i = 0; i < 5; i++) { /* written of late: every 0.1 s */
		rig_append(rig, "00000.log", "two\n");
		rig_advance(rig, tenth);
		rig_expect_bodies(rig, "two\n");
	}
	rig_free(rig);
}

static void a_directory_created_later_is_found(void **unused)
{
	struct rig *rig = rig_new("new/*/x*.log");

	(void)unused;
	rig_open(rig);
	rig_run(rig);
	assert_int_equal(mkdir(rig_path(rig, "new"), 0755), 0);
	rig_look(rig);
	assert_int_equal(mkdir(rig_path(rig, "new/one"), 0755), 0);
	rig_append(rig, "new/one/x1.log", "one\n");
	rig_append(rig, "new/one/y1.log", "not this\n");
	rig_look(rig);
	rig_append(rig, "new/one/x2.log", "two\n");
	rig_look(rig);
	rig_expect(rig, "x1.log@0:one\nx2.log@0:two\n");
	rig_free(rig);
}

static void a_directory_replaced_by_another_is_followed(void **unused)
{
	struct rig *rig = rig_new("d/*.log");

	(void)unused;
	assert_int_equal(mkdir(rig_path(rig, "d"), 0755), 0);
	rig_append(rig, "d/a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	rig_append(rig, "d/a.log", "two\n");
	rig_rename(rig, "d", "e");
	assert_int_equal(mkdir(rig_path(rig, "d"), 0755), 0);
	rig_append(rig, "d/a.log", "three\n");
	rig_look(rig);
	rig_append(rig, "d/b.log", "four\n");
	rig_look(rig);
	rig_expect(rig, "a.log@0:one\na.log@0:three\na.log@4:two\nb.log@0:four\n");
	rig_free(rig);
}

static void a_position_fits_though_the_path_does_not(void **unused)
{
	char name[1200] = "";
	struct rig *rig;

	(void)unused;
	rig = rig_new("*/*/*/*/*/a.log");
	for (int i = 0; i < 5; i++) {
		size_t used = strlen(name);

		memset(name + used, 'd', 200);
		name[used + 200] = '\0';
		{
			char path[2000];

			snprintf(path, sizeof(path), "%s/%s", rig->dir, name);
			assert_int_equal(mkdir(path, 0755), 0);
		}
		strcat(name, "/");
	}
	strcat(name, "a.log");
	{
		char path[2000];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", rig->dir, name);
		fd = open(path, O_WRONLY | O_CREAT, 0644);
		assert_int_equal(write(fd, "one\n", 4), 4);
		rig_open(rig);
		rig_run(rig);
		rig_restart(rig);
		assert_int_equal(write(fd, "two\n", 4), 4);
		close(fd);
	}
	rig_run(rig);
	rig_expect_bodies(rig, "one\ntwo\n");
	rig_free(rig);
}

static void an_idle_input_sleeps(void **unused)
{
	struct rig *rig = rig_new("*.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	assert_int_equal(rig->ws.wake_ns - rig->now_ns, rig_watch == WATCH_POLL ? SECOND : 10 * SECOND);
	rig_free(rig);
}

static void an_idle_file_is_closed_and_read_on_when_it_grows(void **unused)
{
	struct rig *rig = rig_new("a.log");
	size_t before = rig_open_descriptors();

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	rig_advance(rig, 301 * SECOND);
	assert_int_equal(rig_open_descriptors() - before, rig_watch == WATCH_POLL ? 0 : 1);
	rig_append(rig, "a.log", "two\n");
	rig_look(rig);
	rig_expect(rig, "a.log@0:one\na.log@4:two\n");
	rig_free(rig);
}

static void a_lost_event_queue_is_made_up_for_by_a_look_at_everything(void **unused)
{
	struct rig *rig = rig_new("*.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	for (int i = 0; i < 17000; i++) { /* fs.inotify.max_queued_events is 16384 */
		int fd = open(rig_path(rig, i % 2 ? "x.tmp" : "y.tmp"), O_WRONLY | O_CREAT, 0644);

		close(fd);
	}
	rig_append(rig, "a.log", "two\n");
	rig_append(rig, "b.log", "three\n");
	rig_look(rig);
	rig_expect(rig, "a.log@0:one\na.log@4:two\nb.log@0:three\n");
	rig_free(rig);
}

static enum lg_rc check(const char *path, int when_done, const char *move_to, int start_at, struct lg_err *err)
{
	char *paths[] = {(char *)(uintptr_t)path};
	struct file_conf conf = {.path = {paths, 1}, .when_done = when_done, .move_to = (char *)(uintptr_t)move_to, .start_at = start_at};

	return file_input.check(&conf, err);
}

static void check_refuses_what_cannot_work(void **unused)
{
	struct lg_err err;

	(void)unused;
	assert_int_equal(check("/logs/*.log", DONE_KEEP, NULL, START_END, &err), LG_OK);
	assert_int_equal(check("/logs/", DONE_KEEP, NULL, 0, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "\"/logs/*\""));
	assert_int_equal(check("/logs/a", DONE_DELETE, NULL, 0, &err), LG_OK);
	assert_int_equal(check("/logs/a", DONE_DELETE, NULL, START_END, &err), LG_INVALID);
	assert_int_equal(check("/logs/*", DONE_MOVE, NULL, 0, &err), LG_INVALID);
	assert_int_equal(check("/logs/*", DONE_MOVE, "/logs/old", 0, &err), LG_OK);
	assert_int_equal(check("/logs/*", DONE_DELETE, "/logs/old", 0, &err), LG_INVALID);
	assert_int_equal(check("/logs/*/*.log", DONE_MOVE, "/logs/old", 0, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "would be read again"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(one_file_by_several_names_is_read_once),
	cmocka_unit_test(a_link_to_a_file_elsewhere_is_read_within_the_polling_interval),
	cmocka_unit_test(equal_heads_are_different_files),
	cmocka_unit_test(a_changed_device_number_is_the_same_file),
	cmocka_unit_test(a_reused_inode_with_an_equal_head_is_another_file),
	cmocka_unit_test(a_reused_inode_whose_file_begins_with_all_that_was_read_is_known_by_its_birth),
	cmocka_unit_test(an_unknown_birth_does_not_matter),
	cmocka_unit_test(a_position_of_another_version_is_said_and_the_file_read_anew),
	cmocka_unit_test(an_excluded_file_is_not_read_under_any_of_its_names),
	cmocka_unit_test(what_is_no_regular_file_is_refused_once),
	cmocka_unit_test(an_unreadable_file_is_said_and_tried_again_while_others_go_on),
	cmocka_unit_test(a_read_error_of_one_file_is_said_and_others_go_on),
	cmocka_unit_test(five_hundred_files_are_read_through_sixteen_descriptors),
	cmocka_unit_test(the_news_of_small_files_do_not_wait_for_the_backlog_of_huge_ones),
	cmocka_unit_test(of_very_many_files_the_quiet_are_looked_at_less_often),
	cmocka_unit_test(a_directory_created_later_is_found),
	cmocka_unit_test(a_directory_replaced_by_another_is_followed),
	cmocka_unit_test(a_position_fits_though_the_path_does_not),
	cmocka_unit_test(an_idle_input_sleeps),
	cmocka_unit_test(an_idle_file_is_closed_and_read_on_when_it_grows),
	cmocka_unit_test(a_lost_event_queue_is_made_up_for_by_a_look_at_everything),
	cmocka_unit_test(check_refuses_what_cannot_work),
};

RIG_MAIN(tests)
