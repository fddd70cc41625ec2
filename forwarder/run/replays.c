#include "run/replays.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* One of the live outputs, and its replay if there is one. */
struct slot {
	struct lg_output_host *live;
	struct lg_output_host *host; /* NULL: none runs */
	struct replay replay;
	uint64_t letters; /* a replay of dead letters began with so many records */
};

struct replays {
	struct replays_env env;
	struct slot *slots;
};

struct replays *replays_new(const struct replays_env *env)
{
	struct replays *replays = mem_zalloc(sizeof(*replays));

	replays->env = *env;
	replays->slots = mem_zalloc((env->output_count + 1) * sizeof(*replays->slots));
	for (size_t i = 0; i < env->output_count; i++)
		replays->slots[i].live = env->outputs[i];
	return replays;
}

static const char *name_of(const struct slot *slot)
{
	return shipper_conf(slot->live)->name;
}

static struct slot *find(struct replays *replays, const char *output)
{
	for (size_t i = 0; i < replays->env.output_count; i++)
		if (!strcmp(name_of(&replays->slots[i]), output))
			return &replays->slots[i];
	return NULL;
}

static struct replay new_replay(struct replays *replays, struct slot *slot)
{
	struct replay replay = {.from_ns = INT64_MIN, .to_ns = INT64_MAX, .data_dir = replays->env.data_dir, .io = replays->env.io,
	                        .letters = shipper_letters(slot->live)};
	struct spool_stat *stat = mem_zalloc(sizeof(*stat));

	snprintf(replay.output, sizeof(replay.output), "%s", name_of(slot));
	spool_stat(replays->env.shipper.spool, stat);
	for (size_t i = 0; i < 16; i++) {
		unsigned byte = 0;

		if (sscanf(stat->spool_id + 2 * i, "%2x", &byte) == 1)
			replay.spool_id[i] = (uint8_t)byte;
	}
	replay.first = stat->first_seq;
	replay.end = stat->next_seq;
	free(stat);
	return replay;
}

static struct again_env again_env(struct replays *replays, struct slot *slot)
{
	struct again_env env = {replays->env.data_dir, replays->env.key_file, replays->env.io, {0}, slot->replay.letters, name_of(slot)};

	memcpy(env.spool_id, slot->replay.spool_id, sizeof(env.spool_id));
	return env;
}

static enum lg_rc run_it(struct replays *replays, struct slot *slot, struct lg_err *err)
{
	enum lg_rc rc = shipper_new_replay(&slot->host, shipper_conf(slot->live), &replays->env.shipper, &slot->replay, err);

	if (rc != LG_OK) {
		slot->host = NULL;
		again_free(slot->replay.again);
		slot->replay.again = NULL;
		return rc;
	}
	rc = shipper_start(slot->host, err);
	if (rc != LG_OK) {
		shipper_free(slot->host);
		slot->host = NULL;
		again_free(slot->replay.again);
		slot->replay.again = NULL;
	}
	return rc;
}

static void resume_letters(struct replays *replays, struct slot *slot)
{
	struct again_env env;
	struct lg_err err;
	enum lg_rc rc;

	if (slot->host)
		return;
	slot->replay = new_replay(replays, slot);
	env = again_env(replays, slot);
	rc = again_resume(&slot->replay.again, &env, &err);
	slot->letters = rc == LG_OK ? again_records(slot->replay.again) : 0;
	if (rc == LG_OK)
		rc = run_it(replays, slot, &err);
	if (rc == LG_OK)
		log_notice("output %s: the replay of dead letters goes on with %" PRIu64 " records", name_of(slot), slot->letters);
	else if (rc != LG_NOTFOUND)
		log_error("output %s: the replay of dead letters cannot go on: %s", name_of(slot), err.text);
}

void replays_resume(struct replays *replays)
{
	for (size_t i = 0; i < replays->env.output_count; i++) {
		struct slot *slot = &replays->slots[i];
		struct lg_err err;
		uint64_t next;
		enum lg_rc rc;

		slot->replay = new_replay(replays, slot);
		rc = replay_load(&slot->replay, name_of(slot), &err);
		next = slot->replay.next; /* the thread's own, once it runs */
		if (rc == LG_OK)
			rc = run_it(replays, slot, &err);
		if (rc == LG_OK)
			log_notice("output %s: the replay goes on at record %" PRIu64 " of %" PRIu64 " to %" PRIu64, name_of(slot), next,
			           slot->replay.first, slot->replay.end - 1);
		else if (rc != LG_NOTFOUND)
			log_error("output %s: the replay cannot go on: %s", name_of(slot), err.text);
		resume_letters(replays, slot);
	}
}

