/* Output `syslog`: RFC 5424 and friends over TLS, TCP (RFC 6587, RFC 5425) or UDP (RFC 5426). */
#include "output_syslog/syslog.h"

#include <stdlib.h>

#define STRIPE (64u << 10) /* balance: bytes before another server is chosen */

static enum lg_rc syslog_open(void *state, const void *conf, struct lg_output_host *host, struct lg_err *err)
{
	struct syslog *s = state;
	enum lg_rc rc = syslog_check(conf, err);

	if (rc != LG_OK)
		return rc;
	s->conf = conf;
	s->host = host;
	s->formatter = lg_output_formatter(host);
	s->tls = s->conf->tls;
	if (s->conf->transport == TRANSPORT_TCP)
		s->tls.off = true;
	s->wanted = true;
	s->links = calloc(s->conf->servers.count, sizeof(*s->links));
	if (!s->links)
		return lg_err_set(err, LG_NOMEM, "no memory for the servers");
	for (; s->link_count < s->conf->servers.count; s->link_count++)
		link_init(&s->links[s->link_count], s, s->link_count, lg_net_random(lg_output_net(host)));
	return LG_OK;
}

/* When a server that is down will be tried: the breaker of one that would be used now. INT64_MAX: it is not waited for. */
static int64_t try_at(const struct syslog *s, const struct link *link)
{
	bool preferred = link->index < s->active || s->links[s->active].phase == LINK_DOWN;

	if (link->phase != LINK_DOWN || !link->breaker.failures || s->link_count < 2 || (s->conf->mode == MODE_FAILOVER && !preferred))
		return INT64_MAX;
	return link->breaker.retry_at_ns > s->now_ns ? link->breaker.retry_at_ns : s->now_ns + SECOND / 10;
}

static void fill_waitset(const struct syslog *s, struct lg_waitset *ws)
{
	lg_waitset_clear(ws);
	for (size_t i = 0; i < s->link_count; i++) {
		const struct link *link = &s->links[i];
		int64_t return_at_ns = link->up_ns + s->conf->return_after_ns;

		link_wait(link, ws);
		lg_waitset_wake(ws, try_at(s, link));
		if (link->phase == LINK_UP && link->index < s->active && return_at_ns > s->now_ns)
			lg_waitset_wake(ws, return_at_ns);
	}
}

static void syslog_step(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	struct syslog *s = state;

	s->now_ns = now_ns;
	servers_step(s);
	fill_waitset(s, ws);
}

/* Formats for one server until its buffer is full or its share is; false: the batch is at its end. */
static bool fill(struct syslog *s, struct link *link, struct lg_batch_iter *it, uint64_t *taken)
{
	uint64_t share_end = link->plain_end + (s->conf->mode == MODE_BALANCE ? STRIPE : SEND_BUFFER);
	struct lg_record rec;

	while (frames_waiting(&link->out) < SEND_BUFFER && link->plain_end < share_end && link->phase == LINK_UP) {
		if (!lg_batch_next(it, &rec))
			return false;
		*taken = s->offered_end = rec.seq + 1;
		if (!servers_hold(s, rec.seq))
			link_add(link, &rec);
	}
	return true;
}

static void syslog_send(void *state, struct lg_batch *batch, struct lg_batch_iter *it, uint64_t *taken)
{
	struct syslog *s = state;
	bool more = true;

	s->failed = false;
	while (more) {
		struct link *link = servers_choose(s);

		if (!link) { /* what nobody can send yet is better off in the spool */
			s->wanted = true;
			return;
		}
		if (frames_waiting(&link->out) >= SEND_BUFFER)
			return;
		more = fill(s, link, it, taken);
		if (!more)
			*taken = s->offered_end = lg_batch_first(batch) + lg_batch_count(batch);
		if (s->failed)
			return;
		link_flush(link, false);
		if (s->failed)
			return;
	}
}

static void syslog_rewind(void *state)
{
	servers_rewind(state);
}

static bool syslog_finish(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	struct syslog *s = state;
	bool nothing = true;

	s->now_ns = now_ns;
	s->wanted = false; /* with nothing to send there is no need of a connection */
	servers_step(s);
	for (size_t i = 0; i < s->link_count && !s->failed; i++) {
		struct link *link = &s->links[i];

		if (link->phase == LINK_UP && !frames_waiting(&link->out) && !marks_empty(&link->marks)) {
			link_close(link);
			link_step(link);
		}
		nothing &= marks_empty(&link->marks);
	}
	if (!s->failed)
		servers_tell(s);
	fill_waitset(s, ws);
	return nothing && !s->failed;
}

static void syslog_report(const void *state, struct lg_output_report *report)
{
	servers_report(state, report);
}

static void syslog_close(void *state)
{
	struct syslog *s = state;

	for (size_t i = 0; i < s->link_count; i++)
		link_fini(&s->links[i]);
	free(s->links);
	free(s->kept.items);
	free(s->done.items);
}

const struct lg_output_plugin syslog_output = {
	.name = "syslog", .doc = "Syslog over TLS, TCP or UDP to a SIEM, rsyslog or syslog-ng.", .options = syslog_options,
	.conf_size = sizeof(struct syslog_conf), .line_framing = syslog_line_framing, .formats = "rfc5424|rfc3164|json|raw",
	.state_size = sizeof(struct syslog), .check = syslog_check, .open = syslog_open, .step = syslog_step,
	.send = syslog_send, .rewind = syslog_rewind, .finish = syslog_finish, .report = syslog_report, .close = syslog_close};
