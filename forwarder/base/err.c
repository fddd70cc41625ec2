/* lg_err and lg_str of api/lg_core.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/lg_core.h"

const char *lg_rc_name(enum lg_rc rc)
{
	static const char *const names[] = {
		[LG_OK] = "ok", [LG_AGAIN] = "again", [LG_EOF] = "eof", [LG_FULL] = "full", [LG_NOTFOUND] = "notfound",
		[LG_INVALID] = "invalid", [LG_CORRUPT] = "corrupt", [LG_TORN] = "torn", [LG_IO] = "io", [LG_NOSPACE] = "nospace",
		[LG_NOMEM] = "nomem", [LG_DENIED] = "denied", [LG_TLS] = "tls", [LG_PEER] = "peer", [LG_BUSY] = "busy",
		[LG_UNSUPPORTED] = "unsupported",
	};

	return (size_t)rc < sizeof(names) / sizeof(names[0]) ? names[rc] : "unknown";
}

enum lg_rc lg_err_set(struct lg_err *err, enum lg_rc rc, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return rc;
	err->rc = rc;
	err->sys_errno = 0;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return rc;
}

static enum lg_rc rc_of_errno(int sys_errno)
{
	switch (sys_errno) {
	case ENOSPC:
	case EDQUOT:
		return LG_NOSPACE;
	case ENOENT:
		return LG_NOTFOUND;
	case ENOMEM:
		return LG_NOMEM;
	default:
		return LG_IO;
	}
}

enum lg_rc lg_err_sys(struct lg_err *err, int sys_errno, const char *fmt, ...)
{
	enum lg_rc rc = rc_of_errno(sys_errno);
	char reason[128];
	va_list ap;
	size_t used;

	if (!err)
		return rc;
	err->rc = rc;
	err->sys_errno = sys_errno;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (strerror_r(sys_errno, reason, sizeof(reason)) != 0)
		snprintf(reason, sizeof(reason), "error %d", sys_errno);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", reason);
	return rc;
}

enum lg_rc lg_err_prepend(struct lg_err *err, const char *fmt, ...)
{
	char old[sizeof(err->text)];
	va_list ap;
	size_t used;

	if (!err)
		return LG_IO;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %.*s", (int)(sizeof(old) - 1), old);
	return err->rc;
}

struct lg_str lg_str_from(const char *cstr)
{
	return (struct lg_str){cstr ? cstr : "", cstr ? strlen(cstr) : 0};
}

bool lg_str_equal(struct lg_str a, struct lg_str b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool lg_str_is(struct lg_str a, const char *cstr)
{
	return lg_str_equal(a, lg_str_from(cstr));
}
