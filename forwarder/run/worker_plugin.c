#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "run/worker_host.h"

struct prefix_filter {
	struct lg_str prefix;
	void (*each)(void *arg, struct lg_str key, const uint8_t *value, size_t size);
	void *arg;
};

static void pass_prefixed(void *arg, struct lg_str key, const uint8_t *value, size_t size)
{
	const struct prefix_filter *filter = arg;

	if (key.size >= filter->prefix.size && memcmp(key.data, filter->prefix.data, filter->prefix.size) == 0)
		filter->each(filter->arg, key, value, size);
}

void lg_input_positions(struct lg_input_host *host, struct lg_str prefix,
                        void (*each)(void *arg, struct lg_str key, const uint8_t *value, size_t size), void *arg)
{
	struct prefix_filter filter = {prefix, each, arg};

	spool_positions(host->env.spool, lg_str_from(host->conf->name), pass_prefixed, &filter);
}

struct lg_net *lg_input_net(struct lg_input_host *host)
{
	return host->env.net;
}

const char *lg_input_name(const struct lg_input_host *host)
{
	return host->conf->name;
}

bool lg_input_once(const struct lg_input_host *host)
{
	return host->env.once;
}

uint64_t lg_input_horizon(struct lg_input_host *host)
{
	return spool_durable_next(host->env.spool);
}

static bool holds(const struct lg_batch *batch, uint64_t from, const char *input, unsigned field, struct lg_str text)
{
	struct lg_batch_iter it;
	struct lg_record record;

	lg_batch_begin(&it, batch, from);
	while (lg_batch_next(&it, &record))
		if (lg_str_is(record.input, input) && lg_str_equal(lg_record_string(&record, field), text))
			return true;
	return false;
}

enum lg_spooled lg_input_spooled(struct lg_input_host *host, uint64_t from, unsigned field, struct lg_str text)
{
	struct spool_reader *reader;
	struct lg_batch *batch;
	struct lg_err err;
	uint64_t gap[2];
	bool found = false, gone;
	enum lg_rc rc = spool_reader_open(host->env.spool, from, &reader, &err);

	gone = rc == LG_OK && spool_reader_at(reader) > from;
	while (rc == LG_OK && !found) {
		rc = spool_reader_next(reader, &batch, &gap[0], &gap[1], &err);
		if (rc == LG_CORRUPT) {
			rc = LG_OK; /* the outputs' readers count it */
			continue;
		}
		if (rc != LG_OK)
			break;
		found = holds(batch, from, host->conf->name, field, text);
		lg_batch_release(batch);
	}
	spool_reader_close(reader);
	return found ? LG_SPOOLED_YES : gone ? LG_SPOOLED_GONE : LG_SPOOLED_NO;
}

int64_t lg_input_utc(const struct lg_input_host *host)
{
	return host->utc_ns;
}

void lg_input_fault(struct lg_input_host *host, const char *text)
{
	bool news;

	pthread_mutex_lock(&host->mutex);
	news = strcmp(host->status.last_error, text) != 0;
	snprintf(host->status.last_error, sizeof(host->status.last_error), "%s", text);
	pthread_mutex_unlock(&host->mutex);
	host->faulted = true;
	if (news)
		log_error("input %s: %s", host->conf->name, text);
}

void lg_input_clear(struct lg_input_host *host)
{
	host->faulted = false;
}

void lg_input_loss(struct lg_input_host *host, uint64_t count, uint64_t bytes, const char *reason)
{
	lg_input_loss_range(host, 0, 0, count, bytes, reason);
}

void lg_input_loss_range(struct lg_input_host *host, uint64_t first, uint64_t last, uint64_t count, uint64_t bytes, const char *reason)
{
	host->lost += count ? count : 1;
	host->lost_unknown |= !count;
	writer_post_loss(host->env.writer, 'I', host->conf->name, first, last, count, bytes, reason);
}

void lg_input_log(struct lg_input_host *host, enum lg_level level, const char *fmt, ...)
{
	char prefix[80];
	va_list ap;

	snprintf(prefix, sizeof(prefix), "input %s", host->conf->name);
	va_start(ap, fmt);
	log_vwrite(level, prefix, fmt, ap);
	va_end(ap);
}
