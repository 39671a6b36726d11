# shellcheck shell=bash
# What the scripts need from a bare machine. Sourced by them, from the root of the tree.

say() { printf '%s\n' "$*" >&2; }
fail() { say "$0: $*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# need_packages PROGRAM=PACKAGE…: installs the Debian packages whose program is missing.
need_packages() {
  local pair missing=()
  for pair in "$@"; do
    has "${pair%%=*}" || missing+=("${pair#*=}")
  done
  [ "${#missing[@]}" -eq 0 ] && return

  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    # -n: a password prompt would hang a machine that nobody looks at.
    if ! has sudo || ! sudo -n true 2>/dev/null; then
      fail "please install: ${missing[*]}"
    fi
    root=(sudo -n)
  fi
  has apt-get || fail "please install: ${missing[*]}"
  say "installing ${missing[*]}"
  # A stale list of packages is worth a try: a mirror may be out of reach and the cache at hand.
  "${root[@]}" apt-get update -qq >&2 || say "apt-get update failed; trying with the old lists"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends "${missing[@]}" >&2
}

# need_rust: a toolchain that is new enough; Debian's own seldom is.
need_rust() {
  # rustup's place, which a login shell adds to PATH but a CI runner may not.
  has cargo || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  has cargo || fail "no Rust toolchain: install one from https://rustup.rs, then run this again"

  local wanted found
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  found=$(rustc --version | cut -d' ' -f2)
  [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n1)" = "$wanted" ] ||
    fail "Rust $found is too old: $wanted or newer is needed (rustup update)"
}

# need_component SUBCOMMAND COMPONENT: a part of the toolchain that minimal profiles leave out.
need_component() {
  cargo "$1" --version >/dev/null 2>&1 && return
  has rustup || fail "no cargo $1: install the toolchain's component $2"
  rustup component add "$2"
}

# need_cargo_tool SUBCOMMAND ARGUMENTS…: a tool from crates.io, built here.
need_cargo_tool() {
  cargo "$1" --version >/dev/null 2>&1 && return
  say "installing cargo-$1; this takes some minutes, once"
  # Its bin folder may not be in PATH, although cargo is.
  PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  cargo install --locked "${@:2}"
}
