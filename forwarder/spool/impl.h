/* impl.h - what the parts of the spool share. Not for other layers.
 *
 * Who owns what: fields under "writer" belong to the writer's thread; those under "shared" are guarded by `lock`, which is never
 * held over I/O.
 */
#ifndef SPOOL_IMPL_H
#define SPOOL_IMPL_H

#include <pthread.h>

#include "spool/keys.h"
#include "spool/state.h"

#define SPOOL_PATH_MAX 4096
#define STATE_INTERVAL_NS (100 * CLOCK_MS) /* after a kill so much is offered again, beside what the output itself holds back */
/* Sequences, segment numbers and generations end here: not to be reached, and refused where somebody names one behind. The rest is
 * room for what one process still draws. */
#define COUNTER_END (UINT64_MAX - UINT32_MAX)
#define IDLE_INTERVAL_NS (500 * CLOCK_MS)
#define PLACE_INTERVAL_NS CLOCK_SECOND

struct seg {
	uint64_t number, first_seq;
	uint64_t size;   /* bytes of the file */
	uint64_t end;    /* offset behind the last durable frame; 0: not looked up, the scan finds it */
	int64_t last_ns; /* receipt time of its last record; 0: not looked up */
};

/* A batch that was appended and is not durable yet. */
struct pending {
	struct lg_batch *batch;
};

struct doomed {
	uint64_t number, first_seq, size;
};

/* The segment being written. */
struct tip {
	int handle;         /* -1: none, or abandoned after a failure */
	uint64_t size, end; /* preallocated bytes; where the next frame goes */
};

struct spool {
	struct spool_conf conf;
	char dir[SPOOL_PATH_MAX];
	bool peek;         /* read-only view */
	struct keys *keys; /* NULL: not encrypted; its own mutex */

	/* writer */
	int lock_handle, state_handle;
	struct tip tip;
	bool broken;         /* a write or sync failed: the next commit repairs */
	uint64_t spare_size; /* 0: there is none */
	struct pending *pending;
	size_t pending_count, pending_cap;
	uint64_t pending_bytes;  /* memory they hold */
	struct posmap positions; /* of durable frames */
	struct log_range *ranges;
	size_t range_count, range_cap;
	uint64_t next_seq; /* of the next record appended */
	uint64_t append_count;
	uint64_t tip_before, tip_before_end; /* what the tip's header says of the segment before it */
	uint64_t prev_number, prev_end; /* the newest segment, and where its durable frames end */
	struct frame_index old_index;   /* of the segment that was the newest before this start, until recover_finish */
	uint64_t old_number;
	uint64_t found_tag;                  /* of frames in a spool whose id is known from nowhere else */
	bool old_empty;                      /* it holds nothing: removed */
	uint64_t old_before, old_before_end; /* what its header says of the segment before */
	bool old_keep;                       /* do not seal it: its torn tail could not be set aside, or the disk did not give all of it */
	bool state_lost; /* no slot verified: cursors may be missing, so unknown outputs start at the oldest record */
	int64_t last_sync_ns, last_state_ns, last_place_ns; /* monotonic */
	bool displaced; /* its directory is not where it was */
	struct doomed *doomed;               /* below the durable low-water mark, still to be unlinked */
	size_t doomed_count, doomed_cap;
	uint64_t low_durable;              /* segments below are given up on disk too */
	struct lg_buf head, bytes, sealed; /* scratch */
	struct crypt *cipher;              /* of the tip; NULL: not encrypted */
	uint32_t cipher_key;               /* its id */
	void (*wake)(void *arg);
	void *wake_arg;

	/* shared */
	pthread_mutex_t lock;
	struct state state; /* cursors, losses, ids; the rest is filled when it is stored */
	bool state_dirty;
	struct seg *segs; /* ascending; the last one is the tip's (or the newest) */
	size_t seg_count, seg_cap;
	struct frame_index index; /* of the newest segment: durable and appended frames */
	uint64_t durable_next, durable_appends;
	struct lg_batch **tail; /* ring of the newest durable batches, contiguous sequences */
	size_t tail_cap, tail_first, tail_count, tail_bytes;
	struct spool_stat stat;
	uint64_t quarantine_bytes, deadletter_bytes;
	uint64_t bad_frames_seen[256]; /* hashes of (segment, offset): each counts once */
	size_t bad_frames_next;

