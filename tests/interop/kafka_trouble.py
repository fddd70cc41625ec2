#!/usr/bin/env python3
"""What goes wrong with a real Kafka while records flow: the state is said, nothing is lost, and it goes on by itself.

- The broker is frozen (SIGSTOP) for longer than the socket timeout, in the default mode and in a transaction.
- The topic is deleted under load and made again: the output stops with `unknown-topic` and goes on; what the old topic held is gone with it.
- The user may not: a wrong password is `auth-failed`, and the right one after a restart goes on from the cursor.
"""

import json
import signal
import time

import peers  # noqa: F401  (sets the path)
from kafka import Cluster
from rig import Rig, check, compare
from texts import many_lines

FROZEN_S = 12

with Rig() as rig:
    kafka = Cluster(rig)
    log = rig.write("app.log", b"")
    lines = many_lines(8000)
    written = []

    def add(some):
        written.extend(some)
        with open(log, "a", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in some)

    def messages(topic):
        return [json.loads(record.payload)["message"] for record in kafka.read(topic)]

    def output(name, **more):
        return {"name": name, "type": "kafka", "brokers": kafka.plain, "tls": {"off": True}, "topic": name,
                "rdkafka": {"socket.timeout.ms": "5000"}, **more}

    for topic in ("plain", "once"):
        kafka.create_topic(topic, partitions=2)
    shipper = rig.lugger("shipper", {
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [output("plain"), output("once", exactly_once=True, transaction_interval="200ms")]})
    shipper.start()
    add(lines[:1000])
    for name in ("plain", "once"):
        shipper.until_delivered(name, 1000)

    kafka.brokers[0].send(signal.SIGSTOP)
    add(lines[1000:4000])
    deadline = time.monotonic() + FROZEN_S
    rig.until("the frozen time is over", lambda: time.monotonic() > deadline)
    for name in ("plain", "once"):
        check(shipper.output_status(name)["cursor"] <= 1001, "%s: settled what a frozen broker cannot have answered", name)
    kafka.brokers[0].send(signal.SIGCONT)
    for name in ("plain", "once"):
        shipper.until_delivered(name, 4000)
    plain = messages("plain")
    check(set(plain) == set(written) and len(set(written)) == len(written), "frozen: %d of %d distinct", len(set(plain)), len(written))
    compare("frozen, exactly once", written, messages("once"))
    print("frozen for %d s: %d repeats by default, 0 exactly once" % (FROZEN_S, len(plain) - len(written)), flush=True)

    kafka.delete_topic("plain")
    add(lines[4000:6000])
    shipper.until_output("plain", "the missing topic is said", lambda status: status["state"] == "unknown-topic")
    kafka.create_topic("plain", partitions=2)
    shipper.until_delivered("plain", 6000)
    check(set(messages("plain")) >= set(lines[4000:6000]), "records are missing in the topic that was made again")
    check(shipper.stop() == 0, "no orderly end")

    shipper = rig.lugger("user", {
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "user", "type": "kafka", "brokers": kafka.sasl, "tls": {"ca_file": rig.ca().pem}, "topic": "plain",
                     "sasl": {"mechanism": "PLAIN", "username": "plain", "password": "wrong"}}]})
    shipper.start()
    refused = shipper.until_output("user", "the wrong password is said", lambda status: status["state"] == "auth-failed")
    check(refused["cursor"] == 1 and "wrong" not in refused["last_error"], "auth-failed: %r", refused)
    check(shipper.stop() == 0, "no orderly end without a password")
