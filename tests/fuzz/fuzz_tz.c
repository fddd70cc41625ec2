/* Any bytes as a TZif file: where it is one, every instant is among the instants of its own local time. */
#include <stdlib.h>

#include "base/tz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void look_at(const struct tz *tz, int64_t t)
{
	int64_t local = t + tz_offset(tz, t), utc[2];
	int found = tz_from_local(tz, local, utc);
	struct tz_span span;

	require(found == 1 || found == 2);
	for (int i = 0; i < 2; i++)
		require(utc[i] + tz_offset(tz, utc[i]) == local);
	require(found == 2 ? utc[0] < utc[1] : utc[0] == t && utc[1] == t);
	if (!tz_local_span(tz, local, &span)) {
		require(span.begin == span.end);
		return;
	}
	require(found == 1 && local - span.offset == t && local >= span.begin && local < span.end);
	/* the same holds at both ends */
	for (int i = 0; i < 2; i++) {
		int64_t at = i ? span.end - 1 : span.begin;

		if (at > -(INT64_C(1) << 60) && at < INT64_C(1) << 60)
			require(tz_from_local(tz, at, utc) == 1 && utc[0] == at - span.offset);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tz *tz;

	if (tz_decode(&tz, "X", data, size, NULL) != LG_OK)
		return 0;
	for (int64_t t = -100; t < 100; t++) {
		look_at(tz, t);
		look_at(tz, t * 86400 * 40 + 1800);
	}
	look_at(tz, INT64_C(1) << 59);
	look_at(tz, -(INT64_C(1) << 59));
	tz_free(tz);
	return 0;
}
