/* A queue's connection: connect, open, inquire; fail, wait, try again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input_ibmmq/ibmmq.h"

#define SECOND_NS INT64_C(1000000000)
#define RETRY_FIRST_NS (SECOND_NS / 2)
#define RETRY_MOST_NS (30 * SECOND_NS)
#define CONFIG_NS (60 * SECOND_NS) /* where a person has to act: no flood of failed logins */
#define CHANNEL_MESSAGE_MAX (100 << 20)

/* ---- where to ---- */

enum lg_rc ibmmq_split(const char *connection, char server[300], struct lg_err *err)
{
	const char *open = strchr(connection, '('), *close = strchr(connection, ')');
	size_t digits = open ? strspn(open + 1, "0123456789") : 0;
	long port = digits && digits <= 5 ? strtol(open + 1, NULL, 10) : 0;

	if (!open || open == connection || open - connection > 255 || close != open + 1 + digits || close[1] || port < 1 || port > 65535)
		return lg_err_set(err, LG_INVALID, "\"%.100s\": write host(port), as in mq1.example.com(1414); several as a list", connection);
	if (strchr(connection, ':') && connection[0] != '[')
		snprintf(server, 300, "[%.*s]:%ld", (int)(open - connection), connection, port);
	else
		snprintf(server, 300, "%.*s:%ld", (int)(open - connection), connection, port);
	return LG_OK;
}

/* The client library opens its own sockets, so the policy is asked before it may. */
static enum lg_rc ask_policy(const struct ibmmq *mq, struct lg_err *err)
{
	const struct ibmmq_conf *conf = mq->conf;

	for (size_t i = 0; i < conf->connection.count; i++) {
		char server[300];
		enum lg_rc rc = ibmmq_split(conf->connection.items[i], server, err);

		if (rc == LG_OK)
			rc = lg_net_permit(lg_input_net(mq->host), server, !conf->cipher && !conf->key_repository, err);
		if (rc != LG_OK)
			return rc;
	}
	return LG_OK;
}

/* ---- failure ---- */

/* Half to all of a doubling wait. */
static int64_t backoff(struct ibmmq_queue *q, enum ibmmq_class class)
{
	int64_t wait = class == IBMMQ_CONFIG ? CONFIG_NS : RETRY_FIRST_NS << (q->failures < 7 ? q->failures : 7);

	if (class != IBMMQ_CONFIG && wait > RETRY_MOST_NS)
		wait = RETRY_MOST_NS;
	return lg_net_jitter(&q->mq->jitter, wait);
}

static void again(struct ibmmq_queue *q, enum ibmmq_class class, const char *text)
{
	snprintf(q->fault, sizeof(q->fault), "%s", text);
	q->retry_ns = q->mq->now_ns + backoff(q, class);
	q->failures++;
	lg_input_fault(q->mq->host, q->fault);
}

void ibmmq_queue_fail(struct ibmmq_queue *q, const char *call, int32_t code)
{
	const struct ibmmq_reason *reason = ibmmq_reason(code);
	char text[600];

	snprintf(text, sizeof(text), "queue %s: %s failed with %d (%s)%s%s; trying again", q->name, call, code, reason->name, reason->remedy ? ": " : "",
	         reason->remedy ? reason->remedy : "");
	if (reason->class != IBMMQ_WAIT || !q->open)
		ibmmq_queue_disconnect(q);
	again(q, reason->class, text);
}

void ibmmq_queue_disconnect(struct ibmmq_queue *q)
{
	const struct mqi *mqi = &q->mq->mqi;
	int32_t cc, rc;

	if (q->open && q->uncommitted)
		mqi->back(q->hconn, &cc, &rc); /* MQDISC would commit */
	if (q->open)
		mqi->close(q->hconn, &q->hobj, MQCO_NONE, &cc, &rc);
	if (q->connected)
		mqi->disc(&q->hconn, &cc, &rc);
	q->open = q->connected = q->full = false;
	q->uncommitted = 0;
}

/* ---- connecting ---- */

static void put_chars(char *field, size_t size, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	memset(field, 0, size);
	memcpy(field, text ? text : "", length < size ? length : size);
}

