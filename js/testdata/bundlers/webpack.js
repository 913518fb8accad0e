import webpack from "webpack";

const output = { path: new URL("../webpack", import.meta.url).pathname };
webpack({ mode: "production", entry: "../app.js", output }, (error, stats) => {
  if (error) throw error;
  if (!stats.hasErrors() && !stats.hasWarnings()) return;
  console.log(stats.toString());
  process.exitCode = 1;
});
