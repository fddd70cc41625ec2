/* One queue: get under syncpoint, emit, commit when it is durable; poison. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input_ibmmq/ibmmq.h"

#define SECOND_NS INT64_C(1000000000)
#define STAMP 16                  /* put date and time in front of the data: they belong to what a message is known by */
#define ROOM_FIRST 65536
#define WINDOW_BATCHES 4
#define WINDOW_LEAST 10000
#define HOLD_NS SECOND_NS         /* a unit of work that is older takes no more messages: it is committed soon */
#define SOON_NS (SECOND_NS / 50)  /* an empty queue while a unit of work is open */

/* ---- records ---- */

static const struct {
	struct lg_str name;
	size_t at, size;
} md_chars[] = {
#define CHARS(text, member) {LG_STR(text), offsetof(struct mqmd, member), sizeof(((struct mqmd *)0)->member)}
	CHARS("mq.put_date", PutDate), CHARS("mq.put_time", PutTime), CHARS("mq.user", UserIdentifier), CHARS("mq.appl_name", PutApplName),
	CHARS("mq.reply_to_queue", ReplyToQ), CHARS("mq.reply_to_queue_manager", ReplyToQMgr), CHARS("mq.appl_identity", ApplIdentityData),
	CHARS("mq.appl_origin", ApplOriginData),
};

static const struct {
	struct lg_str name;
	size_t at;
	bool always;
} md_numbers[] = {
#define NUMBER(text, member, always) {LG_STR(text), offsetof(struct mqmd, member), always}
	NUMBER("mq.persistence", Persistence, true), NUMBER("mq.priority", Priority, true), NUMBER("mq.msg_type", MsgType, false),
	NUMBER("mq.appl_type", PutApplType, false), NUMBER("mq.backout_count", BackoutCount, false), NUMBER("mq.feedback", Feedback, false),
};

#define MD_CHARS (sizeof(md_chars) / sizeof(md_chars[0]))
#define MD_NUMBERS (sizeof(md_numbers) / sizeof(md_numbers[0]))

/* What the fields of one record borrow from while it is emitted. */
struct texts {
	char chars[MD_CHARS][49], numbers[MD_NUMBERS][16], format[9], correl[49], group[49], sequence[16], ccsid[16], encoding[16], left_out[24];
};

static struct lg_str number_text(char text[16], int32_t number)
{
	return (struct lg_str){text, (size_t)snprintf(text, 16, "%d", number)};
}

/* Empty where all of them are zero. */
static struct lg_str hex(const uint8_t *bytes, char text[49])
{
	bool any = false;

	for (size_t i = 0; i < 24; i++) {
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
		any |= bytes[i] != 0;
	}
	return (struct lg_str){text, any ? 48 : 0};
}

static void add_descriptor(const struct ibmmq_queue *q, struct lg_draft *draft, struct texts *t)
{
	const struct mqmd *md = &q->md;

	for (size_t i = 0; i < MD_CHARS; i++) {
		struct lg_str text = ibmmq_text((const char *)md + md_chars[i].at, md_chars[i].size, t->chars[i]);

		if (text.size)
			lg_draft_custom(draft, md_chars[i].name, text);
	}
	for (size_t i = 0; i < MD_NUMBERS; i++) {
		int32_t number;

		memcpy(&number, (const char *)md + md_numbers[i].at, sizeof(number));
		if (number || md_numbers[i].always)
			lg_draft_custom(draft, md_numbers[i].name, number_text(t->numbers[i], number));
	}
	if (hex(md->GroupId, t->group).size) {
		lg_draft_custom(draft, LG_STR("mq.group_id"), (struct lg_str){t->group, 48});
		lg_draft_custom(draft, LG_STR("mq.sequence_number"), number_text(t->sequence, md->MsgSeqNumber));
	}
}

