"""The layers of DESIGN section 4: an include of what a layer may use compiles, an include of anything else does not."""
import re
import subprocess
import sys

# Which layers' headers each layer may include. Plugins see the one header alone.
MAY = {
    "api": [],
    "base": ["api"],
    "pattern": ["api", "base"],
    "data": ["api", "base", "pattern"],
    "net": ["api", "base"],
    "config": ["api", "base"],
    "spool": ["api", "base", "pattern", "data"],
    "egress": ["api", "base", "net"],
    "codec": ["api", "base", "pattern"],
    "parser": ["api", "base"],
    "format": ["api", "base"],
    "input_file": ["api"],
    "input_listen": ["api"],
    "input_amqp": ["api"],
    "input_ibmmq": ["api"],
    "message": ["api", "base", "pattern", "codec"],
    "output_syslog": ["api"],
    "output_file": ["api"],
    "output_kafka": ["api"],
    "run": ["api", "base", "pattern", "data", "net", "config", "spool", "egress"],
    "cli": ["api", "base", "pattern", "data", "net", "config", "spool", "egress", "run"],
}
HEADERS = {
    "api": "api/lugger_plugin.h", "base": "base/mem.h", "pattern": "pattern/pattern.h", "data": "data/batch.h", "net": "net/net.h", "config": "config/config.h",
    "spool": "spool/spool.h", "egress": "egress/policy.h", "codec": "codec/framing.h", "parser": "parser/parsers.h", "format": "format/format.h",
    "run": "run/worker.h", "cli": "cli/cli.h",
}


def includes(compiler, directories, header):
    command = [compiler, "-D_XOPEN_SOURCE=700", "-fsyntax-only", "-x", "c", "-"] + [f"-I{d}" for d in directories]
    done = subprocess.run(command, input=f'#include "{header}"\n', text=True, capture_output=True)
    if done.returncode and not re.search(rf"{re.escape(header)}.*(No such file|not found)", done.stderr):
        sys.exit(f"{header}: neither found nor missing:\n{done.stderr}")
    return done.returncode == 0


def main():
    compiler, wrong = sys.argv[1], 0
    for layer, directories in (arg.split("=", 1) for arg in sys.argv[2:]):
        for other, header in HEADERS.items():
            may = other == layer or other in MAY[layer]
            if includes(compiler, [d for d in directories.split(",") if d], header) != may:
                print(f"{layer} {'cannot' if may else 'can'} include {header}")
                wrong += 1
    sys.exit(1 if wrong else 0)


main()
