#!/usr/bin/env python3
"""`lugger spool verify`, `export` and `repair` on each kind of damage, with the daemon down and up: a sealed segment's header, the newest one's, a footer, a frame, the
state file damaged and missing, a segment deleted. verify names it (exit 1), export brings out all that is there and says the rest, the plan of repair changes
nothing, --yes does what it planned and keeps every file as it was, verify is content behind it, and the daemon goes on: nothing is read a second time
from the source, and no record is missing but those of a damaged frame or segment.
"""

import glob
import json
import os
import shutil

from rig import LUGGER, Rig, check, need_program, run

need_program(LUGGER, "build it first")
PART = 400
PARTS = 4


def poke(path, at, data):
    with open(path, "r+b") as file:
        file.seek(at if at >= 0 else os.path.getsize(path) + at)
        file.write(data)


with Rig() as rig:
    log = rig.write("in.log", "")
    shipper = rig.lugger("shipper", {
        "spool": {"keep": "24h", "compression": "none"},
        "inputs": [{"name": "in", "type": "file", "path": [log]}],
        "outputs": [{"name": "out", "type": "file", "path": rig.path("out.log"), "format": "raw"}],
    })
    conf = ("-c", shipper.config_path)
    for part in range(PARTS):  # a segment each, the last one not sealed
        with open(log, "a") as out:
            out.write("".join("line %d\n" % n for n in range(part * PART + 1, (part + 1) * PART + 1)))
        shipper.once()
    spool = os.path.join(shipper.data_dir, "spool")
    names = [os.path.basename(path) for path in sorted(glob.glob(spool + "/*.seg"))]
    check(len(names) == PARTS, "segments: %s", names)
    whole = rig.path("whole")
    shutil.copytree(shipper.data_dir, whole, ignore=shutil.ignore_patterns("*.sock"))
    everything = set(range(1, PARTS * PART + 1))

    def part_of(number):
        return set(range((number - 1) * PART + 1, number * PART + 1))

    def json_lines(*words):
        code, out, errors = run(LUGGER, "spool", *words, *conf, "--json")
        return code, [json.loads(line) for line in out.splitlines()], errors

    def export():
        path = rig.path("export.json")
        if os.path.exists(path):
            os.unlink(path)
        code, results, errors = json_lines("export", "-o", path)
        check(results, "export: exit %d %s", code, errors)
        with open(path, encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        found = [int(record["message"].split()[1]) for record in records if "lugger.gap" not in record]
        check(len(found) == len(set(found)), "export repeats records")
        gaps = set()
        for record in records:
            if "lugger.gap" in record:
                gaps |= set(range(record["lugger.gap"]["first"], record["lugger.gap"]["last"] + 1))
        return code, set(found), gaps

    def header(number):
        poke(os.path.join(spool, names[number - 1]), 8, b"\x99" * 64)

    def frame(number):
        path = os.path.join(spool, names[number - 1])
        with open(path, "rb") as file:
            at = file.read().index(b"line %d" % ((number - 1) * PART + 7))
        poke(path, at, b"L")

    def state_bad():
        for slot in (0, 32768):
            poke(os.path.join(spool, "state"), slot + 20, b"\x55" * 40)

    def state_missing():
        os.unlink(os.path.join(spool, "state"))

    # name, damage, what verify says, records lost, can repair put it right, is the source read again
    CASES = [
        ("a sealed segment's header", lambda: header(2), "segment 2: at 0: the header does not verify", set(), True),
        ("the newest segment's header", lambda: header(PARTS), "segment %d: at 0: the header does not verify" % PARTS, set(), True),
        ("all headers", lambda: [header(n) for n in range(1, PARTS + 1)], "segment 3: at 0: the header does not verify", set(), True),
        ("a footer", lambda: poke(os.path.join(spool, names[1]), -40, b"\x99" * 16), "the footer does not verify", set(), True),
        ("a frame", lambda: frame(2), "segment 2: at ", part_of(2), True),
        ("the state", state_bad, "state: no slot of it verifies", set(), True),
        ("no state", state_missing, "state: no slot of it verifies", set(), True),
        ("a header and the state", lambda: (header(3), state_missing()), "segment 3: at 0: the header does not verify", set(), True),
        ("a segment deleted", lambda: os.unlink(os.path.join(spool, names[1])), "records %d to %d are missing" % (PART + 1, 2 * PART), part_of(2), False),
    ]
    for name, damage, finding, lost, repairable in CASES:
        shutil.rmtree(shipper.data_dir)
        shutil.copytree(whole, shipper.data_dir)
        damage()
        before = {path: open(path, "rb").read() for path in glob.glob(spool + "/*") if os.path.isfile(path) and not path.endswith("lock")}
        code, lines, errors = json_lines("verify")
        said = [line.get("finding", "") for line in lines]
        check(code == 1 and any(finding in line for line in said) or (name == "a footer" and any(finding in line for line in said)),
              "%s: verify: exit %d %s %s", name, code, lines, errors)
        code, found, gaps = export()
        check(found == everything - lost and (gaps == lost or not lost) and code == (1 if lost else 0), "%s: export: exit %d, %d records, %d in gaps",
              name, code, len(found), len(gaps))
        code, lines, errors = json_lines("repair")
        plan = lines[-1]
        check(plan["planned"] >= 1 if repairable else plan["planned"] == 0, "%s: the plan: %s", name, lines)
        check(code == (1 if plan["planned"] + plan["left"] else 0) and plan["files"] == 0, "%s: the plan: exit %d %s", name, code, lines)
        for path, data in before.items():
            check(open(path, "rb").read() == data, "%s: the plan changed %s", name, path)
        code, lines, errors = json_lines("repair", "--yes")
        done = lines[-1]
        check(done["done"] == done["planned"] == plan["planned"] and done["left"] == 0, "%s: repair: %s %s", name, lines, errors)
        for path in glob.glob(spool + "/*"):
            now = open(path, "rb").read() if path in before else None
            if now is not None and now != before[path]:
                with open(os.path.join(done["backup"], os.path.basename(path)), "rb") as copy:
                    check(copy.read() == before[path], "%s: the copy of %s is not what was there", name, path)
        code, lines, errors = json_lines("verify")
        check(lines[-1]["bad_frames"] == lines[-1]["bad_segments"] == 0 and not lines[-1]["bad_state"], "%s: verify after repair: %s", name, lines)
        check(code == (1 if lost else 0), "%s: verify after repair: exit %d %s", name, code, lines)
        check(json_lines("repair", "--yes")[1][-1]["planned"] == 0, "%s: a second repair finds something", name)
        open(rig.path("out.log"), "w").close()
        shipper.once()
        code, found, gaps = export()
        check(found == everything - lost, "%s: after the next start: %d records", name, len(found))
        code, lines, errors = json_lines("ls")
        check(lines[-1]["next_seq"] == PARTS * PART + 1, "%s: the source was read again: %s", name, lines[-1])

    # Beside the daemon: it reads and writes, the tools look.
    shutil.rmtree(shipper.data_dir)
    shutil.copytree(whole, shipper.data_dir)
    shipper.start()
    rig.until("it runs", lambda: json.loads(run(LUGGER, "status", *conf, "--json")[1] or "{}").get("running"))
    header(1)
    frame(2)
    code, lines, errors = json_lines("verify")
    said = "\n".join(line.get("finding", "") for line in lines)
    check(code == 1 and "segment 1: at 0: the header" in said and "segment 2: at " in said and lines[-1]["bad_segments"] == lines[-1]["bad_frames"] == 1,
          "verify beside the daemon: exit %d %s", code, lines)
    code, found, gaps = export()
    check(code == 1 and found == everything - part_of(2) and gaps == part_of(2), "export beside the daemon: exit %d, %d records", code, len(found))
    code, out, errors = run(LUGGER, "spool", "repair", *conf)
    check(code == 1 and "process %d" % shipper.pid in errors and "stop it first" in errors, "repair beside the daemon: exit %d %s", code, errors)
    check(shipper.stop() == 0, "the daemon's end")
    check(run(LUGGER, "spool", "repair", *conf, "--now")[0] == 2, "a wrong call of repair")
    check(run(LUGGER, "spool", "verify", *conf, "--deep")[0] == 2, "a wrong call of verify")
