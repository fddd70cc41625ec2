/* An output whose receiver rejects some records: these become durable dead letters before the cursor passes them, the others are delivered. */
#include "spool_mem.h"

#include <stdatomic.h>

#include "run/shipper.h"
#include "spool/deadletter.h"

#define RECORDS 60

/* ---- a receiver that never takes every seventh record ---- */

struct picky {
	struct lg_output_host *host;
	struct {
		uint64_t seq;
		bool poison;
	} waiting[RECORDS];
	size_t waiting_count;
};

static unsigned delivered[RECORDS + 1], rewinds;

static bool poison_number(uint64_t number)
{
	return number % 7 == 3;
}

static enum lg_rc picky_open(void *state, const void *conf, struct lg_output_host *host, struct lg_err *err)
{
	(void)conf;
	(void)err;
	((struct picky *)state)->host = host;
	return LG_OK;
}

static void picky_send(void *state, struct lg_batch *batch, struct lg_batch_iter *it, uint64_t *taken)
{
	struct picky *p = state;
	struct lg_record rec;
	char input[64];

	(void)batch;
	while (p->waiting_count < RECORDS && lg_batch_next(it, &rec)) {
		uint64_t number = kit_number(rec.body, input);

		p->waiting[p->waiting_count].seq = rec.seq;
		p->waiting[p->waiting_count++].poison = poison_number(number);
		if (!poison_number(number))
			delivered[number]++;
		*taken = rec.seq + 1;
	}
}

/* Newest first: settled in any order. */
static void picky_settle(struct picky *p)
{
	while (p->waiting_count) {
		uint64_t seq = p->waiting[--p->waiting_count].seq;

		if (p->waiting[p->waiting_count].poison)
			lg_settle(p->host, seq, seq, LG_REJECT, "the receiver cannot read it");
		else
			lg_settle(p->host, seq, seq, LG_DONE, NULL);
	}
}

static void picky_step(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	(void)now_ns;
	lg_waitset_clear(ws);
	lg_output_ok(((struct picky *)state)->host, "flowing");
	picky_settle(state);
}

static bool picky_finish(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	(void)now_ns;
	(void)ws;
	picky_settle(state);
	return true;
}

static void picky_rewind(void *state)
{
	((struct picky *)state)->waiting_count = 0;
	rewinds++;
}

static const struct lg_output_plugin picky_plugin = {
	.name = "picky", .formats = "json", .state_size = sizeof(struct picky), .open = picky_open, .step = picky_step, .send = picky_send,
	.rewind = picky_rewind, .finish = picky_finish,
};

/* ---- the stage ---- */

/* Hurries: backoffs are over at the next look. */
static int64_t hurried_mono(void *self)
{
	return atomic_fetch_add((_Atomic int64_t *)self, CLOCK_SECOND);
}

static int64_t still_utc(void *self)
{
	(void)self;
	return 1763856000 * CLOCK_SECOND;
}

struct letters {
	unsigned seen[RECORDS + 1];
	uint64_t max_attempts;
};

static void note_letter(void *arg, const struct deadletter *letter)
{
	struct letters *l = arg;
	struct lg_batch_iter it;
	struct lg_record rec;
	char input[64];

	assert_string_equal(letter->output, "out");
	assert_true(lg_str_is(letter->reason, "the receiver cannot read it"));
	if (letter->attempts > l->max_attempts)
		l->max_attempts = letter->attempts;
	for (lg_batch_begin(&it, letter->batch, 0); lg_batch_next(&it, &rec);) {
		assert_int_equal(kit_number(rec.body, input), rec.seq); /* this spool's numbers and sequences are the same */
		l->seen[rec.seq]++;
	}
}

static struct letters letters_of(const struct sys_io *io)
{
	struct letters l = {.max_attempts = 0};
	struct deadletter_walk walk = {.data_dir = "/d", .io = io, .payloads = true, .each = note_letter, .arg = &l};
	struct lg_err err;

	if (deadletter_walk(&walk, &err) != LG_OK)
		fail_msg("walk: %s", err.text);
	assert_int_equal(walk.damaged, 0);
	return l;
}

