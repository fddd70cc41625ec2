#include "output_kafka/walk.h"

#include <string.h>

static void skip_blank(struct walk *w)
{
	while (w->at < w->end && strchr(" \t\r\n:,", *w->at))
		w->at++;
}

static struct lg_str take_string(struct walk *w)
{
	const char *start = ++w->at;

	while (w->at < w->end && *w->at != '"')
		w->at += *w->at == '\\' && w->at + 1 < w->end ? 2 : 1;
	if (w->at > w->end)
		w->at = w->end;
	w->at += w->at < w->end;
	return (struct lg_str){start, (size_t)(w->at - start) - (w->at > start)};
}

static struct lg_str take_value(struct walk *w)
{
	const char *start;
	int depth = 0;

	skip_blank(w);
	start = w->at;
	if (w->at < w->end && *w->at == '"')
		return take_string(w);
	while (w->at < w->end) {
		char c = *w->at;

		if (c == '"') {
			take_string(w);
			continue;
		}
		if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			break;
		depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		w->at++;
		if (depth == 0 && (c == '}' || c == ']'))
			break;
	}
	return (struct lg_str){start, (size_t)(w->at - start)};
}

bool walk_next(struct walk *w, struct lg_str *name, struct lg_str *value)
{
	skip_blank(w);
	if (w->at >= w->end || *w->at != '"')
		return false;
	*name = take_string(w);
	*value = take_value(w);
	return true;
}

struct walk walk_enter(struct lg_str object)
{
	struct walk w = {object.data, object.data + object.size};

	skip_blank(&w);
	w.at += w.at < w.end && *w.at == '{';
	return w;
}
