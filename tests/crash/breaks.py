"""Every invariant of DESIGN section 1 is broken on purpose, one line at a time, and the crash model has to find it.

    breaks.py BUILD [-k WORD] [--table]      BUILD: a build directory with crash_model_fast in it

For each break a copy of one source file is changed, compiled and linked with the rest of crash_model_fast, and run. Prints how many states and seconds
it took until the break was found, and by which rule. --table: as the table of tests/README.md. Status 1 where one was not found, or where the line it
changes is not in the source any more.
"""
import json
import os
import shlex
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STATES = 400000

# invariant, what is broken, file, the line as it is, and as it is broken
BREAKS = [
    ("1", "a commit does not sync", "log.c", "\t\trc = io->fdatasync(io->self, spool->tip.handle);\n", "\t\trc = 0;\n"),
    ("1", "a seal does not sync", "roll.c", "\t\trc = io->fsync(io->self, tip->handle);\n", "\t\trc = 0;\n"),
    ("1", "a new segment is named before its header is synced", "roll.c",
     "\tif (rc == 0)\n\t\trc = io->fsync(io->self, handle);\n\tif (rc < 0)\n\t\tgoto done;\n", "\tif (rc < 0)\n\t\tgoto done;\n"),
    ("1", "what recovery accepts is not written again, and only synced", "recover.c", "\twhile (from < to && rc == 0) {\n", "\twhile (0 && from < to && rc == 0) {\n"),
    ("1", "after a failed sync the batches that wait are forgotten", "log.c",
     "\tfor (size_t i = 0; i < spool->pending_count; i++) {\n\t\trc = write_frame(", "\tfor (size_t i = 0; i + 1 < spool->pending_count; i++) {\n\t\trc = write_frame("),
    ("2", "positions of frames are not folded at a start", "recover_scan.c", "\tif (!positions || !item->frame.positions_size)\n",
     "\tif (positions || !item->frame.positions_size)\n"),
    ("2", "positions count when they are appended, before they are durable", "log.c", "\tspool->append_count++;\n",
     "\tspool->append_count++;\n\tposmap_put_encoded(&spool->positions, lg_str_from(batch->input), batch->positions.data, batch->positions.size);\n"),
    ("3", "the fastest output decides what is deleted", "space.c", "spool->state.cursors[i].seq < low)\n", "(low == UINT64_MAX || spool->state.cursors[i].seq > low))\n"),
    ("3", "a segment is unlinked before the mark is durable", "space.c", "\t\tif (doomed->number >= spool->low_durable)\n", "\t\tif (0 && doomed->number >= spool->low_durable)\n"),
    ("3", "a dead letter is not synced before its record is settled", "deadletter.c", "\t\tsys = io->fdatasync(io->self, letters->handle);\n", "\t\tsys = 0;\n"),
    ("3", "the cursor is behind the last batch that has a settled record", "../run/flight.c", "\twhile (flight->head && !flight->head->unsettled) {\n",
     "\twhile (flight->head && flight->head->unsettled < flight->head->count) {\n"),
    ("4", "a loss leaves the state when it is handed out, not when its record is durable", "space.c",
     "loss->taken && spool->durable_appends >= loss->taken_append)\n", "loss->taken)\n"),
    ("4", "the state is written over the slot that holds", "state.c", "generation % 2 * STATE_SLOT_SIZE", "(generation & 0) * STATE_SLOT_SIZE"),
    ("5", "the quota is not looked at", "space.c", "\twhile (!space_fits(spool, bytes)) {\n", "\twhile (0 && !space_fits(spool, bytes)) {\n"),
    ("5", "a full spool does not delete what was delivered", "space.c", "\t\tif (!delivered)\n\t\t\treturn false;\n", "\t\treturn false;\n"),
    ("6", "a torn tail counts as corruption, and what is behind it as good", "recover_scan.c", "\tif (item->from < mark) {\n", "\tif (item->from < mark || 1) {\n"),
    ("6", "payloads above the mark are not checked", "recover_scan.c", "\tif (!bad && item->from >= mark &&\n", "\tif (!bad && item->from >= mark && 0 &&\n"),
    ("6", "a failed segment is used on", "log.c", "\t\t\tresult = lg_err_sys(err, -rc, \"syncing segment %llu\", (unsigned long long)spool->prev_number);\n\t\t\troll_abandon(spool);\n",
     "\t\t\tresult = lg_err_sys(err, -rc, \"syncing segment %llu\", (unsigned long long)spool->prev_number);\n"),
    ("7", "every start draws the same log id", "log.c", "\tmemcpy(spool->state.log_id, id, sizeof(id));\n",
     "\tmemset(id, 5, sizeof(id));\n\tmemcpy(spool->state.log_id, id, sizeof(id));\n"),
    ("7", "a start goes on under the log id before it", "log.c", "\tmemcpy(spool->state.log_id, id, sizeof(id));\n",
     "\tif (spool->range_count)\n\t\tmemcpy(id, spool->ranges[spool->range_count - 1].log_id, sizeof(id));\n\tmemcpy(spool->state.log_id, id, sizeof(id));\n"),
    ("-", "every segment has the same salt", "roll.c", "\trc = sys_random(header->crypt.salt, sizeof(header->crypt.salt));\n",
     "\trc = 0;\n\tmemset(header->crypt.salt, 3, sizeof(header->crypt.salt));\n"),
    ("-", "a segment that a start removed comes back", "recover.c", "\tio->sync_dir(io->self, spool->dir);", "\t;", "cases"),
]