/* Delivers everything there is; the shipper's last status. */
static struct shipper_status ship(struct mem_fixture *f)
{
	struct config_output conf = {.name = (char *)(uintptr_t)"out", .plugin = &picky_plugin, .format = (char *)(uintptr_t)"json", .start_at = 1};
	_Atomic int64_t mono = 0;
	struct clock clock = {hurried_mono, still_utc, &mono};
	struct writer writer;
	struct shipper_env env = {.writer = &writer, .spool = f->spool, .clock = &clock, .agent = "gw"};
	struct shipper_status status;
	struct lg_output_host *host;
	struct lg_err err;

	writer_init(&writer, f->spool, &clock, 1 << 20);
	if (shipper_new(&host, &conf, &env, &err) != LG_OK || shipper_start(host, &err) != LG_OK)
		fail_msg("shipper: %s", err.text);
	shipper_drain(host);
	shipper_join(host);
	shipper_status_copy(host, &status);
	shipper_free(host);
	writer_fini(&writer);
	return status;
}

static void fill(struct mem_fixture *f)
{
	mem_open(f);
	memset(delivered, 0, sizeof(delivered));
	rewinds = 0;
	for (int i = 0; i < RECORDS / 10; i++)
		assert_true(mem_put(f, 10, 60));
}

static void check_all_settled(const struct letters *l, bool once)
{
	for (uint64_t n = 1; n <= RECORDS; n++) {
		unsigned dead = l->seen[n], live = delivered[n];

		assert_true(poison_number(n) ? dead >= 1 && live == 0 : dead == 0 && live >= 1);
		if (once)
			assert_int_equal(dead + live, 1);
	}
}

static void rejected_records_become_letters_and_the_rest_is_delivered(void **state)
{
	struct mem_fixture *f = *state;
	struct shipper_status status;
	struct letters l;

	fill(f);
	status = ship(f);
	l = letters_of(&f->fs->io);
	check_all_settled(&l, true);
	assert_int_equal(l.max_attempts, 1);
	assert_int_equal(status.dead, 9);
	assert_int_equal(status.records, RECORDS - 9);
	assert_int_equal(status.cursor, RECORDS + 1);
	assert_int_equal(status.lost, 0);
	assert_int_equal(rewinds, 0);
}

/* The disk that refuses the letter: the record stays unsettled, is offered again, and is a letter in the end. */
static void a_letter_that_cannot_be_written_holds_the_cursor_until_it_can(void **state)
{
	struct mem_fixture *f = *state;
	struct shipper_status status;
	struct letters l;

	fill(f);
	memfs_fail(f->fs, MEMFS_FDATASYNC, EIO, 2, 1);
	status = ship(f);
	l = letters_of(&f->fs->io);
	check_all_settled(&l, false);
	assert_true(rewinds >= 1);
	assert_true(l.max_attempts >= 2);
	assert_int_equal(status.cursor, RECORDS + 1);
}

struct watch {
	struct mem_fixture *f;
	unsigned checks;
};

/* Whatever the cursor has passed at this moment is delivered, or a letter that a power loss leaves. */
static void check_cursor(void *arg)
{
	struct watch *w = arg;
	uint64_t cursor = spool_cursor(w->f->spool, "out");
	bool *keep = calloc(w->f->fs->piece_count + 1, sizeof(*keep));
	struct memfs *after = memfs_crash(w->f->fs, keep);
	struct letters l = letters_of(&after->io);

	for (uint64_t seq = 1; seq < cursor && seq <= RECORDS; seq++)
		assert_true(poison_number(seq) ? l.seen[seq] : delivered[seq]);
	memfs_free(after);
	free(keep);
	w->checks++;
}

static void the_cursor_never_passes_a_letter_that_is_not_durable(void **state)
{
	struct mem_fixture *f = *state;
	struct watch w = {.f = f};

	fill(f);
	f->fs->before_sync = check_cursor;
	f->fs->before_sync_arg = &w;
	ship(f);
	check_cursor(&w);
	f->fs->before_sync = NULL;
	assert_int_equal(spool_cursor(f->spool, "out"), RECORDS + 1);
	assert_true(w.checks >= 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rejected_records_become_letters_and_the_rest_is_delivered, mem_set_up, mem_tear_down),
		cmocka_unit_test_setup_teardown(a_letter_that_cannot_be_written_holds_the_cursor_until_it_can, mem_set_up, mem_tear_down),
		cmocka_unit_test_setup_teardown(the_cursor_never_passes_a_letter_that_is_not_durable, mem_set_up, mem_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
