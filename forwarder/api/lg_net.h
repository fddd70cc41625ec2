/* lg_net.h - connections. Part of lugger_plugin.h.
 *
 * Every connection that leaves is opened here, after the egress policy said yes; TLS with verification is the default.
 * All calls are non-blocking (name resolution alone may block) and belong to one thread. Implemented by forwarder/net.
 */
#ifndef LG_NET_H
#define LG_NET_H

#include <poll.h>

#include "lg_option.h"

/* The descriptors a step waits for. The worker polls them and hands the set, with revents, to the next step, which reads
 * what it needs and fills the set anew. */
struct lg_waitset {
	struct pollfd *fds;
	size_t count, cap;
	int64_t wake_ns; /* monotonic; call step again then at the latest; INT64_MAX: only for a descriptor or new records */
};

void lg_waitset_clear(struct lg_waitset *ws);
void lg_waitset_add(struct lg_waitset *ws, int fd, short events); /* fd < 0 is ignored */
void lg_waitset_wake(struct lg_waitset *ws, int64_t mono_ns);     /* keeps the earlier of the two */
short lg_waitset_ready(const struct lg_waitset *ws, int fd);      /* revents of fd at the last poll, 0 when absent */

struct lg_net;  /* the process's outgoing door: policy, name for logs; handed out by the host */
struct lg_conn; /* one connection, plain or TLS, client or accepted */

uint64_t lg_net_random(struct lg_net *net); /* a seed for jitter */
int64_t lg_net_jitter(uint64_t *random, int64_t wait_ns); /* half to all of a wait, wait_ns >= 2; *random: the generator, any seed */

struct lg_conn_stats {
	uint64_t written;  /* bytes given to the kernel, TLS overhead included */
	uint64_t unacked;  /* of these, not yet acknowledged by the peer's TCP (Linux: SIOCOUTQ) */
	uint64_t received;
};

/* Starts a connection to host:port ("name:514", "10.0.0.1:514", "[::1]:6514"). tls->off means plaintext. Asks the policy with the
 * name and with the address before connecting: LG_DENIED and err holds the YAML that would permit it. LG_INVALID: bad certificate
 * files. */
enum lg_rc lg_conn_open(struct lg_net *net, const char *server, const struct lg_tls_conf *tls, struct lg_conn **conn,
                        struct lg_err *err) LG_WARN_UNUSED;
/* The longest time for the TCP connect to one address, and for the handshake; default 10 s each. Call it right after lg_conn_open. */
void lg_conn_set_timeout(struct lg_conn *conn, int64_t ns);
/* TCP's own patience. Best effort: what a system does not have is left out. Call it right after lg_conn_open. */
struct lg_tcp_conf {
	int64_t keepalive_ns;    /* silence until the peer is asked whether it is there; 0: never */
	int64_t user_timeout_ns; /* until unacknowledged bytes break the connection; 0: the system's default */
};
void lg_conn_set_tcp(struct lg_conn *conn, const struct lg_tcp_conf *tcp);
/* Goes on with connect and handshake (either side). LG_OK: established and, unless tls->off, verified: not a byte of a record was
 * or can be written before; a TLS 1.3 server that asked for a certificate has had up to 1 s to refuse ours. LG_AGAIN: wait
 * (lg_conn_wait). LG_TLS, LG_PEER, LG_IO: failed, close it. */
enum lg_rc lg_conn_handshake(struct lg_conn *conn, struct lg_err *err) LG_WARN_UNUSED;
/* Writes as much as goes; *done bytes were taken (all or none of a call's tail is retried by the connection itself: after LG_AGAIN
 * offer the same bytes again, from data + *done). Whole 16 KiB TLS records are filled when given >= 16 KiB. */
enum lg_rc lg_conn_write(struct lg_conn *conn, const void *data, size_t size, size_t *done, struct lg_err *err) LG_WARN_UNUSED;
/* LG_EOF: the peer closed in order. */
enum lg_rc lg_conn_read(struct lg_conn *conn, void *data, size_t size, size_t *done, struct lg_err *err) LG_WARN_UNUSED;
/* Orderly end, to be called again while LG_AGAIN: read what is pending, close_notify, shutdown(SHUT_WR), drain to the peer's EOF.
 * LG_OK: the peer answered with EOF, so it has read every byte. LG_PEER: it did not (reset, or closed before). */
