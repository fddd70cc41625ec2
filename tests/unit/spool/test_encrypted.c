/* A spool with a key file: what is on the disk, what each wrong key means, rotation, restored copies, damage. */
#include "spool_mem.h"

#include "base/crc32c.h"
#include "base/wire.h"
#include "key_files.h"
#include "spool/frame.h"
#include "spool/segment.h"

static char keys_path[64];

static int set_up(void **state)
{
	struct mem_fixture *f;

	mem_set_up(state);
	f = *state;
	key_path(keys_path);
	key_file(keys_path, 1, 1, 0);
	f->conf.key_file = keys_path;
	return 0;
}

static int tear_down(void **state)
{
	unlink(keys_path);
	return mem_tear_down(state);
}

static struct memfs_file *segment_file(struct mem_fixture *f, size_t i)
{
	return &f->fs->live.files[memfs_find(&f->fs->live, mem_segment(f, i))->inode];
}

static void read_file(struct mem_fixture *f, const char *path, struct lg_buf *out)
{
	int handle = f->fs->io.open(f->fs, path, SYS_READ);
	int64_t size = f->fs->io.size(f->fs, handle);

	assert_true(handle >= 0 && size >= 0);
	lg_buf_clear(out);
	assert_int_equal(f->fs->io.pread(f->fs, handle, lg_buf_reserve(out, (size_t)size + 1), (size_t)size, 0), size);
	out->size = (size_t)size;
	f->fs->io.close(f->fs, handle);
}

static bool contains(const struct lg_buf *where, const char *text)
{
	size_t size = strlen(text);

	for (size_t i = 0; i + size <= where->size; i++)
		if (memcmp(where->data + i, text, size) == 0)
			return true;
	return false;
}

/* Files of the spool in which the text stands. */
static size_t files_with(struct mem_fixture *f, const char *text)
{
	struct lg_buf bytes = {0};
	size_t n = 0;

	for (size_t k = 0; k < f->fs->live.entry_count; k++) {
		if (f->fs->live.entries[k].inode < 0)
			continue;
		read_file(f, f->fs->live.entries[k].path, &bytes);
		n += contains(&bytes, text);
	}
	lg_buf_fini(&bytes);
	return n;
}

static void header_of(struct mem_fixture *f, size_t i, struct crypt_params *params)
{
	const char *path = mem_segment(f, i);
	unsigned long long number;
	struct lg_err err;
	int handle;

	assert_non_null(path);
	assert_int_equal(sscanf(strrchr(path, '/') + 1, "%16llx", &number), 1);
	handle = f->fs->io.open(f->fs, path, SYS_READ);
	assert_int_equal(segment_crypt_read(params, &f->fs->io, handle, number, 1u << 20, &err), LG_OK);
	f->fs->io.close(f->fs, handle);
}

static void expect_records(struct mem_fixture *f, uint64_t count)
{
	uint64_t first = 0;

	assert_int_equal(kit_read_all(f->spool, 1, &first), count);
	assert_int_equal(first, count ? 1 : 0);
}

static void test_records_are_read_back_and_their_text_is_nowhere_on_the_disk(void **state)
{
	struct mem_fixture *f = *state;

	mem_open(f);
	for (int i = 0; i < 40; i++)
		assert_true(mem_put(f, 1 + (unsigned)i % 7, 3 + (size_t)i * 97 % 900));
	expect_records(f, f->next - 1);
	mem_reopen(f); /* the memory tail is empty: from the disk */
	expect_records(f, f->next - 1);
	assert_int_equal(kit_position_of(f->spool, "in"), f->next);
	assert_int_equal(files_with(f, "record "), 0);
}

/* The same calls without a key leave the text behind: what the test above looks for can be found. */
static void test_without_a_key_file_the_text_is_on_the_disk(void **state)
{
	struct mem_fixture *f = *state;

	f->conf.key_file = NULL;
	mem_open(f);
	assert_true(mem_put(f, 1, 100));
	assert_int_equal(files_with(f, "record "), 1);
}

static void test_compressed_frames_are_encrypted_behind_the_compression(void **state)
{
	struct mem_fixture *f = *state;
	struct spool_stat stat;

	mem_open(f);
	for (int i = 0; i < 5; i++) {
		kit_append(f->spool, kit_batch(&f->budget, "in", f->next, 50, 200, f->codec, f->fake.utc_ns));
		kit_commit(f->spool);
		f->next += 50;
	}
	stat = mem_stat(f);
	assert_true(stat.appended_stored_bytes < stat.appended_raw_bytes / 2);
	mem_reopen(f);
	expect_records(f, 250);
}

