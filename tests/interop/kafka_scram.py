#!/usr/bin/env python3
"""SCRAM-SHA-256 and -512 over TLS: they work with Kafka 3.9.1; with 4.1.0 they work from librdkafka 2.6.1 on, and before it the output's error and
`lugger check` name the version that is needed.
"""

import json

import peers  # noqa: F401  (sets the path)
from kafka import Cluster
from rig import Rig, check, compare
from texts import many_lines

LINES = 500


def shipper_for(rig, kafka, name, mechanism, topic):
    return rig.lugger(name, {
        "inputs": [{"name": "app", "type": "file", "path": [rig.path("app.log")]}],
        "outputs": [{"name": "bus", "type": "kafka", "brokers": kafka.sasl, "tls": {"ca_file": rig.ca().pem}, "topic": topic,
                     "sasl": {"mechanism": mechanism, "username": "alice", "password": "alice-secret"}}]})


def delivers(shipper, kafka, topic, lines):
    shipper.once()
    compare(topic, lines, [json.loads(record.payload)["message"] for record in kafka.read(topic)])
    print("%s: %d records" % (topic, len(lines)), flush=True)


with Rig() as rig:
    lines = many_lines(LINES)
    rig.write("app.log", "".join(line + "\n" for line in lines))
    kafka = Cluster(rig, version="3.9.1")
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
        kafka.create_topic("with-" + mechanism)
        delivers(shipper_for(rig, kafka, mechanism, mechanism, "with-" + mechanism), kafka, "with-" + mechanism, lines)
    kafka.brokers[0].kill()

with Rig() as rig:
    rig.write("app.log", "".join(line + "\n" for line in lines))
    kafka = Cluster(rig, version="4.1.0")
    kafka.create_topic("new")
    shipper = shipper_for(rig, kafka, "shipper", "SCRAM-SHA-512", "new")
    status, out, err = shipper.command("check")
    check(status == 0, "check: %s", err)
    if "2.6.1" in err:
        shipper.start()
        refused = shipper.until_output("bus", "SCRAM is refused", lambda status: status["state"] == "auth-failed")
        check("2.6.1" in refused["last_error"], "the error says: %s", refused["last_error"])
        check(shipper.stop() == 0, "no orderly end")
        print("4.1.0: refused, with the remedy")
    else:
        delivers(shipper, kafka, "new", lines)
