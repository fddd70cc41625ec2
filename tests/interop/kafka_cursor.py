#!/usr/bin/env python3
"""exactly_once against a real Kafka: where the cursor is, and what happens when somebody else moved it.

- The group's offset is the next sequence, its metadata the log id and the start's nonce; it follows records that a filter settles, too.
- A record over the topic's limit goes alone to the dead letters; all others are there once.
- The group's offset is deleted: the next start goes on from the local copy.
- Two instances on copies of one data_dir: one is fenced and says so, nothing is doubled.
- An older copy of the data_dir: state cursor-conflict, nothing is sent until a person chooses.
"""

import json
import shutil

import peers  # noqa: F401  (sets the path)
from kafka import Cluster
from rig import Rig, check, compare
from texts import many_lines

with Rig() as rig:
    kafka = Cluster(rig)
    kafka.create_topic("app", partitions=2, max_message_bytes=30000)
    lines = many_lines(9000)
    log = rig.write("app.log", b"")
    written = []

    def add(some):
        written.extend(some)
        with open(log, "a", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in some)

    def configuration(**more):
        return {"inputs": [{"name": "app", "type": "file", "path": [log]}],
                "outputs": [{"name": "bus", "type": "kafka", "brokers": kafka.plain, "tls": {"off": True}, "topic": "app", "key": "{log.offset}",
                             "exactly_once": True, "transaction_interval": "200ms", **more}]}

    def compare_topic(what, expected):
        compare(what, expected, [json.loads(record.payload)["message"] for record in kafka.read("app")])

    shipper = rig.lugger("shipper", configuration())
    status, out, _ = shipper.command("check")
    check(status == 0 and "--transactional-id lugger. " in out and "--group lugger. " in out, "check lists what it needs:\n%s", out)

    # Where it is.
    add(lines[:2000])
    shipper.once()
    group = "lugger.%s.bus" % shipper.status()["spool_id"]
    next_seq, log_id, nonce = kafka.admin("committed", group, "app", "0").split()
    check(next_seq == "2001" and log_id == shipper.status()["log_id"] and len(nonce) == 16, "committed: %s %s %s", next_seq, log_id, nonce)
    compare_topic("first records", lines[:2000])

    # A filter settles without a record.
    shipper.configure(rig, configuration(where='message like "nothing is like this"'))
    add(lines[2000:2500])
    shipper.once()
    check(kafka.admin("committed", group, "app", "0").split()[0] == "2501", "the cursor does not follow the filter")
    compare_topic("filtered records", lines[:2000])
    filtered = set(lines[2000:2500])

    # One record too large for the topic (and not for us), in the middle of others.
    shipper.configure(rig, configuration(compression="none"))
    add(lines[2500:3500] + ["x" * 50000] + lines[3500:4000])
    shipper.once()
    check(shipper.output_status("bus")["dead"] == 1, "%d dead letters", shipper.output_status("bus")["dead"])
    gone = filtered | {"x" * 50000}
    compare_topic("records around one that is too large", [line for line in written if line not in gone])

    # The brokers forgot the cursor.
    kafka.admin("delete-offset", group, "app", "0")
    add(lines[4000:4500])
    shipper.once()
    check("no cursor of " + group in shipper.log(), "a missing cursor is not said:\n%s", shipper.log()[-1500:])
    compare_topic("records after the cursor was forgotten", [line for line in written if line not in gone])
    old = rig.path("old.data")
    shutil.copytree(shipper.data_dir, old)

    # Two on copies: whoever came last goes on, the other one stops.
    twin = rig.lugger("twin", configuration(), data_dir=rig.path("twin.data"))
    shutil.copytree(shipper.data_dir, twin.data_dir)
    shipper.start()
    shipper.until_output("bus", "the first one is ready", lambda output: output.get("transaction") == "ready")
    twin.start()
    twin.until_output("bus", "the second one is ready", lambda output: output.get("transaction") == "ready")
    add(lines[4500:7000])
    fenced = shipper.until_output("bus", "the first one is fenced", lambda output: output["state"] == "fenced")
    check(not fenced["healthy"] and "two instances" in fenced["last_error"], "fenced says: %s", fenced["last_error"])
    twin.until_delivered("bus", len(written))
    compare_topic("records of two instances", [line for line in written if line not in gone])
    check(twin.stop() == 0, "the second one did not end in order")
    status, out, err = shipper.command("output", "resolve", "bus", "--take", "receiver")
    check(status == 0, "resolve: %s", err)
    add(lines[7000:7500])
    shipper.until_delivered("bus", len(written))
    compare_topic("records after the choice", [line for line in written if line not in gone])
    check(shipper.stop() == 0, "the first one did not end in order")

    # An older copy.
    shutil.rmtree(shipper.data_dir)
    shutil.copytree(old, shipper.data_dir)
    shipper.start()
    stopped = shipper.until_output("bus", "the older copy is noticed", lambda output: output["state"] == "cursor-conflict")
    check(not stopped["healthy"] and "--take" in stopped["last_error"], "the conflict says: %s", stopped["last_error"])
    compare_topic("nothing is sent in a conflict", [line for line in written if line not in gone])
    status, out, err = shipper.command("output", "resolve", "bus", "--take", "receiver")
    check(status == 0, "resolve: %s", err)
    shipper.until_output("bus", "it goes on", lambda output: output["healthy"] and output["lag_records"] == 0)
    add(lines[7500:8000])
    shipper.until_output("bus", "and delivers", lambda output: output["healthy"] and output["lag_records"] == 0 and
                         len(kafka.read("app")) >= len(written) - len(gone))
    compare_topic("records after the conflict", [line for line in written if line not in gone])
    check(shipper.stop() == 0, "the restored one did not end in order")
    print("%d records, each once" % (len(written) - len(gone)))
