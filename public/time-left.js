const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * How long something lasts yet, in whole parts that are not over: "12 days left", "2 days 23 h left", "2 h 14 min left", and in
 * the last ten minutes "09:59 left".
 * @param {number} ms
 * @param {readonly string[]} languages the reader's, for numbers and days
 */
export function timeLeft(ms, languages) {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds <= 0) return "Time is up";
  return `${inWords(seconds, languages)} left`;
}

function inWords(seconds, languages) {
  const whole = (unit, of) => Math.floor((seconds % of) / unit);
  const number = new Intl.NumberFormat(languages);
  if (seconds >= 7 * DAY) return days(whole(DAY, Infinity), languages);
  if (seconds >= DAY) return join(days(whole(DAY, Infinity), languages), whole(HOUR, DAY), "h", number);
  if (seconds >= HOUR) return join(`${number.format(whole(HOUR, DAY))}\u00a0h`, whole(MINUTE, HOUR), "min", number);
  if (seconds >= 10 * MINUTE) return `${number.format(whole(MINUTE, HOUR))}\u00a0min`;
  const two = new Intl.NumberFormat(languages, { minimumIntegerDigits: 2 });
  return `${two.format(whole(MINUTE, HOUR))}:${two.format(seconds % MINUTE)}`;
}

function days(count, languages) {
  return new Intl.NumberFormat(languages, { style: "unit", unit: "day", unitDisplay: "long" }).format(count);
}

// The signs of hours and minutes are the same in all languages.
function join(first, count, sign, number) {
  return count === 0 ? first : `${first} ${number.format(count)}\u00a0${sign}`;
}
