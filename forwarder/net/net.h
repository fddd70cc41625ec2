/* net.h - the core's side of api/lg_net.h: the door and who guards it. */
#ifndef NET_H
#define NET_H

#include <sys/socket.h>

#include "api/lg_net.h"

/* Asked before every connect, with the resolved address. egress/policy.h's policy_permit fits behind it. Any thread. */
struct net_gate {
	enum lg_rc (*permit)(void *guard, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext, struct lg_err *err);
	void *guard;
	/* The same for a peer that a cluster named over a session of its own (a Kafka broker from metadata); NULL: as permit. */
	enum lg_rc (*permit_learned)(void *guard, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext, struct lg_err *err);
};

struct lg_net *net_new(const struct net_gate *gate); /* gate NULL: everything to loopback, nothing else */
void net_free(struct lg_net *net);
/* Asks the gate, for whoever opens a socket within this layer. */
enum lg_rc net_permit(const struct lg_net *net, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext,
                      struct lg_err *err) LG_WARN_UNUSED;
enum lg_rc net_permit_learned(struct lg_net *net, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext,
                              struct lg_err *err) LG_WARN_UNUSED;
/* Splits "host:port", "[v6]:port", IBM MQ's "host(port)"; a scheme in front ("amqps://") is passed over. The port is required. */
enum lg_rc net_split(const char *server, char host[256], uint16_t *port, struct lg_err *err) LG_WARN_UNUSED;
/* Loads the files a tls mapping names, so that `check` finds a bad certificate, a key that does not fit or an expired one. LG_OK with a
 * text in err: a warning (our certificate expires within 14 days); without one err->text is empty. */
enum lg_rc net_check_tls(const struct lg_tls_conf *tls, bool server, struct lg_err *err);

#endif
