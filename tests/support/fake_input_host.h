/* fake_input_host.h - the core's side of one input, for tests that drive a plugin's struct directly.
 *
 * Records and positions are volatile until fake_commit seals them together, as a frame does; fake_crash drops what was not. The clocks
 * stand still until told. Everything is static: include it in one test program.
 */
#ifndef FAKE_INPUT_HOST_H
#define FAKE_INPUT_HOST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/lugger_plugin.h"

struct fake_record {
	char *text;  /* "path@offset:body", path without its directory */
};

struct fake_records {
	struct fake_record *items;
	size_t count, cap;
};

struct fake_position {
	char key[LG_POSITION_KEY_MAX + 1];
	uint8_t value[LG_POSITION_VALUE_MAX];
	size_t size;
};

struct lg_positions {
	struct fake_position *items;
	size_t count, cap;
};

struct lg_origin {
	char path[512];
};

struct lg_input_host {
	const struct lg_input_plugin *plugin;
	void *state;
	bool once;
	int64_t utc_ns;
	long ready_left;          /* lg_input_ready says yes so often; -1: always */
	long commit_every;        /* commits at every n-th lg_input_ready; 0: only when told */
	long ready_calls;
	struct fake_records durable, pending;
	struct lg_positions positions; /* durable */
	char fault[1800];
	uint64_t lost_bytes;
	uint64_t durable_token; /* 0 at a start: what earlier runs made durable */
	char log[1 << 16];
	unsigned log_lines;
};

static inline void fake_push(struct fake_records *records, char *text)
{
	if (records->count == records->cap) {
		records->cap = records->cap ? 2 * records->cap : 64;
		records->items = realloc(records->items, records->cap * sizeof(*records->items));
	}
	records->items[records->count++].text = text;
}

static inline void fake_clear(struct fake_records *records)
{
	for (size_t i = 0; i < records->count; i++)
		free(records->items[i].text);
	records->count = 0;
}

static inline void fake_put(struct lg_positions *positions, const struct fake_position *entry)
{
	size_t i = 0;

	while (i < positions->count && strcmp(positions->items[i].key, entry->key) != 0)
		i++;
	if (!entry->size) {
		if (i < positions->count)
			positions->items[i] = positions->items[--positions->count];
		return;
	}
	if (i == positions->cap) {
		positions->cap = positions->cap ? 2 * positions->cap : 16;
		positions->items = realloc(positions->items, positions->cap * sizeof(*positions->items));
	}
	positions->items[i] = *entry;
	positions->count += i == positions->count;
}

void lg_positions_put(struct lg_positions *positions, struct lg_str key, const void *value, size_t size)
{
	struct fake_position entry = {.size = size};

	if (key.size > LG_POSITION_KEY_MAX || size > LG_POSITION_VALUE_MAX)
		abort();
	memcpy(entry.key, key.data, key.size);
	if (size)
		memcpy(entry.value, value, size);
	fake_put(positions, &entry);
}

/* Records and positions become durable together. */
static inline void fake_commit(struct lg_input_host *host)
{
	uint64_t token = host->plugin->seal(host->state, &host->positions);

	for (size_t i = 0; i < host->pending.count; i++)
		fake_push(&host->durable, host->pending.items[i].text);
	host->pending.count = 0;
	host->plugin->durable(host->state, token);
	host->durable_token = token;
}

/* Every output has settled what is durable. */
static inline void fake_settle(struct lg_input_host *host)
{
	host->plugin->settled(host->state, host->durable_token);
}

bool lg_input_ready(struct lg_input_host *host)
{
	host->ready_calls++;
	if (host->commit_every && host->ready_calls % host->commit_every == 0)
		fake_commit(host);
	if (host->ready_left < 0)
		return true;
	if (!host->ready_left)
		return false;
	host->ready_left--;
	return true;
}

void lg_emit(struct lg_input_host *host, struct lg_draft *draft, const struct lg_origin *origin)
{
	const char *base = origin ? strrchr(origin->path, '/') : NULL;
	long long offset = -1;
	bool truncated = false;
	size_t size = draft->body.size + 600;
	char *text = malloc(size);

	for (size_t i = 0; i < draft->field_count; i++) {
		if (draft->fields[i].field == LG_F_LOG_OFFSET)
			offset = draft->fields[i].number;
		truncated |= draft->fields[i].field == LG_F_TRUNCATED;
	}
	snprintf(text, size, "%s@%lld:%s%.*s", base ? base + 1 : "", offset, truncated ? "(truncated)" : "", (int)draft->body.size,
		draft->body.data);
	fake_push(&host->pending, text);
}

struct lg_origin *lg_origin_new(const struct lg_draft *fields_only)
{
	struct lg_origin *origin = calloc(1, sizeof(*origin));

	for (size_t i = 0; i < fields_only->field_count; i++)
		if (fields_only->fields[i].field == LG_F_LOG_FILE_PATH)
			snprintf(origin->path, sizeof(origin->path), "%.*s", (int)fields_only->fields[i].text.size,
				fields_only->fields[i].text.data);
	return origin;
}

void lg_origin_free(struct lg_origin *origin)
{
	free(origin);
}

void lg_input_positions(struct lg_input_host *host, struct lg_str prefix,
	void (*each)(void *arg, struct lg_str key, const uint8_t *value, size_t size), void *arg)
{
	(void)prefix;
	for (size_t i = 0; i < host->positions.count; i++)
		each(arg, lg_str_from(host->positions.items[i].key), host->positions.items[i].value, host->positions.items[i].size);
}

const char *lg_input_name(const struct lg_input_host *host)
{
	(void)host;
	return "test";
}

bool lg_input_once(const struct lg_input_host *host)
{
	return host->once;
}

int64_t lg_input_utc(const struct lg_input_host *host)
{
	return host->utc_ns;
}

void lg_input_fault(struct lg_input_host *host, const char *text)
{
	snprintf(host->fault, sizeof(host->fault), "%s", text);
}

void lg_input_clear(struct lg_input_host *host)
{
	host->fault[0] = '\0';
}

void lg_input_loss(struct lg_input_host *host, uint64_t count, uint64_t bytes, const char *reason)
{
	(void)count;
	(void)reason;
	host->lost_bytes += bytes;
}

void lg_input_log(struct lg_input_host *host, enum lg_level level, const char *fmt, ...)
{
	size_t used = strlen(host->log);
	va_list ap;

	(void)level;
	host->log_lines++;
	if (used > sizeof(host->log) - 2000)
		return;
	va_start(ap, fmt);
	used += (size_t)vsnprintf(host->log + used, sizeof(host->log) - used, fmt, ap);
	va_end(ap);
	snprintf(host->log + used, sizeof(host->log) - used, "\n");
}

/* The process died: nothing is sealed, what was not durable never was. */
static inline void fake_crash(struct lg_input_host *host)
{
	host->plugin->close(host->state);
	free(host->state);
	host->state = NULL;
	fake_clear(&host->pending);
	host->fault[0] = '\0';
	host->durable_token = 0;
}

static inline void fake_fini(struct lg_input_host *host)
{
	if (host->state)
		fake_crash(host);
	fake_clear(&host->durable);
	free(host->durable.items);
	free(host->pending.items);
	free(host->positions.items);
}

#endif