enum lg_rc lg_conn_shutdown(struct lg_conn *conn, struct lg_err *err) LG_WARN_UNUSED;
void lg_conn_close(struct lg_conn *conn); /* NULL is fine; frees */
/* Closes with a TCP reset and without a TLS close: for a connection whose bytes were read and will not be kept. The sender must not take
 * our end for the word that they were. NULL is fine; frees. */
void lg_conn_abort(struct lg_conn *conn);
void lg_conn_wait(const struct lg_conn *conn, struct lg_waitset *ws, bool want_read, bool want_write);
bool lg_conn_readable_now(const struct lg_conn *conn); /* TLS bytes are already decrypted and waiting */
void lg_conn_stats(const struct lg_conn *conn, struct lg_conn_stats *stats);
const char *lg_conn_peer(const struct lg_conn *conn);       /* "10.1.2.3:6514" */
struct lg_str lg_conn_peer_ip(const struct lg_conn *conn);  /* "10.1.2.3" */
int lg_conn_peer_port(const struct lg_conn *conn);          /* 0: the peer has none (unix) */
/* Who it is comes with a PROXY protocol header: until lg_conn_handshake says LG_OK the three above tell of the load balancer. */
bool lg_conn_is_proxied(const struct lg_conn *conn);
int64_t lg_conn_peer_pid(const struct lg_conn *conn);       /* accepted on a unix socket: the peer's process, else -1 */
const char *lg_conn_tls_text(const struct lg_conn *conn);   /* "TLSv1.3 TLS_AES_256_GCM_SHA384" or "plaintext" */
/* NULL, or one sentence a person should see soon ("the peer's certificate expires in 5 days: ..."); valid once established. */
const char *lg_conn_warning(const struct lg_conn *conn);

/* For a library whose connections cannot be seen (IBM MQ's client): asks the policy about host:port as configured, with every address the name has
 * now. LG_DENIED: it must not connect; err holds the YAML that would permit it. LG_NOTFOUND, LG_IO: the name has no address. */
enum lg_rc lg_net_permit(struct lg_net *net, const char *server, bool plaintext, struct lg_err *err) LG_WARN_UNUSED;

/* The same door for a library that opens its own connections (librdkafka): its hooks for resolving and connecting call these, on any of
 * its threads. `who` ("output siem") begins the lines of the log, one for each peer connected to, and at most one a minute for each. */
struct lg_dialer;
struct addrinfo;
struct sockaddr;
struct lg_dialer *lg_dialer_new(struct lg_net *net, const char *who, bool plaintext); /* `plaintext`: what goes over its connections */
void lg_dialer_free(struct lg_dialer *dialer);                                        /* NULL is fine */
/* getaddrinfo(3), remembering the names for the policy; with host and service NULL it frees *list. */
int lg_dialer_resolve(struct lg_dialer *dialer, const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **list);
/* Asks the policy, then connects the non-blocking fd, which stays the library's: 0 (or in progress), else an errno; EACCES: denied. Peers
 * beyond the configured destinations count as named by the cluster: without `egress.allow` they are permitted over (verified) TLS. */
int lg_dialer_connect(struct lg_dialer *dialer, int fd, const struct sockaddr *addr, size_t size);
/* True: the policy denied a connection since the last call; err says which, and the YAML that would permit it. */
bool lg_dialer_denied(struct lg_dialer *dialer, struct lg_err *err);

/* ---- listening ---------------------------------------------------------------------------------------------------------------- */

/* How a socket is made that listens. All zeros are the defaults. */
struct lg_socket_conf {
	uint64_t receive_buffer; /* bytes the kernel keeps unread; 0: the system's default */
	char *mode;              /* unix: "0666", its permissions; NULL: 0666, as /dev/log has */
	char *owner;             /* unix: "user", "user:group" or ":group"; NULL: as we run */
	/* Connections from these addresses and ranges ("10.0.0.5", "10.0.0.0/24") begin with a PROXY protocol header, version 1 or 2; the peer is then who
	 * the header names. From others no header is taken. */
	struct lg_strings proxy_from;
};

bool lg_range_is_valid(const char *text); /* as in proxy_from */

/* Addresses to listen on: "host:port" (port 0: any free one, "*": every address of both families), "/path" of a unix socket, or
 * "systemd:NAME": the socket of that FileDescriptorName= that systemd passed ("systemd:" alone: the only one). A unix socket that a
 * process left behind is removed, one that is served is LG_BUSY, any other file is never touched. */

