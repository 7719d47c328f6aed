#!/usr/bin/env bash
# Writes the hashes of today's answers, fused and not, into tests/ManagedCircle.Checks/SameBits.cs. For after a change of the order of sums; the
# tests then tell whether every width gives them, and whether they are near the reference. Needs a machine with AVX2.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/needs.sh
needs
probe=tools/ManagedCircle.AotProbe
dotnet build -c Release "$probe" | grep -E ' error |Elapsed'

# The probe fails, as its hash is the old one.
hash() { { env "$1" "$probe/bin/Release/net10.0/ManagedCircle.AotProbe" || true; } | grep -oP '"hash": "\K[0-9a-f]{16}'; }

fused=$(hash DOTNET_EnableHWIntrinsic=1)
unfused=$(hash DOTNET_EnableAVX2=0)
sed -i -E "s/(string Fused = )\"[^\"]*\"/\1\"$fused\"/; s/(string Unfused = )\"[^\"]*\"/\1\"$unfused\"/" tests/ManagedCircle.Checks/SameBits.cs
git --no-pager diff --stat -- tests/ManagedCircle.Checks/SameBits.cs