static void expect_open_fails(struct mem_fixture *f, const char *says)
{
	struct memfs *before = memfs_survive_kill(f->fs);
	struct lg_err err;

	assert_int_equal(spool_open(&f->spool, &f->conf, &err), LG_INVALID);
	assert_null(f->spool);
	if (!strstr(err.text, says))
		fail_msg("%s", err.text);
	assert_int_equal(before->live.entry_count, f->fs->live.entry_count);
	for (size_t k = 0; k < before->live.entry_count; k++) { /* not a byte was changed but the process id in the lock */
		struct lg_buf a = {0}, b = {0};
		const char *path = before->live.entries[k].path;
		struct mem_fixture old = {.fs = before};

		if (before->live.entries[k].inode < 0 || strstr(path, "/lock"))
			continue;
		read_file(&old, path, &a);
		read_file(f, path, &b);
		assert_int_equal(a.size, b.size);
		assert_memory_equal(a.data, b.data, a.size);
		lg_buf_fini(&a);
		lg_buf_fini(&b);
	}
	memfs_free(before);
}

static void test_a_wrong_or_missing_key_names_segment_and_key_and_changes_nothing(void **state)
{
	struct mem_fixture *f = *state;

	key_file(keys_path, 1, 3, 0);
	mem_open(f);
	assert_true(mem_put(f, 3, 100));
	spool_close(f->spool);
	f->spool = NULL;
	key_file(keys_path, 1, 3, 1);
	expect_open_fails(f, "segment 1: it is encrypted with another key 3 than the one in /tmp/");
	key_file(keys_path, 1, 2, 0);
	expect_open_fails(f, "segment 1: it is encrypted with key 3, which is not in /tmp/");
	f->conf.key_file = NULL;
	expect_open_fails(f, "segment 1: it is encrypted with key 3: `encryption_key_file` of the spool");
	f->conf.key_file = "/tmp/lugger-no-such-dir/keys";
	assert_int_equal(spool_open(&f->spool, &f->conf, NULL), LG_NOTFOUND);
	f->conf.key_file = keys_path;
	key_file(keys_path, 3, 3, 0);
	mem_open(f);
	expect_records(f, 3);
}

static void test_a_spool_that_was_not_encrypted_goes_on_encrypted(void **state)
{
	struct mem_fixture *f = *state;

	f->conf.key_file = NULL;
	mem_open(f);
	assert_true(mem_put(f, 4, 100));
	spool_close(f->spool);
	f->conf.key_file = keys_path;
	mem_open(f);
	assert_true(mem_put(f, 4, 100));
	mem_reopen(f);
	expect_records(f, 8);
	assert_int_equal(files_with(f, "record 4"), 1);
	assert_int_equal(files_with(f, "record 8"), 0);
}

static void test_three_keys_follow_each_other_without_a_restart(void **state)
{
	struct mem_fixture *f = *state;
	struct crypt_params params;

	mem_open(f);
	for (uint32_t key = 1; key <= 3; key++) {
		key_file(keys_path, 1, key, 0);
		spool_reload_keys(f->spool); /* as SIGHUP does */
		assert_true(mem_put(f, 5, 100));
		assert_true(mem_put(f, 5, 100));
		header_of(f, key - 1, &params);
		assert_int_equal(params.key_id, key);
		assert_null(mem_segment(f, key)); /* one segment a key */
	}
	mem_reopen(f);
	expect_records(f, 30);
	key_file(keys_path, 2, 3, 0);
	mem_reopen(f);
	{
		struct spool_reader *reader;
		struct lg_batch *batch;
		struct lg_err err;
		uint64_t first, last;

		/* The oldest segment's key is gone: the reader stops there, and goes on when it is back. */
		assert_int_equal(spool_reader_open(f->spool, 1, &reader, &err), LG_OK);
		for (int tries = 0; tries < 3; tries++) {
			assert_int_equal(spool_reader_next(reader, &batch, &first, &last, &err), LG_INVALID);
			assert_non_null(strstr(err.text, "segment 1: it is encrypted with key 1, which is not in"));
			assert_int_equal(spool_reader_at(reader), 1);
		}
		assert_int_equal(mem_stat(f).corrupt_frames, 0);
		assert_int_equal(mem_count_files(f, "quarantine/"), 0);
		key_file(keys_path, 1, 3, 0);
		assert_int_equal(spool_reader_next(reader, &batch, &first, &last, &err), LG_OK);
		lg_batch_release(batch);
		spool_reader_close(reader);
	}
	expect_records(f, 30);
}

