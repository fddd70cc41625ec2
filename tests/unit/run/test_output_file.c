/* Output `file` driven through its plugin table, against real files: what is settled is in the file once, whatever failed before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "api/lugger_plugin.h"
#include "data/batch.h"

extern const struct lg_output_plugin file_output;

/* ---- the core's side ---- */

struct lg_output_host {
	struct lg_formatter *formatter;
	uint64_t next;       /* lowest unsettled sequence */
	unsigned settlements;
	char state[32];      /* the last word */
	char error[1000];
	bool failed;         /* rewind is due */
};

void lg_settle(struct lg_output_host *host, uint64_t first, uint64_t last, enum lg_settle how, const char *reason)
{
	(void)reason;
	assert_int_equal(how, LG_DONE);
	assert_int_equal(first, host->next);
	assert_true(last >= first);
	host->next = last + 1;
	host->settlements++;
}

void lg_output_retry(struct lg_output_host *host, const char *state, const struct lg_err *err)
{
	snprintf(host->state, sizeof(host->state), "%s", state);
	snprintf(host->error, sizeof(host->error), "%s", err->text);
	host->failed = true;
}

void lg_output_ok(struct lg_output_host *host, const char *state)
{
	snprintf(host->state, sizeof(host->state), "%s", state);
}

struct lg_formatter *lg_output_formatter(struct lg_output_host *host)
{
	return host->formatter;
}

const char *lg_output_name(const struct lg_output_host *host)
{
	(void)host;
	return "out";
}

void lg_output_log(struct lg_output_host *host, enum lg_level level, const char *fmt, ...)
{
	(void)host;
	(void)level;
	(void)fmt;
}

/* In the place of the C library's: counted, and failing when told. */
static struct {
	unsigned calls;
	bool fail;
	const struct lg_output_host *host;
	uint64_t settled_before; /* host->next as it was at the last call */
} syncs;

int fdatasync(int fd)
{
	syncs.calls++;
	if (syncs.host)
		syncs.settled_before = syncs.host->next;
	if (syncs.fail) {
		errno = EIO;
		return -1;
	}
	return fsync(fd);
}

/* ---- one scene: a directory, an output, a batch of numbered records ---- */

#define RECORDS 200

struct file_conf {
	char *path;
	uint64_t rotate_size;
	int64_t rotate_every_ns;
	int64_t rotate_keep;
};

struct scene {
	char dir[64], path[128];
	struct file_conf conf;
	struct lg_output_host host;
	void *state;
	struct lg_batch *batch;
	struct lg_waitset ws;
};

static void start(struct scene *s)
{
	struct lg_err err;

	s->state = calloc(1, file_output.state_size);
	s->host.failed = false;
	assert_int_equal(file_output.open(s->state, &s->conf, &s->host, &err), LG_OK);
}

static void stop(struct scene *s)
{
	file_output.close(s->state);
	free(s->state);
	s->state = NULL;
}

static void begin(struct scene *s, const char *format)
{
	struct lg_format_conf conf = {0};
	struct lg_draft draft;

	assert_int_equal(file_output.conf_size, sizeof(struct file_conf));
	*s = (struct scene){.conf.rotate_keep = 3};
	strcpy(s->dir, "/tmp/lugger-file-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/out.log", s->dir);
	s->conf.path = s->path;
	s->host.formatter = lg_formatter_new(format, &conf, "gw", true);
	s->host.next = 1;
	s->batch = batch_new(NULL, 0, "in");
	strcpy(s->batch->log_id, "0123456789abcdef0123456789abcdef");
	for (int i = 1; i <= RECORDS; i++) {
		char body[32];

		lg_draft_reset(&draft);
		snprintf(body, sizeof(body), "record %06d", i);
		draft.body = lg_str_from(body);
		batch_add(s->batch, &draft, NULL, 1);
	}
	s->batch->first_seq = 1;
	start(s);
}

