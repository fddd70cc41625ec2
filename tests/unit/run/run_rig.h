/* run_rig.h - what the tests of worker, writer and shipper share: a spool in a directory of its own on a disk that can be told to fail, an
 * input that counts and an output that does as it is told. The threads are real; a test waits for conditions (AWAIT), never for time. */
#ifndef RUN_RIG_H
#define RUN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "run/shipper.h"
#include "run/worker.h"

#define AWAIT(condition) \
	for (int64_t await_from = clock_mono(&clock_system); !(condition); poll(NULL, 0, 1)) \
	assert_true(clock_mono(&clock_system) - await_from < 30 * CLOCK_SECOND)

#define RIG_QUEUE (256u << 10)

struct rig {
	char dir[64];
	struct mem_budget budget;
	struct sys_io io;
	struct config_spool conf;
	struct spool_conf spool_conf;
	struct spool *spool;
	struct writer writer;
	struct writer_output watch[4];
};

/* ---- the disk ---- */

static atomic_int rig_sync_fails; /* errno that fdatasync answers; 0: it works */
static atomic_int rig_read_fails;

static int rig_fdatasync(void *self, int handle)
{
	int fails = atomic_load(&rig_sync_fails);

	return fails ? -fails : sys_io_posix.fdatasync(self, handle);
}

static ssize_t rig_pread(void *self, int handle, void *data, size_t size, uint64_t offset)
{
	int fails = atomic_load(&rig_read_fails);

	return fails ? -fails : sys_io_posix.pread(self, handle, data, size, offset);
}

/* ---- the rig ---- */

static inline int rig_set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	log_set_fd(nowhere); /* the errors these tests provoke are of no interest */
	atomic_store(&rig_sync_fails, 0);
	atomic_store(&rig_read_fails, 0);
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/lugger-run-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	mem_budget_init(&rig->budget, 32u << 20);
	rig->io = sys_io_posix;
	rig->io.fdatasync = rig_fdatasync;
	rig->io.pread = rig_pread;
	rig->conf = (struct config_spool){.compression = 1, .linger_ns = CLOCK_MS, .batch_size = 8u << 10};
	rig->spool_conf = (struct spool_conf){.data_dir = rig->dir, .max_size = 64u << 20, .segment_size = 1u << 20, .tail_bytes = 1u << 20,
	                                      .budget = &rig->budget, .io = &rig->io, .clock = &clock_system};
	*state = rig;
	return 0;
}

static inline void rig_empty_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char name[1024];

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(name, sizeof(name), "%.500s/%s", path, entry->d_name);
		if (unlink(name) < 0)
			rig_empty_dir(name);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static inline void rig_close(struct rig *rig)
{
	writer_stop(&rig->writer);
	writer_fini(&rig->writer);
	spool_close(rig->spool);
	rig->spool = NULL;
}

static inline int rig_tear_down(void **state)
{
	struct rig *rig = *state;

	if (rig->spool)
		rig_close(rig);
	assert_int_equal(mem_used(&rig->budget), 0);
	mem_budget_fini(&rig->budget);
	rig_empty_dir(rig->dir);
	free(rig);
	return 0;
}

static inline void rig_open(struct rig *rig)
{
	struct lg_err err;

	if (spool_open(&rig->spool, &rig->spool_conf, &err) != LG_OK)
		fail_msg("spool: %s", err.text);
	writer_init(&rig->writer, rig->spool, &clock_system, RIG_QUEUE);
	rig->writer.ack_early = rig->spool_conf.sync != SPOOL_SYNC_ALWAYS;
}

static inline void rig_start_writer(struct rig *rig)
{
	struct lg_err err;

	assert_int_equal(writer_start(&rig->writer, &err), LG_OK);
}

static inline void rig_put(struct rig *rig, uint64_t number, unsigned count)
{
	struct lg_batch *batch = batch_new(NULL, 1024, "in");
	struct lg_draft draft;
	char body[64];

	for (unsigned i = 0; i < count; i++) {
		lg_draft_reset(&draft);
		snprintf(body, sizeof(body), "record %llu", (unsigned long long)(number + i));
		draft.body = lg_str_from(body);
		draft.severity = (number + i) % 2 ? 3 : 6; /* error, info: for filters */
		batch_add(batch, &draft, NULL, clock_utc(&clock_system));
	}
	batch_pack(batch, NULL);
	queue_push(&rig->writer.queue, batch);
}

/* ---- an input that counts ---- */

