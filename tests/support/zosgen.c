/* zosgen - writes a realistic z/OS SYSLOG for the quickstart, the tests and the benchmark.
 *
 * Stands apart from the product: its own EBCDIC tables and its own idea of the columns (z/OS MVS System Messages vol. 6), so that
 * a mistake in the product does not hide behind the same mistake here. Every message carries a serial number, SEQ=nnnnnnnnn, in
 * its first line. The same options give the same bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 192, RECORD_LINES = 16, SYSTEMS_MAX = 16, OUT_BYTES = 1 << 18, MARGIN = 126 };

struct text {
	char data[LINE_MAX_BYTES];
	size_t size;
};

/* A logical record: its lines, of which the first `unit` must follow each other (S lines have no system), and the body to expect.
 */
struct record {
	struct text lines[RECORD_LINES];
	size_t count, unit, next;
	char body[RECORD_LINES * LINE_MAX_BYTES];
	size_t body_size;
};

struct out {
	int fd;
	uint8_t data[OUT_BYTES];
	size_t size;
	const char *path;
};

struct options {
	uint64_t records, serial, seed;
	unsigned systems;
	uint64_t rate;
	bool rdw, year4, asa, interleave, append, noise;
	int encoding; /* 0 UTF-8, 1 IBM-037, 2 IBM-1047 */
	const char *path, *expect;
	int64_t start; /* local seconds */
};

struct generator {
	struct options options;
	uint64_t random;
	uint64_t serial;
	int64_t clock; /* local time, hundredths of a second */
	unsigned connector[SYSTEMS_MAX];
	unsigned job_number;
	struct record records[SYSTEMS_MAX];
	struct out out, expect;
};

/* ---- small tools ---------------------------------------------------------------------------------------------------- */

