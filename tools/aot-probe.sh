#!/usr/bin/env bash
# Publishes the probe with NativeAOT for linux-x64 at three instruction sets and runs it: published values, gradients, the hash of all answers, the width.
# Prints a line of JSON for each, with the bytes of the binary and the milliseconds from its start to its first loss. Needs gcc.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0

milliseconds_to_first_loss() {
  local best=1000000 start end
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    start=$EPOCHREALTIME; "$@" first; end=$EPOCHREALTIME
    best=$(( ${end/./} - ${start/./} < best ? ${end/./} - ${start/./} : best ))
  done
  printf '%d.%01d' $((best / 1000)) $((best % 1000 / 100))
}

# target, the widest vectors expected, arguments of dotnet publish
probe() {
  local name=$1 out=artifacts/aot/$1
  dotnet publish -c Release -r linux-x64 tools/ManagedCircle.AotProbe -p:Aot=true -p:CppCompilerAndLinker=gcc "${@:3}" -o "$out" >&2
  "$out/ManagedCircle.AotProbe" >"$out/report.json" || failed=1
  grep -q "\"width\": \"$2\"" "$out/report.json" || { echo "$name did not run on $2" >&2; failed=1; }
  sed -e "s/^{/{\n  \"target\": \"$name\",\n  \"bytes\": $(stat -c %s "$out/ManagedCircle.AotProbe"),\n  \"startMilliseconds\": $(milliseconds_to_first_loss "$out/ManagedCircle.AotProbe"),/" \
    "$out/report.json" | tr -d '\n' | sed 's/  */ /g; s/$/\n/'
}

probe default Vector128
probe x86-64-v3 Vector256 -p:IlcInstructionSet=x86-64-v3
if grep -qw avx512f /proc/cpuinfo; then
  probe x86-64-v4 Vector512 -p:IlcInstructionSet=x86-64-v4
fi
exit $failed
