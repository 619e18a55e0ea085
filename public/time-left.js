const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * How long something lasts yet, in whole parts that are not over: "12 days left", "2 days 23 hrs left", "2 hrs 14 mins left", and
 * in the last ten minutes "09:59 left".
 * @param {number} ms
 * @param {readonly string[]} languages the reader's, for numbers and units
 */
export function timeLeft(ms, languages) {
  const seconds = Math.ceil(ms / 1_000);
  if (seconds <= 0) return "Time is up";
  return `${inUnits(seconds, languages)} left`;
}

function inUnits(seconds, languages) {
  const whole = (unit, of) => Math.floor((seconds % of) / unit);
  const write = (count, unit) => (count > 0 ? [inUnit(count, unit, languages)] : []);
  const days = write(whole(DAY, Infinity), "day");
  const hours = write(whole(HOUR, DAY), "hour");
  const minutes = write(whole(MINUTE, HOUR), "minute");
  if (seconds >= 7 * DAY) return days.join("");
  if (seconds >= DAY) return [...days, ...hours].join(" ");
  if (seconds >= 10 * MINUTE) return [...hours, ...minutes].join(" ");
  const two = new Intl.NumberFormat(languages, { minimumIntegerDigits: 2 });
  return `${two.format(whole(MINUTE, HOUR))}:${two.format(seconds % MINUTE)}`;
}

function inUnit(count, unit, languages) {
  const unitDisplay = unit === "day" ? "long" : "short";
  const text = new Intl.NumberFormat(languages, { style: "unit", unit, unitDisplay }).format(count);
  return text.replaceAll(" ", "\u00a0");
}
