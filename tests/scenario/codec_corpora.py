#!/usr/bin/env python3
"""Every framing x encoding x newline policy through `lugger decode`: byte for byte what the generator, which shares no code with the codec, says. And
z/OS SYSLOG, interleaved multi-line messages of four systems, in every framing and several encodings through the parser zos-syslog: the same records.

    codec_corpora.py [--all]      all combinations; without it every framing x encoding, the policies taking turns
"""

import argparse
import itertools
import json

import corpora
from rig import LUGGER, Rig, check, compare, need_program, run
from zos import TIMEZONE, write_syslog

parser = argparse.ArgumentParser()
parser.add_argument("--all", action="store_true")
arguments = parser.parse_args()
need_program(LUGGER, "build it first")


def decode(rig, corpus, framing, encoding, newline, *options):
    command = ["decode", "--json", "--framing", framing, "--encoding", encoding, "--newline", newline, *options]
    if corpus.lrecl:
        command += ["--lrecl", str(corpus.lrecl)]
    what = " ".join(command)
    status, out, errors = run(LUGGER, *command, rig.write("corpus", corpus.data))
    check(status == 0, "%s: exit %d\n%s", what, status, errors)
    return what, [json.loads(line) for line in out.split("\n") if line]


with Rig() as rig:
    combinations = [c for c in itertools.product(corpora.FRAMINGS, corpora.ENCODINGS, corpora.NEWLINES) if corpora.possible(*c)]
    if not arguments.all:
        pairs = {}
        for combination in combinations:
            pairs.setdefault(combination[:2], []).append(combination)
        combinations = [choices[number % len(choices)] for number, choices in enumerate(pairs.values())]
    for framing, encoding, newline in combinations:
        corpus = corpora.make(framing, encoding, newline, records=200 if arguments.all else 60)
        what, found = decode(rig, corpus, framing, encoding, newline, "--parser", "text")
        texts = [record.get("message", "") for record in found]
        for number, (want, got) in enumerate(zip(corpus.expected, texts)):
            check(want == got, "%s: record %d is\n%r, not\n%r", what, number, got, want)
        check(len(texts) == len(corpus.expected), "%s: %d records, not %d", what, len(texts), len(corpus.expected))
    print("%d corpora of text" % len(combinations))

    source = write_syslog(rig, "SYSLOG", records=400)
    with open(source.path, "rb") as file:
        data = file.read()
    lines = []
    while data:
        size = int.from_bytes(data[:2], "big")
        lines.append(data[4:size].decode("cp037"))
        data = data[size:]
    tried = 0
    for number, framing in enumerate(corpora.FRAMINGS):
        for encoding in ("IBM-037", "IBM-1047", "IBM-1141", "IBM-939", "UTF-8", "UTF-16BE"):
            newline = corpora.policies(encoding)[number % len(corpora.policies(encoding))]
            corpus = corpora.make(framing, encoding, newline, texts=lines)
            what, found = decode(rig, corpus, framing, encoding, newline, "--parser", "zos-syslog", "--timezone", TIMEZONE)
            compare(what, [(system, body) for _, system, _, _, body in source.expected], [(record["zos.sysname"], record["message"]) for record in found])
            tried += 1
    print("%d corpora of z/OS SYSLOG" % tried)
