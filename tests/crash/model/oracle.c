/* What the log holds, and what may be left of it. Knows the interface of the spool, nothing of its inside but the state file, whose
 * loss intervals have no other window. */
#include "model.h"

#include "base/hash.h"
#include "spool/state.h"

const char *const input_names[INPUTS + 1] = {"alpha", "beta", "gamma", "losses"};
const char *const output_names[OUTPUTS] = {"near", "far"};

/* ---- facts ---- */

static void *copy_of(const void *from, size_t size)
{
	void *to = malloc(size + 1);

	if (size)
		memcpy(to, from, size);
	return to;
}

void facts_copy(struct facts *to, const struct facts *from)
{
	*to = *from;
	to->cap = from->count;
	to->log = copy_of(from->log, from->count * sizeof(*from->log));
	to->letters = copy_of(from->letters, from->letter_count * sizeof(*from->letters));
}

void facts_fini(struct facts *facts)
{
	free(facts->log);
	free(facts->letters);
	facts->log = NULL;
	facts->letters = NULL;
}

struct entry *facts_push(struct facts *facts, const struct entry *entry)
{
	if (facts->count == facts->cap) {
		facts->cap = facts->cap * 2 + 16;
		facts->log = realloc(facts->log, facts->cap * sizeof(*facts->log));
	}
	facts->log[facts->count] = *entry;
	return &facts->log[facts->count++];
}

void facts_drop_letters(struct facts *facts, int output)
{
	size_t kept = 0;

	for (size_t i = 0; i < facts->letter_count; i++)
		if (facts->letters[i].output != output)
			facts->letters[kept++] = facts->letters[i];
	facts->letter_count = kept;
}

static struct letter *find_letter(struct facts *facts, const char *output, uint64_t seq, uint32_t count, const char *log_id)
{
	for (size_t i = 0; i < facts->letter_count; i++) {
		struct letter *l = &facts->letters[i];

		if (strcmp(output_names[l->output], output) == 0 && l->seq == seq && l->count == count && strcmp(l->log_id, log_id) == 0)
			return l;
	}
	return NULL;
}

struct letter *facts_add_letter(struct facts *facts, const struct letter *letter)
{
	struct letter *again = find_letter(facts, output_names[letter->output], letter->seq, letter->count, letter->log_id);

	if (again)
		return again; /* a crash between letter and cursor repeats it */
	facts->letters = realloc(facts->letters, (facts->letter_count + 1) * sizeof(*facts->letters));
	facts->letters[facts->letter_count] = *letter;
	return &facts->letters[facts->letter_count++];
}

void facts_replay_may(struct facts *facts, int output, const struct replay_value *value)
{
	REQUIRE(facts->possible_count[output] < POSSIBLE, "model", "too many failing replays");
	facts->possible[output][facts->possible_count[output]++] = *value;
}

void facts_replay_is(struct facts *facts, int output, const struct replay_value *value)
{
	facts->possible[output][0] = *value;
	facts->possible_count[output] = 1;
}

uint64_t facts_next_seq(const struct facts *facts, size_t count)
{
	return count ? facts->log[count - 1].seq + facts->log[count - 1].count : facts->base_seq;
}

/* ---- what an entry carries ---- */

static size_t record_size(uint64_t number)
{
	return 40 + (size_t)(number * 37 % 400) + (number % 4 ? 0 : 1500);
}

enum flavour { KEY_NONE, KEY_SHORT, KEY_LONG, KEY_FORGET };

static enum flavour flavour_kind(uint32_t flavour)
{
	return flavour / KEYS % 4;
}

/* The value of a further key: decided by input, serial and flavour. Returns its size; LG_POSITION_VALUE_MAX is reached. */
static size_t key_value(const struct entry *entry, uint8_t value[LG_POSITION_VALUE_MAX])
{
	size_t size = flavour_kind(entry->flavour) == KEY_LONG ? LG_POSITION_VALUE_MAX : 1 + entry->serial % 20;

	for (size_t i = 0; i < size; i++)
		value[i] = (uint8_t)(entry->input * 77 + entry->serial * 31 + i);
	return size;
}

