// What admins' pages load beside app.js: everybody else would carry it for nothing.
import { followLog, localTimes } from "./log.js";

localTimes();
if (window.htmx) followLog();
