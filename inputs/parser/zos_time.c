#include "parser/zos_time.h"

#include <stdlib.h>
#include <string.h>

#include "api/lg_record.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/wire.h"

/* Records of one system are a few seconds out of order at most; a larger step back is the clock being set back. */
#define STEP_BACK_SECONDS 120
/* A record this much older than its predecessor is another day's file, not the same clock: order says nothing. */
#define OTHER_DAY_SECONDS (4 * 3600)

enum zos_phase {
	PHASE_NEW,    /* nothing known */
	PHASE_PLAIN,  /* the latest time was an unambiguous one */
	PHASE_FIRST,  /* in the repeated hour, first pass */
	PHASE_GUESS,  /* in the repeated hour since the first record seen: taken for the first pass */
	PHASE_SECOND, /* in the repeated hour, second pass */
};

static enum lg_rc open_zone(struct zos_clock *clock, const char *system, const char *name, struct lg_err *err)
{
	struct zos_zone *zone = &clock->zones[clock->zone_count];
	enum lg_rc rc;

	if (strlen(system) > 8)
		return lg_err_set(err, LG_INVALID, "timezones: %s: a system name has at most 8 characters", system);
	rc = tz_open(&zone->tz, name, err);
	if (rc != LG_OK)
		return *system ? lg_err_prepend(err, "timezones: %s", system) : lg_err_prepend(err, "timezone");
	memcpy(zone->system, system, strlen(system) + 1);
	clock->zone_count++;
	return LG_OK;
}

enum lg_rc zos_clock_init(struct zos_clock *clock, const char *zone, const struct lg_strings *systems, struct lg_err *err)
{
	enum lg_rc rc;

	*clock = (struct zos_clock){0};
	clock->zones = mem_zalloc((1 + systems->count / 2) * sizeof(*clock->zones));
	rc = open_zone(clock, "", zone, err);
	for (size_t i = 0; rc == LG_OK && i + 1 < systems->count; i += 2)
		rc = open_zone(clock, systems->items[i], systems->items[i + 1], err);
	if (rc != LG_OK)
		zos_clock_fini(clock);
	return rc;
}

void zos_clock_fini(struct zos_clock *clock)
{
	for (size_t i = 0; i < clock->zone_count; i++)
		tz_free(clock->zones[i].tz);
	free(clock->zones);
	*clock = (struct zos_clock){0};
}

static const struct tz *zone_of(const struct zos_clock *clock, struct lg_str system)
{
	for (size_t i = 1; i < clock->zone_count; i++)
		if (lg_str_is(system, clock->zones[i].system))
			return clock->zones[i].tz;
	return clock->zones[0].tz;
}

static uint32_t system_key(struct lg_str system)
{
	uint64_t hash = hash_more(HASH_START, system.data, system.size);

	return (uint32_t)(hash ^ hash >> 32);
}

/* The entry of this system, made when there is none. */
static struct zos_order *order_of(struct zos_clock *clock, struct lg_str system)
{
	uint32_t key = system_key(system);
	struct zos_order *order = &clock->orders[clock->recent];
	size_t i = 0;

	if (clock->order_count && order->key == key)
		goto done;
	while (i < clock->order_count && clock->orders[i].key != key)
		i++;
	if (i == ZOS_CLOCK_SYSTEMS) {
		i = 0;
		for (size_t j = 1; j < ZOS_CLOCK_SYSTEMS; j++)
			if (clock->orders[j].used < clock->orders[i].used)
				i = j;
		clock->orders[i] = (struct zos_order){.key = key};
	} else if (i == clock->order_count) {
		clock->orders[clock->order_count++] = (struct zos_order){.key = key};
	}
	clock->recent = i;
	order = &clock->orders[i];
done:
	order->used = ++clock->uses;
	if (!order->tz)
		order->tz = zone_of(clock, system);
	return order;
}

static int two(const char *p)
{
	return (p[0] - '0') * 10 + (p[1] - '0');
}

/* Local seconds, or INT64_MIN for an impossible date or time. */
static int64_t local_seconds(struct lg_str date, const char *time)
{
	const char *days = date.data + date.size - 3;
	int64_t year = two(date.data);
	int day = (days[0] - '0') * 100 + two(days + 1);
	int hour = two(time), minute = two(time + 3), second = two(time + 6);
	bool leap;

	if (date.size == 7)
		year = year * 100 + two(date.data + 2);
	else
		year += year < 70 ? 2000 : 1900;
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (day < 1 || day > (leap ? 366 : 365) || hour > 23 || minute > 59 || second > 59)
		return INT64_MIN;
	/* 1677..2262 is what 64 bits of nanoseconds hold; a mainframe's log begins later. */
	if (year < 1964 || year > 2261)
		return INT64_MIN;
	return (clock_days_from_civil(year, 1, 1) + day - 1) * 86400 + hour * 3600 + minute * 60 + second;
}

