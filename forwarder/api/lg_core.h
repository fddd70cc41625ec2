/* lg_core.h - result codes, errors, strings and buffers shared by core and plugins.
 *
 * Part of lugger_plugin.h; plugins include that one.
 */
#ifndef LG_CORE_H
#define LG_CORE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LG_WARN_UNUSED __attribute__((warn_unused_result))
#define LG_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* What a fallible function answers. Each sentence says what state is left behind. */
enum lg_rc {
	LG_OK = 0,
	LG_AGAIN,       /* would block or not ready yet; call again, nothing changed */
	LG_EOF,         /* the orderly end of a stream; all before it was delivered */
	LG_FULL,        /* a budget or quota is used up; what was offered is still the caller's */
	LG_NOTFOUND,    /* the thing named does not exist; nothing changed */
	LG_INVALID,     /* bad configuration or argument; nothing was started */
	LG_CORRUPT,     /* bytes that were durable do not verify; they were not used */
	LG_TORN,        /* the torn tail of an append that was never acknowledged */
	LG_IO,          /* the operating system failed (err.sys_errno); the operation may be half done */
	LG_NOSPACE,     /* like LG_IO for ENOSPC and EDQUOT: retry when space returns */
	LG_NOMEM,       /* the memory budget or malloc refused; nothing changed */
	LG_DENIED,      /* the egress policy refused; nothing was opened or sent */
	LG_TLS,         /* TLS handshake or verification failed; no record was sent */
	LG_PEER,        /* the peer refused, reset or closed in the middle; sent bytes are of unknown fate */
	LG_BUSY,        /* held by another process or thread; nothing changed */
	LG_UNSUPPORTED, /* known, but not in this version or build; nothing changed */
};

/* The code's name in lower case, "corrupt" for LG_CORRUPT. Static storage. */
const char *lg_rc_name(enum lg_rc rc);

/* An error an operator can read. Fixed size, lives on the caller's stack; every writer of one keeps it one sentence,
 * without a final newline. Callers prepend their context: "spool /x: segment 12: ...". */
struct lg_err {
	enum lg_rc rc;
	int sys_errno; /* errno behind it, or 0 */
	char text[1000];
};

/* Sets *err (err may be NULL) and returns rc, so that `return lg_err_set(...)` reads well. */
enum lg_rc lg_err_set(struct lg_err *err, enum lg_rc rc, const char *fmt, ...) LG_PRINTF(3, 4);
/* As lg_err_set with errno's text appended (": No space left on device"); rc is LG_NOSPACE for ENOSPC/EDQUOT,
 * LG_NOTFOUND for ENOENT, LG_NOMEM for ENOMEM, else LG_IO. */
enum lg_rc lg_err_sys(struct lg_err *err, int sys_errno, const char *fmt, ...) LG_PRINTF(3, 4);
/* Puts "<text>: " in front; returns err->rc (LG_IO where err is NULL). */
enum lg_rc lg_err_prepend(struct lg_err *err, const char *fmt, ...) LG_PRINTF(2, 3);

/* A borrowed run of bytes, not NUL-terminated. UTF-8 wherever it is text. */
struct lg_str {
	const char *data;
	size_t size;
};

#define LG_STR(literal) ((struct lg_str){(literal), sizeof(literal) - 1})

struct lg_str lg_str_from(const char *cstr); /* NULL gives the empty string */
bool lg_str_equal(struct lg_str a, struct lg_str b);
bool lg_str_is(struct lg_str a, const char *cstr);

/* A growable byte buffer. Zero-initialised is valid and empty; lg_buf_fini frees. Growth failure aborts the process
 * only for buffers whose size is bounded by a configured limit; data-path memory is charged to a budget (mem.h). */
struct lg_buf {
	uint8_t *data;
	size_t size;
	size_t cap;
};

void lg_buf_fini(struct lg_buf *buf);
void lg_buf_clear(struct lg_buf *buf);
uint8_t *lg_buf_reserve(struct lg_buf *buf, size_t extra); /* room for `extra` more bytes behind size; returns data + size */
void lg_buf_append(struct lg_buf *buf, const void *data, size_t size);
void lg_buf_append_str(struct lg_buf *buf, struct lg_str str);
void lg_buf_append_cstr(struct lg_buf *buf, const char *cstr);
void lg_buf_append_char(struct lg_buf *buf, char c);
void lg_buf_append_u64(struct lg_buf *buf, uint64_t value); /* decimal */
void lg_buf_printf(struct lg_buf *buf, const char *fmt, ...) LG_PRINTF(2, 3);
void lg_buf_consume(struct lg_buf *buf, size_t front); /* drops the first bytes, moves the rest down */
struct lg_str lg_buf_str(const struct lg_buf *buf);

/* The five log verbs' levels; messages go to standard error in one line each (journald's <N> prefix under systemd). */
enum lg_level { LG_ERROR, LG_WARNING, LG_NOTICE, LG_INFO, LG_DEBUG };

#endif