static void pad(char *field, size_t size, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	memset(field, ' ', size);
	memcpy(field, text ? text : "", length < size ? length : size);
}

static void fill_channel(struct mqcd *cd, const struct ibmmq_conf *conf)
{
	char names[264] = "";
	size_t n = 0;

	memset(cd, 0, sizeof(*cd));
	for (size_t i = 0; i < conf->connection.count && n < sizeof(names); i++) /* check saw that they fit */
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i ? "," : "", conf->connection.items[i]);
	put_chars(cd->ChannelName, sizeof(cd->ChannelName), conf->channel);
	put_chars(cd->ConnectionName, sizeof(cd->ConnectionName), names);
	put_chars(cd->SSLCipherSpec, sizeof(cd->SSLCipherSpec), conf->cipher);
	cd->Version = 7;
	cd->StrucLength = sizeof(*cd);
	cd->ChannelType = MQCHT_CLNTCONN;
	cd->TransportType = MQXPT_TCP;
	cd->MaxMsgLength = CHANNEL_MESSAGE_MAX; /* both ends agree on the smaller one */
	/* The defaults of MQCD_CLIENT_CONN_DEFAULT. */
	cd->BatchSize = 50;
	cd->DiscInterval = 6000;
	cd->ShortRetryCount = 10;
	cd->ShortRetryInterval = 60;
	cd->LongRetryCount = cd->SeqNumberWrap = 999999999;
	cd->LongRetryInterval = 1200;
	cd->PutAuthority = MQPA_DEFAULT;
	cd->MCAType = MQMCAT_PROCESS;
	cd->MsgRetryCount = 10;
	cd->MsgRetryInterval = 1000;
	cd->HeartbeatInterval = 1;
	cd->NonPersistentMsgSpeed = MQNPMS_FAST;
	cd->ExitNameLength = 128;
	cd->ExitDataLength = 32;
	cd->KeepAliveInterval = -1;
	cd->SSLPeerNamePtr = conf->peer_name;
	cd->SSLPeerNameLength = conf->peer_name ? (int32_t)strlen(conf->peer_name) : 0;
}

static void fill_tls(struct mqsco *sco, const struct ibmmq_conf *conf)
{
	memset(sco, 0, sizeof(*sco));
	memcpy(sco->StrucId, "SCO ", 4);
	sco->Version = conf->key_repository_password ? 6 : conf->certificate_label ? 5 : 1;
	put_chars(sco->KeyRepository, sizeof(sco->KeyRepository), conf->key_repository);
	put_chars(sco->CertificateLabel, sizeof(sco->CertificateLabel), conf->certificate_label);
	sco->EncryptionPolicySuiteB[0] = MQ_SUITE_B_NONE;
	sco->KeyRepoPasswordPtr = conf->key_repository_password;
	sco->KeyRepoPasswordLength = conf->key_repository_password ? (int32_t)strlen(conf->key_repository_password) : 0;
}

static void fill_user(struct mqcsp *csp, const struct ibmmq_conf *conf)
{
	memset(csp, 0, sizeof(*csp));
	memcpy(csp->StrucId, "CSP ", 4);
	if (conf->token) {
		csp->Version = 3;
		csp->AuthenticationType = MQCSP_AUTH_ID_TOKEN;
		csp->TokenPtr = conf->token;
		csp->TokenLength = (int32_t)strlen(conf->token);
		return;
	}
	csp->Version = 1;
	csp->AuthenticationType = MQCSP_AUTH_USER_ID_AND_PWD;
	csp->CSPUserIdPtr = conf->username;
	csp->CSPUserIdLength = (int32_t)strlen(conf->username);
	csp->CSPPasswordPtr = conf->password;
	csp->CSPPasswordLength = conf->password ? (int32_t)strlen(conf->password) : 0;
}

