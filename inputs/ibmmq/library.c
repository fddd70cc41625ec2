/* IBM's client library at run time. It is never unloaded: it has threads and exit handlers of its own. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "input_ibmmq/ibmmq.h"

static const char *const names[] = {"libmqic_r.so", "libmqm_r.so"};
static const char *const places[] = {"", "/opt/mqm/lib64/"};

#define NAMES (sizeof(names) / sizeof(names[0]))

static void *load_one(const char *directory, const char *name, char *why, size_t room)
{
	char path[1024];
	void *library;

	snprintf(path, sizeof(path), "%s%s", directory, name);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!library)
		snprintf(why, room, "%s", dlerror());
	return library;
}

static void *load_first(const char *path, char *why, size_t room)
{
	char directory[1024];
	struct stat st;
	void *library = NULL;

	if (path && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
		return load_one("", path, why, room);
	if (path) {
		snprintf(directory, sizeof(directory), "%s/", path);
		for (size_t i = 0; i < NAMES && !library; i++)
			library = load_one(directory, names[i], why, room);
		return library;
	}
	for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++)
		for (size_t i = 0; i < NAMES && !library; i++)
			library = load_one(places[p], names[i], why, room);
	return library;
}

enum lg_rc ibmmq_library_load(struct mqi *mqi, const char *path, struct lg_err *err)
{
	const struct {
		const char *name;
		void *place;
	} calls[] = {
		{"MQCONNX", &mqi->connx}, {"MQDISC", &mqi->disc}, {"MQOPEN", &mqi->open}, {"MQCLOSE", &mqi->close}, {"MQGET", &mqi->get},
		{"MQPUT1", &mqi->put1}, {"MQINQ", &mqi->inq}, {"MQCMIT", &mqi->cmit}, {"MQBACK", &mqi->back},
	};
	char why[600] = "";
	void *library = load_first(path, why, sizeof(why));

	if (!library)
		return lg_err_set(err, LG_NOTFOUND, "IBM MQ's client library is missing (%s); install the redistributable IBM MQ client (package MQSeriesClient, or "
		                  "the archive IBM-MQC-Redist-LinuxX64), or name its lib64 directory in `library`", why);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		void *symbol = dlsym(library, calls[i].name);

		if (!symbol)
			return lg_err_set(err, LG_NOTFOUND, "%s: no %s in it; `library` names libmqic_r.so or libmqm_r.so of an IBM MQ client, or their directory",
			                  path ? path : "IBM MQ's client library", calls[i].name);
		memcpy(calls[i].place, &symbol, sizeof(symbol)); /* ISO C has no cast from an object to a function */
	}
	return LG_OK;
}
