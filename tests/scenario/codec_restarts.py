#!/usr/bin/env python3
"""The file input restarts exactly in every framing: files of every framing in several encodings and newline policies grow by slices cut anywhere (within
descriptor words, characters and shift sequences too) while the shipper is killed and started again; under all identities together every file's
records come out once, in their order, as the generator has them.

    codec_restarts.py [--rounds N] [--records N] [--seed N]
"""

import argparse
import itertools
import json
import random
import time

import corpora
from rig import Rig, check

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=8)
parser.add_argument("--records", type=int, default=250)
parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
arguments = parser.parse_args()
rng = random.Random(arguments.seed)
ENCODINGS = ("IBM-1047", "IBM-1148", "IBM-939", "UTF-8", "UTF-16LE")

with Rig() as rig:
    sources, inputs = {}, []
    for number, (framing, encoding) in enumerate(itertools.product(corpora.FRAMINGS, ENCODINGS)):
        newline = [choice for choice in corpora.policies(encoding) if corpora.possible(framing, encoding, choice)][number % 3]
        corpus = corpora.make(framing, encoding, newline, records=arguments.records, seed=arguments.seed)
        name = "%s-%s" % (framing, encoding.lower())
        sources[name] = corpus
        inputs.append({"name": name, "type": "file", "path": rig.path(name), "framing": framing, "encoding": encoding, "newline": newline,
                       # small enough that some records come in parts, which a restart may cut in two
                       "max_record_size": 256, **({"lrecl": corpus.lrecl} if corpus.lrecl else {})})
    shipper = rig.lugger("shipper", {
        "inputs": inputs,
        "outputs": [{"name": "out", "type": "file", "path": rig.path("out.json"), "format": "json"}],
    })
    written = dict.fromkeys(sources, 0)

    def append(share):
        for name, corpus in sources.items():
            until = len(corpus.data) if share == 1 else min(len(corpus.data), written[name] + rng.randrange(int(len(corpus.data) * share) + 1))
            with open(rig.path(name), "ab") as out:
                out.write(corpus.data[written[name]:until])
            written[name] = until

    def size():
        try:
            with open(rig.path("out.json"), "rb") as out:
                return len(out.read())
        except FileNotFoundError:
            return 0

    for turn in range(arguments.rounds):
        append(2 / arguments.rounds)
        before = size()
        shipper.start()
        rig.until("records flow", lambda: size() > before, step=0.002)
        append(0.5 / arguments.rounds)
        # Sometimes at once, sometimes when more has been stored.
        deadline = time.monotonic() + rng.choice((0, 0.01, 0.1, 0.4))
        while time.monotonic() < deadline:
            time.sleep(0.001)
        shipper.kill()
    append(1)
    shipper.once(seconds=120)

    found, texts = {}, {name: [] for name in sources}
    with open(rig.path("out.json"), encoding="utf-8", newline="\n") as out:
        lines = out.read().split("\n")
    for line in lines:
        try:
            record = json.loads(line) if line else None
        except json.JSONDecodeError:
            continue  # a line that a kill cut; its record comes again
        if record:
            value = (record["lugger.input"], record["message"], record.get("lugger.part"))
            check(found.setdefault(record["event.id"], value) == value, "%s carries %r and %r", record["event.id"], found[record["event.id"]], value)
    for identity, (name, message, part) in sorted(found.items(), key=lambda item: int(item[0].rpartition("-")[2])):
        if part and not part.startswith("1"):
            texts[name][-1] += message
        else:
            texts[name].append(message)
    for name, corpus in sources.items():
        if corpus.lrecl:  # padding in all but the last part stays: it may be content
            texts[name] = [text.rstrip(" ") for text in texts[name]]
        for number, (want, got) in enumerate(zip(corpus.expected, texts[name])):
            check(want == got, "%s: record %d is\n%r, not\n%r (seed %d)", name, number, got, want, arguments.seed)
        check(len(corpus.expected) == len(texts[name]), "%s: %d records, not %d (seed %d)", name, len(texts[name]), len(corpus.expected), arguments.seed)
    print("%d files, %d records, %d kills, %d repeats, seed %d" % (len(sources), len(found), arguments.rounds, sum(map(bool, lines)) - len(found), arguments.seed))
