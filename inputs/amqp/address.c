#include <stdio.h>
#include <string.h>

#include "amqp.h"

enum lg_rc amqp_split(const char *url, char server[300], bool *plain, struct lg_err *err)
{
	const char *rest = strstr(url, "://");
	const char *colon;

	*plain = false;
	if (rest && strncmp(url, "amqp://", 7) == 0)
		*plain = true;
	else if (rest && strncmp(url, "amqps://", 8) != 0)
		return lg_err_set(err, LG_INVALID, "\"%s\": write amqps://host:5671, or amqp://host:5672 for plaintext", url);
	rest = rest ? rest + 3 : url;
	colon = strrchr(rest, ':');
	if (!*rest || strchr(rest, '/') || strchr(rest, '@'))
		return lg_err_set(err, LG_INVALID, "\"%s\": a host and a port, no user, no path: user and password have options of their own", url);
	if (colon && !strchr(colon, ']'))
		snprintf(server, 300, "%s", rest);
	else
		snprintf(server, 300, "%s:%d", rest, *plain ? 5672 : 5671);
	return LG_OK;
}
