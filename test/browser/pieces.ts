import type { Response } from "express";
import type { Offer } from "../../src/notifications/kinds.ts";
import type { Note } from "../../src/notifications/standing.ts";
import { render } from "../../src/views.ts";

/** The server's time that polls are answered with. */
export const LATER = "2026-03-01T10:00:20.000Z";

/** The markup of one toast, from the real template as all of these. */
export function toast(seq: number, headline?: string, at = new Date()): string {
  return render("notifications/toast", "en-GB", { ...notice(seq), at, ...(headline && { headline }) });
}

/** One that tells of time which runs out. */
export function urgent(seq: number): string {
  return render("notifications/toast", "en-GB", { ...notice(seq), kind: "reservation_ending", urgent: true });
}

export function badge(unseen: number, revision = 1): string {
  return render("notifications/badge", "en-GB", { unseen, revision, oob: true, rang: false });
}

export function row(seq: number, read: boolean, more: { revision?: number; folds?: string } = {}): string {
  return render("notifications/row", "en-GB", { ...notice(seq), read, ...more });
}

/** What an edit brings: a toast, or when it is quiet what takes the place of one; as all toasts with the same key. */
export function edit(seq: number, folds: string, quiet = false): string {
  return render("notifications/toast", "en-GB", { ...notice(seq), folds, quiet });
}

/** A toast or a row that offered a listing, as of a version of it. */
export function offer(what: "toast" | "row", seq: number, offer: Offer, version: number, about = 1): string {
  return render(`notifications/${what}`, "en-GB", { ...notice(seq), offer, about, version, note: null });
}

/** How a listing stands, for whoever was offered it. */
export function piece(id: number, version: number, notes: Partial<Record<Offer, Note>>): string {
  const words = Object.entries(notes).map(
    ([offer, note]) => `<b data-offer="${offer}">${render("notifications/standing", "en-GB", { note })}</b>`,
  );
  return `<i data-about="${id}" data-version="${version}">${words.join("")}</i>`;
}

export function card(id: number, status: string, version = 1, oob = false, more: object = {}): string {
  const amounts = { priceMinor: 100, currency: "EUR", unit: "kg", quantity: 5 };
  const words = { title: "Copper", category: "metals", sellerCompany: "Sol", location: "Riga" };
  return render("marketplace/card", "en-GB", { oob, listing: { id, status, version, ...words, ...amounts, ...more } });
}

/** Answers a poll as the server does: what each number brings, oldest first, and how far that reaches. */
export function poll(res: Response, seqs: number[]): void {
  if (seqs.length === 0) return void res.sendStatus(204);
  const rung = badge(seqs.length, Math.max(...seqs));
  const each = seqs.map((seq) => render("stream/news", "en-GB", { rows: [notice(seq)], badge: rung, summary: null }));
  res.set({ "Stockbell-Cursor": String(Math.max(...seqs)), "Stockbell-At": LATER });
  res.type("html").send(each.join(""));
}

function notice(seq: number) {
  const told = { headline: `Sol Metals reserved lot ${seq}`, detail: null, reasonText: "You watch this listing" };
  return { seq, kind: "listing_reserved", ...told, link: "/listings/1", about: 1, at: new Date(), read: false };
}
