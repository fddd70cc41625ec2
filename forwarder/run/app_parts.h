/* app_parts.h - the service's parts, for app.c, overview.c and requests.c alone. Main thread. */
#ifndef APP_PARTS_H
#define APP_PARTS_H

#include "egress/policy.h"
#include "run/app.h"
#include "run/control.h"
#include "run/replays.h"

/* In the order of the start list below; freed in the reverse order. */
struct app {
	struct app_conf conf;
	const struct config *config;
	struct mem_budget budget;
	struct policy *policy;
	struct net_gate gate;
	struct lg_net *net;
	struct spool *spool;
	struct writer writer;
	bool has_writer;
	struct writer_output *writer_outputs;
	struct writer_input *writer_inputs;
	struct lg_output_host **outputs;
	size_t output_count;
	struct replays *replays;
	struct lg_input_host **inputs;
	size_t input_count;
	struct control *control;
	int64_t started_ns;
};

/* Everything `lugger status` shows, gathered now; status_fini it. (overview.c) */
void app_gather(struct app *app, struct status *status);
/* Answers one request of the control socket; false: it is not known. `arg` is the app. (requests.c) */
bool app_answer(void *arg, const char *request, struct lg_buf *out);

#endif
