import { Client } from "@hotsock-go/client";

const client = new Client({ url: "https://app.example.com/rt" });
console.log(client.state);
