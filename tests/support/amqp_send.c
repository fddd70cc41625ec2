/*
 * Puts messages into an AMQP 1.0 queue, for the tests and the benchmark.
 *
 *	amqp_send HOST PORT ADDRESS COUNT [key=value]...
 *
 *	first=N     number of the first message (default 0)
 *	user=U password=P	SASL PLAIN, else ANONYMOUS
 *	id=none     messages without a message-id (default: "m-NUMBER")
 *	kind=data|string|binary|sequence	the body's section (default data)
 *	size=N      bytes of the body, at least those of its number (default 120)
 *	body=TEXT   the body, instead of "message NUMBER ....."
 *	latin1=yes  body is UTF-8 for bytes: each character below U+0100 stands for one
 *	header=no   no durable header
 *
 * Durable messages, application property "number". Ends when the broker has accepted all: status 0.
 */
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/message.h>
#include <proton/proactor.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/transport.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sender {
	const char *address, *user, *password, *body, *kind;
	long first, count, sent, settled;
	size_t size, body_size;
	bool ids, durable;
};

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "amqp_send: %s: %s\n", what, why ? why : "");
	exit(1);
}

static void put_body(pn_message_t *message, const struct sender *s, const char *text, size_t size)
{
	pn_data_t *body = pn_message_body(message);
	bool string = strcmp(s->kind, "string") == 0, sequence = strcmp(s->kind, "sequence") == 0;

	pn_message_set_inferred(message, strcmp(s->kind, "data") == 0 || sequence);
	if (sequence) {
		pn_data_put_list(body);
		pn_data_enter(body);
		pn_data_put_string(body, pn_bytes(size, text));
		pn_data_put_string(body, pn_bytes(6, "second"));
		pn_data_exit(body);
	} else if (string) {
		pn_data_put_string(body, pn_bytes(size, text));
	} else {
		pn_data_put_binary(body, pn_bytes(size, text));
	}
}

static void send_one(struct sender *s, pn_link_t *link)
{
	static char text[1 << 24];
	long number = s->first + s->sent;
	pn_message_t *message = pn_message();
	pn_data_t *properties = pn_message_properties(message);
	size_t size = s->body ? s->body_size : 0;
	char id[32];
	pn_rwbytes_t encoded = {0};

	if (size > sizeof(text) || s->size > sizeof(text))
		fail("body", "too long");
	if (s->body) {
		memcpy(text, s->body, size);
	} else {
		size = (size_t)snprintf(text, sizeof(text), "message %ld ", number);
		for (; size < s->size; size++)
			text[size] = (char)('!' + (number * 31 + (long)size) % 94);
	}
	pn_message_set_durable(message, s->durable);
	if (s->ids) {
		snprintf(id, sizeof(id), "m-%ld", number);
		pn_message_set_id(message, (pn_atom_t){.type = PN_STRING, .u.as_bytes = pn_bytes(strlen(id), id)});
	}
	pn_data_put_map(properties);
	pn_data_enter(properties);
	pn_data_put_string(properties, pn_bytes(6, "number"));
	pn_data_put_long(properties, number);
	pn_data_exit(properties);
	put_body(message, s, text, size);
	pn_delivery(link, pn_dtag((const char *)&s->sent, sizeof(s->sent)));
	if (pn_message_send(message, link, &encoded) < 0)
		fail("send", pn_error_text(pn_message_error(message)));
	free(encoded.start);
	pn_message_free(message);
	s->sent++;
}

static void open_link(struct sender *s, pn_connection_t *connection)
{
	pn_session_t *session = pn_session(connection);
	pn_link_t *link;

	pn_connection_set_container(connection, "amqp_send");
	if (s->user) {
		pn_connection_set_user(connection, s->user);
		pn_connection_set_password(connection, s->password);
	}
	pn_connection_open(connection);
	pn_session_open(session);
	link = pn_sender(session, "amqp_send");
	pn_terminus_set_address(pn_link_target(link), s->address);
	pn_terminus_set_durability(pn_link_target(link), PN_DELIVERIES); /* RabbitMQ declares /queue/NAME as durable as this */
	pn_link_open(link);
}

