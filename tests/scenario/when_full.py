#!/usr/bin/env python3
"""Each policy of a full spool with a receiver that is dead and then there: every line of the source is delivered, or covered by a loss record that says
how many and why; no line is both, none is neither. While records are lost `lugger status` says so and ends with 1. An archive beside the dead receiver
loses nothing with drop-oldest. SIGKILL in the middle of dropping: what the state slots say after it still covers everything.
"""

import json
import sys

from rig import Rig, by_identity, check, compare

RECORDS = 40000
LINES = ["%06d %s" % (number, "." * 100) for number in range(RECORDS)]


def shipper(rig, name, port, spool, **source):
    log = rig.write(name + ".log", "".join(line + "\n" for line in LINES))
    return rig.lugger(name, {
        "memory": "16MiB",  # so that the queue to the writer holds 2 MiB alone
        "spool": dict({"max_size": "4MiB", "segment_size": "1MiB", "compression": "none", "keep": "0s"}, **spool),
        "inputs": [dict({"name": "app", "type": "file", "path": [log]}, **source)],
        "outputs": [{"name": "siem", "type": "syslog", "servers": ["127.0.0.1:%d" % port], "transport": "tcp", "resend_window": 0},
                    {"name": "archive", "type": "file", "path": rig.path(name + ".json")}]})


def archived(rig, name):
    with open(rig.path(name + ".json"), encoding="utf-8") as lines:
        return list({record["event.id"]: record for record in map(json.loads, lines)}.values())


def is_loss(record):
    return record.get("event.kind") == "pipeline_error"


def losing(lugger):
    status = lugger.status()
    return status["spool"]["losing"] and status["needs_person"] and lugger.command("status")[0] == 1


def revive(rig, lugger, port):
    sink = rig.sink(lugger.name + ".sink", port=port)
    lugger.until_output("siem", "the receiver has caught up", lambda out: out["lag_records"] == 0 and out["records"] > 0)
    rig.until("all losses are records", lambda: lugger.status()["spool"]["open_losses"] == 0)
    for name in ("siem", "archive"):
        lugger.until_output(name, "%s has the loss records" % name, lambda out: out["lag_records"] == 0)
    check(lugger.stop() == 0, "%s did not end in order", lugger.name)
    rig.until("the receiver has read all", lambda: sink.events() and sink.events()[-1]["event"] == "eof")
    return by_identity(sink.messages(), lambda message: message.body)


def drop_oldest(rig, killed):
    """The output's losses are ranges of sequences: with what it got they are all sequences, each once."""
    port, name = rig.port(), "oldest.killed" if killed else "oldest"
    lugger = shipper(rig, name, port, {"when_full": "drop-oldest"}).start()
    if killed:
        lugger.until_output("siem", "records are dropped", lambda out: out["dropped"] > 0)
        lugger.kill()
        lugger.start()
    lugger.until_output("archive", "all is archived", lambda out: out["lag_records"] == 0 and lugger.status()["spool"]["next_seq"] > RECORDS)
    check(killed or losing(lugger), "status does not say that records are lost: %s", json.dumps(lugger.status()["spool"]))
    check("when full drop-oldest" in lugger.command("status")[1], "status names no policy: %s", lugger.command("status")[1])
    got = revive(rig, lugger, port)
    records = archived(rig, name)
    compare("archived", LINES, [record["message"] for record in records if not is_loss(record)])
    stated = []
    for loss in filter(is_loss, records):
        first, last = loss["lugger.loss.first"], loss["lugger.loss.last"]
        check(loss["lugger.loss.output"] == "siem" and loss["lugger.loss.count"] == last - first + 1, "not one range: %r", loss)
        check("drop-oldest" in loss["lugger.loss.reason"] and loss["lugger.loss.bytes"] > 100 * loss["lugger.loss.count"], "the loss: %r", loss)
        stated += range(first, last + 1)
    identities = {(log.decode(), seq) for log, seq in got}
    delivered = [record["event.sequence"] for record in records if (record["lugger.log_id"], record["event.sequence"]) in identities]
    sequences = [record["event.sequence"] for record in records]
    check(len(stated) > 1000, "only %d records are stated as lost", len(stated))
    if killed:  # a crash between the loss and its record may say it twice, never not at all
        check(set(stated) | set(delivered) == set(sequences) and not set(stated) & set(delivered), "neither delivered nor stated, or both: %r",
              sorted(set(sequences) ^ (set(stated) | set(delivered)))[:10])
    else:
        compare("delivered and stated", sequences, delivered + stated)


