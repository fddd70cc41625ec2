/* tail.h - one file being read: its descriptor, stream, identity and position.
 *
 * A tail never decides what a file's name means (files.h does); it reads the file that it holds. Before each read it compares the last
 * bytes read with what the file holds there now, in the same pread: a file truncated and written anew behind our back is noticed
 * at once, at whatever size it is by then.
 */
#ifndef FILE_TAIL_H
#define FILE_TAIL_H

#include "ident.h"
#include "table.h"

enum { START_BEGINNING, START_END };
enum { WATCH_AUTO, WATCH_INOTIFY, WATCH_POLL };
enum { DONE_KEEP, DONE_DELETE, DONE_MOVE };

struct file_conf {
	struct lg_stream_conf stream; /* first: the core reads it there */
	struct lg_strings path;
	struct lg_strings exclude;
	int start_at;
	int watch;
	int when_done;
	int64_t poll_interval_ns;
	int64_t close_inactive_ns;
	int64_t rotate_wait_ns;
	int64_t done_wait_ns;
	char *move_to;
	int64_t max_open_files;
};

#define TAIL_CHUNK (64u << 10) /* read at a time: a batch passes its size by the records of one chunk at most */

/* What all tails of an input share. */
struct reader {
	struct lg_input_host *host;
	const struct file_conf *conf;
	uint8_t *buffer; /* a mark, a record of the largest size and a chunk */
	size_t buffer_size;
	size_t unpack_count;            /* compressed files being expanded */
	struct tail *dirty;             /* moved since the last seal */
	struct lg_input_report totals;  /* of streams that have ended */
	uint64_t seed, keys;            /* random; keys drawn so far */
};

void reader_seed(struct reader *reader);

enum tail_life {
	TAIL_LIVE, /* a matching name leads to it */
	TAIL_GONE, /* rotated away or deleted: read to its end, then done */
};

enum tail_health {
	TAIL_SOUND,
	TAIL_UNREADABLE, /* open or read fails: tried again */
	TAIL_BROKEN,     /* its bytes contradict the settings: until it is replaced, or a person acts */
};

enum tail_result {
	TAIL_MORE,   /* the limit is reached, there may be more */
	TAIL_END,    /* everything there is was offered */
	TAIL_LATER,  /* compressed, and not expanded so far yet: the next turn goes on */
	TAIL_FULL,   /* the core takes no more now */
	TAIL_CUT,    /* truncated or replaced in place: tail_restart is due */
	TAIL_MOVED,  /* the path leads to another file now: a scan is due */
	TAIL_FAILED, /* health and fault say why */
};

struct tail {
	struct table_link by_ino;
	struct tail *next, **link;       /* in the list of all */
	struct tail *newer, *older;      /* among the open ones */
	struct tail *queue_next;         /* waiting to be read */
	struct tail *dirty_next;
	bool queued, dirty, listed;      /* listed: among the open ones */
	bool fresh;                      /* not compared with the saved positions yet */
	bool by_chance;                  /* found by its inode alone: ours only if a saved position says so */
	bool unverified;                 /* compressed and opened: what was read of it must be compared first */
	bool resumed;                    /* the mark in ident is what is known, the window is not yet */
	bool incomplete;                 /* compressed, and read to where more must follow */
	bool finished;                   /* flushed at its end: with --once, and by when_done */
	bool concluded, stays;           /* when_done: it was deleted or moved; it cannot be */
	uint64_t token;                  /* of the seal that carried its last position; 0: earlier than this run */
	enum tail_life life;
	enum tail_health health;

	struct reader *reader;
	struct lg_sink sink;
	struct lg_stream *stream;
	struct lg_origin *origin;
	char *path;                      /* the name it was found by */
	char *fault;                     /* for a person, where health is not SOUND */
	enum pack pack;
	struct hunt *hunt;               /* fresh and compressed: compared with what was read before (packed.h) */
	char of_key[IDENT_KEY_SIZE];     /* it is the compressed form of that tail, which is read first; "": not */
	unsigned names;                  /* matching names that lead to it */
	struct content content;          /* fd -1: closed */

