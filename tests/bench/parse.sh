#!/usr/bin/env bash
# How fast one core turns bytes into records: framing, charset conversion, parser and batches, beside memcpy and iconv in the same run.
#
#     tests/bench/parse.sh [--mb N] [--encoding NAME]... [--framing NAME] [--parser NAME] [--seconds S]
#
#     --mb N           data in 10^6 bytes (default 64), z/OS SYSLOG by zosgen
#     --encoding NAME  IBM-1047, IBM-037 or UTF-8; may be repeated (default IBM-1047)
#     --framing NAME   rdw or line (default rdw)
#     --parser NAME    zos-syslog or text (default zos-syslog)
#     --seconds S      CPU time of each step (default 2)
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/tests/support/lib.sh"

mb=64 framing=rdw parser=zos-syslog seconds=2
encodings=()
while [ $# -gt 0 ]; do
	case $1 in
	--mb) mb=$2 ;;
	--encoding) encodings+=("$2") ;;
	--framing) framing=$2 ;;
	--parser) parser=$2 ;;
	--seconds) seconds=$2 ;;
	*) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
	esac
	shift 2
done
[ ${#encodings[@]} -gt 0 ] || encodings=(IBM-1047)

(cd "$top" && { [ -f build/release/build.ninja ] || cmake --preset release >/dev/null; } && ninja -C build/release parse_bench zosgen >/dev/null)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for encoding in "${encodings[@]}"; do
	"$top/build/release/zosgen" --records $((mb * 1000000 / 180)) --systems 4 --seed 1 --framing "$framing" --encoding "$encoding" --interleave \
		-o "$work/data"
	echo "$parser, $encoding, $framing, $(($(stat -c %s "$work/data") / 1000000)) MB:"
	"$top/build/release/parse_bench" "$work/data" "$encoding" "$framing" "$parser" "$seconds"
done
