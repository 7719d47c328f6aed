#!/usr/bin/env bash
# Publishes the tests and the probe for linux-arm64 and runs them in emulation, where NEON has 128 bits and fuses multiply and add. Prints a line of JSON for
# the JIT and for NativeAOT. Needs Debian's qemu-user-static, gcc-aarch64-linux-gnu, libc6-arm64-cross, libstdc++6-arm64-cross and jq.
# Arguments go to the test program: tools/arm64.sh -class "*SameBits*"
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/needs.sh
needs qemu-aarch64-static:qemu-user-static aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu apt-get:apt dpkg jq
. tools/report.sh
out=$PWD/artifacts/arm64

# The test framework hashes with OpenSSL, which Debian has for arm64 but not as a package for cross-compiling.
libssl() {
  local apt=(apt-get -qq -o Dir::State::lists="$out/apt/lists" -o Dir::Cache="$out/apt/cache" -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root)
  [ -d "$out/libssl" ] && return
  mkdir -p "$out/apt/lists" "$out/apt/cache/archives"
  "${apt[@]}" update && (cd "$out/apt" && "${apt[@]}" download libssl3:arm64 && dpkg -x libssl3_*.deb "$out/libssl")
}

# Emulation does not see code change through its second mapping (DOTNET_EnableWriteXorExecute).
emulate() {
  DOTNET_EnableWriteXorExecute=0 qemu-aarch64-static -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH="$out/libssl/usr/lib/aarch64-linux-gnu" "$@"
}

publish() { dotnet publish -c Release "$@" >&2 || exit 1; }

libssl >&2 || exit 1
publish tests/ManagedCircle.Tests -p:TestRid=linux-arm64 -o "$out/tests"
publish tools/ManagedCircle.AotProbe -p:TestRid=linux-arm64 -o "$out/jit"
publish tools/ManagedCircle.AotProbe -r linux-arm64 -p:Aot=true -p:CppCompilerAndLinker=aarch64-linux-gnu-gcc -p:ObjCopyName=aarch64-linux-gnu-objcopy -o "$out/aot"

# The tests of what depends on the machine: all of them are a quarter of an hour in emulation, and those that start another process would run it as x64.
machine=()
for class in "*SameBits*" "*.Published.*" "*.Simd.*" "*.Kernels.*" "*.Engine.*" "*.Golden.*" "*CircleMarginsTests"; do
  machine+=(-class "$class")
done

# But for the crew's interleavings and those tests of the loss's kernels at every width that take most of a minute and more in emulation. The hash, the
# golden cases and the published values run those kernels here, at the width that the machine has.
for class in "*TeamTests" "*LogSumExpTileTests" "*PairGradientTileTests" "*QueryFinishTests" "*TilePairsTests"; do
  machine+=(-class- "$class")
done
[ $# -gt 0 ] || set -- "${machine[@]}"
MANAGEDCIRCLE_EXPECT_ISA=Vector128 MANAGEDCIRCLE_EXPECT_VECTORT_BITS=128 MANAGEDCIRCLE_EXPECT_FUSED=1 \
  report "arm64 JIT" Vector128 "$(stat -c %s "$out/jit/ManagedCircle.dll")" emulate "$out/jit/ManagedCircle.AotProbe" \
  -- emulate "$out/tests/ManagedCircle.Tests" "$@"
report "arm64 NativeAOT" Vector128 "$(stat -c %s "$out/aot/ManagedCircle.AotProbe")" emulate "$out/aot/ManagedCircle.AotProbe"
exit $failed
