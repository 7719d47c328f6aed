#!/usr/bin/env bash
# Runs the tests and the probes on every platform (tools/isa-matrix.sh, aot-probe.sh, arm64.sh, wasm.sh; a quarter of an hour) and writes docs/platforms.md.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/needs.sh
needs jq
reports=artifacts/platforms
failed=0
rm -rf "$reports"
mkdir -p "$reports" docs

dotnet build -c Release || exit 1
for script in isa-matrix aot-probe arm64 wasm; do
  tools/$script.sh "$@" >"$reports/$script.jsonl" || failed=1
done

{
  cat <<'TEXT'
# Platforms

Written by `tools/platforms.sh`. The *hash* is of the losses and gradients of fixed calls (`tests/ManagedCircle.Checks/SameBits.cs`): one wherever the hardware fuses
multiply and add, another wherever it does not, on every width of vectors and any number of threads. Where the test program does not run, a probe checks the
published values, gradients against the double reference, and the hash. *Time* is that of 256 rows of 128 numbers on one thread, the loss and the loss with
its gradient, in milliseconds; arm64 is emulated, and its times mean nothing. *Bytes* are of the library on the JIT, of the whole program with NativeAOT, and of
the whole page in the browser.

TEXT
  echo "Measured on $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1), .NET $(dotnet --list-runtimes | sed -nE 's/Microsoft.NETCore.App ([^ ]+).*/\1/p' | tail -1)."
  echo
  echo "| platform | vectors | checks passed | hash | loss, ms | with gradient, ms | start to first loss, ms | bytes |"
  echo "|---|---|---|---|---|---|---|---|"
  cat "$reports"/{isa-matrix,aot-probe,arm64,wasm}.jsonl | jq -r '
    def checks: if .tests.total then "\(.tests.passed) of \(.tests.total - .tests.skipped) tests" else "\(.published) published values, gradients, hash" end;
    "| \(.name) | \(.width)\(if .fused then ", fused" else "" end) | \(if .failures == [] then checks else "failed" end) | `\(.hash)` " +
    "| \(.lossMilliseconds) | \(.lossAndGradientMilliseconds) | \(.startMilliseconds // "") | \(.bytes) |"'
  cat <<'TEXT'

NativeAOT beside the JIT as it comes (times over the JIT's), and why the library does not insist on fused multiply-adds: an inner product in 128-bit vectors, in
GFLOP/s, with the multiply-add that the library uses (`MultiplyAddEstimate`) and with `FusedMultiplyAdd`, a call for each number where the instruction set has
none.

| instruction set | loss | with gradient | GFLOP/s, estimate | GFLOP/s, fused | estimate over fused |
|---|---|---|---|---|---|
TEXT
  jq -rs '
    def decimals($count): . * pow(10; $count) | round / pow(10; $count);
    .[0] as $jit | .[] | select(.gflops) |
    "| \(.name | sub("NativeAOT, "; "")) | \(.lossMilliseconds / $jit.lossMilliseconds | decimals(2)) | \(.lossAndGradientMilliseconds / $jit.lossAndGradientMilliseconds | decimals(2)) " +
    "| \(.gflops.estimate) | \(.gflops.fused) | \(.gflops.estimate / .gflops.fused | decimals(1)) |"' "$reports"/{isa-matrix,aot-probe}.jsonl
  cat <<'TEXT'

## Not tested: Windows and macOS

The tests and scripts have run on Linux alone. What is known of the others is from reading: the code has no native part, so losses and gradients should be those of the same vectors above
(arm64's on a Mac).

| trap | what the project does |
|---|---|
| line endings | `.gitattributes` keeps LF; hashes and golden sets agree in every checkout |
| paths | by `Path`, with spaces and any letters; no name differs from another by case alone |
| signals | Ctrl+C and the end of a session are caught by .NET's own registration, which Windows has too; SIGHUP and SIGTERM are Unix's |
| file modes, links, devices | kept and followed where the system has them |
| pages that cannot be read, which tests put after spans | on Linux and macOS; elsewhere those tests run without |
| scripts in `tools` | need Linux and say so; the tests themselves are `dotnet test -c Release` |
TEXT
} >docs/platforms.md
exit $failed
