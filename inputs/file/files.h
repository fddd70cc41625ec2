/* files.h - the set of files of one input: which names match, which file each leads to, whose turn it is to be read.
 *
 * names (paths that match a glob) lead to tails (files, by device and inode); a tail without a name is gone (rotated or deleted) and read to
 * its end. scan.c keeps names and tails true; files.c gives the turns. One thread.
 */
#ifndef FILE_FILES_H
#define FILE_FILES_H

#include "saved.h"
#include "tail.h"
#include "watch.h"

struct name {
	struct table_link link; /* by path */
	char *path;
	struct tail *tail;    /* NULL: refused */
	bool refused;         /* said so once */
	uint64_t generation;  /* of the scan that saw it last */
};

struct files {
	struct reader reader;
	struct saved_set saved;
	struct watch *watch;   /* NULL: polling */
	struct table names;
	struct table by_ino;   /* tails */
	struct tail *tails;    /* all */
	size_t tail_count, open_count, lost_count, fault_count;
	struct tail *newest, *oldest; /* open ones, by last use */
	struct tail *queue, **queue_end;
	bool first_start;      /* no position was ever saved: start_at counts */
	bool put_started;      /* the next seal must note that the first start is over */
	bool scanned, scan_due, glob_missing, faults_changed;
	uint64_t generation;
	int64_t opened_ns, scan_ns; /* monotonic: start, next scan at the latest */
	int64_t timer_ns;      /* the earliest timer of a tail */
};

enum lg_rc files_open(struct files *files, const struct file_conf *conf, struct lg_input_host *host, struct lg_err *err);
void files_close(struct files *files);
void files_step(struct files *files, int64_t now_ns, struct lg_waitset *ws);
void files_seal(struct files *files, struct lg_positions *positions);
bool files_done(const struct files *files);
void files_report(const struct files *files, struct lg_input_report *report);

/* scan.c: compares names and tails with the file system. */
void files_scan(struct files *files, int64_t now_ns);
/* Events of a watch. */
void files_watch_event(void *arg, enum watch_event event, const char *dir, const char *name, bool is_dir);
void files_free_names(struct files *files);

/* For scan.c. */
void files_enqueue(struct files *files, struct tail *tail);
/* The tail leaves the set. Its position is forgotten, or kept for a week among the saved ones. */
void files_retire(struct files *files, struct tail *tail, bool forget);
/* tail_open within the limit of descriptors. */
enum tail_result files_open_tail(struct files *files, struct tail *tail, const char *path, int64_t now_ns);
void files_close_tail(struct files *files, struct tail *tail);

#endif
