/* notify.h - sd_notify(3) without libsystemd: a datagram to $NOTIFY_SOCKET. Does nothing when that is not set. */
#ifndef NOTIFY_H
#define NOTIFY_H

void notify_send(const char *text); /* "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..." */

#endif
