/* The producer's life and its events. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "output_kafka/kafka.h"

#define ENDING_NS (2 * KAFKA_SECOND) /* for reports under way when a producer is given up */
#define RESTARTS_QUIET 5
#define TROUBLE_NS (5 * KAFKA_SECOND)

/* ---- hooks, on librdkafka's threads ----------------------------------------------------------------------------------------------- */

static int on_resolve(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **list, void *opaque)
{
	return lg_dialer_resolve(((struct kafka *)opaque)->dialer, host, service, hints, list);
}

static int on_connect(int fd, const struct sockaddr *addr, int size, const char *id, void *opaque)
{
	(void)id;
	return lg_dialer_connect(((struct kafka *)opaque)->dialer, fd, addr, (size_t)size);
}

/* ---- what the core is told -------------------------------------------------------------------------------------------------------- */

void client_fail(struct kafka *k, const char *state, const struct lg_err *err)
{
	k->failed = true;
	k->said = NULL;
	k->trouble_ns = 0;
	lg_output_retry(k->host, state, err);
}

void client_end(struct kafka *k, const char *state, const struct lg_err *err, bool quiet)
{
	if (k->failed || (k->ending.on && (quiet || !k->ending.quiet)))
		return; /* a fault that needs a person outweighs the producer's */
	k->ending = (struct ending){.on = true, .quiet = quiet, .state = state, .err = *err, .by_ns = k->ending.on ? k->ending.by_ns : 0};
	rd_kafka_purge(k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

static void end_now(struct kafka *k)
{
	const struct ending *ending = &k->ending;

	if (ending->quiet && k->restarts++ < RESTARTS_QUIET) {
		k->failed = true;
		k->said = NULL;
		lg_output_restart(k->host, ending->err.text);
	} else {
		client_fail(k, ending->state, &ending->err);
	}
}

void client_trouble(struct kafka *k, const char *state, const struct lg_err *err)
{
	k->said = NULL;
	k->trouble_ns = k->now_ns;
	lg_output_trouble(k->host, state, err);
}

void client_well(struct kafka *k, const char *state)
{
	if ((k->said && !strcmp(k->said, state)) || (k->trouble_ns && k->now_ns - k->trouble_ns < TROUBLE_NS))
		return;
	k->trouble_ns = 0;
	k->said = state;
	lg_output_ok(k->host, state);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------- */

static bool open_wake(struct kafka *k, struct lg_err *err)
{
	if (pipe(k->wake) < 0) {
		k->wake[0] = k->wake[1] = -1;
		lg_err_sys(err, errno, "no pipe");
		return false;
	}
	for (int i = 0; i < 2; i++) {
		fcntl(k->wake[i], F_SETFL, O_NONBLOCK);
		fcntl(k->wake[i], F_SETFD, FD_CLOEXEC);
	}
	return true;
}

static void set_hooks(struct kafka *k, rd_kafka_conf_t *conf)
{
	rd_kafka_conf_set_opaque(conf, k);
	rd_kafka_conf_set_resolve_cb(conf, on_resolve);
	rd_kafka_conf_set_connect_cb(conf, on_connect);
}

rd_kafka_t *client_group(struct kafka *k, const char *group, struct lg_err *err)
{
	rd_kafka_conf_t *conf;
	rd_kafka_t *rk;
	char text[512];

	if (kafka_conf_group(k->conf, group, &conf, err) != LG_OK)
		return NULL;
	set_hooks(k, conf);
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (!rk) {
		rd_kafka_conf_destroy(conf);
		lg_err_set(err, LG_INVALID, "librdkafka %s: %s", rd_kafka_version_str(), text);
		return NULL;
	}
	token_share(k, rk);
	return rk;
}

static bool open_producer(struct kafka *k, struct lg_err *err)
{
	const struct producer producer = {k->txn.on ? k->txn.id : NULL, k->caution.batch_size};
	rd_kafka_conf_t *conf;
	char text[512];

	if (kafka_conf_build(k->conf, &producer, &conf, err) != LG_OK)
		return false;
	set_hooks(k, conf);
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS |
	                                       RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH);
	k->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!k->rk) {
		rd_kafka_conf_destroy(conf);
		lg_err_set(err, LG_INVALID, "librdkafka %s: %s", rd_kafka_version_str(), text);
		return false;
	}
	k->queue = rd_kafka_queue_get_main(k->rk);
	rd_kafka_set_log_queue(k->rk, k->queue);
	rd_kafka_queue_io_event_enable(k->queue, k->wake[1], "", 1);
	if (route_warm(k))
		return true;
	lg_err_set(err, LG_NOMEM, "topic %s: %s", k->conf->topic, rd_kafka_err2str(rd_kafka_last_error()));
	return false;
}

bool client_ready(struct kafka *k)
{
	struct lg_err err;

	if (k->failed)
		return false;
	if (k->rk)
		return true;
	if ((k->wake[0] >= 0 || open_wake(k, &err)) && open_producer(k, &err))
		return true;
	client_fail(k, "misconfigured", &err);
	return false;
}

void client_close(struct kafka *k)
{
	token_stop(k);
	txn_reset(k);
	route_forget_lanes(&k->route);
	if (k->queue) {
		rd_kafka_queue_io_event_enable(k->queue, -1, NULL, 0);
		rd_kafka_queue_destroy(k->queue);
	}
	if (k->rk)
		rd_kafka_destroy(k->rk); /* joins its threads: nobody borrows from the slabs any more */
	k->queue = NULL;
	k->rk = NULL;
	k->ending.on = false;
	produce_forget(k);
}

/* ---- events ----------------------------------------------------------------------------------------------------------------------- */

/* What looks like a wrong password may be librdkafka's SCRAM (fixed in 2.6.1; peers: brokers from 4.0 on). */
static void suspect_scram(const struct kafka *k, struct verdict *verdict)
{
	bool scram = k->conf->sasl.mechanism == KAFKA_SASL_SCRAM_256 || k->conf->sasl.mechanism == KAFKA_SASL_SCRAM_512;

	if (!strcmp(verdict->state, "auth-failed") && scram && rd_kafka_version() < KAFKA_SCRAM_VERSION)
		verdict->remedy = "check user and password; Kafka 4.0 and newer refuses the SCRAM of this librdkafka whatever the password: "
		                  "2.6.1 or newer is needed there, or PLAIN over TLS";
}

static void on_error(struct kafka *k, rd_kafka_event_t *event)
{
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	struct verdict verdict;
	struct lg_err err;
	char text[512], *moment;

	if (k->txn.phase == TXN_STOPPED)
		return; /* its reason stays */
	snprintf(text, sizeof(text), "%s", rd_kafka_event_error_string(event));
	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		code = rd_kafka_fatal_error(k->rk, text, sizeof(text));
		verdict = errors_judge(code);
		if (verdict.fault != FAULT_STOP)
			verdict = (struct verdict){FAULT_REBUILD, "restarting", NULL};
	} else {
		verdict = errors_judge(code);
	}
	suspect_scram(k, &verdict);
	moment = strstr(text, " (after "); /* how long in which state: the same trouble would look new each time */
	if (moment)
		*moment = '\0';
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && k->last_fault[0])
		snprintf(text, sizeof(text), "%s", k->last_fault);
	errors_explain(&err, &verdict, "producer", code, text);
	if (verdict.fault == FAULT_PASSING)
		snprintf(k->last_fault, sizeof(k->last_fault), "%s", text);
	if (verdict.fault == FAULT_PASSING && lg_dialer_denied(k->dialer, &err)) /* librdkafka sees a failed connect */
		verdict.state = "denied";
	if (verdict.fault == FAULT_REBUILD || verdict.fault == FAULT_STOP)
		client_end(k, verdict.state, &err, verdict.fault == FAULT_REBUILD);
	else if (verdict.fault != FAULT_NONE && !k->ending.on)
		client_trouble(k, verdict.state, &err);
}

