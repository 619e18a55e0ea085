import { holdWhileAlive, whenGone } from "./living.js";
// The SharedWorker: one connection for all tabs of a reader in this browser.
import { Tabs } from "./tabs.js";

const tabs = new Tabs(globalThis);
const alive = holdWhileAlive();

globalThis.onconnect = ({ ports: [port] }) => {
  tabs.add(port);
  port.addEventListener("message", ({ data }) => {
    if (data.type === "alive") whenGone(data.name, () => tabs.remove(port));
  });
  void alive.then((name) => port.postMessage({ type: "alive", name }));
};
