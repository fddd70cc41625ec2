#include "cli/when.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

/* `count` digits at *at, which moves behind them. */
static bool digits(const char **at, int count, int64_t *value)
{
	*value = 0;
	for (; count; count--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*value = *value * 10 + (**at - '0');
	}
	return true;
}

static bool expect(const char **at, char c)
{
	return *(*at)++ == c;
}

static bool parse_date(const char **at, int64_t *days)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t year, month, day;
	bool leap;

	if (!digits(at, 4, &year) || !expect(at, '-') || !digits(at, 2, &month) || !expect(at, '-') || !digits(at, 2, &day))
		return false;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (month < 1 || month > 12 || day < 1 || day > lengths[month - 1] + (month == 2 && leap))
		return false;
	*days = clock_days_from_civil(year, (int)month, (int)day);
	return true;
}

static bool parse_offset(const char **at, int64_t *seconds)
{
	int64_t hours, minutes;
	char sign = *(*at)++;

	*seconds = 0;
	if (sign == 'Z' || sign == 'z')
		return true;
	if ((sign != '+' && sign != '-') || !digits(at, 2, &hours) || !expect(at, ':') || !digits(at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*seconds = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
	return true;
}

static bool parse_clock(const char **at, int64_t *ns)
{
	int64_t hour, minute, second, offset, unit = CLOCK_SECOND / 10;

	*ns = 0;
	if (!digits(at, 2, &hour) || !expect(at, ':') || !digits(at, 2, &minute) || !expect(at, ':') || !digits(at, 2, &second))
		return false;
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	if (**at == '.') {
		for ((*at)++; **at >= '0' && **at <= '9' && unit; (*at)++, unit /= 10)
			*ns += (**at - '0') * unit;
	}
	if (!parse_offset(at, &offset))
		return false;
	*ns += (hour * 3600 + minute * 60 + second - offset) * CLOCK_SECOND;
	return true;
}

bool when_parse(const char *text, struct when *when)
{
	const char *at = text;
	int64_t number, days, ns = 0;

	*when = (struct when){0};
	if (text_parse_i64(lg_str_from(text), &number)) {
		when->seq = (uint64_t)number;
		return number >= 0;
	}
	when->is_time = true;
	if (!parse_date(&at, &days))
		return false;
	if (*at) {
		if ((*at != 'T' && *at != 't' && *at != ' '))
			return false;
		at++;
		if (!parse_clock(&at, &ns))
			return false;
	}
	when->ns = days * 86400 * CLOCK_SECOND + ns;
	return !*at;
}
