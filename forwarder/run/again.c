#include "run/again.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/lugger_plugin.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "base/replace.h"
#include "base/wire.h"

#define PATH_SIZE 4400
#define AGAIN_VERSION 1

static const uint8_t magic[8] = {0xF5, 'L', 'G', 'A', 'G', 'A', 'I', 'N'};

enum {
	AT_VERSION = 8,
	AT_KEEP = 10,
	AT_SPOOL_ID = 16,
	AT_NEXT_FILE = 32,
	AT_END_FILE = 40,
	AT_SEGMENT = 48,
	AT_OFFSET = 56,
	AT_FROM_NS = 64,
	AT_TO_NS = 72,
	AT_FIRST_SEQ = 80,
	AT_LAST_SEQ = 88,
	AT_CRC = 96,
	FILE_SIZE = 100,
};

enum item_state { ITEM_KEPT, ITEM_WAITING, ITEM_UNDER_WAY, ITEM_SETTLED };

struct item {
	struct lg_batch *batch;
	char *reason;
	int64_t time_ns;
	uint32_t attempts;
	enum item_state state;
};

struct again {
	struct again_env env;
	struct again_choice choice;
	char output[64];
	uint64_t next_file, end_file;
	uint64_t file; /* the one in memory; 0: none */
	bool damaged;  /* a letter of it did not verify: the file stays */
	struct item *items;
	size_t count, cap;
	uint64_t records, settled;
};

/* ---- its file ---- */

static char *path_of(const struct again *again, char path[PATH_SIZE], const char *suffix)
{
	snprintf(path, PATH_SIZE, "%.4000s/spool/replay%s%s%s", again->env.data_dir, suffix ? "/" : "", suffix ? again->output : "", suffix ? suffix : "");
	return path;
}

static enum lg_rc store(const struct again *again, struct lg_err *err)
{
	char dir[PATH_SIZE], spool[PATH_SIZE], temp[PATH_SIZE], path[PATH_SIZE];
	uint8_t p[FILE_SIZE] = {0};
	int rc;

	memcpy(p, magic, sizeof(magic));
	wire_put_u16(p + AT_VERSION, AGAIN_VERSION);
	p[AT_KEEP] = again->choice.keep;
	memcpy(p + AT_SPOOL_ID, again->env.spool_id, 16);
	wire_put_u64(p + AT_NEXT_FILE, again->next_file);
	wire_put_u64(p + AT_END_FILE, again->end_file);
	wire_put_u64(p + AT_SEGMENT, again->choice.segment);
	wire_put_u64(p + AT_OFFSET, again->choice.offset);
	wire_put_i64(p + AT_FROM_NS, again->choice.from_ns);
	wire_put_i64(p + AT_TO_NS, again->choice.to_ns);
	wire_put_u64(p + AT_FIRST_SEQ, again->choice.first_seq);
	wire_put_u64(p + AT_LAST_SEQ, again->choice.last_seq);
	wire_put_u32(p + AT_CRC, crc32c(0, p, AT_CRC));
	snprintf(spool, sizeof(spool), "%.4000s/spool", again->env.data_dir);
	path_of(again, dir, NULL);
	path_of(again, temp, ".dlq~");
	path_of(again, path, ".dlq");
	rc = replace_file(again->env.io, spool, dir, temp, path, p, sizeof(p));
	return rc < 0 ? lg_err_sys(err, -rc, "storing %s", path) : LG_OK;
}

static enum lg_rc load(struct again *again, struct lg_err *err)
{
	const struct sys_io *io = again->env.io;
	char path[PATH_SIZE];
	uint8_t p[FILE_SIZE];
	int handle = io->open(io->self, path_of(again, path, ".dlq"), SYS_READ);
	ssize_t n;