static void put_positions(const struct entry *entry, struct lg_batch *batch)
{
	char key[3] = {'k', (char)('0' + entry->flavour % KEYS), '\0'}, text[32];
	uint8_t value[LG_POSITION_VALUE_MAX];

	snprintf(text, sizeof(text), "%llu", LLU(entry->number + entry->count));
	batch_put_position(batch, LG_STR("next"), text, strlen(text));
	snprintf(text, sizeof(text), "%u", entry->serial);
	batch_put_position(batch, LG_STR("serial"), text, strlen(text));
	if (flavour_kind(entry->flavour) == KEY_FORGET)
		batch_put_position(batch, lg_str_from(key), "", 0);
	else if (flavour_kind(entry->flavour) != KEY_NONE)
		batch_put_position(batch, lg_str_from(key), value, key_value(entry, value));
}

struct lg_batch *entry_batch(const struct entry *entry, struct codec *codec, int64_t utc_ns)
{
	const char *input = input_names[entry->input];
	struct lg_batch *batch = batch_new(NULL, 512, input);
	struct lg_draft draft;
	char body[4096];

	for (uint32_t i = 0; i < entry->count; i++) {
		lg_draft_reset(&draft);
		draft.body = (struct lg_str){body, kit_body(body, input, entry->number + i, record_size(entry->number + i))};
		batch_add(batch, &draft, NULL, utc_ns);
	}
	if (entry->input != LOSS_INPUT)
		put_positions(entry, batch);
	batch_pack(batch, codec);
	return batch;
}

/* ---- positions as the first entries leave them ---- */

struct fold {
	uint32_t serial[INPUTS + 1];
	uint64_t next[INPUTS + 1];
	const struct entry *key[INPUTS][KEYS]; /* the entry whose value holds; NULL: none */
};

static void fold_one(struct fold *fold, const struct entry *entry)
{
	fold->serial[entry->input] = entry->serial;
	fold->next[entry->input] = entry->number + entry->count;
	if (entry->input == LOSS_INPUT || flavour_kind(entry->flavour) == KEY_NONE)
		return;
	fold->key[entry->input][entry->flavour % KEYS] = flavour_kind(entry->flavour) == KEY_FORGET ? NULL : entry;
}

struct entry entry_next(const struct facts *facts, size_t count, int input, uint32_t records, uint32_t flavour)
{
	struct entry next = {.input = (uint8_t)input, .count = records, .number = 1, .serial = 1, .flavour = flavour};

	for (size_t i = count; i-- > 0;) {
		if (facts->log[i].input != input)
			continue;
		next.number = facts->log[i].number + facts->log[i].count;
		next.serial = facts->log[i].serial + 1;
		break;
	}
	return next;
}

struct positions { /* of one input, as the spool tells them */
	uint64_t next;
	uint32_t serial;
	unsigned count;
	uint8_t value[KEYS][LG_POSITION_VALUE_MAX];
	size_t size[KEYS];
	bool has[KEYS];
	bool strange;
};

static void note_position(void *arg, struct lg_str key, const uint8_t *value, size_t size)
{
	struct positions *p = arg;
	char text[32];

	p->count++;
	snprintf(text, sizeof(text), "%.*s", (int)(size < 31 ? size : 31), (const char *)value);
	if (lg_str_is(key, "next")) {
		p->next = strtoull(text, NULL, 10);
	} else if (lg_str_is(key, "serial")) {
		p->serial = (uint32_t)strtoul(text, NULL, 10);
	} else if (key.size == 2 && key.data[0] == 'k' && key.data[1] >= '0' && key.data[1] < '0' + KEYS && size) {
		int k = key.data[1] - '0';

		memcpy(p->value[k], value, size);
		p->size[k] = size;
		p->has[k] = true;
	} else {
		p->strange = true;
	}
}

