/* Compressed files: read like others, and never again when they hold what was read before they were compressed. */
#include "file_rig.h"

static const char *const ways[] = {"a.log.1.gz", "a.log.1.zst"};

/* `count` numbered lines; the caller frees. Without `expected` they are what a file holds, with it what rig_expect_bodies wants. */
static char *lines(unsigned first, unsigned count)
{
	char *text = malloc((size_t)count * 100 + 1), *at = text;

	for (unsigned i = first; i < first + count; i++)
		at += sprintf(at, "line %07u of a file that is not short at all, so that some more bytes come together\n", i);
	*at = '\0';
	return text;
}

static void append_lines(struct rig *rig, const char *name, unsigned first, unsigned count)
{
	char *text = lines(first, count);

	rig_append(rig, name, text);
	free(text);
}

/* All that became durable is exactly these lines, each once. */
static void expect_lines(struct rig *rig, unsigned first, unsigned count)
{
	char *text = lines(first, count);

	rig_expect_bodies(rig, text);
	free(text);
}

static void settle(struct rig *rig)
{
	rig_look(rig);
	for (int i = 0; i < 4; i++)
		rig_advance(rig, 11 * SECOND);
}

static void a_compressed_file_is_read_from_its_start(void **unused)
{
	struct rig *rig = rig_new("*");

	(void)unused;
	rig_append_packed(rig, "a.gz", "one\ntwo\n", 8);
	rig_append_packed(rig, "b.zst", "three\n", 6);
	rig_append_packed(rig, "b.zst", "four\n", 5); /* two members */
	rig_append_packed(rig, "c.gz", "fi", 2);
	rig_append_packed(rig, "c.gz", "ve\nsix", 6);
	rig_append_bytes(rig, "c.gz", "\0\0\0\0\0", 5); /* padding */
	rig_append_packed(rig, "d.gz", "", 0);
	rig_open(rig);
	settle(rig);
	rig_expect(rig, "a.gz@0:one\na.gz@4:two\nb.zst@0:three\nb.zst@6:four\nc.gz@0:five\n");
	assert_string_equal(rig->host.fault, "");
	rig->host.once = true;
	rig_restart(rig);
	rig_run(rig);
	assert_true(file_input.done(rig->host.state));
	rig_expect(rig, "c.gz@5:six\n");
	rig_free(rig);
}

static void a_file_that_was_read_and_is_compressed_later_is_not_read_again(void **unused)
{
	(void)unused;
	for (int way = 0; way < 2; way++)
		for (int when = 0; when < 6; when++) {
			struct rig *rig = rig_new(when % 2 ? "a.log*" : "a.log");

			append_lines(rig, "a.log", 0, 500);
			rig_open(rig);
			rig_run(rig);
			rig_rename(rig, "a.log", "a.log.1");
			rig_look(rig);
			append_lines(rig, "a.log", 500, 10);
			if (when >= 2)
				settle(rig); /* it is finished by now */
			if (when >= 4) {
				fake_commit(&rig->host);
				fake_crash(&rig->host);
			}
			rig_pack(rig, "a.log.1", ways[way], NULL, NULL);
			if (when >= 4)
				rig_open(rig);
			settle(rig);
			rig_restart(rig);
			settle(rig);
			expect_lines(rig, 0, 510);
			rig_rename(rig, ways[way], way ? "a.log.2.zst" : "a.log.2.gz");
			settle(rig);
			expect_lines(rig, 0, 0);
			rig_free(rig);
		}
}

static void a_small_file_compressed_later_is_known_by_its_name(void **unused)
{
	struct rig *rig = rig_new("a*");

	(void)unused;
	rig_append(rig, "a.log", "header\none\n");
	rig_open(rig);
	rig_run(rig);
	rig_rename(rig, "a.log", "a-20261123.log");
	rig_look(rig);
	rig_append(rig, "a.log", "header\ntwo\n");
	rig_look(rig);
	rig_pack(rig, "a-20261123.log", "a-20261123.log.gz", NULL, NULL);
	rig_append_packed(rig, "another.log.gz", "header\none\nmore\n", 16);
	settle(rig);
	rig_expect_bodies(rig, "header\nheader\nheader\nmore\none\none\ntwo\n");
	rig_free(rig);
}

