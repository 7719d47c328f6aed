#!/usr/bin/env bash
# Mutation testing: changes one expression of the code at a time and runs the tests that hold it; a mutant that no test notices survives.
# tools/mutation.sh [PART]...: the parts that have a tools/mutation.PART.json; all of them if none is named.
# Works on a copy of the sources; leaves a report with the survivors in artifacts/mutation. Fails below the score that tools/mutation.PART.json asks for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/needs.sh
needs git jq
parts=("$@")
[ $# -gt 0 ] || parts=($(sed -E 's|.*mutation\.(.*)\.json|\1|' <<<"$(printf '%s\n' tools/mutation.*.json)"))
reports=$PWD/artifacts/mutation
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
cd "$copy/tests/ManagedCircle.Tests"
dotnet tool restore

for part in "${parts[@]}"; do
  mkdir -p "$reports/$part"
  passed=0
  dotnet stryker --config-file "$copy/tools/mutation.$part.json" --output "$reports/$part" || passed=$?
  jq -r '[.files[].mutants[]] | group_by(.status)[] | "\(.[0].status) \(length)"' "$reports/$part/reports/mutation-report.json"

  # Mutants that ran out of time count as noticed: where tests do not run at all, every mutant does. Only a failed test shows that they ran.
  jq -e '[.files[].mutants[] | select(.status == "Killed")] | length > 0' "$reports/$part/reports/mutation-report.json" >/dev/null ||
    { echo "$part: no test noticed any mutant." >&2; exit 1; }
  [ "$passed" -eq 0 ] || exit "$passed"
done
