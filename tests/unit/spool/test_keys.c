/* The key file and the cipher by themselves. */
#include "spool_kit.h"

#include "key_files.h"
#include "spool/keys.h"

#define K1 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define K2 "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="

static char path[64];

static int set_up(void **state)
{
	(void)state;
	key_path(path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static void put(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void test_a_wrong_key_file_is_refused_with_its_line_and_never_quoted(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
	        {"", "there is no key in it"},
	        {"# nothing\n\n   \n", "there is no key in it"},
	        {"1\n", "line 1: the key is not 32 bytes of base64"},
	        {"1 short\n", "line 1: the key is not 32 bytes of base64"},
	        {"# c\n1 " K1 "=\n", "line 2: the key is not 32 bytes of base64"},
	        {"1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n", "line 1: the key is not 32 bytes of base64"},
	        {"1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQF=\n", "line 1: the key is not 32 bytes of base64"},
	        {"1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBA*E=\n", "line 1: the key is not 32 bytes of base64"},
	        {"0 " K1 "\n", "line 1: expected an id from 1 to 4294967295"},
	        {"-1 " K1 "\n", "line 1: expected an id from 1 to 4294967295"},
	        {"4294967296 " K1 "\n", "line 1: expected an id from 1 to 4294967295"},
	        {K1 "\n", "line 1: expected an id from 1 to 4294967295"},
	        {"1 " K1 "\n2 " K2 "\n1 " K2 "\n", "line 3: this id was given above"},
	        {"1 " K1 " 2\n", "line 1: something follows the key"},
	};
	struct keys *keys;
	struct lg_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put(rows[i].text);
		assert_int_equal(keys_open(&keys, path, NULL, &err), LG_INVALID);
		assert_null(keys);
		if (!strstr(err.text, rows[i].says) || !strstr(err.text, path) || strstr(err.text, "AQEB"))
			fail_msg("row %zu: %s", i, err.text);
	}
}

static void test_a_good_key_file_may_have_comments_blanks_and_no_last_newline(void **state)
{
	static const char *const texts[] = {"7 " K1, "# a\r\n\n \t7\t" K1 " # in use\r\n", "9 " K2 "\n7 " K1 "\n#\n"};
	struct keys *keys;
	struct lg_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put(texts[i]);
		assert_int_equal(keys_open(&keys, path, NULL, &err), LG_OK);
		assert_int_equal(keys_in_use(keys), 7);
		assert_int_equal(keys_highest(keys), i == 2 ? 9 : 7);
		keys_close(keys);
	}
}

static void expect_refused(const char *data_dir, enum lg_rc rc, const char *says)
{
	struct keys *keys;
	struct lg_err err;

	assert_int_equal(keys_open(&keys, path, data_dir, &err), rc);
	if (!strstr(err.text, says))
		fail_msg("%s", err.text);
}

static void test_a_key_file_that_others_may_read_or_own_is_refused(void **state)
{
	struct keys *keys;
	struct lg_err err;

	(void)state;
	put("1 " K1 "\n");
	for (unsigned mode = 01; mode <= 040; mode <<= 1) {
		assert_int_equal(chmod(path, 0600 | mode), 0);
		expect_refused(NULL, LG_INVALID, "chmod 600");
	}
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(keys_open(&keys, path, NULL, &err), LG_OK);
	keys_close(keys);
	if (geteuid() == 0) { /* only root can read what belongs to another */
		char dir[] = "/tmp/lugger-owner-XXXXXX";

		assert_non_null(mkdtemp(dir));
		assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
		expect_refused(NULL, LG_INVALID, "it belongs to user 12345");
		expect_refused(dir, LG_INVALID, "it belongs to user 12345");
		assert_int_equal(chown(dir, 12345, (gid_t)-1), 0);
		assert_int_equal(keys_open(&keys, path, dir, &err), LG_OK); /* root looks into the service's spool */
		keys_close(keys);
		assert_int_equal(rmdir(dir), 0);
	}
}

