// Each program prints what its client hands over, one JSON object a line, and says so when it stops for good.
const print = (object) => process.stdout.write(`${JSON.stringify(object)}\n`);

export const url = process.argv[2];
export const types = ['message', 'position', 'reset'];
export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

export function handOver({ type, data, id }) {
  print({ type: type || 'message', data, id: id ?? '' });
}

export function stopped() {
  print({ stopped: true });
  process.exit(0);
}

/** For what has the shape of a browser's `EventSource`. */
export function watch(source) {
  for (const type of types) {
    source.addEventListener(type, ({ data, lastEventId }) => handOver({ type, data, id: lastEventId }));
  }
  source.addEventListener('error', () => { if (source.readyState === 2) stopped(); });
  // A timer that does not keep the process alive must not end it.
  setInterval(() => {}, 60_000);
}
