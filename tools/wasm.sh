#!/usr/bin/env bash
# Publishes the probe for the browser, without a workload, and runs it in headless Chromium: published values, gradients, the hash of all answers, the width.
# Prints a line of JSON with the bytes of the page. Needs chromium, node, npm and jq.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/needs.sh
needs chromium node:nodejs npm jq
. tools/report.sh
out=artifacts/wasm

rm -rf "$out"
dotnet publish -c Release tools/ManagedCircle.WasmProbe -o "$out" >&2 || exit 1
npm install --prefix tools/ManagedCircle.WasmProbe --no-package-lock --no-fund --no-audit >&2 || exit 1
report browser Vector128 "$(du -sb "$out/wwwroot" | cut -f1)" node tools/ManagedCircle.WasmProbe/browse.mjs "$out/wwwroot"
exit $failed
