#!/usr/bin/env python3
"""conf/reference.md, conf/lugger.schema.json and conf/lugger.yaml are what `lugger reference` writes today. The sample is correct as it stands, its
effective settings load again to the same settings, the schema is JSON, and it takes what the product takes: the sample and its resolved form.
"""

import json
import os

from rig import LUGGER, SOURCE, Rig, check, need_program, run

need_program(LUGGER, "build it first")

DOCUMENTS = [("md", "reference.md"), ("schema", "lugger.schema.json"), ("sample", "lugger.yaml")]

for document, name in DOCUMENTS:
    code, written, errors = run(LUGGER, "reference", document)
    check(code == 0, "lugger reference %s: exit %d\n%s", document, code, errors)
    path = os.path.join(SOURCE, "conf", name)
    with open(path, encoding="utf-8") as kept:
        check(kept.read() == written, "conf/%s is not fresh: write it with `lugger reference %s > conf/%s`", name, document, name)

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
        validator = jsonschema.Draft202012Validator(schema)
        for text, name in ((open(sample, encoding="utf-8").read(), "the sample"), (resolved, "its effective settings")):
            problems = [problem.message for problem in validator.iter_errors(yaml.safe_load(text))]
            check(not problems, "the schema refuses %s: %s", name, problems[:3])
        wrong = yaml.safe_load(resolved)
        wrong["inputs"][0]["framming"] = "rdw"
        check(not validator.is_valid(wrong), "the schema takes an unknown option")
