#!/usr/bin/env python3
"""kill -9 of Lugger and of a real Kafka broker while z/OS SYSLOG (RDW, EBCDIC, interleaved multi-line messages of four systems) flows into a topic of
three partitions, keyed by system. Read back with kcat.

    kafka_kill9.py [--exactly-once] [--kills N] [--broker-kills N] [--records N] [--seed N]

By default no record is lost, every repeat carries the same (log id, sequence) and the same content, and the first appearances stand in each partition
in the order of their sequences. With --exactly-once a reader with isolation.level=read_committed sees each record once, in order: no repeat, no loss.
"""

import argparse
import collections
import json
import random
import time

import peers  # noqa: F401  (sets the path)
from kafka import Cluster
from rig import Rig, check, compare, need_release
from zos import write_syslog

parser = argparse.ArgumentParser()
parser.add_argument("--exactly-once", action="store_true")
parser.add_argument("--kills", type=int, default=5)
parser.add_argument("--broker-kills", type=int, default=2)
parser.add_argument("--records", type=int, default=200000)
parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
arguments = parser.parse_args()
print("%d kills of Lugger, %d of the broker, seed %d" % (arguments.kills, arguments.broker_kills, arguments.seed), flush=True)
rng = random.Random(arguments.seed)
PARTITIONS = 3


def fields(record):
    """What the source's oracle says of a record (zos.py)."""
    event = json.loads(record.payload)
    whole, _, fraction = event["@timestamp"][:-1].partition(".")
    return ("%s.%s" % (whole, (fraction + "00")[:2]), event["zos.sysname"], event.get("zos.job.id", "-"), event.get("zos.message.id"), event["message"])


def check_partition(records, committed):
    """Sequences go on across starts, so the order in one partition is the order of the sequences."""
    highest, seen = -1, set()
    for record in records:
        sequence = json.loads(record.payload)["event.sequence"]
        if sequence in seen:
            check(not committed, "sequence %d twice in partition %d", sequence, record.partition)
            continue
        check(sequence > highest, "sequence %d after %d in partition %d", sequence, highest, record.partition)
        highest = sequence
        seen.add(sequence)


with Rig() as rig:
    kafka = Cluster(rig)
    kafka.create_topic("syslog", partitions=PARTITIONS)
    source = write_syslog(rig, "whole", records=arguments.records, systems=4, seed=arguments.seed)
    with open(source.path, "rb") as whole:
        data = whole.read()
    log = rig.write("SYSLOG", b"")
    shipper = rig.lugger("shipper", {
        "spool": {"segment_size": "1MiB", "keep": "0s"},
        "inputs": [{"name": "operlog", "type": "file", "path": [log], **source.options}],
        "outputs": [{"name": "bus", "type": "kafka", "brokers": kafka.plain, "tls": {"off": True}, "topic": "syslog", "key": "{zos.sysname}",
                     "exactly_once": arguments.exactly_once}],
    }, program=need_release())
    rounds = ["lugger"] * arguments.kills + ["broker"] * arguments.broker_kills
    rng.shuffle(rounds)
    # Not within a message: what waits too long for its other lines is a record of its own.
    cuts = sorted(rng.sample([border for border in source.borders if border > len(data) // 20], len(rounds)))
    written = flowing = 0
    for victim, cut in zip(rounds, cuts):
        before = sum(kafka.end_offsets("syslog", PARTITIONS))
        if not shipper.running():
            shipper.start()
        with open(log, "ab") as out:
            out.write(data[written:cut])
        written = cut
        rig.until("records flow", lambda: sum(kafka.end_offsets("syslog", PARTITIONS)) > before)
        deadline = time.monotonic() + rng.uniform(0, 1.0)
        while time.monotonic() < deadline:
            time.sleep(0.002)
        check(shipper.running(), "the shipper ended by itself:\n%s", shipper.log()[-2000:])
        flowing += shipper.output_status("bus")["lag_records"] > 0
        if victim == "lugger":
            shipper.kill()
        else:
            kafka.brokers[0].kill()
            kafka.start()
    with open(log, "ab") as out:
        out.write(data[written:])
    if shipper.running():
        check(shipper.stop() == 0, "the shipper did not end in order")
    shipper.once(seconds=240)

    records = kafka.read("syslog")
    found, partitions = {}, collections.defaultdict(list)
    for record in records:
        partitions[record.partition].append(record)
        event = json.loads(record.payload)
        check(record.key == event["zos.sysname"], "key %r of a record of %r", record.key, event["zos.sysname"])
        identity = (event["lugger.log_id"], event["event.sequence"])
        check(found.setdefault(identity, fields(record)) == fields(record), "identity %r carries two contents", identity)
    for inside in partitions.values():
        check_partition(inside, arguments.exactly_once)
    compare("records by identity", source.expected, found.values())
    repeats = len(records) - len(found)
    check(not (arguments.exactly_once and repeats), "%d repeats", repeats)
    dirty = len(kafka.read("syslog", isolation="read_uncommitted")) if arguments.exactly_once else len(records)
    print("%d records, %d repeats, 0 lost; %d of %d kills with records under way; %d messages in the topic in all" % (
        len(found), repeats, flowing, len(rounds), dirty))
