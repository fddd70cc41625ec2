/* What status shows: the brokers, from librdkafka's statistics (STATISTICS.md of librdkafka), and how long deliveries take, from the reports. */
#include <stdio.h>
#include <string.h>

#include "output_kafka/kafka.h"
#include "output_kafka/walk.h"

/* ---- delivery latency ----------------------------------------------------------------------------------------------------------------- */

/* Four buckets an octave of microseconds. */
static size_t bucket_of(uint64_t us)
{
	unsigned octave;
	size_t bucket;

	if (us < 4)
		return (size_t)us;
	octave = 63u - (unsigned)__builtin_clzll(us);
	bucket = (octave - 1) * 4 + (size_t)(us >> (octave - 2) & 3);
	return bucket < STATS_BUCKETS ? bucket : STATS_BUCKETS - 1;
}

static uint64_t bucket_top(size_t bucket)
{
	unsigned octave = (unsigned)(bucket / 4 + 1);

	return bucket < 4 ? bucket : ((bucket % 4 + 5) << (octave - 2)) - 1;
}

void stats_latency(struct stats *stats, int64_t us)
{
	if (us >= 0)
		stats->latency[bucket_of((uint64_t)us)] += 16; /* whole counts survive some halvings */
}

/* In microseconds; 0: nothing was delivered of late. */
static int64_t quantile(const struct stats *stats, unsigned percent)
{
	uint64_t total = 0, sum = 0, wanted;

	for (size_t i = 0; i < STATS_BUCKETS; i++)
		total += stats->latency[i];
	wanted = (total * percent + 99) / 100;
	for (size_t i = 0; i < STATS_BUCKETS && total; i++) {
		sum += stats->latency[i];
		if (sum >= wanted)
			return (int64_t)bucket_top(i);
	}
	return 0;
}

/* ---- brokers -------------------------------------------------------------------------------------------------------------------------- */

static const char *state_word(struct lg_str state)
{
	if (lg_str_is(state, "UP") || lg_str_is(state, "UPDATE"))
		return "connected";
	if (lg_str_is(state, "INIT"))
		return "idle";
	return lg_str_is(state, "DOWN") ? "down" : "connecting";
}

static struct lg_server_report *server_named(struct stats *stats, struct lg_str name)
{
	for (size_t i = 0; i < stats->server_count; i++)
		if (lg_str_is(name, stats->servers[i].name))
			return &stats->servers[i];
	if (stats->server_count == LG_SERVERS_SHOWN)
		return NULL;
	snprintf(stats->servers[stats->server_count].name, sizeof(stats->servers[0].name), "%.*s", (int)name.size, name.data);
	return &stats->servers[stats->server_count++];
}

static void take_broker(struct stats *stats, struct lg_str broker)
{
	struct lg_str name, value, node = {NULL, 0}, state = {NULL, 0}, source = {NULL, 0};
	struct walk w = walk_enter(broker);
	struct lg_server_report *server;
	const char *word;

	while (walk_next(&w, &name, &value)) {
		if (lg_str_is(name, "nodename"))
			node = value;
		else if (lg_str_is(name, "state"))
			state = value;
		else if (lg_str_is(name, "source"))
			source = value;
	}
	if (!node.size || lg_str_is(source, "internal"))
		return;
	server = server_named(stats, node);
	word = state_word(state);
	stats->up |= !strcmp(word, "connected");
	/* A broker has a connection as named in the settings, one as named by the cluster, one as coordinator: the best one counts. */
	if (server && (!server->state[0] || !strcmp(word, "connected") || !strcmp(server->state, "idle")))
		snprintf(server->state, sizeof(server->state), "%s", word);
}

void stats_take(struct stats *stats, const char *json)
{
	struct walk w = walk_enter(lg_str_from(json));
	struct lg_str name, value;

	for (size_t i = 0; i < STATS_BUCKETS; i++)
		stats->latency[i] /= 2;
	memset(stats->servers, 0, sizeof(stats->servers));
	stats->server_count = 0;
	stats->up = false;
	while (walk_next(&w, &name, &value)) {
		struct walk brokers = walk_enter(value);

		while (lg_str_is(name, "brokers") && walk_next(&brokers, &name, &value)) {
			take_broker(stats, value);
			name = LG_STR("brokers");
		}
	}
}

void stats_report(const struct stats *stats, struct lg_output_report *report)
{
	struct lg_delivery_report *delivery = &report->delivery;

	memcpy(report->servers, stats->servers, sizeof(report->servers));
	report->server_count = stats->server_count;
	delivery->told = true;
	delivery->p50_ns = quantile(stats, 50) * 1000;
	delivery->p99_ns = quantile(stats, 99) * 1000;
	if (delivery->p99_ns)
		snprintf(report->note, sizeof(report->note), "delivered in %.1f ms (p50), %.1f ms (p99)", (double)delivery->p50_ns / 1e6,
		         (double)delivery->p99_ns / 1e6);
}
