#!/usr/bin/env python3
"""A file of lines through Lugger into a real Kafka over TLS, read back with kcat: the full set, the order in each partition, keys, headers; once for
each way of authenticating and each compression: no client certificate, mTLS, SASL PLAIN.
"""

import collections
import json

import peers  # noqa: F401  (sets the path)
from kafka import Cluster
from rig import Rig, check, compare
from texts import many_lines

LINES = 5000
PARTITIONS = 3


def ways(rig, kafka):
    ca, client = rig.ca(), rig.cert("client1")
    tls = {"ca_file": ca.pem}
    sasl = {"mechanism": "PLAIN", "username": "plain", "password": "plain-secret"}
    yield "plaintext", {"brokers": kafka.plain, "tls": {"off": True}, "compression": "none"}
    yield "tls", {"brokers": kafka.ssl, "tls": tls, "compression": "zstd", "compression_level": 3}
    yield "mtls", {"brokers": kafka.ssl, "tls": {**tls, "cert_file": client.pem, "key_file": client.key}, "compression": "lz4"}
    yield "sasl", {"brokers": kafka.sasl, "tls": tls, "sasl": sasl, "compression": "gzip"}


with Rig() as rig:
    lines = many_lines(LINES)
    rig.write("app.log", "".join(line + "\n" for line in lines))
    kafka = Cluster(rig)
    for way, options in ways(rig, kafka):
        kafka.create_topic("topic-" + way, partitions=PARTITIONS)
        shipper = rig.lugger("shipper-" + way, {
            "inputs": [{"name": "app", "type": "file", "path": [rig.path("app.log")]}],
            "outputs": [{"name": "bus", "type": "kafka", "topic": "topic-" + way, "key": "{log.offset}", **options}],
        })
        shipper.once()
        records = kafka.read("topic-" + way)
        events = [json.loads(record.payload) for record in records]
        compare(way + ": lines", lines, [event["message"] for event in events])
        used, last = collections.Counter(), {}
        for record, event in zip(records, events):
            used[record.partition] += 1
            check(record.key == str(event["log.offset"]), "%s: key %r at offset %r", way, record.key, event["log.offset"])
            check(last.get(record.partition, -1) < event["event.sequence"], "%s: partition %d is out of order", way, record.partition)
            last[record.partition] = event["event.sequence"]
            wanted = {"lugger.log_id": event["lugger.log_id"], "event.sequence": str(event["event.sequence"]), "lugger.input": "app"}
            for name, value in wanted.items():
                check(record.headers.get(name) == value, "%s: header %s is %r, not %r", way, name, record.headers.get(name), value)
        check(len(used) == PARTITIONS, "%s: only partitions %r used", way, sorted(used))
        print("%s: %d records in %d partitions, equal" % (way, len(records), len(used)))
