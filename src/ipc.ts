import { randomUUID } from "node:crypto";

/** Another process of the same cluster: a worker for the primary, the primary for a worker. */
type Peer = {
  send?(message: object, onSent: (error: Error | null) => void): unknown;
  on(event: "message", listener: (message: unknown) => void): unknown;
  off(event: "message", listener: (message: unknown) => void): unknown;
};

type Message = { question?: unknown; answerTo?: unknown; id?: unknown; value?: unknown } | null;

const PATIENCE_MS = 1000;

/** Asks another process of the cluster. @throws when it does not answer in time */
export function ask(peer: Peer, question: string, ms = PATIENCE_MS): Promise<unknown> {
  const id = randomUUID();
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => settle(() => reject(new Error("no answer"))), ms);
    peer.on("message", hear);
    // That it is gone shows by the answer that does not come.
    peer.send?.({ question, id }, () => {});

    function hear(message: unknown): void {
      const { answerTo, value } = (message as Message) ?? {};
      if (answerTo === id) settle(() => resolve(value));
    }

    function settle(how: () => void): void {
      clearTimeout(late);
      peer.off("message", hear);
      how();
    }
  });
}

/** Answers a question of another process, whenever it asks. What cannot be found out is not answered. */
export function answer(peer: Peer, question: string, find: () => Promise<unknown>): void {
  peer.on("message", async (message) => {
    const asked = (message as Message) ?? {};
    if (asked.question !== question) return;
    const value = await find().catch(() => undefined);
    if (value !== undefined) peer.send?.({ answerTo: asked.id, value }, () => {});
  });
}