static void add_fields(const struct ibmmq_queue *q, struct lg_draft *draft, struct texts *t)
{
	const struct ibmmq_body *parts = &q->parts;
	struct lg_str format = ibmmq_text(parts->format, 8, t->format);

	lg_draft_string(draft, LG_F_MESSAGE_ID, lg_str_from(q->id));
	lg_draft_string(draft, LG_F_MESSAGE_CONVERSATION_ID, hex(q->md.CorrelId, t->correl));
	if (q->md.BackoutCount > 0)
		lg_draft_bool(draft, LG_F_REDELIVERED, true);
	if (q->undecodable)
		lg_draft_bool(draft, LG_F_UNDECODABLE, true);
	if (q->cut)
		lg_draft_bool(draft, LG_F_TRUNCATED, true);
	if (format.size)
		lg_draft_custom(draft, LG_STR("mq.format"), format);
	lg_draft_custom(draft, LG_STR("mq.ccsid"), number_text(t->ccsid, parts->ccsid));
	lg_draft_custom(draft, LG_STR("mq.encoding"), number_text(t->encoding, parts->encoding));
	add_descriptor(q, draft, t);
	for (size_t i = 0; i < parts->field_count; i++)
		lg_draft_custom(draft, parts->fields[i].name, parts->fields[i].text);
	if (parts->left_out)
		lg_draft_custom(draft, LG_STR("mq.fields_left_out"),
		                (struct lg_str){t->left_out, (size_t)snprintf(t->left_out, sizeof(t->left_out), "%zu", parts->left_out)});
}

static bool digits(const char *text, size_t count, int64_t *number)
{
	for (*number = 0; count; count--, text++) {
		if (*text < '0' || *text > '9')
			return false;
		*number = 10 * *number + (*text - '0');
	}
	return true;
}

/* PutDate YYYYMMDD and PutTime HHMMSSTH, GMT (MQMD). */
static int64_t put_time(const struct mqmd *md)
{
	int64_t year, month, day, hour, minute, second, hundredths, era, of_era, days;

	if (!digits(md->PutDate, 4, &year) || !digits(md->PutDate + 4, 2, &month) || !digits(md->PutDate + 6, 2, &day) ||
	    !digits(md->PutTime, 2, &hour) || !digits(md->PutTime + 2, 2, &minute) || !digits(md->PutTime + 4, 2, &second) ||
	    !digits(md->PutTime + 6, 2, &hundredths) || year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
		return LG_TIME_UNKNOWN;
	year -= month <= 2; /* the year begins in March: the leap day is its last */
	era = year / 400;
	of_era = year % 400;
	days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1 - 719468;
	return (((days * 24 + hour) * 60 + minute) * 60 + second) * SECOND_NS + hundredths * (SECOND_NS / 100);
}

static void emit(struct lg_sink *sink, struct lg_draft *draft)
{
	struct ibmmq_queue *q = (struct ibmmq_queue *)sink;
	struct texts texts;

	add_fields(q, draft, &texts);
	if (draft->time_ns == LG_TIME_UNKNOWN)
		draft->time_ns = put_time(&q->md);
	q->emitted++;
	lg_emit(q->mq->host, draft, q->origin);
}

/* ---- life ---- */

static enum lg_rc add_way(struct ibmmq_queue *q, const char *encoding, struct lg_err *err)
{
	struct ibmmq_way *way = &q->ways[q->way_count];
	const struct ibmmq_conf *conf = q->mq->conf;
	enum lg_rc rc;

	way->encoding = encoding;
	way->conf = conf->stream;
	way->conf.encoding = (char *)encoding;
	rc = lg_body_new(&way->body, &way->conf, conf->framed, &q->sink, err);
	q->way_count += rc == LG_OK;
	return rc;
}

/* The configured one where there is no room for another or the codec has no such encoding here (iconv). */
static struct lg_body *way_for(struct ibmmq_queue *q, const char *encoding, bool *found)
{
	struct lg_err err;

	*found = true;
	for (size_t i = 0; i < q->way_count; i++)
		if (strcmp(q->ways[i].encoding, encoding) == 0)
			return q->ways[i].body;
	*found = q->way_count < IBMMQ_WAYS && add_way(q, encoding, &err) == LG_OK;
	return *found ? q->ways[q->way_count - 1].body : q->ways[0].body;
}

enum lg_rc ibmmq_queue_open(struct ibmmq_queue *q, struct ibmmq *mq, const char *name, struct lg_err *err)
{
	const struct ibmmq_conf *conf = mq->conf;
	size_t window = WINDOW_BATCHES * (size_t)conf->batch;
	struct lg_draft shared;

	q->sink.emit = emit;
	q->mq = mq;
	q->name = name;
	q->batch = conf->batch;
	q->room = conf->max_message_size < ROOM_FIRST ? (size_t)conf->max_message_size : ROOM_FIRST;
	q->window = lg_window_new(mq->host, lg_str_from(name), window > WINDOW_LEAST ? window : WINDOW_LEAST);
	lg_draft_reset(&shared);
	lg_draft_string(&shared, LG_F_MESSAGING_SYSTEM, LG_STR("ibmmq"));
	lg_draft_string(&shared, LG_F_MESSAGING_DESTINATION, lg_str_from(name));
	if (conf->queue_manager)
		lg_draft_custom(&shared, LG_STR("mq.queue_manager"), lg_str_from(conf->queue_manager));
	if (conf->stream.parser->constants)
		conf->stream.parser->constants(conf->stream.parser_conf, &shared);
	q->origin = lg_origin_new(&shared);
	return add_way(q, conf->stream.encoding, err);
}

void ibmmq_queue_close(struct ibmmq_queue *q)
{
	lg_window_free(q->window);
	for (size_t i = 0; i < q->way_count; i++)
		lg_body_free(q->ways[i].body);
	lg_origin_free(q->origin);
	lg_buf_fini(&q->bytes);
	lg_buf_fini(&q->parts.room);
}

/* ---- the unit of work ---- */

/* It was backed out, or is too large: smaller ones from now on. Its messages come again and are known. */
static void reduce(struct ibmmq_queue *q, const char *call, int32_t code)
{
	if (q->batch == 1) {
		ibmmq_queue_fail(q, call, code);
		return;
	}
	q->batch = q->batch / 2;
	lg_input_log(q->mq->host, LG_WARNING, "queue %s: %s: %d (%s): units of work have %lld messages from now on; %s", q->name, call, code,
	             ibmmq_reason(code)->name, (long long)q->batch, ibmmq_reason(code)->remedy);
}

static void end_unit(struct ibmmq_queue *q)
{
	q->uncommitted = 0;
	q->token = 0;
	q->full = false;
}

bool ibmmq_queue_commit(struct ibmmq_queue *q)
{
	int32_t cc = MQCC_FAILED, rc = 0;

	if (!q->open || !q->uncommitted || q->token > q->mq->durable)
		return false;
	q->mq->mqi.cmit(q->hconn, &cc, &rc);
	if (cc == MQCC_OK) {
		end_unit(q);
	} else if (ibmmq_reason(rc)->class == IBMMQ_REDUCE) {
		end_unit(q);
		reduce(q, "MQCMIT", rc);
	} else {
		ibmmq_queue_fail(q, "MQCMIT", rc);
	}
	return true;
}

static void count_in(struct ibmmq_queue *q, uint64_t token)
{
	if (!q->uncommitted++)
		q->since_ns = q->mq->now_ns;
	if (token > q->token)
		q->token = token;
	if (q->uncommitted >= q->batch || q->mq->now_ns - q->since_ns > HOLD_NS)
		q->full = true;
}

/* ---- messages ---- */

static bool is_binary(const char *format)
{
	static const char *const formats[] = {"MQADMIN ", "MQCMD1  ", "MQCMD2  ", "MQEVENT ", "MQHEPCF ", "MQPCF   ", "MQTRIG  "};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(format, formats[i]) == 0)
			return true;
	return false;
}

