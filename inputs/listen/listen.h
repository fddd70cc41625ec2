/* listen.h - inside input `listen`: the listener, its connections or datagrams, and what they share.
 *
 * One owner, the input's thread. A connection's messages go through its own parser state into the batch at once; only the bytes
 * of an incomplete message wait, in the connection's buffer. A full core stops all reading, and TCP holds the senders back. Datagrams are
 * not held back: what the kernel drops then, it counts, and the count becomes a loss record.
 *
 * An orderly end of the peer's stream is answered only when all its records are on stable storage: a sender that waits for our
 * end (Lugger's output `syslog` does) may take it as proof. So only an end that was read is answered: a connection that is closed
 * for another reason (a stop, idleness) is reset, or our end could cross the last bytes of a sender that closes just then.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include "limits.h"
#include "sockframe.h"

enum listen_transport { LISTEN_UDP, LISTEN_TCP, LISTEN_TLS, LISTEN_UNIX, LISTEN_UNIX_DGRAM };
enum listen_newlines { LISTEN_KEEP, LISTEN_SPLIT };

struct listen_conf {
	char *address;
	int transport; /* enum listen_transport */
	int framing;   /* enum sockframe_mode */
	const struct lg_parser *parser;
	void *parser_conf; /* right behind parser: config fills it */
	struct lg_tls_conf tls;
	int64_t max_connections;
	int64_t idle_timeout_ns; /* 0: none */
	uint64_t max_record_size;
	int newlines; /* enum listen_newlines: those inside a datagram */
	struct lg_socket_conf socket;
	int64_t sender_rate, sender_connections; /* 0: no limit */
};

struct listen;
extern const struct lg_option listen_options[];
const char *listen_transport_name(const struct listen *l); /* "tls" */
enum lg_rc listen_check(const void *settings, struct lg_err *err);

/* A warning that repeats is said once in a while, with the number of those not said. */
struct listen_warning {
	int64_t next_ns;
	uint64_t held_back;
};

struct listen {
	const struct listen_conf *conf;
	struct lg_input_host *host;
	struct lg_listener *listener; /* NULL: datagrams */
	struct dgrams *dgrams;        /* NULL: connections */
	struct peer *peers;   /* list, in turn order */
	size_t peer_count;
	struct limits limits;
	bool refusing;           /* max_connections is reached */
	int64_t accept_again_ns; /* after accept failed */
	uint8_t *block;          /* LISTEN_BLOCK bytes that every connection reads into while it has nothing kept */
	struct lg_buf scratch;   /* repaired UTF-8 */
	uint64_t emitted;        /* a token: records given to the core */
	uint64_t durable;        /* of them, on stable storage */
	uint64_t accepted, refused, over_share, failed, framing_errors, idle_closed;
	uint64_t substitutions, oversize, torn;
	struct listen_warning handshake_warning, framing_warning, broken_warning, share_warning;
};

#define LISTEN_BLOCK 65536 /* bytes read from one connection in its turn */
#define LISTEN_SECOND_NS INT64_C(1000000000)
#define LISTEN_FULL_WAIT_NS (10 * 1000000) /* until the core is asked for room again */

void listen_warn(struct listen *l, struct listen_warning *warning, int64_t now_ns, const char *fmt, ...) LG_PRINTF(4, 5);

/* ---- peer.c: one connection ---- */

enum peer_stage {
	PEER_HANDSHAKE,
	PEER_READING,
	PEER_ENDING, /* nothing more is read; closed when its records are durable */
};

struct peer {
	struct lg_sink sink; /* first: the parser's way back to the peer */
	struct listen *listen;
	struct lg_conn *conn;
	struct lg_origin *origin; /* NULL: it is not known yet who it is */
	struct limit *limit;      /* NULL: none, or not known yet */
	void *parser; /* its state */
	struct sockframe framer;
	struct lg_buf kept;  /* bytes of an incomplete message */
	int64_t active_ns;   /* monotonic: when bytes last came */
	int64_t tick_utc_ns; /* when the parser wants to be called */
	enum peer_stage stage;
	bool said_end;      /* the end of its stream was read */
	uint64_t settle_at; /* listen.emitted as of its last record */
	int fd;             /* as in the last waitset, -1: not there */
	size_t slot;
	bool more; /* the last turn ended before the bytes did */
	struct peer *next;
};

/* Takes the connection. NULL: the parser cannot start, or the sender has its share of connections (err). */
struct peer *peer_new(struct listen *l, struct lg_conn *conn, int64_t now_ns, struct lg_err *err);
void peer_free(struct peer *p); /* closes; nothing is emitted */
/* When it may be read again for its sender's rate: not later than now_ns where it may now. */
int64_t peer_free_at(const struct peer *p, int64_t now_ns);
/* One bounded turn. LG_OK: go on; LG_EOF: free it. */
enum lg_rc peer_turn(struct peer *p, int64_t now_ns);
/* Reads no more: what is kept and what the parser holds is emitted now. */
void peer_end(struct peer *p);

/* ---- dgrams.c: datagrams ---- */

struct dgrams;

enum lg_rc dgrams_open(struct dgrams **dgrams, struct listen *l, struct lg_err *err);
void dgrams_close(struct dgrams *d); /* NULL is fine; says what was dropped until now */
/* Takes what waits, bounded, and says when to be called again. */
void dgrams_step(struct dgrams *d, int64_t now_ns, struct lg_waitset *ws);
/* The stop: takes what waits as far as there is room, and counts the rest as lost. */
void dgrams_drain(struct dgrams *d);
void dgrams_report(const struct dgrams *d, struct lg_input_report *report);

#endif
