#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * CLOCK_SECOND + ts.tv_nsec;
}

static int64_t system_mono(void *self)
{
	(void)self;
	return read_clock(CLOCK_MONOTONIC);
}

static int64_t system_utc(void *self)
{
	(void)self;
	return read_clock(CLOCK_REALTIME);
}

const struct clock clock_system = {system_mono, system_utc, NULL};

static int64_t fake_mono(void *self)
{
	return ((struct clock_fake *)self)->mono_ns;
}

static int64_t fake_utc(void *self)
{
	return ((struct clock_fake *)self)->utc_ns;
}

struct clock clock_fake_on(struct clock_fake *fake)
{
	return (struct clock){fake_mono, fake_utc, fake};
}

/* Both conversions: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", eras of 400 years that start on 1 March. */
int64_t clock_days_from_civil(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

void clock_civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

static char *put_digits(char *p, int64_t value, int digits)
{
	for (int i = digits - 1; i >= 0; i--) {
		p[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return p + digits;
}

char *clock_format_utc(int64_t utc_ns, int digits, char out[32])
{
	int64_t seconds = utc_ns / CLOCK_SECOND, fraction = utc_ns % CLOCK_SECOND, days, rest, year;
	int month, day;
	char *p = out;

	if (fraction < 0) {
		fraction += CLOCK_SECOND;
		seconds--;
	}
	days = seconds / 86400;
	rest = seconds % 86400;
	if (rest < 0) {
		rest += 86400;
		days--;
	}
	clock_civil_from_days(days, &year, &month, &day);
	p = put_digits(p, year, 4);
	*p++ = '-';
	p = put_digits(p, month, 2);
	*p++ = '-';
	p = put_digits(p, day, 2);
	*p++ = 'T';
	p = put_digits(p, rest / 3600, 2);
	*p++ = ':';
	p = put_digits(p, rest / 60 % 60, 2);
	*p++ = ':';
	p = put_digits(p, rest % 60, 2);
	if (digits > 0) {
		for (int i = digits; i < 9; i++)
			fraction /= 10;
		*p++ = '.';
		p = put_digits(p, fraction, digits);
	}
	*p++ = 'Z';
	*p = '\0';
	return out;
}
