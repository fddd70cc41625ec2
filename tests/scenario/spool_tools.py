#!/usr/bin/env python3
"""`lugger spool export` and `repair`: everything comes out once and in order, by sequence and by time; around a damaged frame the rest does, and the gap is
said; repair shows its plan, changes nothing before --yes, keeps the damaged file as it was, leaves a spool whose
every checksum is right and in which the lost records alone are missing, and does nothing twice. It
refuses while the daemon runs.
"""

import glob
import json
import os

from rig import LUGGER, Rig, check, need_program, run

need_program(LUGGER, "build it first")
COUNT = 4000


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


with Rig() as rig:
    rig.write("in.log", "".join("line %d of many, and each is a little different: %x\n" % (n, n * 2654435761 % 2**64) for n in range(1, COUNT + 1)))
    shipper = rig.lugger("shipper", {
        "spool": {"keep": "24h", "compression": "none"},
        "inputs": [{"name": "in", "type": "file", "path": [rig.path("in.log")]}],
        "outputs": [{"name": "out", "type": "file", "path": rig.path("out.log"), "format": "raw"}],
    })
    shipper.once()
    conf = ("-c", shipper.config_path)

    def export(name, *words):
        code, out, errors = run(LUGGER, "spool", "export", *conf, "--json", "-o", rig.path(name), *words)
        return code, json.loads(out) if out else None, errors

    code, result, errors = export("all.json")
    check(code == 0 and result == {"records": COUNT, "gaps": 0, "missing": 0}, "export: exit %d %s\n%s", code, result, errors)
    records = lines(rig.path("all.json"))
    check([r["event.sequence"] for r in records] == list(range(1, COUNT + 1)), "the export's sequences")
    check(records[41]["message"].startswith("line 42 of many"), "the 42nd record: %s", records[41])
    code, _, errors = export("all.json")
    check(code == 1 and "there already" in errors, "an existing file is not overwritten: exit %d\n%s", code, errors)
    code, result, _ = export("some.json", "--from", "100", "--to", "149")
    check(code == 0 and [r["event.sequence"] for r in lines(rig.path("some.json"))] == list(range(100, 150)), "by sequence: %d %s", code, result)
    code, result, _ = export("past.json", "--to", "2001-02-03")
    check(code == 0 and result["records"] == 0, "by time, before it all: %d %s", code, result)
    code, result, _ = export("since.json", "--from", records[0]["event.created"][:19] + "Z")
    check(code == 0 and result["records"] == COUNT, "by time, all of it: %d %s", code, result)
    code, out, errors = run(LUGGER, "spool", "export", *conf, "-o", "-", "--to", "3")
    check(code == 0 and out.count("\n") == 3, "to standard output: %d\n%s", code, out)
    for words in ((), ("-o", rig.path("x"), "--from", "yesterday"), ("-o", rig.path("x"), "--from", "2026-02-30")):
        check(run(LUGGER, "spool", "export", *conf, *words)[0] == 2, "a wrong call: %s", words)

    code, out, errors = run(LUGGER, "spool", "repair", *conf)
    check(code == 0 and "nothing to repair" in out, "repair of a good spool: exit %d\n%s%s", code, out, errors)

    segment = sorted(glob.glob(os.path.join(shipper.data_dir, "spool", "*.seg")))[0]
    with open(segment, "r+b") as file:
        data = file.read()
        at = data.index(b"line 2000 of many")
        file.seek(at)
        file.write(b"L")
    damaged = data[:at] + b"L" + data[at + 1:]
    check(run(LUGGER, "spool", "verify", *conf)[0] == 1, "verify sees the damage")
    code, result, _ = export("gap.json")
    gaps = [r["lugger.gap"] for r in lines(rig.path("gap.json")) if "lugger.gap" in r]
    check(code == 1 and len(gaps) == 1 and gaps[0]["first"] <= 2000 <= gaps[0]["last"], "export around damage: exit %d %s %s", code, result, gaps)
    check(result["records"] + result["missing"] == COUNT, "what is there and what is missing: %s", result)

    code, out, _ = run(LUGGER, "spool", "repair", *conf, "--json")
    plan = [json.loads(line) for line in out.splitlines()]
    check(code == 1 and plan[-1]["planned"] >= 1 and plan[-1]["files"] == 0 and plan[0]["repairable"], "the plan: exit %d\n%s", code, out)
    with open(segment, "rb") as file:
        check(file.read() == damaged, "a plan changes nothing")
    shipper.start()
    rig.until("it runs", lambda: run(LUGGER, "status", *conf, "--json")[1].startswith('{"running":true'))
    code, _, errors = run(LUGGER, "spool", "repair", *conf, "--yes")
    check(code == 1 and "process %d" % shipper.pid in errors, "beside the daemon: exit %d\n%s", code, errors)
    shipper.stop()

    with open(segment, "rb") as file:
        damaged = file.read()  # the start sealed it
    code, out, errors = run(LUGGER, "spool", "repair", *conf, "--yes", "--json")
    result = json.loads(out.splitlines()[-1])
    check(code == 1 and result["done"] == result["planned"] >= 1 and result["left"] == 0, "repair: exit %d\n%s%s", code, out, errors)
    with open(os.path.join(result["backup"], os.path.basename(segment)), "rb") as file:
        check(file.read() == damaged, "the copy is what was there")
    code, out, _ = run(LUGGER, "spool", "verify", *conf, "--json")
    verified = json.loads(out.splitlines()[-1])
    check(verified["bad_frames"] == 0 and verified["bad_segments"] == 0, "verify after repair:\n%s", out)
    check(code == 1 and verified["missing"] == gaps[0]["last"] - gaps[0]["first"] + 1, "what is missing stays missing: exit %d\n%s", code, out)
    check(run(LUGGER, "spool", "repair", *conf, "--yes")[0] == 0, "repair again: nothing to do")
    code, result, _ = export("after.json")
    check(code == 1 and [r["lugger.gap"]["first"] for r in lines(rig.path("after.json")) if "lugger.gap" in r] == [gaps[0]["first"]],
          "the same gap, after repair: exit %d %s", code, result)
