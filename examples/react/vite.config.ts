import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// While you work on the page, Vite serves it, and passes on to the Go server what that has.
export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/rt": { target: "http://127.0.0.1:8080", ws: true }, "/token": "http://127.0.0.1:8080" } },
});
