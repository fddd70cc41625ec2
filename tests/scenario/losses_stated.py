#!/usr/bin/env python3
"""What an output can never get is a durable loss record in the stream and a number in its status, exactly as many records as are missing: those dropped
while it was detached (`on_lag: detach`; kill -9 behind it), and those in segments that somebody deleted under a stopped Lugger, which `spool verify`
finds, too.
"""

import glob
import json
import os

from rig import Rig, check, compare

RECORDS = 60000
LINES = ["%06d %s" % (number, "." * 100) for number in range(RECORDS)]


def shipper(rig, name, spool, **slow):
    log = rig.write(name + ".log", "".join(line + "\n" for line in LINES))
    lugger = rig.lugger(name, {
        "spool": {"segment_size": "1MiB", "compression": "none", **spool},
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "slow", "type": "syslog", "servers": ["127.0.0.1:%d" % rig.port()], "transport": "tcp", "resend_window": 0, **slow},
                    {"name": "archive", "type": "file", "path": rig.path(name + ".json")}]})
    return lugger


def archived(rig, name):
    with open(rig.path(name + ".json"), encoding="utf-8") as lines:
        return list({record["event.id"]: record for record in map(json.loads, lines)}.values())


def compare_losses(rig, lugger, sink):
    """The receiver is there now: what it gets and what is stated as lost are together everything, once."""
    with open(lugger.config_path) as old:
        text = old.read()
    start = text.index('"127.0.0.1:') + len('"127.0.0.1:')
    with open(lugger.config_path, "w") as new:
        new.write(text[:start] + str(sink.port) + text[text.index('"', start):])
    lugger.start()
    lugger.until_output("slow", "the slow output has caught up", lambda out: out["lag_records"] == 0 and out["lost"] > 0 and out["records"] > 0)
    lost = lugger.output_status("slow")["lost"]
    check(lugger.stop() == 0, "%s did not end in order", lugger.name)
    records = archived(rig, lugger.name)
    compare("archived", LINES, [record["message"] for record in records if record.get("event.kind") != "pipeline_error"])
    stated = [number for record in records if record.get("event.kind") == "pipeline_error" and record["lugger.loss.output"] == "slow"
              for number in range(record["lugger.loss.first"], record["lugger.loss.last"] + 1)]
    check(len(stated) >= lost > 0, "%d in status, %d stated", lost, len(stated))
    rig.until("the receiver has read all", lambda: sink.events() and sink.events()[-1]["event"] == "eof")
    got = [message.seq for message in sink.messages() if not message.body.startswith(b"lugger: ")]
    sequences = [record["event.sequence"] for record in records if record.get("event.kind") != "pipeline_error"]
    compare("delivered and stated as lost", sequences, got + [number for number in stated if number in set(sequences)])


def dropped_while_detached(rig):
    lugger = shipper(rig, "detached", {"max_size": "4MiB", "keep": "0s"}, max_lag="1s", on_lag="detach")
    lugger.start()
    lugger.until_output("archive", "all is archived", lambda out: out["lag_records"] == 0 and lugger.status()["spool"]["next_seq"] > RECORDS)
    check(lugger.command("spool", "verify")[0] == 0, "what a detached output gave up is no damage")
    lugger.kill()
    compare_losses(rig, lugger, rig.sink("sink1"))


def deleted_under_a_stopped_lugger(rig):
    lugger = shipper(rig, "deleted", {})
    lugger.start()
    lugger.until_output("archive", "all is archived", lambda out: out["lag_records"] == 0 and lugger.status()["spool"]["next_seq"] > RECORDS)
    check(lugger.stop() == 0, "the shipper did not end in order")
    check(lugger.command("spool", "verify")[0] == 0, "a sound spool does not verify")
    segments = sorted(glob.glob(os.path.join(lugger.data_dir, "spool", "*-*")) or glob.glob(os.path.join(lugger.data_dir, "spool", "*.seg")))
    check(len(segments) > 6, "segments: %r", os.listdir(os.path.join(lugger.data_dir, "spool")))
    for number in (0, 1, 4):  # the oldest, and one in the middle
        os.unlink(segments[number])
    code, out, _ = lugger.command("spool", "verify")
    check(code == 1 and out.count("missing") == 3, "verify ended with %d and said: %s", code, out)
    compare_losses(rig, lugger, rig.sink("sink2"))


with Rig() as rig:
    dropped_while_detached(rig)
    deleted_under_a_stopped_lugger(rig)
    print("every loss is stated")
