#!/usr/bin/env python3
"""Stack traces and messages of several lines become one record each while their files grow in pieces that end anywhere, are rotated, and the shipper is
killed in the middle of messages: each message arrives whole, under exactly one identity, with the offset of its first line. A message that rotation cuts
in two is two records. A pattern that is no pattern is refused with its place in the configuration; `decode --multiline` shows what will be joined.
"""

import json
import os
import random
import sys

from rig import LUGGER, Rig, by_identity, check, compare, run

rng = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
KILLS, SLICE = 9, 200


def dated(number):
    """A message of the file with a start pattern: 1 to 40 lines."""
    lines = ["2026-11-23 04:44:%02d message %d" % (number % 60, number)]
    lines += ["  line %d of %d" % (i, number) if i % 3 else "" for i in range(rng.choice([0, 0, 1, 3, 40]))]
    return "\n".join(lines)


def trace(number):
    """One of the file of stack traces, or a plain line."""
    if number % 3 == 0:
        return "plain line %d" % number
    lines = ["request %d failed" % number, "com.example.ledger.Closed%dException: no ledger" % number]
    lines += ["\tat com.example.Frame%d.call(Frame.java:%d)" % (number, i) for i in range(rng.randrange(1, 12))]
    lines += ["Caused by: java.io.IOException: %d" % number, "\t... 23 more"]
    return "\n".join(lines)


with Rig() as rig:
    made = {"dated": [dated(i) for i in range(2000)], "trace": [trace(i) for i in range(2000)]}
    written = {name: 0 for name in made}
    ca, server = rig.ca(), rig.cert("server")
    sink = rig.sink(cert=server)

    def source(name, multiline):
        return {"name": name, "type": "file", "path": [rig.path(name + ".log*")], "rotate_wait": "50ms", "poll_interval": "50ms",
                "multiline": dict(multiline, timeout="1h")}

    shipper = rig.lugger("shipper", {
        "inputs": [source("dated", {"start": r"^\d{4}-\d\d-\d\d "}), source("trace", {"pattern": "java"})],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % sink.port], "tls": {"ca_file": ca.pem}}],
    })

    def arrived():
        return by_identity(sink.messages(), lambda message: message.body)

    expected, rotated = [], []
    shipper.start()
    for turn in range(KILLS):
        for name, messages in made.items():
            part, messages[:] = messages[:SLICE], messages[SLICE:]
            data = "".join(message + "\n" for message in part).encode()
            if turn % 3 == 2:  # cut in two by rotation: at a line's end, behind a message's first line
                whole = "9999-01-01 both halves %d\n" % turn if name == "dated" else "halves %d\n" % turn
                data += whole.encode()
                part.append(whole[:-1])
            # The last message of a live file is open; what is in front of it must come.
            complete = len(part) - 1
            with open(rig.path(name + ".log"), "ab") as out:
                while data:
                    size = rng.randrange(1, 3000)
                    out.write(data[:size])
                    out.flush()
                    data = data[size:]
            if turn % 3 == 2:
                rotated.append(rig.path("%s.log.%d" % (name, turn)))
                os.rename(rig.path(name + ".log"), rotated[-1])
                rest = "\tthe other half %d" % turn
                with open(rig.path(name + ".log"), "ab") as out:
                    out.write((rest + "\n" + ("9999-02-02 next\n" if name == "dated" else "next\n")).encode())
                part += [rest, "9999-02-02 next" if name == "dated" else "next"]
            expected += part
            written[name] += complete
        # Killed where it is: anywhere in the flow, a message of each file being open.
        want = len(arrived()) + rng.randrange(1, 200)
        rig.until("some have arrived", lambda: len(arrived()) >= want or len(arrived()) >= sum(written.values()))
        shipper.kill()
        shipper.start()
    # The last messages are closed by another one.
    for name in made:
        with open(rig.path(name + ".log"), "ab") as out:
            out.write(b"9999-03-03 last\n" if name == "dated" else b"last\n")
    # That of a rotated file is closed by its end, which is there once the file is gone.
    rig.until("all but the rotated files' last have arrived", lambda: len(arrived()) >= len(expected) - len(rotated))
    for path in rotated:
        os.unlink(path)
    rig.until("everything written has arrived", lambda: len(arrived()) >= len(expected))
    check(shipper.stop() == 0, "the shipper did not end in order")
    compare("messages by identity", [text.encode() for text in expected], arrived().values())
    print("%d messages, %d kills" % (len(expected), KILLS))

    # decode joins the same, and each record has the offset of its first line.
    text = "a\nb\n\tat x\n10 c\n"
    path = rig.write("small.log", text.encode())
    status, out, errors = run(LUGGER, "decode", path, "--json", "--multiline", r"{start: '^[a\d]'}")
    check(status == 0, "decode --multiline: exit %d\n%s", status, errors)
    compare("decode --multiline", [("a\nb\n\tat x", 0), ("10 c", 10)],
            [(record["message"], record["log.offset"]) for record in map(json.loads, out.splitlines())])

    # What is no pattern is refused, with its place.
    config = rig.write("wrong.yaml", ("version: 1\ndata_dir: %s\ninputs:\n  - name: a\n    type: file\n    path: x\n    multiline:\n      start: '^ab['\n"
                                      "outputs:\n  - {name: o, type: file, path: out}\n" % rig.path("wrong.data")).encode())
    status, out, errors = run(LUGGER, "check", "-c", config)
    check(status != 0 and ":8:19: error: `multiline.start`: the pattern is not valid at offset 4" in out + errors,
          "check of a wrong pattern: exit %d\n%s%s", status, out, errors)
