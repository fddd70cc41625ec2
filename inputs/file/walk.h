/* walk.h - expanding a glob (POSIX XCU 2.13, components matched one by one) and learning which directories it depends on. */
#ifndef FILE_WALK_H
#define FILE_WALK_H

#include <stdbool.h>
#include <sys/types.h>

struct walk {
	/* A directory whose entries decide what the pattern matches. */
	void (*dir)(void *arg, const char *dir);
	/* A name in the last directory. `match`: the pattern fits (it may not exist where it holds no wildcard); others are told only with
	 * `all`, with the inode that the directory gives; ino 0: not known. */
	void (*entry)(void *arg, const char *dir, const char *name, ino_t ino, bool match);
	void *arg;
	bool all;
	bool missing; /* set when a directory named without wildcards does not exist or cannot be read */
};

void walk_pattern(struct walk *walk, const char *pattern);
/* The whole pattern against the whole path, as walk_pattern would. */
bool walk_matches(const char *pattern, const char *path);
/* An exclusion: a pattern without a slash is matched with the last component, one with a slash with the whole path. */
bool walk_excludes(const char *pattern, const char *path);
/* "dir/name", "name" for ".", "/name" for "/"; the caller frees. */
char *walk_join(const char *dir, const char *name);

#endif