/* Text says its character set; for everything else `encoding` counts. */
static struct lg_body *way_of(struct ibmmq_queue *q)
{
	bool reversed = (q->parts.encoding & MQENC_INTEGER_MASK) == MQENC_INTEGER_REVERSED, found = false;
	const char *encoding = ibmmq_encoding(q->parts.ccsid, reversed);
	struct lg_body *body = q->ways[0].body;

	if (is_binary(q->parts.format)) {
		q->undecodable = true;
		return body;
	}
	if (strcmp(q->parts.format, "MQSTR   ") != 0)
		return body;
	if (encoding)
		body = way_for(q, encoding, &found);
	q->undecodable |= !found;
	return body;
}

static void tell_undecodable(struct ibmmq_queue *q, const char *why)
{
	if (!q->mq->undecodable++)
		lg_input_log(q->mq->host, LG_WARNING, "queue %s: message %s is shipped as it is, marked lugger.undecodable: %s (said once; counted)", q->name, q->id, why);
}

static void emit_message(struct ibmmq_queue *q, const uint8_t *data, size_t size, bool raw)
{
	struct ibmmq *mq = q->mq;
	struct ibmmq_body *parts = &q->parts;
	struct lg_body *way = q->ways[0].body;
	struct lg_err err;

	memcpy(parts->format, q->md.Format, 8);
	parts->encoding = q->md.Encoding;
	parts->ccsid = q->md.CodedCharSetId;
	parts->data = data;
	parts->size = size;
	parts->field_count = parts->left_out = 0;
	q->emitted = 0;
	q->undecodable = raw;
	if (raw) {
		tell_undecodable(q, "its backout count has reached the queue's threshold, and it could not be moved to a backout queue");
	} else {
		if (ibmmq_headers(parts, data, size, &err) != LG_OK) {
			q->undecodable = true;
			tell_undecodable(q, err.text);
		}
		way = way_of(q);
	}
	if (lg_body_feed(way, parts->data, parts->size, false, lg_input_utc(mq->host), &err) != LG_OK)
		tell_undecodable(q, err.text);
	if (!q->emitted) { /* empty, or nothing a parser makes a record of: the message is a record all the same */
		struct lg_draft draft;

		lg_draft_reset(&draft);
		emit(&q->sink, &draft);
	}
	if (q->cut) {
		mq->oversize++;
		lg_input_loss(mq->host, 0, q->cut, "message longer than max_message_size");
	}
}

