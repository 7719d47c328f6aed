#!/usr/bin/env bash
# Holds the NumPy backend against golden vectors: the right one must pass, and verify must name each planted mistake. Needs Debian's python3-numpy.
# The mcircle.dll to run is the first argument, or the one that `dotnet build -c Release` made.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./needs.sh
needs python3
mcircle=${1:-ManagedCircle.Cli/bin/Release/net10.0/mcircle.dll}
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import numpy' 2>/dev/null || { echo "check-port.sh needs NumPy: apt-get install python3-numpy" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wrong=0 planted=0

dotnet "$mcircle" golden --out "$work/golden" || exit 1

# Answers with the arguments given, and verifies: the exit code, and the verdict in verify.json.
verify() {
  local precision=$1
  shift
  rm -rf "$work/results"
  "$python" examples/numpy/circle_loss.py "$work/golden" "$work/results" --dtype "$precision" "$@" || return 99
  dotnet "$mcircle" verify --golden "$work/golden" --results "$work/results" --precision "$precision" --json >"$work/verify.json"
}

for precision in float64 float32 float16 bfloat16; do
  verify "$precision"
  code=$?
  echo "$precision: exit $code"
  [ "$code" -eq 0 ] || wrong=$((wrong + 1))
done

while read -r mistake cause; do
  verify float32 --mistake "$mistake"
  code=$?
  named=$("$python" -c 'import json, sys; print((json.load(sys.stdin)["cause"] or {}).get("name"))' <"$work/verify.json")
  found=$("$python" -c 'import json, sys; print("; ".join(json.load(sys.stdin)["findings"]))' <"$work/verify.json")
  echo "planted $mistake: exit $code, named $named, found $found"
  planted=$((planted + 1))
  case $cause in
    "~"*) [[ $named = None && $found = *"${cause#"~"}"* ]] ;;
    *) [ "$named" = "$cause" ] ;;
  esac
  [ "$?" -eq 0 ] && [ "$code" -eq 1 ] || { echo "  expected exit 1, named $cause"; wrong=$((wrong + 1)); }
done < <("$python" examples/numpy/circle_loss.py --list-mistakes)

echo "$planted planted mistakes, $wrong judged wrongly"
[ "$wrong" -eq 0 ] && [ "$planted" -ge 30 ]
