/* spool.h - the durable log: one appender, many readers, one cursor per output. Format: SPOOL.md.
 *
 * Threads: open, close, append, commit, maintain, positions, output_add and loss_take belong to the writer's thread. Readers,
 * cursors, detach, loss, tail_evict and the facts may be called from any thread: they touch what a mutex inside guards.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include "base/clock.h"
#include "base/mem.h"
#include "base/sys.h"
#include "data/batch.h"

enum spool_sync { SPOOL_SYNC_ALWAYS, SPOOL_SYNC_INTERVAL, SPOOL_SYNC_NEVER };

struct spool_conf {
	const char *data_dir;  /* the spool is data_dir/spool */
	uint64_t max_size;     /* quota, bytes, the reserved slice and the spare included */
	uint64_t segment_size; /* preallocated bytes of a segment; 64 KiB .. 4 GiB */
	enum spool_sync sync;  /* interval: fdatasync every sync_interval_ns; never: only at a roll. Readers see synced records
	                          alone in every mode */
	int64_t sync_interval_ns;
	int64_t keep_ns;      /* delivered segments are kept this long, as far as the quota allows */
	const char *key_file; /* keys.h; NULL: the spool is not encrypted */
	bool compress;        /* recorded for status; frames are compressed by the batch's maker (data/codec.h) */
	uint64_t tail_bytes;  /* newest durable batches kept in memory, charged to budget, evictable */
	struct mem_budget *budget;
	const struct sys_io *io;
	const struct clock *clock;
};

struct spool;

/* Opens or creates data_dir/spool, takes its lock (LG_BUSY names the process that holds it), recovers: reads the state slots and
 * the newest segment only. Draws a new log id. A torn tail went to quarantine/ with a report; nothing that was acknowledged is
 * missing, or the loss was logged and is in the stats. */
enum lg_rc spool_open(struct spool **spool, const struct spool_conf *conf, struct lg_err *err) LG_WARN_UNUSED;
/* Seals nothing, stores the state, unlocks. NULL is fine. All readers must be closed before. */
void spool_close(struct spool *spool);

/* ---- writer's thread ---- */

/* Numbers the batch (batch->first_seq, log id), writes its frame into the current segment; not durable yet. On LG_OK a reference
 * to the batch is held until it is durable. On anything else the batch was not taken: offer it again, it will be numbered anew.
 * LG_FULL: the quota is reached, until outputs settle more. LG_NOSPACE, LG_IO: the disk refused; the file was abandoned, what was
 * not durable waits to be written again into a new segment with its sequences: call spool_commit until LG_OK first. LG_INVALID:
 * the frame can never fit this quota or the format, or the sequences are used up. */
enum lg_rc spool_append(struct spool *spool, struct lg_batch *batch, struct lg_err *err) LG_WARN_UNUSED;
/* Whether a batch of about `bytes` could be appended now, as far as the quota goes. */
bool spool_has_room(struct spool *spool, uint64_t bytes);
/* sync always: one fdatasync for all appended since the last commit; on LG_OK everything appended is durable and visible to
 * readers, who are woken. interval, never: LG_OK also where the sync was put off (spool_durable_next tells). A commit with
 * nothing appended does no I/O. On failure nothing new is acknowledged; it repairs (new segment, re-append) when called again, as
 * soon as the disk lets it. */
enum lg_rc spool_commit(struct spool *spool, struct lg_err *err) LG_WARN_UNUSED;
/* Stores cursors (at most every 100 ms, or at once with `now`, which also syncs what a weaker mode put off), deletes segments that
 * nobody needs, keeps the spare. Returns the monotonic ns at which it wants to be called next. */
int64_t spool_maintain(struct spool *spool, bool now);
/* Looks whether the key file changed (SIGHUP), and logs what came of it: where another key is in use now, the next append begins a
 * new segment. Without this call the change is noticed when the next segment begins. Any thread. */
void spool_reload_keys(struct spool *spool);
/* The first sequence that is not durable: batches whose last record lies below are. In `interval` and `never` spool_commit
 * answers LG_OK without a sync, so ask this. Any thread. */
uint64_t spool_durable_next(struct spool *spool);
/* The log that record seq belongs to, as 32 hex digits; false where it is not kept, or not durable yet. Any thread. */
bool spool_log_of(struct spool *spool, uint64_t seq, char log_id[33]);
/* Of the batches that spool_append took since open, in order, so many are durable; for batches that carry positions only. Any
 * thread. */
uint64_t spool_durable_appends(struct spool *spool);
/* Lets go of tail batches until `want` bytes came free or the tail is empty; returns the bytes. For whoever needs the budget. Any
 * thread. */