/* The range that was asked for, within what the spool has. */
static enum lg_rc set_range(struct replay *replay, struct spool *spool, const char *kind, int64_t from, int64_t to, struct lg_err *err)
{
	if (!strcmp(kind, "time")) {
		replay->from_ns = from;
		replay->to_ns = to;
		replay_find_range(replay, spool);
	} else {
		if (from > 0 && (uint64_t)from > replay->first)
			replay->first = (uint64_t)from;
		if (to >= 0 && (uint64_t)to < replay->end)
			replay->end = (uint64_t)to + 1;
		replay->next = replay->first;
	}
	if (replay->first >= replay->end)
		return lg_err_set(err, LG_NOTFOUND, "the spool holds no record of that range");
	return LG_OK;
}

/* The output that may begin a replay now. */
static enum lg_rc find_free(struct replays *replays, const char *output, struct slot **out, struct lg_err *err)
{
	struct slot *slot = find(replays, output);
	struct replay_status running;

	if (!slot)
		return lg_err_set(err, LG_NOTFOUND, "no output %s", output);
	if (replays_status(replays, output, &running))
		return lg_err_set(err, LG_BUSY, "a replay to %s is at record %" PRIu64 " of %" PRIu64 " to %" PRIu64 ": wait for its end", output,
		                  running.next, running.first, running.end - 1);
	if (shipper_conf(slot->live)->plugin->single)
		return lg_err_set(err, LG_UNSUPPORTED, "output %s is of type %s, where two writers would destroy each other's records: replay to another output, or "
		                  "use `lugger spool export`", output, shipper_conf(slot->live)->plugin->name);
	*out = slot;
	return LG_OK;
}

enum lg_rc replays_start_letters(struct replays *replays, const char *request, struct lg_buf *out, struct lg_err *err)
{
	struct again_choice choice;
	struct again_env env;
	struct slot *slot;
	char output[64];
	enum lg_rc rc;
	int keep;

	if (sscanf(request, "%63s %" SCNu64 " %" SCNu64 " %" SCNd64 " %" SCNd64 " %" SCNu64 " %" SCNu64 " %d", output, &choice.segment, &choice.offset,
	           &choice.from_ns, &choice.to_ns, &choice.first_seq, &choice.last_seq, &keep) != 8)
		return lg_err_set(err, LG_INVALID, "the request is not understood");
	choice.keep = keep != 0;
	rc = find_free(replays, output, &slot, err);
	if (rc != LG_OK)
		return rc;
	slot->replay = new_replay(replays, slot);
	env = again_env(replays, slot);
	rc = again_new(&slot->replay.again, &env, &choice, err);
	if (rc != LG_OK)
		return rc;
	slot->letters = again_records(slot->replay.again);
	rc = run_it(replays, slot, err);
	if (rc != LG_OK)
		return rc; /* it is asked for durably: the next start goes on with it */
	log_notice("output %s: replaying %" PRIu64 " records of its dead letters", output, slot->letters);
	lg_buf_printf(out, "replaying %" PRIu64 " records of the dead letters of %s; `lugger status` shows how far it is\n", slot->letters, output);
	return LG_OK;
}

enum lg_rc replays_start(struct replays *replays, const char *request, struct lg_buf *out, struct lg_err *err)
{
	char output[64], kind[8];
	int64_t from, to;
	struct slot *slot;
	enum lg_rc rc;

