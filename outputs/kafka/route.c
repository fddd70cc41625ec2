/* Which topic, key and headers a record gets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output_kafka/kafka.h"

#define LANES_MAX 4096 /* topics of one template; more look like a mistake in it, and go to the fallback */

struct lane {
	rd_kafka_topic_t *topic;
	uint64_t hash;
	size_t size;
	char name[];
};

const char *lane_name(const struct lane *lane)
{
	return lane->name;
}

rd_kafka_topic_t *lane_topic(const struct lane *lane)
{
	return lane->topic;
}

/* As org.apache.kafka.common.internals.Topic.validate. */
bool route_legal_topic(struct lg_str name)
{
	if (name.size == 0 || name.size > 249 || lg_str_is(name, ".") || lg_str_is(name, ".."))
		return false;
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
			return false;
	}
	return true;
}

static struct lg_template *template_of(const char *text)
{
	return text ? lg_template_new(text) : NULL;
}

void route_init(struct route *route, const struct kafka_conf *conf)
{
	size_t count = conf->headers.count / 2;

	route->topic = lg_template_new(conf->topic);
	route->key = template_of(conf->key);
	route->key_fallback = template_of(conf->key_fallback);
	route->headers = count ? calloc(count + 1, sizeof(*route->headers)) : NULL;
	for (size_t i = 0; route->headers && i < count; i++)
		route->headers[i] = lg_template_new(conf->headers.items[2 * i + 1]);
}

void route_forget_lanes(struct route *route)
{
	for (size_t i = 0; i < route->lane_cap; i++) {
		if (!route->lanes[i])
			continue;
		rd_kafka_topic_destroy(route->lanes[i]->topic);
		free(route->lanes[i]);
	}
	free(route->lanes);
	route->lanes = NULL;
	route->lane_count = route->lane_cap = 0;
	route->recent = NULL;
}

void route_fini(struct route *route)
{
	route_forget_lanes(route);
	lg_template_free(route->topic);
	lg_template_free(route->key);
	lg_template_free(route->key_fallback);
	for (size_t i = 0; route->headers && route->headers[i]; i++)
		lg_template_free(route->headers[i]);
	free(route->headers);
	lg_buf_fini(&route->scratch);
}

/* ---- topics --------------------------------------------------------------------------------------------------------------------- */

/* FNV-1a. */
static uint64_t hash_of(struct lg_str name)
{
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < name.size; i++)
		hash = (hash ^ (uint8_t)name.data[i]) * 1099511628211u;
	return hash;
}

static bool is_lane(const struct lane *lane, struct lg_str name)
{
	return lane->size == name.size && memcmp(lane->name, name.data, name.size) == 0;
}

/* Where the lane of this name is, or would be. The table is never full. */
static struct lane **slot_of(const struct route *route, struct lg_str name, uint64_t hash)
{
	size_t i = hash & (route->lane_cap - 1);

	while (route->lanes[i] && !is_lane(route->lanes[i], name))
		i = (i + 1) & (route->lane_cap - 1);
	return &route->lanes[i];
}

static bool grow(struct route *route)
{
	struct route bigger = {.lane_cap = route->lane_cap ? route->lane_cap * 2 : 16};

	bigger.lanes = calloc(bigger.lane_cap, sizeof(*bigger.lanes));
	if (!bigger.lanes)
		return false;
	for (size_t i = 0; i < route->lane_cap; i++) {
		struct lane *lane = route->lanes[i];

		if (lane)
			*slot_of(&bigger, (struct lg_str){lane->name, lane->size}, lane->hash) = lane;
	}
	free(route->lanes);
	route->lanes = bigger.lanes;
	route->lane_cap = bigger.lane_cap;
	return true;
}

static struct lane *new_lane(struct kafka *k, struct lg_str name, uint64_t hash)
{
	struct lane *lane = malloc(sizeof(*lane) + name.size + 1);

	if (!lane)
		return NULL;
	memcpy(lane->name, name.data, name.size);
	lane->name[name.size] = '\0';
	lane->size = name.size;
	lane->hash = hash;
	lane->topic = rd_kafka_topic_new(k->rk, lane->name, NULL);
	if (!lane->topic) {
		free(lane);
		return NULL;
	}
	return lane;
}