static void judge_input(int input, const struct positions *p, const struct fold *fold)
{
	unsigned due = fold->serial[input] ? 2 : 0;
	uint8_t value[LG_POSITION_VALUE_MAX];

	REQUIRE(!p->strange, "positions", "%s has a position that was never written", input_names[input]);
	REQUIRE(!fold->serial[input] || p->next == fold->next[input], "positions", "%s: position %llu, but its records end at %llu",
	        input_names[input], LLU(p->next), LLU(fold->next[input]) - 1);
	for (int k = 0; k < KEYS; k++) {
		const struct entry *entry = fold->key[input][k];
		size_t size = entry ? key_value(entry, value) : 0;

		due += entry != NULL;
		REQUIRE(p->has[k] == (entry != NULL), "positions", "%s: position k%d is %s", input_names[input], k,
		        entry ? "gone" : "still there though it was forgotten");
		REQUIRE(!entry || (p->size[k] == size && memcmp(p->value[k], value, size) == 0), "positions",
		        "%s: position k%d has another value", input_names[input], k);
	}
	REQUIRE(p->count == due, "positions", "%s has %u positions, due are %u", input_names[input], p->count, due);
}

/* Which beginning of the list is it? The positions and the next sequence say so; they must say the same. */
static size_t find_beginning(struct spool *spool, const struct facts *facts, uint64_t next_seq)
{
	static struct positions p[INPUTS];
	struct fold fold = {0};
	size_t has = 0;

	memset(p, 0, sizeof(p));
	for (int i = 0; i < INPUTS; i++)
		spool_positions(spool, lg_str_from(input_names[i]), note_position, &p[i]);
	for (;; has++) {
		bool all = has >= facts->acked && facts_next_seq(facts, has) == next_seq;

		for (int i = 0; i < INPUTS && all; i++)
			all = p[i].serial == fold.serial[i];
		if (all)
			break;
		REQUIRE(has < facts->count, "beginning",
		        "no beginning of the log has sequences up to %llu and positions of batches %u, %u, %u; acknowledged are "
		        "%zu of %zu batches, up to sequence %llu (appended: %llu) and batches %u, %u, %u",
		        LLU(next_seq) - 1, p[0].serial, p[1].serial, p[2].serial, facts->acked, facts->count,
		        LLU(facts_next_seq(facts, facts->acked)) - 1, LLU(facts_next_seq(facts, facts->count)) - 1,
		        entry_next(facts, facts->acked, 0, 0, 0).serial - 1, entry_next(facts, facts->acked, 1, 0, 0).serial - 1,
		        entry_next(facts, facts->acked, 2, 0, 0).serial - 1);
		fold_one(&fold, &facts->log[has]);
	}
	for (int i = 0; i < INPUTS; i++)
		judge_input(i, &p[i], &fold);
	return has;
}

/* ---- identities ---- */

#define IDENTITY_SLOTS (1u << 16)

static struct {
	uint64_t who, what; /* who 0: free */
} identities[IDENTITY_SLOTS];
static size_t identity_count;

void identities_clear(void)
{
	if (identity_count)
		memset(identities, 0, sizeof(identities));
	identity_count = 0;
}

void identity_note(const char *log_id, uint64_t seq, unsigned input, uint64_t number)
{
	uint64_t who = hash_more(hash_more(HASH_START, log_id, 32), &seq, sizeof(seq)) | 1, what = (uint64_t)input << 56 | number;
	size_t at = who % IDENTITY_SLOTS;

	while (identities[at].who && identities[at].who != who)
		at = (at + 1) % IDENTITY_SLOTS;
	REQUIRE(!identities[at].who || identities[at].what == what, "identity",
	        "%s-%llu names record %llu of %s and record %llu of %s", log_id, LLU(seq), LLU(number), input_names[input],
	        LLU(identities[at].what << 8 >> 8), input_names[identities[at].what >> 56 & 3]);
	identity_count += !identities[at].who;
	identities[at].who = who;
	identities[at].what = what;
	if (identity_count > IDENTITY_SLOTS / 2)
		identities_clear();
}