static void test_a_new_key_is_noticed_at_the_next_roll_without_a_signal(void **state)
{
	struct mem_fixture *f = *state;
	struct crypt_params params;
	size_t last = 0;

	mem_open(f);
	assert_true(mem_put(f, 5, 100));
	key_file(keys_path, 1, 2, 0);
	while (!mem_segment(f, 1))
		assert_true(mem_put(f, 10, 1000));
	header_of(f, 0, &params);
	assert_int_equal(params.key_id, 1);
	while (mem_segment(f, last + 1))
		last++;
	header_of(f, last, &params);
	assert_int_equal(params.key_id, 2);
	mem_reopen(f);
	expect_records(f, f->next - 1);
}

static void test_a_full_spool_goes_on_with_the_old_key_until_there_is_room(void **state)
{
	struct mem_fixture *f = *state;
	struct spool_stat stat;
	struct crypt_params params;

	f->conf.max_size = 256u << 10;
	mem_open(f);
	while (mem_put(f, 10, 1000))
		;
	stat = mem_stat(f);
	key_file(keys_path, 1, 2, 0);
	spool_reload_keys(f->spool);
	assert_true(mem_put(f, 1, 10)); /* fits the tip, and no segment could be added */
	spool_cursor_move(f->spool, "out", stat.next_seq);
	spool_maintain(f->spool, true);
	assert_true(mem_put(f, 1, 10));
	for (size_t i = 0; mem_segment(f, i); i++)
		header_of(f, i, &params);
	assert_int_equal(params.key_id, 2);
}

static void test_a_restored_copy_never_draws_the_salts_of_the_day_it_lost(void **state)
{
	struct mem_fixture *f = *state;
	struct crypt_params lost, params;
	struct memfs *snapshot, *lived;

	mem_open(f);
	assert_true(mem_put(f, 5, 100));
	spool_close(f->spool);
	f->spool = NULL;
	snapshot = memfs_survive_kill(f->fs);
	mem_open(f); /* the day that is lost */
	assert_true(mem_put(f, 5, 100));
	header_of(f, 1, &lost);
	spool_close(f->spool);
	f->spool = NULL;
	lived = f->fs;
	f->fs = snapshot;
	f->conf.io = &snapshot->io;
	mem_open(f); /* the same number, the same sequences, the same index */
	assert_true(mem_put(f, 5, 100));
	header_of(f, 1, &params);
	assert_int_equal(params.key_id, lost.key_id);
	assert_memory_not_equal(params.salt, lost.salt, CRYPT_SALT_SIZE);
	assert_memory_not_equal(params.check, lost.check, CRYPT_CHECK_SIZE);
	memfs_free(lived);
}

static void test_what_a_failed_write_repeats_is_under_another_salt(void **state)
{
	struct mem_fixture *f = *state;
	struct crypt_params before, after;
	struct lg_err err;

	mem_open(f);
	assert_true(mem_put(f, 2, 100));
	header_of(f, 0, &before);
	kit_append(f->spool, kit_batch(&f->budget, "in", f->next, 2, 100, NULL, f->fake.utc_ns));
	memfs_fail(f->fs, MEMFS_FDATASYNC, EIO, 0, 1);
	assert_int_not_equal(spool_commit(f->spool, &err), LG_OK);
	kit_commit(f->spool);
	f->next += 2;
	header_of(f, 1, &after);
	assert_memory_not_equal(before.salt, after.salt, CRYPT_SALT_SIZE);
	mem_reopen(f);
	expect_records(f, 4);
}

/* ---- damage ---- */

#define FRAMES 3
#define PER_FRAME 4

/* Reads the twelve records; bit n: number n came back, unchanged. */
static unsigned read_bits(struct mem_fixture *f)
{
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_err err;
	uint64_t first, last;
	char name[64], expected[512];
	unsigned seen = 0;
	enum lg_rc rc;

	assert_int_equal(spool_reader_open(f->spool, 1, &reader, &err), LG_OK);
	while ((rc = spool_reader_next(reader, &batch, &first, &last, &err)) == LG_OK || rc == LG_CORRUPT) {
		if (rc == LG_CORRUPT)
			continue;
		for (lg_batch_begin(&it, batch, 0); lg_batch_next(&it, &rec);) {
			uint64_t number = kit_number(rec.body, name);

			assert_int_equal(rec.body.size, kit_body(expected, "in", number, 50));
			assert_memory_equal(rec.body.data, expected, rec.body.size);
			seen |= 1u << number;
		}
		lg_batch_release(batch);
	}
	if (rc != LG_AGAIN)
		fail_msg("read: %s", err.text);
	spool_reader_close(reader);
	return seen;
}

