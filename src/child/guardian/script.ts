// The guardian's text for a shell: a dead man's switch. It holds a deadline in boot time; unless a later one arrives,
// it kills the command then, and soon after leader-run is gone (end of file): its group and session, their descendants,
// and the carriers of its cookie. Decides nothing but that. Needs `read -t` with fractions: bash and busybox have it,
// dash has not (status 3).
// Invariants: a deadline that has passed is never extended (the clock is read before a line is obeyed); a clock that
// cannot be read counts as past; it forks nothing, since at the user's limit of processes a fork ends bash; it finds
// the processes that it can find before the first signal; it says "killed" when no process is left.

/**
 * Lines in: `T <pgid>` watches a group, `D <n> <boot centiseconds>` arms, `X <n>` disarms. Lines out: `R` once ready,
 * `A <n>` for each D and X. Arguments: the cookie's name. Slices of 250 ms bound how late it is after a suspend, since
 * bash starts a stopped `read -t` over. ash gives 1 for both time-out and end of file; the clock tells them apart.
 */
export const guardianScript = `
cookie=$1
trap '' HUP INT QUIT TERM USR1 USR2 ALRM PIPE TSTP TTIN TTOU WINCH
set -f
now() {
  s= c=
  IFS=' .' read -r s c rest 2>/dev/null < /proc/uptime
  case $s$c in
  '' | *[!0-9]*) now=999999999999 ;;
  *) now=$((s * 100 + 1$c - 100)) ;;
  esac
}
if [ -z "\${BASH_VERSION-}" ]; then
  now; begun=$now
  read -r -t 0.04 line 2>/dev/null && exit 3
  now; [ $((now - begun)) -ge 2 ] || exit 3
fi
pgid= deadline= part= since=0 heads=' ' known=' '
# /proc/N/stat of whoever is alive; its second field, the name, may hold anything, line ends too.
stat() {
  line=
  { while IFS= read -r more || [ -n "$more" ]; do line="$line $more"; done < "/proc/$1/stat"; } 2>/dev/null || return 1
  case $line in *') '*) ;; *) return 1 ;; esac
  set -- \${line##*) }
  case $1 in Z | X) return 1 ;; esac
  parent=$2 group=$3 session=$4 start=\${20}
}
carries() {
  {
    while IFS= read -r line || [ -n "$line" ]; do
      # The shell drops the zero bytes between the variables.
      case $line in *"$cookie="*) return 0 ;; esac
    done < "/proc/$1/environ"
  } 2>/dev/null
  return 1
}
# Who lives of the command, into $members: its group and session, whom an earlier look knew, who is in a group or
# session that one of these leads; with $1 the carriers of the cookie too; and the descendants of all these. Nobody
# older than the gate is asked. It comes before a kill, since the child of a parent that is gone is nobody's.
look() {
  table= members=' '
  set +f
  for entry in /proc/[0-9]*; do
    pid=\${entry#/proc/}
    stat "$pid" && [ "$start" -ge "$since" ] || continue
    table="$table $pid:$parent:$group:$session:$start"
    case $known in *" $pid:$start "*) ;; *)
      [ "$group" = "$pgid" ] || [ "$session" = "$pgid" ] || { [ -n "$1" ] && carries "$pid"; } || continue ;;
    esac
    members="$members$pid " heads="$heads$pid " known="$known$pid:$start "
  done
  set -f
  grown=1
  while [ -n "$grown" ]; do
    grown=
    for entry in $table; do
      IFS=:
      set -- $entry
      unset IFS
      case $members in *" $1 "*) continue ;; esac
      case $heads in *" $2 "* | *" $3 "* | *" $4 "*) ;; *) continue ;; esac
      members="$members$1 " heads="$heads$1 " known="$known$1:$5 " grown=1
    done
  done
  # A look that does not show this very process shows nothing.
  stat "$$" || members=" $pgid "
}
# Waits without a fork, which the user's limit might forbid: nothing ever comes from a terminal that nobody has opened.
pause() {
  now; until=$((now + $1))
  # A clock that cannot be read tells no end of a wait.
  [ $now -lt 999999999999 ] || return
  while [ $now -lt $until ]; do
    IFS= read -r -t 0.05 line 2>/dev/null <> /dev/ptmx
    now
  done
}
# The group and its kin at once, then who carries the cookie; again until nobody is left, or for 2 s.
finish() {
  [ -n "$pgid" ] || exit 0
  look
  kill -KILL -- -"$pgid" 2>/dev/null
  rounds=0
  while :; do
    for pid in $members; do kill -KILL "$pid" 2>/dev/null; done
    case $members in *" $pgid "*) kill -KILL -- -"$pgid" 2>/dev/null ;; esac
    look environments
    [ "$members" != ' ' ] || break
    rounds=$((rounds + 1))
    [ $rounds -lt 40 ] || break
    [ $rounds -lt 3 ] || pause 5
  done
  end='the command was killed'
  [ "$members" = ' ' ] || end="these processes of the command cannot be killed:$members"
  # Last: whoever has stopped reading must not keep the rest of the command alive.
  echo "leader-run guardian: $1; $end" >&2
  exit 9
}
# leader-run is gone: the command may end by itself for 250 ms, or until the deadline.
orphaned() {
  [ -n "$pgid" ] || exit 0
  look
  kill -TERM -- -"$pgid" 2>/dev/null
  kill -CONT -- -"$pgid" 2>/dev/null
  now; left=25
  [ -z "$deadline" ] || [ $((deadline - now)) -ge 25 ] || left=$((deadline - now))
  pause $left
  finish 'leader-run is gone'
}
echo R 2>/dev/null
while :; do
  now
  if [ -z "$deadline" ]; then
    IFS= read -r line || orphaned
  else
    left=$((deadline - now))
    [ $left -gt 0 ] || finish 'the lease is about to end and was not renewed'
    [ $left -le 25 ] || left=25
    begun=$now slice=$left
    [ $left -ge 10 ] || left=0$left
    line=
    IFS= read -r -t 0.$left line
    status=$?
    now
    if [ $status -ne 0 ]; then
      # A slice may end in the middle of a line.
      part=$part$line
      [ $status -gt 128 ] || [ $((now - begun)) -ge $((slice - 3)) ] || orphaned
      continue
    fi
    line=$part$line part=
    [ $now -lt "$deadline" ] || finish 'the lease is about to end and was not renewed'
  fi
  case $line in
  'T '*) pgid=\${line#T } heads=" $pgid " known=' ' since=0; stat "$pgid" && since=$start ;;
  'D '*)
    line=\${line#D }
    deadline=\${line#* }
    echo "A \${line% *}" 2>/dev/null
    ;;
  'X '*) deadline= pgid=; echo "A \${line#X }" 2>/dev/null ;;
  esac
done
`;
