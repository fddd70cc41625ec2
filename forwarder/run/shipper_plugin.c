/* What an output's plugin calls: the receiver's word, the plugin's health, and what it is given. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "run/burial.h"
#include "run/shipper_host.h"

/* The receiver will never take them: kept as dead letters, and only then settled. What was settled before is passed over. */
static void reject(struct lg_output_host *host, uint64_t first, uint64_t last, const char *reason)
{
	uint64_t from, to;
	struct lg_err err;

	while (flight_run(&host->flight, first, last, &from, &to)) {
		struct again *again = host->replay ? host->replay->again : NULL;
		struct lg_batch *at_hand = again ? again_batch(again, from) : host->offer.batch;
		uint32_t before = again ? again_attempts(again, from) : 0;
		enum lg_rc rc = burial_put(host->letters, host->env.spool, at_hand, from, to, reason, before + host->rewinds + 1, &err);

		if (again)
			lg_batch_release(at_hand);
		if (rc == LG_CORRUPT) {
			host->lost += to - from + 1;
			writer_post_loss(host->env.writer, 'O', host->conf->name, from, to, to - from + 1, 0, "rejected, and unreadable in the spool");
		} else if (rc != LG_OK) {
			lg_output_retry(host, "dead-letter", &err);
			return;
		}
		flight_settle(&host->flight, from, to);
		if (to == UINT64_MAX)
			return;
		first = to + 1;
	}
}

void lg_settle(struct lg_output_host *host, uint64_t first, uint64_t last, enum lg_settle how, const char *reason)
{
	if (how == LG_REJECT)
		reject(host, first, last, reason);
	else
		host->records += flight_settle(&host->flight, first, last);
}

void lg_output_retry(struct lg_output_host *host, const char *state, const struct lg_err *err)
{
	shipper_set_state(host, state, err->text, false);
	host->failed = true;
}

void lg_output_restart(struct lg_output_host *host, const char *why)
{
	log_notice("output %s: %s", host->conf->name, why);
	backoff_reset(&host->backoff);
	host->failed = true;
}

void lg_output_trouble(struct lg_output_host *host, const char *state, const struct lg_err *err)
{
	shipper_set_state(host, state, err->text, false);
}

void lg_output_ok(struct lg_output_host *host, const char *state)
{
	if (strcmp(state, "connecting") != 0)
		backoff_reset(&host->backoff);
	snprintf(host->plugin_state, sizeof(host->plugin_state), "%s", state);
	if (!host->spool_trouble)
		shipper_set_state(host, state, NULL, true);
}

const char *lg_output_spool_id(const struct lg_output_host *host)
{
	return host->spool_id;
}

uint64_t lg_output_cursor(struct lg_output_host *host)
{
	return flight_cursor(&host->flight);
}

uint64_t lg_output_log_next(const struct lg_output_host *host)
{
	return spool_durable_next(host->env.spool);
}

bool lg_output_log_of(const struct lg_output_host *host, uint64_t seq, char log_id[33])
{
	return spool_log_of(host->env.spool, seq, log_id);
}

void lg_output_seek(struct lg_output_host *host, uint64_t seq)
{
	offer_drop(host);
	flight_fini(&host->flight);
	flight_init(&host->flight, seq);
	host->position = seq;
	spool_reader_seek(host->reader, seq);
}

void lg_output_hold(struct lg_output_host *host, uint64_t seq)
{
	host->hold = seq;
}

void lg_output_repeats(struct lg_output_host *host, uint64_t count)
{
	host->repeats += count;
}

enum lg_choice lg_output_choice(struct lg_output_host *host)
{
	return (enum lg_choice)atomic_exchange(&host->choice, LG_CHOICE_NONE);
}

struct lg_net *lg_output_net(struct lg_output_host *host)
{
	return host->env.net;
}

const char *lg_output_name(const struct lg_output_host *host)
{
	return host->name;
}

struct lg_formatter *lg_output_formatter(struct lg_output_host *host)
{
	return host->formatter;
}

void lg_output_log(struct lg_output_host *host, enum lg_level level, const char *fmt, ...)
{
	char prefix[80];
	va_list ap;

	snprintf(prefix, sizeof(prefix), "output %s", host->conf->name);
	va_start(ap, fmt);
	log_vwrite(level, prefix, fmt, ap);
	va_end(ap);
}
