/* key_files.h - key files for the tests, on the real disk. Header only, for cmocka programs. */
#ifndef KEY_FILES_H
#define KEY_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/crypt.h"

/* Key `id` of the tests, as `variant` 0 or another one that some wrong file holds. */
static inline void key_of(uint32_t id, unsigned variant, uint8_t key[CRYPT_KEY_SIZE])
{
	for (unsigned i = 0; i < CRYPT_KEY_SIZE; i++)
		key[i] = (uint8_t)(i * 7 + id * 31 + variant * 101);
}

static inline void key_line(FILE *f, uint32_t id, unsigned variant)
{
	char text[CRYPT_KEY_TEXT + 1];
	uint8_t key[CRYPT_KEY_SIZE];

	key_of(id, variant, key);
	crypt_key_to_text(key, text);
	fprintf(f, "%u %s\n", id, text);
}

/* A path for a key file, removed by the caller. */
static inline void key_path(char path[64])
{
	int fd;

	snprintf(path, 64, "/tmp/lugger-keys-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
}

/* Replaces the file by one with the keys first..last of a variant, as an operator should: written beside it and renamed. */
static inline void key_file(const char *path, uint32_t first, uint32_t last, unsigned variant)
{
	char fresh[80];
	FILE *f;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	f = fopen(fresh, "w");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fputs("# id and key\n", f);
	for (uint32_t id = first; id <= last; id++)
		key_line(f, id, variant);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(fresh, path), 0);
}

#endif
