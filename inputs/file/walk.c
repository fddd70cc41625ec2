#include "walk.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "table.h"

static bool is_wild(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

char *walk_join(const char *dir, const char *name)
{
	size_t dir_size = strcmp(dir, ".") == 0 ? 0 : strlen(dir), name_size = strlen(name) + 1;
	bool slash = dir_size && dir[dir_size - 1] != '/';
	char *path = file_alloc(dir_size + slash + name_size);

	memcpy(path, dir, dir_size);
	if (slash)
		path[dir_size] = '/';
	memcpy(path + dir_size + slash, name, name_size);
	return path;
}

static void walk_last(struct walk *walk, const char *dir, const char *name)
{
	bool wild = is_wild(name);
	struct dirent *entry;
	struct stat st;
	DIR *stream;

	if (!wild && !walk->all) {
		if (stat(dir, &st) < 0)
			walk->missing = true;
		else
			walk->entry(walk->arg, dir, name, 0, true);
		return;
	}
	stream = opendir(dir);
	if (!stream) {
		walk->missing = true;
		return;
	}
	while ((entry = readdir(stream))) {
		bool match = wild ? fnmatch(name, entry->d_name, FNM_PERIOD) == 0 : strcmp(name, entry->d_name) == 0;

		if (match || walk->all)
			walk->entry(walk->arg, dir, entry->d_name, entry->d_ino, match);
	}
	closedir(stream);
}

static void walk_from(struct walk *walk, const char *dir, const char *rest);

static void walk_wild_dirs(struct walk *walk, const char *dir, const char *component, const char *rest)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;

	if (!stream) {
		walk->missing = true;
		return;
	}
	while ((entry = readdir(stream))) {
		struct stat st;
		char *path;

		if (fnmatch(component, entry->d_name, FNM_PERIOD) != 0)
			continue;
		path = walk_join(dir, entry->d_name);
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			walk_from(walk, path, rest);
		free(path);
	}
	closedir(stream);
}

static void walk_from(struct walk *walk, const char *dir, const char *rest)
{
	const char *slash = strchr(rest, '/');
	char *component, *path;

	if (!slash) {
		walk->dir(walk->arg, dir);
		walk_last(walk, dir, rest);
		return;
	}
	component = file_strdup(rest);
	component[slash - rest] = '\0';
	while (*slash == '/')
		slash++;
	if (is_wild(component)) {
		walk->dir(walk->arg, dir);
		walk_wild_dirs(walk, dir, component, slash);
	} else {
		path = walk_join(dir, component);
		walk_from(walk, path, slash);
		free(path);
	}
	free(component);
}

void walk_pattern(struct walk *walk, const char *pattern)
{
	const char *rest = pattern;

	while (*rest == '/')
		rest++;
	walk_from(walk, rest > pattern ? "/" : ".", rest);
}

bool walk_matches(const char *pattern, const char *path)
{
	return is_wild(pattern) ? fnmatch(pattern, path, FNM_PATHNAME | FNM_PERIOD) == 0 : strcmp(pattern, path) == 0;
}

bool walk_excludes(const char *pattern, const char *path)
{
	const char *slash = strrchr(path, '/');

	return strchr(pattern, '/') ? walk_matches(pattern, path) : fnmatch(pattern, slash ? slash + 1 : path, 0) == 0;
}
