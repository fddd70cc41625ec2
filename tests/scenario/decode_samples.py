#!/usr/bin/env python3
"""`lugger decode` says what a strange file is and prints an `inputs:` block that `lugger check` accepts; with --json it prints the records. Tried on a
file written here and on real mainframe data (../shared/samples, skipped where absent).
"""

import json
import os
import re

from rig import LUGGER, SOURCE, Rig, check, compare, need_program, run
from zos import TIMEZONE, write_syslog

need_program(LUGGER, "build it first")
SAMPLES = os.path.join(SOURCE, "../shared/samples")


def decode(path, *options):
    status, out, errors = run(LUGGER, "decode", path, *options)
    return status, out, errors


def records(path, *options):
    status, out, errors = decode(path, "--json", *options)
    check(status == 0, "decode --json %s: exit %d\n%s", path, status, errors)
    return [json.loads(line) for line in out.splitlines()]


with Rig() as rig:
    # A file whose truth we know: records, and the block it prints really ships it.
    source = write_syslog(rig, "SYSLOG", records=3000)
    status, out, errors = decode(source.path)
    check(status == 0, "decode: exit %d\n%s%s", status, out, errors)
    check("IBM-037" in out and "rdw" in out and "zos-syslog" in out, "decode does not know IBM-037, rdw, zos-syslog:\n%s", out)
    check(all(name in out for name in ("SYSA", "SYSB", "SYSC", "SYSD")), "decode does not name the systems:\n%s", out)
    found = records(source.path, "--timezone", TIMEZONE)
    compare("decode --json", [(system, body) for _, system, _, _, body in source.expected],
            [(record["zos.sysname"], record["message"]) for record in found])
    block = re.search(r"^inputs:\n(?:[ #].*\n)+", out, re.MULTILINE)
    check(block, "no inputs: block in\n%s", out)
    text = re.sub(r"timezone:.*", "timezone: " + TIMEZONE, block.group())
    rig.write("lugger.yaml", "version: 1\ndata_dir: %s\n%soutputs:\n  - {name: out, type: file, path: %s}\n" % (
        rig.path("data"), text, rig.path("out.json")))
    status, out, errors = run(LUGGER, "check", "-c", rig.path("lugger.yaml"))
    check(status == 0, "check of the pasted block: exit %d\n%s%s\n%s", status, out, errors, text)
    status, out, errors = run(LUGGER, "run", "--once", "-c", rig.path("lugger.yaml"))
    check(status == 0, "run --once with the pasted block: exit %d\n%s", status, errors)
    with open(rig.path("out.json"), encoding="utf-8") as lines:
        shipped = [json.loads(line) for line in lines]
    compare("run with the pasted block", [(system, body) for _, system, _, _, body in source.expected],
            [(record["zos.sysname"], record["message"]) for record in shipped])

    # The same file after a transfer dropped the RDWs: it says so, and how to do better.
    with open(source.path, "rb") as whole:
        data = whole.read()
    stripped, at = b"", 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        stripped += data[at + 4 : at + length]
        at += length
    status, out, errors = decode(rig.write("NORDW", stripped))
    check("RDW" in out + errors and re.search(r"rdw|FTP|binary", out + errors), "no word about lost RDWs:\n%s%s", out, errors)

    if not os.path.isdir(SAMPLES):
        print("SKIP: the samples: ../shared/samples is not there")
    else:
        found = records(os.path.join(SAMPLES, "syslog_tivlp46.txt"), "--parser", "zos-syslog", "--timezone", "UTC")
        compare("syslog_tivlp46", [
            ("TIVLP46", "CEA0403I", "CEA0403I A USER REQUEST TO CREATE A TSO ADDRESS SPACE HAS BEEN DECLINED\n"
             "BECAUSE THE MAXIMUM NUMBER OF SESSIONS HAS BEEN REACHED ON THIS SYSTEM.\nCEAPRMXX STATEMENT MAXSESSIONS MUST BE INCREASED TO ALLOW THIS REQUEST."),
            ("TIVLP46", "$HASP050", "$HASP050 JES2 RESOURCE SHORTAGE OF JQES - 100% UTILIZATION REACHED"),
            ("TIVLP46", "$HASP050", "$HASP050 JES2 RESOURCE SHORTAGE OF JOES - 99% UTILIZATION REACHED"),
        ], [(record["zos.sysname"], record["zos.message.id"], record["message"]) for record in found])
        found = records(os.path.join(SAMPLES, "syslog_vbt1.txt"), "--parser", "zos-syslog", "--timezone", "UTC")
        bodies = [record["message"] for record in found]
        check("HZS0344I THE LOGGER REQUEST HAS COMPLETED.\nLOG STREAM HZS.HEALTH.CHECKER.HISTORY IS CONNECTED" in bodies, "syslog_vbt1: %r", bodies)
        check("IXG283I STAGING DATASET IXGLOGR.HZS.HEALTH.CHECKER.HISTORY.VBTPLEX\nALLOCATED NEW FOR LOGSTREAM HZS.HEALTH.CHECKER.HISTORY\n"
              "CISIZE=4KB, SIZE=250MB,320KB" in bodies, "syslog_vbt1: %r", bodies)
        for name in sorted(os.listdir(SAMPLES)):
            if name != "README.md":
                status, out, errors = decode(os.path.join(SAMPLES, name))
                check(status in (0, 1) and (out or errors), "decode %s: exit %d", name, status)
                print("%s: %s" % (name, (out or errors).splitlines()[0]))