struct lg_listener;
/* For connections. Backlog is the system's limit. */
enum lg_rc lg_listener_open(const char *address, const struct lg_tls_conf *tls, struct lg_listener **listener,
                            struct lg_err *err) LG_WARN_UNUSED;
enum lg_rc lg_listener_open_with(const char *address, const struct lg_tls_conf *tls, const struct lg_socket_conf *conf,
                                 struct lg_listener **listener, struct lg_err *err) LG_WARN_UNUSED;
/* LG_AGAIN: nobody waits. The connection still needs lg_conn_handshake. */
enum lg_rc lg_listener_accept(struct lg_listener *listener, struct lg_conn **conn, struct lg_err *err) LG_WARN_UNUSED;
void lg_listener_wait(const struct lg_listener *listener, struct lg_waitset *ws);
const char *lg_listener_address(const struct lg_listener *listener); /* "127.0.0.1:6514" as bound */
/* NULL, or one sentence a person should see: the kernel gave less than was asked for. */
const char *lg_listener_warning(const struct lg_listener *listener);
void lg_listener_close(struct lg_listener *listener); /* NULL is fine; removes our unix socket */

/* For datagrams (UDP, unix). */
struct lg_receiver;

struct lg_datagram {
	struct lg_str data;
	size_t size;         /* as it was sent: more than data.size where it was cut (LG_DATAGRAM_MAX) */
	struct lg_str from;  /* opaque; equal bytes are one sender; size 0: the sender has no address */
	int64_t dropped;     /* how many the kernel had dropped on this socket when this one came in, modulo 2^32; -1: it does not tell */
	int64_t pid;         /* the sending process on a unix socket; -1: not known */
};

#define LG_DATAGRAM_MAX 262144 /* bytes taken of one; UDP has 65507 at most */
#define LG_IP_TEXT 64

enum lg_rc lg_receiver_open(const char *address, const struct lg_socket_conf *conf, struct lg_receiver **receiver,
                            struct lg_err *err) LG_WARN_UNUSED;
/* What waits, some dozens at most; borrowed until the next call. LG_AGAIN: nothing. */
enum lg_rc lg_receiver_read(struct lg_receiver *receiver, const struct lg_datagram **list, size_t *count, struct lg_err *err) LG_WARN_UNUSED;
/* As lg_datagram.dropped, but as of now. */
int64_t lg_receiver_dropped(const struct lg_receiver *receiver);
void lg_receiver_wait(const struct lg_receiver *receiver, struct lg_waitset *ws);
const char *lg_receiver_address(const struct lg_receiver *receiver);
const char *lg_receiver_warning(const struct lg_receiver *receiver); /* as lg_listener_warning */
void lg_receiver_close(struct lg_receiver *receiver); /* NULL is fine; removes our unix socket */
/* The sender's address as text ("10.1.2.3"); answers its port. from.size > 0. */
int lg_sender_text(struct lg_str from, char ip[LG_IP_TEXT]);

/* ---- sending datagrams ---------------------------------------------------------------------------------------------------------- */

struct lg_udp;
/* A UDP socket connected to host:port. The policy is asked, as for plaintext. Nothing is sent. */
enum lg_rc lg_udp_open(struct lg_net *net, const char *server, struct lg_udp **udp, struct lg_err *err) LG_WARN_UNUSED;
/* Sends each message as one datagram; *done of them are with the kernel. LG_AGAIN: its buffer is full, go on later with those behind *done.
 * LG_INVALID: message *done is larger than a datagram can be here. LG_PEER: the peer's host said that nobody takes them (ICMP): those sent
 * before may be lost, message *done was not sent. */
enum lg_rc lg_udp_send(struct lg_udp *udp, const struct lg_str *messages, size_t count, size_t *done, struct lg_err *err) LG_WARN_UNUSED;
/* LG_OK, or LG_PEER where the peer's host has refused what was sent. */
enum lg_rc lg_udp_check(struct lg_udp *udp, struct lg_err *err) LG_WARN_UNUSED;
void lg_udp_wait(const struct lg_udp *udp, struct lg_waitset *ws, bool want_write);
const char *lg_udp_peer(const struct lg_udp *udp); /* "10.1.2.3:514" */
void lg_udp_close(struct lg_udp *udp); /* NULL is fine */

#endif
