/* log.h - the five verbs: one line each on standard error, for state changes, never per record. Any thread.
 *
 * Under systemd (JOURNAL_STREAM set) lines carry the <N> priority prefix of sd-daemon(3); elsewhere a UTC time stamp.
 */
#ifndef LOG_H
#define LOG_H

#include "api/lg_core.h"

void log_set_level(enum lg_level level); /* default LG_INFO */
enum lg_level log_level(void);
void log_set_fd(int fd); /* default 2; tests and quickstart point it elsewhere */
void log_write(enum lg_level level, const char *fmt, ...) LG_PRINTF(2, 3);
void log_vwrite(enum lg_level level, const char *prefix, const char *fmt, va_list ap);

#define log_error(...) log_write(LG_ERROR, __VA_ARGS__)     /* needs a person */
#define log_warning(...) log_write(LG_WARNING, __VA_ARGS__) /* may need one */
#define log_notice(...) log_write(LG_NOTICE, __VA_ARGS__)   /* a state changed */
#define log_info(...) log_write(LG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LG_DEBUG, __VA_ARGS__)

#endif
