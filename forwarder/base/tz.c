#include "base/tz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/wire.h"

#define TZ_DIR_DEFAULT "/usr/share/zoneinfo"
#define TZ_FILE_MAX 262144
#define TZ_HEADER_SIZE 44
#define TZ_LAST_YEAR 2200
#define TZ_DAY 86400
#define TZ_TIME_LIMIT (INT64_C(1) << 60) /* section 3.2 asks for -2**59 or later */
#define TZ_OFFSET_LIMIT (26 * 3600) /* RFC 8536 section 3.2: utoff SHOULD be between -25 h and +26 h */

/* offset[i] is in force from at[i] on; at[0] is the beginning of time. */
struct tz {
	char *name;
	int64_t *at;
	int32_t *offset;
	size_t count, cap_at, cap_offset;
};

static void add_transition(struct tz *tz, int64_t at, int32_t offset)
{
	if (tz->count && tz->offset[tz->count - 1] == offset)
		return;
	tz->at = mem_grow(tz->at, &tz->cap_at, tz->count + 1, sizeof(*tz->at));
	tz->offset = mem_grow(tz->offset, &tz->cap_offset, tz->count + 1, sizeof(*tz->offset));
	tz->at[tz->count] = at;
	tz->offset[tz->count] = offset;
	tz->count++;
}

/* ---- the footer: a POSIX TZ string (IEEE 1003.1 section 8.3), with hours -167..167 as RFC 8536 section 3.3.1 extends it */

struct tz_rule {
	char form;              /* 'M', 'J' or '0' */
	int month, week, day;
	int32_t seconds;        /* after local midnight */
};

struct tz_posix {
	int32_t std, dst;       /* seconds east */
	bool has_dst;
	struct tz_rule start, end;
};

struct scan {
	const char *at, *end;
	bool bad;
};

static bool scan_is(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static int scan_number(struct scan *s, int max)
{
	int value = 0;
	const char *start = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && value <= max)
		value = value * 10 + (*s->at++ - '0');
	if (s->at == start || value > max)
		s->bad = true;
	return value;
}

/* [+-]hh[:mm[:ss]] */
static int32_t scan_time(struct scan *s, int max_hours)
{
	int sign = 1;
	int32_t seconds;

	if (scan_is(s, '-'))
		sign = -1;
	else
		scan_is(s, '+');
	seconds = scan_number(s, max_hours) * 3600;
	if (scan_is(s, ':')) {
		seconds += scan_number(s, 59) * 60;
		if (scan_is(s, ':'))
			seconds += scan_number(s, 59);
	}
	return sign * seconds;
}

static void scan_name(struct scan *s)
{
	const char *start = s->at;

	if (scan_is(s, '<')) {
		while (s->at < s->end && *s->at != '>')
			s->at++;
		if (!scan_is(s, '>'))
			s->bad = true;
		return;
	}
	while (s->at < s->end && ((*s->at >= 'A' && *s->at <= 'Z') || (*s->at >= 'a' && *s->at <= 'z')))
		s->at++;
	if (s->at - start < 3)
		s->bad = true;
}

static void scan_rule(struct scan *s, struct tz_rule *rule)
{
	*rule = (struct tz_rule){.seconds = 7200};
	if (!scan_is(s, ','))
		s->bad = true;
	if (scan_is(s, 'M')) {
		rule->form = 'M';
		rule->month = scan_number(s, 12);
		if (!scan_is(s, '.'))
			s->bad = true;
		rule->week = scan_number(s, 5);
		if (!scan_is(s, '.'))
			s->bad = true;
		rule->day = scan_number(s, 6);
		if (rule->month < 1 || rule->week < 1)
			s->bad = true;
	} else if (scan_is(s, 'J')) {
		rule->form = 'J';
		rule->day = scan_number(s, 365);
		if (rule->day < 1)
			s->bad = true;
	} else {
		rule->form = '0';
		rule->day = scan_number(s, 365);
	}
	if (scan_is(s, '/'))
		rule->seconds = scan_time(s, 167);
}

