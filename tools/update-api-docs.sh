#!/usr/bin/env bash
# Writes docs/api, the reference of the public API, from the comments in src. --check writes nothing, and fails where docs/api says something else than they.
# Roslynator writes a page for each member, or one for each type without parameters and errors; here the members of a type join it on one page.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/needs.sh
needs perl
export LC_ALL=C
libraries=(ManagedCircle ManagedCircle.Reference)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

dotnet tool restore >/dev/null
for library in "${libraries[@]}"; do dotnet restore "src/$library" >/dev/null; done
dotnet roslynator generate-doc ManagedCircle.sln --projects "${libraries[@]}" --output "$work/pages" --host github --files-layout flat-namespaces \
  --heading "API reference" --ignored-root-parts all --ignored-namespace-parts containing-namespace content --ignored-type-parts content containing-namespace \
  --ignored-member-parts containing-type containing-assembly --ignored-title-parts containing-type --verbosity quiet >&2

# page, what goes before the marks of its headings: links led to the joined pages, and without the members that every object has.
tidy() {
  PAGE=$1 DEEPER=${2:-} perl -0pe '
    s/^\[Home\].*\n//mg;
    s/^.*\(Inherited from \[.*\n//mg;
    s/^## \w+\n\n\| .*\n\| -.*\n(?!\|)//mg;
    s/^(?=#)/$ENV{DEEPER}/mg;
    s{\]\(\./README\.md}{]($ENV{PAGE}.md}g;
    s{\]\(\.\./(ManagedCircle(?:\.Reference)?(?:\.\w+)?)(?:\.(\w+))?/README\.md(?:#(\w+))?\)}{my $part = $3 // $2; "]($1.md" . ($part ? "#$part)" : ")")}ge;
    s/[ \t]+$//mg;
    s/\n{3,}/\n\n/g;
    s/\n*\z/\n/;' "$work/pages/$1/README.md"
}

mkdir "$work/api"
{
  printf '# API reference\n\nWritten by `tools/update-api-docs.sh` from the comments in `src`.\n'
  for library in "${libraries[@]}"; do echo; tidy "$library" '#'; done
} >"$work/api/README.md"

for type in $(cd "$work/pages" && grep -lE '^# .* (Class|Struct|Interface|Enum|Delegate)$' -- */README.md | xargs dirname | sort); do
  tidy "$type" >"$work/api/$type.md"
  for member in $(cd "$work/pages" && find . -path "./$type.*" -name README.md -printf '%P\n' | xargs -r dirname | sort); do
    { printf '\n<a id="%s"></a>\n\n' "${member##*.}"; tidy "$member" '#'; } >>"$work/api/$type.md"
  done
done

if [ "${1:-}" = --check ]; then
  diff -r docs/api "$work/api" >&2 || { echo "docs/api is not what the comments in src say: tools/update-api-docs.sh" >&2; exit 1; }
else
  rm -rf docs/api
  mv "$work/api" docs/api
fi
