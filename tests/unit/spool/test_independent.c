/* The independent reader (tests/support/spool_reader.py, written from SPOOL.md) and the product read the same spool alike. */
#define _GNU_SOURCE
#include "spool_kit.h"

#include "base/log.h"
#include "key_files.h"

struct fixture {
	char dir[64];
	struct spool_conf conf;
	struct codec *codec;
	struct lg_buf mine;
	char keys[64]; /* key file, where the test encrypts */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/lugger-spool-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->conf = (struct spool_conf){.data_dir = f->dir,
	        .max_size = 16u << 20,
	        .segment_size = 128u << 10,
	        .io = &sys_io_posix,
	        .clock = &clock_system};
	f->codec = codec_new(1);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
	if (f->keys[0])
		assert_int_equal(unlink(f->keys), 0);
	codec_free(f->codec);
	lg_buf_fini(&f->mine);
	free(f);
	return 0;
}

static void hex(struct lg_buf *out, struct lg_str s)
{
	for (size_t i = 0; i < s.size; i++)
		lg_buf_printf(out, "%02x", (uint8_t)s.data[i]);
}

/* What the product reads, in the lines of the other reader. */
static void dump_records(struct spool *spool, struct lg_buf *out)
{
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_err err;
	uint64_t first, last;
	enum lg_rc rc;

	assert_int_equal(spool_reader_open(spool, 1, &reader, &err), LG_OK);
	while ((rc = spool_reader_next(reader, &batch, &first, &last, &err)) == LG_OK) {
		for (lg_batch_begin(&it, batch, 0); lg_batch_next(&it, &rec);) {
			lg_buf_printf(out, "%s %llu %.*s %lld %lld %d %d ", rec.log_id, (unsigned long long)rec.seq,
			        (int)rec.input.size, rec.input.data, (long long)rec.received_ns, (long long)rec.time_ns,
			        rec.severity, rec.facility);
			hex(out, rec.body);
			lg_buf_append_char(out, ' ');
			hex(out, rec.fields);
			hex(out, rec.origin);
			lg_buf_append_cstr(out, rec.fields.size + rec.origin.size ? "\n" : "-\n");
		}
		lg_batch_release(batch);
	}
	assert_int_equal(rc, LG_AGAIN);
	spool_reader_close(reader);
}

static void assert_other_reader_says(struct fixture *f, const char *option, const struct lg_buf *expected)
{
	struct lg_buf out = {0};
	char command[512];
	size_t n;
	FILE *pipe;

	snprintf(command, sizeof(command), "python3 %s/tests/support/spool_reader.py %s %s %s %s", LUGGER_SOURCE,
	        f->keys[0] ? "--keys" : "", f->keys, option, f->dir);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	while ((n = fread(lg_buf_reserve(&out, 65536), 1, 65536, pipe)) > 0)
		out.size += n;
	assert_int_equal(pclose(pipe), 0);
	if (out.size != expected->size || memcmp(out.data, expected->data, out.size) != 0)
		fail_msg("%s: the readers differ:\n%.*s\n-- other:\n%.*s", option,
		        (int)(expected->size < 2000 ? expected->size : 2000), (char *)expected->data,
		        (int)(out.size < 2000 ? out.size : 2000), (char *)out.data);
	lg_buf_fini(&out);
}

static struct lg_batch *rich_batch(struct fixture *f, unsigned n)
{
	struct lg_batch *batch = batch_new(NULL, 4096, n % 2 ? "operlog" : "smf");
	struct lg_draft shared, d;
	struct lg_origin *origin;
	char body[300];

