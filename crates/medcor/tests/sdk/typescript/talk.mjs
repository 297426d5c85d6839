// Talks to MedCor with an official TypeScript SDK, as one JSON argument says; prints what it saw.
//
// "sdk": 1 or 2; {"transport": "http", "url", "token"} or {"transport": "stdio", "command", "arguments"};
// "mode": "legacy" or "auto" (2 only); "tool" and "tool_arguments" to call; "failing" is called and must be
// refused.

const plan = JSON.parse(process.argv[2]);
const information = { name: "medcor-tests", version: "1.0.0" };

async function connect() {
  const requestInit = { headers: { Authorization: `Bearer ${plan.token}` } };
  const parameters = { command: plan.command, args: plan.arguments };
  if (plan.sdk === 1) {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
    const { StdioClientTransport } = await import("@modelcontextprotocol/sdk/client/stdio.js");
    const transport = plan.transport === "stdio"
      ? new StdioClientTransport(parameters)
      : new StreamableHTTPClientTransport(new URL(plan.url), { requestInit });
    const client = new Client(information);
    await client.connect(transport);
    return client;
  }
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  const transport = plan.transport === "stdio"
    ? new StdioClientTransport(parameters)
    : new StreamableHTTPClientTransport(new URL(plan.url), { requestInit });
  const client = new Client(information, { versionNegotiation: { mode: plan.mode } });
  await client.connect(transport);
  return client;
}

const client = await connect();
const seen = { server: client.getServerVersion()?.name ?? null };
seen.tools = (await client.listTools()).tools.map((tool) => tool.name);
await client.listResources();
await client.listResourceTemplates();
seen.prompts = (await client.listPrompts()).prompts.map((prompt) => prompt.name);
if (plan.tool) {
  const result = await client.callTool({ name: plan.tool, arguments: plan.tool_arguments });
  seen.called = { is_error: result.isError === true, structure: result.structuredContent };
}
if (plan.failing) {
  const result = await client.callTool({ name: plan.failing, arguments: {} });
  seen.refused = { is_error: result.isError === true, text: result.content[0].text };
}
await client.close();
console.log(JSON.stringify(seen));
