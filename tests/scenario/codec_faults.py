#!/usr/bin/env python3
"""What is wrong with the bytes of a file is kept, marked and counted where a person sees it: characters that the encoding does not have become U+FFFD, a
spanned record without its last segment comes out alone and truncated, and `lugger status` says how many of both, for people and machines.
"""

import json

from rig import Rig, check, compare


def word(size, segment=0):
    return (size + 4).to_bytes(2, "big") + bytes((segment, 0))


RECORDS = [
    word(3) + b"\xc1\xc2\xc3",
    word(6) + b"\xc1\x0e\xfe\xfe\x0f\xc2",  # an unassigned pair of IBM-939
    word(4) + b"\xc1\x0e\x42\xc1",          # no SI at the end: that is no fault
    word(3, 1) + b"\xc4\xc5\xc6",           # a first segment, and no last one
    word(2) + b"\xc7\xc8",
]

with Rig() as rig:
    path = rig.write("log", b"".join(RECORDS))
    one = rig.lugger("one", {
        "inputs": [{"name": "in", "type": "file", "path": [path], "encoding": "IBM-939", "framing": "rdw"}],
        "outputs": [{"name": "out", "type": "file", "path": rig.path("out.json"), "format": "json"}],
    })
    one.start()
    one.until_output("out", "all is delivered", lambda out: out["records"] == 5 and out["lag_records"] == 0)
    with open(rig.path("out.json"), encoding="utf-8") as out:
        found = [json.loads(line) for line in out]
    compare("records", [("ABC", None), ("A\ufffdB", None), ("A\uff21", None), ("DEF", True), ("GH", None)],
            [(record["message"], record.get("lugger.truncated")) for record in found])
    source = one.input_status("in")
    check((source["substitutions"], source["broken"], source["torn"]) == (1, 1, 0), "status --json: %r", source)
    text = one.command("status")[1]
    for words in ("1 character is not in the encoding", "1 chain of segments is broken"):
        check(words in " ".join(text.split()), "no \"%s\" in\n%s", words, text)
    one.stop()
