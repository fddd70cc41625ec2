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
	rig_advance(rig, 6 * SECOND); /* new bytes: the wait begins anew */
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

static void a_line_is_one_record_in_whatever_pieces_it_comes(void **unused)
{
	static const char text[] = "first\nsecond line\r\n\nfourth\n";
	struct rig *rig = rig_new("a.log");

	(void)unused;
	rig_open(rig);
	rig_run(rig);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		rig_append_bytes(rig, "a.log", text + i, 1);
		rig_look(rig);
	}
	rig_expect(rig, "a.log@0:first\na.log@19:\na.log@20:fourth\na.log@6:second line\n");
	rig_free(rig);
}

static void a_record_larger_than_a_chunk_is_read_whole(void **unused)
{
	struct rig *rig = rig_new("a.log");
	size_t size = 700000;
	char *line = malloc(size + 2), *expected = malloc(size + 100);

	(void)unused;
	rig->conf.stream.max_record_size = 1 << 20;
	memset(line, 'x', size);
	strcpy(line + size, "\n");
	rig_append(rig, "a.log", line);
	rig_append(rig, "a.log", "next\n");
	rig_open(rig);
	rig_run(rig);
	line[size] = '\0';
	sprintf(expected, "a.log@0:%s\na.log@700001:next\n", line);
	rig_expect(rig, expected);
	free(line);
	free(expected);
	rig_free(rig);
}

static void an_oversize_line_is_split_or_truncated_and_counted(void **unused)
{
	char line[601], first[257], second[257], third[89], expected[1200];

	(void)unused;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(first, line, 256);
	first[256] = '\0';
	memcpy(second, first, sizeof(first));
	memcpy(third, line, 88);
	third[88] = '\0';
	for (int truncate_it = 0; truncate_it < 2; truncate_it++) {
		struct rig *rig = rig_new("a.log");
		struct lg_input_report report;

		rig->conf.stream.max_record_size = 256;
		rig->conf.stream.on_oversize = truncate_it;
		rig_append(rig, "a.log", line);
		rig_append(rig, "a.log", "\nnext\n");
		rig_open(rig);
		rig_run(rig);
		file_input.report(rig->host.state, &report);
		assert_int_equal(report.oversize, 1);
		assert_int_equal(report.lag_bytes, 0);
		if (truncate_it)
			sprintf(expected, "a.log@0:(truncated)%s\na.log@601:next\n", first);
		else
			sprintf(expected, "a.log@0:%s\na.log@256:%s\na.log@512:%s\na.log@601:next\n", first, second, third);
		rig_expect(rig, expected);
		rig_free(rig);
	}
}

/* RECFM V as transferred with its RDWs: length including the four bytes, big-endian, two zero bytes. */
static void append_rdw(uint8_t *out, size_t *size, const char *text)
{
	size_t length = strlen(text) + 4;

	out[*size] = (uint8_t)(length >> 8);
	out[*size + 1] = (uint8_t)length;
	out[*size + 2] = out[*size + 3] = 0;
	memcpy(out + *size + 4, text, length - 4);
	*size += length;
}

static void rdw_records_that_grow_by_halves_survive_restarts_between_them(void **unused)
{
	struct rig *rig = rig_new("a.vb");
	uint8_t data[256];
	size_t size = 0;

	(void)unused;
	rig->conf.stream.framing = LG_FRAMING_RDW;
	append_rdw(data, &size, "one");
	append_rdw(data, &size, "");
	append_rdw(data, &size, "three\nwith a newline");
	for (size_t i = 0; i < size; i++) {
		rig_append_bytes(rig, "a.vb", data + i, 1);
		if (rig->host.state)
			rig_restart(rig);
		else
			rig_open(rig);
		rig_run(rig);
	}
	rig_expect(rig, "a.vb@0:one\na.vb@11:three\nwith a newline\na.vb@7:\n");
	rig_free(rig);
}

static void a_broken_file_stops_alone_says_so_and_starts_anew_when_replaced(void **unused)
{
	struct rig *rig = rig_new("*.vb");
	uint8_t data[256];
	size_t size = 0;

	(void)unused;
	rig->conf.stream.framing = LG_FRAMING_RDW;
	append_rdw(data, &size, "one");
	rig_append_bytes(rig, "a.vb", data, size);
	rig_append_bytes(rig, "b.vb", data, size);
	rig_append_bytes(rig, "b.vb", "\0\2\0\0xx", 6); /* a length below 4 */
	rig_open(rig);
	rig_run(rig);
	rig_append_bytes(rig, "a.vb", data, size);
	rig_append_bytes(rig, "b.vb", data, size);
	rig_look(rig);
	rig_expect(rig, "a.vb@0:one\na.vb@7:one\nb.vb@0:one\n");
	assert_non_null(strstr(rig->host.fault, "b.vb: at offset 7:"));
	rig_restart(rig);
	rig_run(rig);
	rig_expect(rig, "");
	assert_non_null(strstr(rig->host.fault, "b.vb: at offset 7:"));
	size = 0;
	append_rdw(data, &size, "replaced, and longer than it was before");
	rig_truncate(rig, "b.vb", 0);
	rig_append_bytes(rig, "b.vb", data, size);
	rig_look(rig);
	rig_expect(rig, "b.vb@0:replaced, and longer than it was before\n");
	assert_string_equal(rig->host.fault, "");
	rig_free(rig);
}