static void what_was_not_read_before_is_read_in_the_compressed_file(void **unused)
{
	(void)unused;
	for (int way = 0; way < 2; way++)
		for (int glob = 0; glob < 2; glob++) {
			struct rig *rig = rig_new(glob ? "a.log*" : "a.log");

			append_lines(rig, "a.log", 0, 2000);
			rig->host.ready_left = 1;
			rig_open(rig);
			file_input.step(rig->host.state, rig->now_ns, &rig->ws);
			rig->host.ready_left = -1;
			fake_commit(&rig->host);
			assert_in_range(rig->host.durable.count, 100, 1900);
			fake_crash(&rig->host);
			append_lines(rig, "a.log", 2000, 1000);
			rig_rename(rig, "a.log", "a.log.1");
			append_lines(rig, "a.log", 3000, 10);
			rig_pack(rig, "a.log.1", ways[way], NULL, NULL);
			rig_open(rig);
			settle(rig);
			rig_restart(rig);
			settle(rig);
			expect_lines(rig, 0, 3010);
			assert_int_equal(rig->host.lost_bytes, 0);
			rig_free(rig);
		}
}

static void read_on(void *arg)
{
	rig_look(arg);
}

static void compression_under_the_reader_changes_nothing(void **unused)
{
	(void)unused;
	for (int way = 0; way < 2; way++)
		for (int looks = 0; looks < 4; looks++) {
			struct rig *rig = rig_new(looks & 2 ? "a.log*" : "a.log");

			append_lines(rig, "a.log", 0, 2000);
			rig_open(rig);
			rig->host.ready_left = 1;
			file_input.step(rig->host.state, rig->now_ns, &rig->ws);
			rig_rename(rig, "a.log", "a.log.1");
			append_lines(rig, "a.log", 2000, 10);
			if (!(looks & 1))
				rig->host.ready_left = -1;
			file_input.step(rig->host.state, rig->now_ns, &rig->ws);
			rig_pack(rig, "a.log.1", ways[way], looks & 1 ? NULL : read_on, rig);
			rig->host.ready_left = -1;
			settle(rig);
			rig_restart(rig);
			settle(rig);
			expect_lines(rig, 0, 2010);
			assert_int_equal(rig->host.lost_bytes, 0);
			rig_free(rig);
		}
}

static void a_copytruncate_whose_copy_is_compressed_at_once_neither_loses_nor_repeats(void **unused)
{
	(void)unused;
	for (int way = 0; way < 2; way++)
		for (int mode = 0; mode < 8; mode++) {
			struct rig *rig = rig_new(mode & 1 ? "a.log*" : "a.log");
			bool down = mode & 2;
			size_t size;
			char *bytes;

			append_lines(rig, "a.log", 0, 1000);
			rig_open(rig);
			rig_run(rig);
			if (down) {
				fake_commit(&rig->host);
				fake_crash(&rig->host);
			}
			append_lines(rig, "a.log", 1000, 50);
			bytes = rig_read_file(rig, "a.log", &size);
			rig_append_bytes(rig, "a.log.1", bytes, size);
			free(bytes);
			rig_truncate(rig, "a.log", 0);
			if (mode & 4)
				append_lines(rig, "a.log", 1050, 5);
			rig_pack(rig, "a.log.1", ways[way], NULL, NULL);
			if (!(mode & 4))
				append_lines(rig, "a.log", 1050, 5);
			if (down)
				rig_open(rig);
			settle(rig);
			rig_restart(rig);
			settle(rig);
			expect_lines(rig, 0, 1055);
			assert_int_equal(rig->host.lost_bytes, 0);
			rig_free(rig);
		}
}