	lg_draft_reset(&shared);
	lg_draft_string(&shared, LG_F_LOG_FILE_PATH, LG_STR("/logs/sysa"));
	origin = lg_origin_new(&shared);
	for (unsigned i = 0; i < 60; i++) {
		lg_draft_reset(&d);
		d.body = (struct lg_str){body, kit_body(body, "x", n * 100 + i, 20 + (n * 7 + i) % 200)};
		d.time_ns = 1763856000 * CLOCK_SECOND + i;
		d.severity = (uint8_t)(i % 8);
		d.facility = i % 3 ? LG_FACILITY_NONE : 16;
		lg_draft_number(&d, LG_F_LOG_OFFSET, (int64_t)n * 1000 + i);
		lg_draft_string(&d, LG_F_ZOS_SYSNAME, LG_STR("SYSA"));
		lg_draft_custom(&d, LG_STR("site.shift"), LG_STR("night"));
		lg_draft_bool(&d, LG_F_TRUNCATED, i % 2);
		batch_add(batch, &d, i % 4 ? origin : NULL, 1763856000 * CLOCK_SECOND + (int64_t)n);
	}
	batch_put_position(batch, LG_STR("offset"), &n, sizeof(n));
	batch_put_position(batch, LG_STR("gone"), "x", n % 2);
	batch_pack(batch, n % 3 ? f->codec : NULL);
	lg_origin_free(origin);
	return batch;
}

static void fill(struct fixture *f, unsigned from, unsigned to)
{
	struct spool *spool;
	struct lg_err err;

	assert_int_equal(spool_open(&spool, &f->conf, &err), LG_OK);
	assert_int_equal(spool_output_add(spool, "siem", false, &err), LG_OK);
	assert_int_equal(spool_output_add(spool, "archive", false, &err), LG_OK);
	for (unsigned n = from; n < to; n++) {
		kit_append(spool, rich_batch(f, n));
		kit_commit(spool);
	}
	spool_cursor_move(spool, "siem", to * 60 - 5);
	spool_cursor_move(spool, "archive", 700);
	spool_output_detach(spool, to % 2 ? "siem" : "");
	spool_maintain(spool, true);
	spool_close(spool);
}

/* What product and other reader say now: records, cursors, positions. */
static void compare(struct fixture *f)
{
	struct lg_buf cursors = {0}, positions = {0};
	struct spool_stat stat;
	struct spool *spool;
	struct lg_err err;
	const char *inputs[] = {"operlog", "smf"};

	lg_buf_clear(&f->mine);
	assert_int_equal(spool_peek_open(&spool, f->dir, &sys_io_posix, &err), LG_OK);
	if (f->keys[0])
		assert_int_equal(spool_peek_keys(spool, f->keys, &err), LG_OK);
	dump_records(spool, &f->mine);
	spool_stat(spool, &stat);
	lg_buf_printf(&cursors, "archive %llu 0\nsiem %llu %d\n", (unsigned long long)spool_cursor(spool, "archive"),
	        (unsigned long long)spool_cursor(spool, "siem"), stat.outputs[0].detached);
	for (int i = 0; i < 2; i++) {
		struct kit_position p = {.key = "offset"};

		spool_positions(spool, lg_str_from(inputs[i]), kit_note_position, &p);
		if (i == 0)
			lg_buf_printf(&positions, "%s gone 78\n", inputs[i]);
		lg_buf_printf(&positions, "%s offset ", inputs[i]);
		hex(&positions, (struct lg_str){p.value, p.size});
		lg_buf_append_char(&positions, '\n');
		assert_int_equal(p.count, i == 0 ? 2 : 1);
	}
	spool_close(spool);
	assert_other_reader_says(f, "", &f->mine);
	assert_other_reader_says(f, "--cursors", &cursors);
	assert_other_reader_says(f, "--positions", &positions);
	lg_buf_fini(&cursors);
	lg_buf_fini(&positions);
}

static void test_both_readers_find_the_same_records_cursors_and_positions(void **state)
{
	struct fixture *f = *state;

	fill(f, 0, 31);
	compare(f);
	assert_true(f->mine.size > 100000);
	fill(f, 31, 60);
	compare(f);
}