	if (handle < 0)
		return lg_err_sys(err, -handle, "%s", path);
	n = io->pread(io->self, handle, p, sizeof(p), 0);
	io->close(io->self, handle);
	if (n < 0)
		return lg_err_sys(err, (int)-n, "%s", path);
	if (n != FILE_SIZE || memcmp(p, magic, sizeof(magic)) != 0 || wire_get_u32(p + AT_CRC) != crc32c(0, p, AT_CRC) ||
	    wire_get_u16(p + AT_VERSION) != AGAIN_VERSION || memcmp(p + AT_SPOOL_ID, again->env.spool_id, 16) != 0)
		return lg_err_set(err, LG_CORRUPT, "%s does not verify, or belongs to another spool", path);
	again->choice.keep = p[AT_KEEP];
	again->next_file = wire_get_u64(p + AT_NEXT_FILE);
	again->end_file = wire_get_u64(p + AT_END_FILE);
	again->choice.segment = wire_get_u64(p + AT_SEGMENT);
	again->choice.offset = wire_get_u64(p + AT_OFFSET);
	again->choice.from_ns = wire_get_i64(p + AT_FROM_NS);
	again->choice.to_ns = wire_get_i64(p + AT_TO_NS);
	again->choice.first_seq = wire_get_u64(p + AT_FIRST_SEQ);
	again->choice.last_seq = wire_get_u64(p + AT_LAST_SEQ);
	return LG_OK;
}

enum lg_rc again_remove(const struct again *again, struct lg_err *err)
{
	const struct sys_io *io = again->env.io;
	char path[PATH_SIZE], dir[PATH_SIZE];
	int rc = io->unlink(io->self, path_of(again, path, ".dlq"));

	if (rc == 0)
		rc = io->sync_dir(io->self, path_of(again, dir, NULL));
	return rc < 0 ? lg_err_sys(err, -rc, "removing %s", path) : LG_OK;
}

/* ---- letters ---- */

static bool selected(const struct again *again, const struct deadletter *letter)
{
	const struct again_choice *choice = &again->choice;

	if (choice->segment && (letter->segment != choice->segment || letter->offset != choice->offset))
		return false;
	return letter->segment < again->end_file && letter->segment >= again->next_file && letter->time_ns >= choice->from_ns &&
	       letter->time_ns <= choice->to_ns && letter->first_seq <= choice->last_seq &&
	       letter->first_seq + letter->count > choice->first_seq;
}

static void count_one(void *arg, const struct deadletter *letter)
{
	struct again *again = arg;

	if (selected(again, letter))
		again->records += letter->count;
}

static void take_one(void *arg, const struct deadletter *letter)
{
	struct again *again = arg;
	struct item *item;

	again->items = mem_grow(again->items, &again->cap, again->count + 1, sizeof(*again->items));
	item = &again->items[again->count++];
	*item = (struct item){.batch = (struct lg_batch *)(uintptr_t)letter->batch,
	                      .reason = mem_strndup(letter->reason.data, letter->reason.size),
	                      .time_ns = letter->time_ns,
	                      .attempts = letter->attempts,
	                      .state = selected(again, letter) ? ITEM_WAITING : ITEM_KEPT};
	lg_batch_hold(item->batch);
}

static void say_damage(void *arg, const char *line)
{
	struct again *again = arg;

	again->damaged = true;
	log_warning("output %s: %s", again->output, line);
}

static enum lg_rc walk(struct again *again, uint64_t file, struct lg_err *err)
{
	struct deadletter_walk walk = {.data_dir = again->env.data_dir, .io = again->env.io, .output = again->output, .key_file = again->env.key_file,
	                               .file = file, .payloads = file != 0, .each = file ? take_one : count_one, .say = file ? say_damage : NULL,
	                               .arg = again};

	return deadletter_walk(&walk, err);
}

static void drop_items(struct again *again)
{
	for (size_t i = 0; i < again->count; i++) {
		lg_batch_release(again->items[i].batch);
		free(again->items[i].reason);
	}
	again->count = 0;
	again->file = 0;
	again->damaged = false;
}

static uint64_t end_of(const struct item *item)
{
	return item->batch->first_seq + item->batch->count;
}

/* By sequence; of the same record the earlier letter first. */
static int by_sequence(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->batch->first_seq != y->batch->first_seq)
		return x->batch->first_seq < y->batch->first_seq ? -1 : 1;
	return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

/* Letters that do not overlap go together; the rest waits for a pass of its own. */
static bool begin_pass(struct again *again, uint64_t *first)
{
	uint64_t end = 0;
	bool any = false;

	for (size_t i = 0; i < again->count; i++) {
		struct item *item = &again->items[i];

		if (item->state != ITEM_WAITING || item->batch->first_seq < end)
			continue;
		if (!any)
			*first = item->batch->first_seq;
		any = true;
		item->state = ITEM_UNDER_WAY;
		end = end_of(item);
	}
	return any;
}

