import { setTimeout as pause } from "node:timers/promises";
import { type Ear, type Member, openEar } from "./crowd.ts";

type Seat = { member: Member; ear: Ear; seqs: number[]; moving: boolean };
export type Seats = Awaited<ReturnType<typeof takeSeats>>;

/** Streams of many people, all open, who come and go and keep what they were told over it. */
export async function takeSeats(port: number, members: Member[], random: () => number) {
  /** How long after it happened each live notification came. */
  const latencies: { at: number; ms: number }[] = [];
  /** Ms from asking for a stream to its hello. */
  const openings: number[] = [];
  let lost = 0;
  let over = false;
  const all = members.map((member): Seat => {
    const seat = { member, seqs: [], moving: false } as unknown as Seat;
    connect(seat);
    return seat;
  });
  await Promise.all(all.map(({ ear }) => ear.opened));
  openings.length = 0;

  return {
    all,
    latencies,
    openings,
    /** Streams that ended although nobody had left. */
    lost: () => lost,
    /** Somebody leaves, and comes back at once. */
    async move(): Promise<void> {
      const seat = all[Math.floor(random() * all.length)];
      if (!seat || seat.moving) return;
      seat.moving = true;
      await seat.ear.opened;
      const left = seat.ear;
      connect(seat);
      left.close();
      await seat.ear.opened;
      seat.moving = false;
    },
    close(): void {
      over = true;
      for (const { ear } of all) ear.close();
    },
  };

  /** From where they were; and again, should the stream end without their doing. */
  function connect(seat: Seat): void {
    const began = performance.now();
    const ear = openEar(port, seat.member.cookie, seat.seqs.at(-1) ?? 0, (seq, fragment, live) => {
      seat.seqs.push(seq);
      const happened = /datetime="([^"]+)"/.exec(fragment)?.[1];
      if (live && happened) latencies.push({ at: Date.now(), ms: Date.now() - Date.parse(happened) });
    });
    seat.ear = ear;
    void ear.opened.then((hello) => hello.startsWith("{") && openings.push(performance.now() - began));
    void ear.closed.then(async () => {
      if (seat.ear !== ear || over) return;
      lost += 1;
      await pause(1000);
      if (seat.ear === ear) connect(seat);
    });
  }
}
