/* Rotation in all its ways: rename, copytruncate, delete and create, quicker than one looks, while nobody runs. */
#include "file_rig.h"

static void a_file_that_comes_back_under_its_name_goes_on(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	rig_rename(rig, "a.log", "away");
	rig_look(rig);
	rig_append(rig, "away", "two\n");
	rig_rename(rig, "away", "a.log");
	rig_look(rig);
	rig_append(rig, "a.log", "three\n");
	rig_look(rig);
	rig_expect(rig, "a.log@0:one\na.log@4:two\na.log@8:three\n");
	rig_free(rig);
}

static void a_finished_file_that_comes_back_much_later_goes_on(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	rig_rename(rig, "a.log", "away");
	rig_look(rig);
	rig_advance(rig, 60 * SECOND); /* it is closed by now */
	rig_restart(rig);
	rig_run(rig);
	rig_append(rig, "away", "two\n");
	rig_advance(rig, 60 * SECOND);
	rig_rename(rig, "away", "a.log");
	rig_look(rig);
	rig_expect(rig, "a.log@0:one\na.log@4:two\n");
	rig_free(rig);
}

static void a_rotated_file_that_its_writer_still_appends_to_is_read_on(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	rig_rename(rig, "a.log", "a.log.1");
	rig_append(rig, "a.log", "new\n");
	rig_look(rig);
	rig_advance(rig, 60 * SECOND); /* it is closed by now */
	rig_append(rig, "a.log.1", "late\n");
	rig_advance(rig, 20 * SECOND);
	rig_expect(rig, "a.log@0:new\na.log@0:one\na.log@4:late\n");
	rig_advance(rig, 60 * SECOND);
	rig_append(rig, "a.log.1", "later\n");
	rig_advance(rig, 20 * SECOND);
	rig_restart(rig);
	rig_run(rig);
	rig_expect(rig, "a.log@9:later\n");
	rig_free(rig);
}

static void a_rotated_file_is_not_read_again_when_the_glob_is_widened(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	rig_rename(rig, "a.log", "a.log.1");
	rig_append(rig, "a.log", "two\n");
	rig_look(rig);
	rig_advance(rig, 60 * SECOND);
	fake_commit(&rig->host);
	fake_crash(&rig->host);
	rig_add_glob(rig, "a.log.*");
	rig_open(rig);
	rig_run(rig);
	rig_expect(rig, "a.log@0:one\na.log@0:two\n");
	rig_free(rig);
}

static void a_file_no_glob_names_any_more_is_left_alone(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_add_glob(rig, "b.log");
	rig_append(rig, "a.log", "one\n");
	rig_append(rig, "b.log", "two\n");
	rig_open(rig);
	rig_run(rig);
	fake_commit(&rig->host);
	fake_crash(&rig->host);
	free(rig->globs[--rig->conf.path.count]);
	rig_append(rig, "b.log", "not asked for\n");
	rig_append(rig, "a.log", "three\n");
	rig_open(rig);
	rig_run(rig);
	rig_advance(rig, 60 * SECOND);
	rig_expect(rig, "a.log@0:one\na.log@4:three\nb.log@0:two\n");
	rig_free(rig);
}

static void a_stranger_on_a_reused_inode_is_left_alone(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	fake_commit(&rig->host);
	fake_crash(&rig->host);
	rig_rename(rig, "a.log", "stranger");
	rig_truncate(rig, "stranger", 0);
	rig_append(rig, "stranger", "private and longer\n");
	rig_open(rig);
	rig_run(rig);
	rig_advance(rig, 60 * SECOND);
	rig_expect(rig, "a.log@0:one\n");
	rig_free(rig);
}

static void a_closed_file_renamed_with_bytes_unread_is_found_again(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	rig_advance(rig, 301 * SECOND); /* closed: inactive */
	rig_append(rig, "a.log", "two\n");
	rig_rename(rig, "a.log", "renamed");
	rig_append(rig, "a.log", "three\n");
	rig_look(rig);
	rig_expect(rig, "a.log@0:one\na.log@0:three\na.log@4:two\n");
	rig_free(rig);
}