static void die(const char *what, const char *detail)
{
	fprintf(stderr, "zosgen: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
	exit(2);
}

static uint32_t random_below(struct generator *g, uint32_t limit)
{
	uint64_t x = g->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	g->random = x;
	return (uint32_t)((x * UINT64_C(0x2545f4914f6cdd1d) >> 32) * limit >> 32);
}

static void put(struct text *t, const char *s)
{
	size_t size = strlen(s);

	memcpy(t->data + t->size, s, size);
	t->size += size;
}

static void put_number(struct text *t, uint64_t number, unsigned digits)
{
	for (unsigned i = digits; i-- > 0; number /= 10)
		t->data[t->size + i] = (char)('0' + number % 10);
	t->size += digits;
}

static void pad_to(struct text *t, size_t size)
{
	while (t->size < size)
		t->data[t->size++] = ' ';
}

static void flush(struct out *out)
{
	size_t done = 0;

	while (done < out->size) {
		ssize_t n = write(out->fd, out->data + done, out->size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die(out->path, strerror(errno));
		done += (size_t)n;
	}
	out->size = 0;
}

static uint8_t *reserve(struct out *out, size_t size)
{
	if (out->size + size > OUT_BYTES)
		flush(out);
	return out->data + out->size;
}

/* ---- EBCDIC --------------------------------------------------------------------------------------------------------- */

/* U+0020..U+007E in IBM-037; IBM-1047 has its own brackets and caret. */
static const uint8_t ebcdic_037[95] = {
        0x40, 0x5a, 0x7f, 0x7b, 0x5b, 0x6c, 0x50, 0x7d, 0x4d, 0x5d, 0x5c, 0x4e, 0x6b, 0x60, 0x4b, 0x61, /*  !"#$%&'()*+,-./ */
        0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0x7a, 0x5e, 0x4c, 0x7e, 0x6e, 0x6f, /* 0-9 :;<=>? */
        0x7c, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, /* @ A-O */
        0xd7, 0xd8, 0xd9, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xba, 0xe0, 0xbb, 0xb0, 0x6d, /* P-Z [\]^_ */
        0x79, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, /* ` a-o */
        0x97, 0x98, 0x99, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xc0, 0x4f, 0xd0, 0xa1,       /* p-z {|}~ */
};

static uint8_t table[128];
static uint8_t not_sign; /* U+00AC */

static void make_table(int encoding)
{
	for (unsigned c = 0x20; c < 0x7f; c++)
		table[c] = ebcdic_037[c - 0x20];
	not_sign = 0x5f;
	if (encoding == 2) {
		table['['] = 0xad;
		table[']'] = 0xbd;
		table['^'] = 0x5f;
		not_sign = 0xb0;
	}
}

static size_t encode(uint8_t *to, const struct text *t, int encoding)
{
	size_t size = 0;

	if (!encoding) {
		memcpy(to, t->data, t->size);
		return t->size;
	}
	for (size_t i = 0; i < t->size; i++) {
		unsigned char c = (unsigned char)t->data[i];

		if (c == 0xc2 && i + 1 < t->size) {
			to[size++] = not_sign; /* the only character outside ASCII that is ever written */
			i++;
		} else {
			to[size++] = table[c];
		}
	}
	return size;
}

static void write_line(struct generator *g, const struct text *t)
{
	uint8_t *at = reserve(&g->out, LINE_MAX_BYTES + 8);
	uint8_t *start = at;
	struct text asa = {.data = " ", .size = 1};
	size_t head = g->options.rdw ? 4 : 0;
	size_t size;

	at += head;
	if (g->options.asa && *t->data != '1')
		at += encode(at, &asa, g->options.encoding);
	at += encode(at, t, g->options.encoding);
	size = (size_t)(at - start);
	if (g->options.rdw) {
		start[0] = (uint8_t)(size >> 8);
		start[1] = (uint8_t)size;
		start[2] = start[3] = 0;
	} else {
		start[size++] = g->options.encoding ? 0x15 : '\n';
	}
	g->out.size += size;
}

/* ---- columns -------------------------------------------------------------------------------------------------------- */

static const char *const system_names[] = {"SYSA", "SYSB", "PRD1", "PRD2", "TST1", "CICSPLX1", "DEVL", "ZOS7"};

static void put_system(struct text *t, unsigned system)
{
	unsigned names = sizeof(system_names) / sizeof(*system_names);
	struct text name = {.size = 0};

	if (system < names) {
		put(&name, system_names[system]);
	} else {
		put(&name, "SYS");
		put_number(&name, system, 2);
	}
	pad_to(&name, 8);
	memcpy(t->data + t->size, name.data, 8);
	t->size += 8;
}

/* Julian day and time of day from the clock. */
static void put_time(struct generator *g, struct text *t)
{
	int64_t seconds = g->clock / 100;
	time_t midnight = (time_t)(seconds / 86400 * 86400);
	static time_t cached = -1;
	static struct tm tm;
	unsigned day = (unsigned)(seconds % 86400);

	if (midnight != cached) {
		gmtime_r(&midnight, &tm);
		cached = midnight;
	}
	if (g->options.year4)
		put_number(t, (uint64_t)tm.tm_year + 1900, 4);
	else
		put_number(t, (uint64_t)tm.tm_year % 100, 2);
	put_number(t, (uint64_t)tm.tm_yday + 1, 3);
	put(t, " ");
	put_number(t, day / 3600, 2);
	put(t, ":");
	put_number(t, day / 60 % 60, 2);
	put(t, ":");
	put_number(t, day % 60, 2);
	put(t, ".");
	put_number(t, (uint64_t)g->clock % 100, 2);
}

/* Columns 1 to 56 of a first line. `type` is "N ", "NC", "M " ...; ident at most 8 characters. */
static struct text *start_record(struct generator *g, struct record *r, unsigned system, const char *type, const char *routing,
        const char *ident, const char *flags, const char *action)
{
	struct text *t = &r->lines[0];
	size_t shift = g->options.year4 ? 2 : 0;

	r->count = r->unit = 1;
	r->next = 0;
	r->body_size = 0;
	t->size = 0;
	put(t, type);
	put(t, routing);
	put(t, " ");
	put_system(t, system);
	put(t, " ");
	put_time(g, t);
	put(t, " ");
	put(t, ident);
	pad_to(t, 46 + shift);
	put(t, flags);
	put(t, " ");
	put(t, action);
	return t;
}

static void put_serial(struct generator *g, struct text *t)
{
	put(t, " SEQ=");
	put_number(t, g->serial++, 9);
}

static void add_body(struct record *r, const char *text, size_t size)
{
	memcpy(r->body + r->body_size, text, size);
	r->body_size += size;
}

/* The body so far is the text of the first line. */
static void body_from_first(struct generator *g, struct record *r)
{
	size_t text = 56 + (g->options.year4 ? 2u : 0u);

	add_body(r, r->lines[0].data + text, r->lines[0].size - text);
}

static struct text *add_minor(struct generator *g, struct record *r, char type, unsigned connector, const char *flags)
{
	struct text *t = &r->lines[r->count++];
	size_t shift = g->options.year4 ? 2 : 0;

	t->size = 0;
	t->data[t->size++] = type;
	pad_to(t, 42 + shift);
	put_number(t, connector, 3);
	put(t, " ");
	put(t, flags);
	put(t, "  ");
	return t;
}

static void end_minor(struct generator *g, struct record *r)
{
	struct text *t = &r->lines[r->count - 1];
	size_t text = 56 + (g->options.year4 ? 2u : 0u);

	add_body(r, "\n", 1);
	add_body(r, t->data + text, t->size - text);
}

static void add_continuation(struct generator *g, struct record *r, const char *text)
{
	struct text *t = &r->lines[r->count++];

	r->unit = r->count;
	t->size = 0;
	put(t, "S");
	pad_to(t, 56 + (g->options.year4 ? 2u : 0u));
	put(t, text);
}

static unsigned next_connector(struct generator *g, unsigned system)
{
	/* Ids are per system; blocks of their own keep interleaved messages of several systems tellable by the id alone. */
	unsigned block = 1000 / g->options.systems;

	g->connector[system] = (g->connector[system] + 1) % block;
	return system * block + g->connector[system];
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static const char *const jobs[] = {"PAYROLL1", "BACKUP07", "CICSPRD1", "DB2PMSTR", "SMFDUMP", "HSMRECAL", "XFERJOB", "GLPOST22",
        "MQ51CHIN", "TCPIP", "NIGHTLY9", "REORGDB2", "IBMUSERA", "ZOSMFSRV"};
static const char *const users[] = {"IBMUSER", "JSMITH", "OPER01", "DBADMIN", "WEBSRV", "MKOVACS", "AUDIT7", "BATCHID"};
static const char *const datasets[] = {"PAYROLL.MASTER.DATA", "SYS1.PARMLIB", "PROD.CUSTOMER.KSDS", "HLQ.BACKUP.G0042V00",
        "SYS1.VTAMLST", "DB2P.DSNDBC.ORDERS.TS01", "CICS.PRD1.DFHTEMP"};
static const char *const consoles[] = {"MSTCON1", "MCONSYS1", "INTERNAL", "OPSCON2", "AUTOOPS"};

#define PICK(g, list) (list)[random_below((g), sizeof(list) / sizeof(*(list)))]

/* JOB, STC or TSU with a number; above 99999 the short form. */
static const char *job_ident(struct generator *g, const char *kind, char ident[9])
{
	struct text t = {.size = 0};

	g->job_number = (g->job_number + 1 + random_below(g, 3)) % 130000;
	if (g->job_number > 99999) {
		t.data[t.size++] = *kind;
		put_number(&t, g->job_number, 7);
	} else {
		put(&t, kind);
		put_number(&t, g->job_number, 5);
	}
	memcpy(ident, t.data, 8);
	ident[8] = 0;
	return ident;
}

/* ---- messages ------------------------------------------------------------------------------------------------------- */

static void job_start(struct generator *g, struct record *r, unsigned system)
{
	char ident[9];
	struct text *t = start_record(g, r, system, "N ", "4000000", job_ident(g, "JOB", ident), "00000090", " ");

	put(t, "$HASP373 ");
	put(t, PICK(g, jobs));
	put(t, " STARTED - INIT 1 - CLASS A");
	put_serial(g, t);
	body_from_first(g, r);
}

static void job_end(struct generator *g, struct record *r, unsigned system)
{
	char ident[9];
	struct text *t = start_record(g, r, system, "N ", "4000000", job_ident(g, "JOB", ident), "00000090", " ");

	put(t, "$HASP395 ");
	put(t, PICK(g, jobs));
	put(t, " ENDED - RC=0000");
	put_serial(g, t);
	body_from_first(g, r);
}

static void job_messages(struct generator *g, struct record *r, unsigned system)
{
	char ident[9];
	struct text *t = start_record(g, r, system, "N ", "0000000", job_ident(g, random_below(g, 3) ? "JOB" : "STC", ident),
	        random_below(g, 4) ? "00000090" : "00000281", " ");
	bool starts = random_below(g, 2);

	put(t, starts ? "IEF403I " : "IEF404I ");
	put(t, PICK(g, jobs));
	put(t, starts ? " - STARTED - ASID=0" : " - ENDED - ASID=0");
	put_number(t, random_below(g, 1000), 3);
	put_serial(g, t);
	body_from_first(g, r);
}

static void job_abend(struct generator *g, struct record *r, unsigned system)
{
	char ident[9];
	struct text *t = start_record(g, r, system, "N ", "4020000", job_ident(g, "JOB", ident), "00000090", " ");

	put(t, "IEF450I ");
	put(t, PICK(g, jobs));
	put(t, " STEP020 - ABEND=S0C7 U0000 REASON=00000007");
	put_serial(g, t);
	body_from_first(g, r);
}

static void jes_shortage(struct generator *g, struct record *r, unsigned system)
{
	struct text *t = start_record(g, r, system, "N ", "4040000", "", "00000090", "*");

	put(t, "$HASP050 JES2 RESOURCE SHORTAGE OF JQES - ");
	put_number(t, 80 + random_below(g, 20), 2);
	put(t, "% USED");
	put_serial(g, t);
	body_from_first(g, r);
}

static void wrapped(struct generator *g, struct record *r, unsigned system)
{
	struct text *t = start_record(g, r, system, "N ", "0000000", "", "00000290", " ");

	switch (random_below(g, 3)) {
	case 0:
		put(t, "IEF196I IGD103I SMS ALLOCATED TO DDNAME SYS");
		put_number(t, random_below(g, 100000), 5);
		break;
	case 1:
		put(t, "IEF196I IEF285I   ");
		put(t, PICK(g, datasets));
		put(t, "  KEPT");
		break;
	default:
		put(t, "IEF196I         STORCLAS (SCLOGR) MGMTCLAS (      )");
		break;
	}
	put_serial(g, t);
	body_from_first(g, r);
}

static void cics(struct generator *g, struct record *r, unsigned system)
{
	char ident[9];
	struct text *t = start_record(g, r, system, "N ", "0000000", job_ident(g, "STC", ident), "00000090", "+");

	put(t, random_below(g, 2) ? "DFHAC2206 " : "DFHSI1517 ");
	put(t, PICK(g, jobs));
	put(t, " TRANSACTION ABND FAILED WITH ASRA");
	put_serial(g, t);
	body_from_first(g, r);
}

static void tso_logon(struct generator *g, struct record *r, unsigned system)
{
	char ident[9];
	struct text *t = start_record(g, r, system, "N ", "0000000", job_ident(g, "TSU", ident), "00000090", " ");

	put(t, "IEF125I ");
	put(t, PICK(g, users));
	put(t, " - LOGGED ON - COND \xc2\xac= {0} [A|B]");
	put_serial(g, t);
	body_from_first(g, r);
}

static void command(struct generator *g, struct record *r, unsigned system)
{
	static const char *const commands[] = {
	        "D A,L", "$D I", "F CICSPRD1,CEMT I TASK", "V 0A81,ONLINE", "D GRS,C", "S SMFDUMP"};
	struct text *t =
	        start_record(g, r, system, random_below(g, 4) ? "NC" : "NI", "0000000", PICK(g, consoles), "00000290", " ");

	put(t, PICK(g, commands));
	put(t, ",COMMENT='OPERATOR COMMAND',");
	put_serial(g, t);
	body_from_first(g, r);
}

static void response(struct generator *g, struct record *r, unsigned system)
{
	struct text *t = start_record(g, r, system, "NR", "0000000", PICK(g, consoles), "00000090", " ");

	put(t, "IEE302I 0A81     ONLINE");
	put_serial(g, t);
	body_from_first(g, r);
}

static void reply_wanted(struct generator *g, struct record *r, unsigned system)
{
	char ident[9];
	struct text *t = start_record(g, r, system, "W ", "C000000", job_ident(g, "STC", ident), "00000090", "*");

	put_number(t, random_below(g, 100), 2);
	put(t, " DSI802A ");
	put(t, PICK(g, jobs));
	put(t, " REPLY WITH VALID NCCF COMMAND");
	put_serial(g, t);
	body_from_first(g, r);
}

/* LOG command and WTL: the whole line is the record. */
static void log_entry(struct generator *g, struct record *r, unsigned system)
{
	struct text *t = start_record(g, r, system, random_below(g, 2) ? "O " : "X ", "0000000", "SYSLOG", "00000000", " ");

	put(t, "OPERATOR NOTE: SHIFT HANDED OVER");
	put_serial(g, t);
	add_body(r, t->data, t->size);
}

/* A single-line message that is too long for a line: broken at a blank, or where the record ends. */
static void continued(struct generator *g, struct record *r, unsigned system)
{
	char ident[9];
	struct text *t = start_record(g, r, system, "N ", "0020000", job_ident(g, "JOB", ident), "00000090", " ");
	size_t margin = MARGIN + (g->options.year4 ? 2u : 0u);
	struct text more = {.size = 0};
	bool blank = random_below(g, 2);

	put(t, "IEC141I 013-18,IGG0191B,");
	put(t, PICK(g, jobs));
	put_serial(g, t);
	put(t, ",STEP010,");
	if (!blank)
		while (t->size < margin)
			put(t, "X");
	put(&more, "SYSUT1-0A81,VOL001,");
	put(&more, PICK(g, datasets));
	more.data[more.size] = 0;
	add_continuation(g, r, more.data);
	body_from_first(g, r);
	if (blank)
		add_body(r, " ", 1);
	add_body(r, more.data, more.size);
}

static void put_connector(struct generator *g, struct record *r, unsigned connector)
{
	char digits[4];

	snprintf(digits, sizeof(digits), "%03u", connector % 1000);
	body_from_first(g, r);
	if (random_below(g, 8)) {
		put(&r->lines[0], " ");
		put(&r->lines[0], digits);
	} else {
		add_continuation(g, r, digits); /* alone on an S line */
	}
}

static void access_violation(struct generator *g, struct record *r, unsigned system)
{
	unsigned connector = next_connector(g, system);
	char ident[9];
	const char *user = PICK(g, users);
	const char *dataset = PICK(g, datasets);
	struct text *t = start_record(g, r, system, "M ", "0080000", job_ident(g, "TSU", ident), "00000090", " ");

	put(t, "ICH408I USER(");
	put(t, user);
	pad_to(t, t->size + 8 - strlen(user));
	put(t, ") GROUP(STAFF   ) NAME(");
	put(t, user);
	put_serial(g, t);
	put(t, ")");
	put_connector(g, r, connector);
	t = add_minor(g, r, 'D', connector, "00000090");
	put(t, "  ");
	put(t, dataset);
	put(t, " CL(DATASET ) VOL(PRD001)");
	end_minor(g, r);
	t = add_minor(g, r, 'D', connector, "00000090");
	put(t, "  INSUFFICIENT ACCESS AUTHORITY");
	end_minor(g, r);
	t = add_minor(g, r, 'D', connector, "00000090");
	put(t, "  FROM PAYROLL.** (G)");
	end_minor(g, r);
	t = add_minor(g, r, 'E', connector, "00000090");
	put(t, "  ACCESS INTENT(UPDATE )  ACCESS ALLOWED(READ   )");
	end_minor(g, r);
}

static void staging_data_set(struct generator *g, struct record *r, unsigned system)
{
	unsigned connector = next_connector(g, system);
	struct text *t = start_record(g, r, system, "M ", "0000000", "", "00000290", " ");

	put(t, "IXG283I STAGING DATASET IXGLOGR.HZS.HEALTH.PLEX");
	put_serial(g, t);
	put_connector(g, r, connector);
	t = add_minor(g, r, 'D', connector, "00000290");
	put(t, "ALLOCATED NEW FOR LOGSTREAM HZS.HEALTH.CHECKER.HISTORY");
	end_minor(g, r);
	t = add_minor(g, r, 'E', connector, "00000290");
	put(t, "CISIZE=4KB, SIZE=250MB,");
	put_number(t, random_below(g, 1000), 3);
	put(t, "KB");
	end_minor(g, r);
}

static void request_completed(struct generator *g, struct record *r, unsigned system)
{
	unsigned connector = next_connector(g, system);
	char ident[9];
	struct text *t = start_record(g, r, system, "M ", "0000000", job_ident(g, "STC", ident), "00000090", " ");

	put(t, "HZS0344I THE LOGGER REQUEST HAS COMPLETED.");
	put_serial(g, t);
	put_connector(g, r, connector);
	t = add_minor(g, r, 'E', connector, "00000090");
	put(t, "LOG STREAM HZS.HEALTH.CHECKER.HISTORY IS CONNECTED");
	end_minor(g, r);
}

static void db2_start(struct generator *g, struct record *r, unsigned system)
{
	unsigned connector = next_connector(g, system);
	char ident[9];
	struct text *t = start_record(g, r, system, "M ", "0000000", job_ident(g, "STC", ident), "00000090", " ");

	put(t, "DSNL004I  -DB2P DDF START COMPLETE");
	put_serial(g, t);
	put_connector(g, r, connector);
	t = add_minor(g, r, 'D', connector, "00000090");
	put(t, "          LOCATION  DB2PLOC");
	end_minor(g, r);
	t = add_minor(g, r, 'D', connector, "00000090");
	put(t, "          LU        NETA.DB2PLU");
	end_minor(g, r);
	t = add_minor(g, r, 'E', connector, "00000090");
	put(t, "          TCPPORT   446");
	end_minor(g, r);
}

static void display_active(struct generator *g, struct record *r, unsigned system)
{
	unsigned connector = next_connector(g, system);
	unsigned rows = 1 + random_below(g, g->options.interleave ? 3 : 10);
	struct text *t = start_record(g, r, system, "MR", "0000000", PICK(g, consoles), "00000090", " ");

	put(t, "IEE114I 08.14.22 2026.061 ACTIVITY");
	put_serial(g, t);
	put_connector(g, r, connector);
	t = add_minor(g, r, 'L', connector, "00000090");
	put(t, " JOBS     M/S    TS USERS    SYSAS    INITS   ACTIVE/MAX VTAM");
	end_minor(g, r);
	for (unsigned i = 0; i < rows; i++) {
		const char *name = PICK(g, jobs);

		t = add_minor(g, r, i + 1 == rows ? 'E' : 'D', connector, "00000090");
		put(t, "  ");
		put(t, name);
		pad_to(t, t->size + 9 - strlen(name));
		put(t, name);
		put(t, " IEFPROC  NSW  S   A=00");
		put_number(t, random_below(g, 100), 2);
		put(t, "   PER=NO   SMC=000");
		end_minor(g, r);
	}
}

static void heading(struct generator *g, struct record *r, unsigned system)
{
	struct text *t = &r->lines[0];

	(void)system;
	*r = (struct record){.count = 1, .unit = 1};
	put(t, "1     SDSF  SYSLOG  PRINT  SYSLOG    DATA SET");
	put_serial(g, t);
	add_body(r, t->data, t->size);
}

static const struct {
	void (*make)(struct generator *g, struct record *r, unsigned system);
	unsigned weight;
} mix[] = {
        {job_start, 16},
        {job_end, 15},
        {job_messages, 22},
        {wrapped, 14},
        {cics, 10},
        {tso_logon, 5},
        {command, 4},
        {response, 3},
        {jes_shortage, 2},
        {job_abend, 2},
        {reply_wanted, 1},
        {log_entry, 1},
        {continued, 3},
        {access_violation, 3},
        {staging_data_set, 3},
        {request_completed, 3},
        {db2_start, 2},
        {display_active, 2},
};

static void write_expected(struct generator *g, const struct record *r)
{
	uint8_t *at = reserve(&g->expect, sizeof(r->body) * 2);
	size_t size = 0;

	for (size_t i = 0; i < r->body_size; i++) {
		char c = r->body[i];

		if (c == '\n' || c == '\\') {
			at[size++] = '\\';
			c = c == '\n' ? 'n' : '\\';
		}
		at[size++] = (uint8_t)c;
	}
	at[size++] = '\n';
	g->expect.size += size;
}

static void make_record(struct generator *g, unsigned system)
{
	struct record *r = &g->records[system];
	unsigned total = 0, pick;
	size_t i = 0;

	/* A busy system writes some hundred lines a second in bursts, and pauses. */
	if (!random_below(g, 20))
		g->clock += random_below(g, 60);
	else if (!random_below(g, 3))
		g->clock++;
	if (g->options.noise && !random_below(g, 60)) {
		heading(g, r, system);
		return;
	}
	for (size_t m = 0; m < sizeof(mix) / sizeof(*mix); m++)
		total += mix[m].weight;
	pick = random_below(g, total);
	while (pick >= mix[i].weight)
		pick -= mix[i++].weight;
	mix[i].make(g, r, system);
}

/* ---- the run -------------------------------------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Paced writing: what is due by now is written in whole records, fifty times a second. */
static void pace(struct generator *g, uint64_t started, uint64_t made)
{
	uint64_t due = started + (uint64_t)((double)made * 1e9 / (double)g->options.rate);
	uint64_t now = now_ns();
	struct timespec ts;

	if (now >= due)
		return;
	flush(&g->out);
	if (g->options.expect)
		flush(&g->expect);
	if (due - now < 20000000u)
		due = now + 20000000u;
	ts = (struct timespec){.tv_sec = (time_t)((due - now) / 1000000000u), .tv_nsec = (long)((due - now) % 1000000000u)};
	nanosleep(&ts, NULL);
}

static void run(struct generator *g)
{
	uint64_t started = now_ns();
	uint64_t made = 0;
	unsigned open = 0;

	while (made < g->options.records || open) {
		unsigned system = random_below(g, g->options.systems);
		struct record *r = &g->records[system];
		size_t lines;

		if (r->next == r->count) {
			if (made == g->options.records)
				continue; /* the others' lines are still to be written */
			if (g->options.rate)
				pace(g, started, made);
			make_record(g, system);
			made++;
			open++;
			if (g->options.expect)
				write_expected(g, r);
		}
		lines = !g->options.interleave ? r->count : r->next ? 1 : r->unit;
		while (lines--)
			write_line(g, &r->lines[r->next++]);
		open -= r->next == r->count;
	}
	flush(&g->out);
	if (g->options.expect)
		flush(&g->expect);
}

static const char usage[] =
        "usage: zosgen [--records N] [--systems 1..16] [--seed S] [--serial FIRST] [--framing line|rdw] [--encoding "
        "UTF-8|IBM-037|IBM-1047]\n"
        "              [--year 2|4] [--asa] [--interleave] [--noise] [--rate PER_SECOND] [--start YYYY-MM-DDThh:mm:ss] "
        "[--append]\n"
        "              [-o FILE] [--expect FILE]\n"
        "Writes a z/OS SYSLOG. --expect gets each record's text as a line, newline as \\n and backslash as \\\\.\n"
        "--interleave mixes the lines of messages of several systems, --noise adds page headings. The same options give the same "
        "bytes.\n";

static uint64_t number(const char *name, const char *value)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (!*value || *end || errno || *value == '-')
		die(name, "expected a number");
	return n;
}

static int choice(const char *name, const char *value, const char *const *choices)
{
	for (int i = 0; choices[i]; i++)
		if (!strcmp(value, choices[i]))
			return i;
	die(name, "not one of the choices");
	return -1;
}

static int64_t start_time(const char *value)
{
	struct tm tm = {0};
	time_t t;

	if (sscanf(value, "%d-%d-%dT%d:%d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		die("--start", "expected YYYY-MM-DDThh:mm:ss");
	/* Days since 1970 by counting: timegm is no POSIX function. */
	static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	int leap = tm.tm_year % 4 == 0 && (tm.tm_year % 100 != 0 || tm.tm_year % 400 == 0);

	if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12)
		die("--start", "expected YYYY-MM-DDThh:mm:ss");
	t = (tm.tm_year - 1970) * 365 + (tm.tm_year - 1969) / 4 - (tm.tm_year - 1901) / 100 + (tm.tm_year - 1601) / 400;
	t += before[tm.tm_mon - 1] + (tm.tm_mon > 2 ? leap : 0) + tm.tm_mday - 1;
	return t * 86400 + tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
}

/* Options without a value; false when `name` is none. */
static bool read_flag(struct options *o, const char *name)
{
	if (!strcmp(name, "--asa"))
		o->asa = true;
	else if (!strcmp(name, "--interleave"))
		o->interleave = true;
	else if (!strcmp(name, "--noise"))
		o->noise = true;
	else if (!strcmp(name, "--append"))
		o->append = true;
	else
		return false;
	return true;
}

static void read_option(struct options *o, const char *name, const char *value)
{
	static const char *const framings[] = {"line", "rdw", NULL};
	static const char *const encodings[] = {"UTF-8", "IBM-037", "IBM-1047", NULL};
	static const char *const years[] = {"2", "4", NULL};

	if (!value)
		die(name, "a value is missing");
	if (!strcmp(name, "--records"))
		o->records = number(name, value);
	else if (!strcmp(name, "--systems"))
		o->systems = (unsigned)number(name, value);
	else if (!strcmp(name, "--seed"))
		o->seed = number(name, value);
	else if (!strcmp(name, "--serial"))
		o->serial = number(name, value);
	else if (!strcmp(name, "--rate"))
		o->rate = number(name, value);
	else if (!strcmp(name, "--framing"))
		o->rdw = choice(name, value, framings);
	else if (!strcmp(name, "--encoding"))
		o->encoding = choice(name, value, encodings);
	else if (!strcmp(name, "--year"))
		o->year4 = choice(name, value, years);
	else if (!strcmp(name, "--start"))
		o->start = start_time(value);
	else if (!strcmp(name, "--expect"))
		o->expect = value;
	else if (!strcmp(name, "-o"))
		o->path = value;
	else
		die(name, "unknown option");
}

static void open_out(struct out *out, const char *path, bool append)
{
	out->path = path ? path : "standard output";
	out->fd = path ? open(path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), 0644) : 1;
	if (out->fd < 0)
		die(path, strerror(errno));
}

int main(int argc, char **argv)
{
	static struct generator g;

	g.options = (struct options){.records = 1000, .systems = 3, .seed = 1, .start = 1772431200}; /* 2026-03-02T06:00:00 */
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			fputs(usage, stdout);
			return 0;
		}
		if (read_flag(&g.options, argv[i]))
			continue;
		read_option(&g.options, argv[i], argv[i + 1]);
		i++;
	}
	if (g.options.systems < 1 || g.options.systems > SYSTEMS_MAX)
		die("--systems", "expected 1 to 16");
	g.random = g.options.seed * UINT64_C(0x9e3779b97f4a7c15) + 0x1234567;
	g.serial = g.options.serial;
	g.clock = g.options.start * 100;
	make_table(g.options.encoding);
	open_out(&g.out, g.options.path, g.options.append);
	if (g.options.expect)
		open_out(&g.expect, g.options.expect, g.options.append);
	run(&g);
	if ((g.options.path && close(g.out.fd)) || (g.options.expect && close(g.expect.fd)))
		die("close", strerror(errno));
	return 0;
}
