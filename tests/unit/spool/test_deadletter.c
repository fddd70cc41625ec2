/* Dead letters: what is put is there again whole, after every crash and every failure; their part of the quota is kept free and is not passed. */
#include "spool_mem.h"

#include "key_files.h"
#include "spool/deadletter.h"

#define OUT "kafka"

struct expected {
	struct lg_batch *source;
	unsigned seen;
	uint64_t records, first_seq[64];
	char reason[64][40];
};

static void check_letter(void *arg, const struct deadletter *letter)
{
	struct expected *e = arg;
	struct lg_batch_iter it;
	struct lg_record rec;

	assert_string_equal(letter->output, OUT);
	assert_true(e->seen < 64);
	e->first_seq[e->seen] = letter->first_seq;
	snprintf(e->reason[e->seen], sizeof(e->reason[0]), "%.*s", (int)letter->reason.size, letter->reason.data);
	e->seen++;
	e->records += letter->count;
	if (!letter->batch || !e->source)
		return;
	assert_string_equal(letter->batch->log_id, e->source->log_id);
	assert_string_equal(letter->batch->input, e->source->input);
	for (lg_batch_begin(&it, letter->batch, 0); lg_batch_next(&it, &rec);) {
		struct lg_batch_iter it2;
		struct lg_record was;

		lg_batch_begin(&it2, e->source, rec.seq);
		assert_true(lg_batch_next(&it2, &was));
		assert_int_equal(rec.seq, was.seq);
		assert_int_equal(rec.time_ns, was.time_ns);
		assert_int_equal(rec.received_ns, was.received_ns);
		assert_int_equal(rec.severity, was.severity);
		assert_int_equal(rec.body.size, was.body.size);
		assert_memory_equal(rec.body.data, was.body.data, was.body.size);
		assert_int_equal(rec.fields.size, was.fields.size);
		assert_memory_equal(rec.fields.data, was.fields.data, was.fields.size);
		assert_int_equal(rec.origin.size, was.origin.size);
		assert_memory_equal(rec.origin.data, was.origin.data, was.origin.size);
	}
}

static struct deadletter_walk walk_on(const struct sys_io *io, struct expected *e)
{
	struct deadletter_walk walk = {.data_dir = "/d", .io = io, .payloads = true, .each = check_letter, .arg = e};
	struct lg_err err;

	if (deadletter_walk(&walk, &err) != LG_OK)
		fail_msg("walk: %s", err.text);
	return walk;
}

/* Ten records: even ones with origin a, odd ones with b, the third without one; a field each. */
static struct lg_batch *rich_batch(uint64_t first_seq)
{
	struct lg_batch *batch = batch_new(NULL, 0, "in"), *read;
	struct lg_draft d;
	struct lg_origin *a, *b;
	char body[40];

	lg_draft_reset(&d);
	lg_draft_string(&d, LG_F_LOG_FILE_PATH, LG_STR("/logs/a"));
	a = lg_origin_new(&d);
	lg_draft_reset(&d);
	lg_draft_string(&d, LG_F_LOG_FILE_PATH, LG_STR("/logs/b"));
	b = lg_origin_new(&d);
	for (int i = 0; i < 10; i++) {
		lg_draft_reset(&d);
		snprintf(body, sizeof(body), "record %d", i);
		d.body = lg_str_from(body);
		d.time_ns = 1000 + i;
		d.received_ns = 2000 + i;
		d.severity = (uint8_t)(i % 8);
		lg_draft_number(&d, LG_F_LOG_OFFSET, i * 100);
		batch_add(batch, &d, i == 3 ? NULL : i % 2 ? b : a, 0);
	}
	lg_origin_free(a);
	lg_origin_free(b);
	assert_int_equal(batch_from_payload(&read, &batch->raw, "in", "00112233445566778899aabbccddeeff", first_seq, 10, NULL, NULL), LG_OK);
	lg_batch_release(batch);
	return read;
}

static struct deadletters *letters_open(struct mem_fixture *f)
{
	struct deadletters *letters;
	struct lg_err err;

	if (deadletters_open(&letters, f->spool, OUT, &err) != LG_OK)
		fail_msg("open: %s", err.text);
	return letters;
}

