#!/usr/bin/env python3
"""Several queues over several connections, a list of brokers whose first is not there, and a broker that stops answering (SIGSTOP): heartbeats find it out,
status says so, and when it answers again everything goes on. Every message once, each queue in its order.
"""

import json
import signal

import peers  # noqa: F401  (sets the path)
import amqp
from rig import Rig, check

QUEUES = ["a", "b", "c"]

with Rig() as rig:
    broker = amqp.Artemis(rig).start()
    out = rig.path("out.json")
    dead = "amqp://127.0.0.1:%d" % rig.port()
    shipper = rig.lugger("shipper", {
        "inputs": [broker.input("mq", *QUEUES, servers=[dead, broker.plain], connections=2, heartbeat="1s")],
        "outputs": [{"name": "o", "type": "file", "path": out, "format": "json"}]})
    for queue in QUEUES:
        broker.put(queue, 500)
    shipper.start()
    rig.until("all queues are read", lambda: shipper.input_status("mq")["records"] == 1500)
    check(shipper.input_status("mq")["sources"] == 3, "not every queue is open: %r", shipper.input_status("mq"))
    check("trying " + broker.plain in shipper.log() and shipper.log().count("connected to") == 2, "not two connections to the second broker:\n%s", shipper.log())
    broker.child.send_signal(signal.SIGSTOP)
    rig.until("the silence is a fault", lambda: shipper.input_status("mq")["state"] == "fault", seconds=30)
    broker.child.send_signal(signal.SIGCONT)
    for queue in QUEUES:
        broker.put(queue, 500, first=500)
    rig.until("all queues are read again", lambda: shipper.input_status("mq")["records"] == 3000, seconds=90)
    shipper.until_delivered("o", 3000)
    check(shipper.stop() == 0 and all(broker.depth(queue) == 0 for queue in QUEUES), "the end was not in order")
    with open(out, encoding="utf-8") as lines:
        events = list({event["event.id"]: event for event in map(json.loads, lines)}.values())
    for queue in QUEUES:
        got = [event["message"] for event in events if event["messaging.destination.name"] == broker.source(queue)]
        check(got == [amqp.body(number) for number in range(1000)], "queue %s: %d messages, or not in order", queue, len(got))
    print("3 queues over 2 connections, the first broker away, the second one silent for a while: 3000 messages, each once, in order")
