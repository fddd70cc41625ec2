#!/usr/bin/env bash
# Renews what is generated from the option tables: conf/reference.md, conf/lugger.schema.json and conf/lugger.yaml;
# and the man pages in packaging/man/, from these and from `lugger help`.
#
#     packaging/generate.sh [PROGRAM]      default: build/release/lugger
set -euo pipefail
cd "$(dirname "$0")/.."
lugger=${1:-build/release/lugger}
write() { # DOCUMENT FILE
	"$lugger" reference "$1" >"$2.new"
	mv "$2.new" "$2"
}
write md conf/reference.md
write schema conf/lugger.schema.json
write sample conf/lugger.yaml
write lugger.1 packaging/man/lugger.1
write lugger.yaml.5 packaging/man/lugger.yaml.5
