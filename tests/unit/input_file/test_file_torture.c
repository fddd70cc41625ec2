/* Torture: a writer that rotates in all ways and a reader that dies at random moments. Every line written must become durable exactly
 * once, whatever the order of events; the seed of a failing run is printed. */
#include <sys/wait.h>
#include <time.h>

#include "file_rig.h"

struct writer {
	struct rig *rig;
	uint64_t random;
	unsigned next;      /* number of the next line */
	unsigned copies;
	char line[300];     /* being written */
	size_t size, done;
};

static unsigned draw(struct writer *w, unsigned below)
{
	w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(w->random >> 33) % below;
}

static void next_line(struct writer *w)
{
	unsigned filler = draw(w, 200);

	w->size = (size_t)sprintf(w->line, "line %06u %.*s\n", w->next++, (int)filler,
		"....................................................................................................."
		".....................................................................................................");
	w->done = 0;
}

/* Some bytes of the endless stream of lines, a border of lines or not. */
static void write_some(struct writer *w, size_t bytes)
{
	char data[8192];
	size_t size = 0;

	while (size < bytes) {
		size_t count;

		if (w->done == w->size)
			next_line(w);
		count = w->size - w->done < bytes - size ? w->size - w->done : bytes - size;
		memcpy(data + size, w->line + w->done, count);
		w->done += count;
		size += count;
	}
	rig_append_bytes(w->rig, "a.log", data, size);
}

static void end_line(struct writer *w)
{
	if (w->done < w->size)
		write_some(w, w->size - w->done);
}

static void rotate_by_rename(struct writer *w)
{
	char from[32], to[32];
	int oldest = 1;

	end_line(w);
	for (; oldest < 99; oldest++) {
		snprintf(from, sizeof(from), "a.log.%d", oldest);
		if (access(rig_path(w->rig, from), F_OK) != 0)
			break;
	}
	for (; oldest > 1; oldest--) {
		snprintf(from, sizeof(from), "a.log.%d", oldest - 1);
		snprintf(to, sizeof(to), "a.log.%d", oldest);
		rig_rename(w->rig, from, to);
	}
	if (access(rig_path(w->rig, "a.log"), F_OK) == 0)
		rig_rename(w->rig, "a.log", "a.log.1");
}

/* cp in pieces, so that the reader may see the copy grow; steps of the reader in between by the caller's choice. */
static void rotate_by_copy(struct writer *w, void (*between)(struct writer *w))
{
	char bytes[1500], name[32];
	int in;
	ssize_t n;

	end_line(w);
	in = open(rig_path(w->rig, "a.log"), O_RDONLY);
	if (in < 0)
		return;
	snprintf(name, sizeof(name), "a.log-%u", w->copies++);
	while ((n = read(in, bytes, sizeof(bytes))) > 0) {
		rig_append_bytes(w->rig, name, bytes, (size_t)n);
		between(w);
	}
	close(in);
	between(w);
	rig_truncate(w->rig, "a.log", 0);
}

/* dateext: every rotated file has a name of its own; and one of them is compressed, the newest (compress) or another (delaycompress). */
static void rotate_by_date(struct writer *w, void (*between)(void *arg))
{
	char name[32], packed[40];
	unsigned which;

	end_line(w);
	if (access(rig_path(w->rig, "a.log"), F_OK) == 0) {
		snprintf(name, sizeof(name), "a.log-%u", w->copies++);
		rig_rename(w->rig, "a.log", name);
	}
	if (!w->copies)
		return;
	between(w);
	which = w->copies - 1 - draw(w, w->copies < 3 ? w->copies : 3);
	snprintf(name, sizeof(name), "a.log-%u", which);
	snprintf(packed, sizeof(packed), "%s.%s", name, draw(w, 2) ? "gz" : "zst");
	if (access(rig_path(w->rig, name), F_OK) == 0 && draw(w, 3))
		rig_pack(w->rig, name, packed, between, w);
}

static void read_some(struct writer *w)
{
	struct rig *rig = w->rig;

	rig->host.ready_left = draw(w, 6);
	file_input.step(rig->host.state, rig->now_ns, &rig->ws);
	rig->host.ready_left = -1;
}

static void maybe_read(struct writer *w)
{
	switch (draw(w, 6)) {
	case 0:
		rig_run(w->rig);
		break;
	case 1:
		read_some(w);
		break;
	case 2:
		fake_commit(&w->rig->host);
		break;
	case 3:
		rig_advance(w->rig, (int64_t)draw(w, 1500) * 1000000);
		break;
	default:
		break;
	}
}

static void maybe_read_or_die(void *arg)
{
	struct writer *w = arg;

	if (draw(w, 8) == 0)
		rig_crash(w->rig);
	maybe_read(w);
}