static void test_a_credential_of_systemd_may_be_read_by_its_group_alone(void **state)
{
	struct keys *keys;
	struct lg_err err;

	(void)state;
	put("1 " K1 "\n");
	assert_int_equal(chmod(path, 0440), 0);
	expect_refused(NULL, LG_INVALID, "chmod 600");
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/tmp", 1), 0);
	assert_int_equal(keys_open(&keys, path, NULL, &err), LG_OK);
	keys_close(keys);
	assert_int_equal(chmod(path, 0444), 0);
	expect_refused(NULL, LG_INVALID, "chmod 600");
	assert_int_equal(chmod(path, 0460), 0);
	expect_refused(NULL, LG_INVALID, "chmod 600");
	assert_int_equal(chmod(path, 0440), 0);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/tmp/lugger", 1), 0); /* no folder of the path */
	expect_refused(NULL, LG_INVALID, "chmod 600");
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static void test_what_is_no_regular_file_is_refused_without_waiting(void **state)
{
	(void)state;
	assert_int_equal(unlink(path), 0);
	expect_refused(NULL, LG_NOTFOUND, "No such file");
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refused(NULL, LG_INVALID, "not a regular file");
}

static void test_a_reload_keeps_the_keys_where_the_new_file_is_wrong(void **state)
{
	struct keys_change change;
	struct keys *keys;
	struct lg_err err;

	(void)state;
	key_file(path, 1, 2, 0);
	assert_int_equal(keys_open(&keys, path, NULL, &err), LG_OK);
	assert_int_equal(keys_refresh(keys, &change, &err), LG_OK);
	assert_int_equal(change.in_use, 0);
	put("3 nonsense\n");
	assert_int_equal(keys_refresh(keys, &change, &err), LG_INVALID);
	assert_int_equal(keys_in_use(keys), 2);
	assert_int_equal(keys_refresh(keys, &change, &err), LG_OK); /* told once */
	key_file(path, 2, 3, 1);                                    /* key 2 is another one */
	assert_int_equal(keys_refresh(keys, &change, &err), LG_INVALID);
	assert_non_null(strstr(err.text, "key 2 became another one"));
	assert_int_equal(keys_in_use(keys), 2);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(keys_refresh(keys, &change, &err), LG_NOTFOUND);
	assert_int_equal(keys_in_use(keys), 2);
	key_file(path, 2, 3, 0);
	assert_int_equal(keys_refresh(keys, &change, &err), LG_OK);
	assert_int_equal(change.in_use, 3);
	assert_int_equal(change.gone, 1);
	assert_int_equal(keys_in_use(keys), 3);
	keys_close(keys);
}

static void test_keygen_prints_lines_that_a_key_file_takes_and_no_key_twice(void **state)
{
	struct lg_buf lines = {0};
	struct keys *keys;
	struct lg_err err;

	(void)state;
	assert_int_equal(unlink(path), 0);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(spool_keygen(0, path, &lines, &err), LG_OK);
		assert_int_equal(lines.size, (1 + 1 + CRYPT_KEY_TEXT + 1) * i);
		lg_buf_append_char(&lines, '\0');
		put((const char *)lines.data);
		lines.size--;
		assert_int_equal(chmod(path, 0600), 0);
		assert_int_equal(keys_open(&keys, path, NULL, &err), LG_OK);
		assert_int_equal(keys_in_use(keys), i);
		keys_close(keys);
	}
	assert_memory_not_equal(lines.data + 2, lines.data + 2 + 47, CRYPT_KEY_TEXT);
	assert_memory_not_equal(lines.data + 2, lines.data + 2 + 94, CRYPT_KEY_TEXT);
	lg_buf_fini(&lines);
}

