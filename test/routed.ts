/** Whether every site that a test opens is two web processes behind a router that asks either by chance: WEBS=2. */
export const ROUTED = process.env.WEBS === "2";