static void expect_each_once(struct writer *w)
{
	struct rig *rig = w->rig;
	unsigned *seen = calloc(w->next + 1, sizeof(*seen));

	free(rig_records(rig));
	for (size_t i = 0; i < rig->host.durable.count; i++) {
		const char *number = strstr(rig->host.durable.items[i].text, ":line ");

		assert_non_null(number);
		assert_in_range(strtoul(number + 6, NULL, 10), 0, w->next - 1);
		seen[strtoul(number + 6, NULL, 10)]++;
	}
	for (unsigned i = 0; i < w->next; i++)
		if (seen[i] != 1)
			fail_msg("line %u of %u is there %u times\n%s", i, w->next, seen[i], rig->host.log);
	free(seen);
}

static void torture(uint64_t seed, unsigned rename_weight, unsigned copy_weight, unsigned pack_weight)
{
	struct rig *rig = rig_new("a.log*");
	struct writer w = {.rig = rig, .random = seed};

	print_message("seed %llu\n", (unsigned long long)seed);
	rig->host.commit_every = 7;
	rig_open(rig);
	for (int i = 0; i < 150; i++) {
		unsigned what = draw(&w, 100);

		if (what < rename_weight) {
			if (copy_weight) { /* nobody does both to a file at once: the copy is made of a name */
				rig_look(rig);
				fake_commit(&rig->host);
			}
			rotate_by_rename(&w);
		} else if (what < rename_weight + copy_weight)
			rotate_by_copy(&w, maybe_read);
		else if (what < rename_weight + copy_weight + pack_weight)
			rotate_by_date(&w, maybe_read_or_die);
		else if (what < 20)
			rig_crash(rig);
		else if (what < 60)
			write_some(&w, 1 + draw(&w, 2000));
		else
			maybe_read(&w);
	}
	end_line(&w);
	for (int i = 0; i < 30; i++)
		rig_look(rig);
	expect_each_once(&w);
	assert_int_equal(rig->host.lost_bytes, 0);
	rig_free(rig);
}

static void renames_and_deaths_at_random_neither_lose_nor_repeat(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 20; seed++)
		torture(seed, 8, 0, 0);
}

static void copytruncates_and_deaths_at_random_neither_lose_nor_repeat(void **unused)
{
	(void)unused;
	for (uint64_t seed = 101; seed <= 120; seed++)
		torture(seed, 0, 8, 0);
}

static void renames_and_copytruncates_mixed_neither_lose_nor_repeat(void **unused)
{
	(void)unused;
	for (uint64_t seed = 201; seed <= 220; seed++)
		torture(seed, 5, 5, 0);
}

static void compressed_rotations_and_deaths_at_random_neither_lose_nor_repeat(void **unused)
{
	(void)unused;
	for (uint64_t seed = 301; seed <= 320; seed++)
		torture(seed, 0, 0, 10);
}

/* ---- two processes ------------------------------------------------------------------------------------------------- */

static void write_and_rotate(struct rig *rig, unsigned lines)
{
	struct writer w = {.rig = rig, .random = 4711};

	while (w.next < lines) {
		write_some(&w, 1 + draw(&w, 4000));
		if (draw(&w, 40) == 0)
			rotate_by_rename(&w);
	}
	end_line(&w);
	_exit(w.next == lines ? 0 : (int)(w.next - lines));
}

static void real_time(struct rig *rig)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	rig->now_ns = (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static void a_live_writer_and_a_reader_killed_again_and_again_neither_lose_nor_repeat(void **unused)
{
	struct rig *rig = rig_new("a.log*");
	struct writer w = {.rig = rig, .random = 42, .next = 20000};
	int64_t deadline;
	int status = -1;
	pid_t child;

	(void)unused;
	rig->conf.poll_interval_ns = 10 * 1000000;
	rig->conf.rotate_wait_ns = SECOND / 10;
	rig->host.commit_every = 3;
	child = fork();
	assert_true(child >= 0);
	if (!child)
		write_and_rotate(rig, w.next);
	rig_open(rig);
	real_time(rig);
	for (deadline = rig->now_ns + 60 * SECOND; rig->now_ns < deadline;) {
		real_time(rig);
		file_input.step(rig->host.state, rig->now_ns, &rig->ws);
		poll(rig->ws.fds, (nfds_t)rig->ws.count, rig->ws.wake_ns > rig->now_ns ? 5 : 0);
		if (draw(&w, 30) == 0)
			rig_crash(rig);
		if (status < 0 && waitpid(child, &status, WNOHANG) == child)
			w.next += (unsigned)WEXITSTATUS(status);
		if (status >= 0 && rig->host.durable.count + rig->host.pending.count >= w.next)
			break;
	}
	assert_true(status >= 0 && WIFEXITED(status));
	expect_each_once(&w);
	rig_free(rig);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(renames_and_deaths_at_random_neither_lose_nor_repeat),
	cmocka_unit_test(copytruncates_and_deaths_at_random_neither_lose_nor_repeat),
	cmocka_unit_test(renames_and_copytruncates_mixed_neither_lose_nor_repeat),
	cmocka_unit_test(compressed_rotations_and_deaths_at_random_neither_lose_nor_repeat),
	cmocka_unit_test(a_live_writer_and_a_reader_killed_again_and_again_neither_lose_nor_repeat),
};

RIG_MAIN(tests)
