# shellcheck shell=sh
# Sourced by the commands beside it. Leaves the caller in the project's root, with dependencies installed and Node first on PATH.

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

cd "$(dirname -- "$0")/.." || exit 1

for program in node npm; do
  command -v "$program" >/dev/null 2>&1 ||
    fail "$program is needed: install Node 24.15 or newer (on Linux x64, Node 20 is enough to begin with)."
done

if ! node script/installed.mjs; then
  printf '%s\n' 'Installing the dependencies that package-lock.json names ...' >&2
  # Not `npm ci`: it refuses a lock without the binaries of other systems, which a registry that lacks them leaves out.
  # This takes the same versions with the same hashes, and writes neither package.json nor the lock.
  npm install --no-save --include=dev --include=optional --loglevel=error >&2 ||
    fail 'npm install failed: see above. A registry must be reachable.'
  node script/installed.mjs || fail 'what npm has installed is not what package-lock.json says: remove node_modules and try again.'
fi

# On Linux x64 an optional dependency brings the right Node; elsewhere the machine's own must do.
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 24 || (major === 24 && minor >= 15) ? 0 : 1)' ||
  fail "Node 24.15 or newer is needed, and this is $(node --version): install it and put it first on PATH."
