export default {
  mode: "production",
  entry: "../app.js",
  output: { path: new URL("../webpack", import.meta.url).pathname },
  stats: "errors-warnings",
};
