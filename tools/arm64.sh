#!/usr/bin/env bash
# Publishes the tests and the probe for linux-arm64 and runs them in emulation, where NEON has 128 bits and fuses multiply and add. Prints a line of JSON for
# the probe on the JIT and with NativeAOT. Needs Debian's qemu-user-static, gcc-aarch64-linux-gnu, libc6-arm64-cross and libstdc++6-arm64-cross.
# Arguments go to the test program: tools/arm64.sh -class "*SameBits*"
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=$PWD/artifacts/arm64
failed=0

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

# name, what to weigh
probe() {
  emulate "$out/$1/ManagedCircle.AotProbe" >"$out/$1/report.json" || failed=1
  grep -q '"width": "Vector128"' "$out/$1/report.json" || { echo "$1 did not run on Vector128" >&2; failed=1; }
  sed "s/^{/{\n  \"target\": \"arm64-$1\",\n  \"bytes\": $(du -sbc "${@:2}" | sed -n '$s/\t.*//p'),/" "$out/$1/report.json" | tr -d '\n' | sed 's/  */ /g; s/$/\n/'
}

publish() { dotnet publish -c Release "$@" >&2 || exit 1; }

libssl >&2 || exit 1
publish tests/ManagedCircle.Tests -p:TestRid=linux-arm64 -o "$out/tests"
publish tools/ManagedCircle.AotProbe -p:TestRid=linux-arm64 -o "$out/jit"
publish tools/ManagedCircle.AotProbe -r linux-arm64 -p:Aot=true -p:CppCompilerAndLinker=aarch64-linux-gnu-gcc -p:ObjCopyName=aarch64-linux-gnu-objcopy -o "$out/aot"

probe jit "$out"/jit/ManagedCircle*.dll "$out/jit/System.Numerics.Tensors.dll"
probe aot "$out/aot/ManagedCircle.AotProbe"

# Without the tests that start another process, which emulation would run as x64.
MANAGEDCIRCLE_EXPECT_ISA=Vector128 MANAGEDCIRCLE_EXPECT_VECTORT_BITS=128 MANAGEDCIRCLE_EXPECT_FUSED=1 \
  emulate "$out/tests/ManagedCircle.Tests" -noLogo -noColor -class- "*.Cli.*" -class- "*ReadmeTests" "$@" >&2 || failed=1
exit $failed
