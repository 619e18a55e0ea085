import type { Request } from "express";

/**
 * Where a request comes from, as it is counted and noted: the address that `trust proxy` lets through, and of IPv6 the
 * first half, since whoever has one has all that share it.
 */
export function addressOf(req: Pick<Request, "ip">): string {
  const address = (req.ip ?? "")
    .slice(0, 64)
    .toLowerCase()
    .replace(/^::ffff:(?=\d+\.)/, "");
  return address.includes(":") ? `${firstHalf(address)}::/64` : address;
}

function firstHalf(address: string): string {
  const [left = "", right] = address.replace(/%.*$/, "").split("::");
  const [before, after] = [left, right ?? ""].map((half) => half.split(":").filter(Boolean));
  const gap = right === undefined ? 0 : Math.max(0, 8 - (before?.length ?? 0) - (after?.length ?? 0));
  const groups = [...(before ?? []), ...Array<string>(gap).fill("0"), ...(after ?? [])];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}
