/* app.h - the service: the start list, and the same list reversed. Main thread. */
#ifndef APP_H
#define APP_H

#include "run/status.h"

struct app;

struct app_conf {
	const struct config *config; /* borrowed for the app's life */
	bool once;
	const struct sys_io *io;
	const struct clock *clock;
};

/* Opens everything; no thread runs yet. On failure nothing is left open. */
enum lg_rc app_new(struct app **app, const struct app_conf *conf, struct lg_err *err);
/* Runs until SIGTERM or SIGINT, or with `once` until every output has everything. Returns the process's exit code. */
int app_run(struct app *app);
void app_free(struct app *app);

/* Status of a daemon that is not running, from its files. status_fini it. */
enum lg_rc app_offline_status(const struct config *config, const struct sys_io *io, struct status *status, struct lg_err *err);

#endif
