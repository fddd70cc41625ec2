/* tz.h - time zones by IANA name, from the system's TZif files (RFC 8536), without touching TZ or the C library's state.
 *
 * A zone is immutable once open: any number of threads may use it. Seconds are POSIX seconds (no leap seconds); a local time is
 * written in the same unit, as if the wall clock were UTC. From the file's footer rule the transitions are laid out up to the
 * year 2200; after that the last offset stands. Times handed in lie within 2**60 seconds of 1970.
 */
#ifndef TZ_H
#define TZ_H

#include "api/lg_core.h"

struct tz;

/* Reads "America/New_York" below $TZDIR, else below /usr/share/zoneinfo. LG_INVALID: the name is none (absolute, "..", odd
 * characters) or the file is not TZif; LG_NOTFOUND: there is no such zone; LG_UNSUPPORTED: the file counts leap seconds
 * ("right/..."). */
enum lg_rc tz_open(struct tz **tz, const char *iana_name, struct lg_err *err) LG_WARN_UNUSED;
/* The same from the bytes of a TZif file (version 1, 2, 3 or 4); `name` is copied. */
enum lg_rc tz_decode(struct tz **tz, const char *name, const void *data, size_t size, struct lg_err *err) LG_WARN_UNUSED;
void tz_free(struct tz *tz);

const char *tz_name(const struct tz *tz);
/* Seconds east of UTC at this instant: -18000 for New York in winter. */
int32_t tz_offset(const struct tz *tz, int64_t utc_seconds);

/* The instants at which the wall clock shows local_seconds:
 *   1  utc[0] == utc[1] is the one;
 *   2  the clock was set back: utc[0] is the earlier, utc[1] the later;
 *   0  the clock was set forward over it: utc[0] is by the offset in force before the gap, utc[1] by the one after it
 *      (so utc[1] < utc[0]). */
int tz_from_local(const struct tz *tz, int64_t local_seconds, int64_t utc[2]);

/* A stretch of wall-clock time [begin, end) in which every local time has exactly one instant: local - offset. */
struct tz_span {
	int64_t begin, end; /* local seconds */
	int32_t offset;     /* seconds east of UTC */
};

/* For callers that convert millions of times: keep the span, ask again only outside it. False (and an empty span) where the local
 * time is ambiguous or skipped. A zeroed span holds nothing. */
bool tz_local_span(const struct tz *tz, int64_t local_seconds, struct tz_span *span);

#endif
