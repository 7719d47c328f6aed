#!/usr/bin/env bash
# Publishes the probe with NativeAOT for linux-x64 at three instruction sets and runs it: published values, gradients, the hash of all answers, the width.
# Prints a line of JSON for each, with the bytes of the binary, the milliseconds from its start to its first loss, and the speed of an inner product with the
# library's multiply-add and with one that must be fused. Needs gcc and jq.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/needs.sh
needs gcc jq
. tools/report.sh

# The best of ten starts.
milliseconds_to_first_loss() {
  local best=1000000 start end
  for _ in {1..10}; do
    start=${EPOCHREALTIME/./}; "$1" first; end=${EPOCHREALTIME/./}
    best=$((end - start < best ? end - start : best))
  done
  printf '%d.%d' $((best / 1000)) $((best % 1000 / 100))
}

# One measurement after the other: together they would share the cores.
probe() {
  local start gflops
  start=$(milliseconds_to_first_loss "$1")
  gflops=$("$1" fusing)
  "$1" | jq ".startMilliseconds = $start | .gflops = $gflops"
}

# instruction set, the widest vectors expected, arguments of dotnet publish
run() {
  local binary=artifacts/aot/$1/ManagedCircle.AotProbe
  dotnet publish -c Release -r linux-x64 tools/ManagedCircle.AotProbe -p:Aot=true -p:CppCompilerAndLinker=gcc "${@:3}" -o "artifacts/aot/$1" >&2 || { failed=1; return; }
  report "NativeAOT, $1" "$2" "$(stat -c %s "$binary")" probe "$binary"
}

run default Vector128
run x86-64-v3 Vector256 -p:IlcInstructionSet=x86-64-v3
if grep -qw avx512f /proc/cpuinfo; then
  run x86-64-v4 Vector512 -p:IlcInstructionSet=x86-64-v4
fi
exit $failed