static bool has_requeue(const struct ibmmq_queue *q)
{
	return q->requeue[0] != ' ' && q->requeue[0] != '\0';
}

static void put_back(struct ibmmq_queue *q, const uint8_t *data, size_t size, bool context, int32_t *cc, int32_t *rc)
{
	struct mqod od = {.StrucId = {'O', 'D', ' ', ' '}, .Version = 1, .ObjectType = MQOT_Q};
	struct mqpmo pmo = {.StrucId = {'P', 'M', 'O', ' '}, .Version = 1, .Options = MQPMO_SYNCPOINT | MQPMO_FAIL_IF_QUIESCING, .Context = q->hobj};
	struct mqmd md = q->md;

	if (context)
		pmo.Options |= MQPMO_PASS_ALL_CONTEXT;
	memcpy(od.ObjectName, q->requeue, sizeof(od.ObjectName));
	*cc = MQCC_FAILED;
	*rc = 0;
	q->mq->mqi.put1(q->hconn, &od, &md, &pmo, (int32_t)size, (void *)data, cc, rc);
}

/* Within the same unit of work, so that the message is in one of the two queues whatever happens. False: it stays with us; or the connection is lost. */
static bool requeue(struct ibmmq_queue *q, const uint8_t *data, size_t size)
{
	struct ibmmq *mq = q->mq;
	char name[49];
	int32_t cc, rc;

	put_back(q, data, size, !q->context_denied, &cc, &rc);
	if (cc == MQCC_FAILED && rc == 2035 && !q->context_denied) { /* the right to pass context is one of its own */
		q->context_denied = true;
		put_back(q, data, size, false, &cc, &rc);
	}
	ibmmq_text(q->requeue, sizeof(q->requeue), name);
	if (cc != MQCC_FAILED) {
		lg_input_log(mq->host, LG_WARNING, "queue %s: message %s was backed out %d times and is moved to %s", q->name, q->id, q->md.BackoutCount, name);
		mq->requeued++;
		return true;
	}
	lg_input_log(mq->host, LG_WARNING, "queue %s: MQPUT1 to the backout queue %s failed with %d (%s)", q->name, name, rc, ibmmq_reason(rc)->name);
	if (ibmmq_reason(rc)->class == IBMMQ_RECONNECT || ibmmq_reason(rc)->class == IBMMQ_REDUCE)
		ibmmq_queue_fail(q, "MQPUT1", rc);
	return false;
}

/* A message that the window knows is in the spool, or on its way there. Where backout counts are hardened one that was not backed out is new, whatever
 * its id: applications give the same id twice. */
static void take_message(struct ibmmq_queue *q, size_t size)
{
	struct ibmmq *mq = q->mq;
	const uint8_t *data = q->bytes.data + STAMP;
	bool poison = q->threshold > 0 && q->md.BackoutCount >= q->threshold;
	struct lg_str id;
	uint64_t token, hash;

	mq->news_ns = mq->now_ns;
	hex(q->md.MsgId, q->id);
	id = lg_str_from(q->id);
	memcpy(q->bytes.data, q->md.PutDate, 8);
	memcpy(q->bytes.data + 8, q->md.PutTime, 8);
	hash = lg_window_hash(q->window, id, q->bytes.data, STAMP + size);
	if ((q->md.BackoutCount > 0 || !q->hardened) && lg_window_known(q->window, id, hash, &token)) {
		mq->known++;
		count_in(q, token == UINT64_MAX ? mq->token + 1 : token);
		return;
	}
	if (poison && has_requeue(q) && !q->cut) {
		if (requeue(q, data, size)) {
			count_in(q, 0);
			return;
		}
		if (!q->open)
			return;
	}
	emit_message(q, data, size, poison);
	lg_window_add(q->window, id, hash);
	count_in(q, mq->token + 1);
}

