/* Sequences as text. A file under cases/ is one: a comment that says what it found, the seed of its crash states, its setup, and an
 * operation a line. `strike` lines name one state; without them every sync is struck. */
#include "model.h"

#include <ctype.h>

static const char *const setup_names[] = {"quota", "interval", "tail", "keep", "keys", "compress", "high"};

static uint32_t *setup_field(struct setup *setup, size_t i)
{
	uint32_t *const fields[] = {&setup->quota, &setup->interval, &setup->tail, &setup->keep, &setup->keys, &setup->compress,
	        &setup->high};

	return fields[i];
}

/* strike 0 12 1x30 0x1: before sync 12, thirty pieces are kept and one is lost. */
static void print_strike(FILE *f, int level, const struct strike *strike)
{
	uint32_t at = 0, run;

	if (strike->sync < 0 || strike->count > PIECES_MAX)
		return;
	fprintf(f, "strike %d %lld", level, (long long)strike->sync);
	for (; at < strike->count; at += run) {
		for (run = 1; at + run < strike->count && strike->keep[at + run] == strike->keep[at];)
			run++;
		fprintf(f, " %dx%u", strike->keep[at], run);
	}
	fprintf(f, "\n");
}

void case_print(FILE *f, const struct sequence *sequence, const struct failure *failure)
{
	struct setup setup = sequence->setup;

	if (failure)
		fprintf(f, "# %s: %s\n", failure->rule, failure->text);
	fprintf(f, "seed %llu\nsetup", LLU(sequence->seed));
	for (size_t i = 0; i < sizeof(setup_names) / sizeof(setup_names[0]); i++)
		fprintf(f, " %s=%u", setup_names[i], *setup_field(&setup, i));
	fprintf(f, "\n");
	for (uint32_t i = 0; i < sequence->count; i++) {
		fprintf(f, "%s", op_names[sequence->ops[i].kind]);
		for (unsigned k = 0; k < op_args[sequence->ops[i].kind]; k++)
			fprintf(f, " %u", sequence->ops[i].arg[k]);
		fprintf(f, "\n");
	}
	for (int level = 0; level < 2; level++)
		print_strike(f, level, &sequence->strike[level]);
}

static bool read_strike(char *line, struct sequence *sequence)
{
	int level = 0, used = 0, value;
	long long sync;
	unsigned run;

	if (sscanf(line, "strike %d %lld%n", &level, &sync, &used) != 2 || level < 0 || level > 1)
		return false;
	sequence->strike[level].sync = sync;
	sequence->strike[level].count = 0;
	for (line += used; sscanf(line, " %dx%u%n", &value, &run, &used) == 2; line += used)
		for (; run && sequence->strike[level].count < PIECES_MAX; run--)
			sequence->strike[level].keep[sequence->strike[level].count++] = value != 0;
	return !line[strspn(line, " \n")];
}

static bool read_setup(char *line, struct sequence *sequence)
{
	for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n")) {
		char *equals = strchr(word, '=');
		size_t i = 0;

		if (!equals)
			return false;
		*equals = '\0';
		while (i < sizeof(setup_names) / sizeof(setup_names[0]) && strcmp(setup_names[i], word) != 0)
			i++;
		if (i == sizeof(setup_names) / sizeof(setup_names[0]))
			return false;
		*setup_field(&sequence->setup, i) = (uint32_t)strtoul(equals + 1, NULL, 10);
	}
	return true;
}

static bool read_op(char *line, struct sequence *sequence)
{
	char *word = strtok(line, " \n");
	struct op *op = &sequence->ops[sequence->count];

	if (!word || sequence->count == OPS_MAX)
		return false;
	*op = (struct op){0};
	while (op->kind < OP_KINDS && strcmp(op_names[op->kind], word) != 0)
		op->kind++;
	if (op->kind == OP_KINDS)
		return false;
	for (unsigned k = 0; k < op_args[op->kind]; k++) {
		word = strtok(NULL, " \n");
		if (!word)
			return false;
		op->arg[k] = (uint32_t)strtoul(word, NULL, 10);
	}
	sequence->count++;
	return !strtok(NULL, " \n");
}

bool case_read(FILE *f, struct sequence *sequence)
{
	static char line[65536];
	unsigned long long seed;
	unsigned number = 0;

	memset(sequence, 0, sizeof(*sequence));
	sequence->strike[0].sync = sequence->strike[1].sync = -1;
	sequence->setup.quota = 512;
	while (fgets(line, sizeof(line), f)) {
		bool ok = true;

		number++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (sscanf(line, "seed %llu", &seed) == 1)
			sequence->seed = seed;
		else if (strncmp(line, "setup ", 6) == 0)
			ok = read_setup(line + 6, sequence);
		else if (strncmp(line, "strike ", 7) == 0)
			ok = read_strike(line, sequence);
		else
			ok = read_op(line, sequence);
		if (!ok) {
			fprintf(stderr, "line %u is not understood\n", number);
			return false;
		}
	}
	return true;
}

/* What is lost, or what is kept where that is shorter to say. */
void strike_print_pieces(FILE *f, const struct memfs *fs, const bool *keep)
{
	static const char *const kinds[] = {"data", "size", "name", "removal", "rename"};
	size_t kept = 0;
	bool tell;

	for (size_t i = 0; i < fs->piece_count; i++)
		kept += keep[i];
	tell = kept <= fs->piece_count / 2;
	fprintf(f, "of %zu pieces not synced %zu reach the disk%s\n", fs->piece_count, kept, tell ? ":" : "; lost are:");
	for (size_t i = 0; i < fs->piece_count; i++) {
		const struct memfs_piece *piece = &fs->pieces[i];
		const char *path = piece->path;

		for (size_t e = 0; !path[0] && e < fs->live.entry_count; e++)
			if (fs->live.entries[e].inode == piece->inode)
				path = fs->live.entries[e].path;
		if (keep[i] != tell)
			continue;
		fprintf(f, "  %s %s%s%s", kinds[piece->kind], path[0] ? path : "(no name)", piece->to[0] ? " to " : "", piece->to);
		if (piece->kind == MEMFS_DATA)
			fprintf(f, " at %llu, %u bytes", LLU(piece->at), piece->size);
		if (piece->kind == MEMFS_SIZE)
			fprintf(f, " to %llu", LLU(piece->at));
		fprintf(f, "%s\n", piece->limbo ? ", its sync failed" : "");
	}
}
