export * as hooks from "@hotsock-go/react";
export * as React from "react";
export { flushSync } from "react-dom";
export { createRoot } from "react-dom/client";
export { renderToString } from "react-dom/server";
