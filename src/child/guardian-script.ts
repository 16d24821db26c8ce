// The guardian's text for a shell: a dead man's switch. It holds a deadline in boot time; unless a later one arrives,
// it kills the command's group, session and cookie carriers then, and soon after leader-run is gone (end of file).
// Decides nothing but that. Needs `read -t` with fractions: bash and busybox have it, dash has not (status 3).
// Invariants: a deadline that has passed is never extended (the clock is read before a line is obeyed); a clock that
// cannot be read counts as past; it forks nothing while it waits.

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
pgid= deadline= part=
# Where there is no grep, as in some small images: the shell drops the zero bytes between the variables.
carriers() {
  if command -v grep > /dev/null 2>&1; then
    grep -ls "$cookie=" /proc/[0-9]*/environ 2>/dev/null
    return
  fi
  for environ in /proc/[0-9]*/environ; do
    {
      while IFS= read -r line || [ -n "$line" ]; do
        case $line in *"$cookie="*) echo "$environ"; break ;; esac
      done < "$environ"
    } 2>/dev/null
  done
}
# Session members and cookie carriers, after the group itself; again until none is left.
sweep() {
  rounds=0
  while [ $rounds -lt 5 ]; do
    rounds=$((rounds + 1)) found=
    set +f
    for stat in /proc/[0-9]*/stat; do
      { IFS= read -r line < "$stat"; } 2>/dev/null || continue
      pid=\${stat#/proc/} pid=\${pid%/stat}
      set -- \${line##*) }
      [ "$4" = "$pgid" ] || [ "$3" = "$pgid" ] || continue
      case $1 in Z | X) continue ;; esac
      kill -KILL "$pid" 2>/dev/null && found=1
    done
    for environ in $(carriers); do
      pid=\${environ#/proc/} pid=\${pid%/environ}
      kill -KILL "$pid" 2>/dev/null && found=1
    done
    set -f
    [ -n "$found" ] || return
  done
}
finish() {
  [ -n "$pgid" ] || exit 0
  kill -KILL -- -"$pgid" 2>/dev/null
  sweep
  # Last: whoever has stopped reading must not keep the rest of the command alive.
  echo "leader-run guardian: $1; the command was killed" >&2
  exit 9
}
# leader-run is gone: the command may end by itself for 250 ms, or until the deadline.
orphaned() {
  [ -n "$pgid" ] || exit 0
  kill -TERM -- -"$pgid" 2>/dev/null
  kill -CONT -- -"$pgid" 2>/dev/null
  now; left=25
  [ -z "$deadline" ] || [ $((deadline - now)) -ge 25 ] || left=$((deadline - now))
  if [ $left -gt 0 ]; then
    [ $left -ge 10 ] || left=0$left
    sleep 0.$left 2>/dev/null
  fi
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
  'T '*) pgid=\${line#T } ;;
  'D '*)
    line=\${line#D }
    deadline=\${line#* }
    echo "A \${line% *}" 2>/dev/null
    ;;
  'X '*) deadline= pgid=; echo "A \${line#X }" 2>/dev/null ;;
  esac
done
`;
