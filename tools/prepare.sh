#!/bin/sh
# Make .venv and fill it from the hashed locks. `prepare.sh runtime` is enough to run Reelbot, `prepare.sh dev` to test it.
# For tests there is also .venv/s3, with a store that speaks S3 and what it needs, which does not fit beside ours.
#
# Needs Python 3.11 or newer and a package registry; neither uv nor a writable home. Does nothing when the environment
# already matches the locks.
set -eu
cd "$(dirname "$0")/.."
what=${1:?runtime or dev}

# Settings that would send packages somewhere else than into .venv.
unset PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PYTHONHOME PYTHONPATH || true
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

choose_python() {
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3; do
        if is_new_enough "$candidate"; then echo "$candidate"; return; fi
    done
    echo "Reelbot needs Python 3.11 or newer; none of python3.13, python3.12, python3.11, python3 is." >&2
    echo "Install one, or name it: make ${what} PYTHON=/path/to/python3" >&2
    exit 69
}

# The stamp names everything the environment was made from, and where: a moved checkout gets a new one.
if [ "$what" = runtime ]; then locks="requirements/runtime.txt requirements/build.txt"; else locks=requirements/dev.txt; fi
wanted() { { pwd; cat "$@" pyproject.toml tools/prepare.sh; } | cksum; }
is_current() { [ -x .venv/bin/reelbot ] && [ "$(cat ".venv/.made-for-$1" 2>/dev/null)" = "$2" ] && is_new_enough .venv/bin/python; }

prepare_s3() {
    [ "$what" = dev ] || return 0
    s3_stamp=$({ pwd; cat requirements/s3.txt; } | cksum)
    if [ -x .venv/s3/bin/python ] && [ "$(cat .venv/s3/.made 2>/dev/null)" = "$s3_stamp" ]; then return 0; fi
    echo "filling .venv/s3 from requirements/s3.txt" >&2
    .venv/bin/python -m venv --clear --without-pip .venv/s3
    .venv/bin/python -m pip --python .venv/s3/bin/python install --quiet --require-hashes --requirement requirements/s3.txt
    echo "$s3_stamp" > .venv/s3/.made
}

# What is made for dev contains everything runtime needs.
dev_stamp=$(wanted requirements/dev.txt)
stamp=$(wanted $locks)
if is_current dev "$dev_stamp" || is_current "$what" "$stamp"; then prepare_s3; exit 0; fi

if ! is_new_enough .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(choose_python)
    echo "making .venv with $("$python" --version)" >&2
    "$python" -m venv --clear .venv || {
        echo "$python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2
        exit 69
    }
fi

echo "filling .venv from $locks" >&2
rm -f .venv/.made-for-*
set --
for lock in $locks; do set -- "$@" --requirement "$lock"; done
.venv/bin/python -m pip install --quiet --require-hashes "$@"
# Editable, so that the checkout is what runs; the build tools came with the locks, so nothing is fetched here.
.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
echo "$stamp" > ".venv/.made-for-$what"
prepare_s3
