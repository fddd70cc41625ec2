/* sys_dgram.h - datagrams in and out, many with one system call where there is one for it; part of the I/O seam (sys.h: sys_<os>.c holds what is
 * not POSIX). A socket belongs to one thread. */
#ifndef SYS_DGRAM_H
#define SYS_DGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct sys_datagram {
	void *data; /* the caller's, `room` bytes */
	size_t room;
	size_t size; /* its whole length: more than `room` when it was cut */
	struct sockaddr_storage from;
	socklen_t from_size; /* 0: the sender has no address (unix) */
	int64_t dropped;     /* datagrams that the kernel dropped on this socket before it queued this one; -1: not told */
	int64_t pid, uid;    /* of the sender on a unix socket with sys_tell_datagrams; -1: not told */
};

/* Asks the kernel to tell, with each datagram, what it dropped and (unix) who sent it. Best effort: what is not told is -1. */
void sys_tell_datagrams(int fd, bool unix_socket);
/* Fills up to `count` entries with what waits, in one system call where there is one for it: their number, -EAGAIN when none waits. */
int sys_recv_datagrams(int fd, struct sys_datagram *list, unsigned count);
/* The same with one portable recvmsg each. */
int sys_recv_datagrams_each(int fd, struct sys_datagram *list, unsigned count);
/* What an answer's ancillary data tell; for the two above. */
void sys_read_ancillary(struct msghdr *msg, struct sys_datagram *datagram);
/* Sends from a connected socket, one datagram for each entry: the number sent, or -errno where the first one failed. */
int sys_send_datagrams(int fd, const struct iovec *list, unsigned count);
/* Datagrams dropped on this socket so far, as the kernel counts; -errno where it does not tell. */
int64_t sys_dropped_datagrams(int fd);

#endif