static void end(struct scene *s)
{
	char command[128];

	if (s->state)
		stop(s);
	free(s->ws.fds);
	lg_formatter_free(s->host.formatter);
	lg_batch_release(s->batch);
	snprintf(command, sizeof(command), "rm -rf %s", s->dir);
	assert_int_equal(system(command), 0);
}

static void step(struct scene *s)
{
	if (!s->host.failed)
		file_output.step(s->state, 0, &s->ws);
	if (s->host.failed)
		file_output.rewind(s->state);
}

/* Offers the records from the lowest unsettled one up to and with `last`, as the core would; returns the sequence after the last one taken. */
static uint64_t offer(struct scene *s, uint64_t from, uint64_t last)
{
	uint64_t wanted[(RECORDS + 63) / 64] = {0}, taken = from;
	struct lg_batch_iter it;

	for (uint64_t seq = 1; seq <= last; seq++)
		wanted[(seq - 1) / 64] |= UINT64_C(1) << (seq - 1) % 64;
	s->host.failed = false;
	lg_batch_begin(&it, s->batch, from);
	it.select = wanted;
	file_output.send(s->state, s->batch, &it, &taken);
	if (s->host.failed)
		file_output.rewind(s->state);
	return taken;
}

static void ship(struct scene *s, uint64_t last)
{
	for (int rounds = 0; s->host.next <= last && rounds < 1000; rounds++) {
		offer(s, s->host.next, last);
		step(s);
	}
	assert_int_equal(s->host.next, last + 1);
}

static char *slurp(const char *path)
{
	static char text[1 << 20];
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static void spit(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void expect_raw(const char *path, unsigned first, unsigned last)
{
	static char wanted[RECORDS * 20];
	char *at = wanted, *got = slurp(path);

	*at = '\0';
	for (unsigned i = first; i <= last; i++)
		at += sprintf(at, "record %06u\n", i);
	assert_non_null(got);
	assert_string_equal(got, wanted);
}

/* ---- tests ---- */

static void records_are_settled_after_the_step_that_synced_them(void **state)
{
	struct scene s;
	struct stat st;

	(void)state;
	begin(&s, "raw");
	assert_int_equal(offer(&s, 1, RECORDS), RECORDS + 1);
	assert_int_equal(s.host.settlements, 0);
	step(&s);
	assert_int_equal(s.host.settlements, 1);
	assert_int_equal(s.host.next, RECORDS + 1);
	assert_string_equal(s.host.state, "flowing");
	expect_raw(s.path, 1, RECORDS);
	assert_int_equal(stat(s.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	end(&s);
}

static void one_sync_comes_before_the_settlement_of_a_round(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, "raw");
	syncs.calls = 0;
	syncs.host = &s.host;
	offer(&s, 1, 50);
	offer(&s, 51, 100);
	assert_int_equal(syncs.calls, 0);
	step(&s);
	assert_int_equal(syncs.calls, 1);
	assert_int_equal(syncs.settled_before, 1);
	assert_int_equal(s.host.next, 101);
	step(&s);
	assert_int_equal(syncs.calls, 1);
	syncs.host = NULL;
	end(&s);
}

static void a_failed_sync_settles_nothing_and_the_records_come_again(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, "raw");
	ship(&s, 3);
	syncs.fail = true;
	offer(&s, 4, 9);
	step(&s);
	assert_true(s.host.failed);
	assert_string_equal(s.host.state, "io-error");
	assert_non_null(strstr(s.host.error, "cannot sync"));
	assert_int_equal(s.host.next, 4);
	expect_raw(s.path, 1, 3);
	offer(&s, 4, 9);
	file_output.reopen(s.state);
	assert_int_equal(s.host.next, 4);
	file_output.rewind(s.state);
	syncs.fail = false;
	ship(&s, 9);
	expect_raw(s.path, 1, 9);
	end(&s);
}

static void json_lines_are_one_object_each(void **state)
{
	struct scene s;
	char *text;

	(void)state;
	begin(&s, "json");
	ship(&s, 3);
	text = slurp(s.path);
	for (int i = 1; i <= 3; i++) {
		char wanted[64];

		assert_memory_equal(text, "{\"@timestamp\":", 14);
		snprintf(wanted, sizeof(wanted), "\"message\":\"record %06d\",", i);
		assert_non_null(strstr(text, wanted));
		assert_true(strstr(text, wanted) < strchr(text, '\n'));
		text = strchr(text, '\n');
		assert_int_equal(text[-1], '}');
		text++;
	}
	assert_string_equal(text, "");
	end(&s);
}

static void appends_to_what_is_there(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, "raw");
	ship(&s, 5);
	stop(&s);
	start(&s);
	ship(&s, 9);
	expect_raw(s.path, 1, 9);
	end(&s);
}

static void a_partial_last_line_of_a_crash_is_removed(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, "raw");
	spit(s.path, "record 000001\nrecord 0000");
	s.host.next = 2;
	ship(&s, 4);
	expect_raw(s.path, 1, 4);
	end(&s);
	begin(&s, "raw");
	spit(s.path, "record 0");
	ship(&s, 4);
	expect_raw(s.path, 1, 4);
	end(&s);
}

