/* when.h - the two ways to name a place in the log: a sequence, or a time of receipt. */
#ifndef WHEN_H
#define WHEN_H

#include "api/lg_core.h"

/* A border of a range: a sequence, or a time. */
struct when {
	bool is_time;
	uint64_t seq;
	int64_t ns; /* UTC */
};

/* "4711", "2026-11-23", "2026-11-23T00:10:00Z", "2026-11-23T00:10:00.5+01:00" (RFC 3339 section 5.6); false on anything else. */
bool when_parse(const char *text, struct when *when);

#endif