static void files_deleted_and_created_anew_leave_no_positions_behind(void **unused)
{
	struct rig *rig = rig_new("a.log");
	char text[32], *expected = calloc(1, 10000);

	(void)unused;
	rig_open(rig);
	for (int i = 100; i < 150; i++) {
		snprintf(text, sizeof(text), "generation %d\n", i);
		rig_append(rig, "a.log", text);
		rig_look(rig);
		rig_remove(rig, "a.log");
		rig_look(rig);
		sprintf(expected + strlen(expected), "a.log@0:%s", text);
	}
	rig_advance(rig, 10 * SECOND);
	rig_advance(rig, 10 * SECOND);
	rig_expect(rig, expected);
	assert_int_equal(rig->host.positions.count, 1); /* "started" */
	free(expected);
	rig_free(rig);
}

static void positions_of_files_gone_for_a_week_are_forgotten(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	rig_rename(rig, "a.log", "away");
	rig_look(rig);
	rig_advance(rig, 60 * SECOND);
	fake_commit(&rig->host);
	assert_int_equal(rig->host.positions.count, 2);
	rig_advance(rig, 6 * 86400 * SECOND);
	fake_commit(&rig->host);
	assert_int_equal(rig->host.positions.count, 2);
	rig_advance(rig, 2 * 86400 * SECOND);
	fake_commit(&rig->host);
	assert_int_equal(rig->host.positions.count, 1);
	rig_free(rig);
}

static void an_idle_file_is_never_forgotten(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	for (int day = 0; day < 20; day++) {
		fake_commit(&rig->host);
		rig_advance(rig, 86401 * SECOND);
	}
	rig_restart(rig);
	rig_run(rig);
	rig_advance(rig, 7200 * SECOND);
	rig_restart(rig);
	rig_append(rig, "a.log", "two\n");
	rig_run(rig);
	rig_expect(rig, "a.log@0:one\na.log@4:two\n");
	rig_free(rig);
}

static void rotations_quicker_than_one_looks_lose_nothing_where_events_tell(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	for (int i = 0; i < 3; i++) {
		static const char *const text[] = {"two\n", "three\n", "four\n"};

		if (access(rig_path(rig, "a.log.2"), F_OK) == 0)
			rig_rename(rig, "a.log.2", "a.log.3");
		if (access(rig_path(rig, "a.log.1"), F_OK) == 0)
			rig_rename(rig, "a.log.1", "a.log.2");
		rig_rename(rig, "a.log", "a.log.1");
		rig_append(rig, "a.log", text[i]);
	}
	rig_look(rig);
	rig_advance(rig, 10 * SECOND);
	if (rig_watch == WATCH_INOTIFY)
		rig_expect(rig, "a.log@0:four\na.log@0:one\na.log@0:three\na.log@0:two\n");
	else /* polling cannot know of what came and went in between */
		rig_expect(rig, "a.log@0:four\na.log@0:one\n");
	rig_free(rig);
}

static void a_file_truncated_under_an_equal_head_is_noticed_by_its_last_bytes(void **unused)
{
	struct rig *rig = rig_new("a.log");
	char banner[2001], *expected = malloc(10000);

	(void)unused;
	memset(banner, '=', sizeof(banner) - 1);
	banner[2000] = '\0';
	rig_append(rig, "a.log", banner);
	rig_append(rig, "a.log", "\nold\n");
	rig_open(rig);
	rig_run(rig);
	rig_truncate(rig, "a.log", 0);
	rig_append(rig, "a.log", banner);
	rig_append(rig, "a.log", "\nnew and longer than it was\n");
	rig_look(rig);
	sprintf(expected, "a.log@0:%s\na.log@0:%s\na.log@2001:new and longer than it was\na.log@2001:old\n", banner, banner);
	rig_expect(rig, expected);
	free(expected);
	rig_free(rig);
}

