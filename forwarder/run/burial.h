/* burial.h - rejected records become dead letters: read again from the spool, cut out, written durably. The output's thread. */
#ifndef BURIAL_H
#define BURIAL_H

#include "spool/deadletter.h"

/* Writes the records first..last, all of one batch, as one letter. `at_hand`: a batch that may hold them, or NULL. LG_OK: durable, they may be
 * settled. LG_CORRUPT: the spool cannot give them any more, so nothing could be kept. Else nothing was written: offer them again later. */
enum lg_rc burial_put(struct deadletters *letters, struct spool *spool, struct lg_batch *at_hand, uint64_t first, uint64_t last, const char *reason,
                      uint32_t attempts, struct lg_err *err) LG_WARN_UNUSED;

#endif
