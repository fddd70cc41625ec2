#include "config/troff.h"

#include <string.h>

#define SOURCE_COLUMNS 76

/* `code`: a hyphen is a minus there, which can be searched for and copied. */
static void put_char(struct lg_buf *out, char c, bool code)
{
	switch (c) {
	case '\\':
		lg_buf_append_cstr(out, "\\e");
		break;
	case '-':
		lg_buf_append_cstr(out, code ? "\\-" : "-");
		break;
	case '\'':
		lg_buf_append_cstr(out, "\\(aq");
		break;
	case '~':
		lg_buf_append_cstr(out, "\\(ti");
		break;
	case '^':
		lg_buf_append_cstr(out, "\\(ha");
		break;
	default:
		lg_buf_append_char(out, c);
	}
}

static void put_code(struct lg_buf *out, const char *text)
{
	for (; *text; text++)
		put_char(out, *text, true);
}

/* One word with its fonts; *bold is the state of the quotes, which may hold several words. */
static void put_word(struct lg_buf *out, const char *word, size_t size, bool *bold)
{
	bool option = word[0] == '-'; /* --json without quotes */

	for (size_t i = 0; i < size; i++) {
		if (word[i] == '`') {
			*bold = !*bold;
			lg_buf_append_cstr(out, *bold ? "\\fB" : "\\fR");
		} else {
			put_char(out, word[i], *bold || option);
		}
	}
}

static bool ends_sentence(const char *word, size_t size)
{
	return word[size - 1] == '.' && size > 2;
}

void troff_text(struct lg_buf *out, const char *text)
{
	struct lg_buf word = {0};
	bool bold = false;
	size_t column = 0;

	while (*text) {
		size_t size = strcspn(text, " \n");

		lg_buf_clear(&word);
		put_word(&word, text, size, &bold);
		if (column && column + word.size > SOURCE_COLUMNS) {
			lg_buf_append_char(out, '\n');
			column = 0;
		} else if (column) {
			lg_buf_append_char(out, ' ');
		}
		if (!column && (*text == '.' || *text == '\''))
			lg_buf_append_cstr(out, "\\&"); /* no request */
		lg_buf_append(out, word.data, word.size);
		column += word.size + 1;
		if (size && ends_sentence(text, size) && text[size]) {
			lg_buf_append_char(out, '\n');
			column = 0;
		}
		text += size;
		text += strspn(text, " \n");
	}
	if (column)
		lg_buf_append_char(out, '\n');
	lg_buf_fini(&word);
}

void troff_break(struct lg_buf *out)
{
	lg_buf_append_cstr(out, ".br\n");
}

void troff_title(struct lg_buf *out, const char *name, int section, const char *head)
{
	lg_buf_printf(out, ".TH %s %d %s \"lugger %s\" \"%s\"\n", name, section, LUGGER_DATE, LUGGER_VERSION, head);
	lg_buf_append_cstr(out, ".ad l\n.nh\n"); /* on a terminal words stay whole and gaps small; names can be searched for */
}

void troff_section(struct lg_buf *out, const char *title)
{
	lg_buf_printf(out, ".SH %s\n", title);
}

void troff_subsection(struct lg_buf *out, const char *title)
{
	lg_buf_printf(out, ".SS %s\n", title);
}

void troff_paragraph(struct lg_buf *out, const char *text)
{
	lg_buf_append_cstr(out, ".PP\n");
	troff_text(out, text);
}

void troff_term(struct lg_buf *out, const char *term, const char *plain, const char *text)
{
	lg_buf_append_cstr(out, ".TP\n\\fB");
	put_code(out, term);
	lg_buf_append_cstr(out, "\\fR");
	if (plain)
		put_code(out, plain);
	lg_buf_append_char(out, '\n');
	troff_text(out, text);
}

void troff_example(struct lg_buf *out, const char *lines)
{
	lg_buf_append_cstr(out, ".PP\n.RS 4\n.nf\n");
	for (bool begin = true; *lines; lines++) {
		if (begin && (*lines == '.' || *lines == '\''))
			lg_buf_append_cstr(out, "\\&");
		put_char(out, *lines, true);
		begin = *lines == '\n';
	}
	lg_buf_append_cstr(out, ".fi\n.RE\n");
}

void troff_indent(struct lg_buf *out)
{
	lg_buf_append_cstr(out, ".RS\n");
}

void troff_outdent(struct lg_buf *out)
{
	lg_buf_append_cstr(out, ".RE\n");
}
