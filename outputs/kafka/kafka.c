/* Output `kafka`: the plugin. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "output_kafka/kafka.h"

static enum lg_rc kafka_open(void *state, const void *conf, struct lg_output_host *host, struct lg_err *err)
{
	struct kafka *k = state;
	char who[96];

	k->conf = conf;
	k->host = host;
	k->formatter = lg_output_formatter(host);
	k->wake[0] = k->wake[1] = k->token.fd = -1;
	route_init(&k->route, conf);
	snprintf(who, sizeof(who), "output %s", lg_output_name(host));
	k->dialer = lg_dialer_new(lg_output_net(host), who, k->conf->tls.off);
	txn_init(k);
	return kafka_check(conf, err);
}

static bool kafka_line_framing(const void *conf)
{
	return ((const struct kafka_conf *)conf)->pack != 0;
}

static void kafka_step(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	struct kafka *k = state;

	if (client_ready(k)) {
		client_serve(k, now_ns);
		produce_pending(k);
		if (k->txn.on && !k->failed && !k->ending.on)
			txn_step(k);
	}
	client_wait(k, ws);
}

static void kafka_send(void *state, struct lg_batch *batch, struct lg_batch_iter *it, uint64_t *taken)
{
	struct kafka *k = state;

	if (client_ready(k))
		produce_send(k, batch, it, taken);
}

static void kafka_rewind(void *state)
{
	struct kafka *k = state;

	client_close(k);
	k->failed = false;
}

static bool kafka_finish(void *state, int64_t now_ns, struct lg_waitset *ws)
{
	struct kafka *k = state;

	k->finishing = true;
	if (k->rk || !txn_idle(k))
		kafka_step(state, now_ns, ws);
	else
		lg_waitset_clear(ws);
	k->finishing = false;
	return !k->failed && !k->slabs && txn_idle(k);
}

static void kafka_report(const void *state, struct lg_output_report *report)
{
	const struct kafka *k = state;
	const char *mechanism = kafka_mechanism_name(&k->conf->sasl);

	stats_report(&k->stats, report);
	report->in_flight_bytes = k->held_bytes;
	report->delivery.messages = k->in_flight;
	snprintf(report->delivery.transaction, sizeof(report->delivery.transaction), "%s", txn_state(&k->txn));
	snprintf(report->peer, sizeof(report->peer), "%s%s%s", k->conf->tls.off ? "plaintext" : "TLS", mechanism ? ", " : "", mechanism ? mechanism : "");
}

static void kafka_close(void *state)
{
	struct kafka *k = state;

	if (!k->conf)
		return;
	txn_abort(k);
	client_close(k);
	produce_fini(k);
	txn_fini(k);
	lg_buf_fini(&k->token.last);
	route_fini(&k->route);
	lg_dialer_free(k->dialer);
	if (k->wake[0] >= 0) {
		close(k->wake[0]);
		close(k->wake[1]);
	}
}

const struct lg_output_plugin kafka_output = {
	.name = "kafka", .doc = "Apache Kafka, settled by delivery reports.", .options = kafka_options, .conf_size = sizeof(struct kafka_conf),
	.line_framing = kafka_line_framing, .formats = "json|raw|rfc5424|rfc3164", .state_size = sizeof(struct kafka), .check = kafka_check, .explain = kafka_explain, .open = kafka_open, .step = kafka_step,
	.send = kafka_send, .rewind = kafka_rewind, .finish = kafka_finish, .report = kafka_report, .close = kafka_close};
