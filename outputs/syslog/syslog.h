/* syslog.h - inside output `syslog`.
 *
 * Plain syslog has no acknowledgement. What can be known: how far the peer's TCP acknowledged, and that a peer which answers our orderly close
 * with its own end has read everything. So records settle when the acknowledged position is `resend_window` past them, and the rest at an
 * orderly close; after a break everything unsettled on that connection is sent again, from a message boundary, on another one. Datagrams settle
 * a moment after they were sent, unless the peer's host refuses them by then.
 *
 *   options.c   the settings
 *   frame.c     from a record to the bytes of its messages
 *   link.c      the life of one connection to one server; udp.c: the same for datagrams
 *   breaker.c   when a server that failed may be tried again
 *   servers.c   which server gets what: failover and return, or balance; what happens when one fails
 *   resend.c    what is not to be sent again when the core offers it again
 *   syslog.c    what the core calls
 *
 * One owner, the output's thread.
 */
#ifndef SYSLOG_H
#define SYSLOG_H

#include "api/lugger_plugin.h"
#include "output_syslog/breaker.h"
#include "output_syslog/marks.h"

#define SECOND INT64_C(1000000000)
#define SEND_BUFFER (256u << 10) /* formatted bytes waiting; one message more at most */
#define PROVEN_NS (1 * SECOND)   /* a connection this old that still stands is called good */

enum transport { TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS };
enum framing { OCTET_COUNTING, LINES };
enum server_mode { MODE_FAILOVER, MODE_BALANCE };
enum link_phase { LINK_DOWN, LINK_CONNECTING, LINK_UP, LINK_CLOSING };

struct syslog_conf {
	struct lg_strings servers;
	int transport, framing, mode;
	uint64_t resend_window, max_datagram_size;
	int64_t datagram_rate; /* a second; 0: no limit */
	int64_t idle_close_ns, connect_timeout_ns, write_timeout_ns, return_after_ns, keepalive_ns, tcp_user_timeout_ns;
	struct lg_tls_conf tls;
};

extern const struct lg_option syslog_options[];
enum lg_rc syslog_check(const void *settings, struct lg_err *err);
bool syslog_line_framing(const void *settings);

/* Framed messages; those before `at` are written. */
struct frames {
	struct lg_buf bytes;
	size_t at;
	unsigned digits;       /* of the last message's length: the best guess for the next */
	struct datagram *list; /* UDP: where each message ends; those before list_at are sent */
	size_t list_cap, list_count, list_at;
};

struct datagram {
	size_t size;
	uint64_t seq;
};

/* One server, and the connection to it. What belongs to the connection is forgotten when it ends. */
struct link {
	struct syslog *syslog;
	const char *server;
	size_t index;
	struct breaker breaker;
	struct lg_conn *conn;
	struct lg_udp *udp;
	enum link_phase phase;
	struct marks marks;
	struct frames out;
	uint64_t plain_end;     /* plaintext formatted so far */
	uint64_t plain_written; /* of it, given to the connection */
	uint64_t acked;         /* wire position the peer's TCP acknowledged, at the last look */
	uint64_t last_seq;      /* of the last record given to it; 0: none */
	int64_t up_ns, look_ns, active_ns, close_by_ns; /* established; last look at acknowledgements; records last; LINK_CLOSING ends */
	int64_t still_ns;       /* how long nothing was acknowledged while bytes waited */
	int64_t tokens_ns, tokens; /* UDP: when the allowance was last counted, and what is left of it */
	bool was_pending, fed;
	int64_t idle_ns;        /* idle_close, as this server taught us; 0: never */
	const char *last_state; /* why it failed last: "refused"; "": it did not */
};

/* Ranges of sequences. */
struct ranges {
	struct range {
		uint64_t first, last;
		bool done; /* settled once already, before the core forgot it in a rewind */
	} *items;
	size_t count, cap, at;
};

struct syslog {
	const struct syslog_conf *conf;
	struct lg_output_host *host;
	struct lg_formatter *formatter;
	struct lg_tls_conf tls;
	struct link *links;   /* one for each server */
	size_t link_count;
	size_t active;        /* failover: the one that gets the records */
	bool leaving;         /* failover: it gets no more, because a preferred one is back */
	size_t turn;          /* balance: where the search for the least laden one begins */
	uint64_t offered_end; /* behind the last sequence that the core offered since its last rewind: nothing from there on may be settled */
	uint64_t last_given;  /* sequence of the last record that went to any server */
	struct ranges kept;   /* in flight on connections that outlived a rewind, or settled before it: not to be sent again; ascending */
	struct ranges done;   /* settled out of order, above what is still in flight somewhere */
	int64_t now_ns;       /* as of this call */
	bool wanted;          /* connect: at the start, after a failure, and when records wait */
	bool failed;          /* lg_output_retry was called in this turn */
	const char *state;    /* last one told with lg_output_ok */
};

/* ---- frame.c ---- */

size_t frames_waiting(const struct frames *frames);
/* Appends the messages of a record; returns how many bytes that were. */
size_t frames_add(struct frames *frames, const struct syslog *s, const struct lg_record *rec);
void frames_consume(struct frames *frames, size_t bytes);
void frames_clear(struct frames *frames);
void frames_fini(struct frames *frames);

/* ---- link.c, udp.c ---- */

void link_init(struct link *link, struct syslog *s, size_t index, uint64_t seed);
void link_fini(struct link *link);
/* From LINK_DOWN; a failure goes to servers_failed at once. */
void link_connect(struct link *link);
/* Everything it can do now. */
void link_step(struct link *link);
void link_wait(const struct link *link, struct lg_waitset *ws);
/* Takes a record of the current batch. The link is up. */
void link_add(struct link *link, const struct lg_record *rec);
/* Writes what fills whole TLS records, or with `all` everything. */
void link_flush(struct link *link, bool all);
/* Begins the orderly close that confirms what is unsettled. */
void link_close(struct link *link);
/* Ends the connection, forgets what was on it. */
void link_drop(struct link *link);
/* Bytes that the peer's TCP has not acknowledged, ours that wait included. */
uint64_t link_lag(const struct link *link);
/* Settles what lies at or below wire position `wire`. */
void link_settle(struct link *link, uint64_t wire);
const char *link_peer(const struct link *link); /* "10.1.2.3:6514 TLSv1.3 ..." or the configured name */

void udp_connect(struct link *link);
void udp_step(struct link *link);
void udp_flush(struct link *link);
void udp_wait(const struct link *link, struct lg_waitset *ws);

/* ---- servers.c ---- */

/* The way to this server failed; its records in flight will be offered again. */
void servers_failed(struct link *link, const char *state, const struct lg_err *err);
const char *servers_state_of(const struct lg_err *err);
/* Steps the links, connects where that is wanted, goes back to a preferred server. */
void servers_step(struct syslog *s);
/* Tells the core how it stands, where that is news. */
void servers_tell(struct syslog *s);
/* Who gets the next record; NULL: nobody can take one now. */
struct link *servers_choose(struct syslog *s);
void servers_report(const struct syslog *s, struct lg_output_report *report);

/* ---- resend.c ---- */

/* Remembers what is in flight on the connections that stand, and counts as not offered yet. */
void servers_rewind(struct syslog *s);
/* The record is in flight on a connection that outlived the last rewind, or was settled before it (then it is settled again). */
bool servers_hold(struct syslog *s, uint64_t seq);
/* Settles, and remembers it as long as something before may have the core rewind. */
void servers_settle(struct syslog *s, uint64_t first, uint64_t last);

#endif
