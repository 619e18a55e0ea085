// What the pages load of whoever is not signed in: nothing comes to them by itself.
import { alertWith } from "./alerts.js";
import { guardForms } from "./forms.js";
import { writeTimes } from "./times.js";
import { clearIcon } from "./title.js";

writeTimes();
guardForms(alertWith(document.querySelector("#alerts")));
clearIcon();
