/* Several servers: who gets the records, and what becomes of those in flight to one that fails. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "output_syslog/syslog.h"

const char *servers_state_of(const struct lg_err *err)
{
	switch (err->rc) {
	case LG_DENIED:
		return "denied";
	case LG_TLS:
		return "tls-failed";
	case LG_NOTFOUND:
		return "unresolved";
	case LG_INVALID:
		return "misconfigured";
	default:
		break;
	}
	switch (err->sys_errno) {
	case ECONNREFUSED:
		return "refused";
	case ETIMEDOUT:
		return "timeout";
	case EHOSTUNREACH:
	case ENETUNREACH:
		return "unreachable";
	default:
		return "disconnected";
	}
}

static void say(struct syslog *s, const char *state)
{
	if (s->state && strcmp(s->state, state) == 0)
		return;
	s->state = state;
	lg_output_ok(s->host, state);
}

/* ---- failing --------------------------------------------------------------------------------------------------------------------- */

/* A server other than this one that carries, connects, or may be tried. */
static bool has_another(const struct syslog *s, const struct link *failed)
{
	for (size_t i = 0; i < s->link_count; i++) {
		const struct link *link = &s->links[i];

		if (link != failed && (link->phase != LINK_DOWN || breaker_allows(&link->breaker, s->now_ns)))
			return true;
	}
	return false;
}

/* With nothing in flight and another server at hand this is a line in the log; else the core is told, which waits, and offers again what is
 * unsettled. */
void servers_failed(struct link *link, const char *state, const struct lg_err *err)
{
	struct syslog *s = link->syslog;
	bool in_flight = !marks_empty(&link->marks) || frames_waiting(&link->out), news = strcmp(link->last_state, state) != 0;

	link_drop(link);
	breaker_fail(&link->breaker, s->now_ns);
	link->last_state = state;
	s->wanted = true;
	if (!in_flight && has_another(s, link)) {
		if (news)
			lg_output_log(s->host, LG_WARNING, "%s: %s: %s; going on with another server", link->server, state, err->text);
		return;
	}
	s->failed = true;
	s->state = NULL;
	lg_output_retry(s->host, state, err);
}

/* ---- choosing -------------------------------------------------------------------------------------------------------------------- */

/* Of those that are down: the first that may be tried; where none may, the one whose time comes first (the core has waited already). NULL: none
 * is down. */
static struct link *next_to_try(struct syslog *s)
{
	struct link *soonest = NULL;

	for (size_t i = 0; i < s->link_count; i++) {
		struct link *link = &s->links[i];

		if (link->phase != LINK_DOWN)
			continue;
		if (breaker_allows(&link->breaker, s->now_ns))
			return link;
		if (!soonest || link->breaker.retry_at_ns < soonest->breaker.retry_at_ns)
			soonest = link;
	}
	return soonest;
}

static bool any_alive(const struct syslog *s)
{
	for (size_t i = 0; i < s->link_count; i++)
		if (s->links[i].phase != LINK_DOWN)
			return true;
	return false;
}

/* A preferred server that may be tried is, beside the one that carries. When it has stood long enough that one gets nothing more, and is closed in
 * order, which confirms what it has; then the preferred one takes over. */
static void return_to_preferred(struct syslog *s)
{
	struct link *active = &s->links[s->active];

	s->leaving = false;
	for (size_t i = 0; i < s->active && active->phase == LINK_UP && !s->failed; i++) {
		struct link *better = &s->links[i];

		if (better->phase == LINK_DOWN && breaker_allows(&better->breaker, s->now_ns))
			link_connect(better);
		s->leaving |= better->phase == LINK_UP && s->now_ns - better->up_ns >= s->conf->return_after_ns;
	}
	if (!s->leaving || s->failed || active->phase != LINK_UP || frames_waiting(&active->out))
		return;
	if (marks_empty(&active->marks))
		link_drop(active);
	else
		link_close(active);
}

/* The first one that stands takes over from one that does not. */
static void take_over(struct syslog *s)
{
	for (size_t i = 0; i < s->link_count && s->links[s->active].phase == LINK_DOWN; i++) {
		if (s->links[i].phase != LINK_UP)
			continue;
		s->active = i;
		s->leaving = false;
		lg_output_log(s->host, LG_NOTICE, "the records go to %s now", s->links[i].server);
	}
}

static void run_failover(struct syslog *s)
{
	return_to_preferred(s);
	take_over(s);
	for (size_t tries = 0; tries < s->link_count && s->wanted && !s->failed && s->links[s->active].phase == LINK_DOWN; tries++) {
		struct link *link = next_to_try(s);

		if (!breaker_allows(&link->breaker, s->now_ns) && any_alive(s))
			return;
		s->active = link->index;
		link_connect(link);
	}
}

