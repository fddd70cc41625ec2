/* What the control socket is asked, a row a request. An answer's first line is the exit code of the command that asked. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "run/app_parts.h"
#include "spool/deadletter.h"

/* ---- status ---- */

/* "status json|lines", "status text|color [WIDTH]". */
static bool put_status(struct app *app, const char *form, struct lg_buf *out)
{
	struct status status;
	char word[16] = "";
	bool known = true;
	int width = 0;

	if (sscanf(form, "%15s %4d", word, &width) < 1)
		return false;
	app_gather(app, &status);
	lg_buf_append_cstr(out, status_needs_person(&status) ? "1\n" : "0\n");
	if (!strcmp(word, "json"))
		status_put_json(&status, out);
	else if (!strcmp(word, "lines"))
		status_put_lines(&status, clock_utc(app->conf.clock), out);
	else if (!strcmp(word, "text") || !strcmp(word, "color"))
		status_put_text(&status, word[0] == 'c', width, out);
	else
		known = false;
	status_fini(&status);
	return known;
}

/* ---- dead letters and replays ---- */

/* The letters of an output that is configured no more. */
static enum lg_rc drop_orphaned(struct app *app, const char *output, uint64_t *count, struct lg_err *err)
{
	struct deadletters *letters;
	enum lg_rc rc = deadletters_open(&letters, app->spool, output, err);

	if (rc != LG_OK)
		return rc;
	rc = deadletters_drop(letters, count, err);
	deadletters_close(letters);
	return rc;
}

/* "dlq drop OUTPUT": the exit code, then how many records went, or why not. */
static bool drop_dead(struct app *app, const char *output, struct lg_buf *out)
{
	struct lg_output_host *host = NULL;
	struct lg_err err;
	uint64_t count = 0;
	enum lg_rc rc;

	for (size_t i = 0; i < app->output_count; i++)
		if (!strcmp(shipper_conf(app->outputs[i])->name, output))
			host = app->outputs[i];
	rc = host ? shipper_drop_dead(host, &count, &err) : drop_orphaned(app, output, &count, &err);
	if (rc == LG_OK) {
		log_notice("output %s: %llu dead letters were dropped by `lugger dlq drop`", output, (unsigned long long)count);
		lg_buf_printf(out, "0\n%llu\n", (unsigned long long)count);
	} else {
		lg_buf_printf(out, "1\n%s\n", err.text);
	}
	return true;
}

/* The exit code, then what is replayed, or why nothing is. */
static bool start(struct app *app, const char *request, struct lg_buf *out,
                  enum lg_rc (*begin)(struct replays *replays, const char *request, struct lg_buf *out, struct lg_err *err))
{
	struct lg_buf text = {0};
	struct lg_err err;

	if (begin(app->replays, request, &text, &err) == LG_OK) {
		lg_buf_append_cstr(out, "0\n");
		lg_buf_append_str(out, lg_buf_str(&text));
	} else {
		lg_buf_printf(out, "1\n%s\n", err.text);
	}
	lg_buf_fini(&text);
	return true;
}

static bool start_replay(struct app *app, const char *request, struct lg_buf *out)
{
	return start(app, request, out, replays_start);
}

static bool replay_dead(struct app *app, const char *request, struct lg_buf *out)
{
	return start(app, request, out, replays_start_letters);
}

/* "output resolve OUTPUT local|receiver". */
static bool resolve_output(struct app *app, const char *rest, struct lg_buf *out)
{
	const char *space = strrchr(rest, ' ');
	enum lg_choice choice = LG_CHOICE_NONE;

	if (space)
		choice = !strcmp(space + 1, "local") ? LG_CHOICE_LOCAL : !strcmp(space + 1, "receiver") ? LG_CHOICE_RECEIVER : LG_CHOICE_NONE;
	for (size_t i = 0; choice != LG_CHOICE_NONE && i < app->output_count; i++) {
		const char *name = shipper_conf(app->outputs[i])->name;

		if (strlen(name) != (size_t)(space - rest) || strncmp(name, rest, strlen(name)) != 0)
			continue;
		shipper_choose(app->outputs[i], choice);
		log_notice("output %s: `lugger output resolve` chose the %s cursor", name, space + 1);
		lg_buf_append_cstr(out, "0\n");
		return true;
	}
	lg_buf_append_cstr(out, "1\nno such output runs\n");
	return true;
}

/* ---- the table ---- */

static const struct {
	const char *name; /* the words before the rest */
	bool (*answer)(struct app *app, const char *rest, struct lg_buf *out);
} requests[] = {
	{"status ", put_status},
	{"dlq drop ", drop_dead},
	{"dlq replay ", replay_dead},
	{"output resolve ", resolve_output},
	{"replay ", start_replay},
};

bool app_answer(void *arg, const char *request, struct lg_buf *out)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		size_t size = strlen(requests[i].name);

		if (strncmp(request, requests[i].name, size) == 0)
			return requests[i].answer(arg, request + size, out);
	}
	return false;
}
