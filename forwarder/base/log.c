#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int current_level = LG_INFO;
static atomic_int log_fd = STDERR_FILENO;

void log_set_level(enum lg_level level)
{
	atomic_store(&current_level, (int)level);
}

enum lg_level log_level(void)
{
	return (enum lg_level)atomic_load(&current_level);
}

void log_set_fd(int fd)
{
	atomic_store(&log_fd, fd);
}

static size_t line_head(char *line, size_t size, enum lg_level level)
{
	static const int priority[] = {3, 4, 5, 6, 7}; /* sd-daemon(3) */
	static const char *const word[] = {"error", "warning", "notice", "info", "debug"};
	struct timespec now;
	struct tm tm;
	int n;

	if (getenv("JOURNAL_STREAM"))
		return (size_t)snprintf(line, size, "<%d>", priority[level]);
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = snprintf(line, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %-7s ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	             tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000, word[level]);
	return n < 0 ? 0 : (size_t)n;
}

void log_vwrite(enum lg_level level, const char *prefix, const char *fmt, va_list ap)
{
	char line[2048];
	size_t size;
	int n;

	if (level > log_level())
		return;
	size = line_head(line, sizeof(line), level);
	if (prefix) {
		n = snprintf(line + size, sizeof(line) - size, "%s: ", prefix);
		size += n > 0 ? (size_t)n : 0;
	}
	if (size < sizeof(line)) {
		n = vsnprintf(line + size, sizeof(line) - size, fmt, ap);
		size += n > 0 ? (size_t)n : 0;
	}
	if (size > sizeof(line) - 2)
		size = sizeof(line) - 2;
	for (size_t i = 0; i < size; i++) /* one line each: a message may quote hostile text */
		if ((unsigned char)line[i] < 0x20)
			line[i] = ' ';
	line[size++] = '\n';
	if (write(atomic_load(&log_fd), line, size) < 0)
		return; /* nobody left to tell */
}

void log_write(enum lg_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(level, NULL, fmt, ap);
	va_end(ap);
}