static void a_partial_line_longer_than_a_block_is_removed_too(void **state)
{
	static char big[100000];
	struct scene s;

	(void)state;
	begin(&s, "raw");
	memset(big, 'x', sizeof(big) - 1);
	memcpy(big, "record 000001\n", 14);
	spit(s.path, big);
	s.host.next = 2;
	ship(&s, 2);
	expect_raw(s.path, 1, 2);
	end(&s);
}

static void a_foreign_last_line_of_a_json_file_is_kept(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, "json");
	spit(s.path, "by hand\nanother by hand");
	ship(&s, 1);
	assert_memory_equal(slurp(s.path), "by hand\nanother by hand\n{\"@timestamp\":", 38);
	end(&s);
	begin(&s, "json");
	spit(s.path, "by hand\n{\"@times");
	ship(&s, 1);
	assert_memory_equal(slurp(s.path), "by hand\n{\"@timestamp\":", 22);
	end(&s);
}

static void what_was_not_settled_leaves_no_trace(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, "raw");
	ship(&s, 3);
	assert_int_equal(offer(&s, 4, 8), 9);
	file_output.rewind(s.state);
	expect_raw(s.path, 1, 3);
	ship(&s, 10);
	expect_raw(s.path, 1, 10);
	offer(&s, 11, 20);
	stop(&s);
	expect_raw(s.path, 1, 10);
	end(&s);
}

static void a_full_disk_leaves_no_partial_line_and_goes_on(void **state)
{
	struct rlimit old, small = {100, RLIM_INFINITY};
	struct scene s;

	(void)state;
	/* RLIMIT_FSIZE stands in for the full disk: the write is cut short, then fails. */
	signal(SIGXFSZ, SIG_IGN);
	begin(&s, "raw");
	ship(&s, 3);
	getrlimit(RLIMIT_FSIZE, &old);
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(offer(&s, 4, RECORDS), RECORDS + 1);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_true(s.host.failed);
	assert_string_equal(s.host.state, "io-error");
	assert_non_null(strstr(s.host.error, "cannot write"));
	assert_int_equal(s.host.next, 4);
	expect_raw(s.path, 1, 3);
	ship(&s, RECORDS);
	expect_raw(s.path, 1, RECORDS);
	assert_string_equal(s.host.state, "flowing");
	end(&s);
}

static void dev_full_is_reported_as_a_full_disk(void **state)
{
	struct scene s;

	(void)state;
	if (access("/dev/full", W_OK))
		skip();
	begin(&s, "raw");
	stop(&s);
	s.conf.path = (char *)"/dev/full";
	start(&s);
	offer(&s, 1, 5);
	assert_string_equal(s.host.state, "disk-full");
	assert_int_equal(s.host.next, 1);
	end(&s);
}