	/* one segment's index for spool_bytes_from and spool_time_of */
	pthread_mutex_t index_lock;
	struct frame_index cached;
	uint64_t cached_number;
};

/* Formats dir/name into path. */
char *spool_path(const struct spool *spool, char path[SPOOL_PATH_MAX], const char *name);
char *spool_segment_path(const struct spool *spool, char path[SPOOL_PATH_MAX], uint64_t number, uint64_t first_seq);
uint64_t spool_tag(const uint8_t spool_id[16]);
void spool_hex(char out[33], const uint8_t id[16]);
/* Records the last I/O error for spool_stat; NULL clears it. */
void spool_note_error(struct spool *spool, const struct lg_err *err);

/* log.c: makes everything pending durable, whatever the sync mode; repairs first where that is needed. */
enum lg_rc spool_sync(struct spool *spool, struct lg_err *err) LG_WARN_UNUSED;
/* `stored` becomes what was encrypted. *crypt is the cipher of the segment, made at the first call (free it with
 * the segment); header: the frame's bytes. LG_CORRUPT: it was changed. LG_INVALID: the key is missing or wrong. LG_IO. Any thread. */
enum lg_rc spool_decrypt(struct spool *spool, struct crypt **crypt, int handle, const struct frame_header *frame,
        const uint8_t *header, struct lg_buf *stored, struct lg_err *err) LG_WARN_UNUSED;
struct spool *spool_new_peek(const struct spool_conf *conf);

/* recover.c: fills segs, positions, ranges, next_seq, durable_next, state. Finds, judges and sets aside a torn tail. */
enum lg_rc recover_spool(struct spool *spool, struct lg_err *err) LG_WARN_UNUSED;
/* After the new log is published: seals or deletes what was the newest segment before. */
void recover_finish(struct spool *spool);
/* What a scan of the newest segment found. */
struct tip_scan {
	uint8_t log_id[16]; /* of the last accepted frame */
	uint64_t tag;       /* of the first one */
	struct frame_index index;
	uint64_t stop_seq; /* given: records from this sequence on are another segment's; 0: all are of this one */
	uint64_t end; /* behind the last accepted frame */
	uint64_t next_seq;
	uint64_t torn_from, torn_to; /* equal: none */
	uint64_t torn_seq;           /* of the first record in it */
	bool unread;                 /* some of it the disk did not give */
	bool sealed;                 /* a footer follows the last frame */
	uint64_t mark;               /* everything below was known to be synced */
	uint64_t corrupt;            /* bad regions below the mark */
	uint64_t records;
};
/* recover_scan.c. mark: what state knows to be synced in this segment. positions may be NULL. quiet: no quarantine, no log. */
enum lg_rc recover_scan(struct spool *spool, int handle, uint64_t number, uint64_t from, uint64_t size, uint64_t mark,
        struct posmap *positions, bool quiet, struct tip_scan *result, struct lg_err *err) LG_WARN_UNUSED;

/* recover_dir.c: Lists the segments into spool->segs, ascending; files that are no segments are left alone. */
enum lg_rc recover_list(struct spool *spool, struct lg_err *err) LG_WARN_UNUSED;
/* The segment's file could not be opened: sets *err, which names it. */
enum lg_rc recover_refused(const struct seg *seg, int error, struct lg_err *err);
/* Opens and reads the state file, or makes an empty one; state_lost where cursors may be missing. */
enum lg_rc recover_state(struct spool *spool, struct lg_err *err) LG_WARN_UNUSED;
/* What lies in quarantine, and the dead letters, count against the quota. Half-made files of the last run go. */
void recover_tidy(struct spool *spool);
/* The spare that the last run left, if it is still one. */
void recover_spare(struct spool *spool);

