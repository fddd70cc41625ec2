/* bind.h - a socket bound to a configured address: an internet one, a unix socket's path, or one that systemd passed. */
#ifndef BIND_H
#define BIND_H

#include "net/addr.h"
#include "net/net.h"

struct bound {
	int fd;
	char text[ADDR_TEXT];
	char warning[240];  /* "": nothing to say */
	char path[ADDR_TEXT]; /* the unix socket that is ours to remove; "": none */
	dev_t device;
	ino_t inode;
};

/* type: SOCK_STREAM (listens when done) or SOCK_DGRAM. conf may be NULL. On failure b->fd is -1 and nothing is left behind. */
enum lg_rc bind_open(struct bound *b, const char *address, int type, const struct lg_socket_conf *conf, struct lg_err *err) LG_WARN_UNUSED;
void bind_close(struct bound *b);

/* ---- the three kinds, for bind_open ---- */

/* Creates the socket file in one step with its permissions: it is made under another name and renamed. */
enum lg_rc bind_unix(struct bound *b, const char *path, int type, const struct lg_socket_conf *conf, struct lg_err *err) LG_WARN_UNUSED;
/* sd_listen_fds(3) without libsystemd: a copy of the socket called `name` ("": the only one of this type). */
enum lg_rc bind_passed(struct bound *b, const char *name, int type, struct lg_err *err) LG_WARN_UNUSED;
/* Asks for conf->receive_buffer, before a stream socket listens; says in b->warning when the kernel gives less. */
void bind_buffer(struct bound *b, const struct lg_socket_conf *conf);

#endif
