/*
 * What the Kafka tests ask of a cluster, without starting a JVM for each question:
 *
 *	kafka_admin BROKERS create-topic NAME PARTITIONS COPIES [key=value]...
 *	kafka_admin BROKERS delete-topic NAME
 *	kafka_admin BROKERS committed GROUP TOPIC PARTITION		prints "OFFSET METADATA", or "none"
 *	kafka_admin BROKERS commit GROUP TOPIC PARTITION OFFSET METADATA
 *	kafka_admin BROKERS delete-offset GROUP TOPIC PARTITION
 *
 * BROKERS of a listener without TLS. Status 0, or 1 with the broker's words on standard error.
 */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 20000

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "kafka_admin: %s: %s\n", what, why);
	return 1;
}

static rd_kafka_t *open_client(rd_kafka_type_t type, const char *brokers, const char *group)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[512];

	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof(text));
	if (group)
		rd_kafka_conf_set(conf, "group.id", group, text, sizeof(text));
	rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof(text));
	if (!client) {
		fail("client", text);
		exit(1);
	}
	return client;
}

/* The first error of an admin result, or NULL. Errors of single topics or partitions count. */
static const char *result_error(rd_kafka_event_t *event)
{
	size_t count = 0;

	if (rd_kafka_event_error(event))
		return rd_kafka_event_error_string(event);
	const rd_kafka_CreateTopics_result_t *created = rd_kafka_event_CreateTopics_result(event);
	const rd_kafka_DeleteTopics_result_t *deleted = rd_kafka_event_DeleteTopics_result(event);
	const rd_kafka_DeleteConsumerGroupOffsets_result_t *offsets = rd_kafka_event_DeleteConsumerGroupOffsets_result(event);
	if (created || deleted) {
		const rd_kafka_topic_result_t **topics = created ? rd_kafka_CreateTopics_result_topics(created, &count)
								 : rd_kafka_DeleteTopics_result_topics(deleted, &count);
		for (size_t i = 0; i < count; i++)
			if (rd_kafka_topic_result_error(topics[i]))
				return rd_kafka_topic_result_error_string(topics[i]);
	}
	if (offsets) {
		const rd_kafka_group_result_t **groups = rd_kafka_DeleteConsumerGroupOffsets_result_groups(offsets, &count);
		for (size_t i = 0; i < count; i++)
			if (rd_kafka_group_result_error(groups[i]))
				return rd_kafka_error_string(rd_kafka_group_result_error(groups[i]));
	}
	return NULL;
}

static int await(rd_kafka_queue_t *queue, const char *what)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS * 2);

	if (!event)
		return fail(what, "no answer");
	const char *error = result_error(event);
	int status = error ? fail(what, error) : 0;
	rd_kafka_event_destroy(event);
	return status;
}

static int create_topic(rd_kafka_t *client, rd_kafka_queue_t *queue, char **arguments, int count)
{
	char text[512];
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(arguments[0], atoi(arguments[1]), atoi(arguments[2]), text, sizeof(text));

	if (!topic)
		return fail(arguments[0], text);
	for (int i = 3; i < count; i++) {
		char *equals = strchr(arguments[i], '=');
		if (!equals)
			return fail(arguments[i], "not key=value");
		*equals = '\0';
		rd_kafka_NewTopic_set_config(topic, arguments[i], equals + 1);
	}
	rd_kafka_CreateTopics(client, &topic, 1, NULL, queue);
	rd_kafka_NewTopic_destroy(topic);
	return await(queue, "create-topic");
}

static int delete_topic(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *name)
{
	rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);

	rd_kafka_DeleteTopics(client, &topic, 1, NULL, queue);
	rd_kafka_DeleteTopic_destroy(topic);
	return await(queue, "delete-topic");
}

static int delete_offset(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *group, rd_kafka_topic_partition_list_t *partitions)
{
	rd_kafka_DeleteConsumerGroupOffsets_t *request = rd_kafka_DeleteConsumerGroupOffsets_new(group, partitions);

	rd_kafka_DeleteConsumerGroupOffsets(client, &request, 1, NULL, queue);
	rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
	return await(queue, "delete-offset");
}

static int committed(rd_kafka_t *client, rd_kafka_topic_partition_list_t *partitions)
{
	rd_kafka_resp_err_t error = rd_kafka_committed(client, partitions, TIMEOUT_MS);
	const rd_kafka_topic_partition_t *partition = &partitions->elems[0];

	if (error || partition->err)
		return fail("committed", rd_kafka_err2str(error ? error : partition->err));
	if (partition->offset < 0)
		puts("none");
	else
		printf("%lld %.*s\n", (long long)partition->offset, (int)partition->metadata_size, partition->metadata ? (char *)partition->metadata : "");
	return 0;
}

static int commit(rd_kafka_t *client, rd_kafka_topic_partition_list_t *partitions, const char *offset, const char *metadata)
{
	rd_kafka_topic_partition_t *partition = &partitions->elems[0];

	partition->offset = atoll(offset);
	partition->metadata = malloc(strlen(metadata) + 1); /* librdkafka frees it with the list */
	partition->metadata_size = strlen(metadata);
	memcpy(partition->metadata, metadata, partition->metadata_size + 1);
	rd_kafka_resp_err_t error = rd_kafka_commit(client, partitions, 0);
	return error ? fail("commit", rd_kafka_err2str(error)) : 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 3 ? argv[2] : "";
	char **rest = argv + 3;
	int count = argc - 3;
	int status = 2;

	bool of_group = count >= 3 && strcmp(command, "create-topic") != 0;
	rd_kafka_topic_partition_list_t *partitions = rd_kafka_topic_partition_list_new(1);
	if (of_group)
		rd_kafka_topic_partition_list_add(partitions, rest[1], atoi(rest[2]));
	bool consumer = of_group && strcmp(command, "delete-offset") != 0;
	rd_kafka_t *client = argc > 3 ? open_client(consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, argv[1], consumer ? rest[0] : NULL) : NULL;
	rd_kafka_queue_t *queue = client ? rd_kafka_queue_new(client) : NULL;
	if (strcmp(command, "create-topic") == 0 && count >= 3)
		status = create_topic(client, queue, rest, count);
	else if (strcmp(command, "delete-topic") == 0 && count == 1)
		status = delete_topic(client, queue, rest[0]);
	else if (strcmp(command, "committed") == 0 && count == 3)
		status = committed(client, partitions);
	else if (strcmp(command, "commit") == 0 && count == 5)
		status = commit(client, partitions, rest[3], rest[4]);
	else if (strcmp(command, "delete-offset") == 0 && count == 3)
		status = delete_offset(client, queue, rest[0], partitions);
	else
		fprintf(stderr, "usage: see the head of kafka_admin.c\n");
	rd_kafka_topic_partition_list_destroy(partitions);
	if (queue)
		rd_kafka_queue_destroy(queue);
	if (client)
		rd_kafka_destroy(client);
	return status;
}
