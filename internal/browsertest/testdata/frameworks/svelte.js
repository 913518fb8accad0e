export { messagesOf } from "./svelte_messages.js";
