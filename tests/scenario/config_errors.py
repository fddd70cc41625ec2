#!/usr/bin/env python3
"""`lugger check` on invalid and hostile configurations: exit 1, one line FILE:LINE:COLUMN: error: ... for every error at once, the nearest known key
named; `lugger run` starts nothing with them. A correct file: exit 0, and --resolve prints the effective configuration without secrets.
"""

import json
import os
import re
import time

from rig import LUGGER, Rig, check, need_program, run

need_program(LUGGER, "build it first")

HEAD = "version: 1\ndata_dir: %(dir)s/data\n"
INPUT = "inputs:\n  - {name: app, type: file, path: [%(dir)s/app.log]}\n"
OUTPUT = "outputs:\n  - {name: siem, type: syslog, servers: [127.0.0.1:6514]}\n"

# name, text, the errors as (line, pattern). Line 0: anywhere.
CASES = [
    ("not YAML", HEAD + "inputs: [\n", [(0, r"")]),
    ("binary", "\x00\x01\x02\x1b\x7f" * 100, [(0, r"")]),
    ("empty", "", [(0, r"")]),
    ("a list", "- 1\n- 2\n", [(1, r"mapping")]),
    ("data_dir too long for its socket", "version: 1\ndata_dir: /" + "x" * 100 + "\n" + INPUT + OUTPUT, [(2, r"control socket.*at most 94 characters")]),
    ("duplicate key", HEAD + INPUT + OUTPUT + "memory: 64MiB\nmemory: 65MiB\n", [(8, r"memory")]),
    ("unknown top-level key", HEAD + INPUT + OUTPUT + "memmory: 64MiB\n", [(7, r"memmory.*memory")]),
    ("unknown option", HEAD + "inputs:\n  - {name: app, type: file, path: [/x], framming: rdw}\n" + OUTPUT, [(4, r"framming.*framing")]),
    ("wrong type", HEAD + "inputs:\n  - {name: app, type: file, path: {a: b}}\n" + OUTPUT, [(4, r"path")]),
    ("bad size", HEAD + "memory: a lot\n" + INPUT + OUTPUT, [(3, r"memory")]),
    ("out of range", HEAD + "spool: {segment_size: 1KiB}\n" + INPUT + OUTPUT, [(3, r"segment_size")]),
    ("bad duration", HEAD + "inputs:\n  - {name: app, type: file, path: [/x], expect_every: soon}\n" + OUTPUT, [(4, r"expect_every")]),
    ("bad choice", HEAD + "inputs:\n  - {name: app, type: file, path: [/x], framing: rwd}\n" + OUTPUT, [(4, r"rwd.*rdw")]),
    ("unknown plugin", HEAD + "inputs:\n  - {name: app, type: fiel, path: [/x]}\n" + OUTPUT, [(4, r"fiel.*file")]),
    ("plugin of a later version", HEAD + "inputs:\n  - {name: q, type: zosmf}\n" + OUTPUT, [(4, r"not in this version")]),
    ("two inputs of one name", HEAD + INPUT + "  - {name: app, type: file, path: [/y]}\n" + OUTPUT, [(5, r"app")]),
    ("two outputs of one name", HEAD + INPUT + OUTPUT + "  - {name: siem, type: syslog, servers: [127.0.0.1:6515]}\n", [(7, r"siem")]),
    ("unknown time zone", HEAD + "inputs:\n  - {name: app, type: file, path: [/x], parser: zos-syslog, timezone: America/New_Yorck}\n" + OUTPUT, [(4, r"New_Yorck")]),
    ("unknown encoding", HEAD + "inputs:\n  - {name: app, type: file, path: [/x], encoding: EBCDIC-99}\n" + OUTPUT, [(4, r"EBCDIC-99")]),
    ("unreadable certificate", HEAD + INPUT + "outputs:\n  - {name: siem, type: syslog, servers: [127.0.0.1:6514], tls: {ca_file: /nonexistent/ca.pem}}\n",
     [(6, r"/nonexistent/ca\.pem")]),
    ("bad where", HEAD + INPUT + "outputs:\n  - {name: siem, type: syslog, servers: [127.0.0.1:6514], where: 'severity at_least'}\n", [(6, r"where|severity")]),
    ("an output of an unknown input", HEAD + INPUT + "outputs:\n  - {name: siem, type: syslog, servers: [127.0.0.1:6514], inputs: [ap]}\n", [(6, r"ap.*app")]),
    ("a server without a port", HEAD + INPUT + "outputs:\n  - {name: siem, type: syslog, servers: [siem.example.com]}\n", [(6, r"port")]),
    ("memory below the floor", HEAD + "memory: 1MiB\n" + INPUT + OUTPUT, [(3, r"memory")]),
    ("a required option is missing", HEAD + "inputs:\n  - {name: app, type: file}\n" + OUTPUT, [(4, r"path")]),
    ("all errors at once", HEAD + "memmory: 1GiB\n" + "inputs:\n  - {name: app, type: file, path: [/x], framming: rdw}\n" + "outputs:\n  - {name: siem, type: sislog}\n",
     [(3, r"memmory"), (5, r"framming"), (7, r"sislog")]),
]

