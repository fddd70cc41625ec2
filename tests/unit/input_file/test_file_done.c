/* when_done: a file goes only when every output has settled it, and never one that grew. */
#include "file_rig.h"

static struct rig *done_rig(int when_done)
{
	struct rig *rig = rig_new("in/*");

	rig->conf.when_done = when_done;
	rig->conf.move_to = strdup(rig_path(rig, "out"));
	assert_int_equal(mkdir(rig_path(rig, "in"), 0755), 0);
	assert_int_equal(mkdir(rig_path(rig, "out"), 0755), 0);
	return rig;
}

static void done_free(struct rig *rig)
{
	char *move_to = rig->conf.move_to;

	rig_free(rig);
	free(move_to);
}

static bool exists(struct rig *rig, const char *name)
{
	return access(rig_path(rig, name), F_OK) == 0;
}

/* It rests, comes to its end, and that becomes durable. */
static void rest(struct rig *rig)
{
	rig_advance(rig, 61 * SECOND);
	fake_commit(&rig->host);
	rig_look(rig);
	fake_commit(&rig->host);
}

static void a_file_goes_when_it_has_rested_and_is_settled_and_not_before(void **unused)
{
	(void)unused;
	for (int when_done = DONE_DELETE; when_done <= DONE_MOVE; when_done++) {
		struct rig *rig = done_rig(when_done);

		rig_append(rig, "in/a", "one\ntwo\nlast without end");
		rig_open(rig);
		rig_run(rig);
		fake_commit(&rig->host);
		fake_settle(&rig->host);
		rig_advance(rig, 30 * SECOND);
		assert_true(exists(rig, "in/a")); /* settled, and not at rest */
		rest(rig);
		file_input.settled(rig->host.state, 1); /* an earlier batch */
		rig_advance(rig, 600 * SECOND);
		assert_true(exists(rig, "in/a")); /* its last record is durable, and not settled */
		fake_settle(&rig->host);
		rig_look(rig);
		assert_false(exists(rig, "in/a"));
		assert_int_equal(exists(rig, "out/a"), when_done == DONE_MOVE);
		rig_advance(rig, 20 * SECOND);
		rig_advance(rig, 20 * SECOND);
		rig_expect(rig, "a@0:one\na@4:two\na@8:last without end\n");
		assert_int_equal(rig->host.positions.count, 1); /* "started": its position went with it */
		assert_int_equal(rig->host.lost_bytes, 0);
		done_free(rig);
	}
}

static void a_file_that_grows_at_any_moment_begins_again(void **unused)
{
	(void)unused;
	for (int moment = 0; moment < 4; moment++) {
		struct rig *rig = done_rig(DONE_DELETE);

		rig_append(rig, "in/a", "one\n");
		rig_open(rig);
		rig_run(rig);
		rig_advance(rig, 59 * SECOND);
		if (moment == 0)
			rig_append(rig, "in/a", "two\n");
		rig_advance(rig, 2 * SECOND);
		if (moment == 1)
			rig_append(rig, "in/a", "two\n");
		fake_commit(&rig->host);
		if (moment == 2)
			rig_append(rig, "in/a", "two\n");
		if (moment != 3)
			fake_settle(&rig->host); /* of what was read by then */
		else
			rig_append(rig, "in/a", "two\n");
		rig_look(rig);
		assert_true(exists(rig, "in/a"));
		fake_commit(&rig->host);
		fake_settle(&rig->host);
		rig_look(rig);
		assert_true(exists(rig, "in/a"));
		rest(rig);
		fake_settle(&rig->host);
		rig_look(rig);
		assert_false(exists(rig, "in/a"));
		rig_expect(rig, "a@0:one\na@4:two\n");
		done_free(rig);
	}
}

