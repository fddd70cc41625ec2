/* lg_waitset of api/lg_net.h. */
#include "api/lg_net.h"
#include "base/mem.h"

void lg_waitset_clear(struct lg_waitset *ws)
{
	ws->count = 0;
	ws->wake_ns = INT64_MAX;
}

/* A descriptor may stand in it more than once: poll does not mind, and to search for each of a thousand would be a million steps. */
void lg_waitset_add(struct lg_waitset *ws, int fd, short events)
{
	if (fd < 0)
		return;
	ws->fds = mem_grow(ws->fds, &ws->cap, ws->count + 1, sizeof(*ws->fds));
	ws->fds[ws->count++] = (struct pollfd){.fd = fd, .events = events};
}

void lg_waitset_wake(struct lg_waitset *ws, int64_t mono_ns)
{
	if (mono_ns < ws->wake_ns)
		ws->wake_ns = mono_ns;
}

short lg_waitset_ready(const struct lg_waitset *ws, int fd)
{
	short ready = 0;

	for (size_t i = 0; i < ws->count; i++)
		if (ws->fds[i].fd == fd)
			ready |= ws->fds[i].revents;
	return ready;
}