static bool parse_footer(struct lg_str text, struct tz_posix *posix)
{
	struct scan s = {text.data, text.data + text.size, false};

	*posix = (struct tz_posix){0};
	scan_name(&s);
	posix->std = -scan_time(&s, 25);
	if (!s.bad && s.at < s.end) {
		posix->has_dst = true;
		scan_name(&s);
		posix->dst = posix->std + 3600;
		if (s.at < s.end && *s.at != ',')
			posix->dst = -scan_time(&s, 25);
		scan_rule(&s, &posix->start);
		scan_rule(&s, &posix->end);
	}
	return !s.bad && s.at == s.end;
}

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The rule's moment in that year, in local seconds. */
static int64_t rule_local(const struct tz_rule *rule, int64_t year)
{
	int64_t days;

	if (rule->form == 'M') {
		int64_t first = clock_days_from_civil(year, rule->month, 1);
		int64_t next = rule->month == 12 ? clock_days_from_civil(year + 1, 1, 1)
		                                 : clock_days_from_civil(year, rule->month + 1, 1);
		int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */

		days = first + (rule->day - weekday + 7) % 7 + (rule->week - 1) * 7;
		if (days >= next)
			days -= 7;
	} else {
		days = clock_days_from_civil(year, 1, 1) + rule->day;
		/* Jn counts 1..365 and never 29 February; n counts 0..365 and does. */
		if (rule->form == 'J' && !(is_leap(year) && rule->day >= 60))
			days--;
	}
	return days * TZ_DAY + rule->seconds;
}

static void lay_out_footer(struct tz *tz, const struct tz_posix *posix)
{
	int64_t after = tz->count > 1 ? tz->at[tz->count - 1] : INT64_MIN;
	int64_t year = 1900;
	int month, day;

	if (!posix->has_dst) {
		if (tz->count < 2)
			tz->count = 0;
		add_transition(tz, tz->count ? after + 1 : INT64_MIN, posix->std);
		return;
	}
	if (after == INT64_MIN)
		tz->count = 0;
	else if (after > 0)
		clock_civil_from_days(after / TZ_DAY, &year, &month, &day);
	if (!tz->count)
		add_transition(tz, INT64_MIN, posix->std);
	for (; year <= TZ_LAST_YEAR; year++) {
		int64_t on = rule_local(&posix->start, year) - posix->std;
		int64_t off = rule_local(&posix->end, year) - posix->dst;
		bool north = on <= off;
		int64_t first = north ? on : off, second = north ? off : on;

		/* Daylight time all the year: both moments meet at the turn of the year and the later one decides. */
		if (first > after)
			add_transition(tz, first, north ? posix->dst : posix->std);
		if (second > after && second < rule_local(north ? &posix->start : &posix->end, year + 1) -
		                                      (north ? posix->std : posix->dst))
			add_transition(tz, second, north ? posix->std : posix->dst);
	}
}

/* ---- TZif -------------------------------------------------------------------------------------------------------- */

struct tzif_counts {
	uint32_t isut, isstd, leap, time, type, chars;
	uint8_t version;
};

static bool read_header(struct wire_reader *r, struct tzif_counts *counts)
{
	const uint8_t *magic = wire_read_bytes(r, 4);

	if (!magic || memcmp(magic, "TZif", 4) != 0)
		return false;
	counts->version = wire_read_u8(r);
	wire_read_bytes(r, 15);
	counts->isut = wire_read_u32(r);
	counts->isstd = wire_read_u32(r);
	counts->leap = wire_read_u32(r);
	counts->time = wire_read_u32(r);
	counts->type = wire_read_u32(r);
	counts->chars = wire_read_u32(r);
	return !r->bad && counts->type >= 1 && counts->type <= 256;
}

static uint64_t block_size(const struct tzif_counts *c, unsigned time_size)
{
	return (uint64_t)c->time * time_size + c->time + (uint64_t)c->type * 6 + c->chars + (uint64_t)c->leap * (time_size + 4) +
	       c->isstd + c->isut;
}