static void a_restart_goes_on_inside_a_compressed_file(void **unused)
{
	(void)unused;
	for (int way = 0; way < 2; way++) {
		struct rig *rig = rig_new("a.log*");
		char *text = lines(0, 300000); /* more than is passed over in one turn */
		unsigned restarts = 0;

		rig_append_packed(rig, ways[way], text, strlen(text));
		free(text);
		rig_open(rig);
		for (size_t before = 0;;) {
			rig->host.ready_left = 100;
			for (int i = 0; i < 8; i++)
				file_input.step(rig->host.state, rig->now_ns, &rig->ws);
			fake_commit(&rig->host);
			if (rig->host.durable.count == before)
				break;
			before = rig->host.durable.count;
			rig_crash(rig);
			restarts++;
		}
		assert_in_range(restarts, 3, 100);
		assert_int_equal(rig->host.durable.count, 300000);
		expect_lines(rig, 0, 300000);
		rig_free(rig);
	}
}

static void a_compressed_file_is_read_as_it_grows_and_said_when_it_never_ends(void **unused)
{
	(void)unused;
	for (int way = 0; way < 2; way++) {
		struct rig *rig = rig_new("a.log*");
		char *text = lines(0, 20000);
		uint8_t *packed;
		size_t size = rig_pack_bytes(ways[way], text, strlen(text), &packed), at = 0;

		free(text);
		rig_open(rig);
		for (; at < size * 3 / 4; at += 999) {
			rig_append_bytes(rig, ways[way], packed + at, 999);
			rig_look(rig);
		}
		assert_string_equal(rig->host.fault, "");
		fake_commit(&rig->host);
		assert_true(rig->host.durable.count > 10000);
		settle(rig);
		assert_non_null(strstr(rig->host.fault, "ends in the middle of its compressed data"));
		rig_restart(rig);
		rig_append_bytes(rig, ways[way], packed + at, size - at);
		settle(rig);
		assert_string_equal(rig->host.fault, "");
		expect_lines(rig, 0, 20000);
		free(packed);
		rig_free(rig);
	}
}

static void a_damaged_compressed_file_is_read_up_to_its_damage(void **unused)
{
	struct rig *rig = rig_new("*");
	char *text = lines(0, 5000);
	uint8_t *packed;
	size_t size = rig_pack_bytes("a.gz", text, strlen(text), &packed);

	(void)unused;
	memset(packed + size / 2, 0xff, 64);
	rig_append_bytes(rig, "a.gz", packed, size);
	rig_append(rig, "c.gz", "no gzip at all\n");
	rig_open(rig);
	settle(rig);
	fake_commit(&rig->host);
	for (unsigned i = 0; i < 1000; i++) { /* behind the damage gzip may give anything up to where it notices */
		char number[32];

		snprintf(number, sizeof(number), ":line %07u ", i);
		assert_non_null(strstr(rig->host.durable.items[i].text, number));
	}
	assert_non_null(strstr(rig->host.fault, ".gz: at offset"));
	assert_non_null(strstr(rig->host.fault, "damaged at byte"));
	assert_non_null(strstr(rig->host.fault, "1 more files"));
	rig_remove(rig, "c.gz");
	rig_truncate(rig, "a.gz", 0); /* repaired: a new file, its records come again */
	free(packed);
	fake_clear(&rig->host.durable);
	size = rig_pack_bytes("a.gz", text, strlen(text), &packed);
	rig_append_bytes(rig, "a.gz", packed, size);
	settle(rig);
	assert_string_equal(rig->host.fault, "");
	expect_lines(rig, 0, 5000);
	free(packed);
	free(text);
	rig_free(rig);
}