/* ---- getting ---- */

static void prepare(struct ibmmq_queue *q, struct mqgmo *gmo, int32_t wait_ms)
{
	static const uint16_t one = 1;
	bool little = *(const uint8_t *)&one == 1;

	q->md = (struct mqmd){.StrucId = {'M', 'D', ' ', ' '}, .Version = 2, .Encoding = little ? MQENC_REVERSED : MQENC_NORMAL, .CodedCharSetId = 1208};
	memset(q->md.Format, ' ', sizeof(q->md.Format));
	*gmo = (struct mqgmo){.StrucId = {'G', 'M', 'O', ' '}, .Version = 1,
		.Options = MQGMO_SYNCPOINT | MQGMO_FAIL_IF_QUIESCING | MQGMO_PROPERTIES_FORCE_MQRFH2, .WaitInterval = wait_ms};
	if (wait_ms)
		gmo->Options |= MQGMO_WAIT;
	if (q->mq->conf->convert)
		gmo->Options |= MQGMO_CONVERT;
	if (q->accept_cut)
		gmo->Options |= MQGMO_ACCEPT_TRUNCATED_MSG;
	lg_buf_clear(&q->bytes);
	lg_buf_reserve(&q->bytes, STAMP + q->room);
}

/* The message is still there: the next get has room for it, or takes the beginning. */
static void grow(struct ibmmq_queue *q, int32_t length)
{
	size_t most = (size_t)q->mq->conf->max_message_size;

	if (q->room >= most || (length > 0 && (size_t)length > most))
		q->accept_cut = true;
	q->room = length > 0 && (size_t)length < most ? ((size_t)length > 2 * q->room ? (size_t)length : 2 * q->room) : most;
	if (q->room > most)
		q->room = most;
}

/* True: a message was taken or something else changed, so that another get makes sense. */
static bool get_one(struct ibmmq_queue *q, int32_t wait_ms)
{
	struct ibmmq *mq = q->mq;
	struct mqgmo gmo;
	int32_t length = 0, cc = MQCC_FAILED, rc = 0;
	enum ibmmq_class class;

	prepare(q, &gmo, wait_ms);
	mq->mqi.get(q->hconn, q->hobj, &q->md, &gmo, (int32_t)q->room, q->bytes.data + STAMP, &length, &cc, &rc);
	class = cc == MQCC_OK ? IBMMQ_FINE : ibmmq_reason(rc)->class;
	q->empty = class == IBMMQ_IDLE;
	q->cut = 0;
	if (class == IBMMQ_IDLE || class == IBMMQ_GROW || cc != MQCC_FAILED) {
		q->failures = 0;
		q->fault[0] = '\0';
	}
	if (class == IBMMQ_IDLE) {
		q->idle_ns = mq->now_ns + (q->uncommitted && mq->conf->wait_ns > SOON_NS ? SOON_NS : mq->conf->wait_ns);
		return false;
	}
	if (class == IBMMQ_GROW) {
		grow(q, length);
		return true;
	}
	if (cc == MQCC_FAILED && class == IBMMQ_REDUCE) {
		if (rc != 2024)
			end_unit(q); /* MQRC_BACKED_OUT */
		q->full = q->uncommitted > 0;
		reduce(q, "MQGET", rc);
		return false;
	}
	if (cc == MQCC_FAILED) {
		ibmmq_queue_fail(q, "MQGET", rc);
		return false;
	}
	mq->unconverted += class == IBMMQ_CONVERT;
	q->accept_cut = false;
	if (length > 0 && (size_t)length > q->room)
		q->cut = (uint64_t)length - q->room;
	take_message(q, (size_t)(length < 0 ? 0 : length) - (size_t)q->cut);
	return true;
}

bool ibmmq_queue_work(struct ibmmq_queue *q, int32_t wait_ms)
{
	struct ibmmq *mq = q->mq;
	bool moved = ibmmq_queue_commit(q);

	if (mq->now_ns < q->retry_ns || (q->empty && mq->now_ns < q->idle_ns && !wait_ms))
		return moved;
	for (int64_t i = 0; i < mq->conf->batch && q->open && !q->full && !mq->stopping && lg_input_ready(mq->host); i++) {
		if (!get_one(q, wait_ms))
			break;
		moved = true;
		wait_ms = 0;
	}
	if (q->open && q->full)
		lg_input_hurry(mq->host); /* nothing more comes before the commit */
	return moved | ibmmq_queue_commit(q); /* of what was durable before */
}
