#!/usr/bin/env python3
"""Encryption at rest, as an operator meets it: `spool keygen` makes the key file; `check` refuses one that others may read; what was shipped and what waits is
nowhere in data_dir as text, and `spool cat` shows it with the key alone; a second key comes into use at SIGHUP without a restart; with a wrong
or missing key the service does not start, names segment and key, and changes no file.
"""

import glob
import hashlib
import os
import signal

from rig import LUGGER, Rig, check, compare, run
from texts import many_lines

with Rig() as rig:
    keys = rig.path("spool.keys")
    lines = many_lines(6000)
    log, out = rig.path("app.log"), rig.path("out.log")
    config = {
        "spool": {"encryption_key_file": keys},
        "inputs": [{"name": "app", "type": "file", "path": [log]}],
        "outputs": [{"name": "copy", "type": "file", "path": out, "format": "raw"}],
    }
    shipper = rig.lugger("shipper", config)

    def keygen(*arguments, mode=0o600):
        code, line, err = run(LUGGER, "spool", "keygen", *arguments)
        check(code == 0, "keygen: %s", err)
        with open(os.open(keys, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode), "a") as file:
            file.write(line)

    def write(first, last):
        with open(log, "a") as file:
            file.writelines(line + "\n" for line in lines[first:last])

    def arrived():
        try:
            with open(out) as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def files():
        """Content of every file of the spool, by name; the lock holds a process id."""
        content = {}
        for name in glob.glob(shipper.data_dir + "/spool/**", recursive=True):
            if os.path.isfile(name) and os.path.basename(name) != "lock":
                with open(name, "rb") as file:
                    content[name] = file.read()
        return content

    def key_ids():
        return {int.from_bytes(content[88:92], "big") for name, content in files().items() if name.endswith(".seg")}

    # A key file that others may read is refused where it is named.
    keygen()
    os.chmod(keys, 0o640)
    code, _, err = shipper.command("check")
    check(code == 1 and ":3:" in err and "its mode is 0640" in err and "chmod 600" in err, "check: %d, %s", code, err)
    os.chmod(keys, 0o600)
    code, _, err = shipper.command("check")
    check(code == 0, "check: %s", err)

    write(0, 2000)
    shipper.once()
    compare("the first lines", lines[:2000], arrived())
    plain = [name for name, content in files().items() if any(line.encode() in content for line in lines[:2000:100])]
    check(not plain, "text of records stands in %s", plain)

    # What is in it is seen with the key.
    code, text, err = shipper.command("spool", "cat")
    check(code == 0 and text.count("\n") == 2000, "spool cat: %d, %d lines, %s", code, text.count("\n"), err)
    code, text, err = run(LUGGER, "spool", "cat", "-d", shipper.data_dir)
    check(code == 1 and not text and "encrypted with key 1" in err, "spool cat without a key: %d, %s", code, err)
    code, text, err = shipper.command("spool", "verify")
    check(code == 0 and "2,000 records" in text and "encrypted" not in text, "verify: %d %s %s", code, text, err)
    code, text, err = run(LUGGER, "spool", "verify", "-d", shipper.data_dir)
    check(code == 0 and "segments are encrypted and could not be opened" in text, "verify without a key: %d %s %s", code, text, err)

    # Another key, under the running service.
    shipper.start()
    write(2000, 4000)
    rig.until("the lines under the old key arrive", lambda: len(arrived()) >= 4000)
    keygen("--key-file", keys)
    shipper.send(signal.SIGHUP)
    rig.until("the new key is known", lambda: "new segments are encrypted with key 2" in shipper.log())
    write(4000, 6000)
    rig.until("the lines under the new key arrive", lambda: len(arrived()) >= 6000)
    compare("all lines", lines, arrived())
    check(key_ids() == {1, 2}, "keys in the headers: %s", key_ids())
    check(shipper.stop() == 0, "the shipper did not end in order")
    code, text, err = shipper.command("spool", "cat")
    check(code == 0 and text.count("\n") == 6000, "spool cat: %d, %d lines, %s", code, text.count("\n"), err)

    # Wrong, then missing.
    with open(keys) as file:
        right = file.read()
    before = {name: hashlib.sha256(content).digest() for name, content in files().items()}
    code, other, err = run(LUGGER, "spool", "keygen", "--id", "2")
    for wrong, says in ((right.splitlines()[0] + "\n" + other, "encrypted with another key 2"), (right.splitlines()[0] + "\n", "encrypted with key 2, which is not in")):
        with open(keys, "w") as file:
            file.write(wrong)
        shipper.start()
        check(shipper.end() == 1, "it runs with a wrong key")
        check("segment " in shipper.log().splitlines()[-1] and says in shipper.log().splitlines()[-1], "log: %s", shipper.log()[-500:])
        check(before == {name: hashlib.sha256(content).digest() for name, content in files().items()}, "a wrong key changed the spool")
    with open(keys, "w") as file:
        file.write(right)
    shipper.once()
    compare("all lines, once", lines, arrived())

    # The command that writes to a spool by itself needs the keys as well.
    shipper.configure(rig, dict(config, outputs=[dict(config["outputs"][0], name="other")]))
    code, text, err = shipper.command("output", "forget", "copy")
    check(code == 0 and "forgot output copy" in text, "output forget: %d %s %s", code, text, err)
    code, text, err = shipper.command("spool", "cat")
    check(code == 0 and text.count("\n") == 6000, "spool cat: %d, %d lines, %s", code, text.count("\n"), err)
    for key in right.split()[1::2]:
        check(key not in shipper.log(), "a key stands in the log")
    print("%d lines, 2 keys" % len(lines))
