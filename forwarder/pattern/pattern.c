#include "pattern/pattern.h"

#include <stdlib.h>

#include "base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 200000 /* PCRE2 match calls for one subject: some milliseconds */
#define DEPTH_LIMIT 10000
#define HEAP_LIMIT (8u << 10) /* KiB */

struct pattern {
	pcre2_code *code;
};

struct pattern_room {
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack; /* NULL: the interpreter's, or a small one of the library */
};

enum lg_rc pattern_compile(struct pattern **pattern, struct lg_str text, size_t *at, struct lg_err *err)
{
	PCRE2_SIZE offset = 0;
	int code = 0;
	/* MATCH_INVALID_UTF: texts are UTF-8 by contract, but a peer's mistake must not become undefined behaviour here. */
	pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)(text.data ? text.data : ""), text.size,
	        PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &offset, NULL);

	*pattern = NULL;
	*at = offset;
	if (!compiled) {
		char why[160] = "";

		pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
		return lg_err_set(err, LG_INVALID, "%s", why);
	}
	(void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); /* where there is no JIT the interpreter serves */
	*pattern = mem_zalloc(sizeof(**pattern));
	(*pattern)->code = compiled;
	return LG_OK;
}

void pattern_free(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_code_free(pattern->code);
	free(pattern);
}

struct pattern_room *pattern_room_new(void)
{
	struct pattern_room *room = mem_zalloc(sizeof(*room));

	room->data = pcre2_match_data_create(1, NULL); /* only whether it matches is asked */
	room->context = pcre2_match_context_create(NULL);
	room->stack = pcre2_jit_stack_create(32 << 10, 512 << 10, NULL);
	if (!room->data || !room->context) {
		pattern_room_free(room);
		return NULL;
	}
	pcre2_set_match_limit(room->context, MATCH_LIMIT);
	pcre2_set_depth_limit(room->context, DEPTH_LIMIT);
	pcre2_set_heap_limit(room->context, HEAP_LIMIT);
	if (room->stack)
		pcre2_jit_stack_assign(room->context, NULL, room->stack);
	return room;
}

void pattern_room_free(struct pattern_room *room)
{
	if (!room)
		return;
	pcre2_match_data_free(room->data);
	pcre2_match_context_free(room->context);
	pcre2_jit_stack_free(room->stack);
	free(room);
}

enum pattern_result pattern_match(const struct pattern *pattern, struct pattern_room *room, struct lg_str text, unsigned flags)
{
	uint32_t options = (flags & PATTERN_NOT_BEGIN ? PCRE2_NOTBOL : 0) | (flags & PATTERN_NOT_END ? PCRE2_NOTEOL : 0);
	int rc = pcre2_match(pattern->code, (PCRE2_SPTR)(text.data ? text.data : ""), text.size, 0, options, room->data, room->context);

	if (rc >= 0)
		return PATTERN_YES;
	return rc == PCRE2_ERROR_NOMATCH ? PATTERN_NO : PATTERN_GAVE_UP;
}
