#!/usr/bin/env python3
"""Bytes that a source took away before they were a record are told as bytes: the loss record says how many, status says `at least` and blames no policy
of a full spool. A broker's port that no port can be is refused by check, and `version --json` is JSON.
"""

import json
import os

from rig import Rig, check, run

with Rig() as rig:
    log = rig.write("app.log", "first\nsecond\nunended")
    out = rig.path("out.json")
    config = {"inputs": [{"name": "app", "type": "file", "path": [log], "watch": "poll", "poll_interval": "10ms"}],
              "outputs": [{"name": "archive", "type": "file", "path": out}]}
    lugger = rig.lugger("lugger", config).start()

    def records():
        with open(out) as lines:
            return [json.loads(line) for line in lines if line.endswith("\n")]

    rig.until("both lines are there", lambda: os.path.exists(out) and len(records()) == 2)
    os.truncate(log, 0)
    rig.until("the loss is a record", lambda: len(records()) == 3)
    loss = records()[2]
    check(loss["event.kind"] == "pipeline_error" and loss["lugger.loss.count"] == 0 and loss["lugger.loss.bytes"] == 7, "the loss: %r", loss)
    check(loss["message"].startswith("lugger: 7 bytes lost, input app: file was truncated"), "the loss says: %s", loss["message"])
    rig.until("status tells it", lambda: lugger.input_status("app")["lost"] == 1)
    code, page, _ = lugger.command("status")
    check(code == 1 and "input app lost at least 1 records since the start" in page, "status: %s", page)
    check("records were lost within the last minute: loss records say" in page and "when_full" not in page, "status blames a policy: %s", page)
    check(lugger.stop() == 0, "it did not end in order")

    for port, fits in ((0, False), (65535, True), (65536, False), (99999, False), (100000000000, False)):
        config["outputs"] = [{"name": "k", "type": "kafka", "brokers": ["127.0.0.1:%d" % port], "topic": "t", "tls": {"off": True}}]
        lugger.configure(rig, config)
        code, _, err = lugger.command("check")
        if "not in this build" in err:
            break
        check(code == (0 if fits else 1) and fits == ("1 to 65535" not in err), "port %d: check ended with %d: %s", port, code, err)

    code, text, _ = run(lugger.program, "version", "--json")
    check(code == 0 and list(json.loads(text)) == ["version"], "version --json: %s", text)