static void test_a_cipher_refuses_an_index_twice(void **state)
{
	const uint8_t key[CRYPT_KEY_SIZE] = {1}, salt[CRYPT_SALT_SIZE] = {2};
	struct lg_str aad = LG_STR("header");
	struct lg_buf out = {0};
	struct crypt *crypt;
	struct lg_err err;

	(void)state;
	assert_int_equal(crypt_new(&crypt, key, salt, true, &err), LG_OK);
	assert_int_equal(crypt_seal(crypt, 0, &aad, 1, "x", 1, &out, &err), LG_OK);
	assert_int_equal(crypt_seal(crypt, 3, &aad, 1, "x", 1, &out, &err), LG_OK);
	assert_int_equal(out.size, 34);
	assert_int_equal(crypt_seal(crypt, 3, &aad, 1, "x", 1, &out, &err), LG_INVALID);
	assert_int_equal(crypt_seal(crypt, 0, &aad, 1, "x", 1, &out, &err), LG_INVALID);
	assert_int_equal(out.size, 34);
	crypt_free(crypt);
	lg_buf_fini(&out);
}

/* Sizes around the block, and every bit of data, tag and header. */
static void test_what_was_sealed_opens_and_not_a_bit_less(void **state)
{
	const uint8_t key[CRYPT_KEY_SIZE] = {9}, salt[CRYPT_SALT_SIZE] = {8};
	static const size_t sizes[] = {0, 1, 15, 16, 17, 100};
	struct crypt *seal, *open;
	struct lg_err err;
	char text[100], head[20];

	(void)state;
	memset(text, 'a', sizeof(text));
	memset(head, 'h', sizeof(head));
	assert_int_equal(crypt_new(&seal, key, salt, true, &err), LG_OK);
	assert_int_equal(crypt_new(&open, key, salt, false, &err), LG_OK);
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct lg_str aad = {head, sizeof(head)};
		struct lg_buf sealed = {0}, copy = {0};

		assert_int_equal(crypt_seal(seal, i, &aad, 1, text, sizes[i], &sealed, &err), LG_OK);
		for (size_t bit = 0; bit < 8 * (sealed.size + sizeof(head)); bit++) {
			size_t at = bit / 8;

			lg_buf_clear(&copy);
			lg_buf_append(&copy, sealed.data, sealed.size);
			if (at < sealed.size)
				copy.data[at] ^= (uint8_t)(1 << bit % 8);
			else
				head[at - sealed.size] ^= (char)(1 << bit % 8);
			assert_int_equal(crypt_open(open, i, &aad, 1, &copy), LG_CORRUPT);
			assert_int_equal(copy.size, 0);
			if (at >= sealed.size)
				head[at - sealed.size] ^= (char)(1 << bit % 8);
		}
		lg_buf_append(&copy, sealed.data, sealed.size);
		assert_int_equal(crypt_open(open, i + 1, &aad, 1, &copy), LG_CORRUPT); /* another frame's place */
		lg_buf_append(&copy, sealed.data, sealed.size);
		assert_int_equal(crypt_open(open, i, &aad, 1, &copy), LG_OK);
		assert_int_equal(copy.size, sizes[i]);
		assert_memory_equal(copy.data, text, sizes[i]);
		lg_buf_fini(&sealed);
		lg_buf_fini(&copy);
	}
	crypt_free(seal);
	crypt_free(open);
}

int main(void)
{
#define KEY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	        KEY_TEST(test_a_wrong_key_file_is_refused_with_its_line_and_never_quoted),
	        KEY_TEST(test_a_good_key_file_may_have_comments_blanks_and_no_last_newline),
	        KEY_TEST(test_a_key_file_that_others_may_read_or_own_is_refused),
	        KEY_TEST(test_a_credential_of_systemd_may_be_read_by_its_group_alone),
	        KEY_TEST(test_what_is_no_regular_file_is_refused_without_waiting),
	        KEY_TEST(test_a_reload_keeps_the_keys_where_the_new_file_is_wrong),
	        KEY_TEST(test_keygen_prints_lines_that_a_key_file_takes_and_no_key_twice),
	        cmocka_unit_test(test_a_cipher_refuses_an_index_twice),
	        cmocka_unit_test(test_what_was_sealed_opens_and_not_a_bit_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
