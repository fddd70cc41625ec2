#!/usr/bin/env python3
"""A receiving Lugger is stopped (SIGTERM). What its kernel had received already is stored before it ends: senders of plain syslog will not send it again.
And with its spool full it takes no sender's orderly close for an end: a shipper that closes in that moment keeps its records and sends them again.
"""

import fcntl
import json
import signal
import socket
import struct
import termios

from rig import Rig, check, compare

RECORDS = 30000


def unacknowledged(sender):
    return struct.unpack("i", fcntl.ioctl(sender, termios.TIOCOUTQ, b"\0" * 4))[0]


def records_of(path):
    with open(path, encoding="utf-8") as lines:
        return [record["message"] for record in map(json.loads, lines) if "lugger.loss.reason" not in record]


def listener(rig, name, port, output, spool):
    return rig.lugger(name, {"spool": spool, "inputs": [{"name": "in", "type": "listen", "address": "127.0.0.1:%d" % port, "transport": "tcp"}],
                             "outputs": [output]})


def what_was_received_is_stored(rig):
    port, stored = rig.port(), rig.path("received.json")
    receiver = listener(rig, "receiver", port, {"name": "archive", "type": "file", "path": stored}, {})
    receiver.start()
    rig.until_listens(port, receiver)
    senders = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    rig.until("all are accepted", lambda: receiver.input_status("in")["sources"] == len(senders))
    receiver.send(signal.SIGSTOP)
    lines = []
    for number, sender in enumerate(senders):
        mine = ["sender %02d line %04d %s" % (number, line, "." * 60) for line in range(300)]
        sender.sendall("".join(line + "\n" for line in mine).encode())
        rig.until("its kernel has it", lambda: unacknowledged(sender) == 0)
        lines += mine
    receiver.send(signal.SIGTERM)
    receiver.send(signal.SIGCONT)
    check(receiver.end() == 0, "the receiver did not end in order")
    for sender in senders:
        sender.close()
    receiver.configure(rig, {"inputs": [{"name": "none", "type": "file", "path": [rig.path("none")]}],
                             "outputs": [{"name": "archive", "type": "file", "path": stored}]})
    receiver.once()
    compare("lines", lines, records_of(stored))


def a_full_receiver_confirms_nothing(rig):
    port, stored = rig.port(), rig.path("archive.json")
    full = listener(rig, "full", port, {"name": "archive", "type": "syslog", "servers": ["127.0.0.1:%d" % rig.port()], "transport": "tcp"},
                    {"max_size": "4MiB", "segment_size": "1MiB", "compression": "none"})
    text = ["line %06d %s" % (number, "." * 100) for number in range(RECORDS * 4)]
    source = rig.write("source.log", "".join(line + "\n" for line in text))
    shipper = rig.lugger("shipper", {
        "inputs": [{"name": "app", "type": "file", "path": [source]}],
        "outputs": [{"name": "relay", "type": "syslog", "servers": ["127.0.0.1:%d" % port], "transport": "tcp"}]})
    full.start()
    rig.until_listens(port, full)
    shipper.start()
    rig.until("the receiver is full", lambda: full.status()["spool"]["full"] and full.input_status("in")["state"] == "full")
    taken = full.input_status("in")["records"]
    shipper.send(signal.SIGTERM)  # closes in order, as soon as all that it has formatted is written
    check(full.stop() == 0, "the full receiver did not end in order")
    check(shipper.end() == 0, "the shipper did not end in order")
    check(taken > 1000, "the receiver took only %d records", taken)
    full.configure(rig, {"inputs": [{"name": "in", "type": "listen", "address": "127.0.0.1:%d" % port, "transport": "tcp"}],
                         "outputs": [{"name": "archive", "type": "file", "path": stored}]})
    full.start()
    rig.until_listens(port, full)
    shipper.once()
    full.until_output("archive", "all is archived", lambda out: out["lag_records"] == 0)
    check(full.stop() == 0, "the receiver did not end in order")
    compare("records", set(text), set(records_of(stored)) & set(text))


with Rig() as rig:
    what_was_received_is_stored(rig)
    a_full_receiver_confirms_nothing(rig)
    print("received bytes are stored at a stop; a full receiver confirms nothing")
