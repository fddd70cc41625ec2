#include "parser/zos_message.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/wire.h"

/* Messages whose type code says too little or too much. Sorted by id. */
static const struct {
	const char id[12];
	uint8_t severity;
} builtin[] = {
        {"$HASP050", LG_WARN},  /* JES2 resource shortage */
        {"$HASP085", LG_CRIT},  /* JES2 terminated */
        {"$HASP088", LG_ERR},   /* JES2 abend analysis */
        {"$HASP095", LG_CRIT},  /* JES2 catastrophic error */
        {"$HASP355", LG_WARN},  /* spool volumes are full */
        {"$HASP375", LG_WARN},  /* estimate exceeded */
        {"CNZ4201E", LG_ALERT}, /* SYSLOG has failed */
        {"CSV028I", LG_ERR},    /* abend 306 for a module */
        {"DFHSR0001", LG_ERR},  /* storage violation abend */
        {"ICH408I", LG_WARN},   /* access violation */
        {"ICH409I", LG_ERR},    /* abend in RACF */
        {"ICH420I", LG_WARN},   /* program lost its controlled environment */
        {"ICH430I", LG_WARN},   /* environment not controlled */
        {"IEA404A", LG_ALERT},  /* severe WTO buffer shortage */
        {"IEA405E", LG_WARN},   /* WTO buffer shortage */
        {"IEA794I", LG_WARN},   /* SVC dump captured */
        {"IEA911E", LG_WARN},   /* complete or partial dump taken */
        {"IEA995I", LG_ERR},    /* symptom dump */
        {"IEC030I", LG_ERR},    /* B37: out of space */
        {"IEC031I", LG_ERR},    /* D37 */
        {"IEC032I", LG_ERR},    /* E37 */
        {"IEC070I", LG_ERR},    /* VSAM could not extend */
        {"IEC141I", LG_ERR},    /* 013: open failed */
        {"IEC150I", LG_ERR},    /* 913: protected data set */
        {"IEC161I", LG_WARN},   /* VSAM open: error or warning */
        {"IEC331I", LG_ERR},    /* catalog error */
        {"IEC501A", LG_NOTE},   /* mount a volume */
        {"IEF233A", LG_NOTE},   /* mount a volume */
        {"IEF450I", LG_ERR},    /* job abended */
        {"IEF451I", LG_ERR},    /* ended by condition code */
        {"IEF452I", LG_ERR},    /* not run: JCL error */
        {"IEF453I", LG_ERR},    /* failed: JCL error */
        {"IEF472I", LG_ERR},    /* step completion code of an abend */
        {"IEF861I", LG_NOTE},   /* waiting for data sets */
        {"IEF863I", LG_NOTE},   /* data set in use by another job */
        {"IOS000I", LG_ERR},    /* I/O error */
        {"IOS071I", LG_WARN},   /* missing interrupt */
        {"IOS102I", LG_ERR},    /* device boxed */
        {"IOS450E", LG_ERR},    /* channel path not operational */
        {"IST663I", LG_NOTE},   /* VTAM request failed */
        {"IXC101I", LG_WARN},   /* system leaves the sysplex */
        {"IXC105I", LG_WARN},   /* partitioning has completed */
        {"TSS7100E", LG_WARN},  /* job or logon refused */
        {"TSS7250E", LG_WARN},  /* access denied */
};

/* Families of security products whose informational messages report refusals. */
static const struct {
	const char prefix[8];
	uint8_t size;
	uint8_t severity;
} families[] = {
        {"ACF01", 5, LG_WARN}, /* CA ACF2: logon refused */
        {"ACF99", 5, LG_WARN}, /* CA ACF2: access violation */
        {"IRR0", 4, LG_WARN},  /* RACF */
};

static const char *const names[][3] = {
        [LG_EMERG] = {"emergency", "emerg", "0"},
        [LG_ALERT] = {"alert", "alert", "1"},
        [LG_CRIT] = {"critical", "crit", "2"},
        [LG_ERR] = {"error", "err", "3"},
        [LG_WARN] = {"warning", "warn", "4"},
        [LG_NOTE] = {"notice", "note", "5"},
        [LG_INFORM] = {"informational", "info", "6"},
        [LG_DEBUGGING] = {"debug", "debug", "7"},
};

