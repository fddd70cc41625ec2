#!/usr/bin/env python3
"""util-linux logger sends into `listen` over TCP: octet-counted and LF-framed, RFC 5424 and RFC 3164, structured data included. One listener
takes them all: the framing is found out per connection.
"""

import json
import shutil

import peers  # noqa: F401  (sets the path)
from rig import Rig, check, compare, run, skip
from texts import many_lines

if not shutil.which("logger"):
    skip("logger (bsdutils) is not installed")

with Rig() as rig:
    port = rig.port()
    receiver = rig.lugger("receiver", {
        "inputs": [{"name": "syslog", "type": "listen", "address": "127.0.0.1:%d" % port, "transport": "tcp"}],
        "outputs": [{"name": "archive", "type": "file", "path": rig.path("received.json")}],
    })
    receiver.start()
    rig.until_listens(port, receiver)
    # logger splits messages at 1 KiB unless told otherwise, and takes one message per line of standard input.
    lines = many_lines(300, longest=900)
    variants = {
        "counted5424": ["--octet-count", "--rfc5424", "--msgid", "ID47", "--sd-id", "site@32473", "--sd-param", 'desk="7"'],
        "counted3164": ["--octet-count", "--rfc3164"],
        "lf5424": ["--rfc5424"],
        "lf3164": ["--rfc3164"],
    }
    for tag, options in variants.items():
        status, _, errors = run("logger", "--tcp", "--server", "127.0.0.1", "--port", str(port), "--tag", tag, "--priority", "local3.err",
                                *options, stdin="".join(line + "\n" for line in lines).encode())
        check(status == 0, "logger %s failed: %s", tag, errors)
    total = len(lines) * len(variants)
    rig.until("all were taken", lambda: receiver.input_status("syslog")["records"] >= total)
    check(receiver.stop() == 0, "the receiver did not end in order")
    with open(rig.path("received.json"), encoding="utf-8") as text:
        records = [json.loads(line) for line in text]
    for tag in variants:
        mine = [record for record in records if record.get("log.syslog.appname") == tag]
        compare(tag, lines, [record["message"] for record in mine])
        for record in mine:
            check(record["log.syslog.priority"] == 19 * 8 + 3 and record["log.level"].startswith("err"), "%s: severity: %r", tag, record)
            check(record["log.syslog.facility.code"] == 19 and record["log.syslog.severity.code"] == 3, "%s: priority: %r", tag, record)
            check(record["source.ip"] == "127.0.0.1", "%s: source.ip: %r", tag, record)
        if tag == "counted5424":
            check(all(record["log.syslog.msgid"] == "ID47" for record in mine), "MSGID is lost")
            check(all('[site@32473 desk="7"]' in json.dumps(record["log.syslog.structured_data"]).replace('\\"', '"') for record in mine),
                  "structured data is lost: %r", mine[0])
    check(len(records) == total, "%d records of %d messages", len(records), total)
