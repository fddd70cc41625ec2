#!/usr/bin/env python3
"""Sizes, offsets and values of inputs/ibmmq/mqi.h against IBM's own cmqc.h and cmqxc.h. They come with the npm package `ibmmq` (Apache-2.0) and are fetched
into a temporary directory, never kept; MQ_INC names a directory that has them already. Skipped where neither can be had.

    abi.py COMPILER INCLUDE_DIRECTORY
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "ibmmq@2.1.9"
compiler, include = sys.argv[1:3]


def skip(reason):
    print("SKIP: the interface is not compared with IBM's headers: " + reason)
    sys.exit(77)


def headers(directory):
    """Directories of cmqc.h and cmqxc.h."""
    given = os.environ.get("MQ_INC")
    if given:
        return [given]
    if not shutil.which("npm"):
        skip("no npm, and MQ_INC names no directory")
    try:
        done = subprocess.run(["npm", "pack", PACKAGE], cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100)
    except subprocess.TimeoutExpired:
        skip("npm did not answer in time")
    packed = glob.glob(os.path.join(directory, "*.tgz"))
    if done.returncode or not packed:
        skip("npm pack %s: %s" % (PACKAGE, done.stdout.decode("utf-8", "replace").strip()[-200:]))
    with tarfile.open(packed[0]) as archive:
        archive.extractall(directory, [member for member in archive.getmembers() if member.name.endswith(".h") and ".." not in member.name])
    return [os.path.join(directory, "package/src/unix"), os.path.join(directory, "package/src")]


def members(text):
    """{struct: [member ...]} of mqi.h."""
    found = {}
    for name, body in re.findall(r"^struct (\w+) \{(.*?)^\};", text, re.S | re.M):
        body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
        if name != "mqi":
            found[name] = [re.match(r"\w+", part.strip(" *")).group(0) for line in body.split(";") if line.strip()
                           for part in re.sub(r"^\s*(struct )?\w+ ", "", line.strip()).split(",")]
    return found


LENGTHS = {"mqmd": "MQMD_LENGTH_2", "mqgmo": "MQGMO_LENGTH_1", "mqod": "MQOD_LENGTH_1", "mqpmo": "MQPMO_LENGTH_1", "mqcd": "MQCD_LENGTH_7", "mqsco": "MQSCO_LENGTH_6",
           "mqcsp": "MQCSP_LENGTH_3", "mqcno": "MQCNO_LENGTH_6"}

with open(os.path.join(include, "input_ibmmq/mqi.h")) as source, tempfile.TemporaryDirectory(prefix="lugger-test.") as directory:
    text = source.read()
    places = headers(directory)
    structs = members(text)
    if set(structs) != set(LENGTHS):
        sys.exit("mqi.h declares %r" % sorted(structs))
    constants = re.findall(r"\b(MQ\w+) = ([-0-9a-fx]+)", text)
    lines, checks = ['#include "cmqc.h"', '#include "cmqxc.h"', "#include <stddef.h>"], 0
    ours = re.sub(r"\benum \{.*?^\};", "", text, flags=re.S | re.M)  # IBM's macros have these names
    lines.append(ours)
    for struct, names in structs.items():
        theirs = struct.upper()
        lines.append('_Static_assert(sizeof(struct %s) == %s, "size of %s");' % (struct, LENGTHS[struct], theirs))
        for name in names:
            lines.append('_Static_assert(offsetof(struct %s, %s) == offsetof(%s, %s), "offset of %s.%s");' % (struct, name, theirs, name, theirs, name))
            lines.append('_Static_assert(sizeof(((struct %s *)0)->%s) == sizeof(((%s *)0)->%s), "size of %s.%s");' % (struct, name, theirs, name, theirs, name))
            checks += 1
    for name, value in constants:
        lines.append('_Static_assert(%s == %s, "%s");' % (name, value, name))
    done = subprocess.run([compiler, "-std=gnu11", "-fsyntax-only", "-x", "c", "-", *("-I" + place for place in places)], input="\n".join(lines), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(done.stdout)
    print("%d structures with %d members, and %d values, are as in IBM's headers" % (len(structs), checks, len(constants)))
