#!/usr/bin/env bash
# ManagedCircle beside what a user would pick instead: tables and plots into bench/results/<cpu>/. --quick is done within 5 minutes; --scaling measures growth with N alone.
# BENCH_RUN goes before every measurement: BENCH_RUN="chrt -f 10 taskset -c 0,1" keeps a busy machine's other work out of the times.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1
case "$*" in
  '' | --quick | --scaling) mode=$* ;;
  *) echo "usage: tools/bench.sh [--quick | --scaling]" >&2; exit 2 ;;
esac
. tools/needs.sh
needs git
[ "$(uname -m)" = x86_64 ] || { echo "bench.sh needs x64: the peers' libraries are for nothing else" >&2; exit 1; }

project=bench/ManagedCircle.Benchmarks.Peers
dotnet build -c Release -v quiet "$project" || exit 1
bin=$PWD/$project/bin/Release/net10.0/linux-x64
program=$bin/ManagedCircle.Benchmarks.Peers

# A model name alone may be that of many processors, as in a virtual machine.
processor() { sed -n "s/^$1[^:]*: *//p" /proc/cpuinfo | head -1; }
cpu="$(processor 'model name'), family $(processor 'cpu family') model $(processor 'model\t')"
results=bench/results/$(echo "$cpu" | tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9' '-' | sed 's/-$//')
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
failed=0

# measure PEER N D THREADS REPEAT [NAME=VALUE ...]: one line of JSON, or the reason why there is none.
measure() {
  local peer=$1 n=$2 d=$3 threads=$4 repeat=$5
  shift 5
  echo "$peer ($n, $d), $threads threads" >&2
  # shellcheck disable=SC2086 # BENCH_RUN is a command with its arguments.
  env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE "$@" ${BENCH_RUN:-} "$program" measure "$peer" "$n" "$d" "$threads" "$repeat" >>"$lines" || failed=$((failed + 1))
}

# TorchSharp 0.107.0's wrapper needs libstdc++ 13 (GLIBCXX_3.4.32) for one empty function. Where the C++ library is older, as in Debian 12, the need in the build's copy is made
# weak and the function is preloaded.
preload=
torch=yes
try_torch() { env LD_PRELOAD="$preload" "$program" measure torch-product 64 16 1 1 >/dev/null 2>&1; }
c_library() { echo "$2" | gcc -shared -fPIC -x c - -o "$1" 2>/dev/null; }
if ! ldconfig -p | sed -n 's/.*libstdc++\.so\.6 .*x86-64.*=> //p' | head -1 | xargs grep -q GLIBCXX_3.4.32; then
  "$program" weaken "$bin/libLibTorchSharp.so" GLIBCXX_3.4.32
  if c_library "$bin/libiosinit.so" 'void _ZSt21ios_base_library_initv(void) { }'; then
    preload=$bin/libiosinit.so
  fi
fi
try_torch || { torch=no; echo "left out: PyTorch, whose library does not load here (C++ library older than GCC 13's, and no gcc?)" >&2; }
ceiling=no
c_library "$bin/libmklcheck.so" 'int mkl_serv_intel_cpu_true(void) { return 1; }' && ceiling=yes
openblas=no
"$program" measure openblas-product 64 16 1 1 >/dev/null 2>&1 && openblas=yes
[ "$openblas" = yes ] || echo "left out: OpenBLAS (Debian's libopenblas0-pthread)" >&2

tuned=GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=17179869184:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456

# own_losses N D THREADS REPEAT: what the peers' times are divided by, before them and after.
own_losses() {
  measure managedcircle "$@"
  measure managedcircle-keras "$@"
}

# losses N D THREADS REPEAT SLOW_REPEAT
losses() {
  own_losses "$1" "$2" "$3" "$4"
  [ "$1" -lt 4096 ] || measure managedcircle-24mb "$1" "$2" "$3" "$4"
  [ "$3" -gt 1 ] || measure textbook "$1" "$2" "$3" "$5"
  if [ "$torch" = yes ]; then
    local way
    for way in pml keras hand; do
      measure "torch-$way" "$1" "$2" "$3" "$5" LD_PRELOAD="$preload"
      measure "torch-$way@tuned" "$1" "$2" "$3" "$5" LD_PRELOAD="$preload" "$tuned"
    done
    [ "$ceiling" = no ] || measure torch-hand@ceiling "$1" "$2" "$3" "$5" LD_PRELOAD="$preload $bin/libmklcheck.so" "$tuned"
  fi
  own_losses "$1" "$2" "$3" "$4"
}

# own_products N D THREADS REPEAT
own_products() {
  measure managedcircle-product "$@"
  measure managedcircle-self-product "$@"
}

# products N D THREADS REPEAT
products() {
  own_products "$@"
  measure onnxruntime-product "$@"
  measure onnxruntime-transposed-product "$@"
  if [ "$openblas" = yes ]; then
    measure openblas-product "$@"
    ! grep -q avx512f /proc/cpuinfo || measure openblas-product@avx512 "$@" OPENBLAS_CORETYPE=SkylakeX
  fi
  if [ "$torch" = yes ]; then
    measure torch-product "$@" LD_PRELOAD="$preload"
    [ "$ceiling" = no ] || measure torch-product@ceiling "$@" LD_PRELOAD="$preload $bin/libmklcheck.so" "$tuned"
  fi
  [ "$3" -gt 1 ] || measure numsharp-product "$@"
  [ "$1" -gt 1024 ] || measure mathnet-product "$1" "$2" "$3" 3
  own_products "$@"
}

# write VERB FILE: tables and plots of the lines measured, and the lines beside them.
write() {
  local commit
  commit=$(git rev-parse --short HEAD)$([ -z "$(git status --porcelain -- src)" ] || echo ", with changes")
  mkdir -p "$results"
  "$program" "$1" "$lines" "$results" "CPU=$cpu, $(nproc) cores" "commit=$commit" "date=$(date -u +%F)" "by=tools/bench.sh${mode:+ $mode}${BENCH_RUN:+, under $BENCH_RUN}" || exit 1
  cat "$lines" >"$results/$2"
  : >"$lines"
}

# Each as far as 16 GB and a quarter of a minute a call go, ManagedCircle to 200,000 rows, a call of a minute and a half: 6 minutes in all.
scaling() {
  local n
  for n in 256 512 1024 2048 4096 8192 16384 32768 65536 200000; do
    measure managedcircle "$n" 128 1 $((n > 65536 ? 0 : n > 16384 ? 1 : 3))
    [ "$n" -gt 16384 ] || measure textbook "$n" 128 1 1
    [ "$torch" = no ] || [ "$n" -gt 8192 ] || measure torch-pml "$n" 128 1 1 LD_PRELOAD="$preload"
    [ "$torch" = no ] || [ "$n" -gt 8192 ] || measure torch-keras "$n" 128 1 1 LD_PRELOAD="$preload"
    [ "$torch" = no ] || [ "$n" -gt 32768 ] || measure torch-hand "$n" 128 1 1 LD_PRELOAD="$preload"
  done
  write scaling scaling.jsonl
}

# losses_and_products: the sizes of the field.
losses_and_products() {
  local threads n size
  for threads in 1 2; do
    if [ "$mode" = --quick ]; then
      losses 256 128 "$threads" 15 9
      losses 1024 128 "$threads" 15 9
      losses 4096 128 "$threads" 9 5
      products 1024 512 "$threads" 15
      products 4096 128 "$threads" 9
    else
      for n in 16 64 256 512 1024 2048 4096; do losses "$n" 128 "$threads" 25 7; done
      losses 1024 512 "$threads" 25 11
      losses 1000 127 "$threads" 25 11
      for size in "64 128" "256 128" "1024 128" "1024 512" "4096 128" "1000 127"; do
        # shellcheck disable=SC2086 # two numbers
        products $size "$threads" 25
      done
    fi
  done
  write report measurements.jsonl
  tools/check-results.sh --write
}

started=$(date +%s)
[ "$mode" = --scaling ] || losses_and_products
[ "$mode" = --quick ] || scaling
echo "measured in $(($(date +%s) - started)) s" >&2
[ "$failed" -eq 0 ] || { echo "$failed measurements failed" >&2; exit 1; }
