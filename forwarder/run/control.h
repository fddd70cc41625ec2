/* control.h - the unix socket data_dir/control.sock: one request line, one answer, closed. Peers: root and the daemon's own user.
 * Main thread. */
#ifndef CONTROL_H
#define CONTROL_H

#include "api/lg_net.h"

struct control;

/* Requests are "status json|lines", "status text|color [WIDTH]", "dlq drop OUTPUT", "dlq replay ..." (replays.h),
 * "replay OUTPUT seq|time FROM TO"; `answer` renders one. */
struct control_handler {
	bool (*answer)(void *arg, const char *request, struct lg_buf *out);
	void *arg;
};

/* Can the socket have its place in data_dir? Its path has to fit a struct sockaddr_un. Creates nothing. */
enum lg_rc control_check(const char *data_dir, struct lg_err *err);
enum lg_rc control_open(struct control **control, const char *data_dir, const struct control_handler *handler, struct lg_err *err);
void control_wait(const struct control *control, struct lg_waitset *ws);
/* Accepts and answers what waits; bounded. */
void control_step(struct control *control);
void control_close(struct control *control); /* unlinks the socket; NULL is fine */

/* Client: sends one request and reads the whole answer. LG_NOTFOUND: no daemon listens there. */
enum lg_rc control_ask(const char *data_dir, const char *request, struct lg_buf *answer, struct lg_err *err);

#endif
