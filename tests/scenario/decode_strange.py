#!/usr/bin/env python3
"""`lugger decode` on files as transfers leave them: every one is named for what it is, with exit code 0 when this version reads it and 1 with the
remedy when not; --explain shows the bytes; and a service with settings that do not fit such a file ships nothing of it and says what would.
"""

import json

from rig import LUGGER, Rig, check, need_program, run

need_program(LUGGER, "build it first")

LINES = [
    "M 4040000 SYSA     26052 14:32:33.17 STC00815 00000090  CEA0403I A USER REQUEST HAS BEEN DECLINED 886",
    "D                                         886 00000090  BECAUSE THE MAXIMUM [5] HAS BEEN REACHED.",
    "E                                         886 00000090  MAXSESSIONS MUST BE INCREASED.",
    "N 4040000 SYSB     26052 14:33:00.82          00000090 *$HASP050 JES2 RESOURCE SHORTAGE OF JQES - 100% REACHED",
    "NC0000000 SYSA     26052 14:33:20.03 MCON1    00000290  D A,L",
] * 40
WIDE = ["%s%s%s" % (line[:19], "20" if line[19:20].isdigit() else "  ", line[19:]) for line in LINES]


def word(size, *rest):
    return size.to_bytes(2, "big") + bytes(rest or (0, 0))


EBCDIC = [line.encode("cp037") for line in LINES]
RDW = b"".join(word(len(line) + 4) + line for line in EBCDIC)
HALF = sum(len(line) + 4 for line in EBCDIC[:100])

