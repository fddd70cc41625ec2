/* The door: every socket that leaves is asked for here. */
#include "net/net.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/sys.h"
#include "net/addr.h"

struct lg_net {
	struct net_gate gate;
};

static enum lg_rc permit_loopback(void *guard, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext,
                                  struct lg_err *err)
{
	(void)guard;
	(void)plaintext;
	if (addr_is_loopback(addr))
		return LG_OK;
	return lg_err_set(err, LG_DENIED, "no egress policy: %s:%u is not this machine", host, (unsigned)port);
}

struct lg_net *net_new(const struct net_gate *gate)
{
	struct lg_net *net = mem_zalloc(sizeof(*net));

	if (gate)
		net->gate = *gate;
	else
		net->gate.permit = permit_loopback;
	return net;
}

enum lg_rc net_permit_learned(struct lg_net *net, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext,
                              struct lg_err *err)
{
	const struct net_gate *gate = &net->gate;

	return (gate->permit_learned ? gate->permit_learned : gate->permit)(gate->guard, host, port, addr, plaintext, err);
}

uint64_t lg_net_random(struct lg_net *net)
{
	uint64_t seed = (uint64_t)(uintptr_t)net;

	(void)!sys_random(&seed, sizeof(seed));
	return seed;
}

void net_free(struct lg_net *net)
{
	free(net);
}

enum lg_rc net_permit(const struct lg_net *net, const char *host, uint16_t port, const struct sockaddr *addr, bool plaintext, struct lg_err *err)
{
	return net->gate.permit(net->gate.guard, host, port, addr, plaintext, err);
}
