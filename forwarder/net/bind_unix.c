/* Unix sockets: a file that must not be left behind, taken from another process, or be open to the wrong users. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/bind.h"
#include "net/conn.h"

#define DEFAULT_MODE 0666

static enum lg_rc parse_mode(const char *text, mode_t *mode, struct lg_err *err)
{
	unsigned long value;
	char *end;

	*mode = DEFAULT_MODE;
	if (!text)
		return LG_OK;
	value = strtoul(text, &end, 8);
	if (!*text || *end || text[0] == '-' || value > 0777)
		return lg_err_set(err, LG_INVALID, "mode: \"%s\" is not an octal number such as \"0660\"", text);
	*mode = (mode_t)value;
	return LG_OK;
}

/* "user", "user:group", ":group"; what is not given is (uid_t)-1 or (gid_t)-1. */
static enum lg_rc parse_owner(const char *text, uid_t *uid, gid_t *gid, struct lg_err *err)
{
	const char *colon = text ? strchr(text, ':') : NULL;
	char user[64] = "";

	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	if (!text)
		return LG_OK;
	snprintf(user, sizeof(user), "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
	if (user[0]) {
		const struct passwd *pw = getpwnam(user);

		if (!pw)
			return lg_err_set(err, LG_INVALID, "owner: this system has no user \"%s\"", user);
		*uid = pw->pw_uid;
	}
	if (colon) {
		const struct group *gr = getgrnam(colon + 1);

		if (!gr)
			return lg_err_set(err, LG_INVALID, "owner: this system has no group \"%s\"", colon + 1);
		*gid = gr->gr_gid;
	}
	return LG_OK;
}

/* Makes sure that nobody is served at this path: LG_OK when there is nothing, or a socket that nobody answers. */
static enum lg_rc is_free(const struct sockaddr_un *un, int type, struct lg_err *err)
{
	struct stat st;
	int fd, problem;

	if (lstat(un->sun_path, &st) < 0)
		return errno == ENOENT ? LG_OK : lg_err_sys(err, errno, "listen on %s", un->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return lg_err_set(err, LG_INVALID, "listen on %s: there is a file that is not a socket; it is left alone", un->sun_path);
	fd = socket(AF_UNIX, type, 0);
	if (fd < 0 || conn_prepare_fd(fd) < 0) {
		lg_err_sys(err, errno, "listen on %s", un->sun_path);
		if (fd >= 0)
			close(fd);
		return LG_IO;
	}
	problem = connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 ? 0 : errno;
	close(fd);
	/* EPROTOTYPE: one of the other type. It says nothing of whether it is served, so it is taken for a living one. */
	if (problem == ECONNREFUSED || problem == ENOENT)
		return LG_OK;
	return lg_err_set(err, LG_BUSY, "listen on %s: another process serves this socket", un->sun_path);
}

static enum lg_rc own(const char *path, const struct lg_socket_conf *conf, struct lg_err *err)
{
	mode_t mode;
	uid_t uid;
	gid_t gid;
	enum lg_rc rc = parse_mode(conf ? conf->mode : NULL, &mode, err);

	if (rc == LG_OK)
		rc = parse_owner(conf ? conf->owner : NULL, &uid, &gid, err);
	if (rc != LG_OK)
		return rc;
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && lchown(path, uid, gid) < 0)
		return lg_err_sys(err, errno, "listen on %s: owner: %s", path, conf->owner);
	if (chmod(path, mode) < 0)
		return lg_err_sys(err, errno, "listen on %s: mode", path);
	return LG_OK;
}

enum lg_rc bind_unix(struct bound *b, const char *path, int type, const struct lg_socket_conf *conf, struct lg_err *err)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX}, fresh = {.sun_family = AF_UNIX};
	struct stat st;
	enum lg_rc rc;
	int n = snprintf(fresh.sun_path, sizeof(fresh.sun_path), "%s.new", path);

	if (n < 0 || (size_t)n >= sizeof(fresh.sun_path))
		return lg_err_set(err, LG_INVALID, "listen on %s: the path of a unix socket has at most %zu characters", path,
		                  sizeof(fresh.sun_path) - sizeof(".new"));
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	rc = is_free(&un, type, err);
	if (rc == LG_OK)
		rc = is_free(&fresh, type, err);
	if (rc != LG_OK)
		return rc;
	unlink(fresh.sun_path);
	b->fd = socket(AF_UNIX, type, 0);
	if (b->fd < 0 || conn_prepare_fd(b->fd) < 0 || bind(b->fd, (struct sockaddr *)&fresh, sizeof(fresh)) < 0) {
		rc = lg_err_sys(err, errno, "listen on %s", path);
		goto done;
	}
	bind_buffer(b, conf);
	rc = own(fresh.sun_path, conf, err);
	if (rc == LG_OK && ((type == SOCK_STREAM && listen(b->fd, SOMAXCONN) < 0) || lstat(fresh.sun_path, &st) < 0 ||
	                    rename(fresh.sun_path, path) < 0))
		rc = lg_err_sys(err, errno, "listen on %s", path);
	if (rc != LG_OK) {
		unlink(fresh.sun_path);
		goto done;
	}
	snprintf(b->path, sizeof(b->path), "%s", path);
	b->device = st.st_dev;
	b->inode = st.st_ino;
done:
	if (rc != LG_OK)
		bind_close(b);
	return rc;
}
