import { Client } from "@hotsock-go/client";
import { HotsockProvider } from "@hotsock-go/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Room } from "./room";
import { Status } from "./status";
import "./style.css";

// A real app knows who its users are.
const name = location.hash.slice(1) || `guest-${Math.random().toString(36).slice(2, 6)}`;

async function token(): Promise<string> {
  const response = await fetch(`/token?name=${encodeURIComponent(name)}`, { method: "POST" });
  if (!response.ok) throw new Error(`no token: ${response.status}`);
  return response.text();
}

const client = new Client({ url: "/rt", token });
client.connect();

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <HotsockProvider client={client}>
      <Status />
      <Room name="presence.lobby" />
    </HotsockProvider>
  </StrictMode>,
);
