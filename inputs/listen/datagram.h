/* datagram.h - the messages of one datagram (RFC 5426 section 3.1: exactly one, but senders differ).
 *
 * Newlines and NULs at its end belong to no message. Inside, newlines are part of the message, or with `lines` each line is a message; empty
 * ones are nothing. NULs inside stay: the formats write them as their framing needs. A message longer than `limit` comes in parts.
 */
#ifndef DATAGRAM_H
#define DATAGRAM_H

#include "api/lugger_plugin.h"

struct datagram_split {
	struct lg_str rest; /* not given out yet */
	struct lg_str line; /* the message being given out, what is left of it */
	size_t limit;
	int part;           /* parts of it given out */
	bool lines, cut;
};

/* `cut`: the kernel gave only the beginning of the datagram. data is borrowed while parts are asked for. */
void datagram_split_init(struct datagram_split *split, struct lg_str data, bool cut, bool lines, size_t limit);
/* The next message or part of one; never empty. *part: 0 whole, else 1, 2, ...; *truncated: its end is missing. */
bool datagram_split_next(struct datagram_split *split, struct lg_str *text, int *part, bool *truncated);

#endif