static bool read_block(struct wire_reader *r, const struct tzif_counts *c, unsigned time_size, struct tz *tz)
{
	const uint8_t *times = wire_read_bytes(r, (uint64_t)c->time * time_size);
	const uint8_t *indexes = wire_read_bytes(r, c->time);
	const uint8_t *types = wire_read_bytes(r, (uint64_t)c->type * 6);
	int64_t before = INT64_MIN;

	wire_read_bytes(r, (uint64_t)c->chars + (uint64_t)c->leap * (time_size + 4) + c->isstd + c->isut);
	if (r->bad)
		return false;
	add_transition(tz, INT64_MIN, (int32_t)wire_get_u32(types));
	for (uint32_t i = 0; i < c->time; i++) {
		int64_t at = time_size == 8 ? wire_get_i64(times + (size_t)i * 8) : (int32_t)wire_get_u32(times + (size_t)i * 4);

		if (indexes[i] >= c->type || at < -TZ_TIME_LIMIT || at > TZ_TIME_LIMIT || at <= before)
			return false;
		before = at;
		add_transition(tz, at, (int32_t)wire_get_u32(types + (size_t)indexes[i] * 6));
	}
	for (size_t i = 0; i < tz->count; i++)
		if (tz->offset[i] > TZ_OFFSET_LIMIT || tz->offset[i] < -TZ_OFFSET_LIMIT)
			return false;
	return true;
}

/* Version 2 and later repeat header and data with 64-bit times, then a footer between two newlines (section 3.3). */
static enum lg_rc decode(struct tz *tz, const void *data, size_t size, struct lg_err *err)
{
	struct wire_reader r = wire_reader_on(data, size);
	struct tzif_counts counts;
	struct tz_posix posix;
	const uint8_t *footer, *end;

	if (!read_header(&r, &counts))
		return lg_err_set(err, LG_INVALID, "time zone %s: the file is not TZif", tz->name);
	if (counts.version >= '2') {
		wire_read_bytes(&r, block_size(&counts, 4));
		if (!read_header(&r, &counts))
			return lg_err_set(err, LG_INVALID, "time zone %s: the TZif file has no second header", tz->name);
	}
	if (counts.leap)
		return lg_err_set(err, LG_UNSUPPORTED, "time zone %s counts leap seconds; use the name without \"right/\"",
		                  tz->name);
	if (!read_block(&r, &counts, counts.version >= '2' ? 8 : 4, tz))
		return lg_err_set(err, LG_INVALID, "time zone %s: the TZif file is damaged", tz->name);
	if (counts.version < '2' || r.at == r.end)
		return LG_OK;
	footer = r.at + 1;
	if (*r.at != '\n' || footer >= r.end || !(end = memchr(footer, '\n', (size_t)(r.end - footer))))
		return lg_err_set(err, LG_INVALID, "time zone %s: the TZif footer is damaged", tz->name);
	if (end == footer)
		return LG_OK;
	if (!parse_footer((struct lg_str){(const char *)footer, (size_t)(end - footer)}, &posix))
		return lg_err_set(err, LG_INVALID, "time zone %s: the TZif footer is not a POSIX TZ rule", tz->name);
	lay_out_footer(tz, &posix);
	return LG_OK;
}

enum lg_rc tz_decode(struct tz **out, const char *name, const void *data, size_t size, struct lg_err *err)
{
	struct tz *tz = mem_zalloc(sizeof(*tz));
	enum lg_rc rc;

	*out = NULL;
	tz->name = mem_strdup(name);
	rc = decode(tz, data, size, err);
	if (rc == LG_OK)
		*out = tz;
	else
		tz_free(tz);
	return rc;
}

