/* The token of OAUTHBEARER, from a file or from a command that prints it. librdkafka asks for one at the start and when four fifths of the last
 * one's life are over. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "output_kafka/kafka.h"
#include "output_kafka/walk.h"

#define TOKEN_MAX (64u << 10)
#define COMMAND_NS (30 * KAFKA_SECOND)

extern char **environ;

/* ---- what a token says ------------------------------------------------------------------------------------------------------------- */

static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' || c == '+' ? 62 : c == '_' || c == '/' ? 63 : -1;
}

/* RFC 4648 section 5, without padding. */
static void decode_base64url(struct lg_str text, struct lg_buf *out)
{
	unsigned bits = 0, value = 0;

	for (size_t i = 0; i < text.size; i++) {
		int digit = digit_of(text.data[i]);

		if (digit < 0)
			break;
		value = (value << 6 | (unsigned)digit) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			lg_buf_append_char(out, (char)(value >> bits));
		}
	}
}

/* `exp` and `sub` of a JSON web token (RFC 7519 section 4.1); what is no JWT has neither. */
static void read_claims(struct lg_str token, int64_t *expires_s, char subject[256])
{
	const char *dot = memchr(token.data, '.', token.size), *end = token.data + token.size;
	const char *second = dot ? memchr(dot + 1, '.', (size_t)(end - dot - 1)) : NULL;
	struct lg_str name, value;
	struct lg_buf claims = {0};
	struct walk w;

	if (!second)
		return;
	decode_base64url((struct lg_str){dot + 1, (size_t)(second - dot - 1)}, &claims);
	lg_buf_append_char(&claims, '\0'); /* strtoll reads to the end of the digits, which may be the end of the text */
	w = walk_enter((struct lg_str){(const char *)claims.data, claims.size - 1});
	while (walk_next(&w, &name, &value)) {
		if (lg_str_is(name, "exp") && value.size < 20)
			*expires_s = strtoll(value.data, NULL, 10);
		else if (lg_str_is(name, "sub") && value.size < 256)
			snprintf(subject, 256, "%.*s", (int)value.size, value.data);
	}
	lg_buf_fini(&claims);
}

static void refuse(struct kafka *k, const char *why)
{
	rd_kafka_oauthbearer_set_token_failure(k->rk, why);
}

static void hand_over(struct kafka *k, struct lg_buf *text)
{
	int64_t expires_s = (int64_t)time(NULL) + k->conf->sasl.token_lifetime_ns / KAFKA_SECOND;
	char subject[256] = "lugger", why[512];

	while (text->size && strchr(" \t\r\n", text->data[text->size - 1]))
		text->size--;
	lg_buf_append_char(text, '\0');
	if (text->size == 1) {
		refuse(k, "the token is empty");
		return;
	}
	read_claims((struct lg_str){(const char *)text->data, text->size - 1}, &expires_s, subject);
	lg_buf_clear(&k->token.last);
	lg_buf_append(&k->token.last, text->data, text->size);
	k->token.last_expires_s = expires_s;
	snprintf(k->token.subject, sizeof(k->token.subject), "%s", subject);
	if (rd_kafka_oauthbearer_set_token(k->rk, (const char *)text->data, expires_s * 1000, subject, NULL, 0, why, sizeof(why)) != RD_KAFKA_RESP_ERR_NO_ERROR)
		refuse(k, why);
}

/* ---- where it comes from ------------------------------------------------------------------------------------------------------------- */

static void read_file(struct kafka *k)
{
	const char *path = k->conf->sasl.token_file;
	FILE *file = fopen(path, "rb");
	struct lg_buf text = {0};
	char why[512];

	if (!file) {
		snprintf(why, sizeof(why), "token_file %s: %s", path, strerror(errno));
		refuse(k, why);
		return;
	}
	text.size = fread(lg_buf_reserve(&text, TOKEN_MAX), 1, TOKEN_MAX, file);
	fclose(file);
	hand_over(k, &text);
	lg_buf_fini(&text);
}