static void end_pass(struct again *again)
{
	for (size_t i = 0; i < again->count; i++) {
		if (again->items[i].state != ITEM_UNDER_WAY)
			continue;
		again->items[i].state = ITEM_SETTLED;
		again->settled += again->items[i].batch->count;
	}
}

/* All of the file's that were selected are settled. */
static enum lg_rc finish_file(struct again *again, struct lg_err *err)
{
	struct deadletter_kept *kept = mem_zalloc((again->count + 1) * sizeof(*kept));
	size_t count = 0;
	enum lg_rc rc = LG_OK;

	for (size_t i = 0; i < again->count; i++) {
		const struct item *item = &again->items[i];

		if (item->state == ITEM_KEPT)
			kept[count++] = (struct deadletter_kept){item->batch, item->reason, item->time_ns, item->attempts};
	}
	if (!again->choice.keep && !again->damaged && count < again->count)
		rc = deadletters_replace(again->env.letters, again->file, kept, count, err);
	free(kept);
	if (rc != LG_OK)
		return rc;
	again->next_file = again->file + 1;
	rc = store(again, err);
	if (rc == LG_OK)
		drop_items(again);
	return rc;
}

enum lg_rc again_advance(struct again *again, uint64_t *first, struct lg_err *err)
{
	enum lg_rc rc = LG_OK;

	end_pass(again);
	while (rc == LG_OK && !begin_pass(again, first)) {
		uint64_t file;

		if (again->file)
			rc = finish_file(again, err);
		if (rc != LG_OK)
			break;
		file = deadletters_next_file(again->env.letters, again->next_file, again->end_file);
		if (!file)
			return lg_err_set(err, LG_NOTFOUND, "no more letters");
		rc = walk(again, file, err);
		if (rc != LG_OK) {
			drop_items(again);
			break;
		}
		again->file = file;
		if (again->count)
			qsort(again->items, again->count, sizeof(*again->items), by_sequence);
	}
	return rc;
}

static const struct item *find_item(const struct again *again, uint64_t seq)
{
	for (size_t i = 0; i < again->count; i++)
		if (again->items[i].state == ITEM_UNDER_WAY && seq < end_of(&again->items[i]))
			return &again->items[i];
	return NULL;
}

struct lg_batch *again_batch(const struct again *again, uint64_t seq)
{
	const struct item *item = find_item(again, seq);

	if (!item)
		return NULL;
	lg_batch_hold(item->batch);
	return item->batch;
}

uint32_t again_attempts(const struct again *again, uint64_t seq)
{
	const struct item *item = find_item(again, seq);

	return item && item->batch->first_seq <= seq ? item->attempts : 0;
}

uint64_t again_records(const struct again *again)
{
	return again->records;
}

uint64_t again_left(const struct again *again)
{
	return again->settled < again->records ? again->records - again->settled : 0;
}

/* ---- life ---- */

static struct again *make(const struct again_env *env)
{
	struct again *again = mem_zalloc(sizeof(*again));

	again->env = *env;
	snprintf(again->output, sizeof(again->output), "%s", env->output);
	return again;
}

enum lg_rc again_new(struct again **out, const struct again_env *env, const struct again_choice *choice, struct lg_err *err)
{
	struct again *again = make(env);
	enum lg_rc rc;

	again->choice = *choice;
	again->next_file = 1;
	again->end_file = deadletters_seal(env->letters);
	rc = walk(again, 0, err);
	if (rc == LG_OK && !again->records)
		rc = lg_err_set(err, LG_NOTFOUND, "no dead letter of %s is selected: see `lugger dlq ls --output %s`", env->output, env->output);
	if (rc == LG_OK)
		rc = store(again, err); /* durable before it is promised */
	if (rc != LG_OK) {
		again_free(again);
		return rc;
	}
	*out = again;
	return LG_OK;
}

enum lg_rc again_resume(struct again **out, const struct again_env *env, struct lg_err *err)
{
	struct again *again = make(env);
	enum lg_rc rc = load(again, err);

	if (rc == LG_OK)
		rc = walk(again, 0, err);
	if (rc != LG_OK) {
		again_free(again);
		return rc;
	}
	deadletters_seal(env->letters);
	*out = again;
	return LG_OK;
}

void again_free(struct again *again)
{
	if (!again)
		return;
	drop_items(again);
	free(again->items);
	free(again);
}
