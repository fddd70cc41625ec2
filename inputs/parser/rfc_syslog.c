/* Parser `rfc-syslog`: RFC 5424, RFC 3164 as it is found, and anything else kept whole. */
#include <stdlib.h>
#include <string.h>

#include "parser/parsers.h"
#include "parser/rfc_syslog.h"

struct rfc_conf {
	char *timezone;
};

struct rfc_state {
	const struct rfc_conf *conf;
	struct tz *tz; /* NULL: UTC */
};

/* What a header said. Strings are borrowed from the line; "-" and what is not there are empty. */
struct rfc_header {
	int priority, version;
	struct rfc_time time;
	struct lg_str hostname, appname, procid, msgid, sd, body;
};

bool rfc_token(struct rfc_cursor *c, struct lg_str *token)
{
	const char *space = memchr(c->at, ' ', (size_t)(c->end - c->at)), *end = space ? space : c->end;

	*token = (struct lg_str){c->at, (size_t)(end - c->at)};
	c->at = end;
	return token->size > 0;
}

/* RFC 5424 section 6.2.1: 0..191, without leading zeros. */
static bool priority(struct rfc_cursor *c, int *value)
{
	const char *from;

	if (!rfc_skip(c, '<'))
		return false;
	from = c->at;
	return rfc_number(c, 3, value) && *value <= 191 && (*from != '0' || c->at - from == 1) && rfc_skip(c, '>');
}

/* ---- RFC 5424 ---- */

static bool sd_name(struct rfc_cursor *c)
{
	const char *from = c->at;

	while (c->at < c->end && (uint8_t)*c->at > ' ' && *c->at != '=' && *c->at != ']' && *c->at != '"')
		c->at++;
	return c->at > from;
}

/* Senders forget to escape ] inside a value; the closing quote alone ends it. */
static bool sd_value(struct rfc_cursor *c)
{
	if (!rfc_skip(c, '"'))
		return false;
	for (; c->at < c->end; c->at++) {
		if (*c->at == '"') {
			c->at++;
			return true;
		}
		if (*c->at == '\\' && c->at + 1 < c->end)
			c->at++;
	}
	return false;
}

bool rfc_structured_data(struct rfc_cursor *c, struct lg_str *sd)
{
	const char *from = c->at;

	while (rfc_skip(c, '[')) {
		if (!sd_name(c))
			return false;
		while (!rfc_skip(c, ']'))
			if (!rfc_skip(c, ' ') || !sd_name(c) || !rfc_skip(c, '=') || !sd_value(c))
				return false;
	}
	*sd = (struct lg_str){from, (size_t)(c->at - from)};
	return sd->size > 0;
}

static bool field_5424(struct rfc_cursor *c, struct lg_str *field)
{
	if (!rfc_skip(c, ' ') || !rfc_token(c, field))
		return false;
	if (lg_str_is(*field, "-"))
		field->size = 0;
	return true;
}

/* Behind the PRI: VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID SP STRUCTURED-DATA [SP MSG]. Lengths are not
 * enforced: a program's name of 60 bytes is still its name. */
static bool parse_5424(struct rfc_cursor c, struct rfc_header *h)
{
	if (!rfc_skip(&c, '1') || !rfc_skip(&c, ' ') || !rfc_time_5424(&c, &h->time) || !field_5424(&c, &h->hostname) ||
	        !field_5424(&c, &h->appname) || !field_5424(&c, &h->procid) || !field_5424(&c, &h->msgid) || !rfc_skip(&c, ' '))
		return false;
	if (!rfc_skip(&c, '-') && !rfc_structured_data(&c, &h->sd))
		return false;
	if (c.at < c.end && !rfc_skip(&c, ' '))
		return false;
	if (c.end - c.at >= 3 && !memcmp(c.at, "\xef\xbb\xbf", 3))
		c.at += 3; /* section 6.4: the BOM says UTF-8, it is not text */
	h->version = 1;
	h->body = (struct lg_str){c.at, (size_t)(c.end - c.at)};
	return true;
}

/* ---- RFC 3164 ---- */

/* TAG[pid]: or TAG: and one space; the cursor moves behind it. */
static bool tag(struct rfc_cursor *c, struct rfc_header *h)
{
	struct rfc_cursor probe = *c;
	struct lg_str name, pid = {NULL, 0};
	const char *from = probe.at;

	while (probe.at < probe.end && (uint8_t)*probe.at > ' ' && *probe.at != ':' && *probe.at != '[')
		probe.at++;
	name = (struct lg_str){from, (size_t)(probe.at - from)};
	if (!name.size)
		return false;
	if (rfc_skip(&probe, '[')) {
		from = probe.at;
		while (probe.at < probe.end && (uint8_t)*probe.at > ' ' && *probe.at != ']')
			probe.at++;
		pid = (struct lg_str){from, (size_t)(probe.at - from)};
		if (!rfc_skip(&probe, ']'))
			return false;
	}
	if (!rfc_skip(&probe, ':'))
		return false;
	/* "10::1" or "a:b" is no tag: what follows the colon is a space or nothing. */
	if (probe.at < probe.end && !rfc_skip(&probe, ' '))
		return false;
	h->appname = name;
	h->procid = pid;
	*c = probe;
	return true;
}