static void put(struct deadletters *letters, const struct lg_batch *source, uint64_t first, uint64_t last, const char *reason)
{
	struct lg_batch *slice = deadletter_slice(source, first, last);
	struct lg_err err;

	assert_non_null(slice);
	if (deadletters_put(letters, slice, reason, 1, &err) != LG_OK)
		fail_msg("put: %s", err.text);
	lg_batch_release(slice);
}

static void what_is_put_is_read_back_unchanged_with_reason_and_identity(void **state)
{
	struct mem_fixture *f = *state;
	struct expected e = {.source = rich_batch(100)};
	struct deadletters *letters;
	struct deadletter_walk walk;

	mem_open(f);
	letters = letters_open(f);
	put(letters, e.source, 103, 103, "too large");
	put(letters, e.source, 105, 108, "no such topic");
	put(letters, e.source, 100, 100, ""); /* later than its successors: any order */
	assert_int_equal(deadletters_count(letters), 6);
	walk = walk_on(&f->fs->io, &e); /* while the file is being written */
	assert_int_equal(walk.damaged + walk.torn, 0);
	assert_int_equal(e.seen, 3);
	deadletters_close(letters);
	e.seen = 0;
	e.records = 0;
	walk = walk_on(&f->fs->io, &e); /* and sealed */
	assert_int_equal(walk.files, 1);
	assert_int_equal(walk.decisions, 3);
	assert_int_equal(walk.records, 6);
	assert_int_equal(walk.damaged + walk.torn, 0);
	assert_int_equal(e.first_seq[0], 103);
	assert_int_equal(e.first_seq[1], 105);
	assert_int_equal(e.first_seq[2], 100);
	assert_string_equal(e.reason[0], "too large");
	assert_string_equal(e.reason[1], "no such topic");
	assert_string_equal(e.reason[2], "no reason given");
	letters = letters_open(f); /* a restart counts them again and goes on in a file of its own */
	assert_int_equal(deadletters_count(letters), 6);
	put(letters, e.source, 109, 109, "again");
	assert_int_equal(deadletters_count(letters), 7);
	deadletters_close(letters);
	assert_int_equal(mem_count_files(f, "deadletter/" OUT "/0000000000000002-"), 1);
	lg_batch_release(e.source);
}

/* After a put has answered OK, no crash may lose it: every subset of pieces not yet synced is a legal disk; the ends of the range and single pieces
 * are tried at every put. */
static void a_letter_survives_every_crash_after_its_put(void **state)
{
	struct mem_fixture *f = *state;
	struct lg_batch *source = rich_batch(100);
	struct deadletters *letters;
	unsigned states = 0;

	mem_open(f);
	letters = letters_open(f);
	for (uint64_t seq = 100; seq < 110; seq++) {
		bool keep[512];
		size_t pieces;

		put(letters, source, seq, seq, "poison");
		pieces = f->fs->piece_count;
		assert_true(pieces < 512);
		for (size_t which = 0; which < pieces + 2; which++) {
			struct expected e = {.source = source};
			struct deadletter_walk walk;
			struct memfs *after;

			for (size_t i = 0; i < pieces; i++)
				keep[i] = which == pieces + 1 || i == which;
			after = memfs_crash(f->fs, keep);
			walk = walk_on(&after->io, &e);
			assert_int_equal(walk.damaged, 0);
			assert_int_equal(walk.records, seq - 99);
			for (uint64_t k = 0; k < e.seen; k++)
				assert_int_equal(e.first_seq[k], 100 + k);
			memfs_free(after);
			states++;
		}
	}
	deadletters_close(letters);
	lg_batch_release(source);
	print_message("%u crash states\n", states);
}

struct crash_tries {
	struct memfs *fs;
	struct lg_batch *source;
	uint64_t settled; /* letters whose put has answered */
	unsigned states;
};

/* Called before any sync: whatever subset reached the disk, what was put before is whole and nothing else is called damaged. */
static void crash_before_sync(void *arg)
{
	struct crash_tries *t = arg;
	bool keep[512];
	size_t pieces = t->fs->piece_count;

	assert_true(pieces < 512);
	for (unsigned round = 0; round < 40; round++) {
		struct expected e = {.source = t->source};
		struct deadletter_walk walk;
		struct memfs *after;
		uint64_t random = (round + 1) * UINT64_C(0x9e3779b97f4a7c15);

		for (size_t i = 0; i < pieces; i++) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
			keep[i] = round == 0 ? true : round == 1 ? false : random >> 63;
		}
		after = memfs_crash(t->fs, keep);
		walk = walk_on(&after->io, &e);
		assert_int_equal(walk.damaged, 0);
		assert_true(walk.records >= t->settled && walk.records <= t->settled + 1);
		memfs_free(after);
		t->states++;
	}
}

