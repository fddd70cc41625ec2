# Shell functions shared by the benchmarks. Sourced after tests/support/lib.sh, with $gb, $dir and $work set.
# shellcheck shell=bash disable=SC2154 # the caller sets them

RECORD_BYTES=120 # without the newline

# Four systems, eight kinds of message (each takes a name, a time and a number), each line of exactly RECORD_BYTES bytes, about 2,000 lines a second by their time stamps.
write_lines() {
	awk -v records="$1" -v width="$RECORD_BYTES" 'BEGIN {
		kinds = split("IEF403I %s - STARTED - TIME=%s STEP=STEP%02d|IEF404I %s - ENDED - TIME=%s RC=%04d|" \
			"$HASP373 %s STARTED %s - INIT %d - CLASS A - SYS SYSA|$HASP395 %s ENDED %s - RC=%04d|" \
			"IEC705I TAPE ON 0A8%s,%s,SL,COMP,PAYR,%06d|ICH70001I %s LAST ACCESS AT %s ON DAY %d|" \
			"IEA989I SLIP TRAP ID=%s MATCHED %s JOBNAME=PAYR%04d|DFS554A IMS1 %s %s PSB=PARTS%03d", kind, "|")
		for (i = 0; i < records; i++) {
			s = int(i / 2000) % 86400
			t = sprintf("%02d:%02d:%02d", s / 3600, s / 60 % 60, s % 60)
			text = sprintf(kind[1 + (i * 7 + int(i / 13)) % kinds], "PAYR" (i * 7919) % 10000, t, i % 9973)
			line = sprintf("N 4040000 SYS%s     %05d %s.%02d JOB%05d 00000090  %s", substr("ABCD", 1 + i % 4, 1), 26300 + int(i / 172800000), t,
				i / 20 % 100, 10000 + (i * 31) % 90000, text)
			printf "%-" width "." width "s\n", line
		}
	}'
}

write_data() {
	records=$(awk -v gb="$gb" -v width=$RECORD_BYTES 'BEGIN { printf "%d", gb * 1e9 / width }')
	data=$dir/syslog-$records.txt
	if [ "$(stat -c %s "$data" 2>/dev/null || echo 0)" -ne $((records * (RECORD_BYTES + 1))) ]; then
		write_lines "$records" >"$work/data"
		mv "$work/data" "$data"
	fi
	cat "$data" >/dev/null # into the page cache, for all alike
}

# table_head: the names of what row prints.
table_head() {
	printf '%-40s %8s %8s %8s %8s %8s %11s %11s\n' "" "CPU-s/GB" "user s" "sys s" "ratio" "wall s" "records/s" "peak RSS"
}

# row NAME: one line of the table from what measure wrote; sets cpu_per_gb.
row() {
	local user sys wall rss
	read -r user sys wall rss <"$work/cost"
	cpu_per_gb=$(awk -v c="$user" -v s="$sys" -v n="$records" -v w=$RECORD_BYTES 'BEGIN { printf "%.2f", (c + s) / (n * w / 1e9) }')
	awk -v name="$1" -v u="$user" -v s="$sys" -v w="$wall" -v rss="$rss" -v n="$records" -v cpu="$cpu_per_gb" -v base="${2:-$cpu_per_gb}" 'BEGIN {
		printf "%-40s %8.2f %8.2f %8.2f %7.1fx %8.1f %11d %7.1f MiB\n", name, cpu, u, s, cpu / base, w, n / w, rss / 1024 }'
}
