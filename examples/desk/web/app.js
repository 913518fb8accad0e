// Shows the desk to whoever is signed in, and the door to everybody else.

import { Client } from "/rt/client.js";
import { byId } from "./dom.js";
import { showDoor } from "./door.js";
import { showDuty } from "./duty.js";
import { showGiven } from "./given.js";
import { showList } from "./list.js";
import { showMenu } from "./menu.js";
import { showNewTicket } from "./newticket.js";
import { follow, whoAmI } from "./session.js";
import { Tickets } from "./tickets.js";
import { showTalk } from "./talkview.js";

const me = await whoAmI();
if (me) {
  const client = new Client();
  follow(client);
  const tickets = new Tickets(client, me);
  showMenu(client, me);
  showList(tickets, me);
  showTalk(client, tickets, me);
  showDuty(client, me);
  showGiven(client, tickets);
  showNewTicket(client, tickets, me);
  byId("shell").hidden = false;
  client.connect();
} else {
  showDoor();
}
