#!/bin/sh
# Puts a Node that can run this project at .toolchain/bin/node. Written in sh because before it there may be no such Node.
#
# It takes the machine's own when that will do: 22.18 to 23 (older ones do not run TypeScript; newer ones lack binaries of
# uWebSockets.js) with its C++ headers next to it (the native build needs them). Otherwise it gets Node from the npm package
# node-linux-<arch>, which carries the headers, and checks the bytes against the sum below.
set -eu

VERSION=22.23.3
SHA512_x64=a879f3e6d16c1e88ff58cfae4443558d638d8b9855be6c2b82af00e15efa2a9b95340738fa3c0af31e20c1ba1b13d06d1cd83f00a476e7cdde628acb17f73b9e
SHA512_arm64=9770c01d9adeca5a3ea7d4170edb0eae31b625726a5736179c01a621034e50d01170ca694ced9c99ec1540ffb7ead8c99d213e773a4c36d816f9cde8883bd7b4

cd "$(dirname "$0")/../../.."
bin=.toolchain/bin/node

usable() {
  "$1" -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    const path = require("node:path");
    const headers = path.join(path.dirname(process.execPath), "../include/node/node_version.h");
    let text = "";
    try { text = require("node:fs").readFileSync(headers, "utf8"); } catch {}
    const number = (name) => Number(new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1]);
    const old = major < 22 || (major === 22 && minor < 18);
    process.exit(!old && major <= 23 && number("MAJOR") === major && number("MINOR") === minor ? 0 : 1);
  ' 2>/dev/null
}

fail() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

if [ -x "$bin" ] && usable "$bin"; then exit 0; fi
rm -f "$bin"
mkdir -p .toolchain/bin

found=$(command -v node || true)
if [ -n "$found" ] && usable "$found"; then
  ln -s "$found" "$bin"
  echo "Node: $("$bin" --version) of this machine ($found)"
  exit 0
fi

if ! { [ -x .toolchain/node/bin/node ] && [ "$(.toolchain/node/bin/node --version)" = "v$VERSION" ]; }; then
  [ "$(uname -s)" = Linux ] || fail "This set-up gets Node for Linux only: install Node 22 (22.18 or newer) and run make again."
  case "$(uname -m)" in
    x86_64) arch=x64 sum=$SHA512_x64 ;;
    aarch64) arch=arm64 sum=$SHA512_arm64 ;;
    *) fail "There is no Node $VERSION to download for $(uname -m): install Node 22 (22.18 or newer) and run make again." ;;
  esac
  command -v npm >/dev/null || fail "npm is not installed: install Node 18 or newer with npm and run make again."
  has=none
  if [ -n "$found" ]; then has=$("$found" --version); fi
  echo "Node: this machine has $has, the project needs 22.18 or newer with its headers; getting $VERSION …"
  started=$(date +%s)
  rm -rf .toolchain/node.new
  mkdir -p .toolchain/node.new
  # --ignore-scripts and the sum: nothing of the package runs before its bytes were checked
  npm pack "node-linux-$arch@$VERSION" --ignore-scripts --silent --pack-destination .toolchain/node.new >/dev/null ||
    fail "Node $VERSION could not be downloaded: npm pack node-linux-$arch@$VERSION failed (is the npm registry reachable?)."
  archive=.toolchain/node.new/node-linux-$arch-$VERSION.tgz
  echo "$sum  $archive" | sha512sum --check --status ||
    fail "The download of Node $VERSION does not have the expected checksum and was not used: $archive"
  tar -xzf "$archive" --strip-components=1 -C .toolchain/node.new
  rm "$archive"
  rm -rf .toolchain/node
  mv .toolchain/node.new .toolchain/node
  echo "Node: $VERSION in .toolchain/node ($(($(date +%s) - started)) s)"
fi
ln -s ../node/bin/node "$bin"