static void a_crash_within_a_put_costs_only_what_was_not_settled(void **state)
{
	struct mem_fixture *f = *state;
	struct crash_tries t = {.fs = f->fs, .source = rich_batch(100)};
	struct deadletters *letters;

	mem_open(f);
	letters = letters_open(f);
	f->fs->before_sync = crash_before_sync;
	f->fs->before_sync_arg = &t;
	for (; t.settled < 10; t.settled++)
		put(letters, t.source, 100 + t.settled, 100 + t.settled, "poison");
	f->fs->before_sync = NULL;
	deadletters_close(letters);
	lg_batch_release(t.source);
	assert_true(t.states > 400);
}

static void a_failed_write_or_sync_settles_nothing_and_the_next_try_does(void **state)
{
	static const enum memfs_op ops[] = {MEMFS_OPEN, MEMFS_PWRITEV, MEMFS_FSYNC, MEMFS_FDATASYNC, MEMFS_RENAME, MEMFS_SYNC_DIR, MEMFS_MKDIR};
	struct mem_fixture *f = *state;
	struct lg_batch *source = rich_batch(100);
	unsigned failed = 0;

	f->conf.max_size = 16u << 20;
	mem_open(f);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		for (int error = 0; error < 2; error++)
			for (int after = 0; after < 2; after++) {
				struct lg_batch *slice = deadletter_slice(source, 105, 106);
				struct deadletters *letters = letters_open(f); /* a new file each time: all its steps may fail */
				uint64_t before = deadletters_count(letters);
				struct expected e = {.source = source};
				struct lg_err err;
				enum lg_rc rc;

				memfs_fail(f->fs, ops[i], error ? ENOSPC : EIO, after, 1);
				rc = deadletters_put(letters, slice, "poison", 1, &err);
				f->fs->fail_count[ops[i]] = 0;
				failed += rc != LG_OK;
				if (rc != LG_OK) {
					assert_int_equal(rc, error ? LG_NOSPACE : LG_IO);
					assert_int_equal(deadletters_count(letters), before);
					assert_int_equal(deadletters_put(letters, slice, "poison", 2, &err), LG_OK);
				}
				assert_int_equal(deadletters_count(letters), before + 2);
				assert_int_equal(walk_on(&f->fs->io, &e).records, before + 2);
				lg_batch_release(slice);
				deadletters_close(letters);
			}
	assert_true(failed >= 12);
	lg_batch_release(source);
}

static void letters_keep_to_their_part_of_the_quota_and_have_it_in_a_full_spool(void **state)
{
	struct mem_fixture *f = *state;
	struct lg_batch *source;
	struct deadletters *letters;
	struct lg_err err;
	enum lg_rc rc = LG_OK;
	unsigned put_count = 0;
	uint64_t dropped;

	mem_open(f);
	while (mem_put(f, 10, 1000)) /* until the log is full */
		;
	spool_maintain(f->spool, true);
	source = kit_batch(NULL, "in", 1, 1, 2000, NULL, 5);
	memcpy(source->log_id, "00112233445566778899aabbccddeeff", 33);
	letters = letters_open(f);
	for (; rc == LG_OK; put_count++) {
		source->first_seq = put_count + 1;
		rc = deadletters_put(letters, source, "poison", 1, &err);
		assert_true(mem_stat(f).bytes <= f->conf.max_size);
	}
	assert_int_equal(rc, LG_FULL);
	assert_true(put_count > 20 && put_count < 33); /* a 16th of 1 MiB by letters of 2.2 KB */
	assert_int_equal(deadletters_count(letters), put_count - 1);
	assert_int_equal(deadletters_drop(letters, &dropped, &err), LG_OK);
	assert_int_equal(dropped, put_count - 1);
	assert_int_equal(deadletters_count(letters), 0);
	assert_int_equal(mem_count_files(f, "deadletter/" OUT "/"), 0);
	assert_int_equal(deadletters_put(letters, source, "poison", 1, &err), LG_OK); /* there is room again */
	deadletters_close(letters);
	mem_reopen(f);
	assert_true(mem_stat(f).bytes <= f->conf.max_size); /* counted after a restart too */
	lg_batch_release(source);
}