static void once_marks_a_partial_rdw_record_as_truncated(void **unused)
{
	struct rig *rig = rig_new("a.vb");
	uint8_t data[64];
	size_t size = 0;

	(void)unused;
	rig->conf.stream.framing = LG_FRAMING_RDW;
	rig->host.once = true;
	append_rdw(data, &size, "one");
	append_rdw(data, &size, "two");
	rig_append_bytes(rig, "a.vb", data, size - 1);
	rig_open(rig);
	rig_run(rig);
	assert_true(file_input.done(rig->host.state));
	rig_expect(rig, "a.vb@0:one\na.vb@7:(truncated)tw\n");
	rig_free(rig);
}

static void start_at_end_passes_over_what_the_first_start_finds_and_nothing_else(void **unused)
{
	struct rig *rig = rig_new("*.log");

	(void)unused;
	rig->conf.start_at = START_END;
	rig_append(rig, "a.log", "old one\nold two\nhal");
	rig_open(rig);
	rig_run(rig);
	rig_append(rig, "a.log", "f\nnew\n");
	rig_append(rig, "b.log", "later\n");
	rig_look(rig);
	rig_append(rig, "c.log", "while away\n");
	rig_restart(rig);
	rig_run(rig);
	rig_expect(rig, "a.log@21:new\nb.log@0:later\nc.log@0:while away\n");
	rig_free(rig);
}

static void start_at_end_holds_through_a_crash_before_anything_was_read(void **unused)
{
	struct rig *rig = rig_new("*.log");

	(void)unused;
	rig->conf.start_at = START_END;
	rig_append(rig, "a.log", "old one\nold two\n");
	rig->host.ready_left = 0;
	rig_open(rig);
	file_input.step(rig->host.state, rig->now_ns, &rig->ws);
	fake_commit(&rig->host);
	rig->host.ready_left = -1;
	rig_append(rig, "a.log", "new\n");
	rig_append(rig, "b.log", "later\n");
	rig_crash(rig);
	rig_run(rig);
	rig_expect(rig, "a.log@16:new\nb.log@0:later\n");
	rig_free(rig);
}

static void a_full_core_stops_the_reading_and_loses_nothing(void **unused)
{
	struct rig *rig = rig_new("*.log");

	(void)unused;
	rig_append(rig, "a.log", "one\n");
	rig_append(rig, "b.log", "two\n");
	rig->host.ready_left = 0;
	rig_open(rig);
	for (int i = 0; i < 10; i++)
		file_input.step(rig->host.state, rig->now_ns, &rig->ws);
	assert_true(rig->ws.wake_ns > rig->now_ns); /* it does not spin */
	assert_int_equal(rig->host.pending.count, 0);
	assert_false(file_input.done(rig->host.state));
	rig_rename(rig, "a.log", "a.gone"); /* rotated and deleted before its turn */
	rig_remove(rig, "b.log");
	rig->host.ready_left = 1;
	rig_advance(rig, SECOND);
	rig->host.ready_left = -1;
	rig_advance(rig, SECOND);
	rig_expect(rig, "a.log@0:one\nb.log@0:two\n");
	rig_free(rig);
}

static void the_lag_is_what_was_not_read_yet(void **unused)
{
	struct rig *rig = rig_new("a.log");
	struct lg_input_report report;

	(void)unused;
	rig_append(rig, "a.log", "one\ntwo");
	rig_open(rig);
	rig_run(rig);
	file_input.report(rig->host.state, &report);
	assert_int_equal(report.lag_bytes, 3);
	assert_int_equal(report.sources, 1);
	rig_free(rig);
}

static const struct CMUnitTest tests[] = {
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
	cmocka_unit_test(a_line_is_one_record_in_whatever_pieces_it_comes),
	cmocka_unit_test(a_record_larger_than_a_chunk_is_read_whole),
	cmocka_unit_test(an_oversize_line_is_split_or_truncated_and_counted),
	cmocka_unit_test(rdw_records_that_grow_by_halves_survive_restarts_between_them),
	cmocka_unit_test(a_broken_file_stops_alone_says_so_and_starts_anew_when_replaced),
	cmocka_unit_test(once_marks_a_partial_rdw_record_as_truncated),
	cmocka_unit_test(start_at_end_passes_over_what_the_first_start_finds_and_nothing_else),
	cmocka_unit_test(start_at_end_holds_through_a_crash_before_anything_was_read),
	cmocka_unit_test(a_full_core_stops_the_reading_and_loses_nothing),
	cmocka_unit_test(the_lag_is_what_was_not_read_yet),
};

RIG_MAIN(tests)