struct in_conf {
	atomic_ullong goal;              /* emit records up to this number */
	atomic_ullong emitted, steps;
	atomic_ullong durable, durable_calls; /* highest token told */
	unsigned body_size;
	bool severities;                 /* records with odd numbers are errors, the others info; else they have none */
};

struct in_state {
	struct in_conf *conf;
	struct lg_input_host *host;
	uint64_t next, sealed;
};

static inline void in_saved(void *arg, struct lg_str key, const uint8_t *value, size_t size)
{
	char text[32];

	if (lg_str_is(key, "next")) {
		snprintf(text, sizeof(text), "%.*s", (int)size, (const char *)value);
		*(uint64_t *)arg = strtoull(text, NULL, 10);
	}
}

static inline enum lg_rc in_open(void *state, const void *conf, struct lg_input_host *host, struct lg_err *err)
{
	struct in_state *s = state;

	(void)err;
	s->conf = *(struct in_conf *const *)conf;
	s->host = host;
	lg_input_positions(host, LG_STR("next"), in_saved, &s->next);
	s->sealed = s->next;
	atomic_store(&s->conf->emitted, s->next);
	return LG_OK;
}

static inline void in_step(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	struct in_state *s = state;
	char body[1024];
	struct lg_draft draft;

	(void)now_ns;
	lg_waitset_clear(ws);
	atomic_fetch_add(&s->conf->steps, 1);
	while (s->next < atomic_load(&s->conf->goal) && lg_input_ready(s->host)) {
		lg_draft_reset(&draft);
		memset(body, 'x', sizeof(body));
		body[snprintf(body, sizeof(body), "record %llu ", (unsigned long long)s->next)] = 'x';
		if (s->conf->severities)
			draft.severity = s->next % 2 ? LG_ERR : LG_INFORM;
		draft.body = (struct lg_str){body, s->conf->body_size ? s->conf->body_size : 100};
		lg_emit(s->host, &draft, NULL);
		atomic_store(&s->conf->emitted, ++s->next);
	}
	lg_waitset_wake(ws, s->next < atomic_load(&s->conf->goal) ? 0 : clock_mono(&clock_system) + 5 * CLOCK_MS);
}

static inline uint64_t in_seal(void *state, struct lg_positions *positions)
{
	struct in_state *s = state;
	char value[32];

	if (s->sealed == s->next)
		return s->next; /* nothing moved */
	s->sealed = s->next;
	snprintf(value, sizeof(value), "%llu", (unsigned long long)s->next);
	lg_positions_put(positions, LG_STR("next"), value, strlen(value));
	return s->next;
}

static inline void in_durable(void *state, uint64_t token)
{
	struct in_state *s = state;

	assert_true(token >= atomic_load(&s->conf->durable));
	atomic_store(&s->conf->durable, token);
	atomic_fetch_add(&s->conf->durable_calls, 1);
}

/* A source that can be asked again, and one that cannot. */
static const struct lg_input_plugin in_plugin = {.name = "count", .state_size = sizeof(struct in_state), .conf_size = sizeof(struct in_conf *),
                                                 .open = in_open, .step = in_step, .seal = in_seal, .durable = in_durable};
static const struct lg_input_plugin in_plugin_fleeting = {.name = "fleeting", .state_size = sizeof(struct in_state),
                                                          .conf_size = sizeof(struct in_conf *), .open = in_open, .step = in_step};

struct rig_input {
	struct in_conf conf, *conf_pointer;
	struct config_input config;
	const struct clock *clock; /* NULL: the system's */
	struct lg_input_host *host;
};

static inline void rig_input_start(struct rig *rig, struct rig_input *in, const struct lg_input_plugin *plugin)
{
	struct worker_env env = {&rig->writer, rig->spool, &rig->budget, in->clock ? in->clock : &clock_system, NULL, &rig->conf, false};
	struct lg_err err;

	in->conf_pointer = &in->conf;
	in->config.name = "in";
	in->config.plugin = plugin;
	in->config.conf = &in->conf_pointer;
	if (worker_new(&in->host, &in->config, &env, &err) != LG_OK)
		fail_msg("input: %s", err.text);
	assert_int_equal(worker_start(in->host, &err), LG_OK);
}

static inline void rig_input_stop(struct rig_input *in, int64_t within_ns)
{
	worker_stop(in->host, clock_mono(&clock_system) + within_ns);
	worker_join(in->host);
}

/* As app does: the writer may still hold batches of it, so it ends first. */
static inline void rig_input_free(struct rig *rig, struct rig_input *in)
{
	writer_stop(&rig->writer);
	worker_free(in->host);
	in->host = NULL;
}

/* ---- an output that does as it is told ---- */

