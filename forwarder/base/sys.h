/* sys.h - the I/O seam: everything the spool does to a disk goes through one table of functions, so that tests can record it,
 * fail the n-th call, or keep the files in memory. What is not POSIX lives in sys_<os>.c.
 *
 * All functions answer >= 0, or -errno. Short reads happen only at the end of the file; short writes are retried inside and reported
 * as the error that stopped them. Any thread; a file handle belongs to one thread at a time unless only pread is used.
 */
#ifndef SYS_H
#define SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

enum sys_open { SYS_READ = 0, SYS_WRITE = 1, SYS_CREATE = 2, SYS_EXCLUSIVE = 4 }; /* SYS_WRITE: read and write */

struct sys_io {
	void *self;
	int (*open)(void *self, const char *path, unsigned flags); /* a handle; mode 0600 when created */
	int (*close)(void *self, int handle);
	ssize_t (*pread)(void *self, int handle, void *data, size_t size, uint64_t offset); /* bytes, less than size at EOF only */
	int (*pwritev)(void *self, int handle, const struct iovec *iov, int count, uint64_t offset); /* 0: all written */
	int (*fdatasync)(void *self, int handle);
	int (*fsync)(void *self, int handle);
	int (*truncate)(void *self, int handle, uint64_t size);
	int (*allocate)(void *self, int handle, uint64_t size); /* reserves blocks of [0, size), file size becomes >= size */
	int64_t (*size)(void *self, int handle);
	/* The offset behind which the file is known to be zeros, because it was reserved there and never written; its size where nothing is known.
	 * To be asked before the file is read: pages of zeros in the cache look written. NULL: this seam never knows. */
	int64_t (*written_end)(void *self, int handle);
	int (*same)(void *self, int handle, const char *path); /* 1: the path still names the open file; 0: another one. NULL: it always does */
	int (*rename)(void *self, const char *from, const char *to);
	int (*unlink)(void *self, const char *path);
	int (*mkdir)(void *self, const char *path);    /* 0 when it exists */
	int (*sync_dir)(void *self, const char *path); /* fsync of the directory itself */
	/* Calls each(arg, name) for every entry but . and .. */
	int (*list)(void *self, const char *path, void (*each)(void *arg, const char *name), void *arg);
	int (*lock)(void *self, int handle); /* exclusive, until closed; -EWOULDBLOCK when held */
	int (*free_space)(void *self, const char *path, uint64_t *bytes);
	uint64_t (*identity)(void *self, int handle); /* the file's number in its file system, which a copy does not have; 0: not known. NULL: never is */
};

extern const struct sys_io sys_io_posix;

/* Keeps the memory of a process that runs for months close to what it uses: large blocks straight from the system, few arenas.
 * Once, first thing. */
void sys_tune_memory(void);
int sys_random(void *bytes, size_t size);             /* 0, or -errno */
int64_t sys_unacked(int fd);                          /* bytes in a TCP socket's send queue not acknowledged by the peer, or -errno */
uint64_t sys_rss_bytes(void);                         /* resident memory of this process */
int sys_peer_uid(int unix_fd, uid_t *uid);            /* the process at the other end of a unix stream socket */
int sys_peer_pid(int unix_fd, int64_t *pid);          /* its id as of its connect */
/* Milliseconds until unacknowledged bytes break a TCP connection; 0, or -errno (-ENOTSUP where there is no such thing). */
int sys_set_user_timeout(int fd, unsigned timeout_ms);
int sys_host_name(char *name, size_t size);
int64_t sys_written_end(int fd); /* what sys_io.written_end asks for */

/* Wakes a poll() from another thread. */
struct sys_wake {
	int read_fd, write_fd;
};
int sys_wake_init(struct sys_wake *wake);
void sys_wake_fini(struct sys_wake *wake);
void sys_wake_up(const struct sys_wake *wake);    /* async-signal-safe */
void sys_wake_drain(const struct sys_wake *wake);

#endif
