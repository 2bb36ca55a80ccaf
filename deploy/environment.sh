#!/usr/bin/env bash
# Makes .venv (or the folder that PARLEY_VENV names) hold exactly what a lock names, by hash. Does nothing when it does
# already.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=$1
venv=${PARLEY_VENV:-.venv}

good() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' >/dev/null 2>&1
}

hash_of() { cat "$@" | cksum | tr -d ' '; }

stamp=$venv/.installed-$(basename "$lock" .lock)
wanted=$(hash_of requirements-uv.lock "$lock")
if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
  exit 0
fi

python=
for candidate in "${PARLEY_PYTHON:-}" python3.12 python3.11 python3 python; do
  if [ -n "$candidate" ] && command -v "$candidate" >/dev/null && good "$candidate"; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "Parley needs Python 3.11 or 3.12, and none was found. Install one, or name it: PARLEY_PYTHON=/path/to/python3.12" >&2
  exit 1
fi

began=$SECONDS
# The installer stands apart, so that the environment holds nothing but what the lock names.
installer=$venv/installer-$(hash_of requirements-uv.lock)
uv=$installer/bin/uv
if [ ! -x "$venv/bin/python" ] || ! good "$venv/bin/python"; then
  echo "Making $venv with $("$python" --version)"
  rm -rf "$venv"
  "$python" -m venv --without-pip "$venv"
fi
if [ ! -x "$uv" ]; then
  "$python" -m venv "$installer"
  "$installer/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
    --requirement requirements-uv.lock
fi
echo "Installing $lock"
"$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes "$lock"
# Some packages warn when they are first compiled, which under "warnings are errors" would fail a test run.
"$venv/bin/python" -W ignore -m compileall -q -j 2 "$venv/lib" >/dev/null || true
rm -f "$venv"/.installed-*
echo "$wanted" > "$stamp"
# What the tests need contains what a run needs.
if [ "$lock" = requirements-dev.lock ]; then
  hash_of requirements-uv.lock requirements.lock > "$venv/.installed-requirements"
fi
echo "Installed in $((SECONDS - began)) s"
