#!/usr/bin/env bash
# The first thing to run: the sandbox and the hub in one process, and the story they tell.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. eng/install.sh
need_dotnet
want npm nodejs npm
install_wanted
exec dotnet run --project src/Postrider.Demo -- "$@"
