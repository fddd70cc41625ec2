/* What needs a person, in sentences: the exit code of `lugger status`, its first lines, and `attention` of its JSON are this list. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "run/status.h"

struct sentences {
	void (*each)(void *arg, const char *sentence);
	void *arg;
};

static void say(const struct sentences *to, const char *fmt, ...) LG_PRINTF(2, 3);

static void say(const struct sentences *to, const char *fmt, ...)
{
	char text[1400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	to->each(to->arg, text);
}

bool status_input_ill(const struct status_input *input)
{
	return !strcmp(input->w.state, "fault") || !strcmp(input->w.state, "silent") || !strcmp(input->w.state, "full") ||
	       !strcmp(input->w.state, "quota");
}

bool status_output_ill(const struct status_output *output)
{
	return !output->s.healthy || output->orphaned || output->detached;
}

const char *status_output_state(const struct status_output *output)
{
	return output->orphaned ? "orphaned" : output->detached ? "detached" : output->s.state;
}

static void spool_sentences(const struct status *status, const struct sentences *to)
{
	const struct spool_stat *spool = &status->spool;

	const char *held = status->held_by[0] ? ", held by output " : "", *holder = status->held_by[0] ? "it" : "an output";

	if (status->dropping)
		say(to, "the spool is full%s%s: new records are dropped until %s frees space (when_full: %s)", held, status->held_by, holder,
		    status->when_full);
	else if (spool->full)
		say(to, "the spool is full%s%s: inputs wait until %s frees space", held, status->held_by, holder);
	else if (status->losing && !strcmp(status->when_full, "block")) /* this policy loses nothing: it was a source or an output */
		say(to, "records were lost within the last minute: loss records say which and why");
	else if (status->losing)
		say(to, "records were lost within the last minute (when_full: %s)", status->when_full);
	if (status->not_admitted[0])
		say(to, "the spool is %u %% undelivered: records of severity %s and less are not admitted (discard_severity)", spool->fill_percent,
		    status->not_admitted);
	if (spool->error[0])
		say(to, "the spool cannot write: %s", spool->error);
	if (spool->corrupt_frames)
		say(to, "the spool has %llu corrupt frames: what they held is lost, their bytes are in quarantine (`lugger spool verify`)",
		    (unsigned long long)spool->corrupt_frames);
}

static void input_sentence(const struct status *status, const struct status_input *input, const struct sentences *to)
{
	char age[24];

	if (!strcmp(input->w.state, "fault"))
		say(to, "input %s: %s", input->name, input->w.last_error);
	else if (!strcmp(input->w.state, "silent") && input->last_record_seconds >= 0)
		say(to, "input %s is silent: its last record came %s ago", input->name,
		    text_format_duration((int64_t)(input->last_record_seconds * 1e9), age));
	else if (!strcmp(input->w.state, "silent"))
		say(to, "input %s is silent: no record since the start", input->name);
	else if (!strcmp(input->w.state, "full") && !status->spool.full && !status->spool.error[0])
		say(to, "input %s waits for the spool", input->name);
	if (!strcmp(input->w.state, "quota"))
		say(to, "input %s waits: it is at its spool_quota", input->name);
	if (input->w.lost)
		say(to, "input %s lost %s%llu records since the start", input->name, input->w.lost_unknown ? "at least " : "", (unsigned long long)input->w.lost);
}

static void output_sentence(const struct status_output *output, const struct sentences *to)
{
	char lag[28];

	if (output->orphaned)
		say(to, "output %s is configured no more and still holds the spool: configure it again, or `lugger output forget %s`", output->name,
		    output->name);
	else if (output->detached)
		say(to, "output %s was detached: it lagged more than max_lag while the spool was full", output->name);
	else if (!output->s.healthy)
		say(to, "output %s is %s, %s records behind: %s", output->name, output->s.state, text_format_count(output->s.lag_records, lag),
		    output->s.last_error[0] ? output->s.last_error : "no reason is known");
	if (output->s.dead)
		say(to, "output %s has %llu dead letters: `lugger dlq ls`", output->name, (unsigned long long)output->s.dead);
	if (output->s.lost)
		say(to, "output %s lost %llu records since the start", output->name, (unsigned long long)output->s.lost);
}

void status_attention(const struct status *status, void (*each)(void *arg, const char *sentence), void *arg)
{
	const struct sentences to = {each, arg};

	if (!status->running)
		say(&to, "lugger is not running");
	spool_sentences(status, &to);
	for (size_t i = 0; i < status->output_count; i++) {
		struct status_output output = status->outputs[i];

		output.s.healthy |= !status->running; /* nobody expects more of it */
		output_sentence(&output, &to);
	}
	for (size_t i = 0; i < status->input_count; i++)
		input_sentence(status, &status->inputs[i], &to);
}

static void count_sentence(void *arg, const char *sentence)
{
	size_t *count = arg;

	(void)sentence;
	++*count;
}

bool status_needs_person(const struct status *status)
{
	size_t count = 0;

	status_attention(status, count_sentence, &count);
	return count > 0;
}
