/* What the watch tells: which files to read, when to scan, and where a file went whose name came and went between two scans. */
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "walk.h"

static struct move *move_at(const struct files *files, const char *path)
{
	struct move *move = files->moves;

	while (move && (!move->path || strcmp(move->path, path) != 0))
		move = move->next;
	return move;
}

/* A rename's first half: of a matching name, or of one that was matching a moment ago. */
static void leave(struct files *files, const char *path, uint32_t cookie)
{
	struct move *move = move_at(files, path);

	if (!move && !files_match(files, path))
		return;
	if (!move) {
		move = file_alloc(sizeof(*move));
		move->name = file_strdup(path);
		move->next = files->moves;
		files->moves = move;
	}
	move->cookie = cookie;
	free(move->path);
	move->path = NULL;
}

static void arrive(struct files *files, const char *path, uint32_t cookie)
{
	struct move *move = files->moves;

	while (move && move->cookie != cookie)
		move = move->next;
	if (!move)
		return;
	move->cookie = 0;
	move->path = file_strdup(path);
}

void files_watch_event(void *arg, const struct watch_event *event)
{
	struct files *files = arg;
	struct tail *tail;
	char *path;

	if (event->kind == WATCH_LOST || !event->name || event->is_dir) {
		files->scan_due = true;
		return;
	}
	path = walk_join(event->dir, event->name);
	if (event->from)
		leave(files, path, event->from);
	if (event->to)
		arrive(files, path, event->to);
	tail = files_tail_by_name(files, path);
	if (tail)
		files_enqueue(files, tail);
	if ((event->kind == WATCH_NAMES || !tail) && files_match(files, path))
		files->scan_due = true;
	free(path);
}

void files_take_moves(struct files *files, int64_t now_ns)
{
	while (files->moves) {
		struct move *move = files->moves;
		struct stat st;

		if (move->path && !files_match(files, move->path) && stat(move->path, &st) == 0 && S_ISREG(st.st_mode) &&
		    !files_tail_by_inode(files, (uint64_t)st.st_dev, (uint64_t)st.st_ino))
			(void)files_add_gone(files, move->name, move->path, &st, now_ns);
		files->moves = move->next;
		free(move->name);
		free(move->path);
		free(move);
	}
}
