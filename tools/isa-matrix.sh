#!/usr/bin/env bash
# Runs the library's tests and the probe on every instruction set of this machine, and fails where a run did not get the vectors it was for. Prints a line
# of JSON for each. Needs a build (dotnet build -c Release), AVX2 and jq. Arguments go to the test program: tools/isa-matrix.sh -class "*SameBits*"
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/needs.sh
needs jq
. tools/report.sh
tests=tests/ManagedCircle.Tests/bin/Release/net10.0/ManagedCircle.Tests
probe=tools/ManagedCircle.AotProbe/bin/Release/net10.0/ManagedCircle.AotProbe
grep -qw avx512f /proc/cpuinfo && widest=Vector512 || widest=Vector256

# Without the tests of the command line and of the repository's files: their own work is in double or none, and has no vectors.
[ $# -gt 0 ] || set -- -namespace- "ManagedCircle.Tests.Cli" -namespace- "ManagedCircle.Tests.Repository"

# name, setting, the widest vectors expected, bits of Vector<T>, whether multiply and add are fused, arguments of the tests
run() {
  echo "== $1 ($2): $3, Vector<T> of $4 bits, fused $5" >&2
  report "$1" "$3" "$(stat -c %s src/ManagedCircle/bin/Release/net10.0/ManagedCircle.dll)" env "$2" "$probe" \
    -- env "$2" MANAGEDCIRCLE_EXPECT_ISA="$3" MANAGEDCIRCLE_EXPECT_VECTORT_BITS="$4" MANAGEDCIRCLE_EXPECT_FUSED="$5" "$tests" "${@:6}"
}

run "JIT, as it comes" DOTNET_EnableHWIntrinsic=1 $widest 256 1 "$@"
if [ $widest = Vector512 ]; then
  run "JIT, 512-bit Vector<T>" DOTNET_MaxVectorTBitWidth=512 Vector512 512 1 "$@"
  run "JIT, 256 bits preferred" DOTNET_PreferredVectorBitWidth=256 Vector256 256 1 "$@"
  run "JIT, no AVX-512" DOTNET_EnableAVX512=0 Vector256 256 1 "$@"
fi
run "JIT, no AVX2" DOTNET_EnableAVX2=0 Vector128 128 0 "$@"
run "JIT, no vectors" DOTNET_EnableHWIntrinsic=0 Scalar 128 0 "$@"
exit $failed