/* ---- records ---- */

static void judge_record(const struct facts *facts, const struct entry *entry, const struct lg_record *rec)
{
	uint64_t number = entry->number + (rec->seq - entry->seq);
	const char *input = input_names[entry->input];
	char expected[4096];
	size_t size = kit_body(expected, input, number, record_size(number));

	(void)facts;
	REQUIRE(lg_str_is(rec->input, input) && rec->body.size == size && memcmp(rec->body.data, expected, size) == 0, "records",
	        "sequence %llu came back as another record than %llu of %s: %.40s", LLU(rec->seq), LLU(number), input,
	        rec->body.data);
	REQUIRE(strcmp(rec->log_id, entry->log_id) == 0, "identity", "sequence %llu was written under log id %s and is read under %s",
	        LLU(rec->seq), entry->log_id, rec->log_id);
	identity_note(rec->log_id, rec->seq, entry->input, number);
}

/* Reads from the first kept record on: exactly what the first `has` entries hold from there. */
static void judge_records(struct spool *spool, const struct facts *facts, size_t has)
{
	struct spool_reader *reader;
	struct spool_stat stat;
	struct lg_batch *batch;
	struct lg_batch_iter it;
	struct lg_record rec;
	struct lg_err err;
	uint64_t gap_first, gap_last, next;
	size_t at = 0;
	enum lg_rc rc;

	spool_stat(spool, &stat);
	next = stat.first_seq;
	REQUIRE(next >= facts->base_seq && next <= stat.next_seq, "records", "kept are %llu to %llu", LLU(next),
	        LLU(stat.next_seq) - 1);
	REQUIRE(spool_reader_open(spool, next, &reader, &err) == LG_OK, "records", "reader: %s", err.text);
	while ((rc = spool_reader_next(reader, &batch, &gap_first, &gap_last, &err)) == LG_OK) {
		for (lg_batch_begin(&it, batch, next); lg_batch_next(&it, &rec); next++) {
			while (at < has && facts->log[at].seq + facts->log[at].count <= next)
				at++;
			REQUIRE(rec.seq == next && at < has, "records", "sequence %llu where %llu was due", LLU(rec.seq), LLU(next));
			judge_record(facts, &facts->log[at], &rec);
		}
		lg_batch_release(batch);
	}
	REQUIRE(rc == LG_AGAIN, "records", "reading at %llu: %s", LLU(next), err.text);
	REQUIRE(next == facts_next_seq(facts, has) && next == stat.next_seq, "records",
	        "records end at %llu, the spool says %llu, due are %llu", LLU(next) - 1, LLU(stat.next_seq) - 1,
	        LLU(facts_next_seq(facts, has)) - 1);
	spool_reader_close(reader);
}

static void judge_cursors(struct spool *spool, const struct facts *facts)
{
	struct spool_stat stat;

	spool_stat(spool, &stat);
	/* Power losses in the middle of starts leave segments as they were reserved, until a start that ends cuts them. */
	REQUIRE(stat.bytes <= stat.quota_bytes + 2 * SEGMENT_SIZE, "quota", "%llu bytes are used of %llu", LLU(stat.bytes), LLU(stat.quota_bytes));
	for (int o = 0; o < OUTPUTS; o++) {
		uint64_t cursor = spool_cursor(spool, output_names[o]);

		REQUIRE(cursor || !facts->known[o], "cursor", "output %s lost its cursor", output_names[o]);
		if (!cursor)
			continue;
		REQUIRE(cursor >= facts->stored[o], "cursor", "output %s: cursor %llu was stored as %llu", output_names[o], LLU(cursor),
		        LLU(facts->stored[o]));
		REQUIRE(cursor <= facts->moved[o], "cursor", "output %s: cursor %llu passes what it settled, %llu", output_names[o],
		        LLU(cursor), LLU(facts->moved[o]));
		REQUIRE(!facts->known[o] || facts->loose[o] || stat.first_seq <= cursor, "held",
		        "records %llu to %llu are gone and %s had not settled them", LLU(cursor), LLU(stat.first_seq) - 1,
		        output_names[o]);
	}
}

