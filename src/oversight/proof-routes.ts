import type { Router } from "express";
import type { Kysely } from "kysely";
import { allow, viewerOf } from "../access.ts";
import type { Database } from "../db.ts";
import type { Log } from "../log.ts";
import { sendFragment, sendPage, wantsFragment } from "../views.ts";
import { readProofs, startProof, waitForProof } from "./proofs.ts";

// A page waits for 3.5 s at the most. What takes longer is shown as under way.
const PATIENCE_MS = 2500;

/** Whether everybody was told of what is theirs to know and nobody else: the last proofs, and proving it at once. */
export function addProofRoutes(router: Router, db: Kysely<Database>, log: Log): void {
  router.get("/oversight/proof", allow("admin"), async (req, res) => {
    sendPage(req, res, "oversight/proof", { ...(await readProofs(db)), swapped: false });
  });

  router.post("/oversight/proof", allow("admin"), async (req, res) => {
    const admin = viewerOf(req);
    await startProof(db, admin.id);
    log.info({ admin: admin.id }, "an admin asked for a proof of isolation");
    if (!wantsFragment(req)) return res.redirect(303, "/oversight/proof");
    await waitForProof(db, PATIENCE_MS);
    sendFragment(req, res, "oversight/proof-result", { ...(await readProofs(db)), swapped: true });
  });
}
