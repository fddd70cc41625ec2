/* clock.h - the two clocks, as objects so that tests bring their own. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000000000)
#define CLOCK_MS INT64_C(1000000)

struct clock {
	int64_t (*mono)(void *self); /* ns, never steps back */
	int64_t (*utc)(void *self);  /* ns since 1970 */
	void *self;
};

extern const struct clock clock_system;

/* A clock that stands still until told; for tests. Point clock.self at one. */
struct clock_fake {
	int64_t mono_ns, utc_ns;
};
struct clock clock_fake_on(struct clock_fake *fake);

static inline int64_t clock_mono(const struct clock *c)
{
	return c->mono(c->self);
}

static inline int64_t clock_utc(const struct clock *c)
{
	return c->utc(c->self);
}

/* "2026-11-23T00:10:00.123456789Z" (without a fraction of zero digits: digits 0, 3, 6 or 9) into out[32]; returns out. */
char *clock_format_utc(int64_t utc_ns, int digits, char out[32]);
/* Days since 1970-01-01 of a civil date (proleptic Gregorian), month 1..12. */
int64_t clock_days_from_civil(int64_t year, int month, int day);
void clock_civil_from_days(int64_t days, int64_t *year, int *month, int *day);

#endif
