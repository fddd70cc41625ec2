/* One file: growth, partial lines, restart, truncation, rotation, deletion. */
#include "file_rig.h"

static void reads_what_is_there_and_what_is_appended(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\ntwo\n");
	rig_open(rig);
	rig_run(rig);
	rig_expect(rig, "a.log@0:one\na.log@4:two\n");
	rig_append(rig, "a.log", "three\n");
	rig_look(rig);
	rig_expect(rig, "a.log@8:three\n");
	rig_free(rig);
}

static void a_partial_last_line_waits_for_its_rest(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "");
	rig_open(rig);
	rig_run(rig);
	rig_append(rig, "a.log", "o");
	rig_look(rig);
	rig_append(rig, "a.log", "ne\ntw");
	rig_look(rig);
	rig_expect(rig, "a.log@0:one\n");
	rig_advance(rig, 600 * SECOND);
	rig_append(rig, "a.log", "o\r\n");
	rig_look(rig);
	rig_expect(rig, "a.log@4:two\n");
	rig_free(rig);
}

static void goes_on_after_a_restart_where_it_was(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\ntwo\n");
	rig_open(rig);
	rig_run(rig);
	rig_restart(rig);
	rig_append(rig, "a.log", "three\n");
	rig_run(rig);
	rig_expect(rig, "a.log@0:one\na.log@4:two\na.log@8:three\n");
	rig_free(rig);
}

static void what_was_not_durable_is_read_again(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	fake_commit(&rig->host);
	rig_append(rig, "a.log", "two\n");
	rig_look(rig);
	rig_crash(rig);
	rig_run(rig);
	rig_expect(rig, "a.log@0:one\na.log@4:two\n");
	rig_free(rig);
}

static void a_file_renamed_away_is_read_to_its_end_and_its_successor_from_its_start(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	rig_append(rig, "a.log", "two\nthr");
	rig_rename(rig, "a.log", "a.log.1");
	rig_append(rig, "a.log", "four\n");
	rig_look(rig);
	rig_append(rig, "a.log.1", "ee");
	rig_advance(rig, 4 * SECOND);
	rig_expect(rig, "a.log@0:four\na.log@0:one\na.log@4:two\n");
	rig_advance(rig, 6 * SECOND);
	rig_expect(rig, "a.log@8:three\n");
	assert_int_equal(rig->host.lost_bytes, 0);
	rig_free(rig);
}

static void a_rotated_file_that_the_glob_matches_too_is_not_read_twice(void **unused)
{
	struct rig *rig = rig_new("a.log*");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	rig_rename(rig, "a.log", "a.log.1");
	rig_append(rig, "a.log", "two\n");
	rig_look(rig);
	rig_restart(rig);
	rig_append(rig, "a.log.1", "late\n");
	rig_run(rig);
	rig_expect(rig, "a.log.1@4:late\na.log@0:one\na.log@0:two\n");
	rig_free(rig);
}

static void a_file_rotated_while_nobody_ran_is_read_to_its_end(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	fake_commit(&rig->host);
	fake_crash(&rig->host);
	rig_append(rig, "a.log", "two\n");
	rig_rename(rig, "a.log", "a.log.1");
	rig_append(rig, "a.log", "three\n");
	rig_open(rig);
	rig_run(rig);
	rig_expect(rig, "a.log@0:one\na.log@0:three\na.log@4:two\n");
	rig_free(rig);
}

static void a_deleted_file_is_read_to_its_end_and_forgotten(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_open(rig);
	rig_run(rig);
	rig_append(rig, "a.log", "two\nthree");
	rig_remove(rig, "a.log");
	rig_look(rig);
	rig_advance(rig, 5 * SECOND);
	rig_expect(rig, "a.log@0:one\na.log@4:two\na.log@8:three\n");
	assert_int_equal(rig->host.positions.count, 1); /* "started" alone */
	rig_free(rig);
}

static void a_truncated_file_is_read_from_its_start_whatever_its_size_is_by_then(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\ntwo\n");
	rig_open(rig);
	rig_run(rig);
	rig_truncate(rig, "a.log", 0);
	rig_append(rig, "a.log", "x\n");
	rig_look(rig);
	rig_expect(rig, "a.log@0:one\na.log@0:x\na.log@4:two\n");
	rig_truncate(rig, "a.log", 0);
	rig_append(rig, "a.log", "longer than before\nby far\n");
	rig_look(rig);
	rig_expect(rig, "a.log@0:longer than before\na.log@19:by far\n");
	rig_free(rig);
}

static void a_file_replaced_while_nobody_ran_is_read_from_its_start(void **unused)
{
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_append(rig, "a.log", "one\ntwo\n");
	rig_open(rig);
	rig_run(rig);
	fake_commit(&rig->host);
	fake_crash(&rig->host);
	rig_truncate(rig, "a.log", 0);
	rig_append(rig, "a.log", "one\nTWO\nthree\n");
	rig_open(rig);
	rig_run(rig);
	rig_expect(rig, "a.log@0:one\na.log@0:one\na.log@4:TWO\na.log@4:two\na.log@8:three\n");
	rig_free(rig);
}

static void once_ends_with_partial_lines_emitted(void **unused)
{
	struct rig *rig = rig_new("*.log");

	(void)unused;
	rig->host.once = true;
	rig_append(rig, "a.log", "one\ntwo");
	rig_append(rig, "b.log", "");
	rig_open(rig);
	assert_false(file_input.done(rig->host.state));
	rig_run(rig);
	assert_true(file_input.done(rig->host.state));
	rig_expect(rig, "a.log@0:one\na.log@4:two\n");
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_there_and_what_is_appended),
		cmocka_unit_test(a_partial_last_line_waits_for_its_rest),
		cmocka_unit_test(goes_on_after_a_restart_where_it_was),
		cmocka_unit_test(what_was_not_durable_is_read_again),
		cmocka_unit_test(a_file_renamed_away_is_read_to_its_end_and_its_successor_from_its_start),
		cmocka_unit_test(a_rotated_file_that_the_glob_matches_too_is_not_read_twice),
		cmocka_unit_test(a_file_rotated_while_nobody_ran_is_read_to_its_end),
		cmocka_unit_test(a_deleted_file_is_read_to_its_end_and_forgotten),
		cmocka_unit_test(a_truncated_file_is_read_from_its_start_whatever_its_size_is_by_then),
		cmocka_unit_test(a_file_replaced_while_nobody_ran_is_read_from_its_start),
		cmocka_unit_test(once_ends_with_partial_lines_emitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
