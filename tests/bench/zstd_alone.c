/* zstd_alone - what compressing the source alone costs: level 1, one frame for each 256 KiB, as a batch of the spool.
 *
 *     zstd_alone FILE
 *
 * Prints "bytes N compressed M"; status 1 when anything failed. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <zstd.h>

enum { BLOCK = 256 << 10, LEVEL = 1 };

static void die(const char *what)
{
	fprintf(stderr, "zstd_alone: %s\n", what);
	exit(1);
}

int main(int argc, char **argv)
{
	size_t bound = ZSTD_compressBound(BLOCK), done;
	char *in = malloc(BLOCK), *out = malloc(bound);
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	uint64_t bytes = 0, compressed = 0;
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
	ssize_t n;

	if (!in || !out || !ctx || fd < 0)
		die("usage: zstd_alone FILE");
	while ((n = read(fd, in, BLOCK)) > 0) {
		done = ZSTD_compressCCtx(ctx, out, bound, in, (size_t)n, LEVEL);
		if (ZSTD_isError(done))
			die(ZSTD_getErrorName(done));
		bytes += (uint64_t)n;
		compressed += done;
	}
	if (n < 0)
		die("read failed");
	printf("bytes %llu compressed %llu\n", (unsigned long long)bytes, (unsigned long long)compressed);
	ZSTD_freeCCtx(ctx);
	free(in);
	free(out);
	close(fd);
	return 0;
}