size_t judge(struct world *world, struct spool *spool, struct facts *facts)
{
	struct spool_stat stat;
	size_t has;

	(void)world;
	spool_stat(spool, &stat);
	REQUIRE(stat.corrupt_frames == 0, "corruption", "a power loss looks like corruption (%llu frames)", LLU(stat.corrupt_frames));
	has = find_beginning(spool, facts, stat.next_seq);
	judge_records(spool, facts, has);
	judge_cursors(spool, facts);
	return has;
}

void judge_live(struct world *world)
{
	judge_records(world->spool, &world->facts, world->facts.acked);
	judge_cursors(world->spool, &world->facts);
}

/* ---- losses ---- */

void read_open_losses(struct memfs *fs, uint64_t open[LOSSES])
{
	struct state *state = malloc(sizeof(*state));
	int handle = fs->io.open(fs, "/d/spool/state", SYS_READ);
	struct lg_err err;

	REQUIRE(handle >= 0 && state_read(state, &fs->io, handle, &err) == LG_OK, "state", "state: %s", err.text);
	fs->io.close(fs, handle);
	memset(open, 0, LOSSES * sizeof(*open));
	for (size_t k = 0; k < state->loss_count; k++)
		open[state->losses[k].loss.name[52] - '0'] += state->losses[k].loss.count;
	free(state);
}

static void judge_losses(struct memfs *fs, const struct facts *facts, const uint64_t cursors[OUTPUTS], size_t has)
{
	uint64_t open[LOSSES], told[LOSSES] = {0}, again[LOSSES] = {0};

	read_open_losses(fs, open);
	for (size_t i = 0; i < has; i++) {
		const struct entry *entry = &facts->log[i];

		if (entry->input != LOSS_INPUT)
			continue;
		told[entry->loss] += entry->lost;
		again[entry->loss] += i >= facts->store_mark ? entry->lost : 0; /* may still be in the state as well */
	}
	for (int k = 0; k < LOSSES; k++) {
		REQUIRE(told[k] + open[k] >= facts->lost_stored[k], "losses", "loss %d: %llu records told and %llu open, %llu were stored", k,
		        LLU(told[k]), LLU(open[k]), LLU(facts->lost_stored[k]));
		REQUIRE(told[k] + open[k] <= facts->lost[k] + again[k], "losses", "loss %d: %llu records told and %llu open of %llu", k,
		        LLU(told[k]), LLU(open[k]), LLU(facts->lost[k]));
	}
	for (int o = 0; o < OUTPUTS; o++) {
		uint64_t due = 0;

		for (size_t i = 0; i < facts->given_up_count[o]; i++)
			due += facts->given_up[o][i].end <= cursors[o] ? facts->given_up[o][i].count : 0;
		REQUIRE(told[GIVEN_UP + o] + open[GIVEN_UP + o] >= due, "losses", "%s: the cursor passed %llu records that the policy dropped, %llu are told of",
		        output_names[o], LLU(due), LLU(told[GIVEN_UP + o] + open[GIVEN_UP + o]));
	}
}

/* ---- dead letters and replays ---- */

