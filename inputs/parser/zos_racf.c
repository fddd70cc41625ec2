#include "parser/zos_message.h"

#include <string.h>

#include "parser/zos_columns.h"

/* ICH408I, z/OS Security Server RACF Messages and Codes:
 *
 *     ICH408I USER(u ) GROUP(g ) NAME(n )        or  ICH408I JOB(j ) STEP(s )
 *       resource CL(class ) VOL(v) | FID(x)
 *       reason
 *       FROM profile (G)
 *       ACCESS INTENT(i )  ACCESS ALLOWED(a )
 *
 * The resource may go on over lines; a refused logon has none but LOGON/JOB INITIATION - reason.
 */

static bool take_line(struct lg_str *rest, struct lg_str *line)
{
	const char *end;

	if (!rest->size)
		return false;
	end = memchr(rest->data, '\n', rest->size);
	line->data = rest->data;
	line->size = end ? (size_t)(end - rest->data) : rest->size;
	rest->data += line->size + (end != NULL);
	rest->size -= line->size + (end != NULL);
	return true;
}

static const char *find(struct lg_str s, const char *what)
{
	size_t size = strlen(what);

	for (size_t i = 0; i + size <= s.size; i++)
		if (!memcmp(s.data + i, what, size))
			return s.data + i;
	return NULL;
}

/* The text between `open` (which ends in a parenthesis) and the next closing one, or the end of the line where that was cut off.
 */
static struct lg_str inside(struct lg_str line, const char *open)
{
	const char *at = find(line, open);
	const char *close;
	struct lg_str value;

	if (!at)
		return LG_STR("");
	value.data = at + strlen(open);
	value.size = (size_t)(line.data + line.size - value.data);
	close = memchr(value.data, ')', value.size);
	if (close)
		value.size = (size_t)(close - value.data);
	return zos_trim(value);
}

static void set_logon(struct lg_draft *draft, struct lg_str line)
{
	const char *dash = find(line, " - ");

	lg_draft_string(draft, LG_F_EVENT_CATEGORY, LG_STR("authentication"));
	lg_draft_string(draft, LG_F_EVENT_OUTCOME, LG_STR("failure"));
	if (dash)
		lg_draft_string(draft, LG_F_ZOS_RACF_REASON,
		        zos_trim((struct lg_str){dash + 3, (size_t)(line.data + line.size - dash - 3)}));
}

static void set_profile(struct lg_draft *draft, struct lg_str line)
{
	struct lg_str profile = {line.data + 5, line.size - 5};
	const char *generic;

	profile = zos_trim(profile);
	generic = find(profile, " (G)");
	if (generic)
		profile.size = (size_t)(generic - profile.data);
	lg_draft_string(draft, LG_F_ZOS_RACF_PROFILE, zos_trim(profile));
}

/* A resource may wrap where the line ends, in the middle of a path. */
static void add_resource(struct lg_buf *resource, struct lg_str piece)
{
	piece = zos_trim(piece);
	lg_buf_append(resource, piece.data, piece.size);
}

static void set_reason(struct lg_draft *draft, struct lg_str reason)
{
	lg_draft_string(draft, LG_F_ZOS_RACF_REASON, reason);
	/* A profile in warning mode reports what it would have refused. */
	lg_draft_string(
	        draft, LG_F_EVENT_OUTCOME, find(reason, "TEMPORARY ACCESS ALLOWED") ? LG_STR("success") : LG_STR("failure"));
}

/* The lines behind the first: resource until its class, then the reason, the profile and the access. */
static void set_access(struct lg_draft *draft, struct lg_str rest, struct lg_buf *resource)
{
	struct lg_str reason = LG_STR("");
	struct lg_str line;
	bool classed = false;

	while (take_line(&rest, &line)) {
		const char *class = find(line, "CL(");

		line = zos_trim(line);
		if (!line.size || find(line, "SUBMITTER(") || find(line, "EFFECTIVE UID("))
			continue;
		if (line.size > 5 && !memcmp(line.data, "FROM ", 5)) {
			set_profile(draft, line);
		} else if (find(line, "ACCESS INTENT(")) {
			lg_draft_string(draft, LG_F_ZOS_RACF_INTENT, inside(line, "ACCESS INTENT("));
			lg_draft_string(draft, LG_F_ZOS_RACF_ALLOWED, inside(line, "ACCESS ALLOWED("));
		} else if (classed) {
			if (!reason.size)
				reason = line;
		} else if (class) {
			add_resource(resource, (struct lg_str){line.data, (size_t)(class - line.data)});
			lg_draft_string(draft, LG_F_ZOS_RACF_CLASS, inside(line, "CL("));
			classed = true;
		} else {
			add_resource(resource, line);
		}
	}
	if (classed)
		lg_draft_string(draft, LG_F_ZOS_RACF_RESOURCE, lg_buf_str(resource));
	else if (!reason.size)
		reason = lg_buf_str(resource);
	set_reason(draft, reason);
}

/* The name is the user's own text: it may hold parentheses, and lose the last one where the line is full. */
static struct lg_str name_field(struct lg_str line)
{
	const char *at = find(line, "NAME(");
	struct lg_str name;

	if (!at)
		return LG_STR("");
	name = zos_trim((struct lg_str){at + 5, (size_t)(line.data + line.size - at - 5)});
	if (name.size && name.data[name.size - 1] == ')')
		name.size--;
	return zos_trim(name);
}

void zos_racf_fields(struct lg_draft *draft, struct lg_str body, struct lg_buf *scratch)
{
	struct lg_str rest = body;
	struct lg_str line, user;
	const char *logon;

	if (!take_line(&rest, &line))
		return;
	user = inside(line, "USER(");
	lg_draft_string(draft, LG_F_USER_NAME, user);
	lg_draft_string(draft, LG_F_ZOS_RACF_USER, user);
	lg_draft_string(draft, LG_F_ZOS_RACF_GROUP, inside(line, "GROUP("));
	lg_draft_string(draft, LG_F_ZOS_RACF_NAME, name_field(line));
	lg_draft_string(draft, LG_F_ZOS_JOB_NAME, inside(line, "JOB("));
	logon = find(rest, "LOGON/JOB INITIATION");
	if (logon) {
		rest.size -= (size_t)(logon - rest.data);
		rest.data = logon;
		if (take_line(&rest, &line))
			set_logon(draft, line);
		return;
	}
	lg_draft_string(draft, LG_F_EVENT_CATEGORY, LG_STR("iam"));
	lg_buf_clear(scratch);
	set_access(draft, rest, scratch);
}
