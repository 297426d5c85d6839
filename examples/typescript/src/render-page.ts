// Renders the page without a framework, to try it.
//
//   npx tsx src/render-page.ts > tools.html

import { renderToStaticMarkup } from "react-dom/server";

import { run, serverOfEnvironment } from "./connect.js";
import ToolPage from "./tool-page.js";

await run(async () => {
  console.log(renderToStaticMarkup(await ToolPage({ server: serverOfEnvironment() })));
});
