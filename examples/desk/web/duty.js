// Shows agents who else is there, and how many customers are.

import { avatar, byId, el } from "./dom.js";

export function showDuty(client, me) {
  if (me.role === "customer") {
    byId("duty").textContent = "We are here from nine to five, and read everything.";
    return;
  }
  const staff = client.channel("presence.staff");
  const lobby = client.channel("lobby");
  staff.on("members", draw);
  lobby.on("info", draw);
  lobby.subscribe({ info: true }).catch(() => {});

  function draw() {
    const faces = staff.members.map(({ uid, umd }) => {
      const face = avatar({ uid, name: umd.name });
      return Object.assign(face, { title: umd.name, role: "img", ariaHidden: "false", ariaLabel: umd.name });
    });
    const n = lobby.subscriptionsCount;
    byId("duty").replaceChildren(
      el("span", { className: "faces" }, ...faces),
      el("span", { textContent: n === null ? "" : `${n === 1 ? "1 customer" : `${n} customers`} online` }),
    );
  }
}
