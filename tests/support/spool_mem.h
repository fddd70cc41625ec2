/* spool_mem.h - fixture of the spool's tests that run on the file system in memory. */
#ifndef SPOOL_MEM_H
#define SPOOL_MEM_H

#include "spool_kit.h"

#include "base/log.h"
#include "memfs.h"

struct mem_fixture {
	struct memfs *fs;
	struct mem_budget budget;
	struct clock_fake fake;
	struct clock clock;
	struct spool_conf conf;
	struct codec *codec;
	struct spool *spool;
	uint64_t next; /* number of the next record */
};

static inline int mem_set_up(void **state)
{
	struct mem_fixture *f = calloc(1, sizeof(*f));

	log_set_level(LG_ERROR);
	log_set_fd(-1); /* the errors these tests provoke are of no interest */
	f->fs = memfs_new("/d");
	mem_budget_init(&f->budget, 64u << 20);
	f->fake = (struct clock_fake){CLOCK_SECOND, 1763856000 * CLOCK_SECOND};
	f->clock = clock_fake_on(&f->fake);
	f->conf = (struct spool_conf){.data_dir = "/d",
	        .max_size = 1u << 20,
	        .segment_size = 64u << 10,
	        .sync = SPOOL_SYNC_ALWAYS,
	        .budget = &f->budget,
	        .io = &f->fs->io,
	        .clock = &f->clock};
	f->codec = codec_new(1);
	f->next = 1;
	*state = f;
	return 0;
}

static inline int mem_tear_down(void **state)
{
	struct mem_fixture *f = *state;

	spool_close(f->spool);
	assert_int_equal(mem_used(&f->budget), 0);
	codec_free(f->codec);
	memfs_free(f->fs);
	free(f);
	return 0;
}

static inline void mem_open(struct mem_fixture *f)
{
	struct lg_err err;

	if (spool_open(&f->spool, &f->conf, &err) != LG_OK)
		fail_msg("open: %s", err.text);
	if (spool_output_add(f->spool, "out", false, &err) != LG_OK)
		fail_msg("output: %s", err.text);
}

static inline void mem_reopen(struct mem_fixture *f)
{
	spool_close(f->spool);
	f->spool = NULL;
	mem_open(f);
}

/* Appends one batch; false where the spool is full. It is durable on return. */
static inline bool mem_put(struct mem_fixture *f, unsigned count, size_t size)
{
	struct lg_batch *batch = kit_batch(&f->budget, "in", f->next, count, size, NULL, f->fake.utc_ns);
	struct lg_err err;
	enum lg_rc rc = spool_append(f->spool, batch, &err);

	lg_batch_release(batch);
	if (rc == LG_FULL)
		return false;
	if (rc != LG_OK)
		fail_msg("append: %s", err.text);
	kit_commit(f->spool);
	f->next += count;
	return true;
}

static inline struct spool_stat mem_stat(struct mem_fixture *f)
{
	struct spool_stat stat;

	spool_stat(f->spool, &stat);
	return stat;
}

/* The path of the i-th segment file, oldest first. */
static inline const char *mem_segment(struct mem_fixture *f, size_t i)
{
	static char path[MEMFS_PATH];
	const char *best = NULL;

	path[0] = '\0';
	for (size_t round = 0; round <= i; round++) {
		best = NULL;
		for (size_t k = 0; k < f->fs->live.entry_count; k++) {
			const char *p = f->fs->live.entries[k].path;

			if (strstr(p, ".seg") && strcmp(p, path) > 0 && (!best || strcmp(p, best) < 0))
				best = p;
		}
		if (!best)
			return NULL;
		snprintf(path, sizeof(path), "%s", best);
	}
	return path;
}

static inline size_t mem_count_files(struct mem_fixture *f, const char *part)
{
	size_t n = 0;

	for (size_t k = 0; k < f->fs->live.entry_count; k++)
		n += strstr(f->fs->live.entries[k].path, part) != NULL;
	return n;
}

#endif
