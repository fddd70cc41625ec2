/* policy.h - which connections may leave. Immutable after policy_new, so any thread may ask.
 *
 * Without `allow` rules: the configured destinations; plaintext to loopback alone. With them: deny by default. */
#ifndef POLICY_H
#define POLICY_H

#include <sys/socket.h>

#include "api/lg_core.h"

struct policy_rule {
	const char *host; /* exact, case-insensitive; or NULL */
	const char *cidr; /* "10.20.0.0/16", "fd00::/8"; or NULL */
	uint16_t port;    /* 0: any */
	bool plaintext;
};

struct policy;

enum lg_rc policy_new(struct policy **policy, bool strict, const struct policy_rule *rules, size_t count, struct lg_err *err);
void policy_free(struct policy *policy);
/* May we connect to `host` (as configured) : port, resolved to addr? Counts. LG_DENIED: err says why and holds the YAML that would
 * permit it, in one line (flow style), so that a log line carries it. */
enum lg_rc policy_permit(struct policy *policy, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext, struct lg_err *err);
/* The same for a peer that a cluster named over a session of its own: without rules it is permitted encrypted, or on this machine. */
enum lg_rc policy_permit_learned(struct policy *policy, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext,
                                 struct lg_err *err);
/* How often it said yes and no so far. */
void policy_counts(const struct policy *policy, uint64_t *permitted, uint64_t *denied);
/* A destination named by the configuration (implied permit when not strict). Before threads start. */
void policy_add_destination(struct policy *policy, const char *host, uint16_t port);

#endif