static unsigned frames_lost(unsigned seen)
{
	unsigned lost = 0;

	for (unsigned i = 0; i < FRAMES; i++)
		lost += (seen >> (1 + i * PER_FRAME) & 0xf) != 0xf;
	return lost;
}

static void three_frames(struct mem_fixture *f)
{
	mem_open(f);
	for (int i = 0; i < FRAMES; i++)
		assert_true(mem_put(f, PER_FRAME, 50));
	spool_close(f->spool);
	f->spool = NULL;
	mem_open(f); /* the segment is sealed now, and another one the newest */
}

static uint8_t *byte_at(struct mem_fixture *f, uint64_t at)
{
	return &segment_file(f, 0)->pages[at / MEMFS_PAGE]->bytes[at % MEMFS_PAGE];
}

/* A flip anywhere costs at most the frame in which it lies; never a wrong byte, and in the header nothing: the salt has a copy. */
static void test_a_flip_at_every_byte_costs_at_most_its_frame(void **state)
{
	struct mem_fixture *f = *state;
	unsigned flips = 0, lost_frames = 0;
	uint64_t size;

	three_frames(f);
	size = segment_file(f, 0)->size;
	for (uint64_t at = 0; at < size; at++) {
		unsigned seen;

		*byte_at(f, at) ^= (uint8_t)(1 << at % 8);
		seen = read_bits(f);
		*byte_at(f, at) ^= (uint8_t)(1 << at % 8);
		flips++;
		if (frames_lost(seen) > (at >= SEGMENT_PAGE))
			fail_msg("a flip at %llu costs %u frames", (unsigned long long)at, frames_lost(seen));
		lost_frames += frames_lost(seen);
	}
	assert_int_equal(read_bits(f), 0x1ffe);
	assert_true(lost_frames > FRAMES * (128 + 16));
	printf("encrypted segment: %u flips\n", flips);
}

/* Opens the frame as a reader does, but for the CRCs. */
static enum lg_rc open_frame(struct mem_fixture *f, const uint8_t *frame, uint32_t header_size, uint32_t stored)
{
	struct frame_header h = {.encryption = FRAME_ENCRYPT_AES256GCM, .segment = 1, .header_size = header_size};
	int handle = f->fs->io.open(f->fs, mem_segment(f, 0), SYS_READ);
	struct crypt_params params;
	struct lg_str aad[FRAME_AAD_PIECES];
	struct lg_buf payload = {0};
	struct crypt *crypt;
	uint8_t key[CRYPT_KEY_SIZE];
	struct lg_err err;
	enum lg_rc rc;

	h.index = wire_get_u32(frame + 68);
	assert_int_equal(segment_crypt_read(&params, &f->fs->io, handle, 1, 1u << 20, &err), LG_OK);
	key_of(1, 0, key);
	assert_int_equal(crypt_new(&crypt, key, params.salt, false, &err), LG_OK);
	lg_buf_append(&payload, frame + header_size, stored);
	frame_aad(frame, header_size, aad);
	rc = crypt_open(crypt, h.index, aad, FRAME_AAD_PIECES, &payload);
	f->fs->io.close(f->fs, handle);
	crypt_free(crypt);
	lg_buf_fini(&payload);
	return rc;
}

/* Somebody who can write the disk can make CRCs right: but for these, every byte of a frame is authenticated. */
static void test_every_byte_of_a_frame_but_its_checksums_is_authenticated(void **state)
{
	struct mem_fixture *f = *state;
	uint8_t frame[MEMFS_PAGE];
	uint32_t header_size, stored;

	three_frames(f);
	memcpy(frame, byte_at(f, SEGMENT_PAGE), MEMFS_PAGE); /* the first frame lies in one page */
	header_size = wire_get_u32(frame + 8);
	stored = wire_get_u32(frame + 76);
	assert_true(header_size + stored < MEMFS_PAGE && header_size > FRAME_FIXED && stored > CRYPT_TAG_SIZE);
	assert_int_equal(open_frame(f, frame, header_size, stored), LG_OK);
	for (uint32_t at = 0; at < header_size + stored; at++) {
		bool checksum = (at >= 12 && at < 16) || (at >= header_size - 4 && at < header_size);

		frame[at] ^= 4;
		assert_int_equal(open_frame(f, frame, header_size, stored), checksum ? LG_OK : LG_CORRUPT);
		frame[at] ^= 4;
	}
}