static uint32_t clamp_u32(int64_t v)
{
	return v < 0 ? 0 : v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* Which pass of the repeated hour this time belongs to, from the order of the system's records. */
static void enter_fold(struct zos_order *order, uint32_t local)
{
	if (order->phase == PHASE_PLAIN) {
		if (local >= order->last)
			order->phase = PHASE_FIRST;
		else if (order->last - local < OTHER_DAY_SECONDS)
			order->phase = PHASE_SECOND; /* a straggler behind records from after the change */
		else
			order->phase = PHASE_GUESS;
	} else if (order->phase == PHASE_NEW) {
		order->phase = PHASE_GUESS;
	} else if (order->phase != PHASE_SECOND && local + STEP_BACK_SECONDS < order->last) {
		order->phase = PHASE_SECOND;
		order->last = local;
	}
	if (local > order->last || order->phase == PHASE_GUESS)
		order->last = local;
}

static void settle_order(struct zos_order *order, int64_t local, int candidates)
{
	if (candidates == 2) {
		enter_fold(order, clamp_u32(local));
	} else {
		order->phase = PHASE_PLAIN;
		order->last = clamp_u32(local);
	}
}

static void set_instant(
        struct zos_instant *instant, int64_t utc_seconds, int64_t local, const char *time, const struct tz *tz)
{
	instant->utc_ns = utc_seconds * CLOCK_SECOND + two(time + 9) * 10 * CLOCK_MS;
	instant->local = local;
	instant->zone = tz_name(tz);
	instant->pass = 0;
	instant->ambiguous = false;
}

static void set_impossible(struct zos_instant *instant, const struct tz *tz)
{
	*instant = (struct zos_instant){.utc_ns = LG_TIME_UNKNOWN, .local = INT64_MIN, .zone = tz_name(tz)};
}

void zos_clock_read(
        struct zos_clock *clock, struct lg_str system, struct lg_str date, const char *time, struct zos_instant *instant)
{
	struct zos_order *order = order_of(clock, system);
	int64_t local = local_seconds(date, time);
	int64_t utc[2];
	int candidates;

	if (local == INT64_MIN) {
		set_impossible(instant, order->tz);
		return;
	}
	if ((local >= order->span.begin && local < order->span.end) || tz_local_span(order->tz, local, &order->span)) {
		settle_order(order, local, 1);
		set_instant(instant, local - order->span.offset, local, time, order->tz);
		return;
	}
	candidates = tz_from_local(order->tz, local, utc);
	settle_order(order, local, candidates);
	set_instant(instant, utc[order->phase == PHASE_SECOND], local, time, order->tz);
	instant->pass = order->phase == PHASE_SECOND;
	instant->ambiguous = candidates == 0 || order->phase == PHASE_GUESS;
}

void zos_clock_repeat(struct zos_clock *clock, struct lg_str system, struct lg_str date, const char *time, uint8_t pass,
        bool ambiguous, struct zos_instant *instant)
{
	const struct tz *tz = zone_of(clock, system);
	int64_t local = local_seconds(date, time);
	int64_t utc[2];

	if (local == INT64_MIN) {
		set_impossible(instant, tz);
		return;
	}
	tz_from_local(tz, local, utc);
	set_instant(instant, utc[pass], local, time, tz);
	instant->pass = pass;
	instant->ambiguous = ambiguous;
}

/* From the one seen longest ago to the latest, so that a load can count the uses anew. */
size_t zos_clock_save(const struct zos_clock *clock, uint8_t *bytes)
{
	int64_t after = 0;
	uint8_t *at = bytes;

	for (size_t n = 0; n < clock->order_count; n++) {
		const struct zos_order *next = NULL;

		for (size_t i = 0; i < clock->order_count; i++)
			if (clock->orders[i].used > after && (!next || clock->orders[i].used < next->used))
				next = &clock->orders[i];
		wire_put_u32(at, next->key);
		wire_put_u32(at + 4, next->last);
		at[8] = next->phase;
		at += ZOS_ORDER_SIZE;
		after = next->used;
	}
	return (size_t)(at - bytes);
}

bool zos_clock_load(struct zos_clock *clock, const uint8_t *bytes, size_t size)
{
	if (size % ZOS_ORDER_SIZE || size / ZOS_ORDER_SIZE > ZOS_CLOCK_SYSTEMS)
		return false;
	for (size_t i = 0; i < size / ZOS_ORDER_SIZE; i++) {
		const uint8_t *at = bytes + i * ZOS_ORDER_SIZE;

		if (at[8] > PHASE_SECOND)
			return false;
		clock->orders[i] = (struct zos_order){
		        .key = wire_get_u32(at), .last = wire_get_u32(at + 4), .phase = at[8], .used = ++clock->uses};
		clock->order_count = i + 1;
	}
	clock->recent = 0;
	return true;
}