def commands(build):
    """The compile command of each spool source within crash_fast, and the link command of crash_model_fast."""
    compiles = {}
    for entry in json.load(open(os.path.join(build, "compile_commands.json"))):
        if "crash_fast.dir" in entry["command"]:
            compiles[os.path.realpath(entry["file"])] = shlex.split(entry["command"])
    lines = subprocess.run(["ninja", "-C", build, "-t", "commands", "crash_model_fast"], capture_output=True, text=True, check=True).stdout.splitlines()
    link = [line for line in lines if " -o tests/crash/crash_model_fast " in line][-1]
    return compiles, [word for word in shlex.split(link) if word not in (":", "&&")]


def try_break(build, compiles, link, work, entry):
    _, _, name, old, new = entry[:5]
    source = os.path.realpath(os.path.join(TOP, "forwarder/spool", name))
    text = open(source).read()
    if text.count(old) != 1:
        return None, "the line is there %d times" % text.count(old)
    broken = os.path.join(work, os.path.basename(name))
    with open(broken, "w") as f:
        f.write(text.replace(old, new))
    compile_command = list(compiles[source])
    at = compile_command.index("-o")
    original, obj = compile_command[at + 1], os.path.join(work, "broken.o")
    compile_command[at + 1] = obj
    compile_command[compile_command.index("-c") + 1] = broken
    compile_command = [word for word in compile_command if word not in ("-MD", "-Werror")] + ["-w"]
    for flag in ("-MT", "-MF"):
        if flag in compile_command:
            i = compile_command.index(flag)
            del compile_command[i:i + 2]
    subprocess.run(compile_command, cwd=build, check=True)
    program = os.path.join(work, "broken")
    words = [obj if word == original else word for word in link]
    assert obj in words, original
    words[words.index("-o") + 1] = program
    subprocess.run(words, cwd=build, check=True)
    if entry[5:] == ("cases",):  # what random sequences seldom come by, a case holds
        run = subprocess.run([program, "--cases", os.path.join(TOP, "tests/crash/cases")], capture_output=True, text=True, timeout=600)
        said = [line for line in run.stderr.splitlines() if line.startswith("BROKEN ")]
        return bool(said), "by a case: " + said[0][len("BROKEN "):] if said else "not found by the cases"
    run = subprocess.run([program, "--expect-failure", str(STATES), "1"], capture_output=True, text=True, timeout=600)
    for line in run.stdout.splitlines():
        if line.startswith("found after "):
            return True, line[len("found after "):]
    return False, "not found in %d states" % STATES


def main():
    args = sys.argv[1:]
    table = "--table" in args
    word = args[args.index("-k") + 1] if "-k" in args else ""
    build = os.path.abspath(args[0])
    compiles, link = commands(build)
    bad = 0
    for entry in BREAKS:
        if word not in entry[1]:
            continue
        with tempfile.TemporaryDirectory(prefix="lugger-break-") as work:
            found, how = try_break(build, compiles, link, work, entry)
        bad += not found
        if table:
            print("| %s | %s | %s |" % (entry[0], entry[1], how), flush=True)
        else:
            print("%s  invariant %s: %s: %s" % ("ok " if found else "BAD", entry[0], entry[1], how), flush=True)
    print("%d breaks, %d not found" % (len([e for e in BREAKS if word in e[1]]), bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
