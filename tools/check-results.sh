#!/usr/bin/env bash
# Tables between <!-- results: FILE --> and <!-- end of results --> in README.md and docs/speed.md are those files of bench/results, to the letter. --write makes them so.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

expected=$(mktemp)
trap 'rm -f "$expected"' EXIT
for page in README.md docs/speed.md; do
  awk '
    /^<!-- end of results -->$/ { inside = 0 }
    !inside { print }
    /^<!-- results: .* -->$/ {
      inside = 1; tables++
      while ((status = (getline line < $3)) > 0) print line
      if (status < 0) { print "no such results: " $3 > "/dev/stderr"; missing = 1 }
    }
    END { if (missing || inside || !tables) exit 1 }' "$page" >"$expected" || { echo "$page: its marks of results are not in order" >&2; exit 1; }

  if [ "${1:-}" = --write ]; then
    cat "$expected" >"$page"
  elif ! diff "$page" "$expected"; then
    echo "$page shows other numbers than bench/results: tools/check-results.sh --write" >&2
    exit 1
  fi
done
