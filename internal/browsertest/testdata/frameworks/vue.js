export { createApp, h, ref } from "vue";
export { useMessages } from "./vue_messages.js";