/* Runs it without a shell, its output into a pipe. */
static int spawn(const struct lg_strings *command, int out, pid_t *pid)
{
	char **argv = calloc(command->count + 1, sizeof(*argv));
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;
	int rc;

	if (!argv)
		return ENOMEM;
	memcpy(argv, command->items, command->count * sizeof(*argv));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawnattr_init(&attributes);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attributes, &set);
	sigaddset(&set, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &set);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	free(argv);
	return rc;
}

static void start_command(struct kafka *k)
{
	const struct lg_strings *command = &k->conf->sasl.token_command;
	struct token *token = &k->token;
	char why[512];
	int fds[2], rc;

	if (pipe(fds) < 0) {
		refuse(k, "no pipe");
		return;
	}
	for (int i = 0; i < 2; i++)
		fcntl(fds[i], F_SETFD, FD_CLOEXEC);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	rc = spawn(command, fds[1], &token->pid);
	close(fds[1]);
	if (rc) {
		close(fds[0]);
		snprintf(why, sizeof(why), "token_command %s: %s", command->items[0], strerror(rc));
		refuse(k, why);
		return;
	}
	token->fd = fds[0];
	token->by_ns = k->now_ns + COMMAND_NS;
}

void token_wanted(struct kafka *k)
{
	if (k->token.fd >= 0)
		return; /* on its way */
	if (k->conf->sasl.token_file)
		read_file(k);
	else
		start_command(k);
}

void token_share(struct kafka *k, rd_kafka_t *rk)
{
	char why[512];

	if (k->conf->sasl.mechanism == KAFKA_SASL_OAUTH && k->token.last.size)
		rd_kafka_oauthbearer_set_token(rk, (const char *)k->token.last.data, k->token.last_expires_s * 1000, k->token.subject, NULL, 0, why, sizeof(why));
}

void token_stop(struct kafka *k)
{
	struct token *token = &k->token;

	if (token->fd < 0)
		return;
	close(token->fd);
	token->fd = -1;
	kill(token->pid, SIGKILL);
	while (waitpid(token->pid, NULL, 0) < 0 && errno == EINTR)
		;
	lg_buf_fini(&token->text);
	token->text = (struct lg_buf){0};
}

/* It closed its output: it is over, or will be at once. */
static void finish_command(struct kafka *k)
{
	struct token *token = &k->token;
	struct lg_buf text = token->text;
	char why[512];
	int status = 0;
	pid_t pid;

	close(token->fd);
	token->fd = -1;
	token->text = (struct lg_buf){0};
	for (int i = 0; (pid = waitpid(token->pid, &status, WNOHANG)) == 0 && i < 100; i++)
		poll(NULL, 0, 10);
	if (pid == 0) {
		kill(token->pid, SIGKILL);
		waitpid(token->pid, &status, 0);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		hand_over(k, &text);
	} else {
		snprintf(why, sizeof(why), "token_command %s: %s %d", k->conf->sasl.token_command.items[0], WIFEXITED(status) ? "exit" : "signal",
		         WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
		refuse(k, why);
	}
	lg_buf_fini(&text);
}

void token_step(struct kafka *k)
{
	struct token *token = &k->token;
	ssize_t n = 1;

	if (token->fd < 0)
		return;
	while (token->text.size < TOKEN_MAX && (n = read(token->fd, lg_buf_reserve(&token->text, 4096), 4096)) > 0)
		token->text.size += (size_t)n;
	if (n == 0) {
		finish_command(k);
	} else if (k->now_ns >= token->by_ns || token->text.size >= TOKEN_MAX) {
		token_stop(k);
		refuse(k, "token_command did not end in time, or says too much");
	}
}

void token_wait(const struct kafka *k, struct lg_waitset *ws)
{
	if (k->token.fd < 0)
		return;
	lg_waitset_add(ws, k->token.fd, POLLIN);
	lg_waitset_wake(ws, k->token.by_ns);
}
