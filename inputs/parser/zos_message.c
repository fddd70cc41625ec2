#include "parser/zos_message.h"

#include <string.h>

#include "base/wire.h"

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static inline bool is_name_char(char c)
{
	return is_upper(c) || is_digit(c) || c == '$' || c == '#' || c == '@';
}

static struct lg_str skip_blanks(struct lg_str s)
{
	while (s.size && *s.data == ' ') {
		s.data++;
		s.size--;
	}
	return s;
}

/* Takes the word up to the next blank (or the end of the line) off the front. */
static struct lg_str next_word(struct lg_str *s)
{
	struct lg_str word;

	*s = skip_blanks(*s);
	word = (struct lg_str){s->data, 0};
	while (word.size < s->size && s->data[word.size] != ' ' && s->data[word.size] != '\n')
		word.size++;
	s->data += word.size;
	s->size -= word.size;
	return word;
}

/* JOB00123, STC00123, TSU00123 look like a message id and are none. */
static bool is_job_id_like(struct lg_str word)
{
	return word.size == 8 && is_digit(word.data[7]) &&
	       (!memcmp(word.data, "JOB", 3) || !memcmp(word.data, "STC", 3) || !memcmp(word.data, "TSU", 3));
}

bool zos_is_message_id(struct lg_str word)
{
	size_t end = word.size;
	size_t digits = 0;
	bool typed;

	if (word.size < 5 || word.size > 12 || is_digit(*word.data))
		return false;
	for (size_t i = 0; i < word.size; i++)
		if (!is_name_char(word.data[i]))
			return false;
	typed = is_upper(word.data[end - 1]);
	if (typed)
		end--;
	while (end && is_digit(word.data[end - 1])) {
		end--;
		digits++;
	}
	/* Without a type code three digits at least, or STEP01 would be one. */
	return digits >= (typed ? 2 : 3) && digits <= 6 && end >= 2 && end <= 8 && !is_job_id_like(word);
}

uint64_t zos_id_key(struct lg_str id)
{
	uint8_t bytes[8] = {0};

	if (id.size >= 8)
		return wire_get_u64((const uint8_t *)id.data);
	for (size_t i = 0; i < id.size; i++)
		bytes[i] = (uint8_t)id.data[i];
	return wire_get_u64(bytes);
}

/* IEF196I carries the messages of tasks under the master subsystem: what counts is the message inside. */
static void unwrap(struct zos_text *out)
{
	struct lg_str rest = out->rest;
	struct lg_str inner;

	if (!lg_str_equal(out->message_id, LG_STR("IEF196I")))
		return;
	inner = next_word(&rest);
	if (zos_is_message_id(inner)) {
		out->message_id = inner;
		out->rest = rest;
	}
}

void zos_text_read(struct zos_text *out, struct lg_str text, bool reply)
{
	struct lg_str word;

	*out = (struct zos_text){.rest = text};
	text = skip_blanks(text);
	if (text.size > 1 && (*text.data == '*' || *text.data == '@' || *text.data == '+' || *text.data == '-')) {
		if (*text.data != '-')
			out->action = *text.data;
		text.data++;
		text.size--;
	}
	word = next_word(&text);
	if (reply && word.size && word.size <= 4) {
		size_t digits = 0;

		while (digits < word.size && is_digit(word.data[digits]))
			digits++;
		if (digits == word.size) {
			out->reply_id = word;
			word = next_word(&text);
		}
	}
	/* JES3 and some products put a colon or comma behind the id. */
	if (word.size && (word.data[word.size - 1] == ':' || word.data[word.size - 1] == ','))
		word.size--;
	if (!zos_is_message_id(word))
		return;
	out->message_id = word;
	out->rest = text;
	unwrap(out);
}

/* Messages that name their job in the first word. */
static bool names_job(struct lg_str id)
{
	static const char ids[][9] = {"$HASP100", "$HASP165", "$HASP250", "$HASP373", "$HASP395", "$HASP396", "IEF125I", "IEF126I",
	        "IEF403I", "IEF404I", "IEF450I", "IEF451I", "IEF452I", "IEF453I"};
	uint64_t key = zos_id_key(id);
	bool found = false;

	if (id.size > 8)
		return false;
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		found |= key == wire_get_u64((const uint8_t *)ids[i]);
	return found;
}

struct lg_str zos_job_name(const struct zos_text *text)
{
	struct lg_str rest = text->rest;
	struct lg_str word;

	if (!names_job(text->message_id))
		return LG_STR("");
	word = next_word(&rest);
	if (word.size < 1 || word.size > 8 || is_digit(*word.data))
		return LG_STR("");
	for (size_t c = 0; c < word.size; c++)
		if (!is_name_char(word.data[c]))
			return LG_STR("");
	return word;
}
