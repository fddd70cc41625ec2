/* parsers.h - the parsers that are compiled in, and what they share.
 *
 * A parser turns physical lines into records; see struct lg_parser in api/lg_stream.h. parser sees api and base only.
 */
#ifndef PARSERS_H
#define PARSERS_H

#include "api/lg_stream.h"

extern const struct lg_parser text_parser;
extern const struct lg_parser zos_syslog_parser;
extern const struct lg_parser rfc_syslog_parser;

/* Room for parser_mark_line's text of `part`; lives as long as the draft does. */
struct parser_scratch {
	char part[24];
};

/* Sets what every parser says of a physical line that became a record of its own: log.offset (where the source has offsets), lugger.truncated and lugger.part
 * ("2/3", or "2" while the number of parts is not known). */
void parser_mark_line(struct lg_draft *draft, const struct lg_line *line, struct parser_scratch *scratch);

#endif