static void generations_with_equal_heads_are_files_of_their_own(void **unused)
{
	struct rig *rig = rig_new("a.log*");
	char banner[3001];

	(void)unused;
	memset(banner, '=', sizeof(banner) - 1);
	banner[2999] = '\n';
	banner[3000] = '\0';
	for (int i = 1; i <= 3; i++) {
		char line[32], name[32], packed[32];

		snprintf(name, sizeof(name), "a.log.%d", i);
		snprintf(packed, sizeof(packed), "a.log.%d.gz", i);
		snprintf(line, sizeof(line), "number %d\n", i);
		rig_append(rig, name, banner);
		rig_append(rig, name, line);
		rig_pack(rig, name, packed, NULL, NULL);
	}
	rig_append(rig, "a.log", banner);
	rig_append(rig, "a.log", "number 4\n");
	rig_open(rig);
	settle(rig);
	rig_restart(rig);
	settle(rig);
	banner[2999] = '\0';
	{
		char *expected = malloc(20000);

		sprintf(expected, "%s\n%s\n%s\n%s\nnumber 1\nnumber 2\nnumber 3\nnumber 4\n", banner, banner, banner, banner);
		rig_expect_bodies(rig, expected);
		free(expected);
	}
	rig_free(rig);
}

static void start_at_end_passes_over_compressed_files_for_good(void **unused)
{
	struct rig *rig = rig_new("a.log*");

	(void)unused;
	rig->conf.start_at = START_END;
	rig_append_packed(rig, "a.log.1.gz", "old\n", 4);
	rig_append(rig, "a.log", "old too\n");
	rig_open(rig);
	settle(rig);
	rig_append(rig, "a.log", "new\n");
	rig_append_packed(rig, "a.log.0.gz", "new as well\n", 12);
	rig_restart(rig);
	settle(rig);
	rig_expect_bodies(rig, "new\nnew as well\n");
	rig_free(rig);
}

static void many_compressed_files_are_expanded_a_few_at_a_time(void **unused)
{
	struct rig *rig = rig_new("*.gz");
	const struct reader *reader;
	size_t peak = 0;

	(void)unused;
	for (unsigned i = 0; i < 100; i++) {
		char name[16], *text = lines(i * 100, 100);

		snprintf(name, sizeof(name), "%03u.gz", i);
		rig_append_packed(rig, name, text, strlen(text));
		free(text);
	}
	rig_open(rig);
	reader = (const struct reader *)rig->host.state;
	for (int i = 0; i < 1000; i++) {
		file_input.step(rig->host.state, rig->now_ns, &rig->ws);
		peak = reader->unpack_count > peak ? reader->unpack_count : peak;
	}
	assert_in_range(peak, 1, 4);
	settle(rig);
	rig_restart(rig);
	settle(rig);
	expect_lines(rig, 0, 10000);
	rig_free(rig);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_compressed_file_is_read_from_its_start),
	cmocka_unit_test(a_file_that_was_read_and_is_compressed_later_is_not_read_again),
	cmocka_unit_test(a_small_file_compressed_later_is_known_by_its_name),
	cmocka_unit_test(what_was_not_read_before_is_read_in_the_compressed_file),
	cmocka_unit_test(compression_under_the_reader_changes_nothing),
	cmocka_unit_test(a_copytruncate_whose_copy_is_compressed_at_once_neither_loses_nor_repeats),
	cmocka_unit_test(a_restart_goes_on_inside_a_compressed_file),
	cmocka_unit_test(a_compressed_file_is_read_as_it_grows_and_said_when_it_never_ends),
	cmocka_unit_test(a_damaged_compressed_file_is_read_up_to_its_damage),
	cmocka_unit_test(generations_with_equal_heads_are_files_of_their_own),
	cmocka_unit_test(start_at_end_passes_over_compressed_files_for_good),
	cmocka_unit_test(many_compressed_files_are_expanded_a_few_at_a_time),
};

RIG_MAIN(tests)