static void a_disk_that_stays_full_is_not_called_connected(void **state)
{
	struct rlimit old, small = {1, RLIM_INFINITY};
	struct scene s;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	begin(&s, "raw");
	getrlimit(RLIMIT_FSIZE, &old);
	setrlimit(RLIMIT_FSIZE, &small);
	offer(&s, 1, 5);
	for (int i = 0; i < 3; i++) {
		file_output.rewind(s.state);
		step(&s);
		assert_string_equal(s.host.state, "io-error");
		offer(&s, 1, 5);
	}
	setrlimit(RLIMIT_FSIZE, &old);
	ship(&s, RECORDS);
	assert_string_equal(s.host.state, "flowing");
	expect_raw(s.path, 1, RECORDS);
	end(&s);
}

static void after_a_failure_nothing_is_settled_before_the_rewind(void **state)
{
	struct rlimit old, small = {100, RLIM_INFINITY};
	struct scene s;
	struct lg_batch_iter it;
	uint64_t taken = 1;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	begin(&s, "raw");
	step(&s);
	getrlimit(RLIMIT_FSIZE, &old);
	setrlimit(RLIMIT_FSIZE, &small);
	lg_batch_begin(&it, s.batch, 1);
	file_output.send(s.state, s.batch, &it, &taken);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_true(s.host.failed);
	file_output.reopen(s.state);
	file_output.step(s.state, 0, &s.ws);
	file_output.send(s.state, s.batch, &it, &taken);
	file_output.step(s.state, 0, &s.ws);
	assert_int_equal(s.host.next, 1);
	file_output.rewind(s.state);
	ship(&s, RECORDS);
	expect_raw(s.path, 1, RECORDS);
	end(&s);
}

static void a_missing_directory_is_retried_until_it_is_there(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, "raw");
	stop(&s);
	snprintf(s.path, sizeof(s.path), "%s/sub/out.log", s.dir);
	start(&s);
	step(&s);
	assert_true(s.host.failed);
	snprintf(s.path, sizeof(s.path), "%s/sub", s.dir);
	assert_int_equal(mkdir(s.path, 0700), 0);
	snprintf(s.path, sizeof(s.path), "%s/sub/out.log", s.dir);
	ship(&s, 2);
	expect_raw(s.path, 1, 2);
	end(&s);
}

static void expect_file(struct scene *s, const char *suffix, unsigned first, unsigned last)
{
	char path[160];

	snprintf(path, sizeof(path), "%s%s", s->path, suffix);
	if (first)
		expect_raw(path, first, last);
	else
		assert_int_equal(access(path, F_OK), -1);
}