static void what_a_writer_appends_after_the_deletion_is_read(void **unused)
{
	struct rig *rig = done_rig(DONE_DELETE);
	int fd;

	(void)unused;
	rig_append(rig, "in/a", "one\n");
	fd = open(rig_path(rig, "in/a"), O_WRONLY | O_APPEND);
	rig_open(rig);
	rig_run(rig);
	rest(rig);
	fake_settle(&rig->host);
	assert_false(exists(rig, "in/a"));
	assert_int_equal(write(fd, "late\n", 5), 5);
	close(fd);
	rig_look(rig);
	rig_advance(rig, 20 * SECOND);
	rig_expect(rig, "a@0:one\na@4:late\n");
	done_free(rig);
}

static void a_death_at_any_moment_leaves_the_file_or_finishes_it(void **unused)
{
	(void)unused;
	for (int when_done = DONE_DELETE; when_done <= DONE_MOVE; when_done++)
		for (int moment = 0; moment < 4; moment++) {
			struct rig *rig = done_rig(when_done);

			rig_append(rig, "in/a", "one\n");
			rig_open(rig);
			rig_run(rig);
			if (moment == 0)
				rig_crash(rig); /* before anything is durable */
			rest(rig);
			if (moment == 1)
				rig_crash(rig); /* durable, and not settled */
			if (moment == 2) {
				fake_crash(&rig->host); /* and a move done by half */
				if (when_done == DONE_MOVE)
					assert_int_equal(link(rig_path(rig, "in/a"), rig_path(rig, "out/a")), 0);
				rig_open(rig);
			}
			if (moment == 3) {
				fake_settle(&rig->host);
				rig_crash(rig); /* it is gone, its position is not */
			}
			rest(rig);
			rest(rig);
			fake_settle(&rig->host);
			rig_look(rig);
			assert_false(exists(rig, "in/a"));
			assert_int_equal(exists(rig, "out/a"), when_done == DONE_MOVE);
			assert_false(exists(rig, "out/a.1"));
			rig_expect(rig, "a@0:one\n");
			done_free(rig);
		}
}

static void nothing_is_overwritten_where_files_are_moved(void **unused)
{
	struct rig *rig = done_rig(DONE_MOVE);
	size_t size;
	char *bytes;

	(void)unused;
	rig_append(rig, "out/a", "of yesterday\n");
	rig_append(rig, "out/a.1", "of today\n");
	rig_append(rig, "in/a", "one\n");
	rig_open(rig);
	rig_run(rig);
	rest(rig);
	fake_settle(&rig->host);
	rig_look(rig);
	bytes = rig_read_file(rig, "out/a", &size);
	assert_memory_equal(bytes, "of yesterday\n", size);
	free(bytes);
	bytes = rig_read_file(rig, "out/a.2", &size);
	assert_memory_equal(bytes, "one\n", size);
	free(bytes);
	done_free(rig);
}

static void what_cannot_go_is_said_and_tried_again(void **unused)
{
	struct rig *rig = done_rig(DONE_MOVE);

	(void)unused;
	assert_int_equal(rmdir(rig_path(rig, "out")), 0);
	rig_append(rig, "in/a", "one\n");
	rig_append(rig, "in/link", "two\n");
	rig_rename(rig, "in/link", "elsewhere");
	assert_int_equal(symlink("../elsewhere", rig_path(rig, "in/link")), 0);
	rig_open(rig);
	rig_run(rig);
	rest(rig);
	fake_settle(&rig->host);
	rig_look(rig);
	assert_non_null(strstr(rig->host.fault, "in/a: is done and cannot be moved to"));
	assert_int_equal(mkdir(rig_path(rig, "out"), 0755), 0);
	for (int i = 0; i < 3; i++) {
		rest(rig);
		fake_settle(&rig->host);
	}
	assert_string_equal(rig->host.fault, "");
	assert_true(exists(rig, "out/a"));
	assert_false(exists(rig, "in/a"));
	assert_true(exists(rig, "in/link") && exists(rig, "elsewhere"));
	assert_true(rig_logged(rig, "in/link: is done and stays: it is a symbolic link"));
	rig_append(rig, "elsewhere", "three\n");
	rig_advance(rig, 11 * SECOND);
	rig_expect_bodies(rig, "one\nthree\ntwo\n");
	done_free(rig);
}

