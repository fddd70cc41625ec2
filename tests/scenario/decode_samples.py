#!/usr/bin/env python3
"""`lugger decode` says what a strange file is and prints an `inputs:` block that `lugger check` accepts; with --json it prints the records. Tried on a
file written here and on real mainframe data (../shared/samples, skipped where absent).
"""

import json
import os
import re

import corpora
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
    return [json.loads(line) for line in out.split("\n") if line]


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

        # The text samples in every framing and several encodings: the records that the file itself gives.
        for name in ("syslog_tivlp46.txt", "syslog_vbt1.txt", "operlog_cropped.txt", "joblog_job02090.txt", "mvs38_hardcopy.txt"):
            with open(os.path.join(SAMPLES, name), encoding="utf-8", newline="") as sample:
                lines = [line.rstrip("\r").rstrip(" ") for line in sample.read().split("\n")]
            lines = lines[:-1] if not lines[-1] else lines
            parser = "zos-syslog" if "log_" in name and "job" not in name else "text"
            options = ("--parser", parser) + (("--timezone", "UTC") if parser == "zos-syslog" else ())
            view = lambda found: [(record.get("zos.message.id"), record.get("zos.sysname"), record.get("message")) for record in found]
            want = view(records(rig.write("lines", "".join(line + "\n" for line in lines)), *options))
            for number, framing in enumerate(corpora.FRAMINGS):
                encoding = ("IBM-037", "IBM-1047", "UTF-16LE", "IBM-1141")[number % 4]
                newline = "any" if framing == "line" else corpora.NEWLINES[number % 3]
                corpus = corpora.make(framing, encoding, newline, texts=lines)
                lrecl = ("--lrecl", str(corpus.lrecl)) if corpus.lrecl else ()
                found = records(rig.write("framed", corpus.data), "--framing", framing, "--encoding", encoding, "--newline", newline, *lrecl, *options)
                compare("%s in %s, %s" % (name, framing, encoding), want, view(found))

        # Real descriptor words: what a reader of a few lines makes of them.
        def read(name, skip=0):
            with open(os.path.join(SAMPLES, name), "rb") as sample:
                return sample.read()[skip:]

        def cut(data, length):
            """Records until the chain ends or breaks."""
            found = []
            while len(data) >= 4 and 0 < length(data) <= len(data) - 4:
                found.append(data[4 : 4 + length(data)])
                data = data[4 + length(data) :]
            return found, data

        def text(content):
            return content.decode("cp037").replace("\x85", "\n")

        want, rest = cut(read("rdw_little_endian.dat"), lambda data: int.from_bytes(data[2:4], "little"))
        found = records(rig.write("le", read("rdw_little_endian.dat")), "--framing", "rdw-le-exclusive", "--encoding", "cp037", "--parser", "text")
        check(rest == b"" and len(want) > 100, "rdw_little_endian: %d records, %d bytes left", len(want), len(rest))
        compare("rdw_little_endian", map(text, want), [record.get("message", "") for record in found])
        # That file begins with 100 bytes of something else and ends with more of it.
        want, rest = cut(read("rdw_big_endian_exclusive.dat", 100), lambda data: int.from_bytes(data[:2], "big"))
        framed = read("rdw_big_endian_exclusive.dat", 100)
        framed = framed[: len(framed) - len(rest)]
        found = records(rig.write("be", framed), "--framing", "rdw-exclusive", "--encoding", "cp037", "--parser", "text")
        compare("rdw_big_endian_exclusive", map(text, want), [record.get("message", "") for record in found])
        # SMF with spanned records, as bytes: each is one character of ISO-8859-1.
        parts, rest = [], read("smf115_rdw.dat")
        while rest:
            size, code = int.from_bytes(rest[:2], "big"), rest[2]
            if code in (0, 1):
                parts.append(b"")
            parts[-1] += rest[4:size]
            rest = rest[size:]
        found = records(os.path.join(SAMPLES, "smf115_rdw.dat"), "--framing", "rdw", "--encoding", "ISO-8859-1", "--newline", "lf", "--parser", "text")
        compare("smf115_rdw", [part.decode("latin-1") for part in parts], [record.get("message", "") for record in found])

        for name in sorted(os.listdir(SAMPLES)):
            if name != "README.md":
                status, out, errors = decode(os.path.join(SAMPLES, name))
                check(status in (0, 1) and (out or errors), "decode %s: exit %d", name, status)
                print("%s: %s" % (name, (out or errors).splitlines()[0]))
