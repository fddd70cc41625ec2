/* A library of the project's own in the place of IBM's libmqic_r.so, for the tests: it behaves as the manual says about the calls of inputs/ibmmq/mqi.h.
 *
 * Its queue managers live in the directory FAKE_MQ_DIR:
 *
 *     NAME.queue    messages one behind the other: u32 size of all that follows, MQMD (version 2, 364 bytes), data; in native byte order. Anyone appends.
 *     NAME.state    of each message in order: whether it is there, taken in a unit of work (by which process), or gone; its backout count
 *     NAME.attr     "threshold hardened requeue-queue", as MQINQ answers; absent: 0 1 and none
 *     script        lines "CALL FIRST REASON [COUNT]": so many calls (1) of this process, from its FIRST one on, end with this reason; read anew at every
 *                   MQCONNX
 *     calls         a line for each call but MQGET: call, queue or queue manager, completion code, reason, and what a test wants to know; of MQGET those that
 *                   failed with something else than 2033, and a sum at MQCMIT
 *
 * A unit of work of a process that was killed is backed out by the next one that opens the queue. The state is a shared mapping: it outlives kill -9.
 */
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "input_ibmmq/mqi.h"

#define MESSAGES_MAX (1 << 18)
#define CONNECTIONS 32
#define PUTS_MAX 4096

enum { THERE, TAKEN, GONE };

/* Inputs call from threads of their own: one call at a time. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int enter(void)
{
	return pthread_mutex_lock(&mutex);
}

static void leave(int *unused)
{
	(void)unused;
	pthread_mutex_unlock(&mutex);
}

#define ONE_AT_A_TIME __attribute__((cleanup(leave), unused)) int entered = enter()

struct state {
	int32_t state, owner, backouts, connection;
};

struct queue {
	char name[49];
	FILE *file;
	struct state *states;
	long *offsets;
	int count, low; /* messages seen; all before `low` are gone or taken */
	int32_t threshold, hardened;
	char requeue[49];
};

struct put {
	char name[49];
	struct mqmd md;
	void *data;
	uint32_t size;
};

struct connection {
	int used, broken;
	struct queue *queue;
	struct put *puts;
	int put_count, gets;
};

static struct connection connections[CONNECTIONS];
static struct rule {
	char call[16];
	long first, reason, count;
} rules[64];
static int rule_count;
static struct {
	char call[16];
	long count;
} counters[16];

static const char *path_of(const char *name, const char *suffix)
{
	static char path[1024];
	const char *directory = getenv("FAKE_MQ_DIR");

	snprintf(path, sizeof(path), "%s/%s%s", directory ? directory : "/nonexistent", name, suffix);
	return path;
}

static void record(const char *format, ...)
{
	char line[2048];
	va_list ap;
	int n, fd = open(path_of("calls", ""), O_WRONLY | O_CREAT | O_APPEND, 0600);

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (fd >= 0 && write(fd, line, (size_t)n) != n)
		abort();
	close(fd);
}

static void read_script(void)
{
	FILE *script = fopen(path_of("script", ""), "r");
	char line[200];

	rule_count = 0;
	while (script && fgets(line, sizeof(line), script)) {
		struct rule *rule = &rules[rule_count];

		rule->count = 1;
		if (sscanf(line, "%15s %ld %ld %ld", rule->call, &rule->first, &rule->reason, &rule->count) >= 3)
			rule_count++;
	}
	if (script)
		fclose(script);
}

/* The reason that the script has for this call, 0 for none. */
static int32_t scripted(const char *call)
{
	int i = 0;

	while (counters[i].call[0] && strcmp(counters[i].call, call))
		i++;
	snprintf(counters[i].call, sizeof(counters[i].call), "%s", call);
	counters[i].count++;
	for (int r = 0; r < rule_count; r++)
		if (!strcmp(rules[r].call, call) && counters[i].count >= rules[r].first && counters[i].count < rules[r].first + rules[r].count)
			return (int32_t)rules[r].reason;
	return 0;
}

static void answer(int32_t *cc, int32_t *rc, int32_t code, int32_t reason)
{
	*cc = code;
	*rc = reason;
}

static void trimmed(char out[49], const char *chars)
{
	int n = 48;

	memcpy(out, chars, 48);
	out[48] = '\0';
	n = (int)strlen(out);
	while (n && out[n - 1] == ' ')
		out[--n] = '\0';
}

