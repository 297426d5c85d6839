// Calls one of the chat tools, as a chat interface would. The person's answer is the flag `--approve`.
//
//   npx tsx src/try-chat-tools.ts create_patient '{"name": "Grace Hopper", "dob": "1986-12-09"}' --approve

import { chatTools } from "./chat-tools.js";
import { connected, run, serverOfEnvironment } from "./connect.js";

await run(async () => {
  const [name, params = "{}", flag] = process.argv.slice(2);
  await connected(serverOfEnvironment(), async (client) => {
    const tools = await chatTools(client, async () => flag === "--approve");
    const tool = tools.find((tool) => tool.name === name);
    if (!tool) throw new Error(`there is no tool ${name} that you may use; ${tools.length} others are there`);
    console.log(JSON.stringify(await tool.tool(JSON.parse(params))));
  });
});
