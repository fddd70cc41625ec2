/* What POSIX does not have, on Linux. */
#define _GNU_SOURCE
#include "base/sys.h"
#include "base/sys_dgram.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

void sys_tune_memory(void)
{
#ifdef M_ARENA_MAX /* glibc: batches are made by one thread and freed by another, which leaves every arena at its peak */
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
	mallopt(M_TRIM_THRESHOLD, 1 << 20);
#endif
}

int sys_random(void *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = getrandom((char *)bytes + done, size - done, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

int64_t sys_unacked(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCOUTQ, &bytes) < 0 ? -errno : bytes;
}

uint64_t sys_rss_bytes(void)
{
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[128];
	unsigned long long pages = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (sscanf(text, "%*u %llu", &pages) != 1)
		return 0;
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Everything else goes by pread and pwrite: nobody minds the file's offset. */
int64_t sys_written_end(int fd)
{
	off_t end = 0, data;

	while ((data = lseek(fd, end, SEEK_DATA)) >= 0) {
		end = lseek(fd, data, SEEK_HOLE);
		if (end <= data)
			break; /* a file system that does not know */
	}
	if (data >= 0 || errno != ENXIO)
		end = lseek(fd, 0, SEEK_END);
	return end < 0 ? -errno : end;
}

int sys_peer_uid(int unix_fd, uid_t *uid)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(unix_fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	*uid = cred.uid;
	return 0;
}

int sys_peer_pid(int unix_fd, int64_t *pid)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(unix_fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	*pid = cred.pid;
	return 0;
}

/* ---- datagrams ---- */

#define MANY 64 /* datagrams of one system call */
#define ANCILLARY_ROOM (CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(uint32_t)))

/* A sender may pass descriptors of its own; kept, they would use ours up. */
static void close_passed(const struct cmsghdr *at)
{
	size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof(fd));
		close(fd);
	}
}

void sys_tell_datagrams(int fd, bool unix_socket)
{
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof(one));
	if (unix_socket)
		setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
}

void sys_read_ancillary(struct msghdr *msg, struct sys_datagram *datagram)
{
	datagram->dropped = datagram->pid = datagram->uid = -1;
	for (struct cmsghdr *at = CMSG_FIRSTHDR(msg); at; at = CMSG_NXTHDR(msg, at)) {
		if (at->cmsg_level != SOL_SOCKET)
			continue;
		if (at->cmsg_type == SO_RXQ_OVFL) {
			uint32_t count;

			memcpy(&count, CMSG_DATA(at), sizeof(count));
			datagram->dropped = count;
		} else if (at->cmsg_type == SCM_CREDENTIALS) {
			struct ucred cred;

			memcpy(&cred, CMSG_DATA(at), sizeof(cred));
			datagram->pid = cred.pid;
			datagram->uid = cred.uid;
		} else if (at->cmsg_type == SCM_RIGHTS) {
			close_passed(at);
		}
	}
}

int sys_recv_datagrams(int fd, struct sys_datagram *list, unsigned count)
{
	struct mmsghdr headers[MANY];
	struct iovec data[MANY];
	union {
		struct cmsghdr align;
		char bytes[ANCILLARY_ROOM];
	} ancillary[MANY];
	int got;

	if (count > MANY)
		count = MANY;
	for (unsigned i = 0; i < count; i++) {
		data[i] = (struct iovec){list[i].data, list[i].room};
		headers[i].msg_hdr = (struct msghdr){.msg_name = &list[i].from, .msg_namelen = sizeof(list[i].from), .msg_iov = &data[i],
		                                     .msg_iovlen = 1, .msg_control = ancillary[i].bytes, .msg_controllen = ANCILLARY_ROOM};
	}
	do
		got = recvmmsg(fd, headers, count, MSG_DONTWAIT | MSG_TRUNC, NULL);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == ENOSYS)
		return sys_recv_datagrams_each(fd, list, count);
	if (got < 0)
		return -errno;
	for (int i = 0; i < got; i++) {
		list[i].size = headers[i].msg_len;
		list[i].from_size = headers[i].msg_hdr.msg_namelen;
		sys_read_ancillary(&headers[i].msg_hdr, &list[i]);
	}
	return got;
}

int sys_send_datagrams(int fd, const struct iovec *list, unsigned count)
{
	struct mmsghdr headers[MANY];
	int sent;

	if (count > MANY)
		count = MANY;
	for (unsigned i = 0; i < count; i++)
		headers[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = (struct iovec *)(uintptr_t)&list[i], .msg_iovlen = 1}};
	do
		sent = sendmmsg(fd, headers, count, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

int64_t sys_dropped_datagrams(int fd)
{
	uint32_t memory[SK_MEMINFO_VARS];
	socklen_t size = sizeof(memory);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size) < 0)
		return -errno;
	return size > SK_MEMINFO_DROPS * sizeof(memory[0]) ? (int64_t)memory[SK_MEMINFO_DROPS] : -ENOTSUP;
}

int sys_set_user_timeout(int fd, unsigned timeout_ms)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms)) < 0 ? -errno : 0;
}
