#include "run/thread.h"

#include <errno.h>
#include <poll.h>

#include "base/log.h"

void thread_init(struct thread *thread)
{
	thread->started = false;
	thread->wake.read_fd = thread->wake.write_fd = -1;
	atomic_init(&thread->stop, false);
	atomic_init(&thread->stop_deadline_ns, INT64_MAX);
}

enum lg_rc thread_open(struct thread *thread, struct lg_err *err)
{
	int sys = sys_wake_init(&thread->wake);

	return sys < 0 ? lg_err_sys(err, -sys, "no pipe") : LG_OK;
}

enum lg_rc thread_start(struct thread *thread, void *(*run)(void *arg), void *arg, struct lg_err *err)
{
	int sys = pthread_create(&thread->id, NULL, run, arg);

	if (sys)
		return lg_err_sys(err, sys, "no thread");
	thread->started = true;
	return LG_OK;
}

void thread_wake(const struct thread *thread)
{
	sys_wake_up(&thread->wake);
}

void thread_stop(struct thread *thread, int64_t deadline_ns)
{
	atomic_store(&thread->stop_deadline_ns, deadline_ns);
	atomic_store(&thread->stop, true);
	thread_wake(thread);
}

void thread_join(struct thread *thread)
{
	if (!thread->started)
		return;
	pthread_join(thread->id, NULL);
	thread->started = false;
}

void thread_fini(struct thread *thread)
{
	sys_wake_fini(&thread->wake);
}

bool thread_stopping(struct thread *thread)
{
	return atomic_load(&thread->stop);
}

bool thread_past_deadline(struct thread *thread, int64_t now_ns)
{
	return now_ns >= atomic_load(&thread->stop_deadline_ns);
}

void thread_wait(const struct thread *thread, struct lg_waitset *ws, int64_t now_ns, int64_t until_ns)
{
	int64_t wait_ns = until_ns - now_ns;
	int timeout_ms;

	if (wait_ns > CLOCK_SECOND)
		wait_ns = CLOCK_SECOND;
	timeout_ms = wait_ns <= 0 ? 0 : (int)((wait_ns + CLOCK_MS - 1) / CLOCK_MS);
	lg_waitset_add(ws, thread->wake.read_fd, POLLIN);
	if (poll(ws->fds, (nfds_t)ws->count, timeout_ms) < 0 && errno != EINTR)
		log_error("poll failed (error %d)", errno);
	if (lg_waitset_ready(ws, thread->wake.read_fd))
		sys_wake_drain(&thread->wake);
}