static void a_file_replaced_before_its_first_byte_was_read_is_reported_lost(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "never read\n");
	rig->host.ready_left = 0;
	rig_open(rig);
	file_input.step(rig->host.state, rig->now_ns, &rig->ws);
	rig_truncate(rig, "a.log", 0);
	rig_append(rig, "a.log", "written after the truncation\n");
	rig->host.ready_left = -1;
	rig_look(rig);
	rig_expect(rig, "a.log@0:written after the truncation\n");
	assert_int_equal(rig->host.lost_bytes, 11);
	rig_free(rig);
}

static void an_idle_file_survives_a_mount_that_comes_late(void **unused)
{
	struct rig *rig = rig_new("logs/a.log");

	(void)unused;
	assert_int_equal(mkdir(rig_path(rig, "logs"), 0755), 0);
	rig_append(rig, "logs/a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	for (int day = 0; day < 20; day++) {
		fake_commit(&rig->host);
		rig_advance(rig, 86401 * SECOND);
	}
	fake_commit(&rig->host);
	fake_crash(&rig->host);
	rig_rename(rig, "logs", "unmounted");
	rig_open(rig);
	for (int hour = 0; hour < 24; hour++)
		rig_advance(rig, 3600 * SECOND);
	rig_rename(rig, "unmounted", "logs");
	rig_append(rig, "logs/a.log", "two\n");
	rig_look(rig);
	rig_expect(rig, "a.log@0:one\na.log@4:two\n");
	rig_free(rig);
}

/* ---- copytruncate -------------------------------------------------------------------------------------------------- */

static void copy_truncate(struct rig *rig, const char *from, const char *to)
{
	char bytes[65536];
	int in = open(rig_path(rig, from), O_RDONLY);
	ssize_t n = read(in, bytes, sizeof(bytes));

	assert_true(n >= 0);
	close(in);
	rig_append_bytes(rig, to, bytes, (size_t)n);
	rig_truncate(rig, from, 0);
}

static const char *const globs[] = {"a.log", "a.log*"};

/* Reads `before` lines, then the writer appends more, copies, truncates, writes `after` lines; with a look between all of them or not. */
static void one_copytruncate(const char *glob, int before, int unread, int after, unsigned looks, bool down)
{
	struct rig *rig = rig_new(glob);
	char line[64], expected[4096] = "";
	int number = 100;

	for (int i = 0; i < before + unread + after; i++)
		sprintf(expected + strlen(expected), "line %d\n", 100 + i);
	rig_open(rig);
	for (int i = 0; i < before; i++) {
		snprintf(line, sizeof(line), "line %d\n", number++);
		rig_append(rig, "a.log", line);
	}
	rig_look(rig);
	if (down) {
		fake_commit(&rig->host);
		fake_crash(&rig->host);
	}
	for (int i = 0; i < unread; i++) {
		snprintf(line, sizeof(line), "line %d\n", number++);
		rig_append(rig, "a.log", line);
	}
	if (looks & 1 && !down)
		rig_look(rig);
	copy_truncate(rig, "a.log", "a.log.1");
	if (looks & 2 && !down)
		rig_look(rig);
	for (int i = 0; i < after; i++) {
		snprintf(line, sizeof(line), "line %d\n", number++);
		rig_append(rig, "a.log", line);
	}
	if (down)
		rig_open(rig);
	rig_look(rig);
	if (looks & 4)
		rig_restart(rig);
	rig_advance(rig, 10 * SECOND);
	rig_advance(rig, 10 * SECOND);
	rig_expect_bodies(rig, expected);
	assert_int_equal(rig->host.lost_bytes, 0);
	rig_free(rig);
}

static void a_copytruncate_at_any_moment_neither_loses_nor_repeats(void **unused)
{
	(void)unused;
	for (int glob = 0; glob < 2; glob++)
		for (int before = 1; before < 6; before += 4)
			for (int unread = 0; unread < 3; unread += 2)
				for (int after = 0; after < 9; after += 4)
					for (unsigned looks = 0; looks < 8; looks++)
						one_copytruncate(globs[glob], before, unread, after, looks, false);
}

