#!/usr/bin/env bash
# The long form of the tests that kill, a hundred kills or as many as given:
#   eng/faults.sh [kills]           a hub that sends under load, one that takes mail in, a disk that cannot make a commit durable, and a mailbox of 200,000 messages on first connect
#   eng/faults.sh intake [kills]    a hub that takes in 2,000 messages, two thirds of the kills by IMAP and one third by POP3; it prints messages, kills, missing and twice
# Ten kills and 3,000 messages are among the tests. What proves each fault: docs/operations/faults.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
what=all
if [ "${1:-}" = intake ]; then
  what=intake
  shift
fi
kills=${1:-100}
if ! [[ $kills =~ ^[1-9][0-9]*$ ]] || [ $# -gt 1 ]; then
  sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
. eng/install.sh
need_dotnet
want dovecot dovecot-core dovecot-imapd dovecot-pop3d dovecot-submissiond
want_package dovecot-pop3d
install_wanted || echo "Tests that need a missing program are skipped and say so." >&2
export PATH="$PATH:/usr/sbin"
export POSTRIDER_KILLS=$kills
export POSTRIDER_FIRST_CONNECT=${POSTRIDER_FIRST_CONNECT:-200000}
export POSTRIDER_KILL_SEED=${POSTRIDER_KILL_SEED:-$RANDOM}
dotnet build tests/Postrider.Journeys -c Release -v quiet -nologo
run=(dotnet tests/Postrider.Journeys/bin/Release/net10.0/Postrider.Journeys.dll -noLogo -noColor -showLiveOutput)
if [ $what = intake ]; then
  exec "${run[@]}" -method 'Postrider.Journeys.IntakeKillJourney.Each_message_comes_in_exactly_once_however_often_the_hub_is_killed'
fi
exec "${run[@]}" -class Postrider.Journeys.KillJourney -class Postrider.Journeys.IntakeKillJourney -class Postrider.Journeys.FsyncJourney