static void run_balance(struct syslog *s)
{
	bool alive = any_alive(s);

	for (size_t i = 0; i < s->link_count && !s->failed; i++) {
		struct link *link = &s->links[i];

		if (link->phase == LINK_DOWN && breaker_allows(&link->breaker, s->now_ns) && (s->wanted || (alive && link->breaker.failures)))
			link_connect(link);
	}
	if (s->wanted && !s->failed && !any_alive(s))
		link_connect(next_to_try(s));
}

void servers_tell(struct syslog *s)
{
	bool proven = false, flowing = false;

	for (size_t i = 0; i < s->link_count; i++) {
		const struct link *link = &s->links[i];

		if (link->phase == LINK_UP && s->now_ns - link->up_ns < PROVEN_NS)
			continue;
		proven |= link->phase == LINK_UP;
		flowing |= !marks_empty(&link->marks);
	}
	if (proven)
		say(s, flowing ? "flowing" : "connected");
	else if (!any_alive(s) && !s->wanted)
		say(s, "idle");
}

void servers_step(struct syslog *s)
{
	s->failed = false;
	for (size_t i = 0; i < s->link_count && !s->failed; i++)
		link_step(&s->links[i]);
	if (!s->failed && s->conf->mode == MODE_BALANCE)
		run_balance(s);
	else if (!s->failed)
		run_failover(s);
	for (size_t i = 0; i < s->link_count && !s->failed; i++)
		if (s->links[i].phase == LINK_CONNECTING)
			link_step(&s->links[i]);
	if (s->failed)
		return;
	if (servers_choose(s))
		s->wanted = false;
	servers_tell(s);
}

struct link *servers_choose(struct syslog *s)
{
	struct link *best = NULL;
	uint64_t least = UINT64_MAX;

	if (s->conf->mode == MODE_FAILOVER) {
		struct link *active = &s->links[s->active];

		return active->phase == LINK_UP && !s->leaving ? active : NULL;
	}
	for (size_t i = 0; i < s->link_count; i++) {
		struct link *link = &s->links[(s->turn + i) % s->link_count];
		uint64_t lag;

		if (link->phase != LINK_UP)
			continue;
		lag = link_lag(link);
		if (lag < least) {
			least = lag;
			best = link;
		}
	}
	if (best)
		s->turn = best->index + 1;
	return best;
}

/* ---- telling --------------------------------------------------------------------------------------------------------------------- */

static const char *state_name(const struct link *link, int64_t now_ns)
{
	switch (link->phase) {
	case LINK_CONNECTING:
		return "connecting";
	case LINK_UP:
		return marks_empty(&link->marks) ? "connected" : "flowing";
	case LINK_CLOSING:
		return "closing";
	default:
		return !link->breaker.failures ? "idle" : breaker_allows(&link->breaker, now_ns) ? "half-open" : "open";
	}
}

void servers_report(const struct syslog *s, struct lg_output_report *report)
{
	const struct link *shown = &s->links[s->active];
	uint64_t lowest_beyond = UINT64_MAX, reached = 0;
	size_t up = 0, used;

	for (size_t i = 0; i < s->link_count; i++) {
		const struct link *link = &s->links[i];
		uint64_t beyond, end;

		report->in_flight_bytes += link->plain_written - link->marks.settled;
		marks_reached(&link->marks, link->acked, &beyond, &end);
		lowest_beyond = beyond < lowest_beyond ? beyond : lowest_beyond;
		reached = end > reached ? end : reached;
		up += link->phase == LINK_UP;
		if (link->phase == LINK_UP && shown->phase != LINK_UP)
			shown = link;
		if (i < LG_SERVERS_SHOWN) {
			struct lg_server_report *server = &report->servers[report->server_count++];

			snprintf(server->name, sizeof(server->name), "%s", link->server);
			snprintf(server->state, sizeof(server->state), "%s", state_name(link, s->now_ns));
			snprintf(server->last_error, sizeof(server->last_error), "%s", link->last_state);
			server->in_flight_bytes = link->plain_written - link->marks.settled;
			if (link->phase == LINK_DOWN && link->breaker.failures && link->breaker.retry_at_ns > s->now_ns)
				server->retry_in_ns = link->breaker.retry_at_ns - s->now_ns;
		}
	}
	report->held_before = reached < lowest_beyond ? reached : lowest_beyond;
	snprintf(report->peer, sizeof(report->peer), "%s", link_peer(shown));
	used = strlen(report->peer);
	if (shown->conn && shown->phase != LINK_CONNECTING)
		snprintf(report->peer + used, sizeof(report->peer) - used, " %s", lg_conn_tls_text(shown->conn));
	if (s->conf->transport == TRANSPORT_UDP)
		snprintf(report->note, sizeof(report->note), "unacknowledged");
	used = strlen(report->note);
	if (s->link_count > 1)
		snprintf(report->note + used, sizeof(report->note) - used, "%s%zu of %zu servers up", used ? ", " : "", up, s->link_count);
}
