#!/usr/bin/env bash
# The long form of the tests that kill: a hundred kills of a whole hub, sending under load and taking mail in, or as many as given; a disk that cannot make a commit durable; and a mailbox of 200,000 messages on first connect.
# Ten kills and 3,000 messages are among the tests. What proves each fault: docs/operations/faults.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. eng/install.sh
need_dotnet
want dovecot dovecot-core dovecot-imapd dovecot-pop3d dovecot-submissiond
want_package dovecot-pop3d
install_wanted || echo "Tests that need a missing program are skipped and say so." >&2
export PATH="$PATH:/usr/sbin"
export POSTRIDER_KILLS=${1:-100}
export POSTRIDER_FIRST_CONNECT=${POSTRIDER_FIRST_CONNECT:-200000}
export POSTRIDER_KILL_SEED=${POSTRIDER_KILL_SEED:-$RANDOM}
dotnet build tests/Postrider.Journeys -c Release -v quiet -nologo
exec dotnet tests/Postrider.Journeys/bin/Release/net10.0/Postrider.Journeys.dll -noLogo -noColor -class Postrider.Journeys.KillJourney -class Postrider.Journeys.IntakeKillJourney -class Postrider.Journeys.FsyncJourney -showLiveOutput
