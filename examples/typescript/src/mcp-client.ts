// Lists the tools and calls one, by MCP.
//
//   npx tsx src/mcp-client.ts TOOL '{"json": "object"}'

import { call, connected, run, serverOfEnvironment } from "./connect.js";

await run(async () => {
  const [tool = "list_doctors", args = "{}"] = process.argv.slice(2);
  await connected(serverOfEnvironment(), async (client) => {
    const { tools } = await client.listTools();
    console.error(`${client.getServerVersion()?.name}: ${tools.length} tools`);
    console.log(JSON.stringify(await call(client, tool, JSON.parse(args)), null, 2));
  });
});