#define OUT_MAX 100000

struct out_conf {
	atomic_ullong room;       /* records it still takes */
	atomic_ullong settle_to;  /* settles what it took below this sequence */
	atomic_ullong settle_one; /* settles this one alone, once; 0: none */
	atomic_bool fail;         /* fails at the next step, once */
	atomic_uint count;        /* records taken, see seqs */
	atomic_uint rewinds;
	uint64_t seqs[OUT_MAX];
};

struct out_state {
	struct out_conf *conf;
	struct lg_output_host *host;
	uint64_t first, next; /* taken since the last rewind and not settled in order */
	bool up;
};

static inline enum lg_rc out_open(void *state, const void *conf, struct lg_output_host *host, struct lg_err *err)
{
	struct out_state *s = state;

	(void)err;
	s->conf = *(struct out_conf *const *)conf;
	s->host = host;
	return LG_OK;
}

static inline void out_step(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	struct out_state *s = state;
	uint64_t to = atomic_load(&s->conf->settle_to), one = atomic_exchange(&s->conf->settle_one, 0);
	struct lg_err err;

	lg_waitset_clear(ws);
	lg_waitset_wake(ws, now_ns + 2 * CLOCK_MS);
	if (atomic_exchange(&s->conf->fail, false)) {
		s->up = false;
		lg_err_set(&err, LG_PEER, "as told");
		lg_output_retry(s->host, "refused", &err);
		return;
	}
	if (!s->up)
		lg_output_ok(s->host, "connected");
	s->up = true;
	if (one)
		lg_settle(s->host, one, one, LG_DONE, NULL);
	to = to < s->next ? to : s->next;
	if (s->first && to > s->first) {
		lg_settle(s->host, s->first, to - 1, LG_DONE, NULL);
		s->first = to;
	}
}

static inline void out_send(void *state, struct lg_batch *batch, struct lg_batch_iter *it, uint64_t *taken)
{
	struct out_state *s = state;
	struct lg_record rec;

	(void)batch;
	while (atomic_load(&s->conf->room) && lg_batch_next(it, &rec)) {
		unsigned n = atomic_load(&s->conf->count);

		assert_true(n < OUT_MAX);
		s->conf->seqs[n] = rec.seq;
		atomic_store(&s->conf->count, n + 1);
		atomic_fetch_sub(&s->conf->room, 1);
		s->first = s->first ? s->first : rec.seq;
		s->next = *taken = rec.seq + 1; /* the letter of the contract: behind the last one taken */
	}
}

static inline void out_rewind(void *state)
{
	struct out_state *s = state;

	s->first = s->next = 0;
	atomic_fetch_add(&s->conf->rewinds, 1);
}

static const struct lg_output_plugin out_plugin = {.name = "told", .formats = "raw", .state_size = sizeof(struct out_state),
                                                   .conf_size = sizeof(struct out_conf *), .open = out_open, .step = out_step,
                                                   .send = out_send, .rewind = out_rewind};

struct rig_output {
	struct out_conf conf, *conf_pointer;
	struct config_output config;
	struct lg_output_host *host;
};

static inline void rig_output_new(struct rig *rig, struct rig_output *out, const char *name, const char *where)
{
	static char raw[] = "raw";
	struct shipper_env env = {&rig->writer, rig->spool, &clock_system, NULL, "test"};
	struct writer_output *watch = &rig->watch[rig->writer.output_count++];
	struct lg_err err;

	out->conf_pointer = &out->conf;
	out->config.name = (char *)(uintptr_t)name;
	out->config.where = (char *)(uintptr_t)where;
	out->config.plugin = &out_plugin;
	out->config.conf = &out->conf_pointer;
	out->config.format = raw;
	out->config.start_at = 1;
	if (shipper_new(&out->host, &out->config, &env, &err) != LG_OK)
		fail_msg("output: %s", err.text);
	*watch = (struct writer_output){name, out->config.max_lag_ns, out->config.on_lag == 1, shipper_wake, shipper_give_up,
	                                shipper_moved_ns, out->host};
	rig->writer.outputs = rig->watch;
}

static inline void rig_output_start(struct rig_output *out)
{
	struct lg_err err;

	assert_int_equal(shipper_start(out->host, &err), LG_OK);
}

static inline void rig_output_stop(struct rig_output *out)
{
	shipper_stop(out->host, clock_mono(&clock_system));
	shipper_join(out->host);
}

static inline struct shipper_status rig_output_status(struct rig_output *out)
{
	struct shipper_status status;

	shipper_status_copy(out->host, &status);
	return status;
}

#endif