def drop_new(rig, killed):
    """An input's losses are counts: of the source's lines, so many are not in the spool."""
    port, name = rig.port(), "new.killed" if killed else "new"
    lugger = shipper(rig, name, port, {"when_full": "drop-new"}).start()
    rig.until("records are dropped", lambda: lugger.input_status("app")["dropped"] > 0)
    check(losing(lugger), "status does not say that records are lost: %s", json.dumps(lugger.status()["spool"]))
    if killed:
        lugger.kill()
        lugger.start()
    rig.until("the source is read to its end", lambda: lugger.input_status("app")["lag_bytes"] == 0 and lugger.input_status("app")["state"] == "waiting")
    revive(rig, lugger, port)
    records = archived(rig, name)
    kept = [record["message"] for record in records if not is_loss(record)]
    counted = sum(loss["lugger.loss.count"] for loss in filter(is_loss, records))
    check(all(loss["lugger.loss.input"] == "app" and "drop-new" in loss["lugger.loss.reason"] for loss in filter(is_loss, records)), "losses of others")
    check(len(kept) == len(set(kept)) and set(kept) <= set(LINES), "lines that are none, or twice")
    missing = RECORDS - len(kept)
    check(missing > 1000, "only %d lines are missing", missing)
    check(counted == missing or (killed and counted > missing), "%d lines are missing, %d are stated", missing, counted)
    # The source was passed: another start reads nothing again.
    lugger.start()
    rig.until("it runs again", lambda: lugger.input_status("app")["state"] == "waiting")
    check(lugger.input_status("app")["records"] == 0, "dropped lines were read again: %r", lugger.input_status("app"))
    check(lugger.stop() == 0, "%s did not end in order", lugger.name)


def shedding(rig):
    """Errors all arrive; of the others, as many are missing as the loss records say."""
    port, name = rig.port(), "shed"
    mixed = ["<%d>1 2026-03-01T10:00:00Z h app - - - %06d %s" % (8 + (3 if number % 4 == 0 else 6), number, "." * 80) for number in range(RECORDS)]
    log = rig.write("mixed.log", "".join(line + "\n" for line in mixed))
    lugger = shipper(rig, name, port, {"max_size": "16MiB", "discard_severity": "notice", "discard_mark": 10}, path=[log], parser="rfc-syslog").start()
    rig.until("the source is read to its end", lambda: lugger.input_status("app")["lag_bytes"] == 0 and lugger.input_status("app")["state"] == "waiting")
    rig.until("records are not admitted", lambda: lugger.input_status("app")["shed"] > 1000)
    check(lugger.status()["spool"]["not_admitted"] == "notice" and losing(lugger), "the status: %s", json.dumps(lugger.status()["spool"]))
    revive(rig, lugger, port)
    records = archived(rig, name)
    kept = [record for record in records if not is_loss(record)]
    errors = [record["message"] for record in kept if record["log.level"] == "error"]
    compare("errors", ["%06d %s" % (number, "." * 80) for number in range(0, RECORDS, 4)], errors)
    counted = sum(loss["lugger.loss.count"] for loss in filter(is_loss, records))
    check(counted == RECORDS - len({record["message"] for record in kept}) > 1000, "%d stated, %d kept", counted, len(kept))


CASES = {"drop-oldest": (drop_oldest, False), "drop-oldest-killed": (drop_oldest, True), "drop-new": (drop_new, False), "drop-new-killed": (drop_new, True),
         "discard": (shedding,)}

with Rig() as rig:
    for case in sys.argv[1:] or CASES:
        CASES[case][0](rig, *CASES[case][1:])
    print("every record is delivered or stated as lost")