# Hostile: must end at once, in little memory, with an error.
BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join("%s: &%s [%s]\n" % (key, key, ",".join(["*" + before] * 10)) for before, key in zip("abcdefghi", "bcdefghij"))
HOSTILE = [
    ("alias bomb", HEAD + BOMB),
    ("alias of itself", HEAD + "a: &a [*a]\n"),
    ("deep nesting", HEAD + "a: " + "[" * 100000 + "]" * 100000 + "\n"),
    ("deep mapping", HEAD + "a: " + "{a: " * 50000 + "\n"),
    ("a very long scalar", HEAD + "memory: " + "9" * 5000000 + "\n"),
]

with Rig() as rig:
    path = rig.path("lugger.yaml")
    rig.write("app.log", "")

    def checked(name, text):
        with open(path, "w", encoding="utf-8") as out:
            out.write(text % {"dir": rig.directory} if "%(dir)s" in text else text)
        begin = time.monotonic()
        status, out, errors = run(LUGGER, "check", "-c", path)
        check(time.monotonic() - begin < 20, "%s: check took %.1f s", name, time.monotonic() - begin)
        return status, out + errors

    failures = []
    for name, text, wanted in CASES:
        status, output = checked(name, text)
        found = re.findall(r"^%s(?::(\d+):(\d+))?: error: (.*)$" % re.escape(path), output, re.MULTILINE)
        if status != 1:
            failures.append("%s: exit %d, not 1\n%s" % (name, status, output[:500]))
        for line, pattern in wanted:
            if not any((line == 0 or place == str(line)) and re.search(pattern, sentence) for place, _, sentence in found):
                failures.append("%s: no error at line %d like %r in:\n%s" % (name, line, pattern, output[:800]))
        if len(found) > len(wanted) + 1:
            failures.append("%s: %d errors for %d mistakes:\n%s" % (name, len(found), len(wanted), output[:1500]))
    for name, text in HOSTILE:
        status, output = checked(name, text)
        if status != 1 or "error" not in output:
            failures.append("%s: exit %d\n%s" % (name, status, output[:500]))
    check(not failures, "%s", "\n\n".join(failures))

    # What is printed ends in a journal: the line is shown, the secrets in it are not, misspelt keys included.
    for secret in ('password: hunter2, nonsense: 1', '"password": "hunter2", nonsense: 1', "passwrod: 'hunter2'", "password: [hunter2]", "sasl: {pass-word: hunter2 }"):
        _, output = checked("secret", HEAD + INPUT + "outputs:\n  - {name: siem, type: kafka, brokers: [127.0.0.1:9092], topic: t, %s}\n" % secret)
        check("error" in output and "siem, type: kafka" in output and "hunter2" not in output, "a secret is shown:\n%s", output)

    # Nothing is started: no data directory, exit 1, the same words.
    status, output = checked("run", HEAD + INPUT + OUTPUT + "memmory: 64MiB\n")
    code, _, errors = run(LUGGER, "run", "-c", path)
    check(code == 1 and "memmory" in errors, "run with a bad file: exit %d\n%s", code, errors)
    check(not os.path.exists(rig.path("data")), "run with a bad file made its data directory")

    status, output = checked("good", HEAD + INPUT + OUTPUT)
    check(status == 0, "a good file: exit %d\n%s", status, output)
    code, resolved, errors = run(LUGGER, "check", "-c", path, "--resolve")
    check(code == 0 and "segment_size" in resolved and "rfc5424" in resolved, "--resolve: exit %d\n%s%s", code, resolved, errors)
    checked("json", HEAD + INPUT + OUTPUT + "memmory: 64MiB\n")
    code, output, errors = run(LUGGER, "check", "-c", path, "--json")
    problems = [json.loads(line) for line in output.splitlines()]
    check(code == 1 and errors == "" and len(problems) == 1, "--json: exit %d\n%s%s", code, output, errors)
    check(sorted(problems[0]) == ["column", "file", "line", "severity", "text"] and (problems[0]["line"], problems[0]["column"]) == (7, 1) and
          problems[0]["file"] == path and problems[0]["severity"] == "error" and "memmory" in problems[0]["text"], "--json: %s", output)
    check(run(LUGGER, "check", "--resolve", "--json")[0] == 2, "--resolve with --json is no usage error?")
    check(run(LUGGER, "check", "-c", rig.path("absent.yaml"))[0] == 1, "a missing file is no problem?")
    check(run(LUGGER, "no-such-command")[0] == 2, "an unknown command is no usage error?")
