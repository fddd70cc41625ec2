#include "base/text.h"

#include <stdio.h>
#include <string.h>

size_t text_utf8_length(const uint8_t *p, size_t size)
{
	uint8_t c;

	if (!size)
		return 0;
	c = p[0];
	if (c < 0x80)
		return 1;
	if (c < 0xc2)
		return 0;
	if (c < 0xe0)
		return size >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if (c < 0xf0) {
		if (size < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
			return 0;
		if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f))
			return 0;
		return 3;
	}
	if (c > 0xf4 || size < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
		return 0;
	if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
		return 0;
	return 4;
}

size_t text_utf8_valid(const uint8_t *p, size_t size)
{
	size_t at = 0;

	while (at < size) {
		uint64_t word;
		size_t n;

		if (size - at >= 8) {
			memcpy(&word, p + at, 8);
			if (!(word & UINT64_C(0x8080808080808080))) {
				at += 8;
				continue;
			}
		}
		n = text_utf8_length(p + at, size - at);
		if (!n)
			break;
		at += n;
	}
	return at;
}

size_t text_utf8_put(uint32_t point, uint8_t out[4])
{
	if (point < 0x80) {
		out[0] = (uint8_t)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (uint8_t)(0xc0 | point >> 6);
		out[1] = (uint8_t)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (uint8_t)(0xe0 | point >> 12);
		out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (point & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | point >> 18);
	out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (point & 0x3f));
	return 4;
}

/* Leading decimal digits; returns how many bytes they took, 0 on none or overflow of int64. */
static size_t parse_digits(struct lg_str s, uint64_t *value)
{
	uint64_t v = 0;
	size_t n = 0;

	while (n < s.size && s.data[n] >= '0' && s.data[n] <= '9') {
		uint64_t digit = (uint64_t)(s.data[n] - '0');

		if (v > ((uint64_t)INT64_MAX - digit) / 10)
			return 0;
		v = v * 10 + digit;
		n++;
	}
	*value = v;
	return n;
}

bool text_parse_i64(struct lg_str s, int64_t *value)
{
	bool negative = s.size && s.data[0] == '-';
	uint64_t v;
	size_t n;

	if (negative) {
		s.data++;
		s.size--;
	}
	n = parse_digits(s, &v);
	if (!n || n != s.size)
		return false;
	*value = negative ? -(int64_t)v : (int64_t)v;
	return true;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static bool parse_with_unit(struct lg_str s, const struct unit *units, uint64_t *value)
{
	uint64_t v;
	size_t n = parse_digits(s, &v);
	struct lg_str rest = {s.data + n, s.size - n};

	if (!n)
		return false;
	while (rest.size && rest.data[0] == ' ') {
		rest.data++;
		rest.size--;
	}
	for (; units->name; units++) {
		if (!lg_str_is(rest, units->name))
			continue;
		if (v > (uint64_t)INT64_MAX / units->factor)
			return false;
		*value = v * units->factor;
		return true;
	}
	return false;
}

bool text_parse_size(struct lg_str s, uint64_t *bytes)
{
	static const struct unit units[] = {{"", 1}, {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	                                    {"TiB", UINT64_C(1) << 40}, {"kB", 1000}, {"KB", 1000}, {"MB", 1000000},
	                                    {"GB", 1000000000}, {"TB", UINT64_C(1000000000000)}, {NULL, 0}};

	return parse_with_unit(s, units, bytes);
}

bool text_parse_duration(struct lg_str s, int64_t *ns)
{
	static const struct unit units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000},
	                                    {"m", UINT64_C(60000000000)}, {"h", UINT64_C(3600000000000)},
	                                    {"d", UINT64_C(86400000000000)}, {NULL, 0}};
	uint64_t value;

	if (lg_str_is(s, "0")) {
		*ns = 0;
		return true;
	}
	if (!parse_with_unit(s, units, &value))
		return false;
	*ns = (int64_t)value;
	return true;
}

char *text_format_size(uint64_t bytes, char out[16])
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double v = (double)bytes;
	int u = 0;

	while (v >= 999.5 && u < 5) {
		v /= 1024;
		u++;
	}
	if (u == 0)
		snprintf(out, 16, "%u B", (unsigned)bytes);
	else
		snprintf(out, 16, v < 9.95 ? "%.1f %s" : "%.0f %s", v, unit[u]);
	return out;
}

char *text_format_duration(int64_t ns, char out[24])
{
	long long s = (long long)(ns / 1000000000);

	if (ns < 1000000000)
		snprintf(out, 24, "%lld ms", (long long)(ns / 1000000));
	else if (s < 10)
		snprintf(out, 24, "%.1f s", (double)ns / 1e9);
	else if (s < 120)
		snprintf(out, 24, "%lld s", s);
	else if (s < 7200)
		snprintf(out, 24, "%lld min", s / 60);
	else if (s < 48 * 3600)
		snprintf(out, 24, "%lld h %lld min", s / 3600, s / 60 % 60);
	else
		snprintf(out, 24, "%lld d %lld h", s / 86400, s / 3600 % 24);
	return out;
}

char *text_format_count(uint64_t count, char out[28])
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
	char *p = out;

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return out;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned text_distance(struct lg_str a, struct lg_str b)
{
	unsigned row[3][65];
	unsigned *before = row[0], *above = row[1], *now = row[2];

	if (a.size > 64 || b.size > 64)
		return 64;
	for (unsigned j = 0; j <= b.size; j++)
		above[j] = j;
	for (size_t i = 1; i <= a.size; i++) {
		unsigned *spare = before;

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b.size; j++) {
			unsigned change = above[j - 1] + (a.data[i - 1] != b.data[j - 1]);

			now[j] = min3(above[j] + 1, now[j - 1] + 1, change);
			if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		before = above;
		above = now;
		now = spare;
	}
	return above[b.size];
}

bool text_glob(struct lg_str pattern, struct lg_str s)
{
	size_t p = 0, i = 0, star = SIZE_MAX, mark = 0;

	while (i < s.size) {
		if (p < pattern.size && pattern.data[p] == '*') {
			star = p++;
			mark = i;
		} else if (p < pattern.size && (pattern.data[p] == '?' || pattern.data[p] == s.data[i])) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.size && pattern.data[p] == '*')
		p++;
	return p == pattern.size;
}
