#!/bin/sh
# What the Makefile's verbs do to a machine: find Python, make .venv, install one of the locks or the tools, reset the demo's data.
set -eu
cd "$(dirname "$0")/.."
VENV=.venv

say() { printf '%s\n' "$*"; }

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

find_python() {
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        # Asked for its version and not only found: a version manager's shim may stand for nothing.
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            say "$name"
            return
        fi
    done
    fail "Countersign needs Python 3.11 or newer; found none. On Debian: apt install python3 python3-venv."
}

make_venv() {
    if "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
        return
    fi
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        fail "$python lacks the venv module. On Debian and Ubuntu: apt install python$version-venv (or python3-venv)."
    fi
    say "Making $VENV with $("$python" --version)"
    "$python" -m venv --clear "$VENV"
}

# The installer itself, in the version and with the hashes of the developers' lock.
have_uv() {
    if "$VENV/bin/uv" --version >/dev/null 2>&1; then
        return
    fi
    say "Fetching the installer uv"
    pinned=$(mktemp)
    sed -n '/^uv==/,/[^\\]$/p' requirements-dev.lock >"$pinned"
    status=0
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$pinned" || status=1
    rm -f "$pinned"
    return $status
}

install_lock() {
    lock=requirements-$1.lock
    make_venv
    say "Installing $(grep -c '^[a-z0-9]' "$lock") packages from $lock"
    if have_uv && UV_PYTHON_DOWNLOADS=never "$VENV/bin/uv" pip sync --python "$VENV/bin/python" "$lock"; then
        :
    else
        say "uv can't be had here; pip takes a minute longer"
        "$VENV/bin/python" -m pip install --disable-pip-version-check --require-hashes -r "$lock"
    fi
    # The client library as its users import it, straight from its source.
    "$VENV/bin/python" - <<'PYTHON'
import pathlib
import sysconfig

site_packages = pathlib.Path(sysconfig.get_path("purelib"))
source = pathlib.Path("clients/python/src").resolve()
(site_packages / "countersign-client.pth").write_text(f"{source}\n")
PYTHON
    touch "$VENV/.ready-$1"
}

# The tools that read our exports in tests/tools, apart from ours in an environment of their own. Nothing of npm's runs
# while it installs; the tool that we take from it needs none of the programs that would be built.
install_tools() {
    tools="$VENV/tools"
    if ! command -v npm >/dev/null 2>&1; then
        fail "The tools need Node.js 18 or newer with npm. On Debian: apt install nodejs npm."
    fi
    say "Installing $(grep -c '^[a-z0-9]' requirements-tools.lock) packages from requirements-tools.lock into $tools"
    "$VENV/bin/python" -m venv "$tools"
    # Without dependencies: the lock names all that is wanted, and evals stands in it without the ninety of its own.
    if have_uv && UV_PYTHON_DOWNLOADS=never "$VENV/bin/uv" pip sync --python "$tools/bin/python" requirements-tools.lock; then
        :
    else
        "$tools/bin/python" -m pip install --disable-pip-version-check --require-hashes --no-deps -r requirements-tools.lock
    fi
    cp tests/tools/package.json tests/tools/package-lock.json "$tools/"
    say "Installing promptfoo from tests/tools/package-lock.json"
    npm ci --prefix "$tools" --ignore-scripts --omit=optional --omit=peer --no-audit --no-fund --loglevel=error
    touch "$tools/.ready"
}

write_locks() {
    for extras in "" "demo" "demo dev" "demo dev bench"; do
        set_name=${extras##* }
        output=requirements${set_name:+-$set_name}.lock
        options=
        for extra in $extras; do options="$options --extra $extra"; done
        # No header, annotations or addresses: the files are the same wherever they were written.
        # shellcheck disable=SC2086
        "$VENV/bin/uv" pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header \
            --no-annotate --no-emit-index-url --no-emit-find-links "$@" $options -o "$output" pyproject.toml
        say "$output: $(grep -c '^[a-z0-9]' "$output") packages"
    done
    write_tools_lock "$@"
}

write_tools_lock() {
    output=requirements-tools.lock
    alone=$(mktemp)
    for group in tools tools-alone; do
        target=$output
        options=
        if [ "$group" = tools-alone ]; then target=$alone options=--no-deps; fi
        # shellcheck disable=SC2086
        "$VENV/bin/uv" pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-header \
            --no-annotate --no-emit-index-url --no-emit-find-links "$@" $options --group "pyproject.toml:$group" -o "$target"
    done
    cat "$alone" >>"$output"
    rm -f "$alone"
    say "$output: $(grep -c '^[a-z0-9]' "$output") packages"
}

reset_data() {
    if [ ! -d "$1" ]; then
        say "Nothing to forget: there is no $1."
        return
    fi
    if find /proc/[0-9]*/fd -lname "$1/*" 2>/dev/null | grep -q .; then
        fail "Countersign is still running on $1. End it (Ctrl-C where it runs), then try again."
    fi
    if [ ! -e "$1/secret_key" ] && [ -n "$(ls -A "$1")" ]; then
        fail "$1 does not look like Countersign's data; nothing was removed."
    fi
    rm -rf "$1"
    say "Forgotten. The next make demo starts over."
}

case "${1-}" in
install) install_lock "$2" ;;
tools) install_tools ;;
lock)
    shift
    write_locks "$@"
    ;;
reset) reset_data "$2" ;;
*) fail "usage: scripts/setup.sh install demo|dev|bench | tools | lock [--upgrade] | reset FOLDER" ;;
esac