static struct lane *find_lane(struct kafka *k, struct lg_str name)
{
	struct route *route = &k->route;
	struct lane **slot;
	uint64_t hash;

	if (route->recent && is_lane(route->recent, name))
		return route->recent;
	hash = hash_of(name);
	if (route->lane_count * 2 >= route->lane_cap && !grow(route))
		return NULL;
	slot = slot_of(route, name, hash);
	if (!*slot) {
		*slot = new_lane(k, name, hash);
		route->lane_count += *slot != NULL;
	}
	route->recent = *slot;
	return *slot;
}

bool route_warm(struct kafka *k)
{
	return k->conf->topic_fallback || find_lane(k, lg_str_from(k->conf->topic));
}

struct lane *route_lane(struct kafka *k, const struct lg_record *rec)
{
	struct route *route = &k->route;
	const char *fallback = k->conf->topic_fallback;
	struct lg_str name;

	if (!fallback)
		return find_lane(k, lg_str_from(k->conf->topic));
	lg_buf_clear(&route->scratch);
	if (!lg_template_expand(route->topic, k->formatter, rec, &route->scratch))
		return find_lane(k, lg_str_from(fallback));
	name = lg_buf_str(&route->scratch);
	if (!route_legal_topic(name))
		return find_lane(k, lg_str_from(fallback));
	if (route->lane_count < LANES_MAX || *slot_of(route, name, hash_of(name)))
		return find_lane(k, name);
	if (!route->full_said)
		lg_output_log(k->host, LG_WARNING, "more than %d topics from the template \"%s\": the others' records go to %s", LANES_MAX, k->conf->topic,
		              fallback);
	route->full_said = true;
	return find_lane(k, lg_str_from(fallback));
}

/* ---- keys and headers ----------------------------------------------------------------------------------------------------------- */

bool route_key(const struct kafka *k, const struct lg_record *rec, struct lg_buf *out)
{
	const struct route *route = &k->route;

	if (!route->key)
		return false;
	return lg_template_expand(route->key, k->formatter, rec, out) ||
	       (route->key_fallback && lg_template_expand(route->key_fallback, k->formatter, rec, out));
}

static void add_header(rd_kafka_headers_t *headers, const char *name, struct lg_str value)
{
	rd_kafka_header_add(headers, name, -1, value.data, (ssize_t)value.size);
}

static void add_identity(rd_kafka_headers_t *headers, const struct lg_record *rec, bool packed)
{
	struct lg_str host = lg_record_string(rec, LG_F_HOST_NAME);

	add_header(headers, "lugger.log_id", (struct lg_str){rec->log_id, 32});
	add_header(headers, "lugger.input", rec->input);
	if (host.size && !packed) /* the records of a pack may come from several */
		add_header(headers, "host.name", host);
}

void route_header_sequence(const struct kafka *k, rd_kafka_headers_t *headers, uint64_t first, uint64_t last)
{
	char text[48];
	int size;

	if (!headers || !k->conf->identity_headers)
		return;
	if (first == last)
		size = snprintf(text, sizeof(text), "%llu", (unsigned long long)first);
	else
		size = snprintf(text, sizeof(text), "%llu-%llu", (unsigned long long)first, (unsigned long long)last);
	add_header(headers, "event.sequence", (struct lg_str){text, (size_t)size});
}

rd_kafka_headers_t *route_headers(struct kafka *k, const struct lg_record *rec)
{
	const struct kafka_conf *conf = k->conf;
	rd_kafka_headers_t *headers;

	if (!conf->identity_headers && !conf->headers.count)
		return NULL;
	headers = rd_kafka_headers_new(4 + conf->headers.count / 2);
	if (conf->identity_headers)
		add_identity(headers, rec, conf->pack != 0);
	for (size_t i = 0; k->route.headers && k->route.headers[i]; i++) {
		lg_buf_clear(&k->route.scratch);
		if (lg_template_expand(k->route.headers[i], k->formatter, rec, &k->route.scratch))
			add_header(headers, conf->headers.items[2 * i], lg_buf_str(&k->route.scratch));
	}
	return headers;
}