/* Right checksums and a wrong tag: one frame is lost, counted and set aside as ciphertext; its report holds no text of it. */
static void test_a_forged_frame_costs_that_frame_and_is_set_aside_encrypted(void **state)
{
	struct mem_fixture *f = *state;
	uint32_t header_size, stored;
	uint8_t *p;

	three_frames(f);
	p = byte_at(f, SEGMENT_PAGE);
	header_size = wire_get_u32(p + 8);
	stored = wire_get_u32(p + 76);
	p[header_size + 3] ^= 1;
	wire_put_u32(p + 12, crc32c(0, p + header_size, stored));
	wire_put_u32(p + header_size - 4, crc32c(0, p, header_size - 4));
	assert_int_equal(read_bits(f), 0x1ffe & ~0x1eu);
	assert_int_equal(mem_stat(f).corrupt_frames, 1);
	assert_int_equal(mem_count_files(f, "quarantine/"), 2);
	assert_int_equal(files_with(f, "record "), 0);
}

static void count_line(void *arg, const char *line)
{
	(void)line;
	++*(unsigned *)arg;
}

static void test_verify_opens_what_it_has_the_key_for_and_says_what_it_has_not(void **state)
{
	struct mem_fixture *f = *state;
	struct spool_verify_result r;
	struct lg_err err;
	unsigned lines = 0;

	three_frames(f);
	assert_int_equal(spool_verify("/d", keys_path, &f->fs->io, &r, count_line, &lines, &err), LG_OK);
	assert_int_equal(r.frames, FRAMES);
	assert_int_equal(r.records, FRAMES * PER_FRAME);
	assert_int_equal(r.bad_frames + r.bad_segments + r.closed_segments + lines, 0);
	assert_int_equal(spool_verify("/d", NULL, &f->fs->io, &r, count_line, &lines, &err), LG_OK);
	assert_int_equal(r.frames, FRAMES);
	assert_int_equal(r.closed_segments, 1);
	assert_int_equal(lines, 1);
	key_file(keys_path, 1, 1, 1);
	assert_int_equal(spool_verify("/d", keys_path, &f->fs->io, &r, count_line, &lines, &err), LG_OK);
	assert_int_equal(r.closed_segments, 1);
	assert_int_equal(r.bad_frames, 0);
}

static void test_a_view_reads_encrypted_records_with_the_key_alone(void **state)
{
	struct mem_fixture *f = *state;
	struct spool_reader *reader;
	struct spool *view;
	struct lg_batch *batch;
	struct lg_err err;
	uint64_t first = 0, last;

	three_frames(f);
	assert_int_equal(spool_peek_open(&view, "/d", &f->fs->io, &err), LG_OK);
	assert_int_equal(spool_reader_open(view, 1, &reader, &err), LG_OK);
	assert_int_equal(spool_reader_next(reader, &batch, &first, &last, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "segment 1: it is encrypted with key 1"));
	spool_reader_close(reader);
	assert_int_equal(spool_peek_keys(view, keys_path, &err), LG_OK);
	assert_int_equal(kit_read_all(view, 1, &first), FRAMES * PER_FRAME);
	spool_close(view);
}

int main(void)
{
#define CRYPT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        CRYPT_TEST(test_records_are_read_back_and_their_text_is_nowhere_on_the_disk),
	        CRYPT_TEST(test_without_a_key_file_the_text_is_on_the_disk),
	        CRYPT_TEST(test_compressed_frames_are_encrypted_behind_the_compression),
	        CRYPT_TEST(test_a_wrong_or_missing_key_names_segment_and_key_and_changes_nothing),
	        CRYPT_TEST(test_a_spool_that_was_not_encrypted_goes_on_encrypted),
	        CRYPT_TEST(test_three_keys_follow_each_other_without_a_restart),
	        CRYPT_TEST(test_a_new_key_is_noticed_at_the_next_roll_without_a_signal),
	        CRYPT_TEST(test_a_full_spool_goes_on_with_the_old_key_until_there_is_room),
	        CRYPT_TEST(test_a_restored_copy_never_draws_the_salts_of_the_day_it_lost),
	        CRYPT_TEST(test_what_a_failed_write_repeats_is_under_another_salt),
	        CRYPT_TEST(test_a_flip_at_every_byte_costs_at_most_its_frame),
	        CRYPT_TEST(test_every_byte_of_a_frame_but_its_checksums_is_authenticated),
	        CRYPT_TEST(test_a_forged_frame_costs_that_frame_and_is_set_aside_encrypted),
	        CRYPT_TEST(test_verify_opens_what_it_has_the_key_for_and_says_what_it_has_not),
	        CRYPT_TEST(test_a_view_reads_encrypted_records_with_the_key_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