/* ---- queues ---- */

static struct connection *connection_of(int32_t hconn)
{
	return hconn > 0 && hconn < CONNECTIONS && connections[hconn].used ? &connections[hconn] : NULL;
}

static void find_messages(struct queue *q)
{
	struct stat st;
	long at = q->count ? q->offsets[q->count] : 0;

	fstat(fileno(q->file), &st);
	while (at + 4 <= st.st_size && q->count + 1 < MESSAGES_MAX) {
		uint32_t size;

		if (pread(fileno(q->file), &size, 4, at) != 4 || at + 4 + (long)size > st.st_size)
			break;
		q->offsets[q->count++] = at;
		at += 4 + (long)size;
		q->offsets[q->count] = at;
	}
}

static void back_out_of(struct queue *q, int32_t pid, int32_t connection)
{
	find_messages(q);
	for (int i = 0; i < q->count; i++) {
		struct state *s = &q->states[i];

		if (s->state != TAKEN || s->owner != pid || (connection && s->connection != connection))
			continue;
		s->backouts++;
		s->state = THERE;
	}
	q->low = 0;
}

static struct queue *open_queue(const char *name)
{
	struct queue *q = calloc(1, sizeof(*q));
	FILE *attributes;
	int fd;

	snprintf(q->name, sizeof(q->name), "%s", name);
	q->file = fopen(path_of(name, ".queue"), "r");
	if (!q->file) {
		free(q);
		return NULL;
	}
	fd = open(path_of(name, ".state"), O_RDWR | O_CREAT, 0600);
	if (ftruncate(fd, (off_t)(MESSAGES_MAX * sizeof(struct state))) != 0)
		abort();
	q->states = mmap(NULL, MESSAGES_MAX * sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	q->offsets = calloc(MESSAGES_MAX + 1, sizeof(long));
	q->hardened = 1;
	attributes = fopen(path_of(name, ".attr"), "r");
	if (attributes) {
		if (fscanf(attributes, "%d %d %48s", &q->threshold, &q->hardened, q->requeue) < 2)
			abort();
		fclose(attributes);
	}
	find_messages(q);
	for (int i = 0; i < q->count; i++)
		if (q->states[i].state == TAKEN && q->states[i].owner != getpid() && kill(q->states[i].owner, 0) != 0)
			back_out_of(q, q->states[i].owner, 0);
	return q;
}

static void close_queue(struct queue *q)
{
	if (!q)
		return;
	fclose(q->file);
	munmap(q->states, MESSAGES_MAX * sizeof(struct state));
	free(q->offsets);
	free(q);
}

static void append(const struct put *put)
{
	FILE *file = fopen(path_of(put->name, ".queue"), "a");
	uint32_t size = (uint32_t)sizeof(put->md) + put->size;

	fwrite(&size, 1, 4, file);
	fwrite(&put->md, 1, sizeof(put->md), file);
	fwrite(put->data, 1, put->size, file);
	fclose(file);
}

static void end_unit(int32_t hconn, int commit)
{
	struct connection *c = &connections[hconn];

	for (int i = 0; c->queue && commit && i < c->queue->count; i++)
		if (c->queue->states[i].state == TAKEN && c->queue->states[i].owner == getpid() && c->queue->states[i].connection == hconn)
			c->queue->states[i].state = GONE;
	if (c->queue && !commit)
		back_out_of(c->queue, getpid(), hconn);
	for (int i = 0; i < c->put_count; i++) {
		if (commit)
			append(&c->puts[i]);
		free(c->puts[i].data);
	}
	c->put_count = c->gets = 0;
}

/* The script's word on a call: a reason that breaks the connection backs out. True: the call is over. */
static int over(int32_t hconn, const char *call, int32_t *cc, int32_t *rc)
{
	struct connection *c = connection_of(hconn);
	int32_t reason = scripted(call);

	if (!c || c->broken) {
		answer(cc, rc, MQCC_FAILED, c ? 2009 : 2018);
	} else if (reason) {
		answer(cc, rc, MQCC_FAILED, reason);
		if (reason == 2009 || reason == 2161 || reason == 2162 || reason == 2202 || reason == 2203 || reason == 2003)
			end_unit(hconn, 0);
		c->broken = reason == 2009 || reason == 2203;
	} else {
		return 0;
	}
	record("%s %s %d %d\n", call, c && c->queue ? c->queue->name : "-", *cc, *rc);
	return 1;
}

/* ---- connecting ---- */

void MQCONNX(char *qmgr, struct mqcno *cno, int32_t *hconn, int32_t *cc, int32_t *rc)
{
	ONE_AT_A_TIME;
	const struct mqcd *cd = cno->ClientConnPtr;
	const struct mqcsp *csp = cno->Version >= 5 ? cno->SecurityParmsPtr : NULL;
	const struct mqsco *sco = cno->Version >= 4 ? cno->SSLConfigPtr : NULL;
	char name[49];
	int32_t reason, i = 1;

	read_script();
	reason = scripted("MQCONNX");
	trimmed(name, qmgr);
	while (i < CONNECTIONS && connections[i].used)
		i++;
	*hconn = MQHC_UNUSABLE_HCONN;
	if (memcmp(cno->StrucId, "CNO ", 4) || (cd && (cd->Version != 7 || cd->StrucLength != (int32_t)sizeof(*cd))))
		answer(cc, rc, MQCC_FAILED, 2139);
	else if (reason)
		answer(cc, rc, MQCC_FAILED, reason);
	else if (i == CONNECTIONS)
		answer(cc, rc, MQCC_FAILED, 2025);
	else
		answer(cc, rc, MQCC_OK, 0);
	record("MQCONNX %s %d %d channel=%s connection=%s cipher=%s options=%x user=%.*s token=%.*s repository=%s peer=%.*s ccdt=%.*s\n", *name ? name : "-", *cc, *rc,
	       cd ? cd->ChannelName : "", cd ? cd->ConnectionName : "", cd ? cd->SSLCipherSpec : "", (unsigned)cno->Options, csp ? csp->CSPUserIdLength : 0,
	       csp ? (const char *)csp->CSPUserIdPtr : "", csp && csp->Version >= 3 ? csp->TokenLength : 0, csp && csp->Version >= 3 ? (const char *)csp->TokenPtr : "",
	       sco ? sco->KeyRepository : "", cd ? cd->SSLPeerNameLength : 0, cd && cd->SSLPeerNamePtr ? (const char *)cd->SSLPeerNamePtr : "",
	       cno->Version >= 6 ? cno->CCDTUrlLength : 0, cno->Version >= 6 ? cno->CCDTUrlPtr : "");
	if (*cc == MQCC_FAILED)
		return;
	connections[i] = (struct connection){.used = 1, .puts = calloc(PUTS_MAX, sizeof(struct put))};
	*hconn = i;
}

void MQDISC(int32_t *hconn, int32_t *cc, int32_t *rc)
{
	ONE_AT_A_TIME;
	struct connection *c = connection_of(*hconn);

	answer(cc, rc, c ? MQCC_OK : MQCC_FAILED, c ? 0 : 2018);
	record("MQDISC - %d %d\n", *cc, *rc);
	if (!c)
		return;
	end_unit(*hconn, !c->broken); /* an orderly end commits */
	close_queue(c->queue);
	free(c->puts);
	*c = (struct connection){0};
	*hconn = MQHC_UNUSABLE_HCONN;
}

void MQOPEN(int32_t hconn, void *descriptor, int32_t options, int32_t *hobj, int32_t *cc, int32_t *rc)
{
	ONE_AT_A_TIME;
	const struct mqod *od = descriptor;
	char name[49];

	*hobj = MQHO_UNUSABLE_HOBJ;
	if (over(hconn, "MQOPEN", cc, rc))
		return;
	trimmed(name, od->ObjectName);
	connections[hconn].queue = open_queue(name);
	if (connections[hconn].queue)
		answer(cc, rc, MQCC_OK, 0);
	else
		answer(cc, rc, MQCC_FAILED, 2085);
	*hobj = *cc == MQCC_OK ? 101 : MQHO_UNUSABLE_HOBJ;
	record("MQOPEN %s %d %d options=%x\n", name, *cc, *rc, (unsigned)options);
}

void MQCLOSE(int32_t hconn, int32_t *hobj, int32_t options, int32_t *cc, int32_t *rc)
{
	ONE_AT_A_TIME;
	(void)options;
	if (over(hconn, "MQCLOSE", cc, rc))
		return;
	*hobj = MQHO_UNUSABLE_HOBJ;
	answer(cc, rc, MQCC_OK, 0);
	record("MQCLOSE - 0 0\n");
}

void MQINQ(int32_t hconn, int32_t hobj, int32_t selectors, int32_t *selector, int32_t ints, int32_t *values, int32_t chars, char *text, int32_t *cc, int32_t *rc)
{
	ONE_AT_A_TIME;
	const struct queue *q;
	int32_t value = 0;

	(void)hobj;
	(void)ints;
	if (over(hconn, "MQINQ", cc, rc))
		return;
	q = connections[hconn].queue;
	for (int32_t i = 0; i < selectors; i++) {
		if (selector[i] == MQIA_BACKOUT_THRESHOLD) {
			values[value++] = q->threshold;
		} else if (selector[i] == MQIA_HARDEN_GET_BACKOUT) {
			values[value++] = q->hardened;
		} else if (selector[i] == MQCA_BACKOUT_REQ_Q_NAME) {
			memset(text, ' ', (size_t)chars);
			memcpy(text, q->requeue, strlen(q->requeue));
		} else {
			answer(cc, rc, MQCC_FAILED, 2067);
			return;
		}
	}
	answer(cc, rc, MQCC_OK, 0);
	record("MQINQ %s 0 0\n", q->name);
}

/* ---- messages ---- */

/* As MQGMO_CONVERT does: text alone, from character sets it knows; a warning and the message as it is where it cannot. 0: converted or nothing to do. */
static int32_t convert(struct mqmd *md, int32_t wanted, char **data, uint32_t *size, uint32_t room)
{
	char from[20], *in = *data, *out, *start;
	size_t left = *size, space = 4 * (size_t)*size + 16;
	iconv_t way;

	if (md->CodedCharSetId == wanted)
		return 0;
	if (memcmp(md->Format, "MQSTR   ", 8) != 0)
		return 2110;
	snprintf(from, sizeof(from), md->CodedCharSetId == 819 ? "ISO-8859-1" : "IBM%03d", md->CodedCharSetId);
	if (md->CodedCharSetId != 819 && md->CodedCharSetId != 37 && md->CodedCharSetId != 500)
		return 2111; /* as a queue manager without the tables */
	way = iconv_open("UTF-8", from);
	start = out = malloc(space);
	if (way == (iconv_t)-1 || iconv(way, &in, &left, &out, &space) == (size_t)-1)
		abort();
	iconv_close(way);
	if ((uint32_t)(out - start) > room) {
		free(start);
		return 2120;
	}
	free(*data);
	*data = start;
	*size = (uint32_t)(out - start);
	md->CodedCharSetId = wanted;
	return 0;
}

static int find_next(struct queue *q)
{
	find_messages(q);
	while (q->low < q->count && q->states[q->low].state != THERE)
		q->low++;
	return q->low < q->count ? q->low : -1;
}

static int wait_for_one(struct queue *q, const struct mqgmo *gmo)
{
	struct timespec step = {0, 2000000};
	int index = find_next(q);

	for (int32_t waited = 0; index < 0 && (gmo->Options & MQGMO_WAIT) && waited < gmo->WaitInterval; waited += 2) {
		pthread_mutex_unlock(&mutex);
		nanosleep(&step, NULL);
		pthread_mutex_lock(&mutex);
		index = find_next(q);
	}
	return index;
}

void MQGET(int32_t hconn, int32_t hobj, void *descriptor, void *options, int32_t room, void *buffer, int32_t *length, int32_t *cc, int32_t *rc)
{
	ONE_AT_A_TIME;
	struct mqmd *md = descriptor, asked = *md;
	const struct mqgmo *gmo = options;
	struct queue *q;
	uint32_t size;
	char *data;
	int32_t reason = scripted("MQGET"), warning = 0;
	int index;

	(void)hobj;
	if (reason >= 2110 && reason <= 2150) { /* a warning: the message comes, not converted */
		warning = reason;
		if (!connection_of(hconn) || connections[hconn].broken) {
			answer(cc, rc, MQCC_FAILED, 2009);
			return;
		}
	} else if (reason) {
		rules[rule_count] = (struct rule){"MQGET-", 1, reason, 1 << 30}; /* the call was counted above: by another name below */
		rule_count++;
		over(hconn, "MQGET-", cc, rc);
		rule_count--;
		return;
	} else if (over(hconn, "MQGET.", cc, rc)) {
		return;
	}
	q = connections[hconn].queue;
	index = wait_for_one(q, gmo);
	if (index < 0) {
		answer(cc, rc, MQCC_FAILED, 2033);
		return;
	}
	if (pread(fileno(q->file), &size, 4, q->offsets[index]) != 4 || pread(fileno(q->file), md, sizeof(*md), q->offsets[index] + 4) != (ssize_t)sizeof(*md))
		abort();
	size -= (uint32_t)sizeof(*md);
	data = malloc(size + 1);
	if (pread(fileno(q->file), data, size, q->offsets[index] + 4 + (long)sizeof(*md)) != (ssize_t)size)
		abort();
	md->BackoutCount = q->states[index].backouts;
	if ((gmo->Options & MQGMO_CONVERT) && !warning && size <= (uint32_t)room)
		warning = convert(md, asked.CodedCharSetId, &data, &size, (uint32_t)room);
	*length = (int32_t)size;
	memcpy(buffer, data, size < (uint32_t)room ? size : (uint32_t)room);
	free(data);
	if (size > (uint32_t)room && !(gmo->Options & MQGMO_ACCEPT_TRUNCATED_MSG)) {
		answer(cc, rc, MQCC_WARNING, 2080);
		return;
	}
	if (gmo->Options & MQGMO_SYNCPOINT) {
		q->states[index].owner = getpid();
		q->states[index].connection = hconn;
		q->states[index].state = TAKEN;
		connections[hconn].gets++;
	} else {
		q->states[index].state = GONE;
	}
	if (size > (uint32_t)room)
		answer(cc, rc, MQCC_WARNING, 2079);
	else
		answer(cc, rc, warning ? MQCC_WARNING : MQCC_OK, warning);
}

void MQPUT1(int32_t hconn, void *object, void *descriptor, void *options, int32_t size, void *buffer, int32_t *cc, int32_t *rc)
{
	ONE_AT_A_TIME;
	const struct mqod *od = object;
	const struct mqpmo *pmo = options;
	struct connection *c;
	struct put *put;
	char name[49];

	if (over(hconn, "MQPUT1", cc, rc))
		return;
	c = &connections[hconn];
	trimmed(name, od->ObjectName);
	if (access(path_of(name, ".queue"), F_OK) != 0 || c->put_count == PUTS_MAX) {
		answer(cc, rc, MQCC_FAILED, 2085);
	} else {
		put = &c->puts[c->put_count++];
		memcpy(put->name, name, sizeof(put->name));
		put->md = *(const struct mqmd *)descriptor;
		put->size = (uint32_t)size;
		put->data = malloc((size_t)size + 1);
		memcpy(put->data, buffer, (size_t)size);
		answer(cc, rc, MQCC_OK, 0);
		if (!(pmo->Options & MQPMO_SYNCPOINT)) {
			append(put);
			free(put->data);
			c->put_count--;
		}
	}
	record("MQPUT1 %s %d %d options=%x\n", name, *cc, *rc, (unsigned)pmo->Options);
}

void MQCMIT(int32_t hconn, int32_t *cc, int32_t *rc)
{
	ONE_AT_A_TIME;
	int gets;

	if (over(hconn, "MQCMIT", cc, rc))
		return;
	gets = connections[hconn].gets;
	end_unit(hconn, 1);
	answer(cc, rc, MQCC_OK, 0);
	record("MQCMIT %s 0 0 gets=%d\n", connections[hconn].queue ? connections[hconn].queue->name : "-", gets);
}

void MQBACK(int32_t hconn, int32_t *cc, int32_t *rc)
{
	ONE_AT_A_TIME;
	int gets;

	if (over(hconn, "MQBACK", cc, rc))
		return;
	gets = connections[hconn].gets;
	end_unit(hconn, 0);
	answer(cc, rc, MQCC_OK, 0);
	record("MQBACK %s 0 0 gets=%d\n", connections[hconn].queue ? connections[hconn].queue->name : "-", gets);
}