static void a_file_that_another_process_writes_is_left_alone(void **state)
{
	int ready[2], go[2], status;
	struct scene s;
	pid_t child;
	char c = 'x';

	(void)state;
	begin(&s, "raw");
	spit(s.path, "of the other process");
	assert_int_equal(pipe(ready) | pipe(go), 0);
	child = fork();
	if (!child) {
		struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd = open(s.path, O_RDWR);

		_exit(fcntl(fd, F_SETLK, &whole) || write(ready[1], &c, 1) != 1 || read(go[0], &c, 1) != 1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	step(&s);
	assert_string_equal(s.host.state, "busy");
	assert_string_equal(slurp(s.path), "of the other process");
	assert_int_equal(write(go[1], &c, 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	ship(&s, 2);
	expect_raw(s.path, 1, 2);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
	end(&s);
}

static void rotation_by_size_loses_and_repeats_nothing(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, "raw");
	s.conf.rotate_size = 10 * 14;
	stop(&s);
	start(&s);
	ship(&s, 35);
	expect_file(&s, "", 31, 35);
	expect_file(&s, ".1", 21, 30);
	expect_file(&s, ".2", 11, 20);
	expect_file(&s, ".3", 1, 10);
	ship(&s, 41);
	expect_file(&s, "", 41, 41);
	expect_file(&s, ".3", 11, 20);
	expect_file(&s, ".4", 0, 0);
	end(&s);
}

static void a_gap_in_the_numbers_is_filled_first(void **state)
{
	struct scene s;
	char path[160];

	(void)state;
	begin(&s, "raw");
	s.conf.rotate_size = 10 * 14;
	stop(&s);
	start(&s);
	ship(&s, 35);
	snprintf(path, sizeof(path), "%s.2", s.path);
	unlink(path);
	ship(&s, 41);
	expect_file(&s, ".1", 31, 40);
	expect_file(&s, ".2", 21, 30);
	expect_file(&s, ".3", 1, 10);
	end(&s);
}

static void rotation_by_time_follows_the_files_own_age(void **state)
{
	struct timespec yesterday[2] = {{.tv_sec = time(NULL) - 86400}, {.tv_sec = time(NULL) - 86400}};
	struct scene s;

	(void)state;
	begin(&s, "raw");
	ship(&s, 4);
	stop(&s);
	assert_int_equal(utimensat(AT_FDCWD, s.path, yesterday, 0), 0);
	s.conf.rotate_every_ns = INT64_C(86400) * 1000000000;
	start(&s);
	ship(&s, 6);
	expect_file(&s, ".1", 1, 4);
	expect_file(&s, "", 5, 6);
	end(&s);
}

static void reopen_after_an_outside_rename_begins_a_new_file(void **state)
{
	struct scene s;
	char path[160];

	(void)state;
	begin(&s, "raw");
	ship(&s, 4);
	snprintf(path, sizeof(path), "%s.old", s.path);
	assert_int_equal(rename(s.path, path), 0);
	offer(&s, 5, 6);
	file_output.reopen(s.state);
	assert_int_equal(s.host.next, 7);
	ship(&s, 8);
	expect_file(&s, ".old", 1, 6);
	expect_file(&s, "", 7, 8);
	end(&s);
}

static void an_outside_truncation_leaves_no_hole(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, "raw");
	ship(&s, 4);
	assert_int_equal(truncate(s.path, 0), 0);
	ship(&s, 6);
	expect_raw(s.path, 5, 6);
	offer(&s, 7, 8);
	assert_int_equal(truncate(s.path, 0), 0);
	file_output.rewind(s.state);
	ship(&s, 8);
	expect_raw(s.path, 7, 8);
	end(&s);
}

static void a_pipe_is_written_as_its_reader_reads(void **state)
{
	static char got[1 << 20];
	struct scene s;
	size_t have = 0;
	uint64_t taken;
	ssize_t n;
	int fd;

	(void)state;
	begin(&s, "json");
	assert_int_equal(mkfifo(s.path, 0600), 0);
	offer(&s, 1, RECORDS);
	assert_true(s.host.failed); /* nobody reads yet */
	fd = open(s.path, O_RDONLY | O_NONBLOCK);
	taken = offer(&s, 1, RECORDS);
	assert_false(s.host.failed);
	assert_int_equal(taken, RECORDS + 1);
	step(&s);
	assert_int_equal(s.host.settlements, 0); /* a pipe holds 64 KiB, the records are larger */
	assert_int_equal(s.ws.count, 1);
	assert_int_equal(s.ws.fds[0].events, POLLOUT);
	for (int rounds = 0; s.host.next <= RECORDS && rounds < 10000; rounds++) {
		n = read(fd, got + have, sizeof(got) - have);
		if (n > 0)
			have += (size_t)n;
		step(&s);
	}
	while ((n = read(fd, got + have, sizeof(got) - have)) > 0)
		have += (size_t)n;
	close(fd);
	assert_int_equal(s.host.next, RECORDS + 1);
	for (size_t i = 0, lines = 0; i <= have; i++) {
		if (i < have && got[i] == '\n')
			lines++;
		if (i == have)
			assert_int_equal(lines, RECORDS);
	}
	end(&s);
}

static void standard_output_redirected_to_a_file_is_synced_and_never_mended(void **state)
{
	struct scene s;
	int saved, fd;

	(void)state;
	begin(&s, "raw");
	stop(&s);
	spit(s.path, "the shell's own line, without an end");
	fd = open(s.path, O_WRONLY | O_APPEND);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	dup2(fd, STDOUT_FILENO);
	s.conf.path = (char *)"-";
	start(&s);
	syncs.calls = 0;
	offer(&s, 1, 2);
	step(&s);
	stop(&s);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fd);
	assert_int_equal(s.host.next, 3);
	assert_int_equal(syncs.calls, 1);
	assert_string_equal(slurp(s.path), "the shell's own line, without an endrecord 000001\nrecord 000002\n");
	end(&s);
}

static void a_reader_that_leaves_is_a_failure_not_a_signal(void **state)
{
	struct scene s;
	int fd;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	begin(&s, "raw");
	assert_int_equal(mkfifo(s.path, 0600), 0);
	fd = open(s.path, O_RDONLY | O_NONBLOCK);
	ship(&s, 2);
	close(fd);
	offer(&s, 3, 4);
	assert_true(s.host.failed);
	assert_string_equal(s.host.state, "closed");
	fd = open(s.path, O_RDONLY | O_NONBLOCK);
	ship(&s, 4);
	close(fd);
	end(&s);
}

static void check_names_what_is_wrong_with_the_path(void **state)
{
	struct file_conf conf = {.rotate_keep = 3};
	struct lg_err err;

	(void)state;
	conf.path = (char *)"/nonexistent-lugger/x/out.log";
	assert_int_equal(file_output.check(&conf, &err), LG_INVALID);
	assert_string_equal(err.text, "the directory /nonexistent-lugger/x: No such file or directory");
	conf.path = (char *)"/dev/null/out.log";
	assert_int_equal(file_output.check(&conf, &err), LG_INVALID);
	conf.path = (char *)"/tmp";
	assert_int_equal(file_output.check(&conf, &err), LG_INVALID);
	assert_string_equal(err.text, "/tmp is a directory");
	conf.path = (char *)"/out.log";
	assert_int_equal(file_output.check(&conf, &err), LG_OK);
	conf.path = (char *)"out.log";
	assert_int_equal(file_output.check(&conf, &err), LG_OK);
	conf.path = (char *)"-";
	assert_int_equal(file_output.check(&conf, &err), LG_OK);
	conf.rotate_size = 5000;
	assert_int_equal(file_output.check(&conf, &err), LG_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_settled_after_the_step_that_synced_them),
		cmocka_unit_test(one_sync_comes_before_the_settlement_of_a_round),
		cmocka_unit_test(a_failed_sync_settles_nothing_and_the_records_come_again),
		cmocka_unit_test(json_lines_are_one_object_each),
		cmocka_unit_test(appends_to_what_is_there),
		cmocka_unit_test(a_partial_last_line_of_a_crash_is_removed),
		cmocka_unit_test(a_partial_line_longer_than_a_block_is_removed_too),
		cmocka_unit_test(a_foreign_last_line_of_a_json_file_is_kept),
		cmocka_unit_test(what_was_not_settled_leaves_no_trace),
		cmocka_unit_test(a_full_disk_leaves_no_partial_line_and_goes_on),
		cmocka_unit_test(dev_full_is_reported_as_a_full_disk),
		cmocka_unit_test(a_disk_that_stays_full_is_not_called_connected),
		cmocka_unit_test(after_a_failure_nothing_is_settled_before_the_rewind),
		cmocka_unit_test(a_missing_directory_is_retried_until_it_is_there),
		cmocka_unit_test(a_file_that_another_process_writes_is_left_alone),
		cmocka_unit_test(rotation_by_size_loses_and_repeats_nothing),
		cmocka_unit_test(a_gap_in_the_numbers_is_filled_first),
		cmocka_unit_test(rotation_by_time_follows_the_files_own_age),
		cmocka_unit_test(reopen_after_an_outside_rename_begins_a_new_file),
		cmocka_unit_test(an_outside_truncation_leaves_no_hole),
		cmocka_unit_test(a_pipe_is_written_as_its_reader_reads),
		cmocka_unit_test(standard_output_redirected_to_a_file_is_synced_and_never_mended),
		cmocka_unit_test(a_reader_that_leaves_is_a_failure_not_a_signal),
		cmocka_unit_test(check_names_what_is_wrong_with_the_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