static void found_letter(void *arg, const struct deadletter *found)
{
	struct facts *facts = arg;
	struct letter *letter = find_letter(facts, found->output, found->first_seq, found->count, found->batch->log_id);
	struct lg_batch_iter it;
	struct lg_record rec;
	char expected[4096];

	REQUIRE(letter, "letters", "%s has a dead letter %llu that nobody wrote, or that was dropped", found->output,
	        LLU(found->first_seq));
	letter->found = true;
	for (lg_batch_begin(&it, found->batch, found->first_seq); lg_batch_next(&it, &rec);) {
		uint64_t number = letter->number + (rec.seq - letter->seq);
		size_t size = kit_body(expected, input_names[letter->input], number, record_size(number));

		REQUIRE(rec.body.size == size && memcmp(rec.body.data, expected, size) == 0, "letters",
		        "dead letter %llu holds another record", LLU(rec.seq));
	}
}

static void judge_letters(struct memfs *fs, const char *key_file, struct facts *facts)
{
	struct deadletter_walk walk = {
	        .data_dir = "/d", .io = &fs->io, .key_file = key_file, .payloads = true, .each = found_letter, .arg = facts};
	struct lg_err err;

	for (size_t i = 0; i < facts->letter_count; i++)
		facts->letters[i].found = false;
	REQUIRE(deadletter_walk(&walk, &err) == LG_OK, "letters", "dead letters: %s", err.text);
	REQUIRE(walk.damaged == 0, "letters", "a power loss looks like a damaged dead letter (%llu)", LLU(walk.damaged));
	for (size_t i = 0; i < facts->letter_count; i++)
		REQUIRE(facts->letters[i].found || !facts->letters[i].must, "letters", "the dead letter %llu of %s is gone",
		        LLU(facts->letters[i].seq), output_names[facts->letters[i].output]);
}

void spool_id_of(struct spool *spool, uint8_t id[16])
{
	struct spool_stat stat;

	spool_stat(spool, &stat);
	for (size_t i = 0; i < 16; i++) {
		unsigned byte = 0;

		sscanf(stat.spool_id + 2 * i, "%2x", &byte);
		id[i] = (uint8_t)byte;
	}
}

static void judge_replay(struct memfs *fs, const uint8_t spool_id[16], const struct facts *facts, int output)
{
	struct replay replay = {.data_dir = "/d", .io = &fs->io};
	struct lg_err err;
	enum lg_rc rc;
	bool may = false;

	memcpy(replay.spool_id, spool_id, 16);
	rc = replay_load(&replay, output_names[output], &err);
	REQUIRE(rc == LG_OK || rc == LG_NOTFOUND, "replay", "replay of %s: %s", output_names[output], err.text);
	for (size_t i = 0; i < facts->possible_count[output] && !may; i++) {
		const struct replay_value *value = &facts->possible[output][i];

		may = value->there ? rc == LG_OK && replay.first == value->first && replay.next == value->next && replay.end == value->end
		                   : rc == LG_NOTFOUND;
	}
	REQUIRE(may, "replay", "replay of %s: found %s at %llu, which was never stored last", output_names[output],
	        rc == LG_OK ? "a cursor" : "none", rc == LG_OK ? LLU(replay.next) : 0);
}

void judge_beside(struct world *world, struct memfs *fs, struct facts *facts, const uint64_t cursors[OUTPUTS], size_t has)
{
	struct state *state = NULL;
	uint8_t spool_id[16];
	int handle;

	judge_losses(fs, facts, cursors, has);
	if (facts->letter_count)
		judge_letters(fs, world->conf.key_file, facts);
	for (int o = 0; o < OUTPUTS; o++) {
		if (facts->possible_count[o] == 1 && !facts->possible[o][0].there)
			continue; /* no replay was ever begun, or it ended durably */
		if (!state) {
			struct lg_err err;

			state = malloc(sizeof(*state));
			handle = fs->io.open(fs, "/d/spool/state", SYS_READ);
			REQUIRE(handle >= 0 && state_read(state, &fs->io, handle, &err) == LG_OK, "state", "no state");
			fs->io.close(fs, handle);
			memcpy(spool_id, state->spool_id, 16);
		}
		judge_replay(fs, spool_id, facts, o);
	}
	free(state);
}