/* False: all is said. */
static bool take(struct sender *s, pn_event_t *event)
{
	pn_link_t *link = pn_event_link(event);
	pn_condition_t *condition = NULL;

	switch (pn_event_type(event)) {
	case PN_CONNECTION_INIT:
		open_link(s, pn_event_connection(event));
		break;
	case PN_LINK_FLOW:
		while (pn_link_credit(link) > 0 && s->sent < s->count)
			send_one(s, link);
		break;
	case PN_DELIVERY:
		if (pn_delivery_remote_state(pn_event_delivery(event)) != PN_ACCEPTED)
			fail("delivery", "not accepted");
		pn_delivery_settle(pn_event_delivery(event));
		if (++s->settled == s->count)
			pn_connection_close(pn_event_connection(event));
		break;
	case PN_TRANSPORT_CLOSED:
		condition = pn_transport_condition(pn_event_transport(event));
		break;
	case PN_LINK_REMOTE_CLOSE:
	case PN_LINK_REMOTE_DETACH:
		condition = pn_link_remote_condition(link);
		break;
	case PN_SESSION_REMOTE_CLOSE:
		condition = pn_session_remote_condition(pn_event_session(event));
		break;
	case PN_CONNECTION_REMOTE_CLOSE:
		condition = pn_connection_remote_condition(pn_event_connection(event));
		pn_connection_close(pn_event_connection(event));
		break;
	case PN_PROACTOR_INACTIVE:
		return false;
	default:
		break;
	}
	if (condition && pn_condition_is_set(condition))
		fail(pn_condition_get_name(condition), pn_condition_get_description(condition));
	return true;
}

static const char *to_bytes(struct sender *s)
{
	static char bytes[65536];
	const unsigned char *in = (const unsigned char *)s->body;
	size_t n = 0;

	while (*in && n < sizeof(bytes)) {
		bytes[n++] = (char)(*in < 0x80 ? *in : (in[0] & 3) << 6 | (in[1] & 0x3f));
		in += *in < 0x80 ? 1 : 2;
	}
	s->body_size = n;
	return bytes;
}

static void take_setting(struct sender *s, char *word)
{
	char *value = strchr(word, '=');

	if (!value)
		fail(word, "not key=value");
	*value++ = '\0';
	if (!strcmp(word, "first"))
		s->first = atol(value);
	else if (!strcmp(word, "user"))
		s->user = value;
	else if (!strcmp(word, "password"))
		s->password = value;
	else if (!strcmp(word, "id"))
		s->ids = strcmp(value, "none") != 0;
	else if (!strcmp(word, "kind"))
		s->kind = value;
	else if (!strcmp(word, "size"))
		s->size = (size_t)atol(value);
	else if (!strcmp(word, "body"))
		s->body_size = strlen(s->body = value);
	else if (!strcmp(word, "latin1"))
		s->body = to_bytes(s);
	else if (!strcmp(word, "header"))
		s->durable = strcmp(value, "no") != 0;
	else
		fail(word, "unknown");
}

int main(int argc, char **argv)
{
	struct sender s = {.kind = "data", .size = 120, .ids = true, .durable = true};
	pn_proactor_t *proactor = pn_proactor();
	pn_transport_t *transport = pn_transport();
	char address[300];
	bool going = true;

	if (argc < 5)
		fail("usage", "amqp_send HOST PORT ADDRESS COUNT [key=value]...");
	s.address = argv[3];
	s.count = atol(argv[4]);
	for (int i = 5; i < argc; i++)
		take_setting(&s, argv[i]);
	pn_proactor_addr(address, sizeof(address), argv[1], argv[2]);
	pn_sasl_set_allow_insecure_mechs(pn_sasl(transport), true);
	pn_proactor_connect2(proactor, NULL, transport, address);
	while (going) {
		pn_event_batch_t *batch = pn_proactor_wait(proactor);
		pn_event_t *event;

		while ((event = pn_event_batch_next(batch)))
			going &= take(&s, event);
		pn_proactor_done(proactor, batch);
	}
	pn_proactor_free(proactor);
	return s.settled == s.count ? 0 : 1;
}