# name -> bytes, exit code, words that must be in the answer
FILES = {
    "text": ("\n".join(LINES).encode() + b"\n", 0, ["(UTF-8) in lines", "two-digit years, no ASA column", "framing: line"]),
    "crlf": ("\r\n".join(LINES).encode() + b"\r\n", 0, ["(UTF-8) in lines", "SYSA (80 records), SYSB (40 records)"]),
    "asa": (" " + "\n ".join(LINES) + "\n", 0, ["an ASA column in front"]),
    "century": ("\n".join(WIDE) + "\n", 0, ["four-digit years"]),
    "rdw": (RDW, 0, ["EBCDIC text (IBM-037) in records with RDW", "encoding: IBM-037", "framing: rdw", "120 records, 0 orphan lines",
                     "2026-02-21 14:32:33.17 to 2026-02-21 14:33:20.03"]),
    "nel": (b"\x15".join(line.replace(b"\xba", b"\xad").replace(b"\xbb", b"\xbd") for line in EBCDIC), 0, ["(IBM-1047) in lines"]),
    "torn": (RDW[:-5], 0, ["ends within a record"]),
    "orphans": (b"".join(word(len(line) + 4) + line for line in EBCDIC[1:]), 0, ["2 orphan lines"]),
    "broken": (RDW[:HALF] + b"\xc1\xc2\xc3\xc4" + RDW[HALF + 4 :], 1, ["offset %d, where c1 c2 c3 c4" % HALF, "damaged"]),
    "dropped": (b"".join(EBCDIC), 1, ["a transfer dropped the record descriptor words", "quote site rdw", "text mode"]),
    "fixed": (b"".join(line.ljust(133, b"\x40") for line in EBCDIC), 0, ["fixed-length records of 133 bytes", "framing: fixed\n    lrecl: 133\n"]),
    "spanned": (b"".join(word(24, 1, 0) + line[:20] + word(len(line) - 16, 2, 0) + line[20:] for line in EBCDIC), 0, ["some spanned", "framing: rdw\n"]),
    "broken-chain": (b"".join(word(24, 1, 0) + line[:20] + word(len(line) - 16, 2, 0) + line[20:] for line in EBCDIC) + word(24, 1, 0) + EBCDIC[0][:20] + RDW,
                     0, ["1 chain of segments without the first or the last one"]),
    "exclusive": (b"".join(word(len(line)) + line for line in EBCDIC), 0, ["big-endian length word that does not count itself", "framing: rdw-exclusive\n"]),
    "little": (b"".join(b"\0\0" + (len(line) + 4).to_bytes(2, "little") + line for line in EBCDIC), 0, ["little-endian", "framing: rdw-le\n"]),
    "little-exclusive": (b"".join(b"\0\0" + len(line).to_bytes(2, "little") + line for line in EBCDIC), 0, ["framing: rdw-le-exclusive\n"]),
    "zosmf": (b"".join(len(line).to_bytes(4, "big") + line for line in EBCDIC), 0, ["4-byte big-endian length", "framing: u32\n"]),
    "blocked": (b"".join(word(len(line) + 8) + word(len(line) + 4) + line for line in EBCDIC), 0, ["BDW", "framing: bdw\n"]),
    "utf16": ("\n".join(LINES).encode("utf-16"), 0, ["UTF-16 text in lines", "encoding: UTF-16\n"]),
    "utf16be": ("\r\n".join(LINES).encode("utf-16-be"), 0, ["UTF-16BE text in lines", "encoding: UTF-16BE\n"]),
    "random": (bytes((number * number * 7 + number // 3) % 256 for number in range(5000)), 1, ["neither text nor records"]),
    "empty": (b"", 1, ["empty"]),
}


def decode(*arguments, stdin=None):
    return run(LUGGER, "decode", *arguments, stdin=stdin)


with Rig() as rig:
    for name, (data, code, words) in FILES.items():
        status, out, errors = decode(rig.write(name, data))
        check(status == code, "%s: exit %d\n%s%s", name, status, out, errors)
        check(errors == "", "%s: %s", name, errors)
        for text in words:
            check(text in out, "%s: no \"%s\" in\n%s", name, text, out)
        check(("inputs:\n" in out) == (code == 0), "%s: a block is printed just where it can work:\n%s", name, out)

    # The records are the same however the file came.
    bodies = {}
    for name in ("text", "crlf", "asa", "century", "rdw", "nel", "fixed", "spanned", "exclusive", "little", "little-exclusive", "zosmf", "blocked", "utf16", "utf16be"):
        status, out, errors = decode("--json", "--timezone", "America/New_York", rig.path(name))
        check(status == 0 and errors == "", "%s --json: exit %d\n%s", name, status, errors)
        found = [json.loads(line) for line in out.splitlines()]
        bodies[name] = [(record["@timestamp"], record["zos.sysname"], record["message"]) for record in found]
        check(bodies[name] == bodies["text"], "%s: other records than in text", name)
    check(len(bodies["text"]) == 120, "text: %d records", len(bodies["text"]))
    check(bodies["text"][0] == ("2026-02-21T19:32:33.170Z", "SYSA", "CEA0403I A USER REQUEST HAS BEEN DECLINED\n"
          "BECAUSE THE MAXIMUM [5] HAS BEEN REACHED.\nMAXSESSIONS MUST BE INCREASED."), "%r", bodies["text"][0])

    # Standard input, where the path is left to fill.
    status, out, errors = decode("-", stdin=RDW)
    check(status == 0 and "IBM-037" in out and "path: /path/to/the/file" in out, "-: exit %d\n%s%s", status, out, errors)

    status, out, errors = decode("--explain", rig.path("rdw"))
    check(status == 0, "--explain: exit %d\n%s", status, errors)
    first = out.split("offset %d," % (len(EBCDIC[0]) + 4))[0]
    size = len(EBCDIC[0]) + 4
    for text in ("offset 0, %d bytes: RDW 00 %02x 00 00 (length %d)" % (size, size, size), 'columns  11-18  system               "SYSA    "',
                 'columns  20-24  date                 "26052" = yyddd', 'columns  38-45  job id or console    "STC00815"'):
        check(text in first, "--explain: no \"%s\" in\n%s", text, first)
    check(out.count("\n  => {") == 120 and out.count("\noffset ") == 199, "--explain does not show all lines and records")

    # What a person may get wrong.
    for arguments, code, text in (
        ([], 2, "which file?"),
        ([rig.path("rdw"), rig.path("text")], 2, "one file at a time"),
        (["--jsn", rig.path("rdw")], 2, "unknown option --jsn"),
        ([rig.path("rdw"), "--timezone"], 2, "--timezone needs a value"),
        ([rig.path("nothing")], 1, "No such file"),
        (["--encoding", "EBCDIC", rig.path("rdw")], 1, "expected UTF-8"),
        (["--parser=zos-syslog", "--timezone=Mars/Base", rig.path("rdw")], 1, "unknown time zone Mars/Base"),
        (["--framing", "bdw", rig.path("rdw")], 1, "encoding: IBM-037, framing: rdw"),
        (["--encoding", "cp037", "--framing", "line", "--newline", "swap", rig.path("rdw")], 1, "newline"),
        (["--framing", "vbs", rig.path("rdw")], 1, "framing"),
        (["--framing", "fixed", rig.path("rdw")], 1, "needs lrecl"),
        (["--framing", "line", rig.path("rdw")], 1, "encoding: IBM-037, framing: rdw"),
        (["--encoding", "UTF-8", "--framing", "rdw", rig.path("text")], 1, "encoding: UTF-8, framing: line"),
    ):
        status, out, errors = decode(*arguments)
        check(status == code and text in errors, "decode %s: exit %d\n%s%s", " ".join(arguments), status, out, errors)

    # The service: text settings on such files stop the input with the suggestion before a record is shipped.
    for name, text in (("rdw", "set encoding: IBM-037, framing: rdw"), ("nel", "set encoding: IBM-1047, framing: line")):
        rig.write("lugger.yaml", "version: 1\ndata_dir: %s\ninputs:\n  - {name: in, type: file, path: %s}\n"
                  "outputs:\n  - {name: out, type: file, path: %s}\n" % (rig.path("data-" + name), rig.path(name), rig.path("out.json")))
        status, out, errors = run(LUGGER, "run", "--once", "-c", rig.path("lugger.yaml"))
        check(text in errors, "%s: no suggestion in\n%s", name, errors)
        with open(rig.path("out.json"), "rb") as shipped:
            check(shipped.read() == b"", "%s: something was shipped", name)