static void test_both_readers_decrypt_the_same_records_under_three_keys(void **state)
{
	struct fixture *f = *state;

	fill(f, 0, 10);
	key_path(f->keys);
	f->conf.key_file = f->keys;
	for (uint32_t key = 1; key <= 3; key++) {
		key_file(f->keys, 1, key, 0);
		fill(f, 10 * key, 10 * key + 10);
	}
	fill(f, 40, 41);
	compare(f);
	assert_true(f->mine.size > 100000);
}

/* The bytes of the block of SPOOL.md as a segment file. */
static void write_example(const char *path)
{
	FILE *spec = fopen(LUGGER_SOURCE "/forwarder/spool/SPOOL.md", "r"), *file = fopen(path, "w");
	bool inside = false;
	char line[1000];

	assert_non_null(spec);
	assert_non_null(file);
	while (fgets(line, sizeof(line), spec)) {
		unsigned long at = strtoul(line, NULL, 16);

		if (strncmp(line, "```", 3) == 0)
			inside = strcmp(line, "```encrypted\n") == 0;
		else if (inside) {
			assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
			for (int i = 0; i < 16; i++)
				putc((int)strtoul(line + 6 + 3 * i, NULL, 16), file);
		}
	}
	fclose(spec);
	assert_int_equal(fclose(file), 0);
}

static void test_the_other_reader_decrypts_the_example_of_the_specification(void **state)
{
	/* On the disk an unknown time is -2^63, who reads gets the time of receipt. */
	static const char theirs[] = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf 1 in 2 -9223372036854775808 255 255 6869 -\n";
	static const char ours[] = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf 1 in 2 2 255 255 6869 -\n";
	struct fixture *f = *state;
	char path[128];
	FILE *keys;

	key_path(f->keys);
	keys = fopen(f->keys, "w");
	assert_non_null(keys);
	fputs("7 QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=\n", keys);
	assert_int_equal(fclose(keys), 0);
	snprintf(path, sizeof(path), "%s/spool", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/spool/0000000000000001-0000000000000001.seg", f->dir);
	write_example(path);
	lg_buf_append_cstr(&f->mine, theirs);
	assert_other_reader_says(f, "", &f->mine);
	lg_buf_clear(&f->mine);
	{
		struct spool *spool;
		struct lg_err err;

		assert_int_equal(spool_peek_open(&spool, f->dir, &sys_io_posix, &err), LG_OK);
		assert_int_equal(spool_peek_keys(spool, f->keys, &err), LG_OK);
		dump_records(spool, &f->mine);
		spool_close(spool);
	}
	assert_int_equal(f->mine.size, sizeof(ours) - 1);
	assert_memory_equal(f->mine.data, ours, f->mine.size);
}

static void test_both_readers_leave_out_the_same_torn_tail(void **state)
{
	struct fixture *f = *state;
	char command[300];
	size_t before;

	fill(f, 0, 20);
	compare(f);
	before = f->mine.size;
	/* The state forgets, so that no mark covers the last frame, whose payload is then damaged: what an append looks like that
	 * was cut. */
	snprintf(command, sizeof(command),
	        "cd %s/spool && rm state && python3 -c \""
	        "import glob; n=sorted(glob.glob('*.seg'))[-1]; d=bytearray(open(n,'rb').read()); at=d.rfind(b'\\xf5LGF'); "
	        "d[at+400]^=1; "
	        "open(n,'wb').write(d)\"",
	        f->dir);
	assert_int_equal(system(command), 0);
	lg_buf_clear(&f->mine);
	{
		struct spool *spool;
		struct lg_err err;

		assert_int_equal(spool_peek_open(&spool, f->dir, &sys_io_posix, &err), LG_OK);
		dump_records(spool, &f->mine);
		spool_close(spool);
	}
	assert_true(f->mine.size < before);
	assert_other_reader_says(f, "", &f->mine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_both_readers_find_the_same_records_cursors_and_positions, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(test_both_readers_decrypt_the_same_records_under_three_keys, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(test_the_other_reader_decrypts_the_example_of_the_specification, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(test_both_readers_leave_out_the_same_torn_tail, set_up, tear_down),
	};

	log_set_level(LG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
