/** How often a process speaks to itself, and after how many questions unheard in a row it draws which conclusion. */
export type HearingPace = { everyMs: number; deafAfter: number; againAfter: number; hopelessAfter: number };

type Parts = {
  /** Rings the bell for this process itself. @throws when Redis does not answer or does not take it */
  say(body: string): Promise<void>;
  /** Whether there is a connection on which it might be heard. */
  listens(): boolean;
  listenAnew(): void;
  speakAnew(): void;
  onDeaf(): void;
  onHearing(): void;
  onHopeless(): void;
};

/** Six seconds until a process calls itself deaf, five new connections in thirty more, and then it is hopeless. */
export const HEARING_PACE: HearingPace = { everyMs: 2000, deafAfter: 3, againAfter: 3, hopelessAfter: 15 };

const UNANSWERED = 2;

/**
 * A process speaks to itself through the bus: a connection may be open, answer every ping and bring nothing. Deaf is who is
 * not heard although Redis answers and takes what is said; that Redis is away, slow or takes no new connection is no
 * deafness, and begins the count anew or does not add to it. Questions are counted and not seconds, so that a process
 * that stood still for a minute does not take itself for deaf.
 */
export function startHearing(parts: Parts, pace: HearingPace) {
  let question: { at: number; taken: boolean; heard: boolean } | null = null;
  let asking = false;
  let unanswered = 0;
  let unheard = 0;
  let silent = false;
  let hopeless = false;
  let roundTripMs: number | undefined;
  const timer = setInterval(tick, pace.everyMs).unref();

  return {
    /** Redis answers and takes what is said, and it has not come back for a while. */
    get deaf(): boolean {
      return unheard >= pace.deafAfter;
    },
    /** It has been deaf and has not heard itself since, although Redis may have gone away meanwhile. */
    get silent(): boolean {
      return silent;
    },
    /** How long the last question took; undefined while none comes back. */
    get roundTripMs(): number | undefined {
      return roundTripMs;
    },
    ask,
    hear,
    stop: () => clearInterval(timer),
  };

  /** Says something, the time, which is to be heard before the next tick. */
  async function ask(): Promise<void> {
    if (asking) return;
    asking = true;
    const asked = { at: performance.now(), taken: false, heard: false };
    question = asked;
    const listened = parts.listens();
    const answered = await parts.say(String(asked.at)).then(
      () => true,
      () => false,
    );
    asked.taken = answered && listened;
    asking = false;
    if (!answered) return redisIsAway();
    unanswered = 0;
  }

  function hear(body: string): void {
    roundTripMs = performance.now() - Number(body);
    unheard = 0;
    hopeless = false;
    if (question) question.heard = true;
    if (!silent) return;
    silent = false;
    parts.onHearing();
  }

  function tick(): void {
    const tooEarly = question !== null && performance.now() - question.at < pace.everyMs / 2;
    if (asking || tooEarly) return;
    if (question?.taken && !question.heard && parts.listens()) missed();
    void ask();
  }

  function redisIsAway(): void {
    unheard = 0;
    roundTripMs = undefined;
    unanswered += 1;
    if (unanswered % UNANSWERED === 0) parts.speakAnew();
  }

  function missed(): void {
    unheard += 1;
    roundTripMs = undefined;
    const since = unheard - pace.deafAfter;
    if (since < 0) return;
    if (!silent) parts.onDeaf();
    silent = true;
    if (since % pace.againAfter === 0) parts.listenAnew();
    if (since < pace.hopelessAfter || hopeless) return;
    hopeless = true;
    parts.onHopeless();
  }
}
