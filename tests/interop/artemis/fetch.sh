#!/usr/bin/env bash
# Fetches Apache ActiveMQ Artemis' jars by Maven for the tests, into build/peers/artemis-VERSION/lib. What is there already is not fetched again.
#
#     tests/interop/artemis/fetch.sh [VERSION]      default: 2.42.0
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=${1:-2.42.0}
mkdir -p "$here/../../../build/peers"
peers=$(cd "$here/../../../build/peers" && pwd)
target=$peers/artemis-$version
[ ! -d "$target/lib" ] || exit 0
rm -rf "$target.new"
if ! mvn -q -B -f "$here/pom.xml" -Dartemis.version="$version" dependency:copy-dependencies -DoutputDirectory="$target.new/lib" >"$peers/artemis.log" 2>&1; then
	tail -5 "$peers/artemis.log" >&2
	echo "${0##*/}: Apache ActiveMQ Artemis $version could not be fetched" >&2
	exit 1
fi
mv "$target.new" "$target"