static void a_copytruncate_while_nobody_runs_neither_loses_nor_repeats(void **unused)
{
	(void)unused;
	for (int glob = 0; glob < 2; glob++)
		for (int before = 1; before < 6; before += 4)
			for (int unread = 0; unread < 3; unread += 2)
				for (int after = 0; after < 9; after += 4)
					one_copytruncate(globs[glob], before, unread, after, 4, true);
}

static void a_partial_line_goes_on_in_the_copy(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\npart");
	rig_open(rig);
	rig_run(rig);
	copy_truncate(rig, "a.log", "a-20261123.log");
	rig_append(rig, "a.log", "two\n");
	rig_look(rig);
	rig_advance(rig, 10 * SECOND);
	rig_expect(rig, "a.log@0:one\na.log@0:two\na.log@4:part\n");
	rig_free(rig);
}

static void an_older_copy_with_the_same_header_is_not_taken_for_the_copy(void **unused)
{
	struct rig *rig = rig_new("a.log");
	struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

	(void)unused;
	rig_append(rig, "a.log.3", "header\nlong ago\n");
	assert_int_equal(utimensat(AT_FDCWD, rig_path(rig, "a.log.3"), times, 0), 0);
	rig_append(rig, "a.log", "header\n");
	rig_open(rig);
	rig_run(rig);
	rig_truncate(rig, "a.log", 0);
	rig_append(rig, "a.log", "new\n");
	rig_look(rig);
	rig_advance(rig, 10 * SECOND);
	rig_expect(rig, "a.log@0:header\na.log@0:new\n");
	rig_free(rig);
}

/* What was written between copy and truncation: read from the file itself, or lost by the rotation; the copy is shorter than what was read. */
static void a_copy_that_was_overtaken_is_not_read_again(void **unused)
{
	(void)unused;
	for (int down = 0; down < 2; down++)
		for (int glob = 0; glob < 2; glob++) {
			struct rig *rig = rig_new(globs[glob]);
			char line[64], *expected = calloc(1, 10000), bytes[4000];
			int fd;

			for (int i = 100; i < 200; i++) {
				snprintf(line, sizeof(line), "line %d of a hundred\n", i);
				rig_append(rig, "a.log", line);
				strcat(expected, line);
			}
			rig_open(rig);
			rig_run(rig);
			fd = open(rig_path(rig, "a.log"), O_RDONLY);
			assert_int_equal(read(fd, bytes, 2100), 2100);
			close(fd);
			rig_append_bytes(rig, "a.log.1", bytes, 2100); /* the copy as it is when logrotate comes to its end */
			rig_append(rig, "a.log", "line 200 is in no copy\n");
			strcat(expected, "line 200 is in no copy\n");
			rig_look(rig);
			if (down) {
				fake_commit(&rig->host);
				fake_crash(&rig->host);
			}
			rig_truncate(rig, "a.log", 0);
			rig_append(rig, "a.log", "line 201\n");
			strcat(expected, "line 201\n");
			if (down)
				rig_open(rig);
			rig_look(rig);
			rig_advance(rig, 20 * SECOND);
			rig_restart(rig);
			rig_advance(rig, 20 * SECOND);
			rig_expect_bodies(rig, expected);
			free(expected);
			rig_free(rig);
		}
}

static void a_copy_that_nobody_truncates_for_is_a_file_of_its_own(void **unused)
{
	struct rig *rig = rig_new("a.log*");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	rig_append(rig, "a.log.bak", "one\n");
	rig_look(rig);
	rig_expect(rig, "a.log@0:one\n");
	rig_advance(rig, 10 * SECOND);
	rig_expect(rig, "a.log.bak@0:one\n");
	rig_free(rig);
}

