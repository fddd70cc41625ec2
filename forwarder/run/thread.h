/* thread.h - the skeleton that an input's and an output's thread share: a wake pipe, the order to stop and its deadline, a bounded wait. */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "api/lg_net.h"
#include "base/clock.h"
#include "base/sys.h"

struct thread {
	pthread_t id;
	bool started;
	struct sys_wake wake;
	atomic_bool stop;
	_Atomic int64_t stop_deadline_ns; /* monotonic; INT64_MAX until it is asked to stop */
};

/* Ready for thread_fini, whatever thread_open says. */
void thread_init(struct thread *thread);
enum lg_rc thread_open(struct thread *thread, struct lg_err *err) LG_WARN_UNUSED; /* the wake pipe */
enum lg_rc thread_start(struct thread *thread, void *(*run)(void *arg), void *arg, struct lg_err *err) LG_WARN_UNUSED;
/* Any thread. */
void thread_wake(const struct thread *thread);
void thread_stop(struct thread *thread, int64_t deadline_ns);
/* Waits for its end; does nothing when it never began. */
void thread_join(struct thread *thread);
void thread_fini(struct thread *thread);

/* ---- on the thread itself ---- */

bool thread_stopping(struct thread *thread);
bool thread_past_deadline(struct thread *thread, int64_t now_ns);
/* Until a descriptor of `ws` is ready, somebody wakes the thread, or until_ns; at most a second. */
void thread_wait(const struct thread *thread, struct lg_waitset *ws, int64_t now_ns, int64_t until_ns);

#endif