static void compressed_files_go_when_they_are_whole(void **unused)
{
	struct rig *rig = done_rig(DONE_DELETE);
	uint8_t *packed;
	size_t size = rig_pack_bytes("b.gz", "b\n", 2, &packed);

	(void)unused;
	rig_append_packed(rig, "in/a.zst", "a\n", 2);
	rig_append_bytes(rig, "in/b.gz", packed, size - 4);
	rig_open(rig);
	rig_run(rig);
	for (int i = 0; i < 3; i++) {
		rest(rig);
		fake_settle(&rig->host);
	}
	assert_false(exists(rig, "in/a.zst"));
	assert_true(exists(rig, "in/b.gz"));
	rig_append_bytes(rig, "in/b.gz", packed + size - 4, 4);
	rig_look(rig);
	for (int i = 0; i < 3; i++) {
		rest(rig);
		fake_settle(&rig->host);
	}
	assert_false(exists(rig, "in/b.gz"));
	rig_expect(rig, "a.zst@0:a\nb.gz@0:b\n");
	free(packed);
	done_free(rig);
}

static void with_once_only_what_has_rested_by_itself_goes(void **unused)
{
	struct rig *rig = done_rig(DONE_DELETE);
	struct timespec old[2] = {{.tv_sec = 1790000000}, {.tv_sec = 1790000000}}, now[2] = {{.tv_sec = 1795000000}, {.tv_sec = 1795000000}};

	(void)unused;
	rig->host.once = true;
	rig_append(rig, "in/old", "one\n");
	rig_append(rig, "in/new", "two\n");
	assert_int_equal(utimensat(AT_FDCWD, rig_path(rig, "in/old"), old, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, rig_path(rig, "in/new"), now, 0), 0);
	rig_open(rig);
	rig_run(rig);
	fake_commit(&rig->host);
	assert_true(file_input.done(rig->host.state));
	assert_true(exists(rig, "in/old"));
	fake_settle(&rig->host);
	assert_false(exists(rig, "in/old"));
	assert_true(exists(rig, "in/new"));
	rig_expect(rig, "new@0:two\nold@0:one\n");
	done_free(rig);
}

static void many_files_go_within_the_limit_of_descriptors(void **unused)
{
	struct rig *rig = done_rig(DONE_DELETE);
	size_t before = rig_open_descriptors(), peak = 0;

	(void)unused;
	rig->conf.max_open_files = 16;
	for (int i = 0; i < 200; i++) {
		char name[32];

		snprintf(name, sizeof(name), "in/%03d", i);
		rig_append(rig, name, "x\n");
	}
	rig_open(rig);
	rig_run(rig);
	rest(rig);
	for (int i = 0; i < 100; i++) {
		fake_settle(&rig->host);
		peak = rig_open_descriptors() > peak ? rig_open_descriptors() : peak;
		rig_look(rig);
		fake_commit(&rig->host);
	}
	assert_in_range(peak - before, 1, 40);
	for (int i = 0; i < 200; i++) {
		char name[32];

		snprintf(name, sizeof(name), "in/%03d", i);
		assert_false(exists(rig, name));
	}
	done_free(rig);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_file_goes_when_it_has_rested_and_is_settled_and_not_before),
	cmocka_unit_test(a_file_that_grows_at_any_moment_begins_again),
	cmocka_unit_test(what_a_writer_appends_after_the_deletion_is_read),
	cmocka_unit_test(a_death_at_any_moment_leaves_the_file_or_finishes_it),
	cmocka_unit_test(nothing_is_overwritten_where_files_are_moved),
	cmocka_unit_test(what_cannot_go_is_said_and_tried_again),
	cmocka_unit_test(compressed_files_go_when_they_are_whole),
	cmocka_unit_test(with_once_only_what_has_rested_by_itself_goes),
	cmocka_unit_test(many_files_go_within_the_limit_of_descriptors),
};

RIG_MAIN(tests)
