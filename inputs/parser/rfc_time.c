/* The time stamps of RFC 5424 and RFC 3164. */
#include <string.h>

#include "base/clock.h"
#include "parser/rfc_syslog.h"

#define DAY_S 86400

struct civil {
	int64_t year; /* -1: not given */
	int month, day, hour, minute, second;
	int64_t ns;
};

bool rfc_number(struct rfc_cursor *c, int max_digits, int *value)
{
	int digits = 0;

	*value = 0;
	for (; digits < max_digits && c->at < c->end && *c->at >= '0' && *c->at <= '9'; digits++)
		*value = *value * 10 + (*c->at++ - '0');
	return digits > 0;
}

static bool fixed(struct rfc_cursor *c, int digits, int *value)
{
	const char *from = c->at;

	return rfc_number(c, digits, value) && c->at - from == digits;
}

/* "." and digits; more than nine are read over. */
static bool fraction(struct rfc_cursor *c, int64_t *ns)
{
	int64_t unit = 100000000;

	*ns = 0;
	if (!rfc_skip(c, '.'))
		return true;
	if (c->at == c->end || *c->at < '0' || *c->at > '9')
		return false;
	for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
		*ns += (*c->at - '0') * unit;
		unit /= 10;
	}
	return true;
}

static int month_days(int64_t year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

static bool is_date(const struct civil *t)
{
	/* int64 nanoseconds reach from 1677 to 2262; a clock outside of these is wrong, whatever it says. */
	return t->year >= 1700 && t->year <= 2200 && t->month >= 1 && t->month <= 12 && t->day >= 1 &&
	       t->day <= month_days(t->year, t->month);
}

static int64_t wall_seconds(const struct civil *t)
{
	return clock_days_from_civil(t->year, t->month, t->day) * DAY_S + t->hour * 3600 + t->minute * 60 + t->second;
}

static bool time_of_day(struct rfc_cursor *c, struct civil *t)
{
	return fixed(c, 2, &t->hour) && t->hour <= 23 && rfc_skip(c, ':') && fixed(c, 2, &t->minute) && t->minute <= 59 &&
	       rfc_skip(c, ':') && fixed(c, 2, &t->second) && t->second <= 60 && fraction(c, &t->ns);
}

static bool offset(struct rfc_cursor *c, int *seconds)
{
	int sign, hours, minutes;

	*seconds = 0;
	if (rfc_skip(c, 'Z'))
		return true;
	sign = rfc_skip(c, '-') ? -1 : rfc_skip(c, '+') ? 1 : 0;
	if (!sign || !fixed(c, 2, &hours) || hours > 23 || !rfc_skip(c, ':') || !fixed(c, 2, &minutes) || minutes > 59)
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* "2026-11-23T00:10:00.25" */
static bool date_and_time(struct rfc_cursor *c, struct civil *t)
{
	int year;

	if (!fixed(c, 4, &year) || !rfc_skip(c, '-') || !fixed(c, 2, &t->month) || !rfc_skip(c, '-') || !fixed(c, 2, &t->day) ||
	        !rfc_skip(c, 'T') || !time_of_day(c, t))
		return false;
	t->year = year;
	return is_date(t);
}

bool rfc_time_5424(struct rfc_cursor *c, struct rfc_time *time)
{
	const char *from = c->at;
	struct civil t;
	int east;

	*time = (struct rfc_time){.utc_ns = LG_TIME_UNKNOWN};
	if (rfc_skip(c, '-'))
		return true;
	if (!date_and_time(c, &t) || !offset(c, &east))
		return false;
	time->utc_ns = (wall_seconds(&t) - east) * CLOCK_SECOND + t.ns;
	time->text = (struct lg_str){from, (size_t)(c->at - from)};
	return true;
}

static bool month_name(struct rfc_cursor *c, int *month)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	if (c->end - c->at < 3)
		return false;
	for (*month = 1; *month <= 12; (*month)++) {
		if (!memcmp(c->at, names + (*month - 1) * 3, 3)) {
			c->at += 3;
			return true;
		}
	}
	return false;
}

/* A four-digit year with a space before it, as some devices add one. */
static bool year_behind(struct rfc_cursor *c, int64_t *year)
{
	struct rfc_cursor probe = *c, after;
	int value;

	if (!rfc_skip(&probe, ' ') || !fixed(&probe, 4, &value) || value < 1970 || value > 2200)
		return false;
	after = probe;
	rfc_skip(&after, ':');
	if (!rfc_skip(&after, ' '))
		return false; /* "2001:db8::1" is a host */
	*year = value;
	*c = probe;
	return true;
}

static int64_t distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

/* The instant of a local time, of two the one nearer to the receipt. */
static int64_t instant(const struct civil *t, const struct tz *tz, int64_t received_s, bool *ambiguous)
{
	int64_t utc[2];

	*ambiguous = false;
	if (!tz)
		return wall_seconds(t);
	*ambiguous = tz_from_local(tz, wall_seconds(t), utc) == 2;
	return distance(utc[1], received_s) < distance(utc[0], received_s) ? utc[1] : utc[0];
}

static bool nearest_year(struct civil *t, const struct tz *tz, int64_t received_s, struct rfc_time *time)
{
	int64_t days = received_s / DAY_S, year, best = -1;
	int month, day;

	clock_civil_from_days(days, &year, &month, &day);
	/* Four years back: the 29th of February has to come from a leap year. */
	for (int64_t y = year + 1; y >= year - 4; y--) {
		bool ambiguous;
		int64_t s;

		t->year = y;
		if (!is_date(t))
			continue;
		s = instant(t, tz, received_s, &ambiguous);
		if (best >= 0 && distance(s, received_s) >= best)
			continue;
		best = distance(s, received_s);
		time->utc_ns = s * CLOCK_SECOND + t->ns;
		time->ambiguous = ambiguous;
	}
	return best >= 0;
}

/* As rsyslog (with an offset) and loggen (without one) write it behind the PRI. */
static bool iso_time(struct rfc_cursor *c, const struct tz *tz, int64_t received_s, struct rfc_time *time)
{
	const char *from = c->at;
	struct civil t;
	int east;

	if (!date_and_time(c, &t))
		return false;
	time->local = c->at == c->end || *c->at == ' ';
	if (time->local)
		time->utc_ns = instant(&t, tz, received_s, &time->ambiguous) * CLOCK_SECOND + t.ns;
	else if (offset(c, &east))
		time->utc_ns = (wall_seconds(&t) - east) * CLOCK_SECOND + t.ns;
	else
		return false;
	time->text = (struct lg_str){from, (size_t)(c->at - from)};
	return true;
}

bool rfc_time_3164(struct rfc_cursor *c, const struct tz *tz, int64_t received_ns, struct rfc_time *time)
{
	int64_t received_s = received_ns / CLOCK_SECOND;
	struct civil t = {.year = -1};
	const char *from = c->at;

	*time = (struct rfc_time){.local = true};
	if (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		return iso_time(c, tz, received_s, time);
	if (!month_name(c, &t.month) || !rfc_skip(c, ' '))
		return false;
	rfc_skip(c, ' ');
	if (!rfc_number(c, 2, &t.day) || t.day < 1)
		return false;
	year_behind(c, &t.year);
	if (!rfc_skip(c, ' ') || !time_of_day(c, &t))
		return false;
	if (t.year < 0)
		year_behind(c, &t.year);
	time->text = (struct lg_str){from, (size_t)(c->at - from)};
	if (t.year < 0)
		return nearest_year(&t, tz, received_s, time);
	if (!is_date(&t))
		return false;
	time->utc_ns = instant(&t, tz, received_s, &time->ambiguous) * CLOCK_SECOND + t.ns;
	return true;
}
