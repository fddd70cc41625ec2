/* Damage everywhere: every bit of every byte of a segment of three frames, of its footer, of both state slots; and random flips, holes and junk in segments
 * of full size. Each disk is damaged, opened by the real spool_open, and read to its end:
 *
 *  - only frames that the damage touches are missing, whole, and every other record is there once, in order, unchanged;
 *  - what is missing is a gap that the reader states, or, behind a crash, the torn tail: the group that was not known to be synced;
 *  - it is counted, and in quarantine lies a report that names place, reason and the records;
 *  - no cursor passes what was settled, no position what can be read, and the log goes on.
 *
 *     spool_test_flips [TRIALS [SEED]]     so many random ones at full size (default 24)
 */
#include "spool_mem.h"

#include "key_files.h"
#include "spool/segment.h"
#include "spool/state.h"

#define FRAMES_MAX 512

enum ending { SEALED, CLOSED, KILLED }; /* the segment: has a footer and a successor; its end is in the state; is only in its own frames */

static const char *const ending_names[] = {"sealed", "closed in order", "killed"};

struct extent {
	uint64_t from, to;
};

/* A disk with one segment of interest, its oldest, and what is on it. */
struct disk {
	struct mem_fixture *f;
	struct memfs *whole;
	enum ending ending;
	unsigned frames, per_frame;
	size_t body;
	char segment[MEMFS_PATH];
	struct extent extents[FRAMES_MAX];
	uint64_t end; /* behind the last frame */
};

struct outcome {
	uint8_t *seen, *gap; /* by frame */
	uint64_t next_seq;
	struct spool_stat stat;
};

static char keys_path[64];
static uint64_t trials_wanted = 24, seed = 1;

