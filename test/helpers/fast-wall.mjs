// Preloaded by Node before leader-run: the wall clock begins at an instant of the past and runs so many times faster,
// so that a tick of each minute comes each few seconds. All that are given the same instant agree on the time. It never
// gets ahead of the true time within the hours of a test, as a clock that is ahead is a fault of its own.
// Timers and the clocks that leases count by are left as they are.
// To check: FAST_WALL is `<true milliseconds since 1970> <shown ones> <rate>`.
const [since, shown, rate] = (process.env['FAST_WALL'] ?? '').split(' ').map(Number);
const now = Date.now.bind(Date);
if (rate > 0) Date.now = () => Math.floor(shown + (now() - since) * rate);
