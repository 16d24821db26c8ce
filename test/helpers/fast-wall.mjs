// Preloaded by Node before leader-run: the wall clock begins at an instant of the past, shows the last seconds of a
// minute, leaps to the last seconds of the next one, and so on, so that a tick of each minute comes each few seconds.
// It leaps and does not run fast, since a wait for a tick is a timer, and timers are left as they are; so are the
// clocks that leases count by. All that are given the same instants agree on the time. It never gets ahead of the true
// time within the hours of a test, as a clock that is ahead is a fault of its own.
// To check: FAST_WALL is `<true milliseconds since 1970> <shown ones> <minutes for each true one>`.
const [since, shown, rate] = (process.env['FAST_WALL'] ?? '').split(' ').map(Number);
const minute = 60_000;
const now = Date.now.bind(Date);

if (rate > 0) {
  const begin = Math.floor(shown / minute) * minute;
  const seen = minute / rate;
  Date.now = () => {
    const elapsed = Math.max(0, now() - since);
    return Math.floor(begin + Math.floor(elapsed / seen) * minute + (minute - seen) + (elapsed % seen));
  };
}
