import type { News, Ring } from "../notifications/messages.ts";
import { FEW } from "./line.ts";
import type { Person, Stream } from "./stream.ts";

type People = ReadonlyMap<number, Person>;

/**
 * Whoever was told nothing for long lies far off in memory, and so does each thing on the way to them: their person, stream,
 * connection, socket. One by one, the processor waits for each of these; those who are about to be told something are gone to
 * side by side here, so that it waits for all of them at once.
 */
export function bringNear(people: People, rings: Ring[]): void {
  const told: Person[] = [];
  for (const { userId } of rings) {
    const person = people.get(userId);
    if (person) told.push(person);
  }
  let sum = 0;
  const streams: Stream[] = [];
  for (const person of told) for (const stream of person.streams) streams.push(stream);
  for (const { cursor, connection } of streams) sum += cursor + connection.waiting;
  // Never so; but a compiler that sees a sum unused leaves out the looking.
  if (sum < 0) throw new Error("A count is below zero");
}

/** The same for those who are told of some events at once: whoever is in line for one comes near when it is their turn. */
export function bringReadersNear(people: People, news: News[]): void {
  const rings: Ring[] = [];
  for (const one of news) if (one.rings.length <= FEW) rings.push(...one.rings);
  if (rings.length > 1) bringNear(people, rings);
}
