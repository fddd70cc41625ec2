/* amqp.h - input `amqp`: AMQP 1.0 (OASIS, 2012) by Qpid Proton's connection driver over our own connections.
 *
 *     amqp.c     options, the plugin, settling what became durable
 *     link.c     one queue: credit, deliveries, redelivered messages
 *     session.c  one connection: connect, TLS, SASL, heartbeats, failover
 *     message.c  the sections of a message
 *     address.c  what stands in `servers`
 *
 * One owner: the input's thread.
 */
#ifndef AMQP_H
#define AMQP_H

#include <proton/connection.h>
#include <proton/connection_driver.h>
#include <proton/delivery.h>
#include <proton/link.h>

#include "api/lg_message.h"
#include "api/lugger_plugin.h"

struct amqp_conf {
	struct lg_stream_conf stream; /* first: lugger_plugin.h */
	struct lg_strings servers, sources, capabilities;
	int64_t credit, connections, heartbeat_ns;
	uint64_t max_message_size;
	char *username, *password, *container;
	int sasl; /* enum amqp_sasl */
	bool framed;
	struct lg_tls_conf tls;
};

enum amqp_sasl { AMQP_SASL_AUTO, AMQP_SASL_PLAIN, AMQP_SASL_EXTERNAL, AMQP_SASL_ANONYMOUS };

/* ---- message.c ---- */

/* Room for what a message says beside its body. Strings borrow from the message's bytes or from `room`. */
struct amqp_message {
	struct lg_str id, correlation;
	int64_t created_ns; /* UTC; LG_TIME_UNKNOWN */
	const uint8_t *body;
	size_t body_size;
	bool text;          /* the body is a string: UTF-8 */
	bool redelivered;   /* the broker says so */
	struct lg_value fields[40]; /* custom ones, name and text */
	size_t field_count;
	bool more_fields;   /* there were more than fit */
};

struct amqp_decoder;
struct amqp_decoder *amqp_decoder_new(void);
void amqp_decoder_free(struct amqp_decoder *decoder);
/* Takes the bytes of one message apart (AMQP 1.0 part 3, section 3.2). *message borrows from them and from the decoder until the next call.
 * `cut`: the end is missing. LG_CORRUPT: they are not one; the body is then all of the bytes. */
enum lg_rc amqp_decode(struct amqp_decoder *decoder, const uint8_t *data, size_t size, bool cut, struct amqp_message *message, struct lg_err *err);

/* ---- link.c ---- */

struct amqp;

/* A delivery that the broker has not been told about: told when the batch with its token is durable. */
struct amqp_pending {
	pn_delivery_t *delivery;
	uint64_t token;
};

struct amqp_link {
	struct lg_sink sink; /* first: what the parser emits to */
	struct amqp *amqp;
	const char *address;
	struct lg_body *body;
	struct lg_window *window;
	struct lg_origin *origin;
	pn_link_t *link;      /* NULL: no connection */
	bool open;            /* the broker has answered */
	struct amqp_pending *pending; /* a ring of as many as the credit */
	size_t first, count, cap;
	struct lg_buf bytes;  /* of the delivery under way */
	uint64_t cut;         /* bytes of it beyond max_message_size */
	const struct amqp_message *message; /* being emitted */
	bool redelivered, undecodable;
	uint64_t emitted;     /* records of the message being emitted */
};

enum lg_rc amqp_link_open(struct amqp_link *link, struct amqp *amqp, const char *address, struct lg_err *err);
void amqp_link_close(struct amqp_link *link);
void amqp_link_attach(struct amqp_link *link, pn_session_t *session);
void amqp_link_lost(struct amqp_link *link); /* the connection is gone: the broker takes back what is unsettled */
/* Takes deliveries as far as the core is ready; true: something moved. */
bool amqp_link_work(struct amqp_link *link);
void amqp_link_durable(struct amqp_link *link, uint64_t token);
void amqp_link_release(struct amqp_link *link); /* gives back what was not emitted; asks for no more */

/* ---- session.c ---- */

enum amqp_stage { AMQP_IDLE, AMQP_CONNECTING, AMQP_OPEN };

struct amqp_session {
	struct amqp *amqp;
	enum amqp_stage stage;
	struct lg_conn *conn;
	pn_connection_driver_t driver;
	struct amqp_link **links;
	size_t link_count;
	size_t server;       /* the one tried now or next */
	unsigned failures;   /* in a row */
	int64_t retry_ns;    /* monotonic */
	bool well;           /* opened and every link answered */
	char trouble[512];   /* of the last failure; "" when well */
	char peer[300];
};

void amqp_session_init(struct amqp_session *session, struct amqp *amqp);
void amqp_session_step(struct amqp_session *session, int64_t now_ns, struct lg_waitset *ws);
/* Writes what is to be said, closes in order; waits for at most `limit_ns`. */
void amqp_session_close(struct amqp_session *session, int64_t limit_ns);

/* ---- address.c ---- */

/* Splits "amqps://host:5671" (amqp: 5672). `server` gets host:port. */
enum lg_rc amqp_split(const char *url, char server[300], bool *plain, struct lg_err *err);

/* ---- amqp.c ---- */

struct amqp {
	const struct amqp_conf *conf;
	struct lg_input_host *host;
	struct amqp_decoder *decoder;
	struct amqp_link *links;
	size_t link_count;
	struct amqp_session *sessions;
	size_t session_count;
	uint64_t token, durable; /* of the last seal; of the last batch on stable storage */
	int64_t now_ns;          /* monotonic: of this step */
	int64_t news_ns;         /* monotonic: of the last message, or of the last connection */
	uint64_t known;          /* redelivered messages that were in the spool */
	uint64_t undecodable, oversize;
	uint64_t jitter;
	bool stopping;
};

#endif
