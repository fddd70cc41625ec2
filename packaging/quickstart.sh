#!/usr/bin/env bash
# Lugger's first look: builds it, then ships 200,000 records of z/OS SYSLOG from one Lugger to another over TLS, kills the shipper in the middle, and
# compares what arrived with what was written, record by record.
#
#     packaging/quickstart.sh [--records N] [--keep]
#
# Works in a temporary directory and leaves nothing running; --keep leaves the directory. Status 0 only when nothing was lost.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"
. tests/support/lib.sh

records=200000
keep=
while [ $# -gt 0 ]; do
	case $1 in
	--records) records=$2; shift ;;
	--keep) keep=1 ;;
	*) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
	esac
	shift
done

work=$(mktemp -d "${TMPDIR:-/tmp}/lugger-quickstart.XXXXXX")
shipper_pid=
receiver_pid=
cleanup() {
	[ -z "$shipper_pid" ] || stop_process "$shipper_pid"
	[ -z "$receiver_pid" ] || stop_process "$receiver_pid"
	if [ -n "$keep" ]; then echo "Kept: $work"; else rm -rf "$work"; fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

bold='' dim='' plain='' clear=''
if [ -t 1 ]; then
	bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m' clear=$'\r\e[K'
fi

# commas NUMBER: 1234567 -> 1,234,567
commas() {
	local n=$1 out=
	while [ ${#n} -gt 3 ]; do
		out=,${n: -3}$out
		n=${n:0:${#n}-3}
	done
	printf '%s%s' "$n" "$out"
}

step() {
	printf '%s%s%s\n' "$bold" "$1" "$plain"
}

milliseconds() {
	local now=${EPOCHREALTIME/[.,]/}
	printf '%s' "${now%???}"
}

build() {
	step "Building Lugger"
	packaging/install-packages.sh build
	mkdir -p build
	if ! { cmake --preset release && cmake --build --preset release; } >build/quickstart.log 2>&1; then
		tail -40 build/quickstart.log >&2
		fail "the build failed; all of it is in build/quickstart.log"
	fi
	lugger=$top/build/release/lugger
	printf '  %s\n\n' "$("$lugger" version | head -1)"
}

write_syslog() {
	step "Writing z/OS SYSLOG as a mainframe would"
	"$top/build/release/zosgen" --records "$records" --systems 4 --seed 1 --framing rdw --encoding IBM-1047 --interleave \
		--expect "$work/expected" -o "$work/SYSLOG"
	printf '  %s records of 4 systems, %s MB: EBCDIC, RECFM VB with RDW, multi-line messages interleaved\n\n' "$(commas "$records")" \
		$(($(stat -c %s "$work/SYSLOG") / 1000000))
}

configure() {
	make_certs "$work/tls"
	port=
	free_port port
	cat >"$work/receiver.yaml" <<-YAML
		version: 1
		data_dir: $work/receiver
		inputs:
		  - name: syslog
		    type: listen
		    address: 127.0.0.1:$port
		    transport: tls
		    tls: {cert_file: $work/tls/server.pem, key_file: $work/tls/server.key}
		outputs:
		  - name: archive
		    type: file
		    path: $work/received.json
		    format: json
	YAML
	cat >"$work/shipper.yaml" <<-YAML
		version: 1
		data_dir: $work/shipper
		inputs:
		  - name: operlog
		    type: file
		    path: [$work/SYSLOG]
		    encoding: IBM-1047
		    framing: rdw
		    parser: zos-syslog
		    timezone: America/New_York
		outputs:
		  - name: siem
		    type: syslog
		    servers: [127.0.0.1:$port]
		    tls: {ca_file: $work/tls/ca.pem}
	YAML
	: >"$work/received.json"
}

start_shipper() {
	"$lugger" run -c "$work/shipper.yaml" 2>>"$work/shipper.log" &
	shipper_pid=$!
}

# How many lines the receiver has stored.
received() {
	wc -l <"$work/received.json"
}

# A bar of what is stored, repeats included: which they are shows when all is compared. On a terminal only.
progress() {
	local have=$1 bar=------------------------------ full=##############################
	local filled=$((have * 30 / records))
	[ "$filled" -le 30 ] || filled=30
	[ -z "$clear" ] || printf '%s  [%s%s] %s stored%s' "$clear" "${full:0:filled}" "${bar:filled}" "$(commas "$have")" "$2"
}

# give_up REASON: shows what the two of them say, and ends.
give_up() {
	printf '\n' >&2
	tail -n 5 "$work/shipper.log" "$work/receiver.log" >&2
	"$lugger" status -c "$work/shipper.yaml" >&2 || true
	fail "$1"
}

# ship_until CONDITION...: shows progress until the condition holds.
ship_until() {
	local deadline=$((SECONDS + 60)) have before=0
	while :; do
		have=$(received)
		[ "$have" -eq "$before" ] || arrived_at=$(milliseconds)
		before=$have
		progress "$have" "$note"
		[ -z "$shipper_pid" ] || alive "$shipper_pid" || give_up "the shipper ended"
		alive "$receiver_pid" || give_up "the receiver ended"
		"$@" "$have" && break
		[ "$SECONDS" -lt "$deadline" ] || give_up "only $have of $records records arrived"
		pause 0.02
	done
}

a_third_is_there() {
	[ "$1" -ge $((records / 3)) ]
}

# status_number WHO PART NAME: a number of the first entry of that part of `lugger status --json`.
status_number() {
	"$lugger" status -c "$work/$1.yaml" --json >"$work/status.json" 2>/dev/null || true
	sed -n 's/.*"'"$2"'"//; s/.*"'"$3"'": *\([0-9]*\).*/\1/p' "$work/status.json"
}

# Everything is in the shipper's spool, and the receiver has acknowledged all of it.
all_shipped() {
	[ "$1" -ge "$records" ] && [ "$(status_number shipper spool next_seq)" -gt "$records" ] && [ "$(status_number shipper outputs lag_records)" = 0 ]
}

# Everything that the receiver has in its spool is in its file.
all_stored() {
	[ "$1" -ge $(($(status_number receiver spool next_seq) - 1)) ]
}

ship() {
	local begin note="" killed_at
	step "Shipping over TLS to a receiving Lugger"
	"$lugger" run -c "$work/receiver.yaml" 2>"$work/receiver.log" &
	receiver_pid=$!
	wait_for 20 "the receiver" listens "$port"
	begin=$(milliseconds)
	start_shipper
	ship_until a_third_is_there
	kill -KILL "$shipper_pid"
	wait "$shipper_pid" 2>/dev/null || true
	killed_at=$(received)
	note=", shipper killed at $(commas "$killed_at") and restarted"
	start_shipper
	ship_until all_shipped
	took=$((arrived_at - begin)) # to the last arrival; the last line of a SYSLOG waits a second for lines that may continue it
	"$lugger" status -c "$work/shipper.yaml" >"$work/status.txt" || true
	# SIGTERM: the shipper closes in order, which the receiver answers when it has read everything.
	stop_process "$shipper_pid" 30
	shipper_pid=
	ship_until all_stored
	stop_process "$receiver_pid" 30
	receiver_pid=
	printf '%s  the shipper was killed with SIGKILL when %s records were stored, and restarted\n' "$clear" "$(commas "$killed_at")"
}

# fields FILE: from the receiver's JSON lines "identity <TAB> message", the message with its JSON escapes. The identity is the shipper's
# (log id, sequence), carried in the structured data. A message that the kill cut off in the middle is stored too, marked as truncated; it
# comes again whole, so it is none to compare.
fields() {
	LC_ALL=C awk '!/"lugger\.truncated":true/ {
		identity = "none"
		if (match($0, /lugger@32473 log=\\?"[^"\\]*\\?" seq=\\?"[0-9]*/)) {
			identity = substr($0, RSTART + 13, RLENGTH - 13)
			gsub(/[\\"]|log=|seq=/, "", identity)
		}
		message = ""
		if (match($0, /"message": *"([^"\\]|\\.)*"/)) {
			message = substr($0, RSTART + 10, RLENGTH - 11)
			sub(/^ *"/, "", message)
		}
		print identity "\t" message
	}' "$1"
}

# The full sets: every record written is there under exactly one identity, every repeat is equal to its first.
compare() {
	export LC_ALL=C
	fields "$work/received.json" | sort >"$work/all"
	uniq "$work/all" >"$work/distinct"
	total=$(wc -l <"$work/all")
	distinct=$(wc -l <"$work/distinct")
	identities=$(cut -f1 "$work/distinct" | uniq | wc -l)
	cut -f2- "$work/distinct" | sort >"$work/found"
	sort "$work/expected" >"$work/wanted" # one message a line, newline and backslash escaped as in JSON
	lost=$(comm -23 "$work/wanted" "$work/found" | wc -l)
	added=$(comm -13 "$work/wanted" "$work/found" | wc -l)
}

report() {
	printf '\n'
	step "Result"
	printf '  %-28s %12s\n' "records sent" "$(commas "$records")" "distinct records received" "$(commas "$distinct")" "lost" "$(commas "$lost")"
	printf '  %-28s %12s   %s\n' "repeats" "$(commas $((total - distinct)))" "${dim}sent again after the kill, each recognised by its (log id, sequence)$plain"
	printf '  %-28s %12s   %s\n' "throughput" "$(commas $((records * 1000 / took)))/s" "${dim}end to end, kill and restart included$plain"
	printf '\n'
	step "lugger status of the shipper"
	sed 's/^/  /' "$work/status.txt"
	printf '\n'
	step "Three of the records, as the receiver stored them"
	{ sed -n 1p "$work/received.json"; grep -m1 '\\n' "$work/received.json" || true; tail -1 "$work/received.json"; } | sed 's/^/  /'
	printf '\n'
	if [ "$lost" -ne 0 ] || [ "$added" -ne 0 ] || [ "$identities" -ne "$distinct" ] || [ "$distinct" -ne "$records" ]; then
		comm -23 "$work/wanted" "$work/found" | head -3 | sed 's/^/lost: /' >&2
		comm -13 "$work/wanted" "$work/found" | head -3 | sed 's/^/not sent: /' >&2
		fail "what arrived is not what was sent: $lost lost, $added not sent, $((distinct - identities)) identities with two contents"
	fi
	echo "Every record written arrived. Next: README.md, conf/lugger.yaml, and \`build/release/lugger decode FILE\` on a file of yours."
}

build
write_syslog
configure
ship
compare
report
