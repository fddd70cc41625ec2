#!/usr/bin/env bash
# Renews what is generated from the option tables: conf/reference.md, conf/lugger.schema.json and conf/lugger.yaml.
#
#     packaging/generate.sh [PROGRAM]      default: build/release/lugger
set -euo pipefail
cd "$(dirname "$0")/.."
lugger=${1:-build/release/lugger}
for pair in md:reference.md schema:lugger.schema.json sample:lugger.yaml; do
	"$lugger" reference "${pair%%:*}" >"conf/${pair#*:}.new"
	mv "conf/${pair#*:}.new" "conf/${pair#*:}"
done
