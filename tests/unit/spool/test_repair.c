/* Repair: after it every checksum is right, no record that could be read before is gone, the damaged file is kept, and a second repair finds nothing. */
#include "spool_mem.h"

#include "key_files.h"
#include "spool/repair.h"
#include "spool/segment.h"

#define FRAMES 3
#define PER_FRAME 4
#define BACKUP "/d/repair-now"

static void ignore(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static void ignore_step(void *arg, const char *line, bool can)
{
	(void)arg;
	(void)line;
	(void)can;
}

static struct repair repair_on(struct memfs *fs, bool apply)
{
	struct repair r = {.data_dir = "/d", .io = &fs->io, .backup = BACKUP, .say = ignore_step};
	struct lg_err err;

	if (spool_repair(&r, apply, &err) != LG_OK)
		fail_msg("repair: %s", err.text);
	return r;
}

static struct spool_verify_result verify_on(struct memfs *fs)
{
	struct spool_verify_result v;
	struct lg_err err;

	if (spool_verify("/d", NULL, &fs->io, &v, ignore, NULL, &err) != LG_OK)
		fail_msg("verify: %s", err.text);
	return v;
}

/* Bit n: record n is read. */
static uint64_t readable(struct memfs *fs)
{
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct spool *spool;
	struct lg_err err;
	uint64_t seen = 0, first, last;
	char input[64];
	enum lg_rc rc;

	assert_int_equal(spool_peek_open(&spool, "/d", &fs->io, &err), LG_OK);
	assert_int_equal(spool_reader_open(spool, 1, &reader, &err), LG_OK);
	while ((rc = spool_reader_next(reader, &batch, &first, &last, &err)) == LG_OK || rc == LG_CORRUPT) {
		if (rc == LG_CORRUPT)
			continue;
		for (lg_batch_begin(&it, batch, 0); lg_batch_next(&it, &rec);) {
			assert_int_equal(kit_number(rec.body, input), rec.seq);
			seen |= UINT64_C(1) << rec.seq;
		}
		lg_batch_release(batch);
	}
	assert_int_equal(rc, LG_AGAIN);
	spool_reader_close(reader);
	spool_close(spool);
	return seen;
}

static void fill_spool(struct mem_fixture *f)
{
	mem_open(f);
	for (int i = 0; i < FRAMES; i++)
		assert_true(mem_put(f, PER_FRAME, 50));
	spool_close(f->spool);
	f->spool = NULL;
}

static void same_file(struct memfs *a, const char *path_a, struct memfs *b, const char *path_b)
{
	struct memfs_file *x = memfs_file(a, path_a), *y = memfs_file(b, path_b);
	uint8_t *p, *q;

	assert_non_null(x);
	assert_non_null(y);
	assert_int_equal(x->size, y->size);
	p = malloc(x->size);
	q = malloc(x->size);
	memfs_file_read(x, 0, p, x->size);
	memfs_file_read(y, 0, q, x->size);
	assert_memory_equal(p, q, x->size);
	free(p);
	free(q);
}

/* The segment's path, and the same name in the backup. */
static void paths_of(struct mem_fixture *f, char path[MEMFS_PATH], char copy[MEMFS_PATH])
{
	snprintf(path, MEMFS_PATH, "%s", mem_segment(f, 0));
	snprintf(copy, MEMFS_PATH, "%s/%.64s", BACKUP, strrchr(path, '/') + 1);
}

static void flip_every_byte(struct mem_fixture *f, uint64_t end)
{
	char path[MEMFS_PATH], copy[MEMFS_PATH];
	unsigned repaired = 0, flips = 0;

	paths_of(f, path, copy);
	for (uint64_t at = 0; at < end; at += at == 300 ? 3796 : 1, flips++) { /* the header's padding needs no repair */
		struct memfs *damaged = memfs_survive_kill(f->fs), *fs;
		struct spool_verify_result v;
		struct repair plan, r;
		uint64_t before;
		uint8_t byte;

		memfs_file_read(memfs_file(damaged, path), at, &byte, 1);
		byte ^= (uint8_t)(1 << at % 8);
		memfs_poke(damaged, path, at, &byte, 1);
		fs = memfs_survive_kill(damaged);
		before = readable(damaged);
		plan = repair_on(fs, false);
		same_file(fs, path, damaged, path); /* a plan changes nothing */
		assert_null(memfs_file(fs, copy));
		r = repair_on(fs, true);
		assert_int_equal(r.planned, plan.planned);
		assert_int_equal(r.done, plan.planned);
		assert_int_equal(r.left, 0);
		v = verify_on(fs);
		assert_int_equal(v.bad_frames + v.bad_segments, 0);
		assert_int_equal(readable(fs), before);
		if (r.done) {
			same_file(fs, copy, damaged, path);
			repaired++;
		}
		r = repair_on(fs, true);
		assert_int_equal(r.planned + r.left + r.done, 0);
		memfs_free(fs);
		memfs_free(damaged);
	}
	assert_true(repaired > flips * 9 / 10); /* all but padding */
	print_message("%u flips, %u repaired\n", flips, repaired);
}

static void any_flipped_byte_of_a_sealed_segment_is_put_right(void **state)
{
	struct mem_fixture *f = *state;

	fill_spool(f);
	mem_open(f); /* a start seals what was the newest */
	spool_close(f->spool);
	f->spool = NULL;
	assert_non_null(mem_segment(f, 1));
	flip_every_byte(f, memfs_file(f->fs, mem_segment(f, 0))->size);
}

static void any_flipped_byte_of_the_newest_segment_is_put_right(void **state)
{
	struct mem_fixture *f = *state;
	struct memfs_file *file;
	uint64_t end;
	uint8_t byte = 0;

	fill_spool(f);
	assert_null(mem_segment(f, 1));
	file = memfs_file(f->fs, mem_segment(f, 0));
	for (end = file->size; !byte; end--)
		memfs_file_read(file, end - 1, &byte, 1);
	flip_every_byte(f, end + 1);
}

static void a_hole_over_several_frames_becomes_one_gap_and_the_daemon_goes_on(void **state)
{
	struct mem_fixture *f = *state;
	char path[MEMFS_PATH], copy[MEMFS_PATH];
	uint8_t *junk = malloc(1200);
	struct repair r;
	uint64_t before, first;

	for (size_t i = 0; i < 1200; i++)
		junk[i] = (uint8_t)(i * 37);
	fill_spool(f);
	mem_open(f);
	assert_true(mem_put(f, PER_FRAME, 50));
	spool_close(f->spool);
	f->spool = NULL;
	paths_of(f, path, copy);
	memfs_poke(f->fs, path, 4096 + 100, junk, 600);
	before = readable(f->fs);
	assert_int_not_equal(before, 0);
	r = repair_on(f->fs, true);
	assert_int_equal(r.planned, 2); /* the hole, the footer */
	assert_int_equal(r.done, 2);
	assert_int_equal(readable(f->fs), before);
	mem_open(f);
	assert_int_equal(mem_stat(f).corrupt_frames, 0);
	assert_true(mem_put(f, PER_FRAME, 50)); /* sequences went on */
	assert_int_equal(kit_read_all(f->spool, FRAMES * PER_FRAME + 1, &first), 2 * PER_FRAME);
	assert_int_equal(first, FRAMES * PER_FRAME + 1);
	free(junk);
}

/* Three segments, positions of two inputs, cursors that moved. */
static void three_segments(struct mem_fixture *f)
{
	for (int i = 0; i < 3; i++) {
		mem_open(f);
		assert_true(mem_put(f, PER_FRAME, 50));
		assert_true(mem_put(f, PER_FRAME, 50));
		spool_cursor_move(f->spool, "out", f->next - 6);
		spool_close(f->spool);
		f->spool = NULL;
	}
	assert_non_null(mem_segment(f, 2));
}

struct header_facts {
	struct segment_header header;
	struct posmap positions;
};

static void read_header_of(struct memfs *fs, const char *path, uint64_t number, struct header_facts *facts)
{
	int handle = fs->io.open(fs, path, SYS_READ);
	struct lg_err err;

	memset(facts, 0, sizeof(*facts));
	if (segment_header_read(&facts->header, &facts->positions, &fs->io, handle, number, &err) != LG_OK)
		fail_msg("%s: %s", path, err.text);
	fs->io.close(fs, handle);
}

static void free_facts(struct header_facts *facts)
{
	segment_header_fini(&facts->header);
	posmap_fini(&facts->positions);
}

static void expect_same_header(const struct header_facts *was, const struct header_facts *is)
{
	const struct posmap_entry *a, *b;
	size_t at_a = 0, at_b = 0;

	assert_memory_equal(was->header.spool_id, is->header.spool_id, 16);
	assert_int_equal(was->header.number, is->header.number);
	assert_int_equal(was->header.first_seq, is->header.first_seq);
	assert_int_equal(was->header.prev_number, is->header.prev_number);
	assert_int_equal(was->header.prev_end, is->header.prev_end);
	assert_int_equal(was->header.size, is->header.size);
	assert_int_equal(was->header.crypt.key_id, is->header.crypt.key_id);
	assert_int_equal(was->header.range_count, is->header.range_count);
	for (size_t i = 0; i < was->header.range_count; i++) {
		assert_memory_equal(was->header.ranges[i].log_id, is->header.ranges[i].log_id, 16);
		assert_int_equal(was->header.ranges[i].first_seq, is->header.ranges[i].first_seq);
	}
	do {
		a = posmap_next(&was->positions, &at_a);
		b = posmap_next(&is->positions, &at_b);
		assert_int_equal(!a, !b);
		if (a) {
			assert_int_equal(a->value_size, b->value_size);
			assert_memory_equal(posmap_value(a), posmap_value(b), a->value_size);
		}
	} while (a);
}

static void damage_header(struct memfs *fs, const char *path)
{
	uint8_t junk[200];

	memset(junk, 0x99, sizeof(junk));
	memfs_poke(fs, path, 0, junk, sizeof(junk));
}

/* Each of the three alone, then two and all of them, with the state there. */
static void bad_headers_are_made_anew_as_they_were(void **state)
{
	struct mem_fixture *f = *state;
	char paths[3][MEMFS_PATH];
	struct memfs *whole;

	three_segments(f);
	whole = f->fs;
	for (unsigned i = 0; i < 3; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s", mem_segment(f, i));
	for (unsigned set = 1; set < 8; set++) {
		struct memfs *fs = memfs_survive_kill(whole);
		struct spool_verify_result v;
		struct repair r;

		f->fs = fs;
		for (unsigned i = 0; i < 3; i++)
			if (set >> i & 1)
				damage_header(fs, paths[i]);
		v = verify_on(fs);
		assert_int_equal(v.bad_segments, (set & 1) + (set >> 1 & 1) + (set >> 2));
		r = repair_on(fs, true);
		assert_int_equal(r.left, 0);
		assert_int_equal(r.done, r.planned);
		assert_int_equal(r.files, v.bad_segments);
		v = verify_on(fs);
		assert_int_equal(v.bad_segments + v.bad_frames + v.missing, 0);
		assert_int_equal(readable(fs), (UINT64_C(1) << 25) - 2);
		for (unsigned i = 0; i < 3; i++) {
			struct header_facts was, is;

			read_header_of(whole, paths[i], i + 1, &was);
			read_header_of(fs, paths[i], i + 1, &is);
			expect_same_header(&was, &is);
			free_facts(&was);
			free_facts(&is);
		}
		f->conf.io = &fs->io;
		f->next = 25;
		mem_open(f);
		assert_int_equal(mem_stat(f).corrupt_frames, 0);
		assert_int_equal(kit_position_of(f->spool, "in"), 25);
		assert_int_equal(spool_cursor(f->spool, "out"), 19);
		assert_true(mem_put(f, PER_FRAME, 50));
		spool_close(f->spool);
		f->spool = NULL;
		memfs_free(fs);
	}
	f->fs = whole;
}

static void a_lost_state_is_made_anew_and_no_output_starts_behind_what_it_has_not_seen(void **state)
{
	struct mem_fixture *f = *state;
	struct memfs *whole;
	struct lg_err err;

	three_segments(f);
	whole = f->fs;
	for (int missing = 0; missing < 2; missing++) {
		struct memfs *fs = memfs_survive_kill(whole);
		uint8_t *junk = calloc(1, 65536);
		struct spool_verify_result v;
		struct repair r;

		memset(junk, 0x55, 65536);
		memfs_poke(fs, "/d/spool/state", 0, junk, 65536);
		free(junk);
		if (missing)
			assert_int_equal(fs->io.unlink(fs, "/d/spool/state"), 0);
		f->fs = fs;
		f->conf.io = &fs->io;
		assert_true(verify_on(fs).bad_state);
		r = repair_on(fs, false);
		assert_int_equal(r.planned, 1);
		assert_true(missing ? !memfs_file(fs, "/d/spool/state") : verify_on(fs).bad_state); /* a plan changes nothing */
		r = repair_on(fs, true);
		assert_int_equal(r.done, 1);
		assert_true(missing || memfs_file(fs, BACKUP "/state"));
		v = verify_on(fs);
		assert_false(v.bad_state);
		assert_int_equal(v.missing + v.bad_frames + v.bad_segments, 0);
		assert_int_equal(repair_on(fs, true).planned, 0);
		for (int start = 0; start < 2; start++) { /* killed before every output was added: the next start still knows */
			struct memfs *dead;

			mem_open(f);
			assert_int_equal(spool_cursor(f->spool, "out"), 11); /* as the newest header has it */
			dead = memfs_survive_kill(f->fs);
			spool_close(f->spool);
			f->spool = NULL;
			memfs_free(f->fs);
			f->fs = dead;
			f->conf.io = &dead->io;
		}
		mem_open(f);
		assert_int_equal(spool_output_add(f->spool, "late", true, &err), LG_OK);
		assert_int_equal(spool_cursor(f->spool, "late"), 1);
		spool_maintain(f->spool, true);
		mem_reopen(f);
		assert_int_equal(spool_output_add(f->spool, "new", true, &err), LG_OK); /* a stop in order: from now on the end is the end */
		assert_int_equal(spool_cursor(f->spool, "new"), 25);
		spool_close(f->spool);
		f->spool = NULL;
		memfs_free(f->fs);
	}
	f->fs = whole;
}

static void an_encrypted_segments_header_needs_the_copy_of_its_salt(void **state)
{
	struct mem_fixture *f = *state;
	struct spool_verify_result v;
	char keys[64], path[MEMFS_PATH];
	struct lg_err err;
	struct repair r;
	uint64_t first;

	key_path(keys);
	key_file(keys, 1, 1, 0);
	f->conf.key_file = keys;
	three_segments(f);
	snprintf(path, sizeof(path), "%s", mem_segment(f, 1));
	damage_header(f->fs, path);
	r = repair_on(f->fs, true);
	assert_int_equal(r.left, 0);
	assert_true(r.done > 0);
	assert_int_equal(spool_verify("/d", keys, &f->fs->io, &v, ignore, NULL, &err), LG_OK);
	assert_int_equal(v.records, 24);
	assert_int_equal(v.bad_segments + v.bad_frames + v.closed_segments + v.missing, 0);
	mem_open(f);
	assert_int_equal(kit_read_all(f->spool, 1, &first), 24);
	spool_close(f->spool);
	f->spool = NULL;
	damage_header(f->fs, path);
	memfs_poke(f->fs, path, 4096 - 70, (const uint8_t *)"gone", 4); /* and the copy */
	r = (struct repair){.data_dir = "/d", .io = &f->fs->io, .backup = "/d/repair-later", .say = ignore_step};
	assert_int_equal(spool_repair(&r, true, &err), LG_OK);
	assert_int_equal(r.left, 1);
	unlink(keys);
}

static void nothing_is_changed_while_the_daemon_runs_or_where_no_copy_can_be_kept(void **state)
{
	struct mem_fixture *f = *state;
	struct repair r = {.data_dir = "/d", .io = &f->fs->io, .backup = BACKUP, .say = ignore_step};
	char path[MEMFS_PATH], copy[MEMFS_PATH];
	struct memfs *damaged;
	struct lg_err err;
	uint8_t byte = 0x99;

	fill_spool(f);
	mem_open(f);
	assert_int_equal(spool_repair(&r, true, &err), LG_BUSY);
	spool_close(f->spool);
	f->spool = NULL;
	paths_of(f, path, copy);
	memfs_poke(f->fs, path, 4096 + 60, &byte, 1);
	damaged = memfs_survive_kill(f->fs);
	memfs_fail(f->fs, MEMFS_FSYNC, EIO, 0, 1); /* of the copy */
	assert_int_equal(spool_repair(&r, true, &err), LG_IO);
	same_file(f->fs, path, damaged, path);
	memfs_free(damaged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(any_flipped_byte_of_a_sealed_segment_is_put_right, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(any_flipped_byte_of_the_newest_segment_is_put_right, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(a_hole_over_several_frames_becomes_one_gap_and_the_daemon_goes_on, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(bad_headers_are_made_anew_as_they_were, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(
	                a_lost_state_is_made_anew_and_no_output_starts_behind_what_it_has_not_seen, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(an_encrypted_segments_header_needs_the_copy_of_its_salt, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(nothing_is_changed_while_the_daemon_runs_or_where_no_copy_can_be_kept, mem_set_up, mem_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
