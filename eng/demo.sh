#!/usr/bin/env bash
# The first thing to run: the sandbox and the hub in one process, and the story they tell.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. eng/install.sh
if ! command -v dotnet >/dev/null 2>&1; then
  echo "The .NET 10 SDK is missing: install it, then run this again." >&2
  exit 1
fi
want npm nodejs npm
install_wanted
exec dotnet run --project src/Postrider.Demo -- "$@"