static bool plain_name(const char *name)
{
	if (!*name || *name == '/' || strstr(name, "..") || strlen(name) > 200)
		return false;
	for (const char *p = name; *p; p++)
		if (!((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || strchr("/_+-.", *p)))
			return false;
	return name[strlen(name) - 1] != '/';
}

enum lg_rc tz_open(struct tz **out, const char *iana_name, struct lg_err *err)
{
	const char *dir = getenv("TZDIR");
	struct lg_buf path = {0};
	uint8_t *data = NULL;
	size_t size;
	FILE *file = NULL;
	enum lg_rc rc;

	*out = NULL;
	if (!plain_name(iana_name))
		return lg_err_set(err, LG_INVALID, "\"%s\" is not the name of a time zone (such as America/New_York)", iana_name);
	lg_buf_printf(&path, "%s/%s", dir && *dir ? dir : TZ_DIR_DEFAULT, iana_name);
	lg_buf_append_char(&path, '\0');
	file = fopen((const char *)path.data, "rb");
	if (!file) {
		rc = errno == ENOENT || errno == ENOTDIR
		             ? lg_err_set(err, LG_NOTFOUND, "unknown time zone %s (no %s)", iana_name, (const char *)path.data)
		             : lg_err_sys(err, errno, "time zone %s: %s", iana_name, (const char *)path.data);
		goto done;
	}
	data = mem_alloc(TZ_FILE_MAX);
	size = fread(data, 1, TZ_FILE_MAX, file);
	if (ferror(file)) /* a directory such as "America" reads as EISDIR */
		rc = lg_err_set(err, LG_INVALID, "\"%s\" is not a time zone: %s cannot be read", iana_name,
		                (const char *)path.data);
	else
		rc = tz_decode(out, iana_name, data, size, err);
done:
	if (file)
		fclose(file);
	free(data);
	lg_buf_fini(&path);
	return rc;
}

void tz_free(struct tz *tz)
{
	if (!tz)
		return;
	free(tz->name);
	free(tz->at);
	free(tz->offset);
	free(tz);
}

const char *tz_name(const struct tz *tz)
{
	return tz->name;
}

/* The last entry with at <= utc; at[0] is the beginning of time. */
static size_t find(const struct tz *tz, int64_t utc)
{
	size_t low = 0, high = tz->count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (tz->at[middle] <= utc)
			low = middle;
		else
			high = middle;
	}
	return low;
}

int32_t tz_offset(const struct tz *tz, int64_t utc_seconds)
{
	return tz->offset[find(tz, utc_seconds)];
}

int tz_from_local(const struct tz *tz, int64_t local, int64_t utc[2])
{
	/* Every entry that could cover it starts within the largest offset of it. */
	size_t first = find(tz, local - TZ_OFFSET_LIMIT), last = find(tz, local + TZ_OFFSET_LIMIT);
	int found = 0;

	for (size_t i = first; i <= last && found < 2; i++) {
		int64_t t = local - tz->offset[i];

		if ((i == 0 || t >= tz->at[i]) && (i + 1 == tz->count || t < tz->at[i + 1]))
			utc[found++] = t;
	}
	if (found == 1)
		utc[1] = utc[0];
	for (size_t i = first + 1; i <= last && !found; i++) {
		int64_t begin = tz->at[i] + tz->offset[i - 1], end = tz->at[i] + tz->offset[i];

		if (local >= begin && local < end) {
			utc[0] = local - tz->offset[i - 1];
			utc[1] = local - tz->offset[i];
			return 0;
		}
	}
	return found;
}

bool tz_local_span(const struct tz *tz, int64_t local, struct tz_span *span)
{
	int64_t utc[2], begin = INT64_MIN, end = INT64_MAX;
	size_t i;

	*span = (struct tz_span){0, 0, 0};
	if (tz_from_local(tz, local, utc) != 1)
		return false;
	i = find(tz, utc[0]);
	if (i > 0)
		begin = tz->at[i] + tz->offset[i];
	if (i + 1 < tz->count)
		end = tz->at[i + 1] + tz->offset[i];
	/* No wall clock of the entries around it may reach into the span. */
	for (size_t k = i; k > 0 && tz->at[k] > tz->at[i] - 2 * TZ_OFFSET_LIMIT; k--)
		if (tz->at[k] + tz->offset[k - 1] > begin)
			begin = tz->at[k] + tz->offset[k - 1];
	for (size_t k = i + 1; k < tz->count && tz->at[k] < tz->at[i + 1] + 2 * TZ_OFFSET_LIMIT; k++)
		if (tz->at[k] + tz->offset[k] < end)
			end = tz->at[k] + tz->offset[k];
	if (local < begin || local >= end)
		return false;
	*span = (struct tz_span){begin, end, tz->offset[i]};
	return true;
}