/* What librdkafka logs about connections comes as an error event, too. */
static void on_log(struct kafka *k, rd_kafka_event_t *event)
{
	const char *facility, *text;
	int level;

	if (rd_kafka_event_log(event, &facility, &text, &level) == 0)
		lg_output_log(k->host, LG_DEBUG, "librdkafka %d %s: %s", level, facility, text);
}

static void on_stats(struct kafka *k, rd_kafka_event_t *event)
{
	stats_take(&k->stats, rd_kafka_event_stats(event));
	if (k->stats.up && !k->ending.on && k->in_flight == 0 && (!k->txn.on || k->txn.phase == TXN_READY))
		client_well(k, "connected");
}

static void on_event(struct kafka *k, rd_kafka_event_t *event)
{
	switch (rd_kafka_event_type(event)) {
	case RD_KAFKA_EVENT_DR:
		settle_reports(k, event);
		break;
	case RD_KAFKA_EVENT_ERROR:
		on_error(k, event);
		break;
	case RD_KAFKA_EVENT_LOG:
		on_log(k, event);
		break;
	case RD_KAFKA_EVENT_STATS:
		on_stats(k, event);
		break;
	case RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH:
		token_wanted(k);
		break;
	default:
		break;
	}
}

static void drain_wake(const struct kafka *k)
{
	char scrap[256];

	while (read(k->wake[0], scrap, sizeof(scrap)) > 0)
		;
}

void client_serve(struct kafka *k, int64_t now_ns)
{
	rd_kafka_event_t *event;
	struct lg_err err;

	k->now_ns = now_ns;
	drain_wake(k);
	while (!k->failed && (event = rd_kafka_queue_poll(k->queue, 0))) {
		on_event(k, event);
		rd_kafka_event_destroy(event);
	}
	if (!k->failed)
		token_step(k);
	if (!k->failed && k->in_flight == 0 && !k->pending)
		settle_suspects(k);
	if (!k->ending.on && lg_dialer_denied(k->dialer, &err))
		client_trouble(k, "denied", &err);
	if (!k->ending.on || k->failed)
		return;
	if (!k->ending.by_ns)
		k->ending.by_ns = now_ns + ENDING_NS;
	if (k->in_flight > 0 && now_ns < k->ending.by_ns)
		return;
	settle_suspects(k);
	if (!k->failed)
		end_now(k);
}

void client_wait(const struct kafka *k, struct lg_waitset *ws)
{
	lg_waitset_clear(ws);
	if (!k->rk)
		return;
	lg_waitset_add(ws, k->wake[0], POLLIN);
	token_wait(k, ws);
	if (k->txn.on)
		txn_wait(k, ws);
	if (k->ending.on)
		lg_waitset_wake(ws, k->ending.by_ns);
}
