/* lg_buf of api/lg_core.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/lg_core.h"
#include "base/mem.h"

void lg_buf_fini(struct lg_buf *buf)
{
	if (!buf)
		return;
	free(buf->data);
	*buf = (struct lg_buf){0};
}

void lg_buf_clear(struct lg_buf *buf)
{
	buf->size = 0;
}

uint8_t *lg_buf_reserve(struct lg_buf *buf, size_t extra)
{
	if (buf->cap - buf->size < extra)
		buf->data = mem_grow(buf->data, &buf->cap, buf->size + extra, 1);
	return buf->data + buf->size;
}

void lg_buf_append(struct lg_buf *buf, const void *data, size_t size)
{
	if (!size)
		return;
	memcpy(lg_buf_reserve(buf, size), data, size);
	buf->size += size;
}

void lg_buf_append_str(struct lg_buf *buf, struct lg_str str)
{
	lg_buf_append(buf, str.data, str.size);
}

void lg_buf_append_cstr(struct lg_buf *buf, const char *cstr)
{
	lg_buf_append(buf, cstr, strlen(cstr));
}

void lg_buf_append_char(struct lg_buf *buf, char c)
{
	*lg_buf_reserve(buf, 1) = (uint8_t)c;
	buf->size++;
}

void lg_buf_append_u64(struct lg_buf *buf, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	lg_buf_append(buf, digits + at, sizeof(digits) - at);
}

void lg_buf_printf(struct lg_buf *buf, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n <= 0)
		return;
	lg_buf_reserve(buf, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf((char *)buf->data + buf->size, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf->size += (size_t)n;
}

void lg_buf_consume(struct lg_buf *buf, size_t front)
{
	if (front >= buf->size) {
		buf->size = 0;
		return;
	}
	memmove(buf->data, buf->data + front, buf->size - front);
	buf->size -= front;
}

struct lg_str lg_buf_str(const struct lg_buf *buf)
{
	return (struct lg_str){(const char *)buf->data, buf->size};
}
