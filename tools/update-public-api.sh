#!/usr/bin/env bash
# Writes the public API as it is now into PublicAPI.Unshipped.txt of both libraries, less what PublicAPI.Shipped.txt has. Look at the difference before
# committing it; at a release its lines move to PublicAPI.Shipped.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for project in src/ManagedCircle src/ManagedCircle.Reference; do
  echo '#nullable enable' >"$project/PublicAPI.Unshipped.txt"
  dotnet restore "$project" >/dev/null
  dotnet format analyzers "$project" --diagnostics RS0016 --severity warn --no-restore
done
git --no-pager diff --stat -- 'src/*/PublicAPI.*.txt'
