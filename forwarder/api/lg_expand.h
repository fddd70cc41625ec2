/* lg_expand.h - zstd (RFC 8878) for plugins, bit by bit. Part of lugger_plugin.h. zstd is one of the core's libraries and `data` alone includes
 * it; other compressions are the affair of the plugin that reads them. */
#ifndef LG_EXPAND_H
#define LG_EXPAND_H

#include "lg_core.h"

struct lg_expand;

#define LG_EXPAND_WINDOW_MAX (8u << 20) /* what RFC 8878, 3.1.1.1.2 asks a decoder to support; larger ones are refused */

struct lg_expand *lg_expand_new(void); /* NULL: no memory */
void lg_expand_free(struct lg_expand *expand); /* NULL is fine */
/* Takes bytes from `in` and writes expanded ones to `out`; both and their sizes move. LG_OK: one of the two is used up. LG_EOF: a frame
 * ended, what follows in `in` is another one. LG_CORRUPT: not zstd or damaged, or a window above LG_EXPAND_WINDOW_MAX; free it. */
enum lg_rc lg_expand_step(struct lg_expand *expand, const uint8_t **in, size_t *in_size, uint8_t **out, size_t *out_size,
                          struct lg_err *err) LG_WARN_UNUSED;

#endif