/* Behind the PRI: TIMESTAMP SP [HOSTNAME SP] [TAG[PID]: ] CONTENT. */
static bool parse_3164(struct rfc_cursor c, const struct rfc_state *s, int64_t received_ns, struct rfc_header *h)
{
	if (!rfc_time_3164(&c, s->tz, received_ns, &h->time))
		return false;
	rfc_skip(&c, ':'); /* Cisco */
	if (!rfc_skip(&c, ' '))
		return false;
	if (!tag(&c, h)) {
		struct rfc_cursor host = c;

		if (!rfc_token(&host, &h->hostname) || !rfc_skip(&host, ' ')) {
			h->hostname.size = 0;
		} else {
			c = host;
			tag(&c, h);
		}
	}
	h->body = (struct lg_str){c.at, (size_t)(c.end - c.at)};
	return true;
}

/* ---- the parser ---- */

static enum lg_rc rfc_init(void *state, const void *conf, struct lg_err *err)
{
	struct rfc_state *s = state;

	s->conf = conf;
	if (!strcmp(s->conf->timezone, "UTC"))
		return LG_OK; /* the default must not need the system's zone files */
	return tz_open(&s->tz, s->conf->timezone, err);
}

static void rfc_fini(void *state)
{
	struct rfc_state *s = state;

	tz_free(s->tz);
}

static void set_priority(struct lg_draft *draft, int priority_value)
{
	draft->severity = (uint8_t)(priority_value % 8);
	draft->facility = (uint8_t)(priority_value / 8);
	lg_draft_number(draft, LG_F_SYSLOG_PRIORITY, priority_value);
	lg_draft_number(draft, LG_F_SYSLOG_SEVERITY, draft->severity);
	lg_draft_number(draft, LG_F_SYSLOG_FACILITY, draft->facility);
}

static void set_header(struct lg_draft *draft, const struct rfc_header *h, const struct rfc_state *s)
{
	draft->body = h->body;
	draft->time_ns = h->time.utc_ns;
	if (h->version)
		lg_draft_number(draft, LG_F_SYSLOG_VERSION, h->version);
	lg_draft_string(draft, LG_F_HOST_NAME, h->hostname);
	lg_draft_string(draft, LG_F_SYSLOG_HOSTNAME, h->hostname);
	lg_draft_string(draft, LG_F_SYSLOG_APPNAME, h->appname);
	lg_draft_string(draft, LG_F_SYSLOG_PROCID, h->procid);
	lg_draft_string(draft, LG_F_SYSLOG_MSGID, h->msgid);
	lg_draft_string(draft, LG_F_SYSLOG_STRUCTURED_DATA, h->sd);
	lg_draft_string(draft, LG_F_TIME_TEXT, h->time.text);
	if (h->time.local)
		lg_draft_string(draft, LG_F_EVENT_TIMEZONE, lg_str_from(s->conf->timezone));
	if (h->time.ambiguous)
		lg_draft_bool(draft, LG_F_TIME_AMBIGUOUS, true);
}

static void rfc_line(void *state, const struct lg_line *line, struct lg_sink *sink)
{
	const struct rfc_state *s = state;
	struct rfc_cursor c = {line->text.data, line->text.data + line->text.size};
	struct parser_scratch scratch;
	struct rfc_header h = {0};
	struct lg_draft draft;

	lg_draft_reset(&draft);
	draft.received_ns = line->received_ns;
	draft.body = line->text;
	/* The second part of a message that was too long has no header, whatever its text looks like. */
	if (line->part <= 1 && priority(&c, &h.priority)) {
		struct rfc_header plain = h;

		set_priority(&draft, h.priority);
		if (parse_5424(c, &h))
			set_header(&draft, &h, s);
		else if (parse_3164(c, s, line->received_ns, &plain))
			set_header(&draft, &plain, s);
	}
	parser_mark_line(&draft, line, &scratch);
	sink->emit(sink, &draft);
}

static const struct lg_option options[] = {
	{.name = "timezone", .type = LG_OPT_TIMEZONE, .offset = offsetof(struct rfc_conf, timezone), .fallback = "UTC",
	 .doc = "Zone of time stamps that name none (RFC 3164)."},
	LG_OPTION_END};

static const unsigned fields[] = {
	LG_F_SYSLOG_PRIORITY, LG_F_SYSLOG_SEVERITY, LG_F_SYSLOG_FACILITY, LG_F_SYSLOG_VERSION, LG_F_HOST_NAME,
	LG_F_SYSLOG_HOSTNAME, LG_F_SYSLOG_APPNAME, LG_F_SYSLOG_PROCID, LG_F_SYSLOG_MSGID, LG_F_SYSLOG_STRUCTURED_DATA,
	LG_F_TIME_TEXT, LG_F_EVENT_TIMEZONE, LG_F_TIME_AMBIGUOUS, LG_F_LOG_OFFSET, LG_F_TRUNCATED, LG_F_PART, LG_F_ZOS_CARRIAGE_CONTROL, 0};

const struct lg_parser rfc_syslog_parser = {
	.name = "rfc-syslog",
	.doc = "Syslog messages of RFC 5424 and RFC 3164; what is neither is kept whole.",
	.options = options,
	.conf_size = sizeof(struct rfc_conf),
	.fields = fields,
	.state_size = sizeof(struct rfc_state),
	.init = rfc_init,
	.line = rfc_line,
	.fini = rfc_fini,
};
