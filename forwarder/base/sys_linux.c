/* What POSIX does not have, on Linux. */
#define _GNU_SOURCE
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <malloc.h>
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

int sys_peer_uid(int unix_fd, uid_t *uid)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(unix_fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	*uid = cred.uid;
	return 0;
}
