// What the kubelet makes of a container's argument before it starts the container, ported from Kubernetes
// (third_party/forked/golang/expansion/expand.go): byte by byte, as Go does it. Decides nothing.
// To check: of a character outside of ASCII that follows $ Go takes the first byte for a character of its own.
const [dollar, open, close] = [...Buffer.from('$()')];

export function asKubelet(text: string, variables: Readonly<Record<string, string>>): string {
  const bytes = Buffer.from(text);
  const out: Buffer[] = [];
  let from = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== dollar || at + 1 >= bytes.length) continue;
    out.push(bytes.subarray(from, at));
    const { made, taken } = referenceIn(bytes.subarray(at + 1), variables);
    out.push(Buffer.from(made));
    at += taken;
    from = at + 1;
  }
  return Buffer.concat([...out, bytes.subarray(from)]).toString();
}

function referenceIn(rest: Buffer, variables: Readonly<Record<string, string>>): { made: string; taken: number } {
  const [first = 0] = rest;
  if (first === dollar) return { made: '$', taken: 1 };
  if (first !== open) return { made: `$${String.fromCodePoint(first)}`, taken: 1 };
  const end = rest.indexOf(close ?? 0);
  if (end < 0) return { made: '$(', taken: 1 };
  const name = rest.subarray(1, end).toString();
  return { made: variables[name] ?? `$(${name})`, taken: end + 1 };
}
