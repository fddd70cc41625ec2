#!/usr/bin/env python3
"""`lugger dlq` as a person uses it, where there is nothing to see: right exit codes with and without a daemon, no letter is no problem, a wrong call is
told, and nothing is dropped that was not confirmed.
"""

import json

from rig import LUGGER, Rig, check, need_program, run

need_program(LUGGER, "build it first")

with Rig() as rig:
    rig.write("in.log", "one\ntwo\n")
    shipper = rig.lugger("shipper", {
        "inputs": [{"name": "in", "type": "file", "path": [rig.path("in.log")]}],
        "outputs": [{"name": "out", "type": "file", "path": rig.path("out.log"), "format": "raw"}],
    })
    shipper.once()
    conf = ("-c", shipper.config_path)
    for verb in ("ls", "cat", "drop"):
        code, out, errors = run(LUGGER, "dlq", verb, *conf, "--json")
        check(code == 0 and out == "" and errors == "", "dlq %s of nothing: exit %d\n%s%s", verb, code, out, errors)
    code, out, _ = run(LUGGER, "dlq", "ls", *conf)
    check(code == 0 and out.startswith("REFUSED") and out.count("\n") == 1, "dlq ls prints a head alone: exit %d\n%s", code, out)
    for words in ((), ("burn",), ("ls", "--what")):
        code, _, errors = run(LUGGER, "dlq", *words)
        check(code == 2 and "lugger help dlq" in errors, "dlq %s: exit %d\n%s", words, code, errors)
    code, _, errors = run(LUGGER, "dlq", "drop", *conf, "--output", "../quarantine", "--yes")
    check(code == 1 and "no output's name" in errors, "a path for a name: exit %d\n%s", code, errors)
    code, status, _ = run(LUGGER, "status", *conf, "--json")
    check(json.loads(status)["outputs"][0]["dead"] == 0, "dead letters from nowhere:\n%s", status)
