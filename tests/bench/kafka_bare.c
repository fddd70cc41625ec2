/* kafka_bare - a bare librdkafka producer: what any shipper to Kafka must spend at least.
 *
 *     kafka_bare BROKERS TOPIC FILE
 *
 * One message per line of FILE, idempotent, acks=all, zstd, no copy of the payload (the file is mapped), delivery reports counted. No parsing, no
 * spool, no cursor. The queue is bounded as Lugger's is. Prints "messages M bytes B"; status 1 when a message was not delivered. */
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static uint64_t delivered, bytes;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "kafka_bare: %s: %s\n", what, why);
	exit(1);
}

static void on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
	(void)client;
	(void)opaque;
	if (message->err)
		die("delivery", rd_kafka_err2str(message->err));
	delivered++;
	bytes += message->len;
}

static rd_kafka_t *open_producer(const char *brokers)
{
	const char *const settings[][2] = {
		{"bootstrap.servers", brokers}, {"enable.idempotence", "true"}, {"compression.codec", "zstd"}, {"compression.level", "1"},
		{"queue.buffering.max.kbytes", "32768"}, {"queue.buffering.max.messages", "1000000"}, {"linger.ms", "20"},
		{"message.timeout.ms", "0"}, {"partitioner", "murmur2_random"},
	};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[512];

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text, sizeof(text)) != RD_KAFKA_CONF_OK)
			die(settings[i][0], text);
	rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!client)
		die("rd_kafka_new", text);
	return client;
}

static const char *map_file(const char *path, size_t *size)
{
	struct stat info;
	int file = open(path, O_RDONLY);

	if (file < 0 || fstat(file, &info) != 0)
		die(path, "cannot be opened");
	*size = (size_t)info.st_size;
	const char *data = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, file, 0);
	if (data == MAP_FAILED)
		die(path, "cannot be mapped");
	return data;
}

int main(int argc, char **argv)
{
	uint64_t sent = 0;
	size_t size;

	if (argc != 4)
		die("usage", "kafka_bare BROKERS TOPIC FILE");
	const char *data = map_file(argv[3], &size), *end = data + size;
	rd_kafka_t *client = open_producer(argv[1]);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(client, argv[2], NULL);
	while (data < end) {
		const char *newline = memchr(data, '\n', (size_t)(end - data));
		size_t length = (size_t)((newline ? newline : end) - data);

		while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, 0, (void *)(uintptr_t)data, length, NULL, 0, NULL) != 0) {
			if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
				die("produce", rd_kafka_err2str(rd_kafka_last_error()));
			rd_kafka_poll(client, 100);
		}
		if (++sent % 1000 == 0)
			rd_kafka_poll(client, 0);
		data += length + 1;
	}
	while (rd_kafka_outq_len(client) > 0)
		rd_kafka_poll(client, 1000);
	printf("messages %llu bytes %llu\n", (unsigned long long)delivered, (unsigned long long)bytes);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(client);
	return delivered == sent ? 0 : 1;
}
