#!/usr/bin/env python3
"""What messages of IBM MQ become: text that the queue manager converts and text it cannot, headers in front of it, descriptors as fields, several queues,
messages that are too large, poison by the queue's backout threshold. The queue manager is the project's own fake (tests/support/fake_mqi.c).
"""

import json
import os
import struct

from mq import GONE, FakeMq
from rig import Rig, check, compare


def events(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.endswith("\n")]


def of_queue(mq, queue):
    found = [event for event in events(mq.out) if event.get("messaging.destination.name") == queue]
    return sorted(found, key=lambda event: event["event.sequence"])


def rfh2(message_format, order, *folders, encoding, ccsid):
    data = b"".join(struct.pack(order + "i", len(folder)) + folder for folder in folders)
    return b"RFH " + struct.pack(order + "4i", 2, 36 + len(data), encoding, ccsid) + message_format.ljust(8).encode() + struct.pack(order + "2i", 0, 1208) + data


def dlh(message_format, order, encoding, ccsid):
    return b"DLH " + struct.pack(order + "2i", 1, 2085) + b"PAY.IN".ljust(48) + b"QM9".ljust(48) + struct.pack(order + "2i", encoding, ccsid) + \
        message_format.ljust(8).encode() + struct.pack(order + "i", 2) + b"PAYJOB".ljust(28) + b"2026112308091011"


def check_text(rig, mq):
    """Converted by the queue manager (037), by us because it cannot (1047, 273, 1200) or may not; by `encoding` where the format says nothing."""
    german = "Grüße [1] ~ {x}"
    for name in ("TEXT", "LOCAL"):
        mq.queue(name)
        mq.put(name, b"in UTF-8 \xc3\xbc")
        mq.put(name, german.encode("cp037"), ccsid=37)
        mq.put(name, german.encode("cp1140").replace(b"\xba", b"\xad").replace(b"\xbb", b"\xbd"), ccsid=1047)
        mq.put(name, german.encode("cp273"), ccsid=273)
        mq.put(name, german.encode("utf-16-be"), ccsid=1200, encoding=273)
        mq.put(name, german.encode("utf-16-le"), ccsid=1200, encoding=546)
        mq.put(name, "no format".encode("cp037"), message_format="", ccsid=37, encoding=785)
        mq.put(name, b"what page is it", ccsid=4711)
        mq.put(name, b"")
    shipper = mq.lugger("text", mq.input("a", "TEXT", encoding="IBM-037"), mq.input("b", "LOCAL", encoding="IBM-037", convert=False))
    shipper.once()
    expected = ["in UTF-8 ü"] + [german] * 5 + ["no format"]
    for name in ("TEXT", "LOCAL"):
        found = of_queue(mq, name)
        got = [event.get("message", "") for event in found]
        check(got[:7] == expected and len(got) == 9 and got[8] == "", "%s: %r", name, got)
        check([number for number, event in enumerate(found) if event.get("lugger.undecodable")] == [7], "%s: not the one of an unknown page is marked: %r", name, found)
    first = of_queue(mq, "TEXT")[0]
    for field, value in {"messaging.system": "ibmmq", "mq.user": "IBMUSER", "mq.appl_name": "PAYJOB", "mq.reply_to_queue": "REPLY.Q", "mq.persistence": "1",
                         "mq.format": "MQSTR", "mq.ccsid": "1208", "mq.put_time": "08091011", "@timestamp": "2026-11-23T08:09:10.11"}.items():
        check(str(first.get(field, "")).startswith(value), "%s is %r in %r", field, first.get(field), first)
    check(first["messaging.message.id"] == "414d5120" + "%016x%016x%08x" % (7, 0, 1), "id %s", first["messaging.message.id"])
    calls = mq.calls("MQCONNX")
    check(all("channel=LUGGER.SVRCONN" in call and "connection=127.0.0.1(1414)" in call and call[1] == "QM1" for call in calls), "%r", calls)
    options = [int(word.split("=")[1], 16) for call in calls for word in call if word.startswith("options=")]
    check(len(options) == 2 and all(option & 0x2000800 == 0x2000800 for option in options), "no client binding, or automatic reconnection: %r", calls)
    check(not mq.calls("MQBACK") and mq.calls("MQCMIT"), "an orderly end backs nothing out")


def check_headers(rig, mq):
    for order, encoding in ((">", 273), ("<", 546)):
        queue = mq.queue("HEADERS%d" % encoding)
        mq.put(queue, dlh("MQHRF2", order, encoding, 1208) + rfh2("MQSTR", order, b"<mcd><Msd>jms_text</Msd></mcd>", b"<usr><Order>17 &amp; 18</Order></usr>",
                                                                  encoding=encoding, ccsid=1208) + b"the body", message_format="MQDEAD", encoding=encoding)
        mq.put(queue, b"DLH but no more", message_format="MQDEAD", encoding=encoding)
    mq.lugger("headers", mq.input("h", "HEADERS273", "HEADERS546")).once()
    for queue in ("HEADERS273", "HEADERS546"):
        whole, broken = of_queue(mq, queue)
        check(whole["message"] == "the body" and "lugger.undecodable" not in whole, "%r", whole)
        check((whole["mq.dlh.reason"], whole["mq.dlh.queue"], whole["mq.rfh2.usr.Order"], whole["mq.rfh2.mcd.Msd"], whole["mq.format"]) ==
              ("2085", "PAY.IN", "17 & 18", "jms_text", "MQSTR"), "%r", whole)
        check(broken["message"] == "DLH but no more" and broken["lugger.undecodable"] is True, "%r", broken)


