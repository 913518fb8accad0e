// Puts the parts together.

import { get } from "./api.js";
import { setUpChannels } from "./channels.js";
import { setUpConnect } from "./connect.js";
import { Connection } from "./connection.js";
import { setUpControl } from "./control.js";
import { byId } from "./dom.js";
import { setUpExplain } from "./explain.js";
import { setUpInside } from "./inside.js";
import { visible } from "./json.js";
import { setUpOnline } from "./online.js";
import { setUpRaw } from "./raw.js";
import { reactTo, setUpReactions } from "./reactions.js";
import { setUpSchedules } from "./schedules.js";
import { setUpMasks } from "./secrets.js";
import { edit, setUpSend } from "./send.js";
import { setUpStorage } from "./storage.js";
import { suggest } from "./suggest.js";
import { showTab } from "./tabs.js";
import { Traffic } from "./traffic.js";
import { setUpUmd } from "./umd.js";
import { countUnseen } from "./unseen.js";

async function start() {
  const { endpoint, canMint } = await get("config");
  const connection = new Connection(endpoint);
  const current = { token: "" }; // with which it is connected
  const tokens = new Map(); // subscribe tokens, by channel

  /** What does something on another tab. */
  const on = (tab, act) => (...args) => {
    showTab(tab, true);
    return act(...args);
  };
  const react = on("send", reactTo);
  const traffic = new Traffic(react);
  const explain = setUpExplain({ connection, current, tokens });
  setUpMasks();
  setUpSend({ connection, explain });
  setUpReactions({ connection, explain });
  setUpUmd({ connection, explain, canMint });
  setUpStorage({ connection, explain });
  const { look, counted } = setUpInside({ connection, react, edit: on("send", edit) });
  setUpChannels({ connection, explain, tokens, look, counted });
  setUpOnline({ look: on("channels", look), control: on("app", setUpControl({ connection })) });
  setUpSchedules();
  setUpRaw({ connection });
  connection.addEventListener("frame", ({ detail }) => traffic.add(detail));
  connection.addEventListener("message", ({ detail }) => suggest(detail));
  connection.addEventListener("state", () => showState(connection));
  countUnseen(connection);
  byId("disconnect").addEventListener("click", () => {
    connection.close();
    showTab("connect", true);
  });
  setUpConnect({ connection, current, explain, canMint });
}

function showState(connection) {
  const status = byId("status");
  status.dataset.state = connection.state;
  byId("disconnect").hidden = connection.state === "closed";
  status.textContent = {
    open: `Connected${connection.uid === null ? "" : " as " + visible(String(connection.uid))}`,
    connecting: "Connecting …",
    closed: "Not connected" + (connection.reason ? `: ${visible(connection.reason)}` : ""),
  }[connection.state];
  status.title = status.textContent; // a phone cuts it short
}

start().catch((error) => {
  byId("status").textContent = "The console cannot start: " + visible(error.message);
});
