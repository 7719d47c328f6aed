#!/usr/bin/env bash
# Packs the libraries and the tool into artifacts/packages, and uses them as a newcomer would: the program of the package's README against the installed packages, and the
# installed tool. Everything else happens in a scratch folder with a package cache of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/needs.sh
needs git unzip
root=$PWD packages=$PWD/artifacts/packages scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "package check: $*" >&2; exit 1; }

rm -rf "$packages"
# Built anew: paths are mapped in the compiler, which does not run again for an assembly that another build has made.
dotnet build -c Release tools/ManagedCircle.Cli --no-incremental -p:ContinuousIntegrationBuild=true
dotnet pack -c Release -o "$packages" -p:ContinuousIntegrationBuild=true
version=$(dotnet msbuild src/ManagedCircle -getProperty:Version)

for package in ManagedCircle ManagedCircle.Reference mcircle; do
  unzip -q "$packages/$package.$version.nupkg" -d "$scratch/$package"
  unzip -qo "$packages/$package.$version.snupkg" -d "$scratch/$package.symbols"
done
for project in src/ManagedCircle src/ManagedCircle.Reference tools/ManagedCircle.Cli; do
  package=${project##*/}
  [ "$package" != ManagedCircle.Cli ] || package=mcircle
  cmp "$project/README.md" "$scratch/$package/README.md" || fail "$package has another README than $project"
  cmp assets/icon.png "$scratch/$package/icon.png" || fail "$package has another icon"
done
for package in ManagedCircle ManagedCircle.Reference; do
  for file in "$package/lib/net10.0/$package."{dll,xml} "$package.symbols/lib/net10.0/$package.pdb"; do
    [ -s "$scratch/$file" ] || fail "$file is missing"
  done
  if grep -qaF "$root" "$scratch/$package/lib/net10.0/$package.dll"; then
    fail "$package names the folder it was built in"
  fi
done
for package in ManagedCircle ManagedCircle.Reference mcircle; do
  for tag in '<license type="expression">MIT<' '<readme>README.md<' '<icon>icon.png<' '<repository type="git"'; do
    grep -qF "$tag" "$scratch/$package/$package.nuspec" || fail "$package.nuspec has no $tag"
  done
done

# The same sources elsewhere give the same bytes; and with an origin that debuggers can read from, the symbols lead there.
git clone -q --no-checkout . "$scratch/elsewhere"
git ls-files -z | xargs -0 cp --parents -t "$scratch/elsewhere"
build_elsewhere() { dotnet build -c Release "$scratch/elsewhere/src/ManagedCircle.Reference" -p:ContinuousIntegrationBuild=true; }
build_elsewhere
for package in ManagedCircle ManagedCircle.Reference; do
  cmp "$scratch/$package/lib/net10.0/$package.dll" "$scratch/elsewhere/src/$package/bin/Release/net10.0/$package.dll" || fail "$package differs by where it is built"
done
git -C "$scratch/elsewhere" remote set-url origin https://github.com/owner/ManagedCircle
build_elsewhere
for package in ManagedCircle ManagedCircle.Reference; do
  grep -qaF "raw.githubusercontent.com/owner/ManagedCircle/$(git rev-parse HEAD)/" "$scratch/elsewhere/src/$package/bin/Release/net10.0/$package.pdb" \
    || fail "the symbols of $package have no source link"
done

dependencies=$(grep -oE '<dependency id="[^"]*"' "$scratch/ManagedCircle/ManagedCircle.nuspec")
[ "$dependencies" = '<dependency id="System.Numerics.Tensors"' ] || fail "ManagedCircle depends on: $dependencies"

export NUGET_PACKAGES=$scratch/cache
mkdir "$scratch/app"
awk '/^```csharp/ { inside = 1; next } /^```/ { inside = 0 } inside' src/ManagedCircle/README.md >"$scratch/app/Program.cs"
awk '/^It prints:/ { after = 1 } after && /^```text/ { inside = 1; next } inside && /^```/ { exit } inside' src/ManagedCircle/README.md >"$scratch/expected.txt"
[ -s "$scratch/expected.txt" ] || fail "src/ManagedCircle/README.md has a csharp block, and after it what it prints"
cat >"$scratch/app/app.csproj" <<PROJECT
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <Nullable>enable</Nullable>
    <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
    <RestoreAdditionalProjectSources>$packages</RestoreAdditionalProjectSources>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="ManagedCircle" Version="$version" />
    <PackageReference Include="ManagedCircle.Reference" Version="$version" />
  </ItemGroup>
</Project>
PROJECT
cat >"$scratch/app/Reference.cs" <<'PROGRAM'
/// <summary>Compiles against the second package too.</summary>
internal static class Reference
{
    public static double Loss() => ManagedCircle.Reference.ReferenceLoss.SelfBatch(ManagedCircle.CircleLossOptions.Paper, [1, 0, 0, 1], [0, 0]).Loss;
}
PROGRAM
dotnet build -c Release "$scratch/app" -o "$scratch/built"
dotnet exec "$scratch/built/app.dll" | diff "$scratch/expected.txt" - || fail "the README's program prints something else"

(cd "$scratch" && dotnet tool install mcircle --version "$version" --tool-path tool --add-source "$packages")
"$scratch/tool/mcircle" train --steps 20
[[ $("$scratch/tool/mcircle" --version) == "$version"* ]] || fail "mcircle is not of version $version"
echo "package check: $(cd "$packages" && stat -c '%n %s' -- *.nupkg | paste -sd, | sed 's/,/, /g')"
