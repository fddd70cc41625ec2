#!/usr/bin/env python3
"""kill -9 of Lugger and of a real AMQP 1.0 broker while messages move from a queue to the spool: every message is in the spool, none under two
identities, and the queue is empty at the end.

    amqp_kill9.py [--broker rabbitmq|artemis] [--tls] [--messages N] [--kills N] [--broker-kills N] [--seed N]

The messages have ids and are durable; the sender waits for the broker's word. What the output repeats has the same identity (log id, sequence).
"""

import argparse
import json
import os
import random
import time

import peers  # noqa: F401  (sets the path)
import amqp
from rig import Rig, check, compare, need_release

parser = argparse.ArgumentParser()
parser.add_argument("--broker", choices=("rabbitmq", "artemis"), default="rabbitmq")
parser.add_argument("--tls", action="store_true")
parser.add_argument("--messages", type=int, default=50000)
parser.add_argument("--kills", type=int, default=5)
parser.add_argument("--broker-kills", type=int, default=1)
parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
arguments = parser.parse_args()
print("%s, %d messages, %d kills of Lugger, %d of the broker, seed %d" % (
    arguments.broker, arguments.messages, arguments.kills, arguments.broker_kills, arguments.seed), flush=True)
rng = random.Random(arguments.seed)
SIZE = 120


def shipped(path):
    """{(log id, sequence): body}: a repeat of an identity must be equal."""
    found = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            identity = (event["lugger.log_id"], event["event.sequence"])
            check(found.setdefault(identity, event["message"]) == event["message"], "identity %r carries two contents", identity)
    return found


with Rig() as rig:
    broker = {"rabbitmq": amqp.RabbitMq, "artemis": amqp.Artemis}[arguments.broker](rig).start()
    out = rig.path("out.json")
    source = broker.input("mq", "orders")
    if arguments.tls:
        source.update(servers=[broker.tls], tls={"ca_file": rig.ca().pem})
    shipper = rig.lugger("shipper", {"spool": {"segment_size": "1MiB", "keep": "0s"}, "inputs": [source],
                                     "outputs": [{"name": "o", "type": "file", "path": out, "format": "json"}]}, program=need_release())
    victims = ["lugger"] * arguments.kills + ["broker"] * arguments.broker_kills
    rng.shuffle(victims)
    share = arguments.messages // (len(victims) + 1)
    sent = under_way = 0
    for victim in victims:
        written = os.path.getsize(out) if os.path.exists(out) else 0
        broker.put("orders", share, first=sent, size=SIZE)
        sent += share
        if not shipper.running():
            shipper.start()
        rig.until("some of it arrived", lambda: os.path.exists(out) and os.path.getsize(out) > written, step=0.001)
        deadline = time.monotonic() + rng.uniform(0, 0.3)
        while time.monotonic() < deadline:
            time.sleep(0.001)
        if victim == "lugger":
            shipper.kill()
            under_way += broker.depth("orders") > 0
        else:
            broker.kill()
            broker.start()
    broker.put("orders", arguments.messages - sent, first=sent, size=SIZE)
    if not shipper.running():
        shipper.start()
    rig.until("the queue is empty", lambda: broker.depth("orders") == 0, seconds=180, step=0.3)
    note = shipper.input_status("mq")["note"]
    shipper.until_output("o", "everything is delivered", lambda status: status["lag_records"] == 0)
    check(shipper.stop() == 0, "the shipper did not end in order")
    check(broker.depth("orders") == 0, "messages came back to the queue at the stop")
    found = shipped(out)
    compare("messages by identity", (amqp.body(number, SIZE) for number in range(arguments.messages)), found.values())
    check(shipper.log().count("connected to") > arguments.kills, "it was hardly connected")
    print("%d messages, none lost, none twice in the spool; %d of %d kills left messages in the queue; last: %s" % (
        len(found), under_way, arguments.kills, note))
