#!/usr/bin/env python3
"""conf/reference.md, conf/lugger.schema.json, conf/lugger.yaml and the man pages are what `lugger reference` writes today. The sample is correct as it
stands, its effective settings load again to the same settings, the schema is JSON, and it takes what the product takes: the sample and its resolved
form. The man pages are set without a warning and fit 80 columns, and every subcommand and option of its help is in them.
"""

import json
import os
import re
import shutil

from rig import LUGGER, SOURCE, Rig, check, need_program, run

need_program(LUGGER, "build it first")

DOCUMENTS = [
    ("md", "conf/reference.md"),
    ("schema", "conf/lugger.schema.json"),
    ("sample", "conf/lugger.yaml"),
    ("lugger.1", "packaging/man/lugger.1"),
    ("lugger.yaml.5", "packaging/man/lugger.yaml.5"),
]

for document, name in DOCUMENTS:
    code, written, errors = run(LUGGER, "reference", document)
    check(code == 0, "lugger reference %s: exit %d\n%s", document, code, errors)
    path = os.path.join(SOURCE, name)
    with open(path, encoding="utf-8") as kept:
        check(kept.read() == written, "%s is not fresh: packaging/generate.sh writes it anew", name)

groff = shutil.which("groff")
if not groff:
    print("groff is not there: the man pages were not set")
for name in ("lugger.1", "lugger.yaml.5") if groff else ():
    code, page, errors = run(groff, "-man", "-ww", "-rLL=78n", "-P-cbou", "-Tutf8", os.path.join(SOURCE, "packaging/man", name))
    check(code == 0 and errors == "", "groff on %s: exit %d\n%s", name, code, errors)
    long = [line for line in page.splitlines() if len(line) > 80]
    check(not long, "%s: lines of more than 80 columns: %s", name, long)
    if name == "lugger.1":
        _, listed, _ = run(LUGGER, "help")
        names = re.findall(r"^  lugger (\S+)", listed, re.M)
        check(len(names) > 5, "`lugger help` lists %s", names)
        for command in names:
            check(re.search("^   %s$" % command, page, re.M), "lugger(1) has no section %s", command)
            code, told, _ = run(LUGGER, "help", command)
            check(code == 0 and max(map(len, told.splitlines())) <= 80, "`lugger help %s`: exit %d\n%s", command, code, told)
            for option in re.findall(r"--[a-z-]+", told):
                check(option in page, "lugger(1) lacks %s of `lugger %s`", option, command)

with open(os.path.join(SOURCE, "conf", "lugger.schema.json"), encoding="utf-8") as file:
    schema = json.load(file)
check(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema", "which draft?")

with Rig() as rig:
    sample = os.path.join(SOURCE, "conf", "lugger.yaml")
    code, _, errors = run(LUGGER, "check", "-c", sample)
    check(code == 0 and errors == "", "the sample is not correct: exit %d\n%s", code, errors)
    code, resolved, errors = run(LUGGER, "check", "-c", sample, "--resolve")
    check(code == 0, "--resolve: exit %d\n%s", code, errors)
    rig.write("resolved.yaml", resolved)
    code, again, errors = run(LUGGER, "check", "-c", rig.path("resolved.yaml"), "--resolve")
    check(code == 0 and again == resolved, "the effective settings do not load to themselves: exit %d\n%s\n%s", code, errors, again)

    try:
        import jsonschema
        import yaml
    except ImportError:
        print("python3-jsonschema or python3-yaml is not there: the schema itself was not tried")
    else:
        class Loader(yaml.SafeLoader):
            """Of YAML 1.2, as the product: `off` is a name, only true and false are truths."""

        Loader.yaml_implicit_resolvers = {
            first: [rule for rule in rules if first in "tfTF" or rule[0] != "tag:yaml.org,2002:bool"]
            for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }
        validator = jsonschema.Draft202012Validator(schema)
        for text, name in ((open(sample, encoding="utf-8").read(), "the sample"), (resolved, "its effective settings")):
            problems = [problem.message for problem in validator.iter_errors(yaml.load(text, Loader))]
            check(not problems, "the schema refuses %s: %s", name, problems[:3])
        wrong = yaml.load(resolved, Loader)
        wrong["inputs"][0]["framming"] = "rdw"
        check(not validator.is_valid(wrong), "the schema takes an unknown option")