def check_sizes(rig, mq):
    """The buffer grows to what a message needs; beyond max_message_size the beginning is kept and the rest is a loss record."""
    queue = mq.queue("LARGE")
    sizes = [10, 100000, 300000, 20, 500000, 30, 131072]
    mq.put(queue, *(b"%07d" % size + b"x" * (size - 7) for size in sizes))
    shipper = mq.lugger("large", mq.input("l", queue, max_message_size="300000", max_record_size="1MiB"))
    shipper.once()
    found = of_queue(mq, queue)
    check([len(event["message"]) for event in found] == [min(size, 300000) for size in sizes], "%r", [len(event["message"]) for event in found])
    check([bool(event.get("lugger.truncated")) for event in found] == [size > 300000 for size in sizes], "the wrong ones are marked")
    losses = [event for event in events(mq.out) if "lugger.loss.bytes" in event]
    check([event["lugger.loss.bytes"] for event in losses] == [200000], "%r", losses)
    check(mq.depth(queue) == 0, "something stayed in the queue")


def check_poison(rig, mq):
    """A message whose backout count has reached the threshold goes to the backout queue within the unit of work; without one, or where that takes nothing, it is
    shipped as it is, marked. The count comes from a process that was killed."""
    mq.queue("POISON", threshold=2, requeue="POISON.BACKOUT")
    mq.queue("POISON.BACKOUT")
    mq.queue("ALONE", threshold=2)
    mq.queue("WRONG", threshold=2, requeue="NO.SUCH.QUEUE")
    for queue in ("POISON", "ALONE", "WRONG"):
        mq.put(queue, *(b"%s %d" % (queue.encode(), number) for number in range(3)))
        with open(mq.path(queue + ".state"), "wb") as states:  # what the kills left: the second one was backed out twice
            states.write(struct.pack("=12i", *(0, 0, 1, 0), *(0, 0, 2, 0), *(0, 0, 0, 0)))
    shipper = mq.lugger("poison", mq.input("p", "POISON", "ALONE", "WRONG"))
    shipper.once()
    compare("shipped", ["POISON 0", "POISON 2"], [event["message"] for event in of_queue(mq, "POISON")])
    check(mq.bodies("POISON.BACKOUT") == [b"POISON 1"], "in the backout queue: %r", mq.bodies("POISON.BACKOUT"))
    for queue in ("ALONE", "WRONG"):
        found = of_queue(mq, queue)
        check([event["message"] for event in found] == ["%s %d" % (queue, number) for number in range(3)], "%r", found)
        check([bool(event.get("lugger.undecodable")) for event in found] == [False, True, False], "%r", found)
        check([event.get("mq.backout_count") for event in found] == ["1", "2", None], "%r", found)
        check([bool(event.get("lugger.redelivered")) for event in found] == [True, True, False], "%r", found)
    check(all(state == GONE for queue in ("POISON", "ALONE", "WRONG") for state, _ in mq.states(queue)), "something stayed in a queue")
    check("moved to POISON.BACKOUT" in shipper.log(), "the log does not say it")


def check_poison_once(rig, mq):
    """The move to the backout queue and the get are one unit of work: when its commit is lost, the message is in one of the two queues."""
    mq.queue("POISON", threshold=1, requeue="POISON.BACKOUT")
    mq.queue("POISON.BACKOUT")
    mq.put("POISON", b"bad", b"good")
    with open(mq.path("POISON.state"), "wb") as states:
        states.write(struct.pack("=4i", 0, 0, 1, 0))
    mq.script("MQCMIT 1 2009")
    shipper = mq.lugger("poison-once", mq.input("p", "POISON"))
    shipper.once()
    check("MQCMIT failed with 2009" in shipper.log(), "the commit was not lost")
    check(mq.bodies("POISON.BACKOUT") == [b"bad"], "in the backout queue: %r", mq.bodies("POISON.BACKOUT"))
    compare("shipped", ["good"], [event["message"] for event in of_queue(mq, "POISON")])
    check(mq.depth("POISON") == 0, "something stayed in the queue")


def check_same_ids(rig, mq):
    """Applications give an id twice: with hardened backout counts a message that was not backed out is new."""
    queue = mq.queue("TWICE")
    mq.put(queue, b"same", b"same", b"same", message_id=b"fixed".ljust(24))
    mq.lugger("twice", mq.input("t", queue)).once()
    check(len(of_queue(mq, queue)) == 3, "%r", of_queue(mq, queue))


with Rig() as rig:
    for step in (check_text, check_headers, check_sizes, check_poison, check_poison_once, check_same_ids):
        step(rig, FakeMq(rig, step.__name__))
    print("text in nine forms by two ways, headers in both byte orders, sizes, poison, equal ids")
