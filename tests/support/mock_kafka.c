/*
 * librdkafka's mock cluster as a process of its own: no TLS, no log beyond 5 MiB per partition, no read_committed (dependencies.md section 1).
 *
 *	mock_kafka FILE [BROKERS [TOPIC PARTITIONS]]
 *
 * Writes "bootstrap.servers" to FILE once it listens on loopback, and runs until standard input ends or it is killed.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char text[512];

	if (argc < 2 || argc == 4) {
		fprintf(stderr, "usage: mock_kafka FILE [BROKERS [TOPIC PARTITIONS]]\n");
		return 2;
	}
	rd_kafka_t *host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
	rd_kafka_mock_cluster_t *cluster = host ? rd_kafka_mock_cluster_new(host, argc > 2 ? atoi(argv[2]) : 1) : NULL;
	if (!cluster) {
		fprintf(stderr, "mock_kafka: no cluster\n");
		return 1;
	}
	if (argc > 4 && rd_kafka_mock_topic_create(cluster, argv[3], atoi(argv[4]), 1) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		fprintf(stderr, "mock_kafka: topic %s not created\n", argv[3]);
		return 1;
	}
	FILE *out = fopen(argv[1], "w");
	if (!out || fprintf(out, "%s\n", rd_kafka_mock_cluster_bootstraps(cluster)) < 0 || fclose(out) != 0) {
		perror(argv[1]);
		return 1;
	}
	while (read(STDIN_FILENO, text, sizeof(text)) > 0)
		;
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(host);
	return 0;
}
