/* Runs a fuzz target over files and folders of inputs, without libFuzzer: the corpus in plain ctest. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static unsigned count;

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t size = 0, n;

	if (!f) {
		perror(path);
		return 1;
	}
	/* Exactly as large as the input, so that a read beyond it is seen. */
	do {
		uint8_t chunk[65536];
		uint8_t *grown;

		n = fread(chunk, 1, sizeof(chunk), f);
		grown = realloc(data, size + n + !(size + n));
		if (!grown)
			abort();
		data = grown;
		memcpy(data + size, chunk, n);
		size += n;
	} while (n > 0);
	fclose(f);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	count++;
	return 0;
}

static int replay(const char *path)
{
	struct stat st;
	struct dirent *entry;
	int failed = 0;
	DIR *dir;

	if (stat(path, &st) < 0) {
		perror(path);
		return 1;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(path);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) != NULL) {
		char name[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		failed |= replay(name);
	}
	if (dir)
		closedir(dir);
	return failed;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	printf("%u inputs\n", count);
	return failed || !count;
}