static uint64_t random_next(void)
{
	seed ^= seed << 13; /* xorshift64, Marsaglia 2003 */
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t below(uint64_t n)
{
	return random_next() % n;
}

/* ---- a disk ---- */

static char pattern[8192 + 64];

/* Frames of full size are filled and compared faster than kit_body does it; each record names its number first. */
static struct lg_batch *make_batch(struct disk *d, uint64_t first)
{
	struct lg_batch *batch = batch_new(NULL, d->per_frame * (d->body + 64), "in");
	char *body = malloc(d->body + 96), value[32];
	struct lg_draft draft;

	for (unsigned i = 0; i < d->per_frame; i++) {
		int n = snprintf(body, 96, "in record %llu ", (unsigned long long)first + i);

		memcpy(body + n, pattern + (first + i) % 64, d->body - (size_t)n);
		lg_draft_reset(&draft);
		draft.body = (struct lg_str){body, d->body};
		batch_add(batch, &draft, NULL, d->f->fake.utc_ns);
	}
	snprintf(value, sizeof(value), "%llu", (unsigned long long)(first + d->per_frame));
	batch_put_position(batch, LG_STR("next"), value, strlen(value));
	free(body);
	batch_pack(batch, NULL);
	return batch;
}

static bool body_is(const struct disk *d, struct lg_str body, uint64_t number)
{
	char start[96];
	int n = snprintf(start, sizeof(start), "in record %llu ", (unsigned long long)number);

	return body.size == d->body && memcmp(body.data, start, (size_t)n) == 0 &&
	       memcmp(body.data + n, pattern + number % 64, d->body - (size_t)n) == 0;
}

static void put_frame(struct disk *d)
{
	kit_append(d->f->spool, make_batch(d, d->f->next));
	kit_commit(d->f->spool);
	d->f->next += d->per_frame;
}

static void find_extents(struct disk *d)
{
	struct segment_scan scan;
	struct scan_item item;
	struct memfs_file *file = memfs_file(d->whole, d->segment);
	int handle = d->whole->io.open(d->whole, d->segment, SYS_READ);
	unsigned n = 0;

	segment_scan_begin(&scan, &d->whole->io, handle, 1, 0, SEGMENT_PAGE, file->size);
	while (n < d->frames && segment_scan_next(&scan, &item) == SCAN_FRAME) {
		d->extents[n++] = (struct extent){item.from, item.to};
		d->end = item.to;
	}
	segment_scan_end(&scan);
	d->whole->io.close(d->whole, handle);
	assert_int_equal(n, d->frames);
}

/* frames 0: as many as the segment takes. */
static void make_disk(struct disk *d, enum ending ending, unsigned frames, unsigned per_frame, size_t body, bool encrypted)
{
	void *fixture = NULL;
	struct spool *left = NULL;

	memset(d, 0, sizeof(*d));
	mem_set_up(&fixture);
	d->f = fixture;
	d->ending = ending;
	d->per_frame = per_frame;
	d->body = body;
	if (!frames) {
		d->f->conf.segment_size = 64u << 20;
		d->f->conf.max_size = UINT64_C(1) << 30;
	}
	d->f->conf.key_file = encrypted ? keys_path : NULL;
	mem_open(d->f);
	do {
		put_frame(d);
		d->frames++;
	} while (frames ? d->frames < frames : (d->frames + 2) * (uint64_t)per_frame * (body + 64) < d->f->conf.segment_size);
	snprintf(d->segment, sizeof(d->segment), "%s", mem_segment(d->f, 0));
	if (ending == KILLED) {
		left = d->f->spool; /* closed on its own copy of the disk, below */
		d->whole = memfs_survive_kill(d->f->fs);
	} else {
		spool_close(d->f->spool);
		d->f->spool = NULL;
		if (ending == SEALED) {
			mem_open(d->f);
			spool_close(d->f->spool);
			d->f->spool = NULL;
		}
		d->whole = memfs_survive_kill(d->f->fs);
	}
	spool_close(left);
	d->f->spool = NULL;
	memfs_free(d->f->fs);
	d->f->fs = NULL;
	memfs_view_free(&d->whole->durable); /* what the damage meets is all on the disk */
	memfs_view_copy(&d->whole->durable, &d->whole->live);
	d->whole->piece_count = 0;
	find_extents(d);
}

static void free_disk(struct disk *d)
{
	void *fixture = d->f;

	d->f->fs = d->whole;
	mem_tear_down(&fixture);
}

/* ---- reading it back ---- */

static void read_all(struct disk *d, struct outcome *o)
{
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_err err;
	uint64_t gap_first, gap_last, at = 1;
	enum lg_rc rc;

	assert_int_equal(spool_reader_open(d->f->spool, 1, &reader, &err), LG_OK);
	while ((rc = spool_reader_next(reader, &batch, &gap_first, &gap_last, &err)) == LG_OK || rc == LG_CORRUPT) {
		if (rc == LG_CORRUPT) {
			assert_int_equal(gap_first, at);
			assert_true(gap_last >= gap_first);
			for (; at <= gap_last; at++)
				if (at <= (uint64_t)d->frames * d->per_frame)
					o->gap[(at - 1) / d->per_frame] = 1;
			continue;
		}
		for (lg_batch_begin(&it, batch, 0); lg_batch_next(&it, &rec); at++) {
			assert_int_equal(rec.seq, at);
			if (at > (uint64_t)d->frames * d->per_frame)
				continue; /* written behind the damage */
			assert_true(body_is(d, rec.body, at));
			o->seen[(at - 1) / d->per_frame] = 1;
		}
		lg_batch_release(batch);
	}
	spool_reader_close(reader);
	if (rc != LG_AGAIN)
		fail_msg("read: %s: %s", lg_rc_name(rc), err.text);
	o->next_seq = at;
	o->stat = mem_stat(d->f);
	assert_int_equal(o->stat.next_seq, at);
}

/* Is there a report that names all of these records? */
static bool reported(struct disk *d, uint64_t first, uint64_t last)
{
	struct memfs *fs = d->f->fs;

	for (size_t k = 0; k < fs->live.entry_count; k++) {
		const char *path = fs->live.entries[k].path, *line;
		char text[1024];
		unsigned long long from, to;

		if (!strstr(path, "/quarantine/") || !strstr(path, ".txt"))
			continue;
		text[memfs_file_read(memfs_file(fs, path), 0, (uint8_t *)text, sizeof(text) - 1)] = '\0';
		assert_non_null(strstr(text, "segment 1\noffset "));
		assert_non_null(strstr(text, "\nreason "));
		line = strstr(text, "\nrecords ");
		assert_non_null(line);
		if (sscanf(line, "\nrecords %llu to %llu\n", &from, &to) == 2 && from <= first && last <= to)
			return true;
		if (sscanf(line, "\nrecords from %llu on", &from) == 1 && from <= first)
			return true;
	}
	return false;
}

struct sums {
	uint64_t trials, harmless, frames, torn;
};

/* from, to: the bytes of the segment that were changed. */
static void judge(struct disk *d, struct outcome *o, uint64_t from, uint64_t to, bool all_may_go, struct sums *sums)
{
	unsigned missing = 0;

	for (unsigned i = 0; i < d->frames; i++) {
		bool hit = d->extents[i].from < to && from < d->extents[i].to;
		uint64_t first = (uint64_t)i * d->per_frame + 1, last = first + d->per_frame - 1;

		assert_false(o->seen[i] && o->gap[i]);
		if (o->seen[i])
			continue;
		missing++;
		if (!hit && !all_may_go)
			fail_msg("%s: bytes %llu to %llu were damaged and frame %u at %llu is gone", ending_names[d->ending], (unsigned long long)from,
			        (unsigned long long)to, i, (unsigned long long)d->extents[i].from);
		if (o->gap[i] && o->stat.quarantined && !reported(d, first, last))
			fail_msg("%s: no report names the records %llu to %llu (damage at %llu to %llu)", ending_names[d->ending], (unsigned long long)first,
			        (unsigned long long)last, (unsigned long long)from, (unsigned long long)to);
		if (!o->gap[i]) { /* then it was not known to be synced, and nothing behind it is there */
			assert_int_equal(d->ending, KILLED);
			assert_true(o->next_seq <= first);
			sums->torn++;
		}
	}
	if (missing)
		assert_true(o->stat.corrupt_frames + o->stat.torn_bytes > 0);
	if (o->stat.corrupt_frames || o->stat.torn_bytes)
		assert_true(o->stat.quarantined > 0 || from < d->extents[0].from || o->stat.torn_bytes == 0);
	sums->trials++;
	sums->harmless += !missing;
	sums->frames += missing;
}

/* The position names the record behind some frame, none that is not readable or stated as lost; and the log goes on from there. */
static void go_on(struct disk *d, struct outcome *o)
{
	uint64_t position = kit_position_of(d->f->spool, "in"), before = d->f->next;

	position = position ? position : 1;
	assert_true(position <= o->next_seq);
	assert_int_equal((position - 1) % d->per_frame, 0);
	for (unsigned i = (unsigned)((position - 1) / d->per_frame); i < d->frames; i++)
		assert_false(o->seen[i] && d->frames <= 8 && o->stat.corrupt_frames == 0); /* nothing read comes a second time */
	d->f->next = position;
	put_frame(d);
	assert_int_equal(mem_stat(d->f).next_seq, o->next_seq + d->per_frame);
	d->f->next = before;
}

/* Opens the damaged copy, reads and judges. */
static void try_disk(struct disk *d, struct memfs *damaged, uint64_t from, uint64_t to, bool all_may_go, struct sums *sums)
{
	struct outcome o = {.seen = calloc(d->frames, 1), .gap = calloc(d->frames, 1)};

	d->f->fs = damaged;
	d->f->conf.io = &damaged->io;
	mem_open(d->f);
	read_all(d, &o);
	judge(d, &o, from, to, all_may_go, sums);
	go_on(d, &o);
	spool_close(d->f->spool);
	d->f->spool = NULL;
	free(o.seen);
	free(o.gap);
	memfs_free(damaged);
	d->f->fs = NULL;
}

static void flip(struct memfs *fs, const char *path, uint64_t at, unsigned bit)
{
	uint8_t byte;

	assert_int_equal(memfs_file_read(memfs_file(fs, path), at, &byte, 1), 1);
	byte ^= (uint8_t)(1u << bit);
	memfs_poke(fs, path, at, &byte, 1);
}

/* ---- every bit ---- */

static void flip_every_bit(enum ending ending, bool encrypted)
{
	struct sums sums = {0};
	struct disk d;
	uint64_t end;

	make_disk(&d, ending, 3, 4, 50, encrypted);
	end = ending == SEALED ? memfs_file(d.whole, d.segment)->size : d.end + 512; /* the footer; or some of the zeros behind */
	for (uint64_t at = 0; at < end; at++) {
		/* The padding of the header, some 3,500 zeros that nothing reads, gets one flip a byte, and so does all that is encrypted. */
		bool padding = encrypted || (at >= 512 && at < SEGMENT_PAGE - 128);

		for (unsigned bit = padding ? (unsigned)(at % 8) : 0; bit < (padding ? at % 8 + 1 : 8); bit++) {
			struct memfs *damaged = memfs_survive_kill(d.whole);

			flip(damaged, d.segment, at, bit);
			try_disk(&d, damaged, at, at + 1, false, &sums);
		}
	}
	printf("flips: segment of 3 frames, %s%s: %llu flips in %llu bytes, %llu cost a frame (%llu of them the last one of a crash), %llu nothing\n",
	        ending_names[ending], encrypted ? ", encrypted" : "", (unsigned long long)sums.trials, (unsigned long long)end,
	        (unsigned long long)sums.frames, (unsigned long long)sums.torn, (unsigned long long)sums.harmless);
	assert_true(sums.frames > (encrypted ? 1000 : 8000)); /* most flips inside frames hurt one */
	free_disk(&d);
}

static void test_a_flip_of_any_bit_of_a_sealed_segment_and_its_footer_costs_at_most_its_frame(void **state)
{
	(void)state;
	flip_every_bit(SEALED, false);
}

static void test_a_flip_of_any_bit_of_the_newest_segment_costs_at_most_its_frame(void **state)
{
	(void)state;
	flip_every_bit(CLOSED, false);
	flip_every_bit(CLOSED, true);
}

static void test_a_flip_of_any_bit_after_a_kill_costs_at_most_its_frame(void **state)
{
	(void)state;
	flip_every_bit(KILLED, false);
}

static void test_a_flip_of_any_bit_of_the_state_costs_no_record_and_the_newest_cursor_at_most(void **state)
{
	struct sums sums = {0};
	struct state *read = calloc(1, sizeof(*read));
	uint64_t flips = 0, opened = 0;
	struct disk d;
	struct lg_err err;

	(void)state;
	make_disk(&d, CLOSED, 3, 4, 50, false);
	d.f->fs = d.whole;
	d.f->conf.io = &d.whole->io;
	mem_open(d.f); /* two stores whose cursors differ: both slots count for something */
	for (int i = 0; i < 2; i++) {
		spool_cursor_move(d.f->spool, "out", 5 + 4 * (uint64_t)i);
		spool_maintain(d.f->spool, true);
		d.f->fake.mono_ns += CLOCK_SECOND;
	}
	spool_close(d.f->spool);
	d.f->spool = NULL;
	for (uint64_t at = 0; at < STATE_FILE_SIZE; at++) {
		bool used = at % STATE_SLOT_SIZE < 192;

		for (unsigned bit = used ? 0 : (unsigned)(at % 8); bit < (used ? 8 : at % 8 + 1); bit++) {
			struct memfs *damaged = memfs_survive_kill(d.whole);
			int handle = damaged->io.open(damaged, "/d/spool/state", SYS_READ);

			flip(damaged, "/d/spool/state", at, bit);
			assert_int_equal(state_read(read, &damaged->io, handle, &err), LG_OK);
			damaged->io.close(damaged, handle);
			assert_in_range(read->cursors[0].seq, 5, 9);
			assert_true(used || read->cursors[0].seq == 9);
			flips++;
			if (!used && at % 64) {
				memfs_free(damaged);
				continue;
			}
			opened++;
			d.f->fs = damaged;
			d.f->conf.io = &damaged->io;
			mem_open(d.f);
			assert_in_range(spool_cursor(d.f->spool, "out"), 5, 9);
			spool_close(d.f->spool);
			d.f->spool = NULL;
			try_disk(&d, damaged, 0, 0, false, &sums);
		}
	}
	assert_int_equal(sums.frames, 0);
	printf("flips: state file: %llu flips in %u bytes, %llu of them started from; none cost a record\n", (unsigned long long)flips, STATE_FILE_SIZE,
	        (unsigned long long)opened);
	free(read);
	free_disk(&d);
}

static void test_with_any_bytes_of_both_state_slots_destroyed_it_is_rebuilt_and_repeats(void **state)
{
	struct sums sums = {0};
	struct disk d;

	(void)state;
	make_disk(&d, SEALED, 3, 4, 50, false);
	for (uint64_t at = 0; at < 160; at++) {
		struct memfs *damaged = memfs_survive_kill(d.whole);

		flip(damaged, "/d/spool/state", at, (unsigned)(at % 8));
		flip(damaged, "/d/spool/state", STATE_SLOT_SIZE + (at * 7) % 160, (unsigned)(at % 8));
		d.f->fs = damaged;
		d.f->conf.io = &damaged->io;
		mem_open(d.f);
		assert_int_equal(spool_cursor(d.f->spool, "out"), 1);
		spool_close(d.f->spool);
		d.f->spool = NULL;
		try_disk(&d, damaged, 0, 0, false, &sums);
	}
	assert_int_equal(sums.frames, 0);
	free_disk(&d);
}

/* ---- at full size ---- */

static void damage_somewhere(struct disk *d, struct memfs *fs, struct extent *where, unsigned kind, uint64_t size)
{
	uint8_t *bytes;

	where->from = below(d->end - size);
	where->to = where->from + size < d->end ? where->from + size : d->end;
	if (!kind) {
		flip(fs, d->segment, where->from, (unsigned)below(8));
		where->to = where->from + 1;
		return;
	}
	bytes = calloc(1, where->to - where->from);
	for (uint64_t i = 0; kind == 2 && i < where->to - where->from; i++)
		bytes[i] = (uint8_t)random_next();
	memfs_poke(fs, d->segment, where->from, bytes, where->to - where->from);
	free(bytes);
}

static void test_random_flips_holes_and_junk_at_full_size_cost_only_what_they_touch(void **state)
{
	static const struct {
		enum ending ending;
		bool encrypted;
	} forms[] = {{SEALED, false}, {CLOSED, false}, {KILLED, false}, {KILLED, true}};

	(void)state;
	for (size_t k = 0; k < sizeof(forms) / sizeof(forms[0]); k++) {
		struct sums sums = {0};
		struct disk d;

		make_disk(&d, forms[k].ending, 0, 64, 4000, forms[k].encrypted);
		for (uint64_t i = 0; i < (trials_wanted + 3) / 4; i++) {
			struct memfs *damaged = memfs_survive_kill(d.whole);
			unsigned kind = (unsigned)i % 3;
			struct extent where;

			/* The first hole is larger than what the search for the next frame reads at once. */
			damage_somewhere(&d, damaged, &where, kind, i == 1 ? 600 << 10 : kind ? UINT64_C(1) << below(21) : 1);
			/* Salt and its copy are in the first page. */
			try_disk(&d, damaged, where.from, where.to, forms[k].encrypted && where.from < SEGMENT_PAGE && where.to - where.from > 512, &sums);
		}
		printf("flips: segment of %llu MiB with %u frames, %s%s: %llu flips, holes and junk, %llu frames lost (%llu at the end of a crash), %llu "
		       "times nothing\n",
		        (unsigned long long)d.end >> 20, d.frames, ending_names[forms[k].ending], forms[k].encrypted ? ", encrypted" : "",
		        (unsigned long long)sums.trials, (unsigned long long)sums.frames, (unsigned long long)sums.torn, (unsigned long long)sums.harmless);
		free_disk(&d);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_a_flip_of_any_bit_of_a_sealed_segment_and_its_footer_costs_at_most_its_frame),
	        cmocka_unit_test(test_a_flip_of_any_bit_of_the_newest_segment_costs_at_most_its_frame),
	        cmocka_unit_test(test_a_flip_of_any_bit_after_a_kill_costs_at_most_its_frame),
	        cmocka_unit_test(test_a_flip_of_any_bit_of_the_state_costs_no_record_and_the_newest_cursor_at_most),
	        cmocka_unit_test(test_with_any_bytes_of_both_state_slots_destroyed_it_is_rebuilt_and_repeats),
	        cmocka_unit_test(test_random_flips_holes_and_junk_at_full_size_cost_only_what_they_touch),
	};
	int failed;

	if (argc > 1)
		trials_wanted = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (char)('a' + (i * 7 + i / 64) % 26);
	key_path(keys_path);
	key_file(keys_path, 1, 1, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(keys_path);
	return failed;
}