static void bytes_truncated_away_without_a_copy_are_reported_lost(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\npartial");
	rig_open(rig);
	rig_run(rig);
	rig_truncate(rig, "a.log", 0);
	rig_append(rig, "a.log", "two\n");
	rig_look(rig);
	rig_expect(rig, "a.log@0:one\na.log@0:two\n");
	assert_int_equal(rig->host.lost_bytes, 7);
	rig_free(rig);
}

static void what_was_known_of_a_file_truncated_while_nobody_ran_is_a_loss(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\nof this no end was seen");
	rig_open(rig);
	rig_run(rig);
	fake_commit(&rig->host);
	fake_crash(&rig->host);
	rig_append(rig, "a.log", ", nor of what nobody knew of\n");
	rig_truncate(rig, "a.log", 0);
	rig_append(rig, "a.log", "two\n");
	rig_open(rig);
	rig_run(rig);
	rig_expect(rig, "a.log@0:one\na.log@0:two\n");
	assert_int_equal(rig->host.lost_bytes, strlen("of this no end was seen"));
	rig_free(rig);
}

static void a_file_rewritten_to_the_very_size_it_had_is_noticed(void **unused)
{
	struct rig *rig = rig_new("a.log");
	struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

	(void)unused;
	rig_append(rig, "a.log", "one\ntwo\n");
	rig_open(rig);
	rig_run(rig);
	rig_truncate(rig, "a.log", 0);
	rig_append(rig, "a.log", "ONE\nTWO\n");
	assert_int_equal(utimensat(AT_FDCWD, rig_path(rig, "a.log"), times, 0), 0); /* as if the clock had ticked */
	rig_look(rig);
	rig_expect(rig, "a.log@0:ONE\na.log@0:one\na.log@4:TWO\na.log@4:two\n");
	rig_free(rig);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_file_that_comes_back_under_its_name_goes_on),
	cmocka_unit_test(a_finished_file_that_comes_back_much_later_goes_on),
	cmocka_unit_test(a_rotated_file_that_its_writer_still_appends_to_is_read_on),
	cmocka_unit_test(a_rotated_file_is_not_read_again_when_the_glob_is_widened),
	cmocka_unit_test(a_file_no_glob_names_any_more_is_left_alone),
	cmocka_unit_test(a_stranger_on_a_reused_inode_is_left_alone),
	cmocka_unit_test(a_closed_file_renamed_with_bytes_unread_is_found_again),
	cmocka_unit_test(files_deleted_and_created_anew_leave_no_positions_behind),
	cmocka_unit_test(positions_of_files_gone_for_a_week_are_forgotten),
	cmocka_unit_test(an_idle_file_is_never_forgotten),
	cmocka_unit_test(rotations_quicker_than_one_looks_lose_nothing_where_events_tell),
	cmocka_unit_test(a_file_truncated_under_an_equal_head_is_noticed_by_its_last_bytes),
	cmocka_unit_test(a_file_replaced_before_its_first_byte_was_read_is_reported_lost),
	cmocka_unit_test(an_idle_file_survives_a_mount_that_comes_late),
	cmocka_unit_test(a_copytruncate_at_any_moment_neither_loses_nor_repeats),
	cmocka_unit_test(a_copytruncate_while_nobody_runs_neither_loses_nor_repeats),
	cmocka_unit_test(a_partial_line_goes_on_in_the_copy),
	cmocka_unit_test(an_older_copy_with_the_same_header_is_not_taken_for_the_copy),
	cmocka_unit_test(a_copy_that_was_overtaken_is_not_read_again),
	cmocka_unit_test(a_copy_that_nobody_truncates_for_is_a_file_of_its_own),
	cmocka_unit_test(bytes_truncated_away_without_a_copy_are_reported_lost),
	cmocka_unit_test(what_was_known_of_a_file_truncated_while_nobody_ran_is_a_loss),
	cmocka_unit_test(a_file_rewritten_to_the_very_size_it_had_is_noticed),
};

RIG_MAIN(tests)
