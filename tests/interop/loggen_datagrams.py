#!/usr/bin/env python3
"""syslog-ng's loggen sends into `listen` over UDP and over unix sockets, stream and datagram.

Every message carries loggen's own sequence number. Over the unix sockets each must arrive once; so it must over UDP, but for those that the kernel
dropped, and of them `listen` says how many in loss records: what arrived and what is said to be lost is together what was sent.
"""

import json
import re

import peers  # noqa: F401  (sets the path)
from peers import loggen
from rig import Rig, check, compare

COUNT = 15000
NUMBER = re.compile(r"\Aseq: (\d{10}), thread: 0000, runid: \d+")


def records(rig, name):
    with open(rig.path(name + ".json"), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


with Rig() as rig:
    port = rig.port()
    paths = {"stream": rig.path("stream.sock"), "dgram": rig.path("dgram.sock")}
    receiver = rig.lugger("receiver", {
        "inputs": [
            {"name": "udp", "type": "listen", "address": "127.0.0.1:%d" % port, "transport": "udp", "receive_buffer": "32MiB"},
            {"name": "stream", "type": "listen", "address": paths["stream"], "transport": "unix", "mode": "0600"},
            {"name": "dgram", "type": "listen", "address": paths["dgram"], "transport": "unix-dgram"},
        ],
        "outputs": [{"name": name, "type": "file", "path": rig.path(name + ".json"), "inputs": [name]} for name in ("udp", *paths)],
    })
    receiver.start()
    rig.until("it listens", lambda: receiver.log().count("listening on") == 3)

    def send(name, *arguments):
        generator = loggen(rig, "loggen-" + name, *arguments)
        check(generator.end() == 0, "loggen failed: %s", name)

    common = ["-s", "250", "-n", str(COUNT)]
    send("udp", "-i", "-D", *common, "-r", "15000", "127.0.0.1", str(port))
    send("stream", "-x", "-S", *common, "-r", "1000000", paths["stream"])
    send("dgram", "-x", "-D", *common, "-r", "1000000", paths["dgram"])
    for name in paths:
        rig.until("%s has all" % name, lambda: receiver.input_status(name)["records"] >= COUNT)

    def reckoned():
        status = receiver.input_status("udp")
        return status["records"] + status["lost"] >= COUNT

    rig.until("every datagram is taken or stated as lost", reckoned)
    check(receiver.stop() == 0, "the receiver did not end in order")
    numbers, lost = {}, 0
    for name in ("udp", *paths):
        numbers[name] = []
        for record in records(rig, name):
            if record.get("event.kind") == "pipeline_error":
                lost += record["lugger.loss.count"]
                continue
            match = NUMBER.match(record["message"])
            check(match, "%s: not loggen's message: %r", name, record)
            numbers[name].append(int(match.group(1)))
            check(record["log.syslog.hostname"] == "localhost" and record["log.syslog.appname"] == "prg00000", "%s: header: %r", name, record)
            if name == "udp":
                check(record["source.ip"] == "127.0.0.1" and record["source.port"] > 0, "%s: source: %r", name, record)
            else:
                check(record["process.pid"] > 0 and "source.ip" not in record, "%s: source: %r", name, record)
    compare("unix stream", range(COUNT), numbers["stream"])
    compare("unix datagrams", range(COUNT), numbers["dgram"])
    found = set(numbers["udp"])
    check(len(found) == len(numbers["udp"]) and found <= set(range(COUNT)), "UDP: numbers repeated or made up")
    check(len(found) + lost == COUNT, "UDP: %d arrived, %d stated as lost, of %d", len(found), lost, COUNT)
    print("over UDP %d of %d arrived, %d stated as lost" % (len(found), COUNT, lost))
