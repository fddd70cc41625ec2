/* Any bytes where a PROXY protocol header should stand: the verdict, the source and the length do not depend on how the bytes were cut, no byte behind
 * the header is taken, and never more than its bounded length is. The first byte chooses the size of a read. */
#include <stdlib.h>
#include <string.h>

#include "net/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum lg_rc rc;
	bool known;
	size_t taken;
	struct sockaddr_storage source;
};

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void run(struct outcome *o, const uint8_t *data, size_t size, size_t chunk)
{
	struct proxy *proxy = malloc(sizeof(*proxy));

	*o = (struct outcome){.rc = LG_AGAIN};
	proxy_init(proxy);
	while (o->rc == LG_AGAIN && o->taken < size) {
		size_t offered = size - o->taken < chunk ? size - o->taken : chunk, used;

		o->rc = proxy_feed(proxy, data + o->taken, offered, &used, NULL);
		require(used <= offered);
		require(o->rc != LG_AGAIN || used == offered);
		o->taken += used;
		require(o->taken <= PROXY_HEADER_MAX);
	}
	o->known = o->rc == LG_OK && proxy->known;
	if (o->known)
		o->source = proxy->source;
	require(!o->known || o->source.ss_family == AF_INET || o->source.ss_family == AF_INET6);
	free(proxy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, cut;

	if (size < 1)
		return 0;
	run(&whole, data + 1, size - 1, size);
	run(&cut, data + 1, size - 1, 1 + data[0] % 16);
	require(whole.rc == cut.rc && whole.known == cut.known);
	require(whole.rc != LG_OK || whole.taken == cut.taken);
	require(!whole.known || memcmp(&whole.source, &cut.source, sizeof(whole.source)) == 0);
	return 0;
}
