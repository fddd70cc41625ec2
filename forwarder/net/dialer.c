/* The door for a library that opens its own connections: its hooks come here, on its threads. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/addr.h"
#include "net/net.h"

#define NAMES 64                       /* addresses whose names are remembered; the oldest makes room */
#define QUIET_NS (60 * CLOCK_SECOND)   /* a peer that is tried again and again is said so often */

struct dialled {
	struct sockaddr_storage addr; /* ss_family 0: free */
	char host[256];
	int64_t said_ns;
};

struct lg_dialer {
	struct lg_net *net;
	char *who;
	bool plaintext;
	pthread_mutex_t mutex; /* guards what is below */
	struct dialled names[NAMES];
	size_t next;
	bool is_denied;
	struct lg_err denied;
};

enum lg_rc lg_net_permit(struct lg_net *net, const char *server, bool plaintext, struct lg_err *err)
{
	struct addrinfo *list = NULL;
	char host[256];
	uint16_t port;
	enum lg_rc rc = net_split(server, host, &port, err);

	if (rc == LG_OK)
		rc = addr_resolve(host, port, false, &list, err);
	if (rc != LG_OK)
		return rc;
	for (const struct addrinfo *ai = list; ai && rc == LG_OK; ai = ai->ai_next)
		rc = net_permit(net, host, port, ai->ai_addr, plaintext, err);
	freeaddrinfo(list);
	return rc;
}

struct lg_dialer *lg_dialer_new(struct lg_net *net, const char *who, bool plaintext)
{
	struct lg_dialer *dialer = mem_zalloc(sizeof(*dialer));

	dialer->net = net;
	dialer->who = mem_strdup(who);
	dialer->plaintext = plaintext;
	pthread_mutex_init(&dialer->mutex, NULL);
	return dialer;
}

void lg_dialer_free(struct lg_dialer *dialer)
{
	if (!dialer)
		return;
	pthread_mutex_destroy(&dialer->mutex);
	free(dialer->who);
	free(dialer);
}

/* Under the mutex. The entry of an address and port; NULL: none. */
static struct dialled *find(struct lg_dialer *dialer, const struct sockaddr *addr)
{
	char wanted[ADDR_TEXT], text[ADDR_TEXT];

	addr_format(addr, wanted);
	for (size_t i = 0; i < NAMES; i++) {
		struct dialled *entry = &dialer->names[i];

		if (entry->addr.ss_family && !strcmp(addr_format((const struct sockaddr *)&entry->addr, text), wanted))
			return entry;
	}
	return NULL;
}

static void remember(struct lg_dialer *dialer, const char *host, const struct addrinfo *list)
{
	pthread_mutex_lock(&dialer->mutex);
	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		struct dialled *entry = find(dialer, ai->ai_addr);

		if (!entry) {
			entry = &dialer->names[dialer->next++ % NAMES];
			entry->said_ns = 0;
			memcpy(&entry->addr, ai->ai_addr, ai->ai_addrlen);
		}
		snprintf(entry->host, sizeof(entry->host), "%s", host);
	}
	pthread_mutex_unlock(&dialer->mutex);
}

int lg_dialer_resolve(struct lg_dialer *dialer, const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	int rc;

	if (!host && !service) {
		freeaddrinfo(*list);
		return 0;
	}
	rc = getaddrinfo(host, service, hints, list);
	if (rc == 0 && host)
		remember(dialer, host, *list);
	return rc;
}

/* The name an address was resolved from, else its number; true when it is time to say that it is connected to. */
static bool name_of(struct lg_dialer *dialer, const struct sockaddr *addr, char host[256])
{
	int64_t now_ns = clock_mono(&clock_system);
	struct dialled *entry;
	bool say = true;

	pthread_mutex_lock(&dialer->mutex);
	entry = find(dialer, addr);
	if (entry) {
		snprintf(host, 256, "%s", entry->host);
		say = !entry->said_ns || now_ns - entry->said_ns >= QUIET_NS;
		if (say)
			entry->said_ns = now_ns;
	} else {
		addr_format_ip(addr, host);
	}
	pthread_mutex_unlock(&dialer->mutex);
	return say;
}

int lg_dialer_connect(struct lg_dialer *dialer, int fd, const struct sockaddr *addr, size_t size)
{
	char host[256], peer[ADDR_TEXT], ip[ADDR_IP_TEXT];
	bool say = name_of(dialer, addr, host);
	struct lg_err err;

	if (net_permit_learned(dialer->net, host, addr_format_ip(addr, ip), addr, dialer->plaintext, &err) != LG_OK) {
		pthread_mutex_lock(&dialer->mutex);
		dialer->denied = err;
		dialer->is_denied = true;
		pthread_mutex_unlock(&dialer->mutex);
		return EACCES;
	}
	log_write(say ? LG_INFO : LG_DEBUG, "%s: connecting to %s (%s), %s", dialer->who, host, addr_format(addr, peer),
	          dialer->plaintext ? "plaintext" : "TLS");
	if (connect(fd, addr, (socklen_t)size) == 0 || errno == EINPROGRESS || errno == EINTR)
		return 0;
	return errno;
}

bool lg_dialer_denied(struct lg_dialer *dialer, struct lg_err *err)
{
	bool denied;

	pthread_mutex_lock(&dialer->mutex);
	denied = dialer->is_denied;
	dialer->is_denied = false;
	if (denied)
		*err = dialer->denied;
	pthread_mutex_unlock(&dialer->mutex);
	return denied;
}