static bool connect_queue(struct ibmmq_queue *q)
{
	const struct ibmmq_conf *conf = q->mq->conf;
	struct mqcno cno = {.StrucId = {'C', 'N', 'O', ' '}, .Version = 2,
		.Options = MQCNO_CLIENT_BINDING | MQCNO_RECONNECT_DISABLED | MQCNO_HANDLE_SHARE_BLOCK}; /* shared: each call is a connection of its own */
	struct mqcd cd;
	struct mqsco sco;
	struct mqcsp csp;
	char url[1100], qmgr[48];
	int32_t cc = MQCC_FAILED, rc = 0;

	fill_channel(&cd, conf);
	if (conf->ccdt) {
		cno.CCDTUrlPtr = url;
		cno.CCDTUrlLength = snprintf(url, sizeof(url), "file://%s", conf->ccdt);
		cno.Version = 6;
	} else {
		cno.ClientConnPtr = &cd;
	}
	if (conf->key_repository) {
		fill_tls(&sco, conf);
		cno.SSLConfigPtr = &sco;
		cno.Version = cno.Version < 4 ? 4 : cno.Version;
	}
	if (conf->username || conf->token) {
		fill_user(&csp, conf);
		cno.SecurityParmsPtr = &csp;
		cno.Version = cno.Version < 5 ? 5 : cno.Version;
	}
	pad(qmgr, sizeof(qmgr), conf->queue_manager);
	q->mq->mqi.connx(qmgr, &cno, &q->hconn, &cc, &rc);
	q->connected = cc != MQCC_FAILED;
	if (!q->connected)
		ibmmq_queue_fail(q, "MQCONNX", rc);
	return q->connected;
}

/* What the queue says about poison. Without the right to ask, nothing is moved and every message is looked for in the window. */
static void inquire(struct ibmmq_queue *q)
{
	int32_t selectors[] = {MQIA_BACKOUT_THRESHOLD, MQIA_HARDEN_GET_BACKOUT, MQCA_BACKOUT_REQ_Q_NAME}, values[2] = {0, 0};
	int32_t cc = MQCC_FAILED, rc = 0;

	q->threshold = 0;
	q->hardened = false;
	pad(q->requeue, sizeof(q->requeue), "");
	q->mq->mqi.inq(q->hconn, q->hobj, 3, selectors, 2, values, sizeof(q->requeue), q->requeue, &cc, &rc);
	if (cc == MQCC_FAILED) {
		pad(q->requeue, sizeof(q->requeue), "");
		lg_input_log(q->mq->host, LG_WARNING, "queue %s: MQINQ failed with %d (%s): its backout threshold is not honoured", q->name, rc, ibmmq_reason(rc)->name);
		return;
	}
	q->threshold = values[0];
	q->hardened = values[1] == MQQA_BACKOUT_HARDENED;
}

static bool open_queue(struct ibmmq_queue *q)
{
	struct mqod od = {.StrucId = {'O', 'D', ' ', ' '}, .Version = 1, .ObjectType = MQOT_Q};
	int32_t cc = MQCC_FAILED, rc = 0;

	put_chars(od.ObjectName, sizeof(od.ObjectName), q->name);
	q->mq->mqi.open(q->hconn, &od, MQOO_INPUT_SHARED | MQOO_INQUIRE | MQOO_SAVE_ALL_CONTEXT | MQOO_FAIL_IF_QUIESCING, &q->hobj, &cc, &rc);
	q->open = cc != MQCC_FAILED;
	if (!q->open)
		ibmmq_queue_fail(q, "MQOPEN", rc);
	return q->open;
}

void ibmmq_queue_connect(struct ibmmq_queue *q)
{
	struct ibmmq *mq = q->mq;
	struct lg_err err;
	enum lg_rc rc = ask_policy(mq, &err);

	if (rc != LG_OK) {
		char text[1300];

		snprintf(text, sizeof(text), "queue %s: %s", q->name, err.text);
		again(q, rc == LG_DENIED ? IBMMQ_CONFIG : IBMMQ_RECONNECT, text);
		return;
	}
	if (!connect_queue(q) || !open_queue(q))
		return;
	inquire(q);
	q->idle_ns = 0;
	q->fault[0] = '\0';
	mq->news_ns = mq->now_ns;
	lg_input_log(mq->host, LG_NOTICE, "connected to queue %s at %s%s", q->name, mq->conf->connection.items[0],
	             mq->conf->connection.count > 1 ? " or one of the others" : "");
}
