/* zos_time.h - from the local date and time of a SYSLOG line to UTC.
 *
 * SYSLOG shows the wall clock of the issuing system. In the hour that the autumn change repeats, the order of a system's records
 * tells the two passes apart: the first until its clock steps back, then the second. The first record known of a system cannot be
 * told from order, nor can a time that the spring change skipped: such a time is marked ambiguous (the earlier instant is taken).
 */
#ifndef ZOS_TIME_H
#define ZOS_TIME_H

#include "api/lg_option.h"
#include "base/tz.h"

enum { ZOS_CLOCK_SYSTEMS = 24, ZOS_ORDER_SIZE = 9 };

/* What is remembered of one system. Beyond ZOS_CLOCK_SYSTEMS the one not seen for longest is forgotten. */
struct zos_order {
	uint32_t key;        /* hash of the system's name */
	uint32_t last;       /* local seconds of its latest time */
	uint8_t phase;       /* enum zos_phase */
	int64_t used;        /* counts up: when it was last seen */
	const struct tz *tz; /* NULL until the first line after a restart */
	struct tz_span span;
};

struct zos_zone {
	char system[9];
	struct tz *tz;
};

struct zos_clock {
	struct zos_zone *zones; /* [0] is the default, with an empty system */
	size_t zone_count;
	struct zos_order orders[ZOS_CLOCK_SYSTEMS];
	size_t order_count;
	size_t recent; /* index into orders */
	int64_t uses;
};

struct zos_instant {
	int64_t utc_ns;   /* LG_TIME_UNKNOWN where the date or time is impossible */
	int64_t local;    /* seconds */
	const char *zone; /* IANA name, borrowed from the clock */
	uint8_t pass;     /* 1: the second pass of the repeated hour */
	bool ambiguous;
};

/* `systems` holds name, zone, name, zone ... */
enum lg_rc zos_clock_init(
        struct zos_clock *clock, const char *zone, const struct lg_strings *systems, struct lg_err *err) LG_WARN_UNUSED;
void zos_clock_fini(struct zos_clock *clock);

/* `date` is yyddd or yyyyddd, `time` hh:mm:ss.th, digits already checked. */
void zos_clock_read(
        struct zos_clock *clock, struct lg_str system, struct lg_str date, const char *time, struct zos_instant *instant);
/* The same for a line that was read before a restart: `pass` and `ambiguous` are what was found then, and the order is left
 * alone. */
void zos_clock_repeat(struct zos_clock *clock, struct lg_str system, struct lg_str date, const char *time, uint8_t pass,
        bool ambiguous, struct zos_instant *instant);

/* The order of at most ZOS_CLOCK_SYSTEMS systems, ZOS_ORDER_SIZE bytes each; returns the bytes used. */
size_t zos_clock_save(const struct zos_clock *clock, uint8_t *bytes);
bool zos_clock_load(struct zos_clock *clock, const uint8_t *bytes, size_t size);

#endif
