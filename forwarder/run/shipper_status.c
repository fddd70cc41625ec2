/* What an output's thread publishes about itself. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "run/shipper_host.h"

#define REPORT_EVERY_NS (250 * CLOCK_MS)

void shipper_set_state(struct lg_output_host *host, const char *state, const char *error, bool healthy)
{
	bool news, error_news;

	pthread_mutex_lock(&host->mutex);
	news = strcmp(host->status.state, state) != 0;
	error_news = error && strcmp(host->status.last_error, error) != 0;
	snprintf(host->status.state, sizeof(host->status.state), "%s", state);
	if (error)
		snprintf(host->status.last_error, sizeof(host->status.last_error), "%s", error);
	host->status.healthy = healthy;
	pthread_mutex_unlock(&host->mutex);
	if (!healthy && (news || error_news))
		log_warning("output %s: %s: %s", host->conf->name, state, error ? error : "");
	else if (healthy && !host->healthy)
		log_notice("output %s: %s", host->conf->name, state);
	host->healthy = healthy;
}

static void update_rate(struct lg_output_host *host, int64_t now_ns)
{
	double seconds = (double)(now_ns - host->rate_at_ns) / 1e9;

	if (host->rate_at_ns && seconds < 1)
		return;
	if (host->rate_at_ns && host->position >= host->rate_position)
		host->status.rate = 0.5 * host->status.rate + 0.5 * (double)(host->position - host->rate_position) / seconds;
	host->rate_at_ns = now_ns;
	host->rate_position = host->position;
}

void shipper_publish(struct lg_output_host *host, int64_t now_ns, bool force)
{
	const struct lg_output_plugin *plugin = host->conf->plugin;
	struct lg_output_report report = {0};
	uint64_t from, behind, lag_bytes, dead;

	if (!force && now_ns < host->next_report_ns)
		return;
	host->next_report_ns = now_ns + REPORT_EVERY_NS;
	if (plugin->report)
		plugin->report(host->state, &report);
	/* Not settled and not merely held by the resend window: not offered yet, or offered and not acknowledged by the peer's TCP. */
	from = report.held_before > host->flight.cursor ? report.held_before : host->flight.cursor;
	behind = host->replay ? host->replay->end : spool_durable_next(host->env.spool);
	behind = behind > host->position ? behind - host->position : 0;
	behind += flight_unsettled(&host->flight, host->position) - flight_unsettled(&host->flight, from);
	if (host->replay && host->replay->again)
		behind = again_left(host->replay->again);
	lag_bytes = behind && host->reader ? spool_bytes_from(host->env.spool, from) : 0;
	dead = deadletters_count(host->letters);
	pthread_mutex_lock(&host->mutex);
	update_rate(host, now_ns);
	host->status.cursor = host->cursor; /* with the lag that belongs to it */
	host->status.offered = host->position;
	host->status.lag_records = behind;
	host->status.lag_bytes = lag_bytes;
	host->status.records = host->records;
	host->status.repeats = host->repeats;
	host->status.filtered = host->filtered;
	host->status.lost = host->lost;
	host->status.dropped = host->dropped;
	host->status.dead = dead;
	host->status.retry_in_ns = host->retry_at_ns > now_ns ? host->retry_at_ns - now_ns : 0;
	host->status.report = report;
	pthread_mutex_unlock(&host->mutex);
}

enum lg_rc shipper_drop_dead(struct lg_output_host *host, uint64_t *count, struct lg_err *err)
{
	enum lg_rc rc = deadletters_drop(host->letters, count, err);
	uint64_t left = deadletters_count(host->letters);

	pthread_mutex_lock(&host->mutex);
	host->status.dead = left;
	pthread_mutex_unlock(&host->mutex);
	return rc;
}

void shipper_status_copy(struct lg_output_host *host, struct shipper_status *status)
{
	pthread_mutex_lock(&host->mutex);
	*status = host->status;
	pthread_mutex_unlock(&host->mutex);
}
