/* rfc_syslog.h - the parts of parser rfc-syslog: cursor over a message, its time stamps, its structured data.
 *
 * Everything here only reads; what does not parse leaves the cursor's owner free to keep the message whole.
 */
#ifndef RFC_SYSLOG_H
#define RFC_SYSLOG_H

#include "api/lg_stream.h"
#include "base/tz.h"

struct rfc_cursor {
	const char *at, *end;
};

/* An event's time and the text it was read from. */
struct rfc_time {
	int64_t utc_ns; /* LG_TIME_UNKNOWN for the NILVALUE */
	struct lg_str text;
	bool local;     /* read by the zone of the settings */
	bool ambiguous; /* the autumn hour: the instant nearer to the receipt was taken */
};

static inline bool rfc_skip(struct rfc_cursor *c, char wanted)
{
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

/* 1..max decimal digits. */
bool rfc_number(struct rfc_cursor *c, int max_digits, int *value);
/* The bytes up to the next space or the end; false where there are none. */
bool rfc_token(struct rfc_cursor *c, struct lg_str *token);

/* RFC 5424 section 6.2.3 (RFC 3339 with T and an offset), any number of fraction digits; a leap second counts as the next one. */
bool rfc_time_5424(struct rfc_cursor *c, struct rfc_time *time);
/* RFC 3164 section 4.1.2, "Nov 23 00:10:00", also with a year before or behind the time of day and a fraction; or
 * "2026-11-23T00:10:00" with or without an offset, as relays write it. Without an offset local in `tz` (NULL: UTC), without a
 * year in the one nearest to the receipt. */
bool rfc_time_3164(struct rfc_cursor *c, const struct tz *tz, int64_t received_ns, struct rfc_time *time);

/* STRUCTURED-DATA of RFC 5424 section 6.3 that is not the NILVALUE: one or more elements. */
bool rfc_structured_data(struct rfc_cursor *c, struct lg_str *sd);

#endif
