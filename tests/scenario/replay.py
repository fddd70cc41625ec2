#!/usr/bin/env python3
"""`lugger replay`: exactly the records that were asked for, by sequence and by time, arrive once more and marked, beside the live flow, whose cursor and
records stay as they are. A replay that is killed in the middle (SIGKILL, the receiver stalled) goes on after the restart and misses nothing. Status shows
how far it is. What cannot be replayed is refused with a reason.
"""

import os
import signal
import time

from rig import Rig, check

COUNT = 20000


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


with Rig() as rig:
    log = rig.write("app.log", "".join("line %d, %x\n" % (n, n * 2654435761 % 2**64) for n in range(1, COUNT + 1)))
    sink = rig.sink(receive_buffer=16384)
    shipper = rig.lugger("shipper", {
        "spool": {"keep": "24h"},
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % sink.port], "transport": "tcp", "resend_window": "64KiB"},
                    {"name": "archive", "type": "file", "path": rig.path("archive.json")}],
    })

    def replay(*words):
        return shipper.command("replay", "--output", *words)

    def refused(why, *words):
        code, out, errors = replay(*words)
        check(code == 1 and why in errors, "replay %s: exit %d\n%s%s", words, code, out, errors)

    def arrived():
        live, again = [], []
        for message in sink.messages():
            (again if b' replay="1"' in message.sd else live).append(message.seq)
        return live, again

    def until_done():
        rig.until("the replay is done", lambda: "replay" not in shipper.output_status("siem") and not os.listdir(replays))

    replays = os.path.join(shipper.data_dir, "spool", "replay")
    refused("the daemon has to run", "siem", "--from-seq", "1", "--to-seq", "2")
    began = time.time()
    shipper.start()
    shipper.until_delivered("siem", COUNT)
    rig.until("all are there", lambda: len(arrived()[0]) == COUNT)
    cursor = shipper.output_status("siem")["cursor"]

    refused("no output nobody", "nobody", "--from-seq", "1", "--to-seq", "2")
    refused("no record of that range", "siem", "--from", "2001-02-03", "--to", "2001-02-04")
    refused("no record of that range", "siem", "--from-seq", str(COUNT + 1), "--to-seq", str(COUNT + 9))
    refused("of type file", "archive", "--from-seq", "1", "--to-seq", "2")
    for words in (("siem",), ("siem", "--from", "yesterday", "--to", "2026-01-01"), ("siem", "--from-seq", "1"), ("siem", "--from-seq", "1", "--to", "2026-01-01")):
        check(replay(*words)[0] == 2, "a wrong call: %s", words)

    code, out, errors = replay("siem", "--from-seq", "1001", "--to-seq", "2000")
    check(code == 0 and "records 1001 to 2000" in out, "replay: exit %d\n%s%s", code, out, errors)
    until_done()
    rig.until("the thousand are there", lambda: len(arrived()[1]) >= 1000)
    live, again = arrived()
    check(again == list(range(1001, 2001)), "replayed: %d, %s ... %s", len(again), again[:3], again[-3:])
    check(live == list(range(1, COUNT + 1)), "the live records: %d", len(live))

    code, out, errors = replay("siem", "--from", stamp(began - 60), "--to", stamp(time.time() + 60), "--json")
    check(code == 0 and "records 1 to %d " % COUNT in out, "by time: exit %d\n%s%s", code, out, errors)
    until_done()
    rig.until("all are there again", lambda: len(arrived()[1]) >= 1000 + COUNT)
    check(arrived()[1][1000:] == list(range(1, COUNT + 1)), "replayed by time: %d", len(arrived()[1]))
    check(shipper.output_status("siem")["cursor"] >= cursor, "the live cursor went back")

    before = len(arrived()[1])
    sink.send(signal.SIGSTOP)
    check(replay("siem", "--from-seq", "1", "--to-seq", str(COUNT))[0] == 0, "replay to a stalled receiver")
    status = shipper.until_output("siem", "the replay shows", lambda out: "replay" in out)
    check(status["replay"]["first"] == 1 and status["replay"]["end"] == COUNT + 1 and status["replay"]["next"] < COUNT, "status: %s", status)
    refused("a replay to siem is at record", "siem", "--from-seq", "1", "--to-seq", "2")
    shipper.kill()
    check(os.listdir(replays) == ["siem"], "what the killed one left: %s", os.listdir(replays))
    sink.send(signal.SIGCONT)
    shipper.start()
    rig.until("it was noticed", lambda: "the replay goes on at record" in shipper.log())
    until_done()
    rig.until("everything came again", lambda: set(arrived()[1][before:]) == set(range(1, COUNT + 1)))
    with open(log, "a", encoding="utf-8") as more:
        more.write("one more\n")
    shipper.until_delivered("siem", COUNT + 1)
    rig.until("the live flow goes on", lambda: COUNT + 1 in arrived()[0])
    check(COUNT + 1 not in arrived()[1], "a live record is marked")
    check(shipper.stop() == 0, "the shipper did not end in order")