	char key[IDENT_KEY_SIZE];
	struct ident ident;              /* the mark in it is filled when a position is made */
	uint8_t window[IDENT_SPAN];      /* the bytes before the stream's offset */
	uint32_t window_size;
	int64_t since_ns;                /* time of modification when this content was first seen */
	int64_t skip_to;                 /* records that begin before are not shipped */
	int64_t size;                    /* as last seen; of a compressed file: as far as it was expanded */
	int64_t raw_size, raw_done;      /* of a compressed file, its compressed bytes */
	int64_t changed_ns;              /* its time of modification, as a scan last saw it */
	int64_t active_ns;               /* when it last gave bytes, or lost its last name; monotonic */
	int64_t retry_ns;                /* UNREADABLE: not before; INT64_MAX: when it changes */
	int64_t sealed_utc;              /* when its position was last put */
	int64_t tick_utc;                /* when the stream wants a tick; INT64_MAX never */
};

/* A file never read before, from its first byte. Owned by the caller; nothing is opened. */
struct tail *tail_new(struct reader *reader, const char *path, uint64_t dev, uint64_t ino, struct lg_err *err);
/* Goes on from a saved position (`key` as saved). LG_INVALID: the stream cannot be restored, the tail stays at its start. */
enum lg_rc tail_resume(struct tail *tail, const char *key, const struct position *position, struct lg_err *err) LG_WARN_UNUSED;
void tail_free(struct tail *tail); /* closes; the tail is in no list any more */

/* Opens by `path` (NULL: its own) and compares inode, birth and content; the first time it takes down birth and head instead.
 * TAIL_END: open. TAIL_CUT: open, but another content. TAIL_MOVED, TAIL_FAILED: not open. The content of a compressed file is not looked at
 * yet: tail_unpack, then tail_refresh or tail_verify. */
enum tail_result tail_open(struct tail *tail, const char *path, int64_t now_ns);
void tail_close(struct tail *tail);
void tail_unpack(struct tail *tail);
void tail_fold(struct tail *tail); /* gives the decoder up; the file stays open */
bool tail_is_damaged(const struct tail *tail); /* compressed, and came to a place that does not expand */
/* Its size on disk, as last seen. */
int64_t tail_disk_size(const struct tail *tail);
void tail_note_size(struct tail *tail, int64_t size);
/* Bytes known to be there and not read; of a compressed file, compressed ones. */
int64_t tail_unread(const struct tail *tail);
/* Takes down size and head of an open file that was not read yet. TAIL_END or TAIL_FAILED. */
enum tail_result tail_refresh(struct tail *tail, int64_t now_ns);
/* Compares what was read with what the open file holds there now: TAIL_END, TAIL_LATER, TAIL_CUT or TAIL_FAILED. */
enum tail_result tail_verify(struct tail *tail, int64_t now_ns);
/* "path: what; it is tried again". */
enum tail_result tail_fail(struct tail *tail, const char *what, int64_t now_ns);
/* A read failed with errno: UNREADABLE until it is tried again; a compressed file may be BROKEN, or TAIL_LATER is all that it says. */
enum tail_result tail_fail_read(struct tail *tail, int64_t now_ns);
/* Nothing more came to a compressed file that ends where no compressed file does. */
enum tail_result tail_fail_incomplete(struct tail *tail);

/* Reads on: about `limit` bytes at most. `last`: no more will be appended, so a partial record at the end counts as one. */
enum tail_result tail_read(struct tail *tail, size_t limit, bool last, int64_t now_ns);
/* Emits what the stream holds back; call after tail_read(last) came to the end. */
void tail_flush(struct tail *tail);
/* The file was truncated or replaced: starts at 0 as a new file, with a new key. What was held back is emitted and what is known to be
 * lost is reported, unless a copy carries on (`handed_over`). The caller sees to the old key first. */
enum lg_rc tail_restart(struct tail *tail, bool handed_over, struct lg_err *err) LG_WARN_UNUSED;
/* Ages the stream's open assemblies out. */
void tail_tick(struct tail *tail);

/* The file is known by another matching name now. */
void tail_rename(struct tail *tail, const char *path);
void tail_set_dirty(struct tail *tail);
/* Its position as of now; strings borrowed from the tail and from `stream` (LG_STREAM_SAVE_MAX bytes). */
void tail_position(const struct tail *tail, struct position *position, uint8_t *stream);
int64_t tail_offset(const struct tail *tail);
void tail_add_report(const struct tail *tail, struct lg_input_report *report);

#endif
