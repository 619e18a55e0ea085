export type BusMessage = { channel: string; body: string };

// Every web process hears all of these: read from Redis one by one, each costs a third of what it costs to tell of it.
export const HEARD_BY_ALL = "events";
/** Several of them as one, a line each. Releases before this one do not listen to it, and find what it says by their sweep. */
export const SEVERAL = `${HEARD_BY_ALL}:several`;
const LONGEST = 250_000;

/**
 * Gathers what one callback of the event loop publishes and hands it over as soon as that is done, all together: what happens
 * at the same moment goes as one, and nothing waits for what may come later.
 * @param handOver takes all of it, in the order in which it was given
 * @returns gives some; settles as the hand-over does, for all who gave
 */
export function inOneTurn(handOver: (all: BusMessage[]) => Promise<void>): (some: BusMessage[]) => Promise<void> {
  let gathered: BusMessage[] = [];
  let handedOver: Promise<void> | null = null;

  return (some) => {
    for (const message of some) gathered.push(message);
    handedOver ??= new Promise((resolve, reject) => {
      process.nextTick(() => {
        const all = gathered;
        [gathered, handedOver] = [[], null];
        handOver(all).then(resolve, reject);
      });
    });
    return handedOver;
  };
}

/** The same messages, those that every web process hears as one, in their order and as far as it does not become too long. */
export function bundled(messages: BusMessage[]): BusMessage[] {
  const bundles: BusMessage[] = [];
  let open: BusMessage | undefined;
  for (const message of messages) {
    if (open && message.channel === HEARD_BY_ALL && open.body.length + message.body.length <= LONGEST) {
      open.channel = SEVERAL;
      open.body += `\n${message.body}`;
      continue;
    }
    const next = { ...message };
    if (message.channel === HEARD_BY_ALL) open = next;
    bundles.push(next);
  }
  return bundles;
}

/** On which channels what is published on one may come. */
export function channelsOf(channel: string): string[] {
  return channel === HEARD_BY_ALL ? [channel, SEVERAL] : [channel];
}
