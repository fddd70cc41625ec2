#!/usr/bin/env python3
"""kill -9 of Lugger while messages move from an IBM MQ queue to the spool: every message is in the spool, none twice, in the queue's order, and the queue is
empty at the end. The queue manager is the project's own fake (tests/support/fake_mqi.c): it backs out what the killed one had not committed.

    ibmmq_kill9.py [--messages N] [--kills N] [--seed N]
"""

import argparse
import json
import os
import random
import time

from mq import FakeMq
from rig import Rig, check, compare

parser = argparse.ArgumentParser()
parser.add_argument("--messages", type=int, default=20000)
parser.add_argument("--kills", type=int, default=5)
parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
arguments = parser.parse_args()
rng = random.Random(arguments.seed)
print("%d messages, %d kills, seed %d" % (arguments.messages, arguments.kills, arguments.seed), flush=True)


def body(number):
    return ("message %d " % number).ljust(60 + number % 80, "x")


def shipped(path):
    """The bodies in the order of the spool; a repeat of an identity must be equal."""
    found = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if not line.endswith("\n"):
                continue  # cut off by a kill; it comes again
            event = json.loads(line)
            identity = (event["lugger.log_id"], event["event.sequence"])
            check(found.setdefault(identity, event["message"]) == event["message"], "identity %r carries two contents", identity)
    return [found[identity] for identity in sorted(found, key=lambda identity: identity[1])]  # each start has a log id of its own


with Rig() as rig:
    mq = FakeMq(rig)
    mq.queue("LOG.EVENTS", threshold=0)
    shipper = mq.lugger("shipper", mq.input("mq", "LOG.EVENTS", batch=100), spool={"segment_size": "1MiB", "keep": "0s"})
    share = arguments.messages // (arguments.kills + 1)
    sent = backed_out = 0
    for _ in range(arguments.kills):
        mq.put("LOG.EVENTS", *(body(number).encode() for number in range(sent, sent + share)))
        before, sent = mq.depth("LOG.EVENTS"), sent + share
        shipper.start()
        rig.until("some of it is committed", lambda: mq.depth("LOG.EVENTS") < before, step=0.001)
        deadline = time.monotonic() + rng.uniform(0, 0.2)
        while time.monotonic() < deadline:
            time.sleep(0.001)
        shipper.kill()
        backed_out += sum(state == 1 for state, _ in mq.states("LOG.EVENTS"))
    mq.put("LOG.EVENTS", *(body(number).encode() for number in range(sent, arguments.messages)))
    shipper.start()
    mq.until_empty("LOG.EVENTS", seconds=120)
    note = shipper.input_status("mq")["note"]
    shipper.until_output("o", "everything is delivered", lambda status: status["lag_records"] == 0)
    check(shipper.stop() == 0, "the shipper did not end in order")
    check(mq.depth("LOG.EVENTS") == 0, "messages came back to the queue at the stop")
    found = shipped(mq.out)
    compare("messages by identity", (body(number) for number in range(arguments.messages)), found)
    check(found == [body(number) for number in range(arguments.messages)], "the queue's order is not kept")
    print("%d messages, none lost, none twice in the spool, in order; %d were in a unit of work when it was killed; last: %s" % (len(found), backed_out, note))
