#!/bin/sh
# Compile the hashed lock files from pyproject.toml. `UPGRADE=1` also moves pins that still satisfy it.
set -eu
cd "$(dirname "$0")/.."

uv=${UV:-.venv/bin/uv}
[ -x "$uv" ] || uv=$(command -v uv) || { echo "uv is needed to compile the locks: make test brings it" >&2; exit 69; }

compile() {  # compile NAME ARGS…
    name=$1; shift
    # No index, link or path may enter the locks: they must install from whatever registry the reader uses.
    UV_NO_CONFIG=1 "$uv" pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
        --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-emit-build-options \
        ${UPGRADE:+--upgrade} --output-file "requirements/$name.txt" "$@"
    { echo "# $name.txt: compiled from pyproject.toml by \`make locks\`. Do not edit."
      grep -v "^# $name.txt: compiled" "requirements/$name.txt"; } > "requirements/$name.tmp"
    mv "requirements/$name.tmp" "requirements/$name.txt"
}

compile runtime pyproject.toml
compile build --group build --constraint requirements/runtime.txt
compile dev pyproject.toml --group build --group dev --constraint requirements/runtime.txt \
    --constraint requirements/build.txt
# Of an environment of its own, so that nothing in it has to fit the others.
compile s3 --group s3

if grep -nE '://|^ *--(index|extra|find|trusted)|(^|[ "])/' requirements/*.txt; then
    echo "the lines above name a host or a path of this machine; the locks must not" >&2
    exit 1
fi
wc -l requirements/*.txt
