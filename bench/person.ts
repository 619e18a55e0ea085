import { setTimeout as pause } from "node:timers/promises";
import type { LoggedEvent } from "../src/events/log.ts";
import { writeNews } from "../src/notifications/messages.ts";
import { atRate, costOf, cpuMs, nowUs, pssKib } from "./proc.ts";
import { type Crowd, type Stage, startCrowd } from "./stage.ts";

export type Kind = "raw" | "web";
/** CPU in ms for a thousand deliveries; the times from publishing to arrival in ms. */
export type Deliveries = { p50: number; p99: number; last: number; cpu: number; lost: number };
export type PersonFigures = {
  people: number;
  openSeconds: number;
  /** CPU in ms for a thousand openings. */
  openCpu: number;
  kibEach: number;
  /** CPU in seconds for a person who is connected for an hour and told nothing. */
  idleCpuHour: number;
  rates: Record<number, Deliveries>;
  /** One event to all of them: the middle one of three. */
  all: Deliveries;
};

const WARM_RATE = 5000;

/** What people who are connected cost a server, and what it costs to tell them: as the worker publishes it, or raw. */
export async function measurePerson(
  stage: Stage,
  kind: Kind,
  people: number,
  { rates = [2000, 10_000], seconds = 4, idleSeconds = 15, settleMs = 3000, warmUp = 0 } = {},
): Promise<PersonFigures> {
  const server = await stage[kind]();
  const crowd = await startCrowd();
  try {
    if (warmUp > 0) await openAndClose(stage, server.port, warmUp);
    await pause(settleMs / 3);
    const before = pssKib(server.pid);
    let openSeconds = 0;
    const openCpu = await costOf(server.pid, async () => {
      openSeconds = await crowd.open(stage.seats(server.port, 1, people));
    });
    await pause(settleMs);
    const kibEach = (pssKib(server.pid) - before) / people;
    const idle = await costOf(server.pid, () => pause(idleSeconds * 1000));
    const tell = createTelling(stage, kind);
    const tellSome = (rate: number, duration: number) =>
      deliver(crowd, server.pid, rate * duration, () =>
        atRate(rate, duration, () => tell.one(1 + Math.floor(Math.random() * people))),
      );
    // A process is up for hours: what it compiles in its first seconds is no part of what it costs then.
    await tellSome(WARM_RATE, seconds);
    const told: Record<number, Deliveries> = {};
    for (const rate of rates) told[rate] = await tellSome(rate, seconds);
    const alls: Deliveries[] = [];
    for (let n = 0; n < 3; n += 1) alls.push(await deliver(crowd, server.pid, people, async () => tell.all(people)));
    const [, all] = alls.sort((a, b) => a.cpu - b.cpu) as [Deliveries, Deliveries];
    return {
      people,
      openSeconds,
      openCpu: (openCpu / people) * 1000,
      kibEach,
      idleCpuHour: (idle / 1000 / people / idleSeconds) * 3600,
      rates: told,
      all,
    };
  } finally {
    await crowd.stop();
    await server.stop("SIGKILL");
  }
}

/** What a process loads and compiles once is no part of what each of a few hundred people takes. */
async function openAndClose(stage: Stage, port: number, people: number): Promise<void> {
  const crowd = await startCrowd();
  await crowd.open(stage.seats(port, 1, people));
  await crowd.stop();
}

async function deliver(crowd: Crowd, pid: number, count: number, tell: () => Promise<unknown>): Promise<Deliveries> {
  await crowd.listen();
  const before = cpuMs(pid);
  await tell();
  await crowd.heard(count);
  await pause(100);
  const cpu = ((cpuMs(pid) - before) / count) * 1000;
  const { p50, p99, max, received } = await crowd.report();
  return { p50, p99, last: max, cpu, lost: count - received };
}

function createTelling({ bell, bus }: Stage, kind: Kind) {
  const numbers = new Map<number, number>();
  let events = 0;

  const ringFor = (userId: number, eventId: number) => {
    const seq = (numbers.get(userId) ?? 0) + 1;
    numbers.set(userId, seq);
    return { userId, eventId, seq, reason: "watching" as const, unseen: seq, revision: seq };
  };
  const happen = (): LoggedEvent => {
    events += 1;
    const data = { title: `Copper cathode @${nowUs()}@`, sellerId: 0, buyerId: null };
    return {
      ...{ id: events, kind: "listing_withdrawn", actorId: 0, actorCompany: "Sol Metals", listingId: null, data },
      ...{ enquiryId: null, occurredAt: new Date(), deliveredAt: null },
    } as unknown as LoggedEvent;
  };
  const sayRaw = (userId: number) => void bell.publish(`raw:${userId}`, rawToast()).catch(() => {});

  const sayNews = (userIds: number[]) => {
    const event = happen();
    const rings = userIds.map((id) => ringFor(id, event.id));
    // One that could not be rung is missing at the end.
    bus.publish(writeNews(event, rings).map((body) => ({ channel: "events", body }))).catch(() => {});
  };

  return {
    one(userId: number): void {
      if (kind === "raw") sayRaw(userId);
      else sayNews([userId]);
    },
    all(people: number): void {
      const userIds = Array.from({ length: people }, (_, n) => n + 1);
      if (kind === "web") sayNews(userIds);
      else for (const userId of userIds) sayRaw(userId);
    },
  };
}

/** As long as what the peers of the table are sent. */
function rawToast(): string {
  return `<div class="toast" role="status">Copper cathode @${nowUs()}@ ${"x".repeat(540)}</div>`;
}
