#!/usr/bin/env bash
# Runs the test suite on every instruction set of this machine, and fails where a run did not get the vectors it was for.
# Needs a build (dotnet build -c Release) and AVX-512. Arguments go to the test program: tools/isa-matrix.sh -class "*SameBits*"
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tests=tests/ManagedCircle.Tests/bin/Release/net10.0/ManagedCircle.Tests
grep -qw avx512f /proc/cpuinfo && default=Vector512 || default=Vector256
failed=0

# setting, the widest vectors expected, bits of Vector<T>, whether multiply and add are fused
run() {
  echo "== $1: $2, Vector<T> of $3 bits, fused $4"
  env "$1" MANAGEDCIRCLE_EXPECT_ISA="$2" MANAGEDCIRCLE_EXPECT_VECTORT_BITS="$3" MANAGEDCIRCLE_EXPECT_FUSED="$4" \
    "$tests" -noLogo -noColor "${@:5}" | grep -vE '^ +(Discover|Start|Finish)' || true
  [ "${PIPESTATUS[0]}" -eq 0 ] || { echo "== failed: $1"; failed=$((failed + 1)); }
}

run DOTNET_EnableHWIntrinsic=1 $default 256 1 "$@"
if [ $default = Vector512 ]; then
  run DOTNET_EnableAVX512=0 Vector256 256 1 "$@"
  run DOTNET_MaxVectorTBitWidth=512 Vector512 512 1 "$@"
  run DOTNET_PreferredVectorBitWidth=256 Vector256 256 1 "$@"
fi
run DOTNET_EnableAVX2=0 Vector128 128 0 "$@"
run DOTNET_EnableHWIntrinsic=0 Scalar 128 0 "$@"
exit $failed