size_t spool_tail_evict(struct spool *spool, size_t want);
/* Called on the writer's thread after each commit; set before the first append. Wakes whoever waits for records. */
void spool_on_commit(struct spool *spool, void (*wake)(void *arg), void *arg);
/* Opens, or goes on with, a loss interval: it lives in the state slots until spool_loss_take hands it out to become a record.
 * scope: 'I' input or 'O' output. Any thread. */
enum lg_rc spool_loss(struct spool *spool, char scope, const char *name, uint64_t first, uint64_t last, uint64_t count,
        uint64_t bytes, const char *reason, struct lg_err *err);
struct spool_loss {
	char scope;
	char name[64];
	char reason[64];
	uint64_t first, last, count, bytes;
	int64_t begin_ns, end_ns; /* UTC */
};
bool spool_loss_take(struct spool *spool, struct spool_loss *loss); /* the oldest one; it leaves the state at the next store */
/* As spool_loss, for what goes on for a while (a policy that drops): the interval grows and is not handed out before
 * spool_loss_end. */
enum lg_rc spool_loss_open(struct spool *spool, char scope, const char *name, uint64_t first, uint64_t last, uint64_t count,
        uint64_t bytes, const char *reason, struct lg_err *err);
void spool_loss_end(struct spool *spool);
/* Stores the state now: losses that were posted, cursors that were moved are durable on LG_OK. A full disk does not stop it. */
enum lg_rc spool_store(struct spool *spool, struct lg_err *err) LG_WARN_UNUSED;

/* ---- positions (saved at open, then as appended) ---- */

/* Every position entry known at open for `input`, newest value each. Call before the first append or on the writer's thread. */
void spool_positions(struct spool *spool, struct lg_str input,
        void (*each)(void *arg, struct lg_str key, const uint8_t *value, size_t size), void *arg);

/* ---- cursors ---- */

/* Makes the output's cursor known. A new one starts at the oldest record, or (at_end) after the newest. LG_OK. Before threads
 * start. */
enum lg_rc spool_output_add(struct spool *spool, const char *output, bool at_end, struct lg_err *err) LG_WARN_UNUSED;
/* The lowest sequence the output has not settled. */
uint64_t spool_cursor(struct spool *spool, const char *output);
/* The lowest cursor of all outputs that are configured, detached ones included: all of them have settled everything below. Any thread. */
uint64_t spool_settled(struct spool *spool);
/* Everything below `seq` is settled. Only forward. Durable at the next state store. Any thread. */
void spool_cursor_move(struct spool *spool, const char *output, uint64_t seq);
/* The output let go of the spool (on_lag: detach): it no longer holds segments. Its cursor jumps to the first kept record when it
 * reads again: whoever reads sees the reader jump, and states the loss. */
void spool_output_detach(struct spool *spool, const char *output);
/* The sequence behind the oldest kept segment: when every output lets go of what is below, its space comes free. 0: the newest one
 * alone is left. Any thread. */
uint64_t spool_oldest_end(struct spool *spool);
/* Forgets the cursor of an output that is configured no more ("orphaned" until then). */
enum lg_rc spool_output_forget(struct spool *spool, const char *output, struct lg_err *err) LG_WARN_UNUSED;

/* ---- readers: any thread, one thread each ---- */

struct spool_reader;

enum lg_rc spool_reader_open(
        struct spool *spool, uint64_t from_seq, struct spool_reader **reader, struct lg_err *err) LG_WARN_UNUSED;
/* The batch that holds the reader's next sequence; the caller owns one reference and continues behind its last record. Served
 * from the memory tail when it is there, else read, verified and decompressed. LG_AGAIN: caught up with what is durable.
 * LG_CORRUPT: a frame did not verify; it was counted and quarantined, *gap_first..*gap_last are its sequences, and the next call
 * goes on behind them. */
enum lg_rc spool_reader_next(struct spool_reader *reader, struct lg_batch **batch, uint64_t *gap_first, uint64_t *gap_last,
        struct lg_err *err) LG_WARN_UNUSED;
void spool_reader_seek(struct spool_reader *reader, uint64_t seq); /* below the first kept record: to that one */
uint64_t spool_reader_at(const struct spool_reader *reader);       /* sequence that comes next */
void spool_reader_close(struct spool_reader *reader);

/* ---- facts ---- */

struct spool_output_stat {
	char name[64];
	uint64_t cursor;
	bool orphaned, detached;
};

struct spool_encryption {
	uint32_t key_id;      /* of the newest segment; 0: it is not encrypted */
	uint32_t next_key_id; /* of the segment that comes next; 0 where no key file is known */
	uint32_t keys_known;
};