/* roll.c: the newest segment: create, seal. Writer's thread. */
/* A new segment that starts at next durable sequence becomes the tip. frame_bytes: what has to fit in besides header and footer.
 */
enum lg_rc roll_create(struct spool *spool, uint64_t frame_bytes, struct lg_err *err) LG_WARN_UNUSED;
/* The first segment of a new log: where the quota has no room for one it is a header that no frame fits behind, or each start of a
 * full spool would take some more. */
enum lg_rc roll_create_first(struct spool *spool, struct lg_err *err) LG_WARN_UNUSED;
/* Footer, sync, close. On failure the tip is abandoned and spool->broken set. */
enum lg_rc roll_seal(struct spool *spool, struct lg_err *err) LG_WARN_UNUSED;
/* Stops using the tip after a failure; it ends at its last durable frame. */
void roll_abandon(struct spool *spool);
/* Preallocates the spare where the quota has room for it. */
void roll_keep_spare(struct spool *spool);
/* Everything pending became durable: positions, tail, cursors' limit. */
void roll_publish(struct spool *spool);

/* space.c: quota, low-water mark, deletion. Writer's thread. */
uint64_t space_used(struct spool *spool);
/* What the log leaves of the quota to dead letters that are not written yet (deadletter.h). */
uint64_t space_for_letters(struct spool *spool);
/* Is there room for a segment of `bytes` as things are? */
bool space_fits(struct spool *spool, uint64_t bytes);
/* May a segment of `bytes` be added? Deletes delivered segments, kept ones too, to make room. */
bool space_for_segment(struct spool *spool, uint64_t bytes);
/* Deletes what no output needs and `keep` does not hold. */
void space_reclaim(struct spool *spool);
void space_unlink_doomed(struct spool *spool);
/* A copy of the segments that some output still needs, oldest first (free it), and the lowest sequence needed. Any thread. */
size_t space_held(struct spool *spool, struct seg **held, uint64_t *low);
enum lg_rc space_store_state(struct spool *spool, struct lg_err *err) LG_WARN_UNUSED;

/* place.c: are the files that are written still in their place? Writer's thread; the first one any. */
enum lg_rc place_check(struct spool *spool, struct lg_err *err) LG_WARN_UNUSED;
/* The same, and the tip: asked behind each sync, before what it wrote counts. The tip is abandoned where it was deleted. */
enum lg_rc place_confirm(struct spool *spool, struct lg_err *err) LG_WARN_UNUSED;
void place_watch(struct spool *spool, int64_t mono_ns); /* from time to time, also when nothing is written: for status and log */

/* tail.c: call with the lock held. */
void tail_push(struct spool *spool, struct lg_batch *batch);   /* takes a reference */
struct lg_batch *tail_find(struct spool *spool, uint64_t seq); /* NULL, or with a new reference */
size_t tail_shrink(struct spool *spool, size_t keep_bytes);    /* bytes freed */

/* quarantine.c: any thread. What is set aside: the bytes [from, to) of a segment, and the records first_seq .. next_seq - 1 that went with
 * them; next_seq 0: nobody knows how many. */
struct quarantine_piece {
	uint64_t number, from, to;
	uint64_t first_seq, next_seq;
	const char *reason;
};
/* Copies the bytes and writes a report; false where the copy could not be made. */
bool quarantine_bytes(struct spool *spool, int handle, const struct quarantine_piece *piece);
/* True the first time this place is named. */
bool quarantine_first(struct spool *spool, uint64_t number, uint64_t offset);

/* reader.c: true where the disk gives anything at all, of this segment or the state: then what it does not give is damaged, and not the disk
 * away. */
bool spool_disk_answers(const struct spool *spool, int handle);

/* stat.c: any thread. */
bool spool_segment_listed(struct spool *spool, uint64_t number);
uint64_t spool_segment_end(struct spool *spool, uint64_t number); /* first sequence behind it */

/* index.c: the index of a sealed segment, or of one without footer by scanning; any thread. */
enum lg_rc index_load(
        const struct spool *spool, int handle, uint64_t number, uint64_t limit, struct frame_index *index) LG_WARN_UNUSED;

#endif
