// What the pages of admins load besides app.js.
import { followHealth } from "./health.js";
import { followLog, localTimes } from "./log.js";

localTimes();
if (window.htmx) {
  followLog();
  followHealth();
}