static void damage_costs_one_letter_and_is_said(void **state)
{
	struct mem_fixture *f = *state;
	struct expected e = {.source = rich_batch(100)};
	char path[] = "/d/spool/deadletter/" OUT "/0000000000000001-0000000000000064.seg";
	struct deadletters *letters;
	struct memfs_file *file;
	struct deadletter_walk walk;
	uint8_t byte;

	mem_open(f);
	letters = letters_open(f);
	for (uint64_t seq = 100; seq < 103; seq++)
		put(letters, e.source, seq, seq, "poison");
	deadletters_close(letters);
	file = memfs_file(f->fs, path);
	assert_non_null(file);
	for (uint64_t at = 4096; at < file->size; at++) {
		assert_int_equal(memfs_file_read(file, at, &byte, 1), 1);
		byte ^= 0x40;
		memfs_poke(f->fs, path, at, &byte, 1);
		e.seen = 0;
		walk = walk_on(&f->fs->io, &e);
		assert_true(walk.records >= 2);
		assert_true(walk.records == 3 || walk.damaged + walk.torn == 1);
		byte ^= 0x40;
		memfs_poke(f->fs, path, at, &byte, 1);
	}
	lg_batch_release(e.source);
}

static bool file_holds(struct mem_fixture *f, const char *path, const char *text)
{
	struct memfs_file *file = memfs_file(f->fs, path);
	uint8_t *bytes = malloc(file->size);
	bool found = false;

	memfs_file_read(file, 0, bytes, file->size);
	for (uint64_t i = 0; i + strlen(text) <= file->size && !found; i++)
		found = memcmp(bytes + i, text, strlen(text)) == 0;
	free(bytes);
	return found;
}

static void in_an_encrypted_spool_letters_are_encrypted_and_open_with_the_key_alone(void **state)
{
	struct mem_fixture *f = *state;
	struct expected e = {.source = rich_batch(100)}, none = {0};
	char path[64];
	struct deadletters *letters;
	struct deadletter_walk walk = {.data_dir = "/d", .io = &f->fs->io, .payloads = true, .each = check_letter, .arg = &none};
	struct lg_err err;
	FILE *keys;

	key_path(path);
	keys = fopen(path, "w");
	key_line(keys, 3, 0);
	fclose(keys);
	chmod(path, 0600);
	f->conf.key_file = path;
	mem_open(f);
	letters = letters_open(f);
	put(letters, e.source, 103, 103, "too large");
	put(letters, e.source, 105, 108, "no such topic");
	deadletters_close(letters);
	assert_false(file_holds(f, "/d/spool/deadletter/" OUT "/0000000000000001-0000000000000067.seg", "record "));
	assert_int_equal(deadletter_walk(&walk, &err), LG_OK);
	assert_int_equal(none.seen, 0);
	assert_int_equal(walk.damaged, 2); /* without the key no record comes out */
	walk = (struct deadletter_walk){.data_dir = "/d", .io = &f->fs->io, .key_file = path, .payloads = true, .each = check_letter, .arg = &e};
	assert_int_equal(deadletter_walk(&walk, &err), LG_OK);
	assert_int_equal(walk.damaged + walk.torn, 0);
	assert_int_equal(e.records, 5);
	f->conf.key_file = NULL;
	unlink(path);
	lg_batch_release(e.source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(what_is_put_is_read_back_unchanged_with_reason_and_identity, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(a_letter_survives_every_crash_after_its_put, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(a_crash_within_a_put_costs_only_what_was_not_settled, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(a_failed_write_or_sync_settles_nothing_and_the_next_try_does, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(letters_keep_to_their_part_of_the_quota_and_have_it_in_a_full_spool, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(damage_costs_one_letter_and_is_said, mem_set_up, mem_tear_down),
	        cmocka_unit_test_setup_teardown(
	                in_an_encrypted_spool_letters_are_encrypted_and_open_with_the_key_alone, mem_set_up, mem_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
