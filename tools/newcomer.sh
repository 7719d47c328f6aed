#!/usr/bin/env bash
# What a newcomer does first, by the commands of README.md, where paths go wrong: in clones below a folder named src, one with a space and one with é, each with an empty home, and with
# a space in TMPDIR. The first starts with an empty package cache, which the others share. The clones are of HEAD. Needs git, and NuGet's feed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/needs.sh
needs git
root=$PWD scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "newcomer: $*" >&2; exit 1; }

# The compiler's server would outlive the folders it was started for.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en DOTNET_GENERATE_ASPNET_CERTIFICATE=false MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false
unset DOTNET_CLI_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME
export NUGET_PACKAGES=$scratch/cache TMPDIR="$scratch/temporary files"
mkdir "$TMPDIR"

# Runs a command that README.md shows, with more arguments.
as_shown() {
  grep -qF -- "$1" <(sed -E 's/ +#.*//' "$root/README.md") || fail "README.md does not show: $1"
  echo "-- $1"
  bash -c "$1 \"\$@\"" newcomer "${@:2}" || fail "in $PWD: $1"
}

# folder, what follows the test command
newcomer() {
  local clone=$scratch/$1 app="$scratch/$1 app" started=$SECONDS
  echo "== $1"
  export HOME="$scratch/$1 home"
  mkdir -p "$HOME" "$app"
  rm -rf "$NUGET_PACKAGES"/{managedcircle,managedcircle.reference,mcircle}
  git clone -q "$root" "$clone"

  cd "$clone"
  as_shown 'dotnet run -c Release --project tools/ManagedCircle.Cli -- train'
  as_shown 'dotnet pack -c Release -o packages'
  as_shown 'dotnet nuget add source "$PWD/packages" --name managed-circle'

  cd "$app"
  as_shown 'dotnet tool install --global mcircle'
  "$HOME/.dotnet/tools/mcircle" train --steps 20
  dotnet new console --name app --output . >/dev/null
  awk '/^```csharp/ { inside = 1; next } /^```/ { inside = 0 } inside' "$root/README.md" >Program.cs
  as_shown 'dotnet add package ManagedCircle'
  dotnet run >printed.txt
  awk '/^It prints:/ { after = 1 } after && /^```text/ { inside = 1; next } inside && /^```/ { exit } inside' "$root/README.md" | diff - printed.txt \
    || fail "the program of README.md prints something else"

  # The ways that leave the configuration alone.
  dotnet nuget remove source managed-circle
  dotnet tool uninstall --global mcircle
  dotnet remove package ManagedCircle
  (cd "$clone" && as_shown 'dotnet tool install --global mcircle --add-source packages')
  "$HOME/.dotnet/tools/mcircle" --version
  dotnet add reference "$clone/src/ManagedCircle"
  dotnet run | diff printed.txt - || fail "the program of README.md prints something else by a project reference"

  cd "$clone"
  as_shown 'dotnet test -c Release' "${@:2}"
  echo "newcomer: $1 in $((SECONDS - started)) s"
}

newcomer x/src/y -- --filter-class '*LossCommandTests' --filter-class '*ProcessTests'
newcomer 'my work/Managed Circle'
newcomer 'é/café' -- --filter-class '*LossCommandTests' --filter-class '*ProcessTests'