	if (sscanf(request, "%63s %7s %" SCNd64 " %" SCNd64, output, kind, &from, &to) != 4 || (strcmp(kind, "time") && strcmp(kind, "seq")))
		return lg_err_set(err, LG_INVALID, "the request is not understood");
	rc = find_free(replays, output, &slot, err);
	if (rc != LG_OK)
		return rc;
	slot->replay = new_replay(replays, slot);
	slot->replay.started_ns = clock_utc(replays->env.shipper.clock);
	rc = set_range(&slot->replay, replays->env.shipper.spool, kind, from, to, err);
	if (rc == LG_OK)
		rc = replay_store(&slot->replay, err); /* durable before it is promised */
	if (rc == LG_OK) {
		rc = run_it(replays, slot, err);
		if (rc != LG_OK && replay_remove(&slot->replay, NULL) != LG_OK)
			log_warning("output %s: the file of a replay that did not begin stays", output);
	}
	if (rc != LG_OK)
		return rc;
	log_notice("output %s: replaying records %" PRIu64 " to %" PRIu64, output, slot->replay.first, slot->replay.end - 1);
	lg_buf_printf(out, "replaying records %" PRIu64 " to %" PRIu64 " to %s; `lugger status` shows how far it is\n", slot->replay.first,
	              slot->replay.end - 1, output);
	return LG_OK;
}

static void finish_letters(struct slot *slot, const struct shipper_status *status)
{
	struct lg_err err;

	if (again_remove(slot->replay.again, &err) != LG_OK)
		log_warning("output %s: %s; the next start finds the replay finished", name_of(slot), err.text);
	again_free(slot->replay.again);
	slot->replay.again = NULL;
	log_notice("output %s: the replay of dead letters is done: %" PRIu64 " of %" PRIu64 " records delivered", name_of(slot), status->records,
	           slot->letters);
}

void replays_step(struct replays *replays)
{
	for (size_t i = 0; i < replays->env.output_count; i++) {
		struct slot *slot = &replays->slots[i];
		struct shipper_status status;
		struct lg_err err;

		if (!slot->host || !shipper_done(slot->host))
			continue;
		shipper_join(slot->host);
		shipper_status_copy(slot->host, &status);
		shipper_free(slot->host);
		slot->host = NULL;
		if (slot->replay.again) {
			finish_letters(slot, &status);
			continue;
		}
		if (replay_remove(&slot->replay, &err) != LG_OK)
			log_warning("output %s: %s; the next start finds the replay finished", name_of(slot), err.text);
		log_notice("output %s: the replay of records %" PRIu64 " to %" PRIu64 " is done: %" PRIu64 " delivered, %" PRIu64 " lost", name_of(slot),
		           slot->replay.first, slot->replay.end - 1, status.records, status.lost);
	}
}

bool replays_status(struct replays *replays, const char *output, struct replay_status *status)
{
	struct slot *slot = replays ? find(replays, output) : NULL;
	struct shipper_status s;

	if (!slot || !slot->host)
		return false;
	shipper_status_copy(slot->host, &s);
	*status = (struct replay_status){.first = slot->replay.first, .next = s.cursor, .end = slot->replay.end, .records = s.records, .lost = s.lost};
	if (slot->replay.again) {
		status->letters = true;
		status->first = 1;
		status->end = slot->letters + 1;
		status->next = slot->letters + 1 - (s.lag_records < slot->letters ? s.lag_records : slot->letters);
	}
	if (status->next > status->end)
		status->next = status->end;
	snprintf(status->state, sizeof(status->state), "%s", s.state);
	snprintf(status->last_error, sizeof(status->last_error), "%s", s.healthy ? "" : s.last_error);
	return true;
}

bool replays_running(const struct replays *replays)
{
	for (size_t i = 0; i < replays->env.output_count; i++)
		if (replays->slots[i].host)
			return true;
	return false;
}

void replays_stop(struct replays *replays, int64_t deadline_ns)
{
	for (size_t i = 0; replays && i < replays->env.output_count; i++)
		if (replays->slots[i].host)
			shipper_stop(replays->slots[i].host, deadline_ns);
}

void replays_join(struct replays *replays)
{
	for (size_t i = 0; replays && i < replays->env.output_count; i++)
		if (replays->slots[i].host)
			shipper_join(replays->slots[i].host);
}

void replays_free(struct replays *replays)
{
	if (!replays)
		return;
	for (size_t i = 0; i < replays->env.output_count; i++) {
		shipper_free(replays->slots[i].host);
		again_free(replays->slots[i].replay.again);
	}
	free(replays->slots);
	free(replays);
}
