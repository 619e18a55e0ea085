import type { Stream } from "./stream.ts";

const WAVE_MS = 100;

/**
 * Ends every stream, evenly over `ms`, so that nobody comes back in step.
 * @param streams those that are there; resolves early when they have all gone by themselves
 */
export async function endInWaves(streams: Set<Stream>, ms: number, end: (stream: Stream) => void): Promise<void> {
  const leaving = [...streams];
  const waves = Math.max(1, Math.round(ms / WAVE_MS));
  for (let wave = 1; wave <= waves; wave += 1) {
    const done = Math.ceil((leaving.length * (wave - 1)) / waves);
    for (const stream of leaving.slice(done, Math.ceil((leaving.length * wave) / waves))) end(stream);
    if (wave < waves && streams.size > 0) await new Promise((resolve) => setTimeout(resolve, WAVE_MS));
  }
}
