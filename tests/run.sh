#!/bin/sh
# Everything `make test` checks, in order; every check runs even when an earlier one fails. Arguments go to pytest.
set -u
cd "$(dirname "$0")/.."
bin=.venv/bin
# Tests start hundreds of processes: where bytecode is not kept, each of them would compile everything again.
unset PYTHONDONTWRITEBYTECODE
report=""
failed=0

check() {  # check NAME COMMAND…
    name=$1; shift
    began=$(date +%s)
    echo "── $name"
    if "$@"; then word=ok; else word=FAILED; failed=$((failed + 1)); fi
    report="$report
  $(printf '%-20s %-7s %4d s' "$name" "$word" $(($(date +%s) - began)))"
}

check "ruff rules" $bin/ruff check --quiet .
check "ruff format" $bin/ruff format --quiet --check .
check "import contracts" $bin/lint-imports --no-logo
check "mypy strict" $bin/mypy
check "pytest" $bin/python -m pytest "$@"

echo "── what ran$report"
if [ "$failed" -gt 0 ]; then echo "$failed of 5 checks failed"; exit 1; fi
echo "all 5 checks passed"
