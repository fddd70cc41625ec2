#include "run/burial.h"

#include "api/lugger_plugin.h"

/* The batch that holds `seq`, with a reference. */
static enum lg_rc fetch(struct spool *spool, struct lg_batch *at_hand, uint64_t seq, struct lg_batch **batch, struct lg_err *err)
{
	struct spool_reader *reader;
	uint64_t gap_first, gap_last;
	enum lg_rc rc;

	if (at_hand && seq >= lg_batch_first(at_hand) && seq - lg_batch_first(at_hand) < lg_batch_count(at_hand)) {
		lg_batch_hold(at_hand);
		*batch = at_hand;
		return LG_OK;
	}
	rc = spool_reader_open(spool, seq, &reader, err);
	if (rc != LG_OK)
		return rc;
	rc = spool_reader_at(reader) == seq ? spool_reader_next(reader, batch, &gap_first, &gap_last, err)
	                                    : lg_err_set(err, LG_CORRUPT, "record %llu is no longer in the spool", (unsigned long long)seq);
	spool_reader_close(reader);
	if (rc == LG_OK && lg_batch_first(*batch) > seq) {
		lg_batch_release(*batch);
		return lg_err_set(err, LG_CORRUPT, "record %llu is no longer in the spool", (unsigned long long)seq);
	}
	return rc;
}

enum lg_rc burial_put(struct deadletters *letters, struct spool *spool, struct lg_batch *at_hand, uint64_t first, uint64_t last, const char *reason,
                      uint32_t attempts, struct lg_err *err)
{
	struct lg_batch *batch, *slice;
	enum lg_rc rc = fetch(spool, at_hand, first, &batch, err);

	if (rc != LG_OK)
		return rc;
	slice = deadletter_slice(batch, first, last);
	lg_batch_release(batch);
	if (!slice)
		return lg_err_set(err, LG_CORRUPT, "records %llu to %llu do not decode", (unsigned long long)first, (unsigned long long)last);
	rc = deadletters_put(letters, slice, reason, attempts, err);
	lg_batch_release(slice);
	return rc;
}
