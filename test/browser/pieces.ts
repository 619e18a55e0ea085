import type { Response } from "express";
import { render } from "../../src/views.ts";

/** The server's time that polls are answered with. */
export const LATER = "2026-03-01T10:00:20.000Z";

/** The markup of one toast, from the real template as all of these. */
export function toast(seq: number, headline = `Sol Metals reserved lot ${seq}`, at = new Date()): string {
  const toast = { seq, kind: "listing_reserved", headline, detail: null, link: "/listings/1", at };
  return render("notifications/toast", "en-GB", toast);
}

export function badge(unseen: number, revision = 1): string {
  return render("notifications/badge", "en-GB", { unseen, revision, oob: true, rang: false });
}

export function row(seq: number, read: boolean): string {
  const row = { seq, read, seen: false, kind: "listing_sold", headline: "Sold", detail: null, reasonText: null };
  return render("notifications/row", "en-GB", { ...row, link: "/listings/1", at: LATER });
}

export function card(id: number, status: string, version = 1, oob = false): string {
  const listing = {
    id,
    status,
    version,
    title: "Copper",
    category: "Metals",
    priceMinor: 100,
    currency: "EUR",
    unit: "kg",
  };
  return render("marketplace/card", "en-GB", {
    oob,
    listing: { ...listing, quantity: 5, sellerCompany: "Sol", location: "Riga" },
  });
}

/** Answers a poll with the toasts of some numbers, and says how far that reaches; or with nothing new. */
export function poll(res: Response, seqs: number[]): void {
  if (seqs.length === 0) return void res.sendStatus(204);
  const last = Math.max(...seqs);
  res.set({ "Stockbell-Cursor": String(last), "Stockbell-At": LATER });
  res
    .type("html")
    .send(
      `<div hx-swap-oob="afterbegin:#toasts">${seqs.map((seq) => toast(seq)).join("")}</div>${badge(seqs.length, last)}`,
    );
}