static int severity_by_name(const char *name)
{
	for (int i = LG_EMERG; i <= LG_DEBUGGING; i++)
		for (int j = 0; j < 3; j++)
			if (!strcmp(name, names[i][j]))
				return i;
	return -1;
}

enum lg_rc zos_severities_init(struct zos_severities *table, const struct lg_strings *pairs, struct lg_err *err)
{
	*table = (struct zos_severities){0};
	if (pairs->count < 2)
		return LG_OK;
	table->rules = mem_zalloc(pairs->count / 2 * sizeof(*table->rules));
	for (size_t i = 0; i + 1 < pairs->count; i += 2) {
		struct zos_severity_rule *rule = &table->rules[table->count++];
		int severity = severity_by_name(pairs->items[i + 1]);

		if (severity < 0) {
			zos_severities_fini(table);
			return lg_err_set(err, LG_INVALID,
			        "severity: %s: %s: expected one of emergency, alert, critical, error, warning, notice, "
			        "informational, debug",
			        pairs->items[i], pairs->items[i + 1]);
		}
		rule->pattern = lg_str_from(pairs->items[i]);
		rule->is_pattern = strpbrk(pairs->items[i], "*?") != NULL;
		rule->severity = (uint8_t)severity;
	}
	return LG_OK;
}

void zos_severities_fini(struct zos_severities *table)
{
	free(table->rules);
	*table = (struct zos_severities){0};
}

static bool operator_severity(const struct zos_severities *table, struct lg_str id, uint8_t *severity)
{
	for (int patterns = 0; patterns < 2; patterns++) {
		for (size_t i = 0; i < table->count; i++) {
			const struct zos_severity_rule *rule = &table->rules[i];

			if (rule->is_pattern != patterns)
				continue;
			if (patterns ? text_glob(rule->pattern, id) : lg_str_equal(rule->pattern, id)) {
				*severity = rule->severity;
				return true;
			}
		}
	}
	return false;
}

/* The order of an id, with its key, and one of the table. */
static int compare_id(struct lg_str id, uint64_t key, const char other[12])
{
	uint64_t other_key = wire_get_u64((const uint8_t *)other);
	size_t rest = id.size > 8 ? id.size - 8 : 0, other_rest;
	int order;

	if (key != other_key)
		return key < other_key ? -1 : 1;
	other_rest = strnlen(other + 8, 4);
	order = memcmp(id.data + (id.size - rest), other + 8, rest < other_rest ? rest : other_rest);
	return order ? order : (rest > other_rest) - (rest < other_rest);
}

static bool builtin_severity(struct lg_str id, uint8_t *severity)
{
	size_t low = 0, high = sizeof(builtin) / sizeof(*builtin);
	uint64_t key = zos_id_key(id);

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare_id(id, key, builtin[middle].id);

		if (!order) {
			*severity = builtin[middle].severity;
			return true;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		size_t size = families[i].size;
		uint64_t differ = key ^ wire_get_u64((const uint8_t *)families[i].prefix);

		if (id.size > size && !(differ >> (64 - 8 * size))) {
			*severity = families[i].severity;
			return true;
		}
	}
	return false;
}

/* The type code at the end of the id: z/OS MVS System Messages, "Format of the message body"; S and T as compilers and products
 * use them. */
static uint8_t type_code_severity(char code)
{
	switch (code) {
	case 'A':
		return LG_ALERT;
	case 'S':
	case 'T':
		return LG_CRIT;
	case 'E':
		return LG_ERR;
	case 'D':
	case 'W':
		return LG_WARN;
	default:
		return LG_INFORM;
	}
}

uint8_t zos_severity(const struct zos_severities *table, struct lg_str message_id, bool waiting)
{
	uint8_t severity = LG_INFORM;

	if (message_id.size) {
		if (table->count && operator_severity(table, message_id, &severity))
			return severity;
		if (!builtin_severity(message_id, &severity))
			severity = type_code_severity(message_id.data[message_id.size - 1]);
	}
	return waiting && severity > LG_WARN ? LG_WARN : severity;
}