struct spool_stat {
	char spool_id[33], log_id[33]; /* 32 hex digits */
	uint64_t bytes, quota_bytes;   /* on disk, spare and reserve included; a view knows no quota: 0 */
	uint64_t first_seq, next_seq;  /* kept records are first_seq .. next_seq - 1, all durable */
	int64_t oldest_ns;             /* receipt time of the oldest kept record, UTC; 0 when empty */
	uint64_t segments;
	uint64_t corrupt_frames, torn_bytes, quarantined;
	uint64_t commits, commit_ns_total, commit_ns_max; /* of this process */
	uint64_t appended_records, appended_raw_bytes, appended_stored_bytes;
	struct spool_encryption encryption;
	uint64_t quarantine_pieces; /* that lie in quarantine/, of earlier starts too; spool_stat_disk fills it */
	bool full;       /* the last append answered LG_FULL */
	unsigned fill_percent; /* of what the quota leaves to the log, so much is not delivered: 100 is full; 0 in a view */
	unsigned open_losses;  /* loss intervals that are not records yet */
	char error[256]; /* last I/O error, "" when the last operation went well */
	struct spool_output_stat outputs[32];
	size_t output_count;
};

void spool_stat(struct spool *spool, struct spool_stat *stat);
/* As fill_percent of spool_stat. Any thread. */
unsigned spool_fill_percent(struct spool *spool);
/* What the disk is asked for: quarantine_pieces, and for a view the newest segment's key. */
void spool_stat_disk(struct spool *spool, struct spool_stat *stat);
/* Bytes of frames of each input that some output has not settled, exact to a frame. Counted from the frames' headers: an update reads what is new, and
 * after a start at most one segment of the backlog a call; until it answers true the counts are lower bounds. One thread. */
struct spool_usage;
struct spool_usage *spool_usage_new(const char *const *inputs, size_t count);
void spool_usage_free(struct spool_usage *usage); /* NULL is fine */
bool spool_usage_update(struct spool *spool, struct spool_usage *usage);
uint64_t spool_usage_bytes(const struct spool_usage *usage, size_t input);
/* Bytes of stored frames from `seq` on (an estimate by frame index, exact to a frame), for lag_bytes. Any thread. */
uint64_t spool_bytes_from(struct spool *spool, uint64_t seq);
/* Receipt time of the first record at or behind seq, UTC ns; 0 when there is none. */
int64_t spool_time_of(struct spool *spool, uint64_t seq);
/* Receipt time of the newest record, UTC ns; 0 when there is none. What comes after must not be older. */
int64_t spool_newest_time(struct spool *spool);

/* ---- reading a spool that may belong to a running daemon: no lock taken, nothing written ---- */

enum lg_rc spool_peek_open(
        struct spool **spool, const char *data_dir, const struct sys_io *io, struct lg_err *err) LG_WARN_UNUSED;
/* Lets the view read encrypted records. Once, before its first reader. LG_INVALID, LG_NOTFOUND, LG_IO: keys_open's. */
enum lg_rc spool_peek_keys(struct spool *spool, const char *key_file, struct lg_err *err) LG_WARN_UNUSED;
/* What a key file is asked before it is used: keys.h. data_dir: its owner may own the file. */
enum lg_rc spool_check_key_file(const char *key_file, const char *data_dir, struct lg_err *err) LG_WARN_UNUSED;
/* Appends a new line of a key file. id 0: one more than the highest of key_file, which may be NULL or not exist (then 1). Wipe `out`
 * after use: crypt_wipe. */
enum lg_rc spool_keygen(uint32_t id, const char *key_file, struct lg_buf *out, struct lg_err *err) LG_WARN_UNUSED;
/* Picks up what the daemon appended and deleted since; for `spool tail -f`. */
enum lg_rc spool_peek_refresh(struct spool *spool, struct lg_err *err) LG_WARN_UNUSED;

struct spool_verify_result {
	uint64_t segments, frames, records, bytes;
	uint64_t bad_segments, bad_frames;
	bool bad_state; /* no slot of the state file verifies, or there is no such file */
	uint64_t missing; /* records that should be there: in a hole between frames, or needed by a cursor */
	uint64_t torn_bytes;
	uint64_t closed_segments; /* encrypted, and their key is not there: checksums alone were checked */
};
/* Reads everything and checks every checksum; calls `say` with one line a finding ("segment 12: frame at 8192: payload CRC ...").
 * key_file NULL: what is encrypted is checked as far as its checksums go. */
enum lg_rc spool_verify(const char *data_dir, const char *key_file, const struct sys_io *io, struct spool_verify_result *result,
        void (*say)(void *arg, const char *line), void *arg, struct lg_err *err) LG_WARN_UNUSED;
/* Segments as `spool ls` shows them. */
struct spool_segment_info {
	uint64_t number, first_seq, next_seq, bytes, used_bytes, frames;
	int64_t created_ns, first_ns, last_ns;
	bool sealed;
	bool bad;
};
enum lg_rc spool_ls(const char *data_dir, const struct sys_io *io, void (*each)(void *arg, const struct spool_segment_info *info),
        void *arg, struct lg_err *err) LG_WARN_UNUSED;

#endif
