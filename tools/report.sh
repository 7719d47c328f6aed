# Sourced by the scripts that run tests and probes on a platform: each run becomes a line of JSON, and $failed tells whether one failed.
failed=0

# name, the widest vectors expected, bytes, command of the probe [ -- command of the tests ]
report() {
  local name=$1 width=$2 bytes=$3 probe=() summary='{}' found
  shift 3
  while [ $# -gt 0 ] && [ "$1" != -- ]; do probe+=("$1"); shift; done
  if [ "${1:-}" = -- ]; then
    local log
    log=$(mktemp)
    "${@:2}" -noLogo -noColor | tee "$log" | grep -vE '^ +(Discover|Start|Finish)' >&2
    [ "${PIPESTATUS[0]}" -eq 0 ] || { echo "== failed tests: $name" >&2; failed=1; }
    summary=$(sed -nE 's/.*Total: ([0-9]+), Errors: ([0-9]+), Failed: ([0-9]+), Skipped: ([0-9]+).*/{"total":\1,"failed":(\2+\3),"skipped":\4}/p' "$log" | head -1)
    rm -f "$log"
    [ -n "$summary" ] || { summary='{"total":1,"failed":1,"skipped":0}'; failed=1; }
    summary=$(jq -nc "$summary | .passed = .total - .failed - .skipped")
  fi

  found=$("${probe[@]}") || { echo "== failed probe: $name" >&2; failed=1; }
  jq -c --arg name "$name" --argjson bytes "$bytes" --argjson summary "$summary" '{$name, $bytes} + . + {tests: $summary}' <<<"$found" \
    || { echo "== no report: $name" >&2; failed=1; }
  [ "$(jq -r .width <<<"$found")" = "$width" ] || { echo "== $name did not run on $width" >&2; failed=1; }
}
