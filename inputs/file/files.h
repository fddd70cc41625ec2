/* files.h - the set of files of one input: which names match, which file each leads to, whose turn it is to be read.
 *
 * names (paths that match a glob) lead to tails (files, by device and inode); a tail without a name is gone (rotated or deleted) and read to
 * its end. scan.c keeps names and tails true; files.c gives the turns. One thread.
 */
#ifndef FILE_FILES_H
#define FILE_FILES_H

#include <sys/stat.h>

#include "saved.h"
#include "tail.h"
#include "turns.h"
#include "watch.h"

struct name {
	struct table_link link; /* by path */
	char *path;
	struct tail *tail;    /* NULL: refused */
	bool refused;         /* said so once */
	bool elsewhere;       /* a symbolic or hard link: writes may come by a name that is not watched */
	uint64_t generation;  /* of the scan that saw it last */
};

/* A matching name that was renamed, followed within one batch of events: its file may never have been seen. */
struct move {
	struct move *next;
	uint32_t cookie; /* of the first half of a rename whose second half did not come yet */
	char *name;      /* the matching one */
	char *path;      /* where it is now; NULL: not known */
};

struct files {
	struct reader reader;
	struct saved_set saved;
	struct watch *watch;   /* NULL: polling */
	struct table names;
	struct table by_ino;   /* tails */
	struct table looked;   /* compressed files that no glob matches, as they were when they were looked at (packed.c) */
	struct move *moves;
	struct tail *tails;    /* all */
	size_t tail_count, open_count, lost_count, fault_count;
	struct tail *newest, *oldest; /* open ones, by last use */
	struct turns turns;
	bool bulk_first;       /* the last step had no room left for a backlog */
	bool first_start;      /* no position was ever saved: start_at counts */
	bool put_started;      /* the next seal must note that the first start is over */
	bool packed_due;       /* packed_wake is due */
	bool scanned, scan_due, glob_missing, faults_changed;
	uint64_t generation;
	uint64_t seals, settled; /* tokens: of the last seal, and the newest that is settled by every output */
	bool any_settled;      /* there was one, 0 included */
	bool done_due;         /* done_conclude is due */
	size_t concluded;      /* tails that are */
	int64_t opened_ns, scan_ns; /* monotonic: start, next scan at the latest */
	int64_t hot_ns;        /* files_look_at_hot is due, where it polls */
	int64_t step_ns;       /* of the last step */
	int64_t lost_ns;       /* when the directories are next searched for rotated files that still grow */
	int64_t timer_ns;      /* the earliest timer of a tail */
};

enum lg_rc files_open(struct files *files, const struct file_conf *conf, struct lg_input_host *host, struct lg_err *err);
void files_close(struct files *files);
void files_step(struct files *files, int64_t now_ns, struct lg_waitset *ws);
uint64_t files_seal(struct files *files, struct lg_positions *positions); /* the token */
void files_settled(struct files *files, uint64_t token);
bool files_done(const struct files *files);
void files_report(const struct files *files, struct lg_input_report *report);

/* scan.c: compares names and tails with the file system. */
void files_scan(struct files *files, int64_t now_ns);
/* When polling: the files that were written of late, between two scans. */
void files_look_at_hot(struct files *files, int64_t now_ns);
void files_free_names(struct files *files);
/* One of the globs matches the path and nothing excludes it. */
bool files_match(const struct files *files, const char *path);
struct tail *files_tail_by_name(const struct files *files, const char *path);
struct tail *files_tail_by_inode(const struct files *files, uint64_t dev, uint64_t ino);
/* A file seen for the first time joins the set and waits for its turn. NULL: said why. */
struct tail *files_add_tail(struct files *files, const char *path, const struct stat *st, int64_t now_ns);
/* The same for a file that had the matching name `name` once and is at `path` now; a scan makes it live where a glob matches that, too. */
struct tail *files_add_gone(struct files *files, const char *name, const char *path, const struct stat *st, int64_t now_ns);

/* events.c: what the watch tells. `arg` is the files. */
void files_watch_event(void *arg, const struct watch_event *event);
/* Takes up the files whose names came and went between two scans; forgets all moves. */
void files_take_moves(struct files *files, int64_t now_ns);

/* files.c */
void files_enqueue(struct files *files, struct tail *tail);
/* The tail leaves the set. Its position is forgotten, or kept for a week among the saved ones. */
void files_retire(struct files *files, struct tail *tail, bool forget);
/* tail_open within the limit of descriptors. */
enum tail_result files_open_tail(struct files *files, struct tail *tail, const char *path, int64_t now_ns);
void files_close_tail(struct files *files, struct tail *tail);
/* tail.c closes a descriptor that went stale by itself: call after it may have. */
void files_note_open(struct files *files, struct tail *tail);

/* turn.c */
/* Gives a file that was taken from the queue its turn. False: the core takes no more. */
bool files_turn(struct files *files, struct tail *tail, int64_t now_ns);
/* The timer that the tail needs next. */
void files_arm(struct files *files, const struct tail *tail, int64_t now_ns);

#endif
