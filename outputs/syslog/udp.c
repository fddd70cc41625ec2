/* Datagrams (RFC 5426). There is no acknowledgement. What can be known is a refusal: where nobody listens, the peer's host answers with ICMP, which
 * the kernel tells us at the next call. So a record settles GRACE_NS after it was sent; a refusal in that time has it sent again. The marks' "wire
 * position" is the time of sending. */
#include "output_syslog/syslog.h"

#define GRACE_NS (SECOND / 10)
#define RETRY_NS (SECOND / 100) /* a full interface queue signals nothing */
#define BURST 64

void udp_connect(struct link *link)
{
	struct syslog *s = link->syslog;
	struct lg_err err;

	if (lg_udp_open(lg_output_net(s->host), link->server, &link->udp, &err) != LG_OK) {
		servers_failed(link, servers_state_of(&err), &err);
		return;
	}
	link->phase = LINK_UP;
	link->up_ns = link->active_ns = link->tokens_ns = s->now_ns;
	link->tokens = 0;
	lg_output_log(s->host, LG_INFO, "sending datagrams to %s (%s)", link->server, lg_udp_peer(link->udp));
}

/* How many more may be sent now, for the rate; a tenth of a second's worth can be saved up. */
static size_t allowance(struct link *link)
{
	const struct syslog *s = link->syslog;
	int64_t rate = s->conf->datagram_rate, elapsed_ns = s->now_ns - link->tokens_ns, most = rate / 10 ? rate / 10 : 1, earned;

	if (!rate)
		return SIZE_MAX;
	if (elapsed_ns > SECOND)
		elapsed_ns = SECOND;
	earned = elapsed_ns * rate / SECOND;
	if (earned > 0) {
		link->tokens += earned;
		link->tokens_ns = s->now_ns - (elapsed_ns - earned * SECOND / rate);
	}
	if (link->tokens > most)
		link->tokens = most;
	return (size_t)link->tokens;
}

/* Message `at` cannot be sent at all: a dead letter. Its mark settles with the others, which passes over it. */
static void reject_next(struct link *link, const struct lg_err *err)
{
	const struct datagram *datagram = &link->out.list[link->out.list_at];

	lg_settle(link->syslog->host, datagram->seq, datagram->seq, LG_REJECT, err->text);
}

/* Sends up to `limit` of those that wait; how many went out. */
static size_t send_some(struct link *link, size_t limit, enum lg_rc *rc, struct lg_err *err)
{
	struct frames *out = &link->out;
	struct lg_str list[BURST];
	size_t n = 0, done, bytes = 0;

	for (size_t at = out->at; n < BURST && n < limit && out->list_at + n < out->list_count; n++) {
		list[n] = (struct lg_str){(const char *)out->bytes.data + at, out->list[out->list_at + n].size};
		at += list[n].size;
	}
	*rc = LG_OK;
	if (!n)
		return 0;
	*rc = lg_udp_send(link->udp, list, n, &done, err);
	if (*rc == LG_INVALID) {
		reject_next(link, err);
		*rc = LG_OK;
		done++;
	}
	for (size_t i = 0; i < done; i++)
		bytes += list[i].size;
	out->list_at += done;
	frames_consume(out, bytes);
	link->plain_written += bytes;
	return done;
}

void udp_flush(struct link *link)
{
	struct syslog *s = link->syslog;
	size_t left = allowance(link), done;
	struct lg_err err;
	enum lg_rc rc = LG_OK;

	while (left && rc == LG_OK && frames_waiting(&link->out)) {
		done = send_some(link, left, &rc, &err);
		left -= done;
		if (s->conf->datagram_rate)
			link->tokens -= (int64_t)done;
	}
	if (rc != LG_OK && rc != LG_AGAIN) {
		servers_failed(link, servers_state_of(&err), &err);
		return;
	}
	marks_written(&link->marks, link->plain_written, (uint64_t)s->now_ns);
}

void udp_step(struct link *link)
{
	struct syslog *s = link->syslog;
	struct lg_err err;

	if (lg_udp_check(link->udp, &err) != LG_OK) {
		servers_failed(link, servers_state_of(&err), &err);
		return;
	}
	if (link->fed) {
		link->fed = false;
		link->active_ns = s->now_ns;
	}
	udp_flush(link);
	if (link->phase != LINK_UP)
		return;
	link->was_pending = frames_waiting(&link->out) > 0;
	link->acked = (uint64_t)s->now_ns;
	link_settle(link, (uint64_t)(s->now_ns - GRACE_NS));
	if (s->now_ns - link->up_ns >= PROVEN_NS && link->marks.settled > 0) { /* sent, and nobody refused it */
		breaker_ok(&link->breaker);
		link->last_state = "";
	}
}

void udp_wait(const struct link *link, struct lg_waitset *ws)
{
	int64_t now_ns = link->syslog->now_ns;

	/* Where the rate is what holds us, the socket is writable all the time. */
	lg_udp_wait(link->udp, ws, false);
	if (link->was_pending)
		lg_waitset_wake(ws, now_ns + RETRY_NS);
	if (!marks_empty(&link->marks))
		lg_waitset_wake(ws, now_ns + GRACE_NS / 2);
	if (now_ns - link->up_ns < PROVEN_NS)
		lg_waitset_wake(ws, link->up_ns + PROVEN_NS);
}
